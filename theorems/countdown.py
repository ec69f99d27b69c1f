"""Countdown as a planning graph: what its moves can make, and that its paths are arithmetic.

Source: the benchmark is that of Samineni et al., arXiv 2505.13697, section 5; that a graph of
positive numbers makes all that expressions do, but for those that pass through 0, is ours.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import torch

from planlib import answers
from planlib import countdown as rules
from planlib.curves import Task
from planlib.evidence import Finding, Tally, claims, inapplicable
from planlib.graph import PlanningGraph
from planlib.rollout import sample
from planlib.studies import COUNTDOWN, some_of_it
from planlib.study import load_run
from planlib.task import PROMPT, Outcome, check_sequences
from theorems.countdown_runs import CHECKS as ON_RUNS
from theorems.readings import Reading

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


# --- transformer: what a model writes, judged as arithmetic --------------------------------------

REINFORCED = some_of_it(COUNTDOWN)["REINFORCE"]

Path = tuple[int, ...]


def judged(graph: PlanningGraph, path: Path, target: int) -> bool:
    """Ours: write the states as arithmetic, and let the judge read it."""
    states = [rules.read(graph.labels[node]) for node in path]
    try:
        line = rules.arithmetic(states, whole=True)
    except rules.CountdownError:
        return False
    given, (wanted,) = [int(x) for x in states[0]], rules.read(graph.labels[target])
    return answers.judge(line, given, wanted) is answers.Verdict.RIGHT


def arrives(graph: PlanningGraph, path: Path, target: int) -> bool:
    """Mistake: it is enough to end at the wanted number."""
    return path[-1] == target


def but_the_last(graph: PlanningGraph, path: Path, target: int) -> bool:
    """Mistake: it is enough to end there, and that each step but the last is a move."""
    return path[-1] == target and bool(graph.adjacency[path[:-2], path[1:-1]].all())


def _path_of(row: list[int], n: int) -> tuple[Path, bool]:
    """The nodes of a sequence behind its prompt, and whether an end token follows them."""
    path = tuple(itertools.takewhile(lambda k: k < n, row[PROMPT - 1 :]))
    return path, row[len(path) + PROMPT - 1 :][:1] == [n]


@claim(
    "judged",
    "transformer",
    judged,
    {"the wanted number alone": arrives, "all moves but the last": but_the_last},
    seeds=(0,),
    fixed="before any run",
)
def _judged(right: Callable[[PlanningGraph, Path, int], bool], size: str) -> Finding:
    """What a model writes, after SFT or after policy gradient, is right as a path if and only if it is right as arithmetic."""
    tally = Tally("answers", "right ones")
    for config, how in ((COUNTDOWN, {"greedy": True}), (REINFORCED, {"samples": 2})):
        run = load_run(config)
        graph, pairs = run.task.graph, run.task.split.test_pairs
        if size == "small":
            pairs = pairs[::8]
        tokens = sample(
            run.model,
            pairs,
            torch.Generator().manual_seed(0),
            max_length=COUNTDOWN.max_length,
            **how,
        )
        found = check_sequences(graph, tokens)
        for row, outcome in zip(tokens.tolist(), found, strict=True):
            path, ended = _path_of(row, graph.n)
            said = ended and right(graph, path, row[1])
            tally.add("answers", said == (outcome == Outcome.CORRECT))
            tally.add("right ones", count=int(outcome == Outcome.CORRECT))
    return tally.finding(
        "stored models of seed 0, all test problems: greedy answers after SFT, two samples of each after policy gradient; the judge knows no graph and no rule of the game"
    )


# --- what sampling could find ---------------------------------------------------------------------


def shown_share(task: Task) -> float:
    """Share of the correct paths of a training problem that SFT's data show, mean over problems.

    Of the problems that are no edge; on a graph without cycles.
    """
    counts = {
        int(i): task.graph.path_counts(int(i)) for i in np.unique(task.split.path_pairs[:, 1])
    }
    shown: dict[tuple[int, int], set] = {}
    for row in task.data.tolist():
        shown.setdefault((row[0], row[1]), set()).add(tuple(row))
    pairs = map(tuple, task.split.path_pairs.tolist())
    return float(np.mean([len(shown[s, t]) / counts[t][s] for s, t in pairs]))


# --- how large it gets ---------------------------------------------------------------------------

PRIMES = (2, 3, 5, 7, 11, 13)


def size_of(case: tuple[str, int, int, bool]) -> dict[str, int]:
    """Count states, moves and numbers made: of the first primes, or of all starts up to ``most``."""
    kind, numbers, most, whole = case
    begin = [rules.state_of(PRIMES[:numbers])] if kind == "one" else rules.starts(numbers, most)
    found = rules.explore(begin, whole)
    return {
        "states": len(found),
        "moves": sum(map(len, found.values())),
        "made": sum(len(state) == 1 for state in found),
    }


SIZES = Reading(
    "countdown-sizes",
    size_of,
    (
        *(("one", k, PRIMES[k - 1], whole) for k in range(2, 7) for whole in (True, False)),
        *(("all", 3, most, True) for most in (6, 10, 20, 50, 99)),
        *(("all", 4, most, True) for most in (4, 6, 10)),
    ),
)
LONG_READINGS = (SIZES,)

CHECKS = (
    _complete,
    _arithmetic,
    _judged,
    *ON_RUNS,
    *inapplicable(
        "countdown",
        formal="sizes and rules of a program, which are counted and compared with a second program; a proof would be of the program",
        symbolic="no formula: states and moves are enumerated",
        solver="nothing is left free; the graph is finite and enumerated",
        certified="no inequality between reals",
        statistical="nothing is sampled but by the trained models",
    ),
)
