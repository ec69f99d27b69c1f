"""First steps of stored transformers after a KL penalty, beside what Theorem 4.4's equation says of them.

All on the same 200 training prompts with a choice, of one graph.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import torch

from planlib import metrics
from planlib.rollout import sample
from planlib.studies import STUDIES, RunConfig, held
from planlib.study import is_stored, load_record, load_run
from planlib.task import Outcome, check_sequences
from theorems.readings import Reading
from theorems.stored_runs import CHECKED_RUN

PROMPTS, SAMPLES = 200, 100
PLAIN, QUIET = held(CHECKED_RUN).values()
ANNEALED = dataclasses.replace(PLAIN, pg=dataclasses.replace(PLAIN.pg, schedule="cosine"))
SEED_2 = (PLAIN, ANNEALED, QUIET)
FRESH_RUNS = STUDIES["fresh-held"]


@functools.cache
def _prompts(config: RunConfig) -> tuple:
    """The stored run, and its prompts: the run, targets ``(200,)`` and current nodes ``(200,)``."""
    run = load_run(config)
    graph, pairs = run.task.graph, run.task.split.train_pairs
    pairs = pairs[graph.correct_next(pairs[:, 1], pairs[:, 0]).sum(-1) >= 2]
    pairs = pairs[np.random.default_rng(0).permutation(len(pairs))[:PROMPTS]]
    return run, pairs[:, 1], pairs[:, 0]


def first_steps(model, targets, nodes) -> np.ndarray:
    """First-step distributions of a model: ``(200, n)``."""
    return metrics.next_node_logits(model, targets, nodes).double().softmax(-1).numpy()


@functools.cache
def equation(config: RunConfig, seed: int = 1) -> np.ndarray:
    """The equation's first steps: base times ``exp(p / lambda)``, ``(200, n)``.

    ``p_k`` is the success of the model on the problem from ``k``, from 100 samples of
    that prompt drawn with ``seed``.
    """
    run, targets, nodes = _prompts(config)
    graph = run.task.graph
    p = graph.correct_next(targets, nodes).astype(float)
    rows, following = np.nonzero(p)
    inner = following != targets[rows]  # at the target itself p is 1
    asked = np.stack([following, targets[rows]], axis=1)[inner]
    problems, of_problem = np.unique(asked, axis=0, return_inverse=True)
    generator = torch.Generator().manual_seed(seed)
    tokens = sample(run.model, problems, generator, samples=SAMPLES, max_length=48)
    right = (check_sequences(graph, tokens) == Outcome.CORRECT).reshape(-1, SAMPLES).mean(1)
    p[rows[inner], following[inner]] = right[of_problem.ravel()]
    before = first_steps(load_run(config.base).model, targets, nodes)
    steps = before * np.exp((p - 1) / config.pg.kl_weight)
    return steps / steps.sum(1, keepdims=True)


def on_correct(config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    """First steps of a run's base, and the same restricted to correct next nodes: ``(200, n)`` each."""
    run, targets, nodes = _prompts(config)
    before = first_steps(load_run(config.base).model, targets, nodes)
    right = before * run.task.graph.correct_next(targets, nodes)
    return before, right / right.sum(1, keepdims=True)


def _distances(config: RunConfig) -> dict[str, list[float]]:
    run, targets, nodes = _prompts(config)
    learned, (before, right) = first_steps(run.model, targets, nodes), on_correct(config)
    pairs = {
        "equation": (learned, equation(config)),
        "base": (learned, before),
        "base on C": (learned, right),
        "again": (equation(config, seed=2), equation(config)),
        "base from equation": (before, equation(config)),
    }
    return {name: (0.5 * np.abs(a - b).sum(1)).round(4).tolist() for name, (a, b) in pairs.items()}


def _tilts(config: RunConfig) -> dict[str, float]:
    run, targets, nodes = _prompts(config)
    correct = run.task.graph.correct_next(targets, nodes)
    before, weight = on_correct(config)

    def leaning(steps):  # log of steps over base, less its mean in the row's correct steps
        log = np.log(np.where(correct, steps / before, 1))
        return np.where(correct, log - (weight * log).sum(1, keepdims=True), 0)

    def along(a, b):
        return (weight * a * b).sum(1)

    one, two, three = (leaning(equation(config, seed)) for seed in (1, 2, 3))
    learned = leaning(first_steps(run.model, targets, nodes))
    noise = np.random.default_rng(0).normal(size=learned.shape)
    noise *= np.sqrt(along(learned, learned))[:, None]

    def shown(y):
        return float((along(one, y) + along(two, y)).mean() / 2)

    return {
        "shown": shown(learned),
        "asked": float(along(one, two).mean()),
        "at the equation": shown(three),
        "at the equation, as noisy": shown(three + noise),
    }


ROWS = Reading("first-steps-4-4", _distances, SEED_2)
TILTS = Reading("tilts-4-4", _tilts, tuple(c for c in (*SEED_2, *FRESH_RUNS) if is_stored(c)))


def distances(config: RunConfig, name: str) -> np.ndarray:
    """Total variation between two first-step distributions, a prompt: shape ``(200,)``.

    Of the model from the ``"equation"``, from its ``"base"`` and from the ``"base on C"``; of a
    second estimate of the equation from the first, ``"again"``: what the samples behind ``p`` alone
    make of the distance; and of the ``"base from equation"``.
    """
    return np.array(ROWS(config)[name])


def tilt(config: RunConfig, of: str = "shown") -> float:
    """How far the right steps lean the way that the equation asks for: a mean over the prompts.

    In a row, ``x`` is the log of the equation's steps over the base's and ``y`` that of the model's,
    each less its mean over correct steps, weighted by the base on them.  ``"shown"`` is the mean
    of ``x y`` and ``"asked"`` that of ``x x'``, with ``x'`` from other samples, so that what samples
    add to x adds nothing to either: at the equation they are equal, at the base the first is 0.
    ``"at the equation"`` puts a third estimate in the model's place, and ``"at the equation, as
    noisy"`` adds noise to it as large as all that the model's own steps differ from the base's.

    Raises
    ------
    InputError
        If the run is missing.
    """
    load_record(config)  # or say which command makes it
    return TILTS(config)[of]
