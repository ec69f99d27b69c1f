"""Metrics of trained models: accuracy, reasons of failures, diversity, adjacency read-out.

Source: Wang et al., arXiv 2509.22613, section 5 and appendix; the entropy and
the divergence from uniform are ours, since a count of paths saturates on small
graphs.  Entropies and divergences are in nats.  Wherever the model is, results are on the processor.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planlib.graph import InputError, PlanningGraph, plain_number
from planlib.models import TabularModel, Transformer, device_of
from planlib.rollout import sample
from planlib.task import (
    Outcome,
    check_nodes,
    check_problems,
    check_sequences,
    episode_steps,
    needed_length,
    prompts,
)

LENGTH = 32  # most tokens of a generated sequence, unless said or the graph needs more


def outcomes(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    generator: torch.Generator,
    **sampling: object,
) -> dict[str, float]:
    """Share of each :class:`planlib.task.Outcome` among generated sequences, by its lower-case name.

    Keyword arguments go to :func:`planlib.rollout.sample`; ``max_length`` is 32 if not given,
    or what the graph needs (:func:`planlib.task.needed_length`) if that is more.

    Raises
    ------
    InputError
        If the model has another number of nodes, or cannot hold sequences of that length.
    """
    tokens = _generate(model, graph, check_problems(graph, pairs), generator, **sampling)
    found = check_sequences(graph, tokens)
    return {reason.name.lower(): float((found == reason).mean()) for reason in Outcome}


def _generate(model, graph, problems, generator, **sampling) -> Tensor:
    check_nodes(graph, model.n)
    if "max_length" not in sampling:
        sampling["max_length"] = max(LENGTH, needed_length(graph, problems))
    return sample(model, problems, generator, **sampling)


def accuracy(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    generator: torch.Generator,
    **sampling: object,
) -> float:
    """Share of correct sequences; keyword arguments as for :func:`outcomes`."""
    return outcomes(model, graph, pairs, generator, **sampling)["correct"]


def distinct_paths(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    generator: torch.Generator,
    samples: int = 100,
    **sampling: object,
) -> np.ndarray:
    """Number of distinct correct paths among ``samples`` samples of each problem: shape ``(m,)``.

    The paper's diversity is its mean.  Keyword arguments as for :func:`outcomes`.
    """
    return correct_paths(model, graph, pairs, generator, samples, **sampling)[1]


def correct_paths(
    model: nn.Module,
    graph: PlanningGraph,
    pairs: object,
    generator: torch.Generator,
    samples: int = 100,
    **sampling: object,
) -> tuple[np.ndarray, np.ndarray]:
    """How many of ``samples`` samples of each problem are correct, and how many paths these are.

    Both of shape ``(m,)``.  Keyword arguments as for :func:`outcomes`.
    """
    problems = check_problems(graph, pairs)
    tokens = _generate(model, graph, problems, generator, samples=samples, **sampling).numpy()
    correct = np.flatnonzero(check_sequences(graph, tokens) == Outcome.CORRECT)
    rows = np.unique(np.column_stack([correct // samples, tokens[correct]]), axis=0)
    right = np.bincount(correct // samples, minlength=len(problems))
    return right, np.bincount(rows[:, 0], minlength=len(problems))


def pass_at(k: int, correct: object, samples: int) -> np.ndarray:
    """Unbiased estimate of the chance that one of ``k`` samples is correct, of each problem.

    ``1 - C(n - c, k) / C(n, k)`` where ``c`` of ``n`` samples are correct (Chen et al., arXiv
    2107.03374, equation 1).

    Parameters
    ----------
    correct
        Integers, shape ``(m,)``.

    Raises
    ------
    InputError
        If ``k`` is not from 1 to ``samples``.
    """
    if not 1 <= k <= samples:
        raise InputError("k", f"1 to the {samples} samples", k)
    wrong = samples - np.asarray(correct)[:, None]  # (m, 1)
    taken = np.arange(k)
    return 1 - np.clip((wrong - taken) / (samples - taken), 0, None).prod(1)


def divergence_from_base(
    model: nn.Module, base: nn.Module, targets: object, nodes: object, temperature: float = 1.0
) -> np.ndarray:
    """``KL(pi || pi_base)`` of rows at the prompt, in nats, shape ``(m,)``; the base at temperature 1."""
    log_policy = _log_policy(model, targets, nodes, temperature)  # (m, n)
    far = log_policy - _log_policy(base, targets, nodes, 1.0)
    return (log_policy.exp() * far).sum(-1).numpy()


@torch.no_grad()
def next_node_logits(
    model: nn.Module, targets: object, nodes: object, sources: object = None
) -> Tensor:
    """Logits over the nodes after the prompt ``j i j``: shape ``(m, n)``.

    With ``sources`` the node comes later, as the first step after the prompt ``s i s``.

    Raises
    ------
    ProblemError
        If a node is not one of the model's.
    """
    start = torch.as_tensor(prompts(np.stack([nodes, targets], axis=1), model.n))  # (m, 3)
    if sources is not None:
        before = torch.as_tensor(prompts(np.stack([sources, targets], axis=1), model.n))
        start = torch.cat([before, start[:, -1:]], dim=1)  # (m, 4)
    start = start.to(device_of(model))
    last = torch.zeros_like(start, dtype=torch.bool)
    last[:, -1] = True
    return torch.cat(
        [model(p, w) for p, w in zip(start.split(4096), last.split(4096), strict=True)]
    )[:, : model.n].cpu()


def prompt_logits(model: nn.Module) -> np.ndarray:
    """Logits ``f(i, j)[k]`` at every prompt, ``(n, n, n)``: target, current, next; zeros where ``i = j``."""
    f = np.zeros((model.n,) * 3)
    i, j = np.nonzero(~np.eye(model.n, dtype=bool))
    f[i, j] = next_node_logits(model, i, j).double().numpy()
    return f


def row_entropy(
    model: nn.Module, targets: object, nodes: object, temperature: float = 1.0
) -> np.ndarray:
    """Entropy of the next-node distribution in each (target, current), in nats: shape ``(m,)``.

    Raises
    ------
    InputError
        If the temperature is not positive and finite.
    """
    log_probs = _log_policy(model, targets, nodes, temperature)
    return torch.special.entr(log_probs.exp()).sum(-1).numpy()


def _log_policy(model, targets, nodes, temperature) -> Tensor:
    temperature = plain_number("temperature", temperature, float)
    if temperature <= 0:
        raise InputError("temperature", "a positive number", temperature)
    return (next_node_logits(model, targets, nodes).double() / temperature).log_softmax(-1)


def divergence_from_uniform(
    model: nn.Module,
    graph: PlanningGraph,
    targets: object,
    nodes: object,
    temperature: float = 1.0,
) -> np.ndarray:
    """``KL(U_C || pi)`` in each (target, current), in nats: shape ``(m,)``.

    ``U_C`` is uniform over the correct next nodes; rows without any give NaN.

    Raises
    ------
    InputError
        If the temperature is not positive and finite, or the model has another number of nodes.
    """
    check_nodes(graph, model.n)
    correct = torch.as_tensor(graph.correct_next(targets, nodes))
    log_probs = _log_policy(model, targets, nodes, temperature)
    size = correct.sum(-1)
    cross = -torch.where(correct, log_probs, 0.0).sum(-1) / size
    return (cross - size.log()).numpy()


def adjacency_scores(model: nn.Module) -> np.ndarray:
    """Read the graph out of a model: logits of ``j -> k`` averaged over the targets ``i != j``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, n)``; the diagonal is NaN.
    """
    n = model.n
    scores = np.full((n, n), np.nan)
    for j in range(n):
        others = np.delete(np.arange(n), j)  # the targets, and the next nodes
        logits = next_node_logits(model, others, np.full(n - 1, j)).double()
        scores[j, others] = logits[:, others].mean(0).numpy()
    return scores


def best_threshold(scores: np.ndarray, adjacency: np.ndarray) -> dict[str, float]:
    """Precision, recall and threshold of the read-out whose F1 score is the largest.

    Read as edges are all scores of at least the threshold: equal scores stand or fall together.

    Raises
    ------
    InputError
        If there is no edge to find, or a score off the diagonal is NaN.
    """
    off = ~np.eye(len(adjacency), dtype=bool)
    if not adjacency[off].any():
        raise InputError("adjacency", "at least one edge", "none")
    if np.isnan(scores[off]).any():
        raise InputError("scores", "numbers off the diagonal", "NaN")
    order = np.argsort(-scores[off], kind="stable")
    falling = scores[off][order]
    hits = np.cumsum(adjacency[off][order])
    kept = np.arange(1, len(hits) + 1)
    f1 = 2 * hits / (kept + hits[-1])
    f1[:-1][falling[:-1] == falling[1:]] = -1  # no threshold parts equal scores
    best = int(f1.argmax())
    return {
        "precision": float(hits[best] / kept[best]),
        "recall": float(hits[best] / hits[-1]),
        "threshold": float(falling[best]),
    }


def edge_ranks(scores: np.ndarray, adjacency: np.ndarray) -> np.ndarray:
    """Rank of each edge's score in its row, in the order of ``nonzero``.

    1 is the highest; equal scores share the better rank.
    """
    return 1 + _scores_above(scores, adjacency, np.ones_like(adjacency, dtype=bool))


def non_edges_above(scores: np.ndarray, adjacency: np.ndarray) -> np.ndarray:
    """Number of non-edges of its row that score above each edge, in the order of ``nonzero``."""
    return _scores_above(scores, adjacency, ~np.asarray(adjacency, dtype=bool))


def _scores_above(scores: np.ndarray, adjacency: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How many scores of its row, of those ``among``, are larger than that of each edge."""
    above = []
    for row, edges, others in zip(scores, np.asarray(adjacency, dtype=bool), among, strict=True):
        rivals = np.sort(row[others & ~np.isnan(row)])
        above.append(len(rivals) - np.searchsorted(rivals, row[edges], side="right"))
    return np.concatenate(above)


@torch.no_grad()
def path_logits(model: nn.Module, tokens: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits along paths, with the target and the current node of each step.

    Parameters
    ----------
    tokens
        Sequences, shape ``(B, L)``; steps before the target count (:func:`planlib.task.episode_steps`).

    Returns
    -------
    tuple
        Targets and current nodes, both ``(M,)``, and logits over the nodes, ``(M, n)``.
    """
    n = model.n
    steps = episode_steps(tokens, n) & (tokens[:, :-1] != tokens[:, 1:2]).numpy()  # (B, L-1)
    rows, places = np.nonzero(steps)
    where = torch.zeros(tokens.shape, dtype=torch.bool)
    where[rows, places] = True
    logits = model(tokens.to(device_of(model)), where.to(device_of(model)))[:, :n].cpu()
    return tokens[rows, 1].numpy(), tokens[rows, places].numpy(), logits.double().numpy()


def explained_by(groups: np.ndarray, logits: np.ndarray) -> float:
    """Share of the logits' variance that group means explain.

    A constant added to a row changes no policy, so each row is centred first; the variance
    is about each next node's mean.

    Parameters
    ----------
    groups
        Group of each row, shape ``(M,)`` integers.
    logits
        Shape ``(M, n)``.

    Raises
    ------
    InputError
        If the rows do not differ, so that there is nothing to explain.
    """
    x = logits - logits.mean(1, keepdims=True)
    means, index, _ = _group_means(groups, x)
    left = ((x - means[index]) ** 2).sum()
    whole = ((x - x.mean(0)) ** 2).sum()
    if not whole > 0:
        raise InputError("logits", "rows that differ by more than a constant", "rows all alike")
    return float(1 - left / whole)


def _group_means(groups: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean row of each group ``(G, n)``, the group of each row ``(M,)``, a first row of each group ``(G,)``."""
    _, first, index, size = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    means = np.zeros((len(size), x.shape[1]))
    np.add.at(means, index, x)
    return means / size[:, None], index, first


def averaged_table(model: nn.Module, targets, nodes, logits) -> TabularModel:
    """Table of the mean logits of each (target, current); rows without any are those at the prompt."""
    n = model.n
    table = TabularModel(n)
    f = prompt_logits(model)
    means, _, first = _group_means(targets * n + nodes, logits)
    f[targets[first], nodes[first]] = means
    with torch.no_grad():
        table.f.copy_(torch.as_tensor(f))
    return table


@torch.no_grad()
def attention(model: Transformer, tokens: Tensor) -> list[Tensor]:
    """Attention weights of each layer, ``(B, heads, L, L)``: from each position to those before it."""
    length = tokens.shape[1]
    rows, index = model.embed(tokens.to(device_of(model)), 0)
    x = F.embedding(index, rows)  # (B, L, d)
    future = x.new_full((length, length), -torch.inf).triu(1)
    found = []
    for block in model.blocks:
        q, k, v = block.project(x)
        found.append(block.weights(q, k, future).cpu())
        x = block.finish(x, block.attend(q, k, v, future))
    return found
