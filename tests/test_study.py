import dataclasses
import hashlib
import json

import numpy as np
import pytest

from planlib import metrics, store, studies, study
from planlib.graph import InputError
from planlib.study import RunConfig
from planlib.train import PolicyGradientConfig, QLearningConfig, SFTConfig

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
        "curves.parquet",
        "model.safetensors",
        "record.json",
    ]
    record = json.loads((tmp_path / SMALL.key / "record.json").read_text())
    assert {"config", "metrics", "files", "seconds", "device", "versions"} <= set(record)
    assert again.history["loss"] == pytest.approx(made.history["loss"], abs=1e-6)
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
    place = tmp_path / SMALL.key
    path = place / "record.json"
    text = path.read_text()
    for edited, reason in (
        (text.replace('"seed": 0', '"seed": 5'), "an altered one"),
        (text[:100], "cut short"),
        ("[]", "cut short or edited"),
        (text.replace('"sha256"', '"sha"'), "cut short or edited"),
    ):
        assert edited != text
        path.write_text(edited)
        with pytest.raises(store.RecordError, match=reason):
            study.load_run(SMALL, tmp_path)
    path.write_text(text)
    for name in ("model.safetensors", "curves.parquet"):
        whole = (place / name).read_bytes()
        for altered in (whole[:-100], whole[:40] + b"x" + whole[41:]):
            (place / name).write_bytes(altered)
            with pytest.raises(store.RecordError, match=f"{name}.*an altered one"):
                study.load_run(SMALL, tmp_path)
        (place / name).unlink()
        with pytest.raises(store.RecordError, match=f"{name}.*none"):
            study.load_run(SMALL, tmp_path)
        (place / name).write_bytes(whole)
    assert study.load_run(SMALL, tmp_path).metrics  # as it was
    other = dataclasses.replace(SMALL, seed=1)
    place.rename(tmp_path / other.key)  # a whole record, under another configuration's name
    with pytest.raises(store.RecordError, match="another one, stored"):
        study.load_run(other, tmp_path)


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
    assert len(run.history["train_divergence"]) == 3 and len(run.history["accuracy"]) == 4
    start = study.curve(base.model, base.task, SMALL.seed)
    assert run.history["train_divergence"][0] == pytest.approx(start["train_divergence"])
    again = study.load_run(config, tmp_path)
    assert again.metrics == run.metrics
    assert all(agrees for _, _, agrees in study.recheck(again).values())


def test_more_sft_and_policy_gradient_exclude_each_other():
    with pytest.raises(InputError, match="one second stage"):
        dataclasses.replace(SMALL, pg=studies.PG, more_sft=studies.MORE_SFT)


def test_the_command_of_a_run_names_its_stage():
    run = RunConfig(seed=2, pg=dataclasses.replace(studies.PG, kl_weight=0.1, batch_size=2048))
    assert "train pg --kl-weight 0.1 --batch-size 2048 --schedule constant" in run.command
    assert "train more-sft" in RunConfig(more_sft=studies.MORE_SFT).command


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
    monkeypatch.setitem(studies.STUDIES, "small", configs)
    study.store_run(configs[0], tmp_path, progress=False)  # with its model
    assert study.missing("small", tmp_path) == [configs[1]]
    runs = study.run_study("small", tmp_path, progress=False)
    assert not study.missing("small", tmp_path)
    again = [study.load_run(c, tmp_path) for c in configs]
    assert [r.model is None for r in again] == [False, True]
    assert [r.metrics for r in again] == [r.metrics for r in runs]
    kept = sorted(p.name for p in (tmp_path / configs[1].key).iterdir())
    assert kept == ["curves.parquet", "record.json"]
    with pytest.raises(InputError, match="model was kept"):
        study.recheck(again[1])
    # A second stage whose base kept no model makes the base again, and ends the same.
    place = tmp_path / configs[0].base.key
    record, history = store.read(place)
    (place / "model.safetensors").unlink()
    store.write(place, record, history, None)
    (tmp_path / configs[1].key / "record.json").unlink()
    assert study.store_run(configs[1], tmp_path, progress=False).metrics == runs[1].metrics
    with pytest.raises(InputError, match="q-seeds"):
        study.run_study("figure99", tmp_path)


def test_one_run_of_a_study_by_its_key(tmp_path, monkeypatch):
    configs = tuple(dataclasses.replace(SMALL, seed=s) for s in (0, 1))
    monkeypatch.setitem(studies.STUDIES, "small", configs)
    command = configs[1].command.split()
    assert command == f"python -m planlib study small --only {configs[1].key}".split()
    (run,) = study.run_study("small", tmp_path, only=command[-1], progress=False)
    assert run.config == configs[1] and study.missing("small", tmp_path) == [configs[0]]
    with pytest.raises(InputError, match="only: expected a run of small"):
        study.run_study("small", tmp_path, only="0" * 12)


def test_figures_along_a_stage_add_up():
    """Shares of one sampling sum to one, and a perfect read-out has no non-edge above an edge."""
    run = study.train_run(SMALL, progress=False)
    figures = study.curve(run.model, run.task, SMALL.seed)
    for name in ("train", "test"):
        reasons = ("accuracy", "illegal_edge", "wrong_end", "no_end", "too_long")
        assert sum(figures[f"{name}_{r}"] for r in reasons) == pytest.approx(1)
        assert figures[f"{name}_length"] >= 0 and figures[f"{name}_entropy"] > 0
    edges = run.task.graph.adjacency
    rare = run.task.rare_edges
    assert rare.any() and len(rare) == edges.sum()
    assert not metrics.non_edges_above(edges.astype(float), edges).any()
    upside_down = metrics.non_edges_above(-edges.astype(float), edges)
    assert (upside_down == len(edges) - edges.sum(1)[np.nonzero(edges)[0]]).all()


def test_graphs_with_cycles_leave_out_empty_classes(tmp_path):
    q = QLearningConfig(steps=2, batch_size=16, evaluate_every=1)
    config = dataclasses.replace(SMALL, graph="er:n=8,p=0.5,cyclic,seed=1", q=q)
    history = study.store_run(config, tmp_path, progress=False).history
    assert {"feasible_value", "reachable_value"} <= set(history)
    assert not {"adjacent_value", "neither_value"} & set(history)
    assert len(history["feasible_value"]) == len(history["evaluated_at"]) == 3


def test_stored_runs_are_trained_or_evaluated_again(tmp_path):
    configs = [dataclasses.replace(SMALL, seed=s) for s in range(3)]
    for config in configs:
        study.store_run(config, tmp_path, progress=False)
        assert RunConfig.of_fields(config.fields()) == config
    q = QLearningConfig(steps=2, batch_size=8)
    longer = dataclasses.replace(SMALL, q=q)
    study.store_run(longer, tmp_path, progress=False)
    found = {c: (how, x) for c, how, x in study.recheck_some(9, 0, tmp_path)}
    assert set(found) == {*configs, longer}
    assert found[longer][0] == "evaluated again" and found[SMALL][0] == "trained again"
    assert all(ok for _, x in found.values() for _, _, ok in x.values())
    assert all(was == now for was, now, _ in found[SMALL][1].values())  # the same machine
    for config in configs:  # the control: records that say too much
        record, history = store.read(tmp_path / config.key)
        record["metrics"] = {k: v + 0.5 + 0.01 * config.seed for k, v in record["metrics"].items()}
        store.write(tmp_path / config.key, record, history, None)
    assert not any(ok for _, _, ok in study.recompute(SMALL, tmp_path).values())
    with pytest.raises(InputError, match="three seeds"):
        study.recompute(longer, tmp_path)


def test_some_of_the_books_runs_agree_with_their_records():
    """Which ones changes with what is stored: one short run trained again, three models evaluated."""
    stored = sorted(p.parent.name for p in study.RUNS.glob("*/record.json"))
    seed = int(hashlib.sha256("".join(stored).encode()).hexdigest()[:8], 16)
    bases = [dataclasses.replace(RunConfig(), seed=s) for s in studies.SEEDS]
    found = study.recompute(bases[seed % len(bases)])
    assert all(agrees for _, _, agrees in found.values()), (bases[seed % len(bases)].key, found)
    for config, how, again in study.recheck_some(3, seed, under=0):
        assert how == "evaluated again"
        assert all(agrees for _, _, agrees in again.values()), (config.key, again)
