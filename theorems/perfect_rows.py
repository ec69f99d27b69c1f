"""Perfect policies of small graphs: does the mean divergence of a row rise, decided in exact rationals."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Iterator

from flint import fmpq

from planlib import exact
from theorems.small_graphs import digraph_classes, problems


def perfect_problems(adjacency) -> Iterator[tuple[int, int, dict[int, list[int]]]]:
    """Yield the problems whose rows ``C`` close no circle, with ``C`` of the visited rows.

    Elsewhere a policy that supports all of ``C`` would circle, and time out.
    """
    n = len(adjacency)
    for source, target in problems(adjacency):
        alive = exact.reaches(adjacency, target)
        rows, order = {}, [source]
        for j in order:
            if j != target and j not in rows:
                rows[j] = [k for k in range(n) if adjacency[j][k] and alive[k]]
                order += rows[j]
        state = {target: 2}

        def circles(j, state=state, rows=rows):
            if j in state:
                return state[j] == 1
            state[j] = 1
            found = any(circles(k) for k in rows[j])
            state[j] = 2
            return found

        if not circles(source):
            yield source, target, rows


@functools.cache
def row_signs(largest: int) -> tuple[int, list[tuple[int, bool, int]]]:
    """Number of graphs, and of each row: its choices, whether it is visited, the sign of its rise."""
    rng, signs = random.Random(431), []
    graphs = [g for n in range(2, largest + 1) for g in digraph_classes(n)]
    for adjacency in graphs:
        n = len(adjacency)
        for source, target, rows in perfect_problems(adjacency):
            alive = exact.reaches(adjacency, target)
            for draw in range(20):
                weights = {j: [rng.randint(1, 3) for _ in c] for j, c in rows.items()}
                policy = [[[fmpq(0)] * n for _ in range(n)] for _ in range(n)]
                for j, c in rows.items():
                    for k, w in zip(c, weights[j], strict=True):
                        policy[target][j][k] = fmpq(w, sum(weights[j]))
                paths = exact.path_probabilities(adjacency, policy, source, target, n - 1)
                assert sum(paths.values()) == 1
                for j in range(n):
                    if j == target or not alive[j]:
                        continue
                    c = rows.get(j) or [k for k in range(n) if adjacency[j][k] and alive[k]]
                    w = weights.get(j) or [1] * len(c)
                    sign = _sign_of_increase(j, c, w, paths, 1 + draw % 2)
                    signs.append((len(c), j in rows, sign))
    return len(graphs), signs


def _sign_of_increase(j, choices, weights, paths, batch: int) -> int:
    """Sign of ``E[KL'] - KL`` of row ``j``, exactly.

    With weights ``w`` of sum q, and ``eta / B = q log 2``, the logits change by
    integers times log 2, so the new weights are rational and the increase is the
    logarithm of a product of rationals to rational powers.
    """
    q = sum(weights)
    outcomes: dict[tuple[int, ...], fmpq] = {(0,) * len(choices): fmpq(1)}
    for _ in range(batch):
        larger: dict[tuple[int, ...], fmpq] = {}
        for counts, chance in outcomes.items():
            for path, p in paths.items():
                taken = dict(itertools.pairwise(path)).get(j)
                new = tuple(x + (k == taken) for x, k in zip(counts, choices, strict=True))
                larger[new] = larger.get(new, fmpq(0)) + chance * p
        outcomes = larger
    common = math.lcm(*(int(p.q) for p in outcomes.values()))
    product = fmpq(1)
    for counts, chance in outcomes.items():
        seen = sum(counts)
        total = sum(w * fmpq(2) ** (q * x - seen * w) for x, w in zip(counts, weights, strict=True))
        product *= (total / q) ** int(chance * common)
    return int(product > 1) - int(product < 1)
