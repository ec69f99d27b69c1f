"""Every small graph, its problems, and policies and rows in exact rationals."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterator

import networkx as nx
import numpy as np
from flint import fmpq

from planlib import exact


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
