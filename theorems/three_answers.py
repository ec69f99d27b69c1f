"""A row with three right answers and nothing else: how its mean divergence from uniform grows.

With small steps the logits diffuse without drift, with the covariance of one sample of the
policy, in the time ``tau = eta^2 t / B``: one curve for all steps and batches.  As in
:mod:`theorems.fan` for two answers, it is solved on a grid, without sampling and without a
parameter to fit.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from planlib.graph import InputError

MOST = 14.0  # the gaps come to it with a chance of the order e^-14
POINTS, STEPS = 113, 6  # of each gap; steps of time while it doubles
GAMMA = 1 - math.sqrt(0.5)  # makes the two-stage implicit step below of second order


def _moves(points: int) -> tuple[np.ndarray, sparse.csc_matrix]:
    """Divergence on the grid of the gaps ``f_a - f_c`` and ``f_b - f_c``, and what the noise makes of it."""
    axis, h = np.linspace(-MOST, MOST, points, retstep=True)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    logits = np.stack([x, y, 0 * x])
    total = np.logaddexp.reduce(logits)
    a, b, c = np.exp(logits - total)
    one, ends = sparse.identity(points), np.ones(points)
    ends[[0, -1]] = 0  # at the rim the divergence is linear, and rows hardly move
    inside = sparse.diags(ends)
    second = inside @ sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], (points, points)) / h**2
    first = inside @ sparse.diags([-1.0, 1.0], [-1, 1], (points, points)) / (2 * h)
    # Half the covariance of one sample's move of the two gaps, times the second derivatives.
    moves = (
        sparse.diags((a + c - (a - c) ** 2) / 2) @ sparse.kron(second, one)
        + sparse.diags((b + c - (b - c) ** 2) / 2) @ sparse.kron(one, second)
        + sparse.diags(c - (a - c) * (b - c)) @ sparse.kron(first, first)
    )
    return total - logits.mean(0) - math.log(3), moves.tocsc()


@functools.cache
def mean_divergence(most: float, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``KL(U || pi)`` of a row that starts uniform, as the step goes to 0.

    Parameters
    ----------
    most
        Times ``tau = eta^2 t / B`` up to here at least.
    points
        Of the grid in each direction; odd, so that the uniform policy lies on it.

    Returns
    -------
    tuple
        Times, from 0 on and ever farther apart, and the mean in nats at each: ``(m,)`` both.

    Raises
    ------
    InputError
        If there is no such time, or the grid has no middle.
    """
    if not 0 < most < math.inf:
        raise InputError("most", "a finite number above 0", most)
    if points < 3 or points % 2 == 0:
        raise InputError("points", "an odd number of at least 3", points)
    u, moves = _moves(points)
    middle = len(u) // 2
    times, means, span = [0.0], [u[middle]], 0.25
    while times[-1] < most:
        h = span / STEPS
        solver = splu(sparse.identity(len(u), format="csc") - GAMMA * h * moves)
        for _ in range(STEPS):
            k = solver.solve(moves @ u)
            u = u + h * ((1 - GAMMA) * k + GAMMA * solver.solve(moves @ (u + (1 - GAMMA) * h * k)))
            times.append(times[-1] + h)
            means.append(u[middle])
        span = times[-1]
    return np.array(times), np.array(means)


def initial_speed(times):
    """Mistake: the leading term of the first update, a ninth of ``tau``, goes on for ever."""
    return np.asarray(times) / 9


def sampled(rng: np.random.Generator, eta: float, batch: int, updates: int, f: np.ndarray):
    """Logits of copies of the row after updates of policy gradient on samples: ``(copies, 3)`` both."""
    for _ in range(updates):
        f = f + eta * (rng.multinomial(batch, policies(f)) / batch - policies(f))
    return f


def policies(f: np.ndarray) -> np.ndarray:
    """Policies of rows of logits: ``(copies, 3)`` to ``(copies, 3)``."""
    return np.exp(f - np.logaddexp.reduce(f, axis=1, keepdims=True))


def divergences(f: np.ndarray) -> np.ndarray:
    """``KL(U || pi)`` of rows of logits, in nats: ``(copies, 3)`` to ``(copies,)``."""
    return np.logaddexp.reduce(f, axis=1) - f.mean(1) - math.log(3)
