"""Interactive figures: a directive that names a figure of the page, its values and its script.

```{dial} cycles
:figure: fig-dial-cycles
:values: values-cycles

What to try.
```

The script ``dial-cycles.js`` draws into the figure with that name, in place of its picture,
from the values that a cell of the page has written (``pages.values``).  Without scripts, and
in print, the picture stands.  Only pages with a dial load any of this.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

STATIC = Path(__file__).resolve().parent.parent / "_static"
logger = logging.getLogger(__name__)


class dial(nodes.General, nodes.Element):
    """Where a dial takes its name, its figure and its values from; holds what to try."""


class Dial(SphinxDirective):
    """Put a dial into a figure of this page."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "figure": directives.unchanged_required,
        "values": directives.unchanged_required,
        "title": directives.unchanged_required,
    }

    def run(self):
        """Return the dial with its content parsed.

        Raises
        ------
        docutils.parsers.rst.DirectiveError
            If it has no script, or an option is missing.
        """
        name = self.arguments[0]
        if not (STATIC / f"dial-{name}.js").exists():
            raise self.error(f"dial: {name!r} has no script book/_static/dial-{name}.js")
        for option in self.option_spec:
            if option not in self.options:
                raise self.error(f"dial: {name!r} has no :{option}:")
        node = dial(name=name, **self.options)
        self.set_source_info(node)
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def check(app, doctree, docname):
    """Warn of a dial whose figure is not on its page."""
    there = {i for figure in doctree.findall(nodes.figure) for i in figure["ids"]}
    for node in doctree.findall(dial):
        if node["figure"] not in there:
            logger.warning("dial: no figure %r on this page", node["figure"], location=node)


def load(app, pagename, templatename, context, doctree):
    """Have a page with dials, or with the map of claims, load their scripts."""
    found = sorted({node["name"] for node in doctree.findall(dial)}) if doctree else []
    if found:
        app.add_css_file("dials.css")
        for name in ("dials.js", *(f"dial-{name}.js" for name in found)):
            app.add_js_file(name)
    if 'class="claim-map"' in context.get("body", ""):
        app.add_css_file("map.css")
        app.add_js_file("map.js")


def visit(self, node):
    """Open the place that the script reads; nothing of it is seen before."""
    data = {f"data-{key}": node[key] for key in ("figure", "values", "title")}
    self.body.append(
        self.starttag(
            node, "div", CLASS="dial", hidden="hidden", **{"data-dial": node["name"]}, **data
        )
    )


def depart(self, node):
    """Close it."""
    self.body.append("</div>\n")


def skip(self, node):
    """Leave it out where there are no scripts."""
    raise nodes.SkipNode


def setup(app):
    """Register with Sphinx."""
    if not (STATIC / "dials.js").exists():
        raise ExtensionError("dials: book/_static/dials.js is missing")
    app.add_node(dial, html=(visit, depart), latex=(skip, None), text=(skip, None))
    app.add_directive("dial", Dial)
    app.connect("doctree-resolved", check)
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
