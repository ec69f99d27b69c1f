"""What a page shows of a claim: its verdict as text and, folded, the code that decided it."""

from __future__ import annotations

import html
from collections.abc import Iterable

from IPython.display import display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import theorems
from planlib.evidence import Check


class Code:
    """Source of what decides some claims, each part once: folded in a page."""

    def __init__(self, title: str, checks: Iterable[Check]):
        self.title = title
        parts = (part for check in checks for part in check.code().split("\n\n\n"))
        self.text = "\n\n\n".join(dict.fromkeys(parts))

    def __repr__(self) -> str:
        return self.title

    def _repr_html_(self) -> str:
        # The theme's own classes, so that it follows light and dark.
        code = highlight(self.text, PythonLexer(), HtmlFormatter(cssclass="highlight"))
        title = html.escape(self.title)
        return f'<details class="code-of-claim"><summary>{title}</summary>{code}</details>'


def show(claim: str) -> None:
    """Run the check of a claim: print its report, and show its code, folded.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    check = theorems.check(claim)
    print(check.run().report())
    display(Code(f"The code that decided {claim}", [check]))


def show_all(theorem: str) -> None:
    """Run all checks of a theorem or figure, as :func:`show` does, with their code in one place."""
    checks = theorems.checks(theorem)
    for check in checks:
        print(check.run().report())
    display(Code("The code that decided these claims", checks))
