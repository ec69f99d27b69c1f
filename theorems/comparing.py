"""What the claims on the paper's figures share: differences between stored runs, over seeds.

A claim is a difference of one recorded series between two methods of a figure, or two
moments of one method, and the margins between which its mean over seeds must lie.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from planlib.evidence import Check, Finding, MissingRunError, claims, decide, unmade
from planlib.graph import InputError
from planlib.intervals import estimate
from planlib.studies import (
    ACYCLIC,
    BLOCKSWORLD,
    FRESH,
    SEEDS,
    RunConfig,
    after_sft,
    rewards_and_policies,
    with_discount,
)
from planlib.study import is_stored, load_record

LAST = (-3, None)  # the end of a curve: the mean of its last three evaluations
END = (-1, None)  # the last evaluation, where a run has few
FIRST = (0, 1)  # the model that the second stage starts from
MIDDLE = (5, 8)  # evaluations at 500 to 700 updates

# Names of the methods, as :func:`everything` has them.
SFT, FREE, HELD = "more SFT", "PG, λ = 0", "PG, λ = 0.1"
ON, OFF, OUT_ON, OUT_OFF = rewards_and_policies(ACYCLIC)
(DISCOUNTED,) = with_discount(BLOCKSWORLD)


def everything(base: RunConfig) -> dict[str, RunConfig]:
    """The methods of figures 2 and 3 from one SFT model, and ours with a discount."""
    return after_sft(base) | rewards_and_policies(base) | with_discount(base)


class NeverReachedError(InputError):
    """A run whose curve stays below the level at which a claim looks."""


@dataclass(frozen=True)
class Reached:
    """The first evaluation at which ``series`` is at least ``level``."""

    series: str
    level: float


@dataclass(frozen=True)
class Point:
    """One figure: the mean of ``series`` over the evaluations ``at``, of the best of some methods.

    A pair of series stands for their difference; ``plus`` is added.
    """

    method: str | tuple[str, ...]
    series: str | tuple[str, str]
    at: tuple | Reached = LAST
    plus: str = ""

    def of(self, methods: dict[str, RunConfig]) -> float:
        """Read the figure from the stored run of ``methods`` (one seed's)."""
        names = [self.method] if isinstance(self.method, str) else self.method
        return max(self._of_one(methods[name]) for name in names)

    def _of_one(self, config: RunConfig) -> float:
        history = load_record(config)[1]
        names = (self.series,) if isinstance(self.series, str) else self.series
        added = (self.plus,) if self.plus else ()
        at, asked = self.at, {*names, *added}
        if isinstance(at, Reached):
            asked.add(at.series)
        if not asked <= set(history):
            raise MissingRunError("series", f"one that {config.key} recorded", self.series)
        if isinstance(at, Reached):
            curve = np.array(history[at.series])
            if curve.max() < at.level:
                what = f"a run that reaches {at.series} {at.level:g}"
                raise NeverReachedError("at", what, f"{curve.max():.3f} in {config.key}")
            first = int(np.argmax(curve >= at.level))
            at = (first, first + 1)
        means = [float(np.mean(history[name][slice(*at)])) for name in names]
        more = sum(float(np.mean(history[name][slice(*at)])) for name in added)
        return means[0] - sum(means[1:]) + more


@dataclass(frozen=True)
class Gap:
    """``high - low`` (or ``high / low``) lies between the margins ``least`` and ``most``."""

    high: Point
    low: Point | None = None  # 0 if there is none
    least: float = -math.inf
    most: float = math.inf
    ratio: bool = False

    def of(self, methods: dict[str, RunConfig]) -> float:
        """The difference, or the ratio, for one seed."""
        high = self.high.of(methods)
        low = self.low.of(methods) if self.low else 0.0
        return high / low if self.ratio else high - low


def implied(claim: Gap, wrong: Gap) -> bool:
    """Whether the margins of a claim already exclude a control of the same difference.

    Such a control can never pass beside the claim: it is its opposite, and controls nothing.
    """
    least, most = wrong.least, wrong.most
    if (claim.high, claim.low) == (wrong.low, wrong.high) and not claim.ratio:
        least, most = -most, -least
    elif (claim.high, claim.low) != (wrong.high, wrong.low):
        return False
    return claim.ratio == wrong.ratio and max(claim.least, least) >= min(claim.most, most)


def apart(high: str, low: str, series: str, at: tuple = LAST, **margins: float) -> Gap:
    """One method ends above another in ``series``, between the margins."""
    return Gap(Point(high, series, at), Point(low, series, at), **margins)


def rises(series: str, method: str, least: float = -math.inf, at: tuple = LAST, **changes) -> Gap:
    """``series`` rises by more than ``least`` from the SFT model to the end."""
    return Gap(Point(method, series, at), Point(method, series, FIRST), least, **changes)


def falls(
    series: str, method: str, least: float, since: tuple | Reached = FIRST, at: tuple = LAST
) -> Gap:
    """``series`` falls by more than ``least`` until the end."""
    return Gap(Point(method, series, since), Point(method, series, at), least)


def by_seed(
    methods: Callable[[RunConfig], dict[str, RunConfig]],
    base: RunConfig,
    seeds: Sequence[int] = SEEDS,
) -> list[dict[str, RunConfig]]:
    """The methods of a figure from one base, a dictionary a seed."""
    return [methods(replace(base, seed=seed)) for seed in seeds]


def curves(
    seeds: list[dict[str, RunConfig]], method: str, series: str
) -> tuple[list[float], list[list[float]]]:
    """Where the stored runs of a method were evaluated, and their curves of ``series``, one a seed.

    A run that did not record the series counts as missing, with a warning: an average over
    fewer seeds than another's is no silent matter.
    """
    stored = [(m[method], load_record(m[method])[1]) for m in seeds if is_stored(m[method])]
    if lacking := [config for config, history in stored if series not in history]:
        keys = ", ".join(config.key for config in lacking)
        text = f"{method}: {series} is missing in {keys}; remove it and call {lacking[0].command}"
        warnings.warn(text, stacklevel=2)
    found = [history for _, history in stored if series in history]
    return (found[0]["evaluated_at"] if found else []), [h[series] for h in found]


def judge(seeds: list[dict[str, RunConfig]], what: str, gap: Gap, size: str) -> Finding:
    """Decide a gap by the 95% interval of its mean over the seeds that decide it.

    Undecided if the interval neither lies inside the margins nor clears one, or where runs
    are missing.
    """
    try:
        values = [gap.of(methods) for methods in seeds]
    except NeverReachedError as error:
        return unmade(error, what)
    found = estimate(values, least=gap.least, most=gap.most)
    return decide(
        True,
        f"{found:.3f}, margin: {margins(gap)}",
        f"{what}; {_words(gap)}; {len(values)} seeds, Student's t",
        found,
    )


def margins(gap: Gap) -> str:
    """Name the margins of a claim: ``above 0.2``, ``below 0.1`` or ``0.9 to 1.1``."""
    if math.isinf(gap.most):
        return f"above {gap.least:g}"
    return f"below {gap.most:g}" if math.isinf(gap.least) else f"{gap.least:g} to {gap.most:g}"


def _words(gap: Gap) -> str:
    def words(point: Point) -> str:
        when = {LAST: " at the end", END: " at the last update", FIRST: " at the start"}
        if isinstance(point.at, Reached):
            at = f" where {point.at.series} first is {point.at.level:g}"
        else:
            evaluations = f"{point.at[0]} to {(point.at[1] or 0) - 1}"
            at = when.get(point.at, f" at evaluations {evaluations}")
        series = point.series if isinstance(point.series, str) else " less ".join(point.series)
        series += f" and {point.plus}" if point.plus else ""
        many = not isinstance(point.method, str)
        return f"{series} of {'the best of ' if many else ''}{', '.join(point.method) if many else point.method}{at}"

    if gap.low is None:
        return words(gap.high)
    return words(gap.high) + (" over " if gap.ratio else " minus ") + words(gap.low)


# Where a claim is decided: on the seeds after the one that set its margin, or, if it was fixed
# when those had been seen, or left undecided within reach, on seeds named before they were run.
AFTER_SEED_0 = tuple(SEEDS)[1:]
ANEW = tuple(FRESH)


def claims_on(
    figure: str,
    methods: Callable[[RunConfig], dict[str, RunConfig]],
    base: RunConfig,
    what: str,
    seeds: Sequence[int] = AFTER_SEED_0,
) -> Callable[..., Check]:
    """What makes the checks on one figure that are gaps between methods from one base.

    Those on :data:`ANEW` are fixed after other seeds had been seen, and none of these; the
    others after seed 0, unless a claim says otherwise.
    """
    measure = partial(judge, by_seed(methods, base, seeds), f"{what}, {_span(seeds)}")
    usual = "after other seeds" if tuple(seeds) == ANEW else "after seed 0"

    def claim(
        name: str,
        title: str,
        gap: Gap,
        mutations: dict[str, Gap],
        fixed: str = usual,
        successor: str = "",
    ) -> Check:
        how = {"seeds": tuple(seeds), "title": title, "fixed": fixed, "successor": successor}
        return claims(figure)(name, "transformer", gap, mutations, **how)(measure)

    return claim


def _span(seeds: Sequence[int]) -> str:
    if list(seeds) == list(range(min(seeds), max(seeds) + 1)):
        return f"seeds {min(seeds)} to {max(seeds)}"
    return f"seeds {', '.join(map(str, seeds))}"
