"""One configuration and seed, one stored run: train, load, re-check.

A run lives in a folder named after the hash of its configuration, with its
model, its training curve and a record of how it came about.

Source: the provenance rules of the book's page *How to read the evidence*.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import os
import platform
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool
from torch import nn
from tqdm import tqdm

from planlib import store
from planlib.curves import (  # noqa: F401 - pages that load runs find the whole room here
    READ_OUT,
    Task,
    curve,
    longest,
    make_task,
    measure,
    metrics,
    some_pairs,
    value_curve,
)
from planlib.evidence import versions
from planlib.graph import InputError, parse_graph
from planlib.models import Transformer, TransformerConfig
from planlib.studies import KEPT, SEEDS, STUDIES, RunConfig
from planlib.train import (
    History,
    digest,
    load_model,
    train_policy_gradient,
    train_q_learning,
    train_sft,
)

RUNS = Path(__file__).resolve().parent.parent / "runs"
SCHEMA = 2  # of a record; 1 had neither the graph's digest nor that of the model it began from


@dataclass(frozen=True)
class Run:
    """A finished run: its task, its model, its history and final metrics."""

    config: RunConfig
    task: Task
    model: nn.Module | None  # None where only the record was kept
    history: History
    metrics: dict[str, float]
    base_digest: str | None = None  # of the model that a second stage started from


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
    began_from = digest(base.model.state_dict())
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
    return Run(config, base.task, base.model, history, final, began_from)


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
    if is_stored(config, folder):
        return load_run(config, folder)
    parse_graph(config.graph)  # refused before anything is written
    locks = Path(folder) / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    # The system lets go of the lock when its process dies, however it dies.
    with FileLock(locks / config.key).acquire(timeout=-1 if wait else 0):
        if is_stored(config, folder):  # made while we waited
            return load_run(config, folder)
        if config != config.base:
            store_run(config.base, folder, progress=progress)
        return _make_run(config, Path(folder), keep_model, progress)


def _make_run(config: RunConfig, folder: Path, keep_model: bool, progress: bool) -> Run:
    place = folder / config.key
    began = time.perf_counter()
    checkpoint = place / "checkpoint.safetensors"
    run = train_run(config, checkpoint=checkpoint, folder=folder, progress=progress)
    record = {
        "schema": SCHEMA,
        "config": config.fields(),
        "graph": run.task.graph.digest,
        **({"base": run.base_digest} if run.base_digest else {}),
        "metrics": run.metrics,
        "seconds": round(time.perf_counter() - began, 1),
        "made": time.strftime("%Y-%m-%d"),
        "device": f"cpu, {platform.machine()}, {torch.get_num_threads()} threads",
        "versions": versions(),
    }
    store.write(place, record, run.history, run.model if keep_model else None)
    checkpoint.unlink(missing_ok=True)  # the finished model is enough from here on
    return run


def is_stored(config: RunConfig, folder: Path = RUNS) -> bool:
    """Whether the run of a configuration is stored."""
    return store.is_stored(Path(folder) / config.key)


def load_record(config: RunConfig, folder: Path = RUNS) -> tuple[dict, History]:
    """Return record and curves of a stored run, without its task and its model.

    Raises
    ------
    InputError, RecordError
        As :func:`load_run`.
    """
    place = Path(folder) / config.key
    try:
        record, history = store.read(place)
    except OSError as error:
        wanted = f"a stored run (make it: {config.command})"
        raise InputError("config", wanted, place.name) from error
    if record["config"] != config.fields():
        wanted = f"the configuration of {place.name}"
        raise store.RecordError("config", wanted, "another one, stored")
    return record, history


def load_run(config: RunConfig, folder: Path = RUNS) -> Run:
    """Load a stored run; its model is None if only the record was kept.

    Raises
    ------
    InputError
        If it is missing, with the command that makes it.
    RecordError
        If it is cut short, altered, or its stored configuration is another one.
    """
    record, history = load_record(config, folder)
    kept = store.MODEL in record["files"]
    model = load_model(Path(folder) / config.key / store.MODEL) if kept else None
    return Run(config, make_task(config), model, history, record["metrics"])


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


def recompute(config: RunConfig, folder: Path = RUNS) -> dict[str, tuple[float, float, bool]]:
    """Train a stored run again from scratch: ``{metric: (stored, now, agrees)}``.

    Another processor rounds otherwise and ends elsewhere, as another seed would: what is
    now must lie within three standard deviations of the stored seeds of the same run
    (their 95% prediction interval, for five of them), or within 0.005 of their mean.

    Raises
    ------
    InputError
        If fewer than three seeds of the run are stored.
    """
    seeds = _seeds_stored(config, folder)
    if len(seeds) < 3:
        raise InputError("config", "a run of which three seeds are stored", f"{len(seeds)}")
    metrics_of = [load_record(c, folder)[0]["metrics"] for c in seeds]
    stored = load_record(config, folder)[0]["metrics"]
    with tempfile.TemporaryDirectory() as fresh:
        if config != config.base:
            store_run(config.base, Path(fresh), progress=False)
        now = train_run(config, folder=Path(fresh), progress=False).metrics
    found = {}
    for name, value in stored.items():
        values = [m[name] for m in metrics_of]
        reach = max(3 * float(np.std(values, ddof=1)), 0.005)
        found[name] = (value, now[name], abs(now[name] - float(np.mean(values))) <= reach)
    return found


def _seeds_stored(config: RunConfig, folder: Path) -> list[RunConfig]:
    return [c for c in (replace(config, seed=s) for s in SEEDS) if is_stored(c, folder)]


def recheck_some(
    count: int, seed: int, folder: Path = RUNS, *, under: float = 180
) -> Iterator[tuple[RunConfig, str, dict[str, tuple[float, float, bool]]]]:
    """Re-check stored runs drawn with ``seed``: yields each with how it was done and what came out.

    Runs that took less than ``under`` seconds are trained again (:func:`recompute`);
    of longer ones the stored model is evaluated again (:func:`recheck`).  Runs that allow
    neither are passed over.
    """
    records = sorted(p.parent for p in Path(folder).glob(f"*/{store.RECORD}"))
    for index in np.random.default_rng(seed).permutation(len(records)):
        if count <= 0:
            return
        record, _ = store.read(records[index])
        config = RunConfig.of_fields(record["config"])
        if record["seconds"] < under and len(_seeds_stored(config, folder)) >= 3:
            yield config, "trained again", recompute(config, folder)
        elif store.MODEL in record["files"]:
            yield config, "evaluated again", recheck(load_run(config, folder))
        else:
            continue
        count -= 1


class StudyError(RuntimeError):
    """A study that could not be finished; what it stored so far is kept."""


def run_study(
    name: str,
    folder: Path = RUNS,
    *,
    jobs: int = 1,
    where: str = "processes",
    scheduler: str | None = None,
    only: str | None = None,
    progress: bool = True,
) -> list[Run]:
    """Make the missing runs of a study, and return them all (or the one asked for).

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
    only
        The key of one of its runs, or the beginning of it.

    Raises
    ------
    InputError
        If there is no such study or run, ``jobs < 1``, ``where`` is unknown, or
        ``dask`` is asked for and not installed.
    StudyError
        If a worker died or a file could not be written.
    """
    if name not in STUDIES:
        raise InputError("study", f"one of {', '.join(STUDIES)}", repr(name))
    if jobs < 1:
        raise InputError("jobs", "at least 1", jobs)
    if where not in ("here", "processes", "dask"):
        raise InputError("where", "'here', 'processes' or 'dask'", repr(where))
    if where == "dask" and not importlib.util.find_spec("distributed"):
        raise InputError("where", "the extra 'cluster' (pip install -e '.[cluster]')", "'dask'")
    chosen = [c for c in STUDIES[name] if c.key.startswith(only or "")]
    if not chosen:
        raise InputError("only", f"a run of {name}", repr(only))
    folder = Path(folder)
    cells = [c for c in missing(name, folder) if c in chosen]
    if cells:
        _make_cells(name, cells, folder, jobs, where, scheduler, progress)
    return [load_run(config, folder) for config in chosen]


def _make_cells(name, cells, folder, jobs, where, scheduler, progress) -> None:
    with tqdm(total=len(cells), desc=name, disable=not progress) as bar, warnings.catch_warnings():
        # Between two runs joblib replaces a worker that has grown, and warns of it.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            with _backend(where, jobs, scheduler) as parallel:
                # What another call has in hand comes last, when it may be done.
                for wait in (False, True):
                    held = []
                    caller = os.getpid() if where == "processes" else None
                    todo = (delayed(_cell)(c, folder, wait, caller) for c in cells)
                    for config, done in parallel(todo):
                        held += [] if done else [config]
                        bar.update(done)
                    cells = held
        except (OSError, BrokenProcessPool) as error:
            left = f"{len(missing(name, folder))} of {len(STUDIES[name])} runs are missing"
            raise StudyError(f"{left}; call again to go on ({error})") from error


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


@functools.cache
def _end_with(caller: int) -> None:
    """End this worker soon after its caller: alone it would go on, or sit on its memory."""

    def watch():
        while os.getppid() == caller:
            time.sleep(0.5)
        os._exit(1)

    if os.getpid() != caller:
        threading.Thread(target=watch, daemon=True).start()


def _cell(
    config: RunConfig, folder: Path, wait: bool, caller: int | None
) -> tuple[RunConfig, bool]:
    """Make one run in one thread, and say whether it is done: not if another call has it in hand."""
    # Read at the first product.  Sequences have ever other sizes: oneDNN would keep something
    # for each, between the large blocks, and a long run of Q-learning comes to 9 GB.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "1")
    if caller:
        _end_with(caller)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        keep = config == config.base or config in KEPT  # others start from a base
        store_run(config, folder, keep_model=keep, wait=wait, progress=False)
    except Timeout:
        return config, False
    finally:
        torch.set_num_threads(threads)
    return config, True


def missing(name: str, folder: Path = RUNS) -> list[RunConfig]:
    """Return the runs of a study that are not stored."""
    return [c for c in STUDIES[name] if not is_stored(c, folder)]
