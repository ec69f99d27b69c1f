"""Let the search find numbers of theorems and the words that practitioners use.

Sphinx's search knows whole words only, so "4.3" is no word, and ranks an entry of the
index above any text.  So each page gets entries: those of ``book/words.yml``, and its
number if it has one.  The splitter keeps numbers such as 4.3 together.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.search.en import SearchEnglish
from sphinx.transforms import SphinxTransform

NUMBERED = re.compile(r"notebooks/(theorem|assumption|figure)_(\d)(?:_(\d))?$")
WORD = re.compile(r"(?<![\w.])\d\.\d(?!\w|\.\d)|\w+")


def numbers(page):
    """Return the words that a page's name stands for: notebooks/theorem_4_3, 4.3."""
    found = NUMBERED.match(page)
    if not found:
        return []
    kind, *digits = found.groups()
    number = ".".join(d for d in digits if d)
    bare = [number, f"Thm {number}"] if kind == "theorem" else []
    return [f"{kind.capitalize()} {number}", *bare]


def words(source):
    """Return the words of each page, as the file has them."""
    return yaml.safe_load((Path(source) / "book" / "words.yml").read_text(encoding="utf-8"))


class Entries(SphinxTransform):
    """Give a page its entries in the index, before the index collects them."""

    default_priority = 840

    def apply(self, **kwargs):
        """Put one node of entries behind the page's title."""
        wanted = numbers(self.env.docname) + self.config.words.get(self.env.docname, [])
        sections = list(self.document.findall(nodes.section))
        if wanted and sections:
            entries = [("single", word, "", "main", None) for word in wanted]
            sections[0].insert(1, addnodes.index(entries=entries))


class PlainIds(SphinxTransform):
    """Write ids of glossary terms without dots, which the theme's scripts take for classes."""

    default_priority = 840

    def apply(self, **kwargs):
        """Rename the id wherever it stands: at the term, in its entries, in the domain."""
        names = {}
        for term in self.document.findall(nodes.term):
            names.update({i: i.replace(".", "-") for i in term["ids"] if "." in i})
            term["ids"] = [names.get(i, i) for i in term["ids"]]
        for node in self.document.findall(addnodes.index) if names else ():
            node["entries"] = [(a, b, names.get(i, i), *c) for a, b, i, *c in node["entries"]]
        for table in (self.env.domains["std"].objects, self.env.domains["std"]._terms):
            for key, (page, old) in table.items() if names else ():
                if page == self.env.docname:
                    table[key] = (page, names.get(old, old))


class Numbers(SearchEnglish):
    """English, with the numbers of theorems as words."""

    js_splitter_code = (
        "var splitQuery = (query) => query.match("
        r"/(?<![\p{L}\p{N}_.])\p{N}\.\p{N}(?![\p{L}\p{N}_]|\.\p{N})"
        r"|[\p{L}\p{N}_\p{Emoji_Presentation}]+/gu) || [];"
    )

    def split(self, text):
        """Split a text into words, 4.3 being one."""
        return WORD.findall(text)


def setup(app):
    """Register with Sphinx."""
    app.add_config_value("words", words(app.srcdir), "env")
    app.add_transform(Entries)
    app.add_transform(PlainIds)
    app.add_search_language(Numbers)
    app.config.html_search_scorer = str(Path(__file__).with_name("scorer.js"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
