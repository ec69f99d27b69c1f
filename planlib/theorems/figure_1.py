"""Figure 1: the adjacency read out of the logits of each model.

The page draws Blocksworld; the claims are decided on the acyclic graph, where all runs are
stored.  Margins were set on seed 0; seeds 1 to 4 decide.

Source: Wang et al., arXiv 2509.22613, figure 1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from planlib.studies import ACYCLIC, SEEDS, RunConfig
from planlib.study import load_record
from planlib.theorems.comparing import FIRST, LAST, Gap, Point, by_seed, claim_on, judge
from planlib.theorems.figure_3 import ON, everything

FREE = "PG, λ = 0"
SERIES = ("edge_precision", "edge_recall", "non_edges_above", "non_edges_above_rare")
# Name on the page: method, and the moment of its curve.
METHODS = {
    "SFT": ("more SFT", FIRST),
    "more SFT": ("more SFT", LAST),
    "policy gradient": (FREE, LAST),
    "policy gradient, λ = 0.1": ("PG, λ = 0.1", LAST),
    "Q-learning": (ON, LAST),
}


def runs(base: RunConfig, name: str) -> list[RunConfig]:
    """The runs of a method of the page, a seed each."""
    return [everything(replace(base, seed=seed))[METHODS[name][0]] for seed in SEEDS]


def read_out(config: RunConfig, name: str) -> dict[str, float]:
    """The read-out along a stored run, at the moment of that method; empty if not recorded."""
    history, at = load_record(config)[1], slice(*METHODS[name][1])
    return {k: float(np.mean(history[k][at])) for k in SERIES if k in history}


_judged = partial(judge, by_seed(everything, ACYCLIC), "acyclic graph, read-out over all targets")
_check = partial(claim_on, "figure1", _judged)
SFT_START = {s: Point("more SFT", s, FIRST) for s in SERIES}


def against_sft(series: str, method: str, margin: float, **changes) -> Gap:
    """The read-out of a method at its end against that of the SFT model."""
    return Gap(Point(method, series), SFT_START[series], margin, **changes)


# What the paper reports, by the claim that speaks of it; the others are ours.
REPORTED = {
    "figure1/sft": "on Blocksworld: SFT misses rare edges",
    "figure1/pg": "on Blocksworld: policy gradient repairs some of them",
    "figure1/q-recall": "on Blocksworld: Q-learning is closest to the truth (read at one threshold, averaged over targets)",
    "figure1/q-rare": "on rare edges as well",
}

CHECKS = (
    _check(
        "sft",
        "Above a rare edge the SFT model ranks more non-edges than above an edge, by five.",
        Gap(SFT_START["non_edges_above_rare"], SFT_START["non_edges_above"], 5.0),
        {
            "Q-learning as well": Gap(
                Point(ON, "non_edges_above_rare"), Point(ON, "non_edges_above"), 5.0
            )
        },
    ),
    _check(
        "pg",
        "Policy gradient without KL leaves rare edges lower than it found them.",
        against_sft("non_edges_above_rare", FREE, 1.0, ratio=True),
        {
            "the paper: it repairs some": against_sft(
                "non_edges_above_rare", FREE, 0.95, ratio=True, below=True
            )
        },
    ),
    # Written first as the paper has it, this failed on seeds 1 to 4; the page says why.
    _check(
        "q-recall",
        "Averaged over all targets, at its best threshold, Q-learning recalls no more edges than SFT (to 0.05).",
        against_sft("edge_recall", ON, 0.05, below=True),
        {"the paper: it recalls more, by 0.1": against_sft("edge_recall", ON, 0.1)},
    ),
    _check(
        "q-rare",
        "It leaves less than half of the non-edges above a rare edge.",
        against_sft("non_edges_above_rare", ON, 0.5, ratio=True, below=True),
        {
            "policy gradient as well": against_sft(
                "non_edges_above_rare", FREE, 0.5, ratio=True, below=True
            )
        },
    ),
)
