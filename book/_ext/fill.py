"""Fill in what only the build knows: version, commit, year, seconds; and one setting for a repository's address.

In the pages of :data:`FILLED`, ``@version@`` and its like are replaced; an unknown name stops the
build.  Each page ends with its own BibTeX entry, folded.  With ``book_repository`` set in ``_config.yml`` pages link to it and offer to run in Binder;
without it nothing of the kind is there.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.errors import ConfigError

import planlib

FILLED = ("book/cite", "book/teach")
PACE = 200  # words read in a minute
SPOKEN = 130  # words of a slide told in a minute
LECTURE = 90  # minutes
HOSTS = ("github.com", "gitlab.com", "bitbucket.org")
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
    told = {name: round(count / SPOKEN) for name, count in walks.pop("lecture").items()}
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
        **{f"told:{name}": str(minutes) for name, minutes in told.items()},
        "told:rest": str(LECTURE - sum(told.values()) - round(shown["setting"] / PACE)),
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
    """Return the theme's options with buttons that lead to a repository; as they are without one.

    Raises
    ------
    ConfigError
        If the theme has no buttons for the host.
    """
    if not address:
        return options
    if urlsplit(address).hostname not in HOSTS:
        wanted = f"book_repository: expected an address at {', '.join(HOSTS)}, got {address!r}"
        raise ConfigError(wanted)
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


# What TeX reads otherwise in a title.
TEX = str.maketrans({sign: f"\\{sign}" for sign in "&%#_$"})
ENTRY = """\
@misc{{planlib{year}:{key},
  title  = {{{title}}},
  author = {{{{The planlib authors}}}},
  year   = {{{year}}},
{url}  note   = {{A page of ``{book}'', version {version}, commit {commit}}},
}}"""


def entry(page: str, title: str, book: str, known: dict[str, str], address: str) -> str:
    """Return the BibTeX entry of one page.

    Parameters
    ----------
    page, title
        Its name, such as ``notebooks/theorem_4_3``, and its title in plain words.
    book, address
        Title of the book, and where it is published, or nothing.
    known
        Version, commit and year, see :func:`values`.
    """
    url = f"  url    = {{{address.rstrip('/')}/{page}.html}},\n" if address else ""
    plain = title.translate(TEX)
    key = page.rpartition("/")[2]
    return ENTRY.format(key=key, title=plain, book=book, url=url, **known)


def cite(app, page, template, context, doctree):
    """Put a page's own entry, folded, behind its text."""
    if doctree is None or "body" not in context:
        return
    known = {name: app.known[name] for name in ("version", "commit", "year")}
    title = html.unescape(re.sub("<[^>]+>", "", context["title"]))
    text = entry(page, title, app.config.html_title, known, app.config.html_baseurl)
    context["body"] += (
        f'<details class="cite-page"><summary>Cite this page</summary><pre>{html.escape(text)}</pre></details>'
    )


def fill(app, page, source):
    """Fill one page in before it is read."""
    if page in FILLED:
        source[0] = filled(source[0], app.known)


def configure(app, config):
    """Set the theme's buttons, and find out once what every page says of the build."""
    app.known = values(Path(app.srcdir), config.book_repository)
    config.html_theme_options = with_repository(config.html_theme_options, config.book_repository)


def setup(app):
    """Register with Sphinx."""
    app.add_config_value("book_repository", "", "env")
    app.connect("config-inited", configure)
    app.connect("source-read", fill)
    app.connect("html-page-context", cite, priority=950)  # when the body has been mended
    return {"parallel_read_safe": True, "parallel_write_safe": True}
