"""What is tried against high values on cycles: double Q-learning, target networks, discount, cost.

The exact forms sweep one table toward one target in rationals; :func:`remedied` runs each remedy
on a whole graph in floats, and says what the greedy policy at its end is worth.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide
from planlib.graph import PlanningGraph
from theorems.basins import graphs_of
from theorems.small_graphs import as_float
from theorems.sweeps import action_values, sweep
from theorems.walks import arrivals, distances, settle, tied_greedy

GAMMA = fmpq(9, 10)
COST = fmpq(1, 5)
SWEEPS = 12
STARTS_APART = 3  # pairs of tables a target


def double_q(adjacency, first, second, target: int):
    """One sweep of double Q-learning: each table evaluates the other's best step."""
    n = len(adjacency)

    def side(choose, judge):
        best = [judge[k][max(range(n), key=lambda a, k=k: choose[k][a])] for k in range(n)]
        return [
            list(choose[j])
            if j == target
            else [adjacency[j][k] - 1 + (1 if k == target else best[k]) for k in range(n)]
            for j in range(n)
        ]

    return side(first, second), side(second, first)


def lagged(adjacency, slow, target: int):
    """One sweep with a target network: bootstrap from the moving average, then move it by a half."""
    new = exact.bellman(adjacency, slow, target)
    slow = [
        [fmpq(a + b) / 2 for a, b in zip(x, y, strict=True)] for x, y in zip(new, slow, strict=True)
    ]
    return new, slow


def with_double_q(adjacency, first, second, target):
    """Double Q-learning, some sweeps."""
    for _ in range(SWEEPS):
        first, second = double_q(adjacency, first, second, target)
    return first


def with_target_network(adjacency, table, slow, target):
    """A target network that moves by a half, some sweeps."""
    for _ in range(SWEEPS):
        table, slow = lagged(adjacency, slow, target)
    return table


def both(adjacency, first, second, target):
    """Entry by entry the lower of the two."""
    ends = [rule(adjacency, first, second, target) for rule in (with_double_q, with_target_network)]
    return [[min(pair) for pair in zip(*rows, strict=True)] for rows in zip(*ends, strict=True)]


def with_discount(adjacency, table, other, target):
    """A discount of 9/10, some sweeps: what does bring values down must be noticed."""
    for _ in range(SWEEPS):
        table = exact.bellman(adjacency, table, target, GAMMA)
    return table


# --- claims on them: cycles/discount and what follows -------------------------------------------

claim = claims("cycles")


@dataclass(frozen=True)
class Limit:
    """A remedy and its limit: ``value(distance)``, distance None where the target is out of reach."""

    value: Callable
    discount: object = 1
    step_cost: object = 0


def discounted(d):
    """Ours: ``gamma**(distance - 1)``, 0 out of reach."""
    return 0 if d is None else GAMMA ** (d - 1)


def one_discount_more(d):
    """Mistake: the step onto the target is discounted as well."""
    return 0 if d is None else GAMMA**d


def no_jump(d):
    """Mistake: whoever can reach the target walks there, however far."""
    return -COST if d is None else 1 - COST * d


def costed(d):
    """Ours: ``max(1 - c distance, -c)``: far away, one illegal jump onto the target is cheaper."""
    return max(-COST, -COST if d is None else 1 - COST * d)


@functools.cache
def limits(discount, step_cost, size: str) -> tuple[int, list[tuple[list, list]]]:
    """Sweeps of random starts: how many graphs, and (distances, values at the end) off each target."""
    rng, found = random.Random(34), []
    longest = [[int(k == j + 1) for k in range(9)] for j in range(9)]  # a path longer than 1 + 1/c
    graphs = [*graphs_of(size), longest]
    for adjacency in graphs:
        n = len(adjacency)
        for target in range(n):
            away = exact.distances(adjacency, target)
            for _ in range(2):
                values = [fmpq(rng.randint(-9, 9), 3) for _ in range(n)]
                for _ in range(60):
                    values = sweep(adjacency, values, target, discount, step_cost)
                found.append([x[:target] + x[target + 1 :] for x in (away, values)])
    return len(graphs), found


def _remedy(claim: Limit, size: str) -> Finding:
    graphs, found = limits(claim.discount, claim.step_cost, size)
    worst = max(
        abs(v - fmpq(claim.value(d)))
        for away, values in found
        for d, v in zip(away, values, strict=True)
    )
    bound = 10 * as_float(GAMMA**60) if claim.step_cost == 0 else 0
    return decide(
        as_float(worst) <= bound,
        f"{graphs} graphs, {len(found):,} starts, largest distance from the limit {as_float(worst):.2g}",
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class) and a path of 9, every target, 2 random rational starts in "
        f"[-3, 3], 60 sweeps; the bound is 10 gamma^60 = {10 * as_float(GAMMA**60):.2g} with discount 9/10, and 0 with step cost 1/5; exact",
    )


@dataclass(frozen=True)
class Stays:
    """What becomes of high values on cycles, under an algorithm: ``holds(largest on the cycles)``.

    Entries of both tables start between 2 and ``2 + apart``.
    """

    run: Callable
    holds: Callable
    apart: object = fmpq(35, 36)


def high(value) -> bool:
    """Ours: values on cycles are still at least 2."""
    return value >= 2


@functools.cache
def ends_apart(run: Callable, apart, size: str) -> tuple[int, int, list[list]]:
    """How many graphs, and targets with a cycle off them; largest entry of each such row at the end."""
    rng, graphs, targets, found = random.Random(35), 0, 0, []
    for adjacency in graphs_of(size):
        n = len(adjacency)
        graphs += 1
        for target in range(n):
            cycle = exact.on_cycle(adjacency, target)
            if not any(cycle):
                continue
            targets += 1
            for _ in range(STARTS_APART):
                # Two different tables: from equal ones double Q-learning is plain Q-learning.
                tables = [
                    [[2 + apart * fmpq(rng.randint(0, 6), 6) for _ in range(n)] for _ in range(n)]
                    for _ in "ab"
                ]
                for t in tables:
                    t[target] = [fmpq(0)] * n
                ends = run(adjacency, *tables, target)
                found.append([max(ends[c]) for c in range(n) if cycle[c]])
    return graphs, targets, found


@claim(
    "no-remedy",
    "exhaustive",
    Stays(both, high),
    {
        "with a discount": Stays(with_discount, high),
        "however far apart": Stays(with_double_q, high, fmpq(2)),
    },
    seeds=(35,),
)
def _no_remedy(stated: Stays, size: str) -> Finding:
    """Double Q-learning and a target network leave high values on cycles high, from entries less than 1 apart."""
    graphs, targets, found = ends_apart(stated.run, stated.apart, size)
    tally = Tally("graphs", "targets with a cycle off them", "starts")
    tally.add("graphs", count=graphs)
    tally.add("targets with a cycle off them", count=targets)
    for largest in found:
        tally.add("starts", all(map(stated.holds, largest)))
    return tally.finding(
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), {STARTS_APART} pairs of random tables each, entries from 2 to {2 + stated.apart}, both "
        f"of double Q, or the model and its average; values on the cycles of G - i after {SWEEPS} sweeps; exact",
    )


def within(distance, h) -> bool:
    """Ours: with h steps left V is 1 iff the target is at most h steps away."""
    return distance is not None and distance <= h


def sooner(distance, h):
    """Mistake: one step is lost on the way."""
    return distance is not None and distance < h


def in_the_end(distance, h):
    """Mistake: the number of steps left does not matter."""
    return distance is not None


@claim(
    "horizon",
    "exhaustive",
    within,
    {"one step is lost": sooner, "time does not matter": in_the_end},
)
def _horizon(stated, size: str) -> Finding:
    """With time in the table the value is 1 iff the target is in time, whatever the start."""
    tally = Tally("graphs", "values")
    for adjacency in graphs_of(size):
        n = len(adjacency)
        tally.add("graphs")
        for target in range(n):
            distance, values = exact.distances(adjacency, target), [0] * n  # no steps left: nothing
            for h in range(1, n + 2):
                values = sweep(adjacency, values, target)
                for j in range(n):
                    if j != target:
                        tally.add("values", values[j] == int(stated(distance[j], h)))
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target and node, 1 to n + 1 steps left; backward induction, exact",
    )


_discount = claim(
    "discount",
    "exhaustive",
    Limit(discounted, discount=GAMMA),
    {
        "gamma^distance": Limit(one_discount_more, discount=GAMMA),
        "without the discount": Limit(discounted),
    },
    seeds=(34,),
    title="With a discount the limit is gamma^(distance - 1), from any start.",
)(_remedy)


_step_cost = claim(
    "step-cost",
    "exhaustive",
    Limit(costed, step_cost=COST),
    {"without the illegal jump": Limit(no_jump, step_cost=COST)},
    seeds=(34,),
    title="With a step cost the limit is max(1 - c distance, -c), from any start.",
)(_remedy)

REMEDIES = (_discount, _step_cost, _horizon, _no_remedy)


# --- the same on a whole graph, in floats: what the greedy policy at the end is worth -------------


def average_network(
    adjacency: np.ndarray, table: np.ndarray, rounds: int = 300, decay: float = 0.9
) -> np.ndarray:
    """Sweep with a target network that keeps ``decay`` of itself, from a table ``(n, n, n)``."""
    slow = table.copy()
    for _ in range(rounds):
        slow = decay * slow + (1 - decay) * action_values(adjacency, slow.max(-1))
    return slow


def double_tables(
    adjacency: np.ndarray, first: np.ndarray, second: np.ndarray, rounds: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Sweep double Q-learning, each table's best step valued by the other: both tables ``(n, n, n)``."""
    for _ in range(rounds):
        pair = first, second
        picks = [t.argmax(-1)[..., None] for t in pair]
        worth = (np.take_along_axis(pair[1 - s], picks[s], -1)[..., 0] for s in (0, 1))
        first, second = (action_values(adjacency, v) for v in worth)
    return first, second


def starts_apart(n: int, least: float, most: float, seed: int = 0) -> np.ndarray:
    """Two tables of independent entries, uniform between two bounds: shape ``(2, n, n, n)``."""
    return np.random.default_rng(seed).uniform(least, most, (2, n, n, n))


def effective_choices(policy: np.ndarray, feasible: np.ndarray) -> np.ndarray:
    """Exponential of each row's entropy over feasible steps: ``(n, n, n)`` to ``(n, n)``, target, node."""
    policy = policy * feasible
    policy = policy / np.maximum(policy.sum(-1, keepdims=True), 1e-300)
    return np.exp(-(policy * np.log(np.where(policy > 0, policy, 1))).sum(-1))


def remedied(graph: PlanningGraph, limit: int = 44) -> dict[str, tuple[float, float, float]]:
    """Each remedy from a high table, and what its greedy policy does within ``limit`` moves.

    The entries of the table are independent, uniform between 2 and 4; the second of double
    Q-learning is another draw, since from equal tables it is plain Q-learning.

    Returns
    -------
    dict
        Share of correct arrivals, effective number of next nodes, and mean moves when
        correct (NaN if it never arrives), means over all targets and sources.
    """
    a, n = graph.adjacency.astype(float), graph.n
    off = ~np.eye(n, dtype=bool)
    feasible = graph.adjacency[None] & graph.reachability[:, None]  # (i, j, k)
    away = distances(graph.adjacency)  # (i, j)
    first, second = starts_apart(n, 2.0, 4.0)
    high, zeros = first.max(-1) * off, np.zeros((n, n))

    def hurry(left):  # with time in the table: uniform over the steps that are still in time
        return tied_greedy(((away[:, None, :] <= left - 1) & graph.adjacency[None]).astype(float))

    def settled(start, **how):
        return action_values(a, settle(a, start, **how)[0], **how)

    policies = {
        "optimistic start": tied_greedy(settled(high)),
        "double Q": tied_greedy(sum(double_tables(a, first, second))),
        "target network": tied_greedy(average_network(a, first)),
        "zeros": tied_greedy(settled(zeros)),
        "discount 0.9": tied_greedy(settled(high, discount=0.9)),
        "step cost 0.1": tied_greedy(settled(high, step_cost=0.1)),
        "horizon 12": 12,
        f"horizon {limit}": limit,
    }
    walk = a[None] / a.sum(1)[None, :, None]
    policies["discount, 20% random"] = 0.8 * policies["discount 0.9"] + 0.2 * walk
    figures = {}
    for name, policy in policies.items():
        if isinstance(policy, int):
            came = arrivals(a, hurry, policy)
            left = range(1, policy + 1)
            kept = np.mean(
                [effective_choices(hurry(h), feasible)[off & (away <= h)].mean() for h in left]
            )
        else:
            came = arrivals(a, policy, limit)
            kept = effective_choices(policy, feasible)[off].mean()
        share = came.sum(0)[off]
        moves = (came * np.arange(1, len(came) + 1)[:, None, None]).sum(0)[off].sum()
        length = moves / share.sum() if share.mean() > 0.01 else np.nan
        figures[name] = (float(share.mean()), float(kept), float(length))
    return figures
