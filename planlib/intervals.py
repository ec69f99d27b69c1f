"""Means over independent cases against margins: intervals, power, and many claims at once.

A claim on a mean is decided three ways.  It passes only if the whole 95% interval (Student's t)
lies inside its margins, fails only if the whole interval lies outside of them, and is undecided
otherwise.  From the mean and the spread that were seen follow the cases that would decide it
with 80% power, and the p-value with which it stands among others (Holm's correction).
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planlib.graph import InputError

LEVEL = 0.025  # one side of a 95% interval
POWER = 0.8
MOST_CASES = 1000  # beyond it, how many are needed is not worth a number


def interval(values, axis: int = 0) -> tuple:
    """Return the 95% interval of a mean over independent cases (Student's t), along ``axis``."""
    x = np.asarray(values, dtype=float)
    count = x.shape[axis]
    half = _quantile(count) * x.std(axis, ddof=1) / math.sqrt(count)
    return x.mean(axis) - half, x.mean(axis) + half


@dataclass(frozen=True)
class Estimate:
    """A mean over independent cases, and the margins between which a claim says that it lies.

    Attributes
    ----------
    mean, spread, count
        Of the cases; ``spread`` is their standard deviation.
    least, most
        The margins; infinite where the claim has none on that side.
    of
        What the cases are, in the plural.
    """

    mean: float
    spread: float
    count: int
    least: float = -math.inf
    most: float = math.inf
    of: str = "seeds"

    def __post_init__(self):
        if self.count < 2:
            raise InputError("values", "at least two independent cases", self.count)
        if not self.least < self.most:
            raise InputError("most", f"more than least, {self.least:g}", self.most)

    def __format__(self, spec: str) -> str:
        """The mean and its interval, each number as ``spec`` asks."""
        mean, low, high = (format(x, spec) for x in (self.mean, self.low, self.high))
        return f"{mean} in [{low}, {high}]"

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self.mean - _quantile(self.count) * self.spread / math.sqrt(self.count)

    @property
    def high(self) -> float:
        """Upper end of the 95% interval."""
        return self.mean + _quantile(self.count) * self.spread / math.sqrt(self.count)

    @property
    def holds(self) -> bool | None:
        """Whether the interval lies inside the margins; None if it neither does nor clears one."""
        if self.low > self.least and self.high < self.most:
            return True
        return False if self.high < self.least or self.low > self.most else None

    @property
    def p_value(self) -> float:
        """Of the hypothesis that the mean lies outside a margin (one-sided; the larger of two)."""
        from scipy import stats

        error = self.spread / math.sqrt(self.count)
        distance = min(self.mean - self.least, self.most - self.mean)
        if not error:
            return 0.0 if distance > 0 else 1.0
        return float(stats.t.sf(distance / error, self.count - 1))

    @property
    def needed(self) -> int | None:
        """Cases that decide the claim as it came out, with 80% power, at the mean and spread seen.

        None if there are more than :data:`MOST_CASES`, as when the mean lies on a margin.
        """
        distances = (self.mean - self.least, self.most - self.mean)
        if min(distances) < 0:  # to refute it, one margin is to be cleared
            distances = (-min(distances), math.inf)
        # Power grows with the number of cases.
        counts = range(2, MOST_CASES + 1)
        at = bisect.bisect_left(counts, POWER, key=lambda count: self._power(distances, count))
        return counts[at] if at < len(counts) else None

    def _power(self, distances: tuple[float, float], count: int) -> float:
        """Chance, at least, that the interval of ``count`` cases keeps clear of each margin."""
        from scipy import stats

        missed = 0.0
        for distance in distances:
            if not self.spread:
                missed += distance <= 0
            elif math.isfinite(distance):
                # Beyond a hundred nothing changes, and rounding's spreads are too much for scipy.
                shift = min(distance / self.spread * math.sqrt(count), 100.0)
                missed += float(stats.nct.cdf(_quantile(count), count - 1, shift))
        return 1 - missed


def estimate(
    values, *, least: float = -math.inf, most: float = math.inf, of: str = "seeds"
) -> Estimate:
    """Make the estimate of a mean from independent cases.

    Parameters
    ----------
    values
        One number a case, at least two.
    least, most
        The margins of the claim.
    of
        What the cases are, in the plural.

    Raises
    ------
    InputError
        If there are fewer than two cases, one is not finite, or the margins leave no room.
    """
    x = np.asarray(values, dtype=float).ravel()
    if not np.isfinite(x).all():
        raise InputError("values", "finite numbers", x[~np.isfinite(x)][0])
    spread = float(x.std(ddof=1)) if x.size > 1 else 0.0
    return Estimate(float(x.mean()) if x.size else 0.0, spread, x.size, least, most, of)


@functools.cache
def _quantile(count: int) -> float:
    from scipy import stats  # a package of the book; to make and keep runs none is needed

    return float(stats.t.ppf(1 - LEVEL, count - 1))


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Say which of a family's claims stand when all are asked for at once (Holm's correction).

    The smallest p-value is held against ``level`` over their number, the next against
    ``level`` over one fewer, and so on until one misses.
    """
    stands = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, i in enumerate(order):
        if p_values[i] > level / (len(order) - rank):
            break
        stands[i] = True
    return stands
