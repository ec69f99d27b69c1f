"""What the stored runs of Q-learning on the acyclic graph come to, seed by seed.

At each evaluation a run records the mean value of each class of steps and the accuracy at the
read-out temperature: entry 0 is the SFT model, logits unscaled, the last one the trained model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from planlib.intervals import Estimate
from planlib.rollout import sample
from planlib.studies import ACYCLIC, FRESH, SEEDS, STUDIES, RunConfig, rewards_and_policies
from planlib.study import READ_OUT, load_record, load_run
from planlib.task import Outcome, check_sequences

LATER = tuple(SEEDS)[1:]  # margins were set on seed 0
FRESH = tuple(FRESH)  # named before any of them was run, when those margins were long set
NEXT = tuple(c.seed for c in STUDIES["q-models"])  # the next, with their models
LAST = FRESH[4:]  # of these, what was not yet run when a claim was made of seeds 0 to 4
CLASSES = ("feasible", "adjacent", "reachable", "neither")
ON, OFF, OUT_ON, OUT_OFF = rewards_and_policies(ACYCLIC)


@dataclass(frozen=True)
class Runs:
    """One method of figure 3 over seeds, at one evaluation; ``scale`` multiplies its values."""

    method: str = ON
    at: int = -1
    scale: float = 1.0
    seeds: tuple = LATER

    def read(self, name: str, at: int | None = None) -> list[float]:
        """One series at the evaluation, a number a seed.

        Raises
        ------
        InputError
            If a run is missing, with the command that makes it.
        """
        methods = (rewards_and_policies(replace(ACYCLIC, seed=seed)) for seed in self.seeds)
        return [
            load_record(m[self.method])[1][name][self.at if at is None else at] for m in methods
        ]

    def levels(self) -> dict[str, list[float]]:
        """Mean value of each class of steps, a number a seed."""
        return {c: [self.scale * x for x in self.read(f"{c}_value")] for c in CLASSES}

    @property
    def scope(self) -> str:
        """What a claim on these runs covers."""
        return (
            f"outside the hypotheses; stored runs of seeds {self.seeds[0]} to {self.seeds[-1]} of split, data, parameters and samples; "
            f"mean values of the classes feasible, adjacent, reachable, neither; accuracy on test pairs at temperature {READ_OUT}"
        )


def missed_stops(config: RunConfig) -> dict[int, tuple[int, int, int]]:
    """By target: sampled paths of test problems that did not stop there, all samples, problems."""
    run, samples = load_run(config), 4
    pairs = run.task.split.test_pairs
    generator, how = torch.Generator().manual_seed(0), {"temperature": READ_OUT, "max_length": 48}
    tokens = sample(run.model, pairs, generator, samples=samples, **how)
    went_on = check_sequences(run.task.graph, tokens) == Outcome.NO_END
    targets = pairs[:, 1].repeat(samples)
    return {
        int(t): (int(went_on[targets == t].sum()), int((targets == t).sum()), problems)
        for t, problems in zip(*np.unique(pairs[:, 1], return_counts=True), strict=True)
    }


def words(e: Estimate, digits: int = 2) -> str:
    """Write a mean with its interval."""
    mean, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (e.mean, e.low, e.high))
    return f"{mean} [{low}, {high}]"
