"""The book on one page: hypotheses, theorems, their claims by verdict, and the figures beside them.

Drawn from the theorems' own files, the stored records and the notebooks; nothing is typed here.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import theorems
from planlib import evidence, plots
from planlib.graph import InputError

LABEL = re.compile(r"^\((check-[\w-]+)\)=", re.MULTILINE)


def figures_of(notebook: Path) -> list[tuple[str, str, str]]:
    """Figures of a page in their order: name, first sentence of the caption, label of the check above.

    The label is empty for figures that stand before any check, or that a new section parts from it.
    """
    found, above = [], ""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            labels = LABEL.findall(text)
            above = (
                labels[-1] if labels else "" if re.search("^##? ", text, re.MULTILINE) else above
            )
        shown = cell["metadata"].get("mystnb", {}).get("figure")
        if shown:
            found.append((shown["name"], re.split(r"(?<=\.) ", shown["caption"])[0], above))
    return found


class Map:
    """A block a theorem: what it assumes, what is claimed, what is drawn; filtered by the page's script."""

    def __init__(self, folder: Path):
        if not (folder / "setting.ipynb").exists():
            raise InputError("folder", "the folder of the notebooks", str(folder))
        self.folder, self.records = folder, evidence.load()

    def __repr__(self) -> str:
        return f"{len(theorems.ALL)} theorems and figures, {len(self.records)} claims"

    def _repr_html_(self) -> str:
        blocks = "".join(self._block(name, title) for name, title in theorems.ALL.items())
        return f'<div class="claim-map">{blocks}</div>'

    def _block(self, name: str, title: str) -> str:
        page = theorems.stem(name)
        mine = [r for r in self.records if r.theorem == name]
        drawn = figures_of(self.folder / f"{page}.ipynb")
        assumed = "".join(
            f"<li><strong>{html.escape(h.name)}</strong>: {html.escape(h.sentence)}</li>"
            for h in getattr(theorems.module(name), "HYPOTHESES", ())
        )
        number = f"Theorem {name}: " if name[0].isdigit() else ""
        loose = "".join(self._figure(page, f) for f in drawn if f[2] not in {r.cell for r in mine})
        claims = "".join(self._claim(page, r, [f for f in drawn if f[2] == r.cell]) for r in mine)
        return (
            f'<section><p class="map-title"><a href="{page}.html">{number}{html.escape(title)}</a></p>'
            + (f'<details><summary>Hypotheses</summary><ul>{assumed}</ul></details>' if assumed else "")
            + (f'<ul class="map-figures">{loose}</ul>' if loose else "")
            + f'<ul class="map-claims">{claims}</ul></section>'
        )  # fmt: skip

    def _claim(self, page: str, r, drawn: list) -> str:
        figures = "".join(self._figure(page, f) for f in drawn)
        return (
            f'<li data-rung="{r.rung}" data-verdict="{r.shown}">'
            f"{plots.verdict(r.shown)} "
            f'<a href="{page}.html#{r.cell}">{html.escape(r.claim)}</a> <small>{r.rung}</small> '
            f"{html.escape(r.title)}" + (f"<ul>{figures}</ul>" if figures else "") + "</li>"
        )

    def _figure(self, page: str, figure: tuple[str, str, str]) -> str:
        name, says, _ = figure
        return f'<li><a href="{page}.html#{name}">figure</a>: {html.escape(says)}</li>'
