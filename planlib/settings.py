"""Every setting of a run from the command line, with the documentation of its field.

The configurations of :mod:`planlib.studies` and :mod:`planlib.train` are all that is read: a
field that joins them is an option, and its text in "Attributes" the help.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import typing
from collections.abc import Collection
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from pathlib import Path
from types import UnionType

import docstring_parser
import tyro

from planlib import studies
from planlib.graph import InputError

# The second stage that each method of ``train`` adds, with the settings of the book.
STAGES = {"sft": {}} | {
    name.replace("_", "-"): {name: stage} for name, stage in studies.USUAL.items()
}
STAGES["reinforce"] = STAGES["pg"]
ALL_STAGES = set(studies.SECOND)
# Settings that belong to some stages.
ONLY_WITH = {"off_policy": {"q"}, "asked": set(studies.SECOND) - {"more_sft"}}


@dataclass(frozen=True)
class Place:
    """What is no setting of the run.

    Attributes
    ----------
    out
        Folder for the model (default: runs).
    device
        Where it is trained: cpu, or cuda where torch has one.
    """

    out: Path | None = None
    device: str = "cpu"


def read(method: str, arguments: list[str]) -> tuple[studies.RunConfig, Place]:
    """Return the configuration that ``train METHOD ARGUMENTS`` describes, and its place.

    The settings of the stage that the method names need no prefix: ``--steps`` is
    ``--pg.steps`` for ``pg``.  ``--help`` prints all of them and ends.

    Raises
    ------
    InputError
        If an option is unknown, or its value none that the field takes.
    """
    given = studies.RunConfig(**STAGES[method])
    short = next(iter(STAGES[method]), "sft")
    left_out = (ALL_STAGES - set(STAGES[method])) | {
        name for name, stages in ONLY_WITH.items() if short not in stages
    }
    members = [*_members(Place()), *_members(given, left_out, short)]
    said = f"Train one model and print where it lies: {method}."
    parsed = _parse(members, f"train {method}", said, arguments)
    return _config(given, parsed), Place(parsed.out, parsed.device)


def read_beside(command: str, said: str, given: object, beside: object, arguments: list[str]):
    """Read the options of a command: two configurations, of which the second is no setting of a run.

    Options of a stage have its name in front: ``--pg.steps``.

    Parameters
    ----------
    command, said
        What is called, and what it does, for ``--help``.
    given, beside
        Dataclasses whose fields are the options, and whose values the defaults.

    Returns
    -------
    tuple
        Both, with what the arguments say.

    Raises
    ------
    InputError
        If an option is unknown, or its value none that the field takes.
    """
    parsed = _parse([*_members(beside), *_members(given)], command, said, arguments)
    return _config(given, parsed), _config(beside, parsed)


def documented(config: type) -> dict[str, str]:
    """Return the text of each field in the "Attributes" of a class and of those it comes from."""
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
        for entry in docstring_parser.parse(text, docstring_parser.DocstringStyle.NUMPYDOC).params:
            text = " ".join((entry.description or "").split())
            found |= {name.strip(): _plain(text) for name in entry.arg_name.split(",")}
    return found


def _plain(text: str) -> str:
    """Take the marks of the book's pages out of a text."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", text).replace("``", "")


def _members(config, left_out: Collection[str] = (), short: str = "", aliased=()) -> list[tuple]:
    """Return a configuration's fields as options, for ``make_dataclass``, each with its help.

    The defaults are the configuration's values; the fields of the stage ``short`` have names
    without its prefix too, where the run has no field of that name.
    """
    hints, texts, members = typing.get_type_hints(type(config)), documented(type(config)), []
    taken = {f.name for f in fields(config)}
    for f in fields(config):
        value = getattr(config, f.name)
        if f.name in left_out:
            continue
        if is_dataclass(value):
            alone = {g.name for g in fields(value)} - taken if f.name == short else ()
            stage = make_dataclass(f.name, _members(value, aliased=alone), frozen=True)
            stage.__doc__ = texts.get(f.name, "")
            members.append((f.name, stage, field(default_factory=stage)))
            continue
        aliases = [f"--{f.name.replace('_', '-')}"] if f.name in aliased else None
        argument = tyro.conf.arg(help=texts.get(f.name, ""), aliases=aliases)
        kind, value = _switch(hints[f.name], value)
        members.append((f.name, typing.Annotated[kind, argument], field(default=value)))
    return members


def _switch(kind: object, value: object) -> tuple[object, object]:
    """A switch that may be left open is off on the command line."""
    if isinstance(kind, UnionType) and bool in typing.get_args(kind):
        return bool, bool(value)
    return kind, value


def _config(given, parsed):
    """Turn parsed options back into the configuration that they mirror."""
    values = {}
    for f in fields(given):
        was = getattr(given, f.name)
        if hasattr(parsed, f.name):
            now = getattr(parsed, f.name)
            now = _config(was, now) if is_dataclass(was) else now
            values[f.name] = was if was is None and now is False else now
    return type(given)(**values)


def _parse(members: list[tuple], command: str, description: str, arguments: list[str]):
    """Parse with tyro; what it would draw in a box becomes an :class:`InputError`."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                make_dataclass("Settings", members, frozen=True),
                config=(tyro.conf.FlagCreatePairsOff,),
                prog=f"python -m planlib {command}",
                description=description,
                args=arguments,
            )
    except SystemExit as ended:
        if not ended.code:
            raise
        name, wanted = command.split()[0], f"options of {command} (see --help)"
        raise InputError(name, wanted, _line(said.getvalue())) from None


def _line(box: str) -> str:
    """Return the message of a box that tyro draws, in one line: what stands before its last rule."""
    parts, lines = [[]], box.splitlines()[1:]  # the first one is the title
    for line in lines:
        bare = line.strip("│ ")
        if bare.strip("─-╰╯"):
            parts[-1].append(bare)
        elif parts[-1]:
            parts.append([])
    return " ".join(parts[0])
