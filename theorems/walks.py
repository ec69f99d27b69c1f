"""What a policy at a fixed point of Q-learning does: values settled, walks, arrivals.

All targets of a graph at once, in floats; :mod:`planlib.exact` has the same in rationals, one
target at a time, and the tests hold one against the other.
"""

from __future__ import annotations

import numpy as np
from flint import fmpq

from planlib import exact
from theorems.sweeps import action_values, sweep_values


def settle(adjacency: np.ndarray, values: np.ndarray, discount=1.0, step_cost=0.0, most=2000):
    """Sweep (*) toward all targets at once until nothing changes.

    Parameters
    ----------
    adjacency
        Shape ``(n, n)``.
    values
        Starting values, shape ``(n, n)``: target, node.
    most
        Sweeps after which it gives up.

    Returns
    -------
    tuple
        Values ``(n, n)``, and the number of sweeps until they stood still (``most`` if never).
    """
    values = values.astype(float)
    for sweeps in range(most):
        new = sweep_values(adjacency, values, discount=discount, step_cost=step_cost)  # (i, j)
        if sweeps and np.abs(new - values).max() < 1e-12:
            return values, sweeps
        values = new
    return values, most


def tied_greedy(table: np.ndarray) -> np.ndarray:
    """Uniform over the best next nodes of each row: shape as ``table``."""
    best = table > table.max(-1, keepdims=True) - 1e-9
    return best / best.sum(-1, keepdims=True)


def arrivals(adjacency, policy, steps: int) -> np.ndarray:
    """Chance of a correct arrival at each step: shape ``(steps, n, n)``, step, target, source.

    ``policy`` is ``(n, n, n)``, or a function of the number of steps left that returns it.
    """
    n = len(adjacency)
    onto = (np.arange(n), slice(None), np.arange(n))  # the step onto each target
    found = []
    if callable(policy):  # forward from each source, since it changes with the time left
        at = np.broadcast_to(np.eye(n), (n, n, n)).copy()  # (target, source, node)
        for left in range(steps, 0, -1):
            at = at @ (policy(left) * adjacency[None])
            found.append(at[onto].copy())  # (target, source)
            at[onto] = 0
        return np.array(found)
    inside = policy * adjacency[None]  # legal steps, (target, current, next)
    now = inside[onto].copy()  # (target, current)
    inside[onto] = 0
    for _ in range(steps):  # backward: arrival after exactly one step more
        found.append(now)
        now = (inside @ now[..., None])[..., 0]
    return np.array(found)


def distances(adjacency: np.ndarray) -> np.ndarray:
    """Steps to each target: shape ``(n, n)``, target, node; infinite where it cannot be reached."""
    rows = adjacency.astype(int).tolist()
    found = [exact.distances(rows, i) for i in range(len(rows))]
    return np.array([[np.inf if d is None else d for d in row] for row in found])


def value_policy(graph, temperature: float, discount: float = 1.0) -> np.ndarray:
    """Sample the fixed point of Q-learning at ``temperature``: ``(n, n, n)`` target, node, next.

    Undiscounted that is ``A + R - 1``, where all feasible steps tie; with a discount, the only one.
    """
    adjacency = graph.adjacency.astype(float)
    values, _ = settle(adjacency, graph.reachability, discount)  # (i, j)
    table = action_values(adjacency, values, discount=discount)
    return softened(table, temperature)


def softened(table: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of each row of action values at ``temperature``: shape as ``table``."""
    weights = np.exp((table - table.max(-1, keepdims=True)) / temperature)
    return weights / weights.sum(-1, keepdims=True)


def accuracy_of(graph, policy: np.ndarray, max_length: int, pairs=None) -> float:
    """Chance that a policy ``(n, n, n)`` arrives in time: the mean over problems.

    Parameters
    ----------
    max_length
        Tokens that hold the prompt ``s t s``, the steps and the end token.
    pairs
        Problems ``(source, target)``, shape ``(m, 2)``; all of the graph if not given.
    """
    came = arrivals(graph.adjacency, policy, max_length - 4).sum(0)  # (target, source)
    sources, targets = (graph.reachable_pairs() if pairs is None else np.asarray(pairs)).T
    return float(came[targets, sources].mean())


def walk_accuracy(
    graph, max_length: int, temperature: float, discount: float = 1.0, pairs=None
) -> float:
    """Chance that :func:`value_policy` arrives in time, see :func:`accuracy_of`."""
    policy = value_policy(graph, temperature, discount)
    return accuracy_of(graph, policy, max_length, pairs)


def uniform_rows(adjacency, target: int) -> list[list]:
    """The policy at ``f*``: uniform over ``C(i, j)``, one row a node, in exact rationals."""
    alive = exact.reaches(adjacency, target)
    correct = [[a and alive[k] for k, a in enumerate(row)] for row in adjacency]
    return [[fmpq(int(c), sum(row)) if any(row) else fmpq(0) for c in row] for row in correct]
