"""Sweeps of value tables, and how far a table is from the graph's structure."""

from __future__ import annotations

import numpy as np
from flint import fmpq

from planlib import exact
from planlib.graph import PlanningGraph
from theorems.small_graphs import as_float


def swept(adjacency, table, target: int, count: int, process: bool = True, forgotten=None) -> list:
    """Sweep a table ``count`` times, with process or outcome reward; ``forgotten`` is an entry never updated."""
    for _ in range(count):
        new = (
            exact.bellman(adjacency, table, target)
            if process
            else exact.outcome_bellman(table, target)
        )
        if forgotten:
            j, k = forgotten
            new[j][k] = table[j][k]
        table = new
    return table


def structure_error(adjacency, table, target: int) -> float:
    """Largest distance of a table from ``A + R - 1``, its row of the target left out."""
    goal = exact.structure(adjacency, target)
    rows = [(row, goal[j]) for j, row in enumerate(table) if j != target]
    return max(as_float(fmpq(abs(x - y))) for row, g in rows for x, y in zip(row, g, strict=True))


def largest_error(graph: PlanningGraph, f: np.ndarray) -> float:
    """Largest distance of a table ``(n, n, n)`` from ``A + R - 1`` over targets that a problem has."""
    n = graph.n
    targets = np.unique(graph.reachable_pairs()[:, 1])
    goal = graph.adjacency[None].astype(float) + graph.reachability[:, None] - 1  # (i, j, k)
    off = ~np.eye(n, dtype=bool)
    return float(np.abs(f - goal)[targets][off[targets]].max())
