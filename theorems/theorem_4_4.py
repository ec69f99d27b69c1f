r"""Theorem 4.4: what the KL penalty does.

With lambda > 0, r = 1 and p = 0, at a stationary point (finite logits) of the expected
update, for every visited ``(i, j)``: ``q(i, j)[k]`` is proportional to
``q_base(i, j)[k] exp(p_k / lambda)``, where ``p_k``, under q itself, is the expected
number of times that ``k`` is taken at ``(i, j)`` in correct sequences over that in all
sequences.

=========================  ==========================================  ==============
symbol                     here                                        shape
=========================  ==========================================  ==============
q(i, j), q_base(i, j)      ``policy[i][j]``, ``base[i][j]``            a row of n
p_k                        ``per_visit``                               a row of n
lambda                     ``kl_weight``                               a number
L(j, k)                    ``log q / q_base``, the KL term's number    (n, n)
=========================  ==========================================  ==============

Source: Wang et al., arXiv 2509.22613, Theorem 4.4.  The reading per visit, the number
of solutions, the limits and the comparison with whole sequences are ours.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
import torch
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.graph import PlanningGraph
from planlib.intervals import interval
from planlib.models import TabularModel
from planlib.studies import PG
from planlib.train import PolicyGradientConfig, train_policy_gradient
from theorems import two_routes
from theorems.first_steps import distance_from_equation, divergence, ratio_with_bound
from theorems.gaps import (
    SEEDS,
    constant_noise,
    half_the_clock,
    noisy_clock,
    stays,
    update_gaps,
)
from theorems.hypotheses import Hypothesis
from theorems.kl_equation import Enumerated, expected_update, per_visit, solve, whole_update
from theorems.readings import Reading
from theorems.small_graphs import digraph_classes, is_acyclic, problems, rational_policy
from theorems.stored_runs import STAGES
from theorems.symbols import is_zero

claim = claims("4.4")

# --- symbolic: one row -------------------------------------------------------------------------


def exponent(p, kl_weight):
    """Theorem 4.4: ``q`` is proportional to ``q_base exp(p / lambda)``."""
    return p / kl_weight


EXPONENTS = {
    "the other sign": lambda p, kl_weight: -p / kl_weight,
    "exp(lambda p)": lambda p, kl_weight: kl_weight * p,
    "lambda forgotten": lambda p, kl_weight: p,
}


@claim("row", "symbolic", exponent, EXPONENTS)
def _row(stated, size: str) -> Finding:
    """The update of a row vanishes if q is proportional to q_base exp(p / lambda)."""
    n = 4
    base = sp.symbols(f"b0:{n}", positive=True)
    p = sp.symbols(f"p0:{n}", real=True)
    kl_weight = sp.Symbol("lambda", positive=True)
    exponents = [stated(x, kl_weight) for x in p]
    weights = [b * sp.exp(y) for b, y in zip(base, exponents, strict=True)]
    q = [w / sum(weights) for w in weights]
    # The expected update of a row, per visit: the score of each step times what it earns.
    # The last bracket is log q - log q_base, with q_base = b / sum b.
    earned = [
        x - kl_weight * (y - sp.log(sum(weights)) + sp.log(sum(base)))
        for x, y in zip(p, exponents, strict=True)
    ]
    mean = sum(x * e for x, e in zip(q, earned, strict=True))
    tally = Tally("residuals", failed="not 0")
    for x, e in zip(q, earned, strict=True):
        tally.add("residuals", is_zero(x * (e - mean)))
    return tally.finding(f"one row of {n} next nodes; base, p and lambda free")


# --- exhaustive: the expected update at the equation, in rationals -----------------------------


def per_sequence(adjacency, policy, source, target, horizon):
    """Mistake: the share of sequences with this step that are correct, each counted once."""
    n = len(adjacency)
    taken, good = {}, {}
    for path in exact.episodes(n, source, target, horizon):
        probability = exact.path_probability(policy, path, target)
        right = exact.is_correct(adjacency, path, target)
        for step in set(itertools.pairwise(path)):
            taken[step] = taken.get(step, 0) + probability
            good[step] = good.get(step, 0) + probability * right
    return {
        j: [good[j, k] / taken[j, k] if (j, k) in taken else 0 for k in range(n)]
        for j in range(n)
        if j != target
    }


def legal_visits(adjacency, policy, source, target, horizon):
    """Mistake: only visits on a so-far-legal prefix in the denominator, as in Theorem 4.2."""
    rows = exact.credits(adjacency, policy, source, target, horizon)
    return {
        j: [e / legal if legal else 0 * e for e in earned] for j, (legal, _, earned) in rows.items()
    }


def opposite_sign(adjacency, policy, source, target, horizon):
    """Mistake: the KL term as a bonus, which is the other sign of its weight."""
    rows = per_visit(adjacency, policy, source, target, horizon)
    return {j: [-x for x in row] for j, row in rows.items()}


READINGS = {
    "per sequence": per_sequence,
    "legal visits alone": legal_visits,
    "the other sign": opposite_sign,
}


GRAPHS = tuple(g for n in (2, 3) for g in digraph_classes(n) if problems(g))


def instances(
    rng: random.Random, horizons: tuple[int, ...], count: int
) -> Iterator[tuple[tuple, tuple[int, int], int, list, fmpq]]:
    """Yield each problem of :data:`GRAPHS` with each horizon, ``count`` times, with a policy and a lambda."""
    for adjacency in GRAPHS:
        for problem, horizon in itertools.product(problems(adjacency), horizons):
            for _ in range(count):
                policy = rational_policy(len(adjacency), rng)
                yield adjacency, problem, horizon, policy, fmpq(rng.randint(1, 9), 7)


@claim("stationary", "exhaustive", per_visit, READINGS, seeds=(441,))
def _stationary(reading, size: str) -> Finding:
    """With p counted per visit the expected update is exactly 0, on graphs with cycles too."""
    policies, cyclic = f"policies on {len(GRAPHS)} graphs", 0
    tally = Tally(policies)
    for adjacency, problem, horizon, policy, kl_weight in instances(
        random.Random(441), (2, 3), 3 if size == "small" else 20
    ):
        p = reading(adjacency, policy, *problem, horizon)
        # At the equation log(q / q_base) is p / lambda up to a constant of the row.
        log_ratio = {j: [x / kl_weight + fmpq(j + 1, 3) for x in row] for j, row in p.items()}
        update = expected_update(adjacency, policy, log_ratio, problem, horizon, kl_weight)
        tally.add(policies, all(x == 0 for row in update.values() for x in row))
        cyclic += not is_acyclic(adjacency)
    return tally.finding(
        f"every digraph on 2 and 3 nodes with a problem (one a class), every problem, horizons 2 and 3, "
        f"rational policies and lambda, {cyclic:,} on graphs with cycles; all episodes enumerated; exact rationals",
    )


# --- exhaustive: the KL of whole sequences is another problem ----------------------------------


def later_divergence(adjacency, policy, log_ratio, target, horizon):
    """Our formula for the difference: a step also answers for the KL expected after it.

    ``W[h][j]``: expected sum of ``L`` over the rest of the episode, h steps left.
    """
    n = len(policy)
    values = [[fmpq(0)] * n]
    for _ in range(horizon):
        last = values[-1]
        values.append(
            [
                fmpq(0)
                if j == target
                else sum(policy[target][j][k] * (log_ratio[j][k] + last[k]) for k in range(n))
                for j in range(n)
            ]
        )
    return lambda path, m: values[horizon - m - 1][path[m + 1]]


def no_difference(adjacency, policy, log_ratio, target, horizon):
    """Mistake: the per-token penalty is the KL of the sequences."""
    return lambda path, m: fmpq(0)


def next_row_alone(adjacency, policy, log_ratio, target, horizon):
    """Mistake: only the KL of the very next row is left out."""

    def later(path, m):
        k = path[m + 1]
        if k == target or m + 1 >= horizon:
            return fmpq(0)
        return sum(x * y for x, y in zip(policy[target][k], log_ratio[k], strict=True))

    return later


@claim(
    "myopic",
    "exhaustive",
    later_divergence,
    {"no difference": no_difference, "the next row's KL alone": next_row_alone},
    seeds=(442,),
)
def _myopic(difference, size: str) -> Finding:
    """The KL of whole sequences differs by the KL expected later, and by nothing else."""
    rng, tally, agree = random.Random(442), Tally("policies"), 0
    for adjacency, problem, horizon, policy, kl_weight in instances(
        rng, (1, 2, 3), 2 if size == "small" else 20
    ):
        n = len(adjacency)
        log_ratio = {j: [fmpq(rng.randint(-5, 5), 3) for _ in range(n)] for j in range(n)}
        arguments = (adjacency, policy, log_ratio, problem, horizon, kl_weight)
        extra = difference(adjacency, policy, log_ratio, problem[1], horizon)
        ours = expected_update(
            *arguments, later=lambda path, m, extra=extra, w=kl_weight: -w * extra(path, m)
        )
        tally.add("policies", ours == whole_update(*arguments))
        agree += horizon == 1
    return tally.finding(
        f"every digraph on 2 and 3 nodes with a problem, horizons 1 to 3, rational policies, lambda and log-ratios; "
        f"score functions of all episodes; the two problems agree at horizon 1 ({agree:,} policies)",
    )


# --- statistical: the equation solved, and trained ---------------------------------------------

SOLVE_MARGIN = 1e-10  # largest entry; set before the run
SOLVE_WEIGHT = 0.4


def _random_problem(seed: int, acyclic: bool, n: int = 4):
    """Draw a graph of ``n`` nodes with a problem of two steps or more in it, and a base."""
    rng = np.random.default_rng(seed)
    while True:
        adjacency = np.triu(rng.random((n, n)) < 0.6, 1)
        if not acyclic:
            adjacency |= np.tril(rng.random((n, n)) < 0.5, -1)
        rows = adjacency.astype(int).tolist()
        if is_acyclic(rows) == acyclic and (0, n - 1) in problems(rows) and adjacency[0].sum() >= 2:
            return rows, rng.dirichlet(np.full(n, 2.0), size=n) * 0.9 + 0.1 / n


@functools.cache
def followed(seed: int, acyclic: bool) -> np.ndarray:
    """Where the expected update leads, on one random problem."""
    adjacency, base = _random_problem(seed, acyclic)
    return Enumerated(adjacency, 0, 3, 5).follow(base, SOLVE_WEIGHT, 1e5)


@claim("solve", "statistical", per_visit, READINGS, seeds=SEEDS, fixed="before any run")
def _solve(reading, size: str) -> Finding:
    """Iterating the equation and following the expected update lead to one point."""
    worst, seeds = 0.0, SEEDS[:2] if size == "small" else SEEDS
    for seed, acyclic in itertools.product(seeds, (True, False)):
        adjacency, base = _random_problem(seed, acyclic)
        q = solve(adjacency, base, 0, 3, 5, SOLVE_WEIGHT, reading)
        worst = max(worst, float(np.abs(q - followed(seed, acyclic))[:3].max()))
    holds = worst <= SOLVE_MARGIN
    return decide(
        holds,
        f"largest gap {f'<= {SOLVE_MARGIN:g}' if holds else f'{worst:.1e}'}",
        f"{len(seeds)} acyclic graphs of 4 nodes and as many with cycles, random bases, horizon 5, "
        f"lambda = {SOLVE_WEIGHT}; damped iteration against the update followed by an integrator over enumerated "
        f"episodes; margin {SOLVE_MARGIN:g}",
    )


TRAINED_MARGIN = 0.02  # total variation, mean over rows and seeds; set before the runs
TRAINED_WEIGHT = 0.4


def _trained_rows(case: tuple[int, int]) -> list[list[float]]:
    seed, updates = case
    adjacency, base = _random_problem(seed, acyclic=True)
    n = len(adjacency)
    model = TabularModel(n)
    table = np.full((n, n, n), 1 / n)
    table[n - 1] = base
    with torch.no_grad():
        model.f.copy_(torch.as_tensor(np.log(table)))
    config = PolicyGradientConfig(
        steps=updates, batch_size=256, learning_rate=2.0, optimizer="sgd",
        kl_weight=TRAINED_WEIGHT, evaluate_every=1, max_length=40,
    )  # fmt: skip
    rows = []

    def look(model):
        rows.append(model.f.detach()[n - 1].softmax(-1).numpy())
        return {}

    generator = torch.Generator().manual_seed(seed)
    graph = PlanningGraph(np.array(adjacency, dtype=bool))
    train_policy_gradient(
        model, graph, [(0, n - 1)], config, generator, evaluate=look, progress=False
    )
    return np.mean(rows[updates // 2 :], axis=0).tolist()


UPDATES = 800
TRAINED = Reading("trained-4-4", _trained_rows, tuple((seed, UPDATES) for seed in SEEDS))
LONG_READINGS = (TRAINED,)


@functools.cache
def trained(seed: int, updates: int) -> np.ndarray:
    """Rows of a tabular model after sampled policy gradient with KL, averaged over the last half."""
    return np.array(TRAINED((seed, updates)))


def the_equation(adjacency, base):
    """Theorem 4.4, solved."""
    return solve(adjacency, base, 0, 3, 36, TRAINED_WEIGHT, tolerance=1e-9)


def one_round(adjacency, base):
    """Mistake: ``p`` of the base policy, not of ``q`` itself."""
    table = [base.tolist()] * 4
    p = per_visit(adjacency, table, 0, 3, 36)
    q = base.copy()
    for j, row in p.items():
        q[j] *= np.exp(np.array(row) / TRAINED_WEIGHT)
    return q / q.sum(1, keepdims=True)


def twice_the_weight(adjacency, base):
    """Mistake: ``exp(p / 2 lambda)``, as if the KL term's own score counted once more."""
    return solve(adjacency, base, 0, 3, 36, 2 * TRAINED_WEIGHT, tolerance=1e-9)


@claim(
    "trained",
    "statistical",
    the_equation,
    {"p of the base": one_round, "twice lambda": twice_the_weight},
    seeds=SEEDS,
    source="kept",
    fixed="before any run",
)
def _trained(predicted, size: str) -> Finding:
    """The time average of the sampled trainer's rows is the equation's solution."""
    updates = UPDATES  # kept, so that no size need be smaller
    seeds = SEEDS[:3] if size == "small" else SEEDS
    gaps = []
    for seed in seeds:
        adjacency, base = _random_problem(seed, acyclic=True)
        gap = 0.5 * np.abs(trained(seed, updates) - predicted(adjacency, base)).sum(1)[:3]
        gaps.append(gap.mean())
    low, high = interval(gaps)
    return decide(
        high < TRAINED_MARGIN,
        f"distance from the trained rows in [{low:.3f}, {high:.3f}]",
        f"{len(seeds)} acyclic graphs of 4 nodes, random bases, lambda = {TRAINED_WEIGHT}, {updates} updates of 256, rows "
        f"averaged over the last half; total variation, 95% interval, margin {TRAINED_MARGIN}",
    )


LIMIT_MARGIN = 0.05  # relative, on the two rates; set before the runs
SETTLED = 1e-2  # largest entry of the distance from the limit


@dataclass(frozen=True)
class Limits:
    """What is claimed of small and of large lambda.

    Attributes
    ----------
    small
        Limit as lambda -> 0, from the base row and the correct next nodes.
    rate, power
        The distance there goes as ``lambda^-power exp(-rate / lambda)``.
    large
        Power of lambda in the distance from the base as lambda grows.
    """

    small: str = "base on C"
    rate: float = 1.0
    power: float = 1.0
    large: float = -1.0


def _limit(adjacency, base, small: str) -> tuple[np.ndarray, np.ndarray]:
    """Claimed limit of the rows as lambda -> 0, and the correct next nodes: both ``(4, 4)``."""
    correct = np.array(adjacency, bool) & np.array(exact.reaches(adjacency, 3))
    limit = np.where(correct, base if small == "base on C" else 1.0, 0.0)
    if small == "the base's favourite":
        limit = (limit * base == (correct * base).max(1, keepdims=True)).astype(float)
    limit[3] = base[3]
    limit[limit.sum(1) == 0] = 1.0
    return limit / limit.sum(1, keepdims=True), correct


@functools.cache
def _at_small_and_large(seed: int) -> tuple[list, list, list]:
    """Solutions at lambda = 1/12 and 1/14 near the limit, at 1/12 from four starts, at 50 and 100."""
    adjacency, base = _random_problem(seed, acyclic=True)
    _, correct = _limit(adjacency, base, "base on C")
    near = np.where(correct, base, 1e-12)
    near[3] = base[3]
    near /= near.sum(1, keepdims=True)
    starts = (base, *np.random.default_rng(seed).dirichlet(np.ones(4), size=(3, 4)))
    return (
        [solve(adjacency, base, 0, 3, 12, w, start=near) for w in (1 / 12, 1 / 14)],
        [solve(adjacency, base, 0, 3, 12, 1 / 12, start=start) for start in starts],
        [solve(adjacency, base, 0, 3, 12, w) for w in (50.0, 100.0)],
    )


@claim(
    "limits",
    "statistical",
    Limits(),
    {
        "uniform over C": Limits(small="uniform on C"),
        "the base's favourite": Limits(small="the base's favourite"),
        "exp(-1/2 lambda)": Limits(rate=0.5),
        "no 1/lambda in front": Limits(power=0.0),
        "lambda^(-2)": Limits(large=-2.0),
    },
    seeds=SEEDS,
    fixed="before any run",
)
def _limits(stated: Limits, size: str) -> Finding:
    """As lambda falls, a solution tends to the base restricted to C, as exp(-1/lambda)/lambda; as it grows, to the base."""
    rates, powers, settles = [], [], True
    for seed in SEEDS[:3] if size == "small" else SEEDS:
        adjacency, base = _random_problem(seed, acyclic=True)
        limit, correct = _limit(adjacency, base, stated.small)
        rows = _open_rows(correct)
        small, others, large = _at_small_and_large(seed)
        far = [np.abs(q - limit)[rows].max() for q in small]
        settles &= all(np.abs(q - limit)[rows].max() < SETTLED for q in (small[1], *others))
        rates.append(-math.log(far[1] / far[0] * (12 / 14) ** stated.power) / 2)
        far = [np.abs(q - base)[rows].max() for q in large]
        powers.append(math.log(far[1] / far[0]) / math.log(2))
    rate, large = interval(rates), interval(powers)
    holds = settles and all(
        abs(x - claimed) < LIMIT_MARGIN
        for found, claimed in ((rate, stated.rate), (large, stated.large))
        for x in found
    )
    return decide(
        holds,
        f"rate in 1/lambda in [{rate[0]:.2f}, {rate[1]:.2f}], power for large lambda in "
        f"[{large[0]:.2f}, {large[1]:.2f}]",
        f"{len(rates)} acyclic graphs of 4 nodes, random bases, rows on correct paths; lambda = 1/12 (also from the "
        f"base and from 3 random starts) and 1/14, 50 and 100; 95% intervals, margin {LIMIT_MARGIN}",
    )


def _open_rows(correct) -> list[int]:
    """Rows that correct paths from node 0 visit."""
    rows, queue = [], [0]
    for j in queue:
        if j != 3 and j not in rows:
            rows.append(j)
            queue += [k for k in range(4) if correct[j, k]]
    return rows


# --- statistical: noise around the equation -----------------------------------------------------

NOISE_MARGIN = 0.1  # relative, on the mean square of the gap; set before the runs
NOISE_WEIGHT = 0.02  # lambda; the step is chosen so that eta / (B lambda) is 1 and 3


def penalty_step(rng, gap, s2):
    """One update of one sample, with the step that makes ``eta / (B lambda)`` equal to s2."""
    return update_gaps(rng, gap, s2 * NOISE_WEIGHT, 1, kl_weight=NOISE_WEIGHT)


@claim(
    "noise",
    "statistical",
    noisy_clock,
    {"noise of constant strength": constant_noise, "cosh(g/2), not squared": half_the_clock},
    seeds=SEEDS,
    fixed="before any run",
)
def _noise(law, size: str) -> Finding:
    """Around the equation the law of Theorem 4.3, with s^2 = eta / (B lambda), is stationary."""
    updates = 4000
    holds, found = stays(law, penalty_step, updates, NOISE_MARGIN)
    return decide(
        holds,
        f"mean square, late over start: {found[0]} (eta / B lambda = 1), {found[1]} (3)",
        f"{len(SEEDS)} seeds, 2,000 perfect rows of two choices drawn from the claimed law, uniform base, lambda = "
        f"{NOISE_WEIGHT}, {updates:,} updates of one sample; 95% intervals, margin {NOISE_MARGIN}",
    )


# --- certified: the equation has many solutions ------------------------------------------------


@dataclass(frozen=True)
class AtLeast:
    """So many solutions or more, proved in boxes around centres moved by ``shift``."""

    count: int = 9
    shift: float = 0.0


@claim(
    "solutions",
    "certified",
    AtLeast(),
    {
        "ten": AtLeast(10),
        "centres that are no solutions, 0.001 beside them": AtLeast(shift=1e-3),
    },
    seeds=(44,),
)
def _solutions(stated: AtLeast, size: str) -> Finding:
    """At lambda = 0.15 the two-route example has nine solutions or more."""
    proved = two_routes.proved("0.15", 300, stated.shift)
    return decide(
        proved >= stated.count,
        f"{proved} solutions proved, claimed {stated.count} or more",
        f"s -> a, b -> t at lambda = 0.15, horizon {two_routes.HORIZON}; Krawczyk's test in arb balls of 128 bits, "
        "disjoint boxes, centres from Newton's method; that there is no other is not shown",
    )


# --- transformer -------------------------------------------------------------------------------

# Claims fixed on seed 0, checked on runs of seed 2.
WITHOUT_KL = STAGES["policy gradient"]
WITH_KL = dataclasses.replace(WITHOUT_KL, pg=dataclasses.replace(PG, kl_weight=0.1))
QUIET = dataclasses.replace(
    WITH_KL, pg=dataclasses.replace(WITH_KL.pg, batch_size=2048, schedule="cosine")
)
ANNEALED = dataclasses.replace(WITH_KL, pg=dataclasses.replace(WITH_KL.pg, schedule="cosine"))

HALF = 0.5  # of the divergence without KL
EQUATION_MARGIN = 0.15  # total variation; set on seed 0
NOISY_SHARE = 0.6  # of the noisy run's distance


@claim(
    "transformer", "transformer", 0.1, {"lambda = 0.001": 0.001}, seeds=(2,), fixed="after seed 0"
)
def _keeps(kl_weight: float, size: str) -> Finding:
    """KL of weight 0.1 keeps the transformer's divergence below half of that without."""
    config = dataclasses.replace(WITHOUT_KL, pg=dataclasses.replace(PG, kl_weight=kl_weight))
    share, high = ratio_with_bound(divergence(config), divergence(WITHOUT_KL))
    return decide(
        high < HALF,
        f"divergence {share:.2f} of that without KL (97.5% bound {high:.2f})",
        f"stored runs of {PG.steps} updates, lambda = {kl_weight:g}; 200 prompts with a choice, bootstrap over "
        "prompts; margin: less than half",
    )


@claim(
    "transformer-misses",
    "transformer",
    "learned",
    {"the equation, with p estimated again": "equation"},
    seeds=(2, 1),
    fixed="after seed 0",
)
def _misses(learned: str, size: str) -> Finding:
    """The trained transformer does not satisfy the equation."""
    gap = distance_from_equation(WITH_KL, learned)
    low, high = interval(gap)
    return decide(
        low > EQUATION_MARGIN,
        f"distance from the equation {gap.mean():.2f} ± {(high - low) / 2:.2f}",
        f"outside the hypotheses: shared parameters, Adam, sampled steps; stored run, 200 prompts with a choice; "
        f"total variation, margin {EQUATION_MARGIN}",
    )


@claim(
    "transformer-noise",
    "transformer",
    QUIET,
    {"an annealed step alone": ANNEALED},
    seeds=(2, 1),
    fixed="after all seeds",
)
def _quieter(config, size: str) -> Finding:
    """With larger batches and an annealed step it ends nearer to the equation."""
    ratio, high = ratio_with_bound(distance_from_equation(config), distance_from_equation(WITH_KL))
    return decide(
        high < NOISY_SHARE,
        f"distance {ratio:.2f} of that of the noisy run (97.5% bound {high:.2f})",
        "stored runs at lambda = 0.1: batches of 2,048 and a step annealed to 0 against batches of 512 and a "
        f"constant step; bootstrap over 200 prompts; margin: below {NOISY_SHARE}",
    )


# --- hypotheses --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """The update at the equation's solution, on 0 -> 1 -> 2 and 0 -> 2, toward 2, horizon 3."""

    sign: int = 1
    per_token: bool = True
    batch: int | None = None
    tabular: bool = True


@functools.cache
def _solved() -> tuple:
    adjacency = ((0, 1, 1), (0, 0, 1), (0, 0, 0))
    base = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [1 / 3] * 3])
    return adjacency, base, solve(adjacency, base, 0, 2, 3, 0.5)


def interaction() -> float:
    """How far two targets' solutions in two common rows are from any additive table.

    On 0 -> 1, 0 -> 2, 1 -> 2, 1 -> 3, targets 2 and 3, uniform base: additive logits make
    ``L(2, 0) - L(2, 1) - L(3, 0) + L(3, 1)`` constant over the next nodes.
    """
    adjacency = ((0, 1, 1, 0), (0, 0, 1, 1), (0, 0, 0, 0), (0, 0, 0, 0))
    base = np.full((4, 4), 0.25)
    toward_2, toward_3 = (np.log(solve(adjacency, base, 0, t, 4, 0.5) / base) for t in (2, 3))
    crossed = toward_2[0] - toward_2[1] - toward_3[0] + toward_3[1]
    return float(np.abs(crossed - crossed.mean()).max())


def residual(instance: Instance) -> float:
    """Largest entry of the update at the equation's solution: 0 by the theorem."""
    adjacency, base, q = _solved()
    log_ratio = np.log(q / base)
    if not instance.tabular:
        return interaction()
    table = [None, None, q.tolist()]
    paths = list(exact.episodes(3, 0, 2, 3))
    chances = np.array([exact.path_probability(table, u, 2) for u in paths])
    if instance.batch:
        rng = np.random.default_rng(0)
        chances = rng.multinomial(instance.batch, chances) / instance.batch
    update = np.zeros((3, 3))
    for chance, path in zip(chances, paths, strict=True):
        steps = list(itertools.pairwise(path))
        for m, (j, taken) in enumerate(steps):
            charged = steps[m : m + 1] if instance.per_token else steps[m:]
            kl = sum(log_ratio[a, b] for a, b in charged)
            reward = exact.is_correct(adjacency, path, 2) - instance.sign * 0.5 * kl
            update[j] += chance * reward * ((np.arange(3) == taken) - q[j])
    return float(np.abs(update).max())


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("penalty", "The KL term is subtracted: the other sign has another equation.",
         lambda x: x.sign == 1, Instance(sign=-1)),
        ("per token", "Each token answers for its own log-ratio, not for later ones.",
         lambda x: x.per_token, Instance(per_token=False)),
        ("expected update", "Stationary on average; one batch still moves.",
         lambda x: x.batch is None, Instance(batch=8)),
        ("free rows", "Every row is free: shared logits cannot hold two targets' solutions.",
         lambda x: x.tabular, Instance(tabular=False)),
    )
)  # fmt: skip

CHECKS = (
    _row,
    _stationary,
    _myopic,
    _solutions,
    _solve,
    _trained,
    _noise,
    _limits,
    _keeps,
    _misses,
    _quieter,
    *inapplicable(
        "4.4",
        solver="the equation mixes policies with their exponentials, outside the solver's arithmetic",
    ),
)
