"""Where sweeps of values end: the solutions that are constant on cycles, and the starts that find R."""

from __future__ import annotations

import functools
import itertools
import random

import numpy as np

from planlib import exact
from planlib.graph import erdos_renyi
from theorems.small_graphs import digraph_classes
from theorems.sweeps import sweep_values

RANDOM_GRAPHS = 150  # of each size beyond the classes
HALVES = (-2, 0, 1, 2, 3, 4, 5)  # starting values -1, 0, 1/2, 1, 3/2, 2, 5/2, in halves


def graphs_of(size: str):
    """Every digraph (one a class) on up to 3 nodes, or 4."""
    return (g for n in range(2, 4 if size == "small" else 5) for g in digraph_classes(n))


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


@functools.cache
def _relations(adjacency: tuple, target: int) -> tuple[list, list, list]:
    """What reaches the target, what leads to what off it, and what lies on a cycle off it."""
    return (
        exact.reaches(adjacency, target),
        exact.leads(adjacency, target),
        exact.on_cycle(adjacency, target),
    )


def relations(adjacency, target: int) -> tuple[list, list, list]:
    """Reachability, "leads to" and cycles off the target, once for a graph and all its starts."""
    return _relations(tuple(map(tuple, adjacency)), target)


def in_basin(adjacency, start, target: int) -> bool:
    """Part (e): ``V_0(e) <= r_c + [c does not lead to e]`` for c on cycles of G - i and all e."""
    n, (alive, lead, cycle) = len(adjacency), relations(adjacency, target)
    return all(
        start[e] <= int(alive[c]) + (not lead[c][e])
        for c in range(n)
        for e in range(n)
        if cycle[c] and e != target
    )


def below_reachability(adjacency, start, target):
    """Mistake: it needs a start below R everywhere (enough, by (d), but not needed)."""
    alive, _, _ = relations(adjacency, target)
    return all(start[e] <= alive[e] for e in range(len(adjacency)) if e != target)


def low_on_cycles(adjacency, start, target):
    """Mistake: it is enough that cycles start at or below R."""
    alive, _, cycle = relations(adjacency, target)
    return all(start[c] <= alive[c] for c in range(len(adjacency)) if cycle[c])


def no_allowance(adjacency, start, target):
    """Mistake: what a cycle cannot lead to counts as much as what it can."""
    n, (alive, _, cycle) = len(adjacency), relations(adjacency, target)
    return all(
        start[e] <= int(alive[c]) for c in range(n) for e in range(n) if cycle[c] and e != target
    )


def anywhere(adjacency, start, target):
    """Mistake: any start will do, as on acyclic graphs."""
    return True


@functools.cache
def swept_starts(size: str) -> tuple[list, int]:
    """Graphs, each with a target, starts and whether their sweeps reach R; and the number of graphs."""
    rng, found = random.Random(31), []
    graphs = list(graphs_of("full"))
    for n in (5, 6, 7):  # beyond the classes: random graphs, sparse to dense
        graphs += [
            erdos_renyi(n, rng.uniform(0.1, 0.5), False, rng.randrange(10**6)).adjacency.astype(int)
            for _ in range(0 if size == "small" else RANDOM_GRAPHS)
        ]
    for adjacency in graphs:
        matrix, n = np.array(adjacency), len(adjacency)
        # Targets of one class: on random graphs one is enough, nodes are alike.
        for target in range(n) if n < 5 else (0,):
            if n < 5:
                grid = HALVES[1:5] if size == "small" else HALVES if n < 4 else (0, 1, 2, 3, 5)
                values = itertools.product(grid, repeat=n - 1)
                starts = [[*v[:target], 0, *v[target:]] for v in values]
            else:
                starts = [[0, *rng.choices(HALVES[1:5], k=n - 1)] for _ in range(200)]
                # Near the boundary, where the claim decides: most starts low, one high.
                starts += [
                    [0, *(rng.choice(HALVES) if k == e else 0 for k in range(1, n))]
                    for e in range(1, n)
                    for _ in range(4)
                ]
            goal = np.array(exact.reaches(adjacency, target), dtype=float)
            goal[target] = 0
            ends = np.array(starts) / 2
            for _ in range(
                n * 5
            ):  # a value above its end falls by 1 within every n sweeps, or never
                ends = sweep_values(matrix, ends, [target] * len(ends))
            reached = (ends == goal).all(1).tolist()  # halves are exact in floats
            found.append((matrix.tolist(), target, starts, reached))
    return found, len(graphs)


def one_by_one(adjacency, start, target: int, rounds: int, rng: random.Random) -> list[list]:
    """Table after rounds of updates of single entries from rows of the constants ``start``."""
    table = [[v] * len(adjacency) for v in start]
    for _ in range(rounds):
        table = one_round(adjacency, table, target, rng)
    return table


def one_round(adjacency, table, target: int, rng: random.Random, steps=(1,)) -> list[list]:
    """Each entry once, in a random order: moved toward what :func:`planlib.exact.bellman` gives.

    By a step drawn from ``steps``, the share of the way that it goes.
    """
    n, table = len(adjacency), [list(row) for row in table]
    entries = [(j, k) for j in range(n) for k in range(n) if j != target]
    for j, k in rng.sample(entries, len(entries)):
        goal = adjacency[j][k] - 1 + (1 if k == target else max(table[k]))
        step = rng.choice(steps) if len(steps) > 1 else steps[0]
        table[j][k] += step * (goal - table[j][k])
    return table
