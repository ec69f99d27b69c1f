import dataclasses
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import theorems
from planlib import graph as graphs
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

    check = Check("4.1/fake", "solver", "A fake.", measure, "true", {"wrong": "wrong"})
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
        (["verify", "figure1", "--rung", "formal"], "rung"),
        (["verify", "4.1", "--record", "--small"], "--record"),
        (["train", "sft", "--graph", "torus:5"], "graph"),
        (["train", "sft", "--steps", "-5"], "steps"),
        (["train", "sft", "--steps", "many"], "--steps"),
        (["train", "sft", "--steps"], "--steps"),
        (["train", "sft", "--discount", "0.9"], "--discount"),
        (["train", "sft", "--off-policy"], "--off-policy"),
        (["train", "sft", "--kl-weight", "0.5"], "--kl-weight"),
        (["train", "sft", "--seed", "-1"], "seed"),
        (["train", "pg", "--kl-weight", "nan"], "kl_weight"),
        (["train", "q", "--temperature", "inf"], "temperature"),
        (["recheck", "--out", "no/such/runs"], "no/such/runs"),
        (["recheck", "--seed", "-1"], "seed"),
        (["recheck", "--count", "0"], "count"),
        (["recheck", "--under", "nan"], "under"),
        (["train", "q", "--discount", "2"], "discount"),
        (["train", "pg", "extra"], "extra"),
        (["study", "figure99"], "study"),
    ],
)
def test_bad_usage_is_64_and_names_the_argument(arguments, message, capsys):
    assert main(arguments) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize("arguments", [[], ["prove"], ["verify"], ["train", "dpo"]])
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


@pytest.mark.parametrize(
    "method", ["sft", "more-sft", "pg", "q", "grpo", "ppo", "reinforce", "filtered-sft"]
)
def test_train_prints_where_the_model_lies(method, tmp_path, capsys):
    from planlib import train

    options = ["--graph", "er:n=12,p=0.4,acyclic,seed=1", "--steps", "5", "--out", str(tmp_path)]
    small = ["--width", "16", "--sft.batch-size", "32"]
    small += [] if method == "sft" else ["--sft.steps", "20"]
    assert main(["train", method, *options, *small, "--seed", "3"]) == 0
    figures, place = capsys.readouterr().out.strip().splitlines()[-2:]
    assert "greedy_test" in figures
    assert train.load_model(place).n == 12


# One graph of each kind that the grammar has, small.
EVERY_KIND = (
    "er:n=12,p=0.3,cyclic,seed=1",
    "stages:n=12,stages=3,p=0.6,inside=0.2,seed=0",
    "maze:rows=3,columns=3,doors=2,seed=0",
    "chains:n=12,chains=2,p=0.1,seed=0",
    "blocksworld:3",
    "countdown:numbers=3,most=2,whole",
    "countdown:numbers=3,most=2,fractions,holding",
    "countdown:numbers=3,most=99,drawn=2,seed=0,whole",
    "book:two_parcels.graphml",
    f"pddl:{graphs.STORED / 'delivery.pddl'},{graphs.STORED / 'two_parcels.pddl'}",
)


@pytest.mark.parametrize("method", ["grpo", "ppo", "reinforce", "filtered-sft"])
@pytest.mark.parametrize("graph", EVERY_KIND)
def test_every_method_trains_on_every_kind_of_graph(graph, method, tmp_path, capsys):
    small = ["--width", "8", "--steps", "2", "--sft.steps", "2", "--batch-size", "16"]
    small += ["--sft.batch-size", "16", "--out", str(tmp_path)]
    assert main(["train", method, "--graph", graph, *small]) == 0
    assert "greedy_test" in capsys.readouterr().out


def test_every_kind_of_graph_is_tried():
    kinds = {graph.partition(":")[0] for graph in EVERY_KIND}
    assert kinds == {*graphs.GENERATED, "book", "pddl"}


def other(value):
    """Another value of a setting, that its checks let through."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, str):
        others = {
            "adam": "sgd",
            "constant": "cosine",
            "learned": "none",
            "transformer": "linear_attention",
            "cosine": "constant",
            "none": "mean",
            "mean": "none",
            "population": "sample",
            "sequence": "token",
            "sum": "token",
            "k3": "k1",
            "process": "shuffled",
            "policy": "base",
            "token": "sequence",
            "step": "trajectory",
        }
        return others.get(value, "blocksworld:3")
    return value + 1 if isinstance(value, int) else value / 2 or 0.5


@pytest.mark.parametrize("method", ["sft", "more-sft", "pg", "q", "grpo", "ppo", "filtered-sft"])
def test_every_field_can_be_set_and_is_in_the_help(method, capsys):
    """Found by the fields themselves, so that one that joins a configuration is tried as well."""
    from planlib import settings, studies

    given = studies.RunConfig(**settings.STAGES[method])
    tried, arguments, wanted = [], [], {}
    for field in dataclasses.fields(given):
        value = getattr(given, field.name)
        if dataclasses.is_dataclass(value):
            inner = {f.name: other(getattr(value, f.name)) for f in dataclasses.fields(value)}
            wanted[field.name] = dataclasses.replace(value, **inner)
            pairs = [(f"{field.name}.{name}", new) for name, new in inner.items()]
        elif field.name in settings.ALL_STAGES:
            continue
        elif method not in settings.ONLY_WITH.get(field.name, {method}):
            continue
        elif field.name in ("paths", "test_pairs", "hidden"):  # they exclude other settings
            continue
        else:
            wanted[field.name] = 1 if field.name == "within" else other(value)
            pairs = [(field.name, wanted[field.name])]
        for name, new in pairs:
            flag = "--" + name.replace("_", "-")
            tried.append(flag)
            arguments += [flag] if new is True else [flag, str(new)]
    wanted["heads"], wanted["width"] = 1, 121
    arguments += ["--heads", "1"]
    config, _ = settings.read(method, arguments)
    assert config == dataclasses.replace(given, **wanted)
    files = {"paths": "a.txt", "test_pairs": "b.txt"}
    config, _ = settings.read(method, ["--paths", "a.txt", "--test-pairs", "b.txt"])
    assert config == dataclasses.replace(given, **files)
    config, _ = settings.read(method, ["--hidden", "0.25"])
    assert config == dataclasses.replace(given, hidden=0.25)
    tried += ["--paths", "--test-pairs", "--hidden"]
    with pytest.raises(SystemExit) as caught:
        main(["train", method, "--help"])
    assert caught.value.code == 0
    words = capsys.readouterr().out.split()
    assert set(tried) <= {word.strip(",│") for word in words}


def test_every_field_is_documented():
    from planlib import settings, studies

    configs = [studies.RunConfig, type(studies.PG), type(studies.Q), type(studies.MORE_SFT)]
    for config in configs:
        texts = settings.documented(config)
        assert {f.name for f in dataclasses.fields(config)} <= set(texts)
        assert all(texts.values())
    assert texts["steps"] == "Number of updates."


def test_the_stage_needs_no_prefix():
    from planlib import settings, studies

    arguments = ["--steps", "7", "--kl-weight", "0.1", "--out", "there", "--device", "cuda"]
    config, place = settings.read("pg", arguments)
    assert config.pg == dataclasses.replace(studies.PG, steps=7, kl_weight=0.1)
    assert config.sft == studies.RunConfig().sft and place == settings.Place(Path("there"), "cuda")
    assert settings.read("q", [])[0] == studies.RunConfig(q=studies.Q)  # its key is the stored one
    assert settings.read("q", [])[0].key == studies.RunConfig(q=studies.Q).key
    assert settings.read("q", ["--off-policy"])[0].off_policy is True


@pytest.mark.parametrize("method", ["sft", "more-sft", "pg", "q"])
def test_the_command_of_a_run_makes_that_run(method):
    """Whatever its settings, what `command` prints is read back as the same configuration."""
    from planlib import settings, studies

    stage = settings.STAGES[method]
    changed = {k: dataclasses.replace(v, learning_rate=0.01, steps=3) for k, v in stage.items()}
    sft = dataclasses.replace(studies.RunConfig().sft, batch_size=7, schedule="constant")
    changed |= {"off_policy": True} if method == "q" else {}
    for config in (
        studies.RunConfig(seed=99, **stage),
        studies.RunConfig(graph="my graphs/a.csv", layers=2, paths="p 1.txt", sft=sft, **changed),
    ):
        words = shlex.split(config.command)
        assert words[3:5] == ["train", method]
        assert settings.read(method, words[5:])[0] == config


def test_the_list_needs_no_parser_of_settings():
    code = "import sys, planlib.__main__ as m; m.main(['list']); sys.exit('tyro' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


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


def test_a_folder_that_cannot_be_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    graph = ["--graph", "er:n=8,p=0.5,acyclic,seed=0", "--steps", "1"]
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["train", "sft", *graph, "--out", str(place)]) == 64
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("planlib: folder: expected one that can be written")


def test_a_chain_of_60_edges_from_its_file(tmp_path, capsys):
    """With the length that the refusals name, each method trains, measures and stores its run."""
    from planlib import train

    chain, paths = tmp_path / "chain.edgelist", tmp_path / "train.txt"
    chain.write_text("".join(f"{i} {i + 1}\n" for i in range(60)))
    walks = (range(60), range(1, 61))
    paths.write_text("".join(f"{w[0]} {w[-1]} {' '.join(map(str, w))}\n" for w in walks))
    (tmp_path / "test.txt").write_text("0 60\n")
    given = ["--graph", str(chain), "--paths", str(paths), "--test-pairs"]
    given += [str(tmp_path / "test.txt"), "--width", "8", "--sft.steps", "2"]
    given += ["--out", str(tmp_path / "runs")]
    for method in ("sft", "pg", "q", "ppo"):
        stage = [] if method == "sft" else ["--steps", "2", "--batch-size", "4"]
        command = ["train", method, *given, *stage]
        room = {"max_length": ["--max-length", "64"]}
        if stage:
            room[f"{method}.max_length"] = [f"--{method}.max-length", "64"]
        for name in room:  # the model's room, then that of what is generated
            others = [word for other, words in room.items() if other != name for word in words]
            before = sorted(tmp_path.rglob("*"))
            assert main([*command, *others, f"--{name.replace('_', '-')}", "48"]) == 64
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"planlib: {name}: expected at least 64,")
            assert sorted(tmp_path.rglob("*")) == before
        assert main([*command, *(word for words in room.values() for word in words)]) == 0
        figures, place = capsys.readouterr().out.strip().splitlines()[-2:]
        assert "greedy_test" in figures and train.load_model(place).config.max_length == 64


def test_a_run_that_diverges_says_so_in_one_line(tmp_path, capsys):
    graph = ["--graph", "er:n=8,p=0.5,acyclic,seed=0", "--train-fraction", "0.5"]
    steep = ["--learning-rate", "1e38", "--steps", "9", "--optimizer", "sgd"]
    assert main(["train", "sft", *graph, *steep, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "the loss of update" in error and "Traceback" not in error
