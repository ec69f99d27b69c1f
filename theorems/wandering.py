"""What the transformer does on graphs with cycles: the levels, and a walk that shuns its target.

At ``A + R - 1`` all feasible steps tie, and the policy walks at random.  But values on cycles that
pass their true ones have nothing that brings them back, (c) of the chapter, and a step onto the
target is worth 1 and no more: the walk then avoids it.  Each claim on the runs of
``q-cycles-flat`` was written down before any of them was made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planlib import metrics
from planlib.evidence import Finding, claims, decide
from planlib.graph import InputError
from planlib.intervals import Estimate, estimate
from planlib.studies import BLOCKSWORLD, CYCLIC, STUDIES, Q, RunConfig, with_cycles
from planlib.study import READ_OUT, load_record, load_run
from theorems.walks import accuracy_of, softened, walk_accuracy

claim = claims("cycles")

GRAPHS = {CYCLIC.graph: "cyclic graph", BLOCKSWORLD.graph: "Blocksworld"}
LOW = with_cycles(CYCLIC, 2, Q.initial_scale)
HIGH = with_cycles(CYCLIC, 2, 1.0)
STORED = tuple(c for c in STUDIES["q-cycles"] if c.q.initial_scale == Q.initial_scale)
# The same settings on seeds that were run for other claims.
_ELSEWHERE = tuple(
    c
    for name in ("fresh-blocksworld", "figure3-cyclic")
    for c in STUDIES[name]
    if c == with_cycles(c.base, c.seed, Q.initial_scale) and c not in STORED
)
EVERY = tuple(sorted(STORED + _ELSEWHERE, key=lambda config: config.seed))
FLAT = STUDIES["q-cycles-flat"]
EXAMPLES = (LOW, with_cycles(BLOCKSWORLD, 0, Q.initial_scale))  # whose models are stored


def by_graph(configs: tuple[RunConfig, ...]) -> dict[str, list[RunConfig]]:
    """Runs by the name of their graph, as far as there are any."""
    found = {name: [c for c in configs if c.graph == graph] for graph, name in GRAPHS.items()}
    return {name: runs for name, runs in found.items() if runs}


# --- what a walk by given values does -------------------------------------------------------------


@functools.cache
def values_of(config: RunConfig) -> np.ndarray:
    """The stored model's values at every prompt: ``(n, n, n)``, target, current, next."""
    model = load_run(config).model
    if model is None:
        raise InputError("config", "a run whose model was kept", config.key)
    return metrics.prompt_logits(model)


def onto_target(adjacency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (target, current) from which a legal step leads onto the target, as two index arrays."""
    return np.nonzero(adjacency.T)


def elsewhere(adjacency: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Mean value of the legal steps past the target, in each row that has one onto it: ``(m,)``.

    NaN where the step onto the target is the only legal one.
    """
    targets, nodes = onto_target(adjacency)
    past = adjacency[nodes].copy()  # (m, n)
    past[np.arange(len(targets)), targets] = False
    others = np.where(past, table[targets, nodes], 0.0).sum(1)
    with np.errstate(invalid="ignore"):
        return others / past.sum(1)


def shyness(config: RunConfig) -> float:
    """By how much legal steps past the target are worth more than the step onto it, on average."""
    adjacency, table = load_run(config).task.graph.adjacency, values_of(config)
    targets, nodes = onto_target(adjacency)
    return float(np.nanmean(elsewhere(adjacency, table) - table[targets, nodes, targets]))


@functools.cache
def _at_fixed_point(config: RunConfig, discount: float) -> float:
    task = load_run(config).task
    pairs = task.split.test_pairs
    return walk_accuracy(task.graph, config.q.max_length, READ_OUT, discount, pairs)


def uniform(config: RunConfig) -> float:
    """Accuracy of the walk at ``A + R - 1``, on the run's test pairs."""
    return _at_fixed_point(config, 1.0)


def plans_well(config: RunConfig) -> float:
    """Rival: right values are a good planner's, as they are with a discount."""
    return _at_fixed_point(config, 0.9)


@functools.cache
def _by_own_values(config: RunConfig, onto: Callable) -> float:
    """The walk by the model's values, those of steps onto the target given by ``onto``."""
    task, table = load_run(config).task, values_of(config).copy()
    adjacency = task.graph.adjacency
    targets, nodes = onto_target(adjacency)
    now = table[targets, nodes, targets]
    table[targets, nodes, targets] = onto(now, elsewhere(adjacency, table))
    policy = softened(table, READ_OUT)
    return accuracy_of(task.graph, policy, config.q.max_length, task.split.test_pairs)


def as_it_is(now, others):
    """Ours: the step onto the target has the value that the model gives it."""
    return now


def like_others(now, others):
    """Rival: it is worth what other legal steps of its row are; noise does the rest."""
    return np.where(np.isnan(others), now, others)


def worth_one(now, others):
    """Rival: it is worth 1 to the digit, as at the solutions of (a)."""
    return np.ones_like(now)


def own_values(config: RunConfig) -> float:
    """The walk by the model's own values at the prompt, on its test pairs."""
    return _by_own_values(config, as_it_is)


def target_like_others(config: RunConfig) -> float:
    """The same, the step onto the target worth what other legal steps are."""
    return _by_own_values(config, like_others)


def target_worth_one(config: RunConfig) -> float:
    """The same, the step onto the target worth 1."""
    return _by_own_values(config, worth_one)


# --- the first claim, as it was stated -------------------------------------------------------------

LEVELS = {"feasible_value": (0.85, 1.15), "reachable_value": (-0.25, 0.25)}  # set after seed 0


@dataclass(frozen=True)
class Trained:
    """Stored runs, what is predicted of their sampled accuracy, and how near it is to be."""

    configs: tuple[RunConfig, ...]
    predicted: Callable
    margin: float


def of_all_problems(config: RunConfig) -> float:
    """As first stated: the walk at ``A + R - 1`` from every node to every target."""
    return walk_accuracy(load_run(config).task.graph, config.q.max_length, READ_OUT)


def _levels_and_walk(runs: list[RunConfig], stated: Trained) -> tuple[list, str]:
    """The three margins of the claim on runs of one graph, and how the runs came out."""
    records = [load_record(c) for c in runs]
    parts = [_within([h[name][-1] for _, h in records], *bounds) for name, bounds in LEVELS.items()]
    accuracy = [r["metrics"]["sampled_test"] for r, _ in records]
    predicted = [stated.predicted(c) for c in runs]
    apart = np.subtract(accuracy, predicted)
    parts.append(_within(apart, -stated.margin, stated.margin))
    words = f"{_interval(apart)} from {np.mean(predicted):.2f}"
    legal, illegal = (np.mean([h[name][-1] for _, h in records]) for name in LEVELS)
    return parts, f"legal {legal:.2f}, illegal {illegal:.2f}, accuracy {words}"


def _within(values, least: float, most: float) -> Estimate | bool:
    """The estimate of a mean, or of one run alone whether it lies inside."""
    if len(values) > 1:
        return estimate(values, least=least, most=most)
    return bool(least < values[0] < most)


def _interval(values) -> str:
    if len(values) == 1:
        return f"{values[0]:+.2f}"
    return f"{estimate(values):+.2f}"


def _decided(parts: list, words: list[str], scope: str) -> Finding:
    alone = all(p for p in parts if isinstance(p, bool))
    return decide(alone, "; ".join(words), scope, *(p for p in parts if isinstance(p, Estimate)))


@claim(
    "transformer",
    "transformer",
    Trained(STORED, of_all_problems, 0.08),
    {
        "SFT logits unscaled": Trained((HIGH,), of_all_problems, 0.08),
        "right values plan well": Trained(STORED, plans_well, 0.08),
    },
    seeds=tuple(sorted({c.seed for c in STORED})),
    fixed="after seed 0",
    successor="transformer-flat",
)
def _as_first_stated(stated: Trained, size: str) -> Finding:
    """From a low start the transformer finds the levels on graphs with cycles, and walks at random."""
    parts, words = [], []
    for name, runs in by_graph(stated.configs).items():
        more, said = _levels_and_walk(runs, stated)
        parts += more
        words.append(f"{name} ({len(runs)}): {said}")
    return _decided(
        parts,
        words,
        f"outside the hypotheses; all stored runs of q-cycles, on-policy, {Q.steps:,} updates of {Q.batch_size}, at most {LOW.q.max_length} tokens; accuracy at "
        f"temperature {READ_OUT} on test pairs, the walk over all problems; margins 0.15 and 0.25 for the levels 1 and 0, {stated.margin} for the accuracy; "
        "as first stated, when it rested on seed 2 of the cyclic graph alone",
    )


# --- its successors: trained until flat -------------------------------------------------------------

STILL = 0.03  # the most that the mean accuracy of a quarter of the evaluations moves to the next


def moved(history: dict) -> float:
    """Mean test accuracy over the last quarter of the evaluations less that over the quarter before."""
    curve = np.array(history["test_accuracy"][1:])  # the first is the model before
    quarter = len(curve) // 4
    return float(curve[-quarter:].mean() - curve[-2 * quarter : -quarter].mean())


def _flat(stated: Trained, size: str) -> Finding:
    scope = (
        f"outside the hypotheses; fresh seeds, {FLAT[0].q.steps:,} updates; flat if the mean accuracy of the last quarter of the evaluations is within {STILL} of "
        f"the quarter's before; margins 0.15 and 0.25 for the levels, {stated.margin} for the accuracy, on the same test pairs as the walk"
    )
    ((name, runs),) = by_graph(stated.configs).items()
    parts, words = _levels_and_walk(runs, stated)
    still = estimate([moved(load_record(c)[1]) for c in runs], least=-STILL, most=STILL)
    last = f"last quarter moved {still:+.3f}"
    return _decided([*parts, still], [f"{name}: {words}", last], scope)


def _on(graph: str) -> tuple[RunConfig, ...]:
    return tuple(c for c in FLAT if c.graph == graph)


def _until_flat(name: str, graph: str, title: str):
    return claim(
        name,
        "transformer",
        Trained(_on(graph), uniform, 0.05),
        {
            "right values plan well": Trained(_on(graph), plans_well, 0.05),
            "the step onto the target worth 1": Trained(_on(graph), target_worth_one, 0.05),
        },
        seeds=tuple(c.seed for c in _on(graph)),
        fixed="after other seeds",
        title=title,
    )(_flat)


_cyclic = _until_flat(
    "transformer-flat",
    CYCLIC.graph,
    "Trained three times as long, on the cyclic graph, the transformer's curve is flat, at the levels and the accuracy of a random walk.",
)
_blocksworld = _until_flat(
    "transformer-flat-blocksworld",
    BLOCKSWORLD.graph,
    "Trained three times as long, on Blocksworld, the transformer's curve is flat, at the levels and the accuracy of a random walk.",
)


@claim(
    "transformer-shuns",
    "transformer",
    as_it_is,
    {"a step like any other": like_others, "worth 1 to the digit": worth_one},
    seeds=tuple(sorted({c.seed for c in FLAT})),
    fixed="after other seeds",
)
def _shuns(onto: Callable, size: str) -> Finding:
    """Trained on, the transformer shuns its target: legal steps past it are worth more, and it arrives less often than a random walk."""
    scope = (
        f"outside the hypotheses; fresh seeds, {FLAT[0].q.steps:,} updates, both graphs; values at every prompt; accuracy on test pairs at temperature {READ_OUT}; "
        "margins 0: for what legal steps past the target are worth more than the one onto it, for accuracy less the uniform walk's, and for the distance of "
        "accuracy from the walk by these values less that from the uniform walk"
    )
    parts, words = [], []
    for name, runs in by_graph(FLAT).items():
        accuracy = np.array([load_record(c)[0]["metrics"]["sampled_test"] for c in runs])
        flat = np.array([uniform(c) for c in runs])
        own = np.array([_by_own_values(c, onto) for c in runs])
        more = estimate([shyness(c) for c in runs], least=0)
        below = estimate(accuracy - flat, most=0)
        nearer = estimate(np.abs(accuracy - own) - np.abs(accuracy - flat), most=0)
        parts += [more, below, nearer]
        words.append(
            f"{name}: past the target worth {more.mean:.3f} more; accuracy {accuracy.mean():.2f}, uniform walk {flat.mean():.2f}, by these values {own.mean():.2f}"
        )
    return _decided(parts, words, scope)


TRANSFORMER = (_as_first_stated, _cyclic, _blocksworld, _shuns)
