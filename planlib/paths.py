"""Training paths and test pairs from files: the SFT data, in place of walks of our own.

The format is that of the ALPINE data sets (arXiv 2405.09220): a line is ``s t s a ... t``,
source and target, then the path, in the names of the graph's nodes.  Test pairs are such lines,
or ``s t`` alone, or a ProsQA-style JSON file, whose root and target are one pair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from planlib import files
from planlib.graph import InputError, PlanningGraph
from planlib.task import (
    PROMPT,
    Outcome,
    Split,
    SplitError,
    check_problems,
    check_sequences,
    encode,
)

FAULTS = {
    Outcome.ILLEGAL_EDGE: "a step that is no edge of the graph",
    Outcome.NO_END: "a path that goes on after its target",
}


def read_training(graph: PlanningGraph, name: str) -> np.ndarray:
    """Read training sequences, shape ``(N, L)`` int64, in the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, a name is no node, or a line is no correct path; with the
        number of the first such line.
    """
    rows = _named(graph, "paths", lambda: files.read_paths(name))
    for at, row in rows:
        if len(row) <= PROMPT or row[0] != row[2] or row[1] != row[-1] or row[0] == row[1]:
            words = " ".join(str(graph.labels[k]) for k in row)
            raise InputError("paths", "lines 's t s a ... t'", f"line {at}: {words!r} (in {name})")
    data = encode([row[2:] for _, row in rows], graph.n)
    found = check_sequences(graph, data)
    for (at, _), outcome in zip(rows, found, strict=True):
        if outcome != Outcome.CORRECT:
            raise InputError("paths", "correct paths", f"line {at}: {FAULTS[outcome]} (in {name})")
    return data


def read_pairs(graph: PlanningGraph, name: str) -> np.ndarray:
    """Read test pairs, shape ``(m, 2)`` int64 rows ``(source, target)``, each once.

    Raises
    ------
    InputError
        If the file cannot be read, a name is no node, or a pair is no problem on the graph.
    """
    if Path(name.partition("#")[0]).suffix.lower() == ".json":
        rows = _named(graph, "test_pairs", lambda: _questions(name))
    else:
        rows = _named(graph, "test_pairs", lambda: files.read_paths(name))
    for at, row in rows:
        if len(row) != 2 and not files.looks_like_paths([row]):
            wanted = "lines 's t' or 's t s a ... t'"
            raise InputError("test_pairs", wanted, f"line {at} (in {name})")
    pairs = list(dict.fromkeys(tuple(row[:2]) for _, row in rows))
    return check_problems(graph, np.array(pairs))


def _questions(name: str) -> list[tuple[int, list[str]]]:
    listing = files.read_graph(name)
    if not listing.problems:
        raise files.FileError("root and target", "neither")
    return [(1, [str(listing.nodes[k]) for k in pair]) for pair in listing.problems]


def _named(graph: PlanningGraph, argument: str, read: Callable) -> list[tuple[int, list[int]]]:
    """Read rows of names and return them as rows of nodes."""
    try:
        rows = read()
    except files.FileError as error:
        raise InputError(argument, error.expected, error.got) from error
    place = {str(label): k for k, label in enumerate(graph.labels)}
    for at, row in rows:
        for name in row:
            if name not in place:
                raise InputError(argument, f"nodes of {graph.name}", f"line {at}: {name!r}")
    return [(at, [place[name] for name in row]) for at, row in rows]


def given_task(
    graph: PlanningGraph, paths: str, test_pairs: str | None = None
) -> tuple[Split, np.ndarray]:
    """Return the split and the SFT data that files name.

    The pairs of the paths are the training pairs; test pairs are those of the second file, or
    without one all other reachable pairs.

    Raises
    ------
    InputError
        As :func:`read_training` and :func:`read_pairs`; or if a test pair is trained on.
    SplitError
        If no test pair is left.
    """
    data = read_training(graph, paths)
    trained = np.unique(data[:, :2], axis=0)
    if test_pairs is None:
        known = set(map(tuple, trained.tolist()))
        left = [pair for pair in graph.reachable_pairs().tolist() if tuple(pair) not in known]
        if not left:
            raise SplitError("paths", "some test pair left over", "all reachable pairs")
        test = np.array(left)
    else:
        test = read_pairs(graph, test_pairs)
        if both := set(map(tuple, test.tolist())) & set(map(tuple, trained.tolist())):
            s, t = (graph.labels[k] for k in min(both))
            raise InputError("test_pairs", "pairs that are not trained on", f"{s} {t}")
    is_edge = graph.adjacency[trained[:, 0], trained[:, 1]]
    return Split(trained[is_edge], trained[~is_edge], test), data


def digest(graph: PlanningGraph, paths: str, test_pairs: str | None = None) -> str:
    """SHA-256 of the sequences and the test pairs that files name, in their order."""
    split, data = given_task(graph, paths, test_pairs)
    whole = hashlib.sha256(repr((data.shape, split.test_pairs.shape)).encode())
    whole.update(data.tobytes() + split.test_pairs.astype(np.int64).tobytes())
    return whole.hexdigest()
