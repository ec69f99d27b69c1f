"""The exact gradient flow of the success probability, and how far it is from 1.

Failures are summed, successes never subtracted from 1: near J = 1 the digits of 1 - J are
all that moves.  The target is the last node; rows of logits are current nodes.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import solve_ivp

from planlib.graph import PlanningGraph
from theorems.tables import softmax_rows


def flow(
    graph: PlanningGraph, f0: np.ndarray, times, source: int = 0, horizon: int | None = None
) -> np.ndarray:
    """Exact gradient flow of J: logits at ``times``, shape ``(T, n, n)``.

    Without a horizon visits and failures come from linear systems; with one, from steps
    forward and backward in time.  Neither knows :mod:`planlib.exact`.
    """
    n = graph.n
    ascent = _without_limit if horizon is None else _within

    def slope(log_t: float, y: np.ndarray) -> np.ndarray:
        policy = softmax_rows(y.reshape(n, n))
        return (math.exp(log_t) * ascent(graph, policy, source, horizon)).ravel()

    log_times = np.log(times)
    solution = solve_ivp(
        slope, (math.log(1e-3), log_times[-1]), f0.ravel(), method="LSODA",
        t_eval=log_times, rtol=1e-8, atol=1e-10,
    )  # fmt: skip
    return solution.y.T.reshape(len(times), n, n)


def failure_probability(
    graph: PlanningGraph, f: np.ndarray, source: int = 0, horizon: int | None = None
) -> float:
    """Return 1 - J of logits ``(n, n)``: a wrong step, or the horizon's end before the target."""
    policy = softmax_rows(f)
    if horizon is None:
        return float(_failures(graph, policy)[source])
    return float(_failures_in_time(graph, policy, horizon)[-1][source])


def _steps(graph: PlanningGraph, policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Legal steps ``(n, n)`` of a policy, and the chance of a wrong one ``(n,)``; none at the target."""
    step = policy * graph.adjacency
    wrong = (policy * ~graph.adjacency).sum(1)
    step[-1], wrong[-1] = 0, 0
    return step, wrong


def _failures(graph: PlanningGraph, policy: np.ndarray) -> np.ndarray:
    step, wrong = _steps(graph, policy)
    return np.linalg.solve(np.eye(graph.n) - step, wrong)


def _failures_in_time(graph: PlanningGraph, policy: np.ndarray, horizon: int) -> list[np.ndarray]:
    """Failure from each node with 0, 1, ... steps left: entries ``(n,)``."""
    step, wrong = _steps(graph, policy)
    fails = [np.ones(graph.n)]
    fails[0][-1] = 0
    for _ in range(horizon):
        fails.append(step @ fails[-1] + wrong)
    return fails


def _without_limit(graph: PlanningGraph, policy: np.ndarray, source: int, horizon: None):
    step, _ = _steps(graph, policy)
    fails = _failures(graph, policy)
    visits = np.linalg.solve((np.eye(graph.n) - step).T, np.eye(graph.n)[source])
    visits[-1] = 0
    after = np.where(graph.adjacency, fails, 1.0)  # (n, n): failure after the step j -> k
    return visits[:, None] * policy * (fails[:, None] - after)


def _within(graph: PlanningGraph, policy: np.ndarray, source: int, horizon: int):
    step, _ = _steps(graph, policy)
    fails = _failures_in_time(graph, policy, horizon)
    now, total = np.eye(graph.n)[source], np.zeros_like(policy)
    for left in range(horizon, 0, -1):
        now[-1] = 0
        after = np.where(graph.adjacency, fails[left - 1], 1.0)
        total += now[:, None] * policy * (fails[left][:, None] - after)
        now = now @ step
    return total
