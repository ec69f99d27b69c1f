"""What is read from stored models and takes long: kept beside the records, and re-checked.

Sampling a model some ten thousand times takes seconds, and a page does it for many models.
A reading is kept by the key of its run and the digest of its model: another model voids it,
and then it is computed anew wherever it is asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
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
    """A function of stored runs, kept.

    Attributes
    ----------
    name
        Of its file, ``records/readings/NAME.json``.
    compute
        From a configuration whose run is stored with its model to plain data (for JSON).
    configs
        The configurations that the book reads.
    """

    name: str
    compute: Callable[[RunConfig], object]
    configs: Sequence[RunConfig]
    folder: Path = RECORDS / "readings"

    def __call__(self, config: RunConfig) -> object:
        """Return what is kept of this very model; else compute it."""
        kept = self.kept().get(config.key)
        if kept and kept["model"] == _model(config):
            return kept["value"]
        return self.compute(config)

    def kept(self) -> dict[str, dict]:
        """Return all that is kept, by key: ``model``, the digest, and ``value``."""
        path = self.folder / f"{self.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def write(self) -> Path:
        """Compute what is missing, or of another model, and write the file."""
        kept = self.kept()
        new = {}
        for config in tqdm(self.configs, desc=self.name):
            entry = kept.get(config.key)
            if not entry or entry["model"] != _model(config):
                entry = {"model": _model(config), "value": self.compute(config)}
            new[config.key] = entry
        path = self.folder / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(beside, path)
        return path


def _model(config: RunConfig) -> str:
    files = load_record(config)[0]["files"]
    if store.MODEL not in files:
        raise InputError("config", "a run whose model was kept", config.key)
    return files[store.MODEL]
