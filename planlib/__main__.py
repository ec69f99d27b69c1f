"""Command line of planlib: verify a theorem, list the claims, predict, train one model, compare."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from planlib.evidence import RUNGS, Record, exit_code, store
from planlib.files import FileNotice
from planlib.graph import GRAMMAR, InputError
from planlib.studies import SECOND
from planlib.train import DivergedError

EXAMPLES = f"""examples:
  python -m planlib list                       every claim, its rung and its page
  python -m planlib verify 4.1                 recompute every check of Theorem 4.1
  python -m planlib verify 3.1 --rung exhaustive --json
  python -m planlib verify figure2             the claims on a figure of the paper
  python -m planlib predict my.graphml         what the theorems say of it, before training
  python -m planlib predict blocksworld:4 --q.discount 0.9 --html page.html
  python -m planlib train sft --graph er:n=100,p=0.15,acyclic,seed=0 --seed 0
  python -m planlib train pg --graph blocksworld:4 --seed 1 --steps 200
  python -m planlib train pg --kl-weight 0.1 --seed 2
  python -m planlib train grpo --group 16 --deviation none --average sum
  python -m planlib train filtered-sft --negative-weight 0.1
  python -m planlib train q --reward outcome --discount 0.98 --seed 2
  python -m planlib train sft --graph my.csv --layers 2 --train-fraction 0.5
  python -m planlib train q --network gru --device cuda
  python -m planlib compare q --seed 2
  python -m planlib train q --help             every setting of a run
  python -m planlib study q-ingredients        make the runs of a study that are missing
  python -m planlib study q-seeds --jobs 2     the same, two at once
  python -m planlib recheck --seed 7           train or evaluate three stored runs again

exit status of verify: 0 all PASS or N/A, 1 a FAIL or a control that was not
rejected, 2 UNDECIDED only, 64 bad usage.
a graph is {GRAMMAR}.
"""
BAD_USAGE = 64
# REINFORCE is policy gradient by its other name.
METHODS = ("sft", "reinforce", *(name.replace("_", "-") for name in SECOND))
# The claims of the book are a package of their own, which imports this one; found by name.
theorems = importlib.import_module("theorems")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(BAD_USAGE, f"{self.prog}: {message}\ntry: {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    shape = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": EXAMPLES}
    parser = _Parser(prog="python -m planlib", description=__doc__, **shape)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    verify = commands.add_parser("verify", help="recompute the checks of a theorem", **shape)
    verify.add_argument("theorem", help=f"one of {', '.join(theorems.ALL)}, or 'all'")
    verify.add_argument("--rung", help=f"only this rung: {', '.join(RUNGS)}")
    verify.add_argument("--json", action="store_true", help="one JSON object a line")
    verify.add_argument("--small", action="store_true", help="the smallest size, as in the tests")
    verify.add_argument("--record", action="store_true", help="store the records for the book")

    listing = commands.add_parser("list", help="list all claims", **shape)
    listing.add_argument("--json", action="store_true", help="one JSON object a line")

    foretell = commands.add_parser(
        "predict", help="what the theorems say of a graph, before training", **shape
    )
    foretell.add_argument("graph", help=f"one of {GRAMMAR}")
    foretell.add_argument(
        "settings",
        nargs=argparse.REMAINDER,
        help="--paths, --json, --html and settings: 'predict GRAPH --help' prints them all",
    )

    train = commands.add_parser("train", help="train one model and print where it lies", **shape)
    train.add_argument("method", choices=METHODS)
    train.add_argument(
        "settings", nargs=argparse.REMAINDER, help="'train METHOD --help' prints them all"
    )

    compare = commands.add_parser(
        "compare", help="a stored run beside what was foretold of it", **shape
    )
    compare.add_argument("method", choices=METHODS)
    compare.add_argument(
        "settings", nargs=argparse.REMAINDER, help="as those of train, which made it"
    )

    runs = commands.add_parser("study", help="make the missing runs of a study", **shape)
    runs.add_argument("name", help="such as q-seeds; an unknown name lists them")
    runs.add_argument("--jobs", type=int, default=1, help="runs at once, one thread each")
    runs.add_argument(
        "--where", choices=("here", "processes", "dask"), default="processes", help="who runs them"
    )
    runs.add_argument("--scheduler", help="address of a Dask scheduler (default: a local cluster)")
    runs.add_argument("--only", metavar="KEY", help="one run of the study, by its key")
    runs.add_argument("--device", default="cpu", help="where they compute: cpu, cuda")
    runs.add_argument("--out", type=Path, help="folder for the records (default: runs)")

    again = commands.add_parser("recheck", help="re-check some of the stored runs", **shape)
    again.add_argument("--count", type=int, default=3, help="how many (default: 3)")
    again.add_argument("--seed", type=int, default=0, help="of the choice")
    again.add_argument(
        "--under", type=float, default=180, help="train runs again that took fewer seconds"
    )
    again.add_argument(
        "--all", action="store_true", help="train every stored run again (hours), however long"
    )
    again.add_argument("--out", type=Path, help="folder of the runs (default: runs)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    commands = {
        "verify": _verify,
        "list": _list,
        "predict": _predict,
        "train": _train,
        "compare": _compare,
        "study": _study,
        "recheck": _recheck,
    }
    try:
        with _notices_in_one_line():
            return commands[options.command](options)
    except InputError as error:
        print(f"planlib: {error}", file=sys.stderr)
        return BAD_USAGE
    except DivergedError as error:  # what was stored before it stays
        print(f"planlib: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has seen enough, as in `... list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


@contextlib.contextmanager
def _notices_in_one_line() -> Iterator[None]:
    """Print what was dropped of a file as a line, once, without the place in the code."""
    usual, told = warnings.showwarning, set()

    def show(message, category, *where):
        if not issubclass(category, FileNotice):
            usual(message, category, *where)
        elif str(message) not in told:
            told.add(str(message))
            print(f"notice: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", FileNotice)
        warnings.showwarning = show
        yield


def _verify(options: argparse.Namespace) -> int:
    if options.record and (options.rung or options.small):
        raise InputError("--record", "whole theorems at full size", "--rung or --small beside it")
    names = list(theorems.ALL) if options.theorem == "all" else [options.theorem]
    chosen = [(name, theorems.checks(name, options.rung)) for name in names]  # before any work
    records: list[Record] = []
    for name, checks in chosen:
        for reading in theorems.long_readings(name) if options.record else ():
            reading.write()
        done = []
        for check in checks:
            done.append(check.run("small" if options.small else "full"))
            print(_json(done[-1]) if options.json else done[-1].line(), flush=True)
        if options.record:
            store(done, name)
        records += done
    return exit_code(records)


def _json(record: Record) -> str:
    return json.dumps(dataclasses.asdict(record), ensure_ascii=False)


def _list(options: argparse.Namespace) -> int:
    for theorem in theorems.ALL:
        for check in theorems.checks(theorem):
            text = getattr(check, "title", None) or f"N/A: {check.reason}"
            page = f"notebooks/{theorems.stem(theorem)}.ipynb"
            entry = {"claim": check.claim, "rung": check.rung, "title": text, "page": page}
            print(
                json.dumps(entry, ensure_ascii=False)
                if options.json
                else f"{check.claim:24} {check.rung:13} {text}"
            )
    return 0


def _predict(options: argparse.Namespace) -> int:
    from planlib import settings

    # Of the package of claims, as all that rests on them.
    report, predict, page = (
        importlib.import_module(f"theorems.{name}")
        for name in ("predict_report", "predict", "predict_page")
    )
    given, output = settings.read_beside(
        "predict GRAPH", "What the theorems say of a graph, before training.",
        predict.Settings(), report.Output(), options.settings,
    )  # fmt: skip
    found = predict.predict(
        options.graph, output.paths, output.test_pairs, given, progress=sys.stderr.isatty()
    )
    if output.html:
        page.write(found, output.html)
    print(found.to_json() if output.json else page.text(found))
    return 0


def _train(options: argparse.Namespace) -> int:
    from planlib import settings, study

    config, place = settings.read(options.method, options.settings)
    folder = place.out or study.RUNS
    run = study.store_run(config, folder, device=place.device)
    _report(run.metrics, folder / config.key / "model.safetensors")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from planlib import settings, study

    config, place = settings.read(options.method, options.settings)
    compared = importlib.import_module("theorems.predict_compared").compared
    for row in compared(config, place.out or study.RUNS):
        print(row.text())
    return 0


def _study(options: argparse.Namespace) -> int:
    from planlib import study

    folder = options.out or study.RUNS
    workers = {"jobs": options.jobs, "where": options.where, "scheduler": options.scheduler}
    try:
        where = {"only": options.only, "device": options.device}
        runs = study.run_study(options.name, folder, **where, **workers)
    except study.StudyError as error:
        print(f"planlib: {error}", file=sys.stderr)
        return 1
    for run in runs:
        _report(run.metrics, folder / run.config.key)
    return 0


def _recheck(options: argparse.Namespace) -> int:
    from planlib import study

    folder, good = options.out or study.RUNS, True
    under, count = (float("inf"), None) if options.all else (options.under, options.count)
    for config, how, found in study.recheck_some(count, options.seed, folder, under=under):
        agrees = all(agrees for _, _, agrees in found.values())
        good = good and agrees
        figures = ", ".join(f"{k} {was:.3f} now {now:.3f}" for k, (was, now, _) in found.items())
        print(f"{config.key} {how}: {'agrees' if agrees else 'DISAGREES'}, {figures}", flush=True)
    ways = study.ways_to_recheck(folder, under=under)
    if left := [config.key for config, how in ways.items() if how == study.UNCHECKED]:
        text = "long or single, and without a model; --all trains them again"
        print(f"never checked so: {len(left)} of {len(ways)} runs ({text}): {' '.join(left)}")
    return 0 if good else 1


def _report(metrics: dict[str, float], place: Path) -> None:
    print(", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
    print(place)


if __name__ == "__main__":
    sys.exit(main())
