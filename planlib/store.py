"""A stored run is a folder: its record, its curves and, where it was kept, its model.

``record.json`` says what the run is and how it came about, ``curves.parquet`` holds what
was measured along it (columns ``series``, ``step``, ``value``), ``model.safetensors`` the
model.  The record carries the SHA-256 of the other files and of itself, and is written
last: a folder without it is a run that is not done.

Source: the provenance rules of the book's page *How to read the evidence*.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from torch import nn

from planlib.graph import InputError
from planlib.train import History, save_model

RECORD, CURVES, MODEL = "record.json", "curves.parquet", "model.safetensors"
SCHEMA = 2  # of a record; 1 had neither the graph's digest nor that of the model it began from
AT_UPDATES = ("loss", "accuracy", "known_paths")  # series that trainers log at each update


class RecordError(InputError):
    """A stored run that is cut short, altered, or of another configuration."""


def is_stored(place: Path) -> bool:
    """Whether a finished run lies in the folder ``place``.

    A record that is empty or cut short was interrupted: it counts as missing, with a warning.
    """
    try:
        json.loads((place / RECORD).read_bytes())
    except OSError:
        return False
    except ValueError:
        text = f"{place.name}/{RECORD} is empty or cut short: the run counts as missing"
        warnings.warn(text, stacklevel=2)
        return False
    return True


def write(place: Path, record: dict, history: History, model: nn.Module | None) -> None:
    """Store a run: curves, model if it is kept, and the record last.

    Each file is on the disk before the next begins, so that a record never stands without them.
    """
    place.mkdir(parents=True, exist_ok=True)
    curves = place / f"{CURVES}.new"
    pq.write_table(_table(history), curves, compression="zstd")
    _settle(curves, place / CURVES)
    if model is not None:
        save_model(model, place / MODEL)
    kept = (CURVES,) if model is None else (CURVES, MODEL)
    whole = record | {"files": {name: _sum_of_file(place / name) for name in kept}}
    whole["sha256"] = _sum_of_record(whole)
    new = place / f"{RECORD}.new"
    new.write_text(json.dumps(whole, indent=1) + "\n")
    _settle(new, place / RECORD)


def _settle(new: Path, path: Path) -> None:
    """Move a whole file into place; a power cut leaves the old one or the new one."""
    with open(new, "rb") as file:
        os.fsync(file.fileno())
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, and those before it
    finally:
        os.close(folder)


def read(place: Path) -> tuple[dict, History]:
    """Return the record and the curves of a stored run, all files verified.

    Raises
    ------
    RecordError
        With the reason, if a file is missing, cut short or altered, or of a newer schema.
    OSError
        If there is no record.
    """
    name = f"{place.name}/{RECORD}"
    data = (place / RECORD).read_bytes()
    try:
        record = json.loads(data)
        schema = record.get("schema", 1)
        stated, files = record["sha256"], record["files"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(name, "a whole record", "one that was cut short or edited") from error
    if schema > SCHEMA:
        wanted = f"a record of schema {SCHEMA} or older (a newer planlib reads it)"
        raise RecordError(name, wanted, f"schema {schema}")
    if stated != _sum_of_record(record):
        raise RecordError(name, "the record that was stored", "an altered one")
    for file, digest in files.items():
        if not (place / file).exists():
            raise RecordError(f"{place.name}/{file}", "the file that was stored", "none")
        if _sum_of_file(place / file) != digest:
            raise RecordError(f"{place.name}/{file}", "the file that was stored", "an altered one")
    return record, _history(pq.read_table(place / CURVES))


def _table(history: History) -> pa.Table:
    """Put series one under the other; those of ``evaluated_at``'s length stand at its updates."""
    evaluated_at = history.get("evaluated_at", [])
    names, steps, values = [], [], []
    for name, line in history.items():
        evaluated = name not in AT_UPDATES and len(line) == len(evaluated_at)
        at = evaluated_at if evaluated else range(1, len(line) + 1)
        names += [name] * len(line)
        steps += map(int, at)
        values += (round(float(x), 6) for x in line)
    columns = {
        "series": pa.array(names, pa.string()).dictionary_encode(),
        "step": pa.array(steps, pa.int32()),
        "value": pa.array(values, pa.float64()),
    }
    return pa.table(columns)


def _history(table: pa.Table) -> History:
    history: History = {}
    series, values = table["series"].to_pylist(), table["value"].to_pylist()
    for name, value in zip(series, values, strict=True):
        history.setdefault(name, []).append(value)
    return history


def _sum_of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sum_of_record(record: dict) -> str:
    rest = {k: v for k, v in record.items() if k != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
