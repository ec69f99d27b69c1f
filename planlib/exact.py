"""Closed forms and expectations by enumeration, in the numbers that you bring.

Nothing here imports planlib, torch or numpy, so agreement with the trainers is
evidence, and the functions run wherever Python does.  Adjacency is rows of 0/1;
a policy is ``policy[i][j][k]``, the probability of next node ``k`` at current
node ``j`` for target ``i``; numbers may be ``Fraction``, ``float`` or sympy
expressions.  A path is a tuple of nodes, both ends included.  An episode ends
when its target is generated, or after ``horizon`` steps.

Source: Wang et al., arXiv 2509.22613, sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

Rows = Sequence[Sequence[int]]
Path = tuple[int, ...]
Gradient = dict[tuple[int, int], list]  # row (target, current) -> one entry a next node


def reaches(adjacency: Rows, target: int) -> list[bool]:
    """Whether each node can reach ``target`` (a node reaches itself)."""
    n = len(adjacency)
    known = {target}
    queue = [target]
    for k in queue:
        for j in range(n):
            if adjacency[j][k] and j not in known:
                known.add(j)
                queue.append(j)
    return [j in known for j in range(n)]


def is_correct(adjacency: Rows, path: Path, target: int) -> bool:
    """Whether a path is legal at every step and ends at its first visit of ``target``."""
    legal = all(adjacency[j][k] for j, k in pairwise(path))
    return legal and path[-1] == target and target not in path[:-1]


def episodes(n: int, source: int, target: int, horizon: int) -> Iterator[Path]:
    """All episodes over ``n`` nodes, legal or not: ``<= n**horizon`` paths."""

    def grow(path: Path) -> Iterator[Path]:
        if path[-1] == target or len(path) > horizon:
            yield path
        else:
            for k in range(n):
                yield from grow((*path, k))

    yield from grow((source,))


def correct_paths(adjacency: Rows, source: int, target: int, horizon: int) -> Iterator[Path]:
    """All correct paths of at most ``horizon`` steps, along legal edges alone."""

    def grow(path: Path) -> Iterator[Path]:
        if path[-1] == target:
            yield path
        elif len(path) <= horizon:
            for k, edge in enumerate(adjacency[path[-1]]):
                if edge:
                    yield from grow((*path, k))

    yield from grow((source,))


def path_probability(policy: Sequence, path: Path, target: int) -> object:
    """Probability that the policy writes this path, toward ``target``."""
    probability = 1
    for j, k in pairwise(path):
        probability = probability * policy[target][j][k]
    return probability


def path_probabilities(
    adjacency: Rows, policy: Sequence, source: int, target: int, horizon: int
) -> dict[Path, object]:
    """Exact probability of each correct path of at most ``horizon`` steps.

    Paths grow together, one step a round: each partial path carries its
    probability, and one that can no longer arrive is dropped.
    """
    alive = reaches(adjacency, target)
    partial: dict[Path, object] = {(source,): 1}
    finished: dict[Path, object] = {}
    for _ in range(horizon):
        longer: dict[Path, object] = {}
        for path, probability in partial.items():
            j = path[-1]
            for k, edge in enumerate(adjacency[j]):
                if edge and alive[k]:
                    into = finished if k == target else longer
                    into[(*path, k)] = probability * policy[target][j][k]
        partial = longer
    return finished


def success_probabilities(
    adjacency: Rows, policy: Sequence, target: int, horizon: int
) -> list[list]:
    """Probability of finishing correctly: entry ``[h][j]`` from ``j`` with ``h`` steps left."""
    n = len(adjacency)
    zero = 0 * policy[target][0][0]
    values = [[zero + int(j == target) for j in range(n)]]
    for _ in range(horizon):
        last = values[-1]
        values.append(
            [
                zero + 1
                if j == target
                else sum(
                    (policy[target][j][k] * last[k] for k in range(n) if adjacency[j][k]), zero
                )
                for j in range(n)
            ]
        )
    return values


def visits(
    policy: Sequence, source: int, target: int, horizon: int, adjacency: Rows | None = None
) -> list[list]:
    """Probability of standing at ``j`` after ``m`` steps: entry ``[m][j]``, ``m < horizon``.

    An episode leaves when it steps onto the target; with ``adjacency`` also when it
    takes an illegal step.
    """
    n = len(policy)
    zero = 0 * policy[target][0][0]
    now = [zero + int(j == source) for j in range(n)]
    times = []
    for _ in range(horizon):
        times.append(now)
        then = [zero] * n
        for j in range(n):
            if j != target and now[j]:
                for k in range(n):
                    if k != target and (adjacency is None or adjacency[j][k]):
                        then[k] += now[j] * policy[target][j][k]
        now = then
    return times


def credits(
    adjacency: Rows, policy: Sequence, source: int, target: int, horizon: int
) -> dict[int, tuple[object, object, list]]:
    """Expected visits of each row, and what each next node earns there.

    Returns
    -------
    dict
        By current node ``j``: the expected number of visits on a so-far-legal prefix
        (``d`` of Theorem 4.2); the same on any prefix; and for each next node ``k``
        ``sum_m d_m(j) A[j, k] V_{H-m-1}(k)``.  The last over the first is ``p_k`` of
        Theorem 4.2; over the second, ``p_k`` of Theorem 4.4.
    """
    n = len(adjacency)
    values = success_probabilities(adjacency, policy, target, horizon)
    legal = visits(policy, source, target, horizon, adjacency)
    every = visits(policy, source, target, horizon)
    zero = 0 * policy[target][0][0]
    rows = {}
    for j in range(n):
        if j == target:
            continue
        earned = [
            sum(
                (legal[m][j] * values[horizon - m - 1][k] for m in range(horizon) if legal[m][j]),
                zero,
            )
            if adjacency[j][k]
            else zero
            for k in range(n)
        ]
        rows[j] = (
            sum((now[j] for now in legal), zero),
            sum((now[j] for now in every), zero),
            earned,
        )
    return rows


def success_gradient(
    adjacency: Rows, policy: Sequence, source: int, target: int, horizon: int
) -> Gradient:
    """Gradient of the success probability in the logits, by two recursions and no sampling.

    Row ``(i, j)``, entry ``k`` is ``d pi_k (p_k - sum_k' pi_k' p_k')``, the closed form
    of Theorem 4.2, with ``d p_k`` from :func:`credits`.
    """
    gradient: Gradient = {}
    for j, (_, _, earned) in credits(adjacency, policy, source, target, horizon).items():
        row = policy[target][j]
        mean = sum(p * e for p, e in zip(row, earned, strict=True))
        gradient[target, j] = [p * (e - mean) for p, e in zip(row, earned, strict=True)]
    return gradient


def cooccurrence(
    paths: Iterable[Path], target: int | None = None
) -> dict[tuple[int, int], dict[int, int]]:
    """Co-occurrence counts ``N(i, j, k)``: ``{(target, current): {next: count}}``.

    Each path counts toward its own end, or all toward ``target``, which some may miss.
    """
    counts: dict[tuple[int, int], dict[int, int]] = {}
    for path in paths:
        i = path[-1] if target is None else target
        for j, k in pairwise(path):
            row = counts.setdefault((i, j), {})
            row[k] = row.get(k, 0) + 1
    return counts


def frequencies(counts: dict[tuple[int, int], dict[int, int]], n: int) -> dict[tuple, list]:
    """Normalise counts to the limit of Theorem 3.1: exact frequencies, one row a (target, current)."""
    rows = {}
    for key, row in counts.items():
        total = sum(row.values())
        rows[key] = [Fraction(row.get(k, 0), total) for k in range(n)]
    return rows


def sft_gradient(policy: Sequence, paths: Iterable[Path], target: int | None = None) -> Gradient:
    """Gradient of the summed SFT loss in the logits: ``N(i, j) pi(. | i, j) - N(i, j, .)``.

    From the counts of :func:`cooccurrence` alone; rows that no path visits are left out.
    """
    gradient: Gradient = {}
    for (i, j), row in cooccurrence(paths, target).items():
        total = sum(row.values())
        gradient[i, j] = [total * p - row.get(k, 0) for k, p in enumerate(policy[i][j])]
    return gradient


def weighted_gradient(policy: Sequence, episodes: Iterable[tuple[Path, int, object]]) -> Gradient:
    """Gradient of ``-sum_u R(u) log pi(u)`` in the logits, step by step along each episode.

    Episodes are ``(path, target, return)``.  Each step adds
    ``R(u) (pi_k - [k = next])`` to its row: the policy-gradient loss with
    lambda = 0, before any divisor.
    """
    gradient: Gradient = {}
    for path, target, weight in episodes:
        for j, taken in pairwise(path):
            row = gradient.setdefault((target, j), [0] * len(policy[target][j]))
            for k, p in enumerate(policy[target][j]):
                row[k] += weight * (p - int(k == taken))
    return gradient


def likelihood(rows: dict[tuple, list], counts: dict[tuple[int, int], dict[int, int]]) -> object:
    """Likelihood of the counts, ``prod rows[i, j][k] ** N(i, j, k)``: ``exp(-loss)``, exactly."""
    value = 1
    for key, row in counts.items():
        for k, count in row.items():
            value = value * rows[key][k] ** count
    return value


def add(*gradients: tuple[object, Gradient]) -> Gradient:
    """Return the weighted sum of gradients given as ``(weight, gradient)``; absent rows are zero."""
    total: Gradient = {}
    for weight, gradient in gradients:
        for key, row in gradient.items():
            old = total.get(key, [0] * len(row))
            total[key] = [a + weight * b for a, b in zip(old, row, strict=True)]
    return total


def largest(gradient: Gradient) -> object:
    """Largest absolute entry of a gradient; 0 when it has no rows."""
    return max((abs(x) for row in gradient.values() for x in row), default=0)


def structure(adjacency: Rows, target: int) -> list[list[int]]:
    """Values of Theorem 5.2 toward ``target``: ``f*[j][k] = A[j, k] + R[target, k] - 1``."""
    alive = reaches(adjacency, target)
    n = len(adjacency)
    return [[adjacency[j][k] + alive[k] - 1 for k in range(n)] for j in range(n)]


def bellman(
    adjacency: Rows,
    values: Sequence[Sequence],
    target: int,
    discount: object = 1,
    step_cost: object = 0,
) -> list:
    """One synchronous sweep of Q-learning with process reward toward ``target``.

    ``f[j][k] <- [k = target] - [(j, k) is no edge] - step_cost + discount max_k' f[k][k']``,
    the bootstrap 0 at the target, whose own row is left as it is (Theorem 5.2; discount
    1 and no step cost in the paper).
    """
    n = len(adjacency)
    best = [max(row) for row in values]
    return [
        list(values[j])
        if j == target
        else [
            adjacency[j][k] - 1 - step_cost + (1 if k == target else discount * best[k])
            for k in range(n)
        ]
        for j in range(n)
    ]


def outcome_bellman(values: Sequence[Sequence], target: int) -> list:
    """One synchronous sweep with outcome reward, the entries onto the target left as they are.

    Off the target every step is worth what comes next: ``f[j][k] <- max_k' f[k][k']``
    (Theorem 5.1); what the step onto the target is worth depends on the path before it.
    """
    best = [max(row) for row in values]
    return [
        list(row) if j == target else [x if k == target else best[k] for k, x in enumerate(row)]
        for j, row in enumerate(values)
    ]


def ended_bellman(
    adjacency: Rows,
    values: Sequence[Sequence],
    target: int,
    goes_on: object = 0,
    arrival: Sequence | None = None,
) -> list:
    """One synchronous sweep with outcome reward and episodes that an illegal step ends.

    ``f[j][k] <- [(j, k) is an edge] ([k = target] arrival[j] + [k != target] max_k' f[k][k'])``,
    the target's own row left as it is.  An illegal step is worth nothing, or where the episode
    goes on after it with probability ``goes_on``, that share of what comes next (onto the target
    nothing: the outcome is wrong).  ``arrival[j]`` is the chance that the path was legal when it
    stepped from ``j`` onto the target, 1 where every error ends the episode.  Ours.
    """
    n = len(adjacency)
    best = [max(row) for row in values]

    def worth(j: int, k: int) -> object:
        if k == target:
            return adjacency[j][k] * (1 if arrival is None else arrival[j])
        return best[k] if adjacency[j][k] else goes_on * best[k]

    return [
        list(row) if j == target else [worth(j, k) for k in range(n)]
        for j, row in enumerate(values)
    ]


def judged_bellman(
    adjacency: Rows,
    values: Sequence[Sequence],
    target: int,
    false_alarm: object = 0,
    detection: object = 1,
) -> list:
    """One synchronous sweep with process reward by a noisy judge, in expectation.

    The judge calls a legal step illegal with probability ``false_alarm`` and an illegal one with
    probability ``detection``, and each call costs 1:
    ``f[j][k] <- [k = target] - (false_alarm or detection) + [k != target] max_k' f[k][k']``, the
    target's own row left as it is.  The paper's judge has 0 and 1.  Ours.
    """
    n = len(adjacency)
    best = [max(row) for row in values]
    return [
        list(values[j])
        if j == target
        else [
            (1 if k == target else best[k]) - (false_alarm if adjacency[j][k] else detection)
            for k in range(n)
        ]
        for j in range(n)
    ]


def base_success(adjacency: Rows, policy_rows: Sequence[Sequence], target: int) -> list:
    """Probability that a policy comes to ``target`` by legal steps alone, 1 at the target itself.

    Without a limit of length, by elimination in your numbers; ``policy_rows[j][k]`` is the chance
    of stepping from ``j`` to ``k``.

    Raises
    ------
    ZeroDivisionError
        If the policy can walk legally for ever off the target.
    """
    legal = _legal(adjacency, policy_rows)
    return _absorbed(legal, target, [row[target] for row in legal], 1 + 0 * policy_rows[0][0])


def soft_values(
    adjacency: Rows, policy_rows: Sequence[Sequence], target: int, onto: object
) -> list:
    """Exponential soft values ``W = e^(V / weight)`` of a base policy, with ended episodes.

    They solve ``W[j] = sum_k b[j][k] (W[k] at a legal step, onto at one onto the target, 1 at an
    illegal one)``, and ``W[target]`` is given as ``onto = e^(1 / weight)``.  By elimination, not by
    the closed form ``1 + (onto - 1) p`` with ``p`` of :func:`base_success`.  Ours.

    Raises
    ------
    ZeroDivisionError
        If the base can walk legally for ever off the target.
    """
    legal = _legal(adjacency, policy_rows)
    given = [
        onto * row[target] + sum(p for p, a in zip(base, edges, strict=True) if not a)
        for row, base, edges in zip(legal, policy_rows, adjacency, strict=True)
    ]
    return _absorbed(legal, target, given, onto)


def soft_policy(
    adjacency: Rows, policy_rows: Sequence[Sequence], target: int, worth: Sequence
) -> list[list]:
    """The base tilted by exponential soft values ``worth`` (the target's own among them): rows.

    ``pi[j][k] = b[j][k] w[j][k] / sum_k' b[j][k'] w[j][k']``, where ``w[j][k]`` is ``worth[k]`` at
    a legal step and 1 at an illegal one; the target's row is the base's.
    """
    rows = []
    for j, base in enumerate(policy_rows):
        tilted = [p * (w if a else 1) for p, w, a in zip(base, worth, adjacency[j], strict=True)]
        total = sum(tilted)
        rows.append(list(base) if j == target else [x / total for x in tilted])
    return rows


def distances(adjacency: Rows, target: int) -> list[int | None]:
    """Number of steps from each node to ``target``; None where it cannot be reached."""
    n = len(adjacency)
    found: list[int | None] = [None] * n
    found[target] = 0
    queue = [target]
    for k in queue:
        for j in range(n):
            if adjacency[j][k] and found[j] is None:
                found[j] = found[k] + 1
                queue.append(j)
    return found


def leads(adjacency: Rows, target: int) -> list[list[bool]]:
    """Whether ``j`` leads to ``k`` by legal steps off the target, in ``G - target``: entry ``[j][k]``.

    A node leads to itself; the target leads nowhere and nothing leads to it.
    """
    n = len(adjacency)
    rest = [
        [a and target not in (j, k) for k, a in enumerate(row)] for j, row in enumerate(adjacency)
    ]
    columns = [reaches(rest, k) for k in range(n)]
    return [[columns[k][j] and target not in (j, k) for k in range(n)] for j in range(n)]


def on_cycle(adjacency: Rows, target: int) -> list[bool]:
    """Whether each node lies on a legal cycle that avoids the target."""
    n = len(adjacency)
    lead = leads(adjacency, target)
    return [any(adjacency[j][k] and lead[k][j] for k in range(n)) for j in range(n)]


def expected_steps(policy_rows: Sequence[Sequence], target: int) -> list:
    """Expected number of steps to ``target`` from each node, by elimination in your numbers.

    Parameters
    ----------
    policy_rows
        ``policy_rows[j][k]``: the chance of stepping from ``j`` to ``k``.

    Raises
    ------
    ZeroDivisionError
        If some node cannot arrive, whose expectation is infinite.
    """
    zero = 0 * policy_rows[0][0]
    return _absorbed(policy_rows, target, [1] * len(policy_rows), zero)


def _legal(adjacency: Rows, rows: Sequence[Sequence]) -> list[list]:
    """Rows with their entries at illegal steps set to 0."""
    return [
        [p * a for p, a in zip(*pair, strict=True)] for pair in zip(rows, adjacency, strict=True)
    ]


def _absorbed(rows: Sequence[Sequence], target: int, given: Sequence, at_target: object) -> list:
    """Solve ``x[j] = given[j] + sum_{k != target} rows[j][k] x[k]`` off the target, by elimination."""
    n = len(rows)
    nodes = [j for j in range(n) if j != target]
    # (1 - P) x = given; diagonally dominant, so no pivoting.
    system = [[int(j == k) - rows[j][k] for k in nodes] + [given[j]] for j in nodes]
    for p, pivot in enumerate(system):
        scale = 1 / pivot[p]
        pivot[p:] = [scale * x for x in pivot[p:]]
        for row in system[p + 1 :]:
            factor = row[p]
            if factor:
                row[p:] = [x - factor * y for x, y in zip(row[p:], pivot[p:], strict=True)]
    found = [at_target] * n
    for p in range(len(nodes) - 1, -1, -1):
        later = zip(system[p][p + 1 : -1], nodes[p + 1 :], strict=True)
        found[nodes[p]] = system[p][-1] - sum(x * found[k] for x, k in later)
    return found
