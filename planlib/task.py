"""The planning task: tokens, splits by pair, random-walk paths, correctness, rewards.

A sequence is ``s t s a b c t END``, padded on the right: source, target, then
the path.  The first three tokens are the prompt.  The position of the first
path token that is to be predicted is :data:`PROMPT`.

Source: Wang et al., arXiv 2509.22613, section 3; splits as in ALPINE,
arXiv 2405.09220.  Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from planlib.graph import InputError, PlanningGraph

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
    """Turn paths (both ends included) into padded sequences, shape ``(len(paths), L)`` int64."""
    if not len(paths):
        raise InputError("paths", "at least one path", "none")
    length = 3 + max(len(path) for path in paths)
    tokens = np.full((len(paths), length), pad_token(n), dtype=np.int64)
    for row, path in zip(tokens, paths, strict=True):
        row[: len(path) + 3] = [path[0], path[-1], *path, end_token(n)]
    return tokens


def prompts(pairs: object) -> np.ndarray:
    """Return the prompts ``s t s`` of problems given as rows ``(s, t)``, shape ``(m, 3)``."""
    return np.asarray(pairs, dtype=np.int64)[:, [0, 1, 0]]


def check_problems(graph: PlanningGraph, pairs: object) -> np.ndarray:
    """Return the problems as an int64 array of shape ``(m, 2)``, or refuse them.

    Raises
    ------
    ProblemError
        If a node does not exist, the source is the target, or the target
        cannot be reached.
    """
    p = np.asarray(pairs)
    if p.ndim != 2 or p.shape[1] != 2 or p.dtype.kind not in "iu" or not len(p):
        raise ProblemError("pairs", "integer rows (source, target)", f"shape {p.shape} {p.dtype}")
    for bad, expected in (
        (lambda: ((p < 0) | (p >= graph.n)).any(1), f"nodes 0 to {graph.n - 1}"),
        (lambda: p[:, 0] == p[:, 1], "a source that is not the target"),
        (lambda: ~graph.reachability[p[:, 1], p[:, 0]], "a target that the source can reach"),
    ):
        where = np.flatnonzero(bad())
        if where.size:
            raise ProblemError("pairs", expected, f"{tuple(p[where[0]].tolist())}")
    return p.astype(np.int64)


@dataclass(frozen=True)
class Split:
    """Problems by role; each array has rows ``(source, target)``.

    ``edge_pairs`` are the ends of an edge, shown as the one-step path;
    ``path_pairs`` are the sampled training pairs, shown with several random
    paths; ``test_pairs`` are all other reachable pairs.
    """

    edge_pairs: np.ndarray
    path_pairs: np.ndarray
    test_pairs: np.ndarray

    @property
    def train_pairs(self) -> np.ndarray:
        """Edge pairs and path pairs: the prompts that reinforcement learning may use."""
        return np.concatenate([self.edge_pairs, self.path_pairs])


def split_pairs(graph: PlanningGraph, train_fraction: float, seed: int) -> Split:
    """Split the reachable pairs: all edges, a fraction of the other pairs, and the rest for testing.

    Raises
    ------
    SplitError
        If the fraction lies outside ``[0, 1]`` or no test pair is left.
    """
    if not 0 <= train_fraction <= 1:
        raise SplitError("train_fraction", "a number in [0, 1]", train_fraction)
    pairs = graph.reachable_pairs()
    is_edge = graph.adjacency[pairs[:, 0], pairs[:, 1]]
    others = np.random.default_rng(seed).permutation(pairs[~is_edge])
    taken = round(train_fraction * len(others))
    if taken == len(others):
        raise SplitError(
            "train_fraction", "some test pair left over", f"{train_fraction} of {len(others)} pairs"
        )
    return Split(pairs[is_edge], others[:taken], others[taken:])


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
        _check_within(graph, problems, max_steps)
    choices: dict[tuple[int, int], list[int]] = {}

    def draw(source: int, target: int) -> list[int]:
        path = [source]
        while path[-1] != target:
            key = (target, path[-1])
            if key not in choices:
                choices[key] = np.flatnonzero(graph.correct_next(*key)).tolist()
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


def _check_within(graph: PlanningGraph, problems: np.ndarray, max_steps: int) -> None:
    near = np.eye(graph.n, dtype=bool)
    for _ in range(max_steps):
        near |= (near.astype(np.float32) @ graph.adjacency.astype(np.float32)) > 0
    far = np.flatnonzero(~near[problems[:, 0], problems[:, 1]])
    if far.size:
        raise ProblemError("max_steps", f"at least the distance of {problems[far[0]]}", max_steps)


def sft_dataset(graph: PlanningGraph, split: Split, paths_per_pair: int, seed: int) -> np.ndarray:
    """Training sequences: ``paths_per_pair`` random paths for each training pair, and each edge.

    Each edge stands once as the one-step path of its own pair, so every edge is
    seen.

    Returns
    -------
    numpy.ndarray
        Shape ``(N, L)`` int64, padded on the right.
    """
    pairs = np.repeat(split.train_pairs, paths_per_pair, axis=0)
    paths = random_paths(graph, pairs, np.random.default_rng(seed))
    return encode([*map(tuple, split.edge_pairs.tolist()), *paths], graph.n)


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
        If a row does not begin with a prompt ``s t s``.
    """
    x = np.asarray(tokens)
    n = graph.n
    if x.ndim != 2 or x.shape[1] < PROMPT:
        raise InputError("tokens", "shape (B, L) with L >= 3", f"shape {x.shape}")
    if (x[:, 0] != x[:, 2]).any() or (x[:, :PROMPT] >= n).any():
        raise InputError("tokens", "prompts 's t s' of nodes", "another beginning")
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
    current, following = x[:, :-1], x[:, 1:]
    legal = (following < n) & graph.adjacency[
        np.minimum(current, n - 1), np.minimum(following, n - 1)
    ]
    target = x[:, 1:2]
    reward = (following == target).astype(float) - ~legal
    reward = np.where(current == target, (following == end_token(n)).astype(float), reward)
    return np.where(path_steps(x, n), reward, 0.0)


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
