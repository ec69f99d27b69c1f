import itertools

import networkx as nx
import numpy as np
import pytest
from conftest import random_adjacency
from hypothesis import given, settings
from hypothesis import strategies as st

from planlib import exact, task
from planlib.graph import InputError, PlanningGraph, blocksworld, erdos_renyi, parse_graph
from planlib.task import Outcome

END, PAD = 3, 4  # of the triangle


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ([0, 1, 2, END], Outcome.CORRECT),
        ([0, 2, END, PAD], Outcome.CORRECT),
        ([0, 0, 2, END], Outcome.ILLEGAL_EDGE),
        ([0, 1, 0, 2, END], Outcome.ILLEGAL_EDGE),
        ([0, 1, END, PAD], Outcome.WRONG_END),
        ([0, END], Outcome.WRONG_END),
        ([0, 2, 1, END], Outcome.NO_END),
        ([0, 2], Outcome.NO_END),
        ([0, 2, PAD], Outcome.NO_END),
        ([0, 1], Outcome.TOO_LONG),
        ([0], Outcome.TOO_LONG),
    ],
)
def test_outcomes_by_hand(triangle, path, outcome):
    assert task.check_sequences(triangle, [[0, 2, *path]]) == [outcome]


@given(st.integers(2, 5), st.integers(0, 10**6))
def test_correctness_agrees_with_exact(n, seed):
    rng = np.random.default_rng(seed)
    adjacency = random_adjacency(n, 0.5, seed)
    graph = PlanningGraph(adjacency)
    source, target = rng.permutation(n)[:2]
    for _ in range(20):
        path = (source, *rng.integers(0, n, rng.integers(1, 5)))
        tokens = [[source, target, *path, task.end_token(n)]]
        found = task.check_sequences(graph, tokens)[0] == Outcome.CORRECT
        assert found == exact.is_correct(adjacency.tolist(), path, target)


@settings(deadline=None)
@given(
    st.integers(3, 12),
    st.booleans(),
    st.integers(0, 10**6),
    st.sampled_from(["loop_erased", "self_avoiding"]),
)
def test_random_paths_are_simple_and_correct(n, acyclic, seed, method):
    graph = erdos_renyi(n, 0.4, acyclic, seed)
    pairs = graph.reachable_pairs()
    if not len(pairs):
        return
    paths = task.random_paths(graph, pairs, np.random.default_rng(seed), method)
    tokens = task.encode(paths, n)
    assert (task.check_sequences(graph, tokens) == Outcome.CORRECT).all()
    assert all(len(set(p)) == len(p) for p in paths)
    assert [(p[0], p[-1]) for p in paths] == list(map(tuple, pairs.tolist()))


def test_walk_is_uniform_over_correct_steps():
    # 0 -> {1, 2} -> 3, and 0 -> 3: each of the three first steps one third of the time.
    graph = PlanningGraph([[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
    paths = task.random_paths(graph, [(0, 3)] * 3000, np.random.default_rng(0))
    first = np.bincount([p[1] for p in paths], minlength=4)
    assert first[0] == 0
    assert np.abs(first[1:] - 1000).max() < 120  # more than four standard deviations


def test_max_steps_is_kept():
    graph = blocksworld(4)
    pairs = np.random.default_rng(0).permutation(graph.reachable_pairs())[:30]
    paths = task.random_paths(graph, pairs, np.random.default_rng(0), max_steps=9)
    assert max(map(len, paths)) <= 10
    with pytest.raises(task.ProblemError, match="max_steps"):
        task.random_paths(graph, graph.reachable_pairs(), np.random.default_rng(0), max_steps=1)


def test_some_test_pairs_are_asked_and_the_split_stays():
    graph = erdos_renyi(12, 0.3, True, 1)
    plain, asked = (task.split_pairs(graph, 0.2, 3, share) for share in (0.0, 0.3))
    assert np.array_equal(plain.train_pairs, asked.train_pairs) and not len(plain.asked_pairs)
    assert len(asked.asked_pairs) == round(0.3 * len(plain.test_pairs))
    together = np.concatenate([asked.asked_pairs, asked.test_pairs])
    assert np.array_equal(together, plain.test_pairs)
    assert np.array_equal(
        asked.prompt_pairs, np.concatenate([asked.train_pairs, asked.asked_pairs])
    )
    for wrong in (-0.1, 1.0, 1.2):
        with pytest.raises(task.SplitError, match="asked"):
            task.split_pairs(graph, 0.2, 3, wrong)


@given(st.integers(0, 10**6), st.floats(0, 0.9))
@settings(deadline=None, max_examples=25)
def test_no_test_pair_leaks(seed, fraction):
    graph = erdos_renyi(12, 0.3, True, seed)
    try:
        split = task.split_pairs(graph, fraction, seed)
    except task.SplitError:
        return
    test = set(map(tuple, split.test_pairs.tolist()))
    train = set(map(tuple, split.train_pairs.tolist()))
    assert test and not test & train
    assert test | train == set(map(tuple, graph.reachable_pairs().tolist()))
    data = task.sft_dataset(graph, split, 3, seed)
    assert {(int(row[0]), int(row[1])) for row in data} == train
    edges = {tuple(row[2:4]) for row in data.tolist() if row[4] == task.end_token(12)}
    assert edges == set(zip(*map(list, np.nonzero(graph.adjacency)), strict=True))


STAGED = "stages:n=24,stages=4,p=0.5,inside=0.2,seed=0"


@pytest.mark.parametrize(
    ("spec", "within"), [(STAGED, 1), (STAGED, 2), ("er:n=14,p=0.3,acyclic,seed=2", 2)]
)
def test_far_problems_are_tested_and_near_ones_trained(spec, within):
    graph = parse_graph(spec)
    split = task.split_by_distance(graph, within, 0.5, 0.25, 3)
    lengths = dict(nx.all_pairs_shortest_path_length(graph.to_networkx()))

    def distance(s, t):
        return lengths[s][t] if graph.stages is None else graph.stages[t] - graph.stages[s]

    near = {tuple(p) for p in split.train_pairs.tolist()}
    test, asked = ({tuple(p) for p in x.tolist()} for x in (split.test_pairs, split.asked_pairs))
    assert all(distance(*p) <= within for p in near)
    assert all(distance(*p) > within for p in test | asked) and not test & asked
    far = {tuple(p) for p in graph.reachable_pairs().tolist() if distance(*p) > within}
    assert test | asked == far and len(asked) == round(0.25 * len(far))
    assert set(zip(*map(list, np.nonzero(graph.adjacency)), strict=True)) <= near
    prompts = {tuple(p) for p in split.prompt_pairs.tolist()}
    assert prompts == near | asked
    data = task.sft_dataset(graph, split, 2, 3)
    assert {(int(row[0]), int(row[1])) for row in data} == near  # nothing far is shown
    none = task.split_by_distance(graph, within, 0.5, 0.0, 3)
    assert test | asked == {tuple(p) for p in none.test_pairs.tolist()}
    assert np.array_equal(none.path_pairs, split.path_pairs)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"within": 0}, "within"),
        ({"within": 3}, "within"),  # nothing is farther
        ({"train_fraction": 1.5}, "train_fraction"),
        ({"asked": -0.1}, "asked"),
        ({"asked": 1.0}, "asked"),
    ],
)
def test_a_split_by_distance_that_leaves_nothing_is_refused(changes, name):
    asked = {"within": 1, "train_fraction": 0.5, "asked": 0.0, "seed": 0} | changes
    with pytest.raises(task.SplitError, match=name):
        task.split_by_distance(parse_graph(STAGED), **asked)


HIDING = "er:n=14,p=0.3,acyclic,seed=2"


@pytest.mark.parametrize("spec", [HIDING, "er:n=9,p=0.25,cyclic,seed=4"])
def test_what_only_a_hidden_edge_connects_is_tested(spec):
    graph = parse_graph(spec)
    split = task.split_by_hidden_edges(graph, 0.3, 0.5, 0.25, 3)
    hidden = {tuple(e) for e in split.hidden_edges.tolist()}
    edges = set(zip(*map(list, np.nonzero(graph.adjacency)), strict=True))
    assert hidden < edges and len(hidden) == round(0.3 * len(edges))
    left = graph.to_networkx()
    left.remove_edges_from(hidden)
    connected = {(s, t) for s in left for t in nx.descendants(left, s)}
    train = {tuple(p) for p in split.train_pairs.tolist()}
    test, asked = ({tuple(p) for p in x.tolist()} for x in (split.test_pairs, split.asked_pairs))
    assert edges - hidden <= train <= connected
    others = len(connected - (edges - hidden))
    assert len(train) == len(edges - hidden) + round(0.5 * others)
    everything = {tuple(p) for p in graph.reachable_pairs().tolist()}
    assert test | asked == everything - connected and not test & asked and asked
    # No training path takes a hidden edge, where paths of the whole graph do.
    steps = {
        step
        for row in task.sft_dataset(graph, split, 20, 3).tolist()
        for step in itertools.pairwise(row[2:])
    }
    assert not steps & hidden
    whole = task.random_paths(graph, split.train_pairs.repeat(20, 0), np.random.default_rng(3))
    assert {step for path in whole for step in itertools.pairwise(path)} & hidden


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"hidden": 0.0}, "hidden"),
        ({"hidden": 1.0}, "hidden"),
        ({"hidden": 1.5}, "hidden"),
        ({"train_fraction": -1}, "train_fraction"),
        ({"asked": 1.0}, "asked"),
    ],
)
def test_edges_that_cannot_be_hidden_are_refused(changes, name):
    asked = {"hidden": 0.3, "train_fraction": 0.5, "asked": 0.0, "seed": 0} | changes
    with pytest.raises(task.SplitError, match=name):
        task.split_by_hidden_edges(parse_graph(HIDING), **asked)


def test_edges_that_no_pair_needs_are_refused_to_be_hidden():
    everyone = np.ones((6, 6), dtype=bool) & ~np.eye(6, dtype=bool)
    with pytest.raises(task.SplitError, match="hidden"):
        task.split_by_hidden_edges(PlanningGraph(everyone), 0.1, 0.5, 0.0, 0)


def test_split_is_seeded(ten):
    a, b, c = (task.split_pairs(ten, 0.3, seed) for seed in (0, 0, 1))
    assert np.array_equal(a.test_pairs, b.test_pairs)
    assert not np.array_equal(a.test_pairs, c.test_pairs)
    data = [task.sft_dataset(ten, a, 5, seed) for seed in (0, 0, 1)]
    assert np.array_equal(data[0], data[1])
    assert data[0].shape != data[2].shape or not np.array_equal(data[0], data[2])


def test_without_paths_the_edges_alone_are_shown(ten):
    split = task.split_pairs(ten, 0.5, 0)
    data = task.sft_dataset(ten, split, 0, 0)
    assert data.tolist() == task.encode(list(map(tuple, split.edge_pairs.tolist())), ten.n).tolist()
    assert len(data) == ten.adjacency.sum()


def test_rewards_by_hand(triangle):
    # 0 2 | 0 1 2 END, then 0 2 | 0 0 2 END (0 -> 0 is no edge), then 0 2 | 0 1 END
    tokens = np.array([[0, 2, 0, 1, 2, END], [0, 2, 0, 0, 2, END], [0, 2, 0, 1, END, PAD]])
    assert task.path_steps(tokens, 3).tolist() == [[False, False, True, True, True]] * 2 + [
        [False, False, True, True, False]
    ]
    assert task.process_reward(triangle, tokens).tolist() == [
        [0, 0, 0, 1, 1],
        [0, 0, -1, 1, 1],
        [0, 0, 0, -1, 0],
    ]
    assert task.outcome_reward(triangle, tokens).tolist() == [
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_an_illegal_jump_onto_the_target_earns_both(triangle):
    graph = PlanningGraph([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    tokens = [[0, 2, 0, 2, END]]
    assert task.process_reward(graph, tokens).tolist() == [[0, 0, 0, 1]]  # 1 - 1, then the end
    assert task.check_sequences(graph, tokens) == [Outcome.ILLEGAL_EDGE]


def test_episode_ends_with_the_step_from_the_target():
    tokens = [[0, 2, 0, 2, 1, 2, END]]
    assert task.path_steps(tokens, 3).tolist() == [[False, False, True, True, True, True]]
    assert task.episode_steps(tokens, 3).tolist() == [[False, False, True, True, False, False]]


def test_decode_leaves_padding_out():
    assert task.decode([0, 2, 0, 1, 2, END, PAD], 3) == "0 2 0 1 2 \\n"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(0, 0)], "not the target"),
        ([(2, 0)], "can reach"),
        ([(0, 3)], "nodes 0 to 2"),
        ([(-1, 2)], "nodes 0 to 2"),
        ([(0, 1, 2)], "rows"),
        ([(0.0, 1.0)], "rows"),
        (np.zeros((0, 2), dtype=int), "rows"),
    ],
)
def test_bad_problems(triangle, pairs, message):
    with pytest.raises(task.ProblemError, match=message):
        task.check_problems(triangle, pairs)
    with pytest.raises(task.ProblemError):
        task.random_paths(triangle, pairs, np.random.default_rng(0))


@pytest.mark.parametrize("fraction", [1.0, -0.1, 1.1, float("nan")])
def test_bad_splits(ten, fraction):
    with pytest.raises(task.SplitError) as caught:
        task.split_pairs(ten, fraction, 0)
    assert caught.value.argument == "train_fraction"


def test_split_of_edges_alone_leaves_no_test_pair():
    with pytest.raises(task.SplitError, match="test pair"):
        task.split_pairs(PlanningGraph([[0, 1], [0, 0]]), 0.2, 0)


def test_bad_sequences(triangle):
    with pytest.raises(InputError, match="prompts"):
        task.check_sequences(triangle, [[0, 2, 1, 2, END]])
    with pytest.raises(InputError, match="shape"):
        task.check_sequences(triangle, [0, 2, 0])
    with pytest.raises(InputError, match="method"):
        task.random_paths(triangle, [(0, 2)], np.random.default_rng(0), method="fast")
    with pytest.raises(InputError, match="path"):
        task.encode([], 3)


def test_longest_paths_by_enumeration():
    for seed in range(10):
        graph = erdos_renyi(8, 0.4, True, seed)
        for target, source in np.ndindex(8, 8):
            paths = graph.correct_paths(source, target) if source != target else [(source,)]
            longest = max((len(p) - 1 for p in paths), default=-1)
            assert graph.longest_paths[target, source] == longest
        assert graph.longest_path == graph.longest_paths.max()
    chain = PlanningGraph(np.eye(60, k=1))
    assert chain.longest_path == 59
    ring = PlanningGraph(np.roll(np.eye(5, dtype=int), 1, axis=1))
    assert ring.longest_path is None
    with pytest.raises(InputError, match="without cycles"):
        _ = ring.longest_paths


def test_needed_length_holds_the_answers(triangle):
    assert task.needed_length(triangle, [(0, 2)]) == len([0, 2, 0, 1, 2, END])  # not 0 2 alone
    assert task.needed_length(triangle, [(0, 1)]) == len([0, 1, 0, 1, END])
    ring = PlanningGraph(np.roll(np.eye(5, dtype=int), 1, axis=1))
    assert task.needed_length(ring, [(0, 1), (2, 1)]) == task.length_of(4)
    worlds = blocksworld(4)
    pairs = worlds.reachable_pairs()
    assert task.needed_length(worlds, pairs) == task.length_of(6)  # the known diameter
    with pytest.raises(InputError, match="at least 8 tokens"):
        task.check_length(ring, [(2, 1)], 7)
    task.check_length(ring, [(2, 1)], 8)


@pytest.mark.parametrize(
    "row",
    [
        [PAD, 0, 2, 0, 2, END],  # padded on the left
        [0, 2, 0, 2, PAD, END],
        [0, 2, 0, 2, END, END],
        [0, 2, 0, 2, END, 1],
        [0, 2, 0, 1, 2, 2],  # no end
        [0, 2, 0, 2, END, PAD + 1],
        [0, 2, 0, 2, END, -1],
        [0, 2, 1, 2, END, PAD],
        [0.0, 2.0, 0.0, 2.0, 3.0, 4.0],
    ],
)
def test_training_sequences_of_another_form(row):
    good = [[0, 2, 0, 2, END, PAD], [0, 2, 0, 1, 2, END]]
    assert task.check_training_sequences(good, 3).tolist() == good
    with pytest.raises(InputError):
        task.check_training_sequences([good[0], row], 3)


@pytest.mark.parametrize("seed", [-1, 1.0, True, 2**63, "0", None, float("nan")])
def test_bad_seeds(ten, seed):
    assert task.check_seed(np.int64(3)) == 3
    split = task.split_pairs(ten, 0.3, 0)
    with pytest.raises(InputError, match="seed"):
        task.split_pairs(ten, 0.3, seed)
    with pytest.raises(InputError, match="seed"):
        task.sft_dataset(ten, split, 2, seed)


def test_paths_of_other_nodes_are_not_encoded():
    for path in ((0, 3), (0, -1), (0, 1.0), ()):
        with pytest.raises(InputError, match="paths"):
            task.encode([(0, 1), path], 3)
