r"""Theorem 4.1: policy gradient is supervised fine-tuning on the correct samples.

With lambda = 0, reward 1 for a correct sequence and 0 otherwise, on the same
generated batch and with the same divisor, the policy-gradient loss and its
gradient equal the SFT loss and gradient on the correct sequences of the batch.
In general, with outcome reward ``r [correct] + p``, correct sequences are
weighted ``r + p`` and incorrect ones ``p``.

=========================  =================================  ==============
symbol                     here                               shape
=========================  =================================  ==============
l_SFT                      ``losses.sft``                     (B,)
l_PG                       ``losses.policy_gradient``         (B,)
R(u) = r [u in P] + p      ``returns``                        (B,)
J, success probability     ``exact.success_probabilities``    a number
=========================  =================================  ==============

Source: Wang et al., arXiv 2509.22613, Theorem 4.1; the check in expectation
(``4.1/expectation``) is ours.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from dataclasses import dataclass

import sympy as sp
import torch
from flint import fmpq

from planlib import exact, losses, task
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.models import TabularModel
from planlib.rollout import sample
from planlib.study import load_run
from theorems import formal
from theorems.hypotheses import Hypothesis
from theorems.small_graphs import (
    as_float,
    digraphs,
    is_acyclic,
    problems,
    rational_policy,
    rational_row,
)
from theorems.stored_runs import BASE_RUN
from theorems.tables import autograd_gradient, gradient_of
from theorems.traced import derivatives

claim = claims("4.1")

# A statement is the pair of weights (on correct, on incorrect sequences) that SFT needs.


def stated_weights(r, p):
    """Theorem 4.1 in general: ``r + p`` on correct sequences, ``p`` on the others."""
    return r + p, p


def penalty_forgotten(r, p):
    """Mistake: only the correct sequences count, as in the case p = 0."""
    return r + p, 0 * p


def penalty_on_wrong_alone(r, p):
    """Mistake: the correct sequences earn ``r`` and escape the constant ``p``."""
    return r, p


def penalty_sign_flipped(r, p):
    """Mistake: a penalty that is added with the other sign."""
    return r - p, -p


def all_samples(r, p):
    """Mistake: SFT on everything that was generated, correct or not."""
    return r + p, r + p


MUTATIONS = {
    "SFT on all samples": all_samples,
    "penalty forgotten": penalty_forgotten,
    "penalty on wrong ones alone": penalty_on_wrong_alone,
    "penalty's sign flipped": penalty_sign_flipped,
}

# --- symbolic: any batch of episodes on three nodes, any logits, any r and p -------------------


@claim("identity", "symbolic", stated_weights, MUTATIONS)
def _identity(weights, size: str) -> Finding:
    """For any batch of episodes on three nodes, any logits, r and p the two losses and their gradients are equal."""
    adjacency = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]  # 0 -> 1 -> 2 and 0 -> 2
    source, target, horizon, n = 0, 2, 2, 3
    r, p = sp.symbols("r p", real=True)
    f = {j: sp.symbols(f"f{j}_0:{n}", real=True) for j in (0, 1)}
    batch = list(exact.episodes(n, source, target, horizon))
    times = sp.symbols(f"m0:{len(batch)}", integer=True, nonnegative=True)

    def log_pi(j, k):
        return f[j][k] - sp.log(sum(sp.exp(x) for x in f[j]))

    policy_gradient = correct = incorrect = sp.Integer(0)
    for count, path in zip(times, batch, strict=True):
        log_probability = sum(log_pi(j, k) for j, k in itertools.pairwise(path))
        good = exact.is_correct(adjacency, path, target)
        policy_gradient -= count * (r * int(good) + p) * log_probability
        if good:
            correct -= count * log_probability
        else:
            incorrect -= count * log_probability
    on_correct, on_incorrect = weights(r, p)
    difference = sp.expand(policy_gradient - on_correct * correct - on_incorrect * incorrect)
    variables = [*f[0], *f[1]]
    residuals = [difference, *(sp.simplify(sp.diff(difference, x)) for x in variables)]
    # The gradient that autograd and the closed forms use, derived here once more.
    softmax = [sp.exp(x) / sum(sp.exp(y) for y in f[0]) for x in f[0]]
    residuals += [
        sp.simplify(sp.diff(-log_pi(0, 1), f[0][k]) - (softmax[k] - int(k == 1))) for k in range(n)
    ]
    tally = Tally("identities", failed="with a residual")
    for x in residuals:
        tally.add("identities", x == 0)
    return tally.finding(
        f"all {len(batch)} episodes of a three-node graph, each any number of times in the batch; "
        "logits, r and p free",
    )


# --- exhaustive: exact rationals on every small graph ------------------------------------------


LARGEST = {"small": 3, "full": 4}  # nodes


def _graphs(size: str):
    """Yield every graph that has a problem, with its problems."""
    for n in range(2, LARGEST[size] + 1):
        for adjacency in digraphs(n):
            if found := problems(adjacency):
                yield n, adjacency, found


def _vanishes(*weighted) -> bool:
    """Whether the sum of gradients given as ``(weight, gradient)`` is 0; the first entry that is not decides."""
    for key in dict.fromkeys(key for _, gradient in weighted for key in gradient):
        rows = [(weight, gradient[key]) for weight, gradient in weighted if key in gradient]
        for k in range(len(rows[0][1])):
            if sum(weight * row[k] for weight, row in rows) != 0:
                return False
    return True


@functools.cache
def _batches(size: str) -> dict[object, Tally]:
    """Draw the batches once and judge every rule of weights on each."""
    rng = random.Random(41)
    tallies = {rule: Tally("graphs", "batches") for rule in (stated_weights, *MUTATIONS.values())}
    for n, adjacency, pairs in _graphs(size):
        for tally in tallies.values():
            tally.add("graphs")
        for _ in range(20):
            source, target = rng.choice(pairs)
            policy = {target: [rational_row(n, rng) for _ in range(n)]}
            r, p = fmpq(rng.randint(1, 9), 7), fmpq(rng.choice((-3, -1, 0, 2)), 5)
            legal = list(exact.correct_paths(adjacency, source, target, 3))
            others = [_random_episode(n, source, target, rng) for _ in range(3)]
            batch = [rng.choice(legal) for _ in range(3)] + others
            # One side walks each episode; the other counts transitions of the two groups.
            marked = [(u, exact.is_correct(adjacency, u, target)) for u in batch]
            walked = exact.weighted_gradient(
                policy, ((u, target, r * good + p) for u, good in marked)
            )
            known = set(legal)
            correct, incorrect = (
                exact.sft_gradient(policy, [u for u in batch if (u in known) == good], target)
                for good in (True, False)
            )
            for rule, tally in tallies.items():
                on_correct, on_incorrect = rule(r, p)
                counted = ((-on_correct, correct), (-on_incorrect, incorrect))
                tally.add("batches", _vanishes((1, walked), *counted))
    return tallies


@claim("batch", "exhaustive", stated_weights, MUTATIONS, seeds=(41,))
def _batch(weights, size: str) -> Finding:
    """Gradients of a batch, walked step by step and by counting, agree exactly on every small graph."""
    return _batches(size)[weights].finding(
        f"all digraphs without self-loops on up to {LARGEST[size]} nodes that have a problem, 20 rational policies "
        "each with a random problem, r, p and batch of 3 correct and 3 random episodes; exact rationals",
    )


def _random_episode(n: int, source: int, target: int, rng: random.Random) -> tuple[int, ...]:
    path = [source]
    while path[-1] != target and len(path) <= 3:
        path.append(rng.randrange(n))
    return tuple(path)


def on_policy(probability, success):
    """Theorem 4.1 in expectation: each correct path weighs its probability under the policy."""
    return probability


def every_path_alike(probability, success):
    """Mistake: plain SFT on the set of correct paths, each once."""
    return 0 * probability + 1


def importance_squared(probability, success):
    """Mistake: weighing a sample by its probability when sampling has done so already."""
    return probability**2


def mean_of_the_correct(probability, success):
    """Mistake: the mean over the correct samples, not over all: the gradient of ``log J``."""
    return probability / success


WEIGHT_MUTATIONS = {
    "each correct path once": every_path_alike,
    "probability squared": importance_squared,
    "mean over correct samples alone": mean_of_the_correct,
}
HORIZON = 3


def gradient_of_success(adjacency, policy, source, target) -> tuple[fmpq, dict]:
    """Differentiate ``J`` itself: its value, and its gradient in the logits, ``{(target, j): row}``.

    The recursion of :func:`planlib.exact.success_probabilities` runs on weights ``w = exp(f)``
    that remember what was made of them, so ``dJ/df = w dJ/dw``.  No path is listed here, and
    nothing is said of scores.
    """
    n = len(adjacency)
    others = [j for j in range(n) if j != target]

    def success(weights):
        rows = [None] * n
        for j in others:
            row, weights = weights[:n], weights[n:]
            total = sum(row[1:], row[0])
            rows[j] = [w / total for w in row]
        rows[target] = rows[others[0]]  # never used
        return exact.success_probabilities(adjacency, {target: rows}, target, HORIZON)[-1][source]

    at = [w for j in others for w in policy[target][j]]
    value, slopes = derivatives(success, at)
    entries = [w * slope for w, slope in zip(at, slopes, strict=True)]
    return value, {(target, j): entries[n * m : n * (m + 1)] for m, j in enumerate(others)}


@functools.cache
def _expectations(size: str) -> dict[object, Tally]:
    """Draw the policies once and judge every weight of a path on each."""
    rng = random.Random(43)
    rules = (on_policy, *WEIGHT_MUTATIONS.values())
    tallies = {rule: Tally("graphs", "of them with cycles", "policies") for rule in rules}
    for n, adjacency, pairs in _graphs(size):
        cyclic = not is_acyclic(adjacency)
        for tally in tallies.values():
            tally.add("graphs")
            tally.add("of them with cycles", count=int(cyclic))
        for _ in range(20):
            source, target = rng.choice(pairs)
            policy = {target: [rational_row(n, rng) for _ in range(n)]}
            success, gradient = gradient_of_success(adjacency, policy, source, target)
            paths = [
                (probability, exact.sft_gradient(policy, [path]))
                for path, probability in exact.path_probabilities(
                    adjacency, policy, source, target, HORIZON
                ).items()
            ]
            for weigh, tally in tallies.items():
                sft = ((weigh(probability, success), score) for probability, score in paths)
                tally.add("policies", _vanishes((1, gradient), *sft))
    return tallies


@claim("expectation", "exhaustive", on_policy, WEIGHT_MUTATIONS, seeds=(43,))
def _expectation(weigh, size: str) -> Finding:
    """The gradient of the success probability is SFT on correct paths, each weighed by its probability."""
    return _expectations(size)[weigh].finding(
        f"all digraphs without self-loops on up to {LARGEST[size]} nodes that have a problem, 20 rational policies "
        f"each with a random problem, horizon {HORIZON}; J differentiated backwards against paths listed one by one, "
        "exact rationals",
    )


# --- exhaustive: the trainers' own losses under autograd, against the exact rationals ----------


@functools.cache
def _trained(policies: int) -> list[tuple]:
    """Gradients of the trainer's loss: policy, r, p, marked episodes, gradient ``(n, n, n)``."""
    rng = random.Random(47)
    n, target, source = 3, 2, 0
    batch = list(exact.episodes(n, source, target, 2))
    found = []
    for adjacency, _ in itertools.product(digraphs(n), range(policies)):
        policy = rational_policy(n, rng)
        r, p = fmpq(rng.randint(1, 9), 7), fmpq(rng.choice((-3, -1, 0, 2)), 5)
        marked = [(u, exact.is_correct(adjacency, u, target)) for u in batch]
        computed = autograd_gradient(policy, batch, target, [r * g + p for _, g in marked])
        found.append((policy, r, p, marked, computed.tolist()))
    return found


@claim("autograd", "exhaustive", stated_weights, MUTATIONS, seeds=(47,))
def _autograd(weights, size: str) -> Finding:
    """The trainer's loss under autograd gives the exact gradient, to a stated rounding."""
    tally, worst, target = Tally("gradients", failed="beyond the rounding bound"), 0.0, 2
    policies = 2 if size == "small" else 20
    for policy, r, p, marked, computed in _trained(policies):
        on_correct, on_incorrect = weights(r, p)
        closed = exact.weighted_gradient(
            policy, ((u, target, on_correct if good else on_incorrect) for u, good in marked)
        )
        # Each entry sums at most `terms` products of factors <= 1 times |R|; every factor is
        # rounded a few times, in log, softmax and product, so 16 units a term is generous.
        terms = sum(len(u) - 1 for u, _ in marked)
        bound = 16 * terms * 2.0**-53 * as_float(abs(r) + abs(p))
        error = max(
            abs(as_float(x) - computed[target][j][k])
            for (_, j), row in closed.items()
            for k, x in enumerate(row)
        )
        worst = max(worst, error / bound)
        tally.add("gradients", error <= bound)
    graphs = tally.counts["gradients"] // policies
    return tally.finding(
        f"all {graphs} digraphs without self-loops on 3 nodes, all {len(marked)} episodes as the batch; float64 autograd "
        "against exact rationals, bound 16 * terms * 2^-53 * (|r| + |p|)",
        note=f", worst {_shown(worst)} of it",
    )


def _shown(x: float) -> str:
    return f"below {math.ceil(10 * x) / 10:.1f}" if x < 1 else f"about 1e{math.log10(x):.0f}"


# --- transformer: the same equality, loss and gradient, on the stored model --------------------

TRANSFORMER_MARGIN = 1e-12  # relative, in float64; set before the run


@functools.cache
def _sampled(size: str) -> tuple:
    """The stored model, samples of it, which are correct, and by (r, p) the policy gradient."""
    run = load_run(BASE_RUN)
    generator = torch.Generator().manual_seed(7)
    pairs = torch.as_tensor(run.task.split.train_pairs)
    chosen = torch.randint(len(pairs), (64 if size == "small" else 512,), generator=generator)
    tokens = sample(run.model, pairs[chosen], generator, temperature=1.3)
    correct = torch.as_tensor(task.check_sequences(run.task.graph, tokens) == task.Outcome.CORRECT)

    def policy_gradient(log_probs, r, p):
        return losses.policy_gradient(log_probs, r * correct + p).mean()

    rewards = ((1.0, 0.0), (1.0, -0.25))
    gradients = {
        (r, p): gradient_of(run.model, tokens, functools.partial(policy_gradient, r=r, p=p))
        for r, p in rewards
    }
    return run.model, tokens, correct, gradients


@claim(
    "transformer",
    "transformer",
    stated_weights,
    MUTATIONS,
    seeds=(BASE_RUN.seed, 7),
    fixed="before any run",
)
def _transformer(weights, size: str) -> Finding:
    """Loss and gradient of the trained transformer agree on the same batch."""
    model, tokens, correct, gradients = _sampled(size)
    gap = 0.0
    for reward, pg in gradients.items():
        on_correct, on_incorrect = weights(*reward)

        def weighted_sft(log_probs, on_correct=on_correct, on_incorrect=on_incorrect):
            each = losses.sft(log_probs)
            total = on_correct * each[correct].sum() + on_incorrect * each[~correct].sum()
            return total / len(tokens)

        sft = gradient_of(model, tokens, weighted_sft)
        gap = max(gap, abs(pg[0] - sft[0]) / abs(pg[0]))
        gap = max(gap, float((pg[1] - sft[1]).norm() / pg[1].norm()))
    met = gap <= TRANSFORMER_MARGIN
    return decide(
        met,
        f"relative gap of loss and gradient {f'<= {TRANSFORMER_MARGIN}' if met else f'{gap:.2f}'}",
        f"inside the hypotheses: any model; stored run, {len(tokens)} samples, "
        f"{int(correct.sum())} correct, r = 1, p = 0 and -1/4, {pg[1].numel():,} parameters, float64",
    )


# --- hypotheses -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """One batch on the graph 0 -> 1 with logits 0: what the trainer does with it."""

    kl_weight: float = 0.0
    penalty: float = 0.0
    same_batch: bool = True
    same_divisor: bool = True


def residual(instance: Instance) -> float:
    """Largest difference between PG's gradient and SFT's on the correct sequences."""
    model, base = TabularModel(2), TabularModel(2)
    with torch.no_grad():
        model.f[1, 0, 1] = 1.0  # the policy has moved away from its base
    tokens = torch.tensor([[0, 1, 0, 1, 2], [0, 1, 0, 0, 1]])  # one correct, one not
    correct = torch.tensor([True, False])
    steps = torch.as_tensor(task.path_steps(tokens, 2))

    def gradient(loss) -> torch.Tensor:
        (g,) = torch.autograd.grad(loss(losses.path_log_probs(model, tokens, steps)), model.f)
        return g

    base_log_probs = losses.path_log_probs(base, tokens, steps).detach()
    returns = correct + instance.penalty
    pg = gradient(
        lambda lp: losses.policy_gradient(lp, returns, base_log_probs, instance.kl_weight).mean()
    )
    divisor = len(tokens) if instance.same_divisor else int(correct.sum())
    # A fixed data set holds the correct sequence as often as it was written down, here twice.
    times = 1 if instance.same_batch else 2
    sft = gradient(lambda lp: times * losses.sft(lp)[correct].sum() / divisor)
    return float((pg - sft).abs().max())


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        (
            "no KL term",
            "lambda = 0.",
            lambda x: x.kl_weight == 0,
            Instance(kl_weight=0.1),
        ),
        (
            "no constant reward",
            "p = 0: an incorrect sequence earns nothing (else it is trained on with weight p).",
            lambda x: x.penalty == 0,
            Instance(penalty=-0.5),
        ),
        (
            "same batch",
            "SFT sees the correct sequences of this batch, as often as they were generated.",
            lambda x: x.same_batch,
            Instance(same_batch=False),
        ),
        (
            "same divisor",
            "Both losses are divided by the same number, not by the number of their own terms.",
            lambda x: x.same_divisor,
            Instance(same_divisor=False),
        ),
    )
)

CHECKS = (
    formal.proved(
        "4.1",
        "T4_1",
        "For every batch and every policy: policy gradient's loss and gradient are those of SFT on the correct sequences.",
    ),
    _identity,
    _batch,
    _expectation,
    _autograd,
    _transformer,
    *inapplicable(
        "4.1",
        solver="an identity, decided for all logits, r and p by the symbolic rung; nothing is left to search",
        certified="an equality, with no inequality to certify",
        statistical="it holds on every batch, and its expectation is computed exactly",
    ),
)
