r"""GRPO, PPO and filtered SFT beside policy gradient: one direction, many speeds.

For one prompt, samples of the policy itself and plain gradient steps, the expected update of each of
these methods is ``s(J) grad J``, with ``J`` the success probability: its weights are functions of
right and wrong alone (no factor 1/length).  What differs is the speed ``s``, and the noise.

==========================================  =====================================================
method                                      speed s(J)
==========================================  =====================================================
REINFORCE                                   1
less the mean of the batch (or group)       1 - 1/B
GRPO, groups of G, population deviation     w_G(J) = E[sqrt(a (1 - a))] / (J (1 - J)), G a ~ Bin(G, J)
SFT on the correct ones of B samples, mean  (1 - (1 - J)^B) / J
all B samples, wrong ones with weight -c    1 + c
==========================================  =====================================================

Source: the weights of a group are in Samineni et al., arXiv 2505.13697; that rejection sampling
ascends log J and GRPO the arcsine of sqrt(J) in Davis and Recht, arXiv 2510.13651.  The derivation
here, at finite G and B, and the checks are our own.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb

import numpy as np
import sympy as sp
import torch
from flint import arb, arb_poly, ctx, fmpq

from planlib import exact, losses, task
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.intervals import estimate
from planlib.models import TabularModel
from planlib.rollout import sample
from planlib.study import load_run
from theorems import formal, generations, speeds_sampled
from theorems.prefixes import degenerate
from theorems.small_graphs import (
    digraph_classes,
    is_acyclic,
    problems,
    rational_policy,
    rational_row,
)
from theorems.speeds import FORK, LEVELS, METHODS, flow_at_levels
from theorems.stored_runs import BASE_RUN
from theorems.tables import gradient_of, set_policy

claim = claims("grpo")

# --- symbolic: what a group's samples weigh ------------------------------------------------------


def stated_weights(a):
    """Samineni et al.: a correct sample weighs ``sqrt((1-a)/a)``, a wrong one ``-sqrt(a/(1-a))``."""
    return sp.sqrt((1 - a) / a), -sp.sqrt(a / (1 - a))


def turned(a):
    """Mistake: each has the other's."""
    return sp.sqrt(a / (1 - a)), -sp.sqrt((1 - a) / a)


def by_variance(a):
    """Mistake: divided by the variance."""
    return 1 / a, -1 / (1 - a)


@claim(
    "weights",
    "symbolic",
    stated_weights,
    {"each the other's": turned, "over the variance": by_variance},
)
def _weights(weights, size: str) -> Finding:
    """In a group of accuracy a, a correct sample weighs sqrt((1-a)/a) and a wrong one -sqrt(a/(1-a)): sum 0, mean square 1."""
    a = sp.symbols("a", positive=True)
    x = sp.symbols("x", positive=True)  # a = x / (1 + x) runs through (0, 1)
    right, wrong = weights(a)
    deviation = sp.sqrt(a * (1 - a))
    gaps = (
        right - (1 - a) / deviation,
        wrong + a / deviation,
        a * right + (1 - a) * wrong,
        a * right**2 + (1 - a) * wrong**2 - 1,
    )
    zero = all(sp.simplify(gap.subs(a, x / (1 + x))) == 0 for gap in gaps)
    return decide(
        zero,
        f"{len(gaps)} identities in the group's accuracy",
        "every group of two kinds of returns with a correct share in (0, 1), population deviation; both weights, their sum and mean square",
    )


# --- exhaustive: the expected update of each method ----------------------------------------------


def group_speed(group: int, j: fmpq) -> dict[int, fmpq]:
    """Ours: ``w_G(J)`` as ``{m: c}``, the sum of ``c sqrt(m)`` over squarefree m."""
    speed = defaultdict(fmpq)
    for k in range(1, group):
        root, rest = _root(k * (group - k))
        chance = comb(group, k) * j**k * (1 - j) ** (group - k)
        speed[rest] += chance * root / (group * j * (1 - j))
    return dict(speed)


def _root(m: int) -> tuple[int, int]:
    """Write ``sqrt(m)`` as ``r sqrt(s)`` with s squarefree: ``(r, s)``."""
    return next((r, m // r**2) for r in range(m, 0, -1) if m % r**2 == 0)


def as_reinforce(group: int, j: fmpq) -> dict[int, fmpq]:
    """Mistake: GRPO as fast as REINFORCE, which is so of groups of two alone."""
    return {1: fmpq(1)}


def centred_speed(batch: int, j: fmpq) -> fmpq:
    """Ours: the mean of the batch, subtracted, takes each sample's own share with it."""
    return 1 - fmpq(1, batch)


def filtered_speed(batch: int, j: fmpq) -> fmpq:
    """Ours: the mean over the correct ones of a batch; a batch without any changes nothing."""
    return (1 - (1 - j) ** batch) / j


def negative_speed(weight: fmpq, j: fmpq) -> fmpq:
    """Ours: wrong samples push the same way, since all scores sum to 0 in the mean."""
    return 1 + weight


@dataclass(frozen=True)
class Speeds:
    """The speed of each method."""

    grpo: Callable = group_speed
    centred: Callable = centred_speed
    filtered: Callable = filtered_speed
    negatives: Callable = negative_speed


def _by_group(right: tuple[bool, ...]) -> list[dict[int, fmpq]]:
    k, size = sum(right), len(right)
    if k in (0, size):
        return [{}] * size
    root, rest = _root(k * (size - k))
    return [{rest: fmpq(root, k if x else k - size) / size} for x in right]


def _by_filter(right: tuple[bool, ...]) -> list[dict[int, fmpq]]:
    return [{1: fmpq(int(x), max(sum(right), 1))} for x in right]


def _by_mean(right: tuple[bool, ...]) -> list[dict[int, fmpq]]:
    return [{1: (int(x) - fmpq(sum(right), len(right))) / len(right)} for x in right]


NEGATIVE = fmpq(1, 3)


def _by_sign(right: tuple[bool, ...]) -> list[dict[int, fmpq]]:
    return [{1: (fmpq(1) if x else -NEGATIVE) / len(right)} for x in right]


@functools.cache
def _updates(size: str) -> list[tuple]:
    """Problems with J, its gradient, and by method and batch the expected update, radicand by radicand."""
    rng, found = random.Random(1801), []
    cases = [(g, 2, 4 if n == 2 else 3) for n in (2, 3) for g in digraph_classes(n)]
    if size == "full":
        cases += [(g, 2, 2) for g in rng.sample(digraph_classes(4), 40)]
    for adjacency, horizon, most in cases:
        asked = problems(adjacency)[: None if size == "full" else 2]
        # Single prompts, and two toward one target, drawn alike: they share rows.
        pairs = [p for p in itertools.combinations(asked, 2) if p[0][1] == p[1][1]]
        for prompts in [*((p,) for p in asked), *pairs]:
            policy = rational_policy(len(adjacency), rng)
            batch = _answers(adjacency, policy, prompts, horizon)
            if not any(batch.right):
                continue
            methods = {"centred": _by_mean, "filtered": _by_filter, "negatives": _by_sign}
            if len(prompts) == 1:  # a group has one prompt
                methods["grpo"] = _by_group
            updates = {}
            for name, number in itertools.product(methods, range(1, most + 1)):
                if number > 1 or name not in ("grpo", "centred"):
                    expected = _expected(number, batch.chance, batch.right, methods[name])
                    updates[name, number] = {
                        m: exact.add(*zip(total, batch.scores, strict=True))
                        for m, total in expected.items()
                    }
            found.append((batch.j, batch.slope, updates))
    return found


@dataclass(frozen=True)
class _Answers:
    """All answers to some prompts, each prompt as likely as the others."""

    chance: list
    right: list[bool]
    scores: list
    j: fmpq
    slope: dict


def _answers(adjacency, policy, prompts, horizon: int) -> _Answers:
    chance, right, scores, slopes = [], [], [], []
    for source, target in prompts:
        share = fmpq(1, len(prompts))
        paths = list(exact.episodes(len(adjacency), source, target, horizon))
        right += [exact.is_correct(adjacency, path, target) for path in paths]
        chance += [share * exact.path_probability(policy, path, target) for path in paths]
        scores += [exact.weighted_gradient(policy, [(p, target, fmpq(-1))]) for p in paths]
        slope = exact.success_gradient(adjacency, policy, source, target, horizon)
        slopes.append((share, slope))
    j = sum(p for p, x in zip(chance, right, strict=True) if x)
    return _Answers(chance, right, scores, j, exact.add(*slopes))


def _expected(number: int, chance: list, right: list, weigh: Callable) -> dict[int, list]:
    """What each sequence weighs in the mean over all batches of ``number``, by radicand."""
    total: dict[int, list] = defaultdict(lambda: [fmpq(0)] * len(chance))
    for batch in itertools.product(range(len(chance)), repeat=number):
        probability = functools.reduce(lambda p, u: p * chance[u], batch, fmpq(1))
        for u, weight in zip(batch, weigh(tuple(right[u] for u in batch)), strict=True):
            for m, c in weight.items():
                total[m][u] += probability * c
    return total


@claim(
    "direction",
    "exhaustive",
    Speeds(),
    {
        "GRPO as fast as REINFORCE": Speeds(grpo=as_reinforce),
        "a baseline costs nothing": Speeds(centred=lambda batch, j: fmpq(1)),
        "log J from the first sample on": Speeds(filtered=lambda batch, j: 1 / j),
        "wrong samples pull back": Speeds(negatives=lambda weight, j: 1 - weight),
    },
    seeds=(1801,),
)
def _direction(speeds: Speeds, size: str) -> Finding:
    """The expected update of each method is its speed times the gradient of the success probability: of one prompt, and but for GRPO of the mean over prompts."""
    tally = Tally("prompts or pairs of them", "expected updates")
    for j, slope, updates in _updates(size):
        tally.add("prompts or pairs of them")
        for (name, number), update in updates.items():
            if name == "grpo":
                stated = speeds.grpo(number, j)
            elif name in ("centred", "filtered"):
                stated = {1: getattr(speeds, name)(number, j)}
            else:
                stated = {1: speeds.negatives(NEGATIVE, j)}
            gaps = (
                exact.add((1, update.get(m, {})), (-stated.get(m, fmpq(0)), slope))
                for m in update.keys() | stated.keys()
            )
            tally.add("expected updates", all(exact.largest(gap) == 0 for gap in gaps))
    return tally.finding(
        "all digraphs on 2 and 3 nodes by class"
        f"{' and 40 on 4' if size == 'full' else ''}, single prompts and pairs toward one target, a random policy each, at most 2 steps; every batch (group) of up "
        "to 4 sequences on 2 nodes, 3 on 3 and 2 on 4; rational coefficients of each square root"
    )


# --- exhaustive: what the factor 1/length does to the length of wrong answers --------------------


def either_way(longer: int, shorter: int, right_longer: int) -> bool:
    """Ours: wrong answers grow more in some problems, and less in others; right ones always less."""
    return longer > 0 and shorter > 0 and not right_longer


def always(longer: int, shorter: int, right_longer: int) -> bool:
    """Mistake: a wrong answer that is punished less for each step must grow more."""
    return shorter == 0


def never(longer: int, shorter: int, right_longer: int) -> bool:
    """Mistake: it has no such effect."""
    return longer == 0


def right_as_well(longer: int, shorter: int, right_longer: int) -> bool:
    """Mistake: right answers grow more in some problems, too."""
    return right_longer > 0


@dataclass(frozen=True)
class Growth:
    """How fast a mean length grows, per unit of success: without the factor, and with it."""

    of_right: bool
    cyclic: bool
    plain: fmpq
    by_length: fmpq


@functools.cache
def lengths(size: str) -> list[Growth]:
    """Of the wrong answers of each problem, and of its right ones, where they differ in length."""
    rng, found = random.Random(1805), []
    cases = [(g, horizon) for n in (2, 3) for g in digraph_classes(n) for horizon in (2, 3)]
    if size == "full":
        cases += [(g, 3) for g in rng.sample(digraph_classes(4), 12)]
    for adjacency, horizon in cases:
        cyclic = not is_acyclic(adjacency)
        for source, target in problems(adjacency):
            policy = rational_policy(len(adjacency), rng)
            paths = list(exact.episodes(len(adjacency), source, target, horizon))
            right = [exact.is_correct(adjacency, path, target) for path in paths]
            steps = [len(path) - 1 for path in paths]
            chance = [exact.path_probability(policy, path, target) for path in paths]
            score = [exact.weighted_gradient(policy, [(p, target, fmpq(-1))]) for p in paths]
            j = sum(p for p, x in zip(chance, right, strict=True) if x)
            each = list(zip(chance, score, right, steps, strict=True))
            if not 0 < j < 1:
                continue
            slope = exact.add(*((p, g) for p, g, x, _ in each if x))
            # In the mean a group weighs right and wrong answers as 1/J and -1/(1 - J).
            by_length = exact.add(*((p / (j if x else j - 1) / n, g) for p, g, x, n in each))
            for of_right in (False, True):
                those = [(p, g, n) for p, g, x, n in each if x == of_right]
                if len({n for _, _, n in those}) < 2:
                    continue
                share = sum(p for p, _, _ in those)
                mean = sum(p * n for p, _, n in those) / share
                growth = exact.add(*((p * (n - mean) / share, g) for p, g, n in those))
                rates = (_along(growth, way) / _along(slope, way) for way in (slope, by_length))
                found.append(Growth(of_right, cyclic, *rates))
    return found


def _along(gradient: exact.Gradient, direction: exact.Gradient) -> fmpq:
    """Inner product of two gradients."""
    pairs = ((gradient[row], direction[row]) for row in gradient.keys() & direction.keys())
    return sum((x * y for a, b in pairs for x, y in zip(a, b, strict=True)), fmpq(0))


@claim(
    "length",
    "exhaustive",
    either_way,
    {"always longer": always, "never longer": never, "right ones as well": right_as_well},
    seeds=(1805,),
)
def _length(sign: Callable, size: str) -> Finding:
    """Per unit of success gained, the factor 1/length makes the mean length of wrong answers grow more in some problems and less in others, and that of right ones in none more."""
    found = lengths(size)
    wrong, right = ([g for g in found if g.of_right == x] for x in (False, True))
    longer, right_longer = (sum(g.by_length > g.plain for g in of) for of in (wrong, right))
    return decide(
        sign(longer, sum(g.by_length < g.plain for g in wrong), right_longer),
        f"wrong answers: {_growths(wrong)}; right ones, {_growths(right)}",
        f"all digraphs on 2 and 3 nodes by class{' and 12 on 4' if size == 'full' else ''}, a random policy a problem; the longest answers are those of, or cut off "
        "after, 2 or 3 steps; expected updates of large groups, exact rationals",
    )


def _growths(found: list[Growth]) -> str:
    """How many grow more, less, and at all."""
    longer = sum(g.by_length > g.plain for g in found)
    shorter = sum(g.by_length < g.plain for g in found)
    grow, without = sum(g.by_length > 0 for g in found), sum(g.plain > 0 for g in found)
    return f"{len(found)} problems: more growth with the factor in {longer}, less in {shorter}; any growth in {grow}, without the factor in {without}"


# --- certified: how fast GRPO is -----------------------------------------------------------------


@dataclass(frozen=True)
class Bounds:
    """``1 - 1 / (part G p (1 - p)) < w_G(p)^2 p (1 - p) < 1 - less / G``, groups from 2 to 64."""

    less: int = 1
    part: int = 2


def _rooms(group: int, bounds: Bounds) -> tuple[arb_poly, arb_poly]:
    """Upper less ``w^2 p (1 - p)``, times ``1 - p``; and it less the lower, times ``p (1 - p)``."""
    p, mean = arb_poly([0, 1]), arb_poly([0])  # E sqrt(a (1 - a)) / p
    for k in range(1, group):
        weight = comb(group, k) * arb(k * (group - k)).sqrt() / group
        mean += weight * p ** (k - 1) * (1 - p) ** (group - k)
    above = (1 - p) * (1 - arb(bounds.less) / group) - p * mean * mean
    return above, p * p * mean * mean - p * (1 - p) + arb(1) / (bounds.part * group)


def _signs(gap: arb_poly) -> Iterator[bool | None]:
    """Whether a polynomial is positive, box by box of p up to the first where it is not."""
    stack = [(fmpq(0), fmpq(1, 2))]
    while stack:
        low, high = stack.pop()
        middle, radius = (low + high) / 2, (high - low) / 2
        # Around the middle of the box, or the powers of a ball would each count for themselves.
        value = gap(arb_poly([arb(middle), 1]))(arb(0, arb(radius)))
        if value > 0 or value < 0:
            yield bool(value > 0)
        elif high - low < fmpq(1, 2**14):
            yield None
        else:
            stack += [(low, middle), (middle, high)]
        if value < 0:
            return


@claim(
    "speed",
    "certified",
    Bounds(),
    {
        "below by twice as much": Bounds(less=2),
        "nearer to the arcsine's": Bounds(part=4),
    },
)
def _speed(bounds: Bounds, size: str) -> Finding:
    """GRPO's speed is below the arcsine's and tends to it: 1 - 1/(2 G p(1-p)) < w_G(p)^2 p(1-p) < 1 - 1/G."""
    tally = Tally("groups", "boxes", undecided="undecided")
    for group in (2, 3, 8) if size == "small" else range(2, 65):
        tally.add("groups")
        ctx.prec = 128 + 8 * group
        for gap in _rooms(group, bounds):
            for sign in _signs(gap):
                tally.add("boxes", sign)
    ctx.prec = 53
    return tally.finding(
        "both bounds; arb balls over boxes of p that cover [0, 1/2], halved until decided; the speed is symmetric in p and 1 - p"
    )


# --- exhaustive: filtered SFT to convergence is resampling ---------------------------------------


def wright_fisher(number: int) -> fmpq:
    """Wright and Fisher: of the diversity a generation of N samples leaves ``1 - 1/N``."""
    return 1 - fmpq(1, number)


def bessel(number: int) -> fmpq:
    """Mistake: ``1 - 1/(N+1)``."""
    return 1 - fmpq(1, number + 1)


def kept(number: int) -> fmpq:
    """Mistake: in the mean nothing is lost."""
    return fmpq(1)


@claim(
    "refit",
    "exhaustive",
    wright_fisher,
    {"1 - 1/(N + 1)": bessel, "nothing is lost": kept},
    seeds=(1802,),
)
def _refit(left: Callable, size: str) -> Finding:
    """A row refitted to N of its own samples keeps its mean, loses 1/N of its diversity, and a choice that was not drawn for good."""
    tally, rng = Tally("rows", "samples"), random.Random(1802)
    for choices in (2, 3, 4):
        for number in range(1, 4 if size == "small" else 6):
            row = rational_row(choices, rng)
            mean, diversity, lost = [fmpq(0)] * choices, fmpq(0), fmpq(0)
            for drawn in itertools.product(range(choices), repeat=number):
                chance = functools.reduce(lambda p, k: p * row[k], drawn, fmpq(1))
                paths = [(0, 1 + k) for k in drawn]  # one step each, from one node
                counts = exact.cooccurrence(paths, target=0)
                rows = exact.frequencies(counts, choices + 1)
                fitted = [fmpq(x.numerator, x.denominator) for x in rows[0, 0][1:]]
                mean = [m + chance * x for m, x in zip(mean, fitted, strict=True)]
                diversity += chance * (1 - sum(x * x for x in fitted))
                lost += chance * (fitted[0] == 0)
                tally.add("samples")
            stated = left(number) * (1 - sum(x * x for x in row))
            holds = mean == row and diversity == stated and lost == (1 - row[0]) ** number
            tally.add("rows", holds)
    return tally.finding(
        "rows of 2 to 4 choices in random rationals, all samples of up to 5 of them; refitted by the counts of Theorem 3.1"
    )


# --- statistical: flows from one start -----------------------------------------------------------

CURVES = tuple(range(8))  # of the start
CURVE_MARGIN = -3  # log10 of the largest distance of two curves, in logits; set before any run


def one_prompt() -> tuple[int, ...]:
    """Ours: one prompt."""
    return (0,)


def shared_rows() -> tuple[int, ...]:
    """Mistake: any prompts, at equal mean success; these two share rows."""
    return (0, 1)


@functools.cache
def _spread(seed: int, sources: tuple[int, ...]) -> float:
    start = np.random.default_rng(seed).normal(size=FORK.shape)
    passed = np.array([flow_at_levels(start, sources, method) for method in METHODS])
    return float(np.log10(max(np.ptp(passed, axis=0).max(), 1e-16)))


@claim(
    "curve",
    "statistical",
    one_prompt,
    {"prompts that share rows as well": shared_rows},
    seeds=CURVES,
    fixed="before any run",
)
def _curve(sources: Callable, size: str) -> Finding:
    """For one prompt the exact flows of all methods run through the same logits, at equal success."""
    seeds = CURVES[:3] if size == "small" else CURVES
    found = estimate([_spread(seed, sources()) for seed in seeds], most=CURVE_MARGIN, of="starts")
    return decide(
        True,
        f"largest distance in logits 10^{found.mean:.1f}, exponent in [{found.low:.1f}, {found.high:.1f}], margin: below {CURVE_MARGIN}",
        f"{len(seeds)} random starts on one graph of 5 nodes; {', '.join(METHODS)}, at mean success {', '.join(map(str, LEVELS))}",
        found,
    )


# --- exhaustive and transformer: the losses of the trainers --------------------------------------

# A group of 4, and each way to average: the gradient is that of SFT with these weights.
GROUP = 4


def as_stated(a: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Samineni et al., on a batch: 0 where all samples of a group are alike."""
    a = a.clamp(1e-9, 1 - 1e-9)
    weights = torch.where(right, ((1 - a) / a).sqrt(), -(a / (1 - a)).sqrt())
    return weights.masked_fill((a < 1e-6) | (a > 1 - 1e-6), 0.0)


def positives_alone(a: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Mistake: the correct samples alone."""
    return as_stated(a, right).clamp(min=0)


def unnormalised(a: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Mistake: the deviation left out."""
    return right.double() - a


WRONG_WEIGHTS = {"correct samples alone": positives_alone, "no deviation": unnormalised}


def _gap(model, tokens, right, weigh, average: str) -> float:
    """Relative distance of the gradient of GRPO's loss, at its first inner step, to weighted SFT's."""
    steps = torch.as_tensor(task.path_steps(tokens, model.n))
    lengths = steps.sum(1).double()  # (B,)

    def grpo(log_probs):
        weights = losses.group_advantages(right.double(), GROUP)
        each = losses.clipped(log_probs, log_probs.detach(), weights, 0.2, 0.2)
        return losses.averaged(each, steps, average).mean()

    def weighted(log_probs):
        a = right.double().view(-1, GROUP).mean(1).repeat_interleave(GROUP)
        by = {"sum": 1.0, "token": lengths.mean(), "sequence": lengths}[average]
        return (weigh(a, right) * losses.sft(log_probs) / by).mean()

    one, other = gradient_of(model, tokens, grpo)[1], gradient_of(model, tokens, weighted)[1]
    return float((one - other).norm() / one.norm())


@claim("autograd", "exhaustive", as_stated, WRONG_WEIGHTS, seeds=(1803,))
def _autograd(weigh, size: str) -> Finding:
    """The gradient of the trainer's GRPO loss is that of SFT with these weights, in tables."""
    tally, rng = Tally("batches", "averages of them"), random.Random(1803)
    generator = torch.Generator().manual_seed(1803)
    for adjacency in (g for g in digraph_classes(3) if problems(g)):
        asked = problems(adjacency)[: 2 if size == "small" else None]
        model = TabularModel(3)
        set_policy(model, rational_policy(3, rng))
        tokens = sample(model, asked, generator, samples=2 * GROUP, max_length=8)
        right = torch.tensor(
            [
                exact.is_correct(adjacency, tuple(u[2:] if 3 not in u else u[2 : u.index(3)]), u[1])
                and 3 in u
                for u in tokens.tolist()
            ]
        )
        if right.all() or not right.any():
            continue
        tally.add("batches")
        for average in losses.AVERAGES:
            tally.add("averages of them", _gap(model, tokens, right, weigh, average) < 1e-10)
    return tally.finding(
        f"digraphs on 3 nodes by class, but those whose samples are all alike; groups of {GROUP}, averages {', '.join(losses.AVERAGES)}, written out on the side of "
        "SFT; relative to 1e-10, float64"
    )


@functools.cache
def _written(size: str) -> tuple:
    run = load_run(BASE_RUN)
    generator = torch.Generator().manual_seed(1804)
    pairs = torch.as_tensor(run.task.split.train_pairs)
    number = 16 if size == "small" else 128
    chosen = torch.randint(len(pairs), (number,), generator=generator)
    tokens = sample(run.model, pairs[chosen], generator, samples=GROUP, temperature=1.3)
    right = torch.as_tensor(task.check_sequences(run.task.graph, tokens) == task.Outcome.CORRECT)
    return run.model, tokens, right


@claim(
    "transformer",
    "transformer",
    as_stated,
    WRONG_WEIGHTS,
    seeds=(BASE_RUN.seed, 1804),
    fixed="before any run",
)
def _transformer(weigh, size: str) -> Finding:
    """On the trained transformer as well."""
    model, tokens, right = _written(size)
    gap = max(_gap(model, tokens, right, weigh, average) for average in losses.AVERAGES)
    met = gap <= 1e-10
    mixed = right.view(-1, GROUP).double().mean(1)
    return decide(
        met,
        f"relative gap of the gradients {'<= 1e-10' if met else f'{gap:.2f}'}",
        f"any model; stored run, {len(tokens)} samples at temperature 1.3 in groups of {GROUP}, {int(((mixed > 0) & (mixed < 1)).sum())} groups of both kinds, "
        f"averages {', '.join(losses.AVERAGES)}, float64",
    )


CHECKS = (
    formal.proved(
        "grpo",
        "Grpo",
        "For every law of samples: whatever weighs them by the number of right ones alone moves along the gradient of success.",
    ),
    degenerate,
    _weights,
    _direction,
    _refit,
    generations.conditions,
    generations.fixation,
    _length,
    _autograd,
    _speed,
    _curve,
    speeds_sampled.sampled,
    speeds_sampled.turned,
    _transformer,
    *inapplicable(
        "grpo",
        solver="weights are square roots and binomial sums, exact in the symbolic and exhaustive rungs",
    ),
)
