"""A prediction for people: as text, and as one page of HTML that asks nothing of a network.

Each line leads to the claim that it rests on: at the page's end stand the claim's title, its rung
and its verdict from the stored records, the chapter, and the command that checks it again.

Source: ours.
"""

from __future__ import annotations

import html
import textwrap
from pathlib import Path

import theorems
from planlib import evidence
from planlib.evidence import Record
from planlib.graph import InputError
from theorems.predict_report import FAILS, GROUPS, HOLDS, OPEN, Line, Prediction, shown

WIDTH = 100
STYLE = """
:root { color-scheme: light dark; --line: #8886; --fail: #b3261e; --open: #8a6d00; --hold: #1b6e3c }
@media (prefers-color-scheme: dark) { :root { --fail: #ff8a80; --open: #e6c35c; --hold: #7bd88f } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
article { border-top: 1px solid var(--line); padding: .7rem 0 }
h3 { font-size: 1rem; margin: 0 0 .2rem } p { margin: .2rem 0 }
table { border-collapse: collapse; margin: .4rem 0 } td, th { padding: .1rem .8rem .1rem 0; text-align: left }
td { font-variant-numeric: tabular-nums } small { opacity: .85 } ul { margin: .2rem 0; padding-left: 1.2rem }
.holds { color: var(--hold) } .fails { color: var(--fail); font-weight: 600 } .not-checked { color: var(--open) }
"""
MARKS = {HOLDS: "✓", FAILS: "✗", OPEN: "?"}


def text(prediction: Prediction) -> str:
    """The report as text, lines of at most 100 characters."""
    about = prediction.about
    out = [
        f"{about['graph']}: {about['nodes']:,} nodes, {about['edges']:,} edges, "
        f"{'no cycles' if about['acyclic'] else 'with cycles'}, {about['problems']:,} problems",
        _wrapped(_measured(prediction), ""),
    ]
    for group, title in GROUPS.items():
        if lines := prediction.groups.get(group, ()):
            out += ["", title, *(_line(line) for line in lines)]
    out += ["", *(_wrapped(f"Note: {note}", "") for note in prediction.notes)] if prediction.notes else []  # fmt: skip
    out += ["", "Verdict"]
    for advice in prediction.verdict:
        out.append(_wrapped(f"{advice.sentence} [{', '.join(advice.claims)}]", "  ", "- "))
    return "\n".join(out)


def _measured(prediction: Prediction) -> str:
    about = prediction.about
    parts = [f"{about['training sequences']:,} training sequences ({about['paths']})"]
    for name in ("training problems", "asked problems", "test problems"):
        if about.get(name):
            parts.append(f"{about[name]:,} {name}")
    how = "every target measured" if about["whole"] else f"{about['targets measured']} targets drawn"  # fmt: skip
    return ", ".join([*parts, how])


def _wrapped(words: str, indent: str, first: str = "") -> str:
    return textwrap.fill(
        words, WIDTH, initial_indent=indent + first, subsequent_indent=indent + " " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _line(line: Line) -> str:
    parts = [_wrapped(f"{line.name}: {line.sentence}", "  ")]
    known = ", ".join(f"{k} {shown(a)} to {shown(b)}" for k, (a, b) in line.intervals.items())
    if known:
        parts.append(_wrapped(f"95% intervals: {known}", "    "))
    parts.append(f"    rests on {line.claim}")
    for status in (FAILS, OPEN, HOLDS):
        chosen = [a for a in line.assumed if a.status == status]
        if chosen:
            words = "; ".join(a.name + (f" ({a.because})" if a.because else "") for a in chosen)
            parts.append(_wrapped(f"{status}: {words}", "    "))
    return "\n".join(parts)


def write(prediction: Prediction, file: str | Path) -> None:
    """Write the page to a file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        Path(file).write_text(page(prediction), encoding="utf-8")
    except OSError as error:
        raise InputError("html", "a file that can be written", f"{file} ({error.strerror})") from error  # fmt: skip


def page(prediction: Prediction) -> str:
    """The report as one page of HTML: no script, no picture, nothing from elsewhere."""
    about = prediction.about
    kind = "no cycles" if about["acyclic"] else "with cycles"
    body = [
        f"<h1>What the theorems say of {_safe(about['graph'])}</h1>",
        f"<p>{about['nodes']:,} nodes, {about['edges']:,} edges, {kind}, {about['problems']:,} problems; "
        f"{_safe(_measured(prediction))}. Predicted before training; a line is as good as its hypotheses.</p>",
        "<h2>Verdict</h2><ul>",
        *(f"<li>{_safe(a.sentence)} <small>{_links(a.claims)}</small></li>" for a in prediction.verdict),
        "</ul>",
    ]  # fmt: skip
    for group, title in GROUPS.items():
        if lines := prediction.groups.get(group, ()):
            body += [f"<h2>{_safe(title)}</h2>", *map(_article, lines)]
    if prediction.notes:
        body += ["<h2>Left out, or sampled</h2><ul>", *(f"<li>{_safe(n)}</li>" for n in prediction.notes), "</ul>"]  # fmt: skip
    body += ["<h2>The claims</h2>", *_claims(prediction.claims)]
    rows = "".join(f"<tr><td>{_safe(k)}</td><td>{_safe(v)}</td></tr>" for k, v in prediction.settings.items())  # fmt: skip
    body.append(f"<details><summary>Settings</summary><table>{rows}</table></details>")
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>Predictions: {_safe(about['graph'])}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>"


def _safe(x: object) -> str:
    return html.escape(str(x))


def _links(claims: tuple[str, ...]) -> str:
    return ", ".join(f"<a href='#{_anchor(c)}'>{_safe(c)}</a>" for c in claims)


def _anchor(claim: str) -> str:
    return "claim-" + claim.replace("/", "-").replace(".", "-")


def _article(line: Line) -> str:
    rows = ""
    for name, value in line.values.items():
        known = line.intervals.get(name)
        between = f" ({shown(known[0])} to {shown(known[1])})" if known else ""
        rows += f"<tr><th scope='row'>{_safe(name)}</th><td>{_safe(shown(value))}{between}</td></tr>"  # fmt: skip
    items = "".join(
        f"<li><span class='{a.status.replace(' ', '-')}'>{MARKS[a.status]} {a.status}</span>: {_safe(a.name)}"
        + (f" <small>({_safe(a.because)})</small>" if a.because else "")
        + "</li>"
        for a in line.assumed
    )
    return (
        f"<article><h3>{_safe(line.name)}</h3><p>{_safe(line.sentence)}</p>"
        f"<table><caption hidden>{_safe(line.unit)}</caption>{rows}</table>"
        f"<p><small>in {_safe(line.unit)}; rests on {_links((line.claim,))}</small></p><ul>{items}</ul></article>"
    )


def _claims(claims: tuple[str, ...]) -> list[str]:
    """What the book has on each claim, from the stored records, with the command that checks it."""
    known: dict[str, Record] = {r.claim: r for r in evidence.load()}
    out = []
    for claim in claims:
        theorem, record = claim.partition("/")[0], known.get(claim)
        rung = f" --rung {record.rung}" if record else ""
        said = f"{record.title} {record.shown}, {record.rung}." if record else "No stored record."
        chapter = f"notebooks/{theorems.stem(theorem)}.ipynb"
        out.append(
            f"<article id='{_anchor(claim)}'><h3>{_safe(claim)}</h3><p>{_safe(said)}</p><p><small>Chapter: "
            f"{_safe(chapter)}. Check it: <code>python -m planlib verify {_safe(theorem + rung)}</code></small></p></article>"
        )
    return out
