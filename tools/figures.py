"""Write all figures of the book as files, each with its caption, alternative text and the cell that draws it.

python tools/figures.py [--data] [PAGE ...]

writes into ``_build/figures``: PAGE-NAME.png from the committed notebooks, PAGE-NAME.py with the
code of the cell, what it printed of the figure's numbers as PAGE-NAME.txt, and figures.json.
With ``--data`` the notebooks are executed, and what each figure shows is written as PAGE-NAME.csv
(:mod:`figure_data`).  Pages named are those alone.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

import notebooks

ROOT = Path(__file__).resolve().parent.parent


def figures(path: Path) -> list[dict]:
    """Return the captioned figures of a notebook: names, texts, code, and pictures as bytes."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        settings = cell.metadata.get("mystnb", {})
        figure = settings.get("figure")
        outputs = cell.get("outputs", [])
        pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
        if figure and pictures:
            found.append(
                {
                    "page": path.stem,
                    "name": figure["name"],
                    "caption": figure["caption"],
                    "alt": settings.get("image", {}).get("alt", ""),
                    "code": cell.source,
                    "printed": "".join(o.text for o in outputs if o.get("name") == "stdout"),
                    "png": base64.b64decode(pictures[0]),
                }
            )
    return found


def data(paths: list[Path]) -> Iterator[tuple[str, list[str]]]:
    """Execute notebooks, two at once; yield each page and the data of its figures in their order, as CSV."""
    with tempfile.TemporaryDirectory() as place:
        copies = [_watched(path, Path(place)) for path in paths]
        for copy, _, _ in notebooks.execute_all(copies, Path(place) / "executed"):
            kept = sorted((Path(place) / copy.stem).glob("*.csv"))
            yield copy.stem, [path.read_text(encoding="utf-8") for path in kept]


def _watched(path: Path, place: Path) -> Path:
    """Copy a notebook with a first cell that keeps the data of what is drawn."""
    notebook = nbformat.read(path, as_version=4)
    code = f"import sys\nsys.path.insert(0, {str(ROOT / 'tools')!r})\nimport figure_data\nfigure_data.keep_all({str(place / path.stem)!r})"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(code))
    nbformat.write(notebook, place / path.name)
    return place / path.name


def main(arguments: list[str]) -> int:
    """Write them, and say where."""
    parser = argparse.ArgumentParser(prog="figures", description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="store_true", help="execute the notebooks for the data")
    parser.add_argument("--folder", type=Path, default=ROOT / "_build" / "figures")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="such as theorem_4_3")
    asked = parser.parse_args(arguments)
    there = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    if unknown := set(asked.pages) - set(there):
        parser.error(f"expected pages of notebooks/, got {', '.join(sorted(unknown))}")
    paths = [there[name] for name in asked.pages or there]
    paths = [path for path in paths if figures(path)]
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    if asked.data:
        for page, found in data(paths):
            names = [figure["name"] for figure in figures(there[page])]
            for name, text in zip(names, found, strict=True):
                (folder / f"{page}-{name}.csv").write_text(text, encoding="utf-8")
    listed = []
    for path in paths:
        for figure in figures(path):
            place = folder / f"{figure['page']}-{figure['name']}"
            place.with_suffix(".png").write_bytes(figure.pop("png"))
            place.with_suffix(".py").write_text(figure.pop("code") + "\n", encoding="utf-8")
            printed = figure.pop("printed")
            if printed:
                place.with_suffix(".txt").write_text(printed, encoding="utf-8")
            listed.append(figure)
    text = json.dumps(listed, indent=1, ensure_ascii=False) + "\n"
    (folder / "figures.json").write_text(text, encoding="utf-8")
    print(f"figures: {len(listed)} in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
