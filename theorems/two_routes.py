"""Two routes, s -> a, b -> t: a small graph on which the equation of Theorem 4.4 has many solutions.

A solution is written by its exponents: of each of the rows s, a, b, for k = 1 to 3, the exponent
over that of k = 0: 9 numbers.
"""

from __future__ import annotations

import functools

import numpy as np
from flint import arb

from theorems.kl_equation import Enumerated
from theorems.krawczyk import certify

GRAPH = ((0, 1, 1, 0), (0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0))
BASE = (
    ("0.02", "0.48", "0.48", "0.02"),
    ("0.01", "0.01", "0.96", "0.02"),
    ("0.01", "0.96", "0.01", "0.02"),
)
HORIZON = 8
MIRROR = [1, 0, 2, 7, 6, 8, 4, 3, 5]  # a and b change places: another solution, or the same


def policy_of(y: np.ndarray) -> np.ndarray:
    """Rows s, a, b of the policy with these exponents: ``(..., 9)`` to ``(..., 3, 4)``."""
    f = np.zeros((*y.shape[:-1], 3, 4))
    f[..., 1:] = y.reshape(*y.shape[:-1], 3, 3)
    q = np.array(BASE, dtype=float) * np.exp(f - f.max(-1, keepdims=True))
    return q / q.sum(-1, keepdims=True)


def success(y: np.ndarray) -> float:
    """Success probability of a solution."""
    q = policy_of(y)
    return float(q[0, 1] * q[1, 3] + q[0, 2] * q[2, 3])


def residual(y: np.ndarray, kl_weight: float) -> np.ndarray:
    """Residual ``y - (p_k - p_0) / lambda`` of the equation: ``(..., 9)`` to ``(..., 9)``."""
    q = policy_of(y)
    every = np.zeros((*y.shape[:-1], 3))  # expected visits of s, a, b
    now = every + np.array([1.0, 0, 0])
    for _ in range(HORIZON):
        every += now
        now = (now[..., None, :] @ q[..., :3])[..., 0, :]
    p = np.zeros_like(q)
    p[..., 0, 1] = q[..., 1, 3] / every[..., 0]
    p[..., 0, 2] = q[..., 2, 3] / every[..., 0]
    p[..., 1, 3] = q[..., 0, 1] / every[..., 1]
    p[..., 2, 3] = q[..., 0, 2] / every[..., 2]
    return y - ((p[..., 1:] - p[..., :1]) / kl_weight).reshape(y.shape)


def _newton(y: np.ndarray, kl_weight: float) -> np.ndarray:
    """Newton's method from each row of ``y (S, 9)``, with a numerical Jacobian; NaN where it fails."""
    ends = np.full_like(y, np.nan)
    left = np.arange(len(y))  # the starts that are still on their way
    for _ in range(60):
        value = residual(y, kl_weight)
        moved = residual(y[:, None] + 1e-6 * np.eye(9), kl_weight)  # (S, direction, 9)
        jacobian = ((moved - value[:, None]) / 1e-6).swapaxes(1, 2)
        regular = np.linalg.det(jacobian) != 0
        left, y = left[regular], y[regular]
        step = np.linalg.solve(jacobian[regular], value[regular, :, None])[..., 0]
        y = y - np.clip(step, -2, 2)
        done = np.abs(step).max(1) < 1e-10
        ends[left[done]] = y[done]
        left, y = left[~done], y[~done]
        if not left.size:
            break
    return ends


def _distinct(found: np.ndarray) -> list[np.ndarray]:
    """Those of the solutions that are not NaN, each once, in their order."""
    distinct: list[np.ndarray] = []
    for y in found[~np.isnan(found).any(1)]:
        if all(np.abs(y - x).max() > 1e-5 for x in distinct):
            distinct.append(y)
    return distinct


@functools.cache
def solutions(kl_weight: float, starts: int = 200) -> tuple[tuple[float, ...], ...]:
    """Solutions that Newton's method finds from random starts, by their success."""
    # p lies in [0, 1], so every solution lies in this box.
    start = np.random.default_rng(44).uniform(-1, 1, (starts, 9)) / kl_weight
    ends = _newton(start, kl_weight)
    found = _distinct(np.stack([ends, ends[:, MIRROR]], axis=1).reshape(-1, 9))
    order = sorted(found, key=lambda y: (round(success(y), 9), y[0]))
    return tuple(tuple(y) for y in order)


def iterated(kl_weight: float, damping: float, starts: int = 30) -> list[float]:
    """Success of the solutions that iterating the equation finds from random starts, sorted."""
    y = np.random.default_rng(45).uniform(-1, 1, (starts, 9)) / kl_weight
    for _ in range(600):
        step = residual(y, kl_weight)
        y = y - damping * step
    return sorted(success(x) for x in _distinct(y[np.abs(step).max(1) < 1e-10]))


@functools.cache
def _episodes() -> Enumerated:
    return Enumerated(GRAPH, 0, 3, HORIZON)


def growth_rate(y: np.ndarray, kl_weight: float) -> float:
    """Largest growth rate of the expected update near a solution; negative if it attracts.

    The update changes a row's gauge-free logits by ``visits q (p - lambda L - mean)``.
    """
    target = np.full((1, 4), 0.25)
    base = np.vstack([np.array(BASE, dtype=float), target])

    def slope(y):
        change = _episodes().update(np.vstack([policy_of(y), target]), base, kl_weight)[:3]
        return (change[:, 1:] - change[:, :1]).ravel()

    jacobian = np.array([(slope(y + 1e-6 * e) - slope(y - 1e-6 * e)) / 2e-6 for e in np.eye(9)]).T
    return float(np.linalg.eigvals(jacobian).real.max())


# --- proofs in balls ---------------------------------------------------------------------------


def free_exponents(y, kl_weight):
    """The residual of :func:`residual` in balls or series; shares nothing with it or :mod:`planlib.exact`."""
    h = HORIZON
    q = []
    for j in range(3):
        weights = [arb(BASE[j][0])] + [arb(BASE[j][k + 1]) * y[3 * j + k].exp() for k in range(3)]
        total = weights[0] + weights[1] + weights[2] + weights[3]
        q.append([w / total for w in weights])
    reached = [[arb(0), arb(0), arb(0)]]  # of s, a, b, by steps left
    for _ in range(h):
        _, a, b = reached[-1]
        reached.append([q[0][1] * a + q[0][2] * b, q[1][3], q[2][3]])
    # Legal visits: s at time 0, a or b at time 1; any visits: by recursion.
    now, every = [arb(1), arb(0), arb(0)], [arb(0), arb(0), arb(0)]
    for _ in range(h):
        every = [x + v for x, v in zip(every, now, strict=True)]
        now = [sum((now[j] * q[j][k] for j in range(3)), arb(0)) for k in range(3)]
    p = [[arb(0)] * 4 for _ in range(3)]
    p[0][1] = reached[h - 1][1] / every[0]
    p[0][2] = reached[h - 1][2] / every[0]
    p[1][3] = q[0][1] / every[1]
    p[2][3] = q[0][2] / every[2]
    return [y[3 * j + k] - (p[j][k + 1] - p[j][0]) / kl_weight for j in range(3) for k in range(3)]


@functools.cache
def proved(kl_weight: str, starts: int, shift: float = 0.0) -> int:
    """Number of solutions proved, in disjoint boxes around those of Newton's method moved by ``shift``."""
    boxes: list[list[arb]] = []
    for y in solutions(float(kl_weight), starts):
        holds, box = certify(
            lambda y: free_exponents(y, arb(kl_weight)), [x + shift for x in y], 1e-9
        )
        if holds and all(_apart(box, other) for other in boxes):
            boxes.append(box)
    return len(boxes)


def _apart(box: list[arb], other: list[arb]) -> bool:
    return any(not a.overlaps(b) for a, b in zip(box, other, strict=True))
