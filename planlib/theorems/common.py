"""What several theorems share: graph classes, rational policies, hypotheses."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flint import fmpq

from planlib.study import RunConfig


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


BASE_RUN = RunConfig()  # the stored transformer of the book: the paper's size and graph
