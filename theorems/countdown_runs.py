"""Countdown in transformers: claims on stored runs.  Margins were set on seed 0.

Source: ours; the methods are those of Samineni et al., arXiv 2505.13697, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from planlib.evidence import Check
from planlib.studies import (
    ABLATION_SEEDS,
    COUNTDOWN,
    OTHER_COUNTDOWNS,
    OTHER_SEEDS,
    less_of_it,
    most_of_it,
    rest_of_it,
    some_of_it,
)
from theorems.comparing import END, apart, claims_on, falls, rises

MORE, FILTERED, REINFORCE, GRPO = some_of_it(COUNTDOWN)
BASES, CREDIT = rest_of_it(COUNTDOWN)

_claim = claims_on(
    "countdown", most_of_it, COUNTDOWN, "four numbers from 1 to 4, whole", tuple(ABLATION_SEEDS)
)


_gap, _loses = partial(apart, at=END), partial(falls, at=END)


def _on(what: str) -> Callable[..., Check]:
    """What makes the claims on Countdown with one thing changed."""
    return claims_on("countdown", less_of_it, OTHER_COUNTDOWNS[what], what, tuple(OTHER_SEEDS))


def _loses_on(name: str, what: str, successor: str = "") -> Check:
    """Policy gradient loses on test problems of another graph, too."""
    return _on(what)(
        name,
        f"{what[0].upper()}{what[1:]}: policy gradient ends below more SFT on test problems, by over 0.02.",
        _gap(MORE, REINFORCE, "test_accuracy", least=0.02),
        {"GRPO as well": _gap(MORE, GRPO, "test_accuracy", least=0.02)},
        fixed="before any run",
        successor=successor,
    )


HOLDING, ONE_ANSWER = "holding is enough", "one answer a problem"


CHECKS = (
    _claim(
        "reinforce",
        "Policy gradient ends below more SFT on test problems, by over 0.03.",
        _gap(MORE, REINFORCE, "test_accuracy", least=0.03),
        {"on training problems as well": _gap(MORE, REINFORCE, "train_accuracy", least=0.03)},
    ),
    _claim(
        "filtered",
        "SFT on its own right samples ends below more SFT on test problems, by over 0.03.",
        _gap(MORE, FILTERED, "test_accuracy", least=0.03),
        {"on training problems as well": _gap(MORE, FILTERED, "train_accuracy", least=0.03)},
    ),
    _claim(
        "grpo",
        "GRPO, which stands still where a group is all right, ends above policy gradient on test problems, by over 0.02.",
        _gap(GRPO, REINFORCE, "test_accuracy", least=0.02),
        {
            "filtered SFT as well": _gap(FILTERED, REINFORCE, "test_accuracy", least=0.02),
            "on training problems as well": _gap(GRPO, REINFORCE, "train_accuracy", least=0.02),
        },
        successor="grpo-seen",
    ),
    _claim(
        "grpo-seen",
        "GRPO ends above policy gradient on test problems, by over 0.02.",
        _gap(GRPO, REINFORCE, "test_accuracy", least=0.02),
        {"above more SFT as well": _gap(GRPO, MORE, "test_accuracy", least=0.02)},
        fixed="after all seeds",
    ),
    _claim(
        "off-the-way",
        "Policy gradient loses off the way, too: over 0.01 there.",
        _loses("test_off_the_way", REINFORCE, 0.01),
        {"more SFT as well": _loses("test_off_the_way", MORE, 0.01)},
    ),
    _claim(
        "one-of-64",
        "A right answer among 64 samples is rarer after policy gradient than before, by over 0.02.",
        _loses("test_pass_64", REINFORCE, 0.02),
        {"of more SFT's as well": _loses("test_pass_64", MORE, 0.02)},
        successor="one-of-64-seen",
    ),
    _claim(
        "one-of-64-seen",
        "A right answer among 64 samples is rarer after policy gradient than before, by over 0.02, on test problems alone.",
        _loses("test_pass_64", REINFORCE, 0.02),
        {"on training problems as well": _loses("train_pass_64", REINFORCE, 0.02)},
        fixed="after all seeds",
    ),
    _claim(
        "fewer",
        "Of 100 samples on test problems fewer distinct right ones are left after policy gradient than before, by over 0.4.",
        _loses("test_distinct", REINFORCE, 0.4),
        {"more SFT's as well": _loses("test_distinct", MORE, 0.4)},
    ),
    _loses_on("fractions", "fractions"),
    _loses_on("holding", HOLDING, "holding-seen"),
    # There GRPO loses as well, by about half of it.
    _on(HOLDING)(
        "holding-seen",
        "Holding is enough: policy gradient ends below more SFT on test problems, by over 0.02.",
        _gap(MORE, REINFORCE, "test_accuracy", least=0.02),
        {"on training problems as well": _gap(MORE, REINFORCE, "train_accuracy", least=0.02)},
        fixed="after all seeds",
    ),
    _loses_on("three", "three numbers, 1 to 12"),
    # In the benchmark's range starts share hardly a state, and what nobody plans nobody loses.
    _loses_on("three-to-99", "three numbers, 1 to 99", "three-to-99-seen"),
    _on("three numbers, 1 to 99")(
        "three-to-99-seen",
        "Three numbers, 1 to 99: policy gradient ends within 0.02 of more SFT on test problems; of 64 samples a right one is rarer.",
        _gap(MORE, REINFORCE, "test_accuracy", least=-0.02, most=0.02),
        {"of 64 samples as well": _gap(MORE, REINFORCE, "test_pass_64", least=-0.02, most=0.02)},
        fixed="after all seeds",
    ),
    _loses_on("four-to-99", "four numbers, 1 to 99", "four-to-99-seen"),
    _on("four numbers, 1 to 99")(
        "four-to-99-seen",
        "Four numbers, 1 to 99: policy gradient ends with fewer distinct right answers of 100 than more SFT, by over 0.1.",
        _gap(MORE, REINFORCE, "test_distinct", least=0.1),
        {"and less accuracy, by as much": _gap(MORE, REINFORCE, "test_accuracy", least=0.1)},
        fixed="after all seeds",
    ),
    # SFT has seen nearly all that its samples could find.
    _claim(
        "bases",
        "Right samples of the base do on test problems what the data do: within 0.02 of more SFT.",
        _gap(BASES, MORE, "test_accuracy", least=-0.02, most=0.02),
        {
            "its own as it becomes as well": _gap(
                FILTERED, MORE, "test_accuracy", least=-0.02, most=0.02
            )
        },
        fixed="before any run",
    ),
    # As on the random graph of 200 nodes: 600 updates are few for so many rows of so many values.
    _claim(
        "credit",
        "Q-learning on process reward ends below its start on test problems, by over 0.2.",
        _loses("test_accuracy", CREDIT, 0.2),
        {"GRPO as well": _loses("test_accuracy", GRPO, 0.2)},
        fixed="before any run",
        successor="credit-seen",
    ),
    _claim(
        "credit-seen",
        "Q-learning on process reward ends with over 0.1 fewer right answers on training problems than at its start.",
        _loses("train_accuracy", CREDIT, 0.1),
        {"GRPO as well": _loses("train_accuracy", GRPO, 0.1)},
        fixed="after all seeds",
    ),
    # What the page reads out of two graphs: the data, not the graph, decide.
    _on(ONE_ANSWER)(
        "one-answer",
        "After SFT on one answer a problem policy gradient ends above more SFT on test problems, by over 0.02.",
        _gap(REINFORCE, MORE, "test_accuracy", least=0.02),
        {"more SFT gains as much": rises("test_accuracy", MORE, 0.02, at=END)},
        fixed="before any run",
        successor="one-answer-seen",
    ),
    _on(ONE_ANSWER)(
        "one-answer-seen",
        "After SFT on one answer a problem policy gradient is within 0.02 of more SFT on test problems.",
        _gap(REINFORCE, MORE, "test_accuracy", least=-0.02, most=0.02),
        {
            "GRPO in distinct right answers as well": _gap(
                GRPO, MORE, "test_distinct", least=-0.02, most=0.02
            )
        },
        fixed="after all seeds",
    ),
)
