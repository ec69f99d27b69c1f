"""Walk through the built book in a browser as the page on teaching says, and write down what it took.

python tools/walks.py

needs a built book, a Chromium and Playwright.  From the first page each page of a walk is opened by
a link that can be seen there; counted are the words that it shows before anything is unfolded,
without its code.  The numbers are filled into ``book/teach.md`` when the book is built.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAKEN = ROOT / "tools" / "walks.json"
NAMES = ("chromium", "chromium-browser", "google-chrome")
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
FIRST = "book/index.html"
# What is shown: innerText leaves out what is folded.
WORDS = """() => {
  const count = e => (e.innerText.match(/\\S+/g) || []).length;
  const page = document.querySelector('article');
  return [...page.querySelectorAll('.cell_input')].reduce((n, e) => n - count(e), count(page));
}"""


def walk(browser, base: str, names: tuple[str, ...]) -> dict[str, int]:
    """Open each page from the first one and return the words that it shows.

    Raises
    ------
    LookupError
        If the first page shows no link to one of them.
    """
    page, words = browser.new_page(viewport={"width": 1280, "height": 900}), {}
    for name in names:
        page.goto(base + FIRST)
        links = page.locator(f"article a[href*='notebooks/{name}.html']")
        seen = [k for k in range(links.count()) if links.nth(k).is_visible()]
        if not seen:
            raise LookupError(f"no link to {name} is shown on {FIRST}")
        links.nth(seen[0]).click()
        page.wait_for_load_state()
        page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
        words[name] = page.evaluate(WORDS)
    page.close()
    return words


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
    TAKEN.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
