"""What a page shows of a claim: its verdict as text and, folded, the code that decided it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable

from IPython.display import display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

import theorems
from planlib import evidence, plots
from planlib.evidence import Check
from planlib.graph import InputError
from theorems import formal


class Code:
    """Source of what decides some claims, each part once: folded in a page."""

    def __init__(self, title: str, checks: Iterable[Check]):
        self.title = title
        parts = (part for check in checks for part in check.code().split("\n\n\n"))
        self.text = "\n\n\n".join(dict.fromkeys(parts))

    def __repr__(self) -> str:
        return self.title

    def _repr_html_(self) -> str:
        return _folded(self.title, self.text, "python")


class Proofs:
    """The statements of a file of proofs: a list in words, and folded as Coq reads them."""

    def __init__(self, file: str):
        self.file, self.stated = file, formal.statements(file)

    def __repr__(self) -> str:
        return "\n".join(f"{s.verdict}: {s.name}: {s.says}" for s in self.stated)

    def _repr_html_(self) -> str:
        items = "".join(
            f'<li><span class="verdict {_COLOURS[s.verdict]}">{s.verdict}</span> '
            f"{_typeset(s.says)} <small><code>{s.name}</code></small></li>"
            for s in self.stated
        )
        text = "\n\n".join(s.text for s in self.stated)
        title = f"The statements of {self.file}.v as Coq checks them"
        return f'<ul class="basis">{items}</ul>{_folded(title, text, "coq")}'


def _folded(title: str, text: str, language: str) -> str:
    # The theme's own classes, so that it follows light and dark.
    code = highlight(text, get_lexer_by_name(language), HtmlFormatter(cssclass="highlight"))
    summary = html.escape(title)
    return f'<details class="code-of-claim"><summary>{summary}</summary>{code}</details>'


_COLOURS = {formal.PROVED: "pass", formal.REFUTED: "description"}
_IN_BRACKETS = re.compile(r"\[((?:[^][]|\[[^][]*\])*)\]")  # with brackets inside


def _typeset(comment: str) -> str:
    """Write a comment of Coq in HTML: what stands in brackets there is code."""
    return _IN_BRACKETS.sub(r"<code>\1</code>", html.escape(comment))


def _code(check: Check) -> Code | Proofs:
    if check.rung == "formal":
        return Proofs(check.statement[0].partition(".")[0])
    return Code(f"The code that decided {check.claim}", [check])


def show(claim: str) -> None:
    """Run the check of a claim: print its report, and show its code, folded, or its proofs.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    check = theorems.check(claim)
    print(check.run().report())
    display(_code(check))


class Basis:
    """The claims that a sentence rests on, with what the stored records say of each, linked."""

    def __init__(self, *names: str):
        stored = {r.claim: r for r in evidence.load()}
        self.records = []
        for name in names:
            if name not in stored:
                raise InputError("claim", "a claim with a stored record", repr(name))
            record = stored[name]
            if record.successor:
                raise InputError("claim", f"one that stands: {record.successor}", repr(name))
            self.records.append(record)

    def __repr__(self) -> str:
        return "\n".join(f"{r.shown}: {r.claim}: {r.title} {r.figure}" for r in self.records)

    def _repr_html_(self) -> str:
        items = []
        for r in self.records:
            css = r.shown.lower()
            place = f"{theorems.stem(r.theorem)}.html#{r.cell}"
            figure = f" <small>{html.escape(r.figure)}</small>" if r.figure else ""
            items.append(
                f'<li><span class="verdict {css}">{plots.MARKS[r.shown]}</span> '
                f"{html.escape(r.title)}{figure} "
                f'<a href="{place}">{r.claim}, {r.rung}</a></li>'
            )
        return f'<ul class="basis">{"".join(items)}</ul>'


def rest_on(*claims: str) -> Basis:
    """Show the claims that the text above rests on, from their stored records.

    Raises
    ------
    InputError
        If there is no such claim, or another has taken its place.
    """
    return Basis(*claims)


def show_all(theorem: str) -> None:
    """Run all checks of a theorem or figure, as :func:`show` does, with their code in one place."""
    checks = theorems.checks(theorem)
    for check in checks:
        print(check.run().report())
    display(Code("The code that decided these claims", checks))


class Values:
    """What a dial of the page starts from: written into the page as JSON, and seen by its script alone."""

    def __init__(self, name: str, values: dict):
        try:
            self.text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            expected = "finite numbers, texts, and lists and mappings of them"
            raise InputError("values", expected, f"{name}: {error}") from None
        self.name, self.keys = name, list(values)

    def __repr__(self) -> str:
        return f"{self.name}: {', '.join(self.keys)}"

    def _repr_html_(self) -> str:
        text = self.text.replace("<", "\\u003c")  # nothing in it can end the script
        return (
            f'<script type="application/json" class="dial-values" id="{self.name}">{text}</script>'
        )


def values(name: str, /, **values) -> Values:
    """Write values into the page, for the dial that names them.

    Parameters
    ----------
    name
        What the dial's ``:values:`` says; one of a kind on its page.
    **values
        Whatever JSON can hold; round floats, which the tests compare as text.

    Raises
    ------
    InputError
        If JSON cannot hold them, or a number is not finite.
    """
    return Values(name, values)
