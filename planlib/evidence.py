"""Claims, rungs, verdicts, negative controls and records: what the book counts as evidence.

A :class:`Check` measures one claim on one rung, twice by the same code on the
same data: once with the true statement and once with each mutation, a mistake
that a careful reader could make.  It counts only if the mutations are rejected.
The book's matrix, status cards and list of what is not verified are drawn from
the stored records alone.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from planlib import __version__
from planlib.graph import InputError

RUNGS = (
    "formal",
    "symbolic",
    "solver",
    "exhaustive",
    "certified",
    "statistical",
    "transformer",
)
VERDICTS = ("PASS", "FAIL", "UNDECIDED", "N/A")
RECORDS = Path(__file__).resolve().parent.parent / "records"
_PACKAGES = ("numpy", "python-flint", "sympy", "torch", "z3-solver")


@dataclass(frozen=True)
class Finding:
    """What one measurement came to.

    Attributes
    ----------
    verdict
        ``PASS``, ``FAIL`` or ``UNDECIDED``.
    figure
        The residual, count or interval that decided it, rounded for print.
    scope
        What was covered: instances, parameters left free, precision, margin.
    """

    verdict: str
    figure: str
    scope: str

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise InputError("verdict", f"one of {VERDICTS}", repr(self.verdict))


def decide(holds: bool | None, figure: str, scope: str) -> Finding:
    """Make a finding of a condition; ``None`` means that it could not be decided."""
    verdict = "UNDECIDED" if holds is None else "PASS" if holds else "FAIL"
    return Finding(verdict, figure, scope)


@dataclass(frozen=True)
class Check:
    """One claim on one rung.

    Attributes
    ----------
    claim
        Name such as ``4.1/gradient``; what stands before the slash is the theorem.
    rung
        One of :data:`RUNGS`.
    title
        The claim in one sentence.
    measure
        ``measure(statement, size)`` returns a :class:`Finding`; ``size`` is
        ``small`` (pytest) or ``full`` (the page and the command line).
    statement
        The true statement, in the form that ``measure`` takes.
    mutations
        Wrong statements by name, each to be rejected.
    source
        ``live``, or ``stored`` when a stored run is re-evaluated.
    seeds
        Seeds of the random choices.
    cell
        Label of the book's cell that runs it.
    """

    claim: str
    rung: str
    title: str
    measure: Callable[[object, str], Finding]
    statement: object
    mutations: dict[str, object]
    source: str = "live"
    seeds: tuple[int, ...] = ()
    cell: str = ""

    def __post_init__(self):
        if self.rung not in RUNGS:
            raise InputError("rung", f"one of {RUNGS}", repr(self.rung))
        if not self.mutations:
            raise InputError("mutations", "at least one negative control", "none")

    @property
    def theorem(self) -> str:
        """The theorem that the claim belongs to."""
        return self.claim.partition("/")[0]

    def run(self, size: str = "full") -> Record:
        """Measure the claim and its controls and return the record."""
        if size not in ("small", "full"):
            raise InputError("size", "'small' or 'full'", repr(size))
        began = time.perf_counter()
        finding = self.measure(self.statement, size)
        controls = {name: self.measure(wrong, size) for name, wrong in self.mutations.items()}
        seconds = time.perf_counter() - began
        rejected = all(c.verdict == "FAIL" for c in controls.values())
        return Record(
            claim=self.claim,
            rung=self.rung,
            title=self.title,
            verdict=finding.verdict,
            figure=finding.figure,
            scope=finding.scope,
            control="REJECTED" if rejected else "NOT REJECTED",
            controls={name: c.figure for name, c in controls.items()},
            source=self.source,
            seeds=list(self.seeds),
            size=size,
            seconds=round(seconds, 1),
            cell=self.cell,
            versions=versions(),
        )


@dataclass(frozen=True)
class NotApplicable:
    """A rung that cannot apply to a theorem, and why."""

    claim: str
    rung: str
    reason: str

    @property
    def theorem(self) -> str:
        """The theorem that the claim belongs to."""
        return self.claim.partition("/")[0]

    def run(self, size: str = "full") -> Record:
        """Return the record that says so."""
        return Record(
            claim=self.claim,
            rung=self.rung,
            title=self.reason,
            verdict="N/A",
            figure="",
            scope=self.reason,
            control="",
            source="live",
            size=size,
            cell=f"na-{self.theorem.replace('.', '-')}",
            versions=versions(),
        )


@dataclass(frozen=True)
class Record:
    """What a check came to, as it is stored."""

    claim: str
    rung: str
    title: str
    verdict: str
    figure: str
    scope: str
    control: str
    controls: dict[str, str] = field(default_factory=dict)
    source: str = "live"
    seeds: list[int] = field(default_factory=list)
    size: str = "full"
    seconds: float = 0.0
    cell: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def theorem(self) -> str:
        """The theorem that the claim belongs to."""
        return self.claim.partition("/")[0]

    @property
    def counts(self) -> bool:
        """Whether the check counts as evidence: it passed and its controls were rejected."""
        return self.verdict == "PASS" and self.control == "REJECTED"

    def line(self) -> str:
        """Write one line for people."""
        of = f"Theorem {self.theorem}".replace("Theorem figure", "Figure ")
        if self.verdict == "N/A":
            return f"{of} · {self.rung} · N/A · {self.scope}"
        return f"{of} · {self.rung} · {self.verdict} · {self.figure} · control {self.control}"

    def report(self, folder: Path = RECORDS) -> str:
        """Write several lines for a page: the verdict, what was covered, each control, the record."""
        lines = [self.line(), f"  covered: {self.scope}"]
        lines += [f"  control, {name}: {figure}" for name, figure in self.controls.items()]
        stored = [r for r in load(self.theorem, folder) if r.claim == self.claim]
        lines.append(f"  agrees with the stored record: {any(map(self.agrees, stored))}")
        return "\n".join(lines)

    def agrees(self, other: Record) -> bool:
        """Whether two runs of one check came to the same verdict and the same control."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("claim", "rung", "verdict", "control", "source")
        )


def versions() -> dict[str, str]:
    """Versions of the code, of Python and of the packages that the checks rest on."""
    found = {"planlib": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def exit_code(records: Iterable[Record]) -> int:
    """Return 0 if all pass or are N/A, 1 with a failure, 2 if the worst is undecided.

    A check whose control was not rejected has failed.
    """
    code = 0
    for record in records:
        if record.verdict == "FAIL" or record.control == "NOT REJECTED":
            return 1
        if record.verdict == "UNDECIDED":
            code = 2
    return code


def store(records: Iterable[Record], theorem: str, folder: Path = RECORDS) -> Path:
    """Write the records of one theorem to ``folder/theorem.json``, all or nothing."""
    path = Path(folder) / f"{theorem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(r) for r in records], indent=1, ensure_ascii=False)
    new = path.with_name(path.name + ".new")
    new.write_text(text + "\n", encoding="utf-8")
    os.replace(new, path)
    return path


def load(theorem: str | None = None, folder: Path = RECORDS) -> list[Record]:
    """Read the stored records of one theorem, or of all.

    Raises
    ------
    InputError
        If there are none, or a file is damaged.
    """
    paths = [Path(folder) / f"{theorem}.json"] if theorem else sorted(Path(folder).glob("*.json"))
    records = []
    for path in paths:
        try:
            records += [Record(**r) for r in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            raise InputError("theorem", "stored records", f"{path.name} ({error})") from error
    return records
