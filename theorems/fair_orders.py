"""All orders of single updates at once: where a table can be for ever while no entry is forgotten.

With step 1 an update sets one entry to its goal, and tables of bounded values are finitely many.
What a fair order (every entry again and again) visits without end lies in one strongly connected
component, within which every entry has an update; and in such a component a fair order can stay.
So these components are all that fair orders end in, if an adversary who sees the table may choose
the order.  If it is drawn, every entry with some probability each time, a run ends, with
probability 1, in a component that no update leaves, and can end in each of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from planlib import exact


@dataclass(frozen=True)
class Orders:
    """What is updated, and toward what.

    Attributes
    ----------
    process
        Process reward; else outcome reward, where a step onto the target is worth 0 or 1.
    forgotten
        An entry that is never updated.
    luck
        Whether what a step onto the target is worth may change from one update to the next, as
        outcome reward does when the step comes after legal and after illegal prefixes.
    drawn
        Whether the order is drawn; else it is chosen.
    """

    process: bool = True
    forgotten: tuple[int, int] | None = None
    luck: bool = False
    drawn: bool = False


def fair_ends(adjacency, target: int, values, orders: Orders) -> tuple[np.ndarray, np.ndarray]:
    """Find the tables that fair orders of single updates at step 1 end in.

    The entries onto the target have been updated once; without luck they stay what they are then.

    Parameters
    ----------
    adjacency
        Rows; with outcome reward they do not matter.
    values
        Of the other entries, in order and evenly spaced, halves or whole numbers; every update
        must stay among them.

    Returns
    -------
    tuple
        All tables, shape ``(S, n, n)`` with the target's row 0, and the numbers of those that can
        be visited without end.
    """
    n = len(adjacency)
    nodes = [j for j in range(n) if j != target]
    entries = [(j, k) for j in nodes for k in nodes]
    choices = {entry: np.array(values, dtype=float) for entry in entries}
    for j in nodes:
        choices[j, target] = np.array([adjacency[j][target]] if orders.process else [0.0, 1.0])
    sizes = [len(c) for c in choices.values()]
    tables = np.zeros((int(np.prod(sizes)), n, n))  # halves are exact in floats
    here = np.arange(len(tables))
    digits = dict(zip(choices, np.unravel_index(here, sizes), strict=True))
    for (j, k), choice in choices.items():
        tables[:, j, k] = choice[digits[j, k]]
    moves = [(entry, _goal(adjacency, tables, target, *entry, orders.process)) for entry in entries]
    if orders.luck:
        moves += [((j, target), np.full(len(tables), x)) for j in nodes for x in (0.0, 1.0)]
    reached = {}  # entry: where each table goes, shape (ways, S)
    for entry, goal in moves:
        if entry != orders.forgotten:
            digit = np.searchsorted(choices[entry], goal)
            assert (choices[entry][digit] == goal).all()  # no update leaves the tables
            to = np.ravel_multi_index([*(digits | {entry: digit}).values()], sizes)
            reached[entry] = np.vstack([*reached.get(entry, ()), to])
    to = np.concatenate([ways.ravel() for ways in reached.values()])
    ways = csr_array(
        (np.ones(len(to), dtype=np.int8), (np.resize(here, len(to)), to)), [len(tables)] * 2
    )
    count, component = connected_components(ways, connection="strong")
    lasting = np.ones(count, dtype=bool)
    for to in reached.values():
        inside = component[to] == component  # (ways, S)
        if orders.drawn:
            lasting[component[~inside.all(0)]] = False
        else:
            lasting &= np.isin(np.arange(count), component[inside.any(0)])
    return tables, np.flatnonzero(lasting[component])


def _goal(adjacency, tables, target: int, j: int, k: int, process: bool) -> np.ndarray:
    """Goals of entry ``(j, k)`` off the target, ``(S,)``; some of them held against `exact`."""
    goal = tables[:, k].max(1) + (adjacency[j][k] - 1 if process else 0)
    for at in range(0, len(tables), len(tables) // 20 + 1):
        table = tables[at].tolist()
        new = (
            exact.bellman(adjacency, table, target)
            if process
            else exact.outcome_bellman(table, target)
        )
        assert new[j][k] == goal[at]
    return goal
