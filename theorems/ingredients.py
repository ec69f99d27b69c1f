"""Q-learning's recipe with one ingredient changed: what was said of one seed, decided on four.

Source: ours; the recipe is one for Wang et al., arXiv 2509.22613, Theorem 5.2, in a transformer.
"""

from __future__ import annotations

from dataclasses import replace

from planlib.studies import ACYCLIC, INGREDIENTS, Q, RunConfig
from theorems.comparing import END, Gap, Point, claims_on

RECIPE, BATCH, EXPLORED, SAMPLED = (
    "the recipe",
    "batches of 64",
    "no uniform exploration",
    "temperature 1",
)
START, TARGET, NEITHER, RATE = (
    "SFT logits unscaled",
    "no target network",
    "neither",
    "learning rate 3e-3",
)


def changed(base: RunConfig) -> dict[str, RunConfig]:
    """The recipe's run of a seed, and those with one ingredient changed."""
    return {name: replace(base, q=q) for name, q in {RECIPE: Q, **INGREDIENTS}.items()}


def _ends(method: str | tuple[str, ...], series: str, **margins: float) -> Gap:
    return Gap(Point(method, series, END), None, **margins)


def _paths(method: str) -> Gap:
    """A change leaves less than three quarters of the recipe's distinct paths."""
    series = "test_distinct"
    return Gap(Point(method, series, END), Point(RECIPE, series, END), most=0.75, ratio=True)


_claim = claims_on("5.2", changed, ACYCLIC, "acyclic graph")

# Margins were set on seed 0, before any run of seeds 1 to 4.
CHECKS = (
    _claim(
        "ingredient-start",
        "From SFT logits as they are, a right step is still worth more than 3 after 1,600 updates.",
        _ends(START, "feasible_value", least=3.0),
        {"without a target network as well": _ends(NEITHER, "feasible_value", least=3.0)},
    ),
    _claim(
        "ingredient-target",
        "Without a target network a right step comes to be worth less than 0.",
        _ends(TARGET, "feasible_value", most=0.0),
        {"in small batches as well": _ends(BATCH, "feasible_value", most=0.0)},
    ),
    _claim(
        "ingredient-rate",
        "At three times the learning rate a right step comes to be worth less than 0.",
        _ends(RATE, "feasible_value", most=0.0),
        {"with nearly uniform behaviour as well": _ends(SAMPLED, "feasible_value", most=0.0)},
    ),
    _claim(
        "ingredient-fail",
        "The best of four changes (unscaled logits, no target network, three times the rate, behaviour at temperature 1) plans less than 0.05 of the test problems.",
        _ends((START, TARGET, RATE, SAMPLED), "test_accuracy", most=0.05),
        {
            "the best of the two others as well": _ends(
                (BATCH, EXPLORED), "test_accuracy", most=0.05
            )
        },
    ),
    _claim(
        "ingredient-batch",
        "In batches of 64 more than 0.9 are planned.",
        _ends(BATCH, "test_accuracy", least=0.9),
        {"with nearly uniform behaviour as well": _ends(SAMPLED, "test_accuracy", least=0.9)},
    ),
    _claim(
        "ingredient-exploration",
        "Without uniform exploration more than 0.9 are planned.",
        _ends(EXPLORED, "test_accuracy", least=0.9),
        {"with nearly uniform behaviour as well": _ends(SAMPLED, "test_accuracy", least=0.9)},
    ),
    _claim(
        "ingredient-paths",
        "Batches of 64 find less than 0.75 of the distinct paths of the recipe's 256.",
        _paths(BATCH),
        {"without uniform exploration as well": _paths(EXPLORED)},
    ),
    _claim(
        "ingredient-lowest",
        "Without uniform exploration wrong nodes end above -0.6.",
        _ends(EXPLORED, "neither_value", least=-0.6),
        {"in small batches as well": _ends(BATCH, "neither_value", least=-0.6)},
    ),
)
