"""Claims on each of several networks, and on the mean over graphs: what they decide by."""

import numpy as np
import pytest

import theorems
from planlib.evidence import FIXED
from planlib.studies import (
    REACH_GRAPH_SEEDS,
    REACH_GRAPHS,
    REACH_NETWORKS,
    REACH_SEEDS,
    STUDIES,
)
from theorems import reach
from theorems.comparing import Gap, Point

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
    count = 3 * (networks + graphs)
    assert len(STUDIES["reach"]) == len(set(STUDIES["reach"])) == count
    keys = {config.key for config in STUDIES["reach"]}
    assert len(keys) == count


def test_headlines_are_claimed_of_networks_and_of_graphs():
    names = {check.claim.partition("/")[2] for check in theorems.checks("reach")}
    for headline in reach.HEADLINES:
        assert {f"networks-{headline.name}", f"graphs-{headline.name}"} <= names
    on_runs = [check for check in theorems.checks("reach", "transformer")]
    assert {check.fixed for check in on_runs} == {FIXED[1], FIXED[3]}
