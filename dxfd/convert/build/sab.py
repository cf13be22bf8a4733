"""Binary ACIS bodies (SAB, in drawings of R2013 and later) as the records that text ones have."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from dxfd.convert.build.sat import ENDS, NUMBERED, Record, named, resolved

_SIGNATURES: Final = {b"ACIS BinaryFile": "<i", b"ASM BinaryFile4": "<i", b"ASM BinaryFile8": "<q"}
"""How a body begins, and how its whole numbers are written."""
_STRINGS: Final = {7: "<B", 8: "<H", 9: "<I", 0x12: "<I", 0xD: "<B", 0xE: "<B"}
"""How the length of each kind of string is written."""
_REALS: Final = {5: "<f", 6: "<d", 0x13: "<3d", 0x14: "<3d", 0x16: "<2d"}
_WHOLE: Final = {2: "<b", 3: "<h", 0x17: "<q"}
_INT, _POINTER, _ENUM = 4, 0xC, 0x15
_BOOLEANS: Final = {0xA: True, 0xB: False}
"""True = reversed."""
_BRACES: Final = {0xF: "{", 0x10: "}"}
_STOP, _NAME, _PART, _LITERAL = 0x11, 0xD, 0xE, 0x12
_HEADER: Final = frozenset({6, 7})
"""Kinds of what stands behind the four numbers of the beginning: who wrote it, when, units and tolerances."""

Token = tuple[int, float | int | bool | str | tuple[float, ...]]


def records(data: bytes) -> list[Record]:
    """Return the records of a binary body.

    Raises:
        ValueError: it is no body, or ends within a record.
    """
    whole = next((form for mark, form in _SIGNATURES.items() if data.startswith(mark)), "")
    if not whole:
        raise ValueError("the body does not begin as one does")
    begin = len("ACIS BinaryFile")
    out: list[Record] = []
    record: list[Token] = []
    name = ""
    try:
        (version,) = struct.unpack_from(whole, data, begin)
        for kind, value in _tokens(data, begin + 4 * struct.calcsize(whole), whole):
            if not out and not record and not name and kind in _HEADER:
                continue
            if kind == _STOP:
                out.append(_record(name, record, numbered=version >= NUMBERED))
                record, name = [], ""
            elif kind in {_NAME, _PART} and not record:
                name = f"{name}-{value}" if name else str(value)
                if name.startswith(ENDS):
                    return resolved(out)
            else:
                record.append((kind, value))
    except struct.error as error:
        raise ValueError("the body ends within a value") from error
    if name:
        raise ValueError("the body ends within a record")
    return resolved(out)


def _tokens(data: bytes, at: int, whole: str) -> Iterator[Token]:
    """Yield kind and value of each token.

    Raises:
        ValueError: a kind is not known.
        struct.error: the data ends within a value.
    """
    forms = {_INT: whole, _POINTER: whole, _ENUM: whole, **_WHOLE, **_REALS}
    reads = {
        kind: (form.unpack_from, form.size, len(form.format) > 2)
        for kind, form in ((kind, struct.Struct(form)) for kind, form in forms.items())
    }
    lengths = {kind: struct.Struct(form) for kind, form in _STRINGS.items()}
    end = len(data)
    while at < end:
        kind = data[at]
        at += 1
        if kind in reads:
            unpack, size, several = reads[kind]
            values = unpack(data, at)
            at += size
            yield kind, values if several else values[0]
        elif kind in lengths:
            (size,) = lengths[kind].unpack_from(data, at)
            at += lengths[kind].size + size
            if at > end:
                raise ValueError("the body ends within a string")
            yield kind, data[at - size : at].decode("utf-8", "replace")
        elif kind in _BOOLEANS:
            yield kind, _BOOLEANS[kind]
        elif kind in _BRACES:
            yield kind, _BRACES[kind]
        elif kind == _STOP:
            yield kind, ""
        else:
            raise ValueError(f"a body has no values of kind {kind:#04x}")


def _record(name: str, tokens: list[Token], *, numbered: bool) -> Record:
    pointers: list[int] = []
    turned: list[bool] = []
    numbers: list[float] = []
    words: list[float | str] = []
    behind = False
    for k, (kind, value) in enumerate(tokens):
        if kind == _POINTER:
            pointers.append(int(value))  # type: ignore[arg-type]
            turned.append(False)
            numbers, words, behind = [], [], True
            continue
        if numbered and k == 1 and kind == _INT:
            continue  # its own number
        if behind and isinstance(value, bool):
            turned[-1] = value
        behind = False
        if kind in _REALS:
            numbers += value if isinstance(value, tuple) else (float(value),)
            words += numbers[-len(value) :] if isinstance(value, tuple) else numbers[-1:]
        elif kind in _WHOLE or kind == _INT:
            words.append(float(value))  # type: ignore[arg-type]
        elif kind == _LITERAL and name == "transform":
            numbers += [float(word) for word in str(value).split()[:13]]
        elif kind not in _STRINGS or kind == _NAME:
            words.append(str(value))
    return Record(
        named(name), tuple(numbers), tuple(pointers), tuple(turned), tuple(words) if "{" in words else ()
    )  # fmt: skip
