"""Three trainers as plain loops: supervised fine-tuning, policy gradient, Q-learning.

Each takes a frozen configuration and an explicit generator, changes the model in
place and returns its history.  With ``checkpoint`` set, a run that was
interrupted goes on where its last checkpoint stands, to the bit on the same
machine with the same number of threads.

Source: Wang et al., arXiv 2509.22613, section 3.  Where the paper leaves a
setting open, its field says "our choice".

A checkpoint names all that its run depends on: trainer and configuration, model, data or
graph and pairs, the parameters and the generator that the run began from, and the behaviour
model.  Another one is refused.  Only ``evaluate`` is taken on trust.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from planlib import losses, task
from planlib.graph import InputError, PlanningGraph, plain_fields
from planlib.models import build_model, model_spec
from planlib.rollout import sample

History = dict[str, list[float]]
Evaluate = Callable[[nn.Module], dict[str, float]]
REWARDS = ("process", "outcome", "shuffled")
MICRO_BATCH = 1024  # sequences in one backward pass, of similar length; the sum is the batch's


class CheckpointError(InputError):
    """A checkpoint that is truncated, of another shape, or of another run."""


class DivergedError(ArithmeticError):
    """A run whose loss is no finite number any more; no later checkpoint is written."""


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
    """

    batch_size: int = 512
    learning_rate: float = 3e-4
    reward: float = 1.0
    penalty: float = 0.0
    kl_weight: float = 0.0
    baseline: str = "none"
    max_length: int = 32

    def __post_init__(self):
        super().__post_init__()
        if self.kl_weight < 0:
            raise InputError("kl_weight", "a number >= 0", self.kl_weight)
        if self.baseline not in losses.BASELINES:
            raise InputError("baseline", f"one of {losses.BASELINES}", repr(self.baseline))
        _check_max_length(self)


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

    def __post_init__(self):
        super().__post_init__()
        if self.reward not in REWARDS:
            raise InputError("reward", f"one of {REWARDS}", repr(self.reward))
        if self.temperature <= 0:
            raise InputError("temperature", "a positive number", self.temperature)
        if self.initial_scale < 0:
            raise InputError("initial_scale", "a number >= 0", self.initial_scale)
        for name in ("discount", "target_decay", "epsilon"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, "a number in [0, 1]", getattr(self, name))
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
    steps = torch.as_tensor(task.path_steps(data, model.n))
    lengths = (data != task.pad_token(model.n)).sum(1)
    _check_model_holds(model, int(lengths.max()))
    inputs = {"data": data[:, : lengths.max()]}
    run = _Run(model, config, generator, evaluate, checkpoint, progress, inputs)
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
            log_probs = losses.path_log_probs(model, data[part, :length], steps[part, : length - 1])
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
    problems = _check_generation(graph, pairs, config.max_length, model)
    base = copy.deepcopy(model).requires_grad_(False)
    inputs = {"graph": graph, "pairs": problems}
    run = _Run(model, config, generator, evaluate, checkpoint, progress, inputs)
    if config.kl_weight:  # of a run that goes on, the model given may have moved
        run.keep("base", base)
    known = set(run.extra.get("known", torch.empty(0)).tolist())
    for _ in run:
        chosen = torch.randint(len(problems), (config.batch_size,), generator=generator)
        tokens = sample(model, problems[chosen], generator, max_length=config.max_length)
        correct = torch.as_tensor(task.check_sequences(graph, tokens) == task.Outcome.CORRECT)
        earned = correct.to(next(model.parameters()).dtype)
        returns = config.reward * earned + config.penalty  # (B,)
        steps = torch.as_tensor(task.path_steps(tokens, graph.n))
        run.optimizer.zero_grad()
        log_probs = losses.path_log_probs(model, tokens, steps)
        base_log_probs = None
        if config.kl_weight:
            with torch.no_grad():
                base_log_probs = losses.path_log_probs(base, tokens, steps)
        weights = losses.advantages(returns, config.baseline)  # (B,)
        loss = losses.policy_gradient(log_probs, weights, base_log_probs, config.kl_weight).mean()
        loss.backward()
        known.update(_sequence_keys(tokens[correct], graph.n).tolist())
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
    run = _Run(model, config, generator, evaluate, checkpoint, progress, inputs)
    if config.initial_scale != 1 and not run.resumed:
        scale_logits(model, config.initial_scale)
    averaged = copy.deepcopy(model).requires_grad_(False) if config.target_decay else model
    if config.target_decay:
        run.keep("averaged", averaged)
    n = graph.n
    for _ in run:
        chosen = torch.randint(len(problems), (config.batch_size,), generator=generator)
        tokens = sample(
            behavior_model or model,
            problems[chosen],
            generator,
            temperature=config.temperature,
            epsilon=config.epsilon,
            max_length=config.max_length,
        )
        correct = task.check_sequences(graph, tokens) == task.Outcome.CORRECT
        steps = torch.as_tensor(task.episode_steps(tokens, n))  # (B, S)
        following, target = tokens[:, 1:], tokens[:, 1:2]
        # No bootstrap on the target, at the end token, or on a step from the target.
        goes_on = steps & (following != target) & (following < n) & (tokens[:, :-1] != target)
        if config.stop_at_error:
            wrong = torch.as_tensor(task.errors(judge, tokens))  # (B, S)
            before = wrong.cumsum(1) - wrong.long() == 0
            steps, goes_on = steps & before, goes_on & before & ~wrong
        r_t = torch.as_tensor(rewards(judge, tokens)).to(next(model.parameters())) * steps
        with torch.no_grad():
            where = F.pad(goes_on, (1, 0))  # (B, L): the states that are bootstrapped from
            best = averaged(tokens, where)[:, :n].amax(-1)  # (M,)
            max_q_t = torch.zeros_like(r_t).masked_scatter(goes_on, best)
        run.optimizer.zero_grad()
        values = model(tokens, F.pad(steps, (0, 1)))  # (M, n+1)
        taken = values.gather(1, following[steps][:, None])[:, 0]  # (M,)
        q_tm1 = torch.zeros_like(r_t).masked_scatter(steps, taken)
        absent = q_tm1 == -torch.inf  # explored from the target: a table has no entry there
        q_tm1, r_t = q_tm1.masked_fill(absent, 0.0), r_t.masked_fill(absent, 0.0)
        discount_t = config.discount * goes_on.to(r_t)
        loss = losses.q_learning(q_tm1, r_t, max_q_t, discount_t).mean()
        loss.backward()
        run.update(loss=loss.item(), accuracy=float(correct.mean()))
        if config.target_decay:
            with torch.no_grad():
                for slow, fast in zip(averaged.parameters(), model.parameters(), strict=True):
                    slow.lerp_(fast, 1 - config.target_decay)
    return run.history


def _shuffled(graph: PlanningGraph) -> PlanningGraph:
    """The same graph, its nodes permuted: as many edges, elsewhere."""
    order = np.random.default_rng(0).permutation(graph.n)
    return PlanningGraph(graph.adjacency[order][:, order])


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
    size = getattr(model, "config", None)  # a table reads sequences of any length
    if size is not None and length > size.max_length:
        raise InputError("model", f"max_length of at least {length} positions", size.max_length)


# What a run of this process has moved: (the digest that it began from, its state when left).
_moved: weakref.WeakKeyDictionary[nn.Module, tuple[str, list[int]]] = weakref.WeakKeyDictionary()
_drawn: weakref.WeakKeyDictionary[torch.Generator, set[str]] = weakref.WeakKeyDictionary()


class _Run:
    """The bookkeeping of one training run: learning rate, history, progress, checkpoints.

    Iterating yields once an update; after the loop's body it evaluates and saves.  ``inputs``
    are the data that the run depends on, ``extra`` what it keeps besides the model.
    """

    def __init__(self, model, config, generator, evaluate, checkpoint, progress, inputs):
        self.model, self.config, self.generator = model, config, generator
        self.evaluate, self.progress = evaluate, progress
        self.checkpoint = Path(checkpoint) if checkpoint else None
        if config.optimizer == "adam":
            self.optimizer = torch.optim.Adam(model.parameters(), config.learning_rate, fused=True)
        else:
            self.optimizer = torch.optim.SGD(model.parameters(), config.learning_rate)
        self.history: History = {}
        self.extra: dict = {}
        self.step = 0
        self.resumed = False
        self.began: dict[str, str] = {}  # digests of the model and the generator at the start
        self.inputs: dict[str, str] = {}
        if self.checkpoint:
            self.inputs = {name: _identity(value) for name, value in inputs.items()}
            self.began = self._state()
            self.resumed = self.checkpoint.exists()
            if self.resumed:
                self._load()
            _drawn.setdefault(generator, set()).add(self.began["generator"])

    def _state(self) -> dict[str, str]:
        model, generator = _identity(self.model), {"": self.generator.get_state()}
        return {"model parameters": model, "generator": digest(generator)}

    def keep(self, name: str, model: nn.Module) -> None:
        """Store another model with the checkpoints; of a run that goes on, restore it first."""
        if self.resumed:
            stored = {k: v for k, v in self.extra.items() if k.startswith(f"{name}.")}
            parameters = {k.removeprefix(f"{name}."): v for k, v in stored.items()}
            _load_parameters(model, parameters, self.checkpoint)
        self.extra |= {f"{name}.{k}": v for k, v in model.state_dict().items()}

    def __iter__(self) -> Iterator[int]:
        c = self.config
        with tqdm(
            total=c.steps, initial=self.step, disable=not self.progress, desc=type(c).__name__[:-6]
        ) as bar:
            while self.step < c.steps:
                if c.schedule == "cosine":
                    for group in self.optimizer.param_groups:
                        done = self.step / c.steps
                        group["lr"] = c.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
                yield self.step
                self.step += 1
                bar.update()
                if self.evaluate and c.evaluate_every and self.step % c.evaluate_every == 0:
                    self._log(evaluated_at=self.step, **self.evaluate(self.model))
                if self.checkpoint and (
                    self.step % c.checkpoint_every == 0 or self.step == c.steps
                ):
                    self._save()
        if self.checkpoint and not self.checkpoint.exists():  # a run of no updates
            self._save()

    def update(self, **figures: float) -> None:
        """Take the optimizer's step and log the figures of this update."""
        if not math.isfinite(figures["loss"]):
            raise DivergedError(f"the loss of update {self.step + 1} is {figures['loss']}")
        self.optimizer.step()
        self._leave()
        self._log(**figures)

    def _leave(self) -> None:
        """Remember that the model's present state is this run's, should it be called again."""
        if self.checkpoint:
            _moved[self.model] = (self.began["model parameters"], _versions(self.model))

    def _log(self, **figures: float) -> None:
        for name, value in figures.items():
            self.history.setdefault(name, []).append(float(value))

    def _save(self) -> None:
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items() if v is not None}
        tensors["generator"] = self.generator.get_state()
        for k, v in self.history.items():
            tensors[f"history.{k}"] = torch.tensor(v, dtype=torch.float64)
        for k, v in self.extra.items():
            tensors[f"extra.{k}"] = v if isinstance(v, Tensor) else torch.tensor(sorted(v))
        settings = self._settings() | {"step": str(self.step), "began": json.dumps(self.began)}
        _write(self.checkpoint, tensors, settings | {"inputs": json.dumps(self.inputs)})

    def _settings(self) -> dict[str, str]:
        return {
            "model": json.dumps(model_spec(self.model)),
            "config": json.dumps({"trainer": type(self.config).__name__, **asdict(self.config)}),
        }

    def _check(self, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        """Refuse the checkpoint of another run, and name what differs."""
        for key, value in self._settings().items():
            if metadata.get(key) != value:
                raise CheckpointError("checkpoint", f"a run of {key} {value}", metadata.get(key))
        if "began" not in metadata or "step" not in metadata:
            got = f"{self.checkpoint}, that does not say what it began from"
            raise CheckpointError("checkpoint", "one that names its data and its start", got)
        inputs, began = json.loads(metadata["inputs"]), json.loads(metadata["began"])
        differing = [name for name, value in self.inputs.items() if inputs.get(name) != value]
        parameters = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
        if self.began["model parameters"] != began["model parameters"] and not (
            digest(self.model.state_dict()) == digest(parameters)
            or _moved.get(self.model) == (began["model parameters"], _versions(self.model))
        ):
            differing.append("model parameters at the start (the base model)")
        if self.began["generator"] != began["generator"] and not (
            torch.equal(self.generator.get_state(), tensors["generator"])
            or began["generator"] in _drawn.get(self.generator, ())
        ):
            differing.append("state of the generator at the start")
        if differing:
            got = f"{self.checkpoint}, a run of another {', another '.join(differing)}"
            raise CheckpointError("checkpoint", "one of this run", got)
        self.began = began

    def _load(self) -> None:
        tensors, metadata = _read(self.checkpoint)
        self._check(tensors, metadata)
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            groups.setdefault(kind, {})[rest] = tensor
        _load_parameters(self.model, groups.get("model", {}), self.checkpoint)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups.get("optimizer", {}).items():
            i, _, k = name.partition(".")
            state.setdefault(int(i), {})[k] = tensor
        param_groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": param_groups})
        self.generator.set_state(tensors["generator"])
        self.history = {k: v.tolist() for k, v in groups.get("history", {}).items()}
        self.extra = groups.get("extra", {})
        self.step = int(metadata["step"])
        self._leave()


def _versions(model: nn.Module) -> list[int]:
    """How often each parameter was written to: it tells whether someone else did since."""
    return [parameter._version for parameter in model.parameters()]


def _identity(value: object) -> str:
    """Digest of something that a run depends on."""
    if isinstance(value, PlanningGraph):
        return value.digest
    if isinstance(value, nn.Module):
        return json.dumps(model_spec(value)) + digest(value.state_dict())
    return digest({"": value}) if isinstance(value, Tensor) else str(value)


def save_model(model: nn.Module, path: str | Path) -> None:
    """Write a model's parameters and size to a safetensors file, all or nothing."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    _write(Path(path), tensors, {"model": json.dumps(model_spec(model))})


def load_model(path: str | Path) -> nn.Module:
    """Read the model of a checkpoint.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated, or holds no model of its own stated size.
    """
    tensors, metadata = _read(Path(path))
    try:
        model = build_model(json.loads(metadata["model"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError("checkpoint", "a model's description", f"{path} ({error})") from error
    parameters = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    _load_parameters(model, parameters, path)
    return model


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of named tensors: names, types, shapes and contents."""
    whole = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous()
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        whole.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def _load_parameters(model: nn.Module, parameters: dict[str, Tensor], path: object) -> None:
    try:
        model.load_state_dict(parameters)
    except RuntimeError as error:
        reason = str(error).replace("\n", " ")
        raise CheckpointError("checkpoint", "the model's shapes", f"{path} ({reason})") from error


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write beside the file and move it into place: an interrupted write leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, new, metadata)
    with open(new, "rb") as file:
        os.fsync(file.fileno())
    os.replace(new, path)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            "checkpoint", "a whole safetensors file", f"{path} ({error})"
        ) from error
