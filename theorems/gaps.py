"""Rows with two right choices, seen through their gap: the difference ``g`` of the two logits.

The divergence from uniform is ``log cosh(g / 2)``, and one sample moves the gap by
``2 eta (1 - pi)`` or ``-2 eta pi``: no drift, and a variance of ``4 eta^2 pi (1 - pi) / B``
an update.  Under an entropy bonus, or a KL penalty toward a uniform base, the gap comes to
rest in a law of its own for each step.  As the step shrinks that law tends to one of spread
``s2 = eta / (B beta)``, or ``eta / (B lambda)``: a limit, and off by the order of the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse, stats
from scipy.sparse.linalg import spsolve

from planlib.intervals import Estimate, estimate

SEEDS = (0, 1, 2, 3, 4)
STARTS = ("from 0", "from outside")


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
    first = draw_first(rng, batch, policy) / batch
    return moved(gap, first, eta, entropy, kl_weight)


def moved(gap: np.ndarray, first, eta: float, entropy: float, kl_weight: float) -> np.ndarray:
    """Gaps after an update in which a share ``first`` of the samples took the first choice."""
    policy = 1 / (1 + np.exp(-gap))
    other = 1 - policy
    score = first - policy
    if kl_weight:
        score -= kl_weight * (
            first * other * np.log(2 * policy) - (1 - first) * policy * np.log(2 * other)
        )
    if entropy:
        score -= entropy * policy * other * gap
    return gap + 2 * eta * score


# --- laws in which the gap may come to rest -----------------------------------------------------


@dataclass(frozen=True)
class Law:
    """A mixture of Gaussians of one variance: each centre with its weight."""

    variance: float
    centres: tuple[float, ...] = (0.0,)
    weights: tuple[float, ...] = (1.0,)

    @property
    def mean_square(self) -> float:
        """Mean of ``g^2``."""
        return self.variance + sum(
            w * c**2 for w, c in zip(self.weights, self.centres, strict=True)
        )

    def within(self, size: float) -> float:
        """Probability that ``|g|`` is at most ``size``."""
        parts = zip(self.weights, self.centres, strict=True)
        return sum(w * self._normal(c, -size, size) for w, c in parts)

    @property
    def median(self) -> float:
        """Size that ``|g|`` exceeds half of the time."""
        return optimize.brentq(lambda x: self.within(x) - 0.5, 0, 100)

    def density(self, gap: np.ndarray) -> np.ndarray:
        """Density at the gaps ``(M,)``."""
        parts = zip(self.weights, self.centres, strict=True)
        return sum(w * stats.norm.pdf(gap, c, math.sqrt(self.variance)) for w, c in parts)

    def _normal(self, centre: float, low: float, high: float) -> float:
        ends = stats.norm.cdf([low, high], centre, math.sqrt(self.variance))
        return float(ends[1] - ends[0])


def noisy_clock(s2: float) -> Law:
    """Our prediction, as the step shrinks: ``exp(-g^2 / 2 s2) cosh^2(g / 2)``.

    The noise moves a row the less the nearer it is to deterministic, so it stays
    longer there: hence ``cosh^2``.  It is a mixture of three Gaussians of variance
    s2, around 0 and ``+-s2``.
    """
    side = math.exp(s2 / 2)
    total = 1 + side
    return Law(s2, (-s2, 0.0, s2), (side / 2 / total, 1 / total, side / 2 / total))


def constant_noise(s2):
    """Mistake: an Ornstein-Uhlenbeck process, one Gaussian of variance s2."""
    return Law(s2)


def half_the_clock(s2):
    """Mistake: the law is weighted by one over the noise's amplitude, ``cosh(g / 2)``, not its square."""
    return Law(s2, (-s2 / 2, s2 / 2), (0.5, 0.5))


def twice_the_spread(s2):
    """Mistake: the factor 2 in an Ornstein-Uhlenbeck process's variance forgotten."""
    return noisy_clock(2 * s2)


# --- whether rows come to rest in a law, from two sides -----------------------------------------


class Streams:
    """Uniform numbers ``(seeds, ...)``, each seed's from a generator of its own.

    What a seed draws does not depend on which others are drawn beside it.
    """

    def __init__(self, seeds: tuple[int, ...], ahead: int = 64):
        self._rngs = [np.random.default_rng(seed) for seed in seeds]
        self._ahead, self._drawn = ahead, iter(())

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        """Numbers in [0, 1) of this shape, whose first axis are the seeds."""
        numbers = next(self._drawn, None)
        if numbers is None:
            each = [rng.random((self._ahead, *shape[1:])) for rng in self._rngs]
            self._drawn = iter(np.stack(each, 1))
            numbers = next(self._drawn)
        return numbers


def late_rows(
    pull: str, s2: float, eta: float, clock: int, rows: int, seeds: tuple[int, ...]
) -> dict[str, list]:
    """Train perfect rows under a pull toward uniform for long, from 0 and from outside.

    Half of a seed's rows begin at gap 0, half at ``+-(s2 + sqrt(s2))``, where the mean square is
    at least twice that of our law.  Batches of one; ``clock / eta^2`` updates, so that runs of
    different steps cover the same stretch of the diffusion.

    Parameters
    ----------
    pull
        ``entropy`` (a bonus) or ``kl_weight`` (a penalty toward a uniform base), of weight
        ``eta / s2``.
    rows
        Rows a start and seed.

    Returns
    -------
    dict
        ``late``: ``(seeds, 2 starts, 2)``, over the last half of the run the mean square gap, and the
        share of gaps no larger than our law's median.  ``course``: ``(40, 2)``, the mean square at
        40 equally spaced moments, over all seeds.
    """
    median = noisy_clock(s2).median
    gap = np.zeros((len(seeds), len(STARTS), rows))
    gap[:, 1] = (s2 + math.sqrt(s2)) * np.where(np.arange(rows) % 2, 1, -1)
    rng, weight, every = Streams(seeds), {pull: eta / s2}, round(clock / eta**2 / 40)
    late, course = [], []
    for _ in range(40):
        for _ in range(every):
            gap = update_gaps(rng, gap, eta, 1, **weight)
        square = gap**2
        course.append(square.mean((0, 2)).tolist())
        late.append(np.stack([square.mean(2), (np.abs(gap) <= median).mean(2)], -1))
    return {"late": np.mean(late[20:], 0).tolist(), "course": course}


def rest(
    law: Callable[[float], Law], s2: float, runs: tuple[dict, dict], side: int, margins
) -> list[Estimate]:
    """What must hold if rows come to rest in ``law`` as the step shrinks, from both starts.

    ``runs`` are two of :func:`late_rows`, the second with half the step.  Twice the second less
    the first cancels a deviation that is of the order of the step.

    Parameters
    ----------
    side
        On which side of the law the mean square is expected at a finite step: -1 or 1.
    margins
        Relative, on the mean square; absolute, on the share within our law's median.

    Returns
    -------
    list
        For each start the extrapolated mean square over the law's and the extrapolated share less
        the law's; then by how much the mean square over that of our law comes nearer to the law as
        the step is halved.
    """
    full, half = (np.array(run["late"]) for run in runs)  # (seeds, 2, 2)
    claimed, ours, found = law(s2), noisy_clock(s2), []
    for limit in np.moveaxis(2 * half - full, 1, 0):
        square = limit[:, 0] / claimed.mean_square
        found.append(estimate(square, least=1 - margins[0], most=1 + margins[0]))
        share = limit[:, 1] - claimed.within(ours.median)
        found.append(estimate(share, least=-margins[1], most=margins[1]))
    nearer = side * (full - half)[:, :, 0].mean(1) / ours.mean_square
    return [*found, estimate(nearer, least=0)]


def in_words(found: list[Estimate]) -> str:
    """Write what :func:`rest` returns: the mean squares, the shares, and how much nearer."""
    squares, shares = (
        " and ".join(f"[{e.low:.2f}, {e.high:.2f}]" for e in found[i:4:2]) for i in (0, 1)
    )
    return f"{squares}, share off by {shares}, nearer by [{found[4].low:.3f}, {found[4].high:.3f}]"


def law_at_step(pull: str, s2: float, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """The law in which rows rest at a finite step, found on a grid without sampling.

    Returns
    -------
    tuple
        Gaps ``(n,)``, and their weights ``(n,)``, which sum to 1: what the chain's transitions, spread
        over three points of the grid so as to keep their first two moments, leave as it is.
    """
    most, h = 6 + 3 * s2, eta / 5
    n = 2 * round(most / h) + 1
    gap = np.linspace(-most, most, n)
    policy, chain = 1 / (1 + np.exp(-gap)), sparse.csr_matrix((n, n))
    for first, chance in ((1, policy), (0, 1 - policy)):
        new = moved(gap, first, eta, **{"entropy": 0.0, "kl_weight": 0.0, pull: eta / s2})
        at = np.clip((new - gap[0]) / (gap[1] - gap[0]), 0, n - 1)
        near = np.clip(np.rint(at).astype(int), 1, n - 2)
        t = at - near
        for offset, share in ((-1, t * (t - 1) / 2), (0, 1 - t**2), (1, t * (t + 1) / 2)):
            chain += sparse.csr_matrix((chance * share, (np.arange(n), near + offset)), (n, n))
    # Weights w with w P = w; one equation is implied by the others, and gives way to their sum.
    equations = (chain.T - sparse.identity(n)).tolil()
    equations[n // 2] = 1
    return gap, spsolve(equations.tocsc(), np.eye(n)[n // 2])
