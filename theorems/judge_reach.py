"""What the fixed point of a noisy judge foretells, in floats: values, and accuracy by distance.

Parts (a) and (e) of :mod:`theorems.judge`; transformers are compared with it.
"""

from __future__ import annotations

import numpy as np

from planlib.graph import PlanningGraph
from theorems.walks import arrivals, distances, softened


def values_at(away: np.ndarray, alpha: float, beta: float, jump: bool = True) -> np.ndarray:
    """(a), (e): values at distances ``away``, infinite where out of reach; any shape."""
    reached = np.isfinite(away)
    walked = 1 - alpha * np.where(reached, away, 0.0)
    return np.where(reached, np.maximum(walked, 1 - beta) if jump else walked, 1 - beta)


def judged_table(graph: PlanningGraph, alpha: float, beta: float) -> np.ndarray:
    """Action values at the fixed point, ``(n, n, n)``: target, current, next.

    For ``alpha = 0`` the one that is found from low starts, ``1 - beta (2 - A - R)``.
    """
    worth = values_at(distances(graph.adjacency), alpha, beta)  # (i, k)
    np.fill_diagonal(worth, 1.0)
    return worth[:, None, :] - np.where(graph.adjacency, alpha, beta)[None]


def predicted_by_distance(
    graph: PlanningGraph, alpha: float, beta: float, temperature: float, max_length: int, pairs
) -> dict[int, tuple[float, int]]:
    """Accuracy of the policy ``softmax(f / temperature)`` at the fixed point, by distance.

    Parameters
    ----------
    max_length
        Tokens that hold the prompt ``s t s``, the steps and the end token, taken for certain at
        the target and never before.
    pairs
        Problems ``(source, target)``, shape ``(m, 2)``.

    Returns
    -------
    dict
        By the distance from source to target: the mean accuracy, and of how many pairs.
    """
    policy = softened(judged_table(graph, alpha, beta), temperature)
    came = arrivals(graph.adjacency, policy, max_length - 4).sum(0)  # (target, source)
    sources, targets = np.asarray(pairs).T
    away, right = distances(graph.adjacency)[targets, sources], came[targets, sources]
    return {
        int(d): (float(right[away == d].mean()), int((away == d).sum()))
        for d in np.unique(away[np.isfinite(away)])
    }
