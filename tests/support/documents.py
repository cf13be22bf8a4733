"""The parts of the documents that are made from the code: `python -m tests.support.documents` writes them anew.

Each lies between `<!-- made from the code: NAME -->` and `<!-- end -->`; tests/unit/test_documents.py compares them.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec

from dxfd.cli.errors import row_of
from dxfd.config.model import FIELDS, written
from dxfd.contract import progress
from dxfd.contract.messages import VERBS, Header, ReplyHeader, WireError
from dxfd.contract.states import FINAL, OWNED, TRANSITIONS, JobState
from dxfd.control.dispatch import TABLE
from dxfd.errors import all_errors

ROOT: Final = Path(__file__).parents[2]


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def settings() -> str:
    return table(
        ("key", "default", "kind", "in force", "meaning"),
        (
            (
                f"`{f.name}`",
                f"`{written(f, f.default)}`",
                f.kind.value,
                "at start" if f.restart else "at SIGHUP",
                f.words,
            )
            for f in FIELDS.values()
        ),
    )


def errors() -> str:
    rows = (row_of(cls) for cls in all_errors())
    return table(
        ("code", "exit", "class", "meaning", "hint"),
        ((f"`{r['code']}`", str(r["exit_code"]), str(r["failure"]), str(r["meaning"]), str(r["hint"])) for r in rows),
    )


def verbs() -> str:
    return table(
        ("verb", "request", "reply", "role", "changes something"),
        (
            (f"`{verb}`", f"`{ask.__name__}`", f"`{answer.__name__}`", TABLE[verb].role.name.lower(), yes(verb))
            for verb, (ask, answer) in VERBS.items()
        ),
    )


def yes(verb: str) -> str:
    return "yes" if TABLE[verb].changes else ""


def structs() -> str:
    """Every struct of the control protocol with its fields, in the order in which they are met."""
    seen: dict[type, None] = {}
    for top in (Header, ReplyHeader, WireError, *(cls for pair in VERBS.values() for cls in pair)):
        collect(top, seen)
    return "\n\n".join(describe(cls) for cls in seen if cls.__struct_fields__)


def pipe() -> str:
    """Every struct of the worker's pipes."""
    names = (
        "WorkOrder",
        "Choices",
        "Building",
        "EntityLimits",
        "Leave",
        "Started",
        "Progress",
        "Checkpoint",
        "Issue",
        "Done",
        "Left",
        "Failed",
    )
    return "\n\n".join(describe(getattr(progress, name)) for name in names)


def collect(kind: Any, seen: dict[type, None]) -> None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in seen:
        seen[kind] = None
        for field in typing.get_type_hints(kind).values():
            collect(field, seen)
    for inner in typing.get_args(kind):
        collect(inner, seen)


def describe(cls: type[msgspec.Struct]) -> str:
    words = " ".join((cls.__doc__ or "").split())
    tag = cls.__struct_config__.tag
    title = f"**{cls.__name__}**" + (f' (`"type": "{tag}"`)' if tag else "")
    hints = typing.get_type_hints(cls)
    fields = ", ".join(
        f"`{f.name}` {spell(hints[f.name])}" + ("" if f.required else f" = {default(f)}")
        for f in msgspec.structs.fields(cls)
    )
    return f"{title}: {words}  \n{fields or 'no fields'}"


def spell(kind: Any) -> str:
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return " or ".join(spell(inner) for inner in typing.get_args(kind))
    if typing.get_origin(kind) is list:
        return f"list of {spell(typing.get_args(kind)[0])}"
    if typing.get_origin(kind) is dict:
        return "object"
    if typing.get_origin(kind) is tuple:
        return "[major, minor]"
    names = {str: "text", int: "number", float: "number", bool: "true/false", type(None): "null", msgspec.Raw: "JSON"}
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def default(field: Any) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, msgspec.Struct):
        return "{}"
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return msgspec.json.encode(value).decode()


def states() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> queued: submit", "    [*] --> waiting: submit"]
    lines += [f"    {was.value} --> {to.value}: {event.value}" for (was, event), to in TRANSITIONS.items()]
    lines += [f"    {state.value} --> [*]" for state in JobState if state in FINAL]
    lines += [
        "    classDef owned stroke-width:3px",
        f"    class {','.join(s.value for s in JobState if s in OWNED)} owned",
    ]
    return "\n".join([*lines, "```"])


MADE: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "settings": ("docs/settings.md", settings),
    "errors": ("docs/errors.md", errors),
    "verbs": ("docs/protocol.md", verbs),
    "structs": ("docs/protocol.md", structs),
    "pipe": ("docs/protocol.md", pipe),
    "states": ("ARCHITECTURE.md", states),
}


def section(text: str, name: str) -> re.Match[str]:
    found = re.search(rf"(<!-- made from the code: {name} -->\n)(.*?)(\n<!-- end -->)", text, re.DOTALL)
    assert found is not None, f"no section {name}"
    return found


def write() -> None:
    for name, (path, make) in MADE.items():
        text = (ROOT / path).read_text()
        found = section(text, name)
        (ROOT / path).write_text(text[: found.start(2)] + make() + text[found.end(2) :])


if __name__ == "__main__":
    write()
