"""What a graph, training paths and settings come to, target by target: no training, no ``n**3`` array.

Everything that the theorems speak of belongs to one target: its rows, their counts, its walks.  So
one pass over targets measures two tables, a line a problem and a line a row, from which all
predictions are read.  Of a large graph (:func:`is_small`) some targets are drawn, with chances in
proportion to their problems, so that the mean of a target's mean is that over all problems.

=========================  =========================================  ==================
symbol                     here                                       shape
=========================  =========================================  ==================
N(i, j, k)                 ``Toward.counts``                          an entry each
A R                        ``Toward.correct``                         an entry each
d(i, j)                    ``rows["visits"]``                         (rows,)
=========================  =========================================  ==================

Source: Wang et al., arXiv 2509.22613, section 3; walks and values as in :mod:`theorems.walks`.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from tqdm import tqdm

from planlib.graph import PlanningGraph
from planlib.task import PROMPT, Split, random_paths
from theorems.judge_reach import values_at

MOST, MOST_NODES = 150_000, 2_000  # problems and nodes up to which every target is measured
FEWEST_DRAWN, MOST_DRAWN = 40, 400  # targets that are drawn beyond them
PROBLEMS_DRAWN = 50_000  # about as many problems, between these
SAMPLES, A_ROLE = 100, 1  # walks whose distinct paths are counted; problems of a role and target
ROLES = ("edge", "path", "asked", "test", "none")
EDGE, PATH, ASKED, TEST, NONE = range(5)
ROUNDING = 1e-12  # of sums of chances
DISCOUNTS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


def is_small(graph: PlanningGraph) -> bool:
    """Whether every target is measured; else some are drawn."""
    problems = int(graph.reachability[graph.targets].sum()) - len(graph.targets)
    return problems <= MOST and graph.n <= MOST_NODES


@dataclass(frozen=True)
class Toward:
    """All that is known of one target before anything is measured.

    Attributes
    ----------
    target
        The node.
    alive
        Nodes that can reach it, itself among them, shape ``(n,)`` bool.
    role
        Of the problem from each node: an index of :data:`ROLES`, shape ``(n,)``.
    distance
        Steps of the shortest path from each node, infinite without one, shape ``(n,)``.
    correct
        Steps ``(current, next)`` of ``A R`` off the target, two arrays of one shape.
    counts
        ``current, next, count`` of the training paths toward it; None where there are none to
        count, because they were not made.
    """

    target: int
    alive: np.ndarray
    role: np.ndarray
    distance: np.ndarray
    correct: tuple[np.ndarray, np.ndarray]
    counts: tuple[np.ndarray, np.ndarray, np.ndarray] | None

    @property
    def sources(self) -> np.ndarray:
        """Nodes from which it is asked for: problems, and rows of tables."""
        alive = self.alive.copy()
        alive[self.target] = False
        return np.flatnonzero(alive)

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.alive)

    def matrix(self, weights: object, steps=None) -> sparse.csr_array:
        """A matrix ``(n, n)`` of weights on the correct steps, or on others that are given."""
        j, k = self.correct if steps is None else steps
        values = np.broadcast_to(np.asarray(weights, dtype=float), j.shape)
        return sparse.csr_array((values, (j, k)), shape=(self.n, self.n))

    def arrives(self, walk: sparse.csr_array, steps: int, free=None) -> np.ndarray:
        """Chance to arrive within ``steps`` along a walk's legal steps from each node: ``(n,)``.

        ``free`` are nodes from which it counts as certain.
        """
        now = np.zeros(self.n)
        for _ in range(steps):
            now[self.target] = 1.0
            if free is not None:
                now[free] = 1.0
            new = walk @ now
            if np.abs(new - now)[self.sources].max(initial=0) < 1e-15:
                break
            now = new
        now[self.target] = 1.0
        if free is not None:
            now[free] = 1.0
        now[now > 1 - ROUNDING] = 1.0
        return now

    def paths(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """How many correct paths of at most ``steps`` lead here from each node, and the longest.

        Both of shape ``(n,)``; counts in floats, exact below ``2**53``, infinite beyond 1e308.
        """
        walk, now = self.matrix(1.0), np.eye(1, self.n, self.target)[0]
        total, longest = np.zeros(self.n), np.zeros(self.n, dtype=int)
        for length in range(1, steps + 1):
            with np.errstate(over="ignore", invalid="ignore"):
                now = np.nan_to_num(walk @ now, nan=np.inf, posinf=np.inf)
            if not now.any():
                break
            total, longest = total + now, np.where(now > 0, length, longest)
        return total, longest

    def visits(self, walk: sparse.csr_array, start: np.ndarray, steps: int) -> np.ndarray:
        """Expected visits on so far legal paths from a start law ``(n,)``: ``(n,)``."""
        now, total, back = start.astype(float).copy(), np.zeros(self.n), walk.T.tocsr()
        for _ in range(steps):
            now[self.target] = 0.0
            if now.sum() < 1e-15:
                break
            total += now
            now = back @ now
        return total

    def tie_walk(self) -> sparse.csr_array:
        """The walk that takes each correct step with the same chance (the tie at ``A + R - 1``)."""
        j = self.correct[0]
        return self.matrix(1 / np.bincount(j, minlength=self.n)[j])

    def value_walk(
        self, edges, worth: np.ndarray, temperature: float, legal=0.0, illegal=1.0
    ) -> sparse.csr_array:
        """The legal steps of ``softmax(f / temperature)``, ``f = worth[k] - legal or illegal``.

        Parameters
        ----------
        edges
            All edges ``(current, next)`` of the graph, two arrays.
        worth
            What each next node is worth, 1 at the target: shape ``(n,)``.
        """
        j, k = edges
        top = worth.max() - min(legal, illegal)
        right = np.exp((worth - legal - top) / temperature)  # (n,)
        wrong = np.exp((worth - illegal - top) / temperature)
        total = wrong.sum() + np.bincount(j, right[k] - wrong[k], minlength=self.n)
        kept = j != self.target
        return self.matrix(right[k[kept]] / total[j[kept]], (j[kept], k[kept]))

    def discounted(self, discount: float) -> np.ndarray:
        """What each next node is worth with process reward: ``discount^distance``, 0 without a way."""
        return np.where(self.alive, discount ** np.where(self.alive, self.distance, 0), 0.0)

    def judged(self, alpha: float, beta: float) -> np.ndarray:
        """What each next node is worth to a noisy judge, part (a) of its chapter."""
        worth = values_at(self.distance, alpha, beta)
        worth[self.target] = 1.0
        return worth

    def table(self) -> tuple[sparse.csr_array, np.ndarray]:
        """Theorem 3.1's table at legal steps: frequencies, uniform where no path went (zero start).

        Returns
        -------
        tuple
            The walk, and which rows are visited, ``(n,)`` bool.
        """
        j, k, count = self.counts
        total = np.bincount(j, count, minlength=self.n)
        blank = total[self.correct[0]] == 0
        steps = (
            np.concatenate([j, self.correct[0][blank]]),
            np.concatenate([k, self.correct[1][blank]]),
        )
        weights = np.concatenate([count / total[j], np.full(blank.sum(), 1 / self.n)])
        return self.matrix(weights, steps), total > 0


def cycles_off(adjacency: sparse.csr_array, target: int) -> np.ndarray:
    """Nodes on a legal cycle that avoids the target: shape ``(n,)`` bool."""
    kept = np.arange(adjacency.shape[0]) != target
    rest = adjacency[kept][:, kept]
    label = csgraph.connected_components(rest, connection="strong")[1]
    found = np.zeros(len(kept), dtype=bool)
    found[kept] = np.bincount(label)[label] > 1  # there are no loops
    return found


def leading_to(adjacency: sparse.csr_array, nodes: np.ndarray, target: int) -> np.ndarray:
    """Nodes that lead to some of ``nodes`` by legal steps off the target, these among them: ``(n,)`` bool."""
    now = nodes
    while True:
        new = now | (adjacency @ now.astype(float) > 0)
        new[target] = False
        if (new == now).all():
            return now
        now = new


@dataclass
class Measured:
    """Two tables, columns by name: one entry a problem, and one a row with its problem.

    A row ``(target, current)`` off the target that can reach it is at once the problem from that
    node, so both have one shape ``(m,)``.
    """

    graph: PlanningGraph
    whole: bool  # every target, or some of them
    total: int  # problems of the graph
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    two: dict[str, np.ndarray] = field(default_factory=dict)  # rows with two steps shown
    draw: np.ndarray | None = None  # (m,) which draw of a target it belongs to
    prompts: float = 0.0  # how many RL has
    sequences: float = 0.0  # how many SFT has
    targets: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def has(self, *roles: int) -> np.ndarray:
        """Which problems have one of these roles: shape ``(m,)`` bool."""
        return np.isin(self.columns["role"], roles)

    @functools.cached_property
    def asked(self) -> np.ndarray:
        """Prompts of reinforcement learning."""
        return self.has(EDGE, PATH, ASKED)


class Source:
    """Hands out one :class:`Toward` after the other, from a split that is made whole or in part.

    Parameters
    ----------
    graph, split, data
        As for training; ``split`` None draws roles and paths for each target instead, without
        paths where the graph has cycles (walks toward a target take about ``n`` steps there).
    settings
        Shares and seeds, see :class:`theorems.predict.Settings`.
    """

    def __init__(self, graph: PlanningGraph, split: Split | None, data, settings):
        self.graph, self.split, self.settings = graph, split, settings
        self.adjacency = sparse.csr_array(graph.adjacency.astype(float))
        self.edges = tuple(x.astype(np.int64) for x in np.nonzero(graph.adjacency))
        self.reach = graph.reachability
        asked = self.reach[graph.targets].sum(1) - 1
        self.total = int(asked.sum())
        self.whole = is_small(graph)
        rng = np.random.default_rng(settings.seed)
        if self.whole:
            self.targets = graph.targets[asked > 0]
        else:
            typical = (asked.astype(float) ** 2).sum() / asked.sum()  # of a target so drawn
            number = int(np.clip(PROBLEMS_DRAWN / typical, FEWEST_DRAWN, MOST_DRAWN))
            self.targets = rng.choice(graph.targets, number, p=asked / asked.sum())
        self.counts = None if data is None else _by_target(data, graph.n)
        self.sequences = 0 if data is None else len(data)
        if split is not None:
            self.role = np.full((graph.n, graph.n), NONE, dtype=np.int8)  # (target, source)
            for role, pairs in (
                (EDGE, split.edge_pairs),
                (PATH, split.path_pairs),
                (ASKED, split.asked_pairs),
                (TEST, split.test_pairs),
            ):
                self.role[pairs[:, 1], pairs[:, 0]] = role
        far = csgraph.shortest_path(
            self.adjacency.T.tocsr(), unweighted=True, indices=np.unique(self.targets)
        )
        self.far = dict(zip(np.unique(self.targets).tolist(), far, strict=True))

    @property
    def makes_paths(self) -> bool:
        """Whether there is something to count."""
        return self.split is not None or self.graph.is_acyclic

    def toward(self, target: int) -> Toward:
        """What is known of one target."""
        alive, far = self.reach[target], self.far[int(target)]
        j, k = self.edges
        right = alive[j] & alive[k] & (j != target)
        if self.split is not None:
            role = np.where(alive, self.role[target], NONE)
            counts = self.counts.get(int(target), _nothing())
        else:
            role = self._draw_roles(target, alive, far)
            counts = self._draw_counts(target, role) if self.makes_paths else None
        return Toward(int(target), alive, role, far, (j[right], k[right]), counts)

    def _draw_roles(self, target: int, alive, far) -> np.ndarray:
        s, rng = self.settings, np.random.default_rng([self.settings.seed, int(target)])
        near = np.ones(len(alive), dtype=bool)
        if s.within is not None:
            stage = self.graph.stages
            near = (far if stage is None else stage[target] - stage) <= s.within
        role = np.full(len(alive), TEST, dtype=np.int8)
        taken = rng.random(len(alive)) < s.train_fraction
        role[near & taken] = PATH
        if s.within is not None:
            role[near & ~taken] = NONE
        role[(role == TEST) & (rng.random(len(alive)) < s.asked)] = ASKED
        role[self.graph.adjacency[:, target]] = EDGE
        role[~alive], role[target] = NONE, NONE
        return role

    def _draw_counts(self, target: int, role) -> tuple:
        rng = np.random.default_rng([self.settings.seed, int(target), 1])
        pairs = np.repeat(np.flatnonzero(role == PATH), self.settings.paths_per_pair)
        pairs = np.stack([pairs, np.full(len(pairs), target)], 1)
        paths = random_paths(self.graph, pairs, rng) if len(pairs) else []
        paths += [(int(s), int(target)) for s in np.flatnonzero(role == EDGE)]
        steps = [step for path in paths for step in itertools.pairwise(path)]
        return _counted(np.array(steps).reshape(-1, 2), self.graph.n)

    def __iter__(self) -> Iterator[Toward]:
        for target in self.targets:
            yield self.toward(target)


def _nothing() -> tuple:
    return (np.empty(0, dtype=np.int64),) * 3


def _counted(steps: np.ndarray, n: int) -> tuple:
    codes, count = np.unique(steps[:, 0] * n + steps[:, 1], return_counts=True)
    return codes // n, codes % n, count


def _by_target(data: np.ndarray, n: int) -> dict[int, tuple]:
    """Count the steps of training sequences ``(N, L)``: by target, current, next and count."""
    target = np.broadcast_to(data[:, 1:2], data.shape)[:, PROMPT - 1 : -1]
    current, following = data[:, PROMPT - 1 : -1], data[:, PROMPT:]
    step = (current < n) & (following < n)
    codes = (target[step] * n + current[step]) * n + following[step]
    codes, count = np.unique(codes, return_counts=True)
    targets, rest = codes // (n * n), codes % (n * n)
    first = np.flatnonzero(np.diff(targets, prepend=-1))
    return {
        int(targets[a]): (rest[a:b] // n, rest[a:b] % n, count[a:b])
        for a, b in zip(first, [*first[1:], len(targets)], strict=True)
    }


def measure(source: Source, settings, read_out: float, progress: bool = False) -> Measured:
    """Measure every target that ``source`` hands out, or those drawn.

    Parameters
    ----------
    read_out
        Temperature at which action values are sampled.
    progress
        Whether a bar shows how far it is.
    """
    graph, steps = source.graph, settings.steps
    made = Measured(graph, source.whole, source.total)
    split = source.split
    if split is not None:
        made.prompts = float(len(split.prompt_pairs))
        made.sequences = float(source.sequences)
    else:
        share = settings.train_fraction
        edges = len(source.edges[0])
        made.prompts = edges + (source.total - edges) * (share + (1 - share) * settings.asked)
        made.sequences = edges + (source.total - edges) * share * settings.paths_per_pair
    parts, two, targets, draws = [], [], [], []
    bar = tqdm(source, total=len(source.targets), desc="targets", disable=not progress)
    for draw, toward in enumerate(bar):
        part, pairs = _measured(source, toward, settings, steps, read_out, made)
        cycle = cycles_off(source.adjacency, toward.target)
        circles = leading_to(source.adjacency, cycle, toward.target)
        part |= {
            "circles": circles[toward.sources],
            "cycle": np.full(len(part["role"]), cycle.any()),
        }
        parts.append(part)
        two.append(pairs)
        draws.append(np.full(len(part["role"]), draw))
        targets.append(_of_target(toward, cycle))
    made.columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    made.two = {name: np.concatenate([p[name] for p in two]) for name in two[0]} if two[0] else {}
    made.targets = {name: np.array([t[name] for t in targets]) for name in targets[0]}
    made.draw = np.concatenate(draws)
    return made


def _of_target(toward: Toward, cycle: np.ndarray) -> dict[str, float]:
    """Of one target: whether a cycle avoids it, and the highest constant start that is safe."""
    highest = np.inf if not cycle.any() else float(toward.alive[cycle].all())
    return {"cycle": cycle.any(), "start": highest, "target": toward.target}


def _measured(source, toward: Toward, settings, steps: int, read_out: float, made) -> tuple:
    """Measure the columns of one target's problems, and of its rows with two steps shown."""
    at, n, q = toward.sources, toward.n, settings.q
    number, longest = toward.paths(n - 1 if source.graph.is_acyclic else steps)
    found = {
        "target": np.full(len(at), toward.target),
        "source": at,
        "role": toward.role[at],
        "distance": toward.distance[at],
        "choices": np.bincount(toward.correct[0], minlength=n)[at],
        "paths": number[at],
        "longest": longest[at],
        "tie": toward.arrives(toward.tie_walk(), steps)[at],
    }
    for discount in sorted({1.0, q.discount, *DISCOUNTS}):
        walk = toward.value_walk(source.edges, toward.discounted(discount), read_out)
        found[f"discount {discount:g}"] = toward.arrives(walk, steps)[at]
    # Outcome reward: any node alike where errors go on; A R, read out, where they end the episode.
    found["blind"] = toward.arrives(toward.matrix(1 / n), steps)[at]
    ways = np.bincount(toward.correct[0], minlength=n)[toward.correct[0]]
    walk = toward.matrix(1 / (ways + (n - ways) * np.exp(-1 / read_out)))
    found["ended"] = toward.arrives(walk, steps)[at]
    worth = toward.judged(q.false_alarm, q.detection)
    walk = toward.value_walk(source.edges, worth, read_out, q.false_alarm, q.detection)
    found["judged"] = toward.arrives(walk, steps)[at]
    if toward.counts is None:
        return found, {}
    table, visited = toward.table()
    prompt = np.isin(toward.role, (EDGE, PATH, ASKED)) / made.prompts
    visits = toward.visits(table, prompt, steps)
    low = table.multiply(visited[:, None]).tocsr()
    j, _, count = toward.counts
    total = np.bincount(j, count, minlength=n)
    shown = np.bincount(j, minlength=n)
    square, cube, most = np.zeros(n), np.zeros(n), np.zeros(n)
    share = count / total[j]
    np.add.at(square, j, share**2)
    np.add.at(cube, j, share**3)
    np.maximum.at(most, j, share)
    tied = np.bincount(j[share > most[j] - 1e-12], minlength=n)
    found |= {
        "table": toward.arrives(table, steps)[at],
        "table low": toward.arrives(low, steps)[at],
        "table high": toward.arrives(low, steps, free=np.flatnonzero(~visited))[at],
        "visited": visited[at],
        "count": total[at],
        "shown": shown[at],
        "tied": tied[at],
        "most": most[at],
        "visits": visits[at],
        "square": square[at],
        "cube": cube[at],
    }
    found["distinct"] = _distinct(toward, table, at, steps, settings.seed)
    pairs = (shown == 2) & (visits > 0)
    return found, {"favourite": most[pairs], "visits": visits[pairs]}


def _distinct(toward: Toward, table: sparse.csr_array, at, steps: int, seed: int) -> np.ndarray:
    """Distinct correct paths among 100 walks from a few problems, NaN for the others: ``(m,)``."""
    rng, found = np.random.default_rng([seed, toward.target, 2]), np.full(len(at), np.nan)
    rows: dict[int, tuple[list, list]] = {}

    def row(j: int) -> tuple[list, list]:
        if j not in rows:
            part = slice(table.indptr[j], table.indptr[j + 1])
            sums = table.data[part].cumsum()
            sums[sums > 1 - ROUNDING] = 1.0
            rows[j] = sums.tolist(), table.indices[part].tolist()
        return rows[j]

    for role in (EDGE, PATH, TEST):
        chosen = np.flatnonzero(toward.role[at] == role)
        for problem in rng.permutation(chosen)[:A_ROLE]:
            paths = set()
            for _ in range(SAMPLES):
                path = [int(at[problem])]
                while path[-1] != toward.target and len(path) <= steps:
                    sums, following = row(path[-1])
                    step = bisect.bisect_right(sums, rng.random())
                    if step == len(sums):  # what is left of the row are illegal steps
                        break
                    path.append(following[step])
                if path[-1] == toward.target:
                    paths.add(tuple(path))
            found[problem] = len(paths)
    return found
