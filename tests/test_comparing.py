"""Claims on figures: differences over seeds, decided by an interval, from stored runs alone."""

import dataclasses
import warnings
from functools import partial

import numpy as np
import pytest

import theorems
from planlib import evidence, plots, store, studies, study
from planlib.evidence import FIXED, Check
from theorems import comparing
from theorems.comparing import FIRST, Gap, Point

BASE = studies.RunConfig(graph="er:n=12,p=0.4,acyclic,seed=1", width=16)


def methods(base):
    return {
        "up": dataclasses.replace(base, more_sft=studies.MORE_SFT),
        "flat": dataclasses.replace(base, pg=studies.PG),
    }


@pytest.fixture
def seeds(tmp_path, monkeypatch):
    """Records of two methods: one rises by 0.5 with noise of 0.01, one does not."""
    monkeypatch.setattr(
        comparing, "load_record", lambda c: study.load_record(c, tmp_path), raising=True
    )
    noise = np.random.default_rng(0)
    found = comparing.by_seed(methods, BASE)
    for runs in found:
        for name, rise in (("up", 0.5), ("flat", 0.0)):
            curve = np.linspace(0.1, 0.1 + rise, 9) + noise.normal(0, 0.01, 9)
            history = {"right": curve.tolist(), "evaluated_at": list(range(9))}
            record = {"config": runs[name].fields(), "metrics": {}}
            store.write(tmp_path / runs[name].key, record, history, None)
    return found


def rise(method, *least, **changes):
    return Gap(Point(method, "right"), Point(method, "right", FIRST), *least, **changes)


def falls_since(level, least):
    """From where the curve of the method that rises first reaches a level, to the end."""
    return comparing.falls("right", "up", least, comparing.Reached("right", level))


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [
        (rise("up", 0.3), "PASS"),
        (rise("up", 0.6), "FAIL"),
        (rise("flat", 0.3), "FAIL"),
        (rise("flat", most=0.3), "PASS"),
        (rise("up", 2.0, ratio=True), "PASS"),
        (rise("up", 9.0, ratio=True), "FAIL"),
        (Gap(Point(("up", "flat"), "right"), Point("flat", "right"), 0.3), "PASS"),
        (Gap(Point("flat", "right"), Point(("up", "flat"), "right"), -0.3), "FAIL"),
        (Gap(Point("up", "right"), None, 0.5), "PASS"),
        (Gap(Point("up", "right", plus="right"), None, 1.0), "PASS"),
        (Gap(Point("up", "right", plus="right"), None, most=1.0), "FAIL"),
        (rise("flat", float(0)), "UNDECIDED"),
        (rise("up", 0.4, most=0.6), "PASS"),
        (rise("up", 0.1, most=0.3), "FAIL"),
        (rise("up", 0.4, most=0.44), "UNDECIDED"),
        (falls_since(0.3, 0.2), "FAIL"),
        (falls_since(9.0, 0.2), "UNDECIDED"),  # never reached
    ],
)
def test_gaps_are_decided_by_their_interval(seeds, gap, verdict):
    finding = comparing.judge(seeds, "two methods", gap, "small")
    assert finding.verdict == verdict, finding
    assert finding.scope == "two methods" or "5 seeds" in finding.scope


def test_the_seeds_of_a_claim_are_those_that_decide_it():
    for seeds, fixed in (
        (comparing.AFTER_SEED_0, "after seed 0"),
        (comparing.ANEW, "after other seeds"),
    ):
        claim = comparing.claims_on("figure9", methods, BASE, "toy", seeds)
        check = claim("x", "Rises.", rise("up", 0.3), {"flat as well": rise("flat", 0.3)})
        assert (check.seeds, check.fixed) == (seeds, fixed)
    assert 0 not in comparing.AFTER_SEED_0
    assert not set(comparing.ANEW) & set(studies.SEEDS)  # named before they were run


def test_the_opposite_of_a_claim_is_no_control():
    """Nor is any margin that the claim itself excludes; a stronger or another claim is."""
    claim, low, high = rise("up", 0.3), Point("up", "right", FIRST), Point("up", "right")
    assert comparing.implied(claim, rise("up", most=0.3))
    assert comparing.implied(claim, rise("up", most=0.1))
    assert comparing.implied(claim, Gap(low, high, 0.0))  # it falls
    assert not comparing.implied(claim, rise("up", most=0.4))
    assert not comparing.implied(claim, rise("up", 0.9))
    assert not comparing.implied(claim, Gap(low, high, -0.5))
    assert not comparing.implied(claim, rise("flat", most=0.3))
    assert comparing.implied(rise("up", most=0.3), rise("up", 0.3))
    assert not comparing.implied(rise("up", 1.0, ratio=True), rise("up", most=0.3))
    assert comparing.implied(rise("up", 1.0, ratio=True), rise("up", most=0.9, ratio=True))


def test_no_control_on_runs_is_implied_by_its_claim():
    def gaps(stated):
        every = stated if isinstance(stated, tuple) else (stated,)
        return [gap for gap in every if isinstance(gap, Gap)]

    looked, found = 0, []
    for name in theorems.ALL:
        for check in theorems.checks(name):
            for wrong in getattr(check, "mutations", {}).values():
                pairs = list(zip(gaps(check.statement), gaps(wrong), strict=False))
                looked += len(pairs)
                found += [check.claim for claim, other in pairs if comparing.implied(claim, other)]
    assert looked > 100 and not found


def test_a_missing_run_is_undecided_and_named(seeds, tmp_path):
    (tmp_path / seeds[2]["up"].key / "record.json").unlink()
    measure = partial(comparing.judge, seeds, "")
    gap = rise("up", 0.3)
    check = Check("0/gap", "transformer", "A gap.", measure, gap, {"w": gap}, fixed=FIXED[0])
    finding = check.find(gap, "small")
    assert finding.verdict == "UNDECIDED" and finding.waits
    assert f"python -m planlib train more-sft --graph {BASE.graph} --seed 2" in finding.figure


def test_reported_words_come_from_the_records():
    (check, *_) = theorems.checks("figure2")
    record = dataclasses.replace(check.run(), verdict="PASS", control="REJECTED")
    claims = {check.claim: "the paper says so"}

    def word(**changes):
        html = plots.reported([dataclasses.replace(record, **changes)], claims)
        return html.rsplit('">', 1)[1].split("<")[0]

    assert word() == "reproduced"
    assert word(verdict="FAIL", successor="figure2/other") == "not found"
    assert word(verdict="UNDECIDED") == "undecided"
    assert word(verdict="DESCRIPTION") == "description"
    assert word(verdict="UNDECIDED", control="NOT RUN") == word(control="NOT RUN") == "waiting"
    assert word(verdict="FAIL") == word(control="NOT REJECTED") == "FAIL"
    assert word(claim="figure2/other") == "ours"
    assert word(claim="figure2/other", verdict="FAIL", successor="figure2/x") == "failed"


def test_claims_of_the_paper_name_checks():
    for figure in theorems.FIGURES:
        known = {c.claim for c in theorems.checks(figure)}
        assert set(theorems.module(figure).REPORTED) <= known
        assert all(isinstance(c, evidence.Check) for c in theorems.checks(figure))


def test_a_run_that_lacks_a_series_is_missed_aloud(seeds, tmp_path, monkeypatch):
    monkeypatch.setattr(comparing, "is_stored", lambda c: study.is_stored(c, tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing to say while all of them have it
        at, found = comparing.curves(seeds, "up", "right")
    assert at == list(range(9)) and len(found) == 5
    lacking = seeds[0]["up"]
    record, history = study.load_record(lacking, tmp_path)
    del history["right"]
    store.write(tmp_path / lacking.key, record, history, None)
    with pytest.warns(UserWarning, match=f"right is missing in {lacking.key}"):
        _, found = comparing.curves(seeds, "up", "right")
    assert len(found) == 4
