"""A graph too large for matrices does what a small one does: every question is asked of both."""

from dataclasses import replace

import numpy as np
import pytest

from planlib import graph as graphs
from planlib import study
from planlib.curves import make_task
from planlib.graph import GraphError, InputError, PlanningGraph, erdos_renyi, parse_graph
from planlib.sparse import Edges
from planlib.studies import GRPO, RunConfig
from planlib.task import (
    SplitError,
    _distances,
    check_sequences,
    needed_length,
    process_reward,
    sft_dataset,
    split_by_hidden_edges,
    split_pairs,
)
from planlib.train import _shuffled
from theorems.predict import predict


@pytest.fixture
def no_matrices(monkeypatch):
    """Take every graph that is given by its edges for a large one."""
    monkeypatch.setattr(graphs, "DENSE", 1)


def both(n, p, acyclic, seed):
    """One graph as matrices and by its edges."""
    dense = erdos_renyi(n, p, acyclic, seed)
    pairs = np.argwhere(dense.adjacency)
    return dense, PlanningGraph(Edges(n, np.concatenate([pairs, pairs[:2]])), name=dense.name)


@pytest.mark.parametrize("acyclic", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_matrices_and_edges_answer_alike(no_matrices, acyclic, seed):
    dense, sparse = both(12, 0.25, acyclic, seed)
    assert dense.is_dense and not sparse.is_dense
    assert sparse.adjacency.sum() == dense.adjacency.sum()
    targets, nodes = np.indices((12, 12))
    assert (sparse.adjacency[targets, nodes] == dense.adjacency).all()
    assert (sparse.adjacency[np.arange(12)] == dense.adjacency).all()
    assert (sparse.reachability[targets, nodes] == dense.reachability).all()
    assert (sparse.reachability[np.arange(12)] == dense.reachability).all()
    assert sparse.is_acyclic == dense.is_acyclic
    assert (sparse.correct_next(targets, nodes) == dense.correct_next(targets, nodes)).all()
    pairs = dense.reachable_pairs()
    assert (sparse.reachable_pairs() == pairs).all()
    assert (_distances(sparse, pairs) == _distances(dense, pairs)).all()
    assert all(
        (sparse.correct_nodes(t, s) == dense.correct_nodes(t, s)).all() for s, t in pairs.tolist()
    )
    assert needed_length(sparse, pairs) == needed_length(dense, pairs)
    assert sparse.longest_path == dense.longest_path
    if dense.is_acyclic:
        assert (sparse.longest_paths[targets, nodes] == dense.longest_paths).all()
    else:
        with pytest.raises(GraphError, match="without cycles"):
            _ = sparse.longest_paths
    assert (_shuffled(sparse).adjacency[targets, nodes] == _shuffled(dense).adjacency).all()
    nothing = np.empty(0, dtype=int)
    assert (
        sparse.reachability[nothing, nothing].shape
        == sparse.adjacency[nothing, nothing].shape
        == (0,)
    )
    assert set(sparse.to_networkx().edges()) == set(dense.to_networkx().edges())


def test_rewards_paths_and_splits_are_the_same(no_matrices):
    dense, sparse = both(14, 0.3, True, 0)
    split = split_pairs(dense, 0.3, seed=0)
    tokens = sft_dataset(dense, split, 3, seed=0)
    assert (sft_dataset(sparse, split_pairs(sparse, 0.3, seed=0), 3, seed=0) == tokens).all()
    rng = np.random.default_rng(0)
    written = np.concatenate([tokens[:, :3], rng.integers(0, 16, (len(tokens), 6))], axis=1)
    assert (check_sequences(sparse, written) == check_sequences(dense, written)).all()
    assert (process_reward(sparse, written) == process_reward(dense, written)).all()
    hidden = [split_by_hidden_edges(g, 0.2, 0.5, 0.0, seed=1) for g in (dense, sparse)]
    for name in ("hidden_edges", "edge_pairs", "path_pairs", "test_pairs"):
        assert (getattr(hidden[0], name) == getattr(hidden[1], name)).all()


def test_one_edge_more_is_another_graph(no_matrices):
    _, sparse = both(12, 0.25, True, 0)
    more = PlanningGraph(Edges(12, [*zip(*sparse.adjacency.nonzero(), strict=True), (11, 0)]))
    assert more.digest != sparse.digest and not more.is_acyclic
    with pytest.raises(GraphError, match="no self-loops, got one at node 3"):
        PlanningGraph(Edges(12, [(0, 1), (3, 3)]))


SMALL = RunConfig(
    graph="countdown:numbers=3,most=4,whole",
    layers=1,
    width=16,
    sft=replace(RunConfig().sft, steps=30),
)


def test_a_run_without_matrices_learns_the_same_and_leaves_out_what_needs_them(
    monkeypatch, tmp_path
):
    config = replace(SMALL, grpo=replace(GRPO, steps=4, batch_size=32, evaluate_every=2))
    with_matrices = study.store_run(config, tmp_path / "matrices", progress=False)
    monkeypatch.setattr(graphs, "DENSE", 1)
    without = study.store_run(config, tmp_path / "edges", progress=False)
    assert not without.task.graph.is_dense and without.task.graph.longest_path == 2
    for one, other in zip(
        with_matrices.model.parameters(), without.model.parameters(), strict=True
    ):
        assert (one == other).all()
    left_out = set(with_matrices.history) - set(without.history)
    assert left_out == {
        "edge_precision", "edge_recall", "non_edges_above", "non_edges_above_rare", "rare_hidden",
    }  # fmt: skip
    made = make_task(config)
    assert (made.on_the_way.sum(), len(made.on_the_way)) == (
        with_matrices.task.on_the_way.sum(),
        len(with_matrices.task.on_the_way),
    )


def test_what_cannot_be_split_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SplitError, match="some test pair left over"):
        study.store_run(replace(SMALL, train_fraction=1.0), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_hundred_thousand_nodes_are_a_graph_and_no_prediction():
    n = 100_000
    steps = np.arange(n - 1)
    sparse = PlanningGraph(
        Edges(n, np.stack([steps, steps + 1], axis=1)[steps % 10 < 9]), targets=[9, n - 1]
    )
    assert not sparse.is_dense and sparse.is_acyclic and sparse.longest_path == 9
    assert sparse.reachable_pairs().tolist() == [
        *([s, 9] for s in range(9)),
        *([s, n - 1] for s in range(n - 10, n - 1)),
    ]
    assert sparse.correct_next([9, n - 1], [3, 3]).sum(1).tolist() == [1, 0]
    with pytest.raises(InputError, match="at most 10,000 nodes, got 100,000"):
        predict(sparse)


def test_countdown_is_large_without_being_refused():
    made = parse_graph("countdown:numbers=3,most=30,whole")
    assert made.n > 10_000 and not made.is_dense and made.longest_path == 2
    assert made.reachability.shape == (made.n, made.n)
