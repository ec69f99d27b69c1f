"""The expected update of policy gradient with KL in balls, to prove where it vanishes.

A table is written by its exponents ``y``: in each row but the target's, the log of ``q / q_base``
of every next node over that of node 0.  The update is summed over all episodes, one by one; it
shares nothing with the recursions of :func:`planlib.exact.credits` behind the equation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from flint import arb

from theorems.krawczyk import certify


def update_in_balls(adjacency, base, problem, horizon: int, kl_weight: float) -> Callable:
    """Make the map from exponents to the expected update, both ``(n - 1)^2`` long.

    Of each row's update the entries of nodes 1 to n - 1 are kept; all of a row sum to 0, so these
    vanish only with the row's first.
    """
    source, target = problem
    n = len(adjacency)
    rows = [j for j in range(n) if j != target]
    weight = arb(kl_weight)

    def update(y: list) -> list:
        q, log_ratio = {}, {}
        for place, j in enumerate(rows):
            exponents = [arb(0), *y[place * (n - 1) : (place + 1) * (n - 1)]]
            weights = [arb(float(b)) * x.exp() for b, x in zip(base[j], exponents, strict=True)]
            total = sum(weights[1:], weights[0])
            q[j] = [w / total for w in weights]
            share = total / arb(float(np.sum(base[j])))
            log_ratio[j] = [x - share.log() for x in exponents]
        earned = {j: [arb(0)] * n for j in rows}

        def go_on(path: tuple[int, ...], chance, legal: bool) -> None:
            node = path[-1]
            if node == target or len(path) > horizon:
                right = legal and node == target
                for j, k in itertools.pairwise(path):
                    earned[j][k] = earned[j][k] + chance * (int(right) - weight * log_ratio[j][k])
                return
            for k in range(n):
                go_on((*path, k), chance * q[node][k], legal and bool(adjacency[node][k]))

        go_on((source,), arb(1), True)
        entries = []
        for j in rows:
            mean = sum(earned[j][1:], earned[j][0])
            entries += [earned[j][k] - q[j][k] * mean for k in range(1, n)]
        return entries

    return update


def vanishes_near(
    adjacency, base, problem, horizon: int, kl_weight: float, q: np.ndarray, radius: float
) -> bool | None:
    """Whether the expected update vanishes at a table within ``radius`` of ``q``, in every exponent.

    Returns
    -------
    bool or None
        True if it does, at exactly one; False if nowhere there; None if neither is proved.
    """
    rows = [j for j in range(len(base)) if j != problem[1]]
    exponents = np.log(np.asarray(q)[rows] / np.asarray(base)[rows])
    centre: Sequence[float] = (exponents[:, 1:] - exponents[:, :1]).ravel().tolist()
    return certify(update_in_balls(adjacency, base, problem, horizon, kl_weight), centre, radius)[0]
