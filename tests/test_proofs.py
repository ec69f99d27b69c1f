"""The record of the proofs is of these files, rests on no axiom, and cannot be had otherwise."""

import importlib.util
import json
import shutil
import subprocess

import pytest

import theorems
from planlib.graph import InputError
from theorems import formal

ROOT = formal.FOLDER.parent
SPEC = importlib.util.spec_from_file_location("proofs", ROOT / "tools" / "proofs.py")
FILES = [name.removesuffix(".v") for name in formal.digests()]
# The real exponential is built in mathcomp's analysis, which is classical; nothing else is.
CLASSICAL = {"Reals"}


@pytest.fixture(scope="module")
def tool():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    return module


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(
        formal.FOLDER, tmp_path / "proofs", ignore=shutil.ignore_patterns(".*", "*.vo*")
    )
    yield tmp_path / "proofs"
    formal._checked.cache_clear()


def test_every_statement_is_in_the_record_without_an_axiom():
    record = json.loads((formal.FOLDER / formal.CHECKED).read_text())
    stated = [s for file in FILES for s in formal.statements(file)]
    assert formal.of_these_files()
    assert {s.full: s.verdict for s in stated} == {
        name: entry["verdict"] for name, entry in record["statements"].items()
    }
    lacking = {n.partition(".")[0] for n, e in record["statements"].items() if e["assumptions"]}
    assert lacking <= CLASSICAL
    assert record["examples"] > 100


@pytest.mark.parametrize("file", FILES)
def test_no_proof_is_given_up_and_every_statement_has_its_words(file):
    text = (formal.FOLDER / f"{file}.v").read_text()
    assert not any(word in text for word in ("Admitted", "admit.", "Axiom", "Parameter "))
    for s in formal.statements(file):
        assert len(s.says) > 20 and "forall" in s.text, s.full
        assert s.verdict == formal.PROVED or s.name.startswith("wrong_"), s.full


def test_every_theorem_has_a_proved_claim_with_refuted_versions():
    for theorem in theorems.THEOREMS:
        (check,) = [c for c in theorems.checks(theorem, "formal")]
        assert check.run().counts and check.statement and check.mutations


def test_a_changed_file_a_gap_and_a_negation_do_not_pass(copied):
    names = ("T5_1.fixed_points",)
    assert formal.judge(names, copied).verdict == "PASS"
    assert formal.judge(("T5_1.wrong_at_most_one",), copied).verdict == "FAIL"
    assert formal.judge((*names, "T5_1.not_there"), copied).verdict == "UNDECIDED"
    assert formal.judge((), copied).verdict == "UNDECIDED"
    record = json.loads((copied / formal.CHECKED).read_text())
    record["statements"][names[0]]["assumptions"] = ["classic"]
    (copied / formal.CHECKED).write_text(json.dumps(record))
    formal._checked.cache_clear()
    assert formal.judge(names, copied).verdict == "UNDECIDED"
    (copied / "T5_1.v").write_text((copied / "T5_1.v").read_text() + "\n")
    assert "changed" in formal.judge(("T5_2.from_below",), copied).figure


def test_a_theorem_without_its_statement_is_refused(tmp_path):
    with pytest.raises(InputError, match="file"):
        formal.statements("T9_9")
    (tmp_path / "T.v").write_text("Definition a : Prop := forall x, x.\nTheorem a_holds : a.\n")
    with pytest.raises(InputError, match="commented definition"):
        formal.statements("T", tmp_path)
    (tmp_path / "T.v").write_text("(** So. *)\nDefinition a : Prop := x.\nTheorem a_fails : a.\n")
    with pytest.raises(InputError, match="commented definition"):
        formal.statements("T", tmp_path)
    for theorem in ("a_holds (H : False) : a", "a_fails : forall H : False, ~ a"):
        (tmp_path / "T.v").write_text(
            f"(** So. *)\nDefinition a : Prop := x.\nTheorem {theorem}.\n"
        )
        with pytest.raises(InputError, match="commented definition"):
            formal.statements("T", tmp_path)
    (tmp_path / "T.v").write_text("(** So. *)\nDefinition a : Prop := x.\n")
    with pytest.raises(InputError, match="each statement with one theorem"):
        formal.statements("T", tmp_path)


def test_examples_say_what_exact_says(tool):
    text = tool.examples()
    assert "Lemma reaches_2_0 : reaches A #2 #0 = true." in text  # a chain
    assert text.count("= false.") > 20 and text.count("on_cycle (without A") > 10


@pytest.mark.skipif(not shutil.which("coqc"), reason="Coq is not installed")
def test_coq_refuses_an_example_that_is_wrong(tool, copied):
    tool.coqc(copied, "Planning")
    text = tool.examples()
    text = text[: text.index("End Chain.")] + "End Chain.\n"
    (copied / "Right.v").write_text(text)
    tool.coqc(copied, "Right")
    right, wrong = "reaches A #2 #0 = true", "reaches A #2 #0 = false"
    (copied / "Wrong.v").write_text(text.replace(right, wrong))
    with pytest.raises(SystemExit, match=r"Wrong\.v"):
        tool.coqc(copied, "Wrong")


def test_without_coq_it_says_how_to_get_it():
    command = ["python3", str(ROOT / "tools" / "proofs.py"), "--packages"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "libcoq-mathcomp-algebra" in said
