"""Each line of the report against an independent computation, on graphs small enough for it."""

import dataclasses
import json
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import theorems
from planlib import exact, task
from planlib.__main__ import main
from planlib.curves import READ_OUT
from planlib.files import FileNotice
from planlib.graph import InputError, PlanningGraph, erdos_renyi, parse_graph, staged
from planlib.paths import read_training
from planlib.studies import Q
from theorems import coverage, predict_lines, predict_measured, predict_page
from theorems.basins import constant_on_cycles, in_basin
from theorems.gaps import gap_of, update_gaps
from theorems.judge_reach import judged_table
from theorems.predict import Settings, _task, predict
from theorems.predict_coverage import known_rows
from theorems.predict_measured import TEST, Source, measure
from theorems.predict_report import GROUPS, Prediction
from theorems.walks import accuracy_of, softened, value_policy

FILES = Path(__file__).parent / "files"
ACYCLIC = erdos_renyi(9, 0.45, acyclic=True, seed=3)
CYCLIC = erdos_renyi(7, 0.3, acyclic=False, seed=5)
GRAPHS = (ACYCLIC, CYCLIC)
SMALL = Settings(max_length=14, paths_per_pair=3, train_fraction=0.4)


def measured(graph, settings=SMALL):
    split, data = _task(graph, None, None, settings)
    source = Source(graph, split, data, settings)
    return source, measure(source, settings, READ_OUT), split, data


def rows_of(graph):
    return graph.adjacency.astype(int).tolist()


def nodes_of(data, n):
    """Paths of training sequences, as tuples."""
    return [tuple(int(x) for x in row[2:] if x < n) for row in data]


@pytest.fixture(scope="module")
def found():
    return {g.name: predict(g, settings=SMALL) for g in GRAPHS}


# --- the tables that lines are read from ---------------------------------------------------------


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda g: g.name)
def test_the_table_of_frequencies_and_its_success(graph):
    _, m, split, data = measured(graph)
    n = graph.n
    counts = exact.cooccurrence(nodes_of(data, n))
    known = exact.frequencies(counts, n)
    uniform = [Fraction(1, n)] * n
    policy = [[known.get((i, j), uniform) for j in range(n)] for i in range(n)]
    for name, blank in (("table", uniform), ("table low", [Fraction(0)] * n)):
        policy = [[known.get((i, j), blank) for j in range(n)] for i in range(n)]
        for i in range(n):
            values = exact.success_probabilities(rows_of(graph), policy, i, SMALL.steps)[-1]
            here = m["target"] == i
            wanted = [float(values[j]) for j in m["source"][here]]
            assert m[name][here] == pytest.approx(wanted, abs=1e-12)
    for at, (i, j) in enumerate(zip(m["target"], m["source"], strict=True)):
        row = counts.get((int(i), int(j)), {})
        assert m["visited"][at] == bool(row) and m["shown"][at] == len(row)
        assert m["count"][at] == sum(row.values())
        if row:
            shares = [Fraction(x, sum(row.values())) for x in row.values()]
            assert m["square"][at] == pytest.approx(float(sum(x**2 for x in shares)))
            assert m["cube"][at] == pytest.approx(float(sum(x**3 for x in shares)))
            assert m["most"][at] == pytest.approx(float(max(shares)))
            assert m["tied"][at] == shares.count(max(shares))
    roles = {"edge_pairs": 0, "path_pairs": 1, "test_pairs": TEST}
    for name, role in roles.items():
        pairs = {tuple(p) for p in getattr(split, name).tolist()}
        here = m["role"] == role
        assert (
            set(zip(m["source"][here].tolist(), m["target"][here].tolist(), strict=True)) == pairs
        )


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda g: g.name)
def test_visits_are_those_of_legal_prefixes(graph):
    _, m, split, data = measured(graph)
    n, known = graph.n, exact.frequencies(exact.cooccurrence(nodes_of(data, graph.n)), graph.n)
    uniform = [Fraction(1, n)] * n
    policy = [[known.get((i, j), uniform) for j in range(n)] for i in range(n)]
    wanted = np.zeros((n, n))
    for s, t in split.prompt_pairs.tolist():
        for now in exact.visits(policy, s, t, SMALL.steps, rows_of(graph)):
            wanted[t] += [float(x) / len(split.prompt_pairs) for x in now]
    assert m["visits"] == pytest.approx(wanted[m["target"], m["source"]], abs=1e-12)


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda g: g.name)
def test_distances_choices_and_paths(graph):
    _, m, *_ = measured(graph)
    horizon = None if graph.is_acyclic else SMALL.steps
    for i, j, d, c, number in zip(
        *(m[x].tolist() for x in ("target", "source", "distance", "choices", "paths")), strict=True
    ):
        assert d == exact.distances(rows_of(graph), i)[j]
        assert c == graph.correct_next(i, j).sum()
        assert number == graph.path_counts(i, horizon)[j]
    if graph.is_acyclic:
        assert (m["longest"] == graph.longest_paths[m["target"], m["source"]]).all()
    assert len(m["target"]) == len(graph.reachable_pairs())


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda g: g.name)
def test_walks_are_those_of_the_chapters(graph):
    noisy = dataclasses.replace(Q, false_alarm=0.2, detection=0.7)
    settings = dataclasses.replace(SMALL, q=noisy)
    _, m, split, _ = measured(graph, settings)
    test = m["role"] == TEST
    for discount in (1.0, 0.8):
        policy = value_policy(graph, READ_OUT, discount)
        wanted = accuracy_of(graph, policy, SMALL.max_length, split.test_pairs)
        assert m[f"discount {discount:g}"][test].mean() == pytest.approx(wanted, abs=1e-9)
    policy = softened(judged_table(graph, 0.2, 0.7), READ_OUT)
    wanted = accuracy_of(graph, policy, SMALL.max_length, split.test_pairs)
    assert m["judged"][test].mean() == pytest.approx(wanted, abs=1e-9)
    i, j = np.indices((graph.n, graph.n))
    right = graph.correct_next(i, j).astype(float)
    for name, policy in (
        ("tie", right / np.maximum(right.sum(-1, keepdims=True), 1)),
        ("ended", softened(right, READ_OUT)),
        ("blind", np.full((graph.n,) * 3, 1 / graph.n)),
    ):
        wanted = accuracy_of(graph, policy, SMALL.max_length, split.test_pairs)
        assert m[name][test].mean() == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_safe_constant_starts_are_those_of_the_basin(seed):
    graph = erdos_renyi(6, 0.25, acyclic=False, seed=seed)
    source = Source(graph, None, None, SMALL)
    for target in range(graph.n):
        if graph.reachability[target].sum() == 1:
            continue
        on = predict_measured.cycles_off(source.adjacency, target)
        highest = predict_measured._of_target(source.toward(target), on)["start"]
        for start in (0, 0.5, 1, 1.5, 9):
            wanted = in_basin(rows_of(graph), [start] * graph.n, target)
            assert wanted == (start <= highest)
        assert on.tolist() == exact.on_cycle(rows_of(graph), target)


@pytest.mark.parametrize("seed", range(3))
def test_a_high_start_is_lost_where_its_values_exceed_1(seed):
    graph = erdos_renyi(6, 0.3, acyclic=False, seed=seed)
    _, m, *_ = measured(graph)
    for height, column in ((Fraction(3, 2), "circles"), (Fraction(3), "cycle")):
        values = [constant_on_cycles(rows_of(graph), i, height) for i in range(graph.n)]
        wanted = [values[i][j] > 1 for i, j in zip(m["target"], m["source"], strict=True)]
        assert m[column].tolist() == wanted


def test_distinct_paths_of_a_row_are_counted():
    """Two even routes: 100 samples show both. A blank first row arrives one time in four."""
    diamond = PlanningGraph([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
    data = task.encode([(0, 1, 3), (0, 2, 3), (1, 3), (2, 3)], 4)
    split = task.Split(np.array([[1, 3], [2, 3]]), np.array([[0, 3]]), np.array([[0, 1], [0, 2]]))
    m = measure(Source(diamond, split, data, SMALL), SMALL, READ_OUT)
    at = (m["source"] == 0) & (m["target"] == 3)
    assert m["distinct"][at] == [2] and m["table"][at] == [1]
    blank = (m["source"] == 0) & (m["target"] == 1)
    assert m["distinct"][blank] == [1] and m["table"][blank] == [0.25]


# --- rules of the lines --------------------------------------------------------------------------


def test_the_clock_is_that_of_sampled_rows():
    """Mean number of updates until a row of two has a favourite of 0.9, from even and from 0.7."""
    rng, eta, batch = np.random.default_rng(7), 0.5, 4
    for start in (0.5, 0.7):
        gap = np.full(1500, gap_of(start))
        left, updates = np.ones(1500, dtype=bool), np.zeros(1500)
        while left.any():
            gap[left] = update_gaps(rng, gap[left], eta, batch)
            updates += left
            left &= np.abs(gap) < gap_of(0.9)
        wanted = predict_lines.updates_until(np.array([start]), np.ones(1), eta, batch)[0]
        assert updates.mean() == pytest.approx(wanted, rel=0.12)


def test_lines_say_what_the_tables_hold(found):
    graph = ACYCLIC
    p, (_, m, split, data) = found[graph.name], measured(graph)
    pg, sft, n = SMALL.pg, SMALL.sft, graph.n
    test, asked = m["role"] == TEST, m["role"] != TEST
    assert p.line("accuracy of the table").values["test problems"] == m["table"][test].mean()
    assert p.line("blank rows").values["rows"] == 1 - m["visited"].mean()
    assert p.line("rows with a choice").values["with a choice"] == (m["choices"] > 1).mean()
    needed = task.needed_length(graph, graph.reachable_pairs())
    assert p.line("length").values["all paths need"] == needed
    # 3.1/rate, row by row.
    counts = exact.cooccurrence(nodes_of(data, n))
    missing = [
        len(row)
        * (n - len(row))
        / n
        / (sft.learning_rate * sum(row.values()) / len(data))
        / sft.steps
        for row in counts.values()
    ]
    assert p.line("missing mass").values["median"] == pytest.approx(np.median(missing))
    number = pg.steps * pg.batch_size / len(split.prompt_pairs)
    lost = [(1 - x) ** number > 0.5 for x in m["table"][test]]
    line = p.line("nothing to find").values
    assert line["samples a prompt"] == number and line["test problems asked"] == np.mean(lost)
    g = SMALL.grpo.group
    mixed = [
        sum(math.comb(g, k) * x**k * (1 - x) ** (g - k) for k in range(1, g))
        for x in m["table"][test]
    ]
    assert p.line("groups that move").values["test problems asked"] == pytest.approx(np.mean(mixed))
    lifted = p.line("soft values").values
    x = np.exp(1 / lifted["weight"])
    wanted = np.mean([j * x / (1 - j + j * x) for j in m["table"][test]])
    assert lifted["test problems"] == pytest.approx(wanted) and wanted > lifted["start"]
    half = predict_lines._half(5.0)
    assert (1 - 1 / 5) ** half == pytest.approx(0.5)
    rows = (m["shown"] >= 2) & (m["visits"] > 0)
    s2, s3 = m["square"][rows], m["cube"][rows]
    rises = pg.learning_rate**2 * m["visits"][rows] / 2 / pg.batch_size * (s2 - 2 * s3 + s2**2)
    assert p.line("rise of the divergence").values["median"] == pytest.approx(np.median(rises))
    assert asked.sum() == len(split.prompt_pairs)


def test_the_judge_reaches_as_far_as_its_horizon():
    far = np.array([exact.distances(rows_of(ACYCLIC), t)[s] for s, t in ACYCLIC.reachable_pairs()])
    for alpha, beta, within in (
        (0.25, 0.5, far < 2),  # a tie at the horizon is no plan
        (0.2, 0.5, far <= 2),
        (0.0, 0.5, far > 0),
        (0.5, 0.5, far == 1),
    ):
        q = dataclasses.replace(Q, false_alarm=alpha, detection=beta)
        line = predict(ACYCLIC, settings=dataclasses.replace(SMALL, q=q)).line(
            "planning with a noisy judge"
        )
        assert line.values["problems within"] == pytest.approx(within.mean())


@pytest.mark.parametrize(("epsilon", "stops"), [(0.0, False), (0.3, False), (0.3, True)])
@pytest.mark.parametrize(
    "graph", [staged(12, 3, 0.5, 0.2, seed=1), CYCLIC], ids=["stages", "cyclic"]
)
def test_determined_rows_are_those_of_the_chapter(graph, epsilon, stops):
    settings = dataclasses.replace(
        SMALL, max_length=40, within=1, train_fraction=1.0,
        q=dataclasses.replace(Q, epsilon=epsilon, stop_at_error=stops),
    )  # fmt: skip
    source, m, split, _ = measured(graph, settings)
    found = known_rows(predict_lines.Case(source, m, settings), epsilon, stops)
    policy = coverage.teacher(graph, epsilon)
    legal = graph.adjacency if stops else None
    known = coverage.expected_tries(policy, split.prompt_pairs, 30, legal) > 0
    wanted = coverage.determined(known)
    i, j = np.indices((graph.n, graph.n))
    right = graph.correct_next(i, j)
    row = np.zeros((graph.n, graph.n), dtype=bool)
    row[m["target"], m["source"]] = True  # rows that can arrive
    assert (found.all == wanted.all(-1))[row].all()
    assert (found.right == (wanted | ~right).all(-1))[row].all()
    assert (found.tried == known.any(-1))[row].all()


def test_composition_is_read_off():
    """The chapter's graph: blind without exploration, sighted with it, stopped by an end at errors."""
    graph = staged(30, 3, 0.3, 0, seed=1)
    for epsilon, stops, claim, table, additive in (
        (0.0, False, "composition/blind", 0, 0),
        (0.5, False, "composition/sighted", 1, 1),
        # Legal steps into dead ends connect what no test row is tried for.
        (0.5, True, "composition/stopped", 0, 1),
    ):
        q = dataclasses.replace(Q, epsilon=epsilon, stop_at_error=stops, max_length=16)
        settings = Settings(within=1, train_fraction=1.0, max_length=16, q=q)
        p = predict(graph, settings=settings)
        line = p.line("held-out problems determined")
        assert line.claim == claim
        assert (line.values["a table"], line.values["additive, every step"]) == (table, additive)
        assert any(claim in advice.claims for advice in p.verdict)


# --- hypotheses, claims, verdict -----------------------------------------------------------------


def test_hypotheses_are_checked_on_the_input(found):
    acyclic, cyclic = (found[g.name] for g in GRAPHS)
    assert acyclic.line("targets with a cycle off them").claim == "5.2/unique"
    assert cyclic.line("targets with a cycle off them").claim == "cycles/unique"
    assert not acyclic.has("starts that find the plan") and cyclic.has("starts that find the plan")
    adam = {a.name for a in acyclic.line("updates until a favourite").fails}
    assert "plain gradient steps" in adam
    plain = dataclasses.replace(SMALL.pg, optimizer="sgd", learning_rate=5.0, kl_weight=0.1)
    other = predict(ACYCLIC, settings=dataclasses.replace(SMALL, pg=plain))
    fails = {a.name: a.because for a in other.line("updates until a favourite").fails}
    assert "plain gradient steps" not in fails and fails["no KL penalty"]
    assert other.line("what KL leaves").values["routes left"] > 1
    centred = dataclasses.replace(SMALL.pg, baseline="mean")
    other = predict(ACYCLIC, settings=dataclasses.replace(SMALL, pg=centred))
    assert other.line("updates until a favourite").claim == "4.3/baseline"
    assert not other.has("rise of the divergence")


def test_every_line_rests_on_a_claim_that_exists(found):
    named = set()
    for path in sorted(Path(predict_lines.__file__).parent.glob("predict_*.py")):
        named |= set(re.findall(r'"((?:\d\.\d|[a-z]+\d?)/[a-z0-9-]+)"', path.read_text()))
    used = {claim for p in found.values() for claim in p.claims}
    assert len(named) > 30 and used <= named
    for claim in named:
        assert theorems.check(claim).claim == claim
        assert not theorems.check(claim).successor, claim


def test_the_verdict_follows_the_graph(found):
    acyclic, cyclic = (found[g.name] for g in GRAPHS)
    claims = [{c for a in p.verdict for c in a.claims} for p in (acyclic, cyclic)]
    assert "5.2/unique" in claims[0] and "cycles/basin" not in claims[0]
    assert {"cycles/proved", "cycles/basin"} <= claims[1]
    assert all(a.sentence and a.claims for p in found.values() for a in p.verdict)


# --- input and output ----------------------------------------------------------------------------


def test_paths_of_a_file_take_the_place_of_walks():
    paths = str(FILES / "grid_train.txt")
    with pytest.warns(FileNotice):
        graph = parse_graph(str(FILES / "grid.csv"))
    p = predict(graph, paths)
    assert p.about["training sequences"] == len(read_training(graph, paths))
    with pytest.raises(InputError, match="train_fraction"):
        predict(graph, paths, settings=Settings(train_fraction=0.5))
    with pytest.raises(InputError, match="test_pairs"):
        predict(graph, test_pairs=paths)


def test_json_comes_back_the_same(found):
    for p in found.values():
        assert Prediction.from_json(p.to_json()) == p
        assert set(p.groups) == set(GROUPS)


def test_the_page_asks_for_nothing_and_escapes_names():
    graph = PlanningGraph(ACYCLIC.adjacency, name="<script>alert('x')</script>&.graphml")
    p = predict(graph, settings=SMALL)
    page = predict_page.page(p)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"https?://|\bsrc=|url\(|@import|<link", page)
    for claim in p.claims:
        assert f"id='{predict_page._anchor(claim)}'" in page
    anchors = set(re.findall(r"href='#([^']+)'", page))
    assert anchors <= set(re.findall(r"id='([^']+)'", page))


def test_many_problems_are_sampled_with_intervals(monkeypatch):
    graph = erdos_renyi(30, 0.15, acyclic=True, seed=2)
    whole = predict(graph, settings=SMALL)
    monkeypatch.setattr(predict_measured, "MOST", 50)
    monkeypatch.setattr(predict_measured, "PROBLEMS_DRAWN", 1)
    p = predict(graph, settings=SMALL)
    assert not p.about["whole"] and any("drawn" in note for note in p.notes)
    for name, figure in (("distance", "mean"), ("rows with a choice", "with a choice")):
        low, high = p.line(name).intervals[figure]
        assert low - 0.1 < whole.line(name).values[figure] < high + 0.1
    cyclic = predict(erdos_renyi(12, 0.3, acyclic=False, seed=2), settings=SMALL)
    assert not cyclic.groups["sft"] and any("--paths" in note for note in cyclic.notes)


GRID = str(FILES / "grid.csv")


def test_the_command_prints_and_writes(tmp_path, capsys):
    file = tmp_path / "page.html"
    few = ["--max-length", "14", "--paths-per-pair", "2"]
    assert main(["predict", "blocksworld:3", *few, "--html", str(file)]) == 0
    text = capsys.readouterr().out
    assert "rests on cycles/unique" in text and "Verdict" in text
    assert max(map(len, text.splitlines())) <= 100
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    rooms = str(FILES / "grid.csv")
    paths = ["--paths", str(FILES / "grid_train.txt"), "--q.false-alarm", "0.2", "--json"]
    assert main(["predict", rooms, *paths]) == 0
    p = json.loads(capsys.readouterr().out)
    assert p["settings"]["q.false_alarm"] == 0.2 and p["about"]["nodes"] > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["torus:5"], "graph"),
        (["no_such.graphml"], "no_such.graphml"),
        ([GRID, "--paths", "no_such.txt"], "paths"),
        ([GRID, "--train-fraction", "2"], "train_fraction"),
        ([GRID, "--train-fraction", "many"], "--train-fraction"),
        ([GRID, "--max-length", "4"], "max_length"),
        ([GRID, "--seed", "-1"], "seed"),
        ([GRID, "--q.discount", "2"], "discount"),
        ([GRID, "--grpo.group", "7"], "group"),
        ([GRID, "--pg.kl-weight", "nan"], "kl_weight"),
        ([GRID, "--magic"], "--magic"),
        (["er:n=5,p=0,acyclic,seed=0"], "edge"),
        (["er:n=9,p=0.5,acyclic,seed=0", "--html", "no/such/page.html"], "html"),
    ],
)
def test_bad_input_is_64_and_one_line(arguments, message, capsys):
    assert main(["predict", *arguments]) == 64
    *notices, line = capsys.readouterr().err.splitlines()
    assert message in line and all(notice.startswith("notice: ") for notice in notices)


def test_help_prints_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", GRID, "--help"])
    assert caught.value.code == 0
    words = {word.strip(",│") for word in capsys.readouterr().out.split()}
    assert {"--paths", "--html", "--json", "--train-fraction", "--q.false-alarm"} <= words


def test_a_stored_run_beside_what_was_foretold(tmp_path, capsys):
    small = ["--graph", "er:n=8,p=0.4,acyclic,seed=1", "--width", "16", "--max-length", "32", "--paths-per-pair", "2"]  # fmt: skip
    small += ["--sft.steps", "4", "--sft.batch-size", "16", "--out", str(tmp_path)]
    q = ["--steps", "2", "--batch-size", "8"]
    assert main(["compare", "q", *small, *q]) == 64
    assert "make it" in capsys.readouterr().err
    assert main(["train", "sft", *small]) == main(["train", "q", *small, *q]) == 0
    capsys.readouterr()
    assert main(["compare", "q", *small, *q]) == 0
    text = capsys.readouterr().out
    assert "SFT, test problems" in text and "3.1/proved" in text
    # On a graph without cycles every correct walk arrives; two updates do not teach it.
    (line,) = [line for line in text.splitlines() if line.startswith("Q-learning")]
    told, came = (float(x) for x in re.findall(r"\d\.\d{3}", line))
    assert told > 0.99 > came
    assert main(["compare", "q", *small, *q, "--reward", "outcome"]) == 64
