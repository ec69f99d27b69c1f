"""What takes long to read: kept beside the records, and re-checked.

A stored model sampled some ten thousand times, or a small table trained from a seed, takes
seconds, and a page needs many of them.  A reading of a stored run is kept by the run's key and
the digest of its model: another model voids it.  One of settings is kept by the settings.
What is not kept is computed wherever it is asked for; the tests draw some and compute them again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from planlib import store
from planlib.evidence import RECORDS
from planlib.graph import InputError
from planlib.studies import RunConfig
from planlib.study import load_record


@dataclass(frozen=True)
class Reading:
    """A function of stored runs, or of settings, whose values are kept.

    Attributes
    ----------
    name
        Of its file, ``records/readings/NAME.json``.
    compute
        From one of ``cases`` to plain data (for JSON).
    cases
        What the book reads: configurations whose runs are stored with their models, or
        tuples of settings.
    draws
        Of how many samples each of its numbers counts the right ones, if it does: enough samples
        come out otherwise on another processor, where one rounding turns all that is drawn after it.
    """

    name: str
    compute: Callable[[Hashable], object]
    cases: Sequence[Hashable]
    folder: Path = RECORDS / "readings"
    draws: int | None = None

    def __call__(self, case: Hashable) -> object:
        """Return what is kept of this very case; else compute it."""
        kept = self.kept().get(key_of(case))
        if kept and kept["model"] == _model(case):
            return kept["value"]
        return self.compute(case)

    def kept(self) -> dict[str, dict]:
        """Return all that is kept, by key: ``model``, the digest or null, and ``value``."""
        path = self.folder / f"{self.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def write(self) -> Path:
        """Compute what is missing, or of another model, and write the file."""
        kept = self.kept()
        new = {}
        for case in tqdm(self.cases, desc=self.name):
            entry = kept.get(key_of(case))
            if not entry or entry["model"] != _model(case):
                entry = {"model": _model(case), "value": self.compute(case)}
            new[key_of(case)] = entry
        path = self.folder / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(beside, path)
        return path


def key_of(case: Hashable) -> str:
    """Return the key of a case: that of its run, or its settings."""
    return case.key if isinstance(case, RunConfig) else json.dumps(case)


def _model(case: Hashable) -> str | None:
    if not isinstance(case, RunConfig):
        return None
    files = load_record(case)[0]["files"]
    if store.MODEL not in files:
        raise InputError("config", "a run whose model was kept", case.key)
    return files[store.MODEL]
