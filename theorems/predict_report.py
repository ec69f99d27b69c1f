"""What is predicted, as plain data: lines in groups, each with its claim and its hypotheses; JSON.

Source: ours.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

from planlib.graph import InputError

HOLDS, FAILS, OPEN = "holds", "fails", "not checked"
GROUPS = {
    "task": "The task",
    "sft": "SFT",
    "pg": "Policy gradient",
    "grpo": "GRPO and filtered SFT",
    "q": "Q-learning",
    "judge": "A noisy judge",
    "held-out": "Held-out pairs",
}


@dataclass(frozen=True)
class Output:
    """What is no setting of a run.

    Attributes
    ----------
    paths
        File of training paths, lines ``s t s a ... t``, in place of walks of our own.
    test_pairs
        File of test pairs beside them (default: all other pairs).
    json
        Print one JSON object.
    html
        Write a page of its own to this file as well.
    """

    paths: str | None = None
    test_pairs: str | None = None
    json: bool = False
    html: Path | None = None


@dataclass(frozen=True)
class Assumed:
    """One hypothesis of a line's claim on this input.

    Attributes
    ----------
    name
        What is assumed.
    status
        ``holds``, ``fails`` or ``not checked``.
    because
        Why it fails, or is not checked; empty if it holds.
    """

    name: str
    status: str = HOLDS
    because: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.status}" + (f" ({self.because})" if self.because else "")


def if_so(name: str, holds: bool | None, because: str = "") -> Assumed:
    """A hypothesis that holds, fails because of what is said, or (None) is not checked."""
    if holds:
        return Assumed(name)
    return Assumed(name, OPEN if holds is None else FAILS, because)


@dataclass(frozen=True)
class Line:
    """One line of the report.

    Attributes
    ----------
    name
        What is predicted, in a few words.
    values
        Figures by name, dimensionless unless ``unit`` says else; None for infinite or undefined.
    unit
        Of the figures.
    sentence
        The same in words.
    claim
        The claim of the book that it rests on, such as ``3.1/rate``.
    assumed
        The claim's hypotheses on this input.
    intervals
        95% intervals ``(low, high)`` of figures that were sampled, by their names.
    """

    name: str
    values: dict[str, float | int | str | None]
    unit: str
    sentence: str
    claim: str
    assumed: tuple[Assumed, ...] = ()
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self):
        plain = {name: _plain(x) for name, x in self.values.items()}
        object.__setattr__(self, "values", plain)

    @property
    def fails(self) -> tuple[Assumed, ...]:
        """The hypotheses that fail here."""
        return tuple(a for a in self.assumed if a.status == FAILS)


@dataclass(frozen=True)
class Advice:
    """A sentence of the verdict, and the claims that it rests on."""

    sentence: str
    claims: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """What the theorems say of a graph, training paths and settings.

    Attributes
    ----------
    about
        Graph, sizes, and how much of it was measured.
    settings
        Those in force, by name.
    groups
        Lines by the keys of :data:`GROUPS`; a group may be empty.
    notes
        What was left out, and why.
    verdict
        Sentences in words.
    """

    about: dict[str, object]
    settings: dict[str, object]
    groups: dict[str, tuple[Line, ...]]
    notes: tuple[str, ...]
    verdict: tuple[Advice, ...]

    def line(self, name: str) -> Line:
        """The line of this name.

        Raises
        ------
        InputError
            If there is none.
        """
        for lines in self.groups.values():
            for line in lines:
                if line.name == name:
                    return line
        known = ", ".join(line.name for lines in self.groups.values() for line in lines)
        raise InputError("line", f"one of {known}", repr(name))

    def has(self, name: str) -> bool:
        """Whether there is a line of this name."""
        return any(line.name == name for lines in self.groups.values() for line in lines)

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim that a line or the verdict rests on, once, in their order."""
        lines = (line.claim for lines in self.groups.values() for line in lines)
        return tuple(dict.fromkeys([*lines, *(c for a in self.verdict for c in a.claims)]))

    def to_json(self) -> str:
        """One JSON object, without NaN or infinities."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Prediction:
        """The prediction that :meth:`to_json` wrote."""
        data = json.loads(text)
        groups = {
            name: tuple(
                Line(
                    **line
                    | {
                        "assumed": tuple(Assumed(**a) for a in line["assumed"]),
                        "intervals": {k: tuple(v) for k, v in line["intervals"].items()},
                    }
                )
                for line in lines
            )
            for name, lines in data["groups"].items()
        }
        verdict = tuple(Advice(a["sentence"], tuple(a["claims"])) for a in data["verdict"])
        return cls(data["about"], data["settings"], groups, tuple(data["notes"]), verdict)


def _plain(x: object) -> float | int | str | None:
    """A number as JSON has it: a plain one, or None where it is infinite or undefined."""
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, bool) or x is None or isinstance(x, int | str):
        return x
    return x if math.isfinite(x) else None


def shown(x: object) -> str:
    """Write a figure for people: three digits that count, thousands apart."""
    if x is None:
        return "none"
    if isinstance(x, str):
        return x
    if isinstance(x, bool) or isinstance(x, int) or (x == round(x) and abs(x) < 1e6):
        return f"{x:,}" if isinstance(x, int) else f"{int(x):,}"
    if 100 <= abs(x) < 1e6:
        return f"{x:,.0f}"
    return f"{x:.3g}"


def percent(x: object) -> str:
    """Write a share for people, as a percentage of up to three digits."""
    return "none" if x is None else f"{100 * x:.3g}%"
