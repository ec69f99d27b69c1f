from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planlib import exact
from planlib.graph import PlanningGraph
from theorems.small_graphs import digraphs

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
TRIANGLE = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]


def fractions_policy(n, rng):
    def row():
        weights = [rng.randint(1, 9) for _ in range(n)]
        return [Fraction(w, sum(weights)) for w in weights]

    return [[row() for _ in range(n)] for _ in range(n)]


def test_uniform_policy_by_hand():
    uniform = [[[THIRD] * 3 for _ in range(3)] for _ in range(3)]
    paths = exact.path_probabilities(TRIANGLE, uniform, 0, 2, 2)
    assert paths == {(0, 2): THIRD, (0, 1, 2): THIRD**2}
    values = exact.success_probabilities(TRIANGLE, uniform, 2, 2)
    assert values == [[0, 0, 1], [THIRD, THIRD, 1], [THIRD + THIRD**2, THIRD, 1]]
    # d J / d f(0)[2] = pi_2 (1 - J), d f(0)[1] = pi_1 (1/3 - J), d f(0)[0] = pi_0 (0 - J)
    success = Fraction(4, 9)
    gradient = exact.success_gradient(TRIANGLE, uniform, 0, 2, 2)
    assert gradient[2, 0] == [-THIRD * success, THIRD * (THIRD - success), THIRD * (1 - success)]


def test_counts_and_gradients_by_hand():
    counts = exact.cooccurrence([(0, 1, 2), (0, 2), (0, 2)])
    assert counts == {(2, 0): {1: 1, 2: 2}, (2, 1): {2: 1}}
    assert exact.frequencies(counts, 3)[2, 0] == [0, THIRD, 2 * THIRD]
    policy = [[[HALF, HALF, 0]] * 3] * 3
    assert exact.sft_gradient(policy, [(0, 1, 2), (0, 2), (0, 2)])[2, 0] == [3 * HALF, HALF, -2]
    assert exact.likelihood({(2, 0): [0, THIRD, 2 * THIRD], (2, 1): [0, 0, 1]}, counts) == Fraction(
        4, 27
    )


@given(st.integers(2, 4), st.integers(0, 10**6))
def test_recursion_agrees_with_enumeration(n, seed):
    rng = Random(seed)
    adjacency = [[int(j != k and rng.random() < 0.5) for k in range(n)] for j in range(n)]
    policy = fractions_policy(n, rng)
    source, target = rng.sample(range(n), 2)
    every = list(exact.episodes(n, source, target, 3))
    assert sum(exact.path_probability(policy, u, target) for u in every) == 1
    correct = [u for u in every if exact.is_correct(adjacency, u, target)]
    assert sorted(correct) == sorted(exact.correct_paths(adjacency, source, target, 3))
    paths = exact.path_probabilities(adjacency, policy, source, target, 3)
    assert sorted(paths) == sorted(correct)
    assert all(p == exact.path_probability(policy, u, target) for u, p in paths.items())
    values = exact.success_probabilities(adjacency, policy, target, 3)
    assert sum(paths.values()) == values[3][source]


@given(st.integers(2, 4), st.integers(0, 10**6))
def test_success_gradient_is_the_finite_difference_in_the_policy(n, seed):
    """Move one probability along the softmax's own direction, exactly, in rationals."""
    rng = Random(seed)
    adjacency = [[int(j != k) for k in range(n)] for j in range(n)]
    policy = fractions_policy(n, rng)
    gradient = exact.success_gradient(adjacency, policy, 0, 1, 3)
    h = Fraction(1, 10**9)
    for (i, j), row in gradient.items():
        for k, expected in enumerate(row):
            moved = []
            for sign in (1, -1):
                table = [[list(r) for r in t] for t in policy]
                p = policy[i][j]
                table[i][j] = [p[m] + sign * h * p[m] * (int(m == k) - p[k]) for m in range(n)]
                moved.append(exact.success_probabilities(adjacency, table, 1, 3)[3][0])
            assert abs((moved[0] - moved[1]) / (2 * h) - expected) < Fraction(1, 10**12)


@given(st.integers(2, 6), st.integers(0, 10**6))
def test_reaches_agrees_with_the_graph(n, seed):
    rng = Random(seed)
    adjacency = [[int(j != k and rng.random() < 0.3) for k in range(n)] for j in range(n)]
    graph = PlanningGraph(adjacency)
    for target in range(n):
        assert exact.reaches(adjacency, target) == graph.reachability[target].tolist()


def test_number_of_digraphs():
    assert [sum(1 for _ in digraphs(n)) for n in (2, 3)] == [4, 64]
    assert len({str(a) for a in digraphs(3)}) == 64


def test_paths_are_legal_walks():
    for path in exact.correct_paths([[0, 1], [1, 0]], 0, 1, 5):
        assert path == (0, 1)
    cyclic = [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
    found = list(exact.correct_paths(cyclic, 0, 2, 4))
    assert found == [(0, 1, 0, 1, 2), (0, 1, 2)]
    assert all(cyclic[j][k] for path in found for j, k in pairwise(path))


def test_exact_runs_without_the_package(tmp_path):
    """It must run in a page: standard library alone."""
    import ast
    import sys
    from pathlib import Path

    tree = ast.parse(Path(exact.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


def test_gradient_of_a_perfect_policy_is_zero():
    policy = [[[0, 0, 1], [0, 0, 1], [0, 0, 1]]] * 3
    gradient = exact.success_gradient(TRIANGLE, policy, 0, 2, 2)
    assert exact.largest(gradient) == 0
    with pytest.raises(KeyError):
        gradient[0, 1]


def test_credits_by_enumeration():
    """Visits and what each step earns, counted over all episodes with their probabilities."""
    rng = Random(8)
    adjacency = [[0, 1, 1], [1, 0, 1], [0, 0, 0]]  # with a cycle
    policy = [
        [[Fraction(w, 6) for w in rng.sample((1, 2, 3), 3)] for _ in range(3)] for _ in range(3)
    ]
    source, target, horizon = 0, 2, 4
    legal, every, earned = [0] * 3, [0] * 3, [[0] * 3 for _ in range(3)]
    for path in exact.episodes(3, source, target, horizon):
        probability = exact.path_probability(policy, path, target)
        so_far = True
        for j, k in pairwise(path):
            legal[j] += probability * so_far
            every[j] += probability
            earned[j][k] += probability * exact.is_correct(adjacency, path, target)
            so_far = so_far and adjacency[j][k]
    for j, (d, visits, row) in exact.credits(adjacency, policy, source, target, horizon).items():
        assert (d, visits) == (legal[j], every[j])
        assert [p * x for p, x in zip(policy[target][j], row, strict=True)] == earned[j]


def test_structure_is_a_fixed_point_on_every_small_graph():
    for n in (2, 3):
        for adjacency in digraphs(n):
            for target in range(n):
                values = exact.structure(adjacency, target)
                assert exact.bellman(adjacency, values, target) == values
                off = [[x + (j != target) for x in row] for j, row in enumerate(values)]
                assert exact.bellman(adjacency, off, target) != off  # a shifted table is not


def test_one_sweep_by_hand():
    start = [[0, 2, 0], [5, 0, 0], [0, 0, 0]]  # on 0 -> 1 -> 2 and 0 -> 2
    assert exact.bellman(TRIANGLE, start, 2) == [[1, 5, 1], [1, 4, 1], [0, 0, 0]]
    assert exact.bellman(TRIANGLE, start, 2, HALF)[0] == [0, HALF * 5, 1]
    assert exact.outcome_bellman(start, 2) == [[2, 5, 0], [2, 5, 0], [0, 0, 0]]


def test_a_step_cost_by_hand():
    start = [[0, 2, 0], [5, 0, 0], [0, 0, 0]]
    assert exact.bellman(TRIANGLE, start, 2, 1, HALF)[0] == [HALF, HALF * 9, HALF]


def test_leads_and_cycles_avoid_the_target():
    ring = [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]]  # 0 -> 1 -> 2 -> 0, 2 -> 3
    assert exact.leads(ring, 3) == [[True] * 3 + [False]] * 3 + [[False] * 4]
    assert exact.on_cycle(ring, 3) == [True, True, True, False]
    assert exact.leads(ring, 1)[2] == [True, False, True, True]  # 2 -> 0 goes on, 0 -> 1 does not
    assert exact.leads(ring, 1)[0] == [True, False, False, False]
    assert exact.on_cycle(ring, 1) == [False] * 4  # the target cuts the only cycle


def test_expected_steps_by_hand_and_by_summation():
    fair = [[0, HALF, HALF], [HALF, 0, HALF], [0, 0, 0]]
    assert exact.expected_steps(fair, 2) == [2, 2, 0]
    with pytest.raises(ZeroDivisionError):
        exact.expected_steps([[0, 1, 0], [1, 0, 0], [0, 0, 0]], 2)
    rows = [[0.1, 0.5, 0.2, 0.2], [0.3, 0.1, 0.1, 0.5], [0.6, 0.1, 0.1, 0.2], [0, 0, 0, 0]]
    alive, total = [1.0, 0.0, 0.0], 0.0  # the mean is the sum of the chances not to be there yet
    for _ in range(400):
        total += sum(alive)
        alive = [sum(alive[j] * rows[j][k] for j in range(3)) for k in range(3)]
    assert exact.expected_steps(rows, 3)[0] == pytest.approx(total, rel=1e-12)


def test_ended_and_judged_sweeps_by_hand():
    values = [[0, HALF, 0], [1, 0, 0], [0, 0, 7]]  # toward 2, from 0 -> 1, 1 -> 0 and 1 -> 2
    edges = [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
    assert exact.ended_bellman(edges, values, 2) == [[0, 1, 0], [HALF, 0, 1], [0, 0, 7]]
    part = exact.ended_bellman(edges, values, 2, HALF, [1, HALF, 1])
    assert part == [[HALF / 2, 1, 0], [HALF, HALF, HALF], [0, 0, 7]]
    exactly = exact.judged_bellman(edges, values, 2)
    assert exactly == exact.bellman(edges, values, 2)
    noisy = exact.judged_bellman(edges, values, 2, HALF / 2, HALF)
    assert noisy == [[0, 3 * HALF / 2, HALF], [HALF / 2, HALF, 3 * HALF / 2], [0, 0, 7]]


def test_soft_values_by_hand_and_by_summation():
    edges = [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
    base = [
        [Fraction(1, 4), HALF, Fraction(1, 4)],
        [HALF, Fraction(1, 4), Fraction(1, 4)],
        [1, 0, 0],
    ]
    chance = exact.base_success(edges, base, 2)
    assert chance == [Fraction(1, 6), Fraction(1, 3), 1]  # p1 = 1/4 + p0 / 2, p0 = p1 / 2
    total, at = Fraction(0), [Fraction(1), Fraction(0)]
    for _ in range(60):  # legal walks, summed: from 0 onto the target
        total += at[1] * base[1][2]
        at = [at[1] * base[1][0], at[0] * base[0][1]]
    assert float(total) == pytest.approx(1 / 6, abs=1e-15)
    worth = exact.soft_values(edges, base, 2, Fraction(5))
    assert worth == [1 + 4 * p for p in chance]
    policy = exact.soft_policy(edges, base, 2, worth)
    assert policy[1] == [
        HALF * worth[0] / worth[1],
        base[1][1] / worth[1],
        base[1][2] * 5 / worth[1],
    ]
    assert all(sum(row) == 1 for row in policy) and policy[2] == base[2]
    # The policy of soft values succeeds with chance X p / (1 + (X - 1) p).
    assert exact.base_success(edges, policy, 2)[0] == 5 * chance[0] / worth[0]
    with pytest.raises(ZeroDivisionError):
        exact.base_success([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]], 2)


def test_distances():
    assert exact.distances(TRIANGLE, 2) == [1, 1, 0]
    assert exact.distances(TRIANGLE, 0) == [0, None, None]
