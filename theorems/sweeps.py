"""Sweeps of value tables, and how far a table is from the graph's structure."""

from __future__ import annotations

import numpy as np
from flint import fmpq

from planlib import exact
from planlib.graph import PlanningGraph
from theorems.small_graphs import as_float


def swept(
    adjacency, table, target: int, count: int, process: bool = True, forgotten=None, steps=None
) -> list:
    """Sweep a table ``count`` times, with process or outcome reward.

    ``forgotten`` is an entry never updated; ``steps(t)`` the share of the way to its goal that
    each entry moves in sweep t, all of it if not given.
    """
    for t in range(count):
        new = (
            exact.bellman(adjacency, table, target)
            if process
            else exact.outcome_bellman(table, target)
        )
        if steps:
            new = [
                [x + steps(t) * (y - x) for x, y in zip(*rows, strict=True)]
                for rows in zip(table, new, strict=True)
            ]
        if forgotten:
            j, k = forgotten
            new[j][k] = table[j][k]
        table = new
    return table


def sweep(adjacency, values, target: int, discount=1, step_cost=0) -> list:
    """One synchronous sweep of (*), by :func:`planlib.exact.bellman`: ``(n,)`` to ``(n,)``."""
    n = len(adjacency)
    rows = [[v] * n for v in values]
    return [max(row) for row in exact.bellman(adjacency, rows, target, discount, step_cost)]


def action_values(adjacency, values, targets=None, discount=1.0, step_cost=0.0) -> np.ndarray:
    """Values of all steps, by ``A[j, k] - 1 + [k = i] or V(k)``, many tables at once, in floats.

    Parameters
    ----------
    adjacency
        Shape ``(n, n)``, or ``(*batch, n, n)`` for as many graphs at once.
    values
        Values of the nodes, shape ``(m, n)``, or ``(*batch, n, n)``: target, node.
    targets
        The target of each, shape ``(m,)``; ``0 .. n-1`` if not given.

    Returns
    -------
    numpy.ndarray
        Shape ``(m, n, n)``, or ``(*batch, n, n, n)``: table, current, next.
    """
    worth = discount * np.asarray(values, dtype=float)  # (..., m, n)
    tables = np.arange(worth.shape[-2])
    worth[..., tables, tables if targets is None else targets] = 1.0
    return adjacency[..., None, :, :] - 1.0 - step_cost + worth[..., :, None, :]


def sweep_values(adjacency, values, targets=None, discount=1.0, step_cost=0.0) -> np.ndarray:
    """Sweep many tables of values at once: ``(m, n)`` to ``(m, n)``, 0 at each target.

    What :func:`sweep` does in exact numbers; arguments as for :func:`action_values`.
    """
    new = action_values(adjacency, values, targets, discount, step_cost).max(-1)
    new[np.arange(len(new)), np.arange(len(new)) if targets is None else targets] = 0.0
    return new


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
