"""Metrics that look into a model: logits along paths, what explains them, attention."""

import itertools

import numpy as np
import pytest
import torch
from conftest import random_models

from planlib import metrics
from planlib.graph import InputError, PlanningGraph, erdos_renyi
from planlib.models import TabularModel, Transformer, TransformerConfig
from planlib.rollout import sample

GRAPH = erdos_renyi(8, 0.5, acyclic=True, seed=1)


def table():
    model = TabularModel(8)
    with torch.no_grad():
        model.f.copy_(
            torch.randn(8, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        )
    return model


def written(model):
    return sample(
        model, GRAPH.reachable_pairs(), torch.Generator().manual_seed(1), samples=5, max_length=16
    )


def test_path_logits_are_the_rows_of_a_table():
    model = table()
    targets, nodes, logits = metrics.path_logits(model, written(model))
    assert (targets != nodes).all() and len(targets) > 100
    assert logits == pytest.approx(model.f.detach().numpy()[targets, nodes])


def test_a_table_is_explained_by_target_and_current_alone():
    model = table()
    targets, nodes, logits = metrics.path_logits(model, written(model))
    pair = targets * 8 + nodes
    assert metrics.explained_by(pair, logits) == pytest.approx(1)
    shifted = logits + np.random.default_rng(0).standard_normal(len(logits))[:, None]
    assert metrics.explained_by(pair, shifted) == pytest.approx(
        1
    )  # constants of a row do not count
    assert metrics.explained_by(nodes, logits) < 0.9
    assert metrics.explained_by(np.zeros(len(nodes), dtype=int), logits) == pytest.approx(0)


def test_averaging_a_table_gives_it_back_and_a_transformer_something_else():
    model = table()
    again = metrics.averaged_table(model, *metrics.path_logits(model, written(model)))
    off = ~np.eye(8, dtype=bool)
    assert again.f.detach().numpy()[off] == pytest.approx(model.f.detach().numpy()[off])
    other = next(m for m in random_models(8) if isinstance(m, Transformer))
    targets, nodes, logits = metrics.path_logits(other, written(other))
    assert metrics.explained_by(targets * 8 + nodes, logits) < 0.999
    f = metrics.averaged_table(other, targets, nodes, logits).f.detach().numpy()
    here = (targets == targets[0]) & (nodes == nodes[0])
    assert f[targets[0], nodes[0]] == pytest.approx(logits[here].mean(0))


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_is_what_the_block_mixes_with(heads):
    size = TransformerConfig(n=8, layers=2, heads=heads, width=16, max_length=16)
    model = Transformer(size, torch.Generator().manual_seed(0)).double()
    tokens = torch.randint(8, (3, 7), generator=torch.Generator().manual_seed(2))
    layers = metrics.attention(model, tokens)
    assert len(layers) == 2 and layers[0].shape == (3, heads, 7, 7)
    for weights in layers:
        assert torch.allclose(weights.sum(-1), torch.ones(()).double())
        assert (weights.triu(1) == 0).all()
    block = model.blocks[0]
    x = model.token(tokens) + model.position.weight[:7]
    q, k, v = block.project(x)
    future = torch.full((7, 7), -torch.inf, dtype=torch.float64).triu(1)
    parts = v.unflatten(-1, (heads, -1)).transpose(1, 2)
    mixed = (layers[0] @ parts).transpose(1, 2).flatten(2)
    assert torch.allclose(mixed, block.attend(q, k, v, future))


def test_equal_scores_stand_or_fall_together():
    adjacency = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    level = np.where(np.eye(3, dtype=bool), np.nan, 1.0)
    found = metrics.best_threshold(level, adjacency)  # all six are read, two are edges
    assert found == {"precision": 2 / 6, "recall": 1.0, "threshold": 1.0}
    assert metrics.edge_ranks(level, adjacency).tolist() == [1, 1]
    assert metrics.non_edges_above(level, adjacency).tolist() == [0, 0]
    level[0, 2], level[1, 0] = 2.0, 0.0
    assert metrics.edge_ranks(level, adjacency).tolist() == [2, 1]
    assert metrics.non_edges_above(level, adjacency).tolist() == [1, 0]
    with pytest.raises(InputError, match="at least one edge"):
        metrics.best_threshold(level, np.zeros((3, 3), dtype=bool))
    level[0, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        metrics.best_threshold(level, adjacency)


@pytest.mark.parametrize("edges", [2, 40, 60])
def test_a_right_policy_measures_one_on_a_chain(edges):
    chain = PlanningGraph(np.eye(edges + 1, k=1))
    model = TabularModel(edges + 1)
    with torch.no_grad():
        model.f.copy_(torch.as_tensor(np.where(chain.adjacency, 1e3, 0.0)).expand_as(model.f))
    at = (chain, [(0, edges)], torch.Generator())
    assert metrics.accuracy(model, *at) == 1
    assert metrics.distinct_paths(model, *at, samples=3).tolist() == [1]
    with pytest.raises(InputError, match="positions"):  # too short a model says so
        metrics.accuracy(Transformer(TransformerConfig(edges + 1, width=4, max_length=4)), *at)
    with pytest.raises(InputError, match="nodes"):
        metrics.accuracy(TabularModel(edges + 2), *at)


@pytest.mark.parametrize("correct", [0, 1, 3, 6])
@pytest.mark.parametrize("k", [1, 2, 6])
def test_pass_at_k_is_the_mean_over_all_choices_of_k_samples(correct, k):
    samples = [1] * correct + [0] * (6 - correct)
    expected = np.mean([max(some) for some in itertools.combinations(samples, k)])
    assert metrics.pass_at(k, [correct], 6) == pytest.approx(expected, abs=1e-12)
    for bad in (0, 7):
        with pytest.raises(InputError, match="k"):
            metrics.pass_at(bad, [correct], 6)


def test_divergence_from_the_base_by_hand():
    model, base = TabularModel(3), TabularModel(3)
    with torch.no_grad():
        model.f[2, 0] = torch.log(torch.tensor([0.5, 0.25, 0.25]))
        base.f[2, 0] = torch.log(torch.tensor([0.2, 0.4, 0.4]))
    by_hand = 0.5 * np.log(0.5 / 0.2) + 0.5 * np.log(0.25 / 0.4)
    found = metrics.divergence_from_base(model, base, [2, 1], [0, 0])
    assert found == pytest.approx([by_hand, 0.0], abs=1e-7)
    colder = metrics.divergence_from_base(model, base, [2], [0], temperature=0.5)
    p = np.array([4, 1, 1]) / 6
    assert colder == pytest.approx([(p * np.log(p / [0.2, 0.4, 0.4])).sum()], abs=1e-7)


def test_rows_all_alike_explain_nothing():
    with pytest.raises(InputError, match="differ"):
        metrics.explained_by(np.array([0, 1]), np.ones((2, 3)))
    with pytest.raises(InputError, match="temperature"):
        metrics.row_entropy(TabularModel(3), [2], [0], temperature=0.0)
