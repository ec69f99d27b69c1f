import numpy as np
import pytest
import torch

from planlib.graph import PlanningGraph, erdos_renyi
from planlib.models import (
    LinearTransformer,
    Recurrent,
    RecurrentConfig,
    TabularModel,
    Transformer,
    TransformerConfig,
)

# One thread a worker, however pytest was called: see the Makefile.
torch.set_num_threads(1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def triangle():
    """0 -> 1 -> 2 and 0 -> 2: every value in the tests on it is worked out by hand."""
    return PlanningGraph([[0, 1, 1], [0, 0, 1], [0, 0, 0]])


@pytest.fixture
def ten():
    return erdos_renyi(10, 0.4, acyclic=True, seed=0)


# Files whose tests take long: they begin first, so that two workers end together.
LONG = ("test_study_engine", "test_study", "test_train", "test_five", "test_theorems")


def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.stem
        return LONG.index(name) if name in LONG else len(LONG)

    items.sort(key=place)


def random_models(n, seed=0):
    """One model of each kind with parameters that are not all alike."""
    generator = torch.Generator().manual_seed(seed)
    models = [
        TabularModel(n),
        LinearTransformer(n),
        Transformer(TransformerConfig(n, width=16, max_length=16), generator),
        Transformer(TransformerConfig(n, layers=2, heads=4, width=16, max_length=16), generator),
        Transformer(TransformerConfig(n, width=16, max_length=16, positions="none"), generator),
        Transformer(TransformerConfig(n, 2, 4, 16, 16, attention="linear"), generator),
        Recurrent(RecurrentConfig(n, layers=2, width=16), generator),
    ]
    for model in models:
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.add_(0.3 * noise)
    return models


def random_adjacency(n, p, seed):
    adjacency = np.random.default_rng(seed).random((n, n)) < p
    np.fill_diagonal(adjacency, False)
    return adjacency
