"""One style for every figure and table of the book; draws what it is given, computes nothing.

Colours are from Okabe and Ito's palette, which stays apart for colour-blind
readers; lines and marks differ in shape as well, for greyscale.  A method has one look on all
pages, and a curve carries its name at its end: ``look`` and ``name_ends``.
"""

from __future__ import annotations

import html
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import patheffects
from matplotlib.colors import to_hex, to_rgb

from planlib.evidence import FIXED
from planlib.graph import PlanningGraph, check_one_of
from planlib.intervals import interval

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"
PURPLE, BLACK = "#CC79A7", "#000000"
MARKS = {"PASS": "✓", "FAIL": "✗", "UNDECIDED": "?", "N/A": "–", "DESCRIPTION": "·", "WAITING": "…"}


@dataclass(frozen=True)
class Look:
    """How a method is drawn: its colour, mark and line, in matplotlib's words."""

    color: str
    marker: str
    ls: str


# One look a method, on every page.
LOOKS = {
    "SFT": Look(ORANGE, "s", "--"),
    "PG": Look(RED, "o", "-"),
    "Q": Look(BLUE, "^", "-"),
    "GRPO": Look(PURPLE, "D", ":"),
    "filtered SFT": Look(GREEN, "v", "-."),
    "truth": Look(BLACK, "", "-"),
    "failure": Look(GREY, "", "-"),
}
# Whose look the second stage of a run has (the names of ``studies.STAGES``); PPO is a variant of policy gradient.
LOOK_OF = {
    "sft": "SFT",
    "more_sft": "SFT",
    "pg": "PG",
    "ppo": "PG",
    "q": "Q",
    "grpo": "GRPO",
    "filtered_sft": "filtered SFT",
}


# Around words that lie on lines, so that no line strikes them through.
HALO = (patheffects.withStroke(linewidth=2.5, foreground="white"),)


def look(method: str, tone: float = 0.0, hollow: bool = False, **more) -> dict[str, Any]:
    """Return matplotlib's keywords for a curve, or with ``ls="none"`` for points, of a method.

    A variant of a method keeps its colour and its mark, and differs in ``tone``, ``hollow`` or its
    line.

    Parameters
    ----------
    method
        A key of ``LOOKS``.
    tone
        From -1 (black) over 0 (the method's own colour) to 1 (white).
    hollow
        Whether the inside of the mark is white.
    more
        Keywords that are added, or replace the method's own.

    Raises
    ------
    InputError
        If the method has no look.
    """
    check_one_of("method", method, LOOKS)
    drawn, color = LOOKS[method], toned(LOOKS[method].color, tone)
    inside = "white" if hollow else color
    how = {"color": color, "ls": drawn.ls, "marker": drawn.marker, "mec": color, "mfc": inside}
    if more.get("ls", drawn.ls) != "none":
        # Five marks or so on a curve, as far apart on all; where two methods have one curve, side by side.
        how["markevery"] = (0.03 + 0.04 * list(LOOKS).index(method), 0.2)
    return how | more


def toned(color: str, tone: float) -> str:
    """Mix a colour with white (``tone`` up to 1) or with black (down to -1)."""
    end = np.ones(3) if tone > 0 else np.zeros(3)
    return to_hex((1 - abs(tone)) * np.array(to_rgb(color)) + abs(tone) * end)


def lightness(color: str) -> float:
    """Relative luminance of a colour by WCAG 2, from 0 (black) to 1 (white)."""
    parts = np.array(to_rgb(color))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def ink(color: str) -> str:
    """Darken a colour until text in it can be read on white: a contrast of 4.5, as WCAG 2 asks."""
    while 1.05 / (lightness(color) + 0.05) < 4.5:
        color = toned(color, -0.05)
    return color


def name_ends(ax: plt.Axes, size: float = 9, first: bool = False) -> None:
    """Write the name of each labelled line beside its last point, or its first, instead of a legend.

    Names stand outside of the axes, in the line's colour, none on another; a line without points
    has none.  Call it when lines and limits are as they will be.
    """
    ax.get_ylim()  # limits that follow the data are set when asked for
    named = [
        line
        for line in ax.lines
        if len(line.get_xydata()) and not str(line.get_label()).startswith("_")
    ]
    if not named:
        return
    ends = [line.get_xydata()[0 if first else -1] for line in named]
    heights = ax.transAxes.inverted().transform(ax.transData.transform(ends))[:, 1]
    line_height = 1.35 * size / 72 * ax.figure.dpi / ax.bbox.height
    places = apart(np.clip(heights, 0, 1), line_height)
    for line, height in zip(named, places, strict=True):
        ax.annotate(
            line.get_label(), (0 if first else 1, height), xycoords="axes fraction", va="center",
            xytext=(-4 if first else 4, 0), textcoords="offset points", fontsize=size,
            ha="right" if first else "left", color=ink(line.get_color()),
        )  # fmt: skip


def apart(places: Sequence[float], least: float) -> np.ndarray:
    """Move numbers as little as possible (in squares) until they are ``least`` apart; order stays.

    Returns
    -------
    np.ndarray
        ``(m,)``, in the order of ``places``.
    """
    order = np.argsort(places, kind="stable")
    steps = least * np.arange(len(order))
    # Without the steps it is a monotone fit: neighbours out of order are pooled at their mean.
    pools: list[list[float]] = []
    for value in np.asarray(places, dtype=float)[order] - steps:
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    moved = np.empty(len(order))
    moved[order] = np.concatenate([[np.mean(pool)] * len(pool) for pool in pools]) + steps
    return moved


def style() -> None:
    """Set the book's figure style: opaque white ground (for dark mode), large enough type."""
    sns.set_theme(
        style="whitegrid",
        context="notebook",
        palette=[BLUE, ORANGE, GREEN, RED, GREY],
        rc={
            "figure.facecolor": "white",
            "figure.dpi": 110,
            "savefig.facecolor": "white",
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
        },
    )


def graph(
    ax: plt.Axes,
    planning_graph: PlanningGraph,
    positions: Mapping[int, tuple[float, float]],
    path: Sequence[int] = (),
    wrong_at: int | None = None,
    labels: bool = True,
    size: float = 500,
) -> None:
    """Draw a graph, and on it a path: solid blue where legal, dashed red on its wrong step.

    ``wrong_at`` is the index of the first wrong step of ``path``; later steps are
    left out.
    """
    g = planning_graph.to_networkx()
    small = {"node_size": size, "arrowsize": 12 if labels else 5}
    nx.draw_networkx_edges(
        g, positions, ax=ax, edge_color="#BBBBBB", width=1 if labels else 0.25, **small
    )
    nx.draw_networkx_nodes(
        g, positions, ax=ax, node_color="white", edgecolors="#444444", node_size=size
    )
    steps = list(itertools.pairwise(path))
    good = steps if wrong_at is None else steps[:wrong_at]
    bad = [] if wrong_at is None else steps[wrong_at : wrong_at + 1]
    for edges, colour, line in ((good, BLUE, "solid"), (bad, RED, "dashed")):
        drawn = nx.DiGraph(edges)
        drawn.add_nodes_from(g)
        nx.draw_networkx_edges(
            drawn, positions, edgelist=edges, ax=ax, edge_color=colour, width=2.5, style=line,
            node_size=size, arrowsize=16, connectionstyle="arc3,rad=0.12",
        )  # fmt: skip
    if len(path):
        ends = [path[0], path[-1] if wrong_at is None else path[wrong_at]]
        nx.draw_networkx_nodes(
            g,
            positions,
            nodelist=ends,
            ax=ax,
            node_color="#CFE8F7",
            edgecolors=BLUE,
            node_size=size,
        )
    if labels:
        nx.draw_networkx_labels(g, positions, ax=ax, font_size=10)
    ax.set_axis_off()


def arcs(ax: plt.Axes, path: Sequence[int], target: int, wrong_at: int | None = None) -> None:
    """Draw a path over its nodes in a row, one arc a step: blue and solid, or red and dashed if wrong.

    The nodes stand in the order of their numbers, evenly spaced.  Forward steps
    arch above the line and backward ones below it; the target is a star.
    """
    nodes = sorted({*path, target})
    place = {node: x for x, node in enumerate(nodes)}
    for at, (j, k) in enumerate(itertools.pairwise(path)):
        colour, line = (RED, "--") if at == wrong_at else (BLUE, "-")
        a, b = place[j], place[k]
        height = 0.45 * abs(b - a) ** 0.6 * np.sign(b - a)
        t = np.linspace(0, np.pi, 60)
        x, y = (a + b) / 2 - (b - a) / 2 * np.cos(t), height * np.sin(t)
        ax.plot(x, y, color=colour, ls=line, lw=2)
        head = {"arrowstyle": "-|>", "color": colour, "shrinkB": 7}
        ax.annotate("", (b, 0), (x[-6], y[-6]), arrowprops=head)
    for node, x in place.items():
        mark = (
            {"marker": "*", "ms": 19, "mfc": GREEN} if node == target else {"marker": "o", "ms": 11}
        )
        ax.plot(x, 0, **{"mfc": "white", "mec": "#222222", **mark})
        ax.annotate(
            str(node), (x, 0), (0, -20), textcoords="offset points", ha="center", fontsize=9
        )
    ax.set(xlim=(-0.6, max(4, len(nodes)) - 0.4), ylim=(-1.3, 1.6))
    ax.set_axis_off()


def blocks(
    ax: plt.Axes, state: Sequence[str], left: float = 0, bottom: float = 0, scale: float = 1
):
    """Draw a Blocksworld state as stacks of lettered blocks on a table."""
    colours = {"A": "#CFE8F7", "B": "#FCE3B4", "C": "#C7EBDD", "D": "#F6D3BF"}
    right = left + (1.1 * sum(map(len, state)) + 0.1) * scale
    ax.plot([left - 0.2 * scale, right], [bottom, bottom], color="#444444", lw=1.5)
    for x, stack in enumerate(state):
        for y, block in enumerate(stack):
            corner = (left + x * 1.1 * scale, bottom + y * scale)
            ax.add_patch(
                plt.Rectangle(corner, scale, scale, fc=colours.get(block, "white"), ec="#444444")
            )
            ax.text(
                corner[0] + scale / 2,
                corner[1] + scale / 2,
                block,
                ha="center",
                va="center",
                fontsize=8 + 3 * scale,
                color="black",
            )


def status_card(records: Iterable, title: str) -> str:
    """Return the status card of a theorem as HTML, from its stored records alone."""
    rows = []
    for r in records:
        word = verdict(r.shown)
        place = f'<a href="#{r.cell}">{r.rung}</a>'
        text = html.escape(r.title)
        figure = html.escape(r.figure)
        control = f"control {r.control.lower()}" if r.control else ""
        rows.append(
            f"<tr><td>{place}</td><td>{word}</td><td>{text}<br><small>{figure}"
            f"{'; ' + control if control else ''}{_basis(r)}</small></td></tr>"
        )
    return (
        f'<table class="status-card"><caption>{html.escape(title)}</caption>'
        "<thead><tr><th>rung</th><th>verdict</th><th>claim and figure</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _basis(record) -> str:
    """When a claim was fixed, what it rests on, and what took its place."""
    words = [f"fixed {record.fixed}"] if record.fixed else []
    if record.estimates:
        words.append(record.power())
    if record.successor:
        words.append(record.succession)
    return "".join(f"; {html.escape(w)}" for w in words)


def verdict(shown: str, word: bool = True) -> str:
    """Return the mark of a verdict as HTML, with its word or without."""
    text = f"{MARKS[shown]} {shown}" if word else MARKS[shown]
    return f'<span class="verdict {_css(shown)}">{text}</span>'


def _css(shown: str) -> str:
    return shown.lower().replace("/", "")


def reported(records: Iterable, claims: Mapping[str, str]) -> str:
    """Return the claims on a figure of the paper as HTML: what it reports, what we find, the verdict.

    ``claims`` maps a claim to what the paper reports of it.  A claim of the paper is
    reproduced if its check counts, and not found if it fails and names the claim that took its
    place.
    """
    rows = []
    for r in records:
        says = claims.get(r.claim, "")
        word, css = reported_word(r, says)
        rows.append(
            f"<tr><td>{html.escape(says) or '–'}</td><td>{html.escape(r.title)}<br>"
            f"<small>{html.escape(r.figure)}{_basis(r)}</small></td>"
            f'<td><span class="verdict {css}">{word}</span></td></tr>'
        )
    return (
        '<table class="status-card"><thead><tr><th>the paper reports</th><th>we find (mean over seeds, '
        f"95% interval)</th><th>verdict</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def reported_word(record, says: str) -> tuple[str, str]:
    """Return how a claim on a figure came out, in a word, and its style; ``says``: what the paper reports."""
    if record.control == "NOT REJECTED" or (record.verdict == "FAIL" and not record.successor):
        return "FAIL", "fail"
    if record.verdict == "FAIL":
        return "not found" if says else "failed", "fail"
    if record.shown == "PASS":
        return "reproduced" if says else "ours", "pass"
    return record.shown.lower(), _css(record.shown)


def table(rows: Sequence[Mapping], label: str) -> str:
    """Return rows of a dict each as a table in HTML, which scrolls where it is too wide."""
    shown = pd.DataFrame(rows).fillna("–").to_html(index=False, border=0)
    shown = shown.replace("<table", f"<table aria-label='{html.escape(label)}'")
    return f'<div tabindex="0" style="overflow-x:auto;white-space:nowrap">{shown}</div>'


def band(ax: plt.Axes, x: Sequence[float], lines: Sequence[Sequence[float]], **how) -> None:
    """Draw the mean of several curves ``(seeds, m)`` and, shaded, its 95% interval (Student's t)."""
    values = np.asarray(lines, dtype=float)
    (drawn,) = ax.plot(x, values.mean(0), **how)
    if len(values) > 1:
        low, high = interval(values)
        ax.fill_between(x, low, high, color=drawn.get_color(), alpha=0.15, lw=0)


def matrix(
    records: Iterable,
    theorems: Mapping[str, str],
    rungs: Sequence[str],
    page: Callable[[str], str],
) -> str:
    """Return the verification matrix, theorem by rung, as HTML with a link a cell.

    A cell counts the verdicts of its records that have no successor, worst first, in the colour of
    the worst, and says when those that pass were fixed; without any record it is open.  ``page``
    names the page of a theorem.
    """
    cells: dict[tuple[str, str], list] = {}
    for r in records:
        cells.setdefault((r.theorem, r.rung), []).append(r)
    order = ["FAIL", "UNDECIDED", "WAITING", "DESCRIPTION", "PASS", "N/A"]
    body = []
    for theorem, title in theorems.items():
        row = [f"<th scope='row'>{theorem} <small>{html.escape(title)}</small></th>"]
        for rung in rungs:
            found = cells.get((theorem, rung), [])
            if not found:
                row.append('<td class="open">open</td>')
                continue
            # What has a successor is no longer claimed.
            claimed = [r for r in found if not r.successor] or found
            worst = min(claimed, key=lambda r: order.index(r.shown))
            counts = Counter(r.shown for r in claimed)
            marks = [f"{counts[v]} {MARKS[v]}" for v in order if counts[v]]
            text = ", ".join(marks) if len(claimed) > 1 else MARKS[worst.shown]
            passed = Counter(r.fixed for r in claimed if r.fixed and r.shown == "PASS")
            when = "<br>".join(f"<small>{passed[w]} {w}</small>" for w in FIXED if passed[w])
            note = html.escape(
                "; ".join(f"{r.claim}: {r.shown}, {r.figure or r.scope}{_basis(r)}" for r in found)
            )
            row.append(
                f'<td class="{_css(worst.shown)}"><a href="{page(theorem)}.html#{worst.cell}" title="{note}" '
                f'aria-label="{text} {theorem} {rung}: {note}">{text}</a>{when}</td>'
            )
        body.append(f"<tr>{''.join(row)}</tr>")
    head = "".join(f"<th scope='col'>{rung}</th>" for rung in rungs)
    return (
        '<div class="matrix-frame"><table class="matrix"><thead><tr><th>theorem</th>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def rounded(values: Iterable[float], digits: int = 2) -> list[float]:
    """Round figures for print: what a figure shows, in numbers that a test can compare."""
    return [round(float(x), digits) + 0.0 for x in np.asarray(list(values), dtype=float)]
