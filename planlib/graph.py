"""Planning graphs: adjacency, reachability, correct next nodes, paths.

A node is an integer ``0 .. n-1``.  ``adjacency[j, k]`` says that the step from
``j`` to ``k`` is legal; ``reachability[i, k]`` says that target ``i`` can be
reached from ``k``.  All quantities are dimensionless.

Source: Wang et al., arXiv 2509.22613, section 3 (setting).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import networkx as nx
import numpy as np

from planlib import countdown as rules
from planlib import files
from planlib.sparse import ByTarget, Edges

DENSE = 10_000  # most nodes of which matrices are kept, a byte a pair; beyond that edges alone


class InputError(ValueError):
    """Bad input, refused before any work starts.

    Names the argument, what was expected and what came instead, so that the
    message alone is enough to mend the call.
    """

    def __init__(self, argument: str, expected: str, got: object):
        self.argument, self.expected, self.got = argument, expected, got
        super().__init__(f"{argument}: expected {expected}, got {got}")

    def __reduce__(self):
        return type(self), (self.argument, self.expected, self.got)  # it crosses processes


class GraphError(InputError):
    """The adjacency matrix, the graph's name or its file does not describe a planning graph."""


def check_one_of(argument: str, value: object, known: Collection) -> None:
    """Refuse a value that is none of those known, and name them."""
    if value not in known:
        raise InputError(argument, f"one of {known}", repr(value))


def plain_number(argument: str, value: object, kind: type) -> object:
    """Return a setting as a plain Python number of one kind: ``int``, ``float`` or ``bool``.

    Numbers of numpy (and of torch) without a dimension count as numbers, and an integer as a
    float where a float is asked for, so that equal settings have one spelling.

    Raises
    ------
    InputError
        If it is another kind of thing (a bool is no number), NaN or infinite.
    """
    plain = value.item() if getattr(value, "ndim", None) == 0 else value
    accepted = {int: (int,), float: (int, float), bool: (bool,)}[kind]
    good = isinstance(plain, accepted) and (kind is bool or not isinstance(plain, bool))
    if not good or (kind is float and not -math.inf < plain < math.inf):
        expected = {int: "an integer", float: "a finite number", bool: "True or False"}[kind]
        raise InputError(argument, expected, repr(value))
    return plain if kind is bool else kind(plain) + kind(0)  # -0.0 is 0.0


def plain_fields(config: object) -> None:
    """Put :func:`plain_number` to each number of a (frozen) dataclass, by its declared kind.

    To be called in ``__post_init__``, in a module whose annotations are strings
    (``from __future__ import annotations``).
    """
    for field in fields(config):
        kind = {"int": int, "float": float, "bool": bool}.get(field.type.partition(" ")[0])
        value = getattr(config, field.name)
        if kind and not (value is None and "None" in field.type):
            object.__setattr__(config, field.name, plain_number(field.name, value, kind))


class PlanningGraph:
    """A directed graph without self-loops whose nodes are the tokens of a planning task.

    Parameters
    ----------
    adjacency
        Square matrix of shape ``(n, n)``, ``n >= 2``, entries 0/1 or bool,
        zero diagonal; ``adjacency[j, k]`` is the legal step ``j -> k``.  Or
        :class:`planlib.sparse.Edges`, which stay what they are on more than :data:`DENSE` nodes.
    name
        How the graph is named in records; see :func:`parse_graph`.
    labels
        One label a node (for Blocksworld the state); the node's number if not given.
    stages
        The stage of each node, where there are stages (:func:`staged`); no edge goes back.
    targets
        The nodes that problems ask for (:func:`countdown`); all if not given.
    posed
        Problems ``(source, target)`` that came with the graph and are kept for testing
        (:func:`planlib.task.split_pairs`); none if not given.

    Raises
    ------
    GraphError
        If the matrix is not square, empty, smaller than 2, has entries other
        than 0 and 1 (NaN included) or a self-loop; or a target or a posed problem has no such node.
    """

    def __init__(
        self,
        adjacency: object,
        name: str = "unnamed",
        labels: Sequence | None = None,
        stages: Sequence[int] | None = None,
        targets: Sequence[int] | None = None,
        posed: Sequence[tuple[int, int]] = (),
    ):
        sparse = isinstance(adjacency, Edges) and len(adjacency) > DENSE
        a = adjacency if sparse else np.asarray(adjacency)
        if a.ndim != 2 or a.shape[0] != a.shape[1]:
            raise GraphError("adjacency", "a square matrix", f"an array of shape {a.shape}")
        if a.shape[0] < 2:
            raise GraphError("adjacency", "at least 2 nodes", f"{a.shape[0]}")
        if not sparse:
            if a.dtype.kind not in "biuf" or not np.isin(a, (0, 1)).all():
                raise GraphError("adjacency", "entries 0 and 1 only", "other values (or NaN)")
            a = a.astype(bool)
            a.setflags(write=False)
        nodes = np.arange(len(a))
        loops = np.flatnonzero(a[nodes, nodes])
        if loops.size:
            raise GraphError("adjacency", "no self-loops", f"one at node {loops[0]}")
        if labels is not None and len(labels) != len(a):
            raise GraphError("labels", f"{len(a)} labels", f"{len(labels)}")
        self.adjacency = a  # (n, n) bool
        self.is_dense = not sparse
        self.n = len(a)
        self.name = name
        self.labels = tuple(range(self.n)) if labels is None else tuple(labels)
        self.stages = None if stages is None else np.asarray(stages)  # (n,)
        wanted = np.arange(self.n) if targets is None else np.unique(np.asarray(targets, int))
        if not wanted.size or wanted[0] < 0 or wanted[-1] >= self.n:
            raise GraphError("targets", f"nodes 0 to {self.n - 1}", targets)
        self.targets = wanted  # (targets,)
        self.posed = np.asarray(posed, int).reshape(-1, 2)  # (posed, 2)
        if ((self.posed < 0) | (self.posed >= self.n)).any():
            raise GraphError("posed", f"pairs of nodes 0 to {self.n - 1}", posed)

    def __repr__(self) -> str:
        return f"PlanningGraph({self.name!r}, n={self.n}, edges={int(self.adjacency.sum())})"

    @classmethod
    def from_networkx(cls, graph: nx.Graph, name: str = "networkx") -> PlanningGraph:
        """Make a planning graph of a networkx graph; an undirected edge counts both ways.

        Nodes keep the graph's own order and their names as labels.
        """
        if graph.number_of_nodes() == 0:
            raise GraphError("graph", "at least 2 nodes", "0")
        number = {node: k for k, node in enumerate(graph.nodes)}
        pairs = [(number[a], number[b]) for a, b in graph.to_directed().edges()]
        return cls(Edges(len(number), pairs), name=name, labels=list(number))

    def to_networkx(self) -> nx.DiGraph:
        """Return the same graph for networkx, nodes ``0 .. n-1``."""
        made = nx.DiGraph()
        made.add_nodes_from(range(self.n))
        made.add_edges_from(zip(*(ends.tolist() for ends in self.adjacency.nonzero()), strict=True))
        return made

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the edges and the labels; two graphs that differ in either differ here."""
        labels = json.dumps([self.n, *map(str, self.labels)])
        edges = np.packbits(self.adjacency) if self.is_dense else self.adjacency.codes
        return hashlib.sha256(labels.encode() + edges.tobytes()).hexdigest()

    @cached_property
    def reachability(self) -> np.ndarray | ByTarget:
        """Shape ``(n, n)`` bool: ``reachability[i, k]`` iff target ``i`` is reachable from ``k``.

        Warshall's closure on rows packed eight nodes to the byte: about
        ``n**3 / 8`` bit operations, and ``n**2 / 8`` bytes of memory.  On more than
        :data:`DENSE` nodes a target at a time, when it is asked for.
        """
        if not self.is_dense:
            return self.adjacency.reaches()
        rows = np.packbits(self.adjacency | np.eye(self.n, dtype=bool), axis=1)  # (n, n/8)
        for k in range(self.n):
            through_k = (rows[:, k >> 3] >> (7 - (k & 7))) & 1
            rows[through_k.astype(bool)] |= rows[k]
        reach = np.unpackbits(rows, axis=1, count=self.n).astype(bool).T.copy()
        reach.setflags(write=False)
        return reach

    @cached_property
    def is_acyclic(self) -> bool:
        """Whether the graph has no directed cycle."""
        if not self.is_dense:
            return self.adjacency.is_acyclic
        mutual = self.reachability & self.reachability.T
        return int(mutual.sum()) == self.n

    @cached_property
    def longest_paths(self) -> np.ndarray | ByTarget:
        """Shape ``(n, n)`` int64: ``[i, k]`` is the most edges of a path from ``k`` to target ``i``.

        -1 where there is no path.

        Raises
        ------
        GraphError
            If the graph has cycles: a path may then go round as often as it likes.
        """
        if not self.is_acyclic:
            raise GraphError("longest_paths", "a graph without cycles", repr(self))
        if not self.is_dense:
            return self.adjacency.longest()
        longest = np.full((self.n, self.n), -1)  # (current, target)
        for k in np.argsort(self.reachability.sum(0)):  # a node reaches more than its followers do
            onward = longest[self.adjacency[k]].max(0, initial=-1)
            longest[k] = np.where(onward < 0, -1, onward + 1)
            longest[k, k] = 0
        longest.setflags(write=False)
        return longest.T

    @property
    def longest_path(self) -> int | None:
        """Number of edges of the longest path; None on a graph with cycles, where none is."""
        if not self.is_dense and self.is_acyclic:
            return sum(1 for _ in self.adjacency.back_from(np.arange(self.n))) - 1
        return int(self.longest_paths.max()) if self.is_acyclic else None

    def correct_next(self, targets: object, nodes: object) -> np.ndarray:
        """Correct-next mask: for each (target ``i``, current ``j``) the set ``C(i, j)``.

        Parameters
        ----------
        targets, nodes
            Integer arrays of one shape (or broadcastable), values ``0 .. n-1``.

        Returns
        -------
        numpy.ndarray
            Shape ``(*batch, n)`` bool: ``[..., k]`` iff ``j -> k`` is legal and
            ``i`` is reachable from ``k``.  Only the rows asked for are built:
            no array of ``n**3`` entries.
        """
        return self.adjacency[np.asarray(nodes)] & self.reachability[np.asarray(targets)]

    def correct_nodes(self, target: int, node: int) -> np.ndarray:
        """The set ``C(target, node)`` itself: nodes in ascending order."""
        if self.is_dense:
            return np.flatnonzero(self.correct_next(target, node))
        following = self.adjacency.of(node)
        return following[self.reachability.row(target)[following]]

    def reachable_pairs(self) -> np.ndarray:
        """All problems: shape ``(m, 2)`` int64, rows ``(source, target)``, ``source != target``."""
        targets, sources = self.problem_rows()
        order = np.lexsort((targets, sources))
        return np.stack([sources[order], targets[order]], axis=1)

    def problem_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets that problems ask for and nodes that can reach them, both of shape ``(m,)``."""
        found = [np.flatnonzero(self.reachability[i]) for i in self.targets.tolist()]
        targets, nodes = np.repeat(self.targets, [*map(len, found)]), np.concatenate(found)
        return targets[targets != nodes], nodes[targets != nodes]

    def _horizon(self, horizon: int | None) -> int:
        if horizon is None:
            if not self.is_acyclic:
                raise GraphError("horizon", "a number of steps (the graph has cycles)", "None")
            return self.n - 1
        if horizon < 1:
            raise GraphError("horizon", "at least 1 step", horizon)
        return horizon

    def path_counts(self, target: int, horizon: int | None = None) -> list[int]:
        """Exact number of correct paths to ``target`` from each node, at most ``horizon`` steps.

        A correct path stops at its first visit of the target.  On a graph with
        cycles a path may revisit nodes, so a horizon is required there.
        """
        steps = self._horizon(horizon)
        followers = [np.flatnonzero(row).tolist() for row in self.adjacency]
        counts = [int(j == target) for j in range(self.n)]  # paths of at most 0 steps
        for _ in range(steps):
            counts = [
                1 if j == target else sum(counts[k] for k in followers[j]) for j in range(self.n)
            ]
        return counts

    def correct_paths(
        self, source: int, target: int, horizon: int | None = None
    ) -> Iterator[tuple[int, ...]]:
        """Enumerate the correct paths from ``source`` to ``target``, depth first.

        Each path includes both ends and visits the target once, at its end.
        Dead ends are never entered: every branch can still reach the target.
        """
        steps = self._horizon(horizon)

        # A stack, since a path may be longer than Python's recursion goes deep.
        paths = [(source,)] if source != target else []
        while paths:
            path = paths.pop()
            if path[-1] == target:
                yield path
            elif len(path) <= steps:
                following = self.correct_nodes(target, path[-1]).tolist()
                paths += [(*path, k) for k in reversed(following)]


def erdos_renyi(n: int, p: float, acyclic: bool, seed: int) -> PlanningGraph:
    """Random digraph: each ordered pair is an edge with probability ``p``, independently.

    With ``acyclic`` only the pairs ``j < k`` can be edges (as in ALPINE,
    arXiv 2405.09220), so the node order is a topological order.

    Raises
    ------
    GraphError
        If ``n < 2`` or ``p`` lies outside ``[0, 1]``.
    """
    if n < 2:
        raise GraphError("n", "at least 2", n)
    if not 0 <= p <= 1:
        raise GraphError("p", "a probability in [0, 1]", p)
    adjacency = np.random.default_rng(seed).random((n, n)) < p
    np.fill_diagonal(adjacency, False)
    if acyclic:
        adjacency = np.triu(adjacency)
    kind = "acyclic" if acyclic else "cyclic"
    return PlanningGraph(adjacency, name=f"er:n={n},p={p:g},{kind},seed={seed}")


def staged(n: int, stages: int, p: float, inside: float, seed: int) -> PlanningGraph:
    """Random acyclic digraph in stages of equal size: composition is a path through all of them.

    A node has an edge to each node of the next stage with probability ``p``, and to each later
    node of its own stage with probability ``inside``, independently; there are no others.

    Raises
    ------
    GraphError
        If there are fewer than 2 stages, ``n`` is no multiple of them, or ``p`` or ``inside``
        lies outside ``[0, 1]``.
    """
    if stages < 2:
        raise GraphError("stages", "at least 2", stages)
    if n < stages or n % stages:
        raise GraphError("n", f"a multiple of {stages} stages", n)
    for name, value in (("p", p), ("inside", inside)):
        if not 0 <= value <= 1:
            raise GraphError(name, "a probability in [0, 1]", value)
    stage = np.repeat(np.arange(stages), n // stages)
    ahead = stage[None] - stage[:, None]  # (from, to)
    chance = np.where(ahead == 1, p, np.where(ahead == 0, inside, 0.0))
    adjacency = np.triu(np.random.default_rng(seed).random((n, n)) < chance, 1)
    name = f"stages:n={n},stages={stages},p={p:g},inside={inside:g},seed={seed}"
    return PlanningGraph(adjacency, name=name, stages=stage)


def maze(rows: int, columns: int, doors: int, seed: int) -> PlanningGraph:
    """A grid of rooms whose walls a random walk from the first room has broken, and some doors more.

    The walk goes on to a room that it has not seen, drawn evenly, and back by one where there is
    none: long corridors, one way between any two rooms.  Then as many further walls as ``doors``
    says are opened.  Each opening is a step both ways; a label is ``row,column``.

    Raises
    ------
    GraphError
        If there are fewer than two rooms, or fewer walls left than doors.
    """
    if rows < 1 or columns < 1 or rows * columns < 2:
        raise GraphError("rows, columns", "two rooms or more", f"{rows} by {columns}")
    rng, grid = np.random.default_rng(seed), nx.grid_2d_graph(rows, columns)
    way, seen, broken = [(0, 0)], {(0, 0)}, nx.Graph()
    while way:
        ahead = sorted(room for room in grid[way[-1]] if room not in seen)
        if not ahead:
            way.pop()
            continue
        room = ahead[rng.integers(len(ahead))]
        broken.add_edge(way[-1], room)
        seen.add(room)
        way.append(room)
    walls = sorted(tuple(sorted(e)) for e in grid.edges if not broken.has_edge(*e))
    if not 0 <= doors <= len(walls):
        raise GraphError("doors", f"0 to {len(walls)}, the walls that are left", doors)
    broken.add_edges_from(walls[k] for k in rng.permutation(len(walls))[:doors])
    rooms = sorted(grid)
    matrix = nx.to_numpy_array(broken, nodelist=rooms, weight=None) > 0
    name = f"maze:rows={rows},columns={columns},doors={doors},seed={seed}"
    return PlanningGraph(matrix, name=name, labels=[f"{r},{c}" for r, c in rooms])


def chained(n: int, chains: int, p: float, seed: int) -> PlanningGraph:
    """Random acyclic digraph of long chains: ``chains`` of equal length side by side, and shortcuts.

    Each node leads to the next of its chain, and to each other later node with probability ``p``,
    independently, where later nodes are those farther down their chains (or as far, in a chain
    further on).

    Raises
    ------
    GraphError
        If there is no chain of two nodes, ``n`` is no multiple of the chains, or ``p`` lies
        outside ``[0, 1]``.
    """
    if chains < 1 or n < 2 * chains or n % chains:
        raise GraphError("n", f"a multiple of {chains} chains, two nodes each or more", n)
    if not 0 <= p <= 1:
        raise GraphError("p", "a probability in [0, 1]", p)
    adjacency = np.triu(np.random.default_rng(seed).random((n, n)) < p, 1)
    adjacency |= np.eye(n, k=chains, dtype=bool)  # node j is at place j // chains
    return PlanningGraph(adjacency, name=f"chains:n={n},chains={chains},p={p:g},seed={seed}")


def blocksworld(blocks: int) -> PlanningGraph:
    """Blocksworld from its rules: a state is a set of stacks, a legal move is an edge.

    A move takes the top block of one stack and puts it on another stack or on
    the table.  3 blocks have 13 states, 4 have 73, 5 have 501.  A label is the
    state: a sorted tuple of stacks, each from the table upwards, e.g.
    ``('A', 'CB')``.
    """
    if not 1 < blocks <= 7:
        raise GraphError("blocks", "2 to 7 blocks", blocks)
    start = tuple("ABCDEFG"[:blocks])
    number = {start: 0}
    edges = []
    queue = [start]
    for state in queue:  # grows while it is read: breadth-first
        for moved in _moves(state):
            if moved not in number:
                number[moved] = len(number)
                queue.append(moved)
            edges.append((number[state], number[moved]))
    adjacency = np.zeros((len(number), len(number)), dtype=bool)
    adjacency[tuple(np.array(edges).T)] = True
    return PlanningGraph(adjacency, name=f"blocksworld:{blocks}", labels=queue)


def _moves(state: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for a, stack in enumerate(state):
        rest, block = stack[:-1], stack[-1]
        others = [s for b, s in enumerate(state) if b != a]
        if rest:  # onto the table; a block that stands there alone has nowhere to move on it
            yield tuple(sorted([*others, rest, block]))
        for b in range(len(others)):
            onto = [*others[:b], others[b] + block, *others[b + 1 :]]
            yield tuple(sorted([*onto, rest] if rest else onto))


MOST_STATES = 200_000  # of Countdown: each is a token


def countdown(
    begin: Iterable[rules.State],
    whole: bool,
    asked: str = "alone",
    name: str = "countdown",
    problems: Sequence[tuple[rules.State, Fraction]] = (),
) -> PlanningGraph:
    """Countdown from its rules (:mod:`planlib.countdown`): states are nodes, moves are edges.

    A label is what :func:`planlib.countdown.written` writes.

    Parameters
    ----------
    begin
        The states that problems begin with; what can be made of them belongs to the graph.
    whole
        Integers alone, or fractions as well.
    asked
        What problems ask for: a number, reached where it stands ``alone``; a number, reached where
        a state is ``holding`` it, and then a node of its own, ``=24``, to which all such states
        lead; or any of the ``states``, as on other graphs.
    problems
        Starts with the number that each asks for, kept for testing.

    Raises
    ------
    GraphError
        If no state allows a move, there are more than :data:`MOST_STATES` states, or a number that
        a problem asks for comes up nowhere.
    """
    check_one_of("asked", asked, ("alone", "holding", "states"))
    found = _explored(begin, whole)
    if not any(found.values()):
        raise GraphError("begin", "states of two numbers or more", [*map(rules.written, found)])
    order = sorted(found, key=lambda state: (-len(state), state))
    number = {state: k for k, state in enumerate(order)}
    edges = [(number[s], number[t]) for s, following in found.items() for t in following]
    labels = [rules.written(state) for state in order]
    targets = None if asked == "states" else [number[s] for s in order if len(s) == 1]
    if asked == "holding":
        sink = {x: len(order) + k for k, x in enumerate(sorted({x for s in order for x in s}))}
        edges += [(number[state], sink[x]) for state in order for x in set(state)]
        labels += [f"={x}" for x in sink]
        targets = list(sink.values())
    goal = sink if asked == "holding" else {s[0]: number[s] for s in order if len(s) == 1}
    for state, x in problems:
        if x not in goal:
            raise GraphError("problems", f"numbers that can be made: {x} cannot", state)
    posed = [(number[state], goal[x]) for state, x in problems]
    found = {"name": name, "labels": labels, "targets": targets, "posed": posed}
    return PlanningGraph(Edges(len(labels), edges), **found)


def _explored(begin: Iterable[rules.State], whole: bool) -> dict[rules.State, list[rules.State]]:
    try:
        return rules.explore(begin, whole, MOST_STATES)
    except rules.CountdownError as error:
        raise GraphError("graph", f"{error.expected} that can be reached", error.got) from error


def _solvable(
    spec: str, problems: Sequence[tuple[rules.State, Fraction]], whole: bool, holding: bool
) -> list[tuple[rules.State, Fraction]]:
    """The problems that can be solved; says of the others that they are left out."""
    kept, left = [], []
    for state, x in dict.fromkeys(problems):
        found = _explored([state], whole)
        solved = any(x in s for s in found) if holding else (x,) in found
        (kept if solved else left).append((state, x))
    if left:
        state, x = left[0]
        said = f"{len(left)} of {len(kept) + len(left)} problems cannot be solved and are left out, the first {rules.written(state)} for {x}"
        warnings.warn(f"{spec}: {said}", files.FileNotice, stacklevel=4)
    if not kept:
        raise GraphError("graph", "a problem that can be solved", f"none in {spec}")
    return kept


GRAMMAR = (
    "'er:n=100,p=0.15,acyclic,seed=0' (or 'cyclic'), "
    "'stages:n=90,stages=3,p=0.3,inside=0,seed=0', 'maze:rows=6,columns=7,doors=5,seed=0', "
    "'chains:n=60,chains=3,p=0.01,seed=0', 'blocksworld:4', "
    "'countdown:numbers=3,most=6,whole' (or 'fractions'; ',holding' or ',states' behind; ',drawn=20,seed=0' behind 'most'), 'countdown:FILE.jsonl,whole', "
    "'pddl:DOMAIN.pddl,PROBLEM.pddl', 'book:karate.graphml' (or another file of planlib/graphs), or the file of a graph"
)
GENERATED = (
    "er",
    "stages",
    "maze",
    "chains",
    "blocksworld",
    "countdown",
)  # unless a file is named behind it
STORED = Path(__file__).resolve().parent / "graphs"  # see the README there
NUMBER = r"[0-9]{1,9}"
CHANCE = r"[0-9]*\.?[0-9]+(?:e-?[0-9]+)?"
RANDOM = re.compile(rf"er:n=({NUMBER}),p=({CHANCE}),(acyclic|cyclic),seed=({NUMBER})")
STAGED = re.compile(
    rf"stages:n=({NUMBER}),stages=({NUMBER}),p=({CHANCE}),inside=({CHANCE}),seed=({NUMBER})"
)
MAZE = re.compile(rf"maze:rows=({NUMBER}),columns=({NUMBER}),doors=({NUMBER}),seed=({NUMBER})")
CHAINED = re.compile(rf"chains:n=({NUMBER}),chains=({NUMBER}),p=({CHANCE}),seed=({NUMBER})")
COUNTDOWN = re.compile(
    rf"countdown:(?:numbers=({NUMBER}),most=({NUMBER})(?:,drawn=({NUMBER}),seed=({NUMBER}))?|(.+\.jsonl?)),"
    r"(whole|fractions)(?:,(holding|states))?"
)
PDDL = re.compile(rf"pddl:(.+\.pddl),(.+\.pddl)(?:,states=({NUMBER}))?", re.IGNORECASE)


def parse_graph(spec: str) -> PlanningGraph:
    """Make a graph from its name, the one grammar used everywhere.

    ``er:n=100,p=0.15,acyclic,seed=0``, ``stages:n=90,stages=3,p=0.3,inside=0,seed=0``, ``blocksworld:4``,
    ``maze:rows=6,columns=7,doors=5,seed=0``, ``chains:n=60,chains=3,p=0.01,seed=0``,
    ``book:karate.graphml`` (a file that the book carries, from any folder),
    ``countdown:numbers=3,most=6,whole`` (three numbers from 1 to 6; ``fractions`` beside integers;
    ``,holding`` or ``,states`` behind: see :func:`countdown`), ``countdown:FILE.jsonl,whole`` (problems that begin with
    the numbers in a file, :func:`planlib.countdown.read_problems`),
    ``pddl:DOMAIN.pddl,PROBLEM.pddl`` (at most 2,000 reachable states, or ``,states=5000`` behind),
    or the path of a file: GraphML, an edge list (comments, comma-separated, with a header),
    MatrixMarket, ProsQA's JSON (``FILE.json#3`` for an entry of a list).  What a file holds that
    a graph does not is dropped with a :class:`planlib.files.FileNotice`; see there.

    Raises
    ------
    GraphError
        If the name does not follow the grammar or the file cannot be read as what it is.
    """
    kind, _, rest = spec.partition(":")
    if found := RANDOM.fullmatch(_in_order(spec)):
        n, p, way, seed = found.groups()
        return erdos_renyi(int(n), float(p), way == "acyclic", int(seed))
    if found := STAGED.fullmatch(_in_order(spec)):
        n, stages, p, inside, seed = found.groups()
        return staged(int(n), int(stages), float(p), float(inside), int(seed))
    if found := MAZE.fullmatch(_in_order(spec)):
        return maze(*map(int, found.groups()))
    if found := CHAINED.fullmatch(_in_order(spec)):
        n, chains, p, seed = found.groups()
        return chained(int(n), int(chains), float(p), int(seed))
    if kind == "book" and (STORED / rest).is_file():
        return _from_file(spec, lambda: files.read_graph(str(STORED / rest)), said=False)
    if kind == "blocksworld" and re.fullmatch(NUMBER, rest):
        return blocksworld(int(rest))
    if found := COUNTDOWN.fullmatch(spec):
        numbers, most, drawn, seed, file, results, asked = found.groups()
        whole, posed = results == "whole", []
        if file:
            read = _read(spec, lambda: rules.read_problems(file))
            posed = _solvable(spec, read, whole, asked == "holding")
            begin = (state for state, _ in read)
        elif not (1 < int(numbers) <= 6 and 0 < int(most) <= 100):
            raise GraphError("graph", "2 to 6 numbers, each at most 1 to 100", repr(spec))
        elif drawn:
            begin = _drawn(int(numbers), int(most), int(drawn), int(seed))
        else:
            begin = rules.starts(int(numbers), int(most))
        return countdown(begin, whole, asked or "alone", Path(spec).name, posed)
    if found := PDDL.fullmatch(spec):
        domain, problem, states = found.groups()
        most = files.MAX_STATES if states is None else int(states)
        return _from_file(spec, lambda: files.read_pddl(domain, problem, most))
    if kind not in (*GENERATED, "pddl", "book") and _names_a_file(spec):
        return _from_file(spec, lambda: files.read_graph(spec))
    raise GraphError("graph", GRAMMAR, repr(spec))


def _drawn(numbers: int, most: int, number: int, seed: int) -> list[rules.State]:
    """Different states of so many numbers, each number drawn from 1 to ``most``."""
    every = math.comb(numbers + most - 1, numbers)
    if not 0 < number <= every:
        raise GraphError("graph", f"1 to {every} different states drawn", number)
    rng, found = np.random.default_rng(seed), set()
    while len(found) < number:
        found.add(rules.state_of(rng.integers(1, most + 1, numbers).tolist()))
    return sorted(found)


def is_generated(spec: str) -> bool:
    """Whether the name makes the graph in full, so that it reads no file."""
    countdown = COUNTDOWN.fullmatch(spec)
    return spec.partition(":")[0] in GENERATED and not (countdown and countdown[5])


def _names_a_file(spec: str) -> bool:
    return "." in spec or "/" in spec or Path(spec).is_file()


def _in_order(spec: str) -> str:
    """Put the fields of a random graph in the grammar's order; each must stand there once anyhow."""
    kind, _, rest = spec.partition(":")
    order = (
        "rows",
        "columns",
        "doors",
        "n",
        "stages",
        "chains",
        "p",
        "inside",
        "acyclic",
        "cyclic",
        "seed",
    )
    place = {name: at for at, name in enumerate(order)}
    parts = sorted(rest.split(","), key=lambda part: place.get(part.partition("=")[0], len(order)))
    return f"{kind}:{','.join(parts)}"


def _read(spec: str, read: Callable[[], object]):
    try:
        return read()
    except files.FileError as error:
        raise GraphError("graph", error.expected, f"{error.got} (in {spec})") from error


def _from_file(spec: str, read: Callable[[], files.Listing], said: bool = True) -> PlanningGraph:
    listing = _read(spec, read)
    for note in listing.notes if said else ():  # of the book's own the README says it
        warnings.warn(f"{spec}: {note}", files.FileNotice, stacklevel=3)
    name, edges = Path(spec).name, Edges(len(listing.nodes), listing.edges)
    return PlanningGraph(edges, name=name, labels=listing.nodes, stages=listing.stages)
