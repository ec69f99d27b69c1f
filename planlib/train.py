"""The trainers as plain loops: supervised fine-tuning, Q-learning, and policies that are sampled.

Of the last kind are policy gradient (REINFORCE), GRPO, PPO and filtered SFT, which share one loop.

Each takes a frozen configuration and an explicit generator, changes the model in
place and returns its history.  With ``checkpoint`` set, a run that was
interrupted goes on where its last checkpoint stands, to the bit on the same
machine with the same number of threads.  A model is trained where it lies; paths are
checked, and rewards given, on the processor.

Source: Wang et al., arXiv 2509.22613, section 3; the others as :mod:`planlib.losses` has them.
Where the paper leaves a setting open, its field says "our choice".
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planlib import losses, task
from planlib.checkpoints import (  # noqa: F401 - who trains finds the whole room here
    CheckpointError,
    DivergedError,
    Evaluate,
    History,
    TrainingRun,
    digest,
    load_model,
    save_model,
)
from planlib.graph import InputError, PlanningGraph, check_one_of, plain_fields
from planlib.models import Tilted, device_of
from planlib.rollout import sample
from planlib.sparse import Edges

REWARDS = ("process", "outcome", "shuffled")
RESIDUALS = ("step", "trajectory")
KL_OVER = ("token", "sequence")
# What a setting of Q-learning needs beside it.
NEEDS = {
    "stop_probability": "1 where an error ends no episode (stop_at_error)",
    "false_alarm": "0 beside outcome reward, which judges no step",
    "detection": "1 beside outcome reward, which judges no step",
    "residual": "'step' without soft values (soft_weight)",
}
MICRO_BATCH = 1024  # sequences in one backward pass, of similar length; the sum is the batch's


@dataclass(frozen=True)
class _Config:
    """What every trainer needs.

    Attributes
    ----------
    steps
        Number of updates.
    batch_size
        Sequences an update (our choice).
    learning_rate
        Our choice.
    optimizer
        ``adam`` (betas 0.9 and 0.999, no weight decay) or ``sgd`` (plain).
    schedule
        ``constant``, or ``cosine``: from the learning rate to 0 (our choice).
    evaluate_every
        Updates between two evaluations; 0 for none.
    checkpoint_every
        Updates between two checkpoints; the last update always writes one.
    """

    steps: int = 400
    batch_size: int = 2048
    learning_rate: float = 3e-3
    optimizer: str = "adam"
    schedule: str = "constant"
    evaluate_every: int = 0
    checkpoint_every: int = 100

    def __post_init__(self):
        plain_fields(self)
        for name, least in (
            ("steps", 0),
            ("batch_size", 1),
            ("evaluate_every", 0),
            ("checkpoint_every", 1),
        ):
            if getattr(self, name) < least:
                raise InputError(name, f"at least {least}", getattr(self, name))
        if self.learning_rate <= 0:
            raise InputError("learning_rate", "a positive number", self.learning_rate)
        if self.optimizer not in ("adam", "sgd"):
            raise InputError("optimizer", "'adam' or 'sgd'", repr(self.optimizer))
        if self.schedule not in ("constant", "cosine"):
            raise InputError("schedule", "'constant' or 'cosine'", repr(self.schedule))


@dataclass(frozen=True)
class SFTConfig(_Config):
    """Supervised fine-tuning; with ``batch_size`` at the data's size or above, on all data at once."""

    schedule: str = "cosine"


@dataclass(frozen=True)
class PolicyGradientConfig(_Config):
    """Policy gradient.

    Attributes
    ----------
    reward, penalty
        Outcome reward ``reward * [correct] + penalty``; 1 and 0 in the paper.
    kl_weight
        Weight of the KL penalty to the base model, lambda in the paper.
    baseline
        ``none`` (the paper), ``mean`` or ``leave_one_out``: see :func:`planlib.losses.advantages`.
    max_length
        Longest sequence that is generated, in tokens (our choice).
    kl_over
        ``token``, the paper's penalty, in which a token answers for its own divergence alone; or
        ``sequence``: the return is less ``kl_weight log(u / base)`` of the whole sequence.
    even
        Whether a correct sequence, with the penalty over sequences, is excused from its base's part:
        the optimum is then uniform over the correct answers (as in arXiv 2510.20817).
    entropy_weight
        Weight of an entropy bonus a token.
    temperature
        Of the samples, at the first update; falls to 1 in a straight line.
    epsilon
        Probability of a uniform node in place of a sampled token.
    """

    batch_size: int = 512
    learning_rate: float = 3e-4
    reward: float = 1.0
    penalty: float = 0.0
    kl_weight: float = 0.0
    baseline: str = "none"
    max_length: int = 32
    kl_over: str = "token"
    even: bool = False
    entropy_weight: float = 0.0
    temperature: float = 1.0
    epsilon: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        _check_not_negative(self, "kl_weight", "entropy_weight")
        check_one_of("baseline", self.baseline, losses.BASELINES)
        check_one_of("kl_over", self.kl_over, KL_OVER)
        if self.even and not (self.kl_weight and self.kl_over == "sequence"):
            raise InputError("even", "a KL penalty over sequences beside it", "none")
        _check_temperature(self)
        _check_share(self, "epsilon")
        _check_max_length(self)


@dataclass(frozen=True)
class _ClippedConfig(_Config):
    """What GRPO and PPO share: several inner steps on one batch, clipped.

    Attributes
    ----------
    inner_steps
        Optimizer steps on each batch; with 1 the ratio is 1 and nothing is clipped.
    clip_low, clip_high
        How far the ratio to the policy that drew the batch counts below and above 1.
    average
        ``sequence``, ``token`` or ``sum``: see :func:`planlib.losses.averaged`.
    ignore_end
        Whether the step to the end token is left out.
    kl_weight, kl_estimator
        Weight of the penalty to the base model and its estimator, see
        :func:`planlib.losses.kl_penalty`; the gradient goes through it.
    max_length
        Longest sequence that is generated, in tokens.
    """

    batch_size: int = 512
    learning_rate: float = 3e-4
    inner_steps: int = 1
    clip_low: float = 0.2
    clip_high: float = 0.2
    average: str = "sequence"
    ignore_end: bool = False
    kl_weight: float = 0.0
    kl_estimator: str = "k3"
    max_length: int = 32

    def __post_init__(self):
        super().__post_init__()
        if self.inner_steps < 1:
            raise InputError("inner_steps", "at least 1", self.inner_steps)
        _check_not_negative(self, "clip_low", "clip_high", "kl_weight")
        if self.clip_low >= 1:
            raise InputError("clip_low", "a number in [0, 1)", self.clip_low)
        check_one_of("average", self.average, losses.AVERAGES)
        check_one_of("kl_estimator", self.kl_estimator, losses.KL_ESTIMATORS)
        _check_max_length(self)


@dataclass(frozen=True)
class GRPOConfig(_ClippedConfig):
    """GRPO: returns compared within groups of samples of one problem.

    Attributes
    ----------
    group
        Samples a problem; a batch holds ``batch_size / group`` problems.
    deviation, stabiliser
        What divides a return less the group's mean: see
        :func:`planlib.losses.group_advantages`.  ``none`` with ``average="sum"`` is "Dr. GRPO".
    """

    group: int = 8
    deviation: str = "population"
    stabiliser: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.group < 2:
            raise InputError("group", "at least 2 samples a problem", self.group)
        if self.batch_size % self.group:
            wanted = f"a divisor of the batch of {self.batch_size}: whole groups"
            raise InputError("group", wanted, self.group)
        check_one_of("deviation", self.deviation, losses.DEVIATIONS)
        _check_not_negative(self, "stabiliser")


@dataclass(frozen=True)
class PPOConfig(_ClippedConfig):
    """PPO's clipped objective without a critic: returns less a baseline of the batch.

    Attributes
    ----------
    baseline
        ``none``, ``mean`` or ``leave_one_out``: see :func:`planlib.losses.advantages`.
    """

    inner_steps: int = 4
    average: str = "sum"
    baseline: str = "mean"

    def __post_init__(self):
        super().__post_init__()
        check_one_of("baseline", self.baseline, losses.BASELINES)


@dataclass(frozen=True)
class FilteredSFTConfig(_Config):
    """Filtered SFT (rejection sampling): SFT on those of its own samples that are correct.

    Attributes
    ----------
    inner_steps
        Optimizer steps on each batch (a generation); many train it to convergence.
    negative_weight
        What a wrong sample counts, with the sign turned, where a correct one counts 1.  The mean
        is over the samples that count: over the correct ones alone if it is 0, else over all.
    average
        ``sequence``, ``token`` or ``sum``: see :func:`planlib.losses.averaged`.
    max_length
        Longest sequence that is generated, in tokens.
    samples_of
        Who writes the samples: the ``policy`` as it is now, or the ``base``, the model at the
        start, of which filtered samples are what rejection sampling fine-tuning trains on.
    """

    batch_size: int = 512
    learning_rate: float = 3e-4
    inner_steps: int = 1
    negative_weight: float = 0.0
    average: str = "sum"
    max_length: int = 32
    samples_of: str = "policy"

    def __post_init__(self):
        super().__post_init__()
        if self.inner_steps < 1:
            raise InputError("inner_steps", "at least 1", self.inner_steps)
        _check_not_negative(self, "negative_weight")
        check_one_of("average", self.average, losses.AVERAGES)
        check_one_of("samples_of", self.samples_of, ("policy", "base"))
        _check_max_length(self)


def _check_not_negative(config: _Config, *names: str) -> None:
    for name in names:
        if getattr(config, name) < 0:
            raise InputError(name, "a number >= 0", getattr(config, name))


def _check_share(config: _Config, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise InputError(name, "a number in [0, 1]", getattr(config, name))


def _check_temperature(config: _Config) -> None:
    if config.temperature <= 0:
        raise InputError("temperature", "a positive number", config.temperature)


def _check_max_length(config: _Config) -> None:
    if config.max_length <= task.PROMPT:
        expected = f"more than the prompt's {task.PROMPT} tokens"
        raise InputError("max_length", expected, config.max_length)


@dataclass(frozen=True)
class QLearningConfig(_Config):
    """Q-learning: the logits are the action values.

    Attributes
    ----------
    reward
        ``process`` or ``outcome``; or ``shuffled``, a control: process reward by the edges
        of the same graph with its nodes permuted.
    discount
        1 in the paper.
    temperature, epsilon
        Behaviour policy: softmax of the values over the temperature, and a
        uniform node with probability ``epsilon`` (our choice).
    target_decay
        Bootstrap from a moving average of the model with this decay; 0
        bootstraps from the model itself (our choice).
    initial_scale
        The model's logits are multiplied by this before the first update: logits of an
        SFT model are far above any value, and so optimistic (our choice).
    max_length
        Longest sequence that is generated, in tokens (our choice).
    stop_at_error
        Whether an episode ends with its first illegal step; not in the paper, where that
        step is punished and the episode goes on.
    stop_probability
        Chance that an illegal step ends it there, where ``stop_at_error``.
    false_alarm, detection
        Chances that the judge of process reward punishes a legal and an illegal step; 0 and 1 in
        the paper.
    soft_weight
        Weight of the KL penalty to the base, the model at the start, in soft values:
        ``weight log sum_k base[k] exp(value[k] / weight)`` in place of the largest value, and in
        place of the softmax over the temperature the base tilted by ``value / weight`` generates.
        0 for the maximum, as in the paper.
    residual
        ``step``, the paper's one-step error; or ``trajectory``, the square of their sum along the
        sequence, with gradient through the soft values (arXiv 2505.15311).
    """

    batch_size: int = 256
    learning_rate: float = 1e-3
    reward: str = "process"
    discount: float = 1.0
    temperature: float = 0.1
    epsilon: float = 0.2
    target_decay: float = 0.99
    initial_scale: float = 1.0
    max_length: int = 32
    stop_at_error: bool = False
    stop_probability: float = 1.0
    false_alarm: float = 0.0
    detection: float = 1.0
    soft_weight: float = 0.0
    residual: str = "step"

    def __post_init__(self):
        super().__post_init__()
        check_one_of("reward", self.reward, REWARDS)
        check_one_of("residual", self.residual, RESIDUALS)
        _check_temperature(self)
        _check_not_negative(self, "initial_scale", "soft_weight")
        _check_share(self, "discount", "target_decay", "epsilon")
        _check_share(self, "stop_probability", "false_alarm", "detection")
        for name, given, needs in (
            ("stop_probability", self.stop_probability < 1, self.stop_at_error),
            ("false_alarm", self.false_alarm > 0, self.reward != "outcome"),
            ("detection", self.detection < 1, self.reward != "outcome"),
            ("residual", self.residual == "trajectory", self.soft_weight > 0),
        ):
            if given and not needs:
                raise InputError(name, NEEDS[name], getattr(self, name))
        _check_max_length(self)


def train_sft(
    model: nn.Module,
    data: Tensor,
    config: SFTConfig,
    generator: torch.Generator,
    *,
    evaluate: Evaluate | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Minimise the SFT loss on sequences drawn with replacement (or on all of them).

    Parameters
    ----------
    data
        Training sequences, shape ``(N, L)`` int64, padded on the right.
    evaluate
        Called every ``config.evaluate_every`` updates; its figures join the history.

    Returns
    -------
    dict
        ``loss`` (mean a sequence, nats) at each update; ``evaluated_at`` and the
        figures of ``evaluate``.

    Raises
    ------
    InputError
        If a sequence has another form, see :func:`planlib.task.check_training_sequences`, or
        is longer than the model reads.
    CheckpointError
        If the checkpoint cannot be read or belongs to another run.
    DivergedError
        If the loss is no finite number any more.
    """
    data = torch.as_tensor(task.check_training_sequences(data, model.n))
    steps, device = torch.as_tensor(task.path_steps(data, model.n)), device_of(model)
    lengths = (data != task.pad_token(model.n)).sum(1)
    _check_model_holds(model, int(lengths.max()))
    inputs = {"data": data[:, : lengths.max()]}
    run = TrainingRun(model, config, generator, evaluate, checkpoint, progress, inputs)
    for _ in run:
        if config.batch_size >= len(data):
            rows = lengths.argsort(stable=True)
        else:
            rows = torch.randint(len(data), (config.batch_size,), generator=generator)
            rows = rows[lengths[rows].argsort(stable=True)]
        total = 0.0
        run.optimizer.zero_grad()
        for part in rows.split(MICRO_BATCH):
            length = int(lengths[part].max())
            batch = (data[part, :length].to(device), steps[part, : length - 1].to(device))
            log_probs = losses.path_log_probs(model, *batch)
            loss = losses.sft(log_probs).sum() / len(rows)
            loss.backward()
            total += loss.item()
        run.update(loss=total)
    return run.history


def train_policy_gradient(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    config: PolicyGradientConfig,
    generator: torch.Generator,
    *,
    evaluate: Evaluate | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """REINFORCE on problems drawn from ``pairs``; the base model is the model at the start.

    Returns
    -------
    dict
        At each update: ``loss``, ``accuracy`` (share of correct samples) and
        ``known_paths`` (distinct correct sequences sampled so far); ``evaluated_at``
        and the figures of ``evaluate``.

    Raises
    ------
    ProblemError
        If a pair is no problem on this graph.
    InputError
        If a model has another number of nodes than the graph, or there is no room for a
        right answer (:func:`planlib.task.check_length`), in the configuration or the model.
    CheckpointError
        If the checkpoint cannot be read or belongs to another run.
    DivergedError
        If the loss is no finite number any more.
    """

    def loss_of(batch: _Batch) -> Tensor:
        returns = config.reward * batch.correct.to(batch.log_probs) + config.penalty  # (B,)
        base, weight = batch.base_log_probs, config.kl_weight
        if weight and config.kl_over == "sequence":
            excused = batch.correct if config.even else torch.zeros_like(batch.correct)
            of_base = base.sum(1).masked_fill(excused, 0.0)  # (B,)
            returns = returns - weight * (batch.log_probs.detach().sum(1) - of_base)
            weight = 0.0
        weights = losses.advantages(returns, config.baseline)  # (B,)
        loss = losses.policy_gradient(batch.log_probs, weights, base, weight)
        if config.entropy_weight:  # a penalty to the uniform policy, but for a constant
            loss = loss + losses.entropy_bonus(batch.log_probs, config.entropy_weight)
        return loss.mean()

    return _train_policy(
        model, graph, pairs, config, generator, loss_of, evaluate, checkpoint, progress
    )


def train_grpo(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    config: GRPOConfig | PPOConfig,
    generator: torch.Generator,
    *,
    evaluate: Evaluate | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """GRPO, or PPO without a critic, on problems drawn from ``pairs``; reward 1 for a correct sequence.

    Returns and raises as :func:`train_policy_gradient`; ``loss`` is that of the last inner step.
    """

    def loss_of(batch: _Batch) -> Tensor:
        returns = batch.correct.to(batch.log_probs)  # (B,)
        if isinstance(config, GRPOConfig):
            how = (config.group, config.deviation, config.stabiliser)
            weights = losses.group_advantages(returns, *how)
        else:
            weights = losses.advantages(returns, config.baseline)
        steps = batch.steps & ~batch.ends if config.ignore_end else batch.steps
        clip = (config.clip_low, config.clip_high)
        step_losses = losses.clipped(batch.log_probs, batch.old_log_probs, weights, *clip)  # (B, S)
        if config.kl_weight:
            far = losses.kl_penalty(batch.log_probs, batch.base_log_probs, config.kl_estimator)
            step_losses = step_losses + config.kl_weight * far
        return losses.averaged(step_losses, steps, config.average).mean()

    return _train_policy(
        model, graph, pairs, config, generator, loss_of, evaluate, checkpoint, progress
    )


def train_filtered_sft(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    config: FilteredSFTConfig,
    generator: torch.Generator,
    *,
    evaluate: Evaluate | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """SFT on the correct ones among samples, by itself or its base, of problems drawn from ``pairs``.

    A batch in which no sample counts changes nothing by itself (Adam's moments still move).
    Returns and raises as :func:`train_policy_gradient`; ``loss`` is that of the last inner step.
    """

    def loss_of(batch: _Batch) -> Tensor:
        correct = batch.correct.to(batch.log_probs)  # (B,)
        weights = correct - config.negative_weight * (1 - correct)
        counts = weights != 0  # (B,)
        log_probs, steps = batch.log_probs[counts], batch.steps[counts]
        each = losses.averaged(-log_probs, steps, config.average)
        return (weights[counts] * each).sum() / counts.sum().clamp(min=1)

    return _train_policy(
        model, graph, pairs, config, generator, loss_of, evaluate, checkpoint, progress
    )


@dataclass
class _Batch:
    """Sequences that the policy wrote, and what it says of them now: shapes ``(B,)`` and ``(B, S)``."""

    correct: Tensor  # (B,) bool
    steps: Tensor  # (B, S) bool, those of the path
    ends: Tensor  # (B, S) bool, those to the end token
    base_log_probs: Tensor | None = None  # (B, S), where there is a KL penalty
    old_log_probs: Tensor | None = None  # (B, S), when the batch was drawn
    log_probs: Tensor | None = None  # (B, S), with gradient


def _train_policy(
    model, graph, pairs, config, generator, loss_of, evaluate, checkpoint, progress
) -> History:
    """The loop of all trainers that sample the policy itself; ``loss_of`` is what differs."""
    problems = _check_generation(graph, pairs, config.max_length, model)
    base = copy.deepcopy(model).requires_grad_(False)
    inputs = {"graph": graph, "pairs": problems}
    run = TrainingRun(model, config, generator, evaluate, checkpoint, progress, inputs)
    penalised = getattr(config, "kl_weight", 0)
    of_base = getattr(config, "samples_of", "policy") == "base"
    if penalised or of_base:  # of a run that goes on, the model given may have moved
        run.keep("base", base)
    known = set(run.extra.get("known", torch.empty(0)).tolist())
    group, inner = getattr(config, "group", 1), getattr(config, "inner_steps", 1)
    hot = getattr(config, "temperature", 1.0) - 1
    epsilon = getattr(config, "epsilon", 0.0)

    def chosen_by(model: nn.Module, tokens: Tensor, steps: Tensor) -> Tensor:
        log_probs = losses.path_log_probs(model, tokens, steps)  # (B, S)
        # A random node after a table's target is none that the policy could have chosen.
        return log_probs.masked_fill(log_probs == -torch.inf, 0.0) if epsilon else log_probs

    for at in run:
        size = config.batch_size // group
        chosen = torch.randint(len(problems), (size,), generator=generator)
        how = {"samples": group, "max_length": config.max_length, "epsilon": epsilon}
        how["temperature"] = 1 + hot * (1 - at / config.steps)
        tokens = sample(base if of_base else model, problems[chosen], generator, **how)
        correct = torch.as_tensor(task.check_sequences(graph, tokens) == task.Outcome.CORRECT)
        known.update(_sequence_keys(tokens[correct], graph.n).tolist())
        steps = torch.as_tensor(task.path_steps(tokens, graph.n))
        parts = (tokens, correct, steps, tokens[:, 1:] == task.end_token(graph.n))
        tokens, correct, steps, ends = (x.to(device_of(model)) for x in parts)
        batch = _Batch(correct, steps, ends)
        if penalised:
            with torch.no_grad():
                batch.base_log_probs = chosen_by(base, tokens, steps)
        for k in range(inner):
            run.optimizer.zero_grad()
            batch.log_probs = chosen_by(model, tokens, steps)
            if k == 0:
                batch.old_log_probs = batch.log_probs.detach()
            loss = loss_of(batch)
            loss.backward()
            if k < inner - 1:
                run.optimizer.step()
        run.extra["known"] = known
        run.update(
            loss=loss.item(), accuracy=correct.double().mean().item(), known_paths=len(known)
        )
    return run.history


def train_q_learning(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    config: QLearningConfig,
    generator: torch.Generator,
    *,
    behavior_model: nn.Module | None = None,
    evaluate: Evaluate | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Semi-gradient Q-learning on problems drawn from ``pairs``.

    By plain gradient descent an entry of a table that a batch holds c times moves by the share
    ``2 c learning_rate / batch_size`` toward its targets; beyond 1 it overshoots them.

    Parameters
    ----------
    behavior_model
        Generates the sequences (off-policy); the model itself if not given (on-policy).

    Returns
    -------
    dict
        At each update: ``loss`` (mean a sequence) and ``accuracy`` of the
        behaviour policy; ``evaluated_at`` and the figures of ``evaluate``.

    Raises
    ------
    ProblemError
        If a pair is no problem on this graph.
    InputError
        If a model has another number of nodes than the graph, or there is no room for a
        right answer (:func:`planlib.task.check_length`), in the configuration or the model.
    CheckpointError
        If the checkpoint cannot be read or belongs to another run.
    DivergedError
        If the loss is no finite number any more.
    """
    problems = _check_generation(graph, pairs, config.max_length, model, behavior_model)
    if behavior_model is model:
        behavior_model = None
    rewards = task.outcome_reward if config.reward == "outcome" else task.process_reward
    judge = _shuffled(graph) if config.reward == "shuffled" else graph
    inputs = {"graph": graph, "pairs": problems, "behavior_model": behavior_model}
    base = copy.deepcopy(model).requires_grad_(False) if config.soft_weight else None
    run = TrainingRun(model, config, generator, evaluate, checkpoint, progress, inputs)
    if base:
        run.keep("base", base)
    writer, temperature = behavior_model or model, config.temperature
    if base and not behavior_model:
        writer, temperature = Tilted(base, model, config.soft_weight), 1.0
    if config.initial_scale != 1 and not run.resumed:
        scale_logits(model, config.initial_scale)
    averaged = copy.deepcopy(model).requires_grad_(False) if config.target_decay else model
    if config.target_decay:
        run.keep("averaged", averaged)
    n, along = graph.n, config.residual == "trajectory"
    noisy = config.false_alarm > 0 or config.detection < 1
    for _ in run:
        chosen = torch.randint(len(problems), (config.batch_size,), generator=generator)
        tokens = sample(
            writer,
            problems[chosen],
            generator,
            temperature=temperature,
            epsilon=config.epsilon,
            max_length=config.max_length,
        )
        correct = task.check_sequences(graph, tokens) == task.Outcome.CORRECT
        steps = torch.as_tensor(task.episode_steps(tokens, n))  # (B, S)
        following, target = tokens[:, 1:], tokens[:, 1:2]
        # No bootstrap on the target, at the end token, or on a step from the target.
        at_target = tokens[:, :-1] == target  # (B, S)
        goes_on = steps & (following != target) & (following < n) & ~at_target
        if along:  # what the end token earns is no part of the path
            steps = steps & ~at_target
        if config.stop_at_error or noisy:
            wrong = torch.as_tensor(task.errors(judge, tokens))  # (B, S)
        if config.stop_at_error:
            last = wrong
            if config.stop_probability < 1:
                last = wrong & (
                    torch.rand(wrong.shape, generator=generator) < config.stop_probability
                )
            before = last.cumsum(1) - last.long() == 0
            steps, goes_on = steps & before, goes_on & before & ~last
        r_t = torch.as_tensor(rewards(judge, tokens)).to(next(model.parameters()).dtype) * steps
        if noisy:
            on_the_way = steps & ~at_target
            chance = torch.where(wrong, config.detection, config.false_alarm)  # (B, S)
            called = torch.rand(wrong.shape, generator=generator) < chance
            r_t = r_t + (wrong.to(r_t) - called.to(r_t)) * on_the_way
        parts = (tokens, following, steps, goes_on, r_t)
        tokens, following, steps, goes_on, r_t = (x.to(device_of(model)) for x in parts)
        where = F.pad(goes_on, (1, 0))  # (B, L): the states that are bootstrapped from
        run.optimizer.zero_grad()
        with torch.set_grad_enabled(along):
            following_values = (model if along else averaged)(tokens, where)  # (M, n+1)
            if base:
                with torch.no_grad():
                    log_base = base(tokens, where).log_softmax(-1)  # (M, n+1)
                best = losses.soft_maximum(following_values, log_base, config.soft_weight)  # (M,)
            else:
                best = following_values[:, :n].amax(-1)  # (M,)
            max_q_t = torch.zeros_like(r_t).masked_scatter(goes_on, best)
        values = model(tokens, F.pad(steps, (0, 1)))  # (M, n+1)
        taken = values.gather(1, following[steps][:, None])[:, 0]  # (M,)
        q_tm1 = torch.zeros_like(r_t).masked_scatter(steps, taken)
        absent = q_tm1 == -torch.inf  # explored from the target: a table has no entry there
        q_tm1, r_t = q_tm1.masked_fill(absent, 0.0), r_t.masked_fill(absent, 0.0)
        discount_t = config.discount * goes_on.to(r_t)
        residual = losses.trajectory_residual if along else losses.q_learning
        loss = residual(q_tm1, r_t, max_q_t, discount_t).mean()
        loss.backward()
        run.update(loss=loss.item(), accuracy=float(correct.mean()))
        if config.target_decay:
            with torch.no_grad():
                for slow, fast in zip(averaged.parameters(), model.parameters(), strict=True):
                    slow.lerp_(fast, 1 - config.target_decay)
    return run.history


def _shuffled(graph: PlanningGraph) -> PlanningGraph:
    """The same graph, its nodes permuted: as many edges, elsewhere."""
    place = np.argsort(np.random.default_rng(0).permutation(graph.n))
    edges = place[np.stack(graph.adjacency.nonzero(), axis=1)]  # (m, 2)
    return PlanningGraph(Edges(graph.n, edges))


@torch.no_grad()
def scale_logits(model: nn.Module, factor: float) -> None:
    """Multiply a model's logits, by its output head or, in a table, by all of its entries."""
    for parameter in [model.head.weight] if hasattr(model, "head") else model.parameters():
        parameter.mul_(factor)


def _sequence_keys(tokens: Tensor, n: int) -> Tensor:
    """One 64-bit key a sequence, the same whatever its padding: shape ``(B,)``."""
    ends = (tokens != task.pad_token(n)).sum(1, keepdim=True) - 1
    return losses.prefix_keys(tokens).gather(1, ends)[:, 0]


def _check_generation(graph, pairs, max_length, model, behavior_model=None) -> Tensor:
    """Check what the two trainers that generate need, and return the problems, ``(m, 2)``."""
    problems = task.check_problems(graph, pairs)
    task.check_length(graph, problems, max_length)
    for one in (model, behavior_model):
        if one is not None:
            task.check_nodes(graph, one.n)
            _check_model_holds(one, max_length)
    return torch.as_tensor(problems)


def _check_model_holds(model: nn.Module, length: int) -> None:
    size = getattr(model, "config", None)  # tables and states read sequences of any length
    if length > getattr(size, "max_length", length):
        raise InputError("model", f"max_length of at least {length} positions", size.max_length)
