"""Tabular models that hold a given policy, and the trainer's own gradient on them."""

from __future__ import annotations

import numpy as np
import torch
from flint import fmpq

from planlib import losses, task
from planlib.models import TabularModel
from theorems.small_graphs import as_float


def set_policy(model: TabularModel, policy) -> None:
    """Give a tabular model the logits ``log pi``; probability 0 becomes ``-inf``."""
    table = [[[as_float(fmpq(x)) for x in row] for row in target] for target in policy]
    with torch.no_grad():
        model.f.copy_(torch.tensor(table, dtype=torch.float64).log())


def autograd_gradient(policy, batch, target: int, returns) -> torch.Tensor:
    """Gradient of the trainer's own summed policy-gradient loss: shape ``(n, n, n)``.

    Parameters
    ----------
    policy
        Rational table ``[i][j][k]``.
    batch
        Episodes (tuples of nodes) toward ``target``, each with its entry of ``returns``.
    """
    n = len(policy)
    model = TabularModel(n)
    set_policy(model, policy)
    tokens = torch.full((len(batch), 2 + max(len(u) for u in batch)), task.pad_token(n))
    for row, path in zip(tokens, batch, strict=True):
        row[: 2 + len(path)] = torch.tensor([path[0], target, *path])
    steps = torch.as_tensor(task.path_steps(tokens, n))
    log_probs = losses.path_log_probs(model, tokens, steps)
    weights = torch.tensor([as_float(fmpq(x)) for x in returns], dtype=torch.float64)
    losses.policy_gradient(log_probs, weights).sum().backward()
    return model.f.grad


def softmax_rows(f: np.ndarray) -> np.ndarray:
    """Return the softmax of each row of logits ``(m, n)``."""
    weights = np.exp(f - f.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)
