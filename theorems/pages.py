"""What a page shows of a claim: its verdict as text and, folded, the code that decided it.

And what it shows of many: how they came out in one line, and folded tables of their records.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from IPython.display import display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

import theorems
from planlib import evidence, plots
from planlib.evidence import Check, Record
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


CLASS_MODE = "PLANLIB_CLASS"  # environment variable


def size() -> str:
    """Return the size at which pages run their checks: ``small`` in class mode, else ``full``.

    In class mode, where the environment variable :data:`CLASS_MODE` is set, a check runs on the few
    instances that the tests run it on: the verdicts are the same, the counts are not the book's.
    """
    return "small" if os.environ.get(CLASS_MODE) else "full"


def show(claim: str) -> None:
    """Run the check of a claim: print its report, and show its code, folded, or its proofs.

    See :func:`size` for how many instances.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    check = theorems.check(claim)
    print(check.run(size()).report())
    display(_code(check))


class Basis:
    """The claims that a sentence rests on, with what the stored records say of each, linked.

    Beside a claim that took another's place stands that one, with its verdict.
    """

    def __init__(self, *names: str):
        stored = {r.claim: r for r in evidence.load()}
        self.records: list[Record] = []
        self.before = [r for r in stored.values() if r.successor]
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
            place = f"{theorems.stem(r.theorem)}.html#{r.cell}"
            figure = f" <small>{html.escape(r.figure)}</small>" if r.figure else ""
            items.append(
                f"<li>{plots.verdict(r.shown, word=False)} "
                f"{html.escape(r.title)}{figure} "
                f'<a href="{place}">{r.claim}, {r.rung}</a>{self._replaced(r)}</li>'
            )
        return f'<ul class="basis">{"".join(items)}</ul>'

    def _replaced(self, record: Record, words: str = "in the place of") -> str:
        """The claims in whose place it stands, the first one last."""
        text = ""
        for r in self.before:
            if r.successor == record.claim:
                mark = plots.verdict(r.shown, word=False)
                place = f"{theorems.stem(r.theorem)}.html#{r.cell}"
                text += f', <small>{words} {mark} <a href="{place}">{r.claim}</a></small>'
                text += self._replaced(r, "before that")
        return text


def rest_on(*claims: str) -> Basis:
    """Show the claims that the text above rests on, from their stored records.

    Raises
    ------
    InputError
        If there is no such claim, or another has taken its place.
    """
    return Basis(*claims)


# --- mathematics in a line of text -------------------------------------------------------------

_LETTERS = {"alpha": "α", "beta": "β", "eta": "η", "gamma": "γ", "lambda": "λ", "pi": "π"}
_SIGNS = {"<=": "≤", ">=": "≥", "->": "→", " * ": " · ", " - ": " − ", "+-": "±", "sqrt(": "√("}
_LETTER = re.compile(rf"(?<![\w-])({'|'.join(_LETTERS)})(?=_|\b)(?!-\w\w)")
_POWER = re.compile(r"\^(?:\((?P<inside>[^()]*)\)|(?P<plain>-?[\w.]*\w(?:\([A-Za-z]\))?))")
_INDEX = re.compile(r"(?<!\w)([A-Za-zπλη]|WM|WV|max|min)_(base|[A-Za-z0-9])(?![A-Za-z0-9])")


def typeset(text: str) -> str:
    """Write a line of text in HTML, powers and indices raised and lowered: ``e^-f_a`` as one reads it.

    Names of quantities and of claims, in which letters stand beside an underscore or a hyphen,
    stay as they are.
    """
    text = _LETTER.sub(lambda found: _LETTERS[found[1]], text)
    for plain, sign in _SIGNS.items():
        text = text.replace(plain, sign)
    text = html.escape(text, quote=False)
    text = _POWER.sub(lambda m: f"<sup>{(m['inside'] or m['plain']).replace('-', '−')}</sup>", text)
    return _INDEX.sub(r"\1<sub>\2</sub>", text)


# --- many claims -------------------------------------------------------------------------------

_TALLIED = {
    "FAIL": "failed",
    "UNDECIDED": "undecided",
    "WAITING": "waiting for runs",
    "DESCRIPTION": "with no verdict, since fixed after the data",
}


def tally(records: Iterable[Record]) -> str:
    """Say in one line how claims came out: those that stand, and the wrong ones that were refuted.

    What has a successor is no longer claimed and not counted among these; how many there are is
    said behind.  A control that did not run has refuted nothing.
    """
    records = [r for r in records if r.verdict != "N/A"]
    counts = Counter(r.shown for r in records if not r.successor)
    words = [f"{counts['PASS']} of {counts.total()} claims passed"]
    words += [f"{counts[word]} {says}" for word, says in _TALLIED.items() if counts[word]]
    given_up = sum(bool(r.successor) for r in records)
    words += [f"{given_up} given up for another"] if given_up else []
    refuted = sum(len(r.controls) for r in records if r.control == "REJECTED")
    return ", ".join([*words, f"{refuted} wrong claims refuted"])


def reproduced(theorem: str, records: Iterable[Record]) -> str:
    """Say in one line what became of the paper's own claims on a figure; empty for what is no figure."""
    says = getattr(theorems.module(theorem), "REPORTED", {})
    words = [plots.reported_word(r, says[r.claim])[0] for r in records if says.get(r.claim)]
    counts = ", ".join(f"{n} {word}" for word, n in Counter(words).most_common())
    return f"Of {len(words)} claims of the paper: {counts}." if words else ""


class Folded:
    """Tables that one opens: a line a group, and in each group a row an entry.

    Parameters
    ----------
    groups
        Rows by the line over them; a row has its cells by the name of their column, as text
        (typeset) or as a :class:`~planlib.evidence.Record` (a link to its claim).
    unfolded
        Whether they are open from the start.
    """

    def __init__(
        self, groups: dict[str, Sequence[dict[str, str | Record]]], unfolded: bool = False
    ):
        self.groups = {title: rows for title, rows in groups.items() if rows}
        self.unfolded = unfolded

    def __repr__(self) -> str:
        return "\n".join(f"{title}: {len(rows)}" for title, rows in self.groups.items()) or "none"

    def _repr_html_(self) -> str:
        if not self.groups:
            return '<p class="folded-none">None.</p>'
        opened = " open" if self.unfolded else ""
        return "".join(
            f'<details class="folded"{opened}><summary>{typeset(title)} <small>({len(rows)})</small></summary>'
            f"{_table(rows)}</details>"
            for title, rows in self.groups.items()
        )


def _table(rows: Sequence[dict[str, str | Record]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{_cell(c)}</td>' for c in r.values())}</tr>" for r in rows)
    return f'<table class="status-card"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(shown: str | Record) -> str:
    if isinstance(shown, str):
        return typeset(shown)
    mark = plots.verdict(shown.shown, word=False)
    return f'{mark} <a href="{theorems.stem(shown.theorem)}.html#{shown.cell}">{shown.claim}</a>'


def _grouped(
    records: Iterable[Record], row: Callable[[Record], dict[str, str | Record]]
) -> dict[str, list]:
    """Rows of records under the titles of their theorems and figures, in the book's order."""
    groups = {name: [] for name in theorems.ALL}
    for record in records:
        groups[record.theorem].append(row(record))
    return {_heading(name): rows for name, rows in groups.items()}


def _heading(theorem: str) -> str:
    kind = "Theorem " if theorem[0].isdigit() else ""
    name = re.sub(r"^figure", "Figure ", theorem) if theorem in theorems.FIGURES else theorem
    title = theorems.ALL[theorem]
    return f"{kind}{name}: {title}" if kind or theorem in theorems.FIGURES else title


def _missed(r: Record) -> bool:
    """Whether a claim's runs are there and it does not stand."""
    wrong = r.verdict in ("FAIL", "UNDECIDED") or r.control == "NOT REJECTED"
    return wrong and r.control != "NOT RUN"


def unsettled(records: Iterable[Record]) -> Folded:
    """Return what failed, is undecided or has a control that was not rejected, and is still claimed."""
    found = (r for r in records if not r.successor and _missed(r))
    return Folded(
        _grouped(
            found,
            lambda r: {
                "claim": r,
                "what it says": r.title,
                "what was seen": r.figure,
                "power": r.power(),
            },
        ),
        unfolded=True,
    )


def waiting(records: Iterable[Record]) -> Folded:
    """Return the claims that wait for runs, under the command that makes them."""
    groups = defaultdict(list)
    for r in records:
        if r.control == "NOT RUN" and not r.successor:
            command = re.search(r"make it: ([^)]*)", " ".join([r.figure, *r.controls.values()]))
            groups[command[1] if command else "other runs"].append(
                {"claim": r, "what it says": r.title}
            )
    return Folded(dict(sorted(groups.items())))


def originals(records: Sequence[Record]) -> Folded:
    """Return the claims that did not stand and have a successor, with what it came to.

    They failed, stayed undecided, or a control of theirs was not rejected.
    """
    after = {r.claim: r for r in records}
    found = (r for r in records if r.successor and _missed(r))
    return Folded(
        _grouped(
            found,
            lambda r: {
                "first asked": r,
                "what it said": r.title,
                "what was seen": r.figure,
                "in its place": after[r.successor],
            },
        )
    )


def descriptions(records: Iterable[Record]) -> Folded:
    """Return the claims that were fixed after all their data had been seen."""
    found = (r for r in records if r.verdict == "DESCRIPTION")
    return Folded(
        _grouped(found, lambda r: {"claim": r, "what it says": r.title, "what was seen": r.figure})
    )


def inapplicable(records: Iterable[Record]) -> Folded:
    """Return the rungs that do not apply, with the reason."""
    groups = _grouped(
        (r for r in records if r.verdict == "N/A"), lambda r: {"rung": r.rung, "why not": r.scope}
    )
    return Folded(groups)


def powers(records: Sequence[Record]) -> Folded:
    """Return, of each claim on means, its cases, those that decide it, and whether it stands among its family."""
    stands = set()
    for name in theorems.ALL:
        family = [r for r in records if r.theorem == name]
        stands |= {r.claim for r in evidence.survivors(family)}
    return Folded(
        _grouped(
            (r for r in records if r.estimates),
            lambda r: {
                "claim": r,
                "fixed": r.fixed,
                "cases, and how many decide it": r.power(),
                "p": f"{r.p_value:.1g}",
                "stands": "yes" if r.claim in stands else "no" if r.counts else "–",
            },
        )
    )


def show_all(theorem: str) -> None:
    """Run all checks of a theorem or figure, as :func:`show` does, with their code in one place."""
    checks = theorems.checks(theorem)
    for check in checks:
        print(check.run(size()).report())
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
