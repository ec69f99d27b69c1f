"""Claims on each of several networks, and on the mean over graphs: what they decide by."""

import numpy as np
import pytest

import theorems
from planlib.evidence import FIXED
from planlib.graph import parse_graph
from planlib.studies import (
    REACH_GRAPH_SEEDS,
    REACH_GRAPHS,
    REACH_NETWORKS,
    REACH_SEEDS,
    STUDIES,
)
from planlib.train import QLearningConfig
from theorems import rank, reach
from theorems.comparing import Gap, Point
from theorems.coverage import expected_visits
from theorems.sweeps import action_values

GAP = Gap(Point("PG", "test_accuracy"), None, 0.5)


@pytest.fixture
def given(monkeypatch):
    """Pretend that the runs came to these numbers, by network or graph."""

    def give(numbers):
        monkeypatch.setattr(reach, "values", lambda of, gap: numbers)

    return give


def test_one_network_that_misses_fails_the_claim_on_all(given):
    given({"a": [0.9, 0.91, 0.92], "b": [0.8, 0.81, 0.79]})
    assert reach._on_networks((GAP,), "full").verdict == "PASS"
    given({"a": [0.9, 0.91, 0.92], "b": [0.1, 0.11, 0.12]})
    assert reach._on_networks((GAP,), "full").verdict == "FAIL"
    given({"a": [0.9, 0.91, 0.92], "b": [0.2, 0.5, 0.9]})
    assert reach._on_networks((GAP,), "full").verdict == "UNDECIDED"


def test_the_spread_of_graphs_is_told_from_that_of_seeds(given):
    """By hand: between 0.04 of the means' variance and what a third of the seeds' leaves of it."""
    given({"10 a": [0.5, 0.6, 0.7], "20 b": [0.9, 1.0, 1.1], "30 c": [0.7, 0.8, 0.9]})
    found = reach.by_graph(GAP)
    assert found.by_graph == pytest.approx({"10 a": 0.6, "20 b": 1.0, "30 c": 0.8})
    assert found.over.count == 3 and found.over.mean == pytest.approx(0.8)
    assert found.seeds == pytest.approx(0.1)
    assert found.graphs == pytest.approx((0.04 - 0.01 / 3) ** 0.5)
    given({"a": [0.1, 0.9], "b": [0.2, 0.8]})  # seeds account for more than there is
    assert reach.by_graph(GAP).graphs == 0


def test_two_sources_of_spread_are_found_again(given):
    """Drawn with known spreads, many graphs: 0.3 of graphs, 0.1 of seeds."""
    rng = np.random.default_rng(0)
    means = rng.normal(0, 0.3, 400)
    given({str(k): list(rng.normal(mean, 0.1, 3)) for k, mean in enumerate(means)})
    found = reach.by_graph(GAP)
    assert found.graphs == pytest.approx(0.3, abs=0.03)
    assert found.seeds == pytest.approx(0.1, abs=0.01)


def test_a_claim_over_graphs_is_decided_by_the_interval_over_graphs(given):
    """Twenty seeds each: as many numbers that all agree on a graph, and graphs that do not."""
    given({"10 a": [0.9] * 20, "20 b": [0.55] * 20, "30 c": [0.6] * 20, "40 d": [0.1] * 20})
    finding = reach._on_graphs((GAP,), "full")
    assert finding.verdict == "UNDECIDED" and finding.estimates[0].of == "graphs"
    assert reach._on_graphs((GAP,), "full", ("10 a", "40 d")).scope.startswith(
        "mean over 2 graphs of 20 to 30 nodes"
    )


def test_every_case_is_in_the_study_once():
    networks = len(REACH_SEEDS) * len(REACH_NETWORKS)
    graphs = len(REACH_GRAPH_SEEDS) * (len(REACH_GRAPHS) - 1)  # one is both
    # More SFT, policy gradient with KL and what is off-policy on the graphs alone.
    count = 3 * (networks + graphs) + 4 * len(REACH_GRAPH_SEEDS) * len(REACH_GRAPHS)
    assert len(STUDIES["reach"]) == len(set(STUDIES["reach"])) == count
    keys = {config.key for config in STUDIES["reach"]}
    assert len(keys) == count


def test_headlines_are_claimed_of_networks_and_of_graphs():
    names = {check.claim.partition("/")[2] for check in theorems.checks("reach")}
    for headline in reach.HEADLINES:
        assert {f"networks-{headline.name}", f"graphs-{headline.name}"} <= names
    on_runs = theorems.checks("reach", "transformer")
    fixed = {c.claim: c.fixed for c in on_runs if c not in rank.CHECKS}
    names = ("kept", "more-sft", "off-policy", "off-policy-smaller", "off-outcome")
    later = {f"reach/graphs-{name}" for name in names}  # before any of their runs
    assert {fixed.pop(claim) for claim in later} == {FIXED[0]}
    assert set(fixed.values()) == {FIXED[1], FIXED[3]}
    # On width: before any run, or on other seeds; a description where a prediction was missed.
    assert {c.fixed for c in on_runs if c in rank.CHECKS} == {FIXED[0], FIXED[2], FIXED[3]}


# --- values of small rank ------------------------------------------------------------------------


GRAPH = parse_graph("er:n=12,p=0.3,acyclic,seed=0")


@pytest.mark.parametrize("width", [1, 4, 13])
def test_a_fit_is_the_best_of_its_rank(width):
    """Held against the singular values of the table itself, its rows at the target left out."""
    n = GRAPH.n
    wanted = rank.goal(GRAPH, np.random.default_rng(0).normal(size=(n, n)))
    off = ~np.eye(n, dtype=bool)
    rows = wanted.table()[off]  # (n * (n - 1), n + 1)
    u, s, v = np.linalg.svd(rows, full_matrices=False)
    best = (u[:, :width] * s[:width]) @ v[:width]
    found = rank.fitted(wanted, width).table()[off]
    assert np.allclose(found, best, atol=1e-9)
    assert np.linalg.matrix_rank(found, tol=1e-9) == min(width, np.linalg.matrix_rank(rows))


def test_a_sweep_asks_for_what_the_theorems_sweep_asks():
    values = np.random.default_rng(1).normal(size=(GRAPH.n, GRAPH.n))
    table = rank.goal(GRAPH, values).table()
    assert np.allclose(table[:, :, :-1], action_values(GRAPH.adjacency, values))
    assert (table[:, :, -1] == -1).all()


def test_enough_rank_settles_where_the_theorem_says():
    goal = rank.best_fit(GRAPH, GRAPH.n + 1).table()
    assert np.allclose(goal[:, :, :-1], GRAPH.adjacency - 1.0 + GRAPH.reachability[:, None])
    targets, nodes = GRAPH.problem_rows()
    settled = rank.settled(GRAPH, GRAPH.n + 1).table()
    assert np.allclose(settled[targets, nodes], goal[targets, nodes])
    assert rank.right_step(GRAPH, rank.settled(GRAPH, 3)) < 0


def test_visits_are_those_of_walks():
    """A walk on 0 -> 1 -> 2 that stays half of the time: two visits a node on the way."""
    policy = np.zeros((3, 3, 3))
    policy[2, 0, [0, 1]] = policy[2, 1, [1, 2]] = 0.5
    found = expected_visits(policy, np.array([[0, 2]]), 200)
    assert np.allclose(found, [[0, 0, 0], [0, 0, 0], [2, 2, 0]])


def test_a_weighted_fit_of_enough_rank_is_right_where_it_is_met():
    q = QLearningConfig(epsilon=0.5, max_length=16)
    pairs = GRAPH.reachable_pairs()
    found = rank.settled_by_visits(GRAPH, pairs, 13, q, np.random.default_rng(0), 30)
    assert rank.planned(GRAPH, found, 0.05, 16, pairs) > 0.99
    targets, nodes = GRAPH.problem_rows()
    assert found.table()[targets, nodes].max() == pytest.approx(1, abs=0.01)
