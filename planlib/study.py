"""One configuration and seed, one stored run: train, load, re-check.

A run lives in a folder named after the hash of its configuration, with its
model, its training curve and a record of how it came about.

Source: the provenance rules of the book's page *How to read the evidence*.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from planlib import metrics
from planlib.evidence import versions
from planlib.graph import InputError, PlanningGraph, parse_graph
from planlib.models import Transformer, TransformerConfig
from planlib.task import Split, sft_dataset, split_pairs
from planlib.train import (
    PolicyGradientConfig,
    QLearningConfig,
    SFTConfig,
    load_model,
    save_model,
    train_policy_gradient,
    train_q_learning,
    train_sft,
)

RUNS = Path(__file__).resolve().parent.parent / "runs"


@dataclass(frozen=True)
class RunConfig:
    """One run of the book, named in full: SFT, and what may come after it.

    Attributes
    ----------
    graph
        Name of the graph, see :func:`planlib.graph.parse_graph`.
    train_fraction
        Share of the non-edge pairs that are training pairs; about 20% in the paper.
    paths_per_pair
        Random paths a training pair; 10 in the paper.
    layers, heads, width, max_length
        Size of the transformer, see :class:`planlib.models.TransformerConfig`.
    sft
        Trainer settings (our choice, see there).
    seed
        Of the split, the paths, the parameters and the batches.
    pg, more_sft, q
        A second stage from the SFT model, one of them: policy gradient on the training
        pairs, more SFT on the same data, or Q-learning on the training pairs.
    off_policy
        Whether the SFT model generates the sequences of Q-learning.
    """

    graph: str = "er:n=100,p=0.15,acyclic,seed=0"
    train_fraction: float = 0.2
    paths_per_pair: int = 10
    layers: int = 1
    heads: int = 1
    width: int = 120
    max_length: int = 48
    sft: SFTConfig = field(
        default_factory=lambda: SFTConfig(steps=900, batch_size=512, learning_rate=2e-3)
    )
    seed: int = 0
    pg: PolicyGradientConfig | None = None
    more_sft: SFTConfig | None = None
    q: QLearningConfig | None = None
    off_policy: bool | None = None

    def __post_init__(self):
        stages = [name for name in ("pg", "more_sft", "q") if getattr(self, name)]
        if len(stages) > 1:
            raise InputError(stages[1], "one second stage", f"{stages[0]} beside it")
        if self.off_policy and not self.q:
            raise InputError("off_policy", "Q-learning as the second stage", "none")

    @property
    def base(self) -> RunConfig:
        """The SFT run that the second stage starts from; the run itself without one."""
        return replace(self, pg=None, more_sft=None, q=None, off_policy=None)

    @property
    def key(self) -> str:
        """Identity of the run: the first 12 hex digits of the hash of its configuration."""
        text = json.dumps(self.fields(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def fields(self) -> dict:
        """Return the configuration as plain data, without the stages that it lacks."""
        return {k: v for k, v in json.loads(json.dumps(asdict(self))).items() if v is not None}

    @property
    def command(self) -> str:
        """The command that makes the run, if its other settings are the defaults."""
        stage, settings = ("sft", self.sft)
        if self.pg:
            settings = self.pg
            stage = f"pg --kl-weight {settings.kl_weight:g} --batch-size {settings.batch_size}"
            stage += f" --schedule {settings.schedule}"
        elif self.more_sft:
            stage, settings = "more-sft", self.more_sft
        elif self.q:
            stage, settings = f"q --reward {self.q.reward}", self.q
            stage += " --off-policy" if self.off_policy else ""
        return (
            f"python -m planlib train {stage} --graph {self.graph} --seed {self.seed}"
            f" --steps {settings.steps}"
        )


# Settings of the second stage (our choice): 600 updates of 512 sequences.
PG = PolicyGradientConfig(steps=600, learning_rate=3e-4, evaluate_every=50, max_length=48)
# Q-learning: the recipe that the chapters on Q-learning take apart.
Q = QLearningConfig(
    steps=1600, initial_scale=0.05, evaluate_every=100, checkpoint_every=200, max_length=32
)
READ_OUT = 0.05  # temperature at which action values are sampled
MORE_SFT = SFTConfig(
    steps=600, batch_size=512, learning_rate=3e-4, schedule="constant", evaluate_every=50
)


@dataclass(frozen=True)
class Task:
    """What a configuration makes before any training: graph, split and SFT data."""

    graph: PlanningGraph
    split: Split
    data: np.ndarray


@dataclass(frozen=True)
class Run:
    """A finished run: its task, its model, its history and final metrics."""

    config: RunConfig
    task: Task
    model: nn.Module
    history: dict[str, list[float]]
    metrics: dict[str, float]


def make_task(config: RunConfig) -> Task:
    """Build graph, split and data of a configuration."""
    graph = parse_graph(config.graph)
    split = split_pairs(graph, config.train_fraction, config.seed)
    return Task(graph, split, sft_dataset(graph, split, config.paths_per_pair, config.seed))


def train_run(
    config: RunConfig,
    *,
    checkpoint: Path | None = None,
    evaluate=None,
    folder: Path = RUNS,
    progress: bool = True,
) -> Run:
    """Train a configuration from scratch (or from its checkpoint) and measure it.

    With a second stage the SFT run is the stored one, and :func:`curve` joins the history.
    """
    if config != config.base:
        return _second_stage(config, checkpoint, folder, progress)
    task = make_task(config)
    generator = torch.Generator().manual_seed(config.seed)
    size = TransformerConfig(
        task.graph.n, config.layers, config.heads, config.width, config.max_length
    )
    model = Transformer(size, generator)
    history = train_sft(
        model,
        task.data,
        config.sft,
        generator,
        evaluate=evaluate and (lambda m: evaluate(m, task)),
        checkpoint=checkpoint,
        progress=progress,
    )
    return Run(config, task, model, history, measure(model, task, config.seed))


def _second_stage(config, checkpoint, folder, progress) -> Run:
    base = load_run(config.base, folder)
    generator = torch.Generator().manual_seed(config.seed)
    follow = value_curve if config.q else curve
    common = {
        "evaluate": lambda m: follow(m, base.task, config.seed),
        "checkpoint": checkpoint,
        "progress": progress,
    }
    start = {k: [v] for k, v in follow(base.model, base.task, config.seed).items()}
    graph, pairs = base.task.graph, base.task.split.train_pairs
    if config.pg:
        history = train_policy_gradient(base.model, graph, pairs, config.pg, generator, **common)
    elif config.q:
        behavior = copy.deepcopy(base.model) if config.off_policy else None
        history = train_q_learning(
            base.model, graph, pairs, config.q, generator, behavior_model=behavior, **common
        )
    else:
        history = train_sft(base.model, base.task.data, config.more_sft, generator, **common)
    history = {k: start.get(k, []) + v for k, v in history.items()}
    history["evaluated_at"] = [0, *history.get("evaluated_at", [])]
    temperature = READ_OUT if config.q else 1.0
    final = measure(base.model, base.task, config.seed, temperature)
    return Run(config, base.task, base.model, history, final)


def value_curve(model: nn.Module, task: Task, seed: int) -> dict[str, float]:
    """Figures along Q-learning: mean value of each class of steps, accuracy and distinct paths.

    The classes are those of Theorem 5.2, by (legal, reachable), over all rows of
    targets and current nodes that can reach them, at the prompt; accuracy at
    temperature :data:`READ_OUT`.
    """
    targets, nodes = np.nonzero(task.graph.reachability & ~np.eye(task.graph.n, dtype=bool))
    values = metrics.next_node_logits(model, targets, nodes).double().numpy()  # (m, n)
    legal, reaches = task.graph.adjacency[nodes], task.graph.reachability[targets]
    figures = _sampled(model, task, seed, READ_OUT)
    for name, where in (
        ("feasible", legal & reaches),
        ("adjacent", legal & ~reaches),
        ("reachable", ~legal & reaches),
        ("neither", ~legal & ~reaches),
    ):
        figures[f"{name}_value"] = float(values[where].mean())
        figures[f"{name}_spread"] = float(values[where].std())
    return figures


def _sampled(model, task: Task, seed: int, temperature: float = 1.0) -> dict[str, float]:
    """Sampled accuracy and distinct paths, the same along every second stage."""
    figures = {}
    for name, pairs in (("train", task.split.train_pairs), ("test", task.split.test_pairs)):
        some = pairs[np.random.default_rng(seed).permutation(len(pairs))[:100]]
        generator = torch.Generator().manual_seed(seed)
        figures[f"{name}_accuracy"] = metrics.accuracy(
            model, task.graph, pairs, generator, samples=2, temperature=temperature
        )
        figures[f"{name}_distinct"] = float(
            metrics.distinct_paths(
                model, task.graph, some, generator, temperature=temperature
            ).mean()
        )
    return figures


def curve(model: nn.Module, task: Task, seed: int) -> dict[str, float]:
    """Figures along a second stage: sampled accuracy, distinct paths, divergence from uniform.

    Accuracy on all training (test) pairs, two samples each; distinct correct paths
    among 100 samples on 100 pairs drawn once; the mean over the training prompts of
    ``KL(U_C || pi)`` at the first step, in nats, and of the mass on wrong next nodes.
    """
    figures = _sampled(model, task, seed)
    sources, targets = task.split.train_pairs.T
    correct = torch.as_tensor(task.graph.correct_next(targets, sources))
    policy = metrics.next_node_logits(model, targets, sources).double().softmax(-1)
    figures["divergence"] = float(
        metrics.divergence_from_uniform(model, task.graph, targets, sources).mean()
    )
    figures["wrong_mass"] = float((policy * ~correct).sum(-1).mean())
    return figures


def measure(model: nn.Module, task: Task, seed: int, temperature: float = 1.0) -> dict[str, float]:
    """Final metrics of a run: greedy and sampled accuracy on test and training pairs."""
    figures = {}
    for name, pairs in (("test", task.split.test_pairs), ("train", task.split.train_pairs)):
        for how, sampling in (
            ("greedy", {"greedy": True}),
            ("sampled", {"samples": 10, "temperature": temperature}),
        ):
            generator = torch.Generator().manual_seed(seed)
            figures[f"{how}_{name}"] = metrics.accuracy(
                model, task.graph, pairs, generator, **sampling
            )
    return figures


def store_run(config: RunConfig, folder: Path = RUNS, *, progress: bool = True) -> Run:
    """Return the stored run, training and storing it first where it is missing."""
    place = Path(folder) / config.key
    if (place / "record.json").exists():
        return load_run(config, folder)
    began = time.perf_counter()
    checkpoint = place / "checkpoint.safetensors"
    run = train_run(config, checkpoint=checkpoint, folder=folder, progress=progress)
    save_model(run.model, place / "model.safetensors")
    record = {
        "config": config.fields(),
        "metrics": run.metrics,
        "history": {k: [round(x, 6) for x in v] for k, v in run.history.items()},
        "seconds": round(time.perf_counter() - began, 1),
        "made": time.strftime("%Y-%m-%d"),
        "device": f"cpu, {platform.machine()}, {torch.get_num_threads()} threads",
        "versions": versions(),
    }
    new = place / "record.json.new"
    new.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(new, place / "record.json")
    checkpoint.unlink(missing_ok=True)  # the finished model is enough from here on
    return run


def load_run(config: RunConfig, folder: Path = RUNS) -> Run:
    """Load a stored run.

    Raises
    ------
    InputError
        If it is missing (with the command that makes it) or its stored
        configuration is another one.
    CheckpointError
        If its model cannot be read.
    """
    place = Path(folder) / config.key
    try:
        record = json.loads((place / "record.json").read_text())
    except (OSError, ValueError) as error:
        wanted = f"a stored run (make it: {config.command})"
        raise InputError("config", wanted, place.name) from error
    if record["config"] != config.fields():
        raise InputError("config", f"the configuration of {place.name}", "another one, stored")
    model = load_model(place / "model.safetensors")
    return Run(config, make_task(config), model, record["history"], record["metrics"])


def recheck(run: Run, tolerance: float = 0.01) -> dict[str, tuple[float, float, bool]]:
    """Re-evaluate a stored model: ``{metric: (stored, now, agrees)}``.

    Greedy figures may move by ties that another processor rounds otherwise;
    sampled ones by that and by the draw.  Both must lie within ``tolerance``.
    """
    temperature = READ_OUT if run.config.q else 1.0
    now = measure(run.model, run.task, run.config.seed, temperature)
    return {k: (v, now[k], abs(v - now[k]) <= tolerance) for k, v in run.metrics.items()}
