"""Methods whose residual vanishes at the soft fixed point, and what zero residual fixes.

Unknowns are ``log pi / b`` of each step and the values; decided by the rank of exact Jacobians.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from flint import fmpq, fmpq_mat

from planlib import exact
from planlib.evidence import Finding, Tally, claims
from theorems.basins import graphs_of
from theorems.small_graphs import rational_row
from theorems.soft_solved import BASES, ONTO, others, soft, success_by_flint, tilted_success

claim = claims("soft")

# --- relatives: equations that vanish at the same place ------------------------------------------------


@dataclass(frozen=True)
class Method:
    """A family of methods: the residual that it drives to 0, in words, who does so, and its equations."""

    residual: str
    methods: str
    equations: Callable


@dataclass(frozen=True)
class Shares:
    """What zero residual fixes: the policy; the chance of each right path; those given success; values."""

    policy: bool
    right: bool
    law: bool
    prompt: bool
    later: bool


class Trajectories:
    """All ended episodes of a problem of up to ``most`` steps, and unknowns of their linear equations.

    The unknowns are ``lambda log(pi / b)`` of each (node, next node) on the way, then each node's V.
    """

    def __init__(self, adjacency, source: int, target: int, most: int):
        self.adjacency, self.source, self.target = adjacency, source, target
        self.n = len(adjacency)
        self.episodes = list(self._grow((source,), most))
        self.nodes = sorted({j for u, _ in self.episodes for j in u[:-1]})
        pairs = [("step", j, k) for j in self.nodes for k in range(self.n)]
        self.names = [*pairs, *(("value", j) for j in self.nodes)]
        self.at = {name: c for c, name in enumerate(self.names)}

    def _grow(self, path, left: int):
        if left:
            for k in range(self.n):
                if not self.adjacency[path[-1]][k] or k == self.target:
                    yield (*path, k), bool(self.adjacency[path[-1]][k])
                else:
                    yield from self._grow((*path, k), left - 1)

    def stretch(self, path) -> dict:
        """Equation of a stretch of a path: its steps, plus V at its start, less V at its end if it goes on."""
        row: dict = {}
        for j, k in itertools.pairwise(path):
            row[("step", j, k)] = row.get(("step", j, k), 0) + 1
        row[("value", path[0])] = row.get(("value", path[0]), 0) + 1
        j, k = path[-2:]
        if self.adjacency[j][k] and k != self.target:
            row[("value", k)] = row.get(("value", k), 0) - 1
        return row

    def steps(self, path) -> dict:
        """The steps of a path alone."""
        return {name: x for name, x in self.stretch(path).items() if name[0] == "step"}

    def dense(self, rows) -> list[list]:
        """Rows of numbers."""
        table = []
        for row in rows:
            table.append([fmpq(0)] * len(self.names))
            for name, x in row.items():
                table[-1][self.at[name]] = fmpq(x)
        return table


def one_step(t: Trajectories) -> list[dict]:
    """Each step by itself."""
    return [t.stretch((j, k)) for j in t.nodes for k in range(t.n)]


def two_steps(t: Trajectories) -> list[dict]:
    """Stretches of two steps, the last one cut short by the end."""
    cut = {u[m : m + 3] for u, _ in t.episodes for m in range(len(u) - 1)}
    return [t.stretch(v) for v in sorted(cut)]


def to_the_end(t: Trajectories) -> list[dict]:
    """From each point of an episode to its end."""
    return [t.stretch(v) for v in sorted({u[m:] for u, _ in t.episodes for m in range(len(u) - 1)})]


def whole(t: Trajectories) -> list[dict]:
    """Whole episodes, with one value, the prompt's."""
    return [t.stretch(u) for u, _ in t.episodes]


def differences(rows: list[dict]) -> list[dict]:
    """Each row less the first."""
    return [
        {name: row.get(name, 0) - rows[0].get(name, 0) for name in {**row, **rows[0]}}
        for row in rows[1:]
    ]


def pairs_of(t: Trajectories) -> list[dict]:
    """Differences of two whole episodes: no value at all."""
    return differences(whole(t))


def right_alone(t: Trajectories) -> list[dict]:
    """Whole episodes that succeed, alone."""
    return [t.stretch(u) for u, right in t.episodes if right]


def right_and_value(t: Trajectories) -> list[dict]:
    """The same with the prompt's value known."""
    return [*right_alone(t), {("value", t.source): 1}]


METHODS = {
    "one step": Method(
        "V(j) + λ log π/b − r − V(k)",
        "soft Q-learning; soft actor-critic, with the KL to the uniform policy for its entropy",
        one_step,
    ),
    "two steps": Method(
        "V(j) + Σ (λ log π/b − r) − V(two later)",
        "path consistency with a base (Trust-PCL), stretches of two",
        two_steps,
    ),
    "to the end": Method(
        "V(j) + Σ (λ log π/b − r), to the end",
        "path consistency from each step to the end (OREO)",
        to_the_end,
    ),
    "whole": Method("V(prompt) + Σ λ log π/b − R", "trajectory Bellman residual (TBRM)", whole),
    "pairs": Method(
        "Σ λ log π/b − R, less the same of another answer",
        "two answers to one prompt compared",
        pairs_of,
    ),
    "right, value known": Method(
        "as whole, V(prompt) known",
        "right answers alone, their prompt's value known",
        right_and_value,
    ),
    "right alone": Method("as whole", "right answers alone", right_alone),
}
STATED = {
    "one step": Shares(True, True, True, True, True),
    "two steps": Shares(True, True, True, True, True),
    "to the end": Shares(True, True, True, True, True),
    "whole": Shares(True, True, True, True, False),
    "pairs": Shares(True, True, True, False, False),
    "right, value known": Shares(False, True, True, True, False),
    "right alone": Shares(False, False, True, False, False),
}


def determined(t: Trajectories, policy, method: Method) -> tuple[Shares, int]:
    """What the Jacobian at the solution fixes, by ranks in rationals, and how many directions are free."""
    normal = [{("step", j, k): policy[j][k] for k in range(t.n)} for j in t.nodes]
    reduced, rank = fmpq_mat(t.dense([*normal, *method.equations(t)])).rref()
    rows = reduced.tolist()[:rank]
    pivots = [next(c for c, x in enumerate(row) if x) for row in rows]
    # An unknown that stands alone in its row of the reduced form is fixed; all others can move.
    fixed = {c for c, row in zip(pivots, rows, strict=True) if sum(map(bool, row)) == 1}

    def columns(keep: Callable) -> bool:
        """Whether these unknowns are fixed."""
        return all(c in fixed for c, name in enumerate(t.names) if keep(name))

    def implied(more: list[dict]) -> bool:
        """Whether these equations change nothing: each is the sum of rows that its pivots ask for."""
        wanted = t.dense(more)
        if not wanted or not rows:
            return not any(map(any, wanted))
        sums = fmpq_mat([[row[c] for c in pivots] for row in wanted]) * fmpq_mat(rows)
        return sums == fmpq_mat(wanted)

    right = [t.steps(u) for u, ok in t.episodes if ok]
    shares = Shares(
        policy=columns(lambda name: name[0] == "step"),
        right=implied(right),
        law=implied(differences(right)),
        prompt=columns(lambda name: name == ("value", t.source)),
        later=columns(lambda name: name[0] == "value" and name[1] != t.source),
    )
    return shares, len(t.names) - rank


@functools.cache
def relatives(size: str) -> tuple[int, int, dict[str, list[tuple[Shares, int, int]]]]:
    """Problems, how often an equation is not met at the soft policy; by method its shares on each problem.

    Problems in which the way passes another node than the prompt's, so that there are later values.
    """
    rng, problems, broken = random.Random(69), 0, 0
    found: dict[str, list] = {name: [] for name in METHODS}
    for adjacency in graphs_of(size):
        n = len(adjacency)
        for target in range(n):
            away = exact.distances(adjacency, target)
            for source in others(n, target):
                t = Trajectories(adjacency, source, target, n + 1)
                if not away[source] or len(t.nodes) < 2:
                    continue
                for _ in range(BASES if n < 4 else 2):
                    base = [rational_row(n, rng) for _ in range(n)]
                    onto = rng.choice(ONTO)
                    policy = soft(adjacency, base, target, onto)
                    problems += 1
                    chance = success_by_flint(adjacency, base, target)
                    value = [tilted_success(onto, p) for p in chance]
                    broken += not all(met(base, policy, value, onto, u, ok) for u, ok in t.episodes)
                    for name, method in METHODS.items():
                        found[name].append((*determined(t, policy, method), len(t.names)))
    return problems, broken, found


def met(base, policy, value, onto, path, right: bool) -> bool:
    """Whether each step of an episode, and so each stretch, has residual 0 at the soft policy.

    ``lambda log(pi / b) + V(j) - r - V(k) = 0``, exponentiated.
    """
    good = True
    for m, (j, k) in enumerate(itertools.pairwise(path)):
        last = m == len(path) - 2
        then = (onto if right else 1) if last else value[k]
        good &= policy[j][k] * value[j] == base[j][k] * then
    return good


def but(name: str, **shares: bool) -> dict[str, Shares]:
    """What is stated, with one mistake."""
    return STATED | {name: replace(STATED[name], **shares)}


@claim(
    "relatives",
    "exhaustive",
    STATED,
    {
        "right answers fix the policy once the value is known": but(
            "right, value known", policy=True
        ),
        "right answers fix their own chances": but("right alone", right=True),
        "comparisons fix the prompt's value": but("pairs", prompt=True),
        "whole trajectories fix every value": but("whole", later=True),
    },
    seeds=(69,),
)
def _relatives(stated: dict[str, Shares], size: str) -> Finding:
    """Which equations fix the policy, and which the values: whole answers and their comparisons fix the policy, right ones alone do not."""
    problems, broken, found = relatives(size)
    tally = Tally("problems", "questions")
    tally.add("problems", broken == 0, problems)
    for name, shares in stated.items():
        for seen, _, _ in found[name]:
            tally.add("questions", seen == shares)
    return tally.finding(
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), every problem that passes another node, {BASES} random rational bases each (2 on 4 nodes), "
        f"{len(METHODS)} sets of equations on all episodes of up to n + 1 steps: residuals 0, ranks of the Jacobian at the soft policy; exact"
    )


RELATIVES = (_relatives,)
