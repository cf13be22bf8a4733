"""Binary DXF to the tags of ASCII DXF, as a stream: what follows reads one form only.

Format: DXF reference, "Binary DXF Files". Group codes are one byte up to R12 (255 announces two more) and two bytes
since; what a code's value takes is in _SIZES. Numbers are written so that reading them gives the same double.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, Protocol

from dxfd.errors import SourceDamagedError

SENTINEL: Final = b"AutoCAD Binary DXF\r\n\x1a\x00"
_ENDSEC, _EOF = b"ENDSEC", b"EOF"
_WINDOW: Final = 1 << 20
_LONGEST: Final = 64 << 20
"""Of one string; what is longer has lost its end."""

_DOUBLE, _INT16, _INT32, _INT64, _BYTE, _CHUNK, _TEXT = range(7)
_RANGES: Final = (
    (10, 59, _DOUBLE), (60, 79, _INT16), (90, 99, _INT32), (110, 149, _DOUBLE), (160, 169, _INT64),
    (170, 179, _INT16), (210, 239, _DOUBLE), (270, 289, _INT16), (290, 299, _BYTE), (310, 319, _CHUNK),
    (370, 389, _INT16), (400, 409, _INT16), (420, 429, _INT32), (440, 459, _INT32), (460, 469, _DOUBLE),
    (1004, 1004, _CHUNK), (1010, 1059, _DOUBLE), (1060, 1070, _INT16), (1071, 1071, _INT32),
)  # fmt: skip
_KIND: Final = [_TEXT] * 1072
for _first, _last, _kind in _RANGES:
    _KIND[_first : _last + 1] = [_kind] * (_last + 1 - _first)
_SIZES: Final = {_DOUBLE: 8, _INT16: 2, _INT32: 4, _INT64: 8, _BYTE: 1}


class Reader(Protocol):
    """Bytes by position; fewer than asked for only at the end."""

    def __call__(self, offset: int, count: int, /) -> bytes: ...  # noqa: D102


def text(read: Reader, size: int) -> Iterator[bytes]:
    """Yield the ASCII form of a binary DXF in pieces of about a megabyte.

    A file that is cut off gives all whole tags before the cut. What stands behind its end is given as it is.

    Raises:
        SourceDamagedError: a group code or a string makes no sense; nothing behind it can be found.
    """
    wide = _has_wide_codes(read(len(SENTINEL), 16))
    at = len(SENTINEL)
    window, before = _WINDOW, b""
    while at < size and before != _EOF:
        data = read(at, window)
        last = at + len(data) >= size
        out, used, before = _tags(data, wide=wide, at=at, before=before)
        if used:
            yield b"".join(out)
            window = _WINDOW
        elif last:
            return
        elif window >= _LONGEST:
            raise SourceDamagedError(f"binary DXF: a value at byte {at} has no end")
        else:
            window *= 4
        at += used
    while data := read(at, _WINDOW):
        yield data
        at += len(data)


def _has_wide_codes(head: bytes) -> bool:
    """Return whether codes take two bytes: the first tag is 0 SECTION (or a comment, 999)."""
    if head[:1] == b"\x00":
        return head[1:2] == b"\x00"
    return head[:2] == struct.pack("<H", 999)


def _tags(data: bytes, *, wide: bool, at: int, before: bytes) -> tuple[list[bytes], int, bytes]:
    """Return the text of all whole tags in data up to the mark of the end, their bytes, and the last value of code 0.

    `before` is what the last call gave: EOF is the mark of the end behind an ENDSEC only, as it is in text.
    """
    out: list[bytes] = []
    place, size = 0, len(data)
    unpack_double, unpack_int16 = struct.Struct("<d").unpack_from, struct.Struct("<h").unpack_from
    unpack_int32, unpack_int64 = struct.Struct("<i").unpack_from, struct.Struct("<q").unpack_from
    while True:
        here = place
        if wide:
            if place + 2 > size:
                return out, here, before
            code = data[place] | data[place + 1] << 8
            place += 2
        else:
            if place + 1 > size:
                return out, here, before
            code = data[place]
            place += 1
            if code == 255:
                if place + 2 > size:
                    return out, here, before
                code = data[place] | data[place + 1] << 8
                place += 2
        if code > 1071:
            raise SourceDamagedError(f"binary DXF: byte {at + here} should be a group code, but is {code}")
        kind = _KIND[code]
        if kind == _TEXT:
            end = data.find(b"\0", place)
            if end < 0:
                return out, here, before
            value = data[place:end]
            if b"\n" in value or b"\r" in value:
                value = value.replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\r", b" ")
            place = end + 1
            if code == 0:
                ended = value == _EOF and before == _ENDSEC
                before = value if ended or value != _EOF else b""
                if ended:
                    out.append(b"  0\nEOF\n")
                    return out, place, before
        elif kind == _CHUNK:
            if place + 1 > size or place + 1 + data[place] > size:
                return out, here, before
            value = data[place + 1 : place + 1 + data[place]].hex().upper().encode()
            place += 1 + data[place]
        else:
            if place + _SIZES[kind] > size:
                return out, here, before
            if kind == _DOUBLE:
                value = repr(unpack_double(data, place)[0]).encode()
            elif kind == _INT16:
                value = str(unpack_int16(data, place)[0]).encode()
            elif kind == _INT32:
                value = str(unpack_int32(data, place)[0]).encode()
            elif kind == _INT64:
                value = str(unpack_int64(data, place)[0]).encode()
            else:
                value = str(data[place]).encode()
            place += _SIZES[kind]
        out.append(b"%3d\n%b\n" % (code, value))
