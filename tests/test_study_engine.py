"""Studies that are interrupted, called twice at once, and run on a cluster."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from planlib import store, studies, study
from planlib.graph import InputError

# A study of three runs that share a base, declared where the workers can import it.
DECLARED = """
import dataclasses, sys, pathlib
from planlib import studies, study
from planlib.train import QLearningConfig, SFTConfig

base = studies.RunConfig(
    graph="er:n=12,p=0.4,acyclic,seed=1", width=16, max_length=14,
    sft=SFTConfig(steps=20, batch_size=32),
)
q = QLearningConfig(
    steps={steps}, batch_size=16, evaluate_every=20, checkpoint_every=10, max_length=14
)
studies.STUDIES["small"] = tuple(
    dataclasses.replace(base, q=dataclasses.replace(q, epsilon=e)) for e in (0.1, 0.2, 0.3)
)
folder = pathlib.Path(sys.argv[1])

def main(**options):
    made = [c.key for c in study.missing("small", folder)]
    study.run_study("small", folder, progress=False, **options)
"""


def program(tmp_path, body, steps=40):
    path = tmp_path / "declared.py"
    path.write_text(DECLARED.format(steps=steps) + textwrap.dedent(body))
    return [sys.executable, str(path)]


def finish(folder, **options):
    """Make what is missing of the study in this process, which had no hand in it so far."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["declared.py", str(folder)])
        patch.setattr(studies, "STUDIES", dict(studies.STUDIES))
        patch.setattr(study, "STUDIES", studies.STUDIES)
        declared = {}
        exec(DECLARED.format(steps=40), declared)
        declared["main"](**{"where": "here"} | options)


def in_a_fork(target, *args):
    """Start a function in a copy of this process, which has imported already what it needs."""
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


def records(folder):
    """What the runs came to, without what may differ: the time."""
    found = {}
    for path in sorted(folder.glob("*/record.json")):
        record, history = store.read(path.parent)
        found[path.parent.name] = (record["metrics"], history)
    return found


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("uninterrupted")
    finish(tmp_path / "runs")
    found = records(tmp_path / "runs")
    assert len(found) == 4  # three runs and their base
    return found


def slowly(folder):
    """Make the study; sleep when a second stage evaluates and its checkpoint is there."""
    evaluate = study.value_curve

    def halfway(model, *rest):
        if list(folder.glob("*/checkpoint.safetensors")):
            (folder.parent / "halfway").touch()
            time.sleep(60)
        return evaluate(model, *rest)

    study.value_curve = halfway
    finish(folder)


def test_a_killed_study_goes_on_and_ends_the_same(tmp_path, uninterrupted):
    """Killed while a second stage evaluates: its checkpoint is there, its record is not."""
    folder = tmp_path / "runs"
    process = in_a_fork(slowly, folder)
    while not (tmp_path / "halfway").exists():
        assert process.is_alive()
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(records(folder)) < 4 and list(folder.glob("*/checkpoint.safetensors"))
    finish(folder)
    assert records(folder) == uninterrupted


def counting(folder):
    """Make the study and note each run that this call made."""
    make = study._make_run

    def counted(config, *rest):
        with open(folder.parent / "made.txt", "a") as file:
            file.write(config.key + "\n")
        return make(config, *rest)

    study._make_run = counted
    finish(folder)


def test_two_calls_at_once_share_the_runs(tmp_path, uninterrupted):
    both = [in_a_fork(counting, tmp_path / "runs") for _ in range(2)]
    for process in both:
        process.join()
    assert [p.exitcode for p in both] == [0, 0]
    made = (tmp_path / "made.txt").read_text().split()
    assert sorted(made) == sorted(uninterrupted)  # each run once, whoever made it
    assert records(tmp_path / "runs") == uninterrupted


def test_workers_give_the_same_results(tmp_path, uninterrupted):
    finish(tmp_path / "runs", where="processes", jobs=2)
    assert records(tmp_path / "runs") == uninterrupted


def test_an_altered_base_is_refused_in_the_worker_and_named(tmp_path, uninterrupted):
    folder = tmp_path / "runs"
    finish(folder)
    for path in folder.glob("*/record.json"):
        if "q" in json.loads(path.read_text())["config"]:
            path.unlink()  # the second stages are to be made again
        else:
            path.write_text(path.read_text().replace('"greedy_test": ', '"greedy_test": 1'))
    with pytest.raises(store.RecordError, match="an altered one"):
        finish(folder, where="processes", jobs=1)


def test_a_worker_of_a_cluster_may_die(tmp_path, uninterrupted):
    """Dask gives the dead worker's run to another, which goes on from the checkpoint.

    The results are those of one process, so that this is the test of dask's workers too.
    """
    body = """
    import os, signal
    import planlib.study as s
    make = s._make_run
    def once(config, *rest):
        mark = folder.parent / "died"
        if config.q and not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return make(config, *rest)
    s._make_run = once
    if __name__ == '__main__':
        main(where='dask', jobs=2)
    """
    run = program(tmp_path, body)
    subprocess.run([*run, str(tmp_path / "runs")], check=True)
    assert (tmp_path / "died").exists()
    assert records(tmp_path / "runs") == uninterrupted


def test_a_dead_process_is_reported_and_nothing_is_lost(tmp_path, uninterrupted):
    body = """
    import signal, threading, time
    import psutil

    def kill_a_worker():
        while not list(folder.glob("*/record.json")):  # until the base is made
            time.sleep(0.01)
        workers = psutil.Process().children(recursive=True)
        [w for w in workers if "LokyProcess" in " ".join(w.cmdline())][0].kill()

    if __name__ == '__main__':
        threading.Thread(target=kill_a_worker, daemon=True).start()
        try:
            main(where='processes', jobs=2)
        except study.StudyError as error:
            assert "call again" in str(error)
            sys.exit(3)
    """
    folder = tmp_path / "runs"
    assert subprocess.run([*program(tmp_path, body), str(folder)]).returncode == 3
    assert 1 <= len(records(folder)) < 4
    finish(folder)
    assert records(folder) == uninterrupted


def test_workers_end_with_a_killed_call(tmp_path):
    """They would go on with the other runs, or sit on their memory; checkpoints stay."""
    folder, deadline = tmp_path / "runs", time.monotonic() + 120
    run = program(tmp_path, "if __name__ == '__main__': main(where='processes', jobs=2)", 4000)
    process = psutil.Popen([*run, str(folder)])
    while len(list(folder.glob("*/checkpoint.safetensors"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    workers = [w for w in process.children(recursive=True) if "LokyProcess" in str(w.cmdline())]
    assert len(workers) == 2
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    assert len(records(folder)) == 1  # the base
    assert len(list(folder.glob("*/checkpoint.safetensors"))) == 2


def on_a_full_disk(folder):
    """Make the study where the third record has no room."""
    save, calls = store.os.replace, []

    def full(new, path):
        if str(path).endswith("record.json"):
            calls.append(path)
            if len(calls) == 3:
                raise OSError(28, "No space left on device")
        return save(new, path)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(study.StudyError, match="No space"):
        patch.setattr(store.os, "replace", full)
        finish(folder)


def test_a_full_disk_is_one_line_and_keeps_the_runs_before(tmp_path, uninterrupted):
    folder = tmp_path / "runs"
    on_a_full_disk(folder)
    assert len(records(folder)) == 2
    finish(folder)
    assert records(folder) == uninterrupted


@pytest.mark.parametrize("bad", [{"jobs": 0}, {"where": "moon"}])
def test_bad_options_are_refused_before_any_work(tmp_path, bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        study.run_study("q-seeds", tmp_path / "runs", **bad)
    assert not (tmp_path / "runs").exists()
    assert os.listdir(tmp_path) == []
