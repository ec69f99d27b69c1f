"""Judge a Countdown answer as text: what it comes to, and which numbers it used.

Shares nothing with :mod:`planlib.countdown`, which writes such answers: Python's own parser reads
the line, and exact fractions work it out, so that a fault there is not repeated here.

Source: the rules of the benchmark in Samineni et al., arXiv 2505.13697, section 5.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from fractions import Fraction


class Verdict(Enum):
    """What an answer comes to, or its first fault."""

    RIGHT = "right"
    NO_ARITHMETIC = "no arithmetic of + - * / and whole numbers"
    OTHER_NUMBERS = "other numbers than those given"
    DIVIDES_BY_ZERO = "a division by 0"
    OTHER_VALUE = "another value than the wanted one"


LONGEST = 1000  # characters of an answer that are read at most: nesting has no other limit


def judge(answer: str, numbers: Iterable[int], target: int, every: bool = True) -> Verdict:
    """Judge a line of arithmetic: each given number at most once, and the wanted value exactly.

    Whole numbers alone, and no sign before one: ``3 - (-4)`` is no arithmetic of the game.  A line
    that divides by 0 has no value, whatever numbers it uses.

    Parameters
    ----------
    every
        Whether each of the numbers has to be used (the benchmark's rule).
    """
    if len(answer) > LONGEST:
        return Verdict.NO_ARITHMETIC
    try:
        used: Counter[int] = Counter()
        value = _value(ast.parse(answer.strip(), mode="eval").body, used)
    except ZeroDivisionError:
        return Verdict.DIVIDES_BY_ZERO
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Verdict.NO_ARITHMETIC
    given = Counter(numbers)
    if used - given or (every and used != given):
        return Verdict.OTHER_NUMBERS
    return Verdict.RIGHT if value == target else Verdict.OTHER_VALUE


def _value(node: ast.expr, used: Counter[int]) -> Fraction:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            used[number] += 1
            return Fraction(number)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, used) + _value(right, used)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left, used) - _value(right, used)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left, used) * _value(right, used)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _value(left, used) / _value(right, used)
    raise ValueError(ast.dump(node))
