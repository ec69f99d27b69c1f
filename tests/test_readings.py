"""What is kept of long readings is what the models give, and another model voids it."""

import dataclasses
import json
import random

import pytest

import theorems
from planlib import studies
from planlib.graph import InputError
from theorems.readings import Reading, key_of

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


def shifted(value):
    """Return the same with every number a twentieth larger, and a twentieth more."""
    if isinstance(value, dict):
        return {key: shifted(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shifted(part) for part in value]
    return 1.05 * value + 0.05


@pytest.mark.parametrize("reading", READINGS, ids=lambda r: r.name)
def test_a_reading_drawn_by_seed_is_what_its_model_gives(reading):
    kept = reading.kept()
    assert set(kept) == {key_of(case) for case in reading.cases}
    case = random.Random(7).choice(reading.cases)
    entry = kept[key_of(case)]
    now = json.loads(json.dumps(reading.compute(case)))
    assert agrees(entry["value"], now)
    assert not agrees(entry["value"], shifted(now))


def test_another_model_voids_what_is_kept(tmp_path):
    calls = []

    def compute(config):
        calls.append(config.key)
        return [config.seed]

    config = studies.RunConfig()
    reading = Reading("toy", compute, (config,), tmp_path)
    path = reading.write()
    assert reading(config) == [0] and len(calls) == 1
    text = json.loads(path.read_text())
    text[config.key] |= {"model": "another", "value": [99]}
    path.write_text(json.dumps(text))
    assert reading(config) == [0] and len(calls) == 2
    reading.write()
    assert reading(config) == [0] and len(calls) == 3
    without = dataclasses.replace(studies.ACYCLIC, more_sft=studies.MORE_SFT)
    with pytest.raises(InputError, match="model was kept"):
        dataclasses.replace(reading, cases=(without,)).write()
