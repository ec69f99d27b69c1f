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
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy as sp
import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims
from theorems import formal
from theorems.hypotheses import Hypothesis
from theorems.small_graphs import as_float
from theorems.soft_going_on import GOING_ON, exponential_table
from theorems.soft_relatives import RELATIVES
from theorems.soft_runs import CHECKS as ON_TRANSFORMERS
from theorems.soft_runs import LONG_READINGS as OF_RUNS
from theorems.soft_sampled import SAMPLED, sampled
from theorems.soft_solved import (
    BASES,
    ROUNDING,
    SOLVED,
    instances,
    others,
    scope_of,
    soft,
    soft_sweep,
    success_by_flint,
    tilted_success,
)
from theorems.solving import holds, rational
from theorems.symbols import is_zero
from theorems.unknown_graphs import read_model, unknown

claim = claims("soft")

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
    """With an entropy bonus in place of the base (no 1/n) what solves the equation is positive, and so a value, just where no cycle avoids the target."""
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


LONG_READINGS = (SAMPLED, *OF_RUNS)
CHECKS = (
    formal.proved(
        "soft",
        "Soft",
        "For every number of nodes: one solution, in closed form; success with odds raised by one factor; right answers in the base's proportions.",
    ),
    *SOLVED,
    _success,
    _kept,
    _limits,
    _optimum,
    _entropy,
    *GOING_ON,
    *RELATIVES,
    sampled,
    *ON_TRANSFORMERS,
)
