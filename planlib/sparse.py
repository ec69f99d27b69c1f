"""What a graph keeps where a byte a pair of nodes is too much: its edges, and rows made when asked for.

Both read like the matrices that they stand for: ``m[rows]`` gives whole rows, ``m[rows, columns]``
single entries.  Nothing here takes ``n**2`` bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

KEPT = 2**27  # bytes of rows that are kept for the next question


class Edges:
    """Adjacency by its edges.

    Parameters
    ----------
    n
        Number of nodes.
    pairs
        Edges ``(j, k)``, shape ``(m, 2)``; one that stands there twice counts once.
    """

    ndim = 2

    def __init__(self, n: int, pairs: object):
        rows, columns = np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T
        self.shape = (n, n)
        self.codes = np.unique(rows * n + columns)  # (m,), sorted
        entries = (np.ones(len(self.codes), dtype=bool), self.nonzero())
        self.matrix = sparse.csr_array(entries, shape=self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: object) -> np.ndarray:
        if isinstance(key, tuple):
            rows, columns = map(np.asarray, key)
            wanted = rows.astype(np.int64) * len(self) + columns
            at = np.searchsorted(self.codes, wanted)
            return np.append(self.codes, -1)[at] == wanted
        rows = np.asarray(key)
        return self.matrix[rows.reshape(-1)].toarray().reshape(*rows.shape, len(self))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.matrix.toarray().astype(dtype or bool, copy=False)

    def nonzero(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges as two arrays ``(m,)``, sorted by where they begin, then by where they end."""
        return np.divmod(self.codes, len(self))

    def of(self, node: int) -> np.ndarray:
        """The nodes that a node's edges lead to, in ascending order."""
        first, last = np.searchsorted(self.codes, [node * len(self), (node + 1) * len(self)])
        return self.codes[first:last] % len(self)

    def sum(self) -> int:
        """Number of edges."""
        return len(self.codes)

    def without(self, pairs: np.ndarray) -> Edges:
        """The same but for some edges ``(m, 2)``."""
        gone = np.isin(self.codes, pairs[:, 0] * len(self) + pairs[:, 1])
        return Edges(len(self), np.stack(np.divmod(self.codes[~gone], len(self)), axis=1))

    @property
    def is_acyclic(self) -> bool:
        """Whether there is no directed cycle: then each node is a strong component of its own."""
        parts = csgraph.connected_components(self.matrix, connection="strong", return_labels=False)
        return parts == len(self)

    def reaches(self) -> ByTarget:
        """Rows ``[i, k]``: whether target ``i`` can be reached from ``k``."""

        def row(target: int) -> np.ndarray:
            found = np.zeros(len(self), dtype=bool)
            for nodes in self.back_from(np.array([target]), fewest=True):
                found[nodes] = True
            return found

        return ByTarget(len(self), row, bool)

    def distances(self) -> ByTarget:
        """Rows ``[i, k]``: fewest edges from ``k`` to target ``i``; -1 where there is no way."""
        return self._by_steps(fewest=True)

    def longest(self) -> ByTarget:
        """Rows ``[i, k]``: most edges from ``k`` to target ``i``, without cycles; -1 without a way."""
        return self._by_steps(fewest=False)

    def _by_steps(self, fewest: bool) -> ByTarget:
        def row(target: int) -> np.ndarray:
            steps = np.full(len(self), -1)
            for h, nodes in enumerate(self.back_from(np.array([target]), fewest)):
                steps[nodes] = h
            return steps

        return ByTarget(len(self), row, int)

    @cached_property
    def back(self) -> sparse.csr_array:
        """Shape ``(n, n)``: the edges turned round."""
        return self.matrix.T.tocsr()

    def back_from(self, nodes: np.ndarray, fewest: bool = False) -> Iterator[np.ndarray]:
        """Yield the nodes from which a path of 0, 1, 2, ... edges leads to one of these, while there are any.

        With ``fewest`` each node once.  Without it there is no end where a cycle leads to them.
        """
        known = np.zeros(len(self), dtype=bool)
        while len(nodes):
            yield nodes
            known[nodes] = fewest
            nodes = np.unique(self.back[nodes].indices)
            nodes = nodes[~known[nodes]]


class ByTarget:
    """A matrix ``(n, n)`` whose row of a target is made when it is asked for."""

    def __init__(self, n: int, row: Callable[[int], np.ndarray], dtype: type):
        self.shape, self.dtype = (n, n), np.dtype(dtype)
        self.row = lru_cache(max(1, KEPT // (n * self.dtype.itemsize)))(row)

    def __getitem__(self, key: object) -> np.ndarray:
        if not isinstance(key, tuple):
            targets = np.asarray(key)
            rows = [self.row(target) for target in targets.reshape(-1).tolist()]
            return np.array(rows).reshape(*targets.shape, self.shape[1])
        targets, nodes = np.broadcast_arrays(*map(np.asarray, key))
        entries = np.zeros(targets.size, dtype=self.dtype)
        order = np.argsort(targets, axis=None, kind="stable")  # one target after the other
        sorted_nodes = nodes.reshape(-1)[order]
        each, first = np.unique(targets.reshape(-1)[order], return_index=True)
        ends = np.append(first[1:], len(order))[: len(each)]
        for target, begin, end in zip(each.tolist(), first, ends, strict=True):
            entries[order[begin:end]] = self.row(target)[sorted_nodes[begin:end]]
        return entries.reshape(targets.shape)
