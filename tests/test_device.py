"""The path of a GPU on a machine without one: a pretended device, on which nothing may be mixed."""

import dataclasses
import json
import sys

import pretend
import pytest
import torch
from conftest import random_models

from planlib import metrics, store, studies, study
from planlib.__main__ import BAD_USAGE, main
from planlib.graph import InputError
from planlib.models import Transformer, TransformerConfig, device_of
from planlib.rollout import sample
from planlib.train import SFTConfig, train_q_learning, train_sft

BASE = studies.RunConfig(
    graph="er:n=8,p=0.4,acyclic,seed=1",
    width=8,
    max_length=14,
    sft=SFTConfig(steps=8, batch_size=32),
)
pytestmark = pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
COMMON = {"steps": 3, "batch_size": 16, "evaluate_every": 3, "checkpoint_every": 2}


def stage(name, **settings):
    length = {} if name == "more_sft" else {"max_length": BASE.max_length}
    return dataclasses.replace(studies.USUAL[name], **COMMON, **length, **settings)


# One of each kind, with the settings that take other ways through the trainers.
STAGES = {
    "more SFT": stage("more_sft"),
    "PG": stage("pg", kl_weight=0.1, entropy_weight=0.1, epsilon=0.1, baseline="mean"),
    "PG over sequences": stage("pg", kl_weight=0.1, kl_over="sequence", even=True),
    "GRPO": stage("grpo", kl_weight=0.1, average="token", ignore_end=True),
    "PPO": stage("ppo"),
    "filtered SFT": stage("filtered_sft", negative_weight=0.1, samples_of="base"),
    "Q": stage("q", false_alarm=0.1, stop_at_error=True, stop_probability=0.5),
    "Q, outcome": stage("q", reward="outcome", target_decay=0.0),
    "soft Q": stage("q", soft_weight=0.2, residual="trajectory"),
}


@pytest.fixture
def there(monkeypatch):
    """The pretended device, for which the optimizer's fused step is there as it is on a GPU."""
    name, module = "_get_fused_kernels_supported_devices", torch.optim.Optimizer.__module__
    usual = getattr(sys.modules[module], name)()
    monkeypatch.setattr(sys.modules[module], name, lambda: [*usual, pretend.NAME])
    return pretend.NAME


def trained(config, device, checkpoint=None, steps=None):
    """History, model and what it then writes, of one stage on a fresh model of the base's size."""
    task, draw = study.make_task(BASE), torch.Generator().manual_seed(0)
    with pretend.Device():
        model = Transformer(TransformerConfig(8, layers=2, width=8, max_length=14), draw).to(device)
        if isinstance(config, SFTConfig):
            history = train_sft(model, task.data, config, draw, checkpoint=checkpoint)
        else:
            train = study.SAMPLED.get(_name(config), train_q_learning)
            other = {}
            if getattr(config, "reward", 0) == "outcome":
                other["behavior_model"] = Transformer(model.config, draw).to(device)
            pairs = task.split.prompt_pairs
            history = train(model, task.graph, pairs, config, draw, checkpoint=checkpoint, **other)
        assert device_of(model).type == device
        written = sample(model, task.split.test_pairs, draw, max_length=14)
        return history, model.cpu().state_dict(), written


def _name(config):
    return next(name for name, usual in studies.USUAL.items() if type(usual) is type(config))


def alike(one, other):
    assert one[0] == other[0]
    assert all(torch.equal(one[1][name], value) for name, value in other[1].items())
    assert torch.equal(one[2], other[2])


def test_the_pretended_device_computes_and_refuses_to_be_mixed():
    here = torch.arange(6.0).view(2, 3)
    with pretend.Device():
        moved = here.to(pretend.NAME)
        assert moved.device.type == pretend.NAME
        assert torch.equal((moved @ moved.T).cpu(), here @ here.T)
        assert (moved + torch.tensor(1.0)).device.type == pretend.NAME  # a bare number may be mixed
        assert torch.arange(3, device=pretend.NAME).device.type == pretend.NAME
        for mixed in (
            lambda: moved + here,
            lambda: moved[:, torch.tensor([0])],
            lambda: here @ moved.T,
            lambda: moved.masked_fill(here > 1, 0.0),
        ):
            with pytest.raises(RuntimeError, match="on the device and on the processor"):
                mixed()
        with pytest.raises((RuntimeError, TypeError, NotImplementedError)):
            moved.numpy()


@pytest.mark.parametrize("name", STAGES)
def test_a_trainer_does_on_the_device_what_it_does_on_the_processor(name, there):
    """Bit for bit, since the pretended device rounds as the processor does."""
    alike(trained(STAGES[name], there), trained(STAGES[name], "cpu"))


@pytest.mark.parametrize("name", ["more SFT", "PG", "Q"])
def test_a_checkpoint_of_the_device_goes_on_there(name, there, tmp_path, monkeypatch):
    whole = trained(STAGES[name], there)
    draws = iter(range(2))  # the third batch never comes

    def cut(*args, **kwargs):
        next(draws)
        return usual(*args, **kwargs)

    where = "planlib.train.losses.sft" if name == "more SFT" else "planlib.train.sample"
    with monkeypatch.context() as patch, pytest.raises(StopIteration):
        usual = sample if where.endswith("sample") else study.train_sft.__globals__["losses"].sft
        patch.setattr(where, cut)
        trained(STAGES[name], there, tmp_path / "checkpoint")
    assert (tmp_path / "checkpoint").exists()
    alike(trained(STAGES[name], there, tmp_path / "checkpoint"), whole)


def test_a_stored_run_says_where_it_was_made(there, tmp_path):
    config = dataclasses.replace(BASE, q=STAGES["Q"], off_policy=True)
    with pretend.Device():
        far = study.store_run(config, tmp_path / "far", device=there, progress=False)
    here = study.store_run(config, tmp_path / "here", progress=False)
    assert far.history == here.history and far.metrics == here.metrics
    assert device_of(far.model).type == "cpu"
    said = {}
    for place in ("here", "far"):
        for key in (config.key, config.base.key):
            record = json.loads((tmp_path / place / key / store.RECORD).read_text())
            said.setdefault(place, set()).add(record["device"].split(",")[0])
    assert said == {"here": {"cpu"}, "far": {there}}


@pytest.mark.parametrize("kind", range(len(random_models(4))))
def test_metrics_of_a_model_on_the_device_are_on_the_processor(kind):
    model, draw = random_models(6)[kind], torch.Generator().manual_seed(0)
    tokens = sample(model, [[0, 3], [1, 4]], draw, samples=4, max_length=12)

    def measured():
        found = [metrics.prompt_logits(model), metrics.adjacency_scores(model)]
        found += metrics.path_logits(model, tokens)
        if isinstance(model, Transformer):
            found += [weights.numpy() for weights in metrics.attention(model, tokens)]
        return found

    here = measured()
    with pretend.Device():
        model.to(pretend.NAME)
        for was, now in zip(here, measured(), strict=True):  # several heads are added up otherwise
            assert now == pytest.approx(was, abs=1e-5, nan_ok=True)


def test_a_device_that_is_not_there_is_refused_before_any_work(tmp_path, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    for name in ("cuda", "cuda:7", "meta", "nonsense"):
        with pytest.raises(InputError, match="device"):
            study.store_run(BASE, tmp_path, device=name)
        with pytest.raises(InputError, match="device"):
            study.run_study("q-seeds", tmp_path, device=name)
    assert main(["train", "sft", "--device", "cuda", "--out", str(tmp_path)]) == BAD_USAGE
    assert main(["study", "q-seeds", "--device", "cuda", "--out", str(tmp_path)]) == BAD_USAGE
    assert capsys.readouterr().err.count("device: expected 'cpu', or a device") == 2
    assert not list(tmp_path.iterdir())


def test_random_numbers_are_drawn_on_the_processor():
    with pytest.raises(InputError, match="generator"):
        sample(random_models(4)[0], [[0, 1]], None)
