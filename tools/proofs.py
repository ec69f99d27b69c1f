"""Have Coq check every proof, and write what it said to ``proofs/checked.json``.

    python tools/proofs.py            check, and compare with the committed record
    python tools/proofs.py --record   check, and write the record
    python tools/proofs.py --packages print what of Debian it needs

Without Coq it says how to get it and leaves with status 1; with ``--if-there`` it says so and
leaves with 0.
"""

from __future__ import annotations

import argparse
import graphlib
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "coq libcoq-mathcomp-algebra libcoq-mathcomp-algebra-tactics libcoq-mathcomp-analysis"
GET = f"Coq, or a library of it, is not installed.  On Debian: apt-get install --no-install-recommends {PACKAGES}"
if sys.argv[1:] == ["--packages"]:  # before planlib is installed
    print(PACKAGES)
    raise SystemExit

sys.path.insert(0, str(ROOT))

from planlib import exact  # noqa: E402
from theorems import formal  # noqa: E402

LIBRARY = "Planning"
LIMIT = 300  # seconds a file; each takes a few
_USED = re.compile(rf"^From {LIBRARY} Require (?:Import |Export )?([\w\s]+)\.", re.MULTILINE)

# --- what Coq says -----------------------------------------------------------------------------


def order(folder: Path) -> list[str]:
    """Names of the files, each after those that it uses."""
    needs = {}
    for path in sorted(folder.glob("*.v")):
        used = _USED.findall(path.read_text(encoding="utf-8"))
        needs[path.stem] = {name for names in used for name in names.split()}
    return list(graphlib.TopologicalSorter(needs).static_order())


def coqc(folder: Path, name: str) -> str:
    """Check one file where the others lie compiled, and return what it printed."""
    command = ["coqc", "-w", "none", "-Q", ".", LIBRARY, f"{name}.v"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired as late:
        raise SystemExit(f"{name}.v: not checked within {LIMIT} seconds") from late
    if done.returncode:
        raise SystemExit(f"{name}.v: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def audit(folder: Path, file: str) -> dict[str, dict]:
    """Have Coq say of each statement of a file what its theorem says of it, and from which axioms.

    The file that asks writes the statement's name and the theorem's out, so that a theorem of
    another statement does not pass.
    """
    stated = formal.statements(file)
    if not stated:
        return {}
    text = (folder / f"{file}.v").read_text(encoding="utf-8")
    lines = re.findall(r"^(?:From|Import|Set|Unset|Local Open Scope) .*$", text, re.MULTILINE)
    lines.append(f"From {LIBRARY} Require Import {file}.")
    for s in stated:
        lines += [
            f"Check ({s.theorem} : {s.type}).",
            f'Goal True. idtac "@@ {s.full}". Abort.',
            f"Print Assumptions {s.theorem}.",
            'Goal True. idtac "@@". Abort.',
        ]
    (folder / "Audit.v").write_text("\n".join(lines) + "\n", encoding="utf-8")
    parts = coqc(folder, "Audit").split("@@")[1::2]
    found = {}
    for s, part in zip(stated, parts, strict=True):
        name, _, said = part.partition("\n")
        assert name.strip() == s.full
        axioms = re.findall(r"^(\S+)\s*:", said, re.MULTILINE)
        if ("Closed under the global context" in said) == bool(axioms):
            raise SystemExit(f"{s.full}: what Coq says of its axioms was not understood: {said}")
        found[s.full] = {"verdict": s.verdict, "assumptions": axioms}
    return found


def version(package: str) -> str:
    """Return the version that Debian installed, without its own suffix."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    try:
        said = subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        said = ""
    return re.split(r"[+-]", said)[0] or "of unknown version"


def _is_there() -> bool:
    """Whether Coq and all the libraries that the proofs use are there."""
    if not shutil.which("coqc"):
        return False
    with tempfile.TemporaryDirectory() as name:
        used = "From mathcomp Require Import all_algebra ring.\nFrom mathcomp.analysis Require Import exp.\n"
        (Path(name) / "Used.v").write_text(used, encoding="utf-8")
        try:
            coqc(Path(name), "Used")
        except SystemExit:
            return False
    return True


def check() -> dict:
    """Compile all files in a folder of their own and return the record."""
    said = subprocess.run(["coqc", "--version"], capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in formal.FOLDER.glob("*.v"):
            shutil.copy(path, folder)
        (folder / "Examples.v").write_text(examples(), encoding="utf-8")
        names = order(folder)
        for number, file in enumerate(names, 1):
            print(f"  {number:2d} of {len(names)}  {file}.v", flush=True)
            coqc(folder, file)
        statements = {}
        for file in formal.digests():
            statements |= audit(folder, Path(file).stem)
        return {
            "coq": re.search(r"[\d.]+", said)[0],
            "mathcomp": version("libcoq-mathcomp-algebra"),
            "files": formal.digests(),
            "examples": (folder / "Examples.v").read_text(encoding="utf-8").count("\nLemma ") - 4,
            "statements": statements,
        }


# --- examples: the definitions of the proofs agree with planlib.exact --------------------------
#
# Written anew for every check, so that they follow planlib.exact as it is.

# Rows of next nodes: a chain, a choice, a cycle off the target, a self-loop, all edges, nothing.
GRAPHS = {
    "chain": ((1,), (2,), ()),
    "choice": ((1, 2), (3,), (3,), ()),
    "cycle": ((1,), (0, 2), ()),
    "apart": ((1,), (0,), ()),
    "loop": ((0, 1), (), (1,)),
    "full": ((1, 2), (0, 2), (0, 1)),
    "mixed": ((1, 3), (2,), (1,), (0,)),
}


def _rows(name: str) -> list[list[int]]:
    return [[int(k in row) for k in range(len(GRAPHS[name]))] for row in GRAPHS[name]]


def _coq(value: object) -> str:
    """Write nested sequences, booleans and integers as Coq does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"({value})" if value < 0 else str(value)
    return f"[:: {'; '.join(map(_coq, value))}]" if value else "[::]"


def _nodes(path) -> str:
    return f"[:: {'; '.join(f'#{k}' for k in path)}]" if path else "[::]"


def _each(n: int, times: int) -> str:
    """Tactic that looks at every node of ``n``, or at every pair of them."""
    node = "[[" + "|[" * (n - 1) + "|//]" + "]" * (n - 1) + " ?]"
    return f"by move=> {' '.join([node] * times)}"


def _reached(rows, i: int, k: int) -> list[str]:
    """Return the lemma that says whether ``k`` reaches ``i``, with a walk or a closed set that shows it."""
    n = len(rows)
    if exact.reaches(rows, i)[k]:
        path = next(exact.correct_paths(rows, k, i, n), (k,)) if k != i else (k,)
        shown = f"by apply: (@walk_reaches _ A _ _ {_nodes(path[1:])})."
        return [f"Lemma reaches_{i}_{k} : reaches A #{i} #{k} = true.", f"Proof. {shown} Qed."]
    inside = [m for m in range(n) if exact.reaches(rows, m)[k]]
    return [
        f"Lemma reaches_{i}_{k} : reaches A #{i} #{k} = false.",
        "Proof.",
        f"apply: (@closed_reaches _ A _ _ (fun x => val x \\in {_coq(inside)}%N));",
        f"  [by [] | by [] | {_each(n, 2)}].",
        "Qed.",
    ]


def _values(n: int) -> list[list[int]]:
    """Return values without a pattern, of both signs."""
    return [[(5 * j * j + 3 * k + 2 * j * k) % 7 - 3 for k in range(n)] for j in range(n)]


def _largest(n: int, row: str, i: int | str) -> str:
    """Return the largest value of a row of ``n`` values, written out."""
    inner = f"{row} #{i}" if isinstance(i, int) else f"{row} {i}"
    for k in reversed(range(n)):
        inner = f"Num.max ({row} #{k}) ({inner})"
    return inner


LEGAL, ILLEGAL = 2, 3  # what the judge of the examples charges, whole numbers


def _sweep(n: int, i: int, name: str, written: str, found: list, pairs: str) -> list[str]:
    """Return the lemma that a sweep of the values comes to ``found``; ``written`` has AHEAD in it."""
    given = f"(table {_coq(_values(n))})"
    ahead = f"(if x.2 == #{i} then 1 else {_largest(n, f'{given} x.2', i)})"
    costs = f"{LEGAL}%:R {ILLEGAL}%:R " if name == "judged" else ""
    return [
        f"Lemma {name}_{i} : all (fun x : 'I_{n} * 'I_{n} =>",
        f"  {name} A #{i} {costs}{given} x.1 x.2 == table {_coq(found)} x.1 x.2)",
        f"  [:: {pairs}].",
        "Proof.",
        f"rewrite (@eq_all _ _ (fun x => {written.replace('AHEAD', ahead)}",
        f"  == table {_coq(found)} x.1 x.2)).",
        "  by vm_compute.",
        f"by move=> x; rewrite /{name} /ahead best_is.",
        "Qed.",
    ]


def _target(rows, i: int) -> list[str]:
    """Return the lemmas on one target: correct sequences, sweeps, the structure, cycles without it."""
    n = len(rows)
    sources = [j for j in range(n) if j != i]
    walks = [path for j in sources for path in exact.episodes(n, j, i, 3)]
    told = "; ".join(
        f"(#{w[0]}, {_nodes(w[1:])}, {_coq(exact.is_correct(rows, w, i))})" for w in walks
    )
    values = _values(n)
    outcome = exact.outcome_bellman(values, i)
    pairs = "; ".join(f"(#{j}, #{k})" for j in sources for k in range(n))
    others = [k for k in range(n) if k != i]
    ahead = "; ".join(f"(#{k}, {_coq(outcome[others[0]][k])})" for k in others)
    given = f"(table {_coq(values)})"
    lines = [
        f"Lemma correct_{i} : all (fun x => correct A #{i} x.1.1 x.1.2 == x.2) [:: {told}].",
        "Proof. by []. Qed.",
        f"Lemma best_{i} : all (fun x : 'I_{n} * int => best #{i} {given} x.1 == x.2%:~R)",
        f"  [:: {ahead}].",
        "Proof. by rewrite /= !best_is; vm_compute. Qed.",
    ]
    cost = f"(if A x.1 x.2 then {LEGAL}%:R else {ILLEGAL}%:R)"
    for name, written, found in (
        ("process", "(A x.1 x.2)%:R - 1 + AHEAD", exact.bellman(rows, values, i)),
        ("ended", "(if A x.1 x.2 then AHEAD else 0)", exact.ended_bellman(rows, values, i)),
        ("judged", f"AHEAD - {cost}", exact.judged_bellman(rows, values, i, LEGAL, ILLEGAL)),
    ):
        lines += _sweep(n, i, name, written, found, pairs)
    table = exact.structure(rows, i)
    for j, k in itertools.product(sources, range(n)):
        lines += [
            f"Lemma structure_{i}_{j}_{k} : structure A rat_realFieldType #{i} #{j} #{k} = {_coq(table[j][k])}%:~R.",
            f"Proof. by rewrite /structure reaches_{i}_{k}. Qed.",
        ]
    on = exact.on_cycle(rows, i)
    legal = [[int(x and i not in (j, k)) for k, x in enumerate(row)] for j, row in enumerate(rows)]
    for x in sources:
        lines += [f"Lemma on_cycle_{i}_{x} : on_cycle (without A #{i}) #{x} = {_coq(bool(on[x]))}."]
        after = [y for y in range(n) if legal[x][y]]
        if on[x]:
            y = next(y for y in after if exact.reaches(legal, x)[y])
            back = (y,) if y == x else next(exact.correct_paths(legal, y, x, n))
            shown = f"exact: (@cycle_at _ _ #{x} #{y} {_nodes(back[1:])})"
            lines += [f"Proof. {shown}. Qed."]
        else:
            inside = [m for m in range(n) if any(exact.reaches(legal, m)[y] for y in after)]
            lines += [
                "Proof.",
                f"apply: (@no_cycle_at _ _ #{x} (fun y => val y \\in {_coq(inside)}%N));",
                f"  [by [] | {_each(n, 1)} | {_each(n, 2)}].",
                "Qed.",
            ]
    return lines


HEAD = r"""(** The definitions of [Planning.v] agree with planlib.exact on these graphs, entry by entry. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Planning Require Import Planning.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** A graph, and a table of values, from rows. *)
Definition graph (n : nat) (rows : seq (seq bool)) : rel 'I_n :=
  fun j k => nth false (nth [::] rows j) k.
Definition table (n : nat) (rows : seq (seq int)) (j k : 'I_n) : rat :=
  (nth 0 (nth [::] rows j) k)%:~R.

(** A walk shows that a node is reached, a closed set that it is not. *)
Lemma walk_reaches (V : finType) (A : rel V) (i k : V) (p : seq V) :
  path A k p -> last k p == i -> reaches A i k.
Proof. by move=> walk /eqP end_i; apply/connectP; exists p. Qed.

Lemma closed_reaches (V : finType) (A : rel V) (i k : V) (S : pred V) :
  S k -> ~~ S i -> (forall x y, S x -> A x y -> S y) -> reaches A i k = false.
Proof.
move=> in_S out closed; apply: contraNF out => /connectP[p].
elim: p k in_S => [|y p IH] k in_S /=; first by move=> _ ->.
by case/andP=> edge; apply: IH; apply: closed edge.
Qed.

Lemma cycle_at (V : finType) (e : rel V) (x y : V) (p : seq V) :
  e x y && path e y p && (last y p == x) -> on_cycle e x = true.
Proof.
case/andP=> /andP[edge walk] /eqP back; apply/existsP; exists y; rewrite edge.
by apply/connectP; exists p.
Qed.

Lemma no_cycle_at (V : finType) (e : rel V) (x : V) (S : pred V) :
  ~~ S x -> (forall y, e x y -> S y) -> (forall y z, S y -> e y z -> S z) ->
  on_cycle e x = false.
Proof.
move=> out first closed; apply/existsP => -[y /andP[edge back]].
by have := closed_reaches (first y edge) out closed; rewrite /reaches back.
Qed.
"""


def examples() -> str:
    """Return the text of ``Examples.v``."""
    lines = [HEAD]
    for name in GRAPHS:
        rows = _rows(name)
        n = len(rows)
        adjacency = _coq([[bool(x) for x in row] for row in rows])
        lines += [
            f"Module {name.capitalize()}.",
            f'Notation "# k" := (@Ordinal {n} k isT) (at level 1, format "# k").',
            f"Definition A := @graph {n} {adjacency}.",
        ]
        lines += [
            f"Lemma best_is (i k : 'I_{n}) (f : 'I_{n} -> 'I_{n} -> rat) : best i f k =",
            f"  {_largest(n, 'f k', 'i')}.",
            "Proof.",
            "rewrite /best !big_ord_recl big_ord0.",
            "by do !congr (Num.max _ _); congr (f k _); apply: val_inj.",
            "Qed.",
        ]
        for i, k in itertools.product(range(n), repeat=2):
            lines += _reached(rows, i, k)
        for i in range(n):
            lines += _target(rows, i)
        lines += [f"End {name.capitalize()}.", ""]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Check the proofs; 0 if all hold and the record says so."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write the record")
    parser.add_argument("--if-there", action="store_true", help="leave with 0 without Coq")
    chosen = parser.parse_args(arguments)
    if not _is_there():
        print(f"{GET}\nThe proofs were NOT checked; their record is compared by digest alone.")
        return 0 if chosen.if_there else 1
    record = check()
    count = len(record["statements"])
    path = formal.FOLDER / formal.CHECKED
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    if chosen.record:
        path.write_text(text, encoding="utf-8")
        print(f"{count} statements checked; written to {path.relative_to(ROOT)}")
        return 0
    same = path.exists() and json.loads(path.read_text(encoding="utf-8")) == record
    print(f"{count} statements checked; the committed record {'agrees' if same else 'DIFFERS'}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
