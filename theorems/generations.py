r"""Generations of filtered SFT to convergence: what one gives in the mean, and when the last choice is left.

SFT to convergence on the right ones of N samples sets a row to their frequencies (Theorem 3.1).  In the
mean one generation conditions the policy on success, which is Doob's transform of the row,

    E pi'(k | j) = A_jk pi(k | j) J(k) / J(j),

with J(j) the probability to arrive from j.  From then on every answer is right, and a row resamples
itself as in the model of Wright and Fisher: with two choices, shares p and 1 - p, one is left after
about -2N (p log p + (1 - p) log(1 - p)) generations.

Source: S. Wright, Evolution in Mendelian populations, Genetics 16, 1931; the mean time of the diffusion in
M. Kimura and T. Ohta, Genetics 61, 1969, here for N samples in place of 2N genes.  That it is an upper
bound, and by how much, is our own computation.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import comb

from flint import arb, fmpq, fmpq_mat

from planlib import exact
from planlib.evidence import Finding, Tally, claims
from theorems.small_graphs import digraph_classes, is_acyclic, problems, rational_policy

claim = claims("grpo")


# --- exhaustive: in the mean a generation conditions on success --------------------------------------


@dataclass(frozen=True)
class Generation:
    """What a row is in the mean after a generation, and on which graphs.

    Attributes
    ----------
    row
        Of the policy's row, the adjacency's, and the chances to arrive from each node, shapes
        ``(n,)``: the row to expect.
    cycles
        Whether graphs with cycles count, too.
    """

    row: Callable[[list, tuple, list], list]
    cycles: bool = False


def _shares(weights: list) -> list:
    total = sum(weights, fmpq(0))
    return [w / total for w in weights]


def doob() -> Generation:
    """Ours: each legal step by the chance to arrive behind it."""
    return Generation(
        lambda row, legal, ahead: _shares(
            [p * a * x for p, a, x in zip(row, legal, ahead, strict=True)]
        )
    )


def doob_with_cycles() -> Generation:
    """Mistake: on every graph; an answer may come by a row twice, and run out of time."""
    return Generation(doob().row, cycles=True)


def restricted() -> Generation:
    """Mistake: the policy restricted to the steps that can still lead to the target."""
    return Generation(
        lambda row, legal, ahead: _shares(
            [p * a * (x > 0) for p, a, x in zip(row, legal, ahead, strict=True)]
        )
    )


def unchanged() -> Generation:
    """Mistake: the policy restricted to edges, arrived or not."""
    return Generation(
        lambda row, legal, ahead: _shares([p * a for p, a in zip(row, legal, strict=True)])
    )


def mean_rows(answers: list[tuple], number: int, target: int, n: int) -> dict[int, list]:
    """Return each row's mean after a generation of ``number`` samples, given that one visits it."""
    wrong = fmpq(1) - sum((chance for _, chance in answers), fmpq(0))
    visited, mean = defaultdict(lambda: fmpq(0)), defaultdict(lambda: [fmpq(0)] * n)
    for drawn in itertools.product([*answers, (None, wrong)], repeat=number):
        chance = fmpq(1)
        for _, p in drawn:
            chance *= p
        kept = [path for path, _ in drawn if path]
        for (_, j), row in exact.frequencies(exact.cooccurrence(kept, target), n).items():
            visited[j] += chance
            fitted = [fmpq(x.numerator, x.denominator) for x in row]
            mean[j] = [m + chance * x for m, x in zip(mean[j], fitted, strict=True)]
    return {j: [m / visited[j] for m in mean[j]] for j in mean}


@claim(
    "conditions",
    "exhaustive",
    doob,
    {
        "on graphs with cycles as well": doob_with_cycles,
        "restricted to steps that can lead to the target": restricted,
        "restricted to edges": unchanged,
    },
    seeds=(1804,),
)
def conditions(stated: Callable, size: str) -> Finding:
    """A generation of filtered SFT conditions a visited row, in the mean, on success: each step by the chance to arrive behind it."""
    tally, rng, claimed = Tally("graphs", "rows"), random.Random(1804), stated()
    n, horizon = 4, 4
    for adjacency in digraph_classes(n)[:: 7 if size == "small" else 1]:
        if not claimed.cycles and not is_acyclic(adjacency):
            continue
        tally.add("graphs")
        policy = rational_policy(n, rng)
        for source, target in problems(adjacency):
            paths = exact.correct_paths(adjacency, source, target, horizon)
            answers = [(path, exact.path_probability(policy, path, target)) for path in paths]
            if len(answers) > 6:
                continue  # too many batches to list
            ahead = exact.success_probabilities(adjacency, policy, target, horizon)[-1]
            for number in (1, 2) if size == "small" else (1, 2, 3):
                for j, mean in mean_rows(answers, number, target, n).items():
                    expected = claimed.row(policy[target][j], adjacency[j], ahead)
                    tally.add("rows", mean == expected)
    return tally.finding(
        "every acyclic graph on 4 nodes up to renaming, every problem with at most 6 right answers; a random rational policy of full support, batches of 1 to 3 answers, all of them"
    )


# --- certified: when one choice is left ---------------------------------------------------------------


def haploid(number: int) -> arb:
    """Ours: the diffusion of N samples."""
    return arb(2 * number)


def diploid(number: int) -> arb:
    """Mistake: twice that, which genetics has for N individuals with two genes each."""
    return arb(4 * number)


def halved(number: int) -> arb:
    """Mistake: half of it."""
    return arb(number)


EXCESS = 2  # generations by which the diffusion's time is too long, at most


def generations_left(number: int) -> list[fmpq]:
    """Mean generations until one of two choices is left, exactly: entry ``a - 1`` from ``a`` of N.

    The first passage of Wright and Fisher's chain on the counts: ``(I - P) t = 1``.
    """
    inner = range(1, number)
    chain = [
        [
            fmpq(int(a == b))
            - fmpq(comb(number, b) * a**b * (number - a) ** (number - b), number**number)
            for b in inner
        ]
        for a in inner
    ]
    ones = fmpq_mat(number - 1, 1, [fmpq(1)] * (number - 1))
    solved = fmpq_mat(number - 1, number - 1, [x for row in chain for x in row]).solve(ones)
    return [solved[a, 0] for a in range(number - 1)]


def diffusion_time(number: int, a: int, scale: Callable[[int], arb] = haploid) -> arb:
    """Mean generations of the diffusion from ``a`` of N samples: ``-2N (p log p + q log q)``."""
    p = arb(fmpq(a, number))
    return -scale(number) * (p * p.log() + (1 - p) * (1 - p).log())


@claim(
    "fixation",
    "certified",
    haploid,
    {"-4N, of N individuals with two genes each": diploid, "half of it": halved},
)
def fixation(scale: Callable, size: str) -> Finding:
    """Of two choices one is left after -2N (p log p + q log q) generations of N samples, or up to two fewer: N to 32."""
    tally = Tally("starts", undecided="undecided")
    numbers = (2, 3, 5, 8, 12) if size == "small" else range(2, 33)
    for number in numbers:
        for a, exactly in enumerate(generations_left(number), 1):
            excess = diffusion_time(number, a, scale) - arb(exactly)
            if excess > 0 and excess < EXCESS:
                tally.add("starts")
            else:
                tally.add("starts", False if excess < 0 or excess > EXCESS else None)
    return tally.finding(
        f"N = {min(numbers)} to {max(numbers)}, every start; the chain's time in exact rationals, the diffusion's in arb balls, the difference between 0 and {EXCESS}"
    )
