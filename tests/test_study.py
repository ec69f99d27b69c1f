import dataclasses
import json

import pytest

from planlib import study
from planlib.graph import InputError
from planlib.study import RunConfig
from planlib.train import CheckpointError, PolicyGradientConfig, QLearningConfig, SFTConfig

SMALL = RunConfig(
    graph="er:n=12,p=0.4,acyclic,seed=1",
    width=16,
    sft=SFTConfig(steps=30, batch_size=32, checkpoint_every=10),
)


def test_a_run_is_stored_loaded_and_checked(tmp_path):
    made = study.store_run(SMALL, tmp_path, progress=False)
    again = study.load_run(SMALL, tmp_path)
    assert again.metrics == made.metrics
    assert all(agrees for _, _, agrees in study.recheck(again).values())
    assert sorted(p.name for p in (tmp_path / SMALL.key).iterdir()) == [
        "model.safetensors",
        "record.json",
    ]
    record = json.loads((tmp_path / SMALL.key / "record.json").read_text())
    assert {"config", "metrics", "history", "seconds", "device", "versions"} <= set(record)
    before = (tmp_path / SMALL.key / "record.json").stat().st_mtime_ns
    study.store_run(SMALL, tmp_path, progress=False)  # nothing to do
    assert (tmp_path / SMALL.key / "record.json").stat().st_mtime_ns == before


def test_the_key_is_the_whole_configuration():
    assert SMALL.key == dataclasses.replace(SMALL).key
    others = [
        dataclasses.replace(SMALL, seed=1),
        dataclasses.replace(SMALL, graph="er:n=12,p=0.4,acyclic,seed=2"),
        dataclasses.replace(SMALL, sft=dataclasses.replace(SMALL.sft, learning_rate=1e-3)),
    ]
    assert len({SMALL.key, *(c.key for c in others)}) == 4


def test_missing_altered_and_truncated_runs_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"python -m planlib train sft --graph er:n=12"):
        study.load_run(SMALL, tmp_path)
    study.store_run(SMALL, tmp_path, progress=False)
    path = tmp_path / SMALL.key / "record.json"
    text = path.read_text()
    path.write_text(text.replace('"seed": 0', '"seed": 5'))
    with pytest.raises(InputError, match="another one"):
        study.load_run(SMALL, tmp_path)
    path.write_text(text[:100])
    with pytest.raises(InputError, match="stored run"):
        study.load_run(SMALL, tmp_path)
    path.write_text(text)
    model = tmp_path / SMALL.key / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(CheckpointError):
        study.load_run(SMALL, tmp_path)


def test_an_unknown_graph_stops_before_training(tmp_path):
    with pytest.raises(InputError, match="graph"):
        study.store_run(dataclasses.replace(SMALL, graph="torus:5"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_second_stage_starts_from_the_stored_base(tmp_path):
    stage = PolicyGradientConfig(steps=4, batch_size=16, evaluate_every=2, checkpoint_every=2)
    config = dataclasses.replace(SMALL, pg=stage)
    assert config.base == SMALL and config.key != SMALL.key
    with pytest.raises(InputError, match="train sft"):  # nothing to start from
        study.train_run(config, folder=tmp_path, progress=False)
    run = study.store_run(config, tmp_path, progress=False)
    base = study.load_run(SMALL, tmp_path)  # made on the way
    assert run.history["evaluated_at"] == [0, 2, 4]
    assert len(run.history["divergence"]) == 3 and len(run.history["accuracy"]) == 4
    start = study.curve(base.model, base.task, SMALL.seed)
    assert run.history["divergence"][0] == pytest.approx(start["divergence"])
    again = study.load_run(config, tmp_path)
    assert again.metrics == run.metrics
    assert all(agrees for _, _, agrees in study.recheck(again).values())


def test_more_sft_and_policy_gradient_exclude_each_other():
    with pytest.raises(InputError, match="one second stage"):
        dataclasses.replace(SMALL, pg=study.PG, more_sft=study.MORE_SFT)


def test_the_command_of_a_run_names_its_stage():
    run = RunConfig(seed=2, pg=dataclasses.replace(study.PG, kl_weight=0.1, batch_size=2048))
    assert "train pg --kl-weight 0.1 --batch-size 2048 --schedule constant" in run.command
    assert "train more-sft" in RunConfig(more_sft=study.MORE_SFT).command


def test_q_learning_as_a_second_stage(tmp_path):
    study.store_run(SMALL, tmp_path, progress=False)
    stage = QLearningConfig(steps=4, batch_size=16, evaluate_every=2, initial_scale=0.05)
    on, off = (dataclasses.replace(SMALL, q=stage, off_policy=x) for x in (None, True))
    runs = [study.store_run(config, tmp_path, progress=False) for config in (on, off)]
    assert on.key != off.key and "--off-policy" in off.command
    assert runs[0].history["loss"] != runs[1].history["loss"]
    classes = ("feasible", "adjacent", "reachable", "neither")
    assert {f"{name}_value" for name in classes} <= set(runs[0].history)
    again = study.load_run(off, tmp_path)
    assert all(agrees for _, _, agrees in study.recheck(again).values())
    with pytest.raises(InputError, match="off_policy"):
        dataclasses.replace(SMALL, off_policy=True)


def test_a_study_keeps_records_and_makes_what_is_missing(tmp_path, monkeypatch):
    q = QLearningConfig(steps=6, batch_size=16, evaluate_every=3)
    configs = tuple(dataclasses.replace(SMALL, seed=s, q=q) for s in (0, 1))
    monkeypatch.setitem(study.STUDIES, "small", configs)
    study.store_run(configs[0], tmp_path, progress=False)  # with its model
    assert study.missing("small", tmp_path) == [configs[1]]
    runs = study.run_study("small", tmp_path, progress=False)
    assert not study.missing("small", tmp_path)
    again = [study.load_run(c, tmp_path) for c in configs]
    assert [r.model is None for r in again] == [False, True]
    assert [r.metrics for r in again] == [r.metrics for r in runs]
    assert [p.name for p in (tmp_path / configs[1].key).iterdir()] == ["record.json"]
    with pytest.raises(InputError, match="model was kept"):
        study.recheck(again[1])
    # A second stage whose base kept no model makes the base again, and ends the same.
    place = tmp_path / configs[0].base.key
    (place / "model.safetensors").unlink()
    record = json.loads((place / "record.json").read_text())
    (place / "record.json").write_text(json.dumps(record | {"model": "not kept"}))
    (tmp_path / configs[1].key / "record.json").unlink()
    assert study.store_run(configs[1], tmp_path, progress=False).metrics == runs[1].metrics
    with pytest.raises(InputError, match="q-seeds"):
        study.run_study("figure99", tmp_path)


def test_graphs_with_cycles_leave_out_empty_classes(tmp_path):
    q = QLearningConfig(steps=2, batch_size=16, evaluate_every=1)
    config = dataclasses.replace(SMALL, graph="er:n=8,p=0.5,cyclic,seed=1", q=q)
    history = study.store_run(config, tmp_path, progress=False).history
    assert {"feasible_value", "reachable_value"} <= set(history)
    assert not {"adjacent_value", "neither_value"} & set(history)
    assert len(history["feasible_value"]) == len(history["evaluated_at"]) == 3
