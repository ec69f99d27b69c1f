"""Proofs checked by Coq: the statements of each file, and what the committed record says of them.

A file of ``proofs/`` states each claim as a definition and proves it as a theorem of the same
name: ``fixed_points_holds : fixed_points``, or, of a plausible wrong version,
``wrong_at_most_one_fails : ~ wrong_at_most_one``.  ``make proofs`` has Coq check all of them and
writes ``proofs/checked.json``; what is read here counts only for the very files that were checked.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from planlib import HOME
from planlib.evidence import Check, Finding, claims, decide
from planlib.graph import InputError

FOLDER = HOME / "proofs"
CHECKED = "checked.json"
PROVED, REFUTED = "proved", "refuted"
_THEOREM = re.compile(
    r"^Theorem (?P<name>\w+)_(?P<ending>holds|fails)\b(?P<binders>[^.:(]*(?:\([^()]*\)[^.:(]*)*):"
    r"(?P<body>.*?)\.$",
    re.MULTILINE | re.DOTALL,
)
_STATEMENT = re.compile(
    r"\(\*\*(?P<says>(?:(?!\*\)).)*)\*\)\s*"
    r"Definition (?P<name>\w+)(?P<binders>(?:\s*\([^()]*\))*)\s*: Prop :=(?P<text>.*?)\.\n",
    re.DOTALL,
)
# What a theorem may say of its statement: that it holds, or that it fails for whatever it is about.
_BODIES = {
    "holds": r"{name}",
    "fails": r"(forall R : rcfType, )?~ {name}( \w+)*",
}
# What a refutation may be for every one of: a hypothesis here would prove nothing.
_BINDERS = r"( ?\((R : (realFieldType|rcfType)|E : exponential R)\))*"


@dataclass(frozen=True)
class Statement:
    """A claim of a proof file: its name, what it says in words and in Coq, and the theorem on it.

    ``theorem`` and ``type`` are the name of the theorem and what it says of the statement.
    """

    file: str
    name: str
    says: str
    text: str
    verdict: str
    theorem: str
    type: str

    @property
    def full(self) -> str:
        """Its name with its file's, as the record has it."""
        return f"{self.file}.{self.name}"


def statements(file: str, folder: Path = FOLDER) -> list[Statement]:
    """Return the statements of ``file`` (a name without ``.v``) that a theorem proves or refutes.

    Raises
    ------
    InputError
        If there is no such file, or a theorem's statement is not a definition with its comment.
    """
    path = Path(folder) / f"{file}.v"
    if not path.exists():
        raise InputError("file", "a file of proofs without its ending", repr(file))
    text = path.read_text(encoding="utf-8")
    stated = {m["name"]: m for m in _STATEMENT.finditer(text)}
    found = []
    for m in _THEOREM.finditer(text):
        name, ending = m["name"], m["ending"]
        body, binders = " ".join(m["body"].split()), " ".join(m["binders"].split())
        pattern = _BODIES[ending].format(name=name)
        given = _BINDERS if ending == "fails" else ""
        fits = re.fullmatch(pattern, body) and re.fullmatch(given, binders)
        if name not in stated or not fits:
            raise InputError("file", f"a commented definition of {name} that is proved", path.name)
        definition = stated[name]
        said = f"Definition {name}{definition['binders']} : Prop :={definition['text']}."
        found.append(
            Statement(
                file,
                name,
                " ".join(definition["says"].split()),
                said,
                REFUTED if ending == "fails" else PROVED,
                f"{name}_{ending}",
                f"forall {binders}, {body}" if binders else body,
            )
        )
    unproved = {n for n, d in stated.items() if not d["binders"]} - {s.name for s in found}
    if unproved or len(found) != len({s.name for s in found}):
        raise InputError("file", f"each statement with one theorem ({unproved})", path.name)
    return found


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """Return the digest of each proof file, by its name."""
    files = sorted(Path(folder).glob("*.v"))
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@functools.cache
def _checked(folder: Path) -> dict:
    path = Path(folder) / CHECKED
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("proofs", "the record that make proofs writes", str(error)) from error


def of_these_files(folder: Path = FOLDER) -> bool:
    """Whether the record is of the proof files as they are now."""
    return _checked(folder)["files"] == digests(folder)


def judge(names: Iterable[str], folder: Path = FOLDER) -> Finding:
    """Decide by the record: all proved without an axiom, or one refuted; else undecided."""
    record = _checked(folder)
    scope = (
        f"Coq {record['coq']} with Mathematical Components {record['mathcomp']}: "
        "every size, all values in any ordered field (with roots where roots are taken)"
    )
    if not of_these_files(folder):
        return decide(None, "proofs changed since they were checked (make proofs)", scope)
    found = {name: record["statements"].get(name) for name in names}
    refuted = [
        name
        for name, entry in found.items()
        if entry and entry["verdict"] == REFUTED and not entry["assumptions"]
    ]
    if refuted:
        return decide(False, f"its negation is proved: {', '.join(refuted)}", scope)
    open_ = [name for name, entry in found.items() if not entry or entry["assumptions"]]
    figure = f"{len(found) - len(open_)} of {len(found)} statements proved"
    if open_ or not found:
        return decide(None, f"{figure}; not, or from assumptions: {', '.join(open_)}", scope)
    return decide(True, f"{figure}, from no axiom", scope)


def proved(theorem: str, file: str, title: str, folder: Path = FOLDER) -> Check:
    """Declare the claim that a theorem's file of proofs holds, its wrong versions the controls."""
    found = statements(file, folder)
    true = tuple(s.full for s in found if s.verdict == PROVED)
    wrong = {
        s.name.removeprefix("wrong_").replace("_", " "): (s.full,)
        for s in found
        if s.verdict == REFUTED
    }
    claim = claims(theorem)

    @claim("proved", "formal", true, wrong, title=title, source="kept")
    def check(names, size: str) -> Finding:
        return judge(names, folder)

    return check
