"""What keeps the answers that policy gradient forgets: remedies on one base, as many samples each.

What Theorems 4.3 and 4.4 and the chapter on soft values foretell of each:

=============================  =====================================================================
remedy                         foretold
=============================  =====================================================================
KL a token                     keeps (4.4), at a price: each token answers for its own divergence
KL over sequences              keeps the base's proportions among right answers, no more
even targets                   the base's part excused: uniform over right answers, more than the base
entropy bonus                  keeps, wrong tokens as well as right ones
hot at first                   flatter samples are selected from; at temperature 1 again it is 4.3
random nodes                   what is reinforced was not the policy's own: no promise
a fifth of the test asked      more problems, each forgets as before (4.3 is row by row)
clipped, clipped higher        speeds, no direction: nothing is kept in the end (4.3, GRPO)
=============================  =====================================================================

Margins were set on seed 0; seeds 1 to 5 decide.  Steps that shrink to nothing came later, when all
other runs had been seen: a penalty over sequences had kept fewer answers than its optimum has.

Source: ours; even targets as in arXiv 2510.20817, clipping higher as in arXiv 2503.14476.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from planlib.curves import longest, some_pairs
from planlib.evidence import inapplicable
from planlib.rollout import sample
from planlib.studies import (
    ACYCLIC,
    REPAIR_SEEDS,
    RunConfig,
    annealed,
    for_diversity,
    with_baseline,
)
from planlib.study import load_run
from planlib.task import Outcome, check_sequences
from theorems.comparing import END, FIRST, Gap, Point, claims_on
from theorems.readings import Reading

(
    PLAIN, TOKEN, OVER, EVEN, ENTROPY, HOT, RANDOM, ASKED, CLIPPED, HIGHER
) = for_diversity(ACYCLIC)  # fmt: skip
PLAIN_SHRINKS, OVER_SHRINKS, EVEN_SHRINKS = annealed(ACYCLIC)
PLAIN_LESS, TOKEN_LESS, OVER_LESS, EVEN_LESS = with_baseline(ACYCLIC)
DRAWN, OF = 400, 100  # samples of a problem, and right ones among which different ones are counted
SEEDS = tuple(REPAIR_SEEDS)
NOT_SEEN = (0, 3, 4, 5)  # a reader had tried a baseline on seeds 1 and 2, for 200 updates


def _all(base: RunConfig) -> dict[str, RunConfig]:
    return for_diversity(base) | annealed(base) | with_baseline(base)


_claim = claims_on("diversity", _all, ACYCLIC, "the book's graph", SEEDS)
_anew = partial(
    claims_on("diversity", _all, ACYCLIC, "the book's graph", NOT_SEEN), fixed="after other seeds"
)


def at_optimum(config: RunConfig) -> dict[str, list[float]]:
    """Distinct right answers of 100 that the optima of the two penalties over sequences would show.

    Of training and of test problems, those on which runs are measured: the base's own; the base
    given that it is right (the penalty's optimum, but for e^(-1/weight)), counted among its first
    100 right samples of 400; all right answers alike, for which their number is enough; and for
    how many of the problems fewer than 100 of the 400 are right.
    """
    run = load_run(config)
    graph, found = run.task.graph, {}
    for name, pairs in run.task.evaluated.items():
        some = some_pairs(pairs, config.seed)
        draws = torch.Generator().manual_seed(config.seed)
        tokens = sample(run.model, some, draws, samples=DRAWN, max_length=longest(run.task)).numpy()
        right = (check_sequences(graph, tokens) == Outcome.CORRECT).reshape(len(some), DRAWN)
        answers = tokens.reshape(len(some), DRAWN, -1)
        own = [len(np.unique(a[:OF][r[:OF]], axis=0)) for a, r in zip(answers, right, strict=True)]
        given = [len(np.unique(a[r][:OF], axis=0)) for a, r in zip(answers, right, strict=True)]
        # Of right answers, too many for an integer of fixed size.
        number = np.array([graph.path_counts(t)[s] for s, t in some.tolist()], dtype=float)
        alike = number * -np.expm1(OF * np.log1p(-1 / np.maximum(number, 1 + 1e-9)))
        short = int((right.sum(1) < OF).sum())
        found[name] = [float(np.mean(x)) for x in (own, given, alike)] + [short]
    return found


OPTIMA = Reading(
    "diversity_optima",
    at_optimum,
    tuple(replace(ACYCLIC, seed=seed).base for seed in (0, *REPAIR_SEEDS)),
)
LONG_READINGS = (OPTIMA,)


def kept(method: str, series: str = "test_distinct", **margins: float) -> Gap:
    """Distinct right answers at the end, as a share of the base's."""
    return Gap(Point(method, series, END), Point(method, series, FIRST), ratio=True, **margins)


def gained(method: str, series: str, **margins: float) -> Gap:
    """A figure at the end less what it was before."""
    return Gap(Point(method, series, END), Point(method, series, FIRST), **margins)


def more(method: str, other: str, series: str, **margins: float) -> Gap:
    """One method's figure at the end less another's."""
    return Gap(Point(method, series, END), Point(other, series, END), **margins)


def put_off(method: str, **margins: float) -> Gap:
    """Distinct answers lost over the last quarter of the updates."""
    return Gap(
        Point(method, "test_distinct", (3, 4)), Point(method, "test_distinct", END), **margins
    )


def with_and_without(less: str, method: str, least: float) -> tuple[Gap, dict[str, Gap]]:
    """What a penalty keeps of answers to training problems with a baseline; its rivals have one of the two."""
    asked = partial(kept, series="train_distinct", least=least)
    return asked(less), {
        "without a baseline as well": asked(method),
        "a baseline without a penalty as well": asked(PLAIN_LESS),
    }


def base_less(method: str, **margins: float) -> Gap:
    """The base's accuracy less a method's at the end."""
    first, last = (Point(method, "test_accuracy", at) for at in (FIRST, END))
    return Gap(first, last, **margins)


def rise(method: str, **margins: float) -> Gap:
    """Distinct answers at the end less those at a quarter of the updates."""
    last, early = (Point(method, "test_distinct", at) for at in (END, (1, 2)))
    return Gap(last, early, **margins)


def against_early(method: str, **margins: float) -> Gap:
    """Distinct answers at the end less those of the plain method stopped at a quarter."""
    return Gap(
        Point(method, "test_distinct", END), Point(PLAIN, "test_distinct", (1, 2)), **margins
    )


CHECKS = (
    _claim(
        "forgets",
        "Without a remedy less than half of the base's distinct right answers are left.",
        kept(PLAIN, most=0.5),
        {"with a KL penalty a token as well": kept(TOKEN, most=0.5)},
    ),
    _claim(
        "token",
        "A KL penalty a token keeps more than half of them.",
        kept(TOKEN, least=0.5),
        {"clipping higher as well": kept(HIGHER, least=0.5)},
    ),
    _claim(
        "token-price",
        "It costs accuracy: the plain method ends above it by more than 0.01.",
        more(PLAIN, TOKEN, "test_accuracy", least=0.01),
        {"even targets cost it as well": more(PLAIN, EVEN, "test_accuracy", least=0.01)},
        successor="token-price-seen",
    ),
    _claim(
        "token-price-seen",
        "On these seeds it costs less than 0.02.",
        more(PLAIN, TOKEN, "test_accuracy", most=0.02),
        {"an entropy bonus as well": more(PLAIN, ENTROPY, "test_accuracy", most=0.02)},
        fixed="after all seeds",
    ),
    _claim(
        "over",
        "A KL penalty over sequences keeps more than half of them.",
        kept(OVER, least=0.5),
        {"clipping higher as well": kept(HIGHER, least=0.5)},
    ),
    _claim(
        "even",
        "With even targets there are more distinct right answers than the base had, by over 2.",
        gained(EVEN, "test_distinct", least=2),
        {"with the penalty over sequences alone": gained(OVER, "test_distinct", least=2)},
    ),
    _claim(
        "even-accuracy",
        "Even targets cost no accuracy: at most 0.02 less than the plain method.",
        more(EVEN, PLAIN, "test_accuracy", least=-0.02),
        {"an entropy bonus as well": more(ENTROPY, PLAIN, "test_accuracy", least=-0.02)},
    ),
    _claim(
        "entropy",
        "An entropy bonus keeps more than half of the base's distinct right answers.",
        kept(ENTROPY, least=0.5),
        {"random nodes as well": kept(RANDOM, least=0.5)},
    ),
    _claim(
        "entropy-price",
        "And accuracy ends below the base's.",
        gained(ENTROPY, "test_accuracy", most=0.0),
        {"with a KL penalty a token as well": gained(TOKEN, "test_accuracy", most=0.0)},
        successor="entropy-price-seen",
    ),
    _claim(
        "entropy-price-seen",
        "On these seeds it ends below the plain method by over 0.03.",
        more(PLAIN, ENTROPY, "test_accuracy", least=0.03),
        {"with a KL penalty a token as well": more(PLAIN, TOKEN, "test_accuracy", least=0.03)},
        fixed="after all seeds",
    ),
    _claim(
        "hot",
        "Hot samples at first leave more distinct right answers than the plain method, by over 4.",
        more(HOT, PLAIN, "test_distinct", least=4),
        {"clipping higher as well": more(HIGHER, PLAIN, "test_distinct", least=4)},
    ),
    _claim(
        "hot-put-off",
        "They put it off: as the temperature comes back to 1, over 1.5 are lost in the last quarter.",
        put_off(HOT, least=1.5),
        {"with even targets as well": put_off(EVEN, least=1.5)},
    ),
    _claim(
        "random",
        "Random nodes in the samples cost accuracy: over 0.05 below the base.",
        gained(RANDOM, "test_accuracy", most=-0.05),
        {"hot samples as well": gained(HOT, "test_accuracy", most=-0.05)},
        successor="random-seen",
    ),
    _claim(
        "random-seen",
        "On these seeds it ends below the plain method by over 0.05.",
        more(PLAIN, RANDOM, "test_accuracy", least=0.05),
        {"clipping higher as well": more(PLAIN, HIGHER, "test_accuracy", least=0.05)},
        fixed="after all seeds",
    ),
    _claim(
        "asked",
        "A fifth of the test problems as prompts keep no answers to the others: less than half.",
        kept(ASKED, most=0.5),
        {"with a KL penalty a token as well": kept(TOKEN, most=0.5)},
    ),
    _claim(
        "clipped-higher",
        "Nor does clipping higher than low: less than half.",
        kept(HIGHER, most=0.5),
        {"with a KL penalty a token as well": kept(TOKEN, most=0.5)},
    ),
    _claim(
        "early",
        "Stopped at a quarter the plain method has fewer distinct right answers than a KL penalty leaves at the end, by over 3.",
        against_early(TOKEN, least=3),
        {"than clipping higher leaves": against_early(HIGHER, least=3)},
    ),
    _claim(
        "annealed-over",
        "With steps that shrink to nothing a penalty over sequences keeps three quarters of the base's distinct answers to training problems.",
        kept(OVER_SHRINKS, "train_distinct", least=0.75),
        {"with steps that stay as they are as well": kept(OVER, "train_distinct", least=0.75)},
    ),
    _claim(
        "annealed-over-seen",
        "On these seeds distinct right answers to test problems come back under it as steps shrink: over 1 more at the end than at a quarter of the updates.",
        rise(OVER_SHRINKS, least=1),
        {
            "with steps that stay as they are as well": rise(OVER, least=1),
            "without a remedy as well": rise(PLAIN_SHRINKS, least=1),
        },
        fixed="after all seeds",
    ),
    _claim(
        "annealed-even",
        "With even targets they leave more distinct right answers than steps that stay as they are, by over 3.",
        more(EVEN_SHRINKS, EVEN, "test_distinct", least=3),
        {"without a remedy as well": more(PLAIN_SHRINKS, PLAIN, "test_distinct", least=3)},
        successor="annealed-even-seen",
    ),
    _claim(
        "annealed-even-seen",
        "On these seeds distinct answers with even targets go on rising as steps shrink: over 5 more at the end than at a quarter of the updates.",
        rise(EVEN_SHRINKS, least=5),
        {
            "with steps that stay as they are as well": rise(EVEN, least=5),
            "without a remedy as well": rise(PLAIN_SHRINKS, least=5),
        },
        fixed="after all seeds",
    ),
    _claim(
        "annealed-even-accuracy",
        "And cost no accuracy: at most 0.02 less than the plain method.",
        more(EVEN_SHRINKS, PLAIN, "test_accuracy", least=-0.02),
        {"an entropy bonus as well": more(ENTROPY, PLAIN, "test_accuracy", least=-0.02)},
    ),
    _claim(
        "annealed-plain",
        "Without a remedy such steps slow the loss and do not undo it: less than half is left.",
        kept(PLAIN_SHRINKS, most=0.5),
        {"with a penalty over sequences as well": kept(OVER_SHRINKS, most=0.5)},
    ),
    _anew(
        "baseline-over",
        "At constant steps a penalty over sequences with a baseline keeps three quarters of the base's distinct answers to training problems.",
        *with_and_without(OVER_LESS, OVER, 0.75),
        successor="baseline-over-seen",
    ),
    _anew(
        "baseline-over-seen",
        "On these seeds a penalty over sequences with a baseline keeps 0.85 of them.",
        *with_and_without(OVER_LESS, OVER, 0.85),
        fixed="after all seeds",
    ),
    _anew(
        "baseline-token",
        "A penalty a token with a baseline keeps 0.85 of the base's distinct answers to training problems.",
        *with_and_without(TOKEN_LESS, TOKEN, 0.85),
    ),
    _anew(
        "baseline-even",
        "With even targets a baseline leaves over 5 more distinct right answers than none.",
        more(EVEN_LESS, EVEN, "test_distinct", least=5),
        {"without a penalty as well": more(PLAIN_LESS, PLAIN, "test_distinct", least=5)},
    ),
    _anew(
        "baseline-even-accuracy",
        "Even targets with a baseline are at most 0.02 less right than a baseline without a penalty.",
        more(EVEN_LESS, PLAIN_LESS, "test_accuracy", least=-0.02),
        {
            "the base as well": base_less(PLAIN_LESS, least=-0.02),
            "an entropy bonus as well": more(ENTROPY, PLAIN_LESS, "test_accuracy", least=-0.02),
        },
    ),
    _anew(
        "baseline-plain",
        "Without a penalty a baseline does not keep two thirds of the base's.",
        kept(PLAIN_LESS, most=0.67),
        {"with a penalty over sequences as well": kept(OVER_LESS, most=0.67)},
    ),
    *inapplicable(
        "diversity",
        formal="what a remedy's optimum is, is proved in the chapters on Theorem 4.4 and on soft values; here trainers are compared",
        symbolic="see the formal rung",
        solver="trained runs; nothing to decide for all values at once",
        exhaustive="what a remedy's optimum is, is checked on all small graphs in the chapters on Theorem 4.4 and on soft values; here trainers are compared",
        certified="measurements of trained models; no inequality between closed forms",
        statistical="each claim is an interval over seeds of trained transformers, and stands on that rung",
    ),
)  # fmt: skip
