"""The framework that verdicts come from must itself be able to say no."""

import dataclasses
import json

import pytest

import theorems
from planlib import evidence
from planlib.evidence import (
    Check,
    Finding,
    NotApplicable,
    Record,
    Tally,
    claims,
    decide,
    exit_code,
    inapplicable,
)
from planlib.graph import InputError
from planlib.intervals import estimate


def at_most(bound, size):
    """A claim about the numbers 1 to 9: none exceeds the bound."""
    worst = max(range(1, 10))
    return decide(worst <= bound, f"largest {worst}", "1 to 9")


def check(statement, mutations):
    return Check(
        claim="0.0/toy", rung="exhaustive", title="A toy.", measure=at_most,
        statement=statement, mutations=mutations,
    )  # fmt: skip


def test_a_true_claim_with_a_rejected_control_counts():
    record = check(9, {"too strong": 8}).run()
    assert (record.verdict, record.control, record.counts) == ("PASS", "REJECTED", True)
    assert record.controls == {"too strong": "largest 9"}
    assert exit_code([record]) == 0
    assert record.line() == "Theorem 0.0 · exhaustive · PASS · largest 9 · control REJECTED"


def test_a_false_claim_fails():
    record = check(5, {"stronger still": 4}).run()
    assert (record.verdict, record.counts, exit_code([record])) == ("FAIL", False, 1)


def test_a_control_that_passes_sinks_the_check():
    record = check(10, {"not wrong at all": 11, "too strong": 3}).run()
    assert (record.verdict, record.control) == ("PASS", "NOT REJECTED")
    assert not record.counts and exit_code([record]) == 1
    assert " · FAIL · largest" in record.line()


def test_an_undecided_control_is_not_rejected():
    def never(bound, size):
        return decide(None if bound == 0 else True, "?", "")

    record = Check("0.0/u", "solver", "A toy.", never, 1, {"unclear": 0}).run()
    assert record.control == "NOT REJECTED" and exit_code([record]) == 1


def test_undecided_is_not_a_pass():
    def undecided(bound, size):
        return decide(None if bound else False, "?", "")

    record = Check("0.0/u", "solver", "A toy.", undecided, 1, {"wrong": 0}).run()
    assert (record.verdict, record.counts, exit_code([record])) == ("UNDECIDED", False, 2)
    failed = check(5, {"x": 4}).run()
    assert exit_code([record, failed]) == 1


def test_not_applicable_keeps_its_reason():
    record = NotApplicable("0.0/x", "certified", "no inequality").run()
    assert (record.verdict, record.scope, exit_code([record])) == ("N/A", "no inequality", 0)
    assert "no inequality" in record.line() and not record.counts


def test_a_check_needs_a_control_and_a_known_rung():
    with pytest.raises(InputError, match="mutations"):
        check(9, {})
    with pytest.raises(InputError, match="rung"):
        Check("0.0/x", "guess", "A toy.", at_most, 9, {"a": 1})
    with pytest.raises(InputError, match="size"):
        check(9, {"a": 1}).run("huge")
    with pytest.raises(InputError, match="verdict"):
        Finding("GOOD", "", "")


def test_records_round_trip_and_disagreement_shows(tmp_path):
    record = check(9, {"too strong": 8}).run()
    path = evidence.store([record], "0.0", tmp_path)
    assert evidence.load("0.0", tmp_path) == [record] == evidence.load(folder=tmp_path)
    assert "agrees with the stored record: to the figure" in record.report(tmp_path)
    worse = check(8, {"too strong": 7}).run()
    assert "agrees with the stored record: NO" in worse.report(tmp_path)
    assert record.agrees(dataclasses.replace(record, seconds=99.0))
    path.write_text(path.read_text()[:-30])
    with pytest.raises(InputError, match="stored records"):
        evidence.load("0.0", tmp_path)
    with pytest.raises(InputError, match="stored records"):
        evidence.load("9.9", tmp_path)


def test_a_record_has_what_the_page_promises():
    fields = set(json.loads(json.dumps(dataclasses.asdict(check(9, {"a": 8}).run()))))
    assert {
        "claim", "rung", "verdict", "figure", "scope", "control", "source", "seconds", "seeds",
        "versions", "fixed", "successor", "estimates",
    } <= fields  # fmt: skip
    assert {f.name for f in dataclasses.fields(Record)} == fields


def test_a_claim_is_declared_on_its_measure():
    claim = claims("0.1")

    @claim("small", "exhaustive", 9, {"too strong": 8}, seeds=[3])
    def _small(bound, size):
        """No digit
        exceeds nine."""
        return at_most(bound, size)

    assert isinstance(_small, Check) and _small.run().counts
    assert (_small.claim, _small.title) == ("0.1/small", "No digit exceeds nine.")
    assert (_small.cell, _small.source, _small.seeds) == ("check-0-1-small", "live", (3,))
    code = _small.code()
    assert code.startswith("    @claim(") and "at_most(bound, size)" in code
    assert "# too strong\n8" in code  # a mutation that is no function shows itself

    declare = claims("figure9")
    named = {"title": "Named.", "fixed": "before any run", "successor": "y"}
    stored = declare("x", "transformer", 9, {"too strong": 8}, **named)(at_most)
    assert (stored.fixed, stored.successor) == ("before any run", "figure9/y")
    assert (stored.title, stored.cell, stored.source) == ("Named.", "verdicts-figure9", "stored")
    with pytest.raises(InputError, match="title"):
        claim("silent", "solver", 9, {"too strong": 8})(lambda bound, size: at_most(bound, size))


@dataclasses.dataclass(frozen=True)
class Settings:
    bound: int = 9
    rule: object = max
    inner: object = None


def test_code_shows_what_differs_from_the_defaults_and_no_address():
    claimed = Settings(8, inner=(Settings(rule=at_most),))
    declared = Check("0.1/s", "solver", "A toy.", at_most, claimed, {"wrong": Settings(7)})
    code = declared.code()
    assert "# statement\nSettings(bound=8, inner=(Settings(rule=at_most)))" in code
    assert "# wrong\nSettings(bound=7)" in code and " at 0x" not in code


def test_no_code_on_a_page_has_an_address_in_memory():
    for theorem in theorems.ALL:
        for check in theorems.checks(theorem):
            if isinstance(check, Check):
                assert " at 0x" not in check.code(), check.claim


def test_inapplicable_rungs_keep_their_reasons():
    found = inapplicable("0.1", solver="nothing to search", certified="an equality")
    assert [(n.claim, n.rung, n.reason) for n in found] == [
        ("0.1/solver", "solver", "nothing to search"),
        ("0.1/certified", "certified", "an equality"),
    ]


def test_a_tally_decides_by_its_failures_then_by_what_is_undecided():
    tally = Tally("graphs", "cases", undecided="undecided")
    tally.add("graphs", count=1200)
    tally.add("cases", True)
    assert tally.finding("all").verdict == "PASS"
    tally.add("cases", None)
    assert tally.finding("all").verdict == "UNDECIDED"
    tally.add("cases", False)
    finding = tally.finding("all", note=", first on 2 nodes")
    assert finding.verdict == "FAIL"
    assert finding.figure == "1,200 graphs, 3 cases, 1 failures, first on 2 nodes, 1 undecided"
    with pytest.raises(KeyError):
        tally.add("apples")


def mean_of(values):
    def measure(margins, size):
        return decide(True, "a mean", "five cases", estimate(values, **margins))

    return measure


@pytest.mark.parametrize(
    ("margins", "verdict"),
    [
        ({"least": 0.5}, "PASS"),
        ({"least": 1.4}, "FAIL"),
        ({"least": 1.01}, "UNDECIDED"),
        ({"least": 0.5, "most": 1.5}, "PASS"),
        ({"least": 0.5, "most": 0.99}, "UNDECIDED"),
        ({"most": 0.6}, "FAIL"),
    ],
)
def test_a_mean_is_decided_three_ways(margins, verdict):
    finding = mean_of([0.9, 1.1, 1.0, 0.95, 1.05])(margins, "full")
    assert finding.verdict == verdict


def test_an_exact_condition_and_estimates_are_decided_together():
    yes, no = estimate([1, 2, 1, 2], least=0), estimate([1, 2, 1, 2], least=5)
    open_ = estimate([1, 2, 1, 2], least=1.4)
    assert decide(True, "", "", yes, yes).verdict == "PASS"
    assert decide(True, "", "", yes, open_).verdict == decide(None, "", "", yes).verdict
    assert decide(None, "", "", yes, no).verdict == decide(False, "", "", open_).verdict == "FAIL"


def on_data(fixed="before any run", margins=None, wrong=None, **changes):
    measure = mean_of([0.9, 1.1, 1.0, 0.95, 1.05])
    wrong = {"wrong": wrong or {"least": 1.4}}
    claim = ("0.1/mean", "statistical", "A mean.", measure, margins or {"least": 0.5}, wrong)
    return Check(*claim, fixed=fixed, **changes)


def test_a_noisy_control_is_not_rejected():
    record = on_data(wrong={"least": 1.01}).run()
    assert (record.verdict, record.control, record.counts) == ("PASS", "NOT REJECTED", False)


def test_on_data_a_claim_says_when_it_was_fixed_and_after_all_of_them_has_no_verdict():
    with pytest.raises(InputError, match="fixed"):
        on_data(fixed="")
    with pytest.raises(InputError, match="fixed"):
        on_data(fixed="long ago")
    described = on_data(fixed="after all seeds").run()
    assert (described.verdict, described.counts) == ("DESCRIPTION", False)
    assert on_data(fixed="after all seeds", margins={"least": 2}).run().verdict == "FAIL"
    assert on_data(fixed="after seed 0").run().fixed == "after seed 0"


def test_what_waits_for_stored_runs_is_undecided_and_its_controls_are_not_run():
    def measure(there, size):
        if not there:
            command = "python -m planlib study toys --only 12ab"
            wanted = f"a stored run (make it: {command})"
            raise evidence.MissingRunError("config", wanted, "12ab")
        return decide(there == 1, "1", "runs")

    def record(statement, wrong):
        claim = ("0.1/run", "transformer", "A run.", measure, statement, {"wrong": wrong})
        return Check(*claim, (3, 4), fixed="before any run").run()

    waiting = record(0, 0)
    assert (waiting.verdict, waiting.control, exit_code([waiting])) == ("UNDECIDED", "NOT RUN", 2)
    made_by = "python -m planlib study toys makes them"
    assert waiting.figure == f"not all its runs are stored; {made_by}"
    assert waiting.scope == "stored runs, seeds 3, 4, not all of them made"
    assert not waiting.counts  # and no run is named, so that it changes once
    other = evidence.unmade(InputError("at", "a run that gets there", "0.9"), "runs")
    assert other.verdict == "UNDECIDED" and not other.waits  # its runs are there
    half = record(1, 0)
    assert (half.verdict, half.control, half.counts, exit_code([half])) == (
        "PASS",
        "NOT RUN",
        False,
        2,
    )
    assert record(1, 2).counts


def test_an_original_names_its_successor_and_changes_no_exit_code(tmp_path):
    failed = on_data(margins={"least": 2}, successor="0.1/later").run()
    assert failed.verdict == "FAIL" and exit_code([failed]) == 0
    waiting = dataclasses.replace(failed, verdict="UNDECIDED", control="NOT RUN")
    assert waiting.succession == "if it fails, 0.1/later takes its place"
    evidence.store([failed], "0.1", tmp_path)
    report = failed.report(tmp_path)
    assert "its place was taken by 0.1/later" in report and "same verdict" in report
    assert "fixed: before any run" in report and "for 80% power" in report


def test_records_agree_to_the_figure_only_where_it_is_deterministic():
    exact, drawn = check(9, {"a": 8}).run(), on_data().run()
    for record, same in ((exact, False), (drawn, True)):
        other = dataclasses.replace(record, figure="another")
        assert record.agrees(other) == same
        assert record.agrees(dataclasses.replace(record, fixed="after seed 0")) is False
    assert not exact.agrees(dataclasses.replace(exact, controls={"a": "another"}))
    smaller = dataclasses.replace(exact, size="small", figure="another")
    assert exact.agrees(smaller)


def test_estimates_survive_their_record(tmp_path):
    record = on_data(margins={"least": 0.5, "most": 2.0}).run()
    evidence.store([record, on_data().run()], "0.1", tmp_path)
    both, one = evidence.load("0.1", tmp_path)
    assert both.measured[0].most == 2.0 and one.measured[0].most == float("inf")
    assert both.measured[0].mean == pytest.approx(1.0) and both.p_value < 0.025
    assert both.power() == "5 seeds, 3 for 80% power"


def test_few_of_many_claims_survive_being_many():
    sure, near = on_data().run(), on_data(margins={"least": 0.88}).run()
    assert near.counts and 0.01 < near.p_value < 0.025
    assert evidence.survivors([near]) == [near]
    assert evidence.survivors([sure, near, near]) == [sure]
    described = on_data(fixed="after all seeds").run()
    assert evidence.survivors([described, near]) == [near]  # no verdict, no member
