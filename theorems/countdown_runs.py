"""Countdown in transformers: claims on stored runs.  Margins were set on seed 0.

Source: ours; the methods are those of Samineni et al., arXiv 2505.13697, section 5.
"""

from __future__ import annotations

from planlib.studies import ABLATION_SEEDS, COUNTDOWN, some_of_it
from theorems.comparing import END, FIRST, Gap, Point, claims_on

MORE, FILTERED, REINFORCE, GRPO = some_of_it(COUNTDOWN)

_claim = claims_on(
    "countdown", some_of_it, COUNTDOWN, "four numbers from 1 to 4, whole", tuple(ABLATION_SEEDS)
)


def _at_the_end(high: str, low: str, series: str, least: float) -> Gap:
    return Gap(Point(high, series, END), Point(low, series, END), least)


def _loses(method: str, series: str, least: float) -> Gap:
    return Gap(Point(method, series, FIRST), Point(method, series, END), least)


CHECKS = (
    _claim(
        "reinforce",
        "Policy gradient ends below more SFT on test problems, by over 0.03.",
        _at_the_end(MORE, REINFORCE, "test_accuracy", 0.03),
        {"on training problems as well": _at_the_end(MORE, REINFORCE, "train_accuracy", 0.03)},
    ),
    _claim(
        "filtered",
        "SFT on its own right samples ends below more SFT on test problems, by over 0.03.",
        _at_the_end(MORE, FILTERED, "test_accuracy", 0.03),
        {"on training problems as well": _at_the_end(MORE, FILTERED, "train_accuracy", 0.03)},
    ),
    _claim(
        "grpo",
        "GRPO, which stands still where a group is all right, ends above policy gradient on test problems, by over 0.02.",
        _at_the_end(GRPO, REINFORCE, "test_accuracy", 0.02),
        # "Filtered SFT as well" stood here, too: eight seeds leave it open by 0.001.
        {"on training problems as well": _at_the_end(GRPO, REINFORCE, "train_accuracy", 0.02)},
    ),
    _claim(
        "off-the-way",
        "Policy gradient loses off the way, too: over 0.01 there.",
        _loses(REINFORCE, "test_off_the_way", 0.01),
        {"more SFT as well": _loses(MORE, "test_off_the_way", 0.01)},
    ),
    _claim(
        "one-of-64",
        "A right answer among 64 samples is rarer after policy gradient than before, by over 0.02.",
        _loses(REINFORCE, "test_pass_64", 0.02),
        # "Of more SFT's as well" stood here: eight seeds leave it open by 0.002.
        {"on training problems as well": _loses(REINFORCE, "train_pass_64", 0.02)},
    ),
    _claim(
        "fewer",
        "Of 100 samples on test problems fewer distinct right ones are left after policy gradient than before, by over 0.4.",
        _loses(REINFORCE, "test_distinct", 0.4),
        {"more SFT's as well": _loses(MORE, "test_distinct", 0.4)},
    ),
)
