"""Claims on figures: differences over seeds, decided by an interval, from stored runs alone."""

import dataclasses
import warnings

import numpy as np
import pytest

import theorems
from planlib import evidence, plots, store, studies, study
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


def rise(method, margin, **changes):
    return Gap(Point(method, "right"), Point(method, "right", FIRST), margin, **changes)


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [
        (rise("up", 0.3), "PASS"),
        (rise("up", 0.6), "FAIL"),
        (rise("flat", 0.3), "FAIL"),
        (rise("flat", 0.3, below=True), "PASS"),
        (rise("up", 2.0, ratio=True), "PASS"),
        (rise("up", 9.0, ratio=True), "FAIL"),
        (Gap(Point(("up", "flat"), "right"), Point("flat", "right"), 0.3), "PASS"),
        (Gap(Point("flat", "right"), Point(("up", "flat"), "right"), -0.3), "FAIL"),
        (Gap(Point("up", "right"), None, 0.5), "PASS"),
        (rise("flat", float(0)), "UNDECIDED"),
    ],
)
def test_gaps_are_decided_by_their_interval(seeds, gap, verdict):
    finding = comparing.judge(seeds, "two methods", gap, "small")
    assert finding.verdict == verdict, finding
    assert "4 seeds" in finding.scope


def test_the_first_seed_does_not_decide(seeds):
    values = [rise("up", 0.3).of(runs) for runs in seeds]
    finding = comparing.judge(seeds, "", rise("up", 0.3), "small")
    assert finding.figure.startswith(f"{np.mean(values[1:]):.3f} in ")


def test_a_missing_run_is_undecided_and_named(seeds, tmp_path):
    (tmp_path / seeds[2]["up"].key / "record.json").unlink()
    finding = comparing.judge(seeds, "", rise("up", 0.3), "small")
    assert finding.verdict == "UNDECIDED"
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
