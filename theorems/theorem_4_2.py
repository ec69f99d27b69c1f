r"""Theorem 4.2: policy gradient learns the training pairs.

With lambda = 0, reward 1 for a correct sequence and 0 otherwise, for every
``j != i``: on every sample the loss gradient in ``f(i, j)[k]`` is ``>= 0`` for
``k`` not in ``C(i, j)``, and it sums to 0 over ``k``.  The expected gradient of
the success probability J is ``d pi_k (p_k - sum_k' pi_k' p_k')``.

=========================  ==========================================  ==========
symbol                     here                                        shape
=========================  ==========================================  ==========
d(i, j)                    expected visits on a so-far-legal prefix    a number
p_k                        success after stepping to k, averaged over  a row
                           those visits
V_h(j)                     ``exact.success_probabilities``             [h][j]
J                          V_H at the source                           a number
=========================  ==========================================  ==========

Source: Wang et al., arXiv 2509.22613, Theorem 4.2.  The visit average on cyclic
graphs, the stationary policies, the bounds and the rate are ours; the rate of softmax
policy gradient in tabular problems is that of Mei et al., arXiv 2005.06392.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
import torch
from flint import fmpq

from planlib import exact, losses, task
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.intervals import Estimate, estimate
from planlib.models import LinearTransformer, TabularModel
from planlib.studies import ACYCLIC, after_sft
from planlib.study import load_record
from theorems import formal, rates
from theorems.comparing import FREE, SFT
from theorems.every_sample import THREE_NODES, every_sample, symbolic_samples
from theorems.hypotheses import Hypothesis
from theorems.small_graphs import (
    as_float,
    digraph_classes,
    is_acyclic,
    problems,
    rational_policy,
    rational_row,
)
from theorems.supports import peaked_policy, supported
from theorems.tables import autograd_gradient
from theorems.tangents import differentiated

claim = claims("4.2")

# --- every sample: sign and sum ----------------------------------------------------------------


@dataclass(frozen=True)
class OnSamples:
    """What is claimed of one sample: its reward, the sum of the gradient over a row, what rises.

    ``reward(correct)`` in ``{0, 1}`` or wrong; ``row_sum(reward, visits)`` is 0 or wrong;
    ``taken_rises``: a step taken on a rewarded sample never falls, which is wrong.
    """

    reward: object = staticmethod(lambda correct: correct)
    row_sum: object = staticmethod(lambda reward, visits: 0 * reward)
    taken_rises: bool = False


SAMPLE_MUTATIONS = {
    "wrong samples punished, p = -1": OnSamples(lambda correct: correct - 1),
    "every sample rewarded": OnSamples(lambda correct: correct * 0 + 1),
    "ascent on the loss": OnSamples(lambda correct: -correct),
    "no normaliser, only the taken logit moves": OnSamples(
        row_sum=lambda reward, visits: -reward * visits
    ),
}


@claim("sign", "symbolic", OnSamples(), SAMPLE_MUTATIONS)
def _sign(stated: OnSamples, size: str) -> Finding:
    """On every sample no wrong logit is raised, and each row's gradient sums to 0."""
    tally = Tally("signs and sums", failed="without proof")
    for path, rows in symbolic_samples():
        reward = stated.reward(sp.Integer(exact.is_correct(THREE_NODES, path, 2)))
        for j, row in rows.items():
            total = stated.row_sum(reward, path[:-1].count(j))
            tally.add("signs and sums", sp.simplify(reward * sum(row) - total) == 0)
            for k in range(3):
                if not (THREE_NODES[j][k] and (k == 2 or THREE_NODES[k][2])):
                    holds = sp.together(reward * row[k]).is_nonnegative is True
                    tally.add("signs and sums", holds)
    return tally.finding(
        "every episode of a three-node graph of at most two steps, both rows; all logits free",
    )


# On a graph without cycles no rewarded sample visits a row twice, and this mistake passes.
TWICE = {"no step taken ever falls": OnSamples(taken_rises=True)}


@claim("samples", "exhaustive", OnSamples(), SAMPLE_MUTATIONS | TWICE, seeds=(421,))
def _samples(stated: OnSamples, size: str) -> Finding:
    """The same on every small graph, cycles included, every episode, in exact rationals."""
    rewarded, repeated = "of them rewarded", "of these with a row visited twice"
    tally, largest = Tally("graphs", "samples", rewarded, repeated), 3 if size == "small" else 4
    graphs, found = every_sample(largest)
    tally.add("graphs", count=graphs)
    for (correct, twice, rows), count in found.items():
        reward = stated.reward(int(correct))  # what the sample's gradient is multiplied by
        holds = all(
            reward * total == stated.row_sum(reward, visits)
            and min(reward * least, reward * largest_sign) >= 0
            and (not stated.taken_rises or reward * steps <= 0)
            for visits, total, least, largest_sign, steps in rows
        )
        tally.add("samples", count=count)
        tally.failures += 0 if holds else count
        tally.add(rewarded, count=count * correct)
        tally.add(repeated, count=count * (correct and twice))
    for kind in (rewarded, repeated):  # without any the claim would say nothing of them
        tally.add(kind, tally.counts[kind] > 0, count=0)
    return tally.finding(
        f"every digraph on up to {largest} nodes that has a problem (one a class), every problem and episode of at most "
        "n steps; 20 rational policies for each rewarded episode, one for each other; exact rationals",
    )


def _acyclic(size: str):
    largest = 3 if size == "small" else 4
    return [g for n in range(2, largest + 1) for g in digraph_classes(n) if is_acyclic(g)]


# --- in expectation: the closed form against exact differentiation and autograd ----------------


@dataclass(frozen=True)
class Expected:
    """A policy on a problem, its success, and the gradient of that by differentiation.

    ``rows`` are its :func:`planlib.exact.credits`, which every closed form below reads.
    """

    adjacency: tuple
    policy: list
    source: int
    target: int
    horizon: int
    success: fmpq
    gradient: dict
    rows: dict


def visit_averaged(x: Expected):
    """Theorem 4.2: ``d pi_k (p_k - sum pi p)``, ``p`` averaged over the visits."""
    return {
        (x.target, j): _closed(d, x.policy[x.target][j], _over(earned, d))
        for j, (d, _, earned) in x.rows.items()
    }


def _over(earned, d):
    return [e / d if d else 0 * e for e in earned]


def _closed(d, row, p):
    mean = sum(x * y for x, y in zip(row, p, strict=True))
    return tuple(d * x * (y - mean) for x, y in zip(row, p, strict=True))


def whole_horizon(x: Expected):
    """Mistake: ``p_k`` with the whole horizon left, whenever the visit comes."""
    left = x.horizon - 1
    values = exact.success_probabilities(x.adjacency, x.policy, x.target, left)[left]
    return {
        (x.target, j): _closed(
            d, x.policy[x.target][j], [a * v for a, v in zip(x.adjacency[j], values, strict=True)]
        )
        for j, (d, _, _) in x.rows.items()
    }


def no_baseline(x: Expected):
    """Mistake: ``d pi_k p_k``, as if only good steps moved."""
    return {
        (x.target, j): tuple(p * e for p, e in zip(x.policy[x.target][j], earned, strict=True))
        for j, (_, _, earned) in x.rows.items()
    }


def any_prefix(x: Expected):
    """Mistake: ``d`` counts visits after an illegal step as well."""
    return {
        (x.target, j): _closed(every, x.policy[x.target][j], _over(earned, d))
        for j, (d, every, earned) in x.rows.items()
    }


CLOSED_FORM_MUTATIONS = {
    "p with the whole horizon left": whole_horizon,
    "without the mean": no_baseline,
    "visits on any prefix": any_prefix,
}


@functools.cache
def instances(largest: int) -> list[Expected]:
    """Each problem of each small graph, 20 policies, with success and gradient by differentiation."""
    rng = random.Random(422)
    found = []
    for adjacency in (g for n in range(2, largest + 1) for g in digraph_classes(n)):
        for problem, _ in itertools.product(problems(adjacency), range(20)):
            n = len(adjacency)
            policy = [
                [tuple(rational_row(n, rng)) for _ in range(n)]
            ] * n  # one target's rows are read
            instance = (adjacency, policy, *problem, 4)
            success, gradient = differentiated(adjacency, policy, problem[:1], problem[1], 4)
            found.append(Expected(*instance, success, gradient, exact.credits(*instance)))
    return found


@claim("gradient", "exhaustive", visit_averaged, CLOSED_FORM_MUTATIONS, seeds=(422,))
def _gradient(closed_form, size: str) -> Finding:
    """The expected gradient is d pi_k (p_k - mean), with p averaged over the visits."""
    tally, found = Tally("policies"), instances(3 if size == "small" else 4)
    for x in found:
        tally.add("policies", agrees(closed_form, x))
    graphs = {x.adjacency for x in found}
    with_cycles = {g for g in graphs if not is_acyclic(g)}
    cyclic = sum(x.adjacency in with_cycles for x in found)
    n = len(found[-1].adjacency)
    return tally.finding(
        f"every digraph on up to {n} nodes that has a problem (one a class), every problem, 20 rational "
        f"policies each, horizon 4, so that time-outs matter; {cyclic:,} of them on graphs "
        "with cycles; exact rationals",
    )


def agrees(closed_form, x: Expected) -> bool:
    """Whether a closed form is the gradient by differentiation, exactly."""
    return closed_form(x) == x.gradient


AUTOGRAD_MARGIN = 1e-12  # absolute, in float64; set before the run


@functools.cache
def _trained(every: int) -> list[tuple[Expected, list]]:
    """Every so many instances on 2 and 3 nodes, with the gradient of the trainer's own loss."""
    found = []
    for x in instances(3)[::every]:
        paths = exact.path_probabilities(x.adjacency, x.policy, x.source, x.target, x.horizon)
        computed = autograd_gradient(x.policy, list(paths), x.target, list(paths.values()))
        found.append((x, computed.tolist()))
    return found


@claim("autograd", "exhaustive", visit_averaged, CLOSED_FORM_MUTATIONS, seeds=(422,))
def _autograd(closed_form, size: str) -> Finding:
    """The trainer's loss under autograd gives the closed form, to 1e-12."""
    trained = _trained(10 if size == "small" else 1)
    worst = max(
        abs(as_float(y) + computed[i][j][k])
        for x, computed in trained
        for (i, j), row in closed_form(x).items()
        for k, y in enumerate(row)
    )
    met = worst <= AUTOGRAD_MARGIN
    return decide(
        met,
        f"{len(trained)} gradients, largest gap {f'<= {AUTOGRAD_MARGIN}' if met else f'{worst:.2f}'}",
        "every digraph on 2 and 3 nodes that has a problem, every problem, 20 policies each, horizon 4; the trainer's loss over "
        "all correct paths, each weighed by its probability, under float64 autograd",
    )


# --- stationary policies -----------------------------------------------------------------------


def decided(values) -> bool:
    """Our claim: success is 0 or 1 at each (node, remaining time) visited on a legal prefix."""
    return all(v in (0, 1) for v in values["visited"])


def perfect(values) -> bool:
    """Mistake: only perfect policies are stationary."""
    return all(v == 1 for v in values["visited"])


def decided_on_average(values) -> bool:
    """Mistake: the mean success over the training pairs is 0 or 1."""
    return values["mean"] in (0, 1)


def decided_everywhere(values) -> bool:
    """Mistake: the condition on every node and time, visited or not."""
    return all(v in (0, 1) for v in values["all"])


@claim(
    "stationary",
    "exhaustive",
    decided,
    {
        "only perfect policies": perfect,
        "mean success 0 or 1": decided_on_average,
        "every node, visited or not": decided_everywhere,
    },
    seeds=(424,),
)
def _stationary(condition, size: str) -> Finding:
    """A policy is stationary iff success is 0 or 1 wherever and whenever it stands on a legal prefix."""
    tally = Tally("policies", "of them stationary")
    for still, success in supported(3 if size == "small" else 4):
        tally.add("policies", still == condition(success))
        tally.add("of them stationary", count=still)
    return tally.finding(
        f"every digraph on up to {3 if size == 'small' else 4} nodes (one a class), every target, a random set of sources, "
        "horizons 1 to 3; every support of the rows (20 drawn on 4 nodes), rational weights",
    )


# --- two bounds, and the rate that they give ---------------------------------------------------


def proved_bounds(probability, failure):
    """Our bounds: ``P(u) (1 - J) <= sum_u |dJ/df|`` on each correct path u; ``|dJ/df| <= 1 - J``."""
    return probability * failure, failure


def path_ignored(probability, failure):
    """Mistake: the lower bound without the path's probability, as if there were no plateau."""
    return failure, failure


def quadratic(probability, failure):
    """Mistake: entries bounded by ``(1 - J)^2``, which would make the rate slower than 1/t."""
    return probability * failure, failure**2


@claim(
    "bounds",
    "exhaustive",
    proved_bounds,
    {"path's probability ignored": path_ignored, "entries of order (1 - J)^2": quadratic},
    seeds=(425,),
)
def _bounds(bounds, size: str) -> Finding:
    """The gradient is of the order of 1 - J, from below on each correct path and from above."""
    rng, tally = random.Random(425), Tally("graphs", "comparisons")
    for adjacency in _acyclic(size):
        n = len(adjacency)
        tally.add("graphs")
        for source, target in problems(adjacency):
            for _ in range(20):
                policy = rational_policy(n, rng)
                instance = (adjacency, policy, source, target, n - 1)
                paths = exact.path_probabilities(*instance)
                failure = 1 - sum(paths.values())
                gradient = exact.success_gradient(*instance)
                steepest = exact.largest(gradient)
                for path, probability in paths.items():
                    lower, upper = bounds(probability, failure)
                    slope = sum(abs(gradient[target, j][k]) for j, k in itertools.pairwise(path))
                    tally.add("comparisons", lower <= slope and steepest <= upper)
    return tally.finding(
        f"every acyclic digraph on up to {n} nodes (one a class), every problem and correct path, 20 rational "
        "policies each, horizon n - 1; exact rationals",
    )


def horizon_times(horizon, failure):
    """Our bound on every graph: ``|dJ/df| <= H (1 - J)``."""
    return horizon * failure


def as_without_cycles(horizon, failure):
    """Mistake: ``|dJ/df| <= 1 - J``, though a row may be visited again and again."""
    return failure


@claim(
    "bounds-cycles",
    "exhaustive",
    horizon_times,
    {"as without cycles": as_without_cycles},
    seeds=(426,),
)
def _bounds_cycles(bound, size: str) -> Finding:
    """With cycles the gradient is at most of the order of 1 - J as well, times the horizon."""
    rng, tally, horizon = random.Random(426), Tally("graphs", "policies"), 8
    for adjacency in (g for n in (2, 3) for g in digraph_classes(n) if not is_acyclic(g)):
        tally.add("graphs")
        for problem, _ in itertools.product(problems(adjacency), range(20)):
            policy = peaked_policy(len(adjacency), rng)
            success, gradient = differentiated(adjacency, policy, problem[:1], problem[1], horizon)
            tally.add("policies", exact.largest(gradient) <= bound(horizon, 1 - success))
    return tally.finding(
        f"every digraph with a cycle on 2 and 3 nodes (one a class), every problem, 20 peaked rational policies each, "
        f"horizon {horizon}; exact rationals",
    )


def _slopes(predicted: float, slopes, margin: float) -> Estimate:
    return estimate(slopes, least=predicted - margin, most=predicted + margin, of="graphs")


SLOPE_MUTATIONS = {
    "t^(-1/2)": -0.5,
    "1 / (t log t), whose slope is -1 - 1 / log t": -1 - 1 / math.log(1e6),
}


def _late_slopes(cycles: bool) -> list[float]:
    late = rates.TIMES[rates.LATE]
    return [rates.slope(late, rates.flow_failures(s, cycles)[rates.LATE]) for s in rates.SEEDS]


@claim(
    "rate",
    "statistical",
    -1.0,
    SLOPE_MUTATIONS,
    seeds=rates.SEEDS,
    source="kept",
    fixed="before any run",
)
def _rate(predicted: float, size: str) -> Finding:
    """On acyclic graphs 1 - J falls as 1/t, in the exact flow and in the sampled trainer."""
    ours = _slopes(predicted, _late_slopes(cycles=False), rates.FLOW_MARGIN)
    at = rates.SAMPLED_TIMES[4:]
    sampled = [rates.slope(at, rates.sampled_failures(s)[4:]) for s in rates.SEEDS]
    theirs = _slopes(predicted, sampled, rates.SAMPLED_MARGIN)
    return decide(
        True,
        f"slope of 1 - J: flow {ours:.3f}, sampled {theirs:.2f}",
        f"{len(rates.SEEDS)} acyclic graphs of {rates.NODES} nodes; exact flow from t = 1e4 to 1e8, margin "
        f"{rates.FLOW_MARGIN}; the trainer with batches of 512 from t = {at[0]:.0f} to {at[-1]:.0f}, margin {rates.SAMPLED_MARGIN}",
        ours,
        theirs,
    )


@claim(
    "rate-cycles",
    "statistical",
    -1.0,
    SLOPE_MUTATIONS,
    seeds=rates.SEEDS,
    fixed="before any run",
)
def _rate_cycles(predicted: float, size: str) -> Finding:
    """With a cycle on the way and a horizon the exact flow's 1 - J falls as 1/t as well."""
    found = _slopes(predicted, _late_slopes(cycles=True), rates.FLOW_MARGIN)
    return decide(
        True,
        f"slope of 1 - J: {found:.3f}",
        f"{len(rates.SEEDS)} graphs of {rates.CYCLIC_NODES} nodes with a cycle on the way, horizon {rates.CYCLIC_HORIZON}; "
        f"exact flow from t = 1e4 to 1e8, margin {rates.FLOW_MARGIN}",
        found,
    )


def starved(wrong: int, others: list[float]) -> float:
    """Our constant of a row: ``s / (1 + s)``, a right next node counting ``K / (1 + K)``.

    ``K`` is the constant of its own continuation, 0 at the target: rarely taken, it
    learns slowly, so it fails for a long time, but less and less.
    """
    s = wrong + sum(k / (1 + k) for k in others)
    return s / (1 + s)


def wrong_alone(wrong, others):
    """Mistake: only wrong next nodes fail; the other right ones are as good as the favourite."""
    return wrong / (1 + wrong)


def never_learned(wrong, others):
    """Mistake: right next nodes off the favourite path never learn, and count like wrong ones."""
    s = wrong + sum(k > 0 for k in others)
    return s / (1 + s)


def no_response(wrong, others):
    """Mistake: the favourite's logit stands still while the others fall as 1 / t."""
    return float(wrong + sum(k / (1 + k) for k in others))


CONSTANT_MUTATIONS = {
    "wrong nodes alone fail": wrong_alone,
    "other right nodes never learn": never_learned,
    "the favourite stands still": no_response,
}


def _off_the_rule(rule, seeds, far: float) -> Finding:
    margin, found = rates.CONSTANT_MARGIN, []
    for lengths in rates.ROUTES:
        gaps = [rates.off_the_rule(rule, lengths, seed, (1.0, far))[-1] for seed in seeds]
        found.append(estimate(gaps, least=-margin, most=margin, of="starts"))
    return decide(
        True,
        "t (1 - J) over the claim, less 1: " + ", ".join(f"{e.mean:z.4f}" for e in found),
        f"{len(found)} graphs of two or three routes of one to three steps that share no row, {len(seeds)} random starts "
        f"each; exact flow up to t = {far:.0e}, margin {margin:.0%} on each graph's mean; the formula is a leading-order argument",
        *found,
    )


@claim(
    "constant",
    "statistical",
    starved,
    CONSTANT_MUTATIONS,
    seeds=rates.SEEDS,
    fixed="before any run",
    successor="constant-late",
)
def _constant(rule, size: str) -> Finding:
    """The constant of that rate counts the other right next nodes too, in part."""
    return _off_the_rule(rule, rates.SEEDS, rates.EARLY)


@claim(
    "constant-late",
    "statistical",
    starved,
    CONSTANT_MUTATIONS,
    seeds=rates.FRESH_SEEDS,
    fixed="after other seeds",
)
def _constant_late(rule, size: str) -> Finding:
    """The constant counts them in part on a starved route of three steps as well, late enough."""
    return _off_the_rule(rule, rates.FRESH_SEEDS, rates.VERY_LATE)


# --- transformer -------------------------------------------------------------------------------


# Of the base's failures: set on seed 0 at 600 updates, before other seeds were trained that long.
FAILURES_MARGIN = 0.5
SOON, SOON_SEEDS = slice(6, 7), (1, 2, 3, 4)
# The ends of seeds 0 to 7 had been seen when these were named, and none of these.
END, END_SEEDS = slice(-3, None), (8, 9, 10, 11, 12)
SFT_AS_WELL = {"as many updates of SFT": SFT}


def _halved(method: str, at: slice, seeds) -> Finding:
    """Whether the failures on training pairs at some evaluations are less than half of the base's."""
    scope = f"outside the hypotheses; seeds {seeds[0]} to {seeds[-1]}; margin: failures less {FAILURES_MARGIN} of the base's, below 0"
    runs = [load_record(after_sft(replace(ACYCLIC, seed=s))[method]) for s in seeds]
    curves = [1 - np.array(history["train_accuracy"]) for _, history in runs]
    before, after = [c[0] for c in curves], [c[at].mean() for c in curves]
    kept = [x - FAILURES_MARGIN * y for x, y in zip(after, before, strict=True)]
    found = estimate(kept, most=0.0)
    figure = (
        f"failures {np.mean(before):.1%} before, {np.mean(after):.1%} after; less half: {found:.4f}"
    )
    return decide(True, figure, scope, found)


@claim(
    "transformer",
    "transformer",
    FREE,
    SFT_AS_WELL,
    seeds=SOON_SEEDS,
    fixed="after seed 0",
    successor="transformer-late",
)
def _transformer(method: str, size: str) -> Finding:
    """600 updates of policy gradient halve the transformer's failures on the training pairs, and more."""
    return _halved(method, SOON, SOON_SEEDS)


@claim(
    "transformer-late",
    "transformer",
    FREE,
    SFT_AS_WELL,
    seeds=END_SEEDS,
    fixed="after other seeds",
)
def _transformer_late(method: str, size: str) -> Finding:
    """At the end of 1,600 updates policy gradient has halved these failures, and more."""
    return _halved(method, END, END_SEEDS)


# --- hypotheses --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """One step on the graph 0 -> 1 -> 2, 0 -> 2, toward 2."""

    penalty: float = 0.0
    kl_weight: float = 0.0
    optimizer: str = "sgd"
    weight_decay: float = 0.0
    tabular: bool = True


RIGHT, DIRECT, WRONG = [0, 2, 0, 1, 2, 3], [0, 2, 0, 2, 3, 4], [0, 2, 0, 1, 1, 1]


def residual(instance: Instance) -> float:
    """By how much one step raises a wrong logit, or changes the sum of a row; 0 by the theorem.

    The most of a step on each kind of sample alone and one on a batch of four.
    """
    batches = ([RIGHT], [DIRECT], [WRONG], [RIGHT, RIGHT, DIRECT, WRONG])
    return max(_broken(instance, torch.tensor(batch)) for batch in batches)


def _broken(instance: Instance, tokens: torch.Tensor) -> float:
    n, target = 3, 2
    model, base = ((TabularModel if instance.tabular else LinearTransformer)(n) for _ in range(2))
    with torch.no_grad():
        (model.f[target] if instance.tabular else model.wm)[:2] = torch.tensor(
            [[-0.5, 0.5, 1.0], [-3.0, -3.0, 3.0]], dtype=torch.float64
        )
    steps = torch.as_tensor(task.path_steps(tokens, n))
    earned = [float(sample != WRONG) + instance.penalty for sample in tokens.tolist()]
    log_probs = losses.path_log_probs(model, tokens, steps)
    base_log_probs = losses.path_log_probs(base, tokens, steps).detach()
    loss = losses.policy_gradient(
        log_probs, torch.tensor(earned), base_log_probs, instance.kl_weight
    ).mean()
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = kinds[instance.optimizer](
        model.parameters(), lr=1.0, weight_decay=instance.weight_decay
    )
    nodes = torch.tensor([0, 1])
    before = model.rows(torch.tensor(target), nodes).detach().clone()  # (2, 3)
    loss.backward()
    optimizer.step()
    change = model.rows(torch.tensor(target), nodes).detach() - before
    not_in_c = torch.tensor([[True, False, False], [True, True, False]])
    raised = change[not_in_c].clamp(min=0).max()
    return float(max(raised, change.sum(1).abs().max()))


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("p = 0", "A wrong sequence earns 0.", lambda x: x.penalty == 0, Instance(penalty=-0.1)),
        ("lambda = 0", "No KL term.", lambda x: x.kl_weight == 0, Instance(kl_weight=0.01)),
        ("plain SGD", "The step is the gradient: Adam breaks the sum.",
         lambda x: x.optimizer == "sgd", Instance(optimizer="adam")),
        ("no weight decay", "Decay pulls low logits up, wrong ones included.",
         lambda x: x.weight_decay == 0, Instance(weight_decay=0.01)),
        ("free rows", "Every row of logits is free (tabular); shared parameters move other rows.",
         lambda x: x.tabular, Instance(tabular=False)),
    )
)  # fmt: skip

LONG_READINGS = (rates.SAMPLED,)

CHECKS = (
    formal.proved(
        "4.2",
        "T4_2",
        "For every graph: no sample raises a wrong logit, rows keep their sums, no finite logits are stationary for a source that can succeed, and a policy of any support is stationary exactly if each source succeeds with probability 0 or 1.",
    ),
    _sign,
    _samples,
    _gradient,
    _autograd,
    _stationary,
    _bounds,
    _bounds_cycles,
    _rate,
    _rate_cycles,
    _constant,
    _constant_late,
    _transformer,
    _transformer_late,
    *inapplicable(
        "4.2",
        solver="softmax probabilities are outside the solver's arithmetic; signs and sums for all logits are the symbolic rung's",
        certified="its inequalities are between rational functions of the policy, where rationals are exact and balls add nothing",
    ),
)
