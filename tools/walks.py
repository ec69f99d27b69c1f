"""Walk through the built book in a browser as the page on teaching says, and write down what it took.

python tools/walks.py

needs a built book, a Chromium and Playwright.  From the first page each page of a walk is opened by
a link that can be seen there; counted are the words that it shows before anything is unfolded,
without its code.  Of the lecture the words on the slides of each chapter are counted, as
``tools/slides.py`` cuts them.  The numbers are filled into ``book/teach.md`` when the book is built.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import slides

ROOT = Path(__file__).resolve().parent.parent
TAKEN = ROOT / "tools" / "walks.json"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu")
WALKS = {
    "thirty": ("pictures", "takeaways", "which_method"),
    "evening": (
        "setting",
        "theorem_3_1",
        "theorem_4_1",
        "theorem_4_3",
        "theorem_5_2",
        "theorem_cycles",
    ),
}
LECTURE = ("theorem_4_1", "theorem_4_3", "theorem_5_1", "theorem_5_2", "theorem_cycles")
FIRST = "book/index.html"
# What is shown: innerText leaves out what is folded.
WORDS = """() => {
  const count = e => (e.innerText.match(/\\S+/g) || []).length;
  const page = document.querySelector('article');
  return [...page.querySelectorAll('.cell_input')].reduce((n, e) => n - count(e), count(page));
}"""

# Links that can be seen, with nothing unfolded.
LEADS = """() => [...document.querySelectorAll('article a[href]')]
  .filter(a => a.checkVisibility() && a.getClientRects().length).map(a => a.href)"""


def leads(page, base: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the address to which a link of the first page leads, for each name.

    Raises
    ------
    LookupError
        If the first page shows no link to one of them.
    """
    page.goto(base + FIRST)
    there, found = page.evaluate(LEADS), {}
    for name in names:
        found[name] = next((href for href in there if f"notebooks/{name}.html" in href), None)
        if found[name] is None:
            raise LookupError(f"no link to {name} is shown on {FIRST}")
    return found


def walk(browser, base: str, names: tuple[str, ...]) -> dict[str, int]:
    """Follow a link of the first page to each of them and return the words that it shows.

    Raises
    ------
    LookupError
        As :func:`leads`.
    """
    page, words = browser.new_page(viewport={"width": 1280, "height": 800}), {}
    for name, lead in leads(page, base, names).items():
        page.goto(lead)
        page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
        words[name] = page.evaluate(WORDS)
    page.close()
    return words


def lecture(pages: Path) -> dict[str, int]:
    """Return the words on the slides of each chapter of the lecture, from built pages."""
    return {
        name: slides.words(slides.slides((pages / f"{name}.html").read_text(encoding="utf-8"))[1])
        for name in LECTURE
    }


def main() -> int:
    """Do all walks and write what they took."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, NAMES)), None)
    base = (ROOT / "_build" / "html").as_uri() + "/"
    if found is None or not (ROOT / "_build" / "html" / FIRST).exists():
        sys.exit("walks: a Chromium and a built book are wanted (make check-book)")
    words = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        for name, names in WALKS.items():
            words[name] = walk(browser, base, names)
        browser.close()
    words["lecture"] = lecture(ROOT / "_build" / "html" / "notebooks")
    TAKEN.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
