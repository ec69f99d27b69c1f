"""Mend what the theme and its parts write: names, downloads, figures and tables on small screens."""

from __future__ import annotations

import json
import re
from pathlib import Path

REPLACED = {
    # What a fold is called is what it shows: "Show code cell source".
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # Entries of a list are its items.
    'role="doc-biblioentry"': 'role="listitem"',
}
FIGURE = re.compile(r'(<figure [^>]*>\s*)(<img [^>]*?src="([^"]+)"[^>]*/>)')
# A paper that is named by its number, in text and not in code or a link.
ARXIV = re.compile(r"(<(?:p|li|dd|td|/em|/strong)\b[^>]*>[^<]*?)\b(arXiv[: ](\d{4}\.\d{5}))(?!\d)")
# A name of the code, and the places where a line may end in it.
NAME = re.compile(r'(?<=<span class="pre">)[^<]+(?=</span>)')
JOINT = re.compile(r"(?<=[\w)])[._(,/](?=\w)")
# A table of results with its head, and the rows and cells of its body.
TABLE = re.compile(
    r'(<table class="status-card">)(<thead><tr>(.*?)</tr></thead>)(.*?)(?=</table>)', re.S
)
SOURCE = re.compile(
    r'<a href="([^"]*/)?([^"/]+)" target="_blank"\s+class="btn btn-sm btn-download-source'
)

# The first cell of a notebook that is read without the book around it.
HINT = """\
# A page of a book. Its code is the packages planlib and theorems; an install brings the stored runs along.
# From a copy of the book's repository:   pip install -c constraints.txt '.[book]'   (or: make lab)
# With PLANLIB_CLASS=1 in the environment the checks run on few instances: a chapter in under a minute.
import importlib.util

if importlib.util.find_spec("theorems") is None:
    raise ModuleNotFoundError(
        "this notebook needs the packages planlib and theorems: in a copy of the book's repository, "
        "pip install -c constraints.txt '.[book]', or `make lab` and open this notebook there"
    )
"""


def stacked(found: re.Match) -> str:
    """Name each cell by its column where a table has four or more: on a phone its cells stand in a pile."""
    table, head, columns, body = found.groups()
    names = [re.sub("<[^>]+>", "", name) for name in re.findall(r"<th\b[^>]*>(.*?)</th>", columns)]
    if len(names) < 4:
        return found[0]

    def row(match):
        cells = iter(names)
        return re.sub(r"<td(?=[ >])", lambda _: f'<td data-column="{next(cells)}"', match[0])

    body = re.sub(r"<tr>.*?</tr>", row, body, flags=re.S)
    return table.replace("status-card", "status-card stacked") + head + body


def mend(app, pagename, templatename, context, doctree):
    """Replace in the page's body; the theme's templates are left as they are."""
    body = context.get("body", "")
    for old, new in REPLACED.items():
        body = body.replace(old, new)
    body = TABLE.sub(stacked, body)
    body = NAME.sub(lambda name: JOINT.sub(r"\g<0><wbr>", name[0]), body)
    body = ARXIV.sub(r'\1<a href="https://arxiv.org/abs/\3">\2</a>', body)
    # A figure scrolls in its own box where it would be too small to read, and opens by a click.
    box = r'\1<div class="wide" tabindex="0"><a href="\3" title="Open at full size">\2</a></div>'
    context["body"] = FIGURE.sub(box, body)


def name_downloads(app, exception):
    """Have sources arrive as files under their names, where a browser would show them as text."""
    if exception:
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        named = SOURCE.sub(
            r'<a href="\1\2" download="\2" class="btn btn-sm btn-download-source', text
        )
        if named != text:
            page.write_text(named, encoding="utf-8")


def hint(app, exception):
    """Put a first cell into each notebook offered for download that says what it needs."""
    for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        if book["cells"][0].get("id") == "needs":
            continue
        cell = {"cell_type": "code", "execution_count": None, "id": "needs", "metadata": {}}
        lines = HINT.rstrip("\n").splitlines(keepends=True)
        book["cells"].insert(0, {**cell, "outputs": [], "source": lines})
        path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", mend, priority=900)
    app.connect("build-finished", name_downloads)
    app.connect("build-finished", hint)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
