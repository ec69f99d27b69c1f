"""Soft values with ended episodes: one solution, in closed form, and what brings it closer.

Part (a) of :mod:`theorems.soft`, and the small graphs and bases that its other parts share.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flint import fmpq, fmpq_mat

from planlib import exact
from planlib.evidence import Finding, Tally, claims
from theorems.basins import graphs_of
from theorems.small_graphs import rational_row

claim = claims("soft")

ONTO = (fmpq(3, 2), fmpq(3), fmpq(20))  # X: weights 2.5, 0.9 and 0.33
BASES = 20
ROUNDING = 1e-9  # of policies in floats; rationals are compared exactly


def instances(size: str, seed: int, bases: int = BASES) -> Iterator[tuple]:
    """Every small graph and target, each with random bases of full support and an X each."""
    rng = random.Random(seed)
    for adjacency in graphs_of(size):
        n = len(adjacency)
        for target in range(n):
            for _ in range(bases):
                base = [rational_row(n, rng) for _ in range(n)]
                yield adjacency, target, base, rng.choice(ONTO)


def scope_of(size: str, bases: int = BASES) -> str:
    """Say which instances these are."""
    return (
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), every target, "
        f"{bases} random rational bases of full support each, X one of 3/2, 3, 20 (weights 2.5, 0.91, 0.33)"
    )


def others(n: int, target: int) -> list[int]:
    """All nodes but the target."""
    return [j for j in range(n) if j != target]


def by_flint(rows, target: int, given) -> list | None:
    """Solve ``x[j] = given[j] + sum_{k != target} rows[j][k] x[k]`` by flint; None where singular."""
    nodes = others(len(rows), target)
    system = fmpq_mat([[int(j == k) - fmpq(rows[j][k]) for k in nodes] for j in nodes])
    if system.det() == 0:
        return None
    found = system.solve(fmpq_mat([[fmpq(given[j])] for j in nodes]))
    values = iter(found.entries())
    return [fmpq(0) if j == target else next(values) for j in range(len(rows))]


def legal_rows(adjacency, base) -> list[list]:
    """The base's chances of legal steps alone."""
    return [
        [p if a else fmpq(0) for p, a in zip(*x, strict=True)]
        for x in zip(base, adjacency, strict=True)
    ]


def soft_sweep(adjacency, base, worth, target: int, onto) -> list:
    """One synchronous sweep of the soft Bellman equation, in W; the target's entry as it is."""
    n = len(base)
    return [
        worth[j]
        if j == target
        else sum(
            base[j][k] * ((onto if k == target else worth[k]) if adjacency[j][k] else 1)
            for k in range(n)
        )
        for j in range(n)
    ]


# --- (a): one solution, in closed form ------------------------------------------------------------


def success_by_flint(adjacency, base, target: int) -> list:
    """The base's chance of coming to the target by legal steps alone."""
    return by_flint(
        legal_rows(adjacency, base), target, [x[target] for x in legal_rows(adjacency, base)]
    )


def last_step_legal(adjacency, base, target: int) -> list:
    """Mistake: the chance that the step onto the target is legal, whatever came before it."""
    return by_flint(
        base, target, [row[target] * a[target] for row, a in zip(base, adjacency, strict=True)]
    )


def every_ending(adjacency, base, target: int) -> list:
    """Mistake: an episode that has not failed yet will arrive: one minus the chance of the next error."""
    return [sum(p for p, a in zip(*x, strict=True) if a) for x in zip(base, adjacency, strict=True)]


@dataclass(frozen=True)
class Closed:
    """The stated closed form of W, from the base's chance ``p`` and X."""

    form: Callable
    chance: Callable = success_by_flint


def tilted_success(onto, p):
    """Ours: ``1 + (X - 1) p``."""
    return 1 + (onto - 1) * p


def success_alone(onto, p):
    """Mistake: failed episodes are worth 0, so weigh nothing (they weigh ``e^0 = 1``)."""
    return onto * p


@claim(
    "closed-form",
    "exhaustive",
    Closed(tilted_success),
    {
        "failures weigh nothing": Closed(success_alone),
        "the last step alone legal": Closed(tilted_success, last_step_legal),
        "until the next error": Closed(tilted_success, every_ending),
    },
    seeds=(61,),
)
def _closed_form(stated: Closed, size: str) -> Finding:
    """(a) The soft value is that of the base's success: W = 1 + (X - 1) p."""
    tally = Tally("instances")
    for adjacency, target, base, onto in instances(size, 61):
        worth = exact.soft_values(adjacency, base, target, onto)
        chance = stated.chance(adjacency, base, target)
        solved = soft_sweep(adjacency, base, worth, target, onto) == worth
        same = all(worth[j] == stated.form(onto, chance[j]) for j in others(len(base), target))
        tally.add("instances", solved and same)
    return tally.finding(
        f"{scope_of(size)}: W by elimination, unmoved by a sweep, against the form with p by flint's solver; exact"
    )


def can_leave(adjacency, base, target: int) -> bool:
    """Ours: from every node the base can end the episode, by an error or at the target."""
    n = len(base)
    stays = [
        [int(base[j][k] > 0 and adjacency[j][k] and k != target) for k in range(n)]
        for j in range(n)
    ]
    # One node more: the end.
    rows = [
        [*row, int(sum(x for x, y in zip(base[j], row, strict=True) if not y) > 0)]
        for j, row in enumerate(stays)
    ]
    reached = exact.reaches([*rows, [0] * (n + 1)], n)
    return all(reached[j] for j in others(n, target))


def anyhow(adjacency, base, target):
    """Mistake: always, as with full support."""
    return True


def no_cycle(adjacency, base, target):
    """Mistake: where no legal cycle avoids the target, as for the maximum."""
    return not any(exact.on_cycle(adjacency, target))


def target_from_everywhere(adjacency, base, target):
    """Mistake: only where every row gives the target a chance, as the proof by contraction asks."""
    return all(base[j][target] > 0 for j in others(len(base), target))


def partial_row(n: int, rng: random.Random) -> list:
    """A random row of random support."""
    support = rng.sample(range(n), rng.randint(1, n))
    weights = [rng.randint(1, 9) if k in support else 0 for k in range(n)]
    return [fmpq(w, sum(weights)) for w in weights]


@claim(
    "unique",
    "exhaustive",
    can_leave,
    {
        "whatever the base": anyhow,
        "where no cycle avoids the target": no_cycle,
        "where every row can step onto the target": target_from_everywhere,
    },
    seeds=(62,),
)
def _unique(stated: Callable, size: str) -> Finding:
    """(a) It is the only solution, just where the base can leave every cycle; so with full support on every graph."""
    rng, tally = random.Random(62), Tally("bases", "of them with one solution")
    for adjacency in graphs_of(size):
        n = len(adjacency)
        for target, _ in itertools.product(range(n), range(BASES)):
            base = [partial_row(n, rng) for _ in range(n)]
            one = by_flint(legal_rows(adjacency, base), target, [0] * n) is not None
            tally.add("bases", stated(adjacency, base, target) == one)
            tally.add("of them with one solution", count=one)
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target, {BASES} random rational bases of random support each: "
        "the determinant of the linear system; exact"
    )


@dataclass(frozen=True)
class Gap:
    """How two starts come together: the factor of one sweep, and of what (W, or its logarithm)."""

    factor: Callable
    of_logs: bool = False


def rarest_arrival(chances):
    """Ours: ``max_j (1 - b_j(i))``."""
    return 1 - min(chances)


def mean_arrival(chances):
    """Mistake: by the mean chance of a step onto the target."""
    return 1 - sum(chances) / len(chances)


@claim(
    "sweeps",
    "exhaustive",
    Gap(rarest_arrival),
    {
        "the values V as well": Gap(rarest_arrival, of_logs=True),
        "by the mean over rows": Gap(mean_arrival),
    },
    seeds=(63,),
)
def _sweeps(stated: Gap, size: str) -> Finding:
    """(a) A sweep brings any two W closer, by max_j (1 - b_j(i)) at least; not so the values V."""
    rng, tally = random.Random(630), Tally("instances", "sweeps")
    for adjacency, target, base, onto in instances(size, 63):
        nodes = others(len(base), target)
        factor = stated.factor([base[j][target] for j in nodes])
        # One start a random number of times the other: a high start, as logits are.
        low = [fmpq(rng.randint(1, 9)) for _ in base]
        high = [x * rng.randint(1, 99) for x in low]
        good = True
        for _ in range(3):
            before = [(high[j], low[j]) for j in nodes]
            low, high = (soft_sweep(adjacency, base, x, target, onto) for x in (low, high))
            good &= closer(before, [(high[j], low[j]) for j in nodes], factor, stated.of_logs)
            tally.add("sweeps")
        tally.add("instances", good)
    return tally.finding(
        f"{scope_of(size)}: 3 sweeps of two random positive starts, apart by up to a factor of 99; exact"
    )


def closer(before, after, factor, of_logs: bool) -> bool:
    """Whether the largest gap of pairs (a larger, a smaller number) fell to ``factor`` times it, or their logs' gap."""
    if not of_logs:
        return max(a - b for a, b in after) <= factor * max(a - b for a, b in before)
    old, new = (max(a / b for a, b in pairs) for pairs in (before, after))
    return new ** int(factor.q) <= old ** int(factor.p)  # logs compared without logs


def soft(adjacency, base, target: int, onto):
    """The soft policy."""
    return exact.soft_policy(
        adjacency, base, target, exact.soft_values(adjacency, base, target, onto)
    )


SOLVED = (_closed_form, _unique, _sweeps)
