"""Two routes, s -> a, b -> t: a small graph on which the equation of Theorem 4.4 has many solutions.

A solution is written by its exponents: of each of the rows s, a, b, for k = 1 to 3, the exponent
over that of k = 0: 9 numbers.
"""

from __future__ import annotations

import functools

import numpy as np
from flint import arb

from theorems.kl_equation import Enumerated
from theorems.krawczyk import certify, orientation

GRAPH = ((0, 1, 1, 0), (0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0))
BASE = (
    ("0.02", "0.48", "0.48", "0.02"),
    ("0.01", "0.01", "0.96", "0.02"),
    ("0.01", "0.96", "0.01", "0.02"),
)
HORIZON = 8
WEIGHTS = tuple(f"{w / 100:.2f}" for w in range(9, 26))  # lambda, in the figure of all solutions
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


# --- how many there are ------------------------------------------------------------------------

NEAR = 1e-9  # half the width of the boxes in which solutions are told apart
# Relative.  A bound of :func:`image` is made of exponentials, each known to 2**-52, by sums, products
# and quotients of positive numbers: their relative errors of 2**-53 add up, over fewer than 1,000.
SLACK = 1e-11


def _exponentials(x: np.ndarray, kl_weight: str) -> np.ndarray:
    """``exp(x / lambda)``, from balls, to within the rounding of the result: any shape."""
    weight = arb(kl_weight)
    found = [float((arb(v) / weight).exp()) for v in x.ravel().tolist()]
    return np.array(found).reshape(x.shape)


def image(low: np.ndarray, high: np.ndarray, kl_weight: str) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the equation's right-hand side over boxes of the four ``p`` that are not 0.

    They are ``p`` of s -> a, s -> b, a -> t, b -> t: a solution is a point with ``p = P(p)``, and
    its exponents are ``p / lambda``.  All numbers are positive and nothing is subtracted, so that
    rounding is relative, and the bounds are widened by :data:`SLACK`, which is proved to be enough.

    Parameters
    ----------
    low, high
        Corners of the boxes: ``(4, M)``.
    """
    base = np.array(BASE, dtype=float)
    grown = [_exponentials(x, kl_weight) for x in (low, high)]

    def at_source(one, two):  # shares of s, a, b where the two exponents have these values
        total = base[0, 0] + base[0, 3] + base[0, 1] * one + base[0, 2] * two
        return base[0, 0] / total, base[0, 1] * one / total, base[0, 2] * two / total

    (l1, l2, l3, l4), (h1, h2, h3, h4) = grown
    lows = [[at_source(h1, h2)[0], at_source(l1, h2)[1], at_source(h1, l2)[2]]]
    highs = [[at_source(l1, l2)[0], at_source(h1, l2)[1], at_source(l1, h2)[2]]]
    last = []  # of the step to the target, from a and from b
    for j, least, most in ((1, l3, h3), (2, l4, h4)):
        rest = base[j, :3].sum()
        lows.append([base[j, k] / (rest + base[j, 3] * most) for k in range(3)])
        highs.append([base[j, k] / (rest + base[j, 3] * least) for k in range(3)])
        last.append([base[j, 3] * x / (rest + base[j, 3] * x) for x in (least, most)])
    bounds = []
    for q in (lows, highs):
        one = np.ones_like(l1)
        now, later = [one, 0 * one, 0 * one], []
        for m in range(HORIZON):
            if m >= 1:
                later.append(now)
            now = [sum(now[j] * q[j][k] for j in range(3)) for k in range(3)]
        # Visits of s after the first moment, of a and b after the second.
        bounds.append([sum(x[k] for x in later[(k > 0) :]) for k in range(3)])
    (rest_low, rest_high), source = bounds, (lows[0], highs[0])
    new_low = [x[0] / (1 + rest_high[0]) for x in last]
    new_low += [1 / (1 + rest_high[k] / source[0][k]) for k in (1, 2)]
    new_high = [x[1] / (1 + rest_low[0]) for x in last]
    new_high += [1 / (1 + rest_low[k] / source[1][k]) for k in (1, 2)]
    return np.array(new_low) * (1 - SLACK), np.array(new_high) * (1 + SLACK)


def _in_balls(x: list, kl_weight: arb) -> list:
    """``p - P(p)`` in balls or series, by :func:`free_exponents`."""
    zero = arb(0)
    y = [x[0], x[1], zero, zero, zero, x[2], zero, zero, x[3]]
    found = free_exponents([v / kl_weight for v in y], kl_weight)
    return [found[k] * kl_weight for k in (0, 1, 5, 8)]


@functools.cache
def unique_boxes(kl_weight: str, starts: int = 150) -> tuple[tuple[list[float], float, int], ...]:
    """The solutions found: centre in ``p``, a radius within which it is proved the only one, its index."""
    weight, found = arb(kl_weight), []
    for y in solutions(float(kl_weight), starts):
        centre = [y[k] * float(kl_weight) for k in (0, 1, 5, 8)]
        radii = [2.0**-power for power in range(2, 30)]
        proved = (r for r in radii if certify(lambda x: _in_balls(x, weight), centre, r)[0])
        if radius := next(proved, None):
            index = orientation(lambda x: _in_balls(x, weight), centre, NEAR)
            found.append((centre, radius, index))
    return tuple(found)


@functools.cache
def count(kl_weight: str) -> tuple[int, bool, int]:
    """Solutions proved to be there, whether it is proved that there is no other, and their indices' sum."""
    found = unique_boxes(kl_weight)
    small = [certify(lambda x: _in_balls(x, arb(kl_weight)), c, NEAR) for c, _, _ in found]
    distinct: list[list] = []
    for holds, box in small:  # in disjoint boxes
        apart = (any(not a.overlaps(b) for a, b in zip(box, o, strict=True)) for o in distinct)
        if holds and all(apart):
            distinct.append(box)
    return len(distinct), left_over(kl_weight)[0] == 0, sum(index for _, _, index in found)


def left_over(kl_weight: str, most: int = 1_000_000) -> tuple[int, int]:
    """Search the cube of all ``p`` for solutions outside of the boxes that hold exactly one.

    A box is cut down to its image, and dropped if nothing is left or if it lies in such a box;
    else it is split across.

    Returns
    -------
    tuple
        Boxes left when ``most`` had been looked at (0: there is no other solution), and boxes
        looked at.
    """
    known = unique_boxes(kl_weight)
    low, high, seen = np.zeros((4, 1)), np.ones((4, 1)), 0
    while low.size and seen < most:
        seen += low.shape[1]
        for _ in range(3):
            new_low, new_high = image(low, high, kl_weight)
            low, high = np.maximum(low, new_low), np.minimum(high, new_high)
            alive = (low <= high).all(0)
            for centre, radius, _ in known:
                c, inside = (
                    np.array(centre)[:, None],
                    0.999 * radius,
                )  # whatever c + radius rounds to
                alive &= ~((low > c - inside) & (high < c + inside)).all(0)
            low, high = low[:, alive], high[:, alive]
        widest = (high - low).argmax(0)
        middle = (low + high)[widest, np.arange(low.shape[1])] / 2
        left, right = high.copy(), low.copy()
        left[widest, np.arange(low.shape[1])] = middle
        right[widest, np.arange(low.shape[1])] = middle
        low, high = np.concatenate([low, right], 1), np.concatenate([left, high], 1)
    return low.shape[1], seen
