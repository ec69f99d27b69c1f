"""Tables that hold a given policy, gradients by autograd on them and on any model, and Q-learning entry by entry."""

from __future__ import annotations

import copy

import numpy as np
import torch
from flint import fmpq

from planlib import losses, task
from planlib.graph import PlanningGraph
from planlib.models import TabularModel
from planlib.train import QLearningConfig, train_q_learning
from theorems.small_graphs import as_float


def set_policy(model: TabularModel, policy) -> None:
    """Give a tabular model the logits ``log pi``; probability 0 becomes ``-inf``."""
    table = [[[as_float(fmpq(x)) for x in row] for row in target] for target in policy]
    with torch.no_grad():
        model.f.copy_(torch.tensor(table, dtype=torch.float64).log())


def table_below(start: float, n: int, seed: int) -> TabularModel:
    """A table whose entries begin at ``start`` less the size of a Gaussian."""
    model, draws = TabularModel(n), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        model.f.copy_(start - torch.randn(n, n, n, generator=draws, dtype=torch.float64).abs())
    return model


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


def gradient_of(model: torch.nn.Module, tokens: torch.Tensor, loss) -> tuple[float, torch.Tensor]:
    """Loss and flat gradient of a float64 copy of the model: a number and shape ``(P,)``.

    ``loss`` maps log-probabilities ``(B, S)`` to a scalar.
    """
    model = copy.deepcopy(model).double()
    steps = torch.as_tensor(task.path_steps(tokens, model.n))
    value = loss(losses.path_log_probs(model, tokens, steps))
    value.backward()
    return value.item(), torch.cat([x.grad.flatten() for x in model.parameters()])


def softmax_rows(f: np.ndarray) -> np.ndarray:
    """Return the softmax of each row of logits ``(m, n)``."""
    weights = np.exp(f - f.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def learn_entries(
    model: torch.nn.Module,
    graph: PlanningGraph,
    config: QLearningConfig,
    seed: int,
    behavior_model: torch.nn.Module | None = None,
) -> np.ndarray:
    """Q-learning by the trainer as Theorems 5.1 to 5.3 assume it: one step in (0, 1] for each entry.

    The trainer divides its loss by the B sequences of a batch, so that an entry that occurs in it c
    times moves by ``2 c lr / B`` toward its targets, which is above 1 where c is large.  Here c
    takes the place of B: an entry moves by the learning rate toward the mean of its targets.

    Parameters
    ----------
    model
        A table; in a linear transformer a parameter gets the sum of its entries' moves.
    config
        Plain gradient descent, no target network, the learning rate is the step: asserted.
    seed
        Of problems and sequences; all problems of the graph are asked.
    behavior_model
        Writes the sequences; the model itself if not given.

    Returns
    -------
    numpy.ndarray
        How many updates each entry had, shape ``(n, n, n)``: target, current, next.
    """
    assert config.optimizer == "sgd" and not config.target_decay and 0 < config.learning_rate <= 1
    updates = torch.zeros((graph.n,) * 3, dtype=torch.long)

    def by_entry(model, inputs, values):
        if not values.requires_grad:  # asked for the bootstrap
            return
        tokens, steps = inputs
        targets, following = tokens[:, 1:2].expand_as(tokens), tokens.roll(-1, 1)
        entries = torch.stack([targets[steps], tokens[steps], following[steps]])  # (3, M)
        distinct, which, count = entries.unique(dim=1, return_inverse=True, return_counts=True)
        values.register_hook(lambda g: g * len(tokens) / (2 * count[which, None]))
        updates[tuple(distinct[:, distinct[2] < graph.n])] += 1  # the end token has no entry

    hook = model.register_forward_hook(by_entry)
    generator = torch.Generator().manual_seed(seed)
    train_q_learning(
        model, graph, graph.reachable_pairs(), config, generator, behavior_model=behavior_model,
        progress=False,
    )  # fmt: skip
    hook.remove()
    return updates.numpy()
