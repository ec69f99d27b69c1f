"""Write all figures of the book as files, each with its caption, alternative text and the cell that draws it.

python tools/figures.py [folder]

writes into ``_build/figures``: PAGE-NAME.png from the committed notebooks, PAGE-NAME.py with the
code of the cell, what it printed of the figure's numbers as PAGE-NAME.txt, and figures.json.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import nbformat

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


def main() -> int:
    """Write them, and say where."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "_build" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
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
    sys.exit(main())
