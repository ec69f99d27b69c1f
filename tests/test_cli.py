import dataclasses
import json
import subprocess
import sys

import pytest

import theorems
from planlib.__main__ import main
from planlib.evidence import Check, decide

FIELDS = {"claim", "rung", "verdict", "figure", "scope", "control", "source", "seconds"}


def test_verify_prints_a_line_a_check(capsys):
    assert main(["verify", "4.1", "--rung", "symbolic"]) == 0
    line = capsys.readouterr().out.strip()
    assert line.startswith("Theorem 4.1 · symbolic · PASS · ")
    assert line.endswith("control REJECTED")


def test_verify_json(capsys):
    assert main(["verify", "3.1", "--rung", "certified", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert set(record) >= FIELDS
    assert (record["claim"], record["verdict"], record["control"]) == (
        "3.1/excess",
        "PASS",
        "REJECTED",
    )
    assert (record["source"], record["rung"]) == ("live", "certified")


def test_a_rung_that_does_not_apply_exits_0(capsys):
    assert main(["verify", "4.1", "--rung", "certified"]) == 0
    assert "N/A" in capsys.readouterr().out


def fake(monkeypatch, findings):
    def measure(statement, size):
        return findings[statement]

    check = Check("4.1/fake", "solver", "", measure, "true", {"wrong": "wrong"})
    monkeypatch.setattr(theorems.module("4.1"), "CHECKS", (check,))


@pytest.mark.parametrize(
    ("true", "wrong", "status"),
    [(True, False, 0), (False, False, 1), (True, True, 1), (None, False, 2), (None, True, 1)],
)
def test_exit_status(monkeypatch, capsys, true, wrong, status):
    fake(monkeypatch, {"true": decide(true, "", ""), "wrong": decide(wrong, "", "")})
    assert main(["verify", "4.1"]) == status
    assert main(["verify", "4.1", "--json"]) == status


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "9.9"], "theorem"),
        (["verify", "4.1", "--rung", "magic"], "rung"),
        (["verify", "4.1", "--rung", "formal"], "rung"),
        (["verify", "4.1", "--record", "--small"], "--record"),
        (["train", "sft", "--graph", "torus:5"], "graph"),
        (["train", "sft", "--steps", "-5"], "steps"),
        (["study", "figure99"], "study"),
    ],
)
def test_bad_usage_is_64_and_names_the_argument(arguments, message, capsys):
    assert main(arguments) == 64
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["prove"], ["verify"], ["train", "ppo"]])
def test_bad_syntax_is_64(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 64


def test_list(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for check in (c for t in theorems.THEOREMS for c in theorems.checks(t)):
        assert check.claim in text
    assert main(["list", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"claim", "rung", "title", "page"} <= set(lines[0])


@pytest.mark.parametrize("method", ["sft", "more-sft", "pg", "q"])
def test_train_prints_where_the_model_lies(method, tmp_path, capsys, monkeypatch):
    from planlib import studies, train

    small = studies.RunConfig(width=16, sft=train.SFTConfig(steps=20, batch_size=32))
    monkeypatch.setattr(studies, "RunConfig", lambda **k: dataclasses.replace(small, **k))
    options = ["--graph", "er:n=12,p=0.4,acyclic,seed=1", "--steps", "5", "--out", str(tmp_path)]
    assert main(["train", method, *options, "--seed", "3"]) == 0
    figures, place = capsys.readouterr().out.strip().splitlines()[-2:]
    assert "greedy_test" in figures
    assert train.load_model(place).n == 12


def test_a_study_one_of_its_runs_and_a_recheck(tmp_path, capsys, monkeypatch):
    from planlib import studies, study, train

    small = studies.RunConfig(
        graph="er:n=12,p=0.4,acyclic,seed=1",
        width=16,
        sft=train.SFTConfig(steps=5, batch_size=32),
    )
    configs = tuple(dataclasses.replace(small, seed=s) for s in range(3))
    monkeypatch.setitem(studies.STUDIES, "small", configs)
    command = ["study", "small", "--where", "here", "--out", str(tmp_path)]
    assert main([*command, "--only", configs[2].key[:6]]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / configs[2].key)
    assert main(command) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert main([*command, "--only", "xyz"]) == 64
    assert "a run of small" in capsys.readouterr().err
    again = ["recheck", "--count", "2", "--seed", "1", "--out", str(tmp_path)]
    assert main(again) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all("trained again: agrees" in line for line in lines)
    wrong = {"greedy_test": (0.9, 0.1, False)}
    monkeypatch.setattr(study, "recompute", lambda *_: wrong)
    assert main(again) == 1
    assert "DISAGREES, greedy_test 0.900 now 0.100" in capsys.readouterr().out


def test_dask_without_its_package_is_refused(tmp_path, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "distributed" else find(name)
    )
    assert main(["study", "mine", "--where", "dask", "--out", str(tmp_path)]) == 64
    assert "pip install -e '.[cluster]'" in capsys.readouterr().err


def test_as_a_program():
    run = [sys.executable, "-m", "planlib"]
    done = subprocess.run([*run, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "python -m planlib verify 4.1" in done.stdout
    done = subprocess.run([*run, "verify", "nothing"], capture_output=True, text=True)
    assert done.returncode == 64 and len(done.stderr.splitlines()) == 1
