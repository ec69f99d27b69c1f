r"""Theorem 5.1: with outcome reward the structure is lost.

Reward 1 on the step onto the target of a correct sequence, else 0, undiscounted.  In
every stable point under persistent exploration ``f(i, j)[k] = c_i`` for all ``j != i``
and ``k != i``; the fixed points are those with ``c_i >= max_{j != i} f(i, j)[i]``.

=========================  =========================================  ==============
symbol                     here                                       shape
=========================  =========================================  ==============
f(i, j)[k]                 ``values[j][k]`` toward one target         (n, n)
one sweep off the target   ``exact.outcome_bellman``                  (n, n) to (n, n)
c_i                        the common value of all other steps        a number
=========================  =========================================  ==============

Source: Wang et al., arXiv 2509.22613, Theorem 5.1 (Q-value bias; reward hacking in the
first version).  The exact set of fixed points and the bound by the running maximum are ours.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import torch
import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.graph import erdos_renyi
from planlib.intervals import estimate
from planlib.models import TabularModel
from planlib.train import QLearningConfig
from theorems import formal, q_runs
from theorems.fair_orders import Orders, fair_ends
from theorems.hypotheses import Hypothesis
from theorems.q_runs import Runs, words
from theorems.readings import Reading
from theorems.small_graphs import as_float
from theorems.solving import holds, rational
from theorems.sweeps import swept
from theorems.tables import learn_entries

claim = claims("5.1")

# --- solver: all real tables at once -----------------------------------------------------------
#
# What the step onto the target is worth, t_j = f(i, j)[i], is an average over prefixes of
# [the path before was legal, and so is the step]: any number, left free.


def at_least_the_largest(c, targets):
    """Theorem 5.1: one constant, no smaller than any value of a step onto the target."""
    return z3.And(*(c >= t for t in targets))


def equal_to_the_largest(c, targets):
    """Mistake: the constant is the largest of them, as if something pulled it down."""
    return z3.And(*(c >= t for t in targets), z3.Or(*(c == t for t in targets)))


def at_most_one(c, targets):
    """Mistake: values are probabilities of success, so the constant is at most 1."""
    return z3.And(*(c >= t for t in targets), c <= 1)


def mean_of_them(c, targets):
    """Mistake: the constant is their mean."""
    return c * len(targets) == sum(targets)


@claim(
    "fixed-points",
    "solver",
    at_least_the_largest,
    {
        "equal to the largest": equal_to_the_largest,
        "at most 1": at_most_one,
        "the mean": mean_of_them,
    },
)
def _fixed_points(stated, size: str) -> Finding:
    """The fixed points are exactly the constants that no step onto the target exceeds."""
    largest = 4 if size == "small" else 5
    tally, refuted = Tally("questions", failed="refuted", undecided="undecided"), []
    for n in range(2, largest + 1):
        others = range(n - 1)  # the target is the last node; all targets are alike
        f = {(j, k): z3.Real(f"f_{j}_{k}") for j in others for k in range(n)}
        best, c = [z3.Real(f"V_{j}") for j in others], z3.Real("c")
        is_best = [
            z3.And(
                *(best[j] >= f[j, k] for k in range(n)),
                z3.Or(*(best[j] == f[j, k] for k in range(n))),
            )
            for j in others
        ]
        fixed = z3.And(*(f[j, k] == best[k] for j in others for k in others))
        targets = [f[j, n - 1] for j in others]
        described = z3.And(*(f[j, k] == c for j in others for k in others), stated(c, targets))
        for is_fixed, question in (
            (True, [fixed, c == f[0, 0], z3.Not(described)]),  # a fixed point not described
            (False, [described, z3.Not(fixed)]),  # described, and no fixed point
        ):
            solver = z3.Solver()
            solver.set("timeout", 60_000)
            solver.add(*is_best, *question)
            found = solver.check()
            tally.add("questions", holds(found))
            if found == z3.sat:
                model = solver.model()
                table = [[rational(model, f[j, k]) for k in range(n)] for j in others]
                table.append([fmpq(0)] * n)
                still = exact.outcome_bellman(table, n - 1) == table
                assert still == is_fixed  # confirmed by code without the solver
                refuted.append(n)
    return tally.finding(
        f"z3, both directions: every fixed point is described, and everything described is one; 2 to {largest} nodes, "
        "all real tables, the values of steps onto the target free; no graph enters; confirmed in exact rationals",
        note=f", first on {refuted[0]} nodes" if refuted else "",
    )


@dataclass(frozen=True)
class Bound:
    """What a value is claimed not to exceed after an update with a step in ``(0, most_step]``.

    ``of(highest, onto)`` takes z3 numbers: the largest value so far, starts among them, and the
    largest that a step onto the target has had.
    """

    of: object = staticmethod(lambda highest, onto: highest)
    most_step: int = 1


@claim(
    "bound",
    "solver",
    Bound(),
    {
        "at most 1": Bound(lambda highest, onto: z3.If(highest < 1, highest, z3.RealVal(1))),
        "the starts forgotten": Bound(lambda highest, onto: onto),
        "steps up to 2": Bound(most_step=2),
    },
)
def _bounded(bound: Bound, size: str) -> Finding:
    """With steps in (0, 1] no value ever exceeds the running maximum of starts and steps onto the target."""
    tally = Tally("questions", failed="refuted", undecided="undecided")
    largest = 4 if size == "small" else 6
    for n, itself in itertools.product(range(2, largest + 1), (False, True)):
        # One update of an entry (j, k), k not the target: of f(k)[k] itself, or of another row.
        row = [z3.Real(f"f_{m}") for m in range(n)]  # node k's; the target is the last
        old = row[0] if itself else z3.Real("old")
        step, best, highest, onto = z3.Reals("step V highest onto")
        solver = z3.Solver()
        solver.set("timeout", 60_000)
        solver.add(step > 0, step <= bound.most_step)
        solver.add(highest >= onto, onto >= row[-1], *(highest >= x for x in (*row, old)))
        solver.add(*(best >= x for x in row), z3.Or(*(best == x for x in row)))
        solver.add(old + step * (best - old) > bound.of(highest, onto))
        tally.add("questions", holds(solver.check()))
    return tally.finding(
        f"z3, the negated claim for one update off the target, by induction for all orders: 2 to {largest} nodes, all real values and steps; "
        "an update onto the target belongs to the maximum, whatever its prefix was"
    )


# --- exhaustive: all orders of updates at once -------------------------------------------------


DRAWN = Orders(process=False, drawn=True)


@dataclass(frozen=True)
class Ends:
    """Where runs of single updates end: in one constant between ``least`` and ``most``, no less than any step onto the target."""

    orders: Orders = DRAWN
    least: float = -np.inf
    most: float = np.inf


def _ends(ends: Ends, size: str) -> Finding:
    tally = Tally("tables", "ends", failed="ends of another kind, or none where one was claimed")
    for n in (3, 4):
        values = np.arange(-2, 3.5, 0.5) if n < 4 else np.arange(2 if size == "small" else 3)
        none = [[0] * n] * n  # no graph enters
        tables, last = fair_ends(none, n - 1, values, ends.orders)
        off, onto = tables[:, :-1, :-1].max((1, 2)), tables[:, :-1, -1].max(1)
        one = off == tables[:, :-1, :-1].min((1, 2))
        claimed = one & (off >= np.maximum(onto, ends.least)) & (off <= ends.most)
        found = np.isin(np.arange(len(tables)), last)
        tally.add("tables", count=len(tables))
        tally.add("ends", count=len(last))
        tally.failures += int((claimed != found).sum())
    return tally.finding(
        f"all tables on 3 nodes with values in halves from -2 to 3, on 4 with 0, 1{'' if size == 'small' else ' and 2'}, each step onto the target worth 0 or 1, "
        f"{'anew at each update' if ends.orders.luck else 'for good'}; every order of updates of single entries: the sets of tables that no "
        "update leaves; updates held against exact ones"
    )


_orders = claim(
    "orders",
    "exhaustive",
    Ends(),
    {
        "at most 1": Ends(most=1),
        "an entry forgotten": Ends(replace(DRAWN, forgotten=(0, 0))),
        "the order chosen by who sees the table": Ends(replace(DRAWN, drawn=False)),
    },
    title="In orders that are drawn single updates at step 1 end in one constant that no step onto the target exceeds.",
)(_ends)
_luck = claim(
    "luck",
    "exhaustive",
    Ends(replace(DRAWN, luck=True), least=1),
    {
        "from what steps onto it are worth now": Ends(replace(DRAWN, luck=True)),
        "without luck": Ends(least=1),
    },
    title="If what a step onto the target is worth varies, from zeros too the constant is at least the most that it is ever worth.",
)(_ends)

# --- statistical: what the constant becomes ----------------------------------------------------

SEEDS = tuple(range(10, 20))  # fresh, for the trainer that moves an entry by a step in (0, 1]
SPREAD_MARGIN = 0.05  # of spread, and of the step onto the target that exceeds; set before the runs
STEP, AGAIN = 0.5, 50  # an entry's step, and how often each is updated at least


def _learned(case: tuple[int, str, int]) -> list[list[float]]:
    """Train a table from a Gaussian start: a target each, least and largest value off it, largest onto it."""
    seed, reward, updates = case
    n = 5
    graph = erdos_renyi(n, 0.6, acyclic=True, seed=seed)
    model, draws = TabularModel(n), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        model.f.copy_(torch.randn(n, n, n, generator=draws, dtype=torch.float64))
    config = QLearningConfig(
        steps=updates, batch_size=128, learning_rate=STEP, optimizer="sgd", reward=reward,
        target_decay=0.0, epsilon=0.5, max_length=16,
    )  # fmt: skip
    counts = learn_entries(model, graph, config, seed)
    f, found = model.f.detach().numpy(), []
    for i in np.unique(graph.reachable_pairs()[:, 1]):
        rows = np.arange(n) != i
        assert not updates or counts[i][rows].min() >= AGAIN  # every entry, again and again
        off = f[i][rows][:, rows]
        found.append([float(x) for x in (off.min(), off.max(), f[i][rows, i].max())])
    return found


UPDATES = 400
TABLES = Reading(
    "tables-5-1",
    _learned,
    tuple(itertools.product(SEEDS, ("outcome", "process"), (UPDATES, 0))),
)
LONG_READINGS = (TABLES,)


@dataclass(frozen=True)
class Tables:
    """Tables of the trainer; or, ``zeros``, tables of zeros in their place."""

    reward: str = "outcome"
    updates: int = UPDATES
    zeros: bool = False


@claim(
    "levels",
    "statistical",
    Tables(),
    {
        "process reward": Tables("process"),
        "never trained": Tables(updates=0),
        "zeros": Tables(zeros=True),
    },
    seeds=SEEDS,
    source="kept",
    fixed="before any run",
)
def _levels(tables: Tables, size: str) -> Finding:
    """The sampled trainer gives all steps off the target one value, and no step onto it is worth more."""
    spreads, exceeding, constants = [], [], []
    for seed in SEEDS:
        kept = np.array(TABLES((seed, tables.reward, tables.updates))) * (not tables.zeros)
        trained = np.array(TABLES((seed, "outcome", UPDATES)))  # knows the worth of a step onto it
        spreads.append((kept[:, 1] - kept[:, 0]).max())
        exceeding.append((trained[:, 2] - kept[:, 0]).max())
        constants += kept[:, :2].mean(1).tolist()
    spread = estimate(spreads, most=SPREAD_MARGIN, of="graphs")
    above = estimate(exceeding, most=SPREAD_MARGIN, of="graphs")
    return decide(
        True,
        f"largest spread off the target {words(spread)}; largest worth of a step onto it less the least value off it {words(above)}; "
        f"constants from {min(constants):.2f} to {max(constants):.2f}",
        f"{len(SEEDS)} acyclic graphs of 5 nodes, every target with a problem, Gaussian starts, half of the steps uniform; an entry moves by {STEP:g} "
        f"toward the mean of its targets in a batch, {UPDATES} batches of 128, each entry at least {AGAIN} times; margins {SPREAD_MARGIN}",
        spread,
        above,
    )


# --- transformer -------------------------------------------------------------------------------


def _merged(runs: Runs, size: str) -> Finding:
    levels = runs.levels()
    apart = [max(seed) - min(seed) for seed in zip(*levels.values(), strict=True)]
    spread = estimate(apart, most=0.1)
    accuracy = estimate(runs.read("test_accuracy"), most=0.05)
    return decide(
        True,
        f"levels {', '.join(f'{np.mean(x):.2f}' for x in levels.values())}, apart by {words(spread, 3)}; "
        f"accuracy {words(accuracy, 3)}",
        f"{runs.scope}; on-policy; margins 0.1 and 0.05",
        spread,
        accuracy,
    )


def _transformer(name: str, seeds: tuple, fixed: str, title: str, successor: str = ""):
    """Declare that the classes merge, on some seeds."""
    wrong = {
        "process reward": Runs(q_runs.ON, seeds=seeds),
        "where it starts, SFT logits times 0.05": Runs(at=0, scale=0.05, seeds=seeds),
    }
    statement = Runs(q_runs.OUT_ON, seeds=seeds)
    how = {"seeds": seeds, "title": title, "fixed": fixed, "successor": successor}
    return claim(name, "transformer", statement, wrong, **how)(_merged)


# --- hypotheses --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    """Sweeps on a table of 3 nodes toward node 2, from distinct starts."""

    process: bool = False
    forgotten: tuple | None = None


def residual(instance: Instance) -> float:
    """Spread of the values off the target after many sweeps: 0 by the theorem."""
    adjacency, target = ((0, 1, 0), (0, 0, 1), (0, 0, 0)), 2
    values = [[1, 2, 1], [3, 0, 1], [0, 0, 0]]
    values = swept(adjacency, values, target, 60, instance.process, instance.forgotten)
    others = [values[j][k] for j in (0, 1) for k in (0, 1)]
    return as_float(fmpq(max(others) - min(others)))


HYPOTHESES = tuple(
    Hypothesis(name, sentence, holds, Instance(), failing, residual)
    for name, sentence, holds, failing in (
        ("outcome reward", "Illegal steps cost nothing of their own.",
         lambda x: not x.process, Instance(process=True)),
        ("persistent exploration", "Every (j, k) is updated again and again.",
         lambda x: x.forgotten is None, Instance(forgotten=(0, 0))),
    )
)  # fmt: skip

CHECKS = (
    formal.proved(
        "5.1",
        "T5_1",
        "For every number of nodes: the fixed points are the constants, and no edge shows in them.",
    ),
    _fixed_points,
    _bounded,
    _orders,
    _luck,
    _levels,
    _transformer(
        "transformer",
        q_runs.LATER,
        "after all seeds",  # seed 2, which is among them, was read when the margins were set
        "With outcome reward the transformer's classes merge and its accuracy is gone.",
        "transformer-fresh",
    ),
    _transformer(
        "transformer-fresh",
        q_runs.FRESH,
        "after other seeds",
        "On seeds named before their runs, too, classes merge and accuracy is gone with outcome reward.",
    ),
    *inapplicable(
        "5.1",
        symbolic="a maximum over entries, piecewise linear; the solver decides every case of it at once",
        certified="linear relations between rational values, decided exactly by the solver and exhaustive rungs",
    ),
)
