"""Make slides of chapters, from their own pages: statement, pictures, verdicts, exercises.

python tools/slides.py [theorem_4_1 theorem_4_3 ...]

cuts the built pages (``make check-book``) at their headings and writes ``_build/slides/NAME.html``,
which needs nothing from elsewhere: reveal.js comes with the package ``sphinx-revealjs``, everything
else is the book's.  Keys as reveal.js has them: space goes on, Esc shows all, ``?print-pdf`` behind
the address prints.
"""

from __future__ import annotations

import html
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from bs4 import BeautifulSoup, Tag

import theorems
from theorems import pages

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "_build" / "html" / "notebooks"
SLIDES = ROOT / "_build" / "slides"
USUAL = ("theorem_4_1", "theorem_4_3")  # the two of the lecture in book/teach.md that ask for most
# Sections that a talk does without: what is looked up, and what the statement's slide has said.
LEFT_OUT = (
    "hypotheses-as-code",
    "negative-controls",
    "rungs-that-do-not-apply",
    "reproduce",
    "a-proof",
    "transformer-one-ingredient-changed-at-a-time",
)
SHOW = re.compile(r'pages\.show\("([^"]+)"\)')
BESIDE = 45  # words that leave room for a picture
NOT_SHOWN = ".headerlink, .copybtn, .where, .panels, script, .dial-live"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="reveal/theme/white-contrast.css">
<style>
.reveal {{ font-size: 30px; }}
.reveal section {{ text-align: left; }}
.reveal h1 {{ font-size: 1.9em; text-transform: none; }}
.reveal h2, .reveal h3 {{ font-size: 1.3em; text-transform: none; }}
.reveal figure {{ margin: 0; text-align: center; }}
.reveal figure img {{ max-width: 100%; max-height: 440px; margin: 0; }}
.reveal figcaption {{ font-size: 0.55em; text-align: left; }}
.reveal ul.verdicts {{ font-size: 0.9em; list-style: none; margin: 0.6em 0 0; }}
.reveal small {{ font-size: 0.9em; vertical-align: baseline; }}
.reveal .admonition-title {{ font-weight: bold; }}
.reveal mjx-assistive-mml {{ width: 1px !important; }}  /* not seen, and as wide as its fonts make it */
.reveal .admonition {{ border-left: 4px solid #0b5fa5; padding-left: 0.8em; font-size: 0.85em; }}
</style>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>window.MathJax = {{"options": {{"processHtmlClass": "math"}}}}</script>
<script defer src="../html/_static/mathjax/tex-chtml.js"></script>
<script src="reveal/reveal.js"></script>
<script>Reveal.initialize({{hash: true, width: 1200, height: 720, center: false}});</script>
</body>
</html>
"""


def first(section: Tag, name: str) -> Tag | None:
    """The first child of a kind, one step down in the boxes of a layout at most."""
    return section.find(name, recursive=False) or section.select_one(f":scope > div > {name}")


def verdicts(section: Tag) -> str:
    """The claims that a section checks, each with its verdict and its figure, as a list."""
    lines = []
    for cell in section.select(":scope > .cell:has(> .cell_input)"):
        claims = SHOW.findall(cell.select_one(".cell_input").get_text())
        for claim, report in zip(claims, cell.select("details.report > summary"), strict=False):
            title = pages.typeset(theorems.check(claim).title)
            mark, figure = report.select_one(".verdict"), report.select_one("small")
            lines.append(f"<li>{mark} {title}<br>{figure}</li>")
    return f'<ul class="verdicts">{"".join(lines)}</ul>' if lines else ""


def parts(section: Tag) -> Iterator[str]:
    """Cut a section: what it says with its verdicts; its pictures and its exercises, each alone."""
    heading = str(section.find(["h2", "h3"], recursive=False))
    says = section.select(":scope > .proof.theorem, :scope > .proof.proposition")
    says = says or list(filter(None, [first(section, "p")]))
    if section["id"] == "summary":
        says = section.find_all("ul", recursive=False)
    text, lines = "".join(map(str, says)), verdicts(section)
    pictures = list(map(str, section.select(":scope > .cell figure")))
    words = sum(len(part.get_text().split()) for part in says)
    if pictures and not lines and words < BESIDE:
        text += pictures.pop(0)
    if text or lines:
        yield heading + text + lines
    for alone in (*pictures, *map(str, section.select(":scope > .exercise"))):
        yield heading + alone


def slides(page: str) -> tuple[str, list[str]]:
    """Return the title of a built page and its slides, as HTML.

    Raises
    ------
    ValueError
        If the page has no box at its top or no section: it is no chapter.
    """
    soup = BeautifulSoup(page, "html.parser")
    chapter = soup.select_one("article > section")
    box = chapter and chapter.select_one(".in-short > p")
    if not box:
        raise ValueError("expected a chapter with a box at its top")
    for gone in chapter.select(NOT_SHOWN):
        gone.decompose()
    title, picture = chapter.h1.get_text(" ", strip=True), chapter.select_one(".in-short img")
    found = [f"{chapter.h1}{box}" + (f"<figure>{picture}</figure>" if picture else "")]
    for section in chapter.select("section:not(.proof section):has(> :is(h2, h3))"):
        ids = {section["id"], *(parent.get("id") for parent in section.find_parents("section"))}
        if not ids & set(LEFT_OUT):
            found += parts(section)
    return title, found


def words(found: list[str]) -> int:
    """Count the words on slides; a formula counts as it is typed."""
    return sum(len(BeautifulSoup(slide, "html.parser").get_text(" ").split()) for slide in found)


def whole(title: str, found: list[str]) -> str:
    """Put slides together; what they name lies where the book has it."""
    body = BeautifulSoup("\n".join(f"<section>{slide}</section>" for slide in found), "html.parser")
    for tag in body.find_all(["a", "img"]):
        name = "href" if tag.name == "a" else "src"
        place = tag.get(name, "")
        if not place or "://" in place or place.startswith(("data:", "mailto:")):
            continue
        # From notebooks/ of the book to here; a place on the page itself is one of the page.
        tag[name] = (
            f"../html/{place.removeprefix('../')}"
            if place.startswith("../")
            else f"../html/notebooks/{place}"
        )
    for tag in body.find_all(id=True):
        del tag["id"]  # reveal.js has its own
    return PAGE.format(title=html.escape(title), slides=body)


def main() -> int:
    """Write the slides of the chapters named, or of the usual two, and say where."""
    spec = find_spec("sphinx_revealjs")
    if spec is None:
        sys.exit("slides: the package sphinx-revealjs is wanted: pip install -e '.[browser]'")
    names = sys.argv[1:] or list(USUAL)
    for name in names:
        if not (PAGES / f"{name}.html").exists():
            sys.exit(f"slides: expected a built page notebooks/{name}.html (make check-book)")
    reveal = Path(spec.origin).parent / "_static" / "revealjs"
    shutil.copytree(reveal / "dist", SLIDES / "reveal", dirs_exist_ok=True)
    shutil.copy(reveal / "LICENSE", SLIDES / "reveal" / "LICENSE")
    for name in names:
        text = (PAGES / f"{name}.html").read_text(encoding="utf-8")
        try:
            title, found = slides(text.replace('href="#', f'href="{name}.html#'))
        except ValueError as error:
            sys.exit(f"slides: {name}: {error}")
        (SLIDES / f"{name}.html").write_text(whole(title, found), encoding="utf-8")
        print(f"slides: {len(found)} in {SLIDES / name}.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
