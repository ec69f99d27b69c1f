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

import functools
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from theorems import (
    first_steps,
    formal,
    frontier,
    kl_limits,
    kl_noise,
    kl_runs,
    small_problems,
    two_routes,
)
from theorems.hypotheses import Hypothesis
from theorems.kl_balls import vanishes_near
from theorems.kl_equation import (
    Enumerated,
    expected_update,
    per_visit,
    per_visit_of_all,
    solve,
    whole_update,
)
from theorems.small_graphs import (
    digraph_classes,
    is_acyclic,
    problems,
    rational_policy,
    rational_row,
)
from theorems.small_problems import random_problem
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
    """The update of a row vanishes if, and only if, q is proportional to q_base exp(p / lambda)."""
    n = 4
    base = sp.symbols(f"b0:{n}", positive=True)
    p = sp.symbols(f"p0:{n}", real=True)
    kl_weight = sp.Symbol("lambda", positive=True)
    exponents = [stated(x, kl_weight) for x in p]

    def update(q, log_ratio):
        """Expected update of a row, per visit: the score of each step times what it earns."""
        earned = [x - kl_weight * y for x, y in zip(p, log_ratio, strict=True)]
        mean = sum(x * e for x, e in zip(q, earned, strict=True))
        return [x * (e - mean) for x, e in zip(q, earned, strict=True)]

    tally = Tally("residuals", "differences", failed="not 0")
    weights = [b * sp.exp(y) for b, y in zip(base, exponents, strict=True)]
    at_equation = [w / sum(weights) for w in weights]
    # log q - log q_base, with q_base = b / sum b.
    log_ratio = [y - sp.log(sum(weights)) + sp.log(sum(base)) for y in exponents]
    for entry in update(at_equation, log_ratio):
        tally.add("residuals", is_zero(entry))
    # Anywhere: two entries of the update over q differ by lambda times how far the two logs of
    # q / q_base miss the equation.  Where all entries are 0, none of them misses it.
    q = sp.symbols(f"q0:{n}", positive=True)
    log_ratio = [sp.log(x) - sp.log(b) for x, b in zip(q, base, strict=True)]
    entries = [u / x for u, x in zip(update(q, log_ratio), q, strict=True)]
    missed = [y - x for y, x in zip(log_ratio, exponents, strict=True)]
    for k, other in itertools.combinations(range(n), 2):
        gap = entries[k] - entries[other] + kl_weight * (missed[k] - missed[other])
        tally.add("differences", is_zero(sp.expand(gap)))
    return tally.finding(
        f"one row of {n} next nodes; base, p, lambda and, for the converse, q free"
    )


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


# --- exhaustive: several problems toward one target --------------------------------------------


def mean_of_quotients(adjacency, policy, shares, target, horizon):
    """Mistake: each problem's own p, averaged by how often the problem is drawn."""
    rows = [
        (share, per_visit(adjacency, policy, source, target, horizon))
        for source, share in shares.items()
    ]
    n = len(adjacency)
    return {
        j: [sum((share * row[j][k] for share, row in rows), fmpq(0)) for k in range(n)]
        for j in rows[0][1]
    }


def own_source(adjacency, policy, shares, target, horizon):
    """Mistake: a row serves the problem that begins there, and no other."""
    common = per_visit_of_all(adjacency, policy, shares, target, horizon)
    return {
        j: per_visit(adjacency, policy, j, target, horizon)[j] if j in shares else row
        for j, row in common.items()
    }


@claim(
    "sources",
    "exhaustive",
    per_visit_of_all,
    {"each problem's p, averaged": mean_of_quotients, "the row's own problem": own_source},
    seeds=(443,),
)
def _sources(reading, size: str) -> Finding:
    """With several problems toward one target both numbers of p are summed over all of them."""
    rng, tally = random.Random(443), Tally("policies")
    for adjacency in GRAPHS:
        for target in range(len(adjacency)):
            sources = [s for s, t in problems(adjacency) if t == target]
            if len(sources) < 2:
                continue
            for horizon, _ in itertools.product((2, 3), range(2 if size == "small" else 20)):
                policy = rational_policy(len(adjacency), rng)
                kl_weight = fmpq(rng.randint(1, 9), 7)
                shares = dict(zip(sources, rational_row(len(sources), rng), strict=True))
                p = reading(adjacency, policy, shares, target, horizon)
                log_ratio = {
                    j: [x / kl_weight + fmpq(j + 1, 3) for x in row] for j, row in p.items()
                }
                updates = [
                    (
                        share,
                        expected_update(
                            adjacency, policy, log_ratio, (s, target), horizon, kl_weight
                        ),
                    )
                    for s, share in shares.items()
                ]
                total = [
                    sum((w * u[j][k] for w, u in updates), fmpq(0))
                    for j in p
                    for k in range(len(p[j]))
                ]
                tally.add("policies", all(x == 0 for x in total))
    return tally.finding(
        "every digraph on 2 and 3 nodes with two problems toward one target (one a class), drawn with rational "
        "shares, horizons 2 and 3, rational policies and lambda; all episodes enumerated; exact rationals"
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


# --- certified: the equation solved ------------------------------------------------------------

SOLVE_RADIUS = 1e-10  # in every exponent
SOLVE_WEIGHT = 0.4


@functools.cache
def followed(seed: int, acyclic: bool) -> np.ndarray:
    """Where the expected update leads, on one random problem."""
    adjacency, base = random_problem(seed, acyclic)
    return Enumerated(adjacency, 0, 3, 5).follow(base, SOLVE_WEIGHT, 1e5)


@claim("solve", "certified", per_visit, READINGS, seeds=tuple(range(10)))
def _solve(reading, size: str) -> Finding:
    """Where iterating the equation comes to rest the expected update vanishes, and there it leads."""
    tally, ends = Tally("problems", undecided="undecided"), 0
    for seed, acyclic in itertools.product(range(2 if size == "small" else 10), (True, False)):
        adjacency, base = random_problem(seed, acyclic)
        q = solve(adjacency, base, 0, 3, 5, SOLVE_WEIGHT, reading)
        tally.add(
            "problems",
            vanishes_near(adjacency, base, (0, 3), 5, SOLVE_WEIGHT, q, SOLVE_RADIUS),
        )
        ends += bool(np.abs(q - followed(seed, acyclic))[:3].max() < SOLVE_RADIUS)
    found = tally.finding(
        f"random graphs of 4 nodes, half of them acyclic, random bases, horizon 5, lambda = {SOLVE_WEIGHT}; all episodes "
        f"enumerated in arb balls of 128 bits: within {SOLVE_RADIUS:g} of the point, in each exponent, the update vanishes once "
        "(Krawczyk's test), or nowhere (a failure). The flow from the base is an integrator's, in floats"
    )
    figure = f"{found.figure}, the flow from the base ends at {ends} of them"
    return replace(found, figure=figure)


# --- certified: the equation has many solutions ------------------------------------------------


@claim(
    "solutions", "certified", 9, {"ten": 10, "three, which plain iteration finds": 3}, seeds=(44,)
)
def _solutions(stated: int, size: str) -> Finding:
    """At lambda = 0.15 the two-route example has nine solutions and no other."""
    proved, no_other, indices = two_routes.count("0.15")
    holds = proved == stated if no_other else False if proved > stated else None
    return decide(
        holds,
        f"{proved} solutions proved{' and no other' if no_other else ''}, claimed {stated}; their indices sum to {indices}",
        f"s -> a, b -> t at lambda = 0.15, horizon {two_routes.HORIZON}; Krawczyk's test in arb balls of 128 bits, disjoint boxes around "
        "centres from Newton's method; all other p in [0, 1]^4 excluded by boxes that are cut down to their image, exponentials in balls, "
        f"what is made of them in floats and widened by {two_routes.SLACK:g}, more than its roundings can add up to",
    )


@claim(
    "single",
    "certified",
    0.16,
    {"from 0.15 on": 0.15, "several up to 0.17": 0.18},
    seeds=(44,),
)
def _single(first: float, size: str) -> Finding:
    """From lambda = 0.16 to 0.25 it has one solution, from 0.09 to 0.15 five or more."""
    tally = Tally("lambdas", undecided="undecided")
    counts = []
    for weight in two_routes.WEIGHTS:
        proved, no_other, _ = two_routes.count(weight)
        one = float(weight) >= first
        if one:
            tally.add(
                "lambdas", False if proved > 1 else True if no_other and proved == 1 else None
            )
        else:
            tally.add("lambdas", True if proved >= 5 else False if no_other else None)
        counts.append(proved)
    return tally.finding(
        "s -> a, b -> t, lambda from 0.09 in steps of 0.01; solutions proved: "
        f"{', '.join(map(str, counts))}; as above"
    )


# --- hypotheses --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """The update at the equation's solution, on 0 -> 1 -> 2 and 0 -> 2, toward 2, horizon 3."""

    sign: int = 1
    per_token: bool = True
    batch: int | None = None
    tabular: bool = True
    finite: bool = True
    horizon: int = 3


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


def unbound(horizon: int) -> float:
    """How far a table of a vanishing update is from the equation: the theorem does not bind it.

    With horizon 3 every row takes one step for certain; with horizon 1 a row that is never
    visited has exchanged two of its entries.
    """
    adjacency, base, q = _solved()
    if horizon > 1:
        q = np.eye(3)[[2, 2, 2]]
    else:
        q = solve(adjacency, base, 0, 2, horizon, 0.5)
        q[1] = q[1, [1, 0, 2]]
    table = [None, None, q.tolist()]
    # Where a step is taken for certain its score, and so the update, is 0 whatever it earns.
    log_ratio = np.log(np.where(q > 0, q, 1) / base).tolist()
    update = expected_update(adjacency, table, log_ratio, (0, 2), horizon, 0.5)
    assert max(abs(x) for row in update.values() for x in row) < 1e-10
    p = per_visit(adjacency, table, 0, 2, horizon)
    claimed = {j: base[j] * np.exp(np.array(row) / 0.5) for j, row in p.items()}
    return float(max(np.abs(q[j] - row / row.sum()).max() for j, row in claimed.items()))


def residual(instance: Instance) -> float:
    """Largest entry of the update at the equation's solution: 0 by the theorem."""
    if not instance.finite or instance.horizon < 2:
        return unbound(instance.horizon)
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
        ("finite logits", "No step has probability 0: a certain step's score is 0, whatever it earns.",
         lambda x: x.finite, Instance(finite=False)),
        ("visited", "The row is visited: one that no episode meets may be anything.",
         lambda x: x.horizon > 1, Instance(horizon=1)),
    )
)  # fmt: skip

LONG_READINGS = (
    small_problems.TRAINED,
    kl_noise.RESTED,
    frontier.FRONTIER,
    first_steps.ROWS,
    first_steps.TILTS,
)

CHECKS = (
    formal.proved(
        "4.4",
        "T4_4",
        "For every row: stationary exactly at the exponential form, whatever its credits depend on.",
    ),
    _row,
    _stationary,
    _sources,
    _myopic,
    _solutions,
    _single,
    _solve,
    kl_limits.small_lambda,
    kl_limits.trained,
    kl_limits.limits,
    kl_limits.first_order,
    kl_noise.noise,
    kl_noise.noise_step,
    kl_noise.frontier_claim,
    kl_noise.frontier_fair,
    kl_noise.frontier_law,
    kl_noise.frontier_step,
    kl_noise.frontier_seeds,
    kl_runs.keeps,
    kl_runs.misses,
    kl_runs.quieter,
    kl_runs.leans,
    *inapplicable(
        "4.4",
        solver="the equation mixes policies with their exponentials, outside the solver's arithmetic",
    ),
)
