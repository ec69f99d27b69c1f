"""GRPO and others along exact flows, and what their noise does to a perfect model: pictures of the chapter.

Source: ours.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import comb

import numpy as np
import torch
from scipy.integrate import solve_ivp

from planlib import exact
from planlib.graph import PlanningGraph
from planlib.models import TabularModel
from planlib.train import (
    FilteredSFTConfig,
    GRPOConfig,
    PolicyGradientConfig,
    train_filtered_sft,
    train_grpo,
    train_policy_gradient,
)
from theorems.tables import softmax_rows

LEVELS = (0.5, 0.7, 0.9, 0.97)
FORK = np.array([[0, 1, 1, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0] * 5])


def speed_of(name: str) -> Callable[[float], float]:
    """The speed of a method, as a function of J."""
    return {
        "REINFORCE": lambda j: 1.0,
        "log J of each prompt": lambda j: 1 / j,
        "GRPO, groups of 8": functools.partial(float_speed, 8),
        "arcsine": lambda j: (j * (1 - j)) ** -0.5,
    }[name]


METHODS = ("REINFORCE", "log J of each prompt", "GRPO, groups of 8", "arcsine")


def float_speed(group: int, j: float) -> float:
    """``w_G(J)`` in floating point."""
    mean = sum(
        comb(group, k) * j**k * (1 - j) ** (group - k) * (k * (group - k)) ** 0.5 / group
        for k in range(1, group)
    )
    return mean / (j * (1 - j))


def success(logits: np.ndarray, source: int, horizon: int) -> tuple[float, np.ndarray]:
    """J of a prompt on :data:`FORK` toward its last node, and the gradient ``(n, n)`` of J, exact."""
    n, target = len(FORK), len(FORK) - 1
    policy, slope = [softmax_rows(logits).tolist()] * n, np.zeros((n, n))
    found = exact.success_gradient(FORK.tolist(), policy, source, target, horizon)
    for (_, row), values in found.items():
        slope[row] = values
    j = exact.success_probabilities(FORK.tolist(), policy, target, horizon)[horizon][source]
    return j, slope


def flow_at_levels(
    start: np.ndarray, sources: tuple[int, ...], method: str, levels=LEVELS
) -> np.ndarray:
    """Logits at which the exact flow of a method passes levels of the mean J, ``(levels, n, n)``.

    Parameters
    ----------
    start
        Logits ``(n, n)``, current by next, toward the last node of :data:`FORK`.
    sources
        The prompts; they share the rows of the nodes that both visit.
    """
    n, speed = len(FORK), speed_of(method)

    def each(y):
        return [success(y.reshape(n, n), source, n) for source in sources]

    def ascent(t, y):
        return sum(speed(j) * slope for j, slope in each(y)).ravel()

    def passes(level):
        event = lambda t, y: np.mean([j for j, _ in each(y)]) - level  # noqa: E731
        event.terminal = level == levels[-1]
        return event

    solution = solve_ivp(
        ascent, (0, 1e6), start.ravel(), rtol=1e-8, atol=1e-10, method="LSODA",
        events=[passes(level) for level in levels],
    )  # fmt: skip
    return np.array([y[0].reshape(n, n) for y in solution.y_events])


THREE = PlanningGraph([[0, 1, 1, 1, 0], *[[0, 0, 0, 0, 1]] * 3, [0] * 5])  # three ways to node 4


def at_perfection(method: str, updates: int, number: int, seed: int) -> np.ndarray:
    """Shares of three right choices along a method that starts perfect: ``(updates + 1, 3)``.

    ``number`` sequences an update; GRPO, REINFORCE and filtered SFT by their trainers with plain
    gradient steps of 0.5, "filtered SFT to convergence" by its frequencies.
    """
    shares = np.array([0.5, 0.3, 0.2])
    if method == "filtered SFT to convergence":
        rng, found = np.random.default_rng(seed), [shares]
        for _ in range(updates):
            found.append(rng.multinomial(number, found[-1]) / number)
        return np.array(found)
    model = TabularModel(5)
    with torch.no_grad():
        model.f.fill_(-50.0)
        model.f[4, 0, 1:4] = torch.as_tensor(shares).log()
        model.f[4, 1:4, 4] = 0.0
    settings = {
        "steps": updates, "batch_size": number, "learning_rate": 0.5, "optimizer": "sgd",
        "evaluate_every": 1, "max_length": 6,
    }  # fmt: skip
    config, train = {
        "GRPO": (GRPOConfig(**settings, group=number // 2, average="sum"), train_grpo),
        "REINFORCE": (PolicyGradientConfig(**settings), train_policy_gradient),
        "filtered SFT": (FilteredSFTConfig(**settings), train_filtered_sft),
    }[method]

    def look(model):
        row = model.f[4, 0].detach().softmax(0)[1:4]
        return {str(k): float(x) for k, x in enumerate(row)}

    generator = torch.Generator().manual_seed(seed)
    history = train(
        model, THREE, [(0, 4)], config, generator, evaluate=look, progress=False
    )  # fmt: skip
    return np.array([shares, *zip(*(history[str(k)] for k in range(3)), strict=True)])
