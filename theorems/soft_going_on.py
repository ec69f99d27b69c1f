"""Soft values where episodes go on after an illegal step: part (e) of :mod:`theorems.soft`.

``rho_j`` is the chance that a path was legal when it stepped from ``j`` onto the target.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

from flint import arb, ctx, fmpq

from planlib.evidence import Finding, Tally, claims, decide
from theorems.soft_solved import by_flint, instances, legal_rows, others, scope_of

claim = claims("soft")

# --- (e): episodes that go on ----------------------------------------------------------------------


@dataclass(frozen=True)
class GoesOn:
    """What an illegal step does to the episode, and what exponential values are said to depend on."""

    ended: bool
    kinds: Callable


def next_node(adjacency, j, k):
    """Ours: the next node alone."""
    return k


def nothing(adjacency, j, k):
    """Mistake: nothing, as for the maximum (Theorem 5.1): one constant a target."""
    return 0


def exponential_table(adjacency, base, worth, onto, target: int, ended: bool) -> list[list]:
    """``exp(f / lambda)`` from W: a step onto the target is worth ``onto[j]``, or 1 if illegal.

    An illegal step elsewhere is worth 1 if it ends the episode, and else what comes next.
    """
    n = len(base)
    return [
        [
            (onto[j] if k == target else worth[k])
            if adjacency[j][k]
            else 1
            if ended or k == target
            else worth[k]
            for k in range(n)
        ]
        for j in range(n)
    ]


def going_on(adjacency, base, onto, target: int, ended: bool = False) -> list | None:
    """W where an illegal step lets the episode go on: from the linear system, by flint; None if singular."""
    n = len(base)
    keep = [
        [p if a or not ended else fmpq(0) for p, a in zip(*x, strict=True)]
        for x in zip(base, adjacency, strict=True)
    ]
    given = [
        base[j][target] * (onto[j] if adjacency[j][target] else 1)
        + sum(base[j][k] for k in others(n, target) if ended and not adjacency[j][k])
        for j in range(n)
    ]
    return by_flint(keep, target, given)


@claim(
    "goes-on",
    "exhaustive",
    GoesOn(False, next_node),
    {
        "where an error ends the episode": GoesOn(True, next_node),
        "one constant": GoesOn(False, nothing),
    },
    seeds=(67,),
)
def _goes_on(stated: GoesOn, size: str) -> Finding:
    """(e) Where episodes go on after an error, one solution; the tilt pi(k) / b(k) of a row depends on k alone, legal or not."""
    rng, tally = random.Random(670), Tally("instances", "entries")
    for adjacency, target, base, _ in instances(size, 67):
        n = len(base)
        onto = [fmpq(rng.randint(10, 90), 10) for _ in range(n)]  # e^(rho / lambda), as it may be
        worth = going_on(adjacency, base, onto, target, stated.ended)
        table = exponential_table(adjacency, base, worth, onto, target, stated.ended)
        again = [sum(p * e for p, e in zip(*x, strict=True)) for x in zip(base, table, strict=True)]
        nodes, seen = others(n, target), {}
        good = all(again[j] == worth[j] for j in nodes)
        for j, k in itertools.product(nodes, nodes):
            kind = stated.kinds(adjacency, j, k)
            good &= seen.setdefault(kind, table[j][k]) == table[j][k]
            tally.add("entries")
        tally.add("instances", good)
    return tally.finding(
        f"{scope_of(size)}, chances that the prefix was legal given at random (Y from 1 to 9): the linear system is regular, its solution unmoved by the "
        "table that it gives, and entries with the same next node are equal; exact"
    )


def prefixes(adjacency, policy, shares, target: int) -> list:
    """rho: at each node, the share of visits on a legal prefix, where sources are drawn with ``shares``.

    None where the node is never visited.  Visits off the target, without a limit of length, by flint.
    """
    n = len(policy)

    def visits(rows):
        turned = [[rows[k][j] for k in range(n)] for j in range(n)]
        return by_flint(turned, target, shares)

    every, legal = visits(policy), visits(legal_rows(adjacency, policy))
    return [a / b if b else None for a, b in zip(legal, every, strict=True)]


def goes_on_policy(adjacency, base, onto, target: int, ended: bool = False) -> list[list]:
    """The base tilted by the values of episodes that go on (or end): rows, the target's the base's."""
    worth = going_on(adjacency, base, onto, target, ended)
    table = exponential_table(adjacency, base, worth, onto, target, ended)
    rows = [[p * e for p, e in zip(*x, strict=True)] for x in zip(base, table, strict=True)]
    return [
        list(base[j]) if j == target else [p / sum(row) for p in row] for j, row in enumerate(rows)
    ]


@dataclass(frozen=True)
class Prefix:
    """Whose prefixes: how many prompts share the table, and whether an illegal step ends what follows."""

    prompts: int = 1
    ended: bool = False


@claim(
    "prefix",
    "exhaustive",
    Prefix(),
    {
        "prompts that share a table": Prefix(prompts=2),
        "values of ended episodes": Prefix(ended=True),
    },
    seeds=(68,),
)
def _prefix(stated: Prefix, size: str) -> Finding:
    """(e) On-policy with one prompt rho is the base's, whatever is put in for it: one self-consistent solution."""
    rng, tally = random.Random(680), Tally("prompts", "nodes")
    for adjacency, target, base, _ in instances(size, 68):
        n = len(base)
        onto = [fmpq(rng.randint(10, 90), 10) for _ in range(n)]
        policy = goes_on_policy(adjacency, base, onto, target, stated.ended)
        chosen = rng.sample(others(n, target), min(stated.prompts, n - 1))
        shares = [fmpq(int(j in chosen), len(chosen)) for j in range(n)]
        mine, its = (prefixes(adjacency, q, shares, target) for q in (policy, base))
        tally.add("prompts", all(mine[j] == its[j] for j in others(n, target)))
        tally.add("nodes", count=n - 1)
    return tally.finding(
        f"{scope_of(size)}, Y from 1 to 9 at random, a random source: the share of visits on legal prefixes at every node, under the policy and the base, by flint; exact"
    )


@dataclass(frozen=True)
class Several:
    """Two prompts, 0 and 1, that share a table: 0 steps legally to 2, 1 only by an error; 2 steps onto 3."""

    weight: object = fmpq(1, 20)
    shares: tuple = (fmpq(1, 2), fmpq(1, 2))
    adjacency: tuple = ((0, 0, 1, 0), (0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 0))
    base: tuple = ((1, 1, 10, 988), (1, 1, 900, 98), (1, 1, 1, 997), (250, 250, 250, 250))
    at: tuple = (fmpq(1), fmpq(3), fmpq(400), fmpq(10) ** 9)  # Y = e^(rho / weight)


def own_prefix(stated: Several, y) -> tuple[object, list]:
    """The policy's own rho at node 2, where ``y`` is put in for its ``e^(rho / weight)``; and the policy."""
    base = [[fmpq(p, 1000) for p in row] for row in stated.base]
    policy = goes_on_policy(stated.adjacency, base, [y] * 4, 3)
    return prefixes(stated.adjacency, policy, [*stated.shares, fmpq(0), fmpq(0)], 3)[2], policy


def above(stated: Several, precision: int = 128) -> list[bool | None]:
    """At each Y: whether the policy's own rho at node 2 exceeds ``weight log Y``, by balls."""
    found, (old, ctx.prec) = [], (ctx.prec, precision)
    try:
        for y in stated.at:
            gap = arb(own_prefix(stated, y)[0]) - arb(stated.weight) * arb(y).log()
            found.append(True if gap > 0 else False if gap < 0 else None)
    finally:
        ctx.prec = old
    return found


@claim(
    "several",
    "certified",
    Several(),
    {
        "one prompt": Several(shares=(fmpq(1), fmpq(0))),
        "at every weight": Several(weight=fmpq(1, 2)),
    },
)
def _several(stated: Several, size: str) -> Finding:
    """(e) With two prompts that share a table rho has three self-consistent values, on four nodes."""
    signs = above(stated)
    wanted = [True, False, True, False]
    return decide(
        None if None in signs else signs == wanted,
        f"own rho above the given one at Y = {', '.join(map(str, stated.at))}: {', '.join(map(str, signs))}",
        f"edges 0→2, 2→3, target 3, weight {stated.weight}, prompts 0 and 1 with shares {stated.shares[0]} and {stated.shares[1]}; policies in exact rationals, log Y in balls of 128 bits; "
        "rho is continuous in Y, so it meets the given one between each two points of opposite signs",
    )


GOING_ON = (_goes_on, _prefix, _several)
