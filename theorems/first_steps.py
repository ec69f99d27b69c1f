"""First steps of stored transformers after a KL penalty, beside what Theorem 4.4's equation says of them.

All on the same 200 training prompts with a choice, of one graph.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from planlib import metrics
from planlib.rollout import sample
from planlib.studies import RunConfig
from planlib.study import load_run
from planlib.task import Outcome, check_sequences

PROMPTS, SAMPLES = 200, 100


@functools.cache
def _prompts(config: RunConfig) -> tuple:
    """The stored run, and its prompts: the run, targets ``(200,)`` and current nodes ``(200,)``."""
    run = load_run(config)
    graph, pairs = run.task.graph, run.task.split.train_pairs
    pairs = pairs[graph.correct_next(pairs[:, 1], pairs[:, 0]).sum(-1) >= 2]
    pairs = pairs[np.random.default_rng(0).permutation(len(pairs))[:PROMPTS]]
    return run, pairs[:, 1], pairs[:, 0]


@functools.cache
def divergence(config: RunConfig) -> np.ndarray:
    """``KL(U_C || pi)`` of a stored run's first steps: ``(200,)``, in nats."""
    run, targets, nodes = _prompts(config)
    return metrics.divergence_from_uniform(run.model, run.task.graph, targets, nodes)


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


def distance_from_equation(config: RunConfig, learned: str = "learned") -> np.ndarray:
    """Total variation between first steps and the equation, a prompt: shape ``(200,)``.

    ``learned="equation"`` puts a second estimate of the equation in the model's place:
    what the samples behind ``p`` alone would make of the distance.
    """
    run, targets, nodes = _prompts(config)
    steps = (
        first_steps(run.model, targets, nodes) if learned == "learned" else equation(config, seed=2)
    )
    return 0.5 * np.abs(steps - equation(config)).sum(1)


def ratio_with_bound(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Ratio of two means over the prompts, and its 97.5% bound: a bootstrap over prompts."""
    resampled = np.random.default_rng(0).integers(PROMPTS, size=(1000, PROMPTS))
    ratios = above[resampled].mean(1) / below[resampled].mean(1)
    return float(above.mean() / below.mean()), float(np.quantile(ratios, 0.975))
