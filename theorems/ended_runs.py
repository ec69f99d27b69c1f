"""Ended episodes in transformers: Q-learning on outcome reward, by whether an illegal step ends the episode.

Margins were set on seed 0, and from what the exact claims of :mod:`theorems.ended` say; seeds 1 to
5 decide.

Source: ours; the trainer is that of Wang et al., arXiv 2509.22613, section 3.
"""

from __future__ import annotations

from functools import partial

from planlib.studies import ACYCLIC, REPAIR_SEEDS, Q, ended_episodes
from theorems.comparing import END, Gap, Point, claims_on

ENDED, HALF, ON, OFF = ended_episodes(ACYCLIC)
_claim = claims_on("ended", ended_episodes, ACYCLIC, "the book's graph", tuple(REPAIR_SEEDS))


def ends(method: str, series: str = "test_accuracy", **margins: float) -> Gap:
    """A figure at the last evaluation lies between the margins."""
    return Gap(Point(method, series, END), None, **margins)


def level(method: str, kind: str, at: float) -> Gap:
    """The mean value of a kind of steps ends within 0.2 of a level."""
    return ends(method, f"{kind}_value", least=at - 0.2, most=at + 0.2)


def still_rises(method: str) -> Gap:
    """By how much accuracy rises over the second half of the updates."""
    return Gap(
        Point(method, "test_accuracy", END), Point(method, "test_accuracy", (4, 5)), least=0.05
    )


def legal_over_illegal(method: str, least: float) -> Gap:
    """The value of legal steps that lead on, less that of illegal ones to where one could go on."""
    return Gap(
        Point(method, "feasible_value", END), Point(method, "reachable_value", END), least=least
    )


_seen = partial(_claim, fixed="after all seeds")  # in the place of what had failed

CHECKS = (
    _claim(
        "plans",
        "Where an illegal step ends the episode outcome reward is enough: more than 0.9 of the test problems.",
        ends(ENDED, least=0.9),
        {"where the episode goes on as well": ends(ON, least=0.9)},
        successor="plans-seen",
    ),
    _seen(
        "plans-seen",
        "On these seeds it has not come to rest: accuracy rises from update 800 to 1,600, by over 0.05.",
        still_rises(ENDED),
        {"off-policy as well": still_rises(OFF)},
    ),
    # Said when seeds 1 and 2 of the method above had been seen, and none of this one.
    _claim(
        "plans-off-policy",
        "Where the SFT model writes, its right answers are enough: more than 0.9 of the test problems.",
        ends(OFF, least=0.9),
        {"where the episode goes on, on-policy, as well": ends(ON, least=0.9)},
        fixed="after other seeds",
        successor="plans-off-policy-seen",
    ),
    _seen(
        "plans-off-policy-seen",
        "On these seeds that ends below what the policy's own episodes come to, by over 0.3.",
        Gap(Point(ENDED, "test_accuracy", END), Point(OFF, "test_accuracy", END), 0.3),
        {
            "ended half of the time above it as much": Gap(
                Point(HALF, "test_accuracy", END), Point(OFF, "test_accuracy", END), 0.3
            )
        },
    ),
    _claim(
        "plans-half",
        "Ended half of the time is enough as well: more than 0.8.",
        ends(HALF, least=0.8),
        {"where it never ends as well": ends(ON, least=0.8)},
        successor="plans-half-seen",
    ),
    _seen(
        "plans-half-seen",
        "On these seeds it plans nothing: less than 0.05.",
        ends(HALF, most=0.05),
        {"ended always as well": ends(ENDED, most=0.05)},
    ),
    _claim(
        "level",
        # A fifth of the sampled nodes are uniform, at the target too, where one spoils the path.
        "A legal step that leads on is then worth what an arrival is paid with a fifth of the nodes at random, 0.8.",
        level(ENDED, "feasible", 1 - Q.epsilon),
        {"where the episode goes on as well": level(ON, "feasible", 1 - Q.epsilon)},
        successor="level-seen",
    ),
    _seen(
        "level-seen",
        "On these seeds it is worth that, 0.8, where the SFT model writes.",
        level(OFF, "feasible", 1 - Q.epsilon),
        {"where the policy writes as well": level(ENDED, "feasible", 1 - Q.epsilon)},
    ),
    _claim(
        "level-zero",
        "An illegal step that leads nowhere is worth 0, not -1 as with process reward.",
        level(ENDED, "neither", 0.0),
        {"where the episode goes on as well": level(ON, "neither", 0.0)},
    ),
    _claim(
        "legal-is-seen",
        "An illegal step to a node that leads on is worth less than a legal one, by more than 0.5.",
        legal_over_illegal(ENDED, 0.5),
        {"where the episode goes on as well": legal_over_illegal(ON, 0.5)},
        successor="legal-is-seen-less",
    ),
    _seen(
        "legal-is-seen-less",
        "On these seeds by more than 0.3.",
        legal_over_illegal(ENDED, 0.3),
        {"where the episode goes on as well": legal_over_illegal(ON, 0.3)},
    ),
)
