r"""Theorem 5.2: with process reward Q-learning recovers the structure.

Reward ``[u' = t] - [(u, u') is no edge]``, undiscounted; for ``j != i``, when the
graph without the target is acyclic, the only fixed point is
``f*(i, j)[k] = A[j, k] + R[i, k] - 1``.  All feasible steps are worth 1.

=========================  =========================================  ==============
symbol                     here                                       shape
=========================  =========================================  ==============
f(i, j)[k]                 ``values[j][k]`` toward one target         (n, n)
f*                         ``exact.structure``                        (n, n)
one sweep                  ``exact.bellman``                          (n, n) to (n, n)
=========================  =========================================  ==============

Source: Wang et al., arXiv 2509.22613, Theorem 5.2.  The number of sweeps and the
behaviour under decaying exploration are ours.
"""

from __future__ import annotations

import functools
import itertools
import random
from dataclasses import dataclass

import numpy as np
import torch
import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Check, Finding, NotApplicable, decide, interval
from planlib.graph import PlanningGraph, erdos_renyi
from planlib.models import TabularModel
from planlib.studies import SEEDS as SEEDS_OF_RUNS
from planlib.studies import STUDIES, Q
from planlib.study import READ_OUT, load_run
from planlib.train import QLearningConfig, train_q_learning
from theorems.hypotheses import Hypothesis
from theorems.small_graphs import digraph_classes, is_acyclic
from theorems.solving import adjacency_of, rational
from theorems.stored_runs import OUTCOME, PROCESS
from theorems.sweeps import structure_error, swept

# --- solver: every acyclic graph and all real logits at once -----------------------------------


@dataclass(frozen=True)
class FixedPoint:
    """What is claimed to be the only fixed point, on which graphs.

    ``formula(a, r)`` takes z3 or rational numbers ``A[j, k]`` and ``R[i, k]``.
    """

    formula: object = staticmethod(lambda a, r: a + r - 1)
    acyclic: bool = True


def _search(claim: FixedPoint, n: int, target: int):
    """Ask for a graph and values that are a fixed point other than the claimed one; z3's model."""
    solver = z3.Solver()
    solver.set("timeout", 60_000)
    nodes, others = range(n), [j for j in range(n) if j != target]
    edge = {(j, k): z3.Bool(f"edge_{j}_{k}") for j in nodes for k in nodes if j != k}
    if claim.acyclic:  # every acyclic graph has an order in which edges go up
        solver.add(*(z3.Not(edge[j, k]) for j, k in edge if j > k))
    one, zero = z3.RealVal(1), z3.RealVal(0)
    a = {(j, k): z3.If(edge[j, k], one, zero) if j != k else zero for j in nodes for k in nodes}
    reach = [z3.BoolVal(j == target) for j in nodes]
    for _ in range(n - 1):
        reach = [
            z3.Or(reach[j], *(z3.And(edge[j, k], reach[k]) for k in nodes if k != j)) for j in nodes
        ]
    f = {(j, k): z3.Real(f"f_{j}_{k}") for j in others for k in nodes}
    best = {j: z3.Real(f"V_{j}") for j in others}
    for j in others:
        solver.add(*(best[j] >= f[j, k] for k in nodes))
        solver.add(z3.Or(*(best[j] == f[j, k] for k in nodes)))
        solver.add(*(f[j, k] == a[j, k] - 1 + (one if k == target else best[k]) for k in nodes))
    claimed = {(j, k): claim.formula(a[j, k], z3.If(reach[k], one, zero)) for j, k in f}
    solver.add(z3.Or(*(f[key] != claimed[key] for key in f)))
    found = solver.check()
    if found != z3.sat:
        return found, None
    model = solver.model()

    values = [[rational(model, f[j, k]) if j != target else fmpq(0) for k in nodes] for j in nodes]
    return found, (adjacency_of(model, edge, n), values)


def _unique(claim: FixedPoint, size: str) -> Finding:
    largest = 4 if size == "small" else 5
    questions, unknown, refutations = 0, 0, []
    for n in range(2, largest + 1):
        for target in range(n):
            questions += 1
            found, model = _search(claim, n, target)
            unknown += found == z3.unknown
            if model:
                rows, values = model
                # The counterexample again, by code that knows nothing of the solver.
                assert exact.bellman(rows, values, target) == values
                refutations.append((rows, target))
    # Which of the smallest graphs it names is the solver's choice; their number of nodes is not.
    first = f", first on {len(refutations[0][0])} nodes" if refutations else ""
    return decide(
        False if refutations else None if unknown else True,
        f"{questions} questions, {len(refutations)} refuted{first}, {unknown} undecided",
        f"z3, the negated claim: all {'acyclic graphs' if claim.acyclic else 'graphs'} on 2 to {largest} nodes and every "
        "target, edges and real logits free at once; 60 s a question; refutations confirmed in exact rationals",
    )


# --- exhaustive: value iteration from exact rational starts ------------------------------------


def distance_and_one(distance: int, longest: int) -> int:
    """Proposition (d), ours: from zeros, the largest finite distance, and one sweep more."""
    return distance + 1


def longest_path(distance, longest):
    """Mistake: the longest legal path decides, as in dynamic programming backwards."""
    return longest + 1


def distance_alone(distance, longest):
    """Mistake: the values are right as soon as V is."""
    return distance


def _dags(size: str):
    return (
        g
        for n in range(2, 4 if size == "small" else 5)
        for g in digraph_classes(n)
        if is_acyclic(g)
    )


def _longest(adjacency, target: int) -> int:
    """Longest legal path to the target, in steps, on an acyclic graph."""
    alive, n = exact.reaches(adjacency, target), len(adjacency)

    @functools.cache
    def length(j: int) -> int:
        return max(
            (1 + length(k) for k in range(n) if adjacency[j][k] and alive[k] and j != target),
            default=0,
        )

    return max(length(j) for j in range(n) if alive[j])


def _sweeps(claim, size: str) -> Finding:
    graphs = problems = failures = 0
    for adjacency in _dags(size):
        graphs += 1
        n = len(adjacency)
        for target in range(n):
            goal = exact.structure(adjacency, target)
            goal[target] = [0] * n
            values, sweeps = [[0] * n for _ in range(n)], 0
            while values != goal:
                values, sweeps = exact.bellman(adjacency, values, target), sweeps + 1
            far = max(d for d in exact.distances(adjacency, target) if d is not None)
            problems += 1
            failures += sweeps != claim(far, _longest(adjacency, target))
    return decide(
        failures == 0,
        f"{graphs} graphs, {problems} targets, {failures} failures",
        f"every acyclic digraph on up to {n} nodes (one a class), every target, synchronous sweeps from zeros; exact",
    )


def recovers(adjacency, values, target) -> bool:
    """Theorem 5.2: from any start the sweeps end at ``A + R - 1``."""
    return values == _with_row(exact.structure(adjacency, target), target)


def _with_row(table, target):
    table[target] = [0] * len(table)
    return table


def adjacency_alone(adjacency, values, target):
    """Mistake: the values say what is legal, and not what leads to the target."""
    return values == _with_row([[2 * a - 1 for a in row] for row in adjacency], target)


def keeps_its_start(adjacency, values, target):
    """Mistake: high starting values survive, so the largest value stays above 1."""
    return max(max(row) for j, row in enumerate(values) if j != target) > 1


def _starts(claim, size: str) -> Finding:
    rng = random.Random(521)
    graphs = starts = failures = 0
    for adjacency in _dags(size):
        graphs += 1
        n = len(adjacency)
        for target, _ in itertools.product(range(n), range(20)):
            values = [[fmpq(rng.randint(-30, 30), 7) for _ in range(n)] for _ in range(n)]
            values[target] = [fmpq(0)] * n
            for _ in range(40):
                new = exact.bellman(adjacency, values, target)
                if new == values:
                    break
                values = new
            starts += 1
            failures += not claim(adjacency, values, target)
    return decide(
        failures == 0,
        f"{graphs} graphs, {starts:,} starts, {failures:,} failures",
        f"every acyclic digraph on up to {n} nodes (one a class), every target, 20 random rational starts between -30/7 "
        "and 30/7 each, sweeps until nothing changes (at most 40)",
    )


# --- statistical: sampled Q-learning -----------------------------------------------------------

SEEDS = (0, 1, 2, 3)
SAMPLED_MARGIN = (
    0.05  # largest error over the rows that can reach their target; set before the runs
)
EXPLORE = {
    "uniform": {"epsilon": 0.9},
    "epsilon-greedy": {"epsilon": 0.5, "temperature": 0.05},
    "softmax": {"epsilon": 0.0, "temperature": 1.0},
}


@functools.cache
def sampled_error(rule: str, seed: int, reward: str, updates: int) -> float:
    """Largest ``|f - f*|`` of the tabular trainer, over all rows with j != i that sequences can visit."""
    n = 4
    graph = erdos_renyi(n, 0.7, acyclic=True, seed=seed)
    model = TabularModel(n)
    with torch.no_grad():
        model.f.copy_(
            torch.randn(n, n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        )
    config = QLearningConfig(
        steps=updates, batch_size=128, learning_rate=1.0, optimizer="sgd", reward=reward,
        target_decay=0.0, max_length=16, **({"temperature": 1.0} | EXPLORE[rule]),
    )  # fmt: skip
    train_q_learning(
        model,
        graph,
        graph.reachable_pairs(),
        config,
        torch.Generator().manual_seed(seed),
        progress=False,
    )
    return largest_error(graph, model.f.detach().numpy())


def largest_error(graph: PlanningGraph, f: np.ndarray) -> float:
    """Largest distance of a table ``(n, n, n)`` from ``f*`` over targets that a problem has."""
    n = graph.n
    targets = np.unique(graph.reachable_pairs()[:, 1])
    goal = graph.adjacency[None].astype(float) + graph.reachability[:, None] - 1  # (i, j, k)
    off = ~np.eye(n, dtype=bool)
    return float(np.abs(f - goal)[targets][off[targets]].max())


def _sampled(reward: str, size: str) -> Finding:
    updates = 400 if size == "small" else 800
    rules = ("uniform",) if size == "small" else tuple(EXPLORE)
    found, holds = [], True
    for rule in rules:
        low, high = interval([sampled_error(rule, seed, reward, updates) for seed in SEEDS])
        found.append(f"{rule} [{max(low, 0):.2f}, {high:.2f}]")
        holds &= high < SAMPLED_MARGIN
    return decide(
        holds,
        "largest error " + ", ".join(found),
        f"{len(SEEDS)} acyclic graphs of 4 nodes, Gaussian starts, the trainer without target network, {updates:,} updates of "
        f"128 sequences; all rows of targets that some node can reach; 95% intervals over seeds, margin {SAMPLED_MARGIN}",
    )


# --- transformer -------------------------------------------------------------------------------


def _transformer(config, size: str) -> Finding:
    run = load_run(config)
    history = run.history
    feasible, adjacent, reachable, neither = (
        history[f"{name}_value"][-1] for name in ("feasible", "adjacent", "reachable", "neither")
    )
    accuracy = run.metrics["sampled_test"]
    holds = (
        accuracy >= 0.98
        and abs(feasible - 1) < 0.15
        and max(abs(adjacent), abs(reachable)) < 0.25
        and abs(neither + 1) < 0.35
    )
    return decide(
        holds,
        f"test accuracy {accuracy:.3f}; feasible {feasible:.2f}, adjacent {adjacent:.2f}, reachable {reachable:.2f}, "
        f"neither {neither:.2f}",
        f"outside the hypotheses; stored run, on-policy, {Q.steps:,} updates of {Q.batch_size}; accuracy at temperature "
        f"{READ_OUT}; margins: accuracy 0.98, levels within 0.15, 0.25, 0.25 and 0.35 of 1, 0, 0 and -1",
    )


@dataclass(frozen=True)
class Study:
    """Stored runs of several seeds, and the accuracy that each of them is to reach."""

    configs: tuple
    least: float


def _seeds(claim: Study, size: str) -> Finding:
    runs = [load_run(config) for config in claim.configs]
    found = [run.metrics["sampled_test"] for run in runs]
    return decide(
        min(found) >= claim.least,
        f"test accuracy {min(found):.3f} to {max(found):.3f}",
        f"outside the hypotheses; {len(runs)} stored runs, seeds of split, data, parameters and samples; each at least {claim.least}, "
        f"at temperature {READ_OUT}",
    )


# --- hypotheses --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """Value iteration toward ``target`` from a constant start, on a small graph."""

    adjacency: tuple = ((0, 1, 0), (0, 0, 1), (0, 0, 0))
    target: int = 2
    start: int = 3
    process: bool = True
    forgotten: tuple | None = None  # an entry (j, k) that is never updated


def residual(instance: Instance) -> float:
    """Distance of the values from ``A + R - 1`` after many sweeps: 0 by the theorem."""
    n, target = len(instance.adjacency), instance.target
    start = [[instance.start] * n for _ in range(n)]
    ends = swept(instance.adjacency, start, target, 50, instance.process, instance.forgotten)
    return structure_error(instance.adjacency, ends, target)


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("process reward", "Illegal steps cost 1; with outcome reward the constant of Theorem 5.1 stays.",
         lambda x: x.process, Instance(process=False)),
        ("persistent exploration", "Every (j, k) is updated again and again.",
         lambda x: x.forgotten is None, Instance(forgotten=(0, 0))),
        ("G - i acyclic, or a low start", "A legal cycle off the target keeps a high start alive.",
         lambda x: x.adjacency[1][0] == 0 or x.start <= 0,
         Instance(adjacency=((0, 1, 0), (1, 0, 0), (0, 0, 0)))),
    )
)  # fmt: skip

# --- the checks --------------------------------------------------------------------------------

CHECKS = (
    Check(
        claim="5.2/unique",
        rung="solver",
        title="On acyclic graphs A + R - 1 is the only fixed point, whatever the logits.",
        measure=_unique,
        statement=FixedPoint(),
        mutations={
            "on all graphs": FixedPoint(acyclic=False),
            "A + R": FixedPoint(lambda a, r: a + r),
            "2 A R - 1, feasible or not": FixedPoint(lambda a, r: 2 * a * r - 1),
        },
    ),
    Check(
        claim="5.2/starts",
        rung="exhaustive",
        title="From any start the sweeps end at A + R - 1, exactly.",
        measure=_starts,
        statement=recovers,
        mutations={"legal or not alone": adjacency_alone, "high starts survive": keeps_its_start},
        seeds=(521,),
    ),
    Check(
        claim="5.2/sweeps",
        rung="exhaustive",
        title="From zeros it takes the largest finite distance to the target, and one sweep more.",
        measure=_sweeps,
        statement=distance_and_one,
        mutations={"the longest path": longest_path, "the distance alone": distance_alone},
    ),
    Check(
        claim="5.2/sampled",
        rung="statistical",
        title="The sampled trainer finds A + R - 1 under each exploration rule.",
        measure=_sampled,
        statement="process",
        mutations={"outcome reward": "outcome"},
        seeds=SEEDS,
    ),
    Check(
        claim="5.2/transformer",
        rung="transformer",
        title="The transformer's logits take the three levels, and its paths are correct.",
        measure=_transformer,
        statement=PROCESS,
        mutations={"outcome reward": OUTCOME},
        seeds=(2,),
    ),
    Check(
        claim="5.2/seeds",
        rung="transformer",
        title="On-policy, five seeds of five plan correctly on test pairs.",
        measure=_seeds,
        statement=Study(STUDIES["q-seeds"], 0.98),
        mutations={
            "outcome reward": Study(STUDIES["q-outcome"], 0.98),
            "SFT logits unscaled": Study(STUDIES["q-ingredients"][:1], 0.98),
        },
        seeds=tuple(SEEDS_OF_RUNS),
    ),
    Check(
        claim="5.2/off-policy",
        rung="transformer",
        title="Off-policy, from what the SFT model writes, five seeds of five plan correctly too.",
        measure=_seeds,
        statement=Study(STUDIES["q-off-policy"], 0.95),
        mutations={
            "a fifth of the steps uniform": Study(STUDIES["q-exploration"][:1], 0.95),
            "a constant learning rate": Study(STUDIES["q-exploration"][-1:], 0.95),
        },
        seeds=tuple(SEEDS_OF_RUNS),
    ),
    NotApplicable(
        "5.2/symbolic",
        "symbolic",
        "a maximum over entries, piecewise linear; the solver decides every case of it at once",
    ),
    NotApplicable(
        "5.2/certified",
        "certified",
        "linear equations with rational solutions, decided exactly by the solver and exhaustive rungs",
    ),
)
