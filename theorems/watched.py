"""The training that the page on the setting shows: kept whole, and begun anew on the page.

``python -m theorems.watched`` trains it again (a minute) and keeps it.  Its first third is run
each time the page is, and must come to what is kept.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from planlib import metrics
from planlib.curves import Task
from planlib.models import make_network
from planlib.studies import ACYCLIC, RunConfig
from planlib.study import train_run
from planlib.train import train_sft
from theorems.readings import Reading


def glance(model: nn.Module, setup: Task) -> dict[str, float]:
    """Accuracy on 400 test pairs, greedy and sampled at temperature 1 (three samples each)."""
    generator = torch.Generator().manual_seed(1)
    pairs = setup.split.test_pairs[:400]
    return {
        "greedy": metrics.accuracy(model, setup.graph, pairs, generator, greedy=True),
        "sampled": metrics.accuracy(model, setup.graph, pairs, generator, samples=3),
    }


def _often(config: RunConfig) -> RunConfig:
    return replace(config, sft=replace(config.sft, evaluate_every=100))


def _whole(config: RunConfig) -> dict:
    run = train_run(_often(config), evaluate=glance, progress=False)
    return {
        name: run.history[name] for name in ("loss", "evaluated_at", "greedy", "sampled")
    } | run.metrics


WHOLE = Reading("watched", _whole, (ACYCLIC,))


class _Enough(Exception):
    pass


def begin(config: RunConfig, setup: Task, updates: int) -> tuple[nn.Module, dict[int, dict]]:
    """Train the first updates of a run, by the trainer and with the schedule of the whole run.

    Returns
    -------
    tuple
        The model after ``updates``, a multiple of 100, and what :func:`glance` saw at each hundred.
    """
    generator = torch.Generator().manual_seed(config.seed)
    model = make_network(config.size(setup.graph.n), generator)
    seen: dict[int, dict] = {}

    def look(model: nn.Module) -> dict[str, float]:
        at = 100 * (len(seen) + 1)
        seen[at] = glance(model, setup)
        if at == updates:
            raise _Enough
        return seen[at]

    try:
        train_sft(model, setup.data, _often(config).sft, generator, evaluate=look, progress=False)
    except _Enough:
        pass
    return model, seen


if __name__ == "__main__":
    print(WHOLE.write())
