"""Graphs and training paths from files: read by what they are, or refused with the reason.

The kind of a file follows from its content; an ending that names another kind is refused.
What a graph cannot hold is dropped and said in a note, the same for every kind:

========================================  ==========================================
parallel edges                            counted once, said
self-loops                                dropped, said: no path takes one
weights, attributes, further columns      dropped, said, but a node's ``stage`` in GraphML; a weight of 0 or NaN is refused
isolated nodes                            kept, said: no problem has them
an undirected or symmetric edge           read as a step both ways, said
names of nodes                            kept as labels; integers put in their order
byte-order mark, line ends of Windows     read over
other than UTF-8, unprintable names       refused
========================================  ==========================================

Sources: the GraphML primer (graphml.graphdrawing.org), the MatrixMarket format (Boisvert et
al., NISTIR 5935), ALPINE (arXiv 2405.09220) for training paths, ProsQA (Hao et al., arXiv
2412.06769), PDDL 1.2 with the unified-planning library.  Nothing here imports planlib.
"""

from __future__ import annotations

import ast
import csv
import functools
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

MAX_NODES = 200_000  # each is a token
MAX_STATES = 2_000  # reachable states of a PDDL problem, unless its name says otherwise
ENDINGS = {
    ".graphml": "GraphML",
    ".mtx": "MatrixMarket",
    ".json": "JSON",
    ".pddl": "PDDL",
    ".edgelist": "lines",
    ".edges": "lines",
    ".csv": "lines",
    ".tsv": "lines",
}
HEADERS = (("source", "target"), ("from", "to"), ("src", "dst"), ("parent", "child"))
# A first row of such words that is none of HEADERS is neither safely a header nor an edge.
LIKE_A_HEADER = re.compile(
    r"(node|vertex|head|tail|start|end|origin|dest\w*|source|target|from|to|src|dst|parent|child)"
    r"[ _]?(id|name|node|\d)?",
    re.IGNORECASE,
)
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NO_NAME = re.compile(r"""[()\[\]{}<>"]|^//|^\*""")  # the syntax of other formats


class FileError(ValueError):
    """A file that cannot be read as what it is: ``expected`` and ``got`` make the message."""

    def __init__(self, expected: str, got: object):
        self.expected, self.got = expected, got
        super().__init__(f"expected {expected}, got {got}")


class FileNotice(UserWarning):
    """What of a file was dropped or read in a way that one should know."""


@dataclass(frozen=True)
class Listing:
    """A graph as its file lists it.

    Attributes
    ----------
    nodes
        The name of each node.
    edges
        Steps as pairs of places in ``nodes``, each once, none from a node to itself.
    notes
        What was dropped, one sentence each.
    problems
        Problems that the file asks besides, (source, target) as places in ``nodes``.
    stages
        The stage of each node in the order of ``nodes``, where the file gives one.
    """

    nodes: tuple
    edges: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = ()
    problems: tuple[tuple[int, int], ...] = ()
    stages: tuple[int, ...] | None = None


def read_graph(name: str) -> Listing:
    """Read a graph's file, or ``FILE.json#3`` for the fourth entry of a JSON list.

    Raises
    ------
    FileError
        If it is missing, of no known kind, or not what its kind asks for.
    """
    path, entry = name, None
    if not Path(name).exists() and (at := re.fullmatch(r"(.+)#([0-9]+)", name)):
        path, entry = at[1], int(at[2])
    text = read_text(path)
    kind = kind_of(text)
    named = ENDINGS.get(Path(path).suffix.lower(), kind)
    if named != kind:
        raise FileError(f"{named}, as the ending says", f"what begins like {kind}")
    if entry is not None and kind != "JSON":
        raise FileError("a JSON list before '#'", kind)
    if kind == "JSON":
        return _json(text, entry)
    return {"GraphML": _graphml, "MatrixMarket": _matrix, "PDDL": _pddl, "lines": _lines}[kind](
        text
    )


def read_text(path: str | Path) -> str:
    """Return the text of a UTF-8 file, without byte-order mark, line ends as newlines.

    Raises
    ------
    FileError
        If the file cannot be opened, is empty or is not UTF-8 text.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise FileError("a file that can be read", error.strerror or error) from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileError("UTF-8 text", "UTF-16")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError("UTF-8 text", f"byte {raw[error.start]:#x} at {error.start}") from error
    if "\0" in text:
        raise FileError("UTF-8 text", "a binary file")
    if not text.strip():
        raise FileError("a graph", "an empty file")
    return re.sub(r"\r\n?", "\n", text)


def kind_of(text: str) -> str:
    """Return what a text is: ``GraphML``, ``MatrixMarket``, ``JSON``, ``PDDL`` or ``lines``."""
    head = text.lstrip()
    if head.startswith("<"):
        return "GraphML"
    if head[:14].lower() == "%%matrixmarket":
        return "MatrixMarket"
    if head[0] in "[{":
        return "JSON"
    return "PDDL" if re.match(r"(;.*\n|\s)*\(\s*define\b", text, re.IGNORECASE) else "lines"


def _listing(
    nodes: Iterable, steps: Iterable[tuple], notes: Sequence[str] = (), *, problems=(), sort=True
) -> Listing:
    """Put nodes and steps (by name) in order: each step once, no self-loops, integers sorted."""
    names, counts = list(dict.fromkeys(nodes)), Counter(steps)
    for name in names:
        if not str(name).isprintable() or not str(name).strip():
            raise FileError("names of printable characters", repr(name))
    if len(names) > MAX_NODES:
        raise FileError(f"at most {MAX_NODES} nodes", len(names))
    if sort and all(INTEGER.fullmatch(str(name)) for name in names):
        names.sort(key=int)
        place = {name: k for k, name in enumerate(names)}
        names = [int(name) for name in names]
    else:
        _one_spelling(names)
        place = {name: k for k, name in enumerate(names)}
    loops = sum(source == target for source, target in counts)
    kept = {(place[source], place[target]) for source, target in counts if source != target}
    if not kept:
        raise FileError("at least one edge between two nodes", "none")
    told = list(notes)
    if (parallel := sum(counts.values()) - len(counts)) > 0:
        told.append(f"{parallel} parallel edge(s) counted once")
    if loops:
        told.append(f"{loops} self-loop(s) dropped")
    if alone := len(names) - len({k for edge in kept for k in edge}):
        told.append(f"{alone} isolated node(s) kept, in no problem")
    asked = tuple((place[source], place[target]) for source, target in problems)
    return Listing(tuple(names), tuple(sorted(kept)), tuple(told), asked)


def _one_spelling(names: Sequence) -> None:
    """Refuse ``1`` beside ``1.0`` or ``01``, which may be one node or two."""
    values: dict[float, object] = {}
    for name in names:
        if isinstance(name, str) and re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", name, re.I):
            try:
                first = values.setdefault(float(name), name)
            except ValueError:  # a version number, say
                continue
            if first != name:
                raise FileError("one spelling of a node", f"{first!r} and {name!r}")


# ---------------------------------------------------------------- edge lists


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Split lines into fields: ``(line number, fields)``; comments and empty lines left out."""
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        bare = re.sub(r"(^|\s)#.*", "", line).strip()
        if bare and not bare.startswith("%"):
            lines.append((number, bare))
    if not lines:
        raise FileError("at least one edge", "comments only")
    comma, tab = ("," in lines[0][1]), ("\t" in lines[0][1])
    rows = []
    for number, line in lines:
        if not comma and "," in line:
            raise FileError(
                "one separator in all lines", f"a comma first in line {number}: {line!r}"
            )
        if comma or tab:
            try:
                (fields,) = csv.reader(
                    [line], delimiter="," if comma else "\t", skipinitialspace=True, strict=True
                )
            except csv.Error as error:
                raise FileError("comma-separated fields", f"line {number}: {error}") from error
            fields = [field.strip() for field in fields]
        else:
            # networkx writes the attributes of an edge as a dictionary behind it
            plain, brace, attributes = line.partition("{")
            fields = [*plain.split(), *([brace + attributes] if brace else [])]
        if "" in fields:
            raise FileError("no empty field", f"line {number}: {line!r}")
        rows.append((number, fields))
    return rows


def _lines(text: str) -> Listing:
    rows = _rows(text)
    if looks_like_paths([fields for _, fields in rows]):
        raise FileError(
            "a graph; training paths go beside it (--graph GRAPH --paths THIS)",
            "lines 's t s ... t'",
        )
    columns, notes = _columns(rows)
    if columns:
        rows = rows[1:]
    width = len(rows[0][1]) if rows else 0
    for number, fields in rows:
        if len(fields) != width or width < 2:
            wanted = f"{width} columns as above" if width > 1 else "two nodes a line"
            raise FileError(wanted, f"line {number}: {' '.join(fields)!r}")
    if not columns:
        columns = {"source": 0, "target": 1}
        if width == 3 and all(fields[2].startswith("{") for _, fields in rows):
            columns["attributes"] = 2
        elif width > 2:
            raise FileError(
                "two nodes a line, or a header row such as 'source target weight'",
                f"{width} columns without one",
            )
        _refuse_counts(rows)
    if len(columns) != width and rows:
        raise FileError(f"{len(columns)} columns as in the header", width)
    steps = []
    for number, fields in rows:
        step = fields[columns["source"]], fields[columns["target"]]
        for name in step:
            if NO_NAME.search(name):
                raise FileError("names of nodes", f"line {number}: {name!r}")
        _check_columns(number, fields, columns)
        steps.append(step)
    dropped = [name for name in columns if name not in ("source", "target")]
    if dropped and any(fields[columns[name]] != "{}" for _, fields in rows for name in dropped):
        notes.append(f"column(s) {', '.join(dropped)} dropped")
    return _listing((name for step in steps for name in step), steps, notes)


def looks_like_paths(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows of words are training paths ``s t s ... t``."""
    return all(len(row) > 3 and row[0] == row[2] and row[1] == row[-1] for row in rows)


def _columns(rows: list[tuple[int, list[str]]]) -> tuple[dict[str, int] | None, list[str]]:
    """Return the columns by name if the first row is a header; refuse what may be one or not."""
    first = [field.lower() for field in rows[0][1]]
    later = {field for _, fields in rows[1:] for field in fields}
    for pair in HEADERS:
        if set(pair) <= set(first):
            if later & set(rows[0][1]):
                raise FileError(
                    "a header row or an edge", f"{' '.join(first)!r}, which may be both"
                )
            if len(set(first)) != len(first):
                raise FileError("a name for each column", " ".join(first))
            renamed = dict(zip(pair, ("source", "target"), strict=True))
            columns = {renamed.get(name, name): k for k, name in enumerate(first)}
            return columns, [f"header row {' '.join(rows[0][1])!r} read as one"]
    known = " or ".join(f"'{a} {b}'" for a, b in HEADERS)
    numbers = all(INTEGER.fullmatch(field) for _, fields in rows[1:] for field in fields[:2])
    words = [not re.fullmatch(r"[-+.0-9]+", field) for field in first[:2]]
    if not later & set(rows[0][1]) and (
        all(LIKE_A_HEADER.fullmatch(field) for field in first[:2])
        or (len(rows) > 1 and numbers and all(words))
    ):
        raise FileError(f"an edge, or a header row with {known}", " ".join(rows[0][1]))
    return None, []


def _refuse_counts(rows: list[tuple[int, list[str]]]) -> None:
    """Refuse a first row ``nodes edges``, as other programs write it, that could be an edge."""
    first, rest = rows[0][1], rows[1:]
    if rest and all(INTEGER.fullmatch(field) for field in first):
        others = {field for _, fields in rest for field in fields[:2]}
        counts = int(first[1]) == len(rest) and int(first[0]) >= len(others)
        if counts and first[0] not in others:
            raise FileError("edges only", f"a first line {' '.join(first)!r} that counts them")


def _check_columns(number: int, fields: list[str], columns: dict[str, int]) -> None:
    """Refuse what may mean that an edge is not there, or goes both ways."""
    weight = fields[columns["weight"]] if "weight" in columns else "1"
    if "attributes" in columns:
        try:
            weight = ast.literal_eval(fields[columns["attributes"]]).get("weight", 1)
        except (ValueError, SyntaxError) as error:
            raise FileError("attributes as a dictionary", f"line {number}") from error
    _check_weight(weight, f"line {number}")
    if "type" in columns and fields[columns["type"]].lower() == "undirected":
        raise FileError("directed edges (write both directions)", f"line {number}: Undirected")


def _check_weight(weight: object, where: str) -> None:
    try:
        value = float(weight)
    except (TypeError, ValueError) as error:
        raise FileError("a number as weight", f"{where}: {weight!r}") from error
    if value == 0 or math.isnan(value):
        raise FileError("no weight of 0 or NaN (is it an edge?)", f"one in {where}")


# ------------------------------------------------------- GraphML, MatrixMarket


def _graphml(text: str) -> Listing:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise FileError("well-formed GraphML", error) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # without the namespace
    graphs = list(root.iter("graph"))
    if root.tag != "graphml" or not graphs:
        raise FileError(
            "GraphML with a <graph>",
            f"<{root.tag}> without one" if not graphs else f"<{root.tag}>",
        )
    if len(graphs) > 1:
        raise FileError("one <graph>", f"{len(graphs)}, nested or side by side")
    (graph,) = graphs
    for tag in ("hyperedge", "port"):
        if graph.find(f".//{tag}") is not None:
            raise FileError("nodes and edges", f"a <{tag}>")
    nodes = [node.get("id") for node in graph.findall("node")]
    if None in nodes or len(set(nodes)) < len(nodes):
        raise FileError("one id for each node", "none for one, or one twice")
    default = graph.get("edgedefault")
    if default not in ("directed", "undirected"):
        raise FileError("edgedefault 'directed' or 'undirected'", repr(default))
    known, steps, undirected = set(nodes), [], 0
    for edge in graph.findall("edge"):
        ends = edge.get("source"), edge.get("target")
        if not known.issuperset(ends):
            raise FileError("edges between declared nodes", f"{ends[0]!r} to {ends[1]!r}")
        directed = edge.get("directed", str(default == "directed").lower())
        if directed not in ("true", "false"):
            raise FileError("directed 'true' or 'false'", repr(directed))
        both = directed == "false" and ends[0] != ends[1]
        steps += [ends, ends[::-1]] if both else [ends]
        undirected += directed == "false"
    notes = [f"{undirected} undirected edge(s) read both ways"] if undirected else []
    keys = {key.get("id"): key.get("attr.name") or key.get("id") for key in root.iter("key")}
    found = _stages(graph, keys)
    used = {str(keys.get(data.get("key"), data.get("key"))) for data in graph.iter("data")}
    if dropped := sorted(used - ({"stage"} if found else set())):
        notes.append(f"attribute(s) {', '.join(dropped)} dropped")
    listing = _listing(nodes, steps, notes)
    if not found:
        return listing
    stages = tuple(found[str(name)] for name in listing.nodes)
    if any(stages[target] < stages[source] for source, target in listing.edges):
        note = "attribute stage dropped: an edge leads back to an earlier one"
        return replace(listing, notes=(*listing.notes, note))
    return replace(listing, stages=stages)


def _stages(graph: ElementTree.Element, keys: dict) -> dict[str, int]:
    """The attribute ``stage`` of each node, if all have an integer there."""
    found = {}
    for node in graph.findall("node"):
        values = [
            (data.text or "").strip()
            for data in node.findall("data")
            if keys.get(data.get("key")) == "stage"
        ]
        if len(values) != 1 or not INTEGER.fullmatch(values[0]):
            return {}
        found[node.get("id")] = int(values[0])
    return found


def _matrix(text: str) -> Listing:
    try:
        from scipy import io as scipy_io
    except ImportError as error:
        raise FileError("scipy, which reads MatrixMarket (pip install scipy)", "none") from error
    try:
        rows, columns, _, form, kind, symmetry = scipy_io.mminfo(io.BytesIO(text.encode()))
        if rows != columns:
            raise FileError("a square matrix", f"{rows} rows, {columns} columns")
        if symmetry not in ("general", "symmetric") or kind == "complex":
            raise FileError("a general or symmetric matrix of numbers", f"{kind} {symmetry}")
        if rows > MAX_NODES:
            raise FileError(f"at most {MAX_NODES} nodes", rows)
        matrix = scipy_io.mmread(io.BytesIO(text.encode()), spmatrix=False)
    except FileError:
        raise
    except (ValueError, OverflowError, TypeError) as error:
        raise FileError("a MatrixMarket file", error) from error
    if form == "array":
        sources, targets = matrix.nonzero()
        values = matrix[sources, targets]
    else:
        sources, targets, values = matrix.row, matrix.col, matrix.data
    for value in set(values.tolist()):
        _check_weight(value, "an entry")
    notes = []
    if symmetry == "symmetric":
        notes.append("symmetric: each entry read both ways")
    if (values != 1).any():
        notes.append("weights dropped")
    steps = zip((sources + 1).tolist(), (targets + 1).tolist(), strict=True)
    return _listing(range(1, rows + 1), steps, notes)


# -------------------------------------------------------------- ProsQA's JSON


def _json(text: str, entry: int | None) -> Listing:
    """Read ``edges``, ``root``, ``target`` and, where given, ``idx_to_symbol``."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError("one JSON value", error) from error
    if isinstance(data, list):
        if entry is None and len(data) != 1:
            raise FileError("which graph of the list: FILE#0", f"{len(data)} entries")
        if (entry or 0) >= len(data):
            raise FileError(f"an entry 0 to {len(data) - 1}", f"#{entry}")
        data = data[entry or 0]
    elif entry is not None:
        raise FileError("a JSON list before '#'", "one object")
    if not isinstance(data, dict) or "edges" not in data:
        raise FileError("an object with 'edges'", "another one" if isinstance(data, dict) else data)
    edges, symbols = data["edges"], data.get("idx_to_symbol")
    asked = [data[key] for key in ("root", "target") if key in data]
    pairs = [*edges, asked] if isinstance(edges, list) and asked else edges
    kinds = (int,) if symbols else (int, str)
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(type(x) in kinds for x in pair)
        for pair in pairs
    ):
        raise FileError("edges as pairs of nodes, and both root and target or neither", "others")
    if symbols:
        if any(not 0 <= x < len(symbols) for pair in pairs for x in pair):
            raise FileError(f"nodes 0 to {len(symbols) - 1}", "an edge or problem outside")
        if len(set(map(str, symbols))) < len(symbols):
            raise FileError("symbols that differ", "one twice")
        pairs = [[symbols[x] for x in pair] for pair in pairs]
        nodes = symbols
    else:
        nodes = [x for pair in pairs for x in pair]
    steps = [tuple(pair) for pair in pairs]
    problems = [steps.pop()] if asked else []
    left = sorted(set(data) - {"edges", "idx_to_symbol", "root", "target"})
    notes = [f"field(s) {', '.join(left)} dropped"] if left else []
    return _listing(nodes, steps, notes, problems=problems, sort=not symbols)


# ----------------------------------------------------------------------- PDDL


def _pddl(text: str) -> Listing:
    raise FileError("both files of PDDL: 'pddl:DOMAIN.pddl,PROBLEM.pddl'", "one of them")


def read_pddl(domain: str | Path, problem: str | Path, states: int = MAX_STATES) -> Listing:
    """Read the reachable states of a classical planning problem, breadth-first from the start.

    Needs ``pip install -e '.[pddl]'``.  The name of a state is ``on(a,b)+clear(a)``: the facts that
    hold in it, without those that hold in all.  An action is a step; one that changes nothing is a
    self-loop, and dropped.

    Parameters
    ----------
    domain, problem
        The two files.
    states
        The most states that are followed.

    Raises
    ------
    FileError
        If the library is missing, the files do not parse, the problem has numbers, time or
        other things besides facts, or there are more states.
    """
    return _states(read_text(domain), read_text(problem), states)


@functools.lru_cache(maxsize=4)  # a run reads its graph more than once
def _states(domain: str, problem: str, most: int) -> Listing:
    try:
        from unified_planning.shortcuts import SequentialSimulator, get_environment
    except ImportError as error:
        wanted = "the package unified-planning (pip install -e '.[pddl]')"
        raise FileError(wanted, "none") from error
    get_environment().credits_stream = None
    task = _parse_pddl(domain, problem)
    facts = list(task.initial_values)
    with SequentialSimulator(task) as simulator:
        start = simulator.get_initial_state()
        seen, queue, steps = {_holds(start, facts): 0}, [start], []
        for at, state in enumerate(queue):  # grows while it is read
            for action, parameters in simulator.get_applicable_actions(state):
                after = simulator.apply(state, action, parameters)
                if after is None:  # an effect that is not allowed
                    continue
                key = _holds(after, facts)
                if key not in seen:
                    if len(seen) == most:
                        wanted = f"at most {most} reachable states (',states=...' allows more)"
                        raise FileError(wanted, "more")
                    seen[key] = len(seen)
                    queue.append(after)
                steps.append((at, seen[key]))
    facts = [str(fact).replace(" ", "") for fact in facts]
    always = [all(column) for column in zip(*seen, strict=True)]
    names = [
        "+".join(f for f, on, ever in zip(facts, key, always, strict=True) if on and not ever)
        for key in seen
    ]
    names = [name or "nothing" for name in names]
    return _listing(names, [(names[a], names[b]) for a, b in steps], sort=False)


def _parse_pddl(domain: str, problem: str):
    """Return the parsed problem if facts are all that it has."""
    from unified_planning.io import PDDLReader

    try:
        task = PDDLReader().parse_problem_string(domain, problem)
    except Exception as error:  # the parser lets through whatever its own parts raise
        reason = str(error).strip().split("\n")[0]
        raise FileError(
            "a PDDL domain and a problem of it", f"{type(error).__name__}: {reason}"
        ) from error
    if any(not fluent.type.is_bool_type() for fluent in task.fluents):
        raise FileError("facts that hold or not", "numbers or objects as values")
    if task.kind.has_continuous_time() or task.kind.has_discrete_time():
        raise FileError("actions without duration", "durative ones")
    return task


def _holds(state, facts) -> tuple[bool, ...]:
    return tuple(state.get_value(fact).is_true() for fact in facts)


# ------------------------------------------------------------- training paths


def read_paths(path: str | Path) -> list[tuple[int, list[str]]]:
    """Read lines of words, ``s t s a ... t`` or ``s t`` each: ``(line number, words)``.

    Raises
    ------
    FileError
        If the file cannot be read or is of another kind.
    """
    text = read_text(path)
    if (kind := kind_of(text)) != "lines":
        raise FileError("lines 's t s a ... t'", f"what begins like {kind}")
    return [(at, line.split()) for at, line in enumerate(text.split("\n"), 1) if line.strip()]
