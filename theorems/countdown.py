"""Countdown as a planning graph: what its moves can make, and that its paths are arithmetic.

Source: the benchmark is that of Samineni et al., arXiv 2505.13697, section 5; that a graph of
positive numbers makes all that expressions do, but for those that pass through 0, is ours.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from fractions import Fraction

from planlib import answers
from planlib import countdown as rules
from planlib.evidence import Finding, Tally, claims
from theorems.countdown_runs import CHECKS as ON_RUNS

claim = claims("countdown")
Values = frozenset[Fraction]

# --- exhaustive: what can be made ----------------------------------------------------------------


def _splits(numbers: tuple[int, ...]) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All ways to give some numbers to a left and the others to a right operand."""
    n = len(numbers)
    parts = (
        tuple(tuple(x for k, x in enumerate(numbers) if (mask >> k & 1) == side) for side in (1, 0))
        for mask in range(1, 2**n - 1)
    )
    return set(parts)


@functools.cache
def _values(numbers: tuple[int, ...], zero: bool, chains: bool) -> Values:
    """Values of all expressions that use each number once, negative ones included."""
    if len(numbers) == 1:
        return frozenset({Fraction(numbers[0])})
    found: set[Fraction] = set()
    for left, right in _splits(numbers):
        if chains and len(right) > 1 and len(left) > 1:
            continue
        for a in _values(left, zero, chains):
            for b in _values(right, zero, chains):
                found |= {a + b, a - b, a * b}
                if b:
                    found.add(a / b)
    return frozenset(found if zero else found - {0})


def _positive(values: Values) -> Values:
    return frozenset(x for x in values if x > 0)


def never_through_zero(numbers: tuple[int, ...]) -> Values:
    """Ours: what expressions make in which no part is 0."""
    return _positive(_values(numbers, zero=False, chains=False))


def any_expression(numbers: tuple[int, ...]) -> Values:
    """Mistake: what expressions make in which a part may be 0."""
    return _positive(_values(numbers, zero=True, chains=False))


def chains_alone(numbers: tuple[int, ...]) -> Values:
    """Mistake: what can be made if each step uses the result of the one before."""
    return _positive(_values(numbers, zero=False, chains=True))


def whole_parts(numbers: tuple[int, ...]) -> Values:
    """Mistake: what can be made without fractions on the way."""
    return frozenset(rules.solvable(numbers, whole=True))


@claim(
    "complete",
    "exhaustive",
    never_through_zero,
    {
        "through 0 as well": any_expression,
        "each step on the last result": chains_alone,
        "no fractions on the way": whole_parts,
    },
)
def _complete(made: Callable[[tuple[int, ...]], Values], size: str) -> Finding:
    """The moves make of given numbers what expressions of them make that never pass through 0, and nothing else."""
    tally = Tally("starts", "numbers made")
    for numbers, most in ((3, 3), (4, 4)) if size == "small" else ((3, 8), (4, 5)):
        for start in rules.starts(numbers, most):
            moved, stated = rules.solvable(start), made(tuple(map(int, start)))
            tally.add("starts", moved == stated)
            tally.add("numbers made", count=len(moved))
    return tally.finding(
        "all starts of three and of four small numbers; the expressions are trees over all ways to share out the numbers, with negative parts, in exact fractions"
    )


# --- exhaustive: paths are arithmetic ------------------------------------------------------------


def _paths(path: tuple[rules.State, ...], whole: bool) -> Iterator[tuple[rules.State, ...]]:
    following = rules.moves(path[-1], whole)
    if not following:
        yield path
    for state in following:
        yield from _paths((*path, state), whole)


def as_written(line: str) -> str:
    """Ours: the line as it is."""
    return line


def without_brackets(line: str) -> str:
    """Mistake: brackets do not matter."""
    return line.replace("(", "").replace(")", "")


def turned(line: str) -> str:
    """Mistake: differences either way."""
    return "".join(reversed(line.replace("(", "<").replace(")", "(").replace("<", ")")))


@claim(
    "arithmetic",
    "exhaustive",
    as_written,
    {"without brackets": without_brackets, "read from the right": turned},
)
def _arithmetic(write: Callable[[str], str], size: str) -> Finding:
    """Every path, written as arithmetic, uses each given number once and comes to the number it ends at."""
    tally = Tally("paths")
    for numbers, most in ((3, 3),) if size == "small" else ((3, 6), (4, 3)):
        for whole in (True, False):
            for start in rules.starts(numbers, most):
                given = [int(x) for x in start]
                for path in _paths((start,), whole):
                    line = write(rules.arithmetic(path, whole))
                    verdict = answers.judge(line, given, path[-1][0])
                    tally.add("paths", verdict is answers.Verdict.RIGHT)
    return tally.finding(
        "all paths of all starts of three and of four small numbers, with fractions and without; judged by Python's parser and exact fractions, which know no rule of the game"
    )


CHECKS = (_complete, _arithmetic, *ON_RUNS)
