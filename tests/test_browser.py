"""What a reader meets, in a browser, on every page of the built book; and that a wrong page is noticed."""

import functools
import http.server
import importlib.util
import itertools
import json
import os
import random
import re
import shutil
import statistics
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import yaml

import theorems
from planlib import evidence, exact
from theorems import three_answers

ROOT = Path(__file__).resolve().parents[1]
HTML = Path(os.environ.get("BOOK_HTML") or ROOT / "_build" / "html")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def load_tool(name):
    """Load a script of tools/, which finds the others beside it."""
    sys.path.insert(0, str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return module


walks = load_tool("walks")
TOLD = json.loads(walks.TAKEN.read_text(encoding="utf-8"))
SHOWN_WORDS = {n: w for walk in walks.WALKS for n, w in TOLD[walk].items()}
KINDS = (
    "console", "elsewhere", "math", "images", "opening", "words", "phone", "contrast", "print",
)  # fmt: skip
# Ten pages as a reader meets them, for whoever looks at the run.
SHOTS = ROOT / "_build" / "screenshots"
PICTURED = ("book/index", "book/teach", "book/cite", *(
    f"notebooks/{name}" for name in ("pictures", "takeaways", "which_method", "not_verified",
                                     "verification_matrix", "theorem_4_3", "figure_2")
))  # fmt: skip
CHAPTERS = [f"notebooks/{theorems.stem(theorem)}.html" for theorem in theorems.ALL]
WORDS = yaml.safe_load((ROOT / "book" / "words.yml").read_text())
FIRST = {"4.3": "notebooks/theorem_4_3", "Theorem 4.3": "notebooks/theorem_4_3"}
FIRST |= {word: page for page, words in WORDS.items() for word in words}

MATH = """() => [...document.querySelectorAll('mjx-merror')].map(e => e.textContent).concat(
  [...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container'))
  .map(e => 'not set: ' + e.textContent.slice(0, 60)))"""
IMAGES = """() => [...document.querySelectorAll('article img')]
  .filter(i => !i.alt.trim() || !i.closest('.panels') && (!i.complete || !i.naturalWidth)).map(i => i.src)"""
# Words of an article that no one has unfolded, and of what checks printed.
LOGS = """() => [...document.querySelectorAll('article .output.stream, article pre')]
  .filter(e => e.checkVisibility() && /control REJECTED|NOT REJECTED|REJECTED  /.test(e.innerText))
  .map(e => 'log: ' + e.innerText.slice(0, 60))"""
BOX = """() => {
  const box = document.querySelector('article .in-short'), card = box?.querySelector('details.card');
  return {box: !!box, links: box?.querySelectorAll('.where a').length, open: card?.open,
    dead: [...(box?.querySelectorAll('.where a') ?? [])].filter(a => !document.querySelector(a.hash)).length,
    line: card?.querySelector('summary').innerText ?? ''};
}"""
TALLY = re.compile(r"Checks: \d+ of \d+ claims passed.* \d+ wrong claims refuted")
# At 360 px: the page keeps its width; what is wider stands in a box that says so; figures are not tiny.
PHONE = """async () => {
  const found = [], root = document.scrollingElement;
  for (const i of document.querySelectorAll('article figure img')) {
    if (!i.offsetParent) continue;
    i.loading = 'eager';  // a panel is loaded when it is come to
    const there = await i.decode().then(() => true, () => false);
    if (!there) found.push('missing: ' + i.src);
    const least = i.naturalWidth / 2;
    if (i.clientWidth < least) found.push('small: ' + i.src);
  }
  window.dispatchEvent(new Event('resize'));
  if (root.scrollWidth > root.clientWidth) found.push('page: ' + root.scrollWidth);
  for (const e of document.querySelectorAll('article table, article .wide img')) {
    if (!e.checkVisibility()) continue;  // folded: laid out when it is opened
    let box = e.parentElement;
    while (box && !['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) box = box.parentElement;
    if (box && e.scrollWidth > box.clientWidth + 1 && !box.closest('.scrolls'))
      found.push('no cue: ' + e.tagName + ' ' + e.className + ' ' + e.scrollWidth);
  }
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
# the theme's own switch between light and dark, whose icons axe takes for words.  What is left out is
# taken off the page first: axe reads all of it, nine nodes of ten, before it leaves anything out.  Of a long
# list or table the first rows stand for the others; what lies folded axe passes over.
SPARE = """() => {
  const out = 'mjx-container, .highlight, dl.py ~ dl.py, dl.py dl.py, .claim-map section ~ section,'
    + 'li:nth-of-type(n+12), tr:nth-of-type(n+12), details:not([open]) > :not(summary)';
  document.querySelectorAll(out).forEach(e => e.replaceChildren());
}"""
AXE = """() => {
  return axe.run(
    {include: [['main']], exclude: [['mjx-container'], ['.highlight'], ['dl.py ~ dl.py'], ['dl.py dl.py'],
     ['.theme-switch-button']]},
    {preload: false, resultTypes: ['violations'], runOnly: ['color-contrast', 'label-content-name-mismatch',
     'aria-required-children', 'image-alt', 'link-name', 'button-name']}
  ).then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].target));
}"""
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
    servers = {}

    def start(folder):
        if folder not in servers:
            handler = functools.partial(Quiet, directory=str(folder))
            servers[folder] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(
                target=servers[folder].serve_forever, args=(0.05,), daemon=True
            ).start()
        return f"http://127.0.0.1:{servers[folder].server_port}/"

    yield start
    for server in servers.values():
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
    found = next(filter(None, map(shutil.which, walks.NAMES)), None)
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
    """Load a page once and look at it wide, narrow, on paper and dark; return the faults by kind.

    Its screenshot is kept where it is one of the ten.
    """
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
    if name in CHAPTERS:  # opens with its box, and what checks printed is folded
        box, found["opening"] = page.evaluate(BOX), page.evaluate(LOGS)
        if not TALLY.fullmatch(box["line"]) or not box["links"] or box["open"] or box["dead"]:
            found["opening"].append(f"no box: {box}")
    if Path(name).stem in SHOWN_WORDS:  # as many as a walk tells of
        words, told = page.evaluate(walks.WORDS), SHOWN_WORDS[Path(name).stem]
        if words != pytest.approx(told, rel=0.25):
            found["words"].append(f"words: {words}, told {told}")
    if name.removesuffix(".html") in PICTURED:
        page.screenshot(path=SHOTS / f"{Path(name).stem}.png")
    page.set_viewport_size({"width": 360, "height": 800})
    found["phone"] = page.evaluate(PHONE)
    page.set_viewport_size({"width": 718, "height": 1000})
    page.emulate_media(media="print")
    found["print"] = page.evaluate(PRINT)
    page.evaluate(SPARE)
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.evaluate(axe)
    found["contrast"] = page.evaluate(AXE)
    page.close()
    return found


def built():
    """Name every page of the built book, or one that is not there."""
    kept = (p.relative_to(HTML) for p in sorted(HTML.rglob("*.html")))
    names = [str(p) for p in kept if not p.parts[0].startswith("_") and str(p) != "index.html"]
    assert not names or len(names) > 20
    return names or ["no page is built"]


@pytest.mark.parametrize("name", built())
def test_a_page_has_no_fault(html, browser, axe, serve, name):
    found = look(browser, axe, serve(html), name)
    assert {kind: faults for kind, faults in found.items() if faults} == {}
    if name.removesuffix(".html") in PICTURED:
        assert (SHOTS / f"{Path(name).stem}.png").stat().st_size > 20_000


def test_no_page_that_is_asked_for_by_name_is_missing(html):
    assert {f"{name}.html" for name in PICTURED} | set(CHAPTERS) <= set(built())
    assert len(PICTURED) == 10


def visited(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.route("**/mathjax/**", lambda route: route.abort())  # what is asked needs no formulas
    page.goto(address, wait_until="domcontentloaded")
    return page


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
    "opening": ("<pre>Theorem 4.1 · exhaustive · 0 failures · control REJECTED</pre>", "log: "),
    "words": ("<p>" + "more " * 2500 + "</p>", "words: "),
    "phone": ('<div style="width: 900px">wide</div>', "page: "),
    "contrast": ('<p style="color: #333; background: #222">unreadable</p>', "color-contrast"),
    "print": ('<table style="width: 1000px"><tr><td>cut</td></tr></table>', "cut: "),
}


def test_what_is_wrong_on_a_page_is_noticed(html, browser, axe, serve, tmp_path):
    name, added = "notebooks/theorem_4_1.html", "".join(part for part, _ in WRONG.values())
    copied(html, tmp_path, name, lambda text: text.replace("</article>", added + "</article>", 1))
    found = look(browser, axe, serve(tmp_path), name)
    assert [
        kind for kind, (_, sign) in WRONG.items() if not any(sign in f for f in found[kind])
    ] == []
    assert list(WRONG) == list(KINDS)  # each kind has its wrong page


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
    page = visited(browser, base + name)
    page.locator(".dropdown-download-buttons > button").click()
    with page.expect_download(timeout=4_000) as waiting:
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


# --- the dials' own arithmetic, without a page ---------------------------------------------------

STATIC = ROOT / "book" / "_static"
SWEEPS = 4
# Every start of the list on every graph of three nodes, toward each target: the tables of the first
# sweeps; whether V was found to settle; whether part (e) says so.
EVERY_GRAPH = """(text) => { const [graphs, starts, sweeps] = JSON.parse(text); return JSON.stringify(graphs.map(graph => [0, 1, 2].map(target => starts.map(table => {
  const {bellman, broken, ends} = dials.cycles, tables = [table];
  for (let h = 0; h < sweeps; h++) tables.push(bellman(graph, tables[h], target));
  const start = table.map((row, j) => j === target ? 0 : Math.max(...row));
  let found = "lost";
  try { found = ends(graph, start, target).found; } catch (error) { /* for ever on */ }
  return [tables.slice(1), found, broken(graph, start, target) === null];
}))))}"""
GRAPHS = [
    [list(bits[0:3]), list(bits[3:6]), list(bits[6:9])]
    for bits in itertools.product((0, 1), repeat=9)
]


def scripted(browser, name, change=lambda text: text):
    """Return an empty page with a dial's script and the shared one, as the book ships them."""
    page = browser.new_page()
    for script in ("dials.js", f"dial-{name}.js"):
        text = (STATIC / script).read_text(encoding="utf-8")
        page.add_script_tag(content=change(text) if script != "dials.js" else text)
    return page


def sweeps_that_differ(page, graphs=GRAPHS):
    """Return on how many graphs, targets and starts the page's sweeps or verdicts are not Python's."""
    rng = random.Random(17)
    starts = [[[quarters / 4] * 3] * 3 for quarters in (-4, 0, 2, 8)]
    starts += [[[rng.randrange(-4, 11) / 4 for _ in "012"] for _ in "012"] for _ in range(4)]
    # As one text: the browser's own way of handing over many small lists is slow.
    text = page.evaluate(EVERY_GRAPH, json.dumps([graphs, starts, SWEEPS]))
    found, differ = json.loads(text), 0
    for graph, by_target in zip(graphs, found, strict=True):
        for target, by_start in enumerate(by_target):
            alive, lead = exact.reaches(graph, target), exact.leads(graph, target)
            cyclic, off = exact.on_cycle(graph, target), [j for j in range(3) if j != target]
            for table, (tables, settles, foretold) in zip(starts, by_start, strict=True):
                now, best = table, [max(row) for row in table]
                wanted = []
                for h in range(12):  # long enough for a high value to come down or to stay
                    now = exact.bellman(graph, now, target)
                    wanted += [now] if h < SWEEPS else []
                ends = all(max(now[j]) == alive[j] for j in off)
                says = all(
                    best[e] <= alive[c] + (not lead[c][e]) for c in off if cyclic[c] for e in off
                )
                differ += (tables, settles, foretold) != (wanted, ends, says)
    return differ


def test_the_page_sweeps_as_exact_does_on_every_graph_of_three_nodes(browser):
    page = scripted(browser, "cycles")
    assert len(GRAPHS) == 512 and sweeps_that_differ(page) == 0
    page.close()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Math.max(...row)", "Math.min(...row)"),
        ("adjacency[j][k] - 1 +", "adjacency[j][k] +"),
        ("alive[c] + !lead[c][e]", "alive[c]"),
    ],
)
def test_a_script_with_a_mistake_is_noticed(browser, right, wrong):
    text = (STATIC / "dial-cycles.js").read_text(encoding="utf-8")
    assert right in text
    page = scripted(browser, "cycles", lambda text: text.replace(right, wrong))
    assert sweeps_that_differ(page, GRAPHS[::8]) > 10
    page.close()


MEANS = "([setting, seeds]) => seeds.map(seed => dials.simplex.simulate({...setting, seed}).means)"


def off_the_law(page, law, seeds=range(12)):
    """Return the largest distance of the page's mean divergence from a law, in standard errors over seeds."""
    setting = {"copies": 150, "updates": 320, "batch": 4, "step": 0.25}
    runs = page.evaluate(MEANS, [setting, list(seeds)])
    found = []
    for t in (80, 320):
        values = [means[t] for means in runs]
        error = statistics.stdev(values) / len(values) ** 0.5
        found.append(abs(statistics.mean(values) - law(t * 0.25**2 / 4)) / error)
    return max(found)


def test_the_copies_on_the_simplex_follow_the_law(browser):
    page = scripted(browser, "simplex")
    times, means = three_answers.mean_divergence(8)
    assert off_the_law(page, lambda tau: np.interp(tau, times, means)) < 4
    # The rival: the leading term of the first update for ever.
    assert off_the_law(page, three_answers.initial_speed) > 8
    kept = {"times": times.tolist(), "means": means.tolist()}
    for tau in (0.1, 3.3):
        shown = page.evaluate("([law, tau]) => dials.simplex.lawAt(law, tau)", [kept, tau])
        assert shown == pytest.approx(np.interp(tau, times, means), rel=1e-9)
    page.close()


@pytest.mark.parametrize(
    ("right", "wrong"), [("step * (first", "1.5 * step * (first"), ("(u < p)", "(u < 0.4)")]
)
def test_copies_with_a_mistake_leave_the_law(browser, right, wrong):
    assert right in (STATIC / "dial-simplex.js").read_text(encoding="utf-8")
    page = scripted(browser, "simplex", lambda text: text.replace(right, wrong))
    assert off_the_law(page, lambda tau: np.interp(tau, *three_answers.mean_divergence(8))) > 8
    page.close()


# --- the dials on their pages ---------------------------------------------------------------------

VALUES = "id => JSON.parse(document.getElementById(id).textContent)"
IMAGES_OFF = """({base, solutions, rows}) => solutions.map(at => {
  const after = dials.lambda.image(base.policy, at.credit, at.lambda);
  return Math.max(...rows.flatMap(j => after[j].map((v, k) => Math.abs(v - at.policy[j][k]))));
})"""


@pytest.mark.parametrize(("wrong", "is_right"), [("", True), ("/ lambda", False)])
def test_the_stored_solutions_are_their_own_images(html, browser, serve, wrong, is_right):
    page = visited(browser, serve(html) + "notebooks/theorem_4_4.html")
    values = page.evaluate(VALUES, "values-lambda")
    page.close()
    # Far from the base, so that to be one's own image says something.
    assert min(s["success"] for s in values["solutions"][-4:]) > values["base"]["success"] + 0.2
    page = scripted(
        browser, "lambda", lambda text: text.replace(wrong, "* lambda") if wrong else text
    )
    off = page.evaluate(IMAGES_OFF, values)
    assert (max(off) < 1e-3) == is_right
    page.close()


DIALS = {"cycles": "theorem_cycles", "simplex": "theorem_4_3", "lambda": "theorem_4_4"}
SERIOUS = """(part) => axe.run(part, {resultTypes: ['violations']}).then(r => r.violations
  .filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes[0].target))"""


# The same page with nothing but the dial and what it lies in: axe reads all of a page first.
ALONE = """(part) => {
  for (let e = document.querySelector(part); e !== document.body; e = e.parentElement)
    for (const other of [...e.parentElement.children]) if (other !== e) other.remove();
}"""


def opened(browser, base, name, script="", change=None):
    """Open a page on a phone; with one of its scripts changed, if that is asked for."""
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.set_default_timeout(4000)
    if change:
        text = change((STATIC / script).read_text(encoding="utf-8"))
        kind = "text/css" if script.endswith("css") else "text/javascript"
        answer = {"content_type": kind, "body": text}
        page.route(f"**/{script}*", lambda route: route.fulfill(**answer))
    page.route("**/mathjax/**", lambda route: route.abort())  # formulas are looked at elsewhere
    page.goto(base + f"notebooks/{name}.html", wait_until="domcontentloaded", timeout=30_000)
    return page


def dial_faults(page, name, axe):
    """Work a dial by mouse and by key; return what does not answer, and what axe finds grave."""
    dial = page.locator(f"#fig-dial-{name} .dial-live")
    if not dial.count():
        return ["no dial"]
    says, drawn = dial.locator("[role=status]"), dial.locator("svg[aria-label]").first
    found = []

    def moves(how, act, what):
        before = what()
        act()
        if what() == before:
            found.append(f"{name}: nothing moves by {how}")

    label, text = lambda: drawn.get_attribute("aria-label"), says.text_content
    if name == "cycles":
        cell = dial.get_by_role("button", name="edge from 1 to 0")
        assert text().startswith("Stuck")
        moves("mouse", cell.click, text)
        assert text().startswith("Right") or found
        moves("key", lambda: cell.press("Space"), text)
        cell.press("ArrowRight")
        moves("arrow and key", lambda: page.keyboard.press("Enter"), label)
    slider = dial.get_by_role("slider").first
    moves("key on the slider", lambda: slider.press("ArrowRight"), label)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    spot = {"x": box["width"] * 0.8, "y": box["height"] / 2}
    moves("mouse on the slider", lambda: slider.click(position=spot), label)
    wide = page.evaluate("document.scrollingElement.scrollWidth")
    part = f"#fig-dial-{name} .dial-live"
    page.evaluate(ALONE, f"#fig-dial-{name}")
    page.evaluate(axe)
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        found += page.evaluate(SERIOUS, part)
    return found + ([f"wide: {wide}"] if wide > 360 else [])


def pictured(page, name):
    """Return whether the figure's picture is seen, and whether its dial is."""
    page.wait_for_load_state()  # a picture that has not arrived has no size, and is not seen
    figure = page.locator(f"#fig-dial-{name}")
    return figure.locator("img").is_visible(), figure.locator(".dial-live").is_visible()


@pytest.mark.parametrize("name", DIALS)
def test_a_dial_moves_by_mouse_and_key_and_gives_way_on_paper(html, browser, axe, serve, name):
    page = opened(browser, serve(html), DIALS[name])
    assert pictured(page, name) == (False, True)
    assert dial_faults(page, name, axe) == []
    page.emulate_media(media="print")
    assert pictured(page, name) == (True, False)
    page.close()
    page = browser.new_page(java_script_enabled=False)
    page.goto(serve(html) + f"notebooks/{DIALS[name]}.html")
    assert pictured(page, name) == (True, False)
    page.close()


WRONG_DIALS = {
    "moves": ("dials.js", 'addEventListener("input"', 'addEventListener("never"', "nothing moves"),
    "label": ("dials.js", "make(\"label\", { class: \"dial-slider\" }", 'make("div", {}', "label: "),
    "absent": ("dial-simplex.js", "const build", "throw 0; const build", "no dial"),
    "wide": ("dials.css", "min-width: 6rem", "min-width: 60rem; flex-shrink: 0", "wide: "),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_DIALS)
def test_a_dial_that_does_not_work_is_noticed(html, browser, axe, serve, kind):
    script, right, wrong, sign = WRONG_DIALS[kind]
    assert right in (STATIC / script).read_text(encoding="utf-8")
    change = lambda text: text.replace(right, wrong)  # noqa: E731
    page = opened(browser, serve(html), DIALS["simplex"], script, change)
    assert any(sign in fault for fault in dial_faults(page, "simplex", axe))
    page.close()


# --- what links show before they are followed -----------------------------------------------------

# The page, a link of it, and what it shows: a part of the file that it leads to.
HOVERED = {
    "statement": ("theorem_cycles", "theorem_5_2.html", "theorem_5_2"),
    "claim": ("verification_matrix", "theorem_4_3.html#check-4-3-fan", "theorem_4_3"),
    "word": ("theorem_4_3", "../book/glossary.html#term-policy", "../book/glossary"),
    "figure": ("theorem_cycles", "figure_3.html", "figure_3"),
}
TIP = """() => { const tip = document.querySelector('[role=tooltip]'); return tip && {
  text: tip.innerText, math: tip.querySelectorAll('.math').length,
  set: tip.querySelectorAll('mjx-container').length, image: tip.querySelector('img')?.naturalWidth,
  left: tip.getBoundingClientRect().left, right: tip.getBoundingClientRect().right,
  named: document.querySelectorAll(`article a[aria-describedby="${tip.id}"]`).length};}"""


def hover_faults(page, href, part, wait):
    """Point at a link, and come to it by key; return what is amiss in what it shows in so many milliseconds."""
    link, found = page.locator(f'article a[href="{href}"]:not(.headerlink)').first, []

    def gone(how):
        try:
            page.wait_for_selector("[role=tooltip]", state="detached", timeout=1500)
        except Exception:
            found.append(f"stays: {how}")

    def leave():
        page.mouse.move(1, 1)
        link.evaluate("a => a.blur()")

    for how, act in (("pointer", link.hover), ("key", link.focus)):
        leave()
        gone("pointer away")
        page.keyboard.press("Shift")  # whoever uses keys sees where the focus is
        link.scroll_into_view_if_needed()
        act()
        try:
            page.wait_for_selector("[role=tooltip]", timeout=wait)
            page.evaluate("window.MathJax?.startup?.promise?.then(() => null)")
            page.wait_for_timeout(300)
            tip = page.evaluate(TIP)
        except Exception:
            found.append(f"nothing shown by {how}")
            continue
        words = re.findall("[A-Za-z]{5,}", tip["text"])[:12]
        if not words or any(word not in part for word in words):
            found.append(f"not of that page: {words}")
        if tip["math"] != tip["set"] or tip["image"] == 0:
            found.append("a formula or a picture is missing")
        if tip["named"] != 1:
            found.append("the link does not name what describes it")
        if tip["left"] < 0 or tip["right"] > page.viewport_size["width"]:
            found.append("wider than the page")
        page.keyboard.press("Escape")
        gone("Escape")
        if link.get_attribute("aria-describedby"):
            found.append("names what is gone")
    return found


def hovering(html, browser, serve, kind, width, script="", change=None):
    """Return the faults of one link, and the page."""
    name, href, target = HOVERED[kind]
    page = browser.new_page(viewport={"width": width, "height": 800})
    if change:
        text = change((html / "_static" / script).read_text(encoding="utf-8"))
        kind = "text/css" if script.endswith("css") else "text/javascript"
        answer = {"content_type": kind, "body": text}
        page.route(f"**/{script}*", lambda route: route.fulfill(**answer))
    page.goto(serve(html) + f"notebooks/{name}.html")
    page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
    part = (html / "notebooks" / f"{target}.html").resolve().read_text(encoding="utf-8")
    return hover_faults(page, href, part, 1000 if change else 3000), page


@pytest.mark.parametrize("kind", HOVERED)
def test_a_link_shows_where_it_leads(html, browser, axe, serve, kind):
    faults, page = hovering(html, browser, serve, kind, 360 if kind == "claim" else 1280)
    assert faults == []
    page.locator(f'article a[href="{HOVERED[kind][1]}"]:not(.headerlink)').first.hover()
    page.wait_for_selector("[role=tooltip]")
    page.evaluate("""() => { const tip = document.querySelector('[role=tooltip]'),
      main = document.createElement('main'); main.append(tip.cloneNode(true)); document.body.replaceChildren(main); }""")
    page.evaluate(axe)
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.evaluate(SERIOUS, "[role=tooltip]") == []
    page.close()


WRONG_TIPS = {
    "tips.js": ("window.tips =", "window.none =", "nothing shown by key"),
    "hover.js": ('"Escape"', '"Never"', "stays: Escape"),
    "hover.css": (
        "min(34rem, calc(100vw - 1rem))",
        "none; min-width: 50rem",
        "wider than the page",
    ),
}


@pytest.mark.parametrize("script", WRONG_TIPS)
def test_a_link_that_does_not_show_it_is_noticed(html, browser, serve, script):
    right, wrong, sign = WRONG_TIPS[script]
    assert right in (html / "_static" / script).read_text(encoding="utf-8")
    faults, page = hovering(
        html, browser, serve, "claim", 360, script, lambda text: text.replace(right, wrong)
    )
    assert sign in faults
    page.close()


# --- the map of claims ----------------------------------------------------------------------------

SHOWN = (
    "[...document.querySelectorAll('.claim-map [data-rung]')].filter(e => e.offsetParent).length"
)


def map_faults(page):
    """Narrow the map by rung and verdict, with the keyboard too; return what does not fit the records."""
    records, found = evidence.load(), []

    def expect(wanted, how):
        seen, says = page.evaluate(SHOWN), page.locator(".map-says").text_content()
        if seen != wanted or says != f"{wanted} of {len(records)} claims":
            found.append(f"{how}: {seen} seen, {wanted} there, {says}")

    expect(len(records), "all")
    rung, verdict = page.get_by_label("rung"), page.get_by_label("verdict")
    rung.select_option("statistical")
    expect(sum(r.rung == "statistical" for r in records), "rung")
    verdict.select_option("PASS")
    expect(sum(r.rung == "statistical" and r.shown == "PASS" for r in records), "both")
    rung.focus()
    page.keyboard.press("Home")
    expect(sum(r.shown == "PASS" for r in records), "verdict, by key")
    wide = page.evaluate("document.scrollingElement.scrollWidth")
    return found + ([f"wide: {wide}"] if wide > 360 else [])


def test_the_map_is_narrowed_by_rung_and_verdict(html, browser, axe, serve):
    page = opened(browser, serve(html), "map")
    assert map_faults(page) == []
    # A few claims stand for all.
    page.evaluate(
        "document.querySelectorAll('.claim-map section ~ section').forEach(e => e.remove())"
    )
    page.evaluate(ALONE, ".claim-map")
    page.evaluate(axe)
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.evaluate(SERIOUS, ".claim-map") == []
    page.close()


def test_a_map_that_hides_nothing_is_noticed(html, browser, serve):
    change = lambda text: text.replace("claim.hidden =", "claim.title =")  # noqa: E731
    page = opened(browser, serve(html), "map", "map.js", change)
    assert any(fault.startswith("both") for fault in map_faults(page))
    page.close()


# --- what cells print ------------------------------------------------------------------------------

PRINTED = """() => [...document.querySelectorAll('.cell_output .output.stream pre')].map(e => ({
  text: e.textContent, columns: e.matches('.columns'), marked: e.matches('.scrolls'),
  wide: e.scrollWidth > e.clientWidth + 1, indented: e.querySelectorAll('.line').length,
  rows: Math.round((e.clientHeight - 2 * parseFloat(getComputedStyle(e).paddingTop)) / parseFloat(getComputedStyle(e).lineHeight)) }))"""


def printed_faults(page, name):
    """What a page shows of what its cells print that is not as it was printed, or broken where it has columns."""
    page.wait_for_load_state()
    shown, found = page.evaluate(PRINTED), []
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    # Some are made cards, or folded, when the book is built.
    printed = {"".join(o["text"]).rstrip() for o in outputs if o["output_type"] == "stream"}
    for one in shown:
        text = one["text"].rstrip()
        count = text.count("\n") + 1
        if text not in printed:
            found.append(f"text: {text[:40]}")
        if one["columns"] and (one["rows"] != count + one["marked"] or one["wide"] > one["marked"]):
            found.append(f"columns: {text[:40]}")
        if not one["columns"] and one["indented"] != count:
            found.append(f"lines: {text[:40]}")
    return (
        found if any(one["columns"] and one["marked"] for one in shown) else [*found, "no columns"]
    )


def test_printed_columns_stay_whole_on_a_phone(html, browser, serve):
    page = opened(browser, serve(html), "theorem_4_4")
    assert printed_faults(page, "theorem_4_4") == []
    page.close()


@pytest.mark.parametrize(
    ("file", "right", "wrong", "sign"),
    [
        ("book.js", "`${line}\\n`", "line", "text"),
        ("book.js", 'classList.add("columns")', 'classList.add("rows")', "no columns"),
        ("book.css", "pre.columns { white-space: pre;", "pre.columns {", "columns: "),
    ],
)
def test_columns_that_break_are_noticed(html, browser, serve, file, right, wrong, sign):
    assert right in (STATIC / file).read_text(encoding="utf-8")
    change = lambda text: text.replace(right, wrong)  # noqa: E731
    page = opened(browser, serve(html), "theorem_4_4", file, change)
    assert any(fault.startswith(sign) for fault in printed_faults(page, "theorem_4_4"))
    page.close()


# --- what a first-time reader meets ----------------------------------------------------------------


def test_a_chapter_without_its_box_is_noticed(html, browser, axe, serve, tmp_path):
    name = "notebooks/theorem_4_1.html"
    copied(html, tmp_path, name, lambda text: text.replace("in-short", "in-long"))
    (said,) = look(browser, axe, serve(tmp_path), name)["opening"]
    assert said.startswith("no box")


def test_what_is_not_verified_shows_fewer_words_than_it_holds(html, browser, serve):
    page = visited(browser, serve(html) + "notebooks/not_verified.html")
    folded = page.evaluate(walks.WORDS)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert folded < 2500 < 5000 < page.evaluate(walks.WORDS)
    page.close()


def test_walks_are_as_they_are_told(html, browser, serve, tmp_path):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    for walk, names in walks.WALKS.items():  # their words: test_a_page_has_no_fault
        assert list(walks.leads(page, serve(html), names)) == list(TOLD[walk])
    assert walks.lecture(html / "notebooks") == pytest.approx(TOLD["lecture"], rel=0.25)
    name = walks.FIRST
    copied(html, tmp_path, name, lambda text: text.replace("notebooks/pictures.html", "gone.html"))
    with pytest.raises(LookupError, match="pictures"):
        walks.leads(page, serve(tmp_path), walks.WALKS["thirty"])
    page.close()


def test_pages_become_one_pdf_with_links_inside(html, browser, serve):
    pytest.importorskip("pypdf", reason="pypdf is not installed, so no PDF was made")
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


TALL = """() => [...Array(Reveal.getTotalSlides()).keys()].flatMap(k => { Reveal.slide(k);
  const slide = Reveal.getCurrentSlide();
  return slide.scrollHeight > 720 || slide.scrollWidth > 1200 ? [`${k}: ${slide.innerText.slice(0, 40)}`] : []; })"""


def slide_faults(browser, base, name):
    """Show all slides of a chapter; return what is wrong on the page, not set, or higher than a screen."""
    page, found = browser.new_page(viewport={"width": 1200, "height": 720}), []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("requestfailed", lambda request: found.append(request.url))
    page.on("response", lambda r: found.append(r.url) if r.status >= 400 else None)
    page.goto(base + name)
    page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
    page.wait_for_function("Reveal.isReady()")
    found += page.evaluate(MATH) + page.evaluate(TALL)
    page.close()
    return found


def test_slides_fit_the_screen(html, browser, serve, tmp_path, monkeypatch):
    pytest.importorskip("sphinx_revealjs", reason="sphinx-revealjs is not installed: no slides")
    slides = load_tool("slides")
    monkeypatch.setattr(slides, "SLIDES", tmp_path / "slides")
    monkeypatch.setattr(slides, "PAGES", html / "notebooks")
    monkeypatch.setattr(slides.sys, "argv", ["slides.py"])
    (tmp_path / "html").symlink_to(html)
    assert slides.main() == 0
    base = serve(tmp_path)
    for name in slides.USUAL:
        assert slide_faults(browser, base, f"slides/{name}.html") == []
    place = tmp_path / "slides" / f"{slides.USUAL[0]}.html"
    place.write_text(place.read_text().replace("<h1>", "<h1>" + "<br>tall" * 30, 1))
    (said,) = slide_faults(browser, base, f"slides/{place.name}")
    assert said.startswith("0: ")
