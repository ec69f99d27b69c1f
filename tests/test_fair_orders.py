"""Where fair orders of updates end, against a search written out: one table at a time, exact updates."""

import itertools
from dataclasses import replace

import networkx as nx
import pytest

from planlib import exact
from theorems.fair_orders import Orders, fair_ends

CHAIN = ((0, 1, 0), (0, 0, 1), (0, 0, 0))
CYCLE = ((0, 1, 0), (1, 0, 0), (0, 0, 0))
TARGET, FREE, ONTO = 2, [(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 2), (1, 2)]
OUTCOME = Orders(process=False)


def slow_ends(adjacency, values, orders):
    """Tables (their entries onto the target last) that can be visited without end."""

    def rows(state):
        table = [[0] * 3 for _ in range(3)]
        for (j, k), x in zip(FREE + ONTO, state, strict=True):
            table[j][k] = x
        return table

    onto = [(0, 1)] * 2 if not orders.process else [(adjacency[j][TARGET],) for j in (0, 1)]
    moves = nx.MultiDiGraph()
    for state in itertools.product(*[values] * 4, *onto):
        table = rows(state)
        new = (
            exact.bellman(adjacency, table, TARGET)
            if orders.process
            else exact.outcome_bellman(table, TARGET)
        )
        for at, (j, k) in enumerate(FREE + ONTO):
            goals = [new[j][k]]
            if (j, k) in ONTO:
                goals = [0, 1] if orders.luck else []
            for goal in goals if (j, k) != orders.forgotten else []:
                moves.add_edge(state, (*state[:at], goal, *state[at + 1 :]), entry=(j, k))
    entries = {entry for _, _, entry in moves.edges(data="entry")}
    found = set()
    for component in nx.strongly_connected_components(moves):
        inside = {e for s, t, e in moves.out_edges(component, data="entry") if t in component}
        left = any(t not in component for _, t in moves.out_edges(component))
        if not left if orders.drawn else inside == entries:
            found |= component
    return found


@pytest.mark.parametrize("adjacency", [CHAIN, CYCLE], ids=["chain", "cycle"])
@pytest.mark.parametrize(
    "orders",
    [
        Orders(),
        Orders(drawn=True),
        Orders(forgotten=(0, 0)),
        OUTCOME,
        replace(OUTCOME, luck=True),
        replace(OUTCOME, drawn=True, luck=True),
        replace(OUTCOME, drawn=True, forgotten=(1, 0)),
    ],
    ids=str,
)
def test_ends_are_those_of_a_plain_search(adjacency, orders):
    values = range(-1, 3)
    tables, ends = fair_ends(adjacency, TARGET, values, orders)
    found = {tuple(int(tables[at][entry]) for entry in FREE + ONTO) for at in ends}
    assert found and found == slow_ends(adjacency, values, orders)


def test_orders_that_reach_tables_that_are_not_there_are_noticed():
    with pytest.raises((AssertionError, IndexError)):
        fair_ends(CHAIN, TARGET, range(1, 3), Orders())
