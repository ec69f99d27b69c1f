"""One update of one row from every batch that it may see: in symbols, in balls, in numbers."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator

import sympy as sp
from flint import arb

from theorems.symbols import is_zero

ETA = sp.Symbol("eta", positive=True)


def outcomes(policy, batch: int) -> Iterator[tuple[object, list]]:
    """Every batch of samples of one row: its probability, and the sum of ``e_k - pi`` over it.

    ``policy`` may hold symbols, balls or numbers.
    """
    for counts in itertools.product(range(batch + 1), repeat=len(policy)):
        if sum(counts) == batch:
            orders = math.factorial(batch) // math.prod(map(math.factorial, counts))
            chance = math.prod((p**x for p, x in zip(policy, counts, strict=True)), start=orders)
            yield chance, [x - batch * p for p, x in zip(policy, counts, strict=True)]


def row(c: int) -> tuple[tuple, list]:
    """Positive weights ``e^f`` of one row as symbols, and its policy."""
    weights = sp.symbols(f"w0:{c}", positive=True)
    return weights, [w / sum(weights) for w in weights]


@functools.cache
def mean_changes_vanish(c: int, batch: int, martingale: str) -> list[bool]:
    """Of each of ``c`` choices, whether its logit (or probability, to second order) stays on average."""
    weights, policy = row(c)
    change = [sp.Integer(0)] * c
    for chance, moves in outcomes(policy, batch):
        moves = [ETA / batch * m for m in moves]
        new = [w * sp.exp(m) for w, m in zip(weights, moves, strict=True)]
        for k in range(c):
            if martingale == "logits":
                change[k] += chance * moves[k]
            else:
                change[k] += chance * sp.diff(new[k] / sum(new), ETA, 2).subs(ETA, 0)
    return [is_zero(x) for x in change]


@functools.cache
def convexity(c: int) -> tuple:
    """Second derivative of log-sum-exp along ``v``, and ``sum_{a<b} pi_a pi_b (v_a - v_b)^2``."""
    f, v = sp.symbols(f"f0:{c}", real=True), sp.symbols(f"v0:{c}", real=True)
    lse = sp.log(sum(sp.exp(x) for x in f))
    second = sum(v[a] * v[b] * sp.diff(lse, f[a], f[b]) for a in range(c) for b in range(c))
    pi = [sp.exp(x) / sum(sp.exp(y) for y in f) for x in f]
    pairs = itertools.combinations(range(c), 2)
    return second, sum(pi[a] * pi[b] * (v[a] - v[b]) ** 2 for a, b in pairs)


@functools.cache
def divergence_is_log_sum_exp(c: int) -> bool:
    """Whether ``KL(U || pi)`` is ``logsumexp(f) - mean f - log c``."""
    f = sp.symbols(f"f0:{c}", real=True)
    total = sum(sp.exp(x) for x in f)
    divergence = sum(
        sp.Rational(1, c) * (sp.log(sp.Rational(1, c)) - sp.log(sp.exp(x) / total)) for x in f
    )
    formula = sp.log(total) - sum(f) / c - sp.log(c)
    return sp.simplify(sp.expand_log(divergence - formula, force=True)) == 0


@functools.cache
def leading_order(c: int, batch: int, weight=1):
    """The exact mean rise over ``eta^2`` as ``eta -> 0``, each sample's step times ``weight``."""
    _, policy = row(c)
    second = sp.Integer(0)
    for chance, moves in outcomes(policy, batch):
        new = sum(p * sp.exp(weight * ETA / batch * m) for p, m in zip(policy, moves, strict=True))
        second += chance * sp.diff(sp.log(new), ETA, 2).subs(ETA, 0)
    return second / 2


def powers(c: int) -> list:
    """``sum pi^2`` and ``sum pi^3`` of a row of symbols."""
    return [sum(p**e for p in row(c)[1]) for e in (2, 3)]


def ball_row(logits: list[float], eta: float, batch: int) -> dict[str, object]:
    c = len(logits)

    def softmax(f):
        weights = [x.exp() for x in f]
        total = sum(weights, arb(0))
        return [w / total for w in weights]

    f = [arb(x) for x in logits]
    policy = softmax(f)
    return {
        "policy": policy,
        "outcomes": [
            (chance, softmax([a + arb(eta) / batch * m for a, m in zip(f, moves, strict=True)]))
            for chance, moves in outcomes(policy, batch)
        ],
        "eta": arb(eta),
        "batch": batch,
        "favourite": max(range(c), key=logits.__getitem__),
        "divergence": lambda pi: -sum((p.log() for p in pi), arb(0)) / c - arb(c).log(),
        "entropy": lambda pi: -sum((p * p.log() for p in pi), arb(0)),
    }
