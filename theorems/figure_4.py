"""Figure 4: the values of feasible and other next nodes along Q-learning.

The runs are those of the Q-learning chapters; margins set on seed 0, seeds 1 to 4 decide.

Source: Wang et al., arXiv 2509.22613, figure 4.
"""

from __future__ import annotations

from planlib.studies import ACYCLIC, BLOCKSWORLD, rewards_and_policies
from theorems.comparing import FIRST, ON, OUT_ON, Gap, Point, claims_on

_check = claims_on("figure4", rewards_and_policies, ACYCLIC, "acyclic graph, process reward")
_blocksworld = claims_on("figure4", rewards_and_policies, BLOCKSWORLD, "Blocksworld")


def level(series: str, margin: float, method: str = ON, **changes) -> Gap:
    """The mean of a class of values lies above ``margin`` at the end (or below it)."""
    return Gap(Point(method, series), None, margin, **changes)


def legal_above_illegal(margin: float, method: str = ON, **changes) -> Gap:
    """Where every node reaches every other, classes are two: legal (feasible) and illegal."""
    return Gap(Point(method, ("feasible_value", "reachable_value")), None, margin, **changes)


def apart(method: str) -> Gap:
    """The distance of feasible nodes to adjacent ones, in standard deviations of the former."""
    distance = Point(method, ("feasible_value", "adjacent_value"))
    return Gap(distance, Point(method, "feasible_spread"), 5.0, ratio=True)


# What the paper reports, by the claim that speaks of it; the others are ours.
REPORTED = {
    "figure4/feasible": "feasible next nodes rise to one high value: 1",
    "figure4/meet": "and meet there",
    "figure4/adjacent": "adjacent nodes that cannot reach the target: the middle level, 0",
    "figure4/reachable": "nodes that can reach it but are not adjacent: 0 as well",
    "figure4/neither": "all others fall to a low level",
    "figure4/short": "which is −1",
}

CHECKS = (
    _check(
        "feasible",
        "The mean value of feasible next nodes ends above 0.9.",
        level("feasible_value", 0.9),
        {"with outcome reward as well": level("feasible_value", 0.9, OUT_ON)},
    ),
    # The first form (a standard deviation below 0.15) held before any update: the start is low.
    _check(
        "meet",
        "They lie above the next class by more than five of their standard deviations.",
        apart(ON),
        {"with outcome reward as well": apart(OUT_ON)},
    ),
    _check(
        "adjacent",
        "The mean value of adjacent nodes that cannot reach the target ends below 0.3.",
        level("adjacent_value", 0.3, below=True),
        {"with outcome reward as well": level("adjacent_value", 0.3, OUT_ON, below=True)},
    ),
    _check(
        "reachable",
        "That of nodes that can, but are not adjacent, as well.",
        level("reachable_value", 0.3, below=True),
        {"with outcome reward as well": level("reachable_value", 0.3, OUT_ON, below=True)},
    ),
    _check(
        "neither",
        "That of all other nodes ends below -0.7.",
        level("neither_value", -0.7, below=True),
        {"with outcome reward as well": level("neither_value", -0.7, OUT_ON, below=True)},
    ),
    _check(
        "short",
        "It stays above -0.9: −1 is not reached.",
        level("neither_value", -0.9),
        {"the paper: it is -1, to 0.05": level("neither_value", -0.95, below=True)},
    ),
    # From theorem_cycles: legal minus illegal is 1, and in the end nothing else is told apart.
    _blocksworld(
        "blocksworld-legal",
        "On Blocksworld legal next nodes end above illegal ones, by more than 0.9.",
        legal_above_illegal(0.9),
        {"by two, from 1 to -1": legal_above_illegal(1.9)},
    ),
    _blocksworld(
        "blocksworld-meet",
        "And there their standard deviation ends below 0.05: how far the target is, is forgotten.",
        Gap(Point(ON, "feasible_spread"), None, 0.05, below=True),
        {
            "as far apart as in the SFT model": Gap(
                Point(ON, "feasible_spread", FIRST), None, 0.05, below=True
            )
        },
    ),
    # From Theorem 5.1, but written when most of these runs had been seen.
    _blocksworld(
        "blocksworld-outcome",
        "With outcome reward legal next nodes end above illegal ones by less than 0.05.",
        legal_above_illegal(0.05, OUT_ON, below=True),
        {"with process reward as well": legal_above_illegal(0.05, below=True)},
    ),
)
