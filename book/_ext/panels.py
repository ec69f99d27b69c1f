"""Let the panels of a wide figure stand one under another on a phone.

A picture with several panels side by side is cut between its axes, where a blank stripe runs through
all of it; one without axes near the places that would part it evenly.  A figure without such stripes
scrolls in its box, as before.  Panels that share a scale with the first get a copy of it.  The pieces
lie beside the picture, and a phone shows them in its place.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps

MOST = 5  # panels side by side
NARROW = 640  # pixels: a picture that a phone shows without
LEVEL, TALL = 60, 80  # pixels that a level line of an axes is long, and the first is from the last
BAR, FULL = (8, 50), 0.75  # pixels that a colour bar is wide, and how full it is
TICK = 8  # pixels that a tick may stick out
APART = 6  # pixels between two words
NEAR, NAME = 18, 32  # pixels that a scale may be away from its axes, and that its name is wide
STRIPE = 8  # least blank columns between two panels
OFF = 0.18  # how far from its even place a cut may lie, in widths of a panel
BLANK = 250  # and lighter, of 255
SMALLEST = 0.55  # of its size to which a phone shrinks a panel: letters of 10 pixels
# A figure with its box; the picture of a dial gives way to the dial, whole.
FIGURE = re.compile(
    r'<figure (?![^>]*id="fig-dial)[^>]*>\s*<div class="wide" tabindex="0">.*?<img [^>]*?src="([^"]+)"[^>]*/></a></div>'
)
ALT = re.compile(r'alt="([^"]*)"')


def inked(image: Image.Image) -> np.ndarray:
    """Return where a picture is not blank, of shape ``(height, width)``."""
    return np.asarray(image.convert("L")) <= BLANK


def cuts(image: Image.Image) -> list[int]:
    """Return the columns at which a picture parts into panels, or none."""
    ink = inked(image)
    axes = frames(ink)
    by_axes, by_place = _between(ink, axes), _evenly(ink)
    if len(by_axes) >= len(by_place):
        return by_axes
    for k, place in enumerate(by_place):  # some panels have no axes: a graph beside a plot
        start = next((a for a, _ in axes if a > place), None)
        before = max([0, *by_place[:k], *(b for _, b in axes if b < place)])
        if start and (left := _left_of(ink, before, start)) and left < place < start:
            by_place[k] = left
    return by_place


def rows(image: Image.Image) -> list[Image.Image]:
    """Part a picture of several rows of axes between them, if each has a scale of its own below."""
    ink = inked(image)
    inside = np.concatenate([np.arange(a, b) for a, b in frames(ink)] or [[]]).astype(int)
    tops = [0]
    for (_, end), (start, _) in pairwise(frames(ink.T)):
        blocks = _blocks(ink[end:start, inside].any(1), APART)
        titled = bool(blocks) and start - end - blocks[-1][1] <= NEAR // 2
        above = blocks[-1 - titled][1] if len(blocks) > titled else 0
        top = blocks[-1][0] if titled else start - end
        if not above or top - above < APART:
            return [image]
        tops.append(end + (above + top) // 2)
    return [
        image.crop((0, top, image.width, below)) for top, below in pairwise([*tops, image.height])
    ]


def frames(ink: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last columns of the axes in a picture, a colour bar with those to its left.

    Between its sides an axes has long level lines, far apart: its grid, its frame, cells of a map.
    """
    far, last = np.full(ink.shape[1], len(ink)), np.zeros(ink.shape[1], int)
    for y, row in enumerate(ink):
        for start, end in _runs(row):
            if end - start >= LEVEL:
                far[start:end] = np.minimum(far[start:end], y)
                last[start:end] = y
    found = [list(run) for run in _runs(last - far >= TALL)]
    if found:
        body = ink[far.min() : last.max()]
        bars = [run for run in _runs(body.mean(0) > FULL) if BAR[0] <= run[1] - run[0] <= BAR[1]]
        for frame, after in zip(found, [*found[1:], [ink.shape[1]]], strict=True):
            frame[1] = max(
                [frame[1], *(end for start, end in bars if frame[1] <= start < after[0])]
            )
    return [(start, end) for start, end in found]


def _runs(line: np.ndarray) -> np.ndarray:
    """Return the stretches of a line that are true, as starts and ends."""
    return np.flatnonzero(np.diff(np.r_[0, line.astype(np.int8), 0])).reshape(-1, 2)


def _between(ink: np.ndarray, axes: list[tuple[int, int]]) -> list[int]:
    """Cut between axes; what is written beside those before stays with them."""
    found = [_left_of(ink, end, start) for (_, end), (start, _) in pairwise(axes)]
    return found if all(found) and len(found) < MOST else []


def _left_of(ink: np.ndarray, end: int, start: int) -> int:
    """Return a blank column left of the scale of the axes at ``start`` and its name; 0 if there is none."""
    named = start - written(ink, end, start)
    blank = [(a, b) for a, b in _runs(~ink[:, end:named].any(0)) if b - a >= APART]
    return end + int(sum(blank[-1])) // 2 if blank else 0


def written(ink: np.ndarray, left: int, start: int) -> int:
    """Return how wide the scale of the axes at ``start`` is, and its name where it has one."""
    lines = _level(ink, start)
    if not len(lines) or lines.max() - lines.min() <= 2 * TICK:
        return 0
    body = ink[lines.min() + TICK : lines.max() - TICK]
    part = body[:, left : start - TICK]
    blocks = _blocks(part.any(0), APART)
    solid = _runs(body[:, :left].mean(0) > FULL)
    bar = len(solid) and solid[-1][1] >= left - 2 and np.diff(solid[-1]) <= BAR[1]
    if bar:
        blocks = blocks[1:]  # its numbers
    width = 0
    for a, b in reversed(blocks[-2:]):
        name = b - a <= NAME and len(_blocks(part[:, a:b].any(1), 2 * APART)) == 1  # not numbers
        away = part.shape[1] + TICK * (not width) - width - b
        if away > (APART + TICK - 1 if name and bar and not width else NEAR) or (
            width and not name
        ):
            break
        width = part.shape[1] - a
        if name:
            break
    return width + TICK if width else 0


def _level(ink: np.ndarray, start: int) -> np.ndarray:
    """Return the rows where the axes that begin at ``start`` have a level line."""
    return np.flatnonzero(ink[:, start : start + LEVEL].all(1))


def _blocks(line: np.ndarray, apart: int) -> list[list[int]]:
    """Return the stretches of a line that are true, those less than ``apart`` apart as one."""
    found: list[list[int]] = []
    for a, b in _runs(line):
        if found and a - found[-1][1] < apart:
            found[-1][1] = b
        else:
            found.append([a, b])
    return found


def _evenly(ink: np.ndarray) -> list[int]:
    """Cut at the blank stripes near the places that part a picture evenly."""
    width = ink.shape[1]
    stripes = [
        (start + end) // 2
        for start, end in _runs(~ink.any(0))
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
    image, found = Image.open(picture), []
    if image.width <= NARROW:
        return []
    parts = [part for row in rows(image) for part in _columns(row)]
    if len(parts) < 2:
        return []
    for k, part in enumerate(parts, 1):
        found.append((f"{picture.stem}-{k}.png", part.width))
        part.quantize(256, dither=Image.Dither.NONE).save(folder / found[-1][0], optimize=True)
    return found


def _columns(image: Image.Image) -> list[Image.Image]:
    """Part a row of panels; those that share the scale of the first take it along."""
    image, places = image.convert("RGB"), cuts(image)
    ink = inked(image)
    axes, found = frames(ink), []
    starts = [min((a for a, _ in axes if a >= left), default=0) for left in (0, *places)]
    inside = axes and starts[0] < [*places, image.width][0]
    first = starts[0] if inside and written(ink, 0, starts[0]) else 0
    for start, (left, right) in zip(starts, pairwise([0, *places, image.width]), strict=True):
        part = image.crop((left, 0, right, image.height))
        if left and first and left <= start < right and not written(ink, left, start):
            part = ImageChops.offset(ImageOps.expand(part, (0, 0, first, 0), "white"), first, 0)
            foot = int(_level(ink, first).max()) + TICK  # without the numbers below
            part.paste(image.crop((0, 0, first, foot)))
        found.append(part)
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
        if panels:
            return found[0] + f'<div class="panels">{shown}</div>'
        if not source or source.suffix != ".png":
            return found[0]
        with Image.open(source) as image:  # as small as letters allow
            least = f'<div class="wide" style="--least: {SMALLEST * image.width:.0f}px"'
        return found[0].replace('<div class="wide"', least, 1)

    context["body"] = FIGURE.sub(both, context["body"])


def setup(app):
    """Register with Sphinx, after the figures have their boxes."""
    app.connect("html-page-context", stack, priority=920)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
