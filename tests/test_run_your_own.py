"""The page *Run your own* with other entries than the book's: SFT alone, several seeds."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")
NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


@pytest.fixture
def page(monkeypatch):
    """Run the first cells of the page, but for those that train, and return their names."""
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(NOTEBOOKS)
    cells = json.loads((NOTEBOOKS / "run_your_own.ipynb").read_text())["cells"]
    trains = "nbval-ignore-output"
    sources = [
        "".join(c["source"])
        for c in cells
        if c["cell_type"] == "code" and trains not in c["metadata"].get("tags", ())
    ]

    def run(count, names=None):
        names = {} if names is None else names
        for source in sources[:count]:
            exec(compile(source, "run_your_own", "exec"), names)
        return names

    return run


def stored_metrics(config):
    from planlib import study

    return study.load_record(config)[0]["metrics"]


def test_sft_alone_and_bands_of_seeds(page, monkeypatch, capsys):
    from planlib import studies

    after = {s: studies.after_sft(replace(studies.ACYCLIC, seed=s)) for s in range(3)}
    mine = {"SFT": studies.ACYCLIC, "missing": replace(studies.ACYCLIC, seed=999)}
    mine |= {f"PG, seed {s}": methods["PG, λ = 0"] for s, methods in after.items()}
    mine["strong KL"] = after[0]["PG, λ = 0.1"]
    monkeypatch.setattr(studies, "MINE", mine)
    names = page(3)
    left = names["axes"][0]
    drawn = {line.get_label(): line for line in left.get_lines()}
    ours = [label for label in drawn if label not in ("more SFT", "PG, λ = 0", "PG, λ = 0.1")]
    assert ours == ["SFT", "PG, 3 seeds", "strong KL"]
    assert len({drawn[label].get_color() for label in ours}) == 3
    assert len(left.collections) == 4  # a band for each method of the book, and one for three seeds
    assert drawn["SFT"].get_marker() == "s" and drawn["SFT"].get_linestyle() == "None"  # no curve
    said = capsys.readouterr().out
    assert "SFT, seed 999: missing, python -m planlib train sft" in said
    final = stored_metrics(studies.ACYCLIC)["sampled_test"]
    assert f"SFT: test_accuracy {final:.3g} after SFT" in said
    assert "Empty DataFrame" not in said and "loss" in said


def test_the_commands_on_the_page_are_read():
    """Each `train` command of the page, and of the command line's examples, names a configuration."""
    from planlib import settings
    from planlib.__main__ import EXAMPLES

    cells = json.loads((NOTEBOOKS / "run_your_own.ipynb").read_text())["cells"]
    page = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "markdown")
    found = (page.replace("\\\n", " ") + EXAMPLES).splitlines()
    commands = [
        re.split(" train | compare ", line)[1].split()
        for line in found
        if "planlib train " in line or "planlib compare " in line
    ]
    commands = [words for words in commands if "--help" not in words]
    assert len(commands) >= 6
    for method, *arguments in commands:
        config, _ = settings.read(method, arguments)
        for name in (config.paths, config.test_pairs):
            assert name is None or os.path.exists(NOTEBOOKS.parent / name)
