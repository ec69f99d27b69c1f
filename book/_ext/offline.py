"""Keep the pages free of anything fetched at read time.

The theme loads thebe from a content network even when its button is off; the
MathJax package copies more than the pages use.
"""

from __future__ import annotations

import shutil
from pathlib import Path

UNUSED_MATHJAX = ("a11y", "sre", "adaptors", "output/svg", "output/svg.js")


def drop_remote_scripts(app, pagename, templatename, context, doctree):
    """Remove scripts that come from another host, and all of thebe's."""

    def stays(file):
        body = str(getattr(file, "attributes", {}).get("body", ""))
        text = f"{getattr(file, 'filename', file)} {body}"
        return "://" not in text and "thebe" not in text.lower()

    context["script_files"] = [f for f in context.get("script_files", []) if stays(f)]


def prune_mathjax(app, exception):
    """Delete the parts of MathJax that no page of the book loads."""
    for name in UNUSED_MATHJAX:
        part = Path(app.outdir) / "_static" / "mathjax" / name
        if part.is_dir():
            shutil.rmtree(part)
        elif part.exists():
            part.unlink()


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", drop_remote_scripts, priority=900)
    app.connect("build-finished", prune_mathjax, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
