"""The equation of Theorem 4.4, the expected update that it makes vanish, and two ways to solve it.

``q(i, j)[k]`` is proportional to ``q_base(i, j)[k] exp(p_k / lambda)``, with ``p_k`` under q itself.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.integrate import solve_ivp

from planlib import exact
from theorems.tables import softmax_rows


def per_visit(adjacency, policy, source: int, target: int, horizon: int) -> dict[int, list]:
    """Theorem 4.4 as we read it: times taken in correct sequences over times taken in all, by row."""
    rows = exact.credits(adjacency, policy, source, target, horizon)
    return {
        j: [e / every if every else 0 * e for e in earned] for j, (_, every, earned) in rows.items()
    }


def per_visit_of_all(
    adjacency, policy, shares: dict[int, object], target: int, horizon: int
) -> dict[int, list]:
    """The same where problems from several sources are drawn, each with its share: both numbers summed."""
    parts = [
        (share, exact.credits(adjacency, policy, source, target, horizon))
        for source, share in shares.items()
    ]
    p = {}
    for j, (_, zero, row) in parts[0][1].items():
        every = sum((share * rows[j][1] for share, rows in parts), 0 * zero)
        earned = [
            sum((share * rows[j][2][k] for share, rows in parts), 0 * zero) for k in range(len(row))
        ]
        p[j] = [e / every if every else 0 * e for e in earned]
    return p


def expected_update(adjacency, policy, log_ratio, problem, horizon, kl_weight, later=None):
    """Expected ascent direction of every row, by enumerating all episodes.

    Each step earns ``R(u) - lambda L(j, k)``, plus ``later(path, m)`` if given; its
    score is ``e_k - q``.
    """
    source, target = problem
    n = len(policy)
    update = {j: [0 * kl_weight] * n for j in range(n) if j != target}
    for path in exact.episodes(n, source, target, horizon):
        probability = exact.path_probability(policy, path, target)
        reward = int(exact.is_correct(adjacency, path, target))
        for m, (j, taken) in enumerate(itertools.pairwise(path)):
            weight = reward - kl_weight * log_ratio[j][taken]
            if later:
                weight += later(path, m)
            row = policy[target][j]
            for k in range(n):
                update[j][k] += probability * weight * (int(k == taken) - row[k])
    return update


def whole_update(adjacency, policy, log_ratio, problem, horizon, kl_weight) -> dict[int, list]:
    """Gradient of the whole-sequence objective ``E[R] - lambda E[log q(u) / b(u)]``, score by score."""
    source, target = problem
    n = len(policy)
    whole = {j: [0 * kl_weight] * n for j in range(n) if j != target}
    for path in exact.episodes(n, source, target, horizon):
        steps = list(itertools.pairwise(path))
        weight = int(exact.is_correct(adjacency, path, target)) - kl_weight * sum(
            log_ratio[j][k] for j, k in steps
        )
        probability = exact.path_probability(policy, path, target)
        for j, taken in steps:
            for k in range(n):
                whole[j][k] += probability * weight * (int(k == taken) - policy[target][j][k])
    return whole


def solve(
    adjacency, base, source, target, horizon, kl_weight,
    reading=per_visit, start=None, damping=0.5, tolerance=1e-14, limit=20_000,
):  # fmt: skip
    """Solve the equation by damped iteration of the exponents ``y = p / lambda``.

    Returns
    -------
    numpy.ndarray
        The rows ``q``, shape ``(n, n)``; the target's row is the base's.  NaN if the
        iteration has not settled after ``limit`` rounds.
    """
    n = len(adjacency)
    table = [[None] * n for _ in range(n)]
    q = np.array(base if start is None else start, dtype=float)
    y = np.log(q) - np.log(base)
    for _ in range(limit):
        table[target] = q.tolist()
        p = reading(adjacency, table, source, target, horizon)
        new = y.copy()
        for j, row in p.items():
            new[j] += damping * (np.array(row) / kl_weight - y[j])
        new -= new.max(1, keepdims=True)
        q_new = base * np.exp(new)
        q_new /= q_new.sum(1, keepdims=True)
        if np.abs(q_new - q).max() < tolerance:
            return q_new
        q, y = q_new, new
    return np.full((n, n), np.nan)


class Enumerated:
    """All episodes of a problem as arrays, for the expected update in float64.

    ``counts[e, n j + k]`` says how often episode e steps from j to k.
    """

    def __init__(self, adjacency, source: int, target: int, horizon: int):
        n = len(adjacency)
        paths = list(exact.episodes(n, source, target, horizon))
        self.counts = np.zeros((len(paths), n * n))
        for e, path in enumerate(paths):
            for j, k in itertools.pairwise(path):
                self.counts[e, n * j + k] += 1
        self.reward = np.array([exact.is_correct(adjacency, u, target) for u in paths], float)

    def update(self, q: np.ndarray, base: np.ndarray, kl_weight: float) -> np.ndarray:
        """Expected ascent direction of the loss of policy gradient with KL, shape ``(n, n)``."""
        log_q = np.log(q)
        chance = np.exp(self.counts @ log_q.ravel())  # (E,)
        taken, rewarded = (
            np.reshape(x @ self.counts, q.shape) for x in (chance, chance * self.reward)
        )
        earned = rewarded - kl_weight * (log_q - np.log(base)) * taken  # (n, n)
        return earned - q * earned.sum(1, keepdims=True)

    def follow(self, base: np.ndarray, kl_weight: float, until: float) -> np.ndarray:
        """Follow the expected update from the base up to time ``until``."""
        n = len(base)

        def slope(_, f):
            f = f.reshape(n, n)
            return self.update(softmax_rows(f), base, kl_weight).ravel()

        f = solve_ivp(
            slope, (0, until), np.log(base).ravel(), method="LSODA", rtol=1e-11, atol=1e-13
        ).y[:, -1].reshape(n, n)  # fmt: skip
        return softmax_rows(f)
