"""A noisy judge in transformers: how far they plan, against the horizon that the two rates leave.

What is predicted of each run is computed before it, from the fixed point alone.

Source: ours; the trainer is that of Wang et al., arXiv 2509.22613, section 3, on process reward.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from planlib.curves import READ_OUT, longest
from planlib.evidence import Finding, claims, decide
from planlib.intervals import estimate
from planlib.rollout import sample
from planlib.studies import ACYCLIC, STUDIES, RunConfig, judged
from planlib.study import load_run, make_task
from planlib.task import Outcome, check_sequences
from theorems.judge_reach import predicted_by_distance
from theorems.readings import Reading
from theorems.walks import distances

claim = claims("judge")
SEED = 1
RUNS = judged(replace(ACYCLIC, seed=SEED))
ENOUGH = 20  # test problems at a distance
SAMPLES = 10


def _measured(config: RunConfig) -> dict[str, float]:
    """Sampled accuracy on test problems, by distance (as text, for JSON)."""
    run = load_run(config)
    pairs, graph = run.task.split.test_pairs, run.task.graph
    generator = torch.Generator().manual_seed(0)
    how = {"samples": SAMPLES, "temperature": READ_OUT, "max_length": longest(run.task)}
    tokens = sample(run.model, pairs, generator, **how)
    right = (check_sequences(graph, tokens) == Outcome.CORRECT).reshape(-1, SAMPLES).mean(1)
    away = distances(graph.adjacency)[pairs[:, 1], pairs[:, 0]]
    return {str(int(d)): float(right[away == d].mean()) for d in np.unique(away)}


MEASURED = Reading("judged-distances", _measured, STUDIES["judge"])
LONG_READINGS = (MEASURED,)


@functools.cache
def predicted(alpha: float, beta: float) -> dict[int, tuple[float, int]]:
    """By distance: accuracy at the fixed point of these rates, and of how many test problems."""
    task = make_task(replace(ACYCLIC, seed=SEED))
    return predicted_by_distance(
        task.graph, alpha, beta, READ_OUT, longest(task), task.split.test_pairs
    )


def told_apart(alpha: float, beta: float) -> list[int]:
    """Distances with enough problems at which some rival foretells another accuracy, by over 0.2."""
    ours = predicted(alpha, beta)
    rivals = [predicted(*rates(alpha, beta)) for rates in (no_false_alarms, all_errors_seen)]
    return [
        d
        for d, (accuracy, count) in ours.items()
        if count >= ENOUGH and any(abs(r[d][0] - accuracy) > 0.2 for r in rivals)
    ]


def by_both(alpha: float, beta: float) -> tuple[float, float]:
    """Ours: both rates decide, the horizon is their ratio."""
    return alpha, beta


def no_false_alarms(alpha: float, beta: float) -> tuple[float, float]:
    """Rival: false alarms come and go, the mean remains."""
    return 0.0, beta


def all_errors_seen(alpha: float, beta: float) -> tuple[float, float]:
    """Rival: a false alarm is a step cost, and missed errors do not matter."""
    return alpha, 1.0


@dataclass(frozen=True)
class Foretold:
    """The rates that a prediction is made from, and how near the mean has to be."""

    rates: Callable
    margin: float


RIVALS = (
    ("false alarms do nothing", no_false_alarms),
    ("missed errors do nothing", all_errors_seen),
)


def _far(stated: Foretold, size: str) -> Finding:
    apart = []
    for config in RUNS.values():
        rates = config.q.false_alarm, config.q.detection
        foretold = predicted(*stated.rates(*rates))
        for d in told_apart(*rates):
            apart.append(abs(MEASURED(config)[str(d)] - foretold[d][0]))
    near = estimate(apart, most=stated.margin, of="pairs of rates and distances")
    return decide(
        True,
        f"measured and foretold apart by {near:.3f}",
        f"outside the hypotheses; {len(RUNS)} pairs of rates on the book's graph, one run each of seed {SEED}; distances with {ENOUGH} test problems at least at which a rival "
        f"foretells another accuracy by over 0.2, several of one run; {SAMPLES} samples a problem at temperature {READ_OUT}; margin {stated.margin}, Student's t",
        near,
    )


def _within(name: str, title: str, margin: float, **how: str):
    wrong = {words: Foretold(rates, margin) for words, rates in RIVALS}
    how |= {"seeds": (SEED,), "title": title}
    return claim(name, "transformer", Foretold(by_both, margin), wrong, **how)(_far)


CHECKS = (
    _within(
        "far",
        "Where it matters which rates foretell it, accuracy at a distance is within 0.2 of what both do, in the mean.",
        0.2,
        fixed="before any run",
        successor="far-seen",
    ),
    _within(
        "far-seen",
        "On this seed it is within 0.3.",
        0.3,
        fixed="after all seeds",
    ),
)
