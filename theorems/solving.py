"""What the solver checks share: reachability as formulas, and models read as exact numbers."""

from __future__ import annotations

from collections.abc import Iterable

import z3
from flint import fmpq


def holds(answer: z3.CheckSatResult) -> bool | None:
    """What the solver's answer to the negated claim says of the claim; None if it does not know."""
    return None if answer == z3.unknown else answer == z3.unsat


def closure(edge: dict, nodes: Iterable[int]) -> dict:
    """Formulas "``j`` reaches ``k`` within ``nodes``", a node itself included, by Warshall's closure.

    ``edge[j, k]``, ``j != k``, says that the step is legal.
    """
    nodes = list(nodes)
    reach = {(j, k): z3.BoolVal(True) if j == k else edge[j, k] for j in nodes for k in nodes}
    for m in nodes:
        reach = {(j, k): z3.Or(reach[j, k], z3.And(reach[j, m], reach[m, k])) for j, k in reach}
    return reach


def rational(model: z3.ModelRef, x: z3.ArithRef) -> fmpq:
    """Value of a real unknown in a model, exactly."""
    value = model.eval(x, model_completion=True)
    return fmpq(value.numerator_as_long(), value.denominator_as_long())


def adjacency_of(model: z3.ModelRef, edge: dict, n: int) -> list[list[int]]:
    """Adjacency rows of the graph that a model has found."""
    return [
        [int(z3.is_true(model.eval(edge[j, k], True))) if j != k else 0 for k in range(n)]
        for j in range(n)
    ]
