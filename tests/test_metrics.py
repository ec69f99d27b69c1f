"""Metrics that look into a model: logits along paths, what explains them, attention."""

import numpy as np
import pytest
import torch
from conftest import random_models

from planlib import metrics
from planlib.graph import erdos_renyi
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
