"""Fill in what only the build knows: version, commit, year, seconds; and one setting for a repository's address.

In the pages of :data:`FILLED`, ``@version@`` and its like are replaced; an unknown name stops the
build.  With ``book_repository`` set in ``_config.yml`` pages link to it and offer to run in Binder;
without it nothing of the kind is there.
"""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import planlib

FILLED = ("book/cite", "book/teach")
PACE = 200  # words a minute
PLACE = re.compile(r"@([\w:]+)@")


def commit(folder: Path) -> str:
    """Return the commit that is built, or that it is not known (in a copy without history)."""
    command = ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "not known"
    return found.stdout.strip() if found.returncode == 0 else "not known"


def values(source: Path, repository: str) -> dict[str, str]:
    """Return what is filled in, by name."""
    tools = planlib.HOME / "tools"
    seconds = json.loads((tools / "seconds.json").read_text(encoding="utf-8"))
    walks = json.loads((tools / "walks.json").read_text(encoding="utf-8"))  # tools/walks.py
    shown = {walk: sum(pages.values()) for walk, pages in walks.items()}
    shown |= {name: count for pages in walks.values() for name, count in pages.items()}
    address = f"  url     = {{{repository}}},\n" if repository else ""
    return {
        "version": planlib.__version__,
        "commit": commit(source),
        "year": str(datetime.now(UTC).year),
        "url": address,
        "total": f"{sum(seconds.values()) / 60:.0f}",
        **{f"words:{name}": f"{round(count, -2):,}" for name, count in shown.items()},
        **{f"minutes:{name}": f"{count / PACE:.0f}" for name, count in shown.items()},
        **{f"seconds:{name}": str(took) for name, took in seconds.items()},
    }


def filled(text: str, known: dict[str, str]) -> str:
    """Replace each ``@name@``.

    Raises
    ------
    KeyError
        If a name is not known.
    """
    return PLACE.sub(lambda found: known[found[1]], text)


def with_repository(options: dict, address: str) -> dict:
    """Return the theme's options with buttons that lead to a repository; as they are without one."""
    if not address:
        return options
    launch = {**options.get("launch_buttons", {}), "notebook_interface": "jupyterlab"}
    launch["binderhub_url"] = "https://mybinder.org"
    return {
        **options,
        "repository_url": address,
        "repository_branch": "main",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": launch,
    }


def fill(app, page, source):
    """Fill one page in before it is read."""
    if page in FILLED:
        source[0] = filled(source[0], values(Path(app.srcdir), app.config.book_repository))


def configure(app, config):
    """Set the theme's buttons."""
    config.html_theme_options = with_repository(config.html_theme_options, config.book_repository)


def setup(app):
    """Register with Sphinx."""
    app.add_config_value("book_repository", "", "env")
    app.connect("config-inited", configure)
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
