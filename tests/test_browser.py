"""What a reader meets, in a browser, on every page of the built book; and that a wrong page is noticed."""

import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

import theorems

ROOT = Path(__file__).resolve().parents[1]
HTML = Path(os.environ.get("BOOK_HTML") or ROOT / "_build" / "html")
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

KINDS = ("console", "elsewhere", "math", "images", "phone", "contrast", "print")
WORDS = yaml.safe_load((ROOT / "book" / "words.yml").read_text())
FIRST = {"4.3": "notebooks/theorem_4_3", "Theorem 4.3": "notebooks/theorem_4_3"}
FIRST |= {word: page for page, words in WORDS.items() for word in words}

MATH = """() => [...document.querySelectorAll('mjx-merror')].map(e => e.textContent).concat(
  [...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container'))
  .map(e => 'not set: ' + e.textContent.slice(0, 60)))"""
IMAGES = """() => [...document.querySelectorAll('article img')]
  .filter(i => !i.alt.trim() || !i.complete || !i.naturalWidth).map(i => i.src)"""
# At 360 px: the page keeps its width; what is wider stands in a box that says so; figures are not tiny.
PHONE = """() => {
  window.dispatchEvent(new Event('resize'));
  const found = [], root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth) found.push('page: ' + root.scrollWidth);
  for (const e of document.querySelectorAll('article table, article .wide img')) {
    if (!e.checkVisibility()) continue;  // folded: laid out when it is opened
    let box = e.parentElement;
    while (box && !['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) box = box.parentElement;
    if (box && e.scrollWidth > box.clientWidth + 1 && !box.closest('.scrolls'))
      found.push('no cue: ' + e.tagName + ' ' + e.className + ' ' + e.scrollWidth);
  }
  for (const i of document.querySelectorAll('article figure img'))
    if (i.clientWidth < Math.min(600, i.naturalWidth)) found.push('small: ' + i.src);
  return found;
}"""
# On paper (A4 without its margins): no table is cut, no contents, folded solutions.
PRINT = """() => {
  const page = document.documentElement.clientWidth, found = [];
  for (const e of document.querySelectorAll('article table, article img'))
    if (e.getBoundingClientRect().right > page + 1) found.push('cut: ' + e.className);
  for (const e of document.querySelectorAll('#jb-print-toc, .solution.dropdown > section'))
    if (e.offsetHeight) found.push('printed: ' + (e.id || e.className));
  return found;
}"""
# Without formulas and code, which have the theme's tested colours, all but one of a page's many signatures, and
# the theme's own switch between light and dark, whose icons axe takes for words.
AXE = """() => axe.run(
  {include: [['main']], exclude: [['mjx-container'], ['.highlight'], ['dl.py ~ dl.py'], ['dl.py dl.py'],
   ['.theme-switch-button']]},
  {resultTypes: ['violations'], runOnly: ['color-contrast', 'label-content-name-mismatch',
   'aria-required-children', 'image-alt', 'link-name', 'button-name']}
).then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].target))"""
SEARCH = """(word) => {
  history.replaceState(null, '', '?q=' + encodeURIComponent(word));
  const found = Search._performSearch(...Search._parseQuery(word));
  return found.length ? found.at(-1)[0] : '';
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves without a log; a browser that has seen enough may hang up."""

    def log_message(self, *args):
        pass

    def copyfile(self, source, outputfile):
        try:
            super().copyfile(source, outputfile)
        except ConnectionError:
            pass


@pytest.fixture(scope="session")
def serve():
    """Serve a folder; return its address."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def html():
    """Return the folder of the built book."""
    if not (HTML / "index.html").exists():
        pytest.skip("the book is not built, so no page was looked at: make check-book")
    return HTML


@pytest.fixture(scope="session")
def browser():
    """Start a browser."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine, so no page was looked at in a browser")
    reason = "Playwright is not installed, so no page was looked at: pip install -e '.[browser]'"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe(browser):
    place = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    return Path(place.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def look(browser, axe, base, name):
    """Load a page once and look at it wide, narrow, dark and on paper; return the faults by kind."""
    found = {kind: [] for kind in KINDS}
    page = browser.new_page(viewport={"width": 1280, "height": 800})

    def asked(request):
        if not request.url.startswith((base, "data:", "blob:")):
            found["elsewhere"].append(request.url)

    page.on("console", lambda m: found["console"].append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: found["console"].append(str(error)))
    page.on("request", asked)
    page.goto(base + name)
    page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
    found["math"], found["images"] = page.evaluate(MATH), page.evaluate(IMAGES)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.evaluate(axe)
    found["contrast"] = page.evaluate(AXE)
    page.set_viewport_size({"width": 360, "height": 800})
    found["phone"] = page.evaluate(PHONE)
    page.set_viewport_size({"width": 718, "height": 1000})
    page.emulate_media(media="print")
    found["print"] = page.evaluate(PRINT)
    page.close()
    return found


@pytest.fixture(scope="session")
def seen(html, browser, axe, serve):
    base = serve(html)
    kept = (p.relative_to(html) for p in sorted(html.rglob("*.html")))
    names = [str(p) for p in kept if not p.parts[0].startswith("_") and str(p) != "index.html"]
    assert len(names) > 20
    return {name: look(browser, axe, base, name) for name in names}


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_has_a_fault(seen, kind):
    assert {name: found[kind] for name, found in seen.items() if found[kind]} == {}


def copied(html, folder, name, change):
    """Copy one page, changed, into a folder that has what pages load."""
    for part in ("_static", "_images", "_sources"):
        (folder / part).symlink_to(html / part)
    (folder / name).parent.mkdir(exist_ok=True)
    text = (html / name).read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    (folder / name).write_text(changed, encoding="utf-8")


# What is added to a page, and a part of what is to be found then.
WRONG = {
    "console": ('<script>throw new Error("wrong")</script>', "wrong"),
    "elsewhere": ('<img alt="from elsewhere" src="http://elsewhere.invalid/x.png">', ".invalid"),
    "math": (r'<span class="math notranslate nohighlight">\(\frac{1\)</span>', ""),
    "images": ('<img src="../_static/file.png">', "file.png"),
    "phone": ('<div style="width: 900px">wide</div>', "page: "),
    "contrast": ('<p style="color: #333; background: #222">unreadable</p>', "color-contrast"),
    "print": ('<table style="width: 1000px"><tr><td>cut</td></tr></table>', "cut: "),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_page_is_noticed(html, browser, axe, serve, tmp_path, kind):
    name, (added, sign) = "notebooks/takeaways.html", WRONG[kind]
    copied(html, tmp_path, name, lambda text: text.replace("</article>", added + "</article>", 1))
    assert any(sign in fault for fault in look(browser, axe, serve(tmp_path), name)[kind])


def ranked(browser, base, words):
    """Return the page that the search puts first, for each word."""
    page = browser.new_page()
    page.goto(base + "search.html")
    page.wait_for_function("Search.hasIndex()")
    first = {word: page.evaluate(SEARCH, word) for word in words}
    page.close()
    return first


def test_search_puts_the_right_page_first(html, browser, serve):
    there = {word: page for word, page in FIRST.items() if (html / f"{page}.html").exists()}
    assert ranked(browser, serve(html), there) == there


def test_search_without_its_words_is_noticed(html, browser, serve, tmp_path):
    copied(html, tmp_path, "search.html", lambda text: text + "\n")
    index = (html / "searchindex.js").read_text(encoding="utf-8")
    head, body = index[: index.index("{")], index[index.index("{") : index.rindex("}") + 1]
    emptied = json.dumps({**json.loads(body), "indexentries": {}})
    (tmp_path / "searchindex.js").write_text(f"{head}{emptied})", encoding="utf-8")
    found = ranked(browser, serve(tmp_path), ["RLVR", "mode collapse"])
    assert all(found[word] != FIRST[word] for word in found)


def test_the_list_of_results_shows_it(html, browser, serve):
    page = browser.new_page()
    page.goto(serve(html) + "search.html?q=" + quote("4.3"))
    first = page.locator("ul.search > li > a").first
    first.wait_for()
    assert "theorem_4_3" in first.get_attribute("href")
    page.close()


def download(browser, base, name):
    """Press a page's download button; return the name under which the file arrives, and its text."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(base + name)
    page.locator(".dropdown-download-buttons > button").click()
    with page.expect_download(timeout=10_000) as waiting:
        page.locator("a.btn-download-source-button").click()
    got = waiting.value
    text = Path(got.path()).read_text(encoding="utf-8")
    page.close()
    return got.suggested_filename, text


def test_downloads_arrive_with_their_names(html, browser, serve):
    base = serve(html)
    name, text = download(browser, base, "book/glossary.html")
    assert name == "glossary.md" and text.startswith("# Glossary")
    name, text = download(browser, base, "notebooks/theorem_4_3.html")
    assert name == "theorem_4_3.ipynb"
    assert "make lab" in "".join(json.loads(text)["cells"][0]["source"])


def test_a_download_that_opens_as_text_is_noticed(html, browser, serve, tmp_path):
    name = "book/glossary.html"
    copied(html, tmp_path, name, lambda text: re.sub(r' download="glossary.md"', "", text))
    with pytest.raises(Exception, match="Timeout"):
        download(browser, serve(tmp_path), name)


def test_without_a_browser_it_is_said(said_without_a_browser):
    assert "no Chromium on this machine" in said_without_a_browser


@pytest.fixture
def said_without_a_browser(tmp_path, monkeypatch):
    """Return what the fixture says where no browser is found."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception) as skipped:
        next(browser.__wrapped__())
    return str(skipped.value)


def load_tool(name):
    """Load a script of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


walks = load_tool("walks")

# Words of an article that no one has unfolded, and of what checks printed.
LOGS = """() => [...document.querySelectorAll('article .output.stream, article pre')]
  .filter(e => e.checkVisibility() && /control REJECTED|NOT REJECTED|REJECTED  /.test(e.innerText))
  .map(e => e.innerText.slice(0, 60))"""
BOX = """() => {
  const box = document.querySelector('article .in-short'), card = box?.querySelector('details.card');
  return {box: !!box, links: box?.querySelectorAll('.where a').length, open: card?.open,
    dead: [...(box?.querySelectorAll('.where a') ?? [])].filter(a => !document.querySelector(a.hash)).length,
    line: card?.querySelector('summary').innerText ?? ''};
}"""


def opened(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address, wait_until="domcontentloaded")  # what is asked needs no formulas
    return page


def test_chapters_open_with_their_box_and_no_log(html, browser, serve, tmp_path):
    base, faults = serve(html), {}
    for theorem in theorems.ALL:
        name = f"notebooks/{theorems.stem(theorem)}.html"
        page = opened(browser, base + name)
        box, logs = page.evaluate(BOX), page.evaluate(LOGS)
        page.close()
        said = re.fullmatch(
            r"Checks: \d+ of \d+ claims passed.* \d+ wrong claims refuted", box["line"]
        )
        if not said or not box["links"] or box["open"] or box["dead"] or logs:
            faults[name] = (box, logs)
    assert faults == {}
    log = "<pre>Theorem 4.1 · exhaustive · PASS · 0 failures · control REJECTED</pre></article>"
    name = "notebooks/theorem_4_1.html"
    copied(html, tmp_path, name, lambda text: text.replace("</article>", log, 1))
    page = opened(browser, serve(tmp_path) + name)
    assert page.evaluate(LOGS)
    page.close()


def test_what_is_not_verified_shows_fewer_words_than_it_holds(html, browser, serve):
    page = opened(browser, serve(html) + "notebooks/not_verified.html")
    folded = page.evaluate(walks.WORDS)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert folded < 2500 < 5000 < page.evaluate(walks.WORDS)
    page.close()


def test_walks_are_as_they_are_told(html, browser, serve, tmp_path):
    told = json.loads(walks.TAKEN.read_text(encoding="utf-8"))
    for walk, names in walks.WALKS.items():
        took = walks.walk(browser, serve(html), names)
        assert {n: took[n] for n in names} == pytest.approx(told[walk], rel=0.25)
    name = walks.FIRST
    copied(html, tmp_path, name, lambda text: text.replace("notebooks/pictures.html", "gone.html"))
    with pytest.raises(LookupError, match="pictures"):
        walks.walk(browser, serve(tmp_path), walks.WALKS["thirty"])


SHOTS = ("book/index", "book/teach", "book/cite", *(
    f"notebooks/{name}" for name in ("pictures", "takeaways", "which_method", "not_verified",
                                     "verification_matrix", "theorem_4_3", "figure_2")
))  # fmt: skip


def test_screenshots_are_kept(html, browser, serve):
    """Ten pages as a reader meets them, in _build/screenshots, for whoever looks at the run."""
    folder, base = ROOT / "_build" / "screenshots", serve(html)
    shutil.rmtree(folder, ignore_errors=True)
    for name in SHOTS:
        page = opened(browser, f"{base}{name}.html")
        page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
        page.screenshot(path=folder / f"{Path(name).name}.png")
        page.close()
    kept = list(folder.glob("*.png"))
    assert len(kept) == 10 and all(shot.stat().st_size > 20_000 for shot in kept)


def test_pages_become_one_pdf_with_links_inside(html, browser, serve, monkeypatch):
    pytest.importorskip("pypdf", reason="pypdf is not installed, so no PDF was made")
    monkeypatch.syspath_prepend(ROOT / "tools")
    pdf, base = load_tool("pdf"), serve(html)
    assert len(pdf.order()) == len(set(pdf.order())) > 20
    parts = [
        (base + name, *pdf.printed(browser, base + name))
        for name in ("book/cite.html", "book/deviations.html")
    ]

    def inside(writer):
        links = (held.get_object() for page in writer.pages for held in page.get("/Annots") or ())
        return sum("/Dest" in link and isinstance(link["/Dest"], list) for link in links)

    both = pdf.together(parts)
    assert [entry.title for entry in both.outline] == ["Cite and reuse", parts[1][1]]
    assert inside(both) > inside(pdf.together(parts[:1]))
