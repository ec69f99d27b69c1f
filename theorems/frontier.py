r"""Accuracy against diversity for the tabular trainer, by lambda and by noise.

Twenty sources, each with two right next nodes, ``a`` and ``b``, that lead to one target, and a
base that errs at the sources.  At the equation's solution a smaller lambda costs no diversity;
around it, by the law of :mod:`theorems.gaps`, the gap of two right choices spreads with
``s2 = eta / (B lambda)``.  Predicted of a run are the solution's success and the law's diversity.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import torch

from planlib.graph import PlanningGraph
from planlib.models import TabularModel
from planlib.train import PolicyGradientConfig, train_policy_gradient
from theorems.gaps import law_at_step
from theorems.readings import Reading

SOURCES = 20
RIGHT = 0.6  # the base's mass on right next nodes, at each source
ETA = 16.0  # 0.8 for a row that a twentieth of the samples begin at
UPDATES = 1000
LENGTH = 8  # tokens: the prompt's three, and up to five steps
WEIGHTS = (1.0, 0.25, 0.1, 0.05)  # lambda
BATCHES = (1600, 400, 100)  # eta / B = 0.01, 0.04 and 0.16


def graph() -> np.ndarray:
    """Adjacency of the twenty sources, ``a``, ``b`` and the target, in this order: ``(23, 23)``."""
    n = SOURCES + 3
    adjacency = np.zeros((n, n), dtype=bool)
    adjacency[:SOURCES, SOURCES : SOURCES + 2] = True
    adjacency[SOURCES : SOURCES + 2, -1] = True
    return adjacency


def base() -> np.ndarray:
    """Rows of the base toward the target, ``(23, 23)``: a source errs, ``a`` and ``b`` hardly ever."""
    right = graph()
    right[-1] = True
    mass = np.where(np.arange(len(right)) < SOURCES, RIGHT, 1 - 1e-9)[:, None]
    count = right.sum(1, keepdims=True)
    rows = np.where(right, mass / count, (1 - mass) / np.maximum(len(right) - count, 1))
    return rows / rows.sum(1, keepdims=True)


def routes(first: np.ndarray) -> np.ndarray:
    """Effective number of right next nodes, ``exp`` of the entropy, from the share of the first."""
    shares = np.clip(np.stack([first, 1 - first]), 1e-300, 1)
    return np.exp(-(shares * np.log(shares)).sum(0))


def _trained(case: tuple[int, float, int]) -> list[float]:
    seed, weight, batch = case
    adjacency, n = graph(), SOURCES + 3
    model = TabularModel(n)
    with torch.no_grad():
        model.f[-1] = torch.as_tensor(base()).log()
    seen = []

    def look(model):
        q = model.f.detach()[-1].softmax(-1).numpy()
        a, b = q[:SOURCES, SOURCES], q[:SOURCES, SOURCES + 1]
        success = a * q[SOURCES, -1] + b * q[SOURCES + 1, -1]
        seen.append((success.mean(), routes(a / (a + b)).mean()))
        return {}

    config = PolicyGradientConfig(
        steps=UPDATES, batch_size=batch, learning_rate=ETA, optimizer="sgd",
        kl_weight=weight, evaluate_every=10, max_length=LENGTH,
    )  # fmt: skip
    train_policy_gradient(
        model,
        PlanningGraph(adjacency),
        [(source, n - 1) for source in range(SOURCES)],
        config,
        torch.Generator().manual_seed(seed),
        evaluate=look,
        progress=False,
    )
    return np.mean(seen[len(seen) // 2 :], axis=0).tolist()


# Set on six of the cells of seed 0, and committed before seeds 1 to 6 were run.
MORE_ROUTES = 0.5  # of batches of 1,600 over batches of 100, at the least lambda
LOST = 0.01  # of success, at most
LAW_MARGIN = 0.1  # routes, between a run and the law, wherever s2 is below 2: there it has one hump
SEEDS = tuple(range(1, 7))
CASES = tuple((seed, weight, batch) for seed in SEEDS for batch in BATCHES for weight in WEIGHTS)
# The law of small steps came out undecided on these: at s2 = 1.6 a step of 0.16 is not small.  The law
# at that step was then held against them, and is to be decided on others.
FRESH_SEEDS = tuple(range(7, 13))
FRESH_PAIRS = tuple(itertools.product(WEIGHTS[-2:], BATCHES[-2:]))  # s2 from 0.4 to 3.2
FRESH_CASES = tuple((seed, *pair) for seed in FRESH_SEEDS for pair in FRESH_PAIRS)
# On these it was undecided at s2 = 3.2, with ten seeds needed: eighteen more decide it.
MORE_SEEDS = tuple(range(13, 31))
MORE_CASES = tuple((seed, *pair) for seed in MORE_SEEDS for pair in FRESH_PAIRS)
# A weight of 1 was no fair rival of a larger batch: 0.2 meets the margins of the claim on these seeds
# as well.  Narrower ones are held against it on others.
FAIR_WEIGHT = 0.2
FAIR_SEEDS = tuple(range(31, 37))
FAIR_PAIRS = ((WEIGHTS[-1], BATCHES[0]), (WEIGHTS[-1], BATCHES[-1]), (FAIR_WEIGHT, BATCHES[-1]))
FAIR_CASES = tuple((seed, *pair) for seed in SEEDS for pair in FAIR_PAIRS[2:]) + tuple(
    (seed, *pair) for seed in FAIR_SEEDS for pair in FAIR_PAIRS
)
FRONTIER = Reading("frontier-4-4", _trained, CASES + FRESH_CASES + MORE_CASES + FAIR_CASES)


def measured(weight: float, batch: int, seeds: tuple[int, ...] = SEEDS) -> np.ndarray:
    """Success and effective number of routes of each run: ``(seeds, 2)``.

    Exact of the table, means over sources and over the last half of the updates.
    """
    return np.array([FRONTIER((seed, weight, batch)) for seed in seeds])


@functools.cache
def solution_success(weight: float) -> float:
    """Success at the equation's solution, met from all sources alike, by damped iteration."""
    adjacency, b, target = graph(), base(), SOURCES + 2
    inner = np.arange(SOURCES + 3) != target
    start = np.where(np.arange(SOURCES + 3) < SOURCES, 1 / SOURCES, 0.0)
    q, steps = b, LENGTH - 3
    for _ in range(2000):
        to_go = [np.where(inner, 0.0, 1.0)]  # success with so many steps left
        for _ in range(steps):
            to_go.append(np.where(inner, (q * adjacency) @ to_go[-1], 1.0))
        legal = every = start
        earned, visits = np.zeros_like(q), np.zeros(len(q))
        for m in range(steps):
            visits += every
            earned += legal[:, None] * adjacency * to_go[steps - m - 1]
            legal = np.where(inner, legal @ (q * adjacency), 0.0)
            every = np.where(inner, every @ q, 0.0)
        p = earned / np.maximum(visits, 1e-300)[:, None]
        new = b * np.exp((p - p.max(1, keepdims=True)) / weight)
        new = np.sqrt(q * new / new.sum(1, keepdims=True))
        new /= new.sum(1, keepdims=True)
        new[target] = b[target]
        if np.abs(new - q).max() < 1e-12:
            break
        q = new
    return float(start @ to_go[steps])


def clock(gap: np.ndarray) -> np.ndarray:
    """Our law's weight beside the Gaussian's: a row stays longer where noise moves it less."""
    return 2 * np.logaddexp(gap / 2, -gap / 2)


def no_clock(gap: np.ndarray) -> np.ndarray:
    """Mistake: noise of constant strength, one Gaussian."""
    return 0 * gap


def law_routes(s2: float, weight: Callable[[np.ndarray], np.ndarray] = clock) -> float:
    """Mean effective number of routes under the law of spread ``s2``."""
    gap = np.linspace(-60, 60, 24001)
    log = weight(gap) - gap**2 / 2 / s2
    chance = np.exp(log - log.max())
    return float(chance @ routes(1 / (1 + np.exp(-gap))) / chance.sum())


def predicted_routes(weight: float, batch: int) -> float:
    """Effective number of routes under the law with ``s2 = eta / (B lambda)``."""
    return law_routes(ETA / batch / weight)


@functools.cache
def routes_at_step(weight: float, batch: int) -> float:
    """The same under the law in which rows rest at steps of ``eta / B``, known on a grid."""
    gap, chance = law_at_step("kl_weight", ETA / batch / weight, ETA / batch)
    return float(chance @ routes(1 / (1 + np.exp(-gap))))
