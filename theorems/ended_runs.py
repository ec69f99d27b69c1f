"""Ended episodes in transformers: Q-learning on outcome reward, by whether an illegal step ends the episode.

Margins were set on seed 0, and from what the exact claims of :mod:`theorems.ended` say; seeds 1 to
5 decide.

Source: ours; the trainer is that of Wang et al., arXiv 2509.22613, section 3.
"""

from __future__ import annotations

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


CHECKS = (
    _claim(
        "plans",
        "Where an illegal step ends the episode outcome reward is enough: more than 0.9 of the test problems.",
        ends(ENDED, least=0.9),
        {"where the episode goes on as well": ends(ON, least=0.9)},
    ),
    # Said when seeds 1 and 2 of the method above had been seen, and none of this one.
    _claim(
        "plans-off-policy",
        "Where the SFT model writes, its right answers are enough: more than 0.9 of the test problems.",
        ends(OFF, least=0.9),
        {"where the episode goes on, on-policy, as well": ends(ON, least=0.9)},
        fixed="after other seeds",
    ),
    _claim(
        "plans-half",
        "Ended half of the time is enough as well: more than 0.8.",
        ends(HALF, least=0.8),
        {"where it never ends as well": ends(ON, least=0.8)},
    ),
    _claim(
        "level",
        # A fifth of the sampled nodes are uniform, at the target too, where one spoils the path.
        "A legal step that leads on is then worth what an arrival is paid with a fifth of the nodes at random, 0.8.",
        level(ENDED, "feasible", 1 - Q.epsilon),
        {"where the episode goes on as well": level(ON, "feasible", 1 - Q.epsilon)},
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
        Gap(Point(ENDED, "feasible_value", END), Point(ENDED, "reachable_value", END), 0.5),
        {
            "where the episode goes on as well": Gap(
                Point(ON, "feasible_value", END), Point(ON, "reachable_value", END), 0.5
            )
        },
    ),
)
