"""Success and its gradient in the logits by differentiating one product after another, exactly.

Nothing here counts visits, knows what a node is worth or lists a path, and nothing of
:mod:`planlib.exact` is used: a route of its own to the gradient of Theorem 4.2.
"""

from __future__ import annotations

from flint import fmpq, fmpq_mat


def differentiated(adjacency, policy, source, target, horizon) -> tuple[fmpq, dict]:
    """Success within the horizon, and its gradient: ``{(target, j): one entry a next node}``.

    Where one stands is a row of probabilities; a step multiplies it by the matrix of legal
    steps, and its derivative in each logit follows the product rule.
    """
    n, rows = len(adjacency), range(len(adjacency))
    others, zero = [j for j in rows if j != target], fmpq(0)
    move = fmpq_mat(n, n, [
        fmpq(int(k == target)) if j == target else policy[target][j][k] if adjacency[j][k] else zero
        for j in rows for k in rows
    ])  # fmt: skip
    by_logit = {}  # of row j of that matrix: a line for each logit
    for j in others:
        w = policy[target][j]
        derivative = [
            w[k] * (int(k == x) - w[x]) if adjacency[j][k] else zero for x in rows for k in rows
        ]
        by_logit[j] = fmpq_mat(n, n, derivative)
    now = fmpq_mat(1, n, [int(j == source) for j in rows])
    moved = {j: fmpq_mat(n, n) for j in others}
    for _ in range(horizon):
        for j in others:
            moved[j] = moved[j] * move + now[0, j] * by_logit[j]
        now = now * move
    return now[0, target], {(target, j): [d[x, target] for x in rows] for j, d in moved.items()}
