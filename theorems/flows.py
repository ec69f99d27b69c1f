"""The exact gradient flow of the success probability on an acyclic graph, and how far it is from 1."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import solve_ivp

from planlib.graph import PlanningGraph
from theorems.tables import softmax_rows


def flow(graph: PlanningGraph, f0: np.ndarray, times, source: int = 0) -> np.ndarray:
    """Exact gradient flow of J on an acyclic graph: logits at ``times``, shape ``(T, n, n)``.

    The target is the last node; rows are current nodes.  Success and visits come
    from linear systems, not from the recursions of :mod:`planlib.exact`.
    """
    n = graph.n
    legal = graph.adjacency.astype(float)
    identity = np.eye(n)

    def slope(log_t: float, y: np.ndarray) -> np.ndarray:
        f = y.reshape(n, n)
        policy = softmax_rows(f)
        step = policy * legal
        step[-1] = 0
        success = np.linalg.solve(identity - step, identity[-1])
        visits = np.linalg.solve((identity - step).T, identity[source])
        visits[-1] = 0
        p = legal * success  # (n, n): success after the step j -> k
        mean = (policy * p).sum(1, keepdims=True)
        return (math.exp(log_t) * visits[:, None] * policy * (p - mean)).ravel()

    log_times = np.log(times)
    solution = solve_ivp(
        slope, (math.log(1e-3), log_times[-1]), f0.ravel(), method="LSODA",
        t_eval=log_times, rtol=1e-8, atol=1e-10,
    )  # fmt: skip
    return solution.y.T.reshape(len(times), n, n)


def failure_probability(graph: PlanningGraph, f: np.ndarray, source: int = 0) -> float:
    """Return 1 - J of logits ``(n, n)`` toward the last node, as a sum of failures along the way.

    Summing failures, not subtracting successes, keeps the digits when J is near 1.
    """
    n = graph.n
    policy = softmax_rows(f)
    step = policy * graph.adjacency
    step[-1] = 0
    visits = np.linalg.solve((np.eye(n) - step).T, np.eye(n)[source])
    illegal = (policy * ~graph.adjacency).sum(1)
    illegal[-1] = 0
    return float((visits * illegal).sum())
