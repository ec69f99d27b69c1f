"""Composition in transformers: claims on stored runs of every method on problems across stages.

Each seed has a graph of its own, so that an interval is over graphs.  Margins were set on seed 0.

Source: ours; the methods are those of Wang et al., arXiv 2509.22613, section 3.
"""

from __future__ import annotations

from planlib.studies import (
    STAGED_NEXT,
    STAGED_SEEDS,
    RunConfig,
    more_exploration,
    other_choices,
    staged_base,
    who_composes,
    without_positions,
)
from theorems.comparing import LAST, Gap, Point, apart, claims_on

NONE, SOME, HALF, SHUFFLED = (
    "Q, ε = 0",
    "Q, ε = 0.2",
    "Q, ε = 0.5",
    "Q, ε = 0.5, shuffled reward",
)


def methods(base: RunConfig) -> dict[str, RunConfig]:
    """Every method, from the SFT model of one seed and its graph."""
    own = staged_base(base.seed)
    return who_composes(own) | more_exploration(own) | other_choices(own) | without_positions(own)


_claim = claims_on(
    "composition", methods, staged_base(0), "three stages of 30 nodes", tuple(STAGED_SEEDS)
)


_next = claims_on(
    "composition", methods, staged_base(0), "three stages of 30 nodes", tuple(STAGED_NEXT)
)


def arrived(method: str) -> Point:
    """Share of test problems whose path comes to the target rightly, whether it stops there or not."""
    return Point(method, "test_accuracy", plus="test_no_end")


def below(method: str, most: float, series: str = "test_accuracy", at=LAST) -> Gap:
    """A figure ends below ``most``."""
    return Gap(Point(method, series, at), None, most=most)


def above(method: str, least: float, series: str = "test_accuracy") -> Gap:
    """A figure ends above ``least``."""
    return Gap(Point(method, series), None, least)


def more(method: str, other: str, least: float) -> Gap:
    """One method's test accuracy ends above another's by more than ``least``."""
    return apart(method, other, "test_accuracy", least=least)


Q_COMPOSES = {"Q-learning with half of the steps explored as well": below(HALF, 0.05)}
ASKED_PG, ASKED_Q = "PG, a tenth asked", "Q, ε = 0.2, a tenth asked"
STOPS, UNSCALED, OUTCOME = "stops at the first error", "SFT logits unscaled", "outcome reward"
KL = "held to SFT"

CHECKS = (
    _claim(
        "sft",
        "As many updates of SFT more plan no test problem: less than 0.05.",
        below("more SFT", 0.05),
        Q_COMPOSES,
    ),
    _claim(
        "pg",
        "Policy gradient plans none either: less than 0.05.",
        below("PG", 0.05),
        Q_COMPOSES,
    ),
    _claim(
        "q",
        "Q-learning with half of its steps explored plans more than 0.9 of them.",
        above(HALF, 0.9),
        {
            "without exploration as well": above(NONE, 0.9),
            "with a fifth explored as well": above(SOME, 0.9),
            "with the rewards of other edges as well": above(SHUFFLED, 0.9),
        },
        successor="arrives",
    ),
    # On one of the eight graphs nearly all paths come to the target and do not stop there.  Decided
    # on the next graphs, none of which had been run.
    _next(
        "arrives",
        "On the next graphs more than 0.9 of its paths come to the target rightly, whether they stop there or not.",
        Gap(arrived(HALF), None, 0.9),
        {"after policy gradient as well": Gap(arrived("PG"), None, 0.9)},
        fixed="after other seeds",
    ),
    _claim(
        "unexplored",
        "Without uniform exploration it plans less than 0.05.",
        below(NONE, 0.05),
        Q_COMPOSES,
    ),
    _claim(
        "how-much",
        "A fifth explored is not enough in 2,000 updates: half of the steps plan more by over 0.3.",
        more(HALF, SOME, 0.3),
        {
            "a fifth plans more than none by as much": more(SOME, NONE, 0.3),
            "of training problems as well": apart(HALF, SOME, "train_accuracy", least=0.3),
        },
        successor="how-much-seen",
    ),
    _claim(
        "how-much-seen",
        "On these graphs fewer paths come to the target with a fifth explored than with half, by over 0.05.",
        Gap(arrived(HALF), arrived(SOME), 0.05),
        {
            "of second steps at the prompt as well": Gap(
                Point(HALF, "second_at_prompt"), Point(SOME, "second_at_prompt"), 0.05
            )
        },
        fixed="after all seeds",
    ),
    _claim(
        "too-much",
        "With 0.8 explored even training problems are planned less than half of the time by then.",
        below("Q, ε = 0.8", 0.5, "train_accuracy"),
        {"with half explored as well": below(HALF, 0.5, "train_accuracy")},
        successor="too-much-seen",
    ),
    _claim(
        "too-much-seen",
        "On these graphs, with 0.8 explored, more than half of the paths come to the target rightly, too.",
        Gap(arrived("Q, ε = 0.8"), None, 0.5),
        {"after policy gradient as well": Gap(arrived("PG"), None, 0.5)},
        fixed="after all seeds",
    ),
    _claim(
        "place",
        "What policy gradient plans at the prompt it does not plan a step later: less than 0.2 of second steps.",
        below("PG", 0.2, "second"),
        {"at the prompt as well": below("PG", 0.2, "second_at_prompt")},
    ),
    _claim(
        "place-free",
        "A transformer without positions knows more than 0.9 of second steps after policy gradient.",
        above("PG, no positions", 0.9, "second"),
        {
            "with positions as well": above("PG", 0.9, "second"),
            "its first steps as well": above("PG, no positions", 0.9, "first"),
        },
        successor="place-free-seen",
    ),
    _claim(
        "place-free-seen",
        "On these graphs it knows more second steps than with positions, by over 0.5.",
        Gap(Point("PG, no positions", "second"), Point("PG", "second"), 0.5),
        {"first steps as well": Gap(Point("PG, no positions", "first"), Point("PG", "first"), 0.5)},
        fixed="after all seeds",
    ),
    _claim(
        "row-free",
        "And plans less than 0.05 all the same.",
        below("PG, no positions", 0.05),
        {"of its second steps as many are wrong": below("PG, no positions", 0.05, "second")},
    ),
    _claim(
        "place-explored",
        "Where half is explored the second step is right at both places: more than 0.9.",
        above(HALF, 0.9, "second"),
        {
            "with a fifth explored as well": above(SOME, 0.9, "second"),
            "after policy gradient as well": above("PG", 0.9, "second"),
        },
        successor="place-explored-seen",
    ),
    _claim(
        "place-explored-seen",
        "Where half is explored the second step is right at both places: more than 0.9; not after policy gradient.",
        above(HALF, 0.9, "second"),
        {"after policy gradient as well": above("PG", 0.9, "second")},
        fixed="after all seeds",
    ),
    _claim(
        "stopped-runs",
        "If an episode ends at its first error, half explored plans less than 0.05.",
        below(STOPS, 0.05),
        Q_COMPOSES,
    ),
    _claim(
        "stopped-place",
        "And less than 0.2 of second steps are right a place later.",
        below(STOPS, 0.2, "second"),
        {
            "at the prompt as well": below(STOPS, 0.2, "second_at_prompt"),
            "where the episode goes on as well": below(HALF, 0.2, "second"),
        },
        successor="stopped-place-seen",
    ),
    _claim(
        "stopped-place-seen",
        "On these graphs second steps are right a place later less often than where the episode goes on, by over 0.2.",
        Gap(Point(HALF, "second"), Point(STOPS, "second"), 0.2),
        {
            "at the prompt as well": Gap(
                Point(HALF, "second_at_prompt"), Point(STOPS, "second_at_prompt"), 0.2
            )
        },
        fixed="after all seeds",
    ),
    _claim(
        "unscaled",
        "From SFT logits as they are less than 0.05 of the training problems are planned in 2,000 updates.",
        below(UNSCALED, 0.05, "train_accuracy"),
        {"from scaled ones as well": below(HALF, 0.05, "train_accuracy")},
        successor="unscaled-seen",
    ),
    _claim(
        "unscaled-seen",
        "On these graphs, from SFT logits as they are, less than 0.05 of the test problems are planned.",
        below(UNSCALED, 0.05),
        {"from scaled ones as well": below(HALF, 0.05)},
        fixed="after all seeds",
    ),
    _claim(
        "outcome",
        "With outcome reward less than 0.05 of the test problems are planned.",
        below(OUTCOME, 0.05),
        Q_COMPOSES,
    ),
    _claim(
        "held",
        "Held to SFT by a KL penalty, as soft values of weight 0.2, half explored plans fewer test problems than without, by over 0.1.",
        apart(HALF, KL, "test_accuracy", least=0.1),
        {"of training problems as well": apart(HALF, KL, "train_accuracy", least=0.1)},
        fixed="before any run",
    ),
    _claim(
        "asked-pg",
        "Asked a tenth of the test problems as well, policy gradient plans less than 0.05 of the others.",
        below(ASKED_PG, 0.05),
        {"Q-learning asked the same as well": below(ASKED_Q, 0.05)},
    ),
    _claim(
        "asked-q",
        "Asked a tenth, Q-learning with a fifth explored plans more of the others, by over 0.2.",
        more(ASKED_Q, SOME, 0.2),
        {"policy gradient asked the same as well": more(ASKED_PG, SOME, 0.2)},
    ),
)
