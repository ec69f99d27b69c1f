"""Each trainer against a loop written out here: plain numpy, one sequence at a time.

The loops share the drawing of sequences with :mod:`planlib`, and nothing else: the derivatives
are those of a softmax and of a square, worked out by hand, the rewards are read off the
adjacency matrix.  A loop with a mistake in it must end elsewhere, or agreement says nothing.
"""

import copy
import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch

from planlib.graph import InputError, PlanningGraph
from planlib.models import TabularModel, Transformer, TransformerConfig
from planlib.rollout import sample
from planlib.train import (
    FilteredSFTConfig,
    GRPOConfig,
    PolicyGradientConfig,
    PPOConfig,
    QLearningConfig,
    SFTConfig,
    train_filtered_sft,
    train_grpo,
    train_policy_gradient,
    train_q_learning,
    train_sft,
)
from theorems.tables import learn_entries

# 0 -> 1 -> 3, 0 -> 2 -> 3, 1 -> 2 and back 2 -> 1: small, with a cycle and a fork.
ADJACENCY = np.array([[0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
N, END, PAD = 4, 4, 5
PAIRS = np.array([[0, 3], [0, 1], [1, 3], [0, 2]])
STEPS, BATCH, LENGTH = 30, 8, 8


def start():
    """A table away from every fixed point."""
    return np.random.default_rng(3).normal(size=(N, N, N))


def table(f):
    model = TabularModel(N)
    with torch.no_grad():
        model.f.copy_(torch.as_tensor(f))
    return model


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Optimizer:
    """Plain gradient descent, or Adam as its paper has it, with the learning rate's schedule."""

    def __init__(self, config):
        self.config, self.m, self.v = config, 0.0, 0.0

    def step(self, f, gradient, k):
        c = self.config
        rate = c.learning_rate
        if c.schedule == "cosine":
            rate *= (1 + np.cos(np.pi * k / c.steps)) / 2
        if c.optimizer == "sgd":
            return f - rate * gradient
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.999 * self.v + 0.001 * gradient**2
        m, v = self.m / (1 - 0.9 ** (k + 1)), self.v / (1 - 0.999 ** (k + 1))
        return f - rate * m / (np.sqrt(v) + 1e-8)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def moves(row):
    """The steps (target, current, next) of a sequence ``s t s a ...``, without the padding."""
    target, path = row[1], [x for x in row[2:] if x != PAD]
    return [(target, j, k) for j, k in pairwise(path)]


def is_correct(row):
    target, path = row[1], [x for x in row[2:] if x != PAD]
    nodes = path[:-1]
    return (
        path[-1] == END
        and nodes.index(target) == len(nodes) - 1
        and all(ADJACENCY[j, k] for j, k in pairwise(nodes))
        if target in nodes
        else False
    )


def chosen_problems(draws):
    """The batch's problems: one uniform number a sequence, as every trainer draws them."""
    return PAIRS[torch.randint(len(PAIRS), (BATCH,), generator=draws).numpy()]


# --- supervised fine-tuning ---------------------------------------------------------------------

PATHS = [(0, 1, 3), (0, 2, 3), (0, 2, 1, 3), (0, 1), (1, 2, 3), (0, 2)]
DATA = np.array([[p[0], p[-1], *p, END, *[PAD] * (4 - len(p))] for p in PATHS])


def plain_sft(config, mistake=None):
    f, draws, optimizer, history = start(), generator(), Optimizer(config), []
    for k in range(STEPS):
        rows = range(len(DATA))
        if config.batch_size < len(DATA):
            rows = torch.randint(len(DATA), (config.batch_size,), generator=draws).tolist()
        gradient, loss = np.zeros_like(f), 0.0
        for row in DATA[list(rows)].tolist():
            learned = moves(row)
            if mistake == "the prompt is learned":
                learned.append((row[1], row[0], row[1]))
            for i, j, following in learned:
                if j == i:  # the end token is certain there
                    continue
                policy = softmax(f[i, j])
                loss -= np.log(policy[following]) / len(rows)
                gradient[i, j] += policy / len(rows)
                gradient[i, j, following] -= 1 / len(rows)
        f = optimizer.step(f, gradient, k)
        history.append(loss)
    return f, {"loss": history}


def by_planlib_sft(config):
    model = table(start())
    history = train_sft(model, DATA, config, generator(), progress=False)
    return model.f.detach().numpy(), history


# --- policy gradient ----------------------------------------------------------------------------


def baseline_of(returns, b, kind):
    if kind == "none":
        return 0.0
    if kind == "mean":
        return sum(returns) / len(returns)
    return (sum(returns) - returns[b]) / (len(returns) - 1)


def note(history, known, rows, right, loss):
    """What every trainer that samples the policy logs of an update."""
    known |= {tuple(x for x in row if x != PAD) for row, y in zip(rows, right, strict=True) if y}
    history["loss"].append(loss)
    history["accuracy"].append(np.mean(right))
    history["known_paths"].append(len(known))


def of_sequence(config, f, base, row, mistake):
    """The penalty to a whole sequence; a correct one may be excused from its base's part."""
    steps = [(i, j, k) for i, j, k in moves(row) if i != j]
    own = sum(np.log(softmax(f[i, j])[k]) for i, j, k in steps)
    of_base = sum(np.log(softmax(base[i, j])[k]) for i, j, k in steps)
    excused = config.even and (is_correct(row) or mistake == "all are excused")
    return config.kl_weight * (own - (0.0 if excused else of_base))


def plain_policy_gradient(config, mistake=None):
    f, draws, optimizer = start(), generator(), Optimizer(config)
    base = f.copy()
    history, known = {"loss": [], "accuracy": [], "known_paths": []}, set()
    sign = -1 if mistake == "penalty of the wrong sign" else 1
    for k in range(STEPS):
        problems = chosen_problems(draws)
        done = 1 - k / STEPS if mistake != "hot to the end" else 1.0
        how = {"temperature": 1 + (config.temperature - 1) * done, "epsilon": config.epsilon}
        rows = sample(table(f), problems, draws, max_length=LENGTH, **how).tolist()
        right = [is_correct(row) for row in rows]
        returns = [config.reward * x + sign * config.penalty for x in right]
        if config.kl_over == "sequence":
            returns = [
                y - of_sequence(config, f, base, row, mistake)
                for y, row in zip(returns, rows, strict=True)
            ]
        gradient, loss = np.zeros_like(f), 0.0
        for b, row in enumerate(rows):
            weight = returns[b] - baseline_of(returns, b, config.baseline)
            if mistake == "baseline added":
                weight = returns[b] + baseline_of(returns, b, config.baseline)
            for i, j, following in moves(row):
                if i == j:
                    continue
                policy = softmax(f[i, j])
                drift = np.log(policy[following] / softmax(base[i, j])[following])
                turned = -1 if mistake == "KL as a reward" else int(config.kl_over == "token")
                w = weight - turned * config.kl_weight * drift
                w -= config.entropy_weight * np.log(policy[following])
                loss -= w * np.log(policy[following]) / BATCH
                gradient[i, j] -= w * (np.eye(N)[following] - policy) / BATCH
        f = optimizer.step(f, gradient, k)
        if mistake == "base that moves":
            base = f.copy()
        note(history, known, rows, right, loss)
    return f, history


def by_planlib_policy_gradient(config):
    model = table(start())
    graph = PlanningGraph(ADJACENCY)
    history = train_policy_gradient(model, graph, PAIRS, config, generator(), progress=False)
    return model.f.detach().numpy(), history


# --- GRPO, PPO, filtered SFT --------------------------------------------------------------------


def advantages_of(config, right, mistake):
    if isinstance(config, PPOConfig):
        return [x - baseline_of(right, b, config.baseline) for b, x in enumerate(right)]
    found = []
    for first in range(0, BATCH, config.group):
        group = right[first : first + config.group]
        mean = sum(group) / config.group
        square = sum((x - mean) ** 2 for x in group)
        below = config.group - (config.deviation == "sample")
        if mistake == "the other deviation":
            below = config.group - (config.deviation == "population")
        by = 1.0 if config.deviation == "none" else np.sqrt(square / below) + config.stabiliser
        found += [0.0 if square == 0 else (x - mean) / by for x in group]
    return found


def divisors(config, rows, weights, mistake):
    """What each sequence's sum is divided by, beside the batch; a mean is over those that count."""
    lengths = [
        sum(k != END or not getattr(config, "ignore_end", False) for _, _, k in moves(row))
        for row in rows
    ]
    average = config.average
    if mistake == "the other average":
        average = "token" if average == "sequence" else "sequence"
    if average == "sum":
        return [1.0] * BATCH
    if average == "sequence":
        return lengths
    if isinstance(config, FilteredSFTConfig):
        counted = [n for n, w in zip(lengths, weights, strict=True) if w != 0] or [1]
        return [sum(counted) / len(counted)] * BATCH
    return [sum(lengths) / BATCH] * BATCH


def slope_of_clip(config, ratio, weight):
    """Derivative of the clipped objective by log u: the ratio times A, or 0 where it is clipped."""
    clip = min(max(ratio, 1 - config.clip_low), 1 + config.clip_high)
    return ratio * weight if ratio * weight <= clip * weight else 0.0


def plain_policy(config, mistake=None):
    """GRPO and PPO: several steps on one batch.  Filtered SFT: the same with other weights."""
    f, draws, optimizer = start(), generator(), Optimizer(config)
    base, group = f.copy(), getattr(config, "group", 1)
    filtered = isinstance(config, FilteredSFTConfig)
    history, known, taken = {"loss": [], "accuracy": [], "known_paths": []}, set(), 0
    for _ in range(STEPS):
        problems = PAIRS[torch.randint(len(PAIRS), (BATCH // group,), generator=draws).numpy()]
        writer = base if getattr(config, "samples_of", "policy") == "base" else f
        rows = sample(table(writer), problems, draws, samples=group, max_length=LENGTH).tolist()
        right = [float(is_correct(row)) for row in rows]
        old = f.copy()
        if filtered:
            weights = [x - config.negative_weight * (1 - x) for x in right]
            count = max(sum(w != 0 for w in weights), 1)
            if mistake == "over the whole batch":
                count = BATCH
        else:
            weights, count = advantages_of(config, right, mistake), BATCH
        for _ in range(config.inner_steps):
            gradient, loss = np.zeros_like(f), 0.0
            for row, weight, by in zip(
                rows, weights, divisors(config, rows, weights, mistake), strict=True
            ):
                scale = 1 / (count * by)
                for i, j, following in moves(row):
                    end = following == END
                    if end and getattr(config, "ignore_end", False):
                        continue
                    if i == j:  # certain: ratio 1, no gradient, but part of the loss
                        loss -= 0.0 if filtered else weight * scale
                        continue
                    policy, before = softmax(f[i, j]), softmax(old[i, j])
                    p = policy[following]
                    toward = np.eye(N)[following] - policy
                    if filtered:
                        loss -= weight * np.log(p) * scale
                        gradient[i, j] -= weight * toward * scale
                        continue
                    ratio = p / before[following]
                    if mistake == "ratio to the policy of this step":
                        ratio = 1.0
                    low, high = 1 - config.clip_low, 1 + config.clip_high
                    loss -= min(ratio * weight, min(max(ratio, low), high) * weight) * scale
                    slope = slope_of_clip(config, ratio, weight)
                    if mistake == "not clipped":
                        slope = ratio * weight
                    d = np.log(softmax(base[i, j])[following] / p)
                    value, turn = {
                        "k1": (-d, 1.0), "k2": (d * d / 2, -d), "k3": (np.exp(d) - 1 - d, 1 - np.exp(d)),
                    }[config.kl_estimator]  # fmt: skip
                    loss += config.kl_weight * value * scale
                    slope -= config.kl_weight * turn
                    gradient[i, j] -= slope * toward * scale
            f = optimizer.step(f, gradient, taken)
            taken += 1
        note(history, known, rows, right, loss)
    return f, history


def by_planlib_policy(config):
    model, graph = table(start()), PlanningGraph(ADJACENCY)
    train = train_filtered_sft if isinstance(config, FilteredSFTConfig) else train_grpo
    history = train(model, graph, PAIRS, config, generator(), progress=False)
    return model.f.detach().numpy(), history


GRPO = {"kind": GRPOConfig, "group": 4}
PPO = {"kind": PPOConfig, "inner_steps": 3}
FILTERED = {"kind": FilteredSFTConfig}
FAR = {"learning_rate": 0.5, "optimizer": "sgd"}  # far enough for the clip to count


def configured(kind, **settings):
    return kind(**SAME | {"optimizer": "adam", "learning_rate": 0.05} | settings, max_length=LENGTH)


@pytest.mark.parametrize(
    "settings",
    [
        GRPO,
        GRPO | {"deviation": "sample", "group": 2},
        GRPO | {"deviation": "none", "average": "sum"},
        GRPO | {"stabiliser": 0.1, "average": "token"},
        GRPO | {"ignore_end": True, "kl_weight": 0.2},
        GRPO | {"kl_weight": 0.2, "kl_estimator": "k1"},
        GRPO | {"kl_weight": 0.2, "kl_estimator": "k2", "inner_steps": 2} | FAR,
        PPO,
        PPO | {"clip_low": 0.1, "clip_high": 0.3} | FAR,
        PPO | {"baseline": "leave_one_out", "average": "token", "inner_steps": 2},
        FILTERED,
        FILTERED | {"negative_weight": 0.3, "average": "sequence"},
        FILTERED | {"samples_of": "base", "inner_steps": 2},
        FILTERED | {"inner_steps": 3, "average": "token"},
    ],
    ids=str,
)
def test_policies_that_are_sampled(settings):
    config = configured(**settings)
    assert distance(by_planlib_policy(config), plain_policy(config)) < 1e-10


@pytest.mark.parametrize(
    ("mistake", "settings"),
    [
        ("the other deviation", GRPO | FAR),  # of Adam's steps no scale is left
        ("the other deviation", GRPO | {"deviation": "sample"} | FAR),
        ("the other average", GRPO),
        ("the other average", FILTERED | {"average": "token"}),
        ("ratio to the policy of this step", PPO | FAR),
        ("not clipped", PPO | FAR),
        ("over the whole batch", FILTERED),
    ],
)
def test_a_mistake_in_them_would_show(mistake, settings):
    config = configured(**settings)
    found = by_planlib_policy(config)
    assert distance(found, plain_policy(config)) < 1e-10
    assert distance(found, plain_policy(config, mistake)) > 1e-3


# --- Q-learning ---------------------------------------------------------------------------------


def reward_of(kind, row, i, j, following):
    if kind == "process":
        legal = following != END and ADJACENCY[j, following]
        return float(following == i) - float(not legal)
    return float(is_correct(row) and following == i)


def plain_q_learning(config, behavior=None, mistake=None):
    f = start() * config.initial_scale
    slow, draws, optimizer = f.copy(), generator(), Optimizer(config)
    history = {"loss": [], "accuracy": []}
    keep, base = config.target_decay, start()
    if mistake == "target's rate turned around":
        keep = 1 - keep
    for k in range(STEPS):
        writer, temperature = f if behavior is None else behavior, config.temperature
        if config.soft_weight and behavior is None:
            writer, temperature = base + f / config.soft_weight, 1.0
        rows = sample(
            table(writer), chosen_problems(draws), draws,
            temperature=temperature, epsilon=config.epsilon, max_length=LENGTH,
        )  # fmt: skip
        shape = (len(rows), rows.shape[1] - 1)
        stops = calls = np.zeros(shape)
        if config.stop_probability < 1:
            stops = torch.rand(shape, generator=draws).numpy()
        if config.false_alarm or config.detection < 1:
            calls = torch.rand(shape, generator=draws).numpy()
        rows = rows.tolist()
        target_network = slow if config.target_decay and config.residual == "step" else f
        gradient, loss = np.zeros_like(f), 0.0
        for b, row in enumerate(rows):
            errors, slopes = 0.0, np.zeros_like(f)  # along the sequence
            for at, (i, j, following) in enumerate(moves(row), start=2):
                if i == j:  # the episode is over; a table holds 1 for the end token, nothing else
                    wrong = following == END and config.reward == "outcome" and not is_correct(row)
                    loss += float(wrong) / BATCH if config.residual == "step" else 0.0
                    break
                best, legal = 0.0, following < N and ADJACENCY[j, following]
                over = config.stop_at_error and not legal
                over = over and (
                    stops[b, at] < config.stop_probability or config.stop_probability == 1
                )
                goes_on = following != i and not (over and mistake != "error bootstrapped")
                if goes_on and config.soft_weight:
                    prior = softmax(base[i, following])
                    if mistake == "a uniform base":
                        prior = np.full(N, 1 / N)
                    tilted = prior * np.exp(target_network[i, following] / config.soft_weight)
                    best = config.discount * config.soft_weight * np.log(tilted.sum())
                    slopes[i, following] -= config.discount * tilted / tilted.sum()
                elif goes_on:
                    best = config.discount * target_network[i, following].max()
                elif mistake == "bootstrap at the target":  # where the end token's value is 1
                    best = config.discount * 1.0
                reward = reward_of(config.reward, row, i, j, following)
                if config.false_alarm or config.detection < 1:
                    rate = (
                        config.false_alarm
                        if legal or mistake == "one rate for all"
                        else config.detection
                    )
                    reward += float(not legal) - float(calls[b, at] < rate)
                error = f[i, j, following] - reward - best
                errors += error
                slopes[i, j, following] += 1
                if config.residual == "step":
                    loss += error**2 / BATCH
                    gradient[i, j, following] += 2 * error / BATCH
                if mistake == "gradient through the bootstrap" and following != i:
                    top = target_network[i, following].argmax()
                    gradient[i, following, top] -= 2 * config.discount * error / BATCH
                if over and mistake != "goes on after the error":
                    break
            if config.residual == "trajectory":
                loss += errors**2 / BATCH
                gradient += 2 * errors * slopes / BATCH
        f = optimizer.step(f, gradient, k)
        slow = slow + (1 - keep) * (f - slow)
        history["loss"].append(loss)
        history["accuracy"].append(np.mean([is_correct(row) for row in rows]))
    return f, history


def by_planlib_q_learning(config, behavior=None):
    model, graph = table(start()), PlanningGraph(ADJACENCY)
    writer = None if behavior is None else table(behavior)
    history = train_q_learning(
        model, graph, PAIRS, config, generator(), behavior_model=writer, progress=False
    )
    return model.f.detach().numpy(), history


# --- the comparison -----------------------------------------------------------------------------

HOW = [
    {"optimizer": o, "schedule": s, "learning_rate": rate}
    for o, rate in (("sgd", 0.5), ("adam", 0.05))
    for s in ("constant", "cosine")
]
SAME = {"steps": STEPS, "batch_size": BATCH}


def distance(one, other):
    """Largest difference of two runs, over the table and all figures of the history."""
    (f, history), (g, figures) = one, other
    assert set(history) == set(figures)
    differences = [np.abs(f - g).max()]
    for name in history:
        differences.append(np.abs(np.array(history[name]) - np.array(figures[name])).max())
    return max(differences)


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("batch", [4, 100])
def test_sft(how, batch):
    config = SFTConfig(steps=STEPS, batch_size=batch, **how)
    assert distance(by_planlib_sft(config), plain_sft(config)) < 1e-12
    assert distance(by_planlib_sft(config), plain_sft(config, "the prompt is learned")) > 1e-3


@pytest.mark.parametrize("baseline", ["none", "mean", "leave_one_out"])
@pytest.mark.parametrize("kl_weight", [0.0, 0.3])
@pytest.mark.parametrize(("reward", "penalty"), [(1.0, 0.0), (0.7, -0.3), (2, 1)])
def test_policy_gradient(baseline, kl_weight, reward, penalty):
    for how in (HOW[0], HOW[3]):
        config = PolicyGradientConfig(
            **SAME, **how, max_length=LENGTH,
            baseline=baseline, kl_weight=kl_weight, reward=reward, penalty=penalty,
        )  # fmt: skip
        found = by_planlib_policy_gradient(config)
        assert distance(found, plain_policy_gradient(config)) < 1e-12


OVER = {"kl_weight": 0.3, "kl_over": "sequence"}
REMEDIES = [OVER, OVER | {"even": True}, {"entropy_weight": 0.2}, {"temperature": 2.0}]


@pytest.mark.parametrize("settings", [*REMEDIES, {"epsilon": 0.3}], ids=str)
@pytest.mark.parametrize("baseline", ["none", "mean"])
def test_remedies_for_diversity(settings, baseline):
    for how in (HOW[0], HOW[3]):
        config = PolicyGradientConfig(
            **SAME, **how, max_length=LENGTH, baseline=baseline, **settings
        )
        found = by_planlib_policy_gradient(config)
        if not config.epsilon:  # explored from the target: nothing to learn, see below
            assert distance(found, plain_policy_gradient(config)) < 1e-12
        else:
            assert np.isfinite(found[0]).all() and np.isfinite(found[1]["loss"]).all()
        assert distance(found, by_planlib_policy_gradient(PolicyGradientConfig(
            **SAME, **how, max_length=LENGTH, baseline=baseline))) > 1e-3  # fmt: skip


@pytest.mark.parametrize(
    ("mistake", "settings"),
    [
        ("all are excused", OVER | {"even": True}),
        ("hot to the end", {"temperature": 2.0}),
        ("penalty of the wrong sign", {"penalty": -0.3}),
        ("KL as a reward", {"kl_weight": 0.3}),
        ("base that moves", {"kl_weight": 0.3}),
        ("baseline added", {"baseline": "mean"}),
        ("baseline added", {"baseline": "leave_one_out"}),
    ],
)
@pytest.mark.parametrize("how", HOW, ids=str)
def test_a_mistake_in_policy_gradient_would_show(mistake, settings, how):
    config = PolicyGradientConfig(**SAME, **how, max_length=LENGTH, **settings)
    found = by_planlib_policy_gradient(config)
    assert distance(found, plain_policy_gradient(config)) < 1e-12
    assert distance(found, plain_policy_gradient(config, mistake)) > 1e-3


Q = {"temperature": 0.7, "epsilon": 0.3, "discount": 0.9, "target_decay": 0.8}
HOW_Q = [h | {"learning_rate": 0.2} if h["optimizer"] == "sgd" else h for h in HOW]


@pytest.mark.parametrize("reward", ["process", "outcome"])
@pytest.mark.parametrize("off_policy", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"discount": 1.0},
        {"discount": 0.0},
        {"target_decay": 0.0},
        {"target_decay": 1.0},
        {"epsilon": 0.0},
        {"epsilon": 1.0},
        {"temperature": 0.1},
        {"initial_scale": 0.05},
        {"initial_scale": 0.0, "target_decay": 0.99},
        {"stop_at_error": True},
    ],
    ids=str,
)
def test_q_learning(reward, off_policy, settings):
    behavior = np.random.default_rng(4).normal(size=(N, N, N)) if off_policy else None
    for how in (HOW_Q[1], HOW_Q[2]):
        config = QLearningConfig(**SAME, **how, max_length=LENGTH, reward=reward, **Q | settings)
        found = by_planlib_q_learning(config, behavior)
        assert distance(found, plain_q_learning(config, behavior)) < 1e-12


@pytest.mark.parametrize("reward", ["process", "outcome"])
@pytest.mark.parametrize("how", HOW_Q, ids=str)
@pytest.mark.parametrize(
    "mistake",
    [
        "target's rate turned around",
        "bootstrap at the target",
        "gradient through the bootstrap",
    ],
)
def test_a_mistake_in_q_learning_would_show(mistake, reward, how):
    config = QLearningConfig(**SAME, **how, max_length=LENGTH, reward=reward, **Q)
    found = by_planlib_q_learning(config)
    assert distance(found, plain_q_learning(config)) < 1e-12
    assert distance(found, plain_q_learning(config, mistake=mistake)) > 1e-3


@pytest.mark.parametrize("mistake", ["error bootstrapped", "goes on after the error"])
def test_a_mistake_about_the_first_error_would_show(mistake):
    config = QLearningConfig(**SAME, **HOW_Q[1], max_length=LENGTH, stop_at_error=True, **Q)
    found = by_planlib_q_learning(config)
    assert distance(found, plain_q_learning(config)) < 1e-12
    assert distance(found, plain_q_learning(config, mistake=mistake)) > 1e-3


SOFT = {"soft_weight": 0.4, "stop_at_error": True, "reward": "outcome"}
ALONG = SOFT | {"residual": "trajectory"}


@pytest.mark.parametrize("off_policy", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"stop_at_error": True, "stop_probability": 0.5},
        {"stop_at_error": True, "stop_probability": 0.5, "reward": "outcome"},
        {"false_alarm": 0.2},
        {"detection": 0.6, "false_alarm": 0.1, "stop_at_error": True},
        SOFT,
        SOFT | {"stop_probability": 0.3, "initial_scale": 0.5},
        {"soft_weight": 0.7},
        ALONG,
        ALONG | {"stop_at_error": False},
    ],
    ids=str,
)
def test_repairs(settings, off_policy):
    behavior = np.random.default_rng(4).normal(size=(N, N, N)) if off_policy else None
    for how in (HOW_Q[0] | {"learning_rate": 0.05}, HOW_Q[2]):
        config = QLearningConfig(**SAME, **how, max_length=LENGTH, **Q | settings)
        found = by_planlib_q_learning(config, behavior)
        assert distance(found, plain_q_learning(config, behavior)) < 1e-10


@pytest.mark.parametrize(
    ("mistake", "settings"),
    [
        ("error bootstrapped", {"stop_at_error": True, "stop_probability": 0.5}),
        ("one rate for all", {"false_alarm": 0.2, "detection": 0.6}),
        ("a uniform base", SOFT),
        ("a uniform base", ALONG),
    ],
)
def test_a_mistake_in_the_repairs_would_show(mistake, settings):
    how = HOW_Q[0] | {"learning_rate": 0.05}
    config = QLearningConfig(**SAME, **how, max_length=LENGTH, **Q | settings)
    found = by_planlib_q_learning(config)
    assert distance(found, plain_q_learning(config)) < 1e-10
    assert distance(found, plain_q_learning(config, mistake=mistake)) > 1e-3


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("stop_probability", {"stop_probability": 0.5}),
        ("false_alarm", {"false_alarm": 0.1, "reward": "outcome"}),
        ("detection", {"detection": 0.5, "reward": "outcome"}),
        ("residual", {"residual": "trajectory"}),
        ("residual", {"residual": "sequence", "soft_weight": 0.1}),
        ("soft_weight", {"soft_weight": -0.1}),
        ("false_alarm", {"false_alarm": 1.5}),
    ],
)
def test_repairs_that_do_not_fit_are_refused(name, settings):
    with pytest.raises(InputError, match=name):
        QLearningConfig(**settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("even", {"even": True, "kl_weight": 0.1}),
        ("kl_over", {"kl_over": "path"}),
        ("temperature", {"temperature": 0.0}),
        ("epsilon", {"epsilon": 1.1}),
        ("entropy_weight", {"entropy_weight": -1.0}),
    ],
)
def test_remedies_that_do_not_fit_are_refused(name, settings):
    with pytest.raises(InputError, match=name):
        PolicyGradientConfig(**settings)


def test_shuffled_reward_is_the_process_reward_of_permuted_nodes(monkeypatch):
    settings = SAME | HOW_Q[1] | Q | {"max_length": LENGTH}
    found = by_planlib_q_learning(QLearningConfig(**settings, reward="shuffled"))
    plain = QLearningConfig(**settings, reward="process")
    assert distance(found, plain_q_learning(plain)) > 1e-3
    order = np.random.default_rng(0).permutation(N)
    judged = ADJACENCY[order][:, order]

    def process_reward(_, row, i, j, following):
        return float(following == i) - (not (following < N and judged[j, following]))

    monkeypatch.setitem(globals(), "reward_of", process_reward)
    assert distance(found, plain_q_learning(plain)) < 1e-12


@pytest.mark.parametrize("reward", ["process", "outcome"])
def test_an_entry_moves_by_the_step_toward_the_mean_of_its_targets(reward):
    """As the theorems have it; divided by the batch, as in training, it would end elsewhere."""
    graph, step = PlanningGraph(ADJACENCY), 0.6
    config = QLearningConfig(
        **SAME, optimizer="sgd", learning_rate=step, max_length=LENGTH, reward=reward,
        target_decay=0.0, temperature=0.7, epsilon=0.3,
    )  # fmt: skip
    model, f, draws = table(start()), start(), generator()
    counted = learn_entries(model, graph, config, 0)
    problems, updates = graph.reachable_pairs(), np.zeros((N, N, N), dtype=int)
    for _ in range(STEPS):
        pairs = problems[torch.randint(len(problems), (BATCH,), generator=draws).numpy()]
        how = {"temperature": 0.7, "epsilon": 0.3, "max_length": LENGTH}
        goals, new = {}, f.copy()
        for row in sample(table(f), pairs, draws, **how).tolist():
            for i, j, k in moves(row):
                if i == j:
                    break
                best = 0.0 if k == i else f[i, k].max()
                goals.setdefault((i, j, k), []).append(reward_of(reward, row, i, j, k) + best)
        for entry, goal in goals.items():
            new[entry] += step * (np.mean(goal) - f[entry])
            updates[entry] += 1
        f = new
    assert np.abs(model.f.detach().numpy() - f).max() < 1e-12
    off = ~np.eye(N, dtype=bool)
    assert (counted[off] == updates[off]).all() and updates.max() > 10
    model = table(start())
    train_q_learning(model, graph, problems, config, generator(), progress=False)
    assert np.abs(model.f.detach().numpy() - f).max() > 1e-3
    for wrong in ({"learning_rate": 1.1}, {"optimizer": "adam"}, {"target_decay": 0.9}):
        with pytest.raises(AssertionError):
            learn_entries(model, graph, dataclasses.replace(config, **wrong), 0)


# --- the same on a transformer, whose end token has a value of its own --------------------------


def transformer(seed=0):
    size = TransformerConfig(N, width=8, max_length=LENGTH)
    model = Transformer(size, generator(seed)).double()
    with torch.no_grad():
        model.head.weight.mul_(20)  # away from logits that are all alike
        model.head.weight[END].mul_(2)  # the end token is often the largest
    return model


def descend(model, loss, rate):
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter -= rate * gradient


def apart(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


def path_of(row):
    return [x for x in row[2:] if x != PAD]


def step_log_probs(model, row):
    log_probs = model(torch.tensor([row]))[0].log_softmax(-1)
    return [log_probs[2 + m, k] for m, k in enumerate(path_of(row)[1:])]


def plain_sft_transformer(config):
    model, draws = transformer(), generator()
    for _ in range(STEPS):
        rows = torch.randint(len(DATA), (config.batch_size,), generator=draws).tolist()
        loss = -sum(sum(step_log_probs(model, row)) for row in DATA[rows].tolist())
        descend(model, loss / len(rows), config.learning_rate)
    return model


def plain_policy_gradient_transformer(config, sign=1):
    model, base, draws = transformer(), transformer(), generator()
    for _ in range(STEPS):
        rows = sample(model, chosen_problems(draws), draws, max_length=LENGTH).tolist()
        returns = [config.reward * is_correct(row) + sign * config.penalty for row in rows]
        loss = 0.0
        for b, row in enumerate(rows):
            advantage = returns[b] - baseline_of(returns, b, config.baseline)
            pairs = zip(step_log_probs(model, row), step_log_probs(base, row), strict=True)
            for new, old in pairs:
                loss -= (advantage - config.kl_weight * (new - old).item()) * new / BATCH
        descend(model, loss, config.learning_rate)
    return model


def plain_q_learning_transformer(config, mistake=None):
    model, draws = transformer(), generator()
    with torch.no_grad():
        model.head.weight.mul_(config.initial_scale)
    slow, keep = copy.deepcopy(model), config.target_decay
    if mistake == "target's rate turned around":
        keep = 1 - keep
    candidates = N + 1 if mistake == "the end token in the bootstrap" else N
    for _ in range(STEPS):
        rows = sample(
            model, chosen_problems(draws), draws,
            temperature=config.temperature, epsilon=config.epsilon, max_length=LENGTH,
        ).tolist()  # fmt: skip
        loss = 0.0
        for row in rows:
            values, later = model(torch.tensor([row]))[0], slow(torch.tensor([row]))[0].detach()
            target, right = row[1], is_correct(row)
            for m, (j, k) in enumerate(pairwise(path_of(row))):
                if config.reward == "outcome":
                    reward = float(right and (k == target or k == END))
                elif j == target:
                    reward = float(k == END)
                else:
                    reward = float(k == target) - float(k == END or not ADJACENCY[j, k])
                best = 0.0
                if j != target and k not in (target, END):
                    best = config.discount * later[3 + m, :candidates].max()
                loss += (values[2 + m, k] - reward - best) ** 2 / BATCH
                if j == target and mistake != "learning after the end":
                    break
        descend(model, loss, config.learning_rate)
        with torch.no_grad():
            for old, new in zip(slow.parameters(), model.parameters(), strict=True):
                old.copy_(keep * old + (1 - keep) * new)
    return model


PLAIN = {"optimizer": "sgd", "schedule": "constant", "learning_rate": 0.05}


def test_sft_of_a_transformer():
    config, model = SFTConfig(steps=STEPS, batch_size=4, **PLAIN), transformer()
    train_sft(model, DATA, config, generator(), progress=False)
    assert apart(model, plain_sft_transformer(config)) < 1e-12


def test_policy_gradient_of_a_transformer():
    config = PolicyGradientConfig(
        **SAME, **PLAIN, max_length=LENGTH,
        kl_weight=0.3, baseline="leave_one_out", reward=0.7, penalty=-0.3,
    )  # fmt: skip
    model, graph = transformer(), PlanningGraph(ADJACENCY)
    train_policy_gradient(model, graph, PAIRS, config, generator(), progress=False)
    assert apart(model, plain_policy_gradient_transformer(config)) < 1e-12
    config = PolicyGradientConfig(**SAME, **PLAIN, max_length=LENGTH, penalty=-0.3)
    model = transformer()
    train_policy_gradient(model, graph, PAIRS, config, generator(), progress=False)
    assert apart(model, plain_policy_gradient_transformer(config)) < 1e-12
    assert apart(model, plain_policy_gradient_transformer(config, sign=-1)) > 1e-3


@pytest.mark.parametrize("reward", ["process", "outcome"])
def test_q_learning_of_a_transformer(reward):
    config = QLearningConfig(
        **SAME, **PLAIN, max_length=LENGTH, reward=reward, initial_scale=0.5, **Q
    )
    model, graph = transformer(), PlanningGraph(ADJACENCY)
    train_q_learning(model, graph, PAIRS, config, generator(), progress=False)
    assert apart(model, plain_q_learning_transformer(config)) < 1e-12
    for mistake in (
        "the end token in the bootstrap",
        "target's rate turned around",
        "learning after the end",
    ):
        assert apart(model, plain_q_learning_transformer(config, mistake)) > 1e-3
