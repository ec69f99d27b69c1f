"""Rationals that remember how they were made: exact derivatives of any function of them, read backwards.

What autograd does for floats.  It knows sums, products and quotients, and nothing of policies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flint import fmpq


class Traced:
    """A rational with its parents and its derivative in each of them; no parents make a constant."""

    __slots__ = ("parents", "slope", "tape", "value")

    def __init__(self, value, tape: list, parents: tuple | None = None):
        self.value, self.parents, self.tape, self.slope = value, parents, tape, 0
        if parents:
            tape.append(self)

    def __add__(self, other):
        if not isinstance(other, Traced):
            if not other:
                return self
            parents = None if self.parents is None else ((self, 1),)
            return Traced(self.value + other, self.tape, parents)
        if self.parents is None and not self.value:  # sums begin with a zero
            return other
        return Traced(self.value + other.value, self.tape, ((self, 1), (other, 1)))

    def __mul__(self, other):
        if isinstance(other, Traced):
            x, y = self.value, other.value
            return Traced(x * y, self.tape, ((self, y), (other, x)))
        return Traced(self.value * other, self.tape, ((self, other),) if other else None)

    def __truediv__(self, other: Traced):
        value = self.value / other.value
        return Traced(value, self.tape, ((self, 1 / other.value), (other, -value / other.value)))

    __radd__, __rmul__ = __add__, __mul__


def derivatives(function: Callable, at: Sequence[fmpq]) -> tuple[fmpq, list[fmpq]]:
    """Return a function's value and its derivative in each of its arguments.

    Parameters
    ----------
    function
        Of a list of numbers, made of sums, products and quotients.
    at
        The arguments, rationals.
    """
    tape: list[Traced] = []
    arguments = [Traced(x, tape, ()) for x in at]
    result = function(arguments)
    result.slope = fmpq(1)
    for node in reversed(tape):  # each stands after its parents
        if node.slope:
            for parent, derivative in node.parents:
                parent.slope += node.slope * derivative
    return result.value, [fmpq(x.slope) for x in arguments]
