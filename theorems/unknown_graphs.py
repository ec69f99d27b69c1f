"""A graph, its relations off the target and the values of its nodes, all unknown to the solver."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from theorems.solving import adjacency_of, closure, rational
from theorems.sweeps import sweep


@dataclass(frozen=True)
class Unknown:
    """A graph, its relations in ``G - i`` and values, all unknown to the solver; the target is last."""

    n: int
    edge: dict  # (j, k) -> Bool
    r: list  # 0 or 1, as reals
    lead: dict  # (j, k) -> Bool, off the target
    cycle: list  # Bool
    v: list

    @property
    def others(self) -> range:
        """The nodes that are not the target."""
        return range(self.n - 1)


def unknown(n: int) -> Unknown:
    """A graph of ``n`` nodes with all that (a) to (c) speak of."""
    others, target = range(n - 1), n - 1
    edge = {(j, k): z3.Bool(f"edge_{j}_{k}") for j in range(n) for k in range(n) if j != k}
    lead = closure(edge, others)
    reach = [z3.Or(*(z3.And(lead[j, k], edge[k, target]) for k in others)) for j in others]
    cycle = [z3.Or(*(z3.And(edge[j, k], lead[k, j]) for k in others if k != j)) for j in others]
    r = [z3.If(x, z3.RealVal(1), z3.RealVal(0)) for x in reach]
    return Unknown(n, edge, r, lead, cycle, [z3.Real(f"V_{j}") for j in others])


def is_max(x, candidates) -> z3.BoolRef:
    """``x`` is the largest of the candidates ``(present, value)``."""
    above = (z3.Implies(present, x >= value) for present, value in candidates)
    return z3.And(*above, z3.Or(*(z3.And(present, x == value) for present, value in candidates)))


def fixed_point(u: Unknown) -> z3.BoolRef:
    """(*), as it stands."""
    true, target = z3.BoolVal(True), u.n - 1
    equations = []
    for j in u.others:
        candidates = [(true, z3.If(u.edge[j, target], z3.RealVal(1), z3.RealVal(0)))]
        candidates += [(u.edge[j, k], u.v[k]) for k in u.others if k != j]
        candidates += [(true, u.v[k] - 1) for k in u.others]
        equations.append(is_max(u.v[j], candidates))
    return z3.And(*equations)


def read_model(u: Unknown, model):
    """Read a graph and values out of the solver's model, as exact rationals."""
    return adjacency_of(model, u.edge, u.n), [rational(model, x) for x in u.v]


def solves(adjacency, values, target: int) -> bool:
    """Whether ``values`` (off the target) solve (*), in exact numbers."""
    return sweep(adjacency, [*values, 0], target)[:-1] == list(values)
