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
from dxfd.convert.xdata import extended

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
    owner: list[int] = []
    names: list[str] = []
    values: list[str] = []
    attributes = of_kind(chunk, "ATTRIB")
    attributes = attributes[chunk.follower[attributes]] if len(attributes) else attributes
    attributes = attributes[rank[chunk.owner[attributes]] >= 0]
    if len(attributes):
        members = group(chunk, attributes)
        tags = chunk.tags.strings(members.tag_of(2)).to_pylist()
        texts = chunk.tags.strings(members.tag_of(1)).to_pylist()
        owner += rank[chunk.owner[attributes]].tolist()
        names += [decode(tag, codec).strip() for tag in tags]
        lines = _lines(chunk, attributes)
        values += [
            plain(decode(lines[entity], codec), "MTEXT", codec) if entity in lines
            else plain(decode(text, codec), "ATTRIB", codec)
            for entity, text in zip(attributes.tolist(), texts, strict=True)
        ]  # fmt: skip
    of = by_kind(chunk, rank >= 0)
    for kind in _TEXTS:
        entities = of(kind)
        if not len(entities):
            continue
        members = group(chunk, entities)
        last = chunk.tags.strings(members.tag_of(1)).to_pylist()
        before: list[list[bytes]] = [[] for _ in last]
        for at in members.where(3).tolist():  # long MTEXT: 250-character pieces before the last
            before[int(members.row[at])].append(chunk.tags.value(int(members.tag[at])))
        owner += rank[entities].tolist()
        names += ["text"] * len(entities)
        values += [plain(decode(b"".join([*b, v]), codec), kind, codec) for b, v in zip(before, last, strict=True)]
    for kind in DEFINED_BY:
        entities = of(kind)
        if not len(entities):
            continue
        handles = chunk.tags.strings(group(chunk, entities).tag_of(340)).to_pylist()
        for place, handle in zip(rank[entities].tolist(), handles, strict=True):
            for name, value in attachments.of(kind, handle.strip()):
                owner.append(place)
                names.append(name)
                values.append(value)
    for kind in sorted(set(chunk.kinds) - _OWN):
        entities = of(kind)
        if not len(entities):
            continue
        numbers = group(chunk, entities).integer(91) if kind == PROXY else np.zeros_like(entities)
        for place, number in zip(rank[entities].tolist(), numbers.tolist(), strict=True):
            for name, value in attachments.application(kind, number):
                owner.append(place)
                names.append(name)
                values.append(value)
    if dictionaries is not None:
        more = extended(chunk, rank, codec, dictionaries)
        owner += more[0]
        names += more[1]
        values += more[2]
    order = np.argsort(np.array(owner, dtype=np.int64), kind="stable")
    index = np.array(owner, dtype=np.int64)[order]
    return pa.table(
        {
            "row": pa.array(index + first_row),
            "name": pa.array([names[k] for k in order.tolist()], type=pa.string()),
            "value": pa.array([values[k] for k in order.tolist()], type=pa.string()),
        }
    )


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
