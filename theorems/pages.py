"""What a page shows of a claim: its verdict as text and, folded, the code that decided it."""

from __future__ import annotations

import html

from IPython.display import display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import theorems


class Code:
    """Source of a claim's measure, statement and mutations: folded in a page, whole as text."""

    def __init__(self, claim: str):
        self.claim, self.text = claim, theorems.check(claim).code()

    def __repr__(self) -> str:
        return f"code of {self.claim}"

    def _repr_html_(self) -> str:
        # The theme's own classes, so that it follows light and dark.
        code = highlight(self.text, PythonLexer(), HtmlFormatter(cssclass="highlight"))
        name = html.escape(self.claim)
        return f'<details class="code-of-claim"><summary>The code that decided {name}</summary>{code}</details>'


def show(claim: str) -> None:
    """Run the check of a claim: print its report, and show its code, folded.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    print(theorems.check(claim).run().report())
    display(Code(claim))
