"""Which entries a behaviour tries, what an additive model then knows, and how it comes to know it.

The additive model is ``f(i, j)[k] = WM[j, k] + WV[i, k]`` (Theorem 5.3).  For each next node ``k``
the tried entries ``(i, j)`` are the edges of a graph between targets and current nodes; within a
component of it every sum is known, between two components nothing is.

=====================  ==========================================  ===============
symbol                 here                                        shape
=====================  ==========================================  ===============
behaviour policy       ``policy[i, j, k]``                         (n, n, n)
tries of an entry      expected number in one sequence             (n, n, n)
known                  entries that were tried                     (n, n, n) bool
WM, WV                 the matrices, current or target by next     (n, n)
=====================  ==========================================  ===============

Source: ours; the linear transformer and the Bellman equation are Theorem 5.3's.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from planlib.graph import PlanningGraph
from theorems.sweeps import action_values


def teacher(graph: PlanningGraph, epsilon: float, known: np.ndarray | None = None) -> np.ndarray:
    """A behaviour policy that never learns: uniform over correct steps, a uniform node with ``epsilon``.

    Shape ``(n, n, n)``: target, current, next.  Where no step is correct all nodes are alike.
    It is right in the rows ``known``, shape ``(n, n)`` bool, all if not given; in others it steps
    to the target itself, which is what the completion from zeros has learned to be good.
    """
    i, j = np.indices((graph.n, graph.n))
    correct = graph.correct_next(i, j).astype(float)
    count = correct.sum(-1, keepdims=True)
    right = np.where(count > 0, correct / np.maximum(count, 1), 1 / graph.n)
    if known is not None:
        right = np.where(known[:, :, None], right, np.eye(graph.n)[:, None, :])
    return (1 - epsilon) * right + epsilon / graph.n


def expected_visits(
    policy: np.ndarray, pairs: np.ndarray, steps: int, legal: np.ndarray | None = None
) -> np.ndarray:
    """Expected number of times that one sequence visits each row: shape ``(n, n)``.

    Parameters
    ----------
    policy
        Shape ``(n, n, n)``: target, current, next.
    pairs
        The prompts ``(source, target)``, one drawn uniformly for a sequence, shape ``(m, 2)``.
    steps
        Most steps of a sequence; it ends at its first arrival.
    legal
        Steps (current, next), shape ``(n, n)`` bool, after which a sequence goes on; all if not given.
    """
    n, goes_on = len(policy), policy if legal is None else policy * legal
    at = np.zeros((n, n))  # (target, current)
    np.add.at(at, (pairs[:, 1], pairs[:, 0]), 1 / len(pairs))
    visits = np.zeros((n, n))
    for _ in range(steps):
        visits += at
        at = (at[:, None, :] @ goes_on)[:, 0]
        np.fill_diagonal(at, 0)
    return visits


def expected_tries(
    policy: np.ndarray, pairs: np.ndarray, steps: int, legal: np.ndarray | None = None
) -> np.ndarray:
    """Expected number of times that one sequence tries each entry: shape ``(n, n, n)``.

    Parameters as for :func:`expected_visits`.
    """
    return expected_visits(policy, pairs, steps, legal)[..., None] * policy


def components(known: np.ndarray) -> np.ndarray:
    """Label the components of what was tried: shape ``(n, 2, n)``: next node, target or current, node."""
    n = len(known)
    labels = []
    for tried in np.moveaxis(known, 2, 0):  # (target, current) for each next node
        i, j = np.nonzero(tried)
        between = csr_array((np.ones(len(i)), (i, n + j)), shape=(2 * n, 2 * n))
        labels.append(connected_components(between, directed=False)[1].reshape(2, n))
    return np.array(labels)


def determined(known: np.ndarray) -> np.ndarray:
    """Which entries of an additive model the tried ones decide: shape ``(n, n, n)`` bool.

    Entry ``(i, j, k)`` is decided if target i and current node j lie in one component of what was
    tried of next node k; else a constant between their components is free.
    """
    targets, nodes = np.moveaxis(components(known), 1, 0)  # (next, target), (next, current)
    same = targets[:, :, None] == nodes[:, None, :]  # (k, i, j)
    return np.moveaxis(same, 0, 2)


def completed(graph: PlanningGraph, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The additive model of least norm whose tried entries are ``A + R - 1``: ``WM`` and ``WV``.

    Gradient descent from zeros moves along the tried entries alone, so that this is where it ends
    if it comes to these values.  In a component with targets I and current nodes J
    ``WV = R - c`` and ``WM = A - 1 + c`` with ``c = (sum_I R - sum_J (A - 1)) / (|I| + |J|)``.
    """
    edges, reach = graph.adjacency.astype(float), graph.reachability.astype(float)
    wm, wv = np.zeros_like(edges), np.zeros_like(reach)
    for k, (targets, nodes) in enumerate(components(known)):
        for label in np.intersect1d(targets, nodes):
            i, j = targets == label, nodes == label
            c = (reach[i, k].sum() - (edges[j, k] - 1).sum()) / (i.sum() + j.sum())
            wv[i, k], wm[j, k] = reach[i, k] - c, edges[j, k] - 1 + c
    return wm, wv


def additive(wm: np.ndarray, wv: np.ndarray) -> np.ndarray:
    """The values of two matrices, ``(*batch, n, n)`` each: ``(*batch, n, n, n)``: target, current, next."""
    return wm[..., None, :, :] + wv[..., :, None, :]


def semi_gradient(adjacency, wm, wv, rate: float, covered=None) -> tuple[np.ndarray, np.ndarray]:
    """One full semi-gradient step of the additive model, all covered rows weighted alike.

    Parameters
    ----------
    adjacency, wm, wv
        Shape ``(n, n)``, or ``(*batch, n, n)`` for as many graphs at once.
    covered
        Rows ``(i, j)`` that are updated, shape ``(n, n)`` bool, or a weight for each entry, shape
        ``(n, n, n)``; all rows with ``j != i`` if not given.
    """
    mask = ~np.eye(adjacency.shape[-1], dtype=bool) if covered is None else covered
    f = additive(wm, wv)  # (..., i, j, k)
    error = (f - action_values(adjacency, f.max(-1))) * (
        mask if mask.ndim == 3 else mask[..., None]
    )
    return wm - rate * error.sum(-3), wv - rate * error.sum(-2)


def learning_rate(tries: np.ndarray) -> float:
    """The learning rate that is just stable: the largest curvature of the expected loss is below 1/lr."""
    return 0.45 / (2 * max(tries.sum(0).max(), tries.sum(1).max()))


def expected_run(
    graph: PlanningGraph, tries: np.ndarray, rate: float, moments, shared: bool = True
) -> list[np.ndarray]:
    """Values ``(n, n, n)`` at some updates of expected semi-gradient descent from zeros.

    Each update is the mean of the trainer's: its loss is the squared error, summed over a
    sequence and averaged over the batch, and ``tries`` weighs the entries.

    Parameters
    ----------
    moments
        Numbers of updates, increasing.
    shared
        Whether the model is additive; else a table, which shares nothing.
    """
    adjacency, n = graph.adjacency.astype(float), graph.n
    wm, wv, table = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n, n))
    found = []
    for update in range(1, moments[-1] + 1):
        if shared:
            wm, wv = semi_gradient(adjacency, wm, wv, 2 * rate, tries)
        else:
            table = table - 2 * rate * tries * (table - action_values(adjacency, table.max(-1)))
        if update in moments:
            found.append(additive(wm, wv) if shared else table)
    return found
