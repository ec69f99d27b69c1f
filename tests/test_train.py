import dataclasses
import os

import numpy as np
import pytest
import torch

from planlib import checkpoints, exact, metrics, task, train
from planlib.graph import InputError, PlanningGraph, erdos_renyi
from planlib.models import LinearTransformer, TabularModel, Transformer, TransformerConfig
from planlib.studies import STAGES
from planlib.train import (
    CheckpointError,
    FilteredSFTConfig,
    GRPOConfig,
    PolicyGradientConfig,
    PPOConfig,
    QLearningConfig,
    SFTConfig,
    load_model,
    save_model,
    train_filtered_sft,
    train_grpo,
    train_policy_gradient,
    train_q_learning,
    train_sft,
)


@pytest.fixture
def setup(ten):
    split = task.split_pairs(ten, 0.3, 0)
    return ten, split, task.sft_dataset(ten, split, 4, 0)


@pytest.fixture
def chain():
    """60 edges in a row: the longest answer takes 64 tokens."""
    graph = PlanningGraph(np.eye(61, k=1))
    split = task.split_pairs(graph, 0.9, 0)
    return graph, split, task.sft_dataset(graph, split, 1, 0)


def tiny(seed=0, n=10, max_length=16):
    config = TransformerConfig(n, width=16, max_length=max_length)
    return Transformer(config, torch.Generator().manual_seed(seed))


def run(kind, setup, seed=0, checkpoint=None, length=12, **options):
    graph, split, data = setup
    model, generator = (
        tiny(n=graph.n, max_length=max(16, length)),
        torch.Generator().manual_seed(seed),
    )
    options = {"steps": 12, "batch_size": 16, "checkpoint_every": 5, "evaluate_every": 4} | options

    def evaluate(m):
        pairs = split.test_pairs
        share = metrics.accuracy(m, graph, pairs, generator, greedy=True, max_length=length)
        return {"greedy": share}

    extra = {"evaluate": evaluate, "checkpoint": checkpoint, "progress": False}
    if kind == "sft":
        history = train_sft(model, data, SFTConfig(**options), generator, **extra)
    elif kind == "pg":
        config = PolicyGradientConfig(max_length=length, kl_weight=0.01, **options)
        history = train_policy_gradient(model, graph, split.train_pairs, config, generator, **extra)
    else:
        config = QLearningConfig(max_length=length, **options)
        history = train_q_learning(model, graph, split.train_pairs, config, generator, **extra)
    return model, history


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("kind", ["sft", "pg", "q"])
def test_same_seed_same_run_other_seed_other_run(kind, setup):
    (a, first), (b, again), (c, _) = (run(kind, setup, seed) for seed in (0, 0, 1))
    assert same(a, b) and first == again
    assert not same(a, c)
    assert len(first["loss"]) == 12 and first["evaluated_at"] == [4, 8, 12]


class Interrupted(Exception):
    pass


@pytest.mark.parametrize(("problem", "length"), [("setup", 12), ("chain", 64)])
@pytest.mark.parametrize("kind", ["sft", "pg", "q"])
def test_an_interrupted_run_resumes_to_the_bit(
    kind, problem, length, request, tmp_path, monkeypatch
):
    setup = request.getfixturevalue(problem)
    whole, history = run(kind, setup, length=length)
    path = tmp_path / "run.safetensors"
    update, calls = train.TrainingRun.update, []

    def stop_at_eight(self, **figures):
        calls.append(1)
        if len(calls) == 8:  # after the checkpoint at 5, before the one at 10
            raise Interrupted
        update(self, **figures)

    monkeypatch.setattr(train.TrainingRun, "update", stop_at_eight)
    with pytest.raises(Interrupted):
        run(kind, setup, checkpoint=path, length=length)
    calls.clear()
    resumed, continued = run(kind, setup, checkpoint=path, length=length)
    assert len(calls) == 7  # from the checkpoint on; from the start it would be stopped again
    assert same(whole, resumed)
    assert continued == history
    assert same(load_model(path), whole)


def test_a_finished_run_is_not_trained_again(setup, tmp_path):
    path = tmp_path / "run.safetensors"
    first, _ = run("sft", setup, checkpoint=path)
    before = path.read_bytes()
    again, history = run("sft", setup, checkpoint=path)
    assert same(first, again) and len(history["loss"]) == 12
    assert path.read_bytes() == before


def test_checkpoint_of_another_configuration_is_refused(setup, tmp_path):
    path = tmp_path / "run.safetensors"
    run("sft", setup, checkpoint=path)
    with pytest.raises(CheckpointError, match="config"):
        run("sft", setup, checkpoint=path, learning_rate=1e-4)
    with pytest.raises(CheckpointError, match="config"):
        run("pg", setup, checkpoint=path)


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
def test_truncated_checkpoint_is_refused(tmp_path, keep):
    path = tmp_path / "model.safetensors"
    save_model(tiny(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep >= 1 else int(keep * len(whole))])
    with pytest.raises(CheckpointError, match="whole safetensors"):
        load_model(path)


def test_checkpoint_of_another_shape_or_kind_is_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    tensors = {f"model.{k}": v for k, v in tiny().state_dict().items()}
    tensors["model.head.weight"] = torch.zeros(3, 16)
    description = (
        '{"kind": "Transformer", "dtype": "float32", "n": 10, "width": 16, "max_length": 16}'
    )
    save_file(tensors, path, {"model": description})
    with pytest.raises(CheckpointError, match="shapes"):
        load_model(path)
    save_file(tensors, path, {"model": '{"kind": "other"}'})
    with pytest.raises(CheckpointError, match="description"):
        load_model(path)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match="description"):
        load_model(path)
    with pytest.raises(CheckpointError):
        load_model(tmp_path / "missing.safetensors")


def test_interrupted_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    old = tiny(0)
    save_model(old, path)

    def full_disk(*arguments, **options):
        path.with_name(path.name + ".new").write_bytes(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_model(tiny(1), path)
    assert same(load_model(path), old)


def test_models_survive_saving(tmp_path):
    for model in (tiny(), TabularModel(4), LinearTransformer(4)):
        path = tmp_path / "model.safetensors"
        save_model(model, path)
        again = load_model(path)
        assert type(again) is type(model) and same(model, again)
        assert next(again.parameters()).dtype == next(model.parameters()).dtype
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_sft_on_a_table_reaches_the_frequencies(triangle):
    paths = [(0, 1, 2), (0, 2), (0, 2), (0, 2), (0, 1)]
    config = SFTConfig(3000, 10, 2.0, optimizer="sgd", schedule="constant")
    model = TabularModel(3)
    train_sft(model, task.encode(paths, 3), config, torch.Generator(), progress=False)
    counts = exact.cooccurrence(paths)
    for (i, j), row in exact.frequencies(counts, 3).items():
        learned = model.f[i, j].softmax(-1).tolist()
        assert learned == pytest.approx([float(x) for x in row], abs=2e-3)
    assert (model.f[0] == 0).all()  # no path leads to 0: these rows are free


def test_one_sgd_step_is_the_closed_form(triangle):
    paths = [(0, 1, 2), (0, 2), (0, 2)]
    config = SFTConfig(1, 10, 0.5, optimizer="sgd", schedule="constant")
    model = TabularModel(3)
    train_sft(model, task.encode(paths, 3), config, torch.Generator(), progress=False)
    uniform = [[[1 / 3] * 3] * 3] * 3
    for (i, j), row in exact.sft_gradient(uniform, paths).items():
        assert model.f[i, j].tolist() == pytest.approx([-0.5 * x / 3 for x in row], abs=1e-12)


def test_policy_gradient_learns_and_counts_paths(triangle):
    config = PolicyGradientConfig(200, 64, 0.5, optimizer="sgd", max_length=8)
    model = TabularModel(3)
    history = train_policy_gradient(
        model, triangle, [(0, 2)], config, torch.Generator().manual_seed(0), progress=False
    )
    assert history["accuracy"][0] < 0.7 < 0.9 < np.mean(history["accuracy"][-20:])
    assert history["known_paths"][-1] == 2  # 0 1 2 and 0 2


def test_kl_penalty_holds_the_policy_back(triangle):
    moved = []
    for weight in (0.0, 3.0):
        config = PolicyGradientConfig(
            200, 256, 0.3, optimizer="sgd", max_length=8, kl_weight=weight
        )
        model = TabularModel(3)
        generator = torch.Generator().manual_seed(0)
        train_policy_gradient(model, triangle, [(0, 2)], config, generator, progress=False)
        moved.append(model.f.abs().max().item())
    assert moved[1] < 0.5 * moved[0]


def test_q_learning_recovers_structure_from_process_reward(triangle):
    """Theorem 5.2's fixed point A + R - 1 on a small acyclic graph, and not from outcome reward."""
    for reward, recovered in (("process", True), ("outcome", False)):
        config = QLearningConfig(
            800,
            32,
            0.4,
            optimizer="sgd",
            reward=reward,
            epsilon=1.0,
            target_decay=0.0,
            max_length=8,
        )
        model = TabularModel(3)
        generator = torch.Generator().manual_seed(0)
        pairs = [(0, 1), (0, 2), (1, 2)]
        train_q_learning(model, triangle, pairs, config, generator, progress=False)
        a, r = triangle.adjacency.astype(int), triangle.reachability.astype(int)
        expected = torch.tensor(a[None] + r[:, None] - 1, dtype=torch.float64)
        rows = [(2, 0), (2, 1), (1, 0)]
        error = max((model.f[i, j] - expected[i, j]).abs().max().item() for i, j in rows)
        assert (error < 0.05) == recovered


def test_q_learning_off_policy_and_with_a_target_network(triangle):
    for behavior, decay in ((TabularModel(3), 0.0), (None, 0.9)):
        config = QLearningConfig(
            800, 32, 0.4, optimizer="sgd", epsilon=0.5, temperature=1.0, target_decay=decay,
            max_length=8,
        )  # fmt: skip
        model = TabularModel(3)
        train_q_learning(
            model, triangle, [(0, 2), (1, 2)], config, torch.Generator().manual_seed(0),
            behavior_model=behavior, progress=False,
        )  # fmt: skip
        assert model.f[2, 0].tolist() == pytest.approx([0, 1, 1], abs=0.1)  # A + R - 1


def test_bad_problems_are_refused_before_any_work(triangle):
    for loop, config in (
        (train_policy_gradient, PolicyGradientConfig()),
        (train_q_learning, QLearningConfig()),
    ):
        model = TabularModel(3)
        with pytest.raises(task.ProblemError):
            loop(model, triangle, [(2, 0)], config, torch.Generator())
        assert (model.f == 0).all()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (SFTConfig, "steps", -1),
        (SFTConfig, "batch_size", 0),
        (SFTConfig, "learning_rate", 0.0),
        (SFTConfig, "learning_rate", float("nan")),
        (SFTConfig, "optimizer", "lion"),
        (SFTConfig, "schedule", "linear"),
        (PolicyGradientConfig, "kl_weight", -0.1),
        (GRPOConfig, "group", 1),
        (GRPOConfig, "group", 7),  # of a batch of 512
        (GRPOConfig, "deviation", "mean"),
        (GRPOConfig, "stabiliser", -1e-4),
        (GRPOConfig, "clip_low", -0.1),
        (GRPOConfig, "clip_low", 1.0),
        (GRPOConfig, "clip_high", -0.1),
        (GRPOConfig, "kl_estimator", "k4"),
        (PPOConfig, "inner_steps", 0),
        (PPOConfig, "baseline", "critic"),
        (PPOConfig, "average", "batch"),
        (FilteredSFTConfig, "negative_weight", -1.0),
        (FilteredSFTConfig, "inner_steps", 0),
        (FilteredSFTConfig, "average", "mean"),
        (FilteredSFTConfig, "max_length", 3),
        (FilteredSFTConfig, "samples_of", "model"),
        (QLearningConfig, "reward", "sparse"),
        (QLearningConfig, "discount", 1.5),
        (QLearningConfig, "target_decay", -0.5),
    ],
)
def test_bad_configurations(kind, field, value):
    with pytest.raises(InputError) as caught:
        kind(**{field: value})
    assert caught.value.argument == field


def test_configurations_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SFTConfig().steps = 3


def test_metrics_by_hand(generator):
    graph = PlanningGraph([[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    model = TabularModel(3)
    entropy = metrics.row_entropy(model, [2], [0])
    assert entropy.tolist() == pytest.approx([np.log(3)])
    # Uniform over three, two of them correct: KL(U_C || pi) = log 3 - log 2.
    divergence = metrics.divergence_from_uniform(model, graph, [2], [0])
    assert divergence.tolist() == pytest.approx([np.log(1.5)])
    with torch.no_grad():
        model.f.copy_(torch.tensor(np.where(graph.adjacency, 5.0, 0.0)).expand(3, 3, 3))
    scores = metrics.adjacency_scores(model)
    assert metrics.best_threshold(scores, graph.adjacency) == {
        "precision": 1.0,
        "recall": 1.0,
        "threshold": 5.0,
    }
    assert metrics.edge_ranks(scores, graph.adjacency).tolist() == [1, 1, 1]  # equal scores
    found = metrics.distinct_paths(model, graph, [(0, 2), (0, 1)], generator, max_length=8)
    assert found.tolist() == [2, 1]
    shares = metrics.outcomes(model, graph, [(0, 2)], generator, samples=50, max_length=8)
    assert sum(shares.values()) == pytest.approx(1) and shares["correct"] > 0.8


def test_initial_scale_multiplies_the_logits():
    graph = erdos_renyi(4, 0.8, acyclic=True, seed=0)
    small = Transformer(TransformerConfig(4, width=8), torch.Generator().manual_seed(0))
    table = TabularModel(4)
    with torch.no_grad():
        table.f.fill_(3.0)
    for model, parameter in ((small, small.head.weight), (table, table.f)):
        before = parameter.detach().clone()
        config = QLearningConfig(steps=0, initial_scale=0.05, max_length=12)
        generator = torch.Generator().manual_seed(0)
        train_q_learning(model, graph, graph.reachable_pairs(), config, generator, progress=False)
        assert torch.equal(parameter, before * 0.05)
    with pytest.raises(InputError, match="initial_scale"):
        QLearningConfig(initial_scale=-1.0)


def test_baseline_is_checked_and_changes_the_gradient():
    with pytest.raises(InputError, match="baseline"):
        PolicyGradientConfig(baseline="median")
    graph = erdos_renyi(4, 0.8, acyclic=True, seed=0)
    losses_seen = {}
    for baseline in ("none", "mean", "leave_one_out"):
        model = TabularModel(4)
        config = PolicyGradientConfig(
            steps=1, batch_size=16, optimizer="sgd", learning_rate=1.0, baseline=baseline
        )
        generator = torch.Generator().manual_seed(0)
        train_policy_gradient(
            model, graph, graph.reachable_pairs(), config, generator, progress=False
        )
        losses_seen[baseline] = model.f.detach().clone()
    assert not torch.equal(losses_seen["none"], losses_seen["mean"])
    # Leave-one-out is the batch mean's gradient, longer by B / (B - 1).
    assert torch.allclose(losses_seen["leave_one_out"], losses_seen["mean"] * 16 / 15)


def q_run(graph, pairs, path=None, model=None, behavior=None, draws=None, **options):
    options = {"steps": 6, "batch_size": 8, "max_length": 8, "initial_scale": 0.5} | options
    model = TabularModel(3) if model is None else model
    history = train_q_learning(
        model, graph, pairs, QLearningConfig(**options), draws or torch.Generator().manual_seed(0),
        behavior_model=behavior, checkpoint=path, progress=False,
    )  # fmt: skip
    return model, history


def test_checkpoint_of_other_data_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    config = SFTConfig(steps=3, batch_size=100)
    data, other = (task.encode([p], 3) for p in ((0, 1, 2), (0, 2)))
    first = TabularModel(3)
    history = train_sft(first, data, config, torch.Generator(), checkpoint=path, progress=False)
    wider = np.pad(data, ((0, 0), (0, 2)), constant_values=task.pad_token(3)).astype(np.int32)
    again = TabularModel(3)  # more padding, another type: the same data
    assert history == train_sft(
        again, wider, config, torch.Generator(), checkpoint=path, progress=False
    )
    assert same(first, again)
    fresh = TabularModel(3)
    with pytest.raises(CheckpointError, match="another data"):
        train_sft(fresh, other, config, torch.Generator(), checkpoint=path, progress=False)
    assert (fresh.f == 0).all()


def test_checkpoint_names_what_differs(triangle, tmp_path):
    path = tmp_path / "run.safetensors"
    pairs, behavior = [(0, 1), (0, 2)], TabularModel(3)
    q_run(triangle, pairs, path, behavior=behavior)
    moved = TabularModel(3)
    with torch.no_grad():
        moved.f += 0.1
    more = PlanningGraph([[0, 1, 1], [0, 0, 1], [1, 0, 0]])
    for words, call in (
        ("graph", lambda: q_run(more, pairs, path, behavior=behavior)),
        ("pairs", lambda: q_run(triangle, pairs[::-1], path, behavior=behavior)),
        ("behavior_model", lambda: q_run(triangle, pairs, path)),
        ("behavior_model", lambda: q_run(triangle, pairs, path, behavior=moved)),
        ("base model", lambda: q_run(triangle, pairs, path, moved, behavior)),
        (
            "generator",
            lambda: q_run(triangle, pairs, path, None, behavior, torch.Generator().manual_seed(1)),
        ),
    ):
        with pytest.raises(CheckpointError, match=f"another [a-z ]*[(a-z_ ]*{words}"):
            call()
    found, _ = q_run(triangle, pairs, path, behavior=behavior)  # the control: it is this run
    assert same(found, load_model(path))


def test_a_checkpoint_that_does_not_say_what_it_began_from_is_refused(triangle, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    path = tmp_path / "run.safetensors"
    q_run(triangle, [(0, 2)], path)
    with safe_open(path, framework="pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys()}
        metadata = file.metadata()
    metadata.pop("began")
    save_file(tensors, path, metadata)
    with pytest.raises(CheckpointError, match="began from"):
        q_run(triangle, [(0, 2)], path)


@pytest.mark.parametrize("stop", [4, 8, None])  # before a checkpoint, after one, never
@pytest.mark.parametrize("kind", ["sft", "pg", "q", "grpo", "ppo", "filtered-sft", "base's"])
def test_a_cell_that_is_run_twice_is_one_run(kind, stop, setup, tmp_path, monkeypatch):
    """With the same, moved model and generator: the KL reference is that of the first call."""
    graph, split, data = setup
    options = {"steps": 12, "batch_size": 16, "checkpoint_every": 3}
    calls, update = (
        {
            "sft": (train_sft, (data, SFTConfig(**options))),
            "pg": (
                train_policy_gradient,
                (
                    graph,
                    split.train_pairs,
                    PolicyGradientConfig(kl_weight=0.5, max_length=12, **options),
                ),
            ),
            "q": (
                train_q_learning,
                (
                    graph,
                    split.train_pairs,
                    QLearningConfig(initial_scale=0.5, max_length=12, **options),
                ),
            ),
            **{
                name: (how, (graph, split.train_pairs, kind_of(max_length=12, **options | more)))
                for name, how, kind_of, more in (
                    ("grpo", train_grpo, GRPOConfig, {"kl_weight": 0.5, "group": 4}),
                    ("ppo", train_grpo, PPOConfig, {"inner_steps": 2}),
                    ("filtered-sft", train_filtered_sft, FilteredSFTConfig, {"inner_steps": 2}),
                    ("base's", train_filtered_sft, FilteredSFTConfig, {"samples_of": "base"}),
                )
            },
        },
        train.TrainingRun.update,
    )
    loop, arguments = calls[kind]
    whole = tiny()
    history = loop(whole, *arguments, torch.Generator().manual_seed(0), progress=False)

    model, draws = tiny(), torch.Generator().manual_seed(0)
    done = []

    def interrupted(self, **figures):
        done.append(1)
        if len(done) == stop:
            raise Interrupted
        update(self, **figures)

    def cell():
        path = tmp_path / "run.safetensors"
        return loop(model, *arguments, draws, checkpoint=path, progress=False)

    if stop:
        monkeypatch.setattr(train.TrainingRun, "update", interrupted)
        with pytest.raises(Interrupted):
            cell()
        monkeypatch.undo()
    else:
        cell()
    assert not same(model, tiny())  # it has moved
    assert cell() == history
    assert same(model, whole)
    with torch.no_grad():
        next(model.parameters()).add_(1.0)  # someone else moved it: no longer this run's
    with pytest.raises(CheckpointError, match="base model"):
        cell()


def test_a_run_of_no_updates_is_one_run_too(triangle, tmp_path):
    model, path = TabularModel(3), tmp_path / "run.safetensors"
    with torch.no_grad():
        model.f.fill_(8.0)
    for _ in range(2):
        q_run(triangle, [(0, 2)], path, model, steps=0)
        assert (model.f == 4.0).all()


def test_a_run_that_diverges_stops_and_says_so(tmp_path):
    path = tmp_path / "run.safetensors"
    data = task.encode([(0, 1, 2), (0, 2)], 3)
    model = TabularModel(3)
    with torch.no_grad():
        model.f[2, 0, 1] = torch.nan
    with pytest.raises(train.DivergedError, match="update 1 is nan"):
        train_sft(
            model, data, SFTConfig(steps=3), torch.Generator(), checkpoint=path, progress=False
        )
    assert not path.exists()


@pytest.mark.parametrize("kind", [TabularModel, LinearTransformer])
def test_what_a_table_does_not_hold_enters_no_loss(kind, triangle):
    """Nodes explored from the target have the value -inf; they are no part of the error."""
    pairs = [(0, 2), (0, 1), (1, 2)]
    _, history = q_run(triangle, pairs, model=kind(3), steps=50, batch_size=64, epsilon=0.5)
    assert np.isfinite(history["loss"]).all() and history["loss"][0] > 0


def test_discount_and_reward_keep_double_precision(triangle):
    chain = PlanningGraph([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    model, _ = q_run(
        chain, [(0, 2)], steps=600, batch_size=32, optimizer="sgd", learning_rate=0.3,
        discount=0.9, epsilon=0.5, target_decay=0.0, temperature=1.0,
    )  # fmt: skip
    # By hand: 0.9 * 1 onwards; -1 + 0.9 * 0.9 for the step to itself.
    assert model.f[2, 0, :2].tolist() == pytest.approx([-0.19, 0.9], abs=1e-12)


@pytest.mark.parametrize(
    ("edges", "max_length", "needed"), [(40, 32, 44), (40, 43, 44), (60, 32, 64)]
)
@pytest.mark.parametrize(
    ("loop", "kind"),
    [
        (train_policy_gradient, PolicyGradientConfig),
        (train_q_learning, QLearningConfig),
        (train_grpo, PPOConfig),
        (train_filtered_sft, FilteredSFTConfig),
    ],
)
def test_too_small_a_length_is_refused_before_any_work(loop, kind, edges, max_length, needed):
    n = edges + 1
    chain, draws = PlanningGraph(np.eye(n, k=1)), torch.Generator()
    model = TabularModel(n)
    short = kind(steps=1, batch_size=1, max_length=max_length)
    with pytest.raises(InputError, match=f"at least {needed} tokens"):
        loop(model, chain, [(0, edges)], short, draws, progress=False)
    loop(model, chain, [(0, 10)], short, draws, progress=False)  # the control: there is room
    enough = kind(steps=1, batch_size=1, max_length=needed)
    loop(model, chain, [(0, edges)], enough, draws, progress=False)
    small = Transformer(TransformerConfig(n, width=4, max_length=needed - 1))
    with pytest.raises(InputError, match=f"max_length of at least {needed}"):
        loop(small, chain, [(0, edges)], enough, draws, progress=False)
    with pytest.raises(InputError, match=f"{n} nodes"):
        loop(TabularModel(n + 1), chain, [(0, edges)], enough, draws, progress=False)


def test_sequences_of_another_form_are_refused_before_any_work():
    data = task.encode([(0, 1, 2), (0, 2)], 3)
    left = data.copy()
    left[1] = np.roll(data[1], 1)
    small = Transformer(TransformerConfig(3, width=4, max_length=5))
    for model, wrong in (
        (TabularModel(3), left),
        (TabularModel(4), data),
        (TabularModel(3), data.astype(float)),
        (small, data),
    ):
        with pytest.raises(InputError):
            train_sft(model, wrong, SFTConfig(steps=1), torch.Generator(), progress=False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), True, "1", None, [1.0]])
def test_settings_are_finite_numbers(bad):
    for kind in STAGES.values():
        numbers = [f for f in dataclasses.fields(kind) if f.type in ("int", "float")]
        for field in numbers:
            with pytest.raises(InputError) as caught:
                kind(**{field.name: bad})
            assert caught.value.argument == field.name


def test_equal_settings_have_one_spelling():
    one = PolicyGradientConfig(steps=np.int64(3), reward=2, penalty=np.float64(-1), kl_weight=-0.0)
    other = PolicyGradientConfig(steps=np.array(3), reward=2.0, penalty=-1, kl_weight=0)
    assert repr(one) == repr(other) and type(one.steps) is int and type(one.reward) is float
    with pytest.raises(InputError, match="steps: expected an integer"):
        SFTConfig(steps=3.0)
