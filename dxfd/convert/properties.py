"""What elements carry besides geometry: block attributes, words of texts, files of pictures, foreign types' classes."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa

from dxfd.convert.build.fallback import KNOWN
from dxfd.convert.build.geometry import COLUMNAR
from dxfd.convert.build.ragged import Ints
from dxfd.convert.build.references import REFERENCES
from dxfd.convert.read.attachments import DEFINED_BY, PROXY, Attachments
from dxfd.convert.read.columns import by_kind, group, of_kind
from dxfd.convert.read.dictionaries import Dictionaries
from dxfd.convert.read.encoding import character, decode
from dxfd.convert.read.stream import Chunk
from dxfd.convert.xdata import Properties, extended

_TEXTS: Final = ("TEXT", "MTEXT")
_OWN: Final = COLUMNAR | KNOWN.difference({PROXY}).union(REFERENCES, ("VERTEX", "ATTRIB", "SEQEND"))
"""Types of CAD programs themselves: what CLASSES says of them tells nothing."""
_SIGNS: Final = r"\\[\\{}~PNX]"
_SWITCHES: Final = r"\\[ACFHQTWacfhpqtw][^;\\{}]*;|\\[LlOoKk]|[{}]"
_FORMAT: Final = re.compile(rf"{_SIGNS}|\\S[^;]*;|{_SWITCHES}")
"""Read from the left, so that an escaped backslash (C:\\\\Plans) is not taken for the beginning of \\P."""
_FORMAT_BEHIND: Final = re.compile(rf"{_SIGNS}|{_SWITCHES}")
"""The same behind the last semicolon, where no stack (\\S) ends: each would look for its end through all the rest."""
_PERCENT: Final = re.compile(r"%%(\d{3}|[cdpouk%])", re.IGNORECASE)


def properties(
    chunk: Chunk, elements: Ints, codec: str, attachments: Attachments, dictionaries: Dictionaries | None = None,
    first_row: int = 0,
) -> pa.Table:  # fmt: skip
    """Return properties as (row, name, value), ordered by row.

    Args:
        chunk: the entities.
        elements: (n,) entities that became elements, growing.
        codec: of the drawing's text.
        attachments: the files of its pictures, the classes of its types.
        dictionaries: of the drawing, if extended data is kept too.
        first_row: number of the first element's row.
    """
    rank = np.full(chunk.count, -1, dtype=np.int64)
    rank[elements] = np.arange(len(elements))
    of = by_kind(chunk, rank >= 0)
    found = [
        _attributes(chunk, rank, codec),
        *(_words(chunk, of(kind), kind, rank, codec) for kind in _TEXTS),
        *(_pictures(chunk, of(kind), kind, rank, attachments) for kind in DEFINED_BY),
        *(_classes(chunk, of(kind), kind, rank, attachments) for kind in sorted(set(chunk.kinds) - _OWN)),
    ]
    if dictionaries is not None:
        found.append(extended(chunk, rank, codec, dictionaries))
    owner = np.array([row for rows, _, _ in found for row in rows], dtype=np.int64)
    names = [name for _, given, _ in found for name in given]
    values = [value for _, _, given in found for value in given]
    order = np.argsort(owner, kind="stable")
    return pa.table(
        {
            "row": pa.array(owner[order] + first_row),
            "name": pa.array([names[k] for k in order.tolist()], type=pa.string()),
            "value": pa.array([values[k] for k in order.tolist()], type=pa.string()),
        }
    )


def _attributes(chunk: Chunk, rank: Ints, codec: str) -> Properties:
    """Return the attributes of block references."""
    attributes = of_kind(chunk, "ATTRIB")
    attributes = attributes[chunk.follower[attributes]]
    attributes = attributes[rank[chunk.owner[attributes]] >= 0]
    if not len(attributes):
        return [], [], []
    members = group(chunk, attributes)
    tags = chunk.tags.strings(members.tag_of(2)).to_pylist()
    texts = chunk.tags.strings(members.tag_of(1)).to_pylist()
    lines = _lines(chunk, attributes)
    values = [
        plain(decode(lines[entity], codec), "MTEXT", codec) if entity in lines
        else plain(decode(text, codec), "ATTRIB", codec)
        for entity, text in zip(attributes.tolist(), texts, strict=True)
    ]  # fmt: skip
    return rank[chunk.owner[attributes]].tolist(), [decode(tag, codec).strip() for tag in tags], values


def _words(chunk: Chunk, entities: Ints, kind: str, rank: Ints, codec: str) -> Properties:
    """Return what texts say."""
    if not len(entities):
        return [], [], []
    members = group(chunk, entities)
    last = chunk.tags.strings(members.tag_of(1)).to_pylist()
    before: list[list[bytes]] = [[] for _ in last]
    for at in members.where(3).tolist():  # long MTEXT: 250-character pieces before the last
        before[int(members.row[at])].append(chunk.tags.value(int(members.tag[at])))
    values = [plain(decode(b"".join([*b, v]), codec), kind, codec) for b, v in zip(before, last, strict=True)]
    return rank[entities].tolist(), ["text"] * len(entities), values


def _pictures(chunk: Chunk, entities: Ints, kind: str, rank: Ints, attachments: Attachments) -> Properties:
    """Return the files that images and underlays show."""
    if not len(entities):
        return [], [], []
    handles = chunk.tags.strings(group(chunk, entities).tag_of(340)).to_pylist()
    return _each(rank[entities], [attachments.of(kind, handle.strip()) for handle in handles])


def _classes(chunk: Chunk, entities: Ints, kind: str, rank: Ints, attachments: Attachments) -> Properties:
    """Return the class and application of foreign types."""
    if not len(entities):
        return [], [], []
    numbers = group(chunk, entities).integer(91) if kind == PROXY else np.zeros_like(entities)
    return _each(rank[entities], [attachments.application(kind, number) for number in numbers.tolist()])


def _each(rows: Ints, given: list[list[tuple[str, str]]]) -> Properties:
    """Return the names and values given for each row, one behind the other."""
    pairs = [(row, name, value) for row, some in zip(rows.tolist(), given, strict=True) for name, value in some]
    return [row for row, _, _ in pairs], [name for _, name, _ in pairs], [value for _, _, value in pairs]


def _lines(chunk: Chunk, attributes: Ints) -> dict[int, bytes]:
    """Return the whole text of attributes of several lines: from R2018 on an MTEXT embedded in them has it.

    Of these their own value is the first line. The reader passes over embedded objects (code -1), so that their codes
    count for nobody; here they are read once more from the text.
    """
    tags = chunk.tags
    inside = np.flatnonzero(tags.code == -1)
    inside = inside[np.isin(tags.entity_of[inside], attributes)]
    pieces: dict[int, list[bytes]] = {}
    last: dict[int, bytes] = {}
    for at in inside.tolist():
        code = tags.data[int(tags.tag_start[at]) : int(tags.start[at])].strip()
        if code in {b"1", b"3"}:
            entity = int(tags.entity_of[at])
            pieces.setdefault(entity, [])
            if code == b"3":
                pieces[entity].append(tags.value(at))
            else:
                last[entity] = tags.value(at)
    return {entity: b"".join([*parts, last.get(entity, b"")]) for entity, parts in pieces.items()}


def plain(text: str, kind: str, codec: str = "cp1252") -> str:
    r"""Return the words of a TEXT (%%d %%c %%p) or MTEXT (\P, fonts, heights, stacks) without their formatting.

    %%nnn is a byte of the drawing's code page.
    """
    if "%%" in text:
        text = _PERCENT.sub(lambda match: _percent(match, codec), text)
    if kind != "MTEXT":
        return text
    stop = text.rfind(";") + 1
    return _FORMAT.sub(_unformatted, text[:stop]) + _FORMAT_BEHIND.sub(_unformatted, text[stop:])


def _percent(match: re.Match[str], codec: str) -> str:
    code = match.group(1).lower()
    if code.isdigit():
        return character(int(code), codec)
    return {"d": "°", "c": "⌀", "p": "±", "%": "%"}.get(code, "")


def _unformatted(match: re.Match[str]) -> str:
    code = match.group(0)
    if code in {"\\P", "\\N", "\\X"}:  # paragraph, column, line of a dimension
        return "\n"
    if code == "\\~":
        return "\u00a0"
    if code.startswith("\\S"):
        return code[2:].removesuffix(";").replace("^", "/", 1).replace("#", "/", 1)
    return code[1] if code[0] == "\\" and code[1] in "\\{}" else ""
