"""Held-out pairs: whether the rows that they need are determined by what the behaviour tries.

A table knows the rows that were tried.  An additive model ``WM[j, k] + WV[i, k]`` knows more: for
each next node ``k`` the tried entries ``(i, j)`` are the edges of a graph between targets and
current nodes, and within a component of it every sum is known (:mod:`theorems.coverage`).

Source: ours; Theorem 5.3 for the additive model, the chapter on composition for behaviours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from theorems.coverage import components, expected_tries, teacher
from theorems.predict_lines import TABLE, Case
from theorems.predict_measured import ASKED, EDGE, PATH, TEST, Toward
from theorems.predict_report import OPEN, Assumed, Line, if_so, percent, shown

MOST_NODES = 400  # of a graph whose next nodes are all looked at, one graph of components each
TRIED_NODES = 150  # of a graph on which expected numbers of tries are computed


def tried_rows(toward: Toward, edges, epsilon: float, stops: bool) -> np.ndarray:
    """Rows toward one target that the behaviour comes to from its prompts: shape ``(n,)`` bool.

    Correct steps alone without uniform exploration; all nodes with it, or where an error ends the
    episode those that legal steps lead to.
    """
    now = np.isin(toward.role, (EDGE, PATH, ASKED))
    if not now.any():
        return now
    if epsilon > 0 and not stops:
        return np.arange(toward.n) != toward.target
    steps = toward.correct if epsilon == 0 else edges
    off = steps[0] != toward.target
    walk = sparse.csr_array(
        (np.ones(off.sum(), dtype=np.int32), (steps[0][off], steps[1][off])), (toward.n,) * 2
    ).T.tocsr()
    while True:
        new = now | (walk @ now.astype(np.int32) > 0)
        new[toward.target] = False
        if (new == now).all():
            return now
        now = new


@dataclass(frozen=True)
class Known:
    """Of each row ``(target, current)``, shape ``(n, n)`` bool.

    Attributes
    ----------
    tried
        The behaviour comes to it.
    right
        Each correct entry of it is determined in an additive model.
    all
        Every entry is.
    parts
        Components that hold a target and a current node, mean over next nodes.
    """

    tried: np.ndarray
    right: np.ndarray
    all: np.ndarray
    parts: float


def known_rows(case: Case, epsilon: float, stops: bool) -> Known:
    """Which rows a behaviour determines, all problems of the graph being measured."""
    graph, source = case.source.graph, case.source
    n, edges = graph.n, case.source.edges
    tried = np.zeros((n, n), dtype=bool)
    for toward in source:
        tried[toward.target] = tried_rows(toward, edges, epsilon, stops)
    right, every, parts = np.ones((n, n), dtype=bool), np.ones((n, n), dtype=bool), []
    if epsilon > 0:  # every next node alike
        labels = components(tried[:, :, None])
        same = labels[0, 0][:, None] == labels[0, 1][None]
        return Known(tried, same, same, float(_parts(labels)[0]))
    for k in range(n):
        correct = graph.adjacency[:, k][None] & graph.reachability[:, k][:, None]  # (target, node)
        labels = components((tried & correct)[:, :, None])
        same = labels[0, 0][:, None] == labels[0, 1][None]
        every &= same
        right &= same | ~correct
        parts.append(_parts(labels)[0])
    return Known(tried, right, every, float(np.mean(parts)))


def _parts(labels: np.ndarray) -> list[int]:
    return [len(np.intersect1d(targets, nodes)) for targets, nodes in labels]


def good_all_the_way(toward: Toward, good: np.ndarray) -> np.ndarray:
    """Problems whose rows on every correct path are good: shape ``(n,)`` bool."""
    bad, walk = ~good, toward.matrix(1.0)
    bad[toward.target] = False
    while True:
        new = bad | (walk @ bad.astype(float) > 0)
        new[toward.target] = False
        if (new == bad).all():
            return ~bad
        bad = new


def held_out(case: Case) -> tuple[Line, ...]:
    """The lines on held-out pairs, for the behaviour that the settings of Q-learning name."""
    q, graph = case.settings.q, case.source.graph
    if not case.source.whole or graph.n > MOST_NODES or not case.measured.has(TEST).any():
        return ()
    known = known_rows(case, q.epsilon, q.stop_at_error)
    shares = {"tried": [], "right": [], "all": []}
    for toward in case.source:
        test = toward.role == TEST
        for name, found in shares.items():
            found.append(good_all_the_way(toward, getattr(known, name)[toward.target])[test])
    mean = {name: float(np.concatenate(x).mean()) for name, x in shares.items()}
    figures = {
        "a table": mean["tried"],
        "additive, correct steps": mean["right"],
        "additive, every step": mean["all"],
        "components": known.parts,
    }
    how = (
        "only correct steps are taken"
        if q.epsilon == 0
        else "an error ends the episode"
        if q.stop_at_error
        else "some steps are uniform"
    )
    sentence = (
        f"Where {how}, a table tries all that {percent(mean['tried'])} of the held-out problems need; in an additive model "
        f"(targets and nodes in {shown(known.parts)} components) the correct steps of {percent(mean['right'])} are determined, and every step of {percent(mean['all'])}."
    )
    claim = (
        "composition/blind"
        if q.epsilon == 0
        else "composition/stopped"
        if q.stop_at_error
        else "composition/sighted"
    )
    line = Line(
        "held-out problems determined", figures, "share of problems; components", sentence, claim,
        (
            Assumed("the values are additive (Theorem 5.3)", OPEN, "a transformer may hold more, or less"),
            Assumed("whatever can be tried is tried", OPEN, "the budget decides; see the number of tries"),
            if_so("process reward", q.reward == "process", f"the reward is {q.reward}"),
            if_so("illegal steps come from epsilon alone", None, f"the behaviour's temperature is {q.temperature:g}"),
        ),
    )  # fmt: skip
    return (line, *_tries(case))


def _tries(case: Case) -> tuple[Line, ...]:
    """Expected number of tries, in the whole budget, of the least tried correct entry of a problem's first row."""
    q, graph, source = case.settings.q, case.source.graph, case.source
    if graph.n > TRIED_NODES or source.split is None:
        return ()
    steps = min(case.settings.steps, q.max_length - 4)
    tries = expected_tries(
        teacher(graph, q.epsilon), source.split.prompt_pairs, steps,
        graph.adjacency if q.stop_at_error else None,
    ) * q.steps * q.batch_size  # fmt: skip
    s, t = source.split.test_pairs.T
    correct = graph.correct_next(t, s)
    least = np.where(correct, tries[t, s], np.inf).min(1)
    figures = {
        "median": float(np.median(least)),
        "below one": float((least < 1).mean()),
    }
    sentence = (
        f"In {q.steps:,} updates of {q.batch_size} the least tried correct step at a held-out problem's start is tried "
        f"{shown(figures['median'])} times (median); {percent(figures['below one'])} of them less than once."
    )
    return (
        Line(
            "tries of held-out rows", figures, "tries; share of problems", sentence, "composition/phase",
            (Assumed("who generates takes right steps but for epsilon", OPEN, "it learns as it goes"), TABLE),
        ),
    )  # fmt: skip
