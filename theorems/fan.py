"""The fan: a hundred rows of two choices in one run of the trainer, and what is predicted of them.

Each source is a row of its own, visited ``B / 100`` times an update on average, so that one
run of the trainer is a hundred independent runs of a row.  Its gap diffuses with no drift and
a variance of ``4 eta^2 pi (1 - pi) d / B`` an update.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.integrate import solve_ivp

from planlib.graph import PlanningGraph
from planlib.models import TabularModel
from planlib.train import PolicyGradientConfig, train_policy_gradient
from theorems.gaps import divergence_of_gap, gap_of
from theorems.readings import Reading

ROWS, START = 100, 0.8  # rows a run, and the favourite's probability at the start
ETA, BATCH = 100.0, 500
UPDATES = 120
# The first twenty seeds were run when one time was looked at; these decide at four.
SEEDS = tuple(range(20, 40))


def graph() -> PlanningGraph:
    """Return the graph of a fan: 100 sources, two middle nodes, one target, node ``102``."""
    m = ROWS
    adjacency = np.zeros((m + 3, m + 3), dtype=bool)
    adjacency[:m, m : m + 2] = True
    adjacency[m : m + 2, m + 2] = True
    return PlanningGraph(adjacency)


@functools.cache
def gaps(seed: int, updates: int = UPDATES) -> np.ndarray:
    """Gaps of the fan's rows along one run of the trainer: shape ``(updates + 1, 100)``."""
    fan = graph()
    m, target = ROWS, ROWS + 2
    policy = np.zeros((fan.n, fan.n))
    policy[:m, m], policy[:m, m + 1] = START, 1 - START
    policy[m : m + 2, target] = 1
    model = TabularModel(fan.n)
    with torch.no_grad():
        model.f[target] = torch.tensor(policy).log()  # -inf where the policy is 0
    pairs = [(s, target) for s in range(m)]
    config = PolicyGradientConfig(
        steps=updates, batch_size=BATCH, learning_rate=ETA, optimizer="sgd",
        evaluate_every=1, max_length=8,
    )  # fmt: skip
    seen = []

    def look(model):
        row = model.f.detach()[target, :m, m : m + 2]
        seen.append((row[:, 0] - row[:, 1]).numpy().copy())
        return {}

    look(model)
    generator = torch.Generator().manual_seed(seed)
    history = train_policy_gradient(
        model, fan, pairs, config, generator, evaluate=look, progress=False
    )
    assert min(history["accuracy"]) == 1.0  # perfect at the start and ever after
    return np.array(seen)


def _means(case: tuple[int, int]) -> list[float]:
    return divergence_of_gap(gaps(*case)).mean(1).tolist()


MEANS = Reading("fan", _means, tuple((seed, UPDATES) for seed in SEEDS))


@functools.cache
def measured(seed: int) -> np.ndarray:
    """Mean divergence of the 100 rows after each update of one run: ``(updates + 1,)``."""
    return np.array(MEANS((seed, UPDATES)))


@functools.cache
def mean_divergences(martingale: str = "logits", updates: int = UPDATES) -> np.ndarray:
    """Predicted mean divergence after each update: the diffusion's, on a grid, ``(updates + 1,)``.

    ``martingale="probabilities"`` gives the rival, with the same variance but the
    probability as the martingale.
    """
    gap = np.linspace(-14, 14, 561)
    h = gap[1] - gap[0]
    spread = 0.25 / np.cosh(gap / 2) ** 2  # pi (1 - pi)
    variance = 4 * ETA**2 * spread / ROWS / BATCH
    # If pi is the martingale, Ito's formula gives the gap a drift of its own.
    drift = 0.0 if martingale == "logits" else 0.5 * variance * np.tanh(gap / 2)

    def slope(_, u):
        second, first = np.zeros_like(u), np.gradient(u, h)
        second[1:-1] = (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
        return 0.5 * variance * second + drift * first

    times = np.arange(updates + 1.0)
    solution = solve_ivp(
        slope, (0, updates), divergence_of_gap(gap), t_eval=times, method="LSODA", rtol=1e-6,
        lband=1, uband=1,
    )  # fmt: skip
    return np.array([np.interp(gap_of(START), gap, u) for u in solution.y.T])


def gap_diffuses(times: np.ndarray) -> np.ndarray:
    """Our prediction for each of ``times`` (whole updates): the logit gap is the martingale."""
    return mean_divergences()[times.astype(int)]


def probability_martingale(times):
    """Mistake: the probability is the martingale, with the same noise."""
    return mean_divergences("probabilities")[times.astype(int)]


def constant_speed(times):
    """Mistake: the leading term of the first update goes on for ever."""
    x = START * (1 - START)
    return divergence_of_gap(gap_of(START)) + times * 2 * ETA**2 * x**2 / ROWS / BATCH


def no_drift(times):
    """Mistake: a martingale has no drift, so the mean divergence stays."""
    return constant_speed(0 * times)
