"""A hypothesis of a theorem as a predicate, with an instance that fails it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
