"""Soft values in transformers: success against the closed form, paths that are kept, cycles.

Margins were set on seed 0, and from what the exact claims of :mod:`theorems.soft` say; seeds 1 to 5
decide.

Source: ours; the trainers are those of Wang et al., arXiv 2509.22613, section 3, with soft values
as :func:`planlib.losses.soft_maximum` has them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from planlib import metrics
from planlib.curves import longest
from planlib.evidence import Finding, claims, decide
from planlib.intervals import estimate
from planlib.studies import (
    ACYCLIC,
    BLOCKSWORLD,
    REPAIR_SEEDS,
    RunConfig,
    ended_episodes,
    for_diversity,
    soft_or_hard,
    soft_values,
)
from planlib.study import load_record, load_run
from theorems.comparing import END, FIRST, Gap, Point, claims_on
from theorems.readings import Reading

SEEDS = tuple(REPAIR_SEEDS)
SAMPLES = 50  # of the base, for each test problem


def methods(base: RunConfig) -> dict[str, RunConfig]:
    """Soft values in all their settings; what they are compared with."""
    others = {"policy gradient": for_diversity(base)["plain"]}
    return soft_values(base) | others | {"going on": ended_episodes(base)["going on"]}


USUAL, HALF, OFF = "λ = 0.2", "λ = 0.5", "λ = 0.2, off-policy"
HARD, SOFT = soft_or_hard(BLOCKSWORLD)
_claim = claims_on("soft", methods, ACYCLIC, "the book's graph", SEEDS)
_cycles = claims_on("soft", soft_or_hard, BLOCKSWORLD, "Blocksworld", SEEDS)
claim = claims("soft")


# --- success, problem by problem: log-odds plus 1 / weight ---------------------------------------


def _successes(config: RunConfig) -> list[int]:
    """How many of :data:`SAMPLES` answers of an SFT model are right, test problem by test problem."""
    run = load_run(config)
    generator = torch.Generator().manual_seed(0)
    how = {"temperature": 1.0, "max_length": longest(run.task)}
    pairs = run.task.split.test_pairs
    return metrics.correct_paths(run.model, run.task.graph, pairs, generator, SAMPLES, **how)[
        0
    ].tolist()


BASES = Reading(
    "base-success", _successes, tuple(replace(ACYCLIC, seed=s) for s in SEEDS), draws=SAMPLES
)
LONG_READINGS = (BASES,)


@functools.cache
def _posterior(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A grid of chances, and their weights problem by problem: ``(200,)``, ``(m, 200)``.

    The base was right in so many of :data:`SAMPLES`; the prior is the beta distribution with the
    mean and the variance that these counts have over the problems.
    """
    right = np.array(BASES(replace(ACYCLIC, seed=seed)))[:, None]  # (m, 1)
    share = right / SAMPLES
    mean, n = share.mean(), SAMPLES
    alike = (share.var() * n / (mean * (1 - mean)) - 1) / (n - 1)  # correlation of two samples
    size = 1 / alike - 1
    a, b = mean * size, (1 - mean) * size
    p = (np.arange(200) + 0.5) / 200  # (200,)
    log = (right + a - 1) * np.log(p) + (SAMPLES - right + b - 1) * np.log1p(-p)  # (m, 200)
    weights = np.exp(log - log.max(1, keepdims=True))
    return p, weights / weights.sum(1, keepdims=True)


@functools.cache
def lifted(seed: int, inverse_weight: float) -> float:
    """Mean success when the log-odds of the base's, problem by problem, rise by ``inverse_weight``."""
    p, weights = _posterior(seed)
    odds = p / (1 - p) * np.exp(inverse_weight)
    return float((weights * (odds / (1 + odds))).sum(1).mean())


@dataclass(frozen=True)
class Lift:
    """By how much the log-odds rise, as a function of the weight, and how near success is to be."""

    by: Callable
    margin: float = 0.03


def inverse(weight: float) -> float:
    """Ours: ``1 / weight``."""
    return 1 / weight


def as_much(weight: float) -> float:
    """Rival: the larger the weight, the more."""
    return weight


def nothing(weight: float) -> float:
    """Rival: the base is what succeeds; training adds nothing."""
    return 0.0


@claim(
    "lifted",
    "transformer",
    Lift(inverse),
    {"as the base": Lift(nothing), "by the weight": Lift(as_much)},
    seeds=SEEDS,
    fixed="after seed 0",
    successor="lifted-part",
)
def _lifted(stated: Lift, size: str) -> Finding:
    """With weight 1/2 mean success is within 0.03 of what it is if every problem's log-odds are 2 above the base's."""
    found = []
    for seed in SEEDS:
        config = soft_values(replace(ACYCLIC, seed=seed))[HALF]
        weight = config.q.soft_weight
        sampled = load_record(config)[0]["metrics"]["sampled_test"]
        found.append(sampled - lifted(seed, stated.by(weight)))
    near = estimate(found, least=-stated.margin, most=stated.margin)
    return decide(
        True,
        f"sampled less predicted success {near:+.3f}",
        f"outside the hypotheses; the book's graph, {len(SEEDS)} seeds, test problems, 10 samples each; the base's success from {SAMPLES} samples a problem, "
        f"a beta prior; margin {stated.margin}, Student's t",
        near,
    )


def kept(method: str, least: float) -> Gap:
    """Distinct right answers at the end, as a share of the base's."""
    return Gap(
        Point(method, "test_distinct", END),
        Point(method, "test_distinct", FIRST),
        least,
        ratio=True,
    )


def rise(method: str, least: float) -> Gap:
    """Test accuracy at the last evaluation, less the base's."""
    return Gap(Point(method, "test_accuracy", END), Point(method, "test_accuracy", FIRST), least)


def above(method: str, least: float) -> Gap:
    """Test accuracy at the last evaluation."""
    return Gap(Point(method, "test_accuracy", END), None, least)


CHECKS = (
    _claim(
        "plans",
        "With weight 0.2 outcome reward alone plans more than 0.94 of the test problems, sampled as it is.",
        above(USUAL, 0.94),
        {
            "where the episode goes on, by the largest value": above("going on", 0.94),
            "with weight 1, nearer to the base, as well": above("λ = 1", 0.94),
        },
    ),
    _lifted,
    _claim(
        "lifted-part",
        "On these seeds, with weight 1/2, success rises by over 0.03 from the base's.",
        rise(HALF, 0.03),
        {"by over 0.07, as foretold": rise(HALF, 0.07)},
        fixed="after all seeds",
    ),
    _claim(
        "dead-ends",
        "On these seeds a legal step that leads nowhere, worth nothing, is held at over 0.2: the base seldom takes it.",
        Gap(Point(HALF, "adjacent_value", END), None, 0.2),
        {"an illegal one as well": Gap(Point(HALF, "neither_value", END), None, 0.2)},
        fixed="after all seeds",
    ),
    _claim(
        "keeps",
        "It keeps more than 0.8 of the base's distinct right answers.",
        kept(USUAL, 0.8),
        {"policy gradient as well": kept("policy gradient", 0.8)},
    ),
    _claim(
        "off-policy",
        "Off-policy, from what the base writes, it plans more than 0.94 as well.",
        above(OFF, 0.94),
        {
            "where the episode goes on, by the largest value": above("going on", 0.94),
            "with weight 1, from its own episodes, as well": above("λ = 1", 0.94),
        },
    ),
    _cycles(
        "stays",
        "On Blocksworld, whose cycles let the largest value wander, soft values plan more than 0.9 at the end.",
        above(SOFT, 0.9),
        {"the largest value as well": above(HARD, 0.9)},
    ),
    _cycles(
        "wanders",
        "By the largest value accuracy falls from update 400 to 800, by more than 0.05.",
        Gap(Point(HARD, "test_accuracy", (1, 2)), Point(HARD, "test_accuracy", END), 0.05),
        {
            "with soft values as well": Gap(
                Point(SOFT, "test_accuracy", (1, 2)), Point(SOFT, "test_accuracy", END), 0.05
            )
        },
        successor="wanders-seen",
    ),
    _cycles(
        "wanders-seen",
        "On these seeds it has fallen by update 400, over 0.5 below where it began.",
        Gap(Point(HARD, "test_accuracy", FIRST), Point(HARD, "test_accuracy", (1, 2)), 0.5),
        {
            "with soft values as well": Gap(
                Point(SOFT, "test_accuracy", FIRST), Point(SOFT, "test_accuracy", (1, 2)), 0.5
            )
        },
        fixed="after all seeds",
    ),
)
