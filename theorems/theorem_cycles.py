r"""Where Theorems 5.2 and 5.3 stop holding: legal cycles that avoid the target.

Fix a target ``i``; ``r_j = R[i, j]``.  Fixed points of undiscounted Q-learning with
process reward are ``f(i, j)[k] = A[j, k] - 1 + ([k = i] or V(k))`` with

    (*)  V(j) = max(A[j, i], max_{j -> k} V(k), max_k V(k) - 1),    j, k != i.

(a) V solves (*) iff, with ``M`` the largest of all ``r_j`` and all values on cycles of
``G - i``: values on cycles are at least ``max(r, M - 1)`` and do not increase along legal
steps; elsewhere V is the largest of ``r_j``, ``M - 1`` and the cycle values it leads to.
(b) ``V = R`` is the least solution.  (c) It is the only one iff ``G - i`` is acyclic.
(d) From row maxima ``V_0 <= R`` synchronous sweeps reach R after the largest finite distance.
(e) Synchronous sweeps from ``V_0`` reach R iff ``V_0(e) <= r_c + [c does not lead to e]``
for every c on a cycle of ``G - i`` and every e; then asynchronous updates reach it too.

=========================  =========================================  ==============
symbol                     here                                       shape
=========================  =========================================  ==============
V                          ``values``                                 (n,)
r                          ``exact.reaches``                          (n,)
leads to, in G - i         ``exact.leads``                            (n, n)
on a cycle of G - i        ``exact.on_cycle``                         (n,)
=========================  =========================================  ==============

Ours; it bounds Theorems 5.2 and 5.3 of Wang et al., arXiv 2509.22613.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide, inapplicable, interval
from planlib.graph import blocksworld, erdos_renyi
from planlib.models import TabularModel
from planlib.studies import CYCLIC, Q, RunConfig, with_cycles
from planlib.study import READ_OUT, load_run
from planlib.train import QLearningConfig, train_q_learning
from theorems.hypotheses import Hypothesis
from theorems.small_graphs import as_float, digraph_classes, is_acyclic
from theorems.solving import adjacency_of, closure, holds, rational
from theorems.sweeps import largest_error, structure_error, swept


def sweep(adjacency, values, target: int, discount=1, step_cost=0) -> list:
    """One synchronous sweep of (*), by :func:`planlib.exact.bellman`: ``(n,)`` to ``(n,)``."""
    n = len(adjacency)
    rows = [[v] * n for v in values]
    return [max(row) for row in exact.bellman(adjacency, rows, target, discount, step_cost)]


claim = claims("cycles")

# --- (a), (b): solver, all graphs and all real values at once ----------------------------------


@dataclass(frozen=True)
class Unknown:
    """A graph, its relations in ``G - i`` and values, all unknown to the solver; the target is last."""

    n: int
    edge: dict  # (j, k) -> Bool
    r: list  # 0 or 1, as reals
    lead: dict  # (j, k) -> Bool, off the target
    cycle: list  # Bool
    v: list

    @property
    def others(self) -> range:
        """The nodes that are not the target."""
        return range(self.n - 1)


def _unknown(n: int) -> Unknown:
    others, target = range(n - 1), n - 1
    edge = {(j, k): z3.Bool(f"edge_{j}_{k}") for j in range(n) for k in range(n) if j != k}
    lead = closure(edge, others)
    reach = [z3.Or(*(z3.And(lead[j, k], edge[k, target]) for k in others)) for j in others]
    cycle = [z3.Or(*(z3.And(edge[j, k], lead[k, j]) for k in others if k != j)) for j in others]
    r = [z3.If(x, z3.RealVal(1), z3.RealVal(0)) for x in reach]
    return Unknown(n, edge, r, lead, cycle, [z3.Real(f"V_{j}") for j in others])


def _is_max(x, candidates) -> z3.BoolRef:
    """``x`` is the largest of the candidates ``(present, value)``."""
    above = (z3.Implies(present, x >= value) for present, value in candidates)
    return z3.And(*above, z3.Or(*(z3.And(present, x == value) for present, value in candidates)))


def _fixed(u: Unknown) -> z3.BoolRef:
    """(*), as it stands."""
    true, target = z3.BoolVal(True), u.n - 1
    equations = []
    for j in u.others:
        candidates = [(true, z3.If(u.edge[j, target], z3.RealVal(1), z3.RealVal(0)))]
        candidates += [(u.edge[j, k], u.v[k]) for k in u.others if k != j]
        candidates += [(true, u.v[k] - 1) for k in u.others]
        equations.append(_is_max(u.v[j], candidates))
    return z3.And(*equations)


@dataclass(frozen=True)
class Description:
    """Part (a): which values solve (*); a mistake leaves one of its parts out."""

    at_least_r: bool = True
    at_least_m_less_one: bool = True
    downward: bool = True
    cycles_decide: bool = True

    def __call__(self, u: Unknown, m) -> z3.BoolRef:
        """The described set, ``m`` the largest value of (a)."""
        true, parts = z3.BoolVal(True), []
        for j in u.others:
            on = []
            if self.at_least_r:
                on.append(u.v[j] >= u.r[j])
            if self.at_least_m_less_one:
                on.append(u.v[j] >= m - 1)
            if self.downward:
                on += [
                    z3.Implies(z3.And(u.cycle[k], u.lead[j, k]), u.v[j] >= u.v[k]) for k in u.others
                ]
            off = [(true, u.r[j]), (true, m - 1)]
            if self.cycles_decide:
                off += [(z3.And(u.cycle[k], u.lead[j, k]), u.v[k]) for k in u.others if k != j]
            parts.append(z3.If(u.cycle[j], z3.And(*on), _is_max(u.v[j], off)))
        return z3.And(*parts)


def _model(u: Unknown, model):
    """Read a graph and values out of the solver's model, as exact rationals."""
    return adjacency_of(model, u.edge, u.n), [rational(model, x) for x in u.v]


def solves(adjacency, values, target: int) -> bool:
    """Whether ``values`` (off the target) solve (*), in exact numbers."""
    return sweep(adjacency, [*values, 0], target)[:-1] == list(values)


@claim(
    "solutions",
    "solver",
    Description(),
    {
        "values below R allowed": Description(at_least_r=False),
        "values below M - 1 allowed": Description(at_least_m_less_one=False),
        "values may rise along legal steps": Description(downward=False),
        "cycles do not decide elsewhere": Description(cycles_decide=False),
    },
)
def _described(stated: Description, size: str) -> Finding:
    """(a) Which values solve the Bellman equation, on all graphs."""
    largest = 5 if size == "small" else 6
    tally, first = Tally("questions", failed="refuted", undecided="undecided"), ""
    for n in range(2, largest + 1):
        u, m = _unknown(n), z3.Real("M")
        fixed, described = _fixed(u), stated(u, m)
        # M is a function of the values: name it, then ask for a difference in either direction.
        candidates = [(z3.BoolVal(True), x) for x in u.r] + list(zip(u.cycle, u.v, strict=True))
        solver = z3.Solver()
        solver.set("timeout", 240_000)
        solver.add(_is_max(m, candidates), fixed != described)
        found = solver.check()
        tally.add("questions", holds(found))
        if found == z3.sat:
            rows, values = _model(u, solver.model())
            # The counterexample again, by code that knows nothing of the solver.
            fixed = z3.is_true(solver.model().eval(fixed, True))
            assert solves(rows, values, n - 1) == fixed
            word = "solves (*) undescribed" if fixed else "is described and does not solve (*)"
            first = first or f"; on {n} nodes some V {word}"
    return tally.finding(
        f"z3, the negated equivalence: all graphs on 2 to {largest} nodes, edges and real values free at once, the target the "
        "last node (labels are arbitrary); 240 s a question; refutations confirmed in exact rationals",
        note=first,
    )


@dataclass(frozen=True)
class Bound:
    """A claim about every solution, under a condition on the graph: each a function of ``Unknown``."""

    holds: Callable
    given: Callable | None = None


def at_least_reachability(u: Unknown):
    """Part (b): every solution is at least R."""
    return z3.And(*(v >= r for v, r in zip(u.v, u.r, strict=True)))


def equal_to_reachability(u: Unknown):
    """Part (c), with acyclic G - i: the solution is R."""
    return z3.And(*(v == r for v, r in zip(u.v, u.r, strict=True)))


def off_target_acyclic(u: Unknown):
    """No node lies on a legal cycle that avoids the target."""
    return z3.Not(z3.Or(*u.cycle))


def at_most_one(u: Unknown):
    """Mistake: a value is the chance of a success, so at most 1."""
    return z3.And(*(v <= 1 for v in u.v))


def all_reach(u: Unknown):
    """Mistake: it is enough that every node can reach the target."""
    return z3.And(*(r == 1 for r in u.r))


@claim(
    "least",
    "solver",
    (Bound(at_least_reachability), Bound(equal_to_reachability, off_target_acyclic)),
    {
        "at most 1": (Bound(at_most_one),),
        "the only one on all graphs": (Bound(equal_to_reachability),),
        "the only one where all reach the target": (Bound(equal_to_reachability, all_reach),),
    },
)
def _bounded(claims: tuple[Bound, ...], size: str) -> Finding:
    """(b), (c) R is the least solution, and the only one if G - i is acyclic."""
    largest = 4 if size == "small" else 6
    tally, refuted = Tally("questions", failed="refuted", undecided="undecided"), []
    for n, stated in itertools.product(range(2, largest + 1), claims):
        u = _unknown(n)
        solver = z3.Solver()
        solver.set("timeout", 240_000)
        solver.add(_fixed(u), z3.Not(stated.holds(u)))
        if stated.given:
            solver.add(stated.given(u))
        found = solver.check()
        tally.add("questions", holds(found))
        if found == z3.sat:
            rows, values = _model(u, solver.model())
            assert solves(rows, values, n - 1)
            refuted.append(n)
    return tally.finding(
        f"z3, the negated claim: all graphs on 2 to {largest} nodes, edges and real values free at once; 240 s a question; "
        "refutations confirmed in exact rationals",
        note=f", first on {refuted[0]} nodes" if refuted else "",
    )


# --- (c): every graph, a second solution wherever a cycle avoids the target ---------------------


def every_cycle_hamiltonian(adjacency) -> bool:
    """Part (c): all targets at once have one solution iff every legal cycle visits every node."""
    n = len(adjacency)
    graph = nx.from_numpy_array(np.array(adjacency), create_using=nx.DiGraph)
    return all(len(cycle) == n for cycle in nx.simple_cycles(graph))


def one_cycle_at_most(adjacency) -> bool:
    """Mistake: a single cycle can be broken by the target's own rows."""
    graph = nx.from_numpy_array(np.array(adjacency), create_using=nx.DiGraph)
    return len(list(nx.simple_cycles(graph))) <= 1


def constant_on_cycles(adjacency, target: int, height) -> list:
    """The solution of (a) that is ``height >= 1`` on every cycle of ``G - i``: shape ``(n,)``."""
    n, alive = len(adjacency), exact.reaches(adjacency, target)
    lead, cycle = exact.leads(adjacency, target), exact.on_cycle(adjacency, target)
    leads_to_one = [any(lead[j][c] and cycle[c] for c in range(n)) for j in range(n)]
    top = height if any(cycle) else max(alive[j] for j in range(n) if j != target)
    values = [
        height if x else max(int(r), top - 1) for x, r in zip(leads_to_one, alive, strict=True)
    ]
    values[target] = 0
    return values


def _graphs(size: str):
    return (g for n in range(2, 4 if size == "small" else 5) for g in digraph_classes(n))


@claim(
    "unique",
    "exhaustive",
    every_cycle_hamiltonian,
    {"iff acyclic": is_acyclic, "iff at most one cycle": one_cycle_at_most},
)
def _unique(stated, size: str) -> Finding:
    """(c) A constant on the cycles of G - i is a second solution; no target has one iff every cycle is Hamiltonian."""
    tally = Tally("graphs")
    for adjacency in _graphs(size):
        n, unique, solved = len(adjacency), True, True
        for target in range(n):
            goal = [int(r) for r in exact.reaches(adjacency, target)]
            goal[target] = 0
            second = constant_on_cycles(adjacency, target, fmpq(5, 2))
            for values in (goal, second):
                moved = sweep(adjacency, values, target)
                solved &= all(moved[j] == values[j] for j in range(n) if j != target)
            unique &= second == goal
        tally.add("graphs", solved and unique == stated(adjacency))
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target: V = R and V = 5/2 on the cycles of G - i solve (*), and "
        "the two are one and the same for all targets iff every legal cycle is Hamiltonian; exact",
    )


# --- (d), (e): which starts find R --------------------------------------------------------------


def in_basin(adjacency, start, target: int) -> bool:
    """Part (e): ``V_0(e) <= r_c + [c does not lead to e]`` for c on cycles of G - i and all e."""
    n, alive = len(adjacency), exact.reaches(adjacency, target)
    lead, cycle = exact.leads(adjacency, target), exact.on_cycle(adjacency, target)
    return all(
        start[e] <= int(alive[c]) + (not lead[c][e])
        for c in range(n)
        for e in range(n)
        if cycle[c] and e != target
    )


def below_reachability(adjacency, start, target):
    """Mistake: it needs a start below R everywhere (enough, by (d), but not needed)."""
    alive = exact.reaches(adjacency, target)
    return all(start[e] <= alive[e] for e in range(len(adjacency)) if e != target)


def low_on_cycles(adjacency, start, target):
    """Mistake: it is enough that cycles start at or below R."""
    alive, cycle = exact.reaches(adjacency, target), exact.on_cycle(adjacency, target)
    return all(start[c] <= alive[c] for c in range(len(adjacency)) if cycle[c])


def no_allowance(adjacency, start, target):
    """Mistake: what a cycle cannot lead to counts as much as what it can."""
    n, alive = len(adjacency), exact.reaches(adjacency, target)
    cycle = exact.on_cycle(adjacency, target)
    return all(
        start[e] <= int(alive[c]) for c in range(n) for e in range(n) if cycle[c] and e != target
    )


HALVES = (-2, 0, 1, 2, 3, 4, 5)  # starting values -1, 0, 1/2, 1, 3/2, 2, 5/2, in halves


def sweep_halves(adjacency: np.ndarray, starts: np.ndarray, target: int, sweeps: int) -> np.ndarray:
    """Sweep many starts at once in integers, one unit a half: ``(m, n)`` to ``(m, n)``."""
    others = [j for j in range(len(adjacency)) if j != target]
    a = adjacency[np.ix_(others, others)]
    onto, v = 2 * adjacency[others, target], starts[:, others]  # (n-1,), (m, n-1)
    for _ in range(sweeps):
        v = np.maximum(onto, (v[:, None, :] + 2 * a - 2).max(-1))
    values = np.zeros_like(starts)
    values[:, others] = v
    return values


@claim(
    "basin",
    "exhaustive",
    in_basin,
    {
        "only from below R": below_reachability,
        "low on cycles is enough": low_on_cycles,
        "nothing may exceed a cycle's R": no_allowance,
    },
    seeds=(31,),
)
def _basin(stated, size: str) -> Finding:
    """(e) From which starts the sweeps reach R."""
    rng = random.Random(31)
    tally = Tally("starts")
    largest = 0
    graphs = list(_graphs("full"))
    extra = 0 if size == "small" else 150
    for n in (5, 6, 7):  # beyond the classes: random graphs, sparse to dense
        graphs += [
            erdos_renyi(n, rng.uniform(0.1, 0.5), False, rng.randrange(10**6)).adjacency.astype(int)
            for _ in range(extra)
        ]
    for adjacency in graphs:
        matrix, n = np.array(adjacency), len(adjacency)
        largest = max(largest, n)
        # Targets of one class: on random graphs one is enough, nodes are alike.
        for target in range(n) if n < 5 else (0,):
            if n < 5:
                grid = HALVES[1:5] if size == "small" else HALVES if n < 4 else (0, 1, 2, 3, 5)
                values = itertools.product(grid, repeat=n - 1)
                starts = [[*v[:target], 0, *v[target:]] for v in values]
            else:
                starts = [[0, *rng.choices(HALVES[1:5], k=n - 1)] for _ in range(200)]
                # Near the boundary, where the stated decides: most starts low, one high.
                starts += [
                    [0, *(rng.choice(HALVES) if k == e else 0 for k in range(1, n))]
                    for e in range(1, n)
                    for _ in range(4)
                ]
            goal = 2 * np.array(exact.reaches(adjacency, target))
            goal[target] = 0
            # A value above its end falls by 1 within every n sweeps, or never.
            ends = sweep_halves(matrix, np.array(starts), target, n * 5)
            rows = matrix.tolist()
            for start, end in zip(starts, ends, strict=True):
                safe = stated(rows, [fmpq(x, 2) for x in start], target)
                tally.add("starts", safe == bool((end == goal).all()))
    return tally.finding(
        "every digraph on up to 4 nodes (one a class), every target, starting values "
        + (
            "0 to 3/2 in halves"
            if size == "small"
            else "0, 1/2, 1, 3/2 and 5/2 (below 4 nodes -1 to 5/2 in halves); "
            f"{3 * extra} random digraphs on 5 to 7 nodes, starts from -1 to 5/2"
        )
        + "; exact integers",
    )


def largest_distance(far: int) -> int:
    """Part (d): from starts below R, the largest finite distance."""
    return far


def one_less(far):
    """Mistake: the last step onto the target needs no sweep."""
    return far - 1


@dataclass(frozen=True)
class Low:
    """Part (d): sweeps that are enough, and where the start may lie."""

    sweeps: Callable = largest_distance
    above: int = 0


def one_by_one(adjacency, start, target: int, rounds: int, rng: random.Random) -> list[list]:
    """Table after rounds of updates of single entries, each round in its own random order.

    Rows start at the constants ``start``; an entry is updated as :func:`planlib.exact.bellman` would.
    """
    n = len(adjacency)
    table = [[v] * n for v in start]
    entries = [(j, k) for j in range(n) for k in range(n) if j != target]
    for _ in range(rounds):
        for j, k in rng.sample(entries, len(entries)):
            table[j][k] = adjacency[j][k] - 1 + (1 if k == target else max(table[k]))
    return table


@claim(
    "low",
    "exhaustive",
    Low(),
    {"one sweep less": Low(one_less), "up to 1 above R": Low(above=1)},
    seeds=(32,),
)
def _low(stated: Low, size: str) -> Finding:
    """(d) From starts below R the largest finite distance is enough; single updates in random order reach it too."""
    rng = random.Random(32)
    tally = Tally("graphs", "starts")
    for adjacency in _graphs(size):
        tally.add("graphs")
        n = len(adjacency)
        for target, _ in itertools.product(range(n), range(20)):
            goal = [int(r) for r in exact.reaches(adjacency, target)]
            goal[target] = 0
            start = [r + stated.above - fmpq(rng.randint(0, 9), 3) for r in goal]
            start[target] = fmpq(0)
            far = max(d for d in exact.distances(adjacency, target) if d is not None)
            values = start
            for _ in range(max(1, stated.sweeps(far))):
                values = sweep(adjacency, values, target)
            # Asynchronously: single entries of the table, in a random order, round after round.
            table = one_by_one(adjacency, start, target, far + 2, rng)
            wanted = exact.structure(adjacency, target)
            tally.add(
                "starts",
                all(
                    values[j] == goal[j] and table[j] == wanted[j] for j in range(n) if j != target
                ),
            )
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target, 20 random rational starts below R each: V = R after the "
        "largest finite distance (at least 1); single entries in random order, distance plus two rounds: f = A + R - 1; exact",
    )


def anywhere(adjacency, start, target):
    """Mistake: any start will do, as on acyclic graphs."""
    return True


@claim(
    "orders",
    "exhaustive",
    in_basin,
    {"from any start": anywhere, "low on cycles is enough": low_on_cycles},
    seeds=(33,),
)
def _asynchronous(stated, size: str) -> Finding:
    """(e) Inside the basin single updates in random order reach A + R - 1."""
    rng = random.Random(33)
    tally = Tally("graphs", "starts")
    for adjacency in _graphs("full"):
        n = len(adjacency)
        if n < 3:
            continue
        tally.add("graphs")
        for target in range(n):
            found = 0
            for _ in range(40):
                start = [fmpq(rng.randint(-1, 4), 2) for _ in range(n)]
                if found == 3 or not stated(adjacency, start, target):
                    continue
                found += 1
                table = one_by_one(adjacency, start, target, 12, rng)
                wanted = exact.structure(adjacency, target)
                tally.add("starts", all(table[j] == wanted[j] for j in range(n) if j != target))
    assert tally.counts["starts"]  # there are starts in the basin
    return tally.finding(
        f"every digraph on 3 to {n} nodes (one a class), every target, up to 3 random starts inside the basin each, 12 rounds of "
        "single entries in random order; exact",
    )


# --- greedy -------------------------------------------------------------------------------------


def above_one(value) -> bool:
    """Where V > 1 no greedy step leads onto the target."""
    return value > 1


def from_one(value):
    """Mistake: already where V = 1."""
    return value >= 1


def negative(value):
    """Mistake: nowhere; the target is worth 1, and what is worth more leads to it."""
    return False


def arrives(adjacency, values, target: int) -> list[bool]:
    """Whether some greedy path, ties broken as you like, arrives from each node, within the table."""
    n = len(adjacency)
    table = exact.bellman(adjacency, [[v] * n for v in values], target)
    greedy = [[int(j != target and x == max(row)) for x in row] for j, row in enumerate(table)]
    return exact.reaches(greedy, target)


@claim("greedy", "exhaustive", above_one, {"from 1 on": from_one, "nowhere": negative})
def _greedy(stated, size: str) -> Finding:
    """Where V > 1 no greedy path arrives, and only there."""
    tally = Tally("graphs", "starting nodes")
    for adjacency in _graphs(size):
        n = len(adjacency)
        tally.add("graphs")
        for target, height in itertools.product(range(n), (1, fmpq(3, 2), 2, 4)):
            values = constant_on_cycles(adjacency, target, height)
            found = arrives(adjacency, values, target)
            alive = exact.reaches(adjacency, target)
            for j in range(n):
                if j != target and alive[j]:
                    tally.add("starting nodes", stated(values[j]) != found[j])
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), every target, the solutions that are 1, 3/2, 2 and 4 on the cycles of "
        "G - i, every node that can reach the target: some greedy path arrives iff V <= 1; exact",
    )


# --- remedies ------------------------------------------------------------------------------------

GAMMA = fmpq(9, 10)
COST = fmpq(1, 5)


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


def _remedy(claim: Limit, size: str) -> Finding:
    rng = random.Random(34)
    graphs = cases = 0
    worst = fmpq(0)
    longest = [[int(k == j + 1) for k in range(9)] for j in range(9)]  # a path longer than 1 + 1/c
    for adjacency in [*_graphs(size), longest]:
        graphs += 1
        n = len(adjacency)
        for target in range(n):
            distance = exact.distances(adjacency, target)
            goal = [fmpq(claim.value(distance[j])) for j in range(n) if j != target]
            for _ in range(2):
                values = [fmpq(rng.randint(-9, 9), 3) for _ in range(n)]
                for _ in range(60):
                    values = sweep(adjacency, values, target, claim.discount, claim.step_cost)
                cases += 1
                found = [v for j, v in enumerate(values) if j != target]
                worst = max(worst, *(abs(a - b) for a, b in zip(found, goal, strict=True)))
    bound = 10 * as_float(GAMMA**60) if claim.step_cost == 0 else 0
    return decide(
        as_float(worst) <= bound,
        f"{graphs} graphs, {cases:,} starts, largest distance from the limit {as_float(worst):.2g}",
        f"every digraph on up to 4 nodes (3 when small; one a class) and a path of 9, every target, 2 random rational starts in "
        f"[-3, 3], 60 sweeps; the bound is 10 gamma^60 = {10 * as_float(GAMMA**60):.2g} with discount 9/10, and 0 with step cost 1/5; exact",
    )


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


@dataclass(frozen=True)
class Stays:
    """What becomes of high values on cycles, under an algorithm: ``holds(largest on the cycles)``."""

    run: Callable
    holds: Callable


def high(value) -> bool:
    """Ours: values on cycles are still at least 2."""
    return value >= 2


def cured(value):
    """Mistake: they have come down to true values, at most 1."""
    return value <= 1


def with_double_q(adjacency, first, second, target):
    """Double Q-learning, 40 sweeps."""
    for _ in range(40):
        first, second = double_q(adjacency, first, second, target)
    return first


def with_target_network(adjacency, table, slow, target):
    """A target network that moves by a half, 40 sweeps."""
    for _ in range(40):
        table, slow = lagged(adjacency, slow, target)
    return table


def both(adjacency, first, second, target):
    """Entry by entry the lower of the two."""
    ends = [rule(adjacency, first, second, target) for rule in (with_double_q, with_target_network)]
    return [[min(pair) for pair in zip(*rows, strict=True)] for rows in zip(*ends, strict=True)]


def with_discount(adjacency, table, other, target):
    """A discount of 9/10, 40 sweeps: what does bring values down must be noticed."""
    for _ in range(40):
        table = exact.bellman(adjacency, table, target, GAMMA)
    return table


@claim(
    "no-remedy",
    "exhaustive",
    Stays(both, high),
    {
        "they cure it": Stays(both, cured),
        "with a discount": Stays(with_discount, high),
    },
    seeds=(35,),
)
def _no_remedy(stated: Stays, size: str) -> Finding:
    """Double Q-learning and a target network leave high values on cycles where they are."""
    rng = random.Random(35)
    tally = Tally("graphs", "targets with a cycle off them")
    for adjacency in _graphs(size):
        n = len(adjacency)
        tally.add("graphs")
        for target in range(n):
            cycle = exact.on_cycle(adjacency, target)
            if not any(cycle):
                continue
            # Two different tables, so that neither is a fixed point: 2 and up to a quarter more.
            tables = [
                [[2 + fmpq(rng.randint(0, 9), 36) for _ in range(n)] for _ in range(n)]
                for _ in "ab"
            ]
            for t in tables:
                t[target] = [fmpq(0)] * n
            ends = stated.run(adjacency, *tables, target)
            tally.add(
                "targets with a cycle off them",
                all(stated.holds(max(ends[c])) for c in range(n) if cycle[c]),
            )
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class): two different random tables between 2 and 9/4 (both of double Q, or the model "
        "and its average), values on the cycles of G - i after 40 sweeps; exact",
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
    for adjacency in _graphs(size):
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


# --- the tie at f*: expected lengths of the random walk ------------------------------------------


def uniform_rows(adjacency, target: int) -> list[list]:
    """The policy at ``f*``: uniform over ``C(i, j)``, one row a node, in exact rationals."""
    alive = exact.reaches(adjacency, target)
    correct = [[a and alive[k] for k, a in enumerate(row)] for row in adjacency]
    return [[fmpq(int(c), sum(row)) if any(row) else fmpq(0) for c in row] for row in correct]


def moves_over_degree(moves, degree, n):
    """Return time of a random walk on an undirected graph: all moves over the target's own."""
    return fmpq(moves, degree)


def number_of_states(moves, degree, n):
    """Mistake: one return in n steps, whatever the target."""
    return fmpq(n)


def edges_over_degree(moves, degree, n):
    """Mistake: each undirected edge counted once."""
    return fmpq(moves, 2 * degree)


@claim(
    "walk",
    "exhaustive",
    moves_over_degree,
    {
        "the number of states": number_of_states,
        "edges counted once": edges_over_degree,
    },
)
def _return_time(stated, size: str) -> Finding:
    """At A + R - 1 the policy walks at random: return times on Blocksworld."""
    graph = blocksworld(3 if size == "small" else 4)
    adjacency = graph.adjacency.astype(int).tolist()
    moves, worst, lengths = int(graph.adjacency.sum()), fmpq(0), []
    targets = range(graph.n) if size == "small" else range(0, graph.n, 6)
    for target in targets:
        steps = exact.expected_steps(uniform_rows(adjacency, target), target)
        degree = sum(adjacency[target])
        back = 1 + sum(steps[k] for k in range(graph.n) if adjacency[target][k]) / fmpq(degree)
        worst = max(worst, abs(back - stated(moves, degree, graph.n)))
        lengths.append(as_float(sum(steps, fmpq(0))) / (graph.n - 1))
    return decide(
        worst == 0,
        f"largest difference {as_float(worst):.3g}; mean expected length {np.mean(lengths):.1f} steps",
        f"Blocksworld with {3 if size == 'small' else 4} blocks ({graph.n} states), {len(lengths)} targets: one step and the expected steps "
        "back, by elimination in exact rationals, against the closed form for random walks on undirected graphs",
    )


# --- statistical: the sampled trainer on cyclic graphs -------------------------------------------

SEEDS = (0, 1, 2, 3)
MARGIN = 0.05  # largest error of a row, as for Theorem 5.2; set before the runs


@functools.cache
def sampled_error(seed: int, start: float, updates: int) -> float:
    """Largest ``|f - f*|`` of the tabular trainer on a graph of 4 nodes with cycles off its targets."""
    n = 4
    graph = erdos_renyi(n, 0.7, acyclic=False, seed=seed)
    model = TabularModel(n)
    noise = torch.randn(n, n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    with torch.no_grad():
        model.f.copy_(start - noise.abs())
    config = QLearningConfig(
        steps=updates, batch_size=128, learning_rate=1.0, optimizer="sgd", epsilon=0.9, temperature=1.0,
        target_decay=0.0, max_length=16,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    train_q_learning(model, graph, graph.reachable_pairs(), config, generator, progress=False)
    return largest_error(graph, model.f.detach().numpy())


@claim("sampled", "statistical", 0.0, {"from high starts": 3.0}, seeds=SEEDS)
def _sampled(start: float, size: str) -> Finding:
    """The sampled trainer finds A + R - 1 on cyclic graphs from low starts."""
    updates = 400 if size == "small" else 800
    low, high = interval([sampled_error(seed, start, updates) for seed in SEEDS])
    return decide(
        high < MARGIN,
        f"largest error [{max(low, 0):.2f}, {high:.2f}] from starts below {start:g}",
        f"{len(SEEDS)} cyclic graphs of 4 nodes, starts of a constant less |Gaussian|, the trainer without target network, "
        f"{updates} updates of 128 sequences, 90% uniform exploration; 95% interval over seeds, margin {MARGIN}",
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

# --- hypotheses ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """Sweeps of a whole table toward ``target`` from rows of constant value, on a small graph."""

    adjacency: tuple = ((0, 1, 0), (1, 0, 0), (0, 0, 0))
    target: int = 2
    start: tuple = (0, -1, 0)
    process: bool = True
    forgotten: tuple | None = None  # an entry (j, k) that is never updated


def residual(instance: Instance) -> float:
    """Distance of the table from ``A + R - 1`` after many sweeps: 0 by part (e)."""
    n, target = len(instance.adjacency), instance.target
    table = [[fmpq(v)] * n for v in instance.start]
    ends = swept(instance.adjacency, table, target, 50, instance.process, instance.forgotten)
    return structure_error(instance.adjacency, ends, target)


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("process reward", "Illegal steps cost 1; with outcome reward nothing lowers a value.",
         lambda x: x.process, Instance(process=False)),
        ("persistent exploration", "Every entry is updated again and again.",
         lambda x: x.forgotten is None, Instance(start=(0, -2, 0), forgotten=(1, 0))),
        ("start in the basin", "V_0(e) <= r_c + [c does not lead to e] for c on cycles off the target.",
         lambda x: in_basin(x.adjacency, x.start, x.target), Instance(start=(0, 1, 0))),
    )
)  # fmt: skip


# --- many targets at once, in floats: what a policy at a fixed point does -------------------------


def settle(adjacency: np.ndarray, values: np.ndarray, discount=1.0, step_cost=0.0, most=2000):
    """Sweep (*) toward all targets at once until nothing changes.

    Parameters
    ----------
    adjacency
        Shape ``(n, n)``.
    values
        Starting values, shape ``(n, n)``: target, node.
    most
        Sweeps after which it gives up.

    Returns
    -------
    tuple
        Values ``(n, n)``, and the number of sweeps until they stood still (``most`` if never).
    """
    values = values.astype(float)
    for sweeps in range(most):
        new = action_values(adjacency, values, discount, step_cost).max(-1)  # (i, j)
        np.fill_diagonal(new, 0.0)
        if sweeps and np.abs(new - values).max() < 1e-12:
            return values, sweeps
        values = new
    return values, most


def action_values(adjacency, values, discount=1.0, step_cost=0.0) -> np.ndarray:
    """Table ``f(i, j)[k]`` of values ``V(i, k)``, for all targets: shape ``(n, n, n)``."""
    worth = discount * values  # (i, k)
    np.fill_diagonal(worth, 1.0)
    return adjacency[None] - 1.0 - step_cost + worth[:, None]


def tied_greedy(table: np.ndarray) -> np.ndarray:
    """Uniform over the best next nodes of each row: shape as ``table``."""
    best = table > table.max(-1, keepdims=True) - 1e-9
    return best / best.sum(-1, keepdims=True)


def arrivals(adjacency, policy, steps: int) -> np.ndarray:
    """Chance of a correct arrival at each step: shape ``(steps, n, n)``, step, target, source.

    ``policy`` is ``(n, n, n)``, or a function of the number of steps left that returns it.
    """
    n = len(adjacency)
    onto = (np.arange(n), slice(None), np.arange(n))  # the step onto each target
    found = []
    if callable(policy):  # forward from each source, since it changes with the time left
        at = np.broadcast_to(np.eye(n), (n, n, n)).copy()  # (target, source, node)
        for left in range(steps, 0, -1):
            at = at @ (policy(left) * adjacency[None])
            found.append(at[onto].copy())  # (target, source)
            at[onto] = 0
        return np.array(found)
    inside = policy * adjacency[None]  # legal steps, (target, current, next)
    now = inside[onto].copy()  # (target, current)
    inside[onto] = 0
    for _ in range(steps):  # backward: arrival after exactly one step more
        found.append(now)
        now = (inside @ now[..., None])[..., 0]
    return np.array(found)


def distances(adjacency: np.ndarray) -> np.ndarray:
    """Steps to each target: shape ``(n, n)``, target, node; infinite where it cannot be reached."""
    rows = adjacency.astype(int).tolist()
    found = [exact.distances(rows, i) for i in range(len(rows))]
    return np.array([[np.inf if d is None else d for d in row] for row in found])


# --- transformer ---------------------------------------------------------------------------------

LOW = with_cycles(CYCLIC, 2, Q.initial_scale)
HIGH = with_cycles(CYCLIC, 2, 1.0)


def value_policy(graph, temperature: float, discount: float = 1.0) -> np.ndarray:
    """Sample the fixed point of Q-learning at ``temperature``: ``(n, n, n)`` target, node, next.

    Undiscounted that is ``A + R - 1``, where all feasible steps tie; with a discount, the only one.
    """
    adjacency = graph.adjacency.astype(float)
    values, _ = settle(adjacency, graph.reachability, discount)  # (i, j)
    table = action_values(adjacency, values, discount)
    weights = np.exp((table - table.max(-1, keepdims=True)) / temperature)
    return weights / weights.sum(-1, keepdims=True)


def walk_accuracy(graph, max_length: int, temperature: float, discount: float = 1.0) -> float:
    """Chance that :func:`value_policy` arrives in time.

    The mean over all problems; ``max_length`` tokens hold the prompt ``s t s``, the
    steps and the end token.
    """
    policy = value_policy(graph, temperature, discount)
    came = arrivals(graph.adjacency, policy, max_length - 4).sum(0)
    targets, sources = np.nonzero(graph.reachability & ~np.eye(graph.n, dtype=bool))
    return float(came[targets, sources].mean())


@dataclass(frozen=True)
class Trained:
    """A stored run, and what is predicted of its sampled accuracy."""

    config: RunConfig = LOW
    predicted: Callable = walk_accuracy


def always_arrives(graph, max_length, temperature):
    """Mistake: all feasible steps have the right value, so the policy plans well."""
    return 1.0


@claim(
    "transformer",
    "transformer",
    Trained(),
    {
        "SFT logits unscaled": Trained(HIGH),
        "right values plan well": Trained(predicted=always_arrives),
    },
    seeds=(2,),
)
def _transformer(stated: Trained, size: str) -> Finding:
    """From a low start the transformer finds the levels on the cyclic graph, and walks at random."""
    run = load_run(stated.config)
    predicted = stated.predicted(run.task.graph, stated.config.q.max_length, READ_OUT)
    feasible, illegal = run.history["feasible_value"][-1], run.history["reachable_value"][-1]
    accuracy = run.metrics["sampled_test"]
    return decide(
        abs(feasible - 1) < 0.15 and abs(illegal) < 0.25 and abs(accuracy - predicted) < 0.08,
        f"legal steps {feasible:.2f}, illegal {illegal:.2f}; test accuracy {accuracy:.2f}, predicted {predicted:.2f}",
        f"outside the hypotheses; stored run on the cyclic 100-node graph, on-policy, {Q.steps:,} updates of {Q.batch_size}, at most "
        f"{stated.config.q.max_length} tokens; accuracy at temperature {READ_OUT}; margins 0.15 and 0.25 for the levels 1 and 0, 0.08 for the accuracy",
    )


CHECKS = (
    _described,
    _bounded,
    _unique,
    _low,
    _basin,
    _asynchronous,
    _greedy,
    _discount,
    _step_cost,
    _horizon,
    _no_remedy,
    _return_time,
    _sampled,
    _transformer,
    *inapplicable(
        "cycles",
        symbolic="a maximum over entries, piecewise linear; the solver decides every case of it at once",
        certified="linear inequalities between rationals, decided exactly by the solver and exhaustive rungs",
    ),
)
