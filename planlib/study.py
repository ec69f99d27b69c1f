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
import json
import math
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

from planlib import HOME, store
from planlib.curves import (  # noqa: F401 - pages that load runs find the whole room here
    READ_OUT,
    Task,
    check_lengths,
    curve,
    longest,
    make_task,
    measure,
    metrics,
    read_out,
    some_pairs,
    value_curve,
)
from planlib.evidence import MissingRunError, versions
from planlib.graph import InputError, parse_graph
from planlib.models import make_network
from planlib.studies import FRESH, KEPT, SEEDS, STUDIES, RunConfig
from planlib.task import check_seed
from planlib.train import (
    History,
    digest,
    load_model,
    train_filtered_sft,
    train_grpo,
    train_policy_gradient,
    train_q_learning,
    train_sft,
)

RUNS = HOME / "runs"
CHECKPOINT, NOTE = "checkpoint.safetensors", "sitting.json"  # of a run in the making


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
    device: str = "cpu",
    progress: bool = True,
) -> Run:
    """Train a configuration from scratch (or from its checkpoint) and measure it.

    With a second stage the SFT run is the stored one, and :func:`curve` joins the history.
    Parameters and random numbers are drawn on the processor, whatever the device, and the
    finished model lies there.

    Raises
    ------
    InputError
        If torch cannot compute on the device here (:func:`check_device`), or the longest
        training path does not fit the model.
    """
    check_device(device)
    if config != config.base:
        return _second_stage(config, checkpoint, folder, device, progress)
    task = make_task(config)
    check_lengths(config, task.graph)
    if task.data.shape[1] > config.max_length:  # with cycles, longer than the shortest answers
        wanted = f"at least {task.data.shape[1]}, for the longest training path"
        raise InputError("max_length", wanted, config.max_length)
    generator = torch.Generator().manual_seed(config.seed)
    model = make_network(config.size(task.graph.n), generator).to(device)
    history = train_sft(
        model,
        task.data,
        config.sft,
        generator,
        evaluate=evaluate and (lambda m: evaluate(m, task)),
        checkpoint=checkpoint,
        progress=progress,
    )
    final = measure(model, task, config.seed)
    return Run(config, task, model.cpu(), history, final)


def check_device(device: str) -> str:
    """Return how a device is called in the records, or refuse one that is not there.

    Raises
    ------
    InputError
        If torch cannot compute on it, on this machine or as it was built.
    """
    try:
        torch.zeros(1, device=device).add(1).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        wanted = "'cpu', or a device that torch can use here, such as 'cuda'"
        raise InputError("device", wanted, f"{device!r} ({str(error).splitlines()[0]})") from error
    if torch.device(device).type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    return f"{device}, {platform.machine()}, {torch.get_num_threads()} threads"


# Methods that sample the policy itself: what trains them.
SAMPLED = {
    "pg": train_policy_gradient,
    "grpo": train_grpo,
    "ppo": train_grpo,
    "filtered_sft": train_filtered_sft,
}


def _along(config: RunConfig, task: Task, base: nn.Module):
    """What is measured of a model along its second stage: the curve, and how far it is from its base."""
    at = task.evaluated["test"][:, [1, 0]].T

    def figures(model: nn.Module) -> dict[str, float]:
        policy, temperature = read_out(config, model, base)
        far = metrics.divergence_from_base(policy, base, *at, temperature)
        if config.q:
            found = value_curve(model, task, config.seed, policy, temperature)
        else:
            found = curve(model, task, config.seed)
        return found | {"from_base": float(far.mean())}

    return figures


def _second_stage(config, checkpoint, folder, device, progress) -> Run:
    base = load_run(config.base, folder)
    check_lengths(config, base.task.graph)
    if base.model is None:  # its record alone was kept: half a minute makes it again
        base = train_run(config.base, device=device, progress=progress)
    base.model.to(device)
    generator = torch.Generator().manual_seed(config.seed)
    task = make_task(config)
    before = copy.deepcopy(base.model)
    follow = _along(config, task, before)
    common = {"evaluate": follow, "checkpoint": checkpoint, "progress": progress}
    began_from = digest(base.model.state_dict())
    start = {k: [v] for k, v in follow(before).items()}
    graph, pairs = task.graph, task.split.prompt_pairs
    if config.q:
        behavior = copy.deepcopy(base.model) if config.off_policy else None
        history = train_q_learning(
            base.model, graph, pairs, config.q, generator, behavior_model=behavior, **common
        )
    elif config.more_sft:
        history = train_sft(base.model, task.data, config.more_sft, generator, **common)
    else:
        train = SAMPLED[config.method]
        history = train(base.model, graph, pairs, config.stage, generator, **common)
    history = {k: start.get(k, []) + v for k, v in history.items()}
    history["evaluated_at"] = [0, *history.get("evaluated_at", [])]
    policy, temperature = read_out(config, base.model, before)
    final = measure(policy, task, config.seed, temperature)
    return Run(config, task, base.model.cpu(), history, final, began_from)


def store_run(
    config: RunConfig,
    folder: Path = RUNS,
    *,
    keep_model: bool = True,
    wait: bool = True,
    device: str = "cpu",
    progress: bool = True,
) -> Run:
    """Return the stored run, training and storing it first (and its base) where it is missing.

    Without ``keep_model`` the record alone is stored: curve, metrics, provenance.  One call
    at a time makes a run; a second one waits, or without ``wait`` raises ``filelock.Timeout``.
    The device is part of the record, and not of the run's identity.
    """
    if is_stored(config, folder):
        return load_run(config, folder)
    check_lengths(config, make_task(config).graph)  # refused before anything is written
    check_device(device)
    locks = Path(folder) / ".locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("folder", "one that can be written", f"{folder} ({error})") from error
    # The system lets go of the lock when its process dies, however it dies.
    with FileLock(locks / config.key).acquire(timeout=-1 if wait else 0):
        if is_stored(config, folder):  # made while we waited
            return load_run(config, folder)
        if config != config.base:
            store_run(config.base, folder, device=device, progress=progress)
        return _make_run(config, Path(folder), keep_model, device, progress)


def _make_run(
    config: RunConfig, folder: Path, keep_model: bool, device: str, progress: bool
) -> Run:
    place = folder / config.key
    earlier, began = _begin(place), time.perf_counter()
    checkpoint = place / CHECKPOINT
    where = {"folder": folder, "device": device}
    run = train_run(config, checkpoint=checkpoint, progress=progress, **where)
    record = {
        "schema": store.SCHEMA,
        "config": config.fields(),
        "graph": run.task.graph.digest,
        **({"base": run.base_digest} if run.base_digest else {}),
        "metrics": run.metrics,
        "seconds": round(earlier + time.perf_counter() - began, 1),
        "made": time.strftime("%Y-%m-%d"),
        "device": check_device(device),
        "versions": versions(),
    }
    store.write(place, record, run.history, run.model if keep_model else None)
    for file in (checkpoint, place / NOTE):  # the finished model is enough from here on
        file.unlink(missing_ok=True)
    return run


def _begin(place: Path) -> float:
    """Note that work on a run begins; return the seconds that its checkpoint took before.

    What an interrupted call did after its last checkpoint is lost, and not counted.
    """
    seconds, note, checkpoint = 0.0, place / NOTE, place / CHECKPOINT
    if checkpoint.exists():
        with contextlib.suppress(OSError, ValueError, KeyError):
            last = json.loads(note.read_text())
            seconds = last["seconds"] + max(0.0, checkpoint.stat().st_mtime - last["began"])
    place.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"seconds": seconds, "began": time.time()}))
    return seconds


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
        raise MissingRunError("config", wanted, place.name) from error
    if RunConfig.of_fields(record["config"]) != config:
        wanted = f"the configuration of {place.name}"
        raise store.RecordError("config", wanted, "another one, stored")
    if record.get("graph", now := parse_graph(config.graph).digest) != now:
        wanted = f"the graph of {place.name}"
        raise store.RecordError("graph", wanted, f"another one: {config.graph} has changed")
    _refuse_another_base(record, config, folder)
    return record, history


def _refuse_another_base(record: dict, config: RunConfig, folder: Path) -> None:
    """A second stage belongs to the model that it began from (schema 1 did not note which)."""
    model = Path(folder) / config.base.key / store.MODEL
    if "base" not in record or not model.exists():
        return
    if record["base"] != _digest_of(model, model.stat().st_mtime_ns):
        wanted = f"the model that {config.key} began from"
        raise store.RecordError("base", wanted, f"another one, stored in {config.base.key}")


@functools.lru_cache(maxsize=64)
def _digest_of(model: Path, changed: int) -> str:
    return digest(load_model(model).state_dict())


def load_run(config: RunConfig, folder: Path = RUNS) -> Run:
    """Load a stored run; its model is None if only the record was kept.

    Raises
    ------
    InputError
        If it is missing, with the command that makes it.
    RecordError
        If it is cut short, altered, or its stored configuration, its graph or the model that
        it began from is another one.
    """
    record, history = load_record(config, folder)
    kept = store.MODEL in record["files"]
    model = load_model(Path(folder) / config.key / store.MODEL) if kept else None
    return Run(config, make_task(config), model, history, record["metrics"])


def _at_the_end(config: RunConfig, final: dict[str, float], history: History) -> dict[str, float]:
    """All that a record says of the finished model: metrics, and the last figures along a stage."""
    stage, at = config.stage, history.get("evaluated_at", [0])
    if not stage or at[-1] != stage.steps:
        return final
    skipped = {*store.AT_UPDATES, "evaluated_at"}
    return final | {k: v[-1] for k, v in history.items() if k not in skipped}


def recheck(
    run: Run, tolerance: float = 0.01, folder: Path = RUNS
) -> dict[str, tuple[float, float, bool]]:
    """Re-evaluate a stored model: ``{figure: (stored, now, agrees)}``.

    Figures are the final metrics and, after a second stage, all that was measured last along
    it: diversity, read-out, values.  Greedy ones may move by ties that another processor rounds
    otherwise; sampled ones by that and by the draw.  Metrics must lie within ``tolerance``,
    the others, of which fewer samples are drawn, within three times that (relative above 1).

    Raises
    ------
    InputError
        If its model, or that of its base, was not kept.
    """
    if run.model is None:
        raise InputError("run", "a run whose model was kept", run.config.key)
    config = run.config
    base = load_run(config.base, folder).model if config.stage else run.model
    if base is None:
        raise InputError("run", "a run whose base's model was kept", config.key)
    policy, temperature = read_out(config, run.model, base)
    now = measure(policy, run.task, config.seed, temperature)
    stored = _at_the_end(config, run.metrics, run.history)
    if stored.keys() - now.keys():
        now |= _along(config, run.task, base)(run.model)
    return {
        k: (v, now[k], abs(v - now[k]) <= _reach(k in run.metrics, v, tolerance))
        for k, v in stored.items()
    }


def _reach(final: bool, value: float, tolerance: float) -> float:
    return tolerance if final else 3 * tolerance * max(1.0, abs(value))


def recompute(config: RunConfig, folder: Path = RUNS) -> dict[str, tuple[float, float, bool]]:
    """Train a stored run again from scratch: ``{figure: (stored, now, agrees)}``.

    Another processor rounds otherwise and ends elsewhere, as another seed would: a final metric
    must lie within three standard deviations of the stored seeds of the same run (their 95%
    prediction interval, for five of them), or within 0.005 of their mean.  The figures along a
    stage are many, and get six, or 0.03 (relative above 1).  Where fewer than three seeds are
    stored, all must lie within 0.03 of what is stored.
    """
    runs = [load_record(c, folder) for c in _seeds_stored(config, folder)]
    ends = [_at_the_end(config, record["metrics"], history) for record, history in runs]
    record, history = load_record(config, folder)
    with tempfile.TemporaryDirectory() as fresh:
        if config != config.base:
            store_run(config.base, Path(fresh), progress=False)
        run = train_run(config, folder=Path(fresh), progress=False)
    now = _at_the_end(config, run.metrics, run.history)
    found = {}
    for name, value in _at_the_end(config, record["metrics"], history).items():
        values = [end[name] for end in ends if name in end]
        final = name in record["metrics"]
        middle, reach = value, _reach(False, value, 0.01)
        if len(values) >= 3:
            middle, spread = float(np.mean(values)), float(np.std(values, ddof=1))
            least = 0.005 if final else _reach(False, middle, 0.01)
            reach = max((3 if final else 6) * spread, least)
        if name in now:  # a series that is no longer recorded cannot be compared
            found[name] = (value, now[name], abs(now[name] - middle) <= reach)
    return found


def _seeds_stored(config: RunConfig, folder: Path) -> list[RunConfig]:
    seeds = (replace(config, seed=s) for s in (*SEEDS, *FRESH))
    return [c for c in seeds if is_stored(c, folder)]


TRAINED, EVALUATED, UNCHECKED = "trained again", "evaluated again", "not checked"


def ways_to_recheck(folder: Path = RUNS, *, under: float = 180) -> dict[RunConfig, str]:
    """How each stored run is re-checked: :data:`TRAINED`, :data:`EVALUATED` or :data:`UNCHECKED`.

    Runs that took less than ``under`` seconds are trained again where three seeds are stored
    (all of them if ``under`` is infinite); of the others the stored model is evaluated again,
    beside its base's.  Neither can be done to a long run, or a single one, of which one of the
    two was not kept.

    Raises
    ------
    InputError
        If no run is stored there.
    """
    ways = {}
    for place in sorted(p.parent for p in Path(folder).glob(f"*/{store.RECORD}")):
        if not store.is_stored(place):
            continue
        record, _ = store.read(place)
        config = RunConfig.of_fields(record["config"])
        again = record["seconds"] < under
        if again and (under == math.inf or len(_seeds_stored(config, folder)) >= 3):
            ways[config] = TRAINED
        else:
            kept = all((Path(folder) / c.key / store.MODEL).exists() for c in (config, config.base))
            ways[config] = EVALUATED if kept else UNCHECKED
    if not ways:
        raise InputError("folder", "stored runs", f"none in {folder}")
    return ways


def recheck_some(
    count: int | None, seed: int, folder: Path = RUNS, *, under: float = 180
) -> Iterator[tuple[RunConfig, str, dict[str, tuple[float, float, bool]]]]:
    """Re-check stored runs drawn with ``seed``: yields each with how it was done and what came out.

    How is decided by :func:`ways_to_recheck`; without ``count`` all runs are, and those that
    cannot be checked are passed over.

    Raises
    ------
    InputError
        If there is no run to check, ``count < 1``, ``under`` is no number of seconds, or the
        seed is none (:func:`planlib.task.check_seed`).
    """
    if count is not None and count < 1:
        raise InputError("count", "at least 1", count)
    if not under >= 0:
        raise InputError("under", "a number of seconds", under)
    seed = check_seed(seed)
    ways = list(ways_to_recheck(folder, under=under).items())
    order = [ways[i] for i in np.random.default_rng(seed).permutation(len(ways))]
    chosen = [(config, how) for config, how in order if how != UNCHECKED][:count]
    if not chosen:
        raise InputError("folder", "runs that can be checked", f"none in {folder}")
    for config, how in chosen:
        if how == TRAINED:
            found = recompute(config, folder)
        else:
            found = recheck(load_run(config, folder), folder=folder)
        yield config, how, found


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
    device: str = "cpu",
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
    device
        Where all of them compute.

    Raises
    ------
    InputError
        If there is no such study, run or device, ``jobs < 1``, ``where`` is unknown, or
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
        check_device(device)
        _make_cells(name, cells, folder, jobs, where, scheduler, device, progress)
    return [load_run(config, folder) for config in chosen]


def _make_cells(name, cells, folder, jobs, where, scheduler, device, progress) -> None:
    with tqdm(total=len(cells), desc=name, disable=not progress) as bar, warnings.catch_warnings():
        # Between two runs joblib replaces a worker that has grown, and warns of it.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            with _backend(where, jobs, scheduler) as parallel:
                # What another call has in hand comes last, when it may be done.
                for wait in (False, True):
                    held = []
                    caller = os.getpid() if where == "processes" else None
                    todo = (delayed(_cell)(c, folder, wait, caller, device) for c in cells)
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
    config: RunConfig, folder: Path, wait: bool, caller: int | None, device: str
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
        how = {"keep_model": keep, "wait": wait, "device": device}
        store_run(config, folder, progress=False, **how)
    except Timeout:
        return config, False
    finally:
        torch.set_num_threads(threads)
    return config, True


def missing(name: str, folder: Path = RUNS) -> list[RunConfig]:
    """Return the runs of a study that are not stored."""
    return [c for c in STUDIES[name] if not is_stored(c, folder)]
