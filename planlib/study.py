"""One configuration and seed, one stored run: train, load, re-check.

A run lives in a folder named after the hash of its configuration, with its
model, its training curve and a record of how it came about.

Source: the provenance rules of the book's page *How to read the evidence*.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from planlib import metrics
from planlib.evidence import versions
from planlib.graph import InputError, PlanningGraph, parse_graph
from planlib.models import Transformer, TransformerConfig
from planlib.task import Split, sft_dataset, split_pairs
from planlib.train import SFTConfig, load_model, save_model, train_sft

RUNS = Path(__file__).resolve().parent.parent / "runs"


@dataclass(frozen=True)
class RunConfig:
    """One SFT run of the book, named in full.

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

    @property
    def key(self) -> str:
        """Identity of the run: the first 12 hex digits of the hash of its configuration."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


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
    config: RunConfig, *, checkpoint: Path | None = None, evaluate=None, progress: bool = True
) -> Run:
    """Train a configuration from scratch (or from its checkpoint) and measure it."""
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


def measure(model: nn.Module, task: Task, seed: int) -> dict[str, float]:
    """Final metrics of a run: greedy and sampled accuracy on test and training pairs."""
    figures = {}
    for name, pairs in (("test", task.split.test_pairs), ("train", task.split.train_pairs)):
        for how, sampling in (("greedy", {"greedy": True}), ("sampled", {"samples": 10})):
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
    run = train_run(config, checkpoint=checkpoint, progress=progress)
    save_model(run.model, place / "model.safetensors")
    record = {
        "config": asdict(config),
        "metrics": run.metrics,
        "history": {k: [round(x, 4) for x in v] for k, v in run.history.items()},
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
    command = f"python -m planlib train sft --graph {config.graph} --seed {config.seed}"
    try:
        record = json.loads((place / "record.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError("config", f"a stored run (make it: {command})", place.name) from error
    if record["config"] != json.loads(json.dumps(asdict(config))):
        raise InputError("config", f"the configuration of {place.name}", "another one, stored")
    model = load_model(place / "model.safetensors")
    return Run(config, make_task(config), model, record["history"], record["metrics"])


def recheck(run: Run, tolerance: float = 0.01) -> dict[str, tuple[float, float, bool]]:
    """Re-evaluate a stored model: ``{metric: (stored, now, agrees)}``.

    Greedy figures may move by ties that another processor rounds otherwise;
    sampled ones by that and by the draw.  Both must lie within ``tolerance``.
    """
    now = measure(run.model, run.task, run.config.seed)
    return {k: (v, now[k], abs(v - now[k]) <= tolerance) for k, v in run.metrics.items()}
