"""The visual language: each method is told from each other, in colour, to the colour-blind and in grey."""

import itertools
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from planlib import plots
from planlib.graph import InputError
from planlib.studies import STAGES

ROOT = Path(__file__).parent.parent
METHODS = ("SFT", "PG", "Q", "GRPO", "filtered SFT")
# What the eye without green or red cones sees, in linear RGB (Viénot, Brettel and Mollon, 1999).
SEEN = {
    "all": np.eye(3),
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
}


def lab(color, seen):
    """A colour in CIE Lab, as an eye sees it."""
    parts = np.array(to_rgb(color))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.clip(to_xyz @ (SEEN[seen] @ linear), 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def told_apart(one, other):
    """By colour to every eye, and by the mark where there is no colour."""
    far = all(np.linalg.norm(lab(one.color, s) - lab(other.color, s)) > 15 for s in SEEN)
    return far and one.marker != other.marker


def test_methods_are_told_apart():
    assert set(METHODS) < set(plots.LOOKS)
    for one, other in itertools.combinations(METHODS, 2):
        assert told_apart(plots.LOOKS[one], plots.LOOKS[other]), (one, other)
    bare = {plots.LOOKS[name].color for name in ("truth", "failure")}
    assert len(bare | {plots.LOOKS[m].color for m in METHODS}) == len(plots.LOOKS)
    # Controls: a red and a green of one lightness, and two methods with one mark.
    assert not told_apart(plots.Look("#c04000", "o", "-"), plots.Look("#708000", "s", "-"))
    assert not told_apart(plots.Look(plots.RED, "o", "-"), plots.Look(plots.BLUE, "o", "--"))


def test_each_stage_of_a_run_has_a_look():
    assert set(plots.LOOK_OF) == set(STAGES) and set(plots.LOOK_OF.values()) == set(METHODS)


def test_the_page_of_notation_says_how_methods_are_drawn():
    page = " ".join((ROOT / "book" / "notation.md").read_text().split())
    words = {
        "SFT": ("SFT", plots.ORANGE, "orange", "s", "squares", "--", "dashed"),
        "PG": ("policy gradient", plots.RED, "vermilion", "o", "circles", "-", "solid"),
        "Q": ("Q-learning", plots.BLUE, "blue", "^", "triangles", "-", "solid"),
        "GRPO": ("GRPO", plots.PURPLE, "purple", "D", "diamonds", ":", "dotted"),
        "filtered SFT": (
            *("filtered SFT", plots.GREEN, "green", "v", "triangles that point down"),
            *("-.", "dash-dotted"),
        ),
    }
    assert set(words) == set(METHODS)
    for method, (name, color, hue, marker, shape, ls, line) in words.items():
        assert plots.LOOKS[method] == plots.Look(color, marker, ls)
        assert f"{name} {hue}, {shape}, {line}" in page


def test_a_variant_keeps_colour_and_mark():
    plain, held = plots.look("PG"), plots.look("PG", tone=0.4, hollow=True, ls="--")
    assert plain["marker"] == held["marker"] and held["mfc"] == "white" and held["ls"] == "--"
    assert plots.lightness(held["color"]) > plots.lightness(plain["color"])
    assert plots.toned(plots.RED, -1) == "#000000" and plots.toned(plots.RED, 1) == "#ffffff"
    with pytest.raises(InputError, match="method"):
        plots.look("DPO")


def test_names_can_be_read_and_do_not_overlap():
    assert 1.05 / (plots.lightness(plots.ORANGE) + 0.05) < 4.5  # as a line it may be so light
    figure, ax = plt.subplots()
    ax.plot([], [], label="no run yet")
    plots.name_ends(ax)  # nothing to name
    assert not ax.texts
    for k, (method, end) in enumerate(zip(METHODS, (1.0, 0.5, 0.499, 0.0, 0.501), strict=True)):
        ax.plot([0, 1], [k / 5, end], label=method, **plots.look(method))
    ax.plot([0, 1], [0, 0.5])  # without a name
    plots.name_ends(ax)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert {text.get_text() for text in ax.texts} == set(METHODS)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for text in ax.texts:
        assert 1.05 / (plots.lightness(text.get_color()) + 0.05) >= 4.5
    plt.close(figure)


def test_apart_moves_no_more_than_it_must():
    assert plots.apart([3.0, 0.0, 1.0], 0.5) == pytest.approx([3, 0, 1])
    assert plots.apart([0.0, 0.0, 5.0], 1) == pytest.approx([-0.5, 0.5, 5])
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = rng.random(6)
        moved = plots.apart(places, 0.2)
        assert np.diff(np.sort(moved)).min() > 0.2 - 1e-9
        assert (np.argsort(moved) == np.argsort(places)).all()
        assert moved.mean() == pytest.approx(places.mean())


# Pages that compare methods, and what in them is drawn in another colour than a method's:
# marks of a path in a graph, and the three kinds of a step.
PAGES = {
    "figure_2": (),
    "figure_3": (),
    "ablation": (),
    "countdown": ("fig-countdown-graph",),
    "pictures": ("fig-story-values",),
    "five": (),
    "run_your_own": (),
}
BARE = re.compile(r"plots\.(RED|BLUE|ORANGE|GREEN|PURPLE)\b|#[0-9A-Fa-f]{6}|\"black\"")


@pytest.mark.parametrize("page", PAGES)
def test_no_page_picks_a_methods_colour_by_itself(page):
    cells = json.loads((ROOT / "notebooks" / f"{page}.ipynb").read_text())["cells"]
    for cell in cells:
        source = "".join(cell["source"])
        name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        if cell["cell_type"] == "code" and name not in PAGES[page]:
            assert not BARE.search(source), (name, BARE.search(source))
