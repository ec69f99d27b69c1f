"""Five graphs foretold: what is committed is what the report says, and each claim can fail."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from planlib import files
from planlib.graph import (
    STORED,
    GraphError,
    PlanningGraph,
    chained,
    maze,
    parse_graph,
)
from planlib.studies import FIVE
from planlib.study import make_task
from theorems import five

PARCELS = ("parcels", 0)


# The other seed `make check-stored` looks at.
@pytest.mark.parametrize("name", FIVE)
def test_what_was_foretold_is_what_the_report_says(name):
    assert five.changed((name, 0)) == []


def test_a_figure_that_changed_is_named(monkeypatch):
    kept = json.loads(five.FORETOLD.read_text())["stages, seed 0"]
    told = five.foretell(("stages", 0))
    line = next(name for name, figures in kept.items() if figures)
    figure = next(iter(kept[line]))
    told[line] = told[line] | {figure: 0.123}
    monkeypatch.setattr(five, "foretell", lambda case: told)
    (said,) = five.changed(("stages", 0))
    assert said.startswith(f"{line}, {figure}: 0.123")


def test_the_walk_by_problem_means_the_figure_of_the_report():
    told = five._told(*PARCELS)
    assert told == five.TOLD(PARCELS)  # what is kept
    pairs = make_task(five.runs(PARCELS)["SFT"]).split.test_pairs
    assert len(told["walk"]) == len(pairs)
    assert np.mean(told["walk"]) == pytest.approx(five.by_tie(PARCELS), rel=1e-4)
    found = five.found_in_the_budget(PARCELS)
    assert 0 < found.mean() < 1


# --- the graphs ----------------------------------------------------------------------------------


def test_a_maze_is_one_piece_with_doors_both_ways():
    for doors in (0, 4):
        graph = maze(4, 5, doors, seed=3)
        edges = int(graph.adjacency.sum())
        assert edges == 2 * (4 * 5 - 1 + doors)
        assert (graph.adjacency == graph.adjacency.T).all() and graph.reachability.all()
        assert parse_graph(f"maze:rows=4,columns=5,doors={doors},seed=3").digest == graph.digest
    rooms = [tuple(map(int, label.split(","))) for label in graph.labels]
    for j, k in np.argwhere(graph.adjacency):
        assert sum(abs(a - b) for a, b in zip(rooms[j], rooms[k], strict=True)) == 1


def test_chains_go_on_and_never_back():
    plain = chained(12, 3, 0.0, seed=1)
    assert plain.is_acyclic and plain.longest_path == 3 and plain.adjacency.sum() == 9
    graph = chained(12, 3, 0.5, seed=1)
    assert (graph.adjacency >= plain.adjacency).all() and not np.tril(graph.adjacency).any()
    assert parse_graph("chains:n=12,chains=3,p=0.5,seed=1").digest == graph.digest


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("maze:rows=1,columns=1,doors=0,seed=0", "rooms"),
        ("maze:rows=2,columns=2,doors=2,seed=0", "walls"),
        ("chains:n=10,chains=3,p=0.1,seed=0", "multiple"),
        ("chains:n=9,chains=3,p=1.5,seed=0", "probability"),
        ("book:no_such.graphml", "planlib/graphs"),
    ],
)
def test_graphs_that_cannot_be_are_refused(name, word):
    with pytest.raises(GraphError, match=word):
        parse_graph(name)


def test_the_states_of_the_two_parcels_are_those_of_the_rules():
    pytest.importorskip("unified_planning")
    made = files.read_pddl(STORED / "delivery.pddl", STORED / "two_parcels.pddl")
    graph = parse_graph(FIVE["parcels"])
    adjacency = np.zeros((len(made.nodes),) * 2, dtype=bool)
    adjacency[tuple(np.array(made.edges).T)] = True
    assert PlanningGraph(adjacency, labels=made.nodes).digest == graph.digest


def test_the_club_is_that_of_networkx():
    import networkx as nx

    club = nx.to_numpy_array(nx.karate_club_graph(), weight=None) > 0
    assert (parse_graph(FIVE["karate"]).adjacency == club).all()


# --- the claims ----------------------------------------------------------------------------------


def fake(monkeypatch, figures):
    monkeypatch.setattr(five, "measured", lambda case, method, figure: figures(case))


@pytest.mark.parametrize("name", ["sft", "sft-test", "q-walk", "outcome"])
def test_a_run_as_foretold_passes_and_each_rival_is_rejected(name, monkeypatch):
    (check,) = [c for c in five.CHECKS if c.claim == f"five/{name}"]
    fake(monkeypatch, check.statement.by)
    record = check.run("small")
    assert record.verdict == "PASS" and record.control == "REJECTED"
    for rival in check.mutations.values():
        # Where a rival is right the claim fails, on the runs that tell them apart.
        fake(monkeypatch, rival.by)
        assert check.measure(rival, "small").verdict == "PASS"
        wrong = dataclasses.replace(check.statement, instead_of=rival.by)
        assert check.measure(wrong, "small").verdict == "FAIL"


def test_problems_as_foretold_pass_and_alike_ones_do_not(monkeypatch):
    (check,) = [c for c in five.CHECKS if c.claim == "five/problems"]

    def success(case, method, kind="test"):
        return five.walk(case)

    monkeypatch.setattr(five, "success", success)
    record = check.run("small")
    assert record.verdict == "PASS" and record.control == "REJECTED"
    monkeypatch.setattr(
        five, "success", lambda *a, **k: np.full_like(success(*a, **k), success(*a, **k).mean())
    )
    assert check.run("small").verdict == "FAIL"


def test_found_and_unfound_are_told_apart(monkeypatch):
    checks = [c for c in five.CHECKS if c.claim in ("five/unfound", "five/found")]

    def success(case, method, kind="test"):
        return five.found_in_the_budget(case).astype(float)

    monkeypatch.setattr(five, "success", success)
    assert [c.run("small").shown for c in checks] == ["PASS", "PASS"]
    monkeypatch.setattr(five, "success", lambda *a, **k: 1 - success(*a, **k))
    assert [c.run("small").verdict for c in checks] == ["FAIL", "FAIL"]


def test_trained_tables_are_where_the_report_says():
    (check,) = [c for c in five.CHECKS if c.claim == "five/tables"]
    came = five._table(*PARCELS)
    assert came["test problems"] == pytest.approx(five.by_table(PARCELS), abs=0.02)
    assert abs(came["test problems"] - five.by_tie(PARCELS)) > 0.2
    assert all(c.by is not check.statement.by for c in check.mutations.values())


def test_runs_that_are_missing_are_said_to_be(monkeypatch):
    (check,) = [c for c in five.CHECKS if c.claim == "five/q-walk"]
    monkeypatch.setattr(five, "runs", lambda case: {
        name: replace(c, seed=987) for name, c in five.five_methods(five.five_base(*case)).items()
    })  # fmt: skip
    record = check.run("small")
    assert record.shown == "WAITING"
