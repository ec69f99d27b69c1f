"""One configuration and seed, one stored run: train, load, re-check.

A run lives in a folder named after the hash of its configuration, with its
model, its training curve and a record of how it came about.

Source: the provenance rules of the book's page *How to read the evidence*.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from torch import nn
from tqdm.auto import tqdm

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
        """The command that makes the run, if what it does not name are the defaults."""
        stage, settings = ("sft", self.sft)
        if self.pg:
            settings = self.pg
            stage = f"pg --kl-weight {settings.kl_weight:g} --batch-size {settings.batch_size}"
            stage += f" --schedule {settings.schedule}"
        elif self.more_sft:
            stage, settings = "more-sft", self.more_sft
        elif self.q:
            if self.q != replace(Q, reward=self.q.reward, steps=self.q.steps):
                for name, configs in STUDIES.items():
                    if self in configs:
                        return f"python -m planlib study {name}"
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
# Off-policy the SFT model writes, four of five steps uniform; it needs more updates, and a calm end.
Q_OFF = replace(Q, steps=2400, epsilon=0.8, temperature=1.0, schedule="cosine")
READ_OUT = 0.05  # temperature at which action values are sampled
MORE_SFT = SFTConfig(
    steps=600, batch_size=512, learning_rate=3e-4, schedule="constant", evaluate_every=50
)


ACYCLIC = RunConfig()  # the book's graph; the two others have cycles, and need longer paths
CYCLIC = RunConfig(graph="er:n=100,p=0.15,cyclic,seed=0")
BLOCKSWORLD = RunConfig(graph="blocksworld:4")
SEEDS = range(5)
OFF_POLICY_EPSILONS = (0.2, 0.8)
# What the recipe of Q-learning is taken apart into: one ingredient changed at a time.
INGREDIENTS = {
    "SFT logits unscaled": replace(Q, initial_scale=1.0),
    "no target network": replace(Q, target_decay=0.0),
    "neither": replace(Q, initial_scale=1.0, target_decay=0.0),
    "learning rate 3e-3": replace(Q, learning_rate=3e-3),
    "batches of 64": replace(Q, batch_size=64),
    "temperature 1": replace(Q, temperature=1.0),
    "no uniform exploration": replace(Q, epsilon=0.0),
}


def with_cycles(base: RunConfig, seed: int, scale: float) -> RunConfig:
    """Q-learning with process reward on a graph with cycles, generation as long as the model reads."""
    q = replace(Q, initial_scale=scale, max_length=base.max_length)
    return replace(base, seed=seed, q=q)


STUDIES: dict[str, tuple[RunConfig, ...]] = {
    "q-seeds": tuple(replace(ACYCLIC, seed=s, q=Q) for s in SEEDS),
    "q-off-policy": tuple(replace(ACYCLIC, seed=s, q=Q_OFF, off_policy=True) for s in SEEDS),
    "q-exploration": (
        *(
            replace(ACYCLIC, q=replace(Q, temperature=1.0, epsilon=e), off_policy=True)
            for e in OFF_POLICY_EPSILONS
        ),
        replace(ACYCLIC, q=replace(Q_OFF, steps=3200, schedule="constant"), off_policy=True),
    ),
    "q-outcome": tuple(replace(ACYCLIC, seed=s, q=replace(Q, reward="outcome")) for s in (0, 2)),
    "q-ingredients": tuple(replace(ACYCLIC, q=q) for q in INGREDIENTS.values()),
    "q-cycles": (
        *(
            with_cycles(base, seed, Q.initial_scale)
            for base in (CYCLIC, BLOCKSWORLD)
            for seed in (0, 2)
        ),
        with_cycles(CYCLIC, 2, 1.0),
    ),
    "layers": (replace(ACYCLIC, seed=2, layers=2),),
}


@dataclass(frozen=True)
class Task:
    """What a configuration makes before any training: graph, split and, when asked for, SFT data."""

    config: RunConfig
    graph: PlanningGraph
    split: Split

    @cached_property
    def data(self) -> np.ndarray:
        """Training sequences; a stored run is mostly read without them."""
        config = self.config
        return sft_dataset(self.graph, self.split, config.paths_per_pair, config.seed)


@dataclass(frozen=True)
class Run:
    """A finished run: its task, its model, its history and final metrics."""

    config: RunConfig
    task: Task
    model: nn.Module | None  # None where only the record was kept
    history: dict[str, list[float]]
    metrics: dict[str, float]


def make_task(config: RunConfig) -> Task:
    """Build graph and split of a configuration; its data are made when asked for."""
    graph = parse_graph(config.graph)
    return Task(config, graph, split_pairs(graph, config.train_fraction, config.seed))


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
    if base.model is None:  # its record alone was kept: half a minute makes it again
        base = train_run(config.base, progress=progress)
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
        if where.any():  # where every target can be reached, two of the classes are empty
            figures[f"{name}_value"] = float(values[where].mean())
            figures[f"{name}_spread"] = float(values[where].std())
    return figures


def _sampled(model, task: Task, seed: int, temperature: float = 1.0) -> dict[str, float]:
    """Sampled accuracy and distinct paths, the same along every second stage."""
    figures, sampling = {}, {"temperature": temperature, "max_length": _limit(model, task)}
    for name, pairs in (("train", task.split.train_pairs), ("test", task.split.test_pairs)):
        some = pairs[np.random.default_rng(seed).permutation(len(pairs))[:100]]
        generator = torch.Generator().manual_seed(seed)
        figures[f"{name}_accuracy"] = metrics.accuracy(
            model, task.graph, pairs, generator, samples=2, **sampling
        )
        figures[f"{name}_distinct"] = float(
            metrics.distinct_paths(model, task.graph, some, generator, **sampling).mean()
        )
    return figures


def _limit(model: nn.Module, task: Task) -> int:
    """Longest sequence in tokens: 32 is enough without cycles; with them all the model has."""
    return 32 if task.graph.is_acyclic else model.config.max_length


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
                model, task.graph, pairs, generator, max_length=_limit(model, task), **sampling
            )
    return figures


def store_run(
    config: RunConfig,
    folder: Path = RUNS,
    *,
    keep_model: bool = True,
    wait: bool = True,
    progress: bool = True,
) -> Run:
    """Return the stored run, training and storing it first (and its base) where it is missing.

    Without ``keep_model`` the record alone is stored: curve, metrics, provenance.  One call
    at a time makes a run; a second one waits, or without ``wait`` raises ``filelock.Timeout``.
    """
    place = Path(folder) / config.key
    if (place / "record.json").exists():
        return load_run(config, folder)
    parse_graph(config.graph)  # refused before anything is written
    locks = Path(folder) / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    # The system lets go of the lock when its process dies, however it dies.
    with FileLock(locks / config.key).acquire(timeout=-1 if wait else 0):
        if (place / "record.json").exists():  # made while we waited
            return load_run(config, folder)
        if config != config.base:
            store_run(config.base, folder, progress=progress)
        return _make_run(config, Path(folder), keep_model, progress)


def _make_run(config: RunConfig, folder: Path, keep_model: bool, progress: bool) -> Run:
    place = folder / config.key
    began = time.perf_counter()
    checkpoint = place / "checkpoint.safetensors"
    run = train_run(config, checkpoint=checkpoint, folder=folder, progress=progress)
    place.mkdir(parents=True, exist_ok=True)
    if keep_model:
        save_model(run.model, place / "model.safetensors")
    record = {
        "config": config.fields(),
        "metrics": run.metrics,
        "history": {k: [round(x, 6) for x in v] for k, v in run.history.items()},
        "seconds": round(time.perf_counter() - began, 1),
        "made": time.strftime("%Y-%m-%d"),
        "device": f"cpu, {platform.machine()}, {torch.get_num_threads()} threads",
        "versions": versions(),
    } | ({} if keep_model else {"model": "not kept"})
    new = place / "record.json.new"
    new.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(new, place / "record.json")
    checkpoint.unlink(missing_ok=True)  # the finished model is enough from here on
    return run


def load_run(config: RunConfig, folder: Path = RUNS) -> Run:
    """Load a stored run; its model is None if only the record was kept.

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
    kept = record.get("model") != "not kept"
    model = load_model(place / "model.safetensors") if kept else None
    return Run(config, make_task(config), model, record["history"], record["metrics"])


def recheck(run: Run, tolerance: float = 0.01) -> dict[str, tuple[float, float, bool]]:
    """Re-evaluate a stored model: ``{metric: (stored, now, agrees)}``.

    Greedy figures may move by ties that another processor rounds otherwise;
    sampled ones by that and by the draw.  Both must lie within ``tolerance``.

    Raises
    ------
    InputError
        If the model was not kept.
    """
    if run.model is None:
        raise InputError("run", "a run whose model was kept", run.config.key)
    temperature = READ_OUT if run.config.q else 1.0
    now = measure(run.model, run.task, run.config.seed, temperature)
    return {k: (v, now[k], abs(v - now[k]) <= tolerance) for k, v in run.metrics.items()}


class StudyError(RuntimeError):
    """A study that could not be finished; what it stored so far is kept."""


def run_study(
    name: str,
    folder: Path = RUNS,
    *,
    jobs: int = 1,
    where: str = "processes",
    scheduler: str | None = None,
    progress: bool = True,
) -> list[Run]:
    """Make the missing runs of a study, and return them all.

    Each run takes one thread, so the results do not depend on ``jobs`` or ``where``.
    Interrupted, by whatever means, it loses at most what the runs in hand did since their
    last checkpoints; the next call goes on there.  Several calls may share a folder:
    each run is made by one of them.

    Parameters
    ----------
    jobs
        Runs at once.
    where
        ``here`` (this process, one after the other), ``processes``, or ``dask``.
    scheduler
        Address of a Dask scheduler that sees the same folder; a local cluster if not given.

    Raises
    ------
    InputError
        If there is no such study, ``jobs < 1`` or ``where`` is unknown.
    StudyError
        If a worker died or a file could not be written.
    """
    if name not in STUDIES:
        raise InputError("study", f"one of {', '.join(STUDIES)}", repr(name))
    if jobs < 1:
        raise InputError("jobs", "at least 1", jobs)
    if where not in ("here", "processes", "dask"):
        raise InputError("where", "'here', 'processes' or 'dask'", repr(where))
    folder = Path(folder)
    cells = missing(name, folder)
    with tqdm(total=len(cells), desc=name, disable=not progress) as bar:
        try:
            with _backend(where, jobs, scheduler) as parallel:
                # What another call has in hand comes last, when it may be done.
                for wait in (False, True):
                    held = []
                    for config, done in parallel(delayed(_cell)(c, folder, wait) for c in cells):
                        held += [] if done else [config]
                        bar.update(done)
                    cells = held
        except (OSError, TerminatedWorkerError) as error:
            left = f"{len(missing(name, folder))} of {len(STUDIES[name])} runs are missing"
            raise StudyError(f"{left}; call again to go on ({error})") from error
    return [load_run(config, folder) for config in STUDIES[name]]


@contextlib.contextmanager
def _backend(where: str, jobs: int, scheduler: str | None):
    """Give a joblib ``Parallel`` that yields results as they come."""
    if where != "dask":
        n_jobs = 1 if where == "here" else jobs
        yield Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
        return
    from distributed import Client, LocalCluster  # the extra `cluster`

    cluster = contextlib.nullcontext(scheduler)
    if scheduler is None:
        cluster = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
    with cluster as address, Client(address), parallel_config("dask"):
        yield Parallel(return_as="generator_unordered", batch_size=1)


def _cell(config: RunConfig, folder: Path, wait: bool) -> tuple[RunConfig, bool]:
    """Make one run in one thread, and say whether it is done: not if another call has it in hand."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        base = config == config.base  # small, and others may start from it
        store_run(config, folder, keep_model=base, wait=wait, progress=False)
    except Timeout:
        return config, False
    finally:
        torch.set_num_threads(threads)
    return config, True


def missing(name: str, folder: Path = RUNS) -> list[RunConfig]:
    """Return the runs of a study that are not stored."""
    return [c for c in STUDIES[name] if not (Path(folder) / c.key / "record.json").exists()]
