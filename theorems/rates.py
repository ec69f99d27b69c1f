"""Graphs and starts on which the rate of policy gradient is measured, and the curves of 1 - J.

Density, starts, batches and updates were settled on seeds 0 to 4, and so was the rule of the
constant, after a simpler one had failed on three of the graphs.  Margins, seeds, the fourth graph
of routes and the graphs with cycles were written down here before any of them was run.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import torch

from planlib import exact
from planlib.graph import PlanningGraph, erdos_renyi
from planlib.models import TabularModel
from planlib.train import PolicyGradientConfig, train_policy_gradient
from theorems.flows import failure_probability, flow
from theorems.readings import Reading

SEEDS = tuple(range(10, 20))
FLOW_MARGIN, SAMPLED_MARGIN = 0.05, 0.2  # of the slope -1, on the mean over graphs
CONSTANT_MARGIN = 0.01  # of the ratio to the rule, on the mean over starts of each graph
TIMES = np.geomspace(1, 1e8, 33)
LATE = TIMES >= 1e4  # where the slope is read
NODES, CYCLIC_NODES, CYCLIC_HORIZON = 6, 5, 10
LEARNING_RATE, UPDATES, EVALUATIONS = 4.0, 800, 16


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of ``log y`` in ``log x``, by least squares."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def acyclic_graph(seed: int) -> PlanningGraph:
    """Return an acyclic graph on which the last of 6 nodes can be reached from node 0."""
    return next(
        g
        for s in itertools.count(seed, 100)
        if (g := erdos_renyi(NODES, 0.85, acyclic=True, seed=s)).reachability[-1, 0]
    )


def cyclic_graph(seed: int) -> PlanningGraph:
    """Return a graph of 5 nodes with a cycle on the way from node 0 to the last."""
    return next(
        g
        for s in itertools.count(seed, 100)
        if _cycle_on_the_way(g := erdos_renyi(CYCLIC_NODES, 0.4, acyclic=False, seed=s))
    )


def _cycle_on_the_way(graph: PlanningGraph) -> bool:
    rows, target = graph.adjacency.astype(int).tolist(), graph.n - 1
    alive, lead = exact.reaches(rows, target), exact.leads(rows, target)
    cycle = exact.on_cycle(rows, target)
    return any(alive[j] and lead[0][j] and cycle[j] for j in range(graph.n))


def start(n: int, seed: int) -> np.ndarray:
    """Logits ``(n, n)`` that flow and trainer start from."""
    return 0.5 * np.random.default_rng(seed).normal(size=(n, n))


@functools.cache
def flow_failures(seed: int, cycles: bool = False) -> np.ndarray:
    """Failure 1 - J of the exact flow at ``TIMES``; on a graph with cycles within a horizon."""
    graph = cyclic_graph(seed) if cycles else acyclic_graph(seed)
    horizon = CYCLIC_HORIZON if cycles else None
    found = flow(graph, start(graph.n, seed), TIMES, horizon=horizon)
    return np.array([failure_probability(graph, f, horizon=horizon) for f in found])


def _sampled(case: tuple[int, int]) -> list[float]:
    seed, updates = case
    graph, model = acyclic_graph(seed), TabularModel(NODES)
    with torch.no_grad():
        model.f[-1] = torch.as_tensor(start(NODES, seed))
    config = PolicyGradientConfig(
        steps=updates, batch_size=512, learning_rate=LEARNING_RATE, optimizer="sgd",
        evaluate_every=updates // EVALUATIONS, max_length=NODES + 4,
    )  # fmt: skip
    history = train_policy_gradient(
        model, graph, [(0, NODES - 1)], config, torch.Generator().manual_seed(seed),
        evaluate=lambda m: {"failure": failure_probability(graph, m.f[-1].detach().numpy())},
        progress=False,
    )  # fmt: skip
    return list(map(float, history["failure"]))


SAMPLED = Reading("sampled-4-2", _sampled, tuple((seed, UPDATES) for seed in SEEDS))
SAMPLED_TIMES = LEARNING_RATE * UPDATES / EVALUATIONS * np.arange(1, EVALUATIONS + 1)


def sampled_failures(seed: int) -> np.ndarray:
    """Failure 1 - J of the sampled trainer from the flow's graph and start, at ``SAMPLED_TIMES``."""
    return np.array(SAMPLED((seed, UPDATES)))


ROUTES = ((1, 2), (2, 2), (1, 2, 2), (1, 3))  # lengths of routes that share their ends alone
# Corrections to the rule fall as a small power of t, slowest on the fourth graph: at the first of
# these times that was found too early there, so fresh starts were named for the second.
EARLY, VERY_LATE = 1e24, 1e96
FRESH_SEEDS = tuple(range(20, 30))


def routes_graph(lengths: tuple[int, ...]) -> PlanningGraph:
    """Return a graph of routes of the lengths given that share their ends alone."""
    n = 2 + sum(length - 1 for length in lengths)
    adjacency, fresh = np.zeros((n, n), dtype=bool), 1
    for length in lengths:
        j = 0
        for _ in range(length - 1):
            adjacency[j, fresh], j, fresh = True, fresh, fresh + 1
        adjacency[j, -1] = True
    return PlanningGraph(adjacency)


@functools.cache
def late_failures(lengths: tuple[int, ...], seed: int, times: tuple[float, ...]) -> tuple:
    """Logits of the exact flow at some times, and ``t (1 - J)`` there."""
    graph = routes_graph(lengths)
    f0 = 0.3 * np.random.default_rng(seed).normal(size=(graph.n, graph.n))
    found = flow(graph, f0, times)
    return found, [t * failure_probability(graph, f) for t, f in zip(times, found, strict=True)]


def failure_constant(rule, graph: PlanningGraph, f: np.ndarray, j: int = 0) -> float:
    """Limit of ``t (1 - J)`` from node ``j`` by the rule of a row, summed along the favourite path."""
    if j == graph.n - 1:
        return 0.0
    right = np.flatnonzero(graph.correct_next(graph.n - 1, j))
    favourite = int(right[f[j, right].argmax()])
    below = {int(k): failure_constant(rule, graph, f, int(k)) for k in right}
    others = [below[k] for k in below if k != favourite]
    return rule(graph.n - len(right), others) + below[favourite]


def off_the_rule(
    rule, lengths: tuple[int, ...], seed: int, times: tuple[float, ...]
) -> list[float]:
    """``t (1 - J)`` over the constant of the rule, less 1, at some times."""
    graph = routes_graph(lengths)
    found, constants = late_failures(lengths, seed, times)
    claimed = [failure_constant(rule, graph, f) for f in found]
    return [c / r - 1 for c, r in zip(constants, claimed, strict=True)]
