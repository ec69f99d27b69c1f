"""What pages show of records: typeset, counted, folded."""

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import planlib
import theorems
from planlib import evidence, plots
from planlib.graph import InputError
from theorems import pages

ROOT = Path(__file__).resolve().parents[1]
RECORDS = evidence.load()


def extension(name, folder="book/_ext"):
    """Load one of the book's own Sphinx extensions, or of its tools."""
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fold = extension("fold")


@pytest.mark.parametrize(
    "written, read",
    [
        ("e^-f_a - e^-f_b", "e<sup>−f<sub>a</sub></sup> − e<sup>−f<sub>b</sub></sup>"),
        ("eta^2 / 2B (S2 - 2 S3)", "η<sup>2</sup> / 2B (S2 − 2 S3)"),
        ("q_base exp(p / lambda)", "q<sub>base</sub> exp(p / λ)"),
        ("t^(-1/2)", "t<sup>−1/2</sup>"),
        ("d pi_k (p_k - mean)", "d π<sub>k</sub> (p<sub>k</sub> − mean)"),
        ("w_G(p) < sqrt(p)", "w<sub>G</sub>(p) &lt; √(p)"),
        ("test_accuracy of T4_3.wrong_sign", "test_accuracy of T4_3.wrong_sign"),
        ("4.4/small-lambda-law", "4.4/small-lambda-law"),
    ],
)
def test_mathematics_in_a_line_is_typeset_and_names_are_not(written, read):
    assert pages.typeset(written) == read


def test_no_title_shows_how_its_mathematics_is_typed():
    left = [r.title for r in RECORDS if re.search(r"\^|\blambda\b|<=", pages.typeset(r.title))]
    assert left == []
    assert [r for r in RECORDS if "^" in r.title]  # there is something to typeset


def test_the_tally_counts_what_is_claimed_and_no_more():
    passed = next(r for r in RECORDS if r.counts and len(r.controls) > 1)
    count = len(passed.controls)
    assert pages.tally([passed]) == f"1 of 1 claims passed, {count} wrong claims refuted"
    unrefuted = dataclasses.replace(passed, control="NOT REJECTED")
    assert "1 of 2 claims passed, 1 failed" in pages.tally([passed, unrefuted])
    waits = dataclasses.replace(passed, control="NOT RUN")
    assert (
        pages.tally([waits]) == "0 of 1 claims passed, 1 waiting for runs, 0 wrong claims refuted"
    )
    gone = dataclasses.replace(passed, verdict="UNDECIDED", successor=passed.claim)
    assert pages.tally([passed, gone]).startswith("1 of 1 claims passed, 1 given up for another, ")


def folded_claims(table):
    rows = (row for group in table.groups.values() for row in group)
    return {
        cell.claim for row in rows for cell in row.values() if isinstance(cell, evidence.Record)
    }


def test_what_is_not_verified_is_in_one_list_each():
    lists = [pages.unsettled(RECORDS), pages.waiting(RECORDS), pages.descriptions(RECORDS)]
    listed = [folded_claims(table) for table in lists]
    claimed = {r.claim for r in RECORDS if not r.counts and r.verdict != "N/A" and not r.successor}
    assert claimed <= set.union(*listed)
    settled = {r.claim for r in RECORDS if r.counts}
    assert not settled & set.union(*listed)
    assert not any(a & b for k, a in enumerate(listed) for b in listed[:k])
    # What was given up is there as well: as an original, or as a description.
    given_up = {r.claim for r in RECORDS if r.successor and r.control != "NOT RUN"}
    originals = folded_claims(pages.originals(RECORDS))
    assert given_up <= originals | folded_claims(pages.descriptions(RECORDS))
    unrefuted = next(r for r in RECORDS if r.successor and r.control == "NOT REJECTED")
    assert unrefuted.claim in originals
    # A check without its controls is listed, though it passed.
    wrong = dataclasses.replace(next(r for r in RECORDS if r.counts), control="NOT REJECTED")
    assert folded_claims(pages.unsettled([wrong])) == {wrong.claim}
    assert pages.unsettled([])._repr_html_() == '<p class="folded-none">None.</p>'


# Fixed before the claim that they take the place of, on the same runs.
OLDER = {"figure2/train-nearly", "figure2/capped-tenth"}


def test_what_takes_a_place_was_not_fixed_before_that_was_decided():
    """A claim that was written when another had come out does not say "before any run"."""
    found, known = [], {r.claim: r for r in RECORDS}
    for record in RECORDS:
        after = known.get(record.successor)
        if after and record.fixed and after.fixed and after.claim not in OLDER:
            found.append(after.claim)
            assert evidence.FIXED.index(after.fixed) >= 2, (record.claim, after.claim)
    assert len(found) > 30


def test_every_report_is_folded_and_nothing_of_it_lost():
    for record in RECORDS:
        shown = fold.shown(record.report(), "")
        assert shown.count("<details") == 1 and "<pre>" not in shown, record.claim
        summary = shown[: shown.index("</summary>")]
        if record.controls and record.control == "REJECTED":
            assert f"wrong claims refuted: {len(record.controls)} of " in summary
        for name in record.controls:
            assert pages.typeset(f"wrong claim: {name}".partition(": ")[2]).split(":")[0] in shown


def test_a_control_that_was_not_rejected_shows_as_a_failure():
    record = next(r for r in RECORDS if r.counts)
    wrong = dataclasses.replace(record, control="NOT REJECTED")
    assert "✗ FAIL" in fold.shown(wrong.report(), "")
    assert "✗ FAIL" not in fold.shown(record.report(), "")


def test_other_prints_stay_as_they_are():
    assert fold.shown("row 1: 0.5\nrow 2: 0.25", "") is None
    report = next(r for r in RECORDS if r.counts).report()
    assert "<pre>x = 1 &lt; 2</pre>" in fold.shown("x = 1 < 2\n" + report, "")


def test_a_list_of_controls_is_a_line_a_claim():
    record = next(r for r in RECORDS if r.counts and len(r.controls) > 2)
    lines = [f"{record.claim:16} {record.control:9} {n}: {f}" for n, f in record.controls.items()]
    shown = fold.shown("\n".join(lines), "")
    count = len(record.controls)
    assert f"refuted: {count} of {count}" in shown and f'href="#{record.cell}"' in shown
    assert all(figure not in shown for figure in record.controls.values())
    missed = [line.replace("REJECTED", "NOT REJECTED") for line in lines]
    assert "not all refuted" in fold.shown("\n".join(missed), "")


def test_the_papers_claims_on_a_figure_are_counted():
    said = pages.reproduced("figure4", evidence.load("figure4"))
    assert re.fullmatch(r"Of \d+ claims of the paper: .*\.", said)
    assert pages.reproduced("4.1", evidence.load("4.1")) == ""
    with pytest.raises(InputError, match="theorem"):
        pages.reproduced("figure9", [])


def test_every_theorem_and_figure_has_its_records_found_by_its_page():
    assert {fold.named(f"notebooks/{theorems.stem(t)}") for t in theorems.ALL} == set(theorems.ALL)
    assert fold.named("notebooks/setting") is None


fill = extension("fill")


def test_pages_are_filled_by_the_build_and_an_unknown_name_stops_it():
    known = fill.values(ROOT, "")
    for page in fill.FILLED:
        text = fill.filled((ROOT / f"{page}.md").read_text(encoding="utf-8"), known)
        assert not fill.PLACE.search(text)
    assert known["version"] == planlib.__version__ and known["url"] == ""
    with pytest.raises(KeyError, match="nothing"):
        fill.filled("@nothing@", known)
    assert int(known["told:rest"]) >= 5  # the lecture fits, with time for the audience's graph


def test_a_repository_is_one_setting_and_nothing_without_it():
    options = {"launch_buttons": {"notebook_interface": "classic"}}
    assert fill.with_repository(options, "") == options
    with pytest.raises(fill.ConfigError, match="book_repository: expected an address at github"):
        fill.with_repository(options, "https://host.invalid/book")
    there = fill.with_repository(options, "https://github.com/us/book")
    assert there["use_repository_button"] and there["launch_buttons"]["binderhub_url"]
    assert "https://host.invalid/book" in fill.values(ROOT, "https://host.invalid/book")["url"]


def test_a_page_has_an_entry_of_its_own_that_tex_reads():
    known = {"version": "0.1.0", "commit": "abc", "year": "2026"}
    text = fill.entry("notebooks/grpo", "PPO & 5% of C_1", "A Book", known, "")
    assert text.startswith("@misc{planlib2026:grpo,\n") and text.endswith("}")
    assert r"title  = {PPO \& 5\% of C\_1}" in text and "url" not in text
    assert "A page of ``A Book'', version 0.1.0, commit abc" in text
    assert text.count("{") == text.count("}")
    assert "https://a.org/b/notebooks/grpo.html" in fill.entry(
        "notebooks/grpo", "GRPO", "A Book", known, "https://a.org/b/"
    )


SLIDED = """<article><section id="t"><h1>A title<a class="headerlink">#</a></h1>
<div class="in-short"><a href="#f"><img src="../_images/f.png" alt="f"></a><p>In short.</p></div>
<section id="the-statement"><h2>The statement</h2><div class="proof theorem"><p>It <a href="soft.html">holds</a>.</p></div></section>
<section id="checked"><h3>Checked</h3><p>By all.</p><div class="cell"><div class="cell_input">pages.show("4.3/proof")</div>
<div class="cell_output"><details class="report"><summary><span class="verdict pass">PASS</span> <small>20 identities</small></summary>long</details></div></div>
<div class="cell"><figure id="f"><img src="../_images/f.png" alt="f"><div class="panels">of a phone</div></figure></div>
<div class="exercise">Why?</div><div class="solution">So.</div></section>
<section id="reproduce"><h2>Reproduce</h2><p>By a command.</p></section></section></article>"""


def test_slides_hold_what_a_talk_shows_and_nothing_folded():
    slides = extension("slides", "tools")
    title, found = slides.slides(SLIDED)
    assert title == "A title" and len(found) == 5
    first, statement, checked, picture, exercise = found
    assert "In short." in first and "<img" in first and "#" not in first
    assert "It" in statement and "f.png" in picture and "Why?" in exercise
    assert theorems.check("4.3/proof").title in checked and "20 identities" in checked
    page = slides.whole(title, found)
    assert (
        "long" not in page
        and "of a phone" not in page
        and "So." not in page
        and "By a command" not in page
    )
    # From where slides lie to where the book lies.
    assert 'src="../html/_images/f.png"' in page
    assert 'href="../html/notebooks/soft.html"' in page and 'id="f"' not in page
    with pytest.raises(ValueError, match="a box at its top"):
        slides.slides(SLIDED.replace("in-short", "in-long"))


def test_in_class_mode_a_page_runs_few_instances(monkeypatch, capsys):
    class Asked:
        rung = "exhaustive"
        claim = "4.1/batch"

        def run(self, size):
            sizes.append(size)
            return next(r for r in RECORDS if r.counts)

        def code(self):
            return ""

    sizes = []
    monkeypatch.setattr(theorems, "check", lambda claim: Asked())
    monkeypatch.setattr(pages, "display", lambda shown: None)
    monkeypatch.delenv(pages.CLASS_MODE, raising=False)
    pages.show("4.1/batch")
    monkeypatch.setenv(pages.CLASS_MODE, "1")
    pages.show("4.1/batch")
    assert sizes == ["full", "small"]


def test_a_wheel_brings_what_the_pages_read(tmp_path):
    """Built from a copy with two runs alone; imported from where no repository is."""
    for name in ("planlib", "theorems", "records", "proofs", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / "src" / name)
    shutil.copytree(ROOT / "tests" / "files", tmp_path / "src" / "tests" / "files")
    (tmp_path / "src" / "runs").mkdir()
    for run in sorted(path.parent for path in (ROOT / "runs").glob("*/record.json"))[:2]:
        shutil.copytree(run, tmp_path / "src" / "runs" / run.name)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "src")
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "lib")]
    subprocess.run(build, cwd=tmp_path / "src", check=True, capture_output=True)
    ask = "import planlib; from planlib import evidence; print(planlib.HOME, len(evidence.load()))"
    (tmp_path / "empty").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "lib")}
    command = [sys.executable, "-c", ask]
    said = subprocess.run(
        command, cwd=tmp_path / "empty", env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    assert said == [str(tmp_path / "lib" / "planlib" / "kept"), str(len(RECORDS))]
    assert len(list((tmp_path / "lib" / "planlib" / "kept" / "runs").iterdir())) == 2
    shutil.rmtree(tmp_path / "lib" / "planlib" / "kept")  # without it there is nothing to read
    gone = subprocess.run(
        command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True
    )
    assert gone.stdout.split()[1:] == ["0"]


def test_figures_are_written_with_their_texts(tmp_path):
    command = [sys.executable, ROOT / "tools" / "figures.py", "--folder", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    listed = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert len(listed) == len(list(tmp_path.glob("*.png"))) > 50
    assert all(figure["caption"] and figure["alt"] for figure in listed)
    png = (tmp_path / f"{listed[0]['page']}-{listed[0]['name']}.png").read_bytes()
    assert png.startswith(b"\x89PNG")


def test_papers_are_linked_where_they_are_named_and_not_in_code_or_links():
    context = {}

    def mended(body):
        context["body"] = body
        extension("mend").mend(None, "", "", context, None)
        return context["body"]

    link = '<a href="https://arxiv.org/abs/2509.22613">arXiv:2509.22613</a>'
    assert mended("<p>2026. arXiv:2509.22613.</p>") == f"<p>2026. {link}.</p>"
    assert mended("<p><em>ICLR</em>, arXiv:2509.22613</p>").count("<a ") == 1
    named = '<span class="pre">exact.on_cycle(adjacency)</span>'  # lines end at its joints alone
    assert mended(named) == named.replace(".on_", ".<wbr>on_<wbr>").replace("(", "(<wbr>")
    for left in (link, "<pre><span>arXiv:2509.22613</span></pre>", "<p>arXiv:12345.678</p>"):
        assert mended(left) == left


def test_the_data_of_a_figure_are_what_it_shows(tmp_path, monkeypatch):
    figure_data = extension("figure_data", "tools")
    plt = figure_data.plt
    figure, (one, two) = plt.subplots(1, 2)
    one.set_title("left")
    one.plot([0, 1], [2.0, 0.5], label="falls")
    one.bar([3, 4], [7.0, 0.0], label="bars")
    one.barh([5.5], [0.25])
    one.scatter([1], [9.0], label="dots")
    one.errorbar([2.0], [3.0], yerr=[0.5], fmt="o")
    two.pcolormesh([0, 1], [0, 1, 2], np.array([[1.0, 2], [3, 4], [5, 6]]), shading="nearest")
    two.imshow([[0.125, 8.0]])
    two.fill_between([0, 1], [0, 0], [1, 2], label="a band")
    found = list(figure_data.rows(figure))
    assert {
        ("left", "line", "falls", 0.0, 2.0, ""),
        ("left", "line", "falls", 1.0, 0.5, ""),
    } <= set(found)
    assert [row[3:5] for row in found if row[1:3] == ("bar", "bars")] == [(3.0, 7.0), (4.0, 0.0)]
    assert [row[3:5] for row in found if row[1:3] == ("bar", "")] == [(0.25, 5.5)]
    assert ("left", "points", "dots", 1.0, 9.0, "") in found
    assert ("left", "segment 1", "", 2.0, 2.5, "") in found  # the whisker's lower end
    maps = [row[3:] for row in found if row[:2] == ("panel 2", "map")]
    assert (1.0, 2.0, 6.0) in maps and (1, 0, 8.0) in maps and len(maps) == 8
    assert any(row[1:] == ("band, its edge", "a band", 1.0, 2.0, "") for row in found)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.close("all")))
    figure_data.keep_all(tmp_path / "kept")
    plt.show()
    plt.figure()
    plt.show()
    assert len(shown) == 2
    first, second = sorted((tmp_path / "kept").glob("*.csv"))
    assert first.read_text().splitlines()[0] == "panel,kind,label,x,y,value"
    assert len(first.read_text().splitlines()) == 1 + len(found)
    assert len(second.read_text().splitlines()) == 1


def test_cells_of_wide_tables_name_their_columns():
    mend = extension("mend")

    def table(columns, rows=2):
        head = "".join(f"<th>column {k}</th>" for k in range(columns))
        row = "<tr>" + "".join(f"<td>{k}</td>" for k in range(columns)) + "</tr>"
        return f'<table class="status-card"><thead><tr>{head}</tr></thead><tbody>{row * rows}</tbody></table>'

    context = {"body": f"<p>{table(4)}{table(3)}{table(5, 1)}</p>"}
    mend.mend(None, "", "", context, None)
    body = context["body"]
    assert body.count("stacked") == 2 and body.count("data-column") == 8 + 5
    assert body.count('<td data-column="column 3">3</td>') == 3
    assert table(3) in body  # as it was


def picture(widths, gap, name=None):
    """A picture of black panels with white between them and around."""
    panels = extension("panels")
    image = panels.Image.new("RGB", (sum(widths) + gap * (len(widths) + 1), 60), "white")
    left = gap
    for width in widths:
        image.paste("black", (left, 5, left + width, 50))
        left += width + gap
    if name:
        image.save(name)
    return image


def test_a_picture_parts_where_its_panels_do():
    cuts = extension("panels").cuts
    assert cuts(picture([300, 300, 300], 20)) == [330, 650]
    assert cuts(picture([280, 320], 40)) == [340]
    assert cuts(picture([600], 20)) == []  # one panel
    assert cuts(picture([300, 300], 4)) == []  # a line's width apart: no two panels
    assert cuts(picture([150, 500], 20)) == []  # a legend beside its panel stays with it
    striped = picture([300, 300], 20)
    striped.paste("black", (0, 55, 640, 57))  # a title, or an axis, over both
    assert cuts(striped) == []


def drawn(place, shared):
    """Two curves side by side, a colour bar and an end label right of the first; from matplotlib where each lies."""
    plots.style()
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), sharey=shared, layout="constrained")
    image = left.imshow([[0, 1], [1, 0]], aspect="auto")
    fig.colorbar(image, label="how much")
    right.plot([0, 1], [0, 1])
    left.set_ylabel("of the first")
    right.annotate("its end", (1, 0.5), xytext=(4, 0), textcoords="offset points")
    if not shared:
        right.set_ylabel("of the second")
    fig.set_dpi(100)
    fig.savefig(place, dpi=100)
    boxes = [ax.get_tightbbox().extents for ax in fig.axes]  # first, second, colour bar
    scales = [ax.get_window_extent().frozen() for ax in fig.axes]
    plt.close(fig)
    return boxes, scales


def test_axes_part_left_of_the_second_scale_and_its_name(tmp_path):
    panels = extension("panels")
    boxes, _ = drawn(tmp_path / "two.png", shared=False)
    (cut,) = panels.cuts(panels.Image.open(tmp_path / "two.png"))
    assert boxes[2][2] <= cut + 1 and cut <= boxes[1][0] + 1  # the bar's right end, the name's left
    (_, width), (_, second) = panels.pieces(tmp_path / "two.png", tmp_path)
    assert width + second == 1100


def test_a_panel_that_shares_the_first_scale_takes_it_along(tmp_path):
    panels = extension("panels")
    _, scales = drawn(tmp_path / "two.png", shared=True)
    (_, width), (name, second) = panels.pieces(tmp_path / "two.png", tmp_path)
    copied = width + second - 1100
    assert abs(copied - scales[0].x0) < 4
    foot = int(400 - scales[0].y0)
    strips = [
        np.asarray(panels.Image.open(tmp_path / place).convert("L"), int)[:, : copied - 4]
        for place in (name, "two.png")
    ]
    assert np.abs(strips[0] - strips[1])[:foot].max() <= 2 and strips[0].min() < 100
    assert (
        strips[0][foot + 10 :].min() > 250 > strips[1][foot + 10 :].min()
    )  # not its numbers below


def test_rows_of_panels_come_row_by_row(tmp_path):
    plots.style()
    panels = extension("panels")
    fig, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
    for k, ax in enumerate(axes.flat):
        ax.plot([0, 1], [0, k])
        ax.set(title=f"panel {k}", xlabel="along", ylabel="up")
    fig.savefig(tmp_path / "four.png", dpi=100)
    found = [
        panels.Image.open(tmp_path / name)
        for name, _ in panels.pieces(tmp_path / "four.png", tmp_path)
    ]
    plt.close(fig)
    (height, width) = found[0].height, found[0].width
    assert [x.height for x in found] == [height, height, 700 - height, 700 - height]
    assert width + found[1].width == 1100 == found[2].width + found[3].width
    # One above the other that share a scale below stay together.
    fig, axes = plt.subplots(2, figsize=(11, 7), sharex=True, layout="constrained")
    fig.savefig(tmp_path / "tall.png", dpi=100)
    plt.close(fig)
    assert panels.pieces(tmp_path / "tall.png", tmp_path) == []


def test_a_phone_gets_the_panels_of_a_figure(tmp_path):
    panels = extension("panels")
    picture([400, 400], 20, tmp_path / "two.png")
    picture([800], 20, tmp_path / "one.png")

    images = {f"../{name}.png": f"{name}.png" for name in ("one", "two")}  # from the sources
    (tmp_path / "source").mkdir()
    builder = SimpleNamespace(imagedir="_images", images=images)
    app = SimpleNamespace(srcdir=tmp_path / "source", outdir=tmp_path, builder=builder)

    def shown(name, figure="fig-two"):
        box = '<figure id="{1}"><div class="wide" tabindex="0"><a href="../_images/{0}.png"><img alt="Two squares." src="../_images/{0}.png"/></a></div>'
        context = {"body": box.format(name, figure)}
        panels.stack(app, "", "", context, object())
        return context["body"]

    assert "panels" not in shown("one") and "panels" not in shown("none")
    assert "panels" not in shown("two", "fig-dial-two")  # gives way to its dial
    body = shown("two")
    assert (
        body.startswith('<figure id="fig-two"><div class="wide"')
        and body.count("_images/two-") == 2
    )
    assert 'alt="Panel 1 of 2. Two squares."' in body
    parts = [panels.Image.open(tmp_path / "_images" / f"two-{k}.png") for k in (1, 2)]
    assert [part.size for part in parts] == [(430, 60), (430, 60)]
