"""A reading is kept with its model, and another model voids it."""

import dataclasses
import json

import pytest

from planlib import studies
from planlib.graph import InputError
from theorems.readings import Reading


def test_another_model_voids_what_is_kept(tmp_path):
    calls = []

    def compute(config):
        calls.append(config.key)
        return [config.seed]

    config = studies.RunConfig()
    reading = Reading("toy", compute, (config,), folder=tmp_path)
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
