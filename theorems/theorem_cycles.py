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
import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.graph import blocksworld, erdos_renyi
from planlib.intervals import estimate
from planlib.train import QLearningConfig
from theorems import formal
from theorems.basins import (
    RANDOM_GRAPHS,
    anywhere,
    below_reachability,
    constant_on_cycles,
    graphs_of,
    in_basin,
    low_on_cycles,
    no_allowance,
    one_by_one,
    one_round,
    swept_starts,
)
from theorems.hypotheses import Hypothesis
from theorems.readings import Reading
from theorems.remedies import REMEDIES
from theorems.small_graphs import as_float, is_acyclic
from theorems.solving import holds
from theorems.sweeps import largest_error, structure_error, sweep, swept
from theorems.tables import learn_entries, table_below
from theorems.unknown_graphs import Unknown, fixed_point, is_max, read_model, solves, unknown
from theorems.walks import uniform_rows
from theorems.wandering import TRANSFORMER

claim = claims("cycles")

# --- (a), (b): solver, all graphs and all real values at once ----------------------------------


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
            parts.append(z3.If(u.cycle[j], z3.And(*on), is_max(u.v[j], off)))
        return z3.And(*parts)


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
        u, m = unknown(n), z3.Real("M")
        fixed, described = fixed_point(u), stated(u, m)
        # M is a function of the values: name it, then ask for a difference in either direction.
        candidates = [(z3.BoolVal(True), x) for x in u.r] + list(zip(u.cycle, u.v, strict=True))
        solver = z3.Solver()
        solver.set("timeout", 240_000)
        solver.add(is_max(m, candidates), fixed != described)
        found = solver.check()
        tally.add("questions", holds(found))
        if found == z3.sat:
            rows, values = read_model(u, solver.model())
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
        u = unknown(n)
        solver = z3.Solver()
        solver.set("timeout", 240_000)
        solver.add(fixed_point(u), z3.Not(stated.holds(u)))
        if stated.given:
            solver.add(stated.given(u))
        found = solver.check()
        tally.add("questions", holds(found))
        if found == z3.sat:
            rows, values = read_model(u, solver.model())
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


@claim(
    "unique",
    "exhaustive",
    every_cycle_hamiltonian,
    {"iff acyclic": is_acyclic, "iff at most one cycle": one_cycle_at_most},
)
def _unique(stated, size: str) -> Finding:
    """(c) A constant on the cycles of G - i is a second solution; no target has one iff every cycle is Hamiltonian."""
    tally = Tally("graphs")
    for adjacency in graphs_of(size):
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
    found, graphs = swept_starts(size)
    tally = Tally("graphs", "starts")
    tally.add("graphs", count=graphs)
    for rows, target, starts, reached in found:
        for start, arrived in zip(starts, reached, strict=True):
            tally.add("starts", stated(rows, [fmpq(x, 2) for x in start], target) == arrived)
    return tally.finding(
        "every digraph on up to 4 nodes (one a class), every target, starting values "
        + (
            "0 to 3/2 in halves"
            if size == "small"
            else "0, 1/2, 1, 3/2 and 5/2 (below 4 nodes -1 to 5/2 in halves); "
            f"{3 * RANDOM_GRAPHS} random digraphs on 5 to 7 nodes, starts from -1 to 5/2"
        )
        + "; exact",
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


@functools.cache
def low_ends(above: int, size: str) -> tuple[int, list[tuple[list, bool]]]:
    """Graphs; for each start whether V = R after 0, 1, ... distance sweeps, and single updates end right."""
    rng, graphs, found = random.Random(32), 0, []
    for adjacency in graphs_of(size):
        n = len(adjacency)
        graphs += 1
        for target in range(n):
            goal = [int(r) for r in exact.reaches(adjacency, target)]
            goal[target] = 0
            far = max(d for d in exact.distances(adjacency, target) if d is not None)
            wanted = exact.structure(adjacency, target)
            for _ in range(20):
                start = [r + above - fmpq(rng.randint(0, 9), 3) for r in goal]
                start[target] = fmpq(0)
                values, right = start, []
                for _ in range(max(1, far) + 1):
                    right.append(all(values[j] == goal[j] for j in range(n) if j != target))
                    values = sweep(adjacency, values, target)
                # Asynchronously: single entries of the table, in a random order, round after round.
                table = one_by_one(adjacency, start, target, far + 2, rng)
                found.append((right, all(table[j] == wanted[j] for j in range(n) if j != target)))
    return graphs, found


@claim(
    "low",
    "exhaustive",
    Low(),
    {"one sweep less": Low(one_less), "up to 1 above R": Low(above=1)},
    seeds=(32,),
)
def _low(stated: Low, size: str) -> Finding:
    """(d) From starts below R the largest finite distance is enough; single updates in random order reach it too."""
    graphs, found = low_ends(stated.above, size)
    tally = Tally("graphs", "starts")
    tally.add("graphs", count=graphs)
    for right, single in found:
        far = len(right) - 1
        tally.add("starts", right[max(1, stated.sweeps(far))] and single)
    return tally.finding(
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), every target, 20 random rational starts below R each: V = R after the "
        "largest finite distance (at least 1); single entries in random order, distance plus two rounds: f = A + R - 1; exact",
    )


@dataclass(frozen=True)
class Orders:
    """Part (e) for single updates: from which starts, and the steps of which one is drawn each time."""

    safe: Callable = in_basin
    steps: tuple = (1,)
    rounds: int = 12


HALF = (fmpq(1, 2), fmpq(1))
ABOVE_ONE = (fmpq(1, 2), fmpq(3, 2))  # mistake: a step that more than replaces the old value
NEAR = fmpq(1, 1000)


def _some_graphs(size: str) -> list:
    """Every digraph on 3 or 4 nodes (one a class), or each fifth of them."""
    return [g for g in graphs_of("full") if len(g) > 2][:: 5 if size == "small" else 1]


def _inside(adjacency, safe: Callable, rng: random.Random, most: int):
    """Yield targets, each with up to ``most`` random starts that are said to be safe."""
    n = len(adjacency)
    for target in range(n):
        found = 0
        for _ in range(40):
            start = [fmpq(rng.randint(-1, 4), 2) for _ in range(n)]
            if found < most and safe(adjacency, start, target):
                found += 1
                yield target, start


@claim(
    "orders",
    "exhaustive",
    Orders(),
    {"from any start": Orders(anywhere), "low on cycles is enough": Orders(low_on_cycles)},
    seeds=(33,),
)
def _asynchronous(stated: Orders, size: str) -> Finding:
    """(e) Inside the basin single updates in random order reach A + R - 1."""
    rng = random.Random(33)
    tally = Tally("graphs", "starts")
    for adjacency in _some_graphs(size):
        n = len(adjacency)
        tally.add("graphs")
        for target, start in _inside(adjacency, stated.safe, rng, 3):
            table = one_by_one(adjacency, start, target, stated.rounds, rng)
            wanted = exact.structure(adjacency, target)
            tally.add("starts", all(table[j] == wanted[j] for j in range(n) if j != target))
    assert tally.counts["starts"]  # there are starts in the basin
    return tally.finding(
        f"every digraph on 3 to {n} nodes (one a class), every target, up to 3 random starts inside the basin each, {stated.rounds} rounds of "
        "single entries in random order; exact",
    )


@claim(
    "steps",
    "exhaustive",
    Orders(steps=HALF, rounds=30),
    {
        "from any start": Orders(anywhere, HALF, 30),
        "low on cycles is enough": Orders(low_on_cycles, HALF, 30),
        "steps above 1": Orders(steps=ABOVE_ONE, rounds=30),
    },
    seeds=(36,),
)
def _stepwise(stated: Orders, size: str) -> Finding:
    """(e) With steps in (0, 1] no value leaves the basin, and the table comes to A + R - 1."""
    rng = random.Random(36)
    tally = Tally("graphs", "starts")
    for adjacency in _some_graphs(size):
        n = len(adjacency)
        tally.add("graphs")
        for target, start in _inside(adjacency, stated.safe, rng, 1):
            kept, table = True, [[v] * n for v in start]
            for _ in range(stated.rounds):
                table = one_round(adjacency, table, target, rng, stated.steps)
                kept &= in_basin(adjacency, [max(row) for row in table], target)
            wanted = exact.structure(adjacency, target)
            apart = max(
                abs(x - y)
                for j, row in enumerate(table)
                if j != target
                for x, y in zip(row, wanted[j], strict=True)
            )
            tally.add("starts", kept and apart < NEAR)
    assert tally.counts["starts"]
    return tally.finding(
        f"every digraph on 3 to {n} nodes (one a class), every target, one random start inside the basin each, {stated.rounds} rounds of single entries in random "
        f"order, each by a step of {stated.steps[0]} or {stated.steps[1]} at random: in the basin after every round, in the end within {NEAR} of A + R - 1; exact rationals",
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
    for adjacency in graphs_of(size):
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


# --- the tie at f*: expected lengths of the random walk ------------------------------------------


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
    """The uniform walk over legal steps, which is the policy at A + R - 1, comes back after as many steps on Blocksworld as there are moves over the state's own."""
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

SEEDS = tuple(range(10, 18))  # fresh: named, with the trainer's step, before any of them was run
MARGIN = 0.05  # largest error of a row, as for Theorem 5.2
UPDATES, STEP = 200, 0.5


@dataclass(frozen=True)
class Sampled:
    """The start, a constant less |Gaussian|, and the reward of the sampled trainer."""

    start: float = 0.0
    reward: str = "process"


def _sampled_error(case: tuple[int, float, str]) -> tuple[float, int]:
    """Largest error of the trained table, and the fewest updates that one of its entries had."""
    seed, start, reward = case
    n = 4
    graph = erdos_renyi(n, 0.7, acyclic=False, seed=seed)
    model = table_below(start, n, seed)
    config = QLearningConfig(
        steps=UPDATES, batch_size=128, learning_rate=STEP, optimizer="sgd", epsilon=0.9, temperature=1.0,
        target_decay=0.0, max_length=16, reward=reward,
    )  # fmt: skip
    updates = learn_entries(model, graph, config, seed)
    targets = np.unique(graph.reachable_pairs()[:, 1])
    counted = updates[targets][~np.eye(n, dtype=bool)[targets]]
    return largest_error(graph, model.f.detach().numpy()), int(counted.min())


CASES = (Sampled(), Sampled(start=3.0), Sampled(reward="outcome"))
SAMPLED = Reading(
    "sampled-cycles",
    _sampled_error,
    tuple((seed, case.start, case.reward) for seed in SEEDS for case in CASES),
)
LONG_READINGS = (SAMPLED,)


@claim(
    "sampled",
    "statistical",
    CASES[0],
    {"from high starts": CASES[1], "outcome reward": CASES[2]},
    seeds=SEEDS,
    source="kept",
    fixed="before any run",
)
def _sampled(stated: Sampled, size: str) -> Finding:
    """The sampled trainer finds A + R - 1 on cyclic graphs from low starts."""
    cases = [
        SAMPLED((seed, stated.start, stated.reward)) for seed in SEEDS
    ]  # kept: no size is smaller
    errors, updates = zip(*cases, strict=True)
    found = estimate(errors, most=MARGIN, of="graphs")
    return decide(
        min(updates) > 0,
        f"largest error {found:.2f}, in any of them {max(errors):.1g}; each entry updated at least {min(updates)} times",
        f"{len(SEEDS)} cyclic graphs of 4 nodes, {stated.reward} reward, starts below {stated.start:g} (a constant less |Gaussian|), the trainer without target network, an entry's "
        f"step {STEP} toward the mean of its targets, {UPDATES} updates of 128 sequences, 90% uniform exploration; margin {MARGIN}",
        found,
    )


# --- hypotheses ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """Sweeps of a whole table toward ``target`` from rows of constant value, on a small graph."""

    adjacency: tuple = ((0, 1, 0), (1, 0, 0), (0, 0, 0))
    target: int = 2
    start: tuple = (0, -1, 0)
    process: bool = True
    forgotten: tuple | None = None  # an entry (j, k) that is never updated
    step: object = 1  # of every update, toward its target


def residual(instance: Instance) -> float:
    """Distance of the table from ``A + R - 1`` after many sweeps: 0 by part (e)."""
    n, target = len(instance.adjacency), instance.target
    table = [[fmpq(v)] * n for v in instance.start]
    for _ in range(50):
        new = swept(instance.adjacency, table, target, 1, instance.process, instance.forgotten)
        table = [
            [x + instance.step * (y - x) for x, y in zip(old, row, strict=True)]
            for old, row in zip(table, new, strict=True)
        ]
    return structure_error(instance.adjacency, table, target)


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("process reward", "Illegal steps cost 1; with outcome reward nothing lowers a value.",
         lambda x: x.process, Instance(process=False)),
        ("persistent exploration", "Every entry is updated again and again.",
         lambda x: x.forgotten is None, Instance(start=(0, -2, 0), forgotten=(1, 0))),
        ("steps of at most 1", "An entry goes at most all of the way to its target.",
         lambda x: 0 < x.step <= 1, Instance(step=fmpq(3, 2))),
        ("start in the basin", "V_0(e) <= r_c + [c does not lead to e] for c on cycles off the target.",
         lambda x: in_basin(x.adjacency, x.start, x.target), Instance(start=(0, 1, 0))),
    )
)  # fmt: skip


CHECKS = (
    formal.proved(
        "cycles",
        "Cycles",
        "For every number of nodes: unique exactly where no cycle lies off the target; else unbounded, and at some fixed points greedy never arrives; sweeps arrive exactly from the starts of (e), fair orders from all of them.",
    ),
    _described,
    _bounded,
    _unique,
    _low,
    _basin,
    _asynchronous,
    _stepwise,
    _greedy,
    *REMEDIES,
    _return_time,
    _sampled,
    *TRANSFORMER,
    *inapplicable(
        "cycles",
        symbolic="a maximum over entries, piecewise linear; the solver decides every case of it at once",
        certified="linear inequalities between rationals, decided exactly by the solver and exhaustive rungs",
    ),
)
