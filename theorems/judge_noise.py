"""What a judge's errors do beyond their mean: a graph of its own, and noise at a constant step.

Part (i) of :mod:`theorems.judge`, and what is learned where each call is drawn: tables updated a
node at a time, and the book's trainer.  Margins, runs and rounds were settled on other seeds than
those named here, which decide and were not looked at before.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide
from planlib.graph import PlanningGraph, erdos_renyi
from planlib.intervals import estimate
from planlib.models import TabularModel
from planlib.train import QLearningConfig
from theorems.basins import graphs_of
from theorems.judge_reach import values_at
from theorems.readings import Reading
from theorems.small_graphs import digraphs
from theorems.tables import learn_entries
from theorems.walks import distances

claim = claims("judge")


# --- (i): a judge that errs systematically --------------------------------------------------------


def all_it_approves(g, j_graph, target: int, source: int) -> bool:
    """(i): every step that the walk can come to is an edge of the graph.

    A node that reaches the target in J takes J's ways there.  One that does not takes J's edges,
    which lead no nearer, or jumps to any node that does, the target among them.
    """
    n, alive = len(g), exact.reaches(j_graph, target)
    lead = exact.leads(j_graph, target)
    taken = [
        (u, v)
        for u in range(n)
        for v in range(n)
        if u != target
        and (
            # Ways of J toward the target: from here, or wherever a jump may lead.
            (alive[u] and alive[v] and j_graph[u][v] and (lead[source][u] or not alive[source]))
            # Nodes without one, reached by J's edges: those edges and the jumps.
            or (
                lead[source][u]
                and not alive[source]
                and not alive[u]
                and (j_graph[u][v] or alive[v])
            )
        )
    ]
    return all(g[u][v] for u, v in taken)


def part_of_graph(g, j_graph, target, source):
    """Mistake: it has to approve of nothing illegal, anywhere."""
    return all(g[u][v] >= x for u, row in enumerate(j_graph) for v, x in enumerate(row))


def same_reach(g, j_graph, target, source):
    """Mistake: it has to be right about who can reach the target."""
    return exact.reaches(g, target) == exact.reaches(j_graph, target)


def first_steps(g, j_graph, target, source):
    """Mistake: the steps from here have to be right."""
    row = exact.structure(j_graph, target)[source]
    return all(g[source][k] for k, x in enumerate(row) if x == max(row))


def judges_of(g, size: str, rng: random.Random) -> Iterator[list[list[int]]]:
    """All graphs on as many nodes; on four, the graph itself with each entry flipped at random."""
    n = len(g)
    if n < 4:
        yield from digraphs(n)
        return
    for _ in range(20):
        p = rng.choice((0.1, 0.2, 0.4))
        flips = [[int(j != k and rng.random() < p) for k in range(n)] for j in range(n)]
        yield [[x ^ y for x, y in zip(*rows, strict=True)] for rows in zip(g, flips, strict=True)]


@claim(
    "its-graph",
    "exhaustive",
    all_it_approves,
    {
        "J must be part of the graph": part_of_graph,
        "J must be right about reach": same_reach,
        "right first steps are enough": first_steps,
    },
    seeds=(86,),
)
def _its_graph(stated: Callable, size: str) -> Finding:
    """(i) A judge with a graph J teaches A_J + R_J - 1; the plan is certain to be right iff all steps that it can come to are edges."""
    rng, tally = random.Random(86), Tally("pairs of graphs", "starting nodes")
    for g in graphs_of(size):
        n = len(g)
        for j_graph in judges_of(g, size, rng):
            tally.add("pairs of graphs")
            for target in range(n):
                table = [[0] * n for _ in range(n)]
                for _ in range(n + 1):
                    table = exact.judged_bellman(j_graph, table, target, 0, 1)
                learned = exact.structure(j_graph, target)
                assert all(table[j] == learned[j] for j in range(n) if j != target)
                best = [[int(x == max(row)) for x in row] for row in table]
                policy = [[fmpq(x, sum(row)) for x in row] for row in best]
                success = exact.base_success(g, policy, target)
                for j in range(n):
                    if j != target:
                        tally.add(
                            "starting nodes", stated(g, j_graph, target, j) == (success[j] == 1)
                        )
    return tally.finding(
        f"every digraph on up to {n} nodes (one a class), judged by every digraph on as many (labelled; on 4 nodes by 20 random variants of itself), every target: chance that "
        "the greedy policy, uniform over ties, walks legally to the target, by elimination; exact"
    )


# --- statistical: what noise does at a constant step ----------------------------------------------


def learn(
    rows, target: int, alpha: float, beta: float, step, rounds: int, runs: int, seed, *,
    double: bool = False, start: float = 0.0, expected: bool = False,
) -> np.ndarray:  # fmt: skip
    """Q-learning in tables, judged call by call: a node at a time, all its entries, each with a call of its own.

    Parameters
    ----------
    step
        The share of the way to its target that an entry moves, or a function of how often it did.
    rounds
        In each, as many nodes are drawn as there are off the target, for each run on its own.
    double
        Double Q-learning: a table drawn at random is updated, with the other's value of its own
        best step.
    expected
        Each call replaced by its probability.

    Returns
    -------
    numpy.ndarray
        The tables after each round, shape ``(rounds, tables, runs, n, n)``.
    """
    rng, rows = np.random.default_rng(seed), np.asarray(rows)
    n, run = len(rows), np.arange(runs)
    others = np.delete(np.arange(n), target)
    cost = np.where(rows, alpha, beta)  # (j, k)
    f = np.full((1 + double, runs, n, n), float(start))
    visits = np.zeros((1 + double, runs, n, 1))
    found = np.empty((rounds, *f.shape))
    for t in range(rounds):
        for _ in others:
            j = rng.choice(others, runs)
            side = rng.integers(1 + double, size=runs)
            called = cost[j] if expected else rng.random((runs, n)) < cost[j]  # (run, k)
            best = f[side, run].argmax(-1)[..., None]  # (run, k, 1)
            other = f[side if not double else 1 - side, run]
            worth = np.take_along_axis(other, best, -1)[..., 0]  # (run, k)
            worth[:, target] = 1.0
            visits[side, run, j] += 1
            size = step(visits[side, run, j]) if callable(step) else step
            f[side, run, j] += size * (worth - called - f[side, run, j])
        found[t] = f
    return found


def decreasing(visits):
    """Steps that go to zero, with an infinite sum: ``visits ** -0.8``."""
    return visits**-0.8


def fan(ways: int) -> list[list[int]]:
    """Return a graph with so many ways of two steps from node 0 to the last node."""
    n = ways + 2
    return [[int(j == 0 < k < n - 1 or 0 < j < n - 1 == k) for k in range(n)] for j in range(n)]


def detours(ways: int) -> list[list[int]]:
    """Return a fan, all ways but the first longer by one step."""
    n = ways + 3
    steps = {(0, k) for k in range(1, ways + 1)} | {(1, n - 1), (n - 2, n - 1)}
    steps |= {(k, n - 2) for k in range(2, ways + 1)}
    return [[int((j, k) in steps) for k in range(n)] for j in range(n)]


def crowd(nodes: int) -> list[list[int]]:
    """Return nodes that all point at each other, the first at the target as well."""
    n = nodes + 1
    return [
        [int(j != k and j < n - 1 and (k < n - 1 or j == 0)) for k in range(n)] for j in range(n)
    ]


def maxima(tables: np.ndarray, j: int = 0) -> np.ndarray:
    """Largest value of a row, a run: the mean over the second half of the rounds."""
    late = tables[len(tables) // 2 :, :, :, j]
    return late.max(-1).mean((0, 1))


def crossed(tables: np.ndarray, j: int = 0) -> np.ndarray:
    """What double Q-learning takes a row to be worth: the other table's value of the best step."""
    late = tables[len(tables) // 2 :, :, :, j]
    best = late.argmax(-1)[..., None]
    return np.take_along_axis(late[:, ::-1], best, -1)[..., 0].mean((0, 1))


ALARM, RUNS, MANY_RUNS = 0.2, 24, 96


@dataclass(frozen=True)
class Between:
    """Margins of a mean."""

    least: float = -math.inf
    most: float = math.inf

    def of(self, values):
        """Make the estimate of independent runs."""
        return estimate(values, least=self.least, most=self.most, of="runs")


NEAR_ZERO = Between(-0.05, 0.05)


@dataclass(frozen=True)
class Bias:
    """What is above the expected value of a row of 8 ways at step 1/5, and what it owes to what."""

    level: Between = Between(0.1)
    by_step: Between = Between(0.05)  # step 1/5 less step 1/20
    by_ways: Between = Between(0.05)  # 8 ways less 2
    vanishes: Between = NEAR_ZERO  # with decreasing steps


@functools.cache
def _biases(size: str) -> tuple[np.ndarray, ...]:
    """How far above the expected value the largest entry is: four settings, a number a run."""
    rounds, slow = (160, 1200) if size == "small" else (400, 2000)
    cases = ((8, 0.2, rounds), (8, 0.05, rounds), (2, 0.2, rounds), (8, decreasing, slow))
    found = []
    for at, (ways, step, long) in enumerate(cases):
        tables = learn(fan(ways), ways + 1, ALARM, 1.0, step, long, RUNS, (871, at))
        found.append(maxima(tables) - (1 - 2 * ALARM))
    return tuple(found)


@claim(
    "bias",
    "statistical",
    Bias(),
    {
        "errors cancel in the mean": Bias(level=NEAR_ZERO),
        "the step does not matter": Bias(by_step=NEAR_ZERO),
        "the number of ways does not matter": Bias(by_ways=NEAR_ZERO),
        "decreasing steps keep it": Bias(vanishes=Between(0.1)),
    },
    seeds=(871,),
    fixed="after other seeds",
)
def _bias(stated: Bias, size: str) -> Finding:
    """At a constant step the largest of equal values lies above their expectation, more so at larger steps and with more ways; with decreasing steps little of it is left."""
    wide, small, narrow, slow = _biases(size)
    estimates = (
        stated.level.of(wide),
        stated.by_step.of(wide - small),
        stated.by_ways.of(wide - narrow),
        stated.vanishes.of(slow),
    )
    level, step, ways, end = (f"{e:.3f}" for e in estimates)
    return decide(
        True,
        f"above the expected value by {level}; by {step} more than at step 1/20, by {ways} more than with 2 ways; with decreasing steps {end}",
        f"{RUNS} runs each of tables learned call by call, alpha {ALARM}, beta 1, 8 ways of two steps, step 1/5 unless said; {160 if size == 'small' else 400} rounds "
        f"({1200 if size == 'small' else 2000} with steps visits^-0.8), means over the second half; margins: above 0.1, 0.05, 0.05, within 0.05 of 0",
        *estimates,
    )


@dataclass(frozen=True)
class Double:
    """Double Q-learning: off at ties, off where one way is shorter, and its choices beside one table's."""

    ties: Between = Between(-0.04, 0.04)
    shorter: Between = Between(most=-0.03)
    choice: Between = Between(-0.1, 0.1)  # less one table's at half the step


@functools.cache
def _doubles(size: str) -> tuple[np.ndarray, ...]:
    rounds = 300 if size == "small" else 600
    tied = learn(fan(8), 9, ALARM, 1.0, 0.2, rounds, MANY_RUNS, (872, 0), double=True)
    rows, target = detours(8), 10
    two = learn(rows, target, ALARM, 1.0, 0.1, rounds, MANY_RUNS, (872, 1), double=True)
    one = learn(rows, target, ALARM, 1.0, 0.05, rounds, MANY_RUNS, (872, 2))

    def right(tables):
        late = tables[len(tables) // 2 :].mean(1)[:, :, 0]  # (rounds, runs, k)
        return (late.argmax(-1) == 1).mean(0)

    value = 1 - 2 * ALARM
    return crossed(tied) - value, crossed(two) - value, right(two) - right(one)


@claim(
    "double",
    "statistical",
    Double(),
    {
        "it only overshoots less": Double(ties=Between(0.05)),
        "unbiased everywhere": Double(shorter=Between(-0.02, 0.02)),
        "it chooses better than half the step": Double(choice=Between(0.2)),
    },
    seeds=(872,),
    fixed="after other seeds",
)
def _double(stated: Double, size: str) -> Finding:
    """Double Q-learning is right in the mean where ways tie, too low where one is shorter, and chooses as one table does at half the step."""
    parts = zip((stated.ties, stated.shorter, stated.choice), _doubles(size), strict=True)
    estimates = [margin.of(values) for margin, values in parts]
    ties, shorter, choice = (f"{e:.3f}" for e in estimates)
    return decide(
        True,
        f"off by {ties} at ties, by {shorter} where one way is shorter; the shorter way is its choice more often by {choice} than one table's at half the step",
        f"{MANY_RUNS} runs each, {300 if size == 'small' else 600} rounds, means over the second half, alpha {ALARM}, beta 1: 8 ways of two steps at step 1/5; one way of two steps and seven of three at "
        "step 1/10 (choices by the mean of both tables); margins: within 0.04, below -0.03, within 0.1",
        *estimates,
    )


@dataclass(frozen=True)
class High:
    """Values on a cycle that start at 3, after rounds in which the expectation comes down."""

    expectation: Between = Between(most=1.2)
    calls: Between = Between(2.5)
    double: Between = Between(most=1.5)


@functools.cache
def _high(size: str) -> tuple[np.ndarray, ...]:
    how = (
        {"seed": (873, 0), "expected": True},
        {"seed": (873, 1)},
        {"seed": (873, 2), "double": True},
    )
    found = []
    for settings in how:
        tables = learn(crowd(5), 5, 0.1, 1.0, 0.5, 200, RUNS, start=3.0, **settings)
        found.append(tables[-1].max(-1)[:, :, :5].mean((0, 2)))
    return tuple(found)


@claim(
    "high",
    "statistical",
    High(),
    {
        "calls do what their expectation does": High(calls=Between(most=1.2)),
        "double Q-learning does not help, as without noise": High(double=Between(2.5)),
    },
    seeds=(873,),
    fixed="after other seeds",
)
def _stays_high(stated: High, size: str) -> Finding:
    """In 200 rounds values that start high on a cycle come down in expectation; call by call at a constant step of 1/2 they hardly do, and by double Q-learning they do."""
    parts = zip((stated.expectation, stated.calls, stated.double), _high(size), strict=True)
    estimates = [margin.of(values) for margin, values in parts]
    mean, calls, double = (f"{e:.2f}" for e in estimates)
    return decide(
        True,
        f"from 3: in expectation at {mean}, call by call at {calls}, by double Q-learning at {double}",
        f"{RUNS} runs each, five nodes that all point at each other, one of them at the target; alpha 0.1, beta 1, step 1/2, after 200 rounds; margins: below 1.2, above 2.5, below 1.5",
        *estimates,
    )


# --- statistical: the sampled trainer -------------------------------------------------------------

SEEDS = tuple(range(880, 888))
SAMPLED_ALARM, SAMPLED_DETECTION, MARGIN = 0.25, 0.6, 0.08
UPDATES, STEP = 300, 0.05


def far_graph(seed: int) -> PlanningGraph:
    """Return a graph of 5 nodes with cycles and a distance of 3 at least, one step past the horizon."""
    rng = random.Random(seed)
    while True:
        graph = erdos_renyi(5, 0.3, acyclic=False, seed=rng.randrange(10**6))
        rows = graph.adjacency.astype(int).tolist()
        away = distances(graph.adjacency)
        if (
            any(map(any, (exact.on_cycle(rows, i) for i in range(5))))
            and away[np.isfinite(away)].max() > 2
        ):
            return graph


def _trained(case: tuple[int, float]) -> tuple[list, int]:
    """Row maxima ``(n, n)`` of the table that the trainer ends with, and the fewest updates of an entry."""
    seed, alpha = case
    graph, model = far_graph(seed), TabularModel(5)
    with torch.no_grad():
        model.f.copy_(torch.randn(5, 5, 5, generator=torch.Generator().manual_seed(seed)))
    config = QLearningConfig(
        steps=UPDATES, batch_size=256, learning_rate=STEP, optimizer="sgd", epsilon=0.9, temperature=1.0,
        target_decay=0.0, max_length=16, false_alarm=alpha, detection=SAMPLED_DETECTION,
    )  # fmt: skip
    updates = learn_entries(model, graph, config, seed)
    targets = np.unique(graph.reachable_pairs()[:, 1])
    fewest = updates[targets][~np.eye(5, dtype=bool)[targets]].min()
    return model.f.detach().numpy().max(-1).tolist(), int(fewest)


SAMPLED = Reading(
    "sampled-judge",
    _trained,
    tuple((seed, alpha) for seed in SEEDS for alpha in (SAMPLED_ALARM, 0.0)),
)


@dataclass(frozen=True)
class Sampled:
    """The trainer's false alarms, and the values that its table is held against."""

    false_alarm: float = SAMPLED_ALARM
    costs: float = SAMPLED_ALARM
    jump: bool = True


@claim(
    "sampled",
    "statistical",
    Sampled(),
    {
        "false alarms do not matter": Sampled(costs=0.0),
        "without the illegal jump": Sampled(jump=False),
        "a judge without false alarms": Sampled(false_alarm=0.0),
    },
    seeds=SEEDS,
    source="kept",
    fixed="after other seeds",
)
def _sampled(stated: Sampled, size: str) -> Finding:
    """The sampled trainer, judged call by call, comes near V at a small constant step on graphs with cycles."""
    errors, fewest = [], []
    for seed in SEEDS:  # kept: no size is smaller
        graph = far_graph(seed)
        values, updates = SAMPLED((seed, stated.false_alarm))
        away = distances(graph.adjacency)
        wanted = values_at(away, stated.costs, SAMPLED_DETECTION, stated.jump)
        asked = np.isin(np.arange(5), graph.reachable_pairs()[:, 1])[:, None]
        errors.append(np.abs(np.array(values) - wanted)[asked & ~np.eye(5, dtype=bool)].max())
        fewest.append(updates)
    found = estimate(errors, most=MARGIN, of="graphs")
    return decide(
        min(fewest) > 0,
        f"largest error {found:.3f}, in any of them {max(errors):.3f}; each entry updated at least {min(fewest)} times",
        f"{len(errors)} graphs of 5 nodes with cycles and a distance past the horizon of {SAMPLED_DETECTION / SAMPLED_ALARM:g}, alpha {stated.false_alarm:g}, beta {SAMPLED_DETECTION}, Gaussian starts, "
        f"the trainer without target network, an entry's step {STEP} toward the mean of its targets, {UPDATES} updates of 256 sequences, 90% uniform exploration; margin {MARGIN}",
        found,
    )


NOISE = (_its_graph, _bias, _double, _stays_high, _sampled)
LONG_READINGS = (SAMPLED,)
