"""Let the panels of a wide figure stand one under another on a phone.

A picture with several panels side by side is cut where a blank stripe runs through all of it, near
the places that would part it evenly; a figure without such a stripe scrolls in its box, as before.
The pieces lie beside the picture, and a phone shows them in its place.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

MOST = 5  # panels side by side
NARROW = 640  # pixels: a picture that a phone shows without
STRIPE = 8  # least blank columns between two panels
OFF = 0.18  # how far from its even place a cut may lie, in widths of a panel
BLANK = 250  # and lighter, of 255
SMALLEST = 0.55  # of its size to which a phone shrinks a panel: letters of 10 pixels
# A figure with its box; the picture of a dial gives way to the dial, whole.
FIGURE = re.compile(
    r'<figure (?![^>]*id="fig-dial)[^>]*>\s*<div class="wide" tabindex="0">.*?<img [^>]*?src="([^"]+)"[^>]*/></a></div>'
)
ALT = re.compile(r'alt="([^"]*)"')


def cuts(image: Image.Image) -> list[int]:
    """Return the columns at which a picture parts into panels, or none."""
    blank = (np.asarray(image.convert("L")) > BLANK).all(0)  # (width,)
    width = len(blank)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], blank, [0]]).astype(int)))
    stripes = [
        (start + end) // 2
        for start, end in edges.reshape(-1, 2)
        if start > 0 and end < width and end - start >= STRIPE
    ]
    for panels in range(MOST, 1, -1):
        even = [k * width / panels for k in range(1, panels)]
        nearest = [min(stripes, key=lambda x: abs(x - place), default=width) for place in even]
        if all(abs(x - p) <= OFF * width / panels for x, p in zip(nearest, even, strict=True)):
            return nearest
    return []


def pieces(picture: Path, folder: Path) -> list[tuple[str, int]]:
    """Write the panels of a picture, and return their names and widths; none where it has but one."""
    image = Image.open(picture)
    places = cuts(image) if image.width > NARROW else []
    if not places:
        return []
    found = []
    for k, (left, right) in enumerate(zip([0, *places], [*places, image.width], strict=True), 1):
        found.append((f"{picture.stem}-{k}.png", right - left))
        part = image.crop((left, 0, right, image.height))
        part.save(folder / found[-1][0], optimize=True)
    return found


def stack(app, page, template, context, doctree):
    """Put the panels behind each figure that parts into some."""
    if doctree is None or "body" not in context:
        return
    # As Sphinx has them, from the folder of the sources.
    there = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
    folder = Path(app.outdir) / app.builder.imagedir
    folder.mkdir(parents=True, exist_ok=True)

    def both(found: re.Match) -> str:
        place, _, name = found[1].rpartition("/")
        source = there.get(name)
        panels = pieces(source, folder) if source and source.suffix == ".png" else []
        alt = ALT.search(found[0])
        shown = "".join(
            f'<div class="wide" tabindex="0"><img alt="Panel {k} of {len(panels)}. {alt[1] if alt and k == 1 else "See the first."}"'
            f' loading="lazy" src="{place}/{name}" style="width: max(100%, {SMALLEST * width:.0f}px)"/></div>'
            for k, (name, width) in enumerate(panels, 1)
        )
        return found[0] + (f'<div class="panels">{shown}</div>' if panels else "")

    context["body"] = FIGURE.sub(both, context["body"])


def setup(app):
    """Register with Sphinx, after the figures have their boxes."""
    app.connect("html-page-context", stack, priority=920)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
