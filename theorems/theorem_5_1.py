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

import functools
import itertools
import random
from dataclasses import dataclass

import numpy as np
import torch
import z3
from flint import fmpq

from planlib import exact
from planlib.evidence import Finding, Tally, claims, decide, inapplicable
from planlib.graph import erdos_renyi
from planlib.models import TabularModel
from planlib.studies import Q
from planlib.study import READ_OUT, load_run
from planlib.train import QLearningConfig, train_q_learning
from theorems.hypotheses import Hypothesis
from theorems.readings import Reading
from theorems.small_graphs import as_float
from theorems.solving import holds, rational
from theorems.stored_runs import OUTCOME, PROCESS
from theorems.sweeps import swept

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


# --- exhaustive: sampled updates in exact rationals --------------------------------------------


def running_maximum(history):
    """Our bound: the largest value that any entry off or onto the target has had so far."""
    return max(history)


def reward_bound(history):
    """Mistake: no value exceeds the largest reward, 1."""
    return 1


def largest_onto_target(history):
    """Mistake: the steps onto the target alone decide, the starts are forgotten."""
    return max(history[1:])


@claim(
    "bound",
    "exhaustive",
    running_maximum,
    {"at most 1": reward_bound, "the starts forgotten": largest_onto_target},
    seeds=(511,),
)
def _bounded(bound, size: str) -> Finding:
    """No value ever exceeds the running maximum of starts and steps onto the target."""
    rng, tally = random.Random(511), Tally("runs")
    for n, _ in itertools.product((2, 3, 4), range(20 if size == "small" else 100)):
        target = n - 1
        values = [[fmpq(rng.randint(-9, 15), 7) for _ in range(n)] for _ in range(n)]
        values[target] = [fmpq(0)] * n
        starts = max(x for row in values[:target] for x in row)
        history = [starts]
        for _ in range(60):
            j, k = rng.randrange(target), rng.randrange(n)
            step = fmpq(rng.randint(1, 7), 7)
            goal = fmpq(rng.randint(0, 1)) if k == target else max(values[k])
            values[j][k] += step * (goal - values[j][k])
            if k == target:
                history.append(values[j][k])
        tally.add("runs", max(x for row in values[:target] for x in row) <= bound(history))
    return tally.finding(
        "2 to 4 nodes, random rational starts between -9/7 and 15/7, 60 updates of random entries with random steps in "
        "(0, 1], rewards onto the target drawn from {0, 1}: any sequence of prefixes; exact rationals",
    )


# --- statistical: what the constant becomes ----------------------------------------------------

SEEDS = (0, 1, 2, 3, 4)
SPREAD_MARGIN = 0.05  # spread of the values, and distance from the claim; set before the runs


def _outcome_table(case: tuple[int, str, int]) -> list[tuple[list, list]]:
    seed, reward, updates = case
    n = 5
    graph = erdos_renyi(n, 0.6, acyclic=True, seed=seed)
    model = TabularModel(n)
    config = QLearningConfig(
        steps=updates, batch_size=128, learning_rate=2.0, optimizer="sgd", reward=reward,
        target_decay=0.0, epsilon=0.5, max_length=16,
    )  # fmt: skip
    train_q_learning(
        model,
        graph,
        graph.reachable_pairs(),
        config,
        torch.Generator().manual_seed(seed),
        progress=False,
    )
    f = model.f.detach().numpy()
    found = []
    for i in np.unique(graph.reachable_pairs()[:, 1]):
        others = [j for j in range(n) if j != i]
        feasible = graph.adjacency & graph.reachability[i]
        off = np.ix_(others, others)
        found.append((f[i][off].tolist(), feasible[off].tolist()))
    return found


UPDATES = 800
TABLES = Reading(
    "tables-5-1",
    _outcome_table,
    tuple(itertools.product(SEEDS, ("outcome", "process"), (UPDATES,))),
)
LONG_READINGS = (TABLES,)


@functools.cache
def outcome_table(seed: int, reward: str, updates: int) -> tuple:
    """Train a table from zeros; its values off the target, and each row's class.

    Returns
    -------
    tuple
        Values, and whether the step is feasible: one row a target with a problem.
    """
    found = TABLES((seed, reward, updates))
    return tuple((np.array(values), np.array(feasible)) for values, feasible in found)


@claim(
    "levels",
    "statistical",
    "outcome",
    {"process reward": "process"},
    seeds=SEEDS,
    source="kept",
    fixed="before any run",
)
def _levels(reward: str, size: str) -> Finding:
    """The sampled trainer gives all steps off the target one value: no structure."""
    gaps, spreads, tops = [], [], []
    for seed in SEEDS[:3] if size == "small" else SEEDS:
        for values, feasible in outcome_table(seed, reward, UPDATES):
            spreads.append(values.max() - values.min())
            tops.append(values.max())
            if feasible.any():
                gaps.append(values[feasible].mean() - values[~feasible].mean())
    gap, spread = float(np.abs(gaps).max()), float(np.max(spreads))
    holds = spread < SPREAD_MARGIN and gap < SPREAD_MARGIN
    return decide(
        holds,
        f"largest spread off the target {spread:.2f}, feasible above others by at most {gap:.2f}; "
        f"constants from {min(tops):.2f} to {max(tops):.2f}",
        f"{len(SEEDS[:3] if size == 'small' else SEEDS)} acyclic graphs of 5 nodes, zero start, half of the steps uniform, "
        f"constant step, every target with a problem; margin {SPREAD_MARGIN}",
    )


# --- transformer -------------------------------------------------------------------------------


@claim(
    "transformer",
    "transformer",
    OUTCOME,
    {"process reward": PROCESS},
    seeds=(2,),
    fixed="after seed 0",
)
def _transformer(config, size: str) -> Finding:
    """With outcome reward the transformer's classes merge and its accuracy is gone."""
    run = load_run(config)
    levels = [
        run.history[f"{name}_value"][-1]
        for name in ("feasible", "adjacent", "reachable", "neither")
    ]
    accuracy = run.metrics["sampled_test"]
    return decide(
        max(levels) - min(levels) < 0.1 and accuracy < 0.05,
        f"levels of the four classes {', '.join(f'{x:.2f}' for x in levels)}; test accuracy {accuracy:.3f}",
        f"outside the hypotheses; stored run, on-policy, {Q.steps:,} updates of {Q.batch_size}; classes feasible, "
        f"adjacent, reachable, neither; accuracy at temperature {READ_OUT}; margins 0.1 and 0.05",
    )


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
    _fixed_points,
    _bounded,
    _levels,
    _transformer,
    *inapplicable(
        "5.1",
        symbolic="a maximum over entries, piecewise linear; the solver decides every case of it at once",
        certified="linear relations between rational values, decided exactly by the solver and exhaustive rungs",
    ),
)
