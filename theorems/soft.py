r"""Soft values: success without forgetting the base.

Outcome reward, and an illegal step ends the episode.  Fix a target ``i``, a base policy ``b`` of full
support and a weight ``lambda > 0``.  In place of the maximum stands

    V(j) = lambda log sum_k b(j)[k] exp(f(j)[k] / lambda),
    f(j)[k] = A[j, k] ([k = i] + [k != i] V(k)),    pi(j)[k] proportional to b(j)[k] exp(f(j)[k] / lambda).

With ``W = exp(V / lambda)`` and ``X = exp(1 / lambda)`` this is linear:

    W(j) = sum_k b(j)[k] (X where the step is legal and k = i, W(k) where legal and k != i, 1 where illegal).

(a) It has one solution on every graph, cycles included: ``W = 1 + (X - 1) p``, ``p`` the base's success.
(b) Success under pi is ``X p / (1 + (X - 1) p)``: the log-odds of the base, plus ``1 / lambda``.
(c) Given success, pi chooses among right paths as the base does.
(d) ``pi(u) = b(u) X^R(u) / W(source)`` for whole episodes u: pi maximises ``E[R] - lambda KL(pi || b)``.
(e) Where episodes go on after an illegal step, ``f(j)[k] = V(k)`` for all ``k != i``, legal or not.

=========================  =========================================  ==============
symbol                     here                                       shape
=========================  =========================================  ==============
b                          ``base``                                   (n, n)
p                          ``exact.base_success``                     (n,)
X                          ``onto``                                   a number
W                          ``worth``, ``exact.soft_values``           (n,)
pi                         ``exact.soft_policy``                      (n, n)
rho                        ``prefixes``                               (n,)
=========================  =========================================  ==============

Ours, for the tables of Wang et al., arXiv 2509.22613.  That a KL penalty over whole sequences tilts
the base by ``exp(R / lambda)`` is well known, and so is soft Q-learning; what is linear and in
closed form here is so because episodes end, with reward 0 or 1.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
import torch
import z3
from flint import arb, ctx, fmpq, fmpq_mat

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide
from planlib.graph import erdos_renyi
from planlib.intervals import estimate
from planlib.models import TabularModel
from planlib.train import QLearningConfig
from theorems.basins import graphs_of
from theorems.hypotheses import Hypothesis
from theorems.readings import Reading
from theorems.small_graphs import as_float, rational_row
from theorems.solving import holds, rational
from theorems.symbols import is_zero
from theorems.tables import learn_entries
from theorems.unknown_graphs import read_model, unknown

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


# --- (b), (c): success, and what is kept -----------------------------------------------------------


@dataclass(frozen=True)
class Success:
    """Success under the soft policy, of the base's ``p``, X and the distance to the target."""

    form: Callable


def odds_times_onto(p, onto, away):
    """Ours: the odds times X."""
    return onto * p / tilted_success(onto, p)


def odds_a_step(p, onto, away):
    """Mistake: the odds times X for each step of the way."""
    return odds_times_onto(p, onto ** (away or 1), away)


def chance_times_onto(p, onto, away):
    """Mistake: the chance itself times X, up to 1."""
    return min(fmpq(1), onto * p)


@claim(
    "success",
    "exhaustive",
    Success(odds_times_onto),
    {
        "the odds, once a step": Success(odds_a_step),
        "the chance itself": Success(chance_times_onto),
    },
    seeds=(64,),
)
def _success(stated: Success, size: str) -> Finding:
    """(b) The log-odds of success are the base's plus 1 / lambda, problem by problem."""
    tally = Tally("policies", "problems")
    for adjacency, target, base, onto in instances(size, 64):
        worth = exact.soft_values(adjacency, base, target, onto)
        policy = exact.soft_policy(adjacency, base, target, worth)
        chance = success_by_flint(adjacency, base, target)
        found = exact.base_success(adjacency, policy, target)
        away = exact.distances(adjacency, target)
        tally.add("policies")
        for j in others(len(base), target):
            if away[j]:
                tally.add("problems", found[j] == stated.form(chance[j], onto, away[j]))
    return tally.finding(
        f"{scope_of(size)}: success of the policy by elimination, the base's by flint's solver; exact"
    )


def soft(adjacency, base, target: int, onto):
    """The soft policy."""
    return exact.soft_policy(
        adjacency, base, target, exact.soft_values(adjacency, base, target, onto)
    )


def hard(adjacency, base, target: int, onto):
    """Mistake: the maximum's values, ``A R``, and a step drawn among the best."""
    alive = exact.reaches(adjacency, target)
    best = [[int(a and r) for a, r in zip(row, alive, strict=True)] for row in adjacency]
    return [
        [fmpq(x, sum(row)) for x in row] if any(row) else list(b)
        for row, b in zip(best, base, strict=True)
    ]


def tempered(adjacency, base, target: int, onto):
    """Mistake: the base at half its temperature."""
    squares = [[p * p for p in row] for row in base]
    return [[p / sum(row) for p in row] for row in squares]


def myopic(adjacency, base, target: int, onto) -> list[list[float]]:
    """Mistake: the KL of Theorem 4.4, in which a token answers for its own divergence alone.

    With ended episodes its stationary policy is proportional to ``b exp(s / lambda)``, ``s`` the chance
    of success after the step, under that policy itself: by damped iteration, in floats.
    """
    weight, nodes = 1 / math.log(as_float(onto)), range(len(base))
    b = [[as_float(p) for p in row] for row in base]
    tilt = [[0.0] * len(b) for _ in b]
    for _ in range(3000):
        rows = [
            [p * math.exp(x) for p, x in zip(*pair, strict=True)]
            for pair in zip(b, tilt, strict=True)
        ]
        rows = [[p / sum(row) for p in row] for row in rows]
        after = exact.base_success(adjacency, rows, target)
        new = [
            [(x + adjacency[j][k] * after[k] / weight) / 2 for k, x in enumerate(tilt[j])]
            for j in nodes
        ]
        if (
            max(
                abs(x - y)
                for a, c in zip(new, tilt, strict=True)
                for x, y in zip(a, c, strict=True)
            )
            < 1e-13
        ):
            break
        tilt = new
    rows[target] = b[target]
    return rows


def differ(x, y) -> float:
    """How far two numbers are apart, 0 exactly for equal rationals."""
    if isinstance(x, float) or isinstance(y, float):
        return abs(
            float(x if isinstance(x, float) else as_float(fmpq(x)))
            - float(y if isinstance(y, float) else as_float(fmpq(y)))
        )
    return 0.0 if x == y else as_float(abs(fmpq(x) - y))


@dataclass(frozen=True)
class Policy:
    """A policy made of a base and X, and on how many bases it is tried."""

    of: Callable
    bases: int = BASES


@claim(
    "kept",
    "exhaustive",
    Policy(soft),
    {
        "the maximum": Policy(hard, 2),
        "the base tempered": Policy(tempered, 2),
        "KL of Theorem 4.4": Policy(myopic, 2),
    },
    seeds=(65,),
)
def _kept(stated: Policy, size: str) -> Finding:
    """(c) Given success, right paths are drawn as the base draws them, at every weight."""
    tally, worst = Tally("problems", "right paths"), 0.0
    for adjacency, target, base, onto in instances(size, 65, stated.bases):
        n, policy = len(base), stated.of(adjacency, base, target, onto)
        chance = success_by_flint(adjacency, base, target)
        success = exact.base_success(adjacency, policy, target)
        away = exact.distances(adjacency, target)
        tables = {target: policy}, {target: base}
        for source in others(n, target):
            if not away[source]:
                continue
            mine, its = (exact.path_probabilities(adjacency, t, source, target, n) for t in tables)
            apart = max(
                differ(q / success[source], its[u] / chance[source]) for u, q in mine.items()
            )
            worst = max(worst, apart)
            tally.add("problems", apart <= ROUNDING)
            tally.add("right paths", count=len(mine))
    return tally.finding(
        f"{scope_of(size, stated.bases)}: chances given success of all right paths of up to n steps, by enumeration, under the policy and under the base; exact, policies in floats to {ROUNDING:g}",
        note=f", largest difference {worst:.3g}",
    )


# --- symbolic: the two ends ------------------------------------------------------------------------

CIRCLE = ((0, 1, 1), (1, 0, 1), (0, 0, 0))  # 0 and 1 a cycle, both step onto the target
DEAD_END = ((0, 1, 1, 0), (1, 0, 0, 1), (0, 0, 0, 0), (0, 0, 0, 0))  # 0 -> 1 -> 3, 1 -> 0, 0 -> 2


@dataclass(frozen=True)
class Ends:
    """The stated limits of a row as X grows without bound and as X falls to 1."""

    far: Callable
    near: Callable


def conditioned(adjacency, b, chance, j: int) -> list:
    """Ours: the base given success, ``b(k) p(k) / p(j)``; where it never succeeds, the base."""
    if chance[j] == 0:
        return list(b[j])
    return [p * a * c / chance[j] for p, a, c in zip(b[j], adjacency[j], chance, strict=True)]


def restricted(adjacency, b, chance, j: int) -> list:
    """Mistake: the base on the next nodes that can still reach the target, divided by their sum."""
    kept = [p * a * int(c != 0) for p, a, c in zip(b[j], adjacency[j], chance, strict=True)]
    return [p / sum(kept) for p in kept] if any(kept) else list(b[j])


def evenly(adjacency, b, chance, j: int) -> list:
    """Mistake: uniform over the next nodes that can still reach the target, as for the maximum."""
    right = [a * int(c != 0) for a, c in zip(adjacency[j], chance, strict=True)]
    return [sp.Rational(a, sum(right)) for a in right] if any(right) else list(b[j])


def the_base(adjacency, b, chance, j: int) -> list:
    """Ours: the base."""
    return list(b[j])


def uniform(adjacency, b, chance, j: int) -> list:
    """Mistake: uniform, as at infinite temperature."""
    return [sp.Rational(1, len(b))] * len(b)


@claim(
    "limits",
    "symbolic",
    Ends(conditioned, the_base),
    {
        "restricted to what can arrive": Ends(restricted, the_base),
        "uniform over what can arrive": Ends(evenly, the_base),
        "uniform at the other end": Ends(conditioned, uniform),
    },
)
def _limits(stated: Ends, size: str) -> Finding:
    """As lambda falls to 0 the policy tends to the base given success; as it grows, to the base."""
    tally = Tally("entries")
    for adjacency, j, k, at_infinity, at_one, b, chance in symbolic_rows():
        tally.add("entries", is_zero(at_infinity - stated.far(adjacency, b, chance, j)[k]))
        tally.add("entries", is_zero(at_one - stated.near(adjacency, b, chance, j)[k]))
    return tally.finding(
        "a cycle beside a target (3 nodes), and one with a dead end (4 nodes); every entry of the base free and positive, rows of sum 1; "
        "limits by the leading coefficients in X, and at X = 1; cancelled to 0"
    )


@functools.cache
def symbolic_rows() -> list[tuple]:
    """Each entry of the policy on the two graphs: its limits in X, the base and its success."""
    x, found = sp.Symbol("X", positive=True), []
    for adjacency in (CIRCLE, DEAD_END):
        n, target = len(adjacency), len(adjacency) - 1
        nodes = range(n - 1)
        b = [[sp.Symbol(f"b{j}{k}", positive=True) for k in range(n)] for j in nodes]
        for j in nodes:
            b[j][j] = 1 - sum(b[j][k] for k in range(n) if k != j)
        b.append([sp.Integer(0)] * n)
        legal = sp.Matrix(n - 1, n - 1, lambda j, k, b=b, a=adjacency: b[j][k] * a[j][k])
        onto = sp.Matrix([b[j][target] * adjacency[j][target] for j in nodes])
        error = sp.Matrix([sum(b[j][k] for k in range(n) if not adjacency[j][k]) for j in nodes])
        system = sp.eye(n - 1) - legal
        chance = [*map(sp.cancel, system.LUsolve(onto)), sp.Integer(1)]
        worth = [*map(sp.cancel, system.LUsolve(x * onto + error)), x]
        for j in nodes:
            row = [b[j][k] * (worth[k] if adjacency[j][k] else 1) for k in range(n)]
            total = sum(row)
            for k in range(n):
                top, bottom = (sp.Poly(e, x) for e in sp.fraction(sp.cancel(row[k] / total)))
                far = sp.Integer(0) if top.degree() < bottom.degree() else top.LC() / bottom.LC()
                found.append((adjacency, j, k, far, top.eval(1) / bottom.eval(1), b, chance))
    return found


# --- (d): the optimum over whole sequences ---------------------------------------------------------


def from_uniform(adjacency, base, target: int, onto):
    """Mistake: an entropy bonus, which tilts the uniform policy in place of the base."""
    n = len(base)
    return soft(adjacency, [[fmpq(1, n)] * n for _ in base], target, onto)


def reward_alone(adjacency, base, target: int, onto):
    """Mistake: a step is tilted by its own reward, without what comes after it."""
    worth = [onto if k == target else 1 for k in range(len(base))]
    return exact.soft_policy(adjacency, base, target, worth)


def ended_episodes(adjacency, ratio, source: int, target: int, most: int) -> Iterator[tuple]:
    """Episodes of up to ``most`` steps from a source: the product of ``ratio`` along each, and its end.

    The end is ``target``, None for an error, or the node where it still stands after ``most`` steps.
    """
    partial = [(source, 1)]
    for left in range(most, 0, -1):
        longer = []
        for j, product in partial:
            for k, x in enumerate(ratio[j]):
                if not adjacency[j][k]:
                    yield product * x, None
                elif k == target or left == 1:
                    yield product * x, k
                else:
                    longer.append((k, product * x))
        partial = longer


@claim(
    "optimum",
    "exhaustive",
    Policy(soft),
    {
        "KL of Theorem 4.4": Policy(myopic, 2),
        "an entropy bonus": Policy(from_uniform, 2),
        "tilted by the reward of the step": Policy(reward_alone, 2),
    },
    seeds=(66,),
)
def _optimum(stated: Policy, size: str) -> Finding:
    """(d) Whole episodes have the chance b(u) X^R(u) / W: no policy at all has more reward less lambda KL."""
    tally, worst = Tally("problems", "episodes"), 0.0
    for adjacency, target, base, onto in instances(size, 66, stated.bases):
        n, policy = len(base), stated.of(adjacency, base, target, onto)
        chance = success_by_flint(adjacency, base, target)
        # W by its closed form, so that it shares no code with the policy.
        worth = [onto if j == target else tilted_success(onto, p) for j, p in enumerate(chance)]
        ratio = [
            [divided(q, p) for q, p in zip(*x, strict=True)] for x in zip(policy, base, strict=True)
        ]
        for source in others(n, target):
            apart = 0.0
            for product, end in ended_episodes(adjacency, ratio, source, target, n):
                wanted = (1 if end is None else worth[end]) / worth[source]
                apart = max(apart, differ(product, wanted))
                tally.add("episodes")
            worst = max(worst, apart)
            tally.add("problems", apart <= ROUNDING)
    return tally.finding(
        f"{scope_of(size, stated.bases)}, every source: pi(u) / b(u) of every episode of up to n steps, right, wrong or unfinished at j (then W(j) stands for X^R); "
        f"exact, policies in floats to {ROUNDING:g}",
        note=f", largest difference {worst:.3g}",
    )


def divided(q, p):
    """A quotient of a rational or a float by a rational."""
    return q / as_float(p) if isinstance(q, float) else q / p


# --- solver: what an entropy bonus would do --------------------------------------------------------


def off_target_acyclic(u) -> z3.BoolRef:
    """Ours: no node lies on a legal cycle that avoids the target."""
    return z3.Not(z3.Or(*u.cycle))


def everywhere(u):
    """Mistake: on every graph, as with a base."""
    return z3.BoolVal(True)


def cycles_arrive(u):
    """Mistake: where every cycle can still reach the target."""
    return z3.And(*(z3.Implies(c, r == 1) for c, r in zip(u.cycle, u.r, strict=True)))


@claim(
    "entropy",
    "solver",
    off_target_acyclic,
    {"on every graph": everywhere, "where cycles can arrive": cycles_arrive},
)
def _entropy(stated: Callable, size: str) -> Finding:
    """With an entropy bonus in place of the base (no 1/n) finite values exist just where no cycle avoids the target."""
    largest = 4 if size == "small" else 6
    tally, first = Tally("questions", failed="refuted", undecided="undecided"), ""
    for n in range(2, largest + 1):
        u, onto, target = unknown(n), z3.Real("X"), n - 1
        equations = [
            u.v[j]
            == z3.If(u.edge[j, target], onto, z3.RealVal(1))
            + 1  # the step to itself, illegal
            + sum(
                (z3.If(u.edge[j, k], u.v[k], z3.RealVal(1)) for k in u.others if k != j),
                z3.RealVal(0),
            )
            for j in u.others
        ]
        positive = z3.And(*(v > 0 for v in u.v))
        solver = z3.Solver()
        solver.set("timeout", 240_000)
        # Positive values on a graph where there should be none, or none where there should be.
        solver.add(*equations, onto > 1, positive != stated(u))
        found = solver.check()
        tally.add("questions", holds(found))
        if found == z3.sat:
            rows, worth = read_model(u, solver.model())
            # The counterexample again, in rationals: an entropy bonus is a "base" of ones.
            counted = [[fmpq(1)] * n] * n
            top = rational(solver.model(), onto)
            again = soft_sweep(rows, counted, [*worth, top], target, top)
            assert again[:-1] == worth
            first = first or f", first on {n} nodes"
    return tally.finding(
        f"z3, the negated equivalence: all graphs on 2 to {largest} nodes, edges, X > 1 and real W that solve the equation free at once, "
        "the target the last node; 240 s a question; refutations confirmed in exact rationals",
        note=first,
    )


# --- (e): episodes that go on ----------------------------------------------------------------------


@dataclass(frozen=True)
class GoesOn:
    """What an illegal step does to the episode, and what exponential values are said to depend on."""

    ended: bool
    kinds: Callable


def next_node(adjacency, j, k):
    """Ours: the next node alone."""
    return k


def nothing(adjacency, j, k):
    """Mistake: nothing, as for the maximum (Theorem 5.1): one constant a target."""
    return 0


def exponential_table(adjacency, base, worth, onto, target: int, ended: bool) -> list[list]:
    """``exp(f / lambda)`` from W: a step onto the target is worth ``onto[j]``, or 1 if illegal.

    An illegal step elsewhere is worth 1 if it ends the episode, and else what comes next.
    """
    n = len(base)
    return [
        [
            (onto[j] if k == target else worth[k])
            if adjacency[j][k]
            else 1
            if ended or k == target
            else worth[k]
            for k in range(n)
        ]
        for j in range(n)
    ]


def going_on(adjacency, base, onto, target: int, ended: bool = False) -> list | None:
    """W where an illegal step lets the episode go on: from the linear system, by flint; None if singular."""
    n = len(base)
    keep = [
        [p if a or not ended else fmpq(0) for p, a in zip(*x, strict=True)]
        for x in zip(base, adjacency, strict=True)
    ]
    given = [
        base[j][target] * (onto[j] if adjacency[j][target] else 1)
        + sum(base[j][k] for k in others(n, target) if ended and not adjacency[j][k])
        for j in range(n)
    ]
    return by_flint(keep, target, given)


@claim(
    "goes-on",
    "exhaustive",
    GoesOn(False, next_node),
    {
        "where an error ends the episode": GoesOn(True, next_node),
        "one constant": GoesOn(False, nothing),
    },
    seeds=(67,),
)
def _goes_on(stated: GoesOn, size: str) -> Finding:
    """(e) Where episodes go on after an error, one solution; the tilt pi(k) / b(k) of a row depends on k alone, legal or not."""
    rng, tally = random.Random(670), Tally("instances", "entries")
    for adjacency, target, base, _ in instances(size, 67):
        n = len(base)
        onto = [fmpq(rng.randint(10, 90), 10) for _ in range(n)]  # e^(rho / lambda), as it may be
        worth = going_on(adjacency, base, onto, target, stated.ended)
        table = exponential_table(adjacency, base, worth, onto, target, stated.ended)
        again = [sum(p * e for p, e in zip(*x, strict=True)) for x in zip(base, table, strict=True)]
        nodes, seen = others(n, target), {}
        good = all(again[j] == worth[j] for j in nodes)
        for j, k in itertools.product(nodes, nodes):
            kind = stated.kinds(adjacency, j, k)
            good &= seen.setdefault(kind, table[j][k]) == table[j][k]
            tally.add("entries")
        tally.add("instances", good)
    return tally.finding(
        f"{scope_of(size)}, chances that the prefix was legal given at random (Y from 1 to 9): the linear system is regular, its solution unmoved by the "
        "table that it gives, and entries with the same next node are equal; exact"
    )


def prefixes(adjacency, policy, shares, target: int) -> list:
    """rho: at each node, the share of visits on a legal prefix, where sources are drawn with ``shares``.

    None where the node is never visited.  Visits off the target, without a limit of length, by flint.
    """
    n = len(policy)

    def visits(rows):
        turned = [[rows[k][j] for k in range(n)] for j in range(n)]
        return by_flint(turned, target, shares)

    every, legal = visits(policy), visits(legal_rows(adjacency, policy))
    return [a / b if b else None for a, b in zip(legal, every, strict=True)]


def goes_on_policy(adjacency, base, onto, target: int, ended: bool = False) -> list[list]:
    """The base tilted by the values of episodes that go on (or end): rows, the target's the base's."""
    worth = going_on(adjacency, base, onto, target, ended)
    table = exponential_table(adjacency, base, worth, onto, target, ended)
    rows = [[p * e for p, e in zip(*x, strict=True)] for x in zip(base, table, strict=True)]
    return [
        list(base[j]) if j == target else [p / sum(row) for p in row] for j, row in enumerate(rows)
    ]


@dataclass(frozen=True)
class Prefix:
    """Whose prefixes: how many prompts share the table, and whether an illegal step ends what follows."""

    prompts: int = 1
    ended: bool = False


@claim(
    "prefix",
    "exhaustive",
    Prefix(),
    {
        "prompts that share a table": Prefix(prompts=2),
        "values of ended episodes": Prefix(ended=True),
    },
    seeds=(68,),
)
def _prefix(stated: Prefix, size: str) -> Finding:
    """(e) On-policy with one prompt rho is the base's, whatever is put in for it: one self-consistent solution."""
    rng, tally = random.Random(680), Tally("prompts", "nodes")
    for adjacency, target, base, _ in instances(size, 68):
        n = len(base)
        onto = [fmpq(rng.randint(10, 90), 10) for _ in range(n)]
        policy = goes_on_policy(adjacency, base, onto, target, stated.ended)
        chosen = rng.sample(others(n, target), min(stated.prompts, n - 1))
        shares = [fmpq(int(j in chosen), len(chosen)) for j in range(n)]
        mine, its = (prefixes(adjacency, q, shares, target) for q in (policy, base))
        tally.add("prompts", all(mine[j] == its[j] for j in others(n, target)))
        tally.add("nodes", count=n - 1)
    return tally.finding(
        f"{scope_of(size)}, Y from 1 to 9 at random, a random source: the share of visits on legal prefixes at every node, under the policy and the base, by flint; exact"
    )


@dataclass(frozen=True)
class Several:
    """Two prompts, 0 and 1, that share a table: 0 steps legally to 2, 1 only by an error; 2 steps onto 3."""

    weight: object = fmpq(1, 20)
    shares: tuple = (fmpq(1, 2), fmpq(1, 2))
    adjacency: tuple = ((0, 0, 1, 0), (0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 0))
    base: tuple = ((1, 1, 10, 988), (1, 1, 900, 98), (1, 1, 1, 997), (250, 250, 250, 250))
    at: tuple = (fmpq(1), fmpq(3), fmpq(400), fmpq(10) ** 9)  # Y = e^(rho / weight)


def own_prefix(stated: Several, y) -> tuple[object, list]:
    """The policy's own rho at node 2, where ``y`` is put in for its ``e^(rho / weight)``; and the policy."""
    base = [[fmpq(p, 1000) for p in row] for row in stated.base]
    policy = goes_on_policy(stated.adjacency, base, [y] * 4, 3)
    return prefixes(stated.adjacency, policy, [*stated.shares, fmpq(0), fmpq(0)], 3)[2], policy


def above(stated: Several, precision: int = 128) -> list[bool | None]:
    """At each Y: whether the policy's own rho at node 2 exceeds ``weight log Y``, by balls."""
    found, (old, ctx.prec) = [], (ctx.prec, precision)
    try:
        for y in stated.at:
            gap = arb(own_prefix(stated, y)[0]) - arb(stated.weight) * arb(y).log()
            found.append(True if gap > 0 else False if gap < 0 else None)
    finally:
        ctx.prec = old
    return found


@claim(
    "several",
    "certified",
    Several(),
    {
        "one prompt": Several(shares=(fmpq(1), fmpq(0))),
        "at every weight": Several(weight=fmpq(1, 2)),
    },
)
def _several(stated: Several, size: str) -> Finding:
    """(e) With two prompts that share a table rho has three self-consistent values, on four nodes."""
    signs = above(stated)
    wanted = [True, False, True, False]
    return decide(
        None if None in signs else signs == wanted,
        f"own rho above the given one at Y = {', '.join(map(str, stated.at))}: {', '.join(map(str, signs))}",
        f"edges 0→2, 2→3, target 3, weight {stated.weight}, prompts 0 and 1 with shares {stated.shares[0]} and {stated.shares[1]}; policies in exact rationals, log Y in balls of 128 bits; "
        "rho is continuous in Y, so it meets the given one between each two points of opposite signs",
    )


# --- relatives: equations that vanish at the same place ------------------------------------------------


@dataclass(frozen=True)
class Method:
    """A family of methods: the residual that it drives to 0, in words, who does so, and its equations."""

    residual: str
    methods: str
    equations: Callable


@dataclass(frozen=True)
class Shares:
    """What zero residual fixes: the policy; the chance of each right path; those given success; values."""

    policy: bool
    right: bool
    law: bool
    prompt: bool
    later: bool


class Trajectories:
    """All ended episodes of a problem of up to ``most`` steps, and unknowns of their linear equations.

    The unknowns are ``lambda log(pi / b)`` of each (node, next node) on the way, then each node's V.
    """

    def __init__(self, adjacency, source: int, target: int, most: int):
        self.adjacency, self.source, self.target = adjacency, source, target
        self.n = len(adjacency)
        self.episodes = list(self._grow((source,), most))
        self.nodes = sorted({j for u, _ in self.episodes for j in u[:-1]})
        pairs = [("step", j, k) for j in self.nodes for k in range(self.n)]
        self.names = [*pairs, *(("value", j) for j in self.nodes)]
        self.at = {name: c for c, name in enumerate(self.names)}

    def _grow(self, path, left: int):
        if left:
            for k in range(self.n):
                if not self.adjacency[path[-1]][k] or k == self.target:
                    yield (*path, k), bool(self.adjacency[path[-1]][k])
                else:
                    yield from self._grow((*path, k), left - 1)

    def stretch(self, path) -> dict:
        """Equation of a stretch of a path: its steps, plus V at its start, less V at its end if it goes on."""
        row: dict = {}
        for j, k in itertools.pairwise(path):
            row[("step", j, k)] = row.get(("step", j, k), 0) + 1
        row[("value", path[0])] = row.get(("value", path[0]), 0) + 1
        j, k = path[-2:]
        if self.adjacency[j][k] and k != self.target:
            row[("value", k)] = row.get(("value", k), 0) - 1
        return row

    def steps(self, path) -> dict:
        """The steps of a path alone."""
        return {name: x for name, x in self.stretch(path).items() if name[0] == "step"}

    def dense(self, rows) -> list[list]:
        """Rows of numbers."""
        table = []
        for row in rows:
            table.append([fmpq(0)] * len(self.names))
            for name, x in row.items():
                table[-1][self.at[name]] = fmpq(x)
        return table


def one_step(t: Trajectories) -> list[dict]:
    """Each step by itself."""
    return [t.stretch((j, k)) for j in t.nodes for k in range(t.n)]


def two_steps(t: Trajectories) -> list[dict]:
    """Stretches of two steps, the last one cut short by the end."""
    cut = {u[m : m + 3] for u, _ in t.episodes for m in range(len(u) - 1)}
    return [t.stretch(v) for v in sorted(cut)]


def to_the_end(t: Trajectories) -> list[dict]:
    """From each point of an episode to its end."""
    return [t.stretch(v) for v in sorted({u[m:] for u, _ in t.episodes for m in range(len(u) - 1)})]


def whole(t: Trajectories) -> list[dict]:
    """Whole episodes, with one value, the prompt's."""
    return [t.stretch(u) for u, _ in t.episodes]


def differences(rows: list[dict]) -> list[dict]:
    """Each row less the first."""
    return [
        {name: row.get(name, 0) - rows[0].get(name, 0) for name in {**row, **rows[0]}}
        for row in rows[1:]
    ]


def pairs_of(t: Trajectories) -> list[dict]:
    """Differences of two whole episodes: no value at all."""
    return differences(whole(t))


def right_alone(t: Trajectories) -> list[dict]:
    """Whole episodes that succeed, alone."""
    return [t.stretch(u) for u, right in t.episodes if right]


def right_and_value(t: Trajectories) -> list[dict]:
    """The same with the prompt's value known."""
    return [*right_alone(t), {("value", t.source): 1}]


METHODS = {
    "one step": Method(
        "V(j) + λ log π/b − r − V(k)",
        "soft Q-learning; soft actor-critic, with the KL to the uniform policy for its entropy",
        one_step,
    ),
    "two steps": Method(
        "V(j) + Σ (λ log π/b − r) − V(two later)",
        "path consistency (PCL), stretches of two",
        two_steps,
    ),
    "to the end": Method(
        "V(j) + Σ (λ log π/b − r), to the end",
        "path consistency from each step to the end (OREO)",
        to_the_end,
    ),
    "whole": Method("V(prompt) + Σ λ log π/b − R", "trajectory Bellman residual (TBRM)", whole),
    "pairs": Method(
        "Σ λ log π/b − R, less the same of another answer",
        "two answers to one prompt compared",
        pairs_of,
    ),
    "right, value known": Method(
        "as whole, V(prompt) known",
        "right answers alone, their prompt's value known",
        right_and_value,
    ),
    "right alone": Method("as whole", "right answers alone", right_alone),
}
STATED = {
    "one step": Shares(True, True, True, True, True),
    "two steps": Shares(True, True, True, True, True),
    "to the end": Shares(True, True, True, True, True),
    "whole": Shares(True, True, True, True, False),
    "pairs": Shares(True, True, True, False, False),
    "right, value known": Shares(False, True, True, True, False),
    "right alone": Shares(False, False, True, False, False),
}


def determined(t: Trajectories, policy, method: Method) -> tuple[Shares, int]:
    """What the Jacobian at the solution fixes, by ranks in rationals, and how many directions are free."""
    normal = [{("step", j, k): policy[j][k] for k in range(t.n)} for j in t.nodes]
    rows = t.dense([*normal, *method.equations(t)])
    rank = fmpq_mat(rows).rank()

    def columns(keep: Callable) -> bool:
        """Whether these unknowns are fixed: without them the rank falls by their number."""
        chosen = [keep(name) for name in t.names]
        rest = [[x for x, c in zip(row, chosen, strict=True) if not c] for row in rows]
        left = fmpq_mat(rest).rank() if rest[0] else 0
        return rank - left == sum(chosen)

    def implied(more: list[dict]) -> bool:
        """Whether these equations change nothing."""
        return fmpq_mat([*rows, *t.dense(more)]).rank() == rank

    right = [t.steps(u) for u, ok in t.episodes if ok]
    shares = Shares(
        policy=columns(lambda name: name[0] == "step"),
        right=implied(right),
        law=implied(differences(right)),
        prompt=columns(lambda name: name == ("value", t.source)),
        later=columns(lambda name: name[0] == "value" and name[1] != t.source),
    )
    return shares, len(t.names) - rank


@functools.cache
def relatives(size: str) -> tuple[int, int, dict[str, list[tuple[Shares, int, int]]]]:
    """Problems, how often an equation is not met at the soft policy; by method its shares on each problem.

    Problems in which the way passes another node than the prompt's, so that there are later values.
    """
    rng, problems, broken = random.Random(69), 0, 0
    found: dict[str, list] = {name: [] for name in METHODS}
    for adjacency in graphs_of(size):
        n = len(adjacency)
        for target in range(n):
            away = exact.distances(adjacency, target)
            for source in others(n, target):
                t = Trajectories(adjacency, source, target, n + 1)
                if not away[source] or len(t.nodes) < 2:
                    continue
                for _ in range(BASES if n < 4 else 2):
                    base = [rational_row(n, rng) for _ in range(n)]
                    onto = rng.choice(ONTO)
                    policy = soft(adjacency, base, target, onto)
                    problems += 1
                    broken += not all(met(t, base, policy, onto, u, ok) for u, ok in t.episodes)
                    for name, method in METHODS.items():
                        found[name].append((*determined(t, policy, method), len(t.names)))
    return problems, broken, found


def met(t: Trajectories, base, policy, onto, path, right: bool) -> bool:
    """Whether each step of an episode, and so each stretch, has residual 0 at the soft policy.

    ``lambda log(pi / b) + V(j) - r - V(k) = 0``, exponentiated.
    """
    chance = success_by_flint(t.adjacency, base, t.target)
    value = [tilted_success(onto, p) for p in chance]
    good = True
    for m, (j, k) in enumerate(itertools.pairwise(path)):
        last = m == len(path) - 2
        then = (onto if right else 1) if last else value[k]
        good &= policy[j][k] * value[j] == base[j][k] * then
    return good


def but(name: str, **shares: bool) -> dict[str, Shares]:
    """What is stated, with one mistake."""
    return STATED | {name: replace(STATED[name], **shares)}


@claim(
    "relatives",
    "exhaustive",
    STATED,
    {
        "right answers fix the policy once the value is known": but(
            "right, value known", policy=True
        ),
        "right answers fix their own chances": but("right alone", right=True),
        "comparisons fix the prompt's value": but("pairs", prompt=True),
        "whole trajectories fix every value": but("whole", later=True),
    },
    seeds=(69,),
)
def _relatives(stated: dict[str, Shares], size: str) -> Finding:
    """Which equations fix the policy, and which the values: whole answers and their comparisons fix the policy, right ones alone do not."""
    problems, broken, found = relatives(size)
    tally = Tally("problems", "questions")
    tally.add("problems", broken == 0, problems)
    for name, shares in stated.items():
        for seen, _, _ in found[name]:
            tally.add("questions", seen == shares)
    return tally.finding(
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), every problem that passes another node, {BASES} random rational bases each (2 on 4 nodes), "
        f"{len(METHODS)} sets of equations on all episodes of up to n + 1 steps: residuals 0, ranks of the Jacobian at the soft policy; exact"
    )


# --- statistical: the sampled trainer -----------------------------------------------------------------

SEEDS = tuple(range(80, 88))  # fresh: named, with the settings, before any of them was run
MARGIN = 0.05  # largest error of an entry, as for the cycles
UPDATES, STEP, WEIGHT, NODES = 300, 0.5, 1.0, 4


@dataclass(frozen=True)
class Sampled:
    """The trainer's soft weight (0: the maximum), its start above the base's logits, and what an error does."""

    weight: float = WEIGHT
    above: float = 4.0
    ended: bool = True


def wanted_values(adjacency, base: np.ndarray, target: int, weight: float) -> np.ndarray:
    """Values toward a target, ``(n, n)``: soft ones in closed form, or those of the maximum at weight 0."""
    n = len(adjacency)
    if weight:
        p = np.array(exact.base_success(adjacency, base.tolist(), target), dtype=float)
        value = weight * np.log(tilted_success(math.exp(1 / weight), p))
    else:
        value = np.array(exact.reaches(adjacency, target), dtype=float)
    value[target] = 1
    return np.array(adjacency) * value[None, :] * np.ones((n, 1))


def sampled_error(case: tuple) -> tuple[float, int]:
    """Largest error of the trained table, and the fewest updates that one of its entries had."""
    seed, weight, over, ended = case
    graph = erdos_renyi(NODES, 0.6, acyclic=False, seed=seed)
    model = TabularModel(NODES)
    noise = torch.randn(
        NODES, NODES, NODES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    with torch.no_grad():
        model.f.copy_(
            over + noise / 2
        )  # the base is their softmax: the constant changes only the start
    base = (noise / 2).softmax(-1).numpy()
    config = QLearningConfig(
        steps=UPDATES, batch_size=128, learning_rate=STEP, optimizer="sgd", epsilon=0.0, temperature=1.0,
        target_decay=0.0, max_length=24, reward="outcome", stop_at_error=ended, soft_weight=weight,
    )  # fmt: skip
    updates = learn_entries(model, graph, config, seed)
    adjacency, found = graph.adjacency.astype(int).tolist(), model.f.detach().numpy()
    worst, least = 0.0, 10**9
    for target in np.unique(graph.reachable_pairs()[:, 1]):
        value = wanted_values(adjacency, base[target], target, weight)
        for j in others(NODES, target):
            if updates[target, j].any():  # a row that no prompt can come to stays as it was
                worst = max(worst, float(np.abs(found[target, j] - value[j]).max()))
                least = min(least, int(updates[target, j].min()))
    return worst, least


CASES = (Sampled(), Sampled(above=-1.0), Sampled(weight=0.0), Sampled(ended=False))
SAMPLED = Reading(
    "sampled-soft",
    sampled_error,
    tuple((seed, case.weight, case.above, case.ended) for seed in SEEDS for case in CASES),
)
LONG_READINGS = (SAMPLED,)


@claim(
    "sampled",
    "statistical",
    CASES[:2],
    {"the maximum": CASES[2:3], "an error ends nothing": CASES[3:]},
    seeds=SEEDS,
    source="kept",
    fixed="before any run",
)
def _sampled(stated: tuple[Sampled, ...], size: str) -> Finding:
    """The sampled trainer finds the soft values on graphs with cycles, from high starts as from low ones."""
    estimates, words, fewest = [], [], 10**9
    for one in stated:
        cases = [
            SAMPLED((s, one.weight, one.above, one.ended)) for s in SEEDS
        ]  # kept: no size is smaller
        errors, updates = zip(*cases, strict=True)
        found = estimate(errors, most=MARGIN, of="graphs")
        estimates.append(found)
        fewest = min(fewest, *updates)
        words.append(
            f"from {one.above:+g}: largest error {found.mean:.2g} in [{found.low:.2g}, {found.high:.2g}]"
        )
    graphs = [erdos_renyi(NODES, 0.6, acyclic=False, seed=seed) for seed in SEEDS]
    cyclic = all(
        any(any(exact.on_cycle(g.adjacency.tolist(), i)) for i in range(NODES)) for g in graphs
    )
    return decide(
        fewest > 0 and cyclic,
        f"{'; '.join(words)}; each entry updated at least {fewest} times",
        f"{len(SEEDS)} random digraphs of {NODES} nodes, each with a cycle off some target, outcome reward, weight {stated[0].weight:g}, on-policy, starts at the logits of a random base plus a constant, the trainer without target "
        f"network, an entry's step {STEP} toward the mean of its targets, {UPDATES} updates of 128 sequences; margin {MARGIN}",
        *estimates,
    )


# --- hypotheses ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """Sweeps of V from a high start, on a cycle of two beside a target that both can step onto."""

    base: tuple = ((0.2, 0.5, 0.3), (0.5, 0.2, 0.3), (0.4, 0.3, 0.3))
    ended: bool = True
    weight: float = 0.5
    start: float = 5.0
    adjacency: tuple = CIRCLE


def residual(x: Instance) -> float:
    """Distance of V after many sweeps from ``lambda log(1 + (X - 1) p)``, at weight 0 from its limit R."""
    n, target = len(x.adjacency), len(x.adjacency) - 1
    nodes, chance = others(n, target), [0.0] * n
    for _ in range(500):  # p from below: a walk that never ends does not arrive
        chance = [
            sum(
                x.base[j][k] * x.adjacency[j][k] * (1.0 if k == target else chance[k])
                for k in range(n)
            )
            for j in range(n)
        ]
    if not x.weight:
        table = [[x.start] * n for _ in range(n)]
        for _ in range(500):
            table = exact.ended_bellman(x.adjacency, table, target)
        return max(abs(max(table[j]) - (chance[j] > 0)) for j in nodes)
    onto = math.exp(1 / x.weight)
    worth = [math.exp(x.start / x.weight)] * n
    for _ in range(500):
        table = exponential_table(x.adjacency, x.base, worth, [onto] * n, target, x.ended)
        worth = [
            sum(p * e for p, e in zip(*y, strict=True)) for y in zip(x.base, table, strict=True)
        ]
    return max(
        abs(x.weight * (math.log(worth[j]) - math.log(tilted_success(onto, chance[j]))))
        for j in nodes
    )


CLOSED_BASE = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.4, 0.3, 0.3))
HYPOTHESES = tuple(
    Hypothesis(name, sentence, fits, Instance(), failing, residual)
    for name, sentence, fits, failing in (
        ("full support", "The base gives every next node a chance; it is enough that it can leave every cycle.",
         lambda x: all(p > 0 for row in x.base for p in row), Instance(base=CLOSED_BASE)),
        ("ended episodes", "An illegal step ends the episode; else what follows it counts as if it were legal.",
         lambda x: x.ended, Instance(ended=False)),
        ("a positive weight", "The weight is above 0; at 0 it is the maximum, which never forgets a cycle.",
         lambda x: x.weight > 0, Instance(weight=0.0)),
    )
)  # fmt: skip


# Transformers: from theorems.soft_runs import CHECKS as ON_TRANSFORMERS

CHECKS = (
    _closed_form,
    _unique,
    _sweeps,
    _success,
    _kept,
    _limits,
    _optimum,
    _entropy,
    _goes_on,
    _prefix,
    _several,
    _relatives,
    _sampled,
)
