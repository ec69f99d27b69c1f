"""Claims, rungs, verdicts, negative controls and records: what the book counts as evidence.

A :class:`Check` measures one claim on one rung, twice by the same code on the
same data: once with the true statement and once with each mutation, a mistake
that a careful reader could make.  It counts only if the mutations are rejected.
The book's matrix, status cards and list of what is not verified are drawn from
the stored records alone.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import platform
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from importlib import metadata
from pathlib import Path

from planlib import HOME, __version__
from planlib.graph import InputError
from planlib.intervals import MOST_CASES, Estimate, holm

RUNGS = (
    "formal",
    "symbolic",
    "solver",
    "exhaustive",
    "certified",
    "statistical",
    "transformer",
)
VERDICTS = ("PASS", "FAIL", "UNDECIDED", "N/A", "DESCRIPTION")
# When a claim and its margin were fixed, on the rungs where data could have suggested them.
FIXED = ("before any run", "after seed 0", "after other seeds", "after all seeds")
ON_DATA = ("statistical", "transformer")
ACRONYMS = {"grpo"}  # names of claims that a line begins with in capitals
RECORDS = HOME / "records"
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
    estimates
        The means over independent cases that decided it, with their margins.
    waits
        Whether it is undecided for want of stored runs, which ``figure`` then names.
    """

    verdict: str
    figure: str
    scope: str
    estimates: tuple[Estimate, ...] = ()
    waits: bool = False

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise InputError("verdict", f"one of {VERDICTS}", repr(self.verdict))


def decide(holds: bool | None, figure: str, scope: str, *estimates: Estimate) -> Finding:
    """Make a finding of a condition, ``None`` if it could not be decided, and of estimates.

    It passes if the condition holds and each estimate lies inside its margins, and fails if the
    condition fails or one estimate lies outside of its; else it is undecided.
    """
    parts = (holds, *(e.holds for e in estimates))
    failed = any(part is not None and not part for part in parts)
    verdict = "FAIL" if failed else "UNDECIDED" if None in parts else "PASS"
    return Finding(verdict, figure, scope, estimates)


class MissingRunError(InputError):
    """A stored run, or a series of it, that is not there; ``expected`` has the command."""


def unmade(error: InputError, scope: str) -> Finding:
    """Make the finding of a measure that could not be made of the stored runs: undecided.

    It waits where a run is missing; then it names the study and no run of it, so that it changes
    once, when all of them are there.
    """
    waits = isinstance(error, MissingRunError)
    made = re.search(r"\(make it: (.+?)(?: --only \w+)?\)", str(error)) if waits else None
    said = f"not all its runs are stored; {made[1]} makes them" if made else str(error)
    return Finding("UNDECIDED", said, scope, waits=waits)


class Tally:
    """Counts the cases of a measure and those that fail, and decides by them.

    Parameters
    ----------
    kinds
        What is counted, in the order of the figure: ``Tally("graphs", "batches")``.
    failed
        The figure's word for a case that the claim gets wrong.
    undecided
        Its word for one that could not be decided; none if there can be no such case.
    """

    def __init__(self, *kinds: str, failed: str = "failures", undecided: str | None = None):
        self.counts = dict.fromkeys(kinds, 0)
        self.failures = self.unknown = 0
        self._failed, self._undecided = failed, undecided

    def add(self, kind: str, holds: bool | None = True, count: int = 1) -> None:
        """Count ``count`` cases of a kind; with ``holds`` False (None) one of them fails (is undecided)."""
        self.counts[kind] += count
        self.failures += holds is not None and not holds
        self.unknown += holds is None

    def finding(self, scope: str, note: str = "") -> Finding:
        """Fail with a failure, else undecided with an undecided case; ``note`` follows the failures."""
        words = [f"{count:,} {kind}" for kind, count in self.counts.items()]
        words.append(f"{self.failures:,} {self._failed}{note}")
        if self._undecided:
            words.append(f"{self.unknown:,} {self._undecided}")
        holds = False if self.failures else None if self.unknown else True
        return decide(holds, ", ".join(words), scope)


@dataclass(frozen=True)
class Check:
    """One claim on one rung; :func:`claims` declares it on its measure.

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
    seeds
        Seeds of the random choices.
    source
        ``live``; ``stored`` where stored runs are evaluated, as on the transformers' rung
        unless said otherwise; ``kept`` where the full size reads what was trained before.
    fixed
        When the claim and its margins were fixed, one of :data:`FIXED`; on the rungs of data it
        must be said.  *After other seeds*: than those that decide it, which nobody had looked at.
        What was fixed after all its data describes them and has no verdict.
    successor
        Of a claim that failed or stayed undecided: the claim that took its place.
    """

    claim: str
    rung: str
    title: str
    measure: Callable[[object, str], Finding]
    statement: object
    mutations: dict[str, object]
    seeds: tuple[int, ...] = ()
    source: str = ""
    fixed: str = ""
    successor: str = ""

    def __post_init__(self):
        if self.rung in ON_DATA and self.fixed not in FIXED:
            raise InputError("fixed", f"one of {FIXED} on this rung", repr(self.fixed))
        if self.rung not in RUNGS:
            raise InputError("rung", f"one of {RUNGS}", repr(self.rung))
        if not self.title:
            raise InputError("title", "the claim in one sentence (the measure's docstring)", "none")
        if not self.mutations:
            raise InputError("mutations", "at least one negative control", "none")
        if not self.source:
            object.__setattr__(self, "source", "stored" if self.rung == "transformer" else "live")

    @property
    def theorem(self) -> str:
        """The theorem that the claim belongs to."""
        return self.claim.partition("/")[0]

    @property
    def cell(self) -> str:
        """Label of the book's cell that runs it; one cell runs all claims on a figure."""
        if self.theorem.startswith("figure"):
            return f"verdicts-{self.theorem}"
        return "check-" + self.claim.replace("/", "-").replace(".", "-")

    def code(self) -> str:
        """Source of what decides the claim: its measure, its statement and its mutations."""
        parts = {"": self.measure, "statement": self.statement} | self.mutations
        return "\n\n\n".join(dict.fromkeys(_source(name, part) for name, part in parts.items()))

    def find(self, statement: object, size: str) -> Finding:
        """Measure a statement; undecided, with the study to make, where stored runs are missing."""
        try:
            return self.measure(statement, size)
        except MissingRunError as error:
            seeds = ", ".join(map(str, self.seeds))
            return unmade(error, f"stored runs, seeds {seeds}, not all of them made")

    def run(self, size: str = "full") -> Record:
        """Measure the claim and its controls and return the record."""
        if size not in ("small", "full"):
            raise InputError("size", "'small' or 'full'", repr(size))
        began = time.perf_counter()
        finding = self.find(self.statement, size)
        controls = {name: self.find(wrong, size) for name, wrong in self.mutations.items()}
        seconds = time.perf_counter() - began
        control = "REJECTED"
        if any(c.waits for c in (finding, *controls.values())):
            control = "NOT RUN"
        elif not all(c.verdict == "FAIL" for c in controls.values()):
            control = "NOT REJECTED"
        verdict = finding.verdict
        if verdict == "PASS" and self.fixed == FIXED[-1]:
            verdict = "DESCRIPTION"
        return Record(
            claim=self.claim,
            rung=self.rung,
            title=self.title,
            verdict=verdict,
            figure=finding.figure,
            scope=finding.scope,
            control=control,
            controls={name: c.figure for name, c in controls.items()},
            source=self.source,
            seeds=list(self.seeds),
            size=size,
            seconds=round(seconds, 1),
            cell=self.cell,
            versions=versions(),
            fixed=self.fixed,
            successor=self.successor,
            estimates=[_plain(e) for e in finding.estimates],
        )


def _plain(estimate: Estimate) -> dict:
    """Write an estimate as plain data: six digits, and None where it has no margin."""
    plain = asdict(estimate)
    for name, value in plain.items():
        if isinstance(value, float):
            plain[name] = float(f"{value:.6g}") if math.isfinite(value) else None
    return plain


def _source(name: str, part: object) -> str:
    """Return the source of a function (of the one inside a partial), or what an object shows of itself."""
    while isinstance(part, functools.partial):
        part = part.func
    if inspect.isfunction(part) or inspect.isclass(part):
        return inspect.getsource(part).rstrip()
    return f"# {name}\n{_written(part)}"


def _written(part: object) -> str:
    """Write an object as one would in code: fields at their defaults left out, functions by name.

    A setting that is added later, or where a function lies in memory, changes nothing.
    """
    if is_dataclass(part) and not isinstance(part, type):
        new = [f for f in fields(part) if getattr(part, f.name) != _default(f)]
        inside = (f"{f.name}={_written(getattr(part, f.name))}" for f in new)
        return f"{type(part).__name__}({', '.join(inside)})"
    if isinstance(part, tuple | list):
        return f"({', '.join(map(_written, part))})"
    return getattr(part, "__name__", None) or repr(part)


def _default(field: Field) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def claims(theorem: str) -> Callable[..., Callable[..., Check]]:
    """Make the declarations of one theorem's (or figure's) claims, each on its measure.

    ::

        claim = claims("5.1")

        @claim("bound", "exhaustive", running_maximum, {"at most 1": reward_bound}, seeds=(511,))
        def _bounded(bound, size):
            \"\"\"No value ever exceeds the running maximum.\"\"\"

    What it decorates becomes the :class:`Check`; the docstring is the title, and a
    ``successor`` is named without its theorem.
    """

    def claim(
        name, rung, statement, mutations, *, seeds=(), title="", source="", fixed="", successor=""
    ) -> Callable[..., Check]:
        def declare(measure: Callable[[object, str], Finding]) -> Check:
            sentence = title or " ".join((measure.__doc__ or "").split())
            claimed = (f"{theorem}/{name}", rung, sentence, measure, statement, mutations)
            after = f"{theorem}/{successor}" if successor else ""
            return Check(*claimed, tuple(seeds), source, fixed, after)

        return declare

    return claim


def inapplicable(theorem: str, **reasons: str) -> tuple[NotApplicable, ...]:
    """Rungs that cannot apply to a theorem, each with its reason."""
    return tuple(NotApplicable(f"{theorem}/{rung}", rung, why) for rung, why in reasons.items())


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
    fixed: str = ""
    successor: str = ""
    estimates: list[dict] = field(default_factory=list)

    @property
    def theorem(self) -> str:
        """The theorem that the claim belongs to."""
        return self.claim.partition("/")[0]

    @property
    def counts(self) -> bool:
        """Whether the check counts as evidence: it passed and its controls were rejected."""
        return self.verdict == "PASS" and self.control == "REJECTED"

    @property
    def shown(self) -> str:
        """The verdict as pages show it: ``FAIL`` without its controls, ``WAITING`` for its runs."""
        words = {"NOT REJECTED": "FAIL", "NOT RUN": "WAITING"}
        return words.get(self.control, self.verdict)

    @property
    def succession(self) -> str:
        """Say which claim took its place, or will if it fails; empty without one."""
        if not self.successor:
            return ""
        if self.shown == "WAITING":
            return f"if it fails, {self.successor} takes its place"
        return f"its place was taken by {self.successor}"

    @property
    def deterministic(self) -> bool:
        """Whether a second run comes to the same figures: exact, or read from stored runs."""
        return self.rung not in ON_DATA or self.source == "stored"

    @property
    def measured(self) -> list[Estimate]:
        """The estimates that decided it."""
        return [
            Estimate(**{k: v for k, v in plain.items() if v is not None})
            for plain in self.estimates
        ]

    @property
    def p_value(self) -> float:
        """Of the claim's opposite: the largest of its estimates (1 without any)."""
        return max((e.p_value for e in self.measured), default=1.0)

    def power(self) -> str:
        """Say how many cases it rests on, and how many decide it with 80% power at the spread seen."""
        words = []
        for e in self.measured:
            needed = f"{e.needed:,}" if e.needed else f"more than {MOST_CASES:,}"
            words.append(f"{e.count:,} {e.of}, {needed} for 80% power")
        return "; ".join(dict.fromkeys(words))

    def line(self) -> str:
        """Write one line for people."""
        of = re.sub(r"^figure", "figure ", re.sub(r"^(?=\d)", "theorem ", self.theorem))
        of = of.upper() if of in ACRONYMS else of.capitalize()
        if self.verdict == "N/A":
            return f"{of} · {self.rung} · N/A · {self.scope}"
        return f"{of} · {self.rung} · {self.shown} · {self.figure} · control {self.control}"

    def report(self, folder: Path = RECORDS) -> str:
        """Write several lines for a page: the verdict, what was covered, each control, the record."""
        lines = [self.line(), f"  covered: {self.scope}"]
        if self.fixed:
            lines.append(f"  fixed: {self.fixed}")
        if self.estimates:
            lines.append(f"  rests on: {self.power()}")
        if self.successor:
            lines.append(f"  {self.succession}")
        lines += [f"  control, {name}: {figure}" for name, figure in self.controls.items()]
        stored = [r for r in load(self.theorem, folder) if r.claim == self.claim]
        agreement = "no such record"
        if stored and not self.agrees(stored[0]):
            agreement = "NO"
        elif stored:
            agreement = "to the figure" if self.deterministic else "same verdict"
        lines.append(f"  agrees with the stored record: {agreement}")
        return "\n".join(lines)

    def agrees(self, other: Record) -> bool:
        """Whether two runs of one check came to the same verdict and the same control.

        Where they are deterministic, to the same figures as well.
        """
        names = ["claim", "rung", "verdict", "control", "source", "fixed", "successor"]
        if self.deterministic and self.size == other.size:
            names += ["figure", "controls"]
        return all(getattr(self, name) == getattr(other, name) for name in names)


def survivors(records: Iterable[Record]) -> list[Record]:
    """Return which of a family's claims still stand when all are asked for at once.

    The family are the records with estimates and a verdict of their own; those that count are
    held to Holm's correction, by the largest p-value of their estimates.
    """
    family = [r for r in records if r.estimates and r.verdict != "DESCRIPTION"]
    stands = holm([r.p_value for r in family])
    return [r for r, stand in zip(family, stands, strict=True) if stand and r.counts]


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

    A check whose control was not rejected has failed; one that waits for stored runs is undecided.
    A claim that names its successor is
    kept as a result, and changes nothing here.
    """
    code = 0
    for record in records:
        if record.successor:
            continue
        if record.verdict == "FAIL" or record.control == "NOT REJECTED":
            return 1
        if record.verdict == "UNDECIDED" or record.control == "NOT RUN":
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
