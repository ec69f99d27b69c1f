"""Countdown by its rules: numbers, two of which give way to their sum, difference, product or quotient.

A state is a sorted tuple of positive numbers; a move takes two of them and puts one result in
their place, so that a state of ``k`` numbers is ``k - 1`` moves from a single number.  A
difference is taken as positive and 0 is never made: the rest of an expression can put the sign
right, except where it passes through 0 (claim ``countdown/complete`` of the book).

Source: the benchmark of Samineni et al., arXiv 2505.13697, section 5 (given three or four numbers,
make the wanted one, each used once); rules from the game.  Nothing here knows of graphs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, pairwise
from pathlib import Path

from planlib.files import FileError, read_text

State = tuple[Fraction, ...]


class CountdownError(ValueError):
    """What should be a state or a path of states is none; says what was expected."""

    def __init__(self, expected: str, got: object):
        self.expected, self.got = expected, got
        super().__init__(f"expected {expected}, got {got}")

    def __reduce__(self):
        return type(self), (self.expected, self.got)  # it crosses processes


def state_of(numbers: Iterable[int | Fraction]) -> State:
    """Return the state that holds these numbers.

    Raises
    ------
    CountdownError
        If there is none, or one is not positive.
    """
    given = list(numbers)
    try:
        state = tuple(sorted(map(Fraction, given)))
    except (ValueError, OverflowError, TypeError) as error:
        raise CountdownError("one or more positive numbers", given) from error
    if not state or state[0] <= 0:
        raise CountdownError("one or more positive numbers", given)
    return state


def results(a: Fraction, b: Fraction, whole: bool = False) -> Iterator[tuple[str, Fraction]]:
    """Yield what two numbers make, with the sign that makes it; with ``whole``, integers alone.

    A sign ``-`` or ``/`` takes the larger number first; a backslash divides the smaller by it.
    """
    low, high = sorted((a, b))
    yield "+", low + high
    if low < high:
        yield "-", high - low
    yield "*", low * high
    for sign, quotient in (("/", high / low), ("\\", low / high)):
        if not whole or quotient.denominator == 1:
            yield sign, quotient


def moves(state: State, whole: bool = False) -> dict[State, tuple[Fraction, str, Fraction]]:
    """Return the states one move away, each with a move to it: (smaller, sign, larger).

    Where several moves lead to one state, as from 2 and 2 to 4, the first of them.
    """
    found: dict[State, tuple[Fraction, str, Fraction]] = {}
    for i, j in combinations(range(len(state)), 2):
        rest = state[:i] + state[i + 1 : j] + state[j + 1 :]
        for sign, made in results(state[i], state[j], whole):
            found.setdefault(tuple(sorted((*rest, made))), (state[i], sign, state[j]))
    return found


def starts(numbers: int, most: int) -> Iterator[State]:
    """Yield all states of so many numbers from 1 to ``most``."""
    return map(state_of, combinations_with_replacement(range(1, most + 1), numbers))


def explore(
    begin: Iterable[State], whole: bool = False, limit: float = math.inf
) -> dict[State, list[State]]:
    """All states that can be reached, each with its followers: no more memory than there are edges.

    Raises
    ------
    CountdownError
        As soon as there are more than ``limit`` of them.
    """
    found: dict[State, list[State]] = {}
    for first in begin:  # one after the other, since there may be very many
        waiting = [first]
        while waiting:
            if (state := waiting.pop()) not in found:
                found[state] = list(moves(state, whole))
                waiting += found[state]
                if len(found) > limit:
                    raise CountdownError(f"at most {limit} states", "more")
    return found


def solvable(begin: Iterable[int | Fraction], whole: bool = False) -> set[Fraction]:
    """All numbers that can be made of these, each of them used."""
    return {state[0] for state in explore([state_of(begin)], whole) if len(state) == 1}


def written(state: State) -> str:
    """Write a state for people: ``'1/2 3 7'``."""
    return " ".join(map(str, state))


def read(text: str) -> State:
    """Return the state that :func:`written` wrote."""
    try:
        return state_of(map(Fraction, text.split()))
    except (ValueError, ZeroDivisionError) as error:
        raise CountdownError("numbers such as '1/2 3 7'", repr(text)) from error


def arithmetic(path: Sequence[State], whole: bool = False) -> str:
    """Write a path as one line of arithmetic of the numbers that it began with.

    Numbers that a path has not used up stand at its end: the line is what makes the last
    number of the path that a move has made.

    Raises
    ------
    CountdownError
        If two states that follow each other are no move apart, or there is no move at all.
    """
    if len(path) < 2:
        raise CountdownError("a path of at least one move", [*map(written, path)])
    terms = [(x, str(x) if x.denominator == 1 else f"({x})") for x in path[0]]
    for state, following in pairwise(path):
        known = moves(state, whole)
        if following not in known:
            raise CountdownError(f"a state one move from '{written(state)}'", written(following))
        low, sign, high = known[following]
        line = _joined(_taken(terms, low), sign, _taken(terms, high))
        made = dict(results(low, high, whole))[sign]
        terms.append((made, line))
    return terms[-1][1].removeprefix("(").removesuffix(")")


def _taken(terms: list[tuple[Fraction, str]], number: Fraction) -> str:
    at = next(i for i, (value, _) in enumerate(terms) if value == number)
    return terms.pop(at)[1]


def _joined(low: str, sign: str, high: str) -> str:
    if sign == "\\":
        return f"({low} / {high})"
    return f"({high} {sign} {low})"


def read_problems(path: str | Path) -> list[tuple[State, Fraction]]:
    """Read problems in the form of the public benchmark: ``nums`` and ``target``, one to a line.

    Lines of JSON (``.jsonl``), each with one object, or one JSON list; other fields are left alone.

    Raises
    ------
    FileError
        With the place and what was expected there.
    """
    try:
        text = read_text(path)
        whole_file = text.lstrip().startswith("[")
        lines = [text] if whole_file else filter(str.strip, text.split("\n"))
        entries = [entry for line in lines for entry in _listed(json.loads(line))]
    except FileError as error:
        raise FileError(error.expected, f"{error.got} in the file {path}") from error
    except (ValueError, RecursionError) as error:  # no JSON, too deep, too many digits
        raise FileError("lines of JSON, or one list", f"{error} in {path}") from error
    if not entries:
        raise FileError("at least one problem", f"none in {path}")
    return [_problem(entry, f"{path}, problem {k + 1}") for k, entry in enumerate(entries)]


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def _problem(entry: object, place: str) -> tuple[State, Fraction]:
    expected = "{'nums': [positive integers], 'target': a positive integer}"
    try:
        numbers, target = entry["nums"], entry["target"]
        good = all(type(x) is int and x > 0 for x in [*numbers, target]) and len(numbers) > 1
    except (KeyError, TypeError):
        good = False
    if not good:
        raise FileError(expected, f"{entry} ({place})")
    return state_of(numbers), Fraction(target)
