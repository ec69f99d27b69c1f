import copy
import time

import networkx as nx
import numpy as np
import pytest
from conftest import random_adjacency
from hypothesis import given
from hypothesis import strategies as st

from planlib.graph import GraphError, PlanningGraph, blocksworld, erdos_renyi, parse_graph


@given(st.integers(2, 12), st.floats(0, 0.6), st.integers(0, 10**6))
def test_reachability_is_networkx_transitive_closure(n, p, seed):
    graph = PlanningGraph(random_adjacency(n, p, seed))
    closure = nx.to_numpy_array(nx.transitive_closure(graph.to_networkx(), reflexive=True)) > 0
    assert np.array_equal(graph.reachability, closure.T)
    assert graph.is_acyclic == nx.is_directed_acyclic_graph(graph.to_networkx())


@given(st.integers(2, 7), st.integers(0, 10**6))
def test_path_counts_agree_with_enumeration(n, seed):
    graph = PlanningGraph(random_adjacency(n, 0.4, seed))
    for target in range(n):
        counts = graph.path_counts(target, horizon=4)
        for source in range(n):
            paths = list(graph.correct_paths(source, target, horizon=4))
            assert len(set(paths)) == len(paths)
            assert all(p[0] == source and p[-1] == target and p.count(target) == 1 for p in paths)
            if source != target:
                assert counts[source] == len(paths)


def test_correct_next_by_hand(triangle):
    assert triangle.correct_next(2, 0).tolist() == [False, True, True]
    assert triangle.correct_next(1, 0).tolist() == [False, True, False]
    assert triangle.correct_next([2, 1], [1, 1]).tolist() == [[False, False, True], [False] * 3]
    assert triangle.path_counts(2) == [2, 1, 1]
    assert list(triangle.correct_paths(0, 2)) == [(0, 1, 2), (0, 2)]
    assert triangle.reachable_pairs().tolist() == [[0, 1], [0, 2], [1, 2]]


def test_reachability_of_2000_nodes_in_seconds():
    graph = erdos_renyi(2000, 0.002, acyclic=False, seed=0)
    began = time.perf_counter()
    assert graph.reachability.shape == (2000, 2000)
    assert time.perf_counter() - began < 30  # about 1 s; a cubic loop would take hours


@pytest.mark.parametrize(("blocks", "states"), [(2, 3), (3, 13), (4, 73), (5, 501)])
def test_blocksworld_state_counts(blocks, states):
    graph = blocksworld(blocks)
    assert graph.n == states
    assert graph.reachability.all()  # every state can be reached
    assert np.array_equal(graph.adjacency, graph.adjacency.T)  # every move can be undone
    assert len(set(graph.labels)) == states


def test_blocksworld_moves_by_hand():
    graph = blocksworld(3)
    on_table = graph.labels.index(("A", "B", "C"))
    tower = graph.labels.index(("ABC",))
    assert graph.adjacency[on_table].sum() == 6  # any of three onto any of the other two
    after = {graph.labels[k] for k in np.flatnonzero(graph.adjacency[tower])}
    assert after == {("AB", "C")}


def test_erdos_renyi_is_seeded_and_has_the_density():
    a, b, c = (erdos_renyi(100, 0.15, True, seed) for seed in (0, 0, 1))
    assert np.array_equal(a.adjacency, b.adjacency)
    assert not np.array_equal(a.adjacency, c.adjacency)
    assert a.is_acyclic
    assert abs(a.adjacency.sum() / 4950 - 0.15) < 0.02
    assert not erdos_renyi(100, 0.15, False, 0).is_acyclic


def test_stages_have_edges_to_the_next_and_inside_and_no_others():
    graph = parse_graph("stages:n=90,stages=3,p=0.3,inside=0.12,seed=0")
    ahead = graph.stages[None] - graph.stages[:, None]  # (from, to)
    assert np.bincount(graph.stages).tolist() == [30, 30, 30]
    assert graph.is_acyclic and not graph.adjacency[(ahead < 0) | (ahead > 1)].any()
    assert abs(graph.adjacency[ahead == 1].mean() - 0.3) < 0.03
    inside = graph.adjacency & (ahead == 0)
    assert abs(inside.sum() / (3 * 30 * 29 / 2) - 0.12) < 0.03
    apart = parse_graph("stages:n=90,stages=3,p=0.3,inside=0,seed=0")
    assert not apart.adjacency[ahead == 0].any() and apart.longest_path == 2
    assert not np.array_equal(
        apart.adjacency, parse_graph("stages:n=90,stages=3,p=0.3,inside=0,seed=1").adjacency
    )
    assert erdos_renyi(5, 0.5, True, 0).stages is None


def test_names_round_trip(tmp_path, triangle):
    for name in (
        "er:n=20,p=0.15,acyclic,seed=3",
        "er:n=20,p=0.5,cyclic,seed=0",
        "stages:n=12,stages=3,p=0.5,inside=0.25,seed=1",
        "blocksworld:3",
    ):
        assert parse_graph(name).name == name
    nx.write_graphml(triangle.to_networkx(), tmp_path / "g.graphml")
    nx.write_edgelist(triangle.to_networkx(), tmp_path / "g.edgelist", data=False)
    for file in ("g.graphml", "g.edgelist"):
        assert np.array_equal(parse_graph(str(tmp_path / file)).adjacency, triangle.adjacency)


def test_networkx_round_trip(ten):
    back = PlanningGraph.from_networkx(ten.to_networkx())
    assert np.array_equal(back.adjacency, ten.adjacency)
    named = PlanningGraph.from_networkx(nx.DiGraph([("a", "b"), ("b", "c")]))
    assert named.labels == ("a", "b", "c")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1, 0], [0, 0, 1]], "square"),
        ([0, 1], "square"),
        ([[0, 2], [0, 0]], "0 and 1"),
        ([[0, 0.5], [0, 0]], "0 and 1"),
        ([[0, float("nan")], [0, 0]], "0 and 1"),
        ([["0", "1"], ["0", "0"]], "0 and 1"),
        (np.zeros((0, 0)), "at least 2 nodes"),
        ([[0]], "at least 2 nodes"),
        ([[0, 1], [0, 1]], "self-loops"),
    ],
)
def test_bad_adjacency(matrix, message):
    with pytest.raises(GraphError, match=message) as caught:
        PlanningGraph(matrix)
    assert caught.value.argument == "adjacency"


@pytest.mark.parametrize(
    "spec",
    [
        "unknown",
        "er:n=10",
        "er:n=10,p=0.1,acyclic",
        "er:n=ten,p=0.1,acyclic,seed=0",
        "er:n=10,p=0.1,acyclic,cyclic,seed=0",
        "er:n=10,p=0.1,round,seed=0",
        "er:n=10,p=0.5,acyclic=False,seed=0",  # neither a word that is read as true
        "er:n=10,p=0.5,acyclic=no,seed=0",
        "er:n=10,n=20,p=0.5,acyclic,seed=0",  # nor the last of two
        "stages:n=10,stages=3,p=0.3,inside=0,seed=0",  # no multiple
        "stages:n=9,stages=1,p=0.3,inside=0,seed=0",
        "stages:n=9,stages=3,p=1.5,inside=0,seed=0",
        "stages:n=9,stages=3,p=0.3,seed=0",
        "blocksworld:many",
        "blocksworld:1",
        "blocksworld:9",
        "no/such/file.graphml",
        "no/such/file.edgelist",
    ],
)
def test_bad_names(spec):
    with pytest.raises(GraphError):
        parse_graph(spec)


@pytest.mark.parametrize(
    ("n", "p"), [(1, 0.5), (0, 0.5), (10, -0.1), (10, 1.1), (10, float("nan"))]
)
def test_bad_random_graphs(n, p):
    with pytest.raises(GraphError):
        erdos_renyi(n, p, True, 0)


def test_damaged_graph_file(tmp_path):
    (tmp_path / "g.graphml").write_text("<graphml><graph>")
    with pytest.raises(GraphError, match="graph"):
        parse_graph(str(tmp_path / "g.graphml"))


def test_counting_on_a_cycle_needs_a_horizon():
    cycle = PlanningGraph([[0, 1], [1, 0]])
    with pytest.raises(GraphError, match="horizon"):
        cycle.path_counts(0)
    with pytest.raises(GraphError, match="horizon"):
        cycle.path_counts(0, horizon=0)


def test_errors_of_bad_input_cross_processes():
    """A worker that refuses its input must not break the pool: the error is copied as pickle does."""
    error = GraphError("adjacency", "a square matrix", "shape (2, 3)")
    again = copy.copy(error)
    assert type(again) is GraphError and str(again) == str(error) and again.argument == "adjacency"


def test_paths_may_be_longer_than_python_recurses():
    chain = PlanningGraph(np.eye(1500, k=1, dtype=bool))
    assert list(chain.correct_paths(0, 1499)) == [tuple(range(1500))]
    paths = list(PlanningGraph([[0, 1, 1], [0, 0, 1], [0, 0, 0]]).correct_paths(0, 2))
    assert paths == [(0, 1, 2), (0, 2)]  # depth first, in the order of the nodes
