"""Figure 2: what more SFT and policy gradient do after SFT, with and without a KL penalty.

Claims were written, and margins set, after looking at seed 0, and seeds 1 to 4 decide.  What was
fixed, given another control or turned round after those had been seen is decided on seeds 5 to
12, named before they were run; a claim that had failed or was left undecided stays beside it.
What the paper reports is a claim in its own words, and comes out as it does.

Source: Wang et al., arXiv 2509.22613, figures 2a to 2d.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.special import softmax

from planlib import exact, metrics
from planlib.models import TabularModel
from planlib.studies import (
    ACYCLIC,
    BLOCKSWORLD,
    CYCLIC,
    FIGURE_2,
    KL_WEIGHTS,
    SEEDS,
    RunConfig,
    after_sft,
    longer,
    one_path,
)
from planlib.study import Run, Task, load_run, longest, some_pairs
from theorems.comparing import (
    ANEW,
    FIRST,
    FREE,
    HELD,
    MIDDLE,
    ON,
    SFT,
    Gap,
    Point,
    Reached,
    claims_on,
    everything,
    falls,
    rises,
)
from theorems.readings import Reading


def sinks(method: str, most: float, since: tuple | Reached = MIDDLE, series="test_distinct") -> Gap:
    """Distinct paths fall below ``most`` times those ``since`` some evaluations, by default 500 to 700 updates."""
    return Gap(Point(method, series), Point(method, series, since), most=most, ratio=True)


def costs(method: str, **margins) -> Gap:
    """How far policy gradient without KL ends above ``method`` in sampled test accuracy."""
    return Gap(Point(FREE, "test_accuracy"), Point(method, "test_accuracy"), **margins)


def holds_late(
    method: str, least: float, since: tuple = MIDDLE, series: str = "test_accuracy"
) -> Gap:
    """A series, by default sampled test accuracy, at the end less that ``since`` some evaluations."""
    return Gap(Point(method, series), Point(method, series, since), least=least)


def trained(method: str | tuple[str, ...], least: float) -> Gap:
    """Sampled training accuracy ends above ``least``."""
    return Gap(Point(method, "train_accuracy"), least=least)


def _frequencies(run: Run) -> np.ndarray:
    n = run.task.graph.n
    seen = np.zeros((n, n, n))
    counts = exact.cooccurrence(tuple(row[2:][row[2:] < n].tolist()) for row in run.task.data)
    for (target, node), row in counts.items():
        seen[target, node, list(row)] = list(row.values())
    return seen


def _uniform(run: Run) -> np.ndarray:
    n = run.task.graph.n
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    correct = np.zeros((n, n, n))
    correct[i, j] = run.task.graph.correct_next(i, j)
    return correct


def _base(run: Run) -> np.ndarray:
    return softmax(metrics.prompt_logits(run.model), axis=-1) * _uniform(run)


LIMITS = {"frequencies": _frequencies, "base on correct steps": _base, "uniform": _uniform}


def _predicted(config: RunConfig) -> dict[str, tuple[float, float]]:
    run = load_run(config)
    some = some_pairs(run.task.split.train_pairs, config.seed)
    found = {name: tuple(sampled(of(run), run.task, some).values()) for name, of in LIMITS.items()}
    own: dict[tuple[int, int], set] = {}
    for row in run.task.data[len(run.task.split.edge_pairs) :].tolist():
        own.setdefault((row[0], row[1]), set()).add(tuple(row))
    known = float(np.mean([len(own[tuple(pair)]) for pair in some.tolist()]))
    found["ten paths of each pair, by heart"] = (1.0, known)
    return found | {"one favourite path": (1.0, 1.0)}


PREDICTED = Reading(
    "predicted",
    _predicted,
    (
        *(replace(base, seed=seed) for base in (ACYCLIC, BLOCKSWORLD) for seed in SEEDS),
        CYCLIC,  # the one of its SFT models that is kept
    ),
)
LONG_READINGS = (PREDICTED,)


def predicted(config: RunConfig) -> dict[str, tuple[float, float]]:
    """Where the theorems send a stored SFT model on training pairs: accuracy, distinct paths of 100.

    ``frequencies`` of the training paths (Theorem 3.1, rows that they visit), the
    ``base on correct steps`` (Theorem 4.4 at success 1, the base read at the prompt), and
    ``uniform`` over correct steps, all sampled as tables; the paths of the data by heart,
    and one favourite path a pair.
    """
    return {name: tuple(point) for name, point in PREDICTED(config).items()}


def sampled(weights: np.ndarray, task: Task, pairs: np.ndarray) -> dict[str, float]:
    """Accuracy and distinct paths of 100 on ``pairs``, drawn from weights (target, node, next)."""
    table, graph = TabularModel(task.graph.n), task.graph
    with torch.no_grad():
        table.f.copy_(torch.as_tensor(weights).clamp(min=1e-300).log())

    def draws():
        return {"generator": torch.Generator().manual_seed(0), "max_length": longest(task)}

    return {
        "accuracy": metrics.accuracy(table, graph, pairs, samples=20, **draws()),
        "distinct": float(metrics.distinct_paths(table, graph, pairs, **draws()).mean()),
    }


def with_one_path(base: RunConfig) -> dict[str, RunConfig]:
    """The methods of figure 2, and policy gradient after SFT on one path a pair."""
    return after_sft(base) | one_path(base)


def with_longer(base: RunConfig) -> dict[str, RunConfig]:
    """The methods of figures 2 and 3, and policy gradient without KL for 5,000 updates."""
    return everything(base) | longer(base)


LONGER, LEAVE_ONE_OUT = longer(ACYCLIC)
FULL = 0.999  # training accuracy that counts as 100%
KL = tuple(f"PG, λ = {w:g}" for w in KL_WEIGHTS if w)

_UPDATES = f"{FIGURE_2['steps']} updates"
_check = claims_on("figure2", after_sft, ACYCLIC, f"acyclic graph, {_UPDATES}")
_anew = claims_on("figure2", with_longer, ACYCLIC, f"acyclic graph, {_UPDATES}", ANEW)
_longer = claims_on("figure2", with_longer, ACYCLIC, "acyclic graph, 5,000 updates", ANEW)
_one_path = claims_on("figure2", with_one_path, ACYCLIC, "acyclic graph")
_blocksworld = claims_on("figure2", everything, BLOCKSWORLD, f"Blocksworld, {_UPDATES}")
_blocksworld_anew = claims_on("figure2", everything, BLOCKSWORLD, f"Blocksworld, {_UPDATES}", ANEW)
_cyclic = partial(
    claims_on("figure2", everything, CYCLIC, f"cyclic graph, {_UPDATES}", SEEDS),
    fixed="before any run",
)
# Seeds 0 and 1 had shown that some of these have a control that comes as far; of seed 2 the run of
# more SFT had been seen.
_cyclic_unseen = partial(
    claims_on("figure2", everything, CYCLIC, f"cyclic graph, {_UPDATES}", (2, 3, 4)),
    fixed="after other seeds",
)

_CAPPED = (  # asked of the seeds not yet seen, and of all
    Gap(Point(FREE, "train_accuracy"), Point(HELD, "train_accuracy"), 0.03),
    {
        "with λ = 0.01 as well": Gap(
            Point(FREE, "train_accuracy"), Point("PG, λ = 0.01", "train_accuracy"), 0.03
        )
    },
)


# What the paper reports, by the claim that speaks of it; the others are ours.
REPORTED = {
    "figure2/pg-rises": "2a: policy gradient raises test accuracy",
    "figure2/more-sft": "2a: continual SFT loses test accuracy",
    "figure2/late": "2a: without KL test accuracy falls again later",
    "figure2/late-longer": "2a: the same, with three times the updates",
    "figure2/train": "2b: without KL training accuracy reaches 100% and keeps it",
    "figure2/train-longer": "2b: the same, with three times the updates",
    "figure2/capped": "2b: with KL training accuracy is capped below",
    "figure2/diversity": "2c: without KL diversity keeps falling",
    "figure2/diversity-full": "2c: after training accuracy has reached 100%",
    "figure2/kept": "2d: a larger weight keeps more diversity",
    "figure2/price": "2d: and costs accuracy",
}

CHECKS = (
    _check(
        "pg-rises",
        "Policy gradient raises sampled test accuracy, by more than 0.03.",
        rises("test_accuracy", FREE, 0.03),
        {"more SFT as well": rises("test_accuracy", SFT, 0.03)},
    ),
    _check(
        "greedy",
        "It lowers greedy test accuracy, by more than 0.005.",
        falls("test_greedy", FREE, 0.005),
        {"on training pairs as well": falls("train_greedy", FREE, 0.005)},
    ),
    # Written after seeds 1 to 4 had been seen: more SFT lowers it as well, but by less.
    _anew(
        "greedy-end",
        "Its greedy test accuracy ends below that of more SFT, by more than 0.005.",
        Gap(Point(SFT, "test_greedy"), Point(FREE, "test_greedy"), 0.005),
        {"with λ = 0.1 as well": Gap(Point(SFT, "test_greedy"), Point(HELD, "test_greedy"), 0.005)},
    ),
    # The margins of the next two were set when seeds 1 to 4 had been seen.
    _anew(
        "price",
        "On test pairs λ = 0.1 costs more than 0.015 of sampled accuracy.",
        costs(HELD, least=0.015),
        {"Q-learning with process reward as well": costs(ON, least=0.015)},
        successor="price-small",
    ),
    _anew(
        "price-small",
        "On test pairs λ = 0.1 costs less than 0.015 of sampled accuracy.",
        costs(HELD, most=0.015),
        {"more SFT as little": costs(SFT, most=0.015)},
    ),
    _check(
        "more-sft",
        "More SFT lowers sampled test accuracy, by more than 0.005.",
        falls("test_accuracy", SFT, 0.005),
        {"policy gradient as well": falls("test_accuracy", FREE, 0.005)},
        successor="more-sft-keeps",
    ),
    _anew(
        "more-sft-keeps",
        "More SFT does not lower sampled test accuracy, to 0.005.",
        rises("test_accuracy", SFT, -0.005),
        {
            "as it does not raise that on training pairs, by 0.005": Gap(
                Point(SFT, "train_accuracy"), Point(SFT, "train_accuracy", FIRST), most=0.005
            ),
            "nor greedy accuracy, to 0.005": rises("test_greedy", SFT, -0.005),
        },
    ),
    _anew(
        "late",
        "Without KL sampled test accuracy ends below that at 500 to 700 updates, by more than 0.01.",
        falls("test_accuracy", FREE, 0.01, MIDDLE),
        {"Q-learning with process reward as well": falls("test_accuracy", ON, 0.01, MIDDLE)},
        successor="late-keeps",
    ),
    _anew(
        "late-keeps",
        "Without KL sampled test accuracy is not below that at 500 to 700 updates, to 0.01.",
        holds_late(FREE, -0.01),
        {
            "nor greedy accuracy below its start": Gap(
                Point(FREE, "test_greedy"), Point(FREE, "test_greedy", FIRST), -0.01
            )
        },
        successor="late-keeps-seen",
    ),
    _anew(
        "late-keeps-seen",
        "Without KL sampled test accuracy is not below that at 500 to 700 updates, to 0.01; greedy accuracy is below its start, by over 0.005.",
        holds_late(FREE, -0.01),
        {
            "nor greedy accuracy below its start, to 0.005": Gap(
                Point(FREE, "test_greedy"), Point(FREE, "test_greedy", FIRST), -0.005
            )
        },
        fixed="after all seeds",
    ),
    _longer(
        "late-longer",
        "After 5,000 updates without KL sampled test accuracy is below that at 500 to 700, by more than 0.01.",
        falls("test_accuracy", LONGER, 0.01, MIDDLE),
        {"Q-learning with process reward as well": falls("test_accuracy", ON, 0.01, MIDDLE)},
        successor="late-longer-seen",
    ),
    _longer(
        "late-longer-seen",
        "On these seeds it is not below that, to 0.01, after 5,000 updates; greedy accuracy is.",
        holds_late(LONGER, -0.01),
        {
            "greedy accuracy neither": holds_late(LONGER, -0.01, series="test_greedy"),
        },
        fixed="after all seeds",
    ),
    _anew(
        "train",
        f"Without KL sampled training accuracy reaches 100% and keeps it: it ends above {FULL}.",
        trained(FREE, FULL),
        {"more SFT as well": trained(SFT, FULL)},
        successor="train-nearly",
    ),
    _check(
        "train-nearly",
        "Without KL sampled training accuracy ends above 0.98.",
        trained(FREE, 0.98),
        {"more SFT as well": trained(SFT, 0.98)},
    ),
    _longer(
        "train-longer",
        f"After 5,000 updates, with the better of no and the leave-one-out baseline, it ends above {FULL}.",
        trained((LONGER, LEAVE_ONE_OUT), FULL),
        {"more SFT as well": trained(SFT, FULL)},
        successor="train-longer-seen",
    ),
    _longer(
        "train-longer-seen",
        "On these seeds the better of the two ends above 0.99.",
        trained((LONGER, LEAVE_ONE_OUT), 0.99),
        {"more SFT as well": trained(SFT, 0.99)},
        fixed="after all seeds",
    ),
    # "Each weight" was asked when all seeds had been seen, on which the smallest show no cap.
    _check(
        "capped",
        "With each weight λ > 0 training accuracy ends lower, by more than 0.005.",
        Gap(Point(FREE, "train_accuracy"), Point(KL, "train_accuracy"), 0.005),
        {
            "greedy training accuracy as well": Gap(
                Point(FREE, "train_greedy"), Point(KL, "train_greedy"), 0.005
            )
        },
        fixed="after all seeds",
        successor="capped-tenth",
    ),
    _check(
        "capped-tenth",
        "With λ = 0.1 it ends lower, by more than 0.005.",
        Gap(Point(FREE, "train_accuracy"), Point(HELD, "train_accuracy"), 0.005),
        {
            "with λ = 0.001 as well": Gap(
                Point(FREE, "train_accuracy"), Point("PG, λ = 0.001", "train_accuracy"), 0.005
            )
        },
    ),
    _check(
        "diversity-first",
        "Without KL distinct paths fall to less than 0.8 of those at 500 to 700 updates: on seeds 1 to 4.",
        sinks(FREE, 0.8),
        {"with λ = 0.1 as well": sinks(HELD, 0.8)},
        successor="diversity",
    ),
    _anew(
        "diversity",
        "Without KL distinct paths fall to less than 0.8 of those at 500 to 700 updates.",
        sinks(FREE, 0.8),
        {"with λ = 0.1 as well": sinks(HELD, 0.8)},
    ),
    _longer(
        "diversity-full",
        "With the leave-one-out baseline distinct paths on training pairs fall to less than 0.8 of those when training accuracy first was 99.5%.",
        sinks(LEAVE_ONE_OUT, 0.8, Reached("train_accuracy", 0.995), "train_distinct"),
        {
            "with λ = 0.1 as well, from 500 to 700 updates": sinks(
                HELD, 0.8, series="train_distinct"
            )
        },
    ),
    _check(
        "kept",
        "λ = 0.1 keeps more than half of the distinct paths.",
        rises("test_distinct", HELD, 0.5, ratio=True),
        {
            "λ = 0.01 as well": rises("test_distinct", "PG, λ = 0.01", 0.5, ratio=True),
            "no KL as well": rises("test_distinct", FREE, 0.5, ratio=True),
        },
    ),
    _check(
        "longer-first",
        "Without KL correct samples are longer, by more than one edge: on seeds 1 to 4.",
        rises("test_length", FREE, 1.0),
        {"more SFT as well": rises("test_length", SFT, 1.0)},
        successor="longer",
    ),
    _anew(
        "longer",
        "Without KL correct samples are longer, by more than one edge.",
        rises("test_length", FREE, 1.0),
        {
            "with λ = 0.1 as well": rises("test_length", HELD, 1.0),
            "more SFT as well": rises("test_length", SFT, 1.0),
        },
    ),
    _check(
        "edges",
        "Without KL rare edges sink among the non-edges of the read-out.",
        rises("non_edges_above_rare", FREE, 1.0),
        {"more SFT as well": rises("non_edges_above_rare", SFT, 1.0)},
    ),
    _one_path(
        "one-path",
        "After SFT on one path a pair policy gradient raises greedy test accuracy, by more than 0.1.",
        rises("test_greedy", "PG, one path a pair", 0.1),
        {"after ten paths a pair as well": rises("test_greedy", FREE, 0.1)},
    ),
    _blocksworld(
        "blocksworld-pg-rises-first",
        "On Blocksworld as well policy gradient raises sampled test accuracy, by more than 0.03: on seeds 1 to 4.",
        rises("test_accuracy", FREE, 0.03),
        {"Q-learning with process reward as well": rises("test_accuracy", ON, 0.03)},
        successor="blocksworld-pg-rises",
    ),
    _blocksworld_anew(
        "blocksworld-pg-rises",
        "On Blocksworld as well policy gradient raises sampled test accuracy, by more than 0.03.",
        rises("test_accuracy", FREE, 0.03),
        {"Q-learning with process reward as well": rises("test_accuracy", ON, 0.03)},
    ),
    _blocksworld(
        "blocksworld-greedy",
        "And lowers greedy test accuracy, by more than 0.005.",
        falls("test_greedy", FREE, 0.005),
        {"by more than 0.05": falls("test_greedy", FREE, 0.05)},
    ),
    _blocksworld(
        "blocksworld-price",
        "And there as well λ = 0.1 costs less than 0.015 of sampled test accuracy.",
        costs(HELD, most=0.015),
        {"Q-learning with process reward as little": costs(ON, most=0.015)},
        fixed="after all seeds",  # its first control (more than 0.05) was its opposite
    ),
    # On seeds 1 to 4 the one control of the next two was their opposite.
    _blocksworld_anew(
        "blocksworld-more-sft",
        "There as well more SFT does not lower sampled test accuracy, to 0.005.",
        rises("test_accuracy", SFT, -0.005),
        {"Q-learning with process reward as little": rises("test_accuracy", ON, -0.005)},
    ),
    _blocksworld_anew(
        "blocksworld-late",
        "Without KL sampled test accuracy is not below that at 500 to 700 updates, to 0.01.",
        holds_late(FREE, -0.01),
        {"Q-learning with process reward, than at its start": holds_late(ON, -0.01, FIRST)},
    ),
    _blocksworld(
        "blocksworld-diversity",
        "Without KL distinct paths fall to less than 0.7 of those at 500 to 700 updates.",
        sinks(FREE, 0.7),
        {"with λ = 0.1 as well": sinks(HELD, 0.7)},
    ),
    _blocksworld(
        "blocksworld-kept",
        "There λ = 0.1 keeps more than 0.75 of the distinct paths.",
        rises("test_distinct", HELD, 0.75, ratio=True),
        {"no KL as well": rises("test_distinct", FREE, 0.75, ratio=True)},
    ),
    _blocksworld(
        "blocksworld-edges",
        "And it is more SFT that sinks rare edges in the read-out, threefold or more.",
        rises("non_edges_above_rare", SFT, 3.0, ratio=True),
        {"no KL as well": rises("non_edges_above_rare", FREE, 3.0, ratio=True)},
    ),
    # What stands on the acyclic graph, with its margins: written before any run on the cyclic one.
    _cyclic(
        "cyclic-pg-rises",
        "On the cyclic graph as well policy gradient raises sampled test accuracy, by more than 0.03.",
        rises("test_accuracy", FREE, 0.03),
        {"more SFT as well": rises("test_accuracy", SFT, 0.03)},
        successor="cyclic-ahead",
    ),
    _cyclic(
        "cyclic-greedy",
        "And lowers greedy test accuracy, by more than 0.005.",
        falls("test_greedy", FREE, 0.005),
        {"on training pairs as well": falls("train_greedy", FREE, 0.005)},
        successor="cyclic-greedy-middle",
    ),
    _cyclic(
        "cyclic-more-sft",
        "There as well more SFT does not lower sampled test accuracy, to 0.005.",
        rises("test_accuracy", SFT, -0.005),
        {"Q-learning with process reward as little": rises("test_accuracy", ON, -0.005)},
    ),
    _cyclic(
        "cyclic-late",
        "Without KL sampled test accuracy is not below that at 500 to 700 updates, to 0.01.",
        holds_late(FREE, -0.01),
        {"nor that of Q-learning with process reward": holds_late(ON, -0.01)},
    ),
    _cyclic(
        "cyclic-capped",
        "With λ = 0.1 training accuracy ends lower than without, by more than 0.005.",
        Gap(Point(FREE, "train_accuracy"), Point(HELD, "train_accuracy"), 0.005),
        {
            "with λ = 0.001 as well": Gap(
                Point(FREE, "train_accuracy"), Point("PG, λ = 0.001", "train_accuracy"), 0.005
            )
        },
        successor="cyclic-capped-more",
    ),
    _cyclic(
        "cyclic-diversity",
        "Without KL distinct paths fall to less than 0.8 of those at 500 to 700 updates.",
        sinks(FREE, 0.8),
        {"with λ = 0.1 as well": sinks(HELD, 0.8)},
    ),
    _cyclic(
        "cyclic-kept",
        "There λ = 0.1 keeps more than half of the distinct paths.",
        rises("test_distinct", HELD, 0.5, ratio=True),
        {"no KL as well": rises("test_distinct", FREE, 0.5, ratio=True)},
        successor="cyclic-kept-more",
    ),
    _cyclic_unseen(
        "cyclic-ahead",
        "There policy gradient ends more accurate on test pairs than more SFT, by more than 0.04.",
        costs(SFT, least=0.04),
        {
            "with λ = 0.1 as well": Gap(
                Point(HELD, "test_accuracy"), Point(SFT, "test_accuracy"), 0.04
            )
        },
    ),
    _cyclic_unseen(
        "cyclic-greedy-middle",
        "At 500 to 700 updates its greedy test accuracy is below that at the start, by more than 0.015.",
        Gap(Point(FREE, "test_greedy", FIRST), Point(FREE, "test_greedy", MIDDLE), 0.015),
        {
            "with λ = 0.1 as well": Gap(
                Point(HELD, "test_greedy", FIRST), Point(HELD, "test_greedy", MIDDLE), 0.015
            )
        },
    ),
    _cyclic_unseen(
        "cyclic-capped-more",
        "With λ = 0.1 training accuracy ends lower than without KL, by more than 0.03.",
        *_CAPPED,
        successor="cyclic-capped-seen",
    ),
    _cyclic(
        "cyclic-capped-seen",
        "Over all five seeds it ends lower by more than 0.03.",
        *_CAPPED,
        fixed="after all seeds",
    ),
    _cyclic_unseen(
        "cyclic-kept-more",
        "With λ = 0.1 there are more distinct paths at the end than at the start, by a twentieth.",
        rises("test_distinct", HELD, 1.05, ratio=True),
        {"with λ = 0.01 as well": rises("test_distinct", "PG, λ = 0.01", 1.05, ratio=True)},
    ),
)
