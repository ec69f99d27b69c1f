"""What the claims on the paper's figures share: differences between stored runs, over seeds.

A claim is a difference of one recorded series between two methods of a figure, or two
moments of one method, with the margin that it must exceed on every plausible mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from planlib.evidence import Check, Finding, claims, decide
from planlib.graph import InputError
from planlib.intervals import estimate
from planlib.studies import (
    ACYCLIC,
    BLOCKSWORLD,
    SEEDS,
    RunConfig,
    after_sft,
    rewards_and_policies,
    with_discount,
)
from planlib.study import is_stored, load_record

LAST = (-3, None)  # the end of a curve: the mean of its last three evaluations
FIRST = (0, 1)  # the model that the second stage starts from
MIDDLE = (5, 8)  # evaluations at 500 to 700 updates

# Names of the methods, as :func:`everything` has them.
SFT, FREE, HELD = "more SFT", "PG, λ = 0", "PG, λ = 0.1"
ON, OFF, OUT_ON, OUT_OFF = rewards_and_policies(ACYCLIC)
(DISCOUNTED,) = with_discount(BLOCKSWORLD)


def everything(base: RunConfig) -> dict[str, RunConfig]:
    """The methods of figures 2 and 3 from one SFT model, and ours with a discount."""
    return after_sft(base) | rewards_and_policies(base) | with_discount(base)


@dataclass(frozen=True)
class Point:
    """One figure: the mean of ``series`` over the evaluations ``at``, of the best of some methods.

    A pair of series stands for their difference.
    """

    method: str | tuple[str, ...]
    series: str | tuple[str, str]
    at: tuple = LAST

    def of(self, methods: dict[str, RunConfig]) -> float:
        """Read the figure from the stored run of ``methods`` (one seed's)."""
        names = [self.method] if isinstance(self.method, str) else self.method
        return max(self._of_one(methods[name]) for name in names)

    def _of_one(self, config: RunConfig) -> float:
        history = load_record(config)[1]
        names = (self.series,) if isinstance(self.series, str) else self.series
        if not set(names) <= set(history):
            raise InputError("series", f"one that {config.key} recorded", self.series)
        means = [float(np.mean(history[name][slice(*self.at)])) for name in names]
        return means[0] - sum(means[1:])


@dataclass(frozen=True)
class Gap:
    """``high - low`` (or ``high / low``) exceeds ``margin``, or stays below it when ``below``."""

    high: Point
    low: Point | None  # 0 if there is none
    margin: float
    ratio: bool = False
    below: bool = False

    def of(self, methods: dict[str, RunConfig]) -> float:
        """The difference, or the ratio, for one seed."""
        high = self.high.of(methods)
        low = self.low.of(methods) if self.low else 0.0
        return high / low if self.ratio else high - low


def rises(series: str, method: str, margin: float, **changes) -> Gap:
    """``series`` rises by more than ``margin`` from the SFT model to the end."""
    return Gap(Point(method, series), Point(method, series, FIRST), margin, **changes)


def falls(series: str, method: str, margin: float, since: tuple = FIRST) -> Gap:
    """``series`` falls by more than ``margin`` until the end."""
    return Gap(Point(method, series, since), Point(method, series), margin)


def by_seed(
    methods: Callable[[RunConfig], dict[str, RunConfig]], base: RunConfig
) -> list[dict[str, RunConfig]]:
    """The methods of a figure from one base, a dictionary a seed."""
    return [methods(replace(base, seed=seed)) for seed in SEEDS]


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
    """Decide a gap by the 95% interval of its mean over seeds 1 to 4; seed 0 set the margin.

    Undecided if the interval holds the margin, or where runs are missing.
    """
    try:
        values = [gap.of(methods) for methods in seeds[1:]]
    except InputError as error:
        return decide(None, str(error), what)
    margin = {"most": gap.margin} if gap.below else {"least": gap.margin}
    found = estimate(values, **margin)
    return decide(
        True,
        f"{found.mean:.3f} in [{found.low:.3f}, {found.high:.3f}], margin: {'below' if gap.below else 'above'} {gap.margin:g}",
        f"{what}; {_words(gap)}; {len(values)} seeds, Student's t",
        found,
    )


def _words(gap: Gap) -> str:
    def words(point: Point) -> str:
        when = {LAST: " at the end", FIRST: " at the start"}
        at = when.get(point.at, f" at evaluations {point.at[0]} to {(point.at[1] or 0) - 1}")
        series = point.series if isinstance(point.series, str) else " less ".join(point.series)
        many = not isinstance(point.method, str)
        return f"{series} of {'the best of ' if many else ''}{', '.join(point.method) if many else point.method}{at}"

    if gap.low is None:
        return words(gap.high)
    return words(gap.high) + (" over " if gap.ratio else " minus ") + words(gap.low)


def claims_on(
    figure: str, methods: Callable[[RunConfig], dict[str, RunConfig]], base: RunConfig, what: str
) -> Callable[..., Check]:
    """What makes the checks on one figure that are gaps between methods from one base."""
    measure = partial(judge, by_seed(methods, base), what)

    def claim(name: str, title: str, gap: Gap, mutations: dict[str, Gap]) -> Check:
        seeds = tuple(SEEDS)[1:]
        declare = claims(figure)(
            name, "transformer", gap, mutations, seeds=seeds, title=title, fixed="after seed 0"
        )
        return declare(measure)

    return claim
