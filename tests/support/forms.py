"""The same tags as files of every form, whole or damaged: line ends, marks, UTF-16, gzip, binary DXF, code pages.

Pure; see tests/unit/test_fuzz.py and tests/support/damage.py.
"""

from __future__ import annotations

import gzip
import random
import struct
from typing import Final

from tests.support.damage import Tags, long_value

SENTINEL: Final = b"AutoCAD Binary DXF\r\n\x1a\x00"
PAGES: Final = (
    "ANSI_936", "ANSI_932", "ANSI_949", "ANSI_950", "ANSI_1251", "ANSI_1361", "ANSI_874", "UTF-8", "ansi_1252",
    "DOS932", "GBK",
    "KLINGON", "", "iso2022_jp", "cp037", "hex", "ANSI_99999", "A" * 500, "utf-16", "mac-roman", "ANSI_1252\\U+00E4",
)  # fmt: skip
_WORDS: Final = ("墙体\\梁", "ソ表能", "한글", "Стена", "Büro", "\U0001f600", "ｱｲｳ", "中" * 40)
_ENDS: Final = (b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\r", b"\r\r\n")


def text(tags: Tags, rng: random.Random) -> bytes:
    """Return tags as text: with one kind of line ends, or with several."""
    lines = [line for tag in tags for line in tag]
    if rng.random() < 0.1:
        share = rng.choice((0.01, 0.5))
        return b"".join(line + (rng.choice(_ENDS) if rng.random() < share else b"\n") for line in lines)
    end = rng.choice(_ENDS)
    body = end.join(lines)
    return body if rng.random() < 0.2 else body + end


def paged(tags: Tags, rng: random.Random) -> Tags:
    """Return tags that name some code page, with words in that page or in another one."""
    page = rng.choice(PAGES)
    codec = rng.choice(("gbk", "cp932", "cp949", "big5", "cp1251", "utf-8", "cp1252"))
    named: Tags = [(b"  9", b"$DWGCODEPAGE"), (b"  3", page.encode())]
    at = next((k + 1 for k, tag in enumerate(tags) if tag[1].strip() == b"HEADER"), 0)
    out = [*tags[:at], *named, *tags[at:]]
    if rng.random() < 0.5:  # an old version: the page counts
        out = [(code, b"AC1015" if value.startswith(b"AC10") else value) for code, value in out]
    for k, (code, value) in enumerate(out):
        if code.strip() in {b"1", b"2", b"8"} and k > at + 2 and rng.random() < 0.2 and not value.isupper():
            out[k] = (code, rng.choice(_WORDS).encode(codec, "ignore"))
    return out


def formed(data: bytes, tags: Tags, rng: random.Random) -> bytes:
    """Return a text, or its tags, as a file of some form, mostly plain text."""
    way = rng.randrange(20)
    if way == 0:
        return b"\xef\xbb\xbf" + data
    if way == 1:
        codec = rng.choice(("utf-16", "utf-16-le", "utf-16-be"))
        wide = data.decode("latin-1").encode(codec)
        return wide[: rng.randrange(len(wide) + 1)] if rng.random() < 0.3 else wide
    if way in {2, 3, 4}:
        return _compressed(data, rng)
    if way in {5, 6, 7}:
        return _binary(tags, rng)
    if way == 8:
        return data[: rng.randrange(len(data) + 1)]
    if way == 9:
        return data + rng.choice((b"\0" * 9000, b"\x1a", b"junk", long_value(rng), data, b"\r" * 5000))
    if way == 10:
        return rng.choice((b"\n", b" ", b"\0", b"\x1a", b"\r\n\r\n", b"\xff\xfe", b"999\n", b"5" * 5000 + b"\n")) + data
    return data


def _compressed(data: bytes, rng: random.Random) -> bytes:
    """Return a text compressed: whole, in members, cut off, with trash behind, with a wrong sum, or twice."""
    whole = gzip.compress(data, compresslevel=1, mtime=0)
    way = rng.randrange(8)
    if way == 0:
        return whole[: rng.randrange(2, len(whole) + 1)]
    if way == 1:
        edges = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 3, 30))))
        parts = [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]
        return b"".join(gzip.compress(part, compresslevel=1, mtime=0) for part in parts)
    if way == 2:
        return whole + rng.choice((b"\0" * 700, b"trash" * 50, b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08", whole[:30]))
    if way == 3:
        at = len(whole) - rng.randrange(1, 9)  # its sum and length
        return whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
    if way == 4:
        at = rng.randrange(len(whole))
        return whole[:at] + bytes([rng.randrange(256)]) + whole[at + 1 :]
    if way == 5:
        empty = gzip.compress(b"", mtime=0)
        return empty * rng.choice((1, 50, 2000)) + whole
    if way == 6:
        return gzip.compress(whole, mtime=0)
    return whole


def binary(tags: Tags, *, wide: bool) -> bytes:
    """Return tags as binary DXF; what is no number where one should be is 0."""
    out = [SENTINEL]
    for code, value in tags:
        number = _code(code)
        if number is None:
            continue
        head = (
            struct.pack("<H", number)
            if wide
            else bytes([number])
            if number < 255
            else b"\xff" + struct.pack("<H", number)
        )
        out.append(head + _value(number, value))
    return b"".join(out)


def _binary(tags: Tags, rng: random.Random) -> bytes:
    """Return tags as binary DXF: whole, with codes of the other width from some place on, flipped, cut off."""
    wide = rng.random() < 0.6
    whole = binary(tags, wide=wide)
    way = rng.randrange(6)
    if way == 0:
        at = rng.randrange(len(tags) + 1)
        return binary(tags[:at], wide=wide) + binary(tags[at:], wide=not wide)[len(SENTINEL) :]
    at = rng.randrange(len(SENTINEL), len(whole)) if len(whole) > len(SENTINEL) else 0
    if way == 1:
        return whole[:at] + bytes([rng.randrange(256)]) + whole[at + 1 :]
    if way == 2:
        return whole[:at]
    if way == 3:
        return whole[:at] + whole[at + rng.randrange(1, 9) :]
    return whole


def _code(line: bytes) -> int | None:
    try:
        code = int(line[:20])
    except ValueError:
        return None
    return code if 0 <= code <= 1071 else None


_KINDS: Final = (
    (10, 59, "<d"), (60, 79, "<h"), (90, 99, "<i"), (110, 149, "<d"), (160, 169, "<q"), (170, 179, "<h"), (210, 239,
    "<d"),
    (270, 289, "<h"), (290, 299, "<B"), (310, 319, "raw"), (370, 389, "<h"), (400, 409, "<h"), (420, 429, "<i"), (440,
    459, "<i"),
    (460, 469, "<d"), (1004, 1004, "raw"), (1010, 1059, "<d"), (1060, 1070, "<h"), (1071, 1071, "<i"),
)  # fmt: skip


def _value(code: int, value: bytes) -> bytes:
    kind = next((kind for first, last, kind in _KINDS if first <= code <= last), "")
    if kind == "raw":
        return bytes([len(value[:254])]) + value[:254]
    if not kind:
        return value.replace(b"\0", b"") + b"\0"
    try:
        number = float(value[:400])
    except ValueError:
        number = 0.0
    if kind == "<d":
        return struct.pack(kind, number)
    try:
        return struct.pack(kind, int(number))
    except (ValueError, OverflowError, struct.error):
        return bytes(struct.calcsize(kind))
