import sys
import warnings
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from planlib.__main__ import main
from planlib.files import FileNotice, read_graph
from planlib.graph import GraphError, blocksworld, parse_graph
from planlib.studies import RunConfig

FILES = Path(__file__).parent / "files"
BLOCKS = f"pddl:{FILES / 'blocks.pddl'},{FILES / 'four_blocks.pddl'}"


def read(name):
    """The graph's labels, its steps by label, and what was said of the file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph = parse_graph(str(FILES / name))
    said = [str(w.message).partition(": ")[2] for w in caught if w.category is FileNotice]
    steps = {
        f"{graph.labels[j]} {graph.labels[k]}"
        for j, k in zip(*np.nonzero(graph.adjacency), strict=True)
    }
    return graph.labels, steps, said


@pytest.mark.parametrize(
    ("name", "labels", "steps", "said"),
    [
        (
            "steps.edgelist",
            (0, 1, 2, 3, 4),
            {"0 1", "0 2", "1 2", "1 3", "2 3", "3 4"},
            [],
        ),
        ("windows.edgelist", (0, 1, 2), {"0 1", "1 2", "2 0"}, []),
        (
            "streets.csv",
            ("Aix", "Bern", "Cham"),
            {"Aix Bern", "Bern Cham", "Aix Cham"},
            [
                "header row 'source target weight name' read as one",
                "column(s) weight, name dropped",
                "1 parallel edge(s) counted once",
                "1 self-loop(s) dropped",
            ],
        ),
        (
            "rooms.graphml",
            ("hall", "attic", "cellar", "shed"),
            {"hall attic", "hall cellar", "cellar hall", "attic cellar"},
            [
                "1 undirected edge(s) read both ways",
                "attribute(s) locked dropped",
                "1 isolated node(s) kept, in no problem",
            ],
        ),
        (
            "ring.mtx",
            (1, 2, 3, 4),
            {"1 2", "2 1", "2 3", "3 2", "3 4", "4 3", "4 1", "1 4"},
            ["symmetric: each entry read both ways"],
        ),
        (
            "questions.json#0",
            ("Tom", "a", "b", "c", "d", "e"),
            {"Tom a", "a b", "a c", "b d", "c e"},
            ["field(s) question dropped"],
        ),
        ("questions.json#1", ("x", "y", "z"), {"x y", "y z"}, []),
    ],
)
def test_each_kind_of_file(name, labels, steps, said):
    assert read(name) == (labels, steps, said)


def test_a_question_is_a_problem():
    listing = read_graph(str(FILES / "questions.json#0"))
    assert [tuple(listing.nodes[k] for k in pair) for pair in listing.problems] == [("Tom", "d")]


def test_pddl_is_blocksworld():
    """The states of the parser's Blocksworld are those of ours, and so is each move."""
    theirs, ours = parse_graph(BLOCKS), blocksworld(4)
    assert (theirs.n, int(theirs.adjacency.sum())) == (73, 240)

    def stacks(label):
        on = dict(f[3:-1].split(",")[::-1] for f in label.split("+") if f.startswith("on("))
        found = []
        for bottom in sorted(f[9:-1] for f in label.split("+") if f.startswith("on-table(")):
            stack = bottom
            while stack[-1] in on:
                stack += on[stack[-1]]
            found.append(stack.upper())
        return tuple(sorted(found))

    place = [ours.labels.index(stacks(label)) for label in theirs.labels]
    assert sorted(place) == list(range(73))
    assert np.array_equal(theirs.adjacency, ours.adjacency[np.ix_(place, place)])


def test_pddl_states_are_bounded(capsys):
    assert main(["train", "sft", "--graph", f"{BLOCKS},states=72"]) == 64
    assert "at most 72 reachable states" in one_line(capsys)
    assert parse_graph(f"{BLOCKS},states=73").n == 73


def test_pddl_without_its_library(monkeypatch):
    from planlib import files

    files._states.cache_clear()
    monkeypatch.setitem(sys.modules, "unified_planning.shortcuts", None)
    with pytest.raises(GraphError, match=r"pip install -e '\.\[pddl\]'"):
        parse_graph(BLOCKS)


def stages_of(tmp_path, stages, edges=((0, 1), (1, 2))):
    graph = nx.DiGraph(list(edges))
    nx.set_node_attributes(graph, stages, "stage")
    nx.write_graphml(graph, tmp_path / "stages.graphml")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        read = parse_graph(str(tmp_path / "stages.graphml"))
    return None if read.stages is None else read.stages.tolist(), " ".join(
        map(str, (w.message for w in said))
    )


def test_the_attribute_stage_of_graphml_is_read(tmp_path):
    assert stages_of(tmp_path, {0: 4, 1: 4, 2: 7}) == ([4, 4, 7], "")
    plain, other = (RunConfig(graph=str(tmp_path / "stages.graphml")).key for _ in range(2))
    assert plain == other
    stages_of(tmp_path, {0: 4, 1: 5, 2: 7})
    assert RunConfig(graph=str(tmp_path / "stages.graphml")).key != plain  # other problems


@pytest.mark.parametrize(
    ("stages", "word"),
    [
        ({0: 0, 1: 1}, "stage dropped"),  # one has none
        ({0: 0.5, 1: 1.0, 2: 2.0}, "stage dropped"),
        ({0: 0, 1: 2, 2: 1}, "back to an earlier one"),
    ],
)
def test_stages_that_are_none_are_dropped_and_said(tmp_path, stages, word):
    found, said = stages_of(tmp_path, stages)
    assert found is None and word in said


def test_the_graph_of_three_stages_is_as_its_source_says():
    """Pairs between stages by kind, as the repository's summary of its data lists them."""
    graph = parse_graph("book:three_stages.graphml")
    assert (graph.n, graph.is_acyclic) == (90, True)
    assert graph.stages.tolist() == np.repeat([0, 1, 2], 30).tolist()
    stage = graph.stages[graph.reachable_pairs()]  # (pairs, 2)
    counts = {(a, b): int(((stage == (a, b)).all(1)).sum()) for a, b in ((0, 1), (0, 2), (1, 2))}
    assert counts == {(0, 1): 842, (0, 2): 900, (1, 2): 882}
    ends = graph.stages[np.argwhere(graph.adjacency)]
    assert [int((ends == pair).all(1).sum()) for pair in ((0, 1), (0, 2), (1, 2))] == [251, 0, 281]


def test_files_of_networkx_are_read_back(tmp_path):
    """What networkx writes of a graph is that graph here, whatever the format."""
    graph = nx.gnp_random_graph(12, 0.3, seed=4, directed=True)
    for k, (_, _, data) in enumerate(graph.edges(data=True)):
        data["weight"] = 1.5 + k
    nx.write_graphml(graph, tmp_path / "a.graphml")
    nx.write_edgelist(graph, tmp_path / "b.edgelist")
    nx.write_edgelist(graph, tmp_path / "c.edgelist", data=False)
    nx.write_edgelist(graph, tmp_path / "d.csv", data=False, delimiter=",")
    from scipy import io

    io.mmwrite(tmp_path / "e.mtx", nx.to_scipy_sparse_array(graph))
    io.mmwrite(tmp_path / "f.mtx", nx.to_numpy_array(graph))
    for file in sorted(tmp_path.iterdir()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FileNotice)
            assert np.array_equal(parse_graph(str(file)).adjacency, nx.to_numpy_array(graph) > 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_line_ends_change_nothing(tmp_path, mark, end):
    for name in ("steps.edgelist", "streets.csv", "rooms.graphml", "ring.mtx"):
        text = (FILES / name).read_text()
        (tmp_path / name).write_bytes((mark + text.replace("\n", end)).encode())
        assert read(tmp_path / name)[:2] == read(name)[:2]


def test_commas_and_spaces_separate_alike(tmp_path):
    (tmp_path / "g.edgelist").write_text("0, 1\n1, 2\n")
    assert read(tmp_path / "g.edgelist")[:2] == ((0, 1, 2), {"0 1", "1 2"})


GRAPHML = "<graphml><graph edgedefault='directed'>{}</graph></graphml>"
NODES = "<node id='a'/><node id='b'/>"
MATRIX = "%%MatrixMarket matrix coordinate "
BAD = {
    "train.txt": ("0 1 0 1\n0 2 0 1 2\n", "--paths"),
    "empty.edgelist": ("\n", "an empty file"),
    "comments.edgelist": ("# nothing\n", "comments only"),
    "latin.edgelist": (b"\xe9a b\n", "UTF-8 text, got byte 0xe9"),
    "wide.edgelist": ("0 1\n".encode("utf-16"), "UTF-16"),
    "binary.edgelist": (b"0 1\0\n", "a binary file"),
    "three.edgelist": ("0 1 2\n1 2 0\n", "two nodes a line"),
    "ragged.edgelist": ("0 1\n1 2 3\n", "line 2"),
    "one.edgelist": ("0\n1\n", "two nodes a line"),
    "mixed.edgelist": ("0 1\n1, 2\n", "one separator"),
    "trailing.csv": ("0,1,\n", "no empty field"),
    "quote.csv": ('0,"1\n', "comma-separated"),
    "semicolon.csv": ("0;1\n1;2\n", "two nodes a line"),
    "arrow.edgelist": ("a -> b\n", "two nodes a line"),
    "slashes.edgelist": ("0 1\n// more\n", "names of nodes"),
    "pajek.edgelist": ("*Vertices 3\n1 2\n", "*Vertices"),
    "dot.edgelist": ("digraph g\n{ }\n", "got"),
    "header.csv": ("alpha,beta\n0,1\n1,2\n", "header row"),
    "unlike.csv": ("head,tail\na,b\nb,c\n", "header row"),
    "both.csv": ("from,to\nto,from\n", "may be both"),
    "twice.csv": ("from,to,to\na,b,c\n", "a name for each column"),
    "narrow.csv": ("source,target,weight\na,b\n", "columns"),
    "counts.edgelist": ("3 2\n0 1\n1 2\n", "that counts them"),
    "zero.csv": ("source,target,weight\na,b,0\n", "weight of 0"),
    "nan.csv": ("source,target,weight\na,b,nan\n", "NaN"),
    "heavy.csv": ("source,target,weight\na,b,much\n", "a number as weight"),
    "dict.edgelist": ("0 1 {'weight': 0}\n", "weight of 0"),
    "code.edgelist": ("0 1 {print()}\n", "attributes as a dictionary"),
    "gephi.csv": ("Source,Target,Type\na,b,Undirected\n", "write both directions"),
    "spelling.edgelist": ("1 2\n1.0 3\n", "one spelling"),
    "hidden.edgelist": ("a b\na\u200b c\n", "printable"),
    "loops.edgelist": ("0 0\n1 1\n", "at least one edge"),
    "cut.graphml": ("<graphml><graph>", "well-formed"),
    "other.graphml": ("<gexf/>", "<gexf>"),
    "none.graphml": ("<graphml/>", "without one"),
    "default.graphml": (f"<graphml><graph>{NODES}</graph></graphml>", "edgedefault"),
    "node.graphml": (GRAPHML.format(NODES + "<edge source='a' target='c'/>"), "declared nodes"),
    "again.graphml": (GRAPHML.format(NODES + NODES), "one id for each node"),
    "way.graphml": (
        GRAPHML.format(NODES + "<edge source='a' target='b' directed='yes'/>"),
        "directed 'true' or 'false'",
    ),
    "hyper.graphml": (GRAPHML.format(NODES + "<hyperedge/>"), "hyperedge"),
    "nested.graphml": (
        GRAPHML.format("<node id='a'><graph edgedefault='directed'/></node>"),
        "one <graph>",
    ),
    "words.graphml": ("0 1\n1 2\n", "GraphML, as the ending says"),
    "words.mtx": ("0 1\n1 2\n", "MatrixMarket, as the ending says"),
    "matrix.edgelist": (MATRIX + "pattern general\n2 2 1\n1 2\n", "as the ending says"),
    "oblong.mtx": (MATRIX + "pattern general\n2 3 1\n1 2\n", "a square matrix"),
    "skew.mtx": (MATRIX + "real skew-symmetric\n2 2 1\n2 1 3\n", "general or symmetric"),
    "complex.mtx": (MATRIX + "complex general\n2 2 1\n1 2 1 1\n", "general or symmetric"),
    "zero.mtx": (MATRIX + "real general\n2 2 1\n1 2 0\n", "weight of 0"),
    "outside.mtx": (MATRIX + "pattern general\n2 2 1\n1 3\n", "a MatrixMarket file"),
    "large.mtx": (MATRIX + "pattern general\n300000 300000 1\n1 3\n", "at most 200000 nodes"),
    "list.json": ("[1, 2]", "which graph of the list"),
    "number.json": ("[1]", "an object with 'edges'"),
    "broken.json": ('{"edges": [', "one JSON value"),
    "triples.json": ('{"edges": [[0, 1, 2]]}', "edges as pairs"),
    "half.json": ('{"edges": [[0, 1]], "root": 0}', "both root and target"),
    "bool.json": ('{"edges": [[0, true]]}', "edges as pairs"),
    "beyond.json": ('{"edges": [[0, 2]], "idx_to_symbol": ["a", "b"]}', "nodes 0 to 1"),
    "symbols.json": ('{"edges": [[0, 1]], "idx_to_symbol": ["a", "a"]}', "one twice"),
    "half.pddl": ("(define (domain d))", "both files of PDDL"),
}


def one_line(capsys):
    """The one line on standard error, notices aside."""
    lines = [x for x in capsys.readouterr().err.splitlines() if not x.startswith("notice:")]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(name, tmp_path, capsys):
    text, message = BAD[name]
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["train", "sft", "--graph", str(tmp_path / name)]) == 64
    line = one_line(capsys)
    assert line.startswith("planlib: graph: expected") and message in line and name in line


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("questions.json", "FILE#0"),
        ("questions.json#2", "an entry 0 to 1"),
        ("ring.mtx#0", "a JSON list"),
        ("nothing.csv", "a file that can be read"),
        (".", "a file that can be read"),
    ],
)
def test_names_of_files_that_do_not_do(spec, message):
    with pytest.raises(GraphError, match=message):
        parse_graph(str(FILES / spec))


@pytest.mark.parametrize(
    ("domain", "problem", "message"),
    [
        ("(define (domain d)", "(define (problem p) (:domain d))", "a PDDL domain and a problem"),
        (
            "(define (domain d) (:predicates (at)) (:functions (fuel))"
            " (:action go :parameters () :precondition () :effect (and (at) (increase (fuel) 1))))",
            "(define (problem p) (:domain d) (:init (= (fuel) 0)) (:goal (at)))",
            "facts that hold or not",
        ),
        (
            "(define (domain d) (:requirements :durative-actions) (:predicates (at))"
            " (:durative-action go :parameters () :duration (= ?duration 2)"
            " :condition (and) :effect (at end (at))))",
            "(define (problem p) (:domain d) (:init) (:goal (at)))",
            "without duration",
        ),
        (
            "(define (domain d) (:predicates (at))"
            " (:action stay :parameters () :precondition () :effect (at)))",
            "(define (problem p) (:domain d) (:init (at)) (:goal (at)))",
            "at least one edge",
        ),
    ],
)
def test_bad_pddl(domain, problem, message, tmp_path, capsys):
    (tmp_path / "d.pddl").write_text(domain)
    (tmp_path / "p.pddl").write_text(problem)
    spec = f"pddl:{tmp_path / 'd.pddl'},{tmp_path / 'p.pddl'}"
    assert main(["train", "sft", "--graph", spec]) == 64
    assert message in one_line(capsys)


def test_what_was_dropped_is_said_once(tmp_path, capsys):
    small = ["--width", "16", "--sft.steps", "2", "--sft.batch-size", "8"]
    streets = str(FILES / "ring.mtx")
    assert main(["train", "sft", "--graph", streets, *small, "--out", str(tmp_path)]) == 0
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("notice:")]
    assert lines == [f"notice: {streets}: symmetric: each entry read both ways"]
