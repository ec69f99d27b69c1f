"""The bookkeeping of one training run: its learning rate, history, progress and checkpoints.

A checkpoint names all that its run depends on: trainer and configuration, model, data or
graph and pairs, the parameters and the generator that the run began from, and the behaviour
model.  Another one is refused.  Only ``evaluate`` is taken on trust.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from planlib.graph import InputError, PlanningGraph
from planlib.models import build_model, check_generator, model_spec

History = dict[str, list[float]]
Evaluate = Callable[[nn.Module], dict[str, float]]


class CheckpointError(InputError):
    """A checkpoint that is truncated, of another shape, or of another run."""


class DivergedError(ArithmeticError):
    """A run whose loss is no finite number any more; no later checkpoint is written."""


# What a run of this process has moved: (the digest that it began from, its state when left).
_moved: weakref.WeakKeyDictionary[nn.Module, tuple[str, list[int]]] = weakref.WeakKeyDictionary()
_drawn: weakref.WeakKeyDictionary[torch.Generator, set[str]] = weakref.WeakKeyDictionary()


class TrainingRun:
    """The bookkeeping of one training run: learning rate, history, progress, checkpoints.

    Iterating yields once an update; after the loop's body it evaluates and saves.  ``inputs``
    are the data that the run depends on, ``extra`` what it keeps besides the model.
    """

    def __init__(self, model, config, generator, evaluate, checkpoint, progress, inputs):
        check_generator(generator)
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
        tensor = tensors[name].detach().cpu().contiguous()
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
