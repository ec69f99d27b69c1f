"""The planning task: tokens, splits by pair, random-walk paths, correctness, rewards.

A sequence is ``s t s a b c t END``, padded on the right: source, target, then
the path.  The first three tokens are the prompt.  The position of the first
path token that is to be predicted is :data:`PROMPT`.

Source: Wang et al., arXiv 2509.22613, section 3; splits as in ALPINE,
arXiv 2405.09220.  Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from planlib.graph import InputError, PlanningGraph, plain_number
from planlib.sparse import Edges

PROMPT = 3  # tokens of the prompt s t s


class ProblemError(InputError):
    """A pair (source, target) that is no planning problem on this graph."""


class SplitError(InputError):
    """A split of the pairs that cannot be used."""


class Outcome(IntEnum):
    """What a sequence comes to: correct, or the first fault in reading order."""

    CORRECT = 0
    ILLEGAL_EDGE = 1  # a step that is no edge
    WRONG_END = 2  # the end token before the target was reached
    NO_END = 3  # the target was reached, but the end token does not follow
    TOO_LONG = 4  # the limit came before the target


def end_token(n: int) -> int:
    """Return the token that ends a sequence on a graph of ``n`` nodes."""
    return n


def pad_token(n: int) -> int:
    """Return the padding token: an input only, never predicted."""
    return n + 1


def decode(tokens: Iterable[int], n: int) -> str:
    r"""Write a sequence for people: ``'0 3 0 1 3 \n'``; padding is left out."""
    words = {end_token(n): "\\n"}
    return " ".join(words.get(int(x), str(int(x))) for x in tokens if int(x) != pad_token(n))


def encode(paths: Sequence[Sequence[int]], n: int) -> np.ndarray:
    """Turn paths (both ends included) into padded sequences, shape ``(len(paths), L)`` int64.

    Raises
    ------
    InputError
        If there is no path, or one of them is empty or names a node that does not exist.
    """
    if not len(paths):
        raise InputError("paths", "at least one path", "none")
    for path in paths:
        if not len(path) or not all(_is_node(k, n) for k in path):
            raise InputError("paths", f"nodes 0 to {n - 1}", path)
    length = 3 + max(len(path) for path in paths)
    tokens = np.full((len(paths), length), pad_token(n), dtype=np.int64)
    for row, path in zip(tokens, paths, strict=True):
        row[: len(path) + 3] = [path[0], path[-1], *path, end_token(n)]
    return tokens


def _is_node(k: object, n: int) -> bool:
    return isinstance(k, int | np.integer) and not isinstance(k, bool) and 0 <= k < n


def prompts(pairs: object, n: int | None = None) -> np.ndarray:
    """Return the prompts ``s t s`` of problems given as rows ``(s, t)``, shape ``(m, 3)``.

    Raises
    ------
    ProblemError
        If the rows are no pairs of integers or, where ``n`` is given, name a node that
        does not exist.
    """
    p = np.asarray(pairs)
    if p.ndim != 2 or p.shape[1] != 2 or p.dtype.kind not in "iu" or not len(p):
        raise ProblemError("pairs", "integer rows (source, target)", f"shape {p.shape} {p.dtype}")
    if n is not None:
        _refuse_rows(p, ((p < 0) | (p >= n)).any(1), f"nodes 0 to {n - 1}")
    return p.astype(np.int64)[:, [0, 1, 0]]


def _refuse_rows(pairs: np.ndarray, bad: np.ndarray, expected: str) -> None:
    where = np.flatnonzero(bad)
    if where.size:
        raise ProblemError("pairs", expected, f"{tuple(pairs[where[0]].tolist())}")


def check_problems(graph: PlanningGraph, pairs: object) -> np.ndarray:
    """Return the problems as an int64 array of shape ``(m, 2)``, or refuse them.

    Raises
    ------
    ProblemError
        If a node does not exist, the source is the target, or the target
        cannot be reached.
    """
    p = prompts(pairs, graph.n)[:, :2]
    _refuse_rows(p, p[:, 0] == p[:, 1], "a source that is not the target")
    unreachable = ~graph.reachability[p[:, 1], p[:, 0]]
    _refuse_rows(p, unreachable, "a target that the source can reach")
    return p


def length_of(edges: int) -> int:
    """Tokens of a sequence whose path has this many edges: prompt, nodes and end token."""
    return PROMPT + edges + 1


def needed_length(graph: PlanningGraph, pairs: object) -> int:
    """Tokens that there must be room for, so that these problems can be answered.

    Without cycles that is every correct path.  With them paths have no longest, and it is
    the shortest path of each problem.

    Raises
    ------
    ProblemError
        If a pair is no problem on this graph.
    """
    problems = check_problems(graph, pairs)
    if graph.is_acyclic:
        edges = graph.longest_paths[problems[:, 1], problems[:, 0]]  # (m,)
    else:
        edges = _distances(graph, problems)
    return length_of(int(edges.max()))


def check_length(graph: PlanningGraph, pairs: object, max_length: int) -> None:
    """Refuse a limit on generated tokens below :func:`needed_length`, and name that.

    Raises
    ------
    ProblemError
        If a pair is no problem on this graph.
    InputError
        If ``max_length`` is too small.
    """
    needed = needed_length(graph, pairs)
    if needed > max_length:
        raise InputError("max_length", f"at least {needed} tokens on this graph", max_length)


def check_nodes(graph: PlanningGraph, n: int) -> None:
    """Refuse a model of ``n`` nodes on a graph of another size.

    Raises
    ------
    InputError
        If the numbers differ.
    """
    if n != graph.n:
        raise InputError("model", f"a model of the graph's {graph.n} nodes", f"one of {n}")


@dataclass(frozen=True)
class Split:
    """Problems by role; each array has rows ``(source, target)``.

    ``edge_pairs`` are the ends of an edge, shown as the one-step path;
    ``path_pairs`` are the sampled training pairs, shown with several random
    paths; ``test_pairs`` are all other reachable pairs, or those far apart
    (:func:`split_by_distance`), of which ``asked_pairs`` are prompts of reinforcement
    learning and shown with no path.  ``hidden_edges`` are legal steps that no training path
    takes (:func:`split_by_hidden_edges`).
    """

    edge_pairs: np.ndarray
    path_pairs: np.ndarray
    test_pairs: np.ndarray
    asked_pairs: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    hidden_edges: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))

    @property
    def train_pairs(self) -> np.ndarray:
        """Edge pairs and path pairs: what SFT has paths for."""
        return np.concatenate([self.edge_pairs, self.path_pairs])

    @property
    def prompt_pairs(self) -> np.ndarray:
        """The prompts that reinforcement learning may use: training pairs, and those asked alone."""
        return np.concatenate([self.train_pairs, self.asked_pairs])


def check_seed(seed: object) -> int:
    """Return a seed as a plain integer.

    Raises
    ------
    InputError
        If it is no integer, negative, or too large for a generator of torch.
    """
    plain = plain_number("seed", seed, int)
    if not 0 <= plain < 2**63:
        raise InputError("seed", "an integer from 0 to 2**63 - 1", seed)
    return plain


def split_pairs(
    graph: PlanningGraph, train_fraction: float, seed: int, asked: float = 0.0
) -> Split:
    """Split the reachable pairs: all edges, a fraction of the other pairs, and the rest for testing.

    Of these a share ``asked`` becomes prompts of reinforcement learning instead.  Where problems
    came with the graph (``graph.posed``) they alone are for testing, be they edges or not, and
    what is neither posed nor taken is in no role.

    Raises
    ------
    SplitError
        If a share lies outside ``[0, 1]`` or no test pair is left.
    """
    _check_shares(train_fraction=train_fraction, asked=asked)
    seed = check_seed(seed)
    pairs = graph.reachable_pairs()
    is_edge = graph.adjacency[pairs[:, 0], pairs[:, 1]]
    is_posed = _is_posed(graph, pairs)
    rng = np.random.default_rng(seed)
    others = rng.permutation(pairs[~is_edge & ~is_posed])
    taken = round(train_fraction * len(others))
    left = rng.permutation(pairs[is_posed]) if len(graph.posed) else others[taken:]
    if not len(left):
        raise SplitError(
            "train_fraction", "some test pair left over", f"{train_fraction} of {len(others)} pairs"
        )
    asked_pairs, test_pairs = _some_asked(left, asked)
    return Split(pairs[is_edge & ~is_posed], others[:taken], test_pairs, asked_pairs)


def _is_posed(graph: PlanningGraph, pairs: np.ndarray) -> np.ndarray:
    """Which pairs are problems that came with the graph: shape ``(m,)`` bool."""
    return np.isin(pairs @ (graph.n, 1), graph.posed @ (graph.n, 1))


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise SplitError(name, "a number in [0, 1]", share)


def _some_asked(pairs: np.ndarray, asked: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide test pairs into those that are asked as prompts, and the others."""
    shown = round(asked * len(pairs))
    if shown == len(pairs):
        raise SplitError("asked", "some test pair left over", f"{asked} of {len(pairs)} pairs")
    return pairs[:shown], pairs[shown:]


def split_by_distance(
    graph: PlanningGraph, within: int, train_fraction: float, asked: float, seed: int
) -> Split:
    """Train on problems that are near, test on those that are far: composition, or length.

    Distance is in stages where the graph has stages, else in edges of the shortest path.
    Training pairs are all edges and a fraction of the other pairs at most ``within`` apart; the
    rest of these is in no role.  Test pairs are all that are farther, but for a share ``asked``
    that reinforcement learning gets as prompts.  Where problems came with the graph
    (``graph.posed``) none is trained on, and those that are farther alone are for testing.

    Raises
    ------
    SplitError
        If ``within < 1``, a share lies outside ``[0, 1]``, or no test pair is left.
    """
    if within < 1:
        raise SplitError("within", "at least 1", within)
    _check_shares(train_fraction=train_fraction, asked=asked)
    rng = np.random.default_rng(check_seed(seed))
    pairs = graph.reachable_pairs()
    sources, targets = pairs.T
    if graph.stages is not None:
        distance = graph.stages[targets] - graph.stages[sources]  # (m,)
    else:
        distance = _distances(graph, pairs)
    is_edge, near = graph.adjacency[sources, targets], distance <= within
    if not (~near).any():
        raise SplitError("within", f"less than the largest distance, {distance.max()}", within)
    return _near_and_far("within", graph, pairs, near, is_edge, train_fraction, asked, rng)


def _near_and_far(
    name: str, graph, pairs, near, is_edge, train_fraction: float, asked: float, rng
) -> Split:
    """Train on edges and on a fraction of the other near pairs, test on all that are far.

    Where problems came with the graph, none of them is for training, and they alone for testing.
    """
    far = ~near
    if len(graph.posed):
        is_posed = _is_posed(graph, pairs)
        near, is_edge, far = near & ~is_posed, is_edge & ~is_posed, far & is_posed
    if not far.any():
        raise SplitError(name, "a number that leaves some problem of the file to test", "none")
    others, far = rng.permutation(pairs[near & ~is_edge]), rng.permutation(pairs[far])
    taken = round(train_fraction * len(others))
    asked_pairs, test_pairs = _some_asked(far, asked)
    return Split(pairs[is_edge], others[:taken], test_pairs, asked_pairs)


def split_by_hidden_edges(
    graph: PlanningGraph, hidden: float, train_fraction: float, asked: float, seed: int
) -> Split:
    """Hide a share of the edges: train on what the others connect, test on what needs a hidden one.

    Edges are hidden at random, each as likely as another.  Training pairs are the edges that are
    left and a fraction of the other pairs that these connect; the rest of them is in no role.
    Test pairs are all that only a hidden edge connects, but for a share ``asked`` that
    reinforcement learning gets as prompts; where problems came with the graph, as by distance.

    Raises
    ------
    SplitError
        If a share lies outside ``[0, 1]``, no edge is left or hidden, or no test pair needs one.
    """
    _check_shares(hidden=hidden, train_fraction=train_fraction, asked=asked)
    rng = np.random.default_rng(check_seed(seed))
    edges = rng.permutation(np.stack(graph.adjacency.nonzero(), axis=1))  # (m, 2)
    number = round(hidden * len(edges))
    if not 0 < number < len(edges):
        raise SplitError("hidden", f"some of {len(edges)} edges hidden and some left", hidden)
    shown = without_edges(graph, edges[:number])
    pairs = graph.reachable_pairs()
    near = shown.reachability[pairs[:, 1], pairs[:, 0]]
    if near.all():
        raise SplitError("hidden", "a share without which some pair is not reachable", hidden)
    is_edge = shown.adjacency[pairs[:, 0], pairs[:, 1]]
    split = _near_and_far("hidden", graph, pairs, near, is_edge, train_fraction, asked, rng)
    return replace(split, hidden_edges=edges[:number])


def without_edges(graph: PlanningGraph, edges: np.ndarray) -> PlanningGraph:
    """The graph that training paths know of; itself where no edge is hidden."""
    if not len(edges):
        return graph
    every = Edges(graph.n, np.stack(graph.adjacency.nonzero(), axis=1))
    name = f"{graph.name}, {len(edges)} edges hidden"
    return PlanningGraph(every.without(edges), name=name, labels=graph.labels)


def random_paths(
    graph: PlanningGraph,
    pairs: object,
    rng: np.random.Generator,
    method: str = "loop_erased",
    max_steps: int | None = None,
) -> list[tuple[int, ...]]:
    """Draw one random correct path without repeated nodes for each problem.

    Each step is uniform over ``C(target, current)``.  ``loop_erased`` walks
    until the target and cuts each loop as it closes; ``self_avoiding`` never
    steps on a visited node and starts again at a dead end.  On an acyclic graph
    both are the plain walk of the paper.

    Parameters
    ----------
    max_steps
        Paths longer than this are drawn again.

    Raises
    ------
    ProblemError
        If a pair is no problem on this graph, or ``max_steps`` is shorter than its distance.
    InputError
        If the method is unknown.
    """
    if method not in ("loop_erased", "self_avoiding"):
        raise InputError("method", "'loop_erased' or 'self_avoiding'", repr(method))
    problems = check_problems(graph, pairs)
    if max_steps is not None:
        far = problems[_distances(graph, problems) > max_steps]
        if len(far):
            raise ProblemError("max_steps", f"at least the distance of {far[0]}", max_steps)
    choices: dict[tuple[int, int], list[int]] = {}

    def draw(source: int, target: int) -> list[int]:
        path = [source]
        while path[-1] != target:
            key = (target, path[-1])
            if key not in choices:
                choices[key] = graph.correct_nodes(*key).tolist()
            options = choices[key]
            if method == "self_avoiding":
                options = [k for k in options if k not in path]
                if not options:
                    path = [source]
                    continue
            k = options[rng.integers(len(options))]
            if k in path:
                del path[path.index(k) + 1 :]
            else:
                path.append(k)
        return path

    paths = []
    for source, target in problems.tolist():
        path = draw(source, target)
        while max_steps is not None and len(path) - 1 > max_steps:
            path = draw(source, target)
        paths.append(tuple(path))
    return paths


def _distances(graph: PlanningGraph, problems: np.ndarray) -> np.ndarray:
    """Fewest edges from source to target of each problem: shape ``(m,)`` int64.

    All sources step at once, on rows of targets packed eight to the byte.
    """
    sources, targets = problems.T
    if not graph.is_dense:
        return graph.adjacency.distances()[targets, sources]
    nodes, followers = np.nonzero(graph.adjacency)  # sorted by node
    first = np.flatnonzero(np.diff(nodes, prepend=-1))
    near = np.packbits(np.eye(graph.n, dtype=bool), axis=1)  # (n, n/8): targets within d steps
    distance = np.zeros(len(problems), dtype=np.int64)
    while True:
        found = (near[sources, targets >> 3] >> (7 - (targets & 7))) & 1
        if found.all():
            return distance
        distance += found == 0
        onward = np.bitwise_or.reduceat(near[followers], first, axis=0)
        near[nodes[first]] |= onward


def sft_dataset(graph: PlanningGraph, split: Split, paths_per_pair: int, seed: int) -> np.ndarray:
    """Training sequences: ``paths_per_pair`` random paths for each training pair, and each edge.

    Each edge stands once as the one-step path of its own pair, so every edge is
    seen that the split does not hide; no path takes one that it hides.

    Returns
    -------
    numpy.ndarray
        Shape ``(N, L)`` int64, padded on the right.

    Raises
    ------
    InputError
        If ``paths_per_pair`` is no integer of at least 0, or the seed is none.
    """
    if plain_number("paths_per_pair", paths_per_pair, int) < 0:
        raise InputError("paths_per_pair", "at least 0", paths_per_pair)
    seed = check_seed(seed)
    pairs = np.repeat(split.train_pairs, paths_per_pair, axis=0)
    shown = without_edges(graph, split.hidden_edges)
    paths = random_paths(shown, pairs, np.random.default_rng(seed)) if len(pairs) else []
    return encode([*map(tuple, split.edge_pairs.tolist()), *paths], graph.n)


def check_training_sequences(tokens: object, n: int) -> np.ndarray:
    """Return training sequences as int64, shape ``(N, L)``, or refuse them.

    A row is a prompt ``s t s``, nodes, one end token, then padding alone.  That the path is
    legal or right is not asked.

    Raises
    ------
    InputError
        If a row has another form: padded on the left, say, or encoded for another ``n``.
    """
    x = _token_array(tokens, n)
    _check_prompts(x, n)
    ended = np.cumsum(x == end_token(n), axis=1)  # (N, L): end tokens so far
    is_last = (x == end_token(n)) & (ended == 1)
    form = np.where(ended == 0, x < n, is_last | (x == pad_token(n))).all(1) & (ended[:, -1] == 1)
    where = np.flatnonzero(~form)
    if not len(x) or where.size:
        got = f"row {where[0]}: {x[where[0]].tolist()}" if len(x) else "no sequence"
        wanted = (
            f"'s t s a ... t', nodes below {n}, then {n} to end and {n + 1} to pad on the right"
        )
        raise InputError("data", wanted, got)
    return x


def _token_array(tokens: object, n: int) -> np.ndarray:
    x = np.asarray(tokens)
    if x.ndim != 2 or x.shape[1] < PROMPT or x.dtype.kind not in "iu":
        raise InputError("tokens", "integers of shape (B, L) with L >= 3", f"{x.dtype} {x.shape}")
    if ((x < 0) | (x > pad_token(n))).any():
        raise InputError("tokens", f"tokens 0 to {pad_token(n)}", f"{x.min()} to {x.max()}")
    return x.astype(np.int64, copy=False)


def _check_prompts(x: np.ndarray, n: int) -> None:
    bad = np.flatnonzero((x[:, 0] != x[:, 2]) | (x[:, :PROMPT] >= n).any(1))
    if bad.size:
        got = f"row {bad[0]} that begins {x[bad[0], :PROMPT].tolist()}"
        raise InputError("tokens", "prompts 's t s' of nodes", got)


def check_sequences(graph: PlanningGraph, tokens: object) -> np.ndarray:
    """Classify sequences: shape ``(B,)`` of :class:`Outcome` values.

    A sequence is correct iff its path starts at the source, every step is an
    edge, it ends at its first visit of the target, and the end token follows.

    Parameters
    ----------
    tokens
        Shape ``(B, L)``, ``L >= 3``, prompts ``s t s`` first.

    Raises
    ------
    InputError
        If a row does not begin with a prompt ``s t s``, or something is no token.
    """
    n = graph.n
    x = _token_array(tokens, n)
    _check_prompts(x, n)
    path = np.concatenate([x[:, 2:], np.full((len(x), 1), pad_token(n))], axis=1)
    current, following = path[:, :-1], path[:, 1:]  # (B, steps)
    at_target = current == x[:, 1:2]
    is_node = following < n
    legal = graph.adjacency[np.minimum(current, n - 1), np.minimum(following, n - 1)]
    event = np.full(current.shape, -1)
    event[~at_target & is_node & ~legal] = Outcome.ILLEGAL_EDGE
    event[~at_target & (following == end_token(n))] = Outcome.WRONG_END
    event[~at_target & (following == pad_token(n))] = Outcome.TOO_LONG
    event[at_target] = Outcome.NO_END
    event[at_target & (following == end_token(n))] = Outcome.CORRECT
    first = (event >= 0).argmax(axis=1)  # the last column always holds an event
    return event[np.arange(len(x)), first]


def path_steps(tokens: object, n: int) -> np.ndarray:
    """Mark the steps of the path: shape ``(B, L-1)`` bool.

    ``[b, m]`` iff token ``m + 1`` was chosen from token ``m``: after the
    prompt, and not padding.  These positions carry the losses.
    """
    x = np.asarray(tokens)
    steps = x[:, 1:] != pad_token(n)
    steps[:, : PROMPT - 1] = False
    return steps


def episode_steps(tokens: object, n: int) -> np.ndarray:
    """Mark the steps of the episode: :func:`path_steps` up to the step taken from the target.

    What a model writes after leaving the target is no part of the planning
    problem; Q-learning learns from these steps alone.
    """
    x = np.asarray(tokens)
    left = np.cumsum(x[:, PROMPT - 1 : -1] == x[:, 1:2], axis=1)  # visits of the target so far
    ended = np.zeros_like(x[:, 1:], dtype=bool)
    ended[:, PROMPT:] = left[:, :-1] > 0
    return path_steps(x, n) & ~ended


def process_reward(graph: PlanningGraph, tokens: object) -> np.ndarray:
    """Process reward of each step, shape ``(B, L-1)``: ``[u' = t] - [(u, u') is no edge]``.

    Two steps lie outside the paper's table, and their rewards are our choice:
    from the target, the end token earns 1 and a node 0; from any other node the
    end token counts as an illegal step.  Zero outside the path.
    """
    x = np.asarray(tokens)
    n = graph.n
    current, following, target = x[:, :-1], x[:, 1:], x[:, 1:2]
    reward = (following == target).astype(float) - ~_legal(graph, x)
    reward = np.where(current == target, (following == end_token(n)).astype(float), reward)
    return np.where(path_steps(x, n), reward, 0.0)


def _legal(graph: PlanningGraph, x: np.ndarray) -> np.ndarray:
    """Which steps of sequences ``(B, L)`` lead along an edge, shape ``(B, L-1)``."""
    last = graph.n - 1
    edges = graph.adjacency[np.minimum(x[:, :-1], last), np.minimum(x[:, 1:], last)]
    return (x[:, 1:] <= last) & edges


def errors(graph: PlanningGraph, tokens: object) -> np.ndarray:
    """Mark the illegal steps that process reward punishes, shape ``(B, L-1)`` bool."""
    x = np.asarray(tokens)
    return path_steps(x, graph.n) & ~_legal(graph, x) & (x[:, :-1] != x[:, 1:2])


def outcome_reward(graph: PlanningGraph, tokens: object) -> np.ndarray:
    """Outcome reward of each step, shape ``(B, L-1)``: 1 on the step onto the target.

    Only correct sequences earn it, once more for the end token at the target
    (our choice, as in :func:`process_reward`).
    """
    x = np.asarray(tokens)
    correct = check_sequences(graph, x) == Outcome.CORRECT
    target = x[:, 1:2]
    onto = (x[:, 1:] == target) | ((x[:, :-1] == target) & (x[:, 1:] == end_token(graph.n)))
    return np.where(path_steps(x, graph.n) & onto & correct[:, None], 1.0, 0.0)
