"""What is measured along a run and at its end: accuracy, diversity, read-out, action values.

A :class:`Task` is what a configuration makes before any training.  Of a model on it,
:func:`curve` and :func:`value_curve` give the figures along a second stage, :func:`measure`
those at the end of every run.

Source: Wang et al., arXiv 2509.22613, section 5; see :mod:`planlib.metrics`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import nn

from planlib import metrics
from planlib.graph import InputError, PlanningGraph, parse_graph
from planlib.models import Tilted
from planlib.paths import given_task, read_training
from planlib.rollout import sample
from planlib.sparse import Edges
from planlib.studies import SECOND, RunConfig
from planlib.task import (
    PROMPT,
    Outcome,
    Split,
    check_sequences,
    length_of,
    sft_dataset,
    split_by_distance,
    split_by_hidden_edges,
    split_pairs,
)
from planlib.task import needed_length as needed_for

READ_OUT = 0.05  # temperature at which action values are sampled
SAMPLES = 100  # of each problem whose distinct paths are counted
SEQUENCES = 4000  # of those of test problems, at most: what their logits are explained by
# On a graph without matrices a row is as long as the graph is large: problems of a role that are
# evaluated there, sequences whose logits are explained, problems whose distinct paths are counted.
LOOKED_AT, EXPLAINED, COUNTED = 200, 50, 5
PASSES = (1, 4, 16, 64)  # samples of which one is to be correct


@dataclass(frozen=True)
class Task:
    """What a configuration makes before any training: graph, split and, when asked for, SFT data."""

    config: RunConfig
    graph: PlanningGraph
    split: Split

    @functools.cached_property
    def data(self) -> np.ndarray:
        """Training sequences; a stored run is mostly read without them."""
        config = self.config
        if config.paths:
            return read_training(self.graph, config.paths)
        return sft_dataset(self.graph, self.split, config.paths_per_pair, config.seed)

    @functools.cached_property
    def evaluated(self) -> dict[str, np.ndarray]:
        """Problems whose answers are looked at, ``train`` and ``test``, each ``(m, 2)``.

        All of them; of a graph too large for matrices :data:`LOOKED_AT`, drawn once a seed.
        """
        pairs = {"train": self.split.train_pairs, "test": self.split.test_pairs}
        if self.graph.is_dense:
            return pairs
        rng = np.random.default_rng(self.config.seed)
        return {name: rng.permutation(those)[:LOOKED_AT] for name, those in pairs.items()}

    @functools.cached_property
    def on_the_way(self) -> np.ndarray:
        """Which test problems begin on a right path of a training problem with their target.

        No right answer to a training problem leads through the first row of the others.
        """
        reach, n = self.graph.reachability, self.graph.n
        asked_sources, asked_targets = self.split.prompt_pairs.T
        begins = sparse.csr_array(  # (target, source)
            (np.ones(len(asked_sources), dtype=bool), (asked_targets, asked_sources)), (n, n)
        )
        sources, targets = self.evaluated["test"].T
        # Of each test problem the nodes that are asked for its target: no test problem is asked itself.
        asked = begins[targets]
        at = np.repeat(np.arange(len(targets)), np.diff(asked.indptr))
        found = np.zeros(len(targets), dtype=bool)
        found[at[reach[sources[at], asked.indices]]] = True
        return found  # (m,)

    @functools.cached_property
    def edges_taken(self) -> np.ndarray:
        """How often training paths take each edge, in the order of ``nonzero``."""
        n, (begin, end) = self.graph.n, self.graph.adjacency.nonzero()
        nodes, following = self.data[:, PROMPT - 1 : -1], self.data[:, PROMPT:]
        step = (nodes < n) & (following < n)
        taken = np.sort(nodes[step] * n + following[step])
        edges = begin * n + end
        return np.searchsorted(taken, edges, "right") - np.searchsorted(taken, edges, "left")

    @property
    def rare_edges(self) -> np.ndarray:
        """Which edges, in the order of ``nonzero``, are the tenth that training paths take least."""
        return self.edges_taken <= np.quantile(self.edges_taken, 0.1)


def make_task(config: RunConfig) -> Task:
    """Build graph and split of a configuration; its data are made when asked for."""
    graph = parse_graph(config.graph)
    if config.paths:
        split, _ = given_task(graph, config.paths, config.test_pairs)
    elif config.within is not None:
        split = split_by_distance(
            graph, config.within, config.train_fraction, config.asked, config.seed
        )
    elif config.hidden:
        split = split_by_hidden_edges(
            graph, config.hidden, config.train_fraction, config.asked, config.seed
        )
    else:
        split = split_pairs(graph, config.train_fraction, config.seed, config.asked)
    return Task(config, graph, split)


def read_out(config: RunConfig, model: nn.Module, base: nn.Module) -> tuple[nn.Module, float]:
    """The policy that a run's model stands for, and the temperature at which it is sampled.

    Logits are sampled as they are, action values at :data:`READ_OUT`, and soft values tilt the
    policy of the run's base, which stands for itself.
    """
    if config.q and config.q.soft_weight:
        if model is base:
            return base, 1.0
        return Tilted(base, model, config.q.soft_weight), 1.0
    return model, READ_OUT if config.q else 1.0


def value_curve(
    model: nn.Module, task: Task, seed: int, policy: nn.Module, temperature: float
) -> dict[str, float]:
    """Figures along Q-learning: mean value of each class of steps, accuracy and distinct paths.

    The classes are those of Theorem 5.2, by (legal, reachable), over all rows of
    targets and current nodes that can reach them, at the prompt; the rest of the policy that
    :func:`read_out` gives.
    """
    targets, nodes = task.graph.problem_rows()
    if not task.graph.is_dense:
        some = np.random.default_rng(seed).permutation(len(targets))[:LOOKED_AT]
        targets, nodes = targets[some], nodes[some]
    values = metrics.next_node_logits(model, targets, nodes).double().numpy()  # (m, n)
    legal, reaches = task.graph.adjacency[nodes], task.graph.reachability[targets]
    figures = _figures(policy, task, seed, temperature)
    for name, where in (
        ("feasible", legal & reaches),
        ("adjacent", legal & ~reaches),
        ("reachable", ~legal & reaches),
        ("neither", ~legal & ~reaches),
    ):
        if where.any():  # where every target can be reached, two of the classes are empty
            figures[f"{name}_value"] = float(values[where].mean())
            figures[f"{name}_spread"] = float(values[where].std())
    return figures


def _figures(model, task: Task, seed: int, temperature: float = 1.0) -> dict[str, float]:
    """What every second stage records along its way, see :func:`curve`."""
    figures, sampling = {}, {"temperature": temperature, "max_length": longest(task)}
    for name, pairs in task.evaluated.items():
        generator = torch.Generator().manual_seed(seed)
        tokens = sample(model, pairs, generator, samples=2, **sampling)
        found = check_sequences(task.graph, tokens)
        for reason in Outcome:
            figures[f"{name}_{reason.name.lower()}"] = float((found == reason).mean())
        figures[f"{name}_accuracy"] = figures.pop(f"{name}_correct")
        if name == "test":
            few = tokens if task.graph.is_dense else tokens[:EXPLAINED]
            figures |= _explained(model, few, seed)
            for way, where in (("on", task.on_the_way), ("off", ~task.on_the_way)):
                if where.any():
                    right = found[np.repeat(where, 2)] == Outcome.CORRECT
                    figures[f"test_{way}_the_way"] = float(right.mean())
        edges = (tokens.numpy() < task.graph.n).sum(1) - PROMPT  # (2m,)
        right = found == Outcome.CORRECT
        for what, where in (("length", right), ("wrong_length", ~right)):
            figures[f"{name}_{what}"] = float(edges[where].mean()) if where.any() else 0.0
        figures[f"{name}_greedy"] = metrics.accuracy(
            model, task.graph, pairs, generator, greedy=True, max_length=longest(task)
        )
        some = some_pairs(pairs, seed)[: None if task.graph.is_dense else COUNTED]
        correct, distinct = metrics.correct_paths(
            model, task.graph, some, generator, SAMPLES, **sampling
        )
        figures[f"{name}_distinct"] = float(distinct.mean())
        for k in PASSES:
            figures[f"{name}_pass_{k}"] = float(metrics.pass_at(k, correct, SAMPLES).mean())
        at = (pairs[:, 1], pairs[:, 0], temperature)
        figures[f"{name}_entropy"] = float(metrics.row_entropy(model, *at).mean())
        figures[f"{name}_divergence"] = float(
            metrics.divergence_from_uniform(model, task.graph, *at).mean()
        )
    if task.graph.is_dense:
        figures |= _read_out_of(model, task)
    if task.config.within is not None:
        figures |= _by_place(model, task, seed)
    return figures


def _read_out_of(model: nn.Module, task: Task) -> dict[str, float]:
    """How well a model's logits, averaged over targets, tell edges from other pairs, rare ones besides."""
    scores = metrics.adjacency_scores(model)
    read = metrics.best_threshold(scores, task.graph.adjacency)
    above = metrics.non_edges_above(scores, task.graph.adjacency)
    return {
        "edge_precision": read["precision"],
        "edge_recall": read["recall"],
        "non_edges_above": float(above.mean()),
        "non_edges_above_rare": float(above[task.rare_edges].mean()),
        "rare_hidden": float((above[task.rare_edges] > 0).mean()),
    }


def _explained(model: nn.Module, tokens: torch.Tensor, seed: int) -> dict[str, float]:
    """How nearly a model is a table along sequences that it wrote, ``(B, L)`` (Assumption 3.1).

    ``explained``: share of the variance of its logits by (target, current); ``explained_current``
    by the current node alone, and ``explained_shuffled`` by the pairs shuffled: what as many groups
    of their sizes explain by chance.
    """
    rng = np.random.default_rng(seed)
    some = tokens[rng.permutation(len(tokens))[:SEQUENCES]]
    targets, nodes, logits = metrics.path_logits(model, some)
    pair = targets * model.n + nodes
    by = {"": pair, "_current": nodes, "_shuffled": rng.permutation(pair)}
    return {f"explained{what}": metrics.explained_by(of, logits) for what, of in by.items()}


def _by_place(model: nn.Module, task: Task, seed: int) -> dict[str, float]:
    """Shares of right likeliest steps in the rows of test problems, by where the node stands.

    ``first``: the source, at the prompt; ``first_later``: the source as the first step from
    another one, that of a training problem with this target; ``second`` and
    ``second_at_prompt``: a right next node of it, as the first step and as a source.
    """
    rng, graph = np.random.default_rng(seed), task.graph
    sources, targets = task.evaluated["test"].T
    legal = graph.correct_next(targets, sources)  # (m, n)
    middle = np.where(legal, rng.random(legal.shape), -1.0).argmax(1)  # (m,)
    trained = Edges(graph.n, task.split.train_pairs[:, ::-1])[targets]  # (m, n)
    other = np.where(trained, rng.random(trained.shape), -1.0).argmax(1)
    figures = {}
    for name, nodes, before in (
        ("first", sources, None),
        ("first_later", sources, other),
        ("second", middle, sources),
        ("second_at_prompt", middle, None),
    ):
        taken = metrics.next_node_logits(model, targets, nodes, before).argmax(-1).numpy()
        right = graph.correct_next(targets, nodes)[np.arange(len(nodes)), taken]
        figures[name] = float(right.mean())
    return figures


def longest(task: Task) -> int:
    """Longest sequence in tokens that is sampled: what the longest answer takes, at least 32.

    With cycles all that the model has.  (The least keeps the draws of the stored runs: where
    sequences end earlier, those behind them get other random numbers.)
    """
    if not task.graph.is_acyclic:
        return task.config.max_length
    return min(task.config.max_length, max(32, needed_length(task.graph)))


def needed_length(graph: PlanningGraph) -> int:
    """Tokens of the longest answer: prompt, steps, end token; with cycles, of the shortest paths."""
    if not graph.is_dense and graph.is_acyclic:
        return length_of(sum(1 for _ in graph.adjacency.back_from(graph.targets)) - 1)
    pairs = graph.reachable_pairs()
    return needed_for(graph, pairs) if len(pairs) else length_of(0)


def check_lengths(config: RunConfig, graph: PlanningGraph) -> None:
    """Refuse a configuration whose model or whose generation is too short for its graph.

    Raises
    ------
    InputError
        With the number of tokens that the longest answer takes.
    """
    needed, limits = needed_length(graph), {"max_length": config.max_length}
    for name in SECOND:
        if length := getattr(getattr(config, name), "max_length", None):
            limits[f"{name}.max_length"] = length
    for name, limit in limits.items():
        if limit < needed:
            raise InputError(name, f"at least {needed}, for the longest answer", limit)
        if limit > config.max_length:
            raise InputError(name, f"at most the model's {config.max_length}", limit)


def some_pairs(pairs: np.ndarray, seed: int) -> np.ndarray:
    """The 100 pairs, drawn once a seed, on which distinct paths are counted."""
    return pairs[np.random.default_rng(seed).permutation(len(pairs))[:100]]


def curve(model: nn.Module, task: Task, seed: int) -> dict[str, float]:
    """Figures along a second stage, each for training and for test pairs (``train_``, ``test_``).

    ``accuracy`` and ``greedy``: shares of correct sequences, two samples a pair, and greedy;
    ``illegal_edge``, ``wrong_end``, ``no_end``, ``too_long``: shares of failed samples;
    ``on_the_way``, ``off_the_way``: accuracy on test problems of either kind
    (:attr:`Task.on_the_way`); ``length`` and ``wrong_length``: mean number of steps of correct and of failed samples; ``distinct``: mean number of
    distinct correct paths among 100 samples (:func:`some_pairs`), and ``pass_4`` the chance
    that one of 4 of them is correct; ``entropy`` and
    ``divergence`` (``KL(U_C || pi)``) of the first step, in nats.  Besides, of the read-out
    over all targets: ``edge_precision`` and ``edge_recall`` at the best threshold,
    ``non_edges_above`` an edge and ``non_edges_above_rare`` a rare one, ``rare_hidden``, the
    share of rare edges below a non-edge; ``explained``, with ``_current`` and ``_shuffled``, how
    nearly the model is a table on test problems; and ``wrong_mass``, the mean mass on wrong next
    nodes of the first step, over the training prompts.  On a graph too large for matrices these are
    of :attr:`Task.evaluated`, and nothing is read out over all targets.
    """
    figures = _figures(model, task, seed)
    sources, targets = task.evaluated["train"].T
    correct = torch.as_tensor(task.graph.correct_next(targets, sources))
    policy = metrics.next_node_logits(model, targets, sources).double().softmax(-1)
    figures["wrong_mass"] = float((policy * ~correct).sum(-1).mean())
    return figures


def measure(model: nn.Module, task: Task, seed: int, temperature: float = 1.0) -> dict[str, float]:
    """Final metrics of a run: greedy and sampled accuracy on test and training pairs."""
    figures = {}
    for name in ("test", "train"):
        pairs = task.evaluated[name]
        for how, sampling in (
            ("greedy", {"greedy": True}),
            ("sampled", {"samples": 10, "temperature": temperature}),
        ):
            generator = torch.Generator().manual_seed(seed)
            figures[f"{how}_{name}"] = metrics.accuracy(
                model, task.graph, pairs, generator, max_length=longest(task), **sampling
            )
    return figures
