"""Rows with two right choices, seen through their gap: the difference ``g`` of the two logits.

The divergence from uniform is ``log cosh(g / 2)``, and one sample moves the gap by
``2 eta (1 - pi)`` or ``-2 eta pi``: no drift, and a variance of ``4 eta^2 pi (1 - pi) / B``
an update.  Under an entropy bonus, or a KL penalty toward a uniform base, the gap comes to
rest in a law of spread ``s2 = eta / (B beta)``, or ``eta / (B lambda)``.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from planlib.intervals import interval

SEEDS = (0, 1, 2, 3, 4)
SPREADS = (1.0, 3.0)  # s2: one hump below 2, two above
ROWS = 2000


def gap_of(favourite: float) -> float:
    """Gap of a row whose first choice has probability ``favourite``."""
    return math.log(favourite / (1 - favourite))


def divergence_of_gap(gap: np.ndarray) -> np.ndarray:
    """``KL(U || pi)`` of two choices whose logits differ by ``gap``, in nats."""
    return np.logaddexp(gap / 2, -gap / 2) - math.log(2)


def draw_first(rng: np.random.Generator, batch: int, policy: np.ndarray) -> np.ndarray:
    """How many of a batch's samples take the first choice, a row: ``rng.binomial(batch, policy)``.

    A batch of one is drawn from the same uniform numbers as there, several times faster.
    """
    if batch > 1:
        return rng.binomial(batch, policy)
    uniform = rng.random(policy.shape)
    return np.where(policy > 0.5, uniform <= policy, uniform > 1 - policy)


def update_gaps(
    rng: np.random.Generator,
    gap: np.ndarray,
    eta: float,
    batch: int,
    *,
    entropy: float = 0.0,
    kl_weight: float = 0.0,
) -> np.ndarray:
    """One update of policy gradient on many copies of a perfect row: gaps ``(M,)`` to gaps.

    Parameters
    ----------
    entropy
        Weight of an entropy bonus, whose gradient in the gap is ``-2 pi (1 - pi) g``.
    kl_weight
        Weight of a KL penalty toward a uniform base, sample by sample: a step taken with
        probability pi weighs ``1 - lambda log(2 pi)``.
    """
    policy = 1 / (1 + np.exp(-gap))
    other = 1 - policy
    first = draw_first(rng, batch, policy) / batch
    score = first - policy
    if kl_weight:
        score -= kl_weight * (
            first * other * np.log(2 * policy) - (1 - first) * policy * np.log(2 * other)
        )
    if entropy:
        score -= entropy * policy * other * gap
    return gap + 2 * eta * score


def noisy_clock(rng: np.random.Generator, s2: float, count: int) -> np.ndarray:
    """Our prediction: the stationary law of the gap is ``exp(-g^2 / 2 s2) cosh^2(g / 2)``.

    The noise moves a row the less the nearer it is to deterministic, so it stays
    longer there: hence ``cosh^2``.  It is a mixture of three Gaussians of variance
    s2, around 0 and ``+-s2``.
    """
    side = math.exp(s2 / 2)
    centre = s2 * rng.choice([-1, 0, 1], count, p=np.array([side / 2, 1, side / 2]) / (1 + side))
    return centre + math.sqrt(s2) * rng.normal(size=count)


def constant_noise(rng, s2, count):
    """Mistake: an Ornstein-Uhlenbeck process, one Gaussian of variance s2."""
    return math.sqrt(s2) * rng.normal(size=count)


def half_the_clock(rng, s2, count):
    """Mistake: the law is weighted by one over the noise's amplitude, ``cosh(g / 2)``, not its square."""
    return s2 / 2 * rng.choice([-1, 1], count) + math.sqrt(s2) * rng.normal(size=count)


@functools.cache
def mean_squares(law, step, seed: int, s2: float, updates: int) -> tuple[float, float]:
    """Mean square gap of 2,000 rows drawn from ``law``: at the start, and over the last half.

    ``step(rng, gap, s2)`` makes one update.
    """
    rng = np.random.default_rng(seed)
    gap = law(rng, s2, ROWS)
    start, late = (gap**2).mean(), []
    for t in range(updates):
        gap = step(rng, gap, s2)
        if t >= updates // 2:
            late.append((gap**2).mean())
    return float(start), float(np.mean(late))


def stays(law, step, updates: int, margin: float) -> tuple[bool, list[str]]:
    """Whether a law keeps its mean square within ``margin`` for each spread, with the intervals."""
    found, holds = [], True
    for s2 in SPREADS:
        pairs = [mean_squares(law, step, seed, s2, updates) for seed in SEEDS]
        low, high = interval([late / start for start, late in pairs])
        found.append(f"[{low:.2f}, {high:.2f}]")
        holds &= bool(1 - margin < low and high < 1 + margin)
    return holds, found
