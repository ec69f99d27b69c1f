"""Each check of each theorem at its smallest size, with its controls; then the stored records."""

import networkx as nx
import pytest
import torch

from planlib import evidence, study, theorems
from planlib.evidence import RUNGS, Check
from planlib.theorems import theorem_3_1, theorem_4_1

ALL = [c for t in theorems.CHECKED for c in theorems.checks(t)]
LIVE = [c for c in ALL if isinstance(c, Check)]


@pytest.mark.parametrize("check", LIVE, ids=lambda c: c.claim)
def test_check_passes_and_every_control_is_rejected(check):
    for name, wrong in check.mutations.items():
        assert check.measure(wrong, "small").verdict == "FAIL", f"control not rejected: {name}"
    finding = check.measure(check.statement, "small")
    assert finding.verdict == "PASS", finding
    assert finding.figure and finding.scope


@pytest.mark.parametrize("theorem", theorems.CHECKED)
def test_stored_records_are_complete_and_count(theorem):
    records = evidence.load(theorem)
    assert [r.claim for r in records] == [c.claim for c in theorems.checks(theorem)]
    for record, check in zip(records, theorems.checks(theorem), strict=True):
        assert record.size == "full"
        if isinstance(check, Check):
            assert record.counts, record.line()
            assert set(record.controls) == set(check.mutations)
            assert (record.rung, record.title, record.cell) == (check.rung, check.title, check.cell)
        else:
            assert (record.verdict, record.scope) == ("N/A", check.reason)


@pytest.mark.parametrize("theorem", theorems.CHECKED)
def test_no_rung_is_skipped_in_silence(theorem):
    covered = {c.rung for c in theorems.checks(theorem)}
    assert covered == set(RUNGS) - {"formal"}  # formal proofs are open, and shown so
    applied = {c.rung for c in theorems.checks(theorem) if isinstance(c, Check)}
    assert {"exhaustive", "transformer", "symbolic"} <= applied
    assert theorem == "4.1" or "statistical" in applied


@pytest.mark.parametrize(
    "hypothesis",
    [*theorem_3_1.HYPOTHESES, *theorem_4_1.HYPOTHESES],
    ids=lambda h: h.name,
)
def test_hypotheses_have_a_witness_and_a_failing_instance(hypothesis):
    assert hypothesis.holds(hypothesis.witness)
    assert not hypothesis.holds(hypothesis.failing)
    assert hypothesis.residual(hypothesis.witness) < 0.01 < hypothesis.residual(hypothesis.failing)


def test_failing_instances_keep_the_other_hypotheses():
    for group in (theorem_3_1.HYPOTHESES, theorem_4_1.HYPOTHESES):
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
    checks = study.recheck(study.load_run(study.RunConfig()))
    assert all(agrees for _, _, agrees in checks.values()), checks
    assert checks["greedy_test"][1] >= 0.98


def test_recheck_notices_another_model():
    run = study.load_run(study.RunConfig())
    with torch.no_grad():
        run.model.head.weight.mul_(0.5)
    assert not all(agrees for _, _, agrees in study.recheck(run).values())
