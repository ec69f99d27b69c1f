"""What one sample's gradient does to the rows that it visits: for all logits, and on every small graph."""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter

import sympy as sp
from flint import fmpq

from planlib import exact
from theorems.small_graphs import digraph_classes, problems, rational_policy

THREE_NODES = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]  # 0 -> 1 -> 2 and 0 -> 2, toward 2


@functools.cache
def symbolic_samples() -> list[tuple]:
    """Each episode on these nodes, and the gradient of its loss at reward 1 in the rows 0 and 1."""
    f, found = {j: sp.symbols(f"f{j}_0:3", real=True) for j in (0, 1)}, []
    for path in exact.episodes(3, 0, 2, 2):
        loss = sp.Integer(0)
        for j, k in itertools.pairwise(path):
            loss -= f[j][k] - sp.log(sum(sp.exp(x) for x in f[j]))
        rows = {j: [sp.simplify(sp.diff(loss, x)) for x in f[j]] for j in (0, 1)}
        found.append((path, rows))
    return found


@functools.cache
def every_sample(largest: int) -> tuple[int, Counter]:
    """Number of graphs with a problem, and their samples by what a gradient at reward 1 says of them.

    Of a sample: whether it is correct, whether it visits a row twice, and of each row that it
    visits (visits, sum of the gradient, least and largest sign off C, largest sign of a step taken).
    """
    rng, graphs, found = random.Random(421), 0, Counter()
    for adjacency in (g for n in range(2, largest + 1) for g in digraph_classes(n) if problems(g)):
        n, graphs = len(adjacency), graphs + 1
        policies = [rational_policy(n, rng) for _ in range(20)]
        for source, target in problems(adjacency):
            alive = exact.reaches(adjacency, target)
            off = [[k for k in range(n) if not (row[k] and alive[k])] for row in adjacency]
            for path in exact.episodes(n, source, target, n):
                correct = exact.is_correct(adjacency, path, target)
                visits, taken = Counter(path[:-1]), set(itertools.pairwise(path))
                twice = max(visits.values()) > 1
                # Without a reward the gradient is 0 by a factor 0, whatever the policy: one of them.
                for policy in policies if correct else policies[:1]:
                    gradient = exact.weighted_gradient(policy, [(path, target, fmpq(1))])
                    rows = []
                    for (_, j), row in gradient.items():
                        wrong = [_sign_of(row[k]) for k in off[j]]
                        steps = max(_sign_of(x) for k, x in enumerate(row) if (j, k) in taken)
                        total = sum(row) or 0  # a rational 0 is slow to hash
                        rows.append((visits[j], total, min(wrong), max(wrong), steps))
                    found[correct, twice, tuple(rows)] += 1
    return graphs, found


def _sign_of(x) -> int:
    return (x > 0) - (x < 0)
