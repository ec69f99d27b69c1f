"""Success and its gradient in the logits by differentiating one product after another, exactly.

Nothing here counts visits, knows what a node is worth or lists a path, and nothing of
:mod:`planlib.exact` is used: a route of its own to the gradient of Theorem 4.2.
"""

from __future__ import annotations

from flint import fmpq, fmpq_mat


def differentiated(adjacency, policy, sources, target, horizon) -> tuple[fmpq, dict]:
    """Success within the horizon, summed over sources, and its gradient: a row for each node.

    Where one stands is a row of probabilities; a step multiplies it by the matrix of legal
    steps, and its derivative in each logit follows the product rule.
    """
    n, nodes = len(adjacency), range(len(adjacency))
    others, zero = [j for j in nodes if j != target], fmpq(0)
    move, by_logit = [], {}  # the matrix, and of its row j a line for the derivative in each logit
    for j in nodes:
        w = policy[target][j]
        legal = [w[k] if adjacency[j][k] else zero for k in nodes]
        if j == target:
            move += [int(k == target) for k in nodes]
            continue
        move += legal
        alone = fmpq_mat(n, n, [legal[k] if k == x else zero for x in nodes for k in nodes])
        by_logit[j] = alone - fmpq_mat(n, 1, w) * fmpq_mat(1, n, legal)  # of the softmax
    move = fmpq_mat(n, n, move)
    now = fmpq_mat(1, n, [int(j in sources) for j in nodes])
    moved = {j: fmpq_mat(n, n) for j in others}
    for _ in range(horizon):
        for j in others:
            moved[j] = moved[j] * move + now[0, j] * by_logit[j]
        now = now * move
    return now[0, target], {
        (target, j): tuple(d[x, target] for x in nodes) for j, d in moved.items()
    }
