"""Countdown: its rules by hand, its answers by a judge that shares no code, its graph."""

import itertools
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from planlib import countdown as rules
from planlib import graph as graphs
from planlib.__main__ import main
from planlib.answers import LONGEST, Verdict, judge
from planlib.curves import make_task
from planlib.files import FileError, FileNotice
from planlib.graph import GraphError, InputError, countdown, is_generated, parse_graph
from planlib.studies import RunConfig
from planlib.task import SplitError, split_by_distance, split_by_hidden_edges, split_pairs
from theorems.countdown import shown_share

ROOT = Path(__file__).resolve().parent.parent


def states(*texts):
    return [rules.read(text) for text in texts]


def test_moves_of_two_numbers_by_hand():
    assert list(rules.moves(rules.read("2 6"))) == states("8", "4", "12", "3", "1/3")
    assert list(rules.moves(rules.read("2 6"), whole=True)) == states("8", "4", "12", "3")
    assert list(rules.moves(rules.read("2 2"))) == states("4", "1")  # one way to 4 is kept, no 0
    assert rules.moves(rules.read("5")) == {}
    # From three numbers two are taken, and the third stays.
    assert rules.read("2 12") in rules.moves(rules.read("2 3 4"))


@pytest.mark.parametrize("bad", ["", "2 x", "1/0", "0 3", "-2 3"])
def test_what_is_no_state_is_refused(bad):
    with pytest.raises(rules.CountdownError, match=r"expected .*number"):
        rules.read(bad)
    assert rules.written(rules.read("7 1/2 3")) == "1/2 3 7"


def walk(begin, rng, whole):
    path = [begin]
    while following := list(rules.moves(path[-1], whole)):
        path.append(following[rng.integers(len(following))])
    return path


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("numbers", [2, 4, 6])
def test_a_path_is_arithmetic_that_a_judge_reads(numbers, whole):
    rng = np.random.default_rng(numbers)
    for _ in range(100):
        given = [int(x) for x in rng.integers(1, 30, numbers)]
        path = walk(rules.state_of(given), rng, whole)
        line = rules.arithmetic(path, whole)
        assert judge(line, given, path[-1][0]) is Verdict.RIGHT
        assert judge(line, given, path[-1][0] + 1) is Verdict.OTHER_VALUE
        assert judge(line, [given[0] + 1, *given[1:]], path[-1][0]) is Verdict.OTHER_NUMBERS
        part = rules.arithmetic(path[:2], whole)
        made = Fraction(eval(part.replace("/", "*Fraction(1)/"), {"Fraction": Fraction}))
        assert made in path[1]
        if numbers > 2:
            assert judge(part, given, made, every=False) is Verdict.RIGHT
            assert judge(part, given, made) is Verdict.OTHER_NUMBERS


def test_a_path_that_is_none_is_refused():
    with pytest.raises(rules.CountdownError, match="one move from '2 3', got 7"):
        rules.arithmetic(states("2 3", "7"))
    with pytest.raises(rules.CountdownError, match="at least one move"):
        rules.arithmetic(states("2 3"))
    for bad in ([], [0, 1], ["x"], [float("nan")], [None]):
        with pytest.raises(rules.CountdownError, match="positive numbers, got \\["):
            rules.state_of(x for x in bad)


def test_fractions_that_are_given_keep_their_brackets():
    assert rules.arithmetic(states("1/2 3", "6")) == "3 / (1/2)"
    assert rules.arithmetic(states("1/2 3/2", "1/3")) == "(1/2) / (3/2)"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("(3 + 4) * 7", Verdict.RIGHT),
        (" 7*4 + 3*7 ", Verdict.OTHER_NUMBERS),
        ("7 * (4 + 3) / 1", Verdict.OTHER_NUMBERS),
        ("7 + 4 + 3", Verdict.OTHER_VALUE),
        ("7 / (4 - 4)", Verdict.DIVIDES_BY_ZERO),
        ("7 ** 2", Verdict.NO_ARITHMETIC),
        ("7 // 3 + 4", Verdict.NO_ARITHMETIC),
        ("49.0", Verdict.NO_ARITHMETIC),
        ("-7 * -7", Verdict.NO_ARITHMETIC),
        ("True + 4", Verdict.NO_ARITHMETIC),
        ("__import__('os')", Verdict.NO_ARITHMETIC),
        ("7 *", Verdict.NO_ARITHMETIC),
        ("", Verdict.NO_ARITHMETIC),
        ("\x00", Verdict.NO_ARITHMETIC),
        ("(" * 400 + "7" + ")" * 400, Verdict.NO_ARITHMETIC),
        ("7" * (LONGEST + 1), Verdict.NO_ARITHMETIC),
    ],
)
def test_answers_are_judged(answer, verdict):
    assert judge(answer, [3, 4, 7], 49) is verdict


def test_thirds_are_exact():
    assert judge("8 / (3 - 8 / 3)", [3, 3, 8, 8], 24) is Verdict.RIGHT
    assert Fraction(24) in rules.solvable([3, 3, 8, 8])
    assert Fraction(24) not in rules.solvable([3, 3, 8, 8], whole=True)


def test_the_graph_is_the_rules():
    graph = parse_graph("countdown:numbers=3,most=4,whole")
    n = {label: k for k, label in enumerate(graph.labels)}
    for label in graph.labels:
        following = set(map(rules.written, rules.moves(rules.read(label), True)))
        assert {graph.labels[k] for k in np.flatnonzero(graph.adjacency[n[label]])} == following
    assert {graph.labels[k] for k in graph.targets} == {x for x in n if " " not in x}
    assert graph.is_acyclic and graph.longest_path == 2
    # Problems are the rows of reachability, and these are what can be made.
    pairs = graph.reachable_pairs()
    for state in rules.starts(3, 4):
        asked = pairs[pairs[:, 0] == n[rules.written(state)], 1]
        wanted = {rules.written((x,)) for x in rules.solvable(state, True)}
        assert {graph.labels[k] for k in asked} == wanted


def test_holding_a_number_may_do():
    plain = countdown(states("2 3 4"), whole=True)
    holding = countdown(states("2 3 4"), whole=True, asked="holding")
    n = {label: k for k, label in enumerate(holding.labels)}
    assert {x for x in n if x[0] == "="} == {
        f"={x}" for label in plain.labels for x in label.split()
    }
    assert set(holding.targets) == {n[x] for x in n if x[0] == "="}
    assert holding.adjacency[n["2 7"], n["=7"]] and not holding.adjacency[n["2 7"], n["=9"]]
    assert not holding.adjacency[holding.targets].any()  # a sink
    assert holding.correct_next(n["=12"], n["2 12"])[n["=12"]]
    any_state = parse_graph("countdown:numbers=3,most=4,whole,states")
    assert len(any_state.targets) == any_state.n and any_state.n == len(any_state.labels)
    with pytest.raises(InputError, match="asked"):
        countdown(states("2 3 4"), whole=True, asked="numbers")


def test_problems_of_the_split_ask_for_numbers():
    graph = parse_graph("countdown:numbers=3,most=4,fractions")
    split = split_pairs(graph, 0.2, 0)
    for pairs in (split.edge_pairs, split.path_pairs, split.test_pairs):
        assert np.isin(pairs[:, 1], graph.targets).all()
    far = split_by_distance(graph, 1, 1.0, 0.0, 0)
    assert {len(graph.labels[s].split()) for s in far.test_pairs[:, 0]} == {3}
    with pytest.raises(SplitError):
        split_by_distance(graph, 2, 1.0, 0.0, 0)


def test_problems_are_read_from_a_file(tmp_path):
    path = tmp_path / "problems.jsonl"
    path.write_text(
        '{"target": 10, "nums": [2, 3, 4], "extra": 1}\n\n{"target": 1, "nums": [5, 5]}\n'
    )
    expected = [(rules.read("2 3 4"), 10), (rules.read("5 5"), 1)]
    assert rules.read_problems(path) == expected
    as_list = tmp_path / "problems.json"
    as_list.write_text(
        json.dumps([{"target": 10, "nums": [2, 3, 4]}, {"target": 1, "nums": [5, 5]}])
    )
    assert rules.read_problems(as_list) == expected
    spec = f"countdown:{path},whole"
    graph = parse_graph(spec)
    assert {"2 3 4", "5 5"} <= set(graph.labels)
    # What a file holds belongs to the identity of a run, what a name makes does not need to.
    assert not is_generated(spec) and is_generated("countdown:numbers=3,most=4,whole")
    key = RunConfig(graph=spec).key
    path.write_text('{"target": 10, "nums": [2, 3, 5]}\n')
    assert RunConfig(graph=spec).key != key


@pytest.mark.parametrize("asked", ["", ",holding"])
def test_the_problems_of_a_file_are_what_is_tested(tmp_path, asked):
    path = tmp_path / "problems.jsonl"
    # The third is one move, so that its pair is an edge; the last cannot be made.
    given = [([2, 3, 4], 14), ([2, 3, 4], 9), ([5, 6], 30), ([2, 2], 7)]
    path.write_text("\n".join(json.dumps({"nums": n, "target": t}) for n, t in given))
    with pytest.warns(FileNotice, match="1 of 4 problems cannot be solved .* 2 2 for 7"):
        graph = parse_graph(f"countdown:{path},whole{asked}")
    split = split_pairs(graph, 1.0, 0)
    named = [tuple(graph.labels[k] for k in pair) for pair in split.test_pairs.tolist()]
    mark = "=" if asked else ""
    posed = [("2 3 4", f"{mark}14"), ("2 3 4", f"{mark}9"), ("5 6", f"{mark}30")]
    assert sorted(named) == posed
    shown = {tuple(pair) for pair in split.train_pairs.tolist()}
    assert not shown & {tuple(pair) for pair in graph.posed.tolist()}
    # Without them the same numbers are split as any graph.
    plain = countdown([rules.read(s) for s in ("2 3 4", "5 6", "2 2")], True, asked[1:] or "alone")
    assert len(split_pairs(plain, 0.5, 0).test_pairs) > 3 and not len(plain.posed)
    path.write_text('{"nums": [2, 2], "target": 7}')
    with pytest.warns(FileNotice), pytest.raises(GraphError, match="a problem that can be solved"):
        parse_graph(f"countdown:{path},whole")


def test_no_split_trains_on_what_came_with_the_graph():
    line = [[int(k == j + 1) for k in range(5)] for j in range(5)]  # 0 -> 1 -> ... -> 4
    posed = {(0, 4), (0, 1), (1, 3)}
    graph = graphs.PlanningGraph(line, posed=sorted(posed))
    near = split_by_distance(graph, 2, 1.0, 0.0, 0)
    assert near.test_pairs.tolist() == [[0, 4]]  # (0, 3) and (1, 4) are as far, and not posed
    assert not posed & {tuple(pair) for pair in near.train_pairs.tolist()}
    with pytest.raises(SplitError, match=r"within: .* some problem of the file"):
        split_by_distance(graphs.PlanningGraph(line, posed=[(1, 3)]), 2, 1.0, 0.0, 0)
    for seed in range(4):
        hidden = split_by_hidden_edges(graph, 0.25, 1.0, 0.0, seed)
        assert {tuple(pair) for pair in hidden.test_pairs.tolist()} <= posed
        assert not posed & {tuple(pair) for pair in hidden.train_pairs.tolist()}


def test_what_is_posed_has_to_be_there():
    with pytest.raises(GraphError, match="posed"):
        graphs.PlanningGraph([[0, 1], [0, 0]], posed=[(0, 2)])
    with pytest.raises(GraphError, match=r"problems: .* 100 cannot"):
        countdown([rules.read("2 3")], True, problems=[(rules.read("2 3"), Fraction(100))])


def test_starts_drawn_at_random():
    spec = "countdown:numbers=3,most=99,drawn=12,seed=1,whole"
    graph = parse_graph(spec)
    drawn = [label for label in graph.labels if len(label.split()) == 3]
    assert len(set(drawn)) == 12 and is_generated(spec)
    assert {int(x) for label in drawn for x in label.split()} <= set(range(1, 100))
    assert parse_graph(spec).labels == graph.labels
    assert parse_graph(spec.replace("seed=1", "seed=2")).labels != graph.labels
    every = parse_graph("countdown:numbers=2,most=3,drawn=6,seed=0,whole")
    assert every.labels == parse_graph("countdown:numbers=2,most=3,whole").labels
    for bad in (0, 7):
        with pytest.raises(GraphError, match="1 to 6 different states"):
            parse_graph(f"countdown:numbers=2,most=3,drawn={bad},seed=0,whole")


def test_the_example_on_the_page_trains(tmp_path, capsys):
    """All of its problems can be solved, and `train` takes the file as it is."""
    file = ROOT / "tests" / "files" / "countdown.jsonl"
    for numbers, target in rules.read_problems(file):
        assert target in rules.solvable(numbers, whole=True)
    graph = ["--graph", f"countdown:{file},whole", "--max-length", "12", "--width", "16"]
    small = ["--steps", "4", "--batch-size", "16", "--out", str(tmp_path)]
    assert main(["train", "sft", *graph, *small]) == 0
    assert "greedy_test" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "[1]", '{"nums": [2, 3]}', '{"nums": [2], "target": 2}',
     '{"nums": [2, 0], "target": 2}', '{"nums": [2, 2.5], "target": 2}',
     '{"nums": [2, true], "target": 2}', '{"nums": "23", "target": 2}',
     '{"nums": [2, 3], "target": -1}', "[" * 100_000, "9" * 5000, '{"é": 1}'],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_place(tmp_path, text):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=r"expected .*bad\.jsonl"):
        rules.read_problems(path)
    with pytest.raises(GraphError, match="graph: expected"):
        parse_graph(f"countdown:{path},whole")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("countdown:numbers=1,most=4,whole", "2 to 6 numbers"),
        ("countdown:numbers=7,most=4,whole", "2 to 6 numbers"),
        ("countdown:numbers=3,most=0,whole", "1 to 100"),
        ("countdown:numbers=4,most=10,fractions", "at most 5000 states"),
        ("countdown:numbers=3,most=4", "'countdown:numbers="),
        ("countdown:nowhere.jsonl,whole", "the file nowhere.jsonl"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(monkeypatch, spec, message):
    monkeypatch.setattr(graphs, "MOST_STATES", 5000)
    with pytest.raises(GraphError, match=message):
        parse_graph(spec)


def test_the_share_of_answers_shown_is_counted():
    config = RunConfig(graph="countdown:numbers=3,most=4,whole", max_length=12, paths_per_pair=2)
    task = make_task(config)
    shares = []
    for s, t in task.split.path_pairs.tolist():
        every = set(task.graph.correct_paths(s, t))
        rows = [row for row in task.data.tolist() if row[:2] == [s, t]]
        seen = {tuple(k for k in row[2:] if k < task.graph.n) for row in rows}
        assert seen <= every
        shares.append(len(seen) / len(every))
    assert shown_share(task) == pytest.approx(np.mean(shares)) and 0 < np.mean(shares) < 1


def test_exploring_stops_at_the_limit():
    with pytest.raises(rules.CountdownError, match="at most 1000 states"):
        rules.explore(rules.starts(6, 100), limit=1000)  # of more than a thousand million
    assert len(rules.explore(states("2 3 4"), whole=True)) == len(
        countdown(states("2 3 4"), True).labels
    )
    assert list(itertools.islice(rules.starts(2, 3), 2)) == states("1 1", "1 2")
