"""What the repository promises about itself."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import theorems
from planlib import evidence

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Each module may import these of planlib, and no others: one direction.
ALLOWED = {
    "exact": set(),
    "files": set(),
    "countdown": {"files"},
    "answers": set(),  # a judge of what countdown writes
    "sparse": set(),
    "graph": {"files", "countdown", "sparse"},
    "task": {"graph", "sparse"},
    "paths": {"files", "graph", "task"},
    "models": {"graph"},
    "losses": {"graph", "task"},
    "rollout": {"graph", "task", "models", "losses"},
    "metrics": {"graph", "task", "models", "losses", "rollout"},
    "checkpoints": {"graph", "models"},
    "train": {"checkpoints", "graph", "sparse", "task", "models", "losses", "rollout"},
    "intervals": {"graph"},
    "evidence": {"graph", "intervals"},
    "plots": {"graph", "evidence", "intervals"},
    "studies": {"graph", "task", "models", "paths", "train"},
    "settings": {"graph", "studies"},
    "store": {"graph", "train"},
    "curves": {"graph", "sparse", "task", "paths", "models", "rollout", "metrics", "studies"},
    "study": {"graph", "task", "models", "train", "studies", "store", "curves", "evidence"},
}


def imports(path):
    """Names imported by a file: (top-level packages, modules of planlib)."""
    packages, modules = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [(a.name, None) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module, a.name) for a in node.names]
        else:
            continue
        for module, name in names:
            packages.add(module.split(".")[0])
            if module == "planlib" and name and not (name.startswith("_") or name.isupper()):
                modules.add(name)
            elif module.startswith("planlib."):
                modules.add(module.split(".")[1])
    return packages, modules


@pytest.mark.parametrize("module", ALLOWED)
def test_imports_point_one_way(module):
    packages, modules = imports(ROOT / "planlib" / f"{module}.py")
    assert modules <= ALLOWED[module]
    if module in (
        "exact",
        "files",
        "countdown",
        "answers",
        "graph",
        "task",
        "intervals",
        "evidence",
        "plots",
    ):
        assert "torch" not in packages


def test_every_module_is_in_the_list():
    files = {p.stem for p in (ROOT / "planlib").glob("*.py")} - {"__init__", "__main__"}
    assert files == set(ALLOWED)
    # The claims rest on planlib, never the other way; the command line finds them by name.
    for path in (ROOT / "planlib").glob("*.py"):
        assert "theorems" not in imports(path)[0], path.name


def test_no_chapter_imports_a_chapter():
    """What two chapters need has a room of its own, with a name that is no theorem's."""
    for path in (ROOT / "theorems").glob("*.py"):
        chapters = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("theorems")
            for name in [*node.module.split(".")[1:], *(a.name for a in node.names)]
            if name.startswith(("theorem_", "figure_"))
        }
        assert not chapters, path.name


def test_no_file_of_claims_is_too_long_to_read():
    for path in (ROOT / "theorems").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 720, path.name


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = (line.lower().split("==") for line in lines if "==" in line and line[0] != "#")
    return {name.replace("_", "-"): version for name, version in found}


def test_environment_yml_matches_the_constraints():
    from rattler import MatchSpec, Version

    data = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = {"pytorch": "torch"}
    checked = 0
    for entry in data["dependencies"]:
        if isinstance(entry, dict):
            assert entry["pip"] == ["-c constraints.txt", "-e .[book,test]"]
            continue
        spec = MatchSpec(entry)
        name = spec.name.normalized if hasattr(spec.name, "normalized") else str(spec.name)
        if name in ("python", "pip"):
            continue
        pin = pins()[conda.get(name, name)]
        assert spec.version is not None, f"{name} has no version"
        assert MatchSpec(f"x {spec.version}").version == spec.version
        assert re.fullmatch(r"==?" + re.escape(pin), str(spec.version)), (entry, pin)
        Version(pin)
        checked += 1
    assert checked >= 5


def test_every_dependency_is_pinned():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(x for extra in extras for x in extra)]
    names = {re.split(r"[=<>\[ ]", x)[0].lower() for x in wanted}
    assert names <= set(pins())
    assert pins()["torch"] == "2.13.0"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_committed_with_outputs(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    assert cells
    for cell in cells:
        assert cell["execution_count"], "".join(cell["source"])[:80]
        assert not any(o["output_type"] == "error" for o in cell["outputs"])
        assert not any(o.get("name") == "stderr" for o in cell["outputs"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_figures_have_alternative_text_and_a_caption(path):
    for cell in json.loads(path.read_text())["cells"]:
        outputs = cell.get("outputs", [])
        if any("image/png" in o.get("data", {}) for o in outputs):
            shown = cell["metadata"]["mystnb"]
            assert len(shown["image"]["alt"]) > 30
            assert len(shown["figure"]["caption"]) > 30 and shown["figure"]["name"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_a_page_folds_jupyterlab_folds(path):
    for cell in json.loads(path.read_text())["cells"]:
        folded = {"hide-input", "remove-input"} & set(cell["metadata"].get("tags", []))
        hidden = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
        assert hidden == bool(folded), cell["id"]


def test_each_check_has_its_cell_on_its_page():
    for theorem in theorems.ALL:
        page = ROOT / "notebooks" / f"{theorems.stem(theorem)}.ipynb"
        cells = json.loads(page.read_text())["cells"]
        text = "".join("".join(c["source"]) for c in cells)
        for record in evidence.load(theorem):
            assert f"({record.cell})=" in text, record.claim
            if theorem in theorems.FIGURES:  # one cell runs them all
                assert f'pages.show_all("{theorem}")' in text
            elif record.verdict != "N/A":
                assert f'pages.show("{record.claim}")' in text


def test_matrix_is_drawn_from_the_records():
    from planlib import plots
    from planlib.evidence import RUNGS

    records = [r for r in evidence.load() if r.theorem in theorems.THEOREMS]
    html = plots.matrix(records, theorems.THEOREMS, evidence.RUNGS, theorems.stem)
    assert html.count('<td class="open">') == len(theorems.THEOREMS) * len(evidence.RUNGS) - len(
        {(r.theorem, r.rung) for r in records}
    )
    import dataclasses

    failed = [dataclasses.replace(records[0], verdict="FAIL"), *records[1:]]
    assert 'class="fail"' not in html
    assert 'class="fail"' in plots.matrix(failed, theorems.THEOREMS, evidence.RUNGS, theorems.stem)
    beside = dataclasses.replace(failed[0], claim="3.1/later")
    succeeded = [dataclasses.replace(failed[0], successor="3.1/later"), records[0]]
    assert 'class="fail"' not in plots.matrix(succeeded, {"3.1": ""}, RUNGS, str)
    assert 'class="fail"' in plots.matrix([*succeeded, beside], {"3.1": ""}, RUNGS, str)
    sunk = [dataclasses.replace(records[0], control="NOT REJECTED"), *records[1:]]
    assert 'class="fail"' in plots.matrix(sunk, theorems.THEOREMS, evidence.RUNGS, theorems.stem)
    assert "FAIL" in plots.status_card(sunk, "card")
    decided = next(r for r in evidence.load("figure3") if r.counts and r.fixed == "after seed 0")
    twice = [decided, dataclasses.replace(decided, fixed="before any run")]
    html = plots.matrix(twice, {"figure3": ""}, ("transformer",), str)
    assert "</a><small>1 before any run</small><br><small>1 after seed 0</small>" in html
    undecided = [dataclasses.replace(decided, verdict="UNDECIDED")]
    assert "</a><small>" not in plots.matrix(undecided, {"figure3": ""}, ("transformer",), str)


def test_no_pickle_and_no_absolute_paths():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    files = done.stdout.split() or [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py")]
    for name in files:
        path = ROOT / name
        if path.suffix in (".py", ".ipynb", ".md", ".yml", ".toml", ".txt", ".json", ".sh"):
            text = path.read_text(encoding="utf-8")
            here = "/" + "work/"
            assert here not in text and "/" + "root/" not in text, name
            if path.suffix == ".py" and path.name != Path(__file__).name:
                assert not re.search(r"pickle\.load|torch\.(load|save)\(", text), name


def test_bootstrap_names_its_reason_in_one_line(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    assert "no network" in bootstrap.explain("WARNING ... NewConnectionError(...)")
    assert "disk is full" in bootstrap.explain("OSError: [Errno 28] No space left on device")
    assert "no such thing" in bootstrap.explain("x\nERROR: no such thing\n")
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(sys, "version_info", (3, 9))
    with pytest.raises(SystemExit, match=r"^setup: Python 3\.11 or newer is needed, this is 3\.9$"):
        bootstrap.main()
    monkeypatch.undo()
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path / ".venv"))
    usage = type("Usage", (), {"free": 10**9})
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SystemExit, match=r"^setup: about 4 GB of free disk are needed$"):
        bootstrap.main()


@pytest.mark.parametrize(
    ("said", "renewed"),
    [
        ("pip 23.0.1 from there", True),
        ("pip 23.2.1 from there", False),
        ("pip 26.3 x", False),
        ("", True),
    ],
)
def test_an_old_pip_is_renewed_before_it_installs(monkeypatch, said, renewed):
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    asked = []

    def run(command, **settings):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=said)

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    bootstrap.renew(["python", "-m", "pip"])
    assert len(asked) == 1 + renewed
    assert asked[-1][-1] == ("pip>=23.2" if renewed else "--version")


def test_a_foreign_kernel_does_not_get_in(tmp_path):
    """Module systems of clusters set JUPYTER_PATH; the notebooks run in the kernel of .venv all the same."""
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = {"argv": ["/bin/false"], "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    found = {}
    for name, first in (("nbval", "import conftest"), ("none", "pass")):
        code = f"{first}; from jupyter_client.kernelspec import get_kernel_spec as get; print(get('python3').argv)"
        env = {**os.environ, "JUPYTER_PATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT / "notebooks",
            env=env,
            capture_output=True,
            text=True,
        )
        found[name] = done.stdout
    assert "ipykernel_launcher" in found["nbval"] and "/bin/false" in found["none"]
