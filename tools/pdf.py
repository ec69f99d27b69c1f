"""Print the built book into one PDF: each page by the browser, put together in the book's order.

python tools/pdf.py

Needs a built book, a Chromium, Playwright and pypdf.  Each chapter has its entry in the outline,
and links from page to page lead inside the file.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import yaml
from walks import FLAGS, NAMES

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
PAPER = {"format": "A4", "margin": dict.fromkeys(("top", "bottom", "left", "right"), "15mm")}


def order() -> list[str]:
    """Return the pages in the book's order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]


def printed(browser, address: str) -> tuple[str, bytes]:
    """Print one page when its formulas are set; return its title and its PDF."""
    page = browser.new_page()
    page.goto(address)
    page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
    title = page.locator("article h1").first.inner_text().removesuffix("#").strip()
    page.emulate_media(media="print")
    pdf = page.pdf(**PAPER)
    page.close()
    return title, pdf


def together(parts: list[tuple[str, str, bytes]]):
    """Put printed pages, as (address, title, PDF), together; links between them lead inside."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, NameObject, NumberObject

    writer, first = PdfWriter(), {}
    for address, title, pdf in parts:
        first[address] = len(writer.pages)
        writer.append(PdfReader(io.BytesIO(pdf)), import_outline=False)
        writer.add_outline_item(title=title, page_number=first[address])
    for page in writer.pages:
        for held in page.get("/Annots") or ():
            link = held.get_object()
            action = link.get("/A")
            target = str(action.get_object().get("/URI", "")).partition("#")[0] if action else ""
            if target in first:
                del link["/A"]
                place = [writer.pages[first[target]].indirect_reference, NameObject("/Fit")]
                link[NameObject("/Dest")] = ArrayObject(place)
                link[NameObject("/F")] = NumberObject(4)
    return writer


def main() -> int:
    """Print all pages, and say where the file lies."""
    try:
        import pypdf  # noqa: F401
        from playwright.sync_api import sync_playwright
    except ImportError as missing:
        sys.exit(f"pdf: {missing.name} is wanted: pip install -c constraints.txt -e '.[browser]'")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or not (HTML / "index.html").exists():
        sys.exit("pdf: a Chromium and a built book are wanted (make check-book)")
    parts, names = [], order()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        for number, name in enumerate(names, 1):
            address = (HTML / f"{name}.html").as_uri()
            parts.append((address, *printed(browser, address)))
            print(f"  {number:2} of {len(names)}  {name}", flush=True)
        browser.close()
    writer = together(parts)
    place = ROOT / "_build" / "book.pdf"
    writer.write(place)
    print(f"pdf: {len(writer.pages)} pages in {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
