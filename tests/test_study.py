from __future__ import annotations  # as in planlib: settings are checked by their annotations

import dataclasses
import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.sparse.csgraph import shortest_path

from planlib import curves, metrics, store, studies, study
from planlib.graph import InputError, PlanningGraph, blocksworld, erdos_renyi, parse_graph
from planlib.models import TabularModel
from planlib.study import RunConfig
from planlib.task import split_pairs
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


def test_the_encoding_of_a_record_changes_nothing(tmp_path):
    """An editor may store it in UTF-16; bytes that are no text count as damage."""
    made = study.store_run(SMALL, tmp_path, progress=False)
    path = tmp_path / SMALL.key / "record.json"
    text = path.read_text()
    path.write_bytes(text.encode("utf-16"))
    assert study.load_run(SMALL, tmp_path).metrics == made.metrics
    path.write_bytes(text.encode().replace(b"er:n", b"\xe9r:n"))
    with pytest.raises(store.RecordError, match="cut short or edited"):
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
    assert len(run.history["train_divergence"]) == 3 and len(run.history["accuracy"]) == 4
    start = study.curve(base.model, base.task, SMALL.seed)
    assert run.history["train_divergence"][0] == pytest.approx(start["train_divergence"])
    again = study.load_run(config, tmp_path)
    assert again.metrics == run.metrics
    assert all(agrees for _, _, agrees in study.recheck(again, folder=tmp_path).values())


def test_far_pairs_are_asked_without_a_path_and_share_one_base(tmp_path):
    q = QLearningConfig(steps=4, batch_size=8, evaluate_every=2)
    plain = RunConfig(graph="stages:n=12,stages=3,p=0.6,inside=0,seed=0", width=16, within=1)
    asked = dataclasses.replace(plain, q=q, asked=0.25, sft=SFTConfig(steps=4, batch_size=8))
    base = asked.base
    assert (base.asked, base.within) == (0.0, 1) and base.key != RunConfig(graph=plain.graph).key
    tasks = [curves.make_task(c) for c in (base, asked)]
    assert len(tasks[0].split.asked_pairs) == 0 < len(tasks[1].split.asked_pairs)
    assert np.array_equal(*(t.data for t in tasks))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        train = study.train_q_learning
        patch.setattr(
            study,
            "train_q_learning",
            lambda m, g, p, *a, **k: seen.append(p) or train(m, g, p, *a, **k),
        )
        run = study.store_run(asked, tmp_path, progress=False)
    assert np.array_equal(seen[0], tasks[1].split.prompt_pairs)
    assert np.array_equal(run.task.split.test_pairs, tasks[1].split.test_pairs)
    for name, bad in (
        ("within", {"within": 0}),
        ("asked", {"asked": 1.0}),
        ("asked", {"q": None}),
        ("asked", {"q": None, "more_sft": SFTConfig(steps=4)}),
        ("hidden", {"hidden": 0.2}),
        ("hidden", {"hidden": 1.0, "within": None}),
    ):
        with pytest.raises(InputError, match=name):
            dataclasses.replace(asked, **bad)
    for name, value in (("within", 1), ("hidden", 0.2)):
        with pytest.raises(InputError, match=name):
            RunConfig(paths="some.txt", **{name: value})


def test_more_sft_and_policy_gradient_exclude_each_other():
    with pytest.raises(InputError, match="one second stage"):
        dataclasses.replace(SMALL, pg=studies.PG, more_sft=studies.MORE_SFT)


def test_the_command_of_a_run_names_its_stage():
    run = RunConfig(seed=2, pg=dataclasses.replace(studies.PG, kl_weight=0.1, batch_size=2048))
    assert "train pg " in run.command and "--pg.kl-weight 0.1" in run.command
    assert "train more-sft" in RunConfig(seed=99, more_sft=studies.MORE_SFT).command
    spaced = dataclasses.replace(SMALL, graph="my graphs/a.graphml")
    assert "--graph 'my graphs/a.graphml' --seed" in spaced.command


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
    assert all(agrees for _, _, agrees in study.recheck(again, folder=tmp_path).values())
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


class Placed(torch.nn.Module):
    """Another model at the prompt than behind it."""

    def __init__(self, at_prompt, later):
        super().__init__()
        self.n, self.at_prompt, self.later = at_prompt.n, at_prompt, later

    def forward(self, tokens, where):
        return (self.at_prompt if tokens.shape[1] == 3 else self.later)(tokens, where)


def test_rows_of_test_problems_are_read_by_their_place():
    config = RunConfig(graph="stages:n=12,stages=3,p=0.6,inside=0,seed=0", width=16, within=1)
    task = curves.make_task(config)
    graph = task.graph
    right, blind = TabularModel(12), TabularModel(12)
    i, j = np.indices((12, 12))
    with torch.no_grad():
        right.f.copy_(torch.as_tensor(graph.correct_next(i, j).astype(float)))
        near = graph.stages[:, None] - graph.stages <= 1  # (target, current)
        blind.f.copy_(right.f * torch.as_tensor(near)[..., None])
    names = ("first", "first_later", "second", "second_at_prompt")

    def seen(model):
        figures = curves._by_place(model, task, 0)
        return [figures[name] == 1 for name in names]

    assert seen(right) == [True, True, True, True]
    assert seen(blind) == [False, False, True, True]
    assert seen(Placed(right, blind)) == [True, False, True, True]
    assert seen(Placed(blind, right)) == [False, True, True, True]


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
    q = QLearningConfig(steps=2, batch_size=8, evaluate_every=1)
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
    # One seed: the record itself is the measure.
    assert all(ok for _, _, ok in study.recompute(longer, tmp_path).values())
    record, history = store.read(tmp_path / longer.key)
    history["feasible_value"] = [x + 0.5 for x in history["feasible_value"]]
    store.write(tmp_path / longer.key, record, history, None)
    found = study.recompute(longer, tmp_path)
    assert [name for name, (_, _, ok) in found.items() if not ok] == ["feasible_value"]


def test_a_new_setting_renames_no_run(monkeypatch):
    """Every folder is the key of its configuration, whatever a later version adds to it."""

    @dataclasses.dataclass(frozen=True)
    class Younger(PolicyGradientConfig):
        flavour: str = "plain"
        more: dict = dataclasses.field(default_factory=dict)

    monkeypatch.setitem(
        studies.FIRST_SCHEMA, "Younger", studies.FIRST_SCHEMA["PolicyGradientConfig"]
    )
    monkeypatch.setitem(studies.STAGES, "pg", Younger)
    stored, younger = sorted(study.RUNS.glob("*/record.json")), 0
    for path in stored:
        record = json.loads(path.read_text())
        config = RunConfig.of_fields(record["config"])
        assert config.key == path.parent.name and config.fields() == record["config"]
        younger += isinstance(config.pg, Younger)
    assert younger > 70
    sweet = RunConfig(pg=Younger(flavour="sweet"))
    plain = dataclasses.replace(sweet, pg=Younger())
    assert sweet.key != plain.key == dataclasses.replace(plain, pg=PolicyGradientConfig()).key
    assert RunConfig.of_fields(sweet.fields()) == sweet


def test_equal_settings_are_one_run():
    pg = dataclasses.replace(studies.PG, kl_weight=0, steps=np.int64(600))
    one = RunConfig(seed=np.int64(3), train_fraction=np.float64(0.2), pg=pg)
    assert one.key == RunConfig(seed=3, pg=studies.PG).key
    q = dataclasses.replace(SMALL, q=studies.Q)
    assert dataclasses.replace(q, off_policy=False).key == q.key
    for name, bad in (
        *(("seed", x) for x in (-1, 0.5, float("nan"), 2**63)),
        *(("train_fraction", x) for x in (float("nan"), float("inf"), 1.5)),
        *(("paths_per_pair", -1), ("heads", 7), ("layers", 0), ("width", 0), ("max_length", 2)),
    ):
        with pytest.raises(InputError, match=name):
            dataclasses.replace(SMALL, **{name: bad})


def test_unknown_fields_and_newer_records_are_named(tmp_path):
    fields = SMALL.fields()
    with pytest.raises(InputError, match=r"^flavour: expected a field of RunConfig"):
        RunConfig.of_fields(fields | {"flavour": 1})
    with pytest.raises(InputError, match=r"^sft\.flavour: expected a field of SFTConfig"):
        RunConfig.of_fields(fields | {"sft": fields["sft"] | {"flavour": 1}})
    study.store_run(SMALL, tmp_path, progress=False)
    record, history = store.read(tmp_path / SMALL.key)
    store.write(tmp_path / SMALL.key, record | {"schema": store.SCHEMA + 1}, history, None)
    with pytest.raises(store.RecordError, match=f"schema {store.SCHEMA} or older"):
        study.load_run(SMALL, tmp_path)


def test_an_edited_graph_does_not_bring_the_old_figures_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edges = [f"{a} {b}" for a in range(8) for b in range(a + 1, 8) if (a + b) % 3]
    (tmp_path / "own.edgelist").write_text("\n".join(edges))
    config = dataclasses.replace(SMALL, graph="own.edgelist")
    before = study.store_run(config, tmp_path / "runs", progress=False)
    old = tmp_path / "runs" / config.key
    assert json.loads((old / "record.json").read_text())["graph"] == before.task.graph.digest
    assert study.load_run(config, tmp_path / "runs").metrics == before.metrics
    (tmp_path / "own.edgelist").write_text("\n".join(edges[:-1]))
    assert config.key != old.name and not study.is_stored(config, tmp_path / "runs")
    old.rename(tmp_path / "runs" / config.key)  # the old record, under the new graph's name
    with pytest.raises(store.RecordError, match=r"own\.edgelist has changed"):
        study.load_run(config, tmp_path / "runs")
    (tmp_path / "own.edgelist").write_text("\n".join(edges))
    assert config.key == old.name


def test_a_second_stage_belongs_to_its_base(tmp_path):
    config = dataclasses.replace(SMALL, q=QLearningConfig(steps=2, batch_size=8))
    run = study.store_run(config, tmp_path, progress=False)
    record, history = store.read(tmp_path / config.key)
    base = study.load_run(SMALL, tmp_path)
    assert record["base"] == study.digest(base.model.state_dict())
    with torch.no_grad():
        base.model.head.weight[0, 0] += 1e-6  # as another number of threads would
    store.write(tmp_path / SMALL.key, store.read(tmp_path / SMALL.key)[0], base.history, base.model)
    with pytest.raises(store.RecordError, match=f"base: .*another one, stored in {SMALL.key}"):
        study.load_run(config, tmp_path)
    del record["base"], record["schema"]  # a record of the first schema does not say
    store.write(tmp_path / config.key, record, history, None)
    assert study.load_run(config, tmp_path).metrics == run.metrics


def test_every_stored_run_belongs_to_a_study():
    known = {c.key for configs in studies.STUDIES.values() for c in configs}
    folders = {p.parent.name for p in study.RUNS.glob("*/record.json")}
    assert len(folders) > 150 and folders <= known
    assert not {"0" * 12} <= known


@pytest.mark.parametrize("rest", ["", '{"config": {"gra'])
def test_a_record_that_was_cut_short_counts_as_missing(tmp_path, rest):
    made = study.store_run(SMALL, tmp_path, progress=False)
    (tmp_path / SMALL.key / "record.json").write_text(rest)
    with pytest.warns(UserWarning, match=f"{SMALL.key}/record.json is empty or cut short"):
        assert not study.is_stored(SMALL, tmp_path)
    with pytest.warns(UserWarning, match="counts as missing"):
        assert study.store_run(SMALL, tmp_path, progress=False).metrics == made.metrics
    assert study.is_stored(SMALL, tmp_path)


def test_a_resumed_run_adds_up_its_seconds(tmp_path, monkeypatch):
    """Interrupted twice: once after its first checkpoint, once before the next."""
    now, place = [1e9], tmp_path / SMALL.key
    monkeypatch.setattr(study.time, "time", lambda: now[0])
    assert study._begin(place) == 0
    (place / study.CHECKPOINT).touch()
    os.utime(place / study.CHECKPOINT, (1e9 + 40, 1e9 + 40))
    now[0] += 1000
    assert study._begin(place) == 40
    assert study._begin(place) == 40  # nothing was saved since
    os.utime(place / study.CHECKPOINT, (1e9 + 1005, 1e9 + 1005))
    assert study._begin(place) == 45
    (place / study.CHECKPOINT).unlink()
    study.store_run(SMALL, tmp_path, progress=False)  # from the start
    assert json.loads((place / "record.json").read_text())["seconds"] < 40
    assert not (place / study.NOTE).exists()


def test_losses_stand_at_their_updates_when_there_are_as_many_as_evaluations(tmp_path):
    history = {"evaluated_at": [0, 2], "loss": [0.5, 0.4], "test_accuracy": [0.1, 0.2]}
    store.write(tmp_path, {}, history, None)
    rows = pq.read_table(tmp_path / store.CURVES).to_pylist()
    steps = {
        name: [r["step"] for r in rows if r["series"] == name] for name in ("loss", "test_accuracy")
    }
    assert steps == {"loss": [1, 2], "test_accuracy": [0, 2]}


def test_a_recheck_says_what_it_leaves_out_and_refuses_nothing(tmp_path):
    with pytest.raises(InputError, match="folder: expected stored runs"):
        next(study.recheck_some(3, 0, tmp_path / "none"))
    q = QLearningConfig(steps=2, batch_size=8, evaluate_every=1)
    config = dataclasses.replace(SMALL, q=q)
    study.store_run(config, tmp_path, keep_model=False, progress=False)
    ways = study.ways_to_recheck(tmp_path)
    assert ways == {SMALL: study.EVALUATED, config: study.UNCHECKED}
    with pytest.raises(InputError, match="count"):
        next(study.recheck_some(0, 0, tmp_path))
    assert set(study.ways_to_recheck(tmp_path, under=np.inf).values()) == {study.TRAINED}
    done = list(study.recheck_some(None, 0, tmp_path, under=np.inf))
    assert {c for c, _, _ in done} == {SMALL, config}
    other = dataclasses.replace(config, seed=1)
    study.store_run(other.base, tmp_path, keep_model=False, progress=False)
    run = study.store_run(other, tmp_path, progress=False)  # its model is kept, its base's is not
    assert study.ways_to_recheck(tmp_path)[other] == study.UNCHECKED
    with pytest.raises(InputError, match="whose base's model was kept"):
        study.recheck(run, folder=tmp_path)
    assert all(ok for _, _, found in done for _, _, ok in found.values())
    (again,) = [found for c, _, found in done if c == config]
    assert {"greedy_test", "test_distinct", "edge_recall", "feasible_value"} <= set(again)


def star_of_paths(arms, length):
    adjacency = np.zeros((arms * length + 1,) * 2, dtype=bool)
    for arm in range(arms):
        path = [0, *range(arm * length + 1, (arm + 1) * length + 1)]
        adjacency[path[:-1], path[1:]] = True
    return PlanningGraph(adjacency)


GRAPHS = {
    "chain of 40": star_of_paths(1, 40),
    "chain of 60": star_of_paths(1, 60),
    "star": star_of_paths(5, 9),
    "acyclic": erdos_renyi(25, 0.3, True, 4),
    "cyclic": erdos_renyi(25, 0.1, False, 4),
    "Blocksworld": blocksworld(3),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_policy_that_is_right_everywhere_measures_one(name):
    """Wherever the model can hold the answer; with one token less it is refused, with the number."""
    graph = GRAPHS[name]
    needed = curves.needed_length(graph)
    config = RunConfig(max_length=max(needed, 4), train_fraction=0.2)
    curves.check_lengths(config, graph)
    task = curves.Task(config, graph, split_pairs(graph, 0.2, 0))
    distance = shortest_path(graph.adjacency, unweighted=True)  # (current, target)
    model = TabularModel(graph.n)
    i, j = np.nonzero(~np.eye(graph.n, dtype=bool))
    right = graph.correct_next(i, j)
    if not graph.is_acyclic:  # straight on: a walk may go round for ever
        right &= distance[:, i].T == distance[j, i][:, None] - 1
    with torch.no_grad():
        model.f[i, j] = torch.as_tensor(np.where(right, 0.0, -1e9))
    figures = curves.measure(model, task, 0)
    assert figures == dict.fromkeys(figures, 1.0) and len(figures) == 4
    with pytest.raises(InputError, match=f"max_length: expected at least {needed}"):
        curves.check_lengths(dataclasses.replace(config, max_length=needed - 1), graph)
    if needed > 32:  # the control: what every graph without cycles was given before
        cut = dataclasses.replace(task, config=dataclasses.replace(config, max_length=32))
        assert curves.measure(model, cut, 0)["greedy_test"] < 0.9


def test_a_chain_of_60_edges_trains_and_measures_and_what_is_too_short_is_refused(tmp_path):
    path = tmp_path / "chain.edgelist"
    path.write_text("".join(f"{i} {i + 1}\n" for i in range(60)))
    chain = dataclasses.replace(SMALL, graph=str(path), max_length=64, paths_per_pair=1)
    run = study.store_run(chain, tmp_path / "runs", progress=False)
    assert run.task.data.shape[1] > 48 and set(run.metrics) >= {"greedy_test"}
    for short in (
        dataclasses.replace(chain, max_length=48),
        dataclasses.replace(chain, q=QLearningConfig(steps=2)),
    ):
        with pytest.raises(InputError, match=r"max_length: expected at least 64"):
            study.store_run(short, tmp_path / "other", progress=False)
    assert not (tmp_path / "other").exists()
    longer = dataclasses.replace(chain, q=QLearningConfig(steps=2, max_length=80))
    with pytest.raises(InputError, match=r"q\.max_length: expected at most the model's 64"):
        study.store_run(longer, tmp_path / "other", progress=False)


def test_every_study_is_long_enough_for_its_graph():
    configs = {
        (c.graph, c.max_length, *(s.max_length for s in (c.pg, c.q) if s)): c
        for study_ in studies.STUDIES.values()
        for c in study_
    }
    assert len(configs) > 5
    for config in configs.values():
        curves.check_lengths(config, parse_graph(config.graph))
    assert curves.needed_length(parse_graph(studies.ACYCLIC.graph)) <= 32


def test_problems_on_the_way_are_those_a_walk_could_begin():
    task = study.make_task(RunConfig(graph="er:n=14,p=0.3,acyclic,seed=3", max_length=20))
    on_the_way = {
        (s, t)
        for source, target in task.split.train_pairs.tolist()
        for path in task.graph.correct_paths(source, target)
        for s in path[:-1]
        for t in [target]
    }
    expected = [tuple(pair) in on_the_way for pair in task.split.test_pairs.tolist()]
    assert task.on_the_way.tolist() == expected and 0 < sum(expected) < len(expected)
    # Across stages none is.
    assert not study.make_task(studies.staged_base(1)).on_the_way.any()


def test_fresh_seeds_of_the_cyclic_graph_skip_those_whose_training_paths_do_not_fit():
    def fits(seed):
        task = curves.make_task(dataclasses.replace(studies.CYCLIC, seed=seed))
        return task.data.shape[1] <= studies.CYCLIC.max_length

    left_out = set(range(5, studies.FRESH_CYCLIC[-1])) - set(studies.FRESH_CYCLIC)
    assert left_out == {5, 10} and not any(map(fits, left_out))  # the page of deviations names them
    assert fits(6)  # just
