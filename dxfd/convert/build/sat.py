"""The records of ACIS bodies: text (SAT, any version) is split here, binary (SAB, R2013 and later) by ezdxf.

Knows how records are written, not what they mean: faces are acis.py's, curves acis_curves.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

_LONG_HEADER: Final = 200
"""ACIS version from which on text bodies begin with three lines of header instead of one."""
_NUMBERED: Final = 700
"""Version from which on a number of its own stands behind a record's first pointer."""
_TURNED: Final = frozenset({"reversed", "1"})
_ENUM: Final = 0x15


class Record(Struct, frozen=True):
    """One record of a body.

    Attributes:
        name: of its class.
        numbers: reals behind its last pointer.
        pointers: numbers of the records it points to, -1 for none.
        turned: for each pointer whether "reversed" stands behind it.
        words: all behind its last pointer, reals as they are.
    """

    name: str
    numbers: list[float]
    pointers: list[int]
    turned: list[bool]
    words: list[float | str]


def to(records: list[Record], record: Record, name: str) -> list[int]:
    """Return the records of a name (or, with -curve or -surface, of an ending) that a record points to."""
    ends = name.startswith("-")
    return [
        k
        for k in record.pointers
        if 0 <= k < len(records) and (records[k].name.endswith(name) if ends else records[k].name == name)
    ]


def turned(records: list[Record], record: Record, name: str) -> bool:
    """Return whether a record has the other direction than what it points to: coedge and edge, edge and curve, ..."""
    target = next(iter(to(records, record, name)), -1)
    return target >= 0 and record.turned[record.pointers.index(target)]


def sat_lines(pairs: Iterable[tuple[int, str]]) -> list[str]:
    """Return the readable lines of an entity's text body; a continuation may come first."""
    from ezdxf.tools.crypt import decode

    lines: list[str] = []
    for code, value in pairs:
        if code == 1 or (code == 3 and not lines):
            lines.append(value)
        elif code == 3:
            lines[-1] += value
    return list(decode(lines))


def records(data: Any) -> list[Record]:
    """Return the records of a body: SAB as bytes, or SAT as a list of lines.

    Raises:
        Exception: whatever ezdxf raises on data it cannot read; the caller makes it the entity's fault.
    """
    if isinstance(data, bytes | bytearray):
        return _binary(data)
    version = int(data[0].split()[0])
    body = " ".join(data[1 if version < _LONG_HEADER else 3 :])
    out: list[Record] = []
    for text in body.split("#"):
        words = text.split()
        if words and words[0].lstrip("-").isdigit():  # its own number
            words = words[1:]
        if words:
            out.append(_record([*words[:2], *words[3:]] if version >= _NUMBERED else words))
    return out


def _record(words: list[str]) -> Record:
    at = [k for k, word in enumerate(words) if word.startswith("$")]
    rest = [_value(word) for word in words[at[-1] + 1 if at else 1 :]]
    behind = [words[k + 1] if k + 1 < len(words) else "" for k in at]
    return Record(
        words[0], [word for word in rest if isinstance(word, float)], [int(words[k][1:]) for k in at],
        [word in _TURNED for word in behind], rest,
    )  # fmt: skip


def _value(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word  # "forward", "I"


def _binary(data: bytes | bytearray) -> list[Record]:
    from ezdxf.acis.sab import parse_sab

    entities = list(parse_sab(data).entities)
    place = {id(entity): k for k, entity in enumerate(entities)}
    out: list[Record] = []
    for entity in entities:
        words: list[float | str] = []
        pointers: list[int] = []
        turned: list[bool] = []
        numbers: list[float] = []
        behind = False
        for token in entity.data:
            value = token.value
            if hasattr(value, "attr_ptr"):
                pointers.append(place.get(id(value), -1))
                turned.append(False)
                words = []
                behind = True
                continue
            if behind and isinstance(value, bool):
                turned[-1] = value
            behind = False
            found = _plain(value, token.tag, entity.name)
            words += found
            if not isinstance(value, int):
                numbers += [word for word in found if isinstance(word, float)]
        out.append(Record(entity.name, numbers, pointers, turned, words))
    return out


def _plain(value: Any, tag: int, name: str) -> list[float | str]:
    """Return what a token says as reals and words."""
    if isinstance(value, bool) or tag == _ENUM:
        return [str(value)]
    if isinstance(value, str):
        return [float(word) for word in value.split()[:13]] if name == "transform" else [value]
    return [float(value)] if isinstance(value, int | float) else [float(v) for v in value]
