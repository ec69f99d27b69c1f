"""Values of small rank: where Q-learning's sweeps settle when a network is narrower than its graph.

A network's logits are ``W h`` with ``h`` of its width ``d``, so that as a matrix, rows by (target,
current node) and columns by next token, they have rank at most ``d``.  The values at which Theorem
5.2 lets Q-learning rest, ``A + R - 1``, have a rank of up to ``n``.

Source: ours; the bound is that of Yang et al., Breaking the softmax bottleneck (arXiv 1711.03953),
for logits of language models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planlib.curves import READ_OUT, Task, make_task
from planlib.evidence import Finding, claims, decide
from planlib.graph import PlanningGraph, parse_graph
from planlib.intervals import estimate
from planlib.studies import (
    REACH_GRAPH_SEEDS,
    REACH_GRAPHS,
    REACH_NARROW_SEEDS,
    REACH_SEEDS,
    REACH_WIDE,
    REACH_WIDTHS,
    reach_base,
    reach_narrow,
    reach_wide,
    reach_widths,
)
from planlib.task import PROMPT
from planlib.train import QLearningConfig
from theorems.comparing import END, FIRST, Gap, Point, apart, claims_on
from theorems.coverage import additive, expected_visits
from theorems.walks import accuracy_of, softened

claim = claims("reach")
SWEEPS = 40


@dataclass(frozen=True)
class Additive:
    """Values ``node[j] + target[i]`` of a step, over the next nodes and the end token.

    Attributes
    ----------
    node, target
        Shape ``(n, n+1)`` each: by current node and by target.
    """

    node: np.ndarray
    target: np.ndarray

    def table(self) -> np.ndarray:
        """All values, shape ``(n, n, n+1)``: target, current node, next token."""
        return additive(self.node, self.target)


def goal(graph: PlanningGraph, values: np.ndarray) -> Additive:
    """What a sweep of process reward asks for, given the values ``(n, n)`` of nodes by target.

    A step is worth ``A[j, k] - 1`` and the value of ``k``, or 1 on the target; to end before the
    target costs 1, and no value follows.
    """
    n = graph.n
    following = np.where(np.eye(n, dtype=bool), 1.0, values)  # (i, k)
    end = np.zeros((n, 1))
    return Additive(np.hstack([graph.adjacency - 1.0, end - 1]), np.hstack([following, end]))


def fitted(values: Additive, width: int) -> Additive:
    """Best approximation of rank ``width`` (least squares), all rows off the target alike."""
    a, b = values.node, values.target
    n = len(a)
    # Of the rows a_j + b_i with i != j; n^2 of them, summed without writing them down.
    crossed = np.outer(a.sum(0), b.sum(0)) - a.T @ b
    gram = (n - 1) * (a.T @ a + b.T @ b) + crossed + crossed.T  # (n+1, n+1)
    axes = np.linalg.eigh(gram)[1][:, -width:]  # (n+1, d), the largest last
    return Additive(a @ axes @ axes.T, b @ axes @ axes.T)


def settled(graph: PlanningGraph, width: int, sweeps: int = SWEEPS) -> Additive:
    """Sweep and fit in turn from zeros, each row with the largest of its next values."""
    values = np.zeros((graph.n, graph.n))  # target, node
    for _ in range(sweeps):
        found = fitted(goal(graph, values), width)
        values = found.table()[:, :, :-1].max(-1)
    return found


def best_fit(graph: PlanningGraph, width: int) -> Additive:
    """Best approximation of rank ``width`` of ``A + R - 1`` itself, without a sweep."""
    return fitted(goal(graph, graph.reachability.astype(float)), width)


@dataclass(frozen=True)
class Rows:
    """Values with every row free, of a rank: ``rows @ columns.T``, see :meth:`table`.

    Attributes
    ----------
    rows, columns
        Shapes ``(n * n, d)``, by target and current node, and ``(n+1, d)``.
    """

    rows: np.ndarray
    columns: np.ndarray

    def table(self) -> np.ndarray:
        """All values, shape ``(n, n, n+1)``: target, current node, next token."""
        n = len(self.columns) - 1
        return (self.rows @ self.columns.T).reshape(n, n, n + 1)


def settled_by_visits(
    graph: PlanningGraph, pairs: np.ndarray, width: int, q: QLearningConfig, rng, sweeps: int = 8
) -> Rows:
    """Sweep and fit in turn, each entry weighed by how often Q-learning's own steps would meet it.

    The fit alternates between rows and columns (two rounds a sweep), each a weighted least squares.
    """
    n = graph.n
    found = Rows(np.zeros((n * n, width)), rng.normal(size=(n + 1, width)) / width**0.5)
    least = 1e-6 * np.eye(width)  # for rows and columns that are never met
    for _ in range(sweeps):
        table = found.table()
        policy = (1 - q.epsilon) * softened(table, q.temperature)
        policy[:, :, :-1] += q.epsilon / n
        # The end token ends a sequence: on go the others.
        met = expected_visits(policy[:, :, :-1], pairs, q.max_length - PROMPT)[..., None] * policy
        w = q.batch_size * met.reshape(n * n, n + 1)  # (n^2, n+1)
        wanted = goal(graph, table[:, :, :-1].max(-1)).table().reshape(n * n, n + 1)
        u, v = found.rows, found.columns
        for _ in range(2):
            squares = (v[:, :, None] * v[:, None]).reshape(n + 1, -1)  # (n+1, d*d)
            normal = (w @ squares).reshape(-1, width, width) + least
            u = np.linalg.solve(normal, ((w * wanted) @ v)[:, :, None])[:, :, 0]
            normal = np.stack([(u * weight[:, None]).T @ u for weight in w.T]) + least
            v = np.linalg.solve(normal, ((w * wanted).T @ u)[:, :, None])[:, :, 0]
        found = Rows(u, v)
    return found


def right_step(graph: PlanningGraph, values: Additive | Rows) -> float:
    """Mean value of a right step, over the rows of problems."""
    targets, nodes = graph.problem_rows()
    right = graph.adjacency[nodes] & graph.reachability[targets]  # (m, n)
    return float(values.table()[targets, nodes, :-1][right].mean())


def planned(
    graph: PlanningGraph, values: Additive | Rows, temperature: float, steps: int, pairs
) -> float:
    """Share of problems planned when the values are sampled at ``temperature``, the end token too."""
    policy = softened(values.table(), temperature)[:, :, :-1]
    return accuracy_of(graph, policy, steps, pairs)


# --- exhaustive: where the sweeps settle ---------------------------------------------------------


@dataclass(frozen=True)
class Settles:
    """Where values of a rank settle: too low if it is a quarter of the nodes, right if it is ``enough``."""

    narrow: Callable[[PlanningGraph, int], Additive] = settled
    enough: float = 1.0  # of the nodes and the end token


@claim(
    "rank",
    "exhaustive",
    Settles(),
    {
        "a best fit alone is as low": Settles(narrow=best_fit),
        "half of the nodes are enough": Settles(enough=0.5),
    },
)
def _rank(stated: Settles, size: str) -> Finding:
    """Sweeps fitted with a quarter of the nodes as rank settle below -1 for a right step; with as many as nodes, at 1."""
    low, right = [], []
    for name in REACH_GRAPHS if size == "full" else ("50 nodes", "60 nodes"):
        graph = parse_graph(REACH_GRAPHS[name])
        low.append(right_step(graph, stated.narrow(graph, graph.n // 4)))
        enough = round(stated.enough * (graph.n + 1))
        right.append(right_step(graph, settled(graph, enough)))
    return decide(
        max(low) < -1 and min(right) > 1 - 1e-9,
        f"at most {max(low):.2f} with a quarter; {min(right):.2f} or more with enough",
        f"every row of {len(low)} graphs, all weighed alike, {SWEEPS} sweeps from zeros, least squares by the largest eigenvectors, float64",
    )


# --- statistical: the same, weighed by visits -----------------------------------------------------

NARROWEST = REACH_WIDTHS[0]
RANK_SEEDS = range(4, 7)  # of splits and starts; 1 was looked at before


def by_visits(task: Task, q: QLearningConfig, seed: int) -> Rows:
    """Ours: each entry counts as often as it is met, and every row is free."""
    pairs = task.split.prompt_pairs
    return settled_by_visits(task.graph, pairs, NARROWEST, q, np.random.default_rng(seed))


def alike(task: Task, q: QLearningConfig, seed: int) -> Additive:
    """Mistake: that all rows count alike changes nothing."""
    return settled(task.graph, NARROWEST)


@claim(
    "rank-visits",
    "statistical",
    by_visits,
    {"all rows alike as well": alike},
    seeds=tuple(RANK_SEEDS),
    fixed="after other seeds",
)
def _rank_visits(how: Callable, size: str) -> Finding:
    """Where each entry counts as often as it is met, and every row is free, rank 16 plans more than 0.9 on 60 nodes."""
    shares = []
    for seed in RANK_SEEDS:
        config = reach_widths(reach_base("60 nodes", seed))[f"Q, process, {NARROWEST} wide"]
        task = make_task(config)
        values = how(task, config.q, seed)
        test = task.split.test_pairs
        shares.append(planned(task.graph, values, READ_OUT, config.q.max_length, test))
    found = estimate(shares, least=0.9)
    return decide(
        True,
        f"{found:.3f}, margin: above 0.9",
        f"60 nodes, {len(shares)} splits and starts, 8 sweeps; visits of Q-learning's behaviour from training problems, alternating least squares",
        found,
    )


# --- transformers --------------------------------------------------------------------------------


def _ends(method: str, **bounds: float) -> Gap:
    return Gap(Point(method, "test_accuracy", END), **bounds)


_by_width = claims_on(
    "reach", reach_widths, reach_base("60 nodes"), "60 nodes, one layer", tuple(REACH_SEEDS)
)
_narrowest = claims_on(
    "reach", reach_narrow, reach_base("60 nodes"), "60 nodes, one layer", tuple(REACH_NARROW_SEEDS)
)
_largest = claims_on(
    "reach", reach_wide, reach_base("200 nodes"), "200 nodes, one layer", tuple(REACH_GRAPH_SEEDS)
)

CHECKS = (
    _rank,
    _rank_visits,
    _by_width(
        "narrow",
        "On 60 nodes, 16 wide, Q-learning on process reward ends below policy gradient, by over 0.3.",
        apart("PG, 16 wide", "Q, process, 16 wide", "test_accuracy", at=END, least=0.3),
        {
            "48 wide as well": apart(
                "PG, 48 wide", "Q, process, 48 wide", "test_accuracy", at=END, least=0.3
            )
        },
        fixed="before any run",
        successor="narrow-fresh",
    ),
    _narrowest(
        "narrow-fresh",
        "On 60 nodes, 16 wide, it plans less than 0.9 of the test problems.",
        _ends("Q, process, 16 wide", most=0.9),
        {"32 wide as well": _ends("Q, process, 32 wide", most=0.9)},
        fixed="after other seeds",
    ),
    _by_width(
        "wide-enough",
        "On 60 nodes, 48 wide, it plans more than 0.9 of the test problems.",
        _ends("Q, process, 48 wide", least=0.9),
        {"16 wide as well": _ends("Q, process, 16 wide", least=0.9)},
        fixed="before any run",
        successor="wide-enough-fresh",
    ),
    _narrowest(
        "wide-enough-fresh",
        "On 60 nodes, 48 wide, it plans more than 0.9 of the test problems: on more seeds.",
        _ends("Q, process, 48 wide", least=0.9),
        {"16 wide as well": _ends("Q, process, 16 wide", least=0.9)},
        fixed="after other seeds",
    ),
    _largest(
        "wider",
        f"On 200 nodes, {REACH_WIDE} wide, Q-learning on process reward plans more than 0.9 of the test problems.",
        _ends(f"{REACH_WIDE} wide", least=0.9),
        {"64 wide as well": _ends("64 wide", least=0.9)},
        fixed="before any run",
        successor="wider-slower",
    ),
    # SFT had learned nothing at that width: a rate for the narrow network was none for the wide.
    _largest(
        "wider-slower",
        f"On 200 nodes, {REACH_WIDE} wide, at a third of the rates, it plans more than 0.9.",
        _ends(f"{REACH_WIDE} wide, slower", least=0.9),
        {"64 wide as well": _ends("64 wide, slower", least=0.9)},
        fixed="after other seeds",
        successor="wider-seen",
    ),
    _largest(
        "wider-seen",
        f"On 200 nodes, {REACH_WIDE} wide, at a third of the rates, it plans less than 0.1, where SFT planned.",
        _ends(f"{REACH_WIDE} wide, slower", most=0.1),
        {"so did SFT": Gap(Point(f"{REACH_WIDE} wide, slower", "test_accuracy", FIRST), most=0.1)},
        fixed="after all seeds",
    ),
)
