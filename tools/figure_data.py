"""What a figure of matplotlib shows, as rows: panel, kind, label, x, y and, of a map, its value.

Lines, points, bars, bands and maps; not text, arrows and axes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import matplotlib.collections as mcol
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

COLUMNS = ("panel", "kind", "label", "x", "y", "value")


def rows(figure: Figure) -> Iterator[tuple]:
    """Yield the rows of a figure, panel by panel; a panel is named by its title, or its number."""
    for number, ax in enumerate(figure.axes, 1):
        panel = ax.get_title() or f"panel {number}"
        for kind, label, points in _drawn(ax):
            for point in points:
                yield (panel, kind, label, *point, *[""] * (3 - len(point)))


def _label(artist) -> str:
    """Its name in the legend; matplotlib's own names of what has none begin with an underscore."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _drawn(ax: Axes) -> Iterator[tuple[str, str, list]]:
    """Yield kind, label and points ``(x, y)`` or ``(x, y, value)`` of all that a panel shows."""
    for container in ax.containers:
        label = _label(container)
        for bar in (patch for patch in container if isinstance(patch, Rectangle)):
            middle = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2
            end = bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height()
            upright = bar.get_y() == 0 or bar.get_x() != 0
            yield "bar", label, [(middle[0], end[1]) if upright else (end[0], middle[1])]
    for line in ax.lines:
        x, y = line.get_data(orig=False)
        yield "line", _label(line), list(zip(map(float, x), map(float, y), strict=True))
    for drawn in ax.collections:
        if isinstance(drawn, mcol.QuadMesh):
            corners = drawn.get_coordinates()  # (rows + 1, columns + 1, 2)
            middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
            values = np.ma.filled(drawn.get_array(), np.nan).reshape(middles.shape[:2])
            points = np.concatenate([middles, values[..., None]], axis=-1).reshape(-1, 3)
            yield "map", "", points.tolist()
        elif isinstance(drawn, mcol.PathCollection):
            yield "points", _label(drawn), np.ma.filled(drawn.get_offsets(), np.nan).tolist()
        elif isinstance(drawn, mcol.LineCollection):
            for k, segment in enumerate(drawn.get_segments()):
                yield f"segment {k + 1}", _label(drawn), np.asarray(segment).tolist()
        elif isinstance(drawn, mcol.PolyCollection):
            for path in drawn.get_paths():
                yield "band, its edge", _label(drawn), path.vertices.tolist()
    for image in ax.images:
        values = np.ma.filled(image.get_array().astype(float), np.nan)
        if values.ndim == 2:
            yield "map", "", [(x, y, values[y, x]) for y, x in np.ndindex(values.shape)]


def write(figure: Figure, path: Path) -> None:
    """Write the rows of a figure as CSV, six digits a number."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for row in rows(figure):
            out.writerow([f"{x:.6g}" if isinstance(x, float) else x for x in row])


def keep_all(folder: str) -> None:
    """From now on ``plt.show()`` writes each figure's rows first, by their order: 001.csv, 002.csv, ..."""
    place, show = Path(folder), plt.show
    place.mkdir(parents=True, exist_ok=True)

    def kept(*args, **settings):
        for number in plt.get_fignums():
            write(plt.figure(number), place / f"{len(list(place.glob('*.csv'))) + 1:03}.csv")
        return show(*args, **settings)

    plt.show = kept
