r"""A noisy judge of process reward: how far one can plan.

The judge calls a legal step illegal with probability ``alpha`` (a false alarm) and an illegal one
with probability ``beta`` (a detection); each call costs 1.  In expectation, toward a target ``i``,

    (J)  f(j)[k] = ([k = i] + [k != i] V(k)) - (alpha if j -> k else beta),    V(j) = max_k f(j)[k].

For ``0 < alpha <= beta``, with d the distance from j to i (infinite if out of reach):
(a) ``V(j) = max(1 - alpha d, 1 - beta)``, the only solution on every graph, cycles included.
(b) From any start ``V_0`` sweeps are there after ``max(1, far, (max V_0 - 1 + beta) / alpha)`` of
them, rounded up; ``far`` is the largest finite distance.
(c) Let ``h = beta / alpha``.  Greedy steps from j are the legal ones to nodes one step nearer if
``d < h`` or ``d = 1``; these and the illegal jump onto i if ``d = h > 1``; else that jump alone.
(d) ``f`` is the table of a perfect judge with step cost ``c = alpha / (beta - alpha)``, at scale
``beta - alpha`` (for ``alpha < beta``).
(e) ``alpha = 0``: ``1 - beta (2 - A - R)``, so A and R at scale ``beta``, from low starts.
(f) Judged at a share m of the steps: ``1 + m (f - 1)``, so the same greedy steps.
(g) ``0 < beta <= alpha``: (a) with legal and illegal steps in each other's place.
(h) With rare false alarms, ``alpha d < beta``, greedy walks arrive in d steps; without any they
wander, on and off shortest paths, unless every correct step is on one.
(i) A judge with a graph J of its own and no noise: ``A_J + R_J - 1``, whatever the graph is.

=========================  =========================================  ==============
symbol                     here                                       shape
=========================  =========================================  ==============
alpha, beta                ``false_alarm``, ``detection``             numbers
V                          ``values``                                 (n,)
f                          ``table``                                  (n, n)
d                          ``exact.distances``                        (n,)
h                          ``reach``                                  a number
=========================  =========================================  ==============

Ours; Wang et al., arXiv 2509.22613, have alpha = 0 and beta = 1 (their Theorem 5.2).
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, inapplicable
from planlib.graph import erdos_renyi
from theorems import formal
from theorems.basins import graphs_of
from theorems.hypotheses import Hypothesis
from theorems.judge_noise import LONG_READINGS as OF_NOISE
from theorems.judge_noise import NOISE
from theorems.judge_reach import judged_table as judged_table
from theorems.judge_reach import predicted_by_distance as predicted_by_distance
from theorems.judge_runs import CHECKS as ON_TRANSFORMERS
from theorems.judge_runs import LONG_READINGS as OF_RUNS
from theorems.small_graphs import as_float
from theorems.solving import adjacency_of, holds, rational
from theorems.unknown_graphs import is_max
from theorems.walks import uniform_rows

claim = claims("judge")

# --- (a), (g): solver, all graphs, all values and both rates at once -----------------------------


def ordered(a, b):
    """False alarms cost something, and a detection at least as much."""
    return z3.And(a > 0, a <= b)


def free_steps(a, b):
    """Mistake: legal steps may cost nothing."""
    return z3.And(a >= 0, a <= b, b > 0)


def any_order(a, b):
    """Mistake: it is enough that both cost something."""
    return z3.And(a > 0, b > 0)


def swapped(a, b):
    """Legal steps are called at least as often as illegal ones."""
    return z3.And(b > 0, b <= a)


@dataclass(frozen=True)
class Stated:
    """What V is, and for which rates: ``complement`` counts distances along illegal steps."""

    rates: Callable = ordered
    jump: bool = True
    complement: bool = False

    def __call__(self, edge: dict, v: list, a, b) -> z3.BoolRef:
        """V has the stated form; distances case by case, so that all stays linear."""
        n, others = len(v) + 1, range(len(v))
        cheap, dear = (b, a) if self.complement else (a, b)
        step = {jk: z3.Not(e) if self.complement else e for jk, e in edge.items()}
        within = {(j, 1): step[j, n - 1] for j in others}
        for d in range(2, n):
            for j in others:
                ways = (z3.And(step[j, k], within[k, d - 1]) for k in others if k != j)
                within[j, d] = z3.Or(within[j, d - 1], *ways)
        stated = []
        for j in others:
            walks = [(within[j, d], 1 - cheap * d) for d in range(1, n)]
            # Without the jump only who cannot walk to the target pays for it.
            jump = z3.BoolVal(True) if self.jump else z3.Not(within[j, n - 1])
            stated.append(is_max(v[j], [(jump, 1 - dear), *walks]))
        return z3.And(*stated)


def bellman_equation(edge: dict, v: list, a, b) -> z3.BoolRef:
    """(J) as it stands, staying at a node included."""
    true, target, equations = z3.BoolVal(True), len(v), []
    for j in range(len(v)):
        steps = [(true, 1 - z3.If(edge[j, target], a, b)), (true, v[j] - b)]
        steps += [(true, v[k] - z3.If(edge[j, k], a, b)) for k in range(len(v)) if k != j]
        equations.append(is_max(v[j], steps))
    return z3.And(*equations)


def judged(rows, values, target: int, alpha, beta) -> list:
    """One sweep of (J) by :func:`planlib.exact.judged_bellman`, on values: ``(n,)`` to ``(n,)``."""
    n = len(rows)
    table = exact.judged_bellman(rows, [[v] * n for v in values], target, alpha, beta)
    return [max(row) for row in table]


def _decided(stated: Stated, size: str) -> Finding:
    largest = 4 if size == "small" else 6
    tally, first = Tally("questions", failed="refuted", undecided="undecided"), ""
    for n in range(2, largest + 1):
        edge = {(j, k): z3.Bool(f"edge_{j}_{k}") for j in range(n) for k in range(n) if j != k}
        v, (a, b) = [z3.Real(f"V_{j}") for j in range(n - 1)], z3.Reals("alpha beta")
        equation = bellman_equation(edge, v, a, b)
        solver = z3.Solver()
        solver.set("timeout", 240_000)
        solver.add(stated.rates(a, b), equation != stated(edge, v, a, b))
        found = solver.check()
        tally.add("questions", holds(found))
        if found == z3.sat and not first:
            model = solver.model()
            rows, rates = adjacency_of(model, edge, n), [rational(model, x) for x in (a, b)]
            values = [rational(model, x) for x in v]
            # The counterexample again, by code that knows nothing of the solver.
            solves = judged(rows, [*values, fmpq(0)], n - 1, *rates)[:-1] == values
            assert z3.is_true(model.eval(equation, True)) == solves
            first = f", first on {n} nodes"  # not the model itself, which may differ by version
    return tally.finding(
        f"z3, the negated equivalence: all graphs on 2 to {largest} nodes, edges, real values and both real rates free at once, the target the last "
        "node (labels are arbitrary); 240 s a question; refutations confirmed in exact rationals",
        note=first,
    )


_solutions = claim(
    "solutions",
    "solver",
    Stated(),
    {
        "without the illegal jump": Stated(jump=False),
        "legal steps may cost nothing": Stated(free_steps),
        "whatever costs more": Stated(any_order),
    },
    title="(a) For 0 < alpha <= beta exactly one V solves the equation on every graph: max(1 - alpha d, 1 - beta).",
)(_decided)

_swapped = claim(
    "swapped",
    "solver",
    Stated(swapped, complement=True),
    {"by the graph's own distance": Stated(swapped)},
    title="(g) For 0 < beta <= alpha the same holds of the graph's complement: what is planned are illegal steps.",
)(_decided)

# --- (b), (c): every graph, exact ----------------------------------------------------------------

# Horizons 1, 1, 3/2, 3/2, 2, 2, 9/4, 3, 10/3, 5, 10: ties and none.
RATES = tuple(
    (fmpq(*a), fmpq(*b))
    for a, b in (
        ((1, 5), (1, 5)), ((1, 1), (1, 1)), ((2, 5), (3, 5)), ((1, 3), (1, 2)), ((1, 2), (1, 1)), ((1, 4), (1, 2)),
        ((2, 5), (9, 10)), ((1, 3), (1, 1)), ((3, 20), (1, 2)), ((1, 5), (1, 1)), ((1, 10), (1, 1)),
    )
)  # fmt: skip
ILLEGAL, LOST = "illegal", "lost"


def far_graphs(size: str) -> Iterator[tuple]:
    """The graphs of a size, then paths of up to 7 nodes with a way back, and random digraphs on 5 to 7."""
    yield from graphs_of(size)
    for n in (5, 6, 7) if size == "full" else (7,):
        yield tuple(
            tuple(int(k == j + 1 or (j, k) == (n - 2, 0)) for k in range(n)) for j in range(n)
        )
    rng = random.Random(81)
    for n in (5, 6, 7):
        for _ in range(1 if size == "small" else 20):
            p, seed = rng.uniform(0.1, 0.4), rng.randrange(10**6)
            yield tuple(map(tuple, erdos_renyi(n, p, False, seed).adjacency.astype(int).tolist()))


def closed_form(away: list, alpha, beta) -> list:
    """(a): ``max(1 - alpha d, 1 - beta)`` at each node, by its distance; 0 at the target itself."""
    return [
        fmpq(0) if d == 0 else 1 - beta if d is None else max(1 - alpha * d, 1 - beta) for d in away
    ]


@dataclass(frozen=True)
class Settled:
    """Sweeps of one start: the rates, the largest of the start, when V was there, and the table."""

    rows: tuple
    target: int
    away: tuple
    alpha: fmpq
    beta: fmpq
    top: fmpq
    sweeps: int | None
    table: tuple


@functools.cache
def settled(size: str) -> tuple[int, list[Settled]]:
    """How many graphs, and the sweeps of 20 random starts and rates for each target."""
    rng, graphs, found = random.Random(82), 0, []
    for rows in far_graphs(size):
        n, graphs = len(rows), graphs + 1
        for target in range(n):
            away = exact.distances(rows, target)
            for _ in range(20 if n < 5 else 5):
                alpha, beta = rng.choice(RATES)
                values = [fmpq(rng.randint(-9, 9), 3) for _ in range(n)]
                values[target] = fmpq(0)
                top = max(v for j, v in enumerate(values) if j != target)
                wanted, sweeps = closed_form(away, alpha, beta), 0
                while values != wanted and sweeps < 60:
                    values, sweeps = judged(rows, values, target, alpha, beta), sweeps + 1
                    values[target] = fmpq(0)
                there = sweeps if values == wanted else None
                table = exact.judged_bellman(rows, [[v] * n for v in values], target, alpha, beta)
                found.append(Settled(rows, target, tuple(away), alpha, beta, top, there, table))
    return graphs, found


def far_of(case: Settled) -> int:
    """Largest finite distance to the target, at least 1."""
    return max(1, *(d for d in case.away if d is not None))


def long_enough(case: Settled) -> int:
    """(b): until paths have arrived, and until what was too high has paid for it."""
    high = (case.top - 1 + case.beta) / case.alpha
    return max(far_of(case), math.ceil(as_float(high)))


def as_from_low(case: Settled):
    """Mistake: the largest distance is enough, as for a perfect judge from low starts."""
    return far_of(case)


def down_to_one(case: Settled):
    """Mistake: high starts have to come down to 1, the largest true value."""
    return max(far_of(case), math.ceil(as_float((case.top - 1) / case.alpha)))


@claim(
    "settles",
    "exhaustive",
    long_enough,
    {"the largest distance is enough": as_from_low, "high starts come down to 1": down_to_one},
    seeds=(81, 82),
)
def _settles(stated: Callable, size: str) -> Finding:
    """(b) From any start sweeps end at V, after max(1, far, (max V_0 - 1 + beta) / alpha) of them at most."""
    graphs, found = settled(size)
    tally = Tally("graphs", "starts")
    tally.add("graphs", count=graphs)
    for case in found:
        tally.add("starts", case.sweeps is not None and case.sweeps <= stated(case))
    return tally.finding(_scope(size) + ": V is reached, and after how many sweeps; exact")


def _scope(size: str) -> str:
    return (
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), every target, 20 random rational starts in [-3, 3] each, each with rates drawn from "
        f"{len(RATES)} pairs (beta / alpha from 1 to 10); paths with a way back and random digraphs on up to 7 nodes, 5 starts a target"
    )


def greedy_ends(rows, table, target: int, source: int) -> set:
    """How greedy walks end, ties broken in every way: after so many legal steps, illegal or lost."""
    ends, now = set(), {source}
    for steps in range(1, len(rows) + 1):
        after = set()
        for j in now:
            best = max(table[j])
            for k in (k for k, x in enumerate(table[j]) if x == best):
                if not rows[j][k]:
                    ends.add(ILLEGAL)
                elif k == target:
                    ends.add(steps)
                else:
                    after.add(k)
        now = after
    return ends | ({LOST} if now else set())


def ends_within(d: int | None, reach) -> set:
    """(c): the distance if it is below the horizon or 1, a tie with the jump on it, the jump beyond."""
    if d is None or (d > 1 and d > reach):
        return {ILLEGAL}
    return {d, ILLEGAL} if d > 1 and d == reach else {d}


def planned(case: Settled, j: int) -> set:
    """(c) with the horizon beta / alpha."""
    return ends_within(case.away[j], case.beta / case.alpha)


def no_tie(case: Settled, j):
    """Mistake: on the horizon walking still wins."""
    ends = planned(case, j)
    return ends - {ILLEGAL} if len(ends) > 1 else ends


def as_step_cost(case: Settled, j):
    """Mistake: a false alarm of alpha is a step cost of alpha, whose horizon is 1 + 1 / alpha."""
    return ends_within(case.away[j], 1 + 1 / case.alpha)


def if_reachable(case: Settled, j):
    """Mistake: whoever can reach the target walks there, since any legal step costs less."""
    return {case.away[j] or ILLEGAL}


def any_correct(case: Settled, j):
    """Mistake: all correct ways tie within the horizon, as they do without false alarms."""
    ends = planned(case, j)
    free = greedy_ends(case.rows, exact.structure(case.rows, case.target), case.target, j)
    return ends if ends == {ILLEGAL} else free | ends


@claim(
    "horizon",
    "exhaustive",
    planned,
    {
        "walking wins ties": no_tie,
        "1 + 1 / alpha, as of a step cost": as_step_cost,
        "whenever reachable": if_reachable,
        "any correct path": any_correct,
    },
    seeds=(81, 82),
)
def _horizon(stated: Callable, size: str) -> Finding:
    """(c) Greedy walks take shortest paths where d < beta / alpha or d = 1, tie with the jump at d = beta / alpha, and jump beyond."""
    graphs, found = settled(size)
    tally = Tally("graphs", "starting nodes")
    tally.add("graphs", count=graphs)
    beyond = ties = 0
    for case in found:
        for j in range(len(case.rows)):
            if j != case.target:
                ends = greedy_ends(case.rows, case.table, case.target, j)
                tally.add("starting nodes", stated(case, j) == ends)
                beyond += ends == {ILLEGAL} and case.away[j] is not None
                ties += len(ends) > 1
    assert beyond and ties  # both happen
    return tally.finding(
        _scope(size)
        + f": all ends of greedy walks, ties broken in every way; {beyond:,} starting nodes beyond the horizon and {ties:,} on it; exact"
    )


# --- (d), (e), (f): a step cost, misses alone, a share of the steps -------------------------------


def as_cost(alpha, beta):
    """(d): cost and scale."""
    return alpha / (beta - alpha), beta - alpha


def cost_alpha(alpha, beta):
    """Mistake: a false alarm costs alpha a step, and that is all."""
    return alpha, fmpq(1)


def cost_ratio(alpha, beta):
    """Mistake: in units of a detection."""
    return alpha / beta, beta


@claim(
    "step-cost",
    "exhaustive",
    as_cost,
    {"cost alpha, scale 1": cost_alpha, "cost alpha / beta, scale beta": cost_ratio},
    seeds=(83,),
)
def _step_cost(stated: Callable, size: str) -> Finding:
    """(d) A noisy judge is a perfect one with step cost alpha / (beta - alpha), at scale beta - alpha."""
    rng, tally = random.Random(83), Tally("graphs", "tables")
    for rows in graphs_of(size):
        n = len(rows)
        tally.add("graphs")
        for target in range(n):
            for _ in range(20):
                alpha, beta = rng.choice([r for r in RATES if r[0] < r[1]])
                cost, scale = stated(alpha, beta)
                table = [[fmpq(rng.randint(-9, 9), 3) for _ in range(n)] for _ in range(n)]
                scaled = [[1 + scale * (x - 1) for x in row] for row in table]
                one = exact.judged_bellman(rows, scaled, target, alpha, beta)
                other = exact.bellman(rows, table, target, step_cost=cost)
                same = one == [[1 + scale * (x - 1) for x in row] for row in other]
                tally.add("tables", same)
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target, 20 random rational tables each, one sweep by either equation; exact"
    )


@dataclass(frozen=True)
class Levels:
    """(e): the value of a step by legality and reach, and how far above the starts may lie."""

    level: Callable
    above: int = 0


def scaled_levels(a, r, beta):
    """Ours: each lack costs beta."""
    return 1 - beta * (2 - a - r)


def full_levels(a, r, beta):
    """Mistake: how often the judge notices does not matter."""
    return a + r - 1


def legality_scaled(a, r, beta):
    """Mistake: only legality is judged, so only legality is scaled."""
    return r - beta * (1 - a)


@claim(
    "scale",
    "exhaustive",
    Levels(scaled_levels),
    {
        "beta does not matter": Levels(full_levels),
        "reach keeps its scale": Levels(legality_scaled),
        "from starts up to 1 above": Levels(scaled_levels, above=1),
    },
    seeds=(84,),
)
def _scale(stated: Levels, size: str) -> Finding:
    """(e) With misses alone (alpha = 0) the table is 1 - beta (2 - A - R) from low starts: the structure at scale beta."""
    rng, tally = random.Random(84), Tally("graphs", "starts")
    for rows in graphs_of(size):
        n = len(rows)
        tally.add("graphs")
        for target in range(n):
            alive = exact.reaches(rows, target)
            far = max(d for d in exact.distances(rows, target) if d is not None)
            for _ in range(20):
                beta = fmpq(rng.randint(1, 20), 20)
                start = [
                    1 - beta * (1 - r) + stated.above - fmpq(rng.randint(0, 9), 3) for r in alive
                ]
                table = [[v] * n for v in start]
                for _ in range(max(far, 1) + 1):
                    table = exact.judged_bellman(rows, table, target, 0, beta)
                wanted = [
                    [stated.level(rows[j][k], int(alive[k]), beta) for k in range(n)]
                    for j in range(n)
                ]
                right = all(table[j] == wanted[j] for j in range(n) if j != target)
                tally.add("starts", right)
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target, 20 random rational starts below 1 - beta (1 - R) each, beta from 1/20 to 1, "
        "sweeps by the largest finite distance and one more; exact"
    )


def reach_stays(share):
    """(f): factors of the horizon, and of the gap between the best step and the next best."""
    return fmpq(1), share


def reach_shrinks(share):
    """Mistake: fewer steps judged, so a shorter horizon."""
    return share, share


def reach_grows(share):
    """Mistake: false alarms get rarer, so one can plan farther."""
    return 1 / share, share


def gaps_stay(share):
    """Mistake: in the mean over judged steps nothing changes."""
    return fmpq(1), fmpq(1)


def still(rows, target: int, alpha, beta) -> list:
    """Sweep from zeros until nothing changes: the table."""
    table, old = [[fmpq(0)] * len(rows) for _ in rows], None
    while table != old:
        table, old = exact.judged_bellman(rows, table, target, alpha, beta), table
    return table


def gaps(table, target: int) -> list:
    """Difference of the best and the next best value in each row off the target (0 if all tie)."""
    levels = [sorted(set(row))[-2:] for j, row in enumerate(table) if j != target]
    return [pair[-1] - pair[0] for pair in levels]


@claim(
    "share",
    "exhaustive",
    reach_stays,
    {
        "the horizon shrinks": reach_shrinks,
        "the horizon grows": reach_grows,
        "gaps stay": gaps_stay,
    },
    seeds=(81, 82, 85),
)
def _share(stated: Callable, size: str) -> Finding:
    """(f) Judged at a share m of the steps the horizon stays, and gaps shrink by m."""
    graphs, found = settled(size)
    rng, tally = random.Random(85), Tally("graphs", "tables")
    tally.add("graphs", count=graphs)
    for case in found[:: 1 if size == "small" else 4]:
        m, n = fmpq(rng.randint(1, 9), 10), len(case.rows)
        table = still(case.rows, case.target, m * case.alpha, m * case.beta)
        far, close = stated(m)
        right = gaps(table, case.target) == [close * g for g in gaps(case.table, case.target)]
        for j in range(n):
            if j != case.target and right:
                ends = ends_within(case.away[j], far * case.beta / case.alpha)
                right = greedy_ends(case.rows, table, case.target, j) == ends
        tally.add("tables", right)
    return tally.finding(
        _scope(size)
        + f", {'' if size == 'small' else 'one in 4 of them, '}shares 1/10 to 9/10, sweeps from zeros until they stand still: ends of greedy walks and gaps of rows; exact"
    )


# --- (h): a judge without false alarms wanders ----------------------------------------------------------


def only_shortest(rows, target: int, source: int) -> bool:
    """Ours: every correct step on the way is a step of a shortest path."""
    away, lead = exact.distances(rows, target), exact.leads(rows, target)
    return all(
        away[v] == away[u] - 1
        for u, row in enumerate(rows)
        for v, edge in enumerate(row)
        if edge and lead[source][u] and away[u] is not None and away[v] is not None
    )


def always(rows, target, source):
    """Mistake: the better the judge, the better the plan."""
    return True


def no_cycle(rows, target, source):
    """Mistake: it wanders on cycles alone."""
    return not any(exact.on_cycle(rows, target))


@claim("helps", "exhaustive", only_shortest, {"always": always, "iff no cycle": no_cycle})
def _helps(stated: Callable, size: str) -> Finding:
    """(h) With rare false alarms, alpha < beta / d, greedy walks arrive in d steps; without any they do for certain iff every correct step on the way is a shortest one."""
    tally = Tally("graphs", "problems")
    for rows in far_graphs(size):
        n = len(rows)
        tally.add("graphs")
        for target in range(n):
            table = still(rows, target, fmpq(1, n), fmpq(1))  # its horizon is n
            best = [[int(x == max(row)) for x in row] for row in table]
            noisy = [[fmpq(x, sum(row)) for x in row] for row in best]
            by_both = [
                exact.success_probabilities(rows, {target: policy}, target, n)
                for policy in (noisy, uniform_rows(rows, target))
            ]
            for j, d in enumerate(exact.distances(rows, target)):
                if d:
                    with_alarms, without = (by_time[d][j] == 1 for by_time in by_both)
                    tally.add("problems", with_alarms and without == stated(rows, target, j))
    return tally.finding(
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), paths with a way back and random digraphs on up to 7, every problem: chance to arrive in as many steps as "
        "the distance, policies uniform over ties, alpha 1/n and 0 (from low starts), beta 1; exact"
    )


# --- hypotheses -----------------------------------------------------------------------------------


ONE, THIRD = fmpq(1), fmpq(1, 3)


@dataclass(frozen=True)
class Instance:
    """Sweeps toward the last node from rows of constant value, with what each call costs in the mean.

    ``remembered`` are edges that are called illegal always or never, in the mean as often as
    ``alpha`` says; ``forgotten`` is an entry that is never updated.
    """

    rows: tuple = ((0, 1, 0), (1, 0, 1), (0, 0, 0))
    start: tuple = (3, 3, 0)
    alpha: fmpq = THIRD
    beta: fmpq = ONE
    remembered: tuple = ()
    forgotten: tuple | None = None


def residual(instance: Instance) -> float:
    """Largest distance of V from (a) after many sweeps."""
    rows, target = instance.rows, len(instance.rows) - 1
    table = [[fmpq(v)] * len(rows) for v in instance.start]
    for _ in range(60):
        new = exact.judged_bellman(rows, table, target, instance.alpha, instance.beta)
        for (j, k), called in instance.remembered:
            new[j][k] += instance.alpha - called
        if instance.forgotten:
            j, k = instance.forgotten
            new[j][k] = table[j][k]
        table = new
    wanted = closed_form(exact.distances(rows, target), instance.alpha, instance.beta)
    return max(as_float(abs(max(table[j]) - wanted[j])) for j in range(target))


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("false alarms", "A legal step costs something: alpha > 0.",
         lambda x: x.alpha > 0, Instance(alpha=fmpq(0))),
        ("better than chance", "A legal step costs no more than an illegal one: alpha <= beta.",
         lambda x: x.alpha <= x.beta, Instance(beta=fmpq(1, 4))),
        ("independent calls", "The judge draws each call anew; here of three edges it always calls the same one.",
         lambda x: not x.remembered,
         Instance(remembered=(((0, 1), fmpq(0)), ((1, 0), fmpq(0)), ((1, 2), fmpq(1))))),
        ("persistent exploration", "Every entry is updated again and again.",
         lambda x: x.forgotten is None, Instance(forgotten=(1, 0))),
    )
)  # fmt: skip


LONG_READINGS = (*OF_NOISE, *OF_RUNS)
CHECKS = (
    formal.proved(
        "judge",
        "Judge",
        "For every number of nodes and all rates with 0 < alpha <= beta: no other values than these solve the judge's equation.",
    ),
    _solutions,
    _swapped,
    _settles,
    _horizon,
    _step_cost,
    _scale,
    _share,
    _helps,
    *NOISE,
    *ON_TRANSFORMERS,
    *inapplicable(
        "judge",
        symbolic="a maximum over entries, piecewise linear; the solver decides every case of it at once, for all rates",
        certified="linear inequalities between rationals, decided exactly by the solver and exhaustive rungs",
    ),
)
