"""The benchmarks' own training of several models at once does what it is timed for."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from planlib import task
from planlib.graph import InputError, erdos_renyi
from planlib.models import TabularModel, Transformer, TransformerConfig
from planlib.train import SFTConfig, train_sft

PLACE = Path(__file__).resolve().parent.parent / "benchmarks" / "together.py"


@pytest.fixture(scope="module")
def train_sft_together():
    spec = importlib.util.spec_from_file_location("together", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.train_sft_together


def test_models_trained_together_end_as_one_by_one(train_sft_together):
    """A batch of models under ``torch.func`` against the plain loop, in float64."""
    config = SFTConfig(steps=12, batch_size=16, learning_rate=3e-3)
    graph = erdos_renyi(10, 0.4, True, 1)
    datas = [task.sft_dataset(graph, task.split_pairs(graph, 0.3, s), 3, s) for s in range(3)]
    longest = max(d.shape[1] for d in datas)
    datas = [np.pad(d, ((0, 0), (0, longest - d.shape[1])), constant_values=11) for d in datas]

    def fresh():
        draws = [torch.Generator().manual_seed(s) for s in range(3)]
        size = TransformerConfig(10, width=8, max_length=longest)
        return [Transformer(size, g).double() for g in draws], draws

    alone, draws = fresh()
    losses_alone = [
        train_sft(m, d, config, g, progress=False)["loss"]
        for m, d, g in zip(alone, datas, draws, strict=True)
    ]
    together, draws = fresh()
    histories = train_sft_together(together, datas, config, draws)
    np.testing.assert_allclose([h["loss"] for h in histories], losses_alone, rtol=1e-9)
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    mixed, draws = fresh()  # the control: each with the data of the next
    train_sft_together(mixed, [*datas[1:], datas[0]], config, draws)
    assert not torch.allclose(alone[0].head.weight, mixed[0].head.weight, atol=1e-6)
    with pytest.raises(InputError, match="as many models"):
        train_sft_together(together, datas[:2], config, draws)
    with pytest.raises(InputError, match="one shape"):
        other = Transformer(TransformerConfig(10, width=4, max_length=longest)).double()
        train_sft_together([*together[:2], other], datas, config, draws)


def test_tables_trained_together_have_the_losses_of_one_by_one(train_sft_together):
    """In a table the probability behind the padding is 0, and its logarithm must not count."""
    data = task.encode([(0, 1), (0, 2), (0, 1, 2), (1, 2)], 3)
    config = SFTConfig(steps=3, batch_size=100, learning_rate=0.1)
    draws = [torch.Generator(), torch.Generator()]
    histories = train_sft_together([TabularModel(3), TabularModel(3)], [data] * 2, config, draws)
    alone = train_sft(TabularModel(3), data, config, torch.Generator(), progress=False)
    for history in histories:
        assert history["loss"] == pytest.approx(alone["loss"], rel=1e-9)
    assert alone["loss"][0] == pytest.approx(5 / 4 * np.log(3))  # five free steps, four rows
