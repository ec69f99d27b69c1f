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
    interval,
)
from planlib.graph import InputError


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
    assert "agrees with the stored record: True" in record.report(tmp_path)
    worse = check(8, {"too strong": 7}).run()
    assert "agrees with the stored record: False" in worse.report(tmp_path)
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
        "versions",
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

    stored = claims("figure9")("x", "transformer", 9, {"too strong": 8}, title="Named.")(at_most)
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


def test_the_interval_is_students():
    low, high = interval([1.0, 2.0, 3.0])  # mean 2, deviation 1, t(2 degrees) = 4.30265
    assert (low, high) == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-5)
    lows, highs = interval([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert lows == pytest.approx([low, 5]) and highs == pytest.approx([high, 5])
