"""Where one row's diversity goes on the way to perfection: to selection, and to sampling noise."""

from __future__ import annotations

import functools
import math

import numpy as np

from theorems.readings import Reading
from theorems.tables import softmax_rows

RIGHT, WRONG = 3, 3
UPDATES = 3000
# Seeds 0 to 4 were run before it was settled that the divergence is taken among the right answers.
SEEDS = tuple(range(5, 15))


def mechanisms(seed: int, updates: int, count: int = 400) -> dict[str, np.ndarray]:
    """One row from imperfect logits to perfection and on: where its divergence comes from.

    Returns
    -------
    dict
        After each update, means over ``count`` rows: ``divergence`` from uniform among
        the right answers; ``selection``,
        the summed change along the mean gradient; ``noise``, the summed
        ``eta^2 / 2B tr(H Cov)``; ``success``.
    """
    rng = np.random.default_rng(seed)
    eta, batch, n = 0.5, 8, RIGHT + WRONG
    f = np.tile([0.5, 0.25, 0.0, *[0.0] * WRONG], (count, 1))
    good = np.arange(n) < RIGHT
    out = {name: np.zeros(updates + 1) for name in ("divergence", "selection", "noise", "success")}

    def divergence(f):  # among the right answers, so that unlearning mistakes does not count
        f = f[:, :RIGHT]
        total = np.log(np.exp(f - f.max(1, keepdims=True)).sum(1)) + f.max(1)
        return total - f.mean(1) - math.log(RIGHT)

    out["divergence"][0] = divergence(f).mean()
    for t in range(1, updates + 1):
        policy = softmax_rows(f)  # (count, n)
        success = policy[:, good].sum(1, keepdims=True)
        mean = policy * (good - success)  # (count, n): the expected step over eta
        centre = f + eta * mean
        selection = divergence(centre) - divergence(f)
        # tr(H Cov) of one sample's step s, H = diag(q) - q q^T at the centre: the mean of s^T H s
        # less that of the mean step; s is e_k - policy for a right answer k, else 0.
        q = softmax_rows(centre) * good
        q /= q.sum(1, keepdims=True)
        base, square = ((q * policy**e).sum(1, keepdims=True) for e in (1, 2))
        of_answer = q * (1 - 2 * policy) + square - (q - base) ** 2  # (count, n)
        of_mean = (q * mean**2).sum(1) - (q * mean).sum(1) ** 2
        noise = (policy * good * of_answer).sum(1) - of_mean
        counts = rng.multinomial(batch, policy)  # (count, n)
        right = counts[:, good].sum(1, keepdims=True)
        f = f + eta / batch * (counts * good - right * policy)
        out["divergence"][t] = divergence(f).mean()
        out["selection"][t] = out["selection"][t - 1] + selection.mean()
        out["noise"][t] = out["noise"][t - 1] + eta**2 / (2 * batch) * noise.mean()
        out["success"][t] = success.mean()
    out["success"][0] = out["success"][1]
    return out


def _course(case: tuple[int, int]) -> dict[str, list]:
    seed, updates = case
    at = np.unique(np.rint(np.geomspace(1, updates, 80)).astype(int))
    at = np.array([0, *at])
    found = mechanisms(seed, updates)
    return {"update": at.tolist()} | {name: x[at].tolist() for name, x in found.items()}


COURSES = Reading("mechanisms", _course, tuple((seed, UPDATES) for seed in SEEDS))


@functools.cache
def course(seed: int) -> dict[str, np.ndarray]:
    """What :func:`mechanisms` gives at 0 and some 80 moments, closer at first, and their ``update``."""
    return {name: np.array(x) for name, x in COURSES((seed, UPDATES)).items()}


def both(parts):
    """Our prediction: selection and noise add up to the rise of the divergence."""
    return parts["selection"][-1] + parts["noise"][-1]


def selection_alone(parts):
    """Mistake: what the exact gradient does is all that happens."""
    return parts["selection"][-1]


def noise_alone(parts):
    """Mistake: diversity is lost to sampling noise alone."""
    return parts["noise"][-1]
