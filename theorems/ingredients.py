"""Q-learning's recipe with one ingredient changed: what was said of one seed, decided on four.

Source: ours; the recipe is one for Wang et al., arXiv 2509.22613, Theorem 5.2, in a transformer.
"""

from __future__ import annotations

from dataclasses import replace

from planlib.studies import ACYCLIC, INGREDIENTS, Q, RunConfig
from theorems.comparing import END, Gap, Point, apart, claims_on

RECIPE = "the recipe"
START, TARGET, NEITHER, RATE, BATCH, SAMPLED, EXPLORED = INGREDIENTS


def changed(base: RunConfig) -> dict[str, RunConfig]:
    """The recipe's run of a seed, and those with one ingredient changed."""
    return {name: replace(base, q=q) for name, q in {RECIPE: Q, **INGREDIENTS}.items()}


def _ends(method: str | tuple[str, ...], series: str, **margins: float) -> Gap:
    return Gap(Point(method, series, END), None, **margins)


def _paths(method: str) -> Gap:
    """A change leaves less than three quarters of the recipe's distinct paths."""
    return apart(method, RECIPE, "test_distinct", END, most=0.75, ratio=True)


def _fewer(when: tuple) -> Gap:
    """Small batches end with fewer distinct paths than the recipe has at some moment."""
    end, then = (Point(m, "test_distinct", at) for m, at in ((BATCH, END), (RECIPE, when)))
    return Gap(end, then, most=0.95, ratio=True)


def _parted(method: str) -> Gap:
    """Right steps end apart from wrong ones, as they do in the recipe: it sank, and kept its levels."""
    return Gap(Point(method, ("feasible_value", "neither_value"), END), None, least=0.5)


AFTER_400 = (4, 5)  # the recipe has then seen as many sequences as batches of 64 in 1,600 updates
_claim = claims_on("5.2", changed, ACYCLIC, "acyclic graph")
SINKS = "a right step comes to be worth less than 0"
APART = "right steps end above nodes that are neither by more than 0.5"

# Margins were set on seed 0, before any run of seeds 1 to 4 with an ingredient changed was seen; the
# recipe's own runs of these seeds were stored long before.
CHECKS = (
    _claim(
        "ingredient-start",
        "From SFT logits as they are, a right step is worth more than 3 after 1,600 updates.",
        _ends(START, "feasible_value", least=3.0),
        {"without a target network as well": _ends(NEITHER, "feasible_value", least=3.0)},
    ),
    _claim(
        "ingredient-target",
        f"Without a target network {SINKS}.",
        _ends(TARGET, "feasible_value", most=0.0),
        {
            "in batches of 64 as well": _ends(BATCH, "feasible_value", most=0.0),
            APART: _parted(TARGET),
        },
    ),
    _claim(
        "ingredient-rate",
        f"At three times the learning rate {SINKS}.",
        _ends(RATE, "feasible_value", most=0.0),
        {
            "with behaviour at temperature 1 as well": _ends(SAMPLED, "feasible_value", most=0.0),
            APART: _parted(RATE),
        },
        successor="ingredient-rate-seen",
    ),
    # Seed 0 was the exception: there the loss leaps, and the values sink after it.
    _claim(
        "ingredient-rate-seen",
        "On these seeds, at three times the learning rate, right steps end at 1, to 0.1.",
        _ends(RATE, "feasible_value", least=0.9, most=1.1),
        {"without a target network as well": _ends(TARGET, "feasible_value", least=0.9, most=1.1)},
        fixed="after all seeds",
    ),
    _claim(
        "ingredient-fail",
        "The best of three changes (unscaled logits, no target network, three times the rate) plans less than 0.05 of the test problems after 1,600 updates.",
        _ends((START, TARGET, RATE), "test_accuracy", most=0.05),
        {"in batches of 64 as well": _ends(BATCH, "test_accuracy", most=0.05)},
        successor="ingredient-fail-seen",
    ),
    _claim(
        "ingredient-fail-seen",
        "On these seeds the better of two changes (unscaled logits, no target network) plans less than 0.05.",
        _ends((START, TARGET), "test_accuracy", most=0.05),
        {"three times the learning rate as well": _ends(RATE, "test_accuracy", most=0.05)},
        fixed="after all seeds",
    ),
    # On seed 0 it had planned 0.99 after 1,200 updates, and none from the next evaluation on.
    _claim(
        "ingredient-behaviour",
        "With behaviour at temperature 1 less than 0.05 are planned after 1,600 updates.",
        _ends(SAMPLED, "test_accuracy", most=0.05),
        {
            "after 1,000 to 1,200 as well": Gap(
                Point(SAMPLED, "test_accuracy", (10, 13)), None, most=0.05
            )
        },
        successor="ingredient-behaviour-seen",
    ),
    _claim(
        "ingredient-behaviour-seen",
        "On these seeds, with behaviour at temperature 1, more than 0.9 are planned.",
        _ends(SAMPLED, "test_accuracy", least=0.9),
        {"without a target network as well": _ends(TARGET, "test_accuracy", least=0.9)},
        fixed="after all seeds",
    ),
    _claim(
        "ingredient-batch",
        "In batches of 64 more than 0.9 are planned.",
        _ends(BATCH, "test_accuracy", least=0.9),
        {"with behaviour at temperature 1 as well": _ends(SAMPLED, "test_accuracy", least=0.9)},
        successor="ingredient-batch-seen",
    ),
    # The control above plans as much.  The one here plans nothing: it shows that the measure can fail.
    _claim(
        "ingredient-batch-seen",
        "On these seeds, in batches of 64, more than 0.9 are planned.",
        _ends(BATCH, "test_accuracy", least=0.9),
        {"without a target network as well": _ends(TARGET, "test_accuracy", least=0.9)},
        fixed="after all seeds",
    ),
    _claim(
        "ingredient-exploration",
        "Without uniform exploration more than 0.9 are planned.",
        _ends(EXPLORED, "test_accuracy", least=0.9),
        {"with behaviour at temperature 1 as well": _ends(SAMPLED, "test_accuracy", least=0.9)},
        successor="ingredient-exploration-seen",
    ),
    _claim(
        "ingredient-exploration-seen",
        "On these seeds, without uniform exploration, more than 0.9 are planned.",
        _ends(EXPLORED, "test_accuracy", least=0.9),
        {"without a target network as well": _ends(TARGET, "test_accuracy", least=0.9)},
        fixed="after all seeds",
    ),
    _claim(
        "ingredient-paths",
        "Batches of 64 find less than 0.75 of the distinct paths that the recipe's batches of 256 find in as many updates.",
        _paths(BATCH),
        {"without uniform exploration as well": _paths(EXPLORED)},
        successor="ingredient-paths-seen",
    ),
    _claim(
        "ingredient-paths-seen",
        "On these seeds batches of 64 find less than 0.95 of the distinct paths that batches of 256 find in as many updates.",
        _fewer(END),
        {"in as many sequences as well": _fewer(AFTER_400)},
        fixed="after all seeds",
    ),
    _claim(
        "ingredient-lowest",
        "Without uniform exploration nodes that are neither next nor reach the target end above -0.6 in the mean.",
        _ends(EXPLORED, "neither_value", least=-0.6),
        {"in batches of 64 as well": _ends(BATCH, "neither_value", least=-0.6)},
    ),
)
