"""Fold what a page shows of its checks, and open each chapter with a box: result, picture, statement, checks.

The committed notebooks keep plain text, which is compared when they are executed.  A page shows
of a report its verdict and how many wrong claims were refuted; what was covered, and what each
wrong claim came to, unfold.
"""

from __future__ import annotations

import html
import re

from docutils import nodes
from sphinx import addnodes

import theorems
from planlib import evidence, plots
from planlib.evidence import RUNGS
from theorems import pages

HEAD = re.compile(
    rf"(?P<of>\S.*?) · (?P<rung>{'|'.join(RUNGS)}) · (?P<word>[A-Z/]+) · (?P<figure>.*?)"
    r"(?: · control (?P<control>REJECTED|NOT REJECTED|NOT RUN))?$"
)
# A list of all controls of a page, which its reports have shown already.
CONTROL = re.compile(r"(?P<claim>\S+/\S+) +(?P<control>REJECTED|NOT REJECTED|NOT RUN) +\S.*$")
CARD = re.compile(r'<table class="status-card">.*?</table>', re.DOTALL)
# Text behind a tag, but not that of links, code and captions.
TEXT = re.compile(r"(<(?!/?(?:a|code|caption)\b)[^>]*>)([^<]+)")
STATEMENTS = ("thm-", "prop-", "assumption", "asm-")
MANY = 3  # reports in one cell that are folded together


def reports(text: str) -> list[tuple[dict, list[str]] | str]:
    """Split printed text into reports, each with its lines, and whatever else was printed."""
    found = []
    for line in text.splitlines():
        head = HEAD.match(line)
        if head:
            found.append((head.groupdict(), []))
        elif line.startswith("  ") and found and isinstance(found[-1], tuple):
            found[-1][1].append(line.strip())
        else:
            found.append(line)
    return found


def refuted(control: str, count: int) -> str:
    """Say of wrong claims whether they were refuted."""
    some = "1 wrong claim" if count == 1 else f"{count} wrong claims"
    if control == "NOT RUN":
        return f"{some} waiting for runs"
    if control == "NOT REJECTED":
        return f"of {some} not all refuted"
    return f"wrong claims refuted: {count} of {count}"


def folded(head: dict, lines: list[str], titles: dict) -> str:
    """Return one report: a line, and a table that one opens."""
    rows, controls = [], 0
    for line in lines:
        name, _, said = line.partition(": ")
        if name.startswith("control, "):
            controls += 1
            name = f"wrong claim: {name.removeprefix('control, ')}"
        rows.append((name, said) if said else ("note", line))
    control = head["control"] or ""
    words = [pages.typeset(head["figure"])] if head["figure"] else []
    words += [refuted(control, controls)] if controls else []
    title = titles.get((head["rung"], head["figure"]), "")
    said = f"{pages.typeset(title)} " if title else ""
    body = "".join(
        f"<tr><th>{pages.typeset(n)}</th><td>{pages.typeset(s)}</td></tr>" for n, s in rows
    )
    return (
        f'<details class="report"><summary>{plots.verdict(head["word"])} {said}'
        f"<small>{head['rung']}: {'; '.join(words)}</small></summary>"
        f'<table class="status-card"><tbody>{body}</tbody></table></details>'
    )


def shown(text: str, page: str) -> str | None:
    """Return printed reports, or a printed list of controls, as a page shows them; nothing else."""
    lines = text.splitlines()
    listed = [CONTROL.match(line) for line in lines]
    if lines and all(listed):
        return controls(listed)
    parts = reports(text)
    found = [part for part in parts if not isinstance(part, str)]
    if not found:
        return None
    together = len(found) > MANY
    titles = {(r.rung, r.figure): r.title for r in records(page)} if together else {}
    body = "".join(
        f"<pre>{html.escape(part)}</pre>" if isinstance(part, str) else folded(*part, titles)
        for part in parts
    )
    if together:
        line = f"{len(found)} checks, each with what it covers and its wrong claims"
        return f'<details class="reports"><summary>{line}</summary>{body}</details>'
    return body


def controls(listed: list[re.Match]) -> str:
    """Return a list of controls as a line a claim, with a link to the check that names them."""
    claims = {}
    for found in listed:
        claims.setdefault((found["claim"], found["control"]), []).append(found)
    rows = "".join(
        f'<tr><td><a href="#check-{re.sub("[/.]", "-", claim)}">{claim}</a></td>'
        f"<td>{refuted(control, len(found))}</td></tr>"
        for (claim, control), found in claims.items()
    )
    return (
        f'<details class="reports"><summary>{len(listed)} wrong claims of {len(claims)} checks: '
        f'how many were refuted</summary><table class="status-card"><tbody>{rows}</tbody></table></details>'
    )


def named(page: str) -> str | None:
    """Return the theorem or figure of a page, if it has one."""
    return next((t for t in theorems.ALL if page == f"notebooks/{theorems.stem(t)}"), None)


def records(page: str) -> list:
    """Return the stored records of a page's theorem or figure; none if it has none."""
    return evidence.load(named(page)) if named(page) else []


def typeset(markup: str) -> str:
    """Typeset the mathematics in the texts of a card or a list of claims."""
    return TEXT.sub(lambda m: m[1] + pages.typeset(html.unescape(m[2])), markup)


def fold_outputs(doctree, page: str) -> None:
    """Replace printed reports, and typeset cards and lists of claims."""
    for block in list(doctree.findall(nodes.literal_block)):
        markup = shown(block.astext(), page) if "stream" in block["classes"] else None
        if markup:
            block.replace_self(nodes.raw("", markup, format="html"))
    for raw in doctree.findall(nodes.raw):
        markup = raw.astext()
        if 'class="status-card"' in markup or 'class="basis"' in markup:
            raw.children = [nodes.Text(typeset(markup))]


def card(doctree) -> nodes.raw | None:
    """Return the card that stands before the first heading, if there is one."""
    title = next(doctree.findall(nodes.section), None)
    for node in title.children if title else ():
        if isinstance(node, nodes.section):
            return None
        for raw in node.findall(nodes.raw):
            if CARD.search(raw.astext()):
                return raw
    return None


def summary_box(doctree, page: str, picture: str | None) -> None:
    """Gather a chapter's first lines, its picture, its statement and its folded card in one box."""
    table = card(doctree)
    labelled = doctree.findall(nodes.Element)
    statement = next(
        (n["label"] for n in labelled if str(n.get("label", "")).startswith(STATEMENTS)), None
    )
    if not (table or statement):
        return
    section = next(doctree.findall(nodes.section))
    box = nodes.container(classes=["in-short"])
    at = next(k for k, n in enumerate(section.children) if isinstance(n, nodes.title)) + 1
    while isinstance(section[at], nodes.paragraph | addnodes.index | nodes.target):
        if isinstance(section[at], nodes.paragraph):
            box += section.pop(at)
        else:
            at += 1
    figures = list(doctree.findall(nodes.figure))
    figure = next((f for f in figures if picture in f["ids"]), figures[0] if figures else None)
    if figure:
        box.insert(0, thumbnail(figure))
    of_figure = pages.reproduced(named(page), records(page)) if named(page) else ""
    if of_figure:
        box += nodes.paragraph("", of_figure)
    inside = {s["ids"][0] for s in section.findall(nodes.section)}
    box += links(
        {
            "The picture": figure["ids"][0] if figure else None,
            "The statement": statement,
            "What was found, in points": "summary" if "summary" in inside else None,
            "The verdicts": "verdicts" if "verdicts" in inside else None,
            "Exercises": "exercises" if "exercises" in inside else None,
        }
    )
    if table:
        line = f"Checks: {pages.tally(records(page))}"
        markup = f'<details class="card"><summary>{line}</summary>{table.astext()}</details>'
        box += nodes.raw("", markup, format="html")
        remove(table)
    section.insert(at, box)


def links(places: dict[str, str | None]) -> nodes.paragraph:
    """Return a line of links to places on the page; those that are not there are left out."""
    line = nodes.paragraph(classes=["where"])
    for text, place in places.items():
        if place:
            line += nodes.Text(" · " if line.children else "")
            line += nodes.reference("", text, internal=True, refid=place)
    return line


def thumbnail(figure) -> nodes.reference:
    """Return a small picture that leads to the figure."""
    image = next(figure.findall(nodes.image)).deepcopy()
    for size in ("width", "height", "scale"):
        image.attributes.pop(size, None)
    return nodes.reference(
        "", "", image, internal=True, refid=figure["ids"][0], classes=["thumbnail"]
    )


def remove(raw) -> None:
    """Take an output out of its cell, and the cell out of the page if nothing else is in it."""
    node = raw
    while (
        node.parent
        and len(node.parent.children) == 1
        and not isinstance(node.parent, nodes.section)
    ):
        node = node.parent
    node.parent.remove(node)


def resolved(app, doctree, page):
    """Fold one page, when all of it is resolved."""
    if page.startswith("notebooks/"):
        fold_outputs(doctree, page)
        summary_box(doctree, page, app.config.pictures.get(page))


def setup(app):
    """Register with Sphinx."""
    app.add_config_value("pictures", {}, "html")  # where the first figure is not the result's
    app.connect("doctree-resolved", resolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
