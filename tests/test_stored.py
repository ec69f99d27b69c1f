"""What is stored is what its models give: a run trained again, models and long readings redone.

These have a command of their own, ``make check-stored``: they grow with what the book stores.
"""

import hashlib
import json
import random

import numpy as np
import pytest

import theorems
from planlib import store, studies, study
from theorems import five
from theorems.readings import key_of

READINGS = [r for t in theorems.ALL for r in theorems.long_readings(t)]


def numbers(value):
    """Every number of a reading, in order."""
    if isinstance(value, dict):
        return [x for key in value for x in numbers(value[key])]
    if isinstance(value, list | tuple):
        return [x for part in value for x in numbers(part)]
    return [value]


def agrees(kept, now):
    """Shares to 0.01, counts to a hundredth: ties are rounded otherwise on another processor."""
    return numbers(now) == pytest.approx(numbers(kept), rel=0.01, abs=0.01)


def same_law(kept, now, draws):
    """Counts of ``draws``, place by place: two samples of one law, within 6 deviations, their sum within 5."""
    kept, now = np.array(kept), np.array(now)
    share = (kept + now) / (2 * draws)
    variance = 2 * draws * share * (1 - share)
    apart = now - kept
    return bool((apart**2 <= 36 * variance).all() and apart.sum() ** 2 <= 25 * variance.sum())


def shifted(value):
    """Return the same with every number a twentieth larger, and a twentieth more."""
    if isinstance(value, dict):
        return {key: shifted(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shifted(part) for part in value]
    return 1.05 * value + 0.05


def test_some_of_the_books_runs_agree_with_their_records():
    """Which ones changes with what is stored: one short run trained again, three models evaluated."""
    stored = sorted(p.parent.name for p in study.RUNS.glob("*/record.json"))
    seed = int(hashlib.sha256("".join(stored).encode()).hexdigest()[:8], 16)
    models = [c for c in studies.STUDIES["sft"] if study.is_stored(c)]
    models.sort(key=lambda c: store.read(study.RUNS / c.key)[0]["seconds"])
    short = models[: len(models) // 5]  # a quarter of a minute each, where most take one
    chosen = short[seed % len(short)]
    found = study.recompute(chosen)
    assert all(agrees for _, _, agrees in found.values()), (chosen.key, found)
    for config, how, again in study.recheck_some(3, seed, under=0):
        assert how == "evaluated again"
        assert all(agrees for _, _, agrees in again.values()), (config.key, again)


@pytest.mark.parametrize("reading", READINGS, ids=lambda r: r.name)
def test_a_reading_drawn_by_seed_is_what_its_model_gives(reading):
    kept = reading.kept()
    assert set(kept) == {key_of(case) for case in reading.cases}
    case = random.Random(7).choice(reading.cases)
    entry = kept[key_of(case)]
    now = json.loads(json.dumps(reading.compute(case)))
    if reading.draws:
        assert same_law(entry["value"], now, reading.draws)
        more = np.minimum(shifted(now), reading.draws)
        assert not same_law(entry["value"], more, reading.draws)
        assert not same_law(entry["value"], now[::-1], reading.draws)
    else:
        assert agrees(entry["value"], now)
        assert not agrees(entry["value"], shifted(now))


@pytest.mark.parametrize("name", studies.FIVE)
def test_what_was_foretold_of_the_other_seed_is_what_the_report_says(name):
    assert five.changed((name, 1)) == []
