from pathlib import Path

import numpy as np
import pytest

from planlib.__main__ import main
from planlib.graph import InputError, parse_graph
from planlib.paths import digest, given_task, read_pairs, read_training
from planlib.task import SplitError, encode, sft_dataset, split_pairs

FILES = Path(__file__).parent / "files"
TRAIN, TEST = str(FILES / "train.txt"), str(FILES / "test.txt")


@pytest.fixture
def graph():
    return parse_graph(str(FILES / "steps.edgelist"))


def test_training_paths_by_hand(graph):
    split, data = given_task(graph, TRAIN, TEST)
    assert data[5].tolist() == [0, 3, 0, 1, 3, 5, 6]  # then the end token and padding
    assert data.shape == (8, 7 + 1 - 1)
    assert split.edge_pairs.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3], [3, 4]]
    assert split.path_pairs.tolist() == [[0, 3]]
    assert split.test_pairs.tolist() == [[0, 4], [1, 4]]
    assert given_task(graph, TRAIN)[0].test_pairs.tolist() == [[0, 4], [1, 4], [2, 4]]


def test_our_own_walks_come_back_from_a_file(tmp_path):
    """Written as such a file and read again, a split's walks are the same arrays."""
    graph = parse_graph("er:n=20,p=0.3,acyclic,seed=1")
    split = split_pairs(graph, 0.5, 0)
    data = sft_dataset(graph, split, 3, 0)
    lines = [" ".join(str(x) for x in row if x < graph.n) for row in data.tolist()]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    again, read = given_task(graph, str(tmp_path / "train.txt"))
    assert np.array_equal(read, data)
    for name in ("edge_pairs", "path_pairs", "test_pairs"):
        assert sorted(getattr(again, name).tolist()) == sorted(getattr(split, name).tolist())


def test_names_and_questions(tmp_path):
    graph = parse_graph(str(FILES / "questions.json#0"))
    (tmp_path / "t.txt").write_text("Tom b Tom a b\n")
    assert read_training(graph, str(tmp_path / "t.txt")).tolist() == encode([(0, 1, 2)], 6).tolist()
    assert read_pairs(graph, str(FILES / "questions.json#0")).tolist() == [[0, 4]]


def test_the_digest_is_of_the_content(graph, tmp_path):
    text = (FILES / "train.txt").read_text()
    same, other = tmp_path / "same.txt", tmp_path / "other.txt"
    same.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    other.write_text(text.replace("0 3 0 1 3\n", "0 3 0 2 3\n"))
    assert digest(graph, str(same), TEST) == digest(graph, TRAIN, TEST)
    assert digest(graph, str(other), TEST) != digest(graph, TRAIN, TEST)
    assert digest(graph, TRAIN) != digest(graph, TRAIN, TEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1\n", "lines 's t s a ... t', got line 1"),
        ("0 1 0 1\n0 3 0 1 2\n", "line 2"),
        ("0 3 1 3\n", "line 1"),
        ("0 0 0 0\n", "line 1"),
        ("0 1 0 1\n0 4 0 4\n", "line 2: a step that is no edge"),
        ("0 9 0 9\n", "nodes of steps.edgelist, got line 1: '9'"),
        ("", "an empty file"),
        ("<graphml/>", "begins like GraphML"),
    ],
)
def test_bad_training_paths(graph, tmp_path, text, message):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(InputError) as caught:
        given_task(graph, str(tmp_path / "t.txt"))
    assert caught.value.argument == "paths" and message in str(caught.value)


def test_a_path_that_goes_on_after_its_target(tmp_path):
    graph = parse_graph(str(FILES / "ring.mtx"))
    (tmp_path / "t.txt").write_text("1 2 1 2 3 2\n")
    with pytest.raises(InputError, match="goes on after its target"):
        read_training(graph, str(tmp_path / "t.txt"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 3\n", "not trained on, got 0 3"),
        ("4 0\n", "can reach"),
        ("0\n", "line 1"),
        ("0 4 0\n", "line 1"),
        ("x 4\n", "'x'"),
    ],
)
def test_bad_test_pairs(graph, tmp_path, text, message):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        given_task(graph, TRAIN, str(tmp_path / "t.txt"))


def test_no_test_pair_left(graph, tmp_path):
    rest = "0 4 0 1 3 4\n1 4 1 3 4\n2 4 2 3 4\n"
    (tmp_path / "t.txt").write_text((FILES / "train.txt").read_text() + rest)
    with pytest.raises(SplitError, match="some test pair"):
        given_task(graph, str(tmp_path / "t.txt"))
    with pytest.raises(InputError, match="root and target"):
        (tmp_path / "q.json").write_text('{"edges": [[0, 1]]}')
        read_pairs(graph, str(tmp_path / "q.json"))


def test_a_run_on_given_paths(tmp_path, capsys):
    """From files to a stored run; other paths in the same file are another run."""
    from planlib import store, study
    from planlib.studies import RunConfig

    paths = tmp_path / "train.txt"
    paths.write_text((FILES / "train.txt").read_text())
    steps = str(FILES / "steps.edgelist")
    small = ["--width", "16", "--steps", "3", "--batch-size", "4", "--out", str(tmp_path / "runs")]
    given = ["--graph", steps, "--paths", str(paths), "--test-pairs", TEST]
    assert main(["train", "sft", *given, *small]) == 0
    place = Path(capsys.readouterr().out.split()[-1]).parent
    config = RunConfig.of_fields(store.read(place)[0]["config"])
    task = study.make_task(config)
    assert task.data.tolist() == read_training(task.graph, TRAIN).tolist()
    assert task.split.test_pairs.tolist() == [[0, 4], [1, 4]]
    key = config.key
    assert key == place.name
    paths.write_text("0 3 0 1 3\n")
    assert config.key != key


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-pairs", TEST], "test_pairs"),
        (["--paths", TRAIN, "--train-fraction", "0.5"], "train_fraction"),
        (["--paths", TRAIN + "x"], "a file that can be read"),
        (["--paths", TRAIN], "nodes of er:"),
    ],
)
def test_bad_paths_are_refused_in_one_line(options, message, capsys):
    graph = "er:n=2,p=1,acyclic,seed=0"
    assert main(["train", "sft", "--graph", graph, *options]) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
