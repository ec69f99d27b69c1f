"""What several theorems share: graph classes, rational policies, hypotheses."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
import torch
from flint import ctx, fmpq
from scipy import stats

from planlib import exact, losses, task
from planlib.models import TabularModel
from planlib.studies import MORE_SFT, PG, Q, RunConfig


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis of a theorem as a predicate, with an instance that fails it alone.

    Attributes
    ----------
    name, sentence
        What it is called and what it says.
    holds
        Predicate on an instance of the theorem.
    witness
        An instance that satisfies every hypothesis: the theorem is not vacuous.
    failing
        The smallest instance found that fails this one and satisfies the others.
    residual
        The theorem's residual on an instance: 0 on the witness, not on ``failing``.
    """

    name: str
    sentence: str
    holds: Callable[[object], bool]
    witness: object
    failing: object
    residual: Callable[[object], object]


def digraphs(n: int) -> Iterator[list[list[int]]]:
    """All digraphs without self-loops on ``n`` labelled nodes: ``2**(n(n-1))`` adjacency matrices."""
    pairs = [(j, k) for j in range(n) for k in range(n) if j != k]
    for bits in itertools.product((0, 1), repeat=len(pairs)):
        rows = [[0] * n for _ in range(n)]
        for (j, k), bit in zip(pairs, bits, strict=True):
            rows[j][k] = bit
        yield rows


@functools.cache
def digraph_classes(n: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """One digraph of each isomorphism class, without self-loops: 1, 3, 16, 218 for n = 1 to 4.

    Nodes are tokens without meaning, so a claim for all policies and problems of a
    graph is one for all graphs of its class.
    """
    orders = list(itertools.permutations(range(n)))
    seen, classes = set(), []
    for rows in digraphs(n):
        if tuple(map(tuple, rows)) not in seen:
            classes.append(tuple(map(tuple, rows)))
            seen |= {tuple(tuple(rows[a][b] for b in order) for a in order) for order in orders}
    return tuple(classes)


def is_acyclic(adjacency) -> bool:
    """Whether a graph has no directed cycle."""
    return nx.is_directed_acyclic_graph(
        nx.from_numpy_array(np.array(adjacency), create_using=nx.DiGraph)
    )


def problems(adjacency) -> list[tuple[int, int]]:
    """All problems (source, target) of a graph."""
    return [
        (source, target)
        for target in range(len(adjacency))
        for source, reached in enumerate(exact.reaches(adjacency, target))
        if reached and source != target
    ]


def rational_row(n: int, rng: random.Random) -> list[fmpq]:
    """Draw a distribution over ``n`` entries, all positive and not all equal, in exact rationals.

    flint's rationals, several times faster than ``fractions``.
    """
    weights = [rng.randint(1, 9) for _ in range(n)]
    if len(set(weights)) == 1:
        weights[0] += 1
    total = sum(weights)
    return [fmpq(w, total) for w in weights]


def rational_policy(n: int, rng: random.Random) -> list[list[list[fmpq]]]:
    """Draw a policy table ``[i][j][k]`` of full support in exact rationals, rows not uniform."""
    return [[rational_row(n, rng) for _ in range(n)] for _ in range(n)]


def as_float(x: fmpq) -> float:
    """Return the double nearest to a rational."""
    return int(x.p) / int(x.q)


def set_policy(model: TabularModel, policy) -> None:
    """Give a tabular model the logits ``log pi``; probability 0 becomes ``-inf``."""
    table = [[[as_float(fmpq(x)) for x in row] for row in target] for target in policy]
    with torch.no_grad():
        model.f.copy_(torch.tensor(table, dtype=torch.float64).log())


def autograd_gradient(policy, batch, target: int, returns) -> torch.Tensor:
    """Gradient of the trainer's own summed policy-gradient loss: shape ``(n, n, n)``.

    Parameters
    ----------
    policy
        Rational table ``[i][j][k]``.
    batch
        Episodes (tuples of nodes) toward ``target``, each with its entry of ``returns``.
    """
    n = len(policy)
    model = TabularModel(n)
    set_policy(model, policy)
    tokens = torch.full((len(batch), 2 + max(len(u) for u in batch)), task.pad_token(n))
    for row, path in zip(tokens, batch, strict=True):
        row[: 2 + len(path)] = torch.tensor([path[0], target, *path])
    steps = torch.as_tensor(task.path_steps(tokens, n))
    log_probs = losses.path_log_probs(model, tokens, steps)
    weights = torch.tensor([as_float(fmpq(x)) for x in returns], dtype=torch.float64)
    losses.policy_gradient(log_probs, weights).sum().backward()
    return model.f.grad


def swept(adjacency, table, target: int, count: int, process: bool = True, forgotten=None) -> list:
    """Sweep a table ``count`` times, with process or outcome reward; ``forgotten`` is an entry never updated."""
    for _ in range(count):
        new = (
            exact.bellman(adjacency, table, target)
            if process
            else exact.outcome_bellman(table, target)
        )
        if forgotten:
            j, k = forgotten
            new[j][k] = table[j][k]
        table = new
    return table


def structure_error(adjacency, table, target: int) -> float:
    """Largest distance of a table from ``A + R - 1``, its row of the target left out."""
    goal = exact.structure(adjacency, target)
    rows = [(row, goal[j]) for j, row in enumerate(table) if j != target]
    return max(as_float(fmpq(abs(x - y))) for row, g in rows for x, y in zip(row, g, strict=True))


def softmax_rows(f: np.ndarray) -> np.ndarray:
    """Return the softmax of each row of logits ``(m, n)``."""
    weights = np.exp(f - f.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def signs_of_balls(gap_of: Callable, rows: list, most_bits: int) -> tuple[int, int, int]:
    """Decide the sign of ``gap_of(row)`` for each row, doubling the precision until it is decided.

    Returns
    -------
    tuple
        Number of negative gaps, number left undecided at ``most_bits``, and the
        largest precision used, in bits.
    """
    failures = undecided = 0
    precision = 64
    for row in rows:
        bits = 64
        while True:
            ctx.prec = bits
            gap = gap_of(row)
            if gap > 0 or gap < 0 or bits >= most_bits:
                break
            bits *= 2
        precision = max(precision, bits)
        failures += bool(gap < 0)
        undecided += not (gap > 0 or gap < 0)
    ctx.prec = 53
    return failures, undecided, precision


def interval(values) -> tuple[float, float]:
    """Return the 95% interval of a mean over independent seeds (Student's t)."""
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return float(np.mean(values) - half), float(np.mean(values) + half)


BASE_RUN = RunConfig()  # the stored transformer of the book: the paper's size and graph
CHECKED_RUN = replace(BASE_RUN, seed=2)  # claims are fixed on seed 0 and checked on this one
STAGES = {
    "policy gradient": replace(CHECKED_RUN, pg=PG),
    "more SFT": replace(CHECKED_RUN, more_sft=MORE_SFT),
}
PROCESS = replace(CHECKED_RUN, q=Q)
OUTCOME = replace(CHECKED_RUN, q=replace(Q, reward="outcome"))
