"""Each check of each theorem at its smallest size, with its controls; then the stored records."""

import math
import re
from fractions import Fraction
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from flint import fmpq

import theorems
from planlib import evidence, exact, losses, studies, study, task
from planlib.evidence import FIXED, ON_DATA, RUNGS, Check
from planlib.graph import InputError, erdos_renyi
from planlib.models import LinearTransformer, TabularModel
from theorems import (
    claim_map,
    flows,
    pages,
    rates,
    remedies,
    stem,
    sweeps,
    three_answers,
    walks,
    wandering,
)
from theorems.gaps import Streams, draw_first, late_rows, law_at_step, noisy_clock, update_gaps
from theorems.small_graphs import as_float, digraph_classes, is_acyclic
from theorems.stored_runs import PROCESS
from theorems.tables import softmax_rows
from theorems.traced import derivatives

CHAPTERS = (*theorems.THEOREMS, *theorems.OURS)
ALL = [c for t in CHAPTERS for c in theorems.checks(t)]
LIVE = [c for c in ALL if isinstance(c, Check)]
FIGURES = [c for t in theorems.FIGURES for c in theorems.checks(t)]
# Claims on data whose verdict does not rest on a mean over independent cases.
WITHOUT_ESTIMATES = {
    # Equalities on a given batch, to rounding: nothing is drawn that could vary.
    "4.1/transformer",
    "grpo/transformer",
    # Two judges of each answer of one stored model: they agree on every one or fail.
    "countdown/judged",
    # The largest difference between two maps of attention, of six stored models.
    "reach/attention",
}
HYPOTHESES = [m.HYPOTHESES for m in map(theorems.module, CHAPTERS) if hasattr(m, "HYPOTHESES")]


def waits(finding) -> bool:
    """Whether a finding, a record or its controls wait for stored runs, and name the command."""
    missing = "not all its runs are stored; python -m planlib study"
    if getattr(finding, "control", "") == "NOT RUN" and finding.verdict == "PASS":
        return any(missing in figure for figure in finding.controls.values())
    return finding.verdict == "UNDECIDED" and missing in finding.figure


@pytest.mark.parametrize("check", LIVE, ids=lambda c: c.claim)
def test_check_passes_and_every_control_is_rejected(check):
    finding = check.find(check.statement, "small")
    if waits(finding):
        return
    # Of a claim with a successor: it, or its control, came out otherwise than expected, and is shown.
    lost = bool(check.successor)
    for name, wrong in check.mutations.items():
        control = check.find(wrong, "small")
        assert control.verdict == "FAIL" or waits(control) or lost, f"control not rejected: {name}"
    assert finding.verdict == "PASS" or check.successor, finding
    assert finding.figure and finding.scope


@pytest.mark.parametrize("check", FIGURES, ids=lambda c: c.claim)
def test_claims_on_figures_come_to_their_records(check):
    """An undecided claim is a result as well; a control that is not rejected is none, but where another claim took its place."""
    (stored,) = [r for r in evidence.load(check.theorem) if r.claim == check.claim]
    record = check.run("small")
    assert record.agrees(stored) and record.figure == stored.figure
    assert record.control == "REJECTED" or waits(record) or check.successor, record.line()
    assert record.verdict != "FAIL" or check.successor, record.line()
    assert (stored.title, stored.cell) == (check.title, check.cell)
    assert set(stored.controls) == set(check.mutations)


@pytest.mark.parametrize("theorem", CHAPTERS)
def test_stored_records_are_complete_and_count(theorem):
    records = evidence.load(theorem)
    assert [r.claim for r in records] == [c.claim for c in theorems.checks(theorem)]
    for record, check in zip(records, theorems.checks(theorem), strict=True):
        assert record.size == "full"
        if isinstance(check, Check):
            result = record.counts or check.successor or check.fixed == FIXED[-1]
            assert result or waits(record), record.line()
            assert set(record.controls) == set(check.mutations)
            assert (record.rung, record.title, record.cell) == (check.rung, check.title, check.cell)
        else:
            assert (record.verdict, record.scope) == ("N/A", check.reason)


@pytest.mark.parametrize("check", [*LIVE, *FIGURES], ids=lambda c: c.claim)
def test_a_successor_is_a_claim_that_names_none_of_its_own_that_leads_back(check):
    seen = [check.claim]
    while check.successor:
        check = theorems.check(check.successor)
        assert check.claim not in seen
        seen.append(check.claim)


def test_claims_on_data_record_the_estimates_that_decided_them():
    """Those that still do not are named here, with what they rest on instead."""
    lacking = {
        r.claim
        for r in evidence.load()
        if r.rung in ON_DATA and r.verdict != "N/A" and not r.estimates and not waits(r)
    }
    assert lacking <= WITHOUT_ESTIMATES


@pytest.mark.parametrize("theorem", theorems.THEOREMS)
def test_no_rung_is_skipped_in_silence(theorem):
    covered = {c.rung for c in theorems.checks(theorem)}
    assert covered == set(RUNGS)
    applied = {c.rung for c in theorems.checks(theorem) if isinstance(c, Check)}
    assert {"exhaustive", "transformer"} <= applied
    assert ("solver" if theorem in theorems.ON_VALUES else "symbolic") in applied
    assert theorem == "4.1" or "statistical" in applied  # 4.1 holds on every batch
    assert theorem != "4.3" or "certified" in applied  # the one inequality between reals


@pytest.mark.parametrize(
    "hypothesis",
    [h for group in HYPOTHESES for h in group],
    ids=lambda h: h.name,
)
def test_hypotheses_have_a_witness_and_a_failing_instance(hypothesis):
    assert hypothesis.holds(hypothesis.witness)
    assert not hypothesis.holds(hypothesis.failing)
    assert hypothesis.residual(hypothesis.witness) < 0.01 < hypothesis.residual(hypothesis.failing)


def test_failing_instances_keep_the_other_hypotheses():
    for group in HYPOTHESES:
        for one in group:
            for other in group:
                assert other.holds(one.witness)
                assert other.holds(one.failing) == (other is not one)


def test_three_nodes_never_break_the_linear_model():
    """Without self-loops the cells in which a next node can occur form a tree on three nodes."""
    for n, forest in ((3, True), (4, False)):
        for k in range(n):
            cells = nx.Graph()
            cells.add_edges_from(
                (("target", i), ("current", j))
                for i in range(n)
                for j in range(n)
                if i != j and j != k
            )
            assert nx.is_forest(cells) == forest


def test_stored_transformer_agrees_with_its_record():
    """The stored run, evaluated again; its greedy test accuracy is what the book says."""
    checks = study.recheck(study.load_run(studies.RunConfig()))
    assert all(agrees for _, _, agrees in checks.values()), checks
    assert checks["greedy_test"][1] >= 0.98


def test_stored_q_learning_agrees_with_its_record():
    """The run that the chapters on Q-learning rest on, evaluated again."""
    checks = study.recheck(study.load_run(PROCESS))
    assert all(agrees for _, _, agrees in checks.values()), checks
    assert checks["sampled_test"][1] >= 0.98


def test_recheck_notices_another_model():
    run = study.load_run(studies.RunConfig())
    with torch.no_grad():
        run.model.head.weight.mul_(0.5)
    assert not all(agrees for _, _, agrees in study.recheck(run).values())


def test_one_update_of_the_fast_rows_is_the_trainers():
    """`update_gaps` against the trainer's loss without and with KL, on the same samples of one row."""
    adjacency = [
        [False, True, True, False],
        [False] * 3 + [True],
        [False] * 3 + [True],
        [False] * 4,
    ]
    gap, eta, batch, taken = 0.7, 0.3, 5, 3  # three samples through node 1, two through node 2
    for kl_weight in (0.0, 0.25):
        model, base = TabularModel(4), TabularModel(4)
        with torch.no_grad():
            for m, g in ((model, gap), (base, 0.0)):
                m.f[3] = torch.where(torch.tensor(adjacency), 0.0, -torch.inf)
                m.f[3, 0, 1] = g
                m.f[3, 3] = 0.0
        tokens = torch.tensor([[0, 3, 0, 1, 3, 4]] * taken + [[0, 3, 0, 2, 3, 4]] * (batch - taken))
        steps = torch.as_tensor(task.path_steps(tokens, 4))
        log_probs = losses.path_log_probs(model, tokens, steps)
        base_log_probs = losses.path_log_probs(base, tokens, steps).detach()
        loss = losses.policy_gradient(log_probs, torch.ones(batch), base_log_probs, kl_weight)
        loss.mean().backward()
        new = model.f.detach()[3, 0] - eta * model.f.grad[3, 0]

        class Drawn:  # a generator that has drawn these samples
            def binomial(self, n, p):
                return np.full(1, taken)

        fast = update_gaps(Drawn(), np.array([gap]), eta, batch, kl_weight=kl_weight)
        assert float(new[1] - new[2]) == pytest.approx(fast[0], abs=1e-12)


def test_one_sample_is_drawn_as_by_the_binomial():
    """The faster draw of a batch of one takes numpy's numbers, so that it is the same sample."""
    policy = np.concatenate([np.random.default_rng(1).random(10_000), [0.5, 1e-12, 1 - 1e-12]])
    ours, numpys = np.random.default_rng(2), np.random.default_rng(2)
    drawn = draw_first(ours, 1, policy)
    assert (drawn == numpys.binomial(1, policy)).all() and 0.4 < drawn.mean() < 0.6
    assert ours.random() == numpys.random()


def test_what_a_seed_draws_does_not_depend_on_the_others():
    both = Streams((3, 8), ahead=2)
    alone = np.random.default_rng(8)
    for _ in range(5):
        assert (both.random((2, 7))[1] == alone.random(7)).all()


def test_sampled_rows_rest_in_the_law_of_their_step():
    """Rows from 0 and from outside against the law found on a grid, at a step far from the limit."""
    for pull in ("entropy", "kl_weight"):
        late = np.array(late_rows(pull, 0.5, 0.2, 40, 500, (1, 2, 3, 4))["late"])
        grid, weights = law_at_step(pull, 0.5, 0.2)
        within = weights[np.abs(grid) <= noisy_clock(0.5).median].sum()
        assert late[..., 0].mean(0) == pytest.approx(weights @ grid**2, rel=0.05)
        assert late[..., 1].mean(0) == pytest.approx(within, abs=0.03)


def test_traced_rationals_differentiate_what_is_done_to_them():
    def function(a):
        x, y, z = a
        return sum([0 * x + x * y, x / y, 3 * z, z * z], 0 * x + 1) + z + 2

    value, slopes = derivatives(function, [fmpq(2), fmpq(3), fmpq(0)])
    assert (value, slopes) == (fmpq(29, 3), [fmpq(10, 3), fmpq(16, 9), fmpq(4)])


@pytest.mark.parametrize("cycles", [False, True], ids=["acyclic", "cycles"])
def test_the_exact_flow_climbs_the_exact_gradient(cycles):
    """The floats of the flow of 4.2, and 1 - J as a sum of failures, against `exact`."""
    graph = rates.cyclic_graph(0) if cycles else rates.acyclic_graph(0)
    n, horizon = graph.n, rates.CYCLIC_HORIZON if cycles else None
    early, f, late = flows.flow(graph, rates.start(n, 0), [0.99, 1.0, 1.01], horizon=horizon)
    rows, policy = graph.adjacency.astype(int).tolist(), [softmax_rows(f).tolist()] * n
    gradient = exact.success_gradient(rows, policy, 0, n - 1, horizon or n)
    for j in range(n - 1):
        assert (late - early)[j] / 0.02 == pytest.approx(gradient[n - 1, j], abs=1e-5)
    success = exact.success_probabilities(rows, policy, n - 1, horizon or n)[-1][0]
    assert flows.failure_probability(graph, f, horizon=horizon) == pytest.approx(1 - success)


def test_every_isomorphism_class_once():
    assert [len(digraph_classes(n)) for n in (1, 2, 3, 4)] == [1, 3, 16, 218]
    assert sum(is_acyclic(g) for g in digraph_classes(4)) == 31


def test_fast_sweeps_and_arrivals_agree_with_exact():
    """The bulk code of the chapter on cycles against `exact`, on a graph with walks."""
    graph = erdos_renyi(5, 0.4, acyclic=False, seed=3)
    rows, rng = graph.adjacency.astype(int).tolist(), np.random.default_rng(0)
    starts = rng.integers(-2, 6, (20, 5))
    for discount, step_cost in ((1, 0), (Fraction(1, 2), 0), (1, Fraction(1, 4))):
        how = {"discount": float(discount), "step_cost": float(step_cost)}
        for target in range(5):
            starts[:, target] = 0
            ends = starts / 2  # halves and quarters are exact in floats
            for _ in range(3):
                ends = sweeps.sweep_values(graph.adjacency, ends, [target] * len(ends), **how)
            for start, end in zip(starts, ends, strict=True):
                values = [Fraction(int(x), 2) for x in start]
                for _ in range(3):
                    values = sweeps.sweep(rows, values, target, discount, step_cost)
                    values[target] = 0
                assert values == end.tolist()
    values, count = walks.settle(graph.adjacency, np.zeros((5, 5)))
    goal = graph.reachability & ~np.eye(5, dtype=bool)
    assert (values == goal).all() and count > 0
    policy = rng.dirichlet(np.ones(5), (5, 5))  # (target, current, next)
    came = walks.arrivals(graph.adjacency, policy, 6)
    forward = walks.arrivals(graph.adjacency, lambda left: policy, 6)
    assert came == pytest.approx(forward, abs=1e-14)
    for target in range(5):
        by_time = exact.success_probabilities(rows, policy.tolist(), target, 6)
        for source in range(5):
            if source != target:
                assert came[:, target, source].sum() == pytest.approx(by_time[6][source])


def test_a_cold_value_policy_walks_feasibly_or_with_a_discount_shortest_paths():
    graph = erdos_renyi(6, 0.4, acyclic=False, seed=3)
    rows = graph.adjacency.astype(int).tolist()
    walk = walks.value_policy(graph, 0.001)
    short = walks.value_policy(graph, 0.001, discount=0.9)
    longer = 0
    for target in range(6):
        away = exact.distances(rows, target)
        for node in range(6):
            if node == target or away[node] is None:
                continue
            feasible = [k for k in range(6) if rows[node][k] and away[k] is not None]
            nearest = [k for k in feasible if away[k] == away[node] - 1]
            assert walk[target, node, feasible] == pytest.approx(1 / len(feasible))
            assert short[target, node, nearest] == pytest.approx(1 / len(nearest))
            longer += len(feasible) - len(nearest)
    assert longer  # the two policies differ
    assert walks.walk_accuracy(graph, 12, 0.001, 0.9) == pytest.approx(1)
    assert walks.walk_accuracy(graph, 12, 0.001) < 0.99


def test_each_remedy_on_a_graph_does_what_its_exact_form_does():
    """The figure of remedies: floats, all targets at once, against one table in rationals."""
    graph = erdos_renyi(5, 0.4, acyclic=False, seed=3)
    rows, a = graph.adjacency.astype(int).tolist(), graph.adjacency.astype(float)
    first, second = (
        np.random.default_rng(1).integers(4, 9, (2, 5, 5, 5)) / 2.0
    )  # target, node, next
    twice = remedies.double_tables(a, first, second, rounds=2)
    slow = remedies.average_network(a, first, rounds=3, decay=0.5)
    for target in range(5):
        one, two = (
            [[fmpq(round(2 * x), 2) for x in row] for row in t[target].tolist()]
            for t in (first, second)
        )
        lagging = one
        for _ in range(2):
            one, two = remedies.double_q(rows, one, two, target)
        for _ in range(3):
            _, lagging = remedies.lagged(rows, lagging, target)
        for table, wanted in ((twice[0], one), (twice[1], two), (slow, lagging)):
            for j in range(5):
                if j != target:
                    exactly = [as_float(fmpq(x)) for x in wanted[j]]
                    assert table[target, j] == pytest.approx(exactly, abs=1e-12)
    found = remedies.remedied(graph, limit=12)
    assert found["discount 0.9"][0] == pytest.approx(found["horizon 12"][0])  # both always arrive
    assert found["discount 0.9"][1] <= found["zeros"][1]  # and shortest paths cost diversity
    assert found["optimistic start"][0] < found["zeros"][0]


def test_double_q_from_equal_tables_is_plain_q_and_from_tables_apart_falls_below_it():
    a = erdos_renyi(8, 0.4, acyclic=False, seed=3).adjacency.astype(float)
    off = ~np.eye(8, dtype=bool)
    first, second = remedies.starts_apart(8, 2.0, 4.0)
    plain = walks.settle(a, first.max(-1) * off)[0][off]
    same, _ = remedies.double_tables(a, first, first)
    assert same.max(-1)[off] == pytest.approx(plain)
    apart, _ = remedies.double_tables(a, first, second)
    assert (apart.max(-1)[off] < plain + 1e-9).all()
    assert apart.max(-1)[off].mean() < plain.mean() - 0.1


def test_what_is_claimed_of_longer_runs_is_decided_on_runs_that_are_there(monkeypatch):
    """Two stored runs, each twice, in place of those that are still to be made."""
    monkeypatch.setattr(wandering, "FLAT", wandering.EXAMPLES * 2)
    check = theorems.check("cycles/transformer-shuns")
    assert check.measure(check.statement, "small").verdict == "PASS"
    for wrong in check.mutations.values():
        assert check.measure(wrong, "small").verdict == "FAIL"
    measure = theorems.check("cycles/transformer-flat").measure
    runs = wandering.EXAMPLES[:1] * 2
    walk = measure(wandering.Trained(runs, wandering.uniform, 0.05), "small")
    assert [e.holds for e in walk.estimates] == [True, True, True, False]  # it still falls
    shy = measure(wandering.Trained(runs, wandering.target_worth_one, 0.05), "small")
    assert shy.estimates[2].holds is False
    flat = {"test_accuracy": [1.0, 0.9, 0.8, 0.5, 0.5, 0.4, 0.4, 0.3, 0.3]}
    assert wandering.moved(flat) == pytest.approx(-0.1)


def test_legal_steps_past_the_target_are_told_from_the_one_onto_it():
    adjacency = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]], dtype=bool)
    table = np.arange(64.0).reshape(4, 4, 4)
    targets, nodes = wandering.onto_target(adjacency)
    found = dict(
        zip(zip(targets, nodes, strict=True), wandering.elsewhere(adjacency, table), strict=True)
    )
    assert found[1, 0] == table[1, 0, 2] and found[2, 3] == table[2, 3, 1]
    assert np.isnan(found[0, 1]) and np.isnan(found[3, 2])  # no other legal step
    assert len(found) == adjacency.sum()


def test_the_largest_curvature_is_bounded_exactly():
    """Against eigenvalues in floats, with the bound just above and just below the largest."""
    module, rng = theorems.module("5.3"), np.random.default_rng(0)
    for n in (3, 4, 5):
        rows = [(i, j) for i in range(n) for j in range(n) if i != j and rng.random() < 0.6]
        matrix = module.curvature(n, rows)
        largest = np.linalg.eigvalsh(np.array(matrix.tolist(), dtype=float)).max()
        above, below = (fmpq(round(1000 * largest) + x, 1000) for x in (2, -2))
        assert module.at_most(matrix, above) and not module.at_most(matrix, below)


def test_semi_gradient_is_the_trainers():
    """A full semi-gradient step of 5.3 against autograd through the model and the loss."""
    module = theorems.module("5.3")
    graph, model = erdos_renyi(4, 0.5, acyclic=True, seed=1), LinearTransformer(4)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for w in (model.wm, model.wv):
            w.copy_(torch.randn(4, 4, generator=generator, dtype=torch.float64))
    i, j, k = (x.ravel() for x in np.indices((4, 4, 4)))
    keep = i != j
    i, j, k = i[keep], j[keep], k[keep]
    tokens = torch.tensor(np.stack([j, i, j, k], 1))  # one step of each entry
    reward = torch.tensor((k == i) - (~graph.adjacency[j, k]).astype(float))
    best = model.rows(torch.tensor(i), torch.tensor(k)).amax(-1)
    taken = model(tokens)[torch.arange(len(i)), 2, torch.tensor(k)]
    discount = torch.tensor((k != i).astype(float))
    losses.q_learning(
        taken[:, None], reward[:, None], best[:, None], discount[:, None]
    ).sum().backward()
    wm, wv = (w.detach().numpy() for w in (model.wm, model.wv))
    new = module.semi_gradient(graph.adjacency, wm, wv, 0.1)
    for weights, after, gradient in zip((wm, wv), new, (model.wm.grad, model.wv.grad), strict=True):
        assert after == pytest.approx(weights - 0.05 * gradient.numpy())  # the loss has a factor 2


def test_a_sentence_rests_on_claims_that_stand():
    superseded = next(c for c in [*LIVE, *FIGURES] if c.successor)
    with pytest.raises(InputError, match=superseded.successor):
        pages.rest_on(superseded.claim)
    with pytest.raises(InputError, match="claim"):
        pages.rest_on("5.1/no-such")
    shown = pages.rest_on("5.1/bound", "figure2/kept")
    for record in shown.records:
        assert f"{stem(record.theorem)}.html#{record.cell}" in shown._repr_html_()
        assert record.title in repr(shown) and record.figure in repr(shown)


def test_a_claim_in_the_place_of_others_is_shown_with_all_of_them():
    last = pages.rest_on("figure2/late-keeps-seen")._repr_html_()
    for words, name in (("in the place of", "late-keeps"), ("before that", "late")):
        mark = r'<span class="verdict \w+">.</span>'
        assert re.search(rf"{words} {mark} <a [^>]*>figure2/{name}<", last)
    assert "in the place of" not in pages.rest_on("figure2/kept")._repr_html_()


def test_values_for_a_dial_are_json_and_nothing_else():
    shown = pages.values("values-x", name="a</script>b", rows=[[0, 0.5]])._repr_html_()
    assert shown.count("<") == 2 and "[[0, 0.5]]" in shown
    for wrong in (float("nan"), {1, 2}):
        with pytest.raises(InputError, match="values: expected finite numbers"):
            pages.values("values-x", wrong=wrong)


def test_the_law_of_three_answers_is_one_curve_for_steps_and_batches():
    law = three_answers.mean_divergence(16)
    assert (np.diff(law[0]) > 0).all() and (np.diff(law[1]) > 0).all()
    assert np.interp(0.1, *law) == pytest.approx(
        0.1 / 9, rel=0.01
    )  # the leading term, S2 - 2 S3 + S2^2
    finer = three_answers.mean_divergence(16, 169)
    assert np.interp(law[0], *finer) == pytest.approx(law[1], rel=2e-3)
    for eta, batch in ((0.25, 1), (0.5, 4)):
        updates = round(6 * batch / eta**2)
        rng = np.random.default_rng(updates)
        f = three_answers.sampled(rng, eta, batch, updates, np.zeros((2000, 3)))
        found = three_answers.divergences(f)
        error = found.std() / len(found) ** 0.5
        assert abs(found.mean() - np.interp(6, *law)) < 4 * error
        assert abs(found.mean() - three_answers.initial_speed(6)) > 8 * error
    for wrong in ({"most": 0}, {"most": math.inf}, {"most": 1, "points": 4}):
        with pytest.raises(InputError, match=list(wrong)[-1]):
            three_answers.mean_divergence(**wrong)


def test_the_map_names_every_claim_figure_and_hypothesis_once(tmp_path):
    folder = Path(__file__).resolve().parents[1] / "notebooks"
    shown = claim_map.Map(folder)._repr_html_()
    for record in evidence.load():
        assert shown.count(f">{record.claim}</a>") == 1
    for theorem in theorems.ALL:
        page = stem(theorem)
        for name, says, _ in claim_map.figures_of(folder / f"{page}.ipynb"):
            assert shown.count(f'"{page}.html#{name}"') == 1 and says
        assert shown.count(f'<p class="map-title"><a href="{page}.html">') == 1
    assert {f for f in claim_map.figures_of(folder / "theorem_4_3.ipynb") if f[0] == "fig-fan"} == {
        ("fig-fan", "The fan.", "check-4-3-fan")
    }
    with pytest.raises(InputError, match="folder"):
        claim_map.Map(tmp_path)
