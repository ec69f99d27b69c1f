"""Random problems on four nodes for the equation of Theorem 4.4, and where its solution goes as lambda falls.

On an acyclic graph write ``C`` for the correct next nodes of a row, ``b`` for the base, ``W_j`` for
``b(wrong) / b(C)`` in row j, and ``A_j`` for the sum of W over the rows visited from j on by the
base restricted to C.  With ``e = exp(-1 / lambda)`` a solution is, to first order,

    wrong:  q_k = e b_k / b(C),
    right:  q_k = b_k / b(C)  (1 - e W_j - e / lambda (A_k - mean of A over the row's C)).
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from flint import arb, fmpq

from planlib import exact
from planlib.graph import PlanningGraph
from planlib.models import TabularModel
from planlib.train import PolicyGradientConfig, train_policy_gradient
from theorems.kl_equation import per_visit, solve
from theorems.readings import Reading
from theorems.small_graphs import is_acyclic, problems

SMALL, LARGE = (1 / 12, 1 / 14), (50.0, 100.0)
HORIZON = 12


def random_problem(seed: int, acyclic: bool, n: int = 4) -> tuple[list, np.ndarray]:
    """Draw a graph of ``n`` nodes with a problem of two steps or more in it, and a base."""
    rng = np.random.default_rng(seed)
    while True:
        adjacency = np.triu(rng.random((n, n)) < 0.6, 1)
        if not acyclic:
            adjacency |= np.tril(rng.random((n, n)) < 0.5, -1)
        rows = adjacency.astype(int).tolist()
        if is_acyclic(rows) == acyclic and (0, n - 1) in problems(rows) and adjacency[0].sum() >= 2:
            return rows, rng.dirichlet(np.full(n, 2.0), size=n) * 0.9 + 0.1 / n


def correct_next(adjacency, target: int) -> np.ndarray:
    """Correct next nodes toward a target: ``(n, n)``, none in the target's row."""
    correct = np.array(adjacency, bool) & np.array(exact.reaches(adjacency, target))
    correct[target] = False
    return correct


def open_rows(correct: np.ndarray, source: int) -> list[int]:
    """Rows that correct paths from ``source`` visit."""
    rows, queue = [], [source]
    for j in queue:
        if correct[j].any() and j not in rows:
            rows.append(j)
            queue += np.flatnonzero(correct[j]).tolist()
    return rows


def on_correct(base: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """The base restricted to correct next nodes; rows without one keep the base."""
    kept = np.where(correct, base, 0.0)
    kept[~correct.any(1)] = base[~correct.any(1)]
    return kept / kept.sum(1, keepdims=True)


def failures_ahead(base: np.ndarray, correct: np.ndarray, following: str = "all") -> np.ndarray:
    """``A``: the sum of ``W`` over the rows visited from each node on, shape ``(n,)``.

    ``following="own"`` stops at the node's own row, ``"none"`` gives zeros.
    """
    some = correct.any(1)
    wrong = np.where(
        some, (base * ~correct).sum(1) / np.maximum((base * correct).sum(1), 1e-300), 0
    )
    if following != "all":
        return wrong * (following == "own")
    step = np.where(some[:, None], on_correct(base, correct), 0.0)
    return np.linalg.solve(np.eye(len(base)) - step, wrong)


def first_order(adjacency, base, source, target, kl_weight, following: str = "all") -> np.ndarray:
    """Our prediction of a solution's rows at small lambda: ``(n, n)``, the base off correct paths."""
    correct = correct_next(adjacency, target)
    rows = open_rows(correct, source)
    small = np.exp(-1 / kl_weight)
    right = on_correct(base, correct)
    ahead = failures_ahead(base, correct, following)
    tilt = ahead - (right * ahead).sum(1, keepdims=True)
    q = right * (1 - small / kl_weight * tilt)
    mass = (base * correct).sum(1, keepdims=True)
    wrong = small * base / np.maximum(mass, 1e-300)
    wrong_mass = (wrong * ~correct).sum(1, keepdims=True)
    q = np.where(correct, q * (1 - wrong_mass), wrong)
    closed = [j for j in range(len(base)) if j not in rows]
    q[closed] = base[closed]
    return q


def limit(base: np.ndarray, correct: np.ndarray, small: str) -> np.ndarray:
    """Claimed limit of the rows as lambda falls: ``base on C``, or one of two mistakes."""
    if small == "base on C":
        return on_correct(base, correct)
    if small == "uniform on C":
        return on_correct(np.ones_like(base), correct)
    return on_correct(base, correct & (base == (correct * base).max(1, keepdims=True)))


def has_choice(seed: int) -> bool:
    """Whether a row on a correct path of an acyclic random problem has two right next nodes."""
    correct = correct_next(random_problem(seed, acyclic=True)[0], 3)
    return any(correct[j].sum() >= 2 for j in open_rows(correct, 0))


@functools.cache
def at_small_and_large(seed: int) -> tuple[list, list, list]:
    """Solutions near the limit at each of SMALL, at the first of them from four starts, and at each of LARGE."""
    adjacency, base = random_problem(seed, acyclic=True)
    near = np.where(correct_next(adjacency, 3), base, 1e-12)
    near[3] = base[3]
    near /= near.sum(1, keepdims=True)
    starts = (base, *np.random.default_rng(seed).dirichlet(np.ones(4), size=(3, 4)))
    return (
        [solve(adjacency, base, 0, 3, HORIZON, w, start=near) for w in SMALL],
        [solve(adjacency, base, 0, 3, HORIZON, SMALL[0], start=start) for start in starts],
        [solve(adjacency, base, 0, 3, HORIZON, w) for w in LARGE],
    )


# --- what the trainer makes of them ------------------------------------------------------------

TRAINED_SEEDS, TRAINED_WEIGHT, UPDATES = (0, 1, 2, 3, 4), 0.4, 800


def _trained_rows(case: tuple[int, int]) -> list[list[float]]:
    seed, updates = case
    adjacency, base = random_problem(seed, acyclic=True)
    n = len(adjacency)
    model = TabularModel(n)
    table = np.full((n, n, n), 1 / n)
    table[n - 1] = base
    with torch.no_grad():
        model.f.copy_(torch.as_tensor(np.log(table)))
    config = PolicyGradientConfig(
        steps=updates, batch_size=256, learning_rate=2.0, optimizer="sgd",
        kl_weight=TRAINED_WEIGHT, evaluate_every=1, max_length=40,
    )  # fmt: skip
    rows = []

    def look(model):
        rows.append(model.f.detach()[n - 1].softmax(-1).numpy())
        return {}

    generator = torch.Generator().manual_seed(seed)
    graph = PlanningGraph(np.array(adjacency, dtype=bool))
    train_policy_gradient(
        model, graph, [(0, n - 1)], config, generator, evaluate=look, progress=False
    )
    return np.mean(rows[updates // 2 :], axis=0).tolist()


TRAINED = Reading("trained-4-4", _trained_rows, tuple((seed, UPDATES) for seed in TRAINED_SEEDS))


def trained(seed: int) -> np.ndarray:
    """Rows of a tabular model after sampled policy gradient with KL, averaged over the last half."""
    return np.array(TRAINED((seed, UPDATES)))


# --- the set that the equation maps into itself ------------------------------------------------


@dataclass(frozen=True)
class Room:
    """A set of tables around the base restricted to C.

    On correct paths wrong mass is at most ``K e``, and right steps keep the base's proportions
    up to a factor ``exp(c K e / lambda)``.

    Attributes
    ----------
    mass
        ``K``, over the largest ``W``.
    tilt
        ``c``; None for the most edges of a correct path.
    """

    mass: int = 2
    tilt: int | None = None


def shortcut(edges: int) -> tuple[tuple[int, ...], ...]:
    """The path 0, 1, ..., ``edges`` with an edge from its first node to its last."""
    n = edges + 1
    return tuple(tuple(int(k == j + 1 or (j, k) == (0, edges)) for k in range(n)) for j in range(n))


def most_edges(correct: np.ndarray, source: int) -> int:
    """Most edges of a correct path from ``source``, on an acyclic graph."""
    return max(
        (1 + most_edges(correct, int(k)) for k in np.flatnonzero(correct[source])), default=0
    )


def corners(
    rng: random.Random, base: list, rows: list[int], correct, mass: arb, tilt: arb
) -> Iterator[list]:
    """Yield tables at the ends of the set: each row on correct paths with its most wrong mass, or none.

    The mass goes to one wrong step, the tilt to or from one right step, both drawn.
    """
    for full in itertools.product((False, True), repeat=len(rows)):
        table = [[arb(x.p) / x.q for x in row] for row in base]
        for j, most in zip(rows, full, strict=True):
            right = np.flatnonzero(correct[j]).tolist()
            wrong = [k for k in range(len(base)) if k not in right]
            tilted = rng.choice(right)
            weights = {k: table[j][k] for k in right}
            if len(right) > 1:
                weights[tilted] = weights[tilted] * (tilt * rng.choice((-1, 0, 1))).exp()
            total = sum(weights.values(), arb(0))
            lost = mass if most else arb(0)
            table[j] = [arb(0)] * len(base)
            for k in right:
                table[j][k] = weights[k] / total * (1 - lost)
            table[j][rng.choice(wrong)] += lost
        yield table


def stays_inside(
    rng: random.Random, adjacency, problem: tuple[int, int], base: list, kl_weight: arb, room: Room
) -> Iterator[tuple[bool | None, arb]]:
    """Say of each corner whether the equation's map keeps it in the set, and its tilt over ``K e / lambda``."""
    (source, target), n = problem, len(adjacency)
    correct = correct_next(adjacency, target)
    rows = open_rows(correct, source)
    wrong_over_right = [
        sum((x for x, ok in zip(base[j], correct[j], strict=True) if not ok), fmpq(0))
        / sum((x for x, ok in zip(base[j], correct[j], strict=True) if ok), fmpq(0))
        for j in rows
    ]
    largest = max(wrong_over_right)
    mass = room.mass * arb(largest.p) / largest.q * (-1 / kl_weight).exp()
    most = most_edges(correct, source) if room.tilt is None else room.tilt
    policy = [[None] * n for _ in range(n)]
    for table in corners(rng, base, rows, correct, mass, most * mass / kl_weight):
        policy[target] = table
        p = per_visit(adjacency, policy, source, target, n - 1)
        inside: list[bool | None] = []
        tilts = [arb(0)]
        for j in rows:
            right = np.flatnonzero(correct[j]).tolist()
            factors = [
                arb(x.p) / x.q * (y / kl_weight).exp() for x, y in zip(base[j], p[j], strict=True)
            ]
            lost = sum((f for k, f in enumerate(factors) if k not in right), arb(0))
            lost = lost / sum(factors, arb(0))
            inside.append(_at_most(lost, mass))
            for a, b in itertools.permutations(right, 2):
                tilt = (p[j][a] - p[j][b]) / kl_weight  # of the logs of q / base
                inside.append(_at_most(tilt, most * mass / kl_weight))
                tilts.append(tilt * kl_weight / mass)
        verdict = False if False in inside else None if None in inside else True
        yield verdict, max(tilts, key=lambda x: float(x.mid()))


def _at_most(x: arb, most: arb) -> bool | None:
    return True if x <= most else False if x > most else None
