"""Policies on the edge of the simplex and near it: where they stand still, and their success."""

from __future__ import annotations

import functools
import itertools
import random

from flint import fmpq

from planlib import exact
from theorems.small_graphs import digraph_classes, problems, rational_row
from theorems.tangents import differentiated


@functools.cache
def supported(largest: int) -> list[tuple[bool, dict]]:
    """Whether each policy on a support is stationary, and its success where and when it stands."""
    rng, found = random.Random(424), []
    for adjacency in (g for n in range(2, largest + 1) for g in digraph_classes(n)):
        n = len(adjacency)
        supports = list(itertools.product((0, 1), repeat=n))[1:]
        for target in range(n):
            sources = [s for s, t in problems(adjacency) if t == target]
            if not sources:
                continue
            rows = list(itertools.product(supports, repeat=n - 1))
            if n == 4:
                rows = rng.sample(rows, 20)
            for choice, horizon in itertools.product(rows, (1, 2, 3)):
                policy = _on_support(n, target, choice, rng)
                chosen = rng.sample(sources, rng.randint(1, len(sources)))
                _, gradient = differentiated(adjacency, policy, chosen, target, horizon)
                values = exact.success_probabilities(adjacency, policy, target, horizon)
                seen = set()
                for s in chosen:
                    times = exact.visits(policy, s, target, horizon, adjacency)
                    seen |= {
                        (horizon - m, j) for m, now in enumerate(times) for j in range(n) if now[j]
                    }
                success = {
                    "visited": [values[h][j] for h, j in seen],
                    "all": [v for now in values[1:] for v in now],
                    "mean": sum(values[horizon][s] for s in chosen) / len(chosen),
                }
                found.append((exact.largest(gradient) == 0, success))
    return found


def _on_support(n, target, choice, rng):
    """Draw a policy whose rows toward ``target`` live on the supports chosen."""
    policy = [[[fmpq(1, n)] * n for _ in range(n)] for _ in range(n)]
    for j, support in zip((j for j in range(n) if j != target), choice, strict=True):
        weights = [x * y for x, y in zip(support, rational_row(n, rng), strict=True)]
        policy[target][j] = [w / sum(weights) for w in weights]
    return policy


def peaked_policy(n: int, rng: random.Random) -> list[list[list[fmpq]]]:
    """Draw a policy whose probabilities differ by up to four orders of magnitude."""
    weights = [[[10 ** rng.randint(0, 4) for _ in range(n)] for _ in range(n)] for _ in range(n)]
    return [[[fmpq(w, sum(row)) for w in row] for row in table] for table in weights]
