"""What a link shows before one follows it: a theorem's statement, a figure, a claim, a word's meaning.

Taken from the pages as they are built, and from the records for claims, into one script that a
page loads when the first link asks for it; no request leaves the book.  A link to a chapter shows
its first statement, or its first figure.  Words of the glossary become links where a page first uses them.

sphinx-tippy was looked at first: its tips do not close by Escape, and it ships two libraries
and a copy of the tips for every page.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

from bs4 import BeautifulSoup, SoupStrainer
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

import theorems
from planlib import evidence, plots

GLOSSARY = "book/glossary"
STATEMENTS = {"theorem", "proposition", "lemma", "corollary", "definition", "conjecture"}
WANTED = {
    'class="proof': SoupStrainer("div", class_=re.compile(r"\bproof\b")),
    "<figure": SoupStrainer("figure", id=True),
    "glossary": SoupStrainer("dl", class_=re.compile(r"\bglossary\b")),
}
# Words of the glossary that mostly stand for what they mean elsewhere.
COMMON = {"judge", "place", "problem", "record", "selection", "study"}
TERM = re.compile(r"^(?!\s|```)(\S.*)$", re.MULTILINE)
LINK = re.compile(r'(?<!class="headerlink" )href="([^"]+)"')
# Where a word stays as it is: links of their own, headings, what is code or a formula.
LEFT = (nodes.reference, addnodes.pending_xref, nodes.title, nodes.literal, nodes.literal_block)
LEFT += (nodes.math, nodes.caption, nodes.raw, nodes.table)


def terms(source):
    """Return the words of the glossary that are linked, the longest first."""
    text = (Path(source) / f"{GLOSSARY}.md").read_text(encoding="utf-8")
    inside = text.split("```{glossary}", 1)[1].split("\n```", 1)[0]
    return sorted(set(TERM.findall(inside)) - COMMON, key=len, reverse=True)


class Words(SphinxTransform):
    """Link each word of the glossary to it, where a page first uses it."""

    default_priority = 760  # after quotes have been made round

    def apply(self, **kwargs):
        """Look through the paragraphs for the words not seen yet."""
        page = self.env.docname
        if not page.startswith("notebooks/"):
            return
        left = {
            # A name keeps its capitals; any other word may begin a sentence, or be many.
            term: re.compile(
                rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", 0 if term[0].isupper() else re.I
            )
            for term in self.config.glossary_words
        }
        for paragraph in list(self.document.findall(nodes.paragraph)):
            if self._stays(paragraph):
                continue
            for text in list(paragraph.findall(nodes.Text)):
                if not self._stays(text):
                    self._link(text, left)

    def _stays(self, node):
        while node is not None:
            if isinstance(node, LEFT):
                return True
            node = node.parent
        return False

    def _link(self, text, left):
        """Cut a text at the words that are left; each is taken off the list."""
        found, plain = [], str(text)
        for term, pattern in list(left.items()):
            match = pattern.search(plain)
            if match and not any(a < match.end() and match.start() < b for a, b, _ in found):
                found.append((*match.span(), term))
                del left[term]
        if not found:
            return
        parts, at = [], 0
        for begin, end, term in sorted(found):
            word = nodes.inline("", plain[begin:end], classes=["xref", "std", "std-term"])
            parts += [nodes.Text(plain[at:begin])] if begin > at else []
            parts.append(
                addnodes.pending_xref(
                    "", word, refdomain="std", reftype="term", reftarget=term,
                    refexplicit=True, refwarn=True, refdoc=self.env.docname,
                )
            )  # fmt: skip
            at = end
        text.parent.replace(text, [*parts, nodes.Text(plain[at:])] if plain[at:] else parts)


def plain(part, page):
    """Write a part of a page so that it can stand on another: without ids, links or scripts."""
    for gone in part.select(".headerlink, script, .copybtn, .toggle-button, .dial"):
        gone.decompose()
    for link in part.select("a"):
        link.unwrap()
    for image in part.select("img"):
        image["data-src"], image["alt"] = urljoin(page, image["src"]), ""  # its caption is there
        del image["src"]
    for node in (part, *part.select("[id]")):
        del node["id"]
    return part


def of_page(page, body):
    """Return what a page offers: statements, figures and words by their addresses."""
    parts = []
    for sign, only in WANTED.items():  # most pages have not all of them, and parsing takes long
        if sign in body:
            parts += BeautifulSoup(body, "html.parser", parse_only=only).find_all(recursive=False)
    offered = {}
    for part in parts:
        where = f"{page}#{part.get('id')}"
        kinds = set(part.get("class", []))
        if part.name == "dl":
            for word in part.select("dt[id]"):
                where, meaning = f"{page}#{word['id']}", word.find_next_sibling("dd")
                word = plain(word, page).get_text()
                offered[where] = f"<p><strong>{html.escape(word)}</strong></p>" + (
                    plain(meaning, page).decode_contents()
                )
        elif part.name == "figure":
            image, caption = part.find("img"), part.find("figcaption")
            if image and caption:
                shown = f"{plain(part, page).find('img')}{caption.decode_contents()}"
                offered[where] = shown
        elif kinds & STATEMENTS:
            offered[where] = plain(part, page).decode_contents()
            offered.setdefault(page, offered[where])
    # A page without a statement shows its first figure.
    figures = (where for where in offered if where.startswith(f"{page}#fig-"))
    if page not in offered and (first := next(figures, None)):
        offered[page] = offered[first]
    return offered


def of_records():
    """Return what each claim says and came to, by its address."""
    offered = {}
    for r in evidence.load():
        figure = f"<p>{html.escape(r.figure)}</p>" if r.figure else ""
        offered[f"{_page(theorems.stem(r.theorem))}#{r.cell}"] = (
            f"<p><strong>{html.escape(r.claim)}</strong>, {html.escape(r.rung)} {plots.verdict(r.shown)}</p>"
            f"<p>{html.escape(r.title)}</p>{figure}"
        )
    return offered


def _page(stem):
    return f"notebooks/{stem}.html"


def gather(app, pagename, templatename, context, doctree):
    """Keep what a page offers, and to where it links."""
    if doctree is None or app.builder.format != "html":
        return
    page, body = f"{pagename}.html", context.get("body", "")
    app.env.tips.update(of_page(page, body))
    for link in LINK.findall(body):
        if "://" not in link and not link.startswith("mailto:"):
            address = urljoin(page, html.unescape(link))
            app.env.linked.add(unquote(address if urldefrag(address)[0] else page + address))


def begin(app):
    """Start with nothing: every build of the book writes all its pages."""
    app.env.tips, app.env.linked = {}, set()


def write(app, exception):
    """Write those that some page links to."""
    if exception or app.builder.format != "html":
        return
    offered = of_records() | app.env.tips
    kept = {where: offered[where] for where in sorted(offered) if where in app.env.linked}
    text = json.dumps(kept, ensure_ascii=False, indent=0)
    Path(app.outdir, "_static", "tips.js").write_text(f"window.tips = {text};\n", encoding="utf-8")


def setup(app):
    """Register with Sphinx."""
    app.add_config_value("glossary_words", terms(app.srcdir), "env")
    app.add_transform(Words)
    app.connect("builder-inited", begin)
    app.connect("html-page-context", gather, priority=800)
    app.connect("build-finished", write)
    app.add_css_file("hover.css")
    app.add_js_file("hover.js", loading_method="defer")
    # Pages written by other processes would not hand over what they offer.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
