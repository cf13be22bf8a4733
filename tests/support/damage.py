"""Damage to the tags of a drawing, at random: to single values, to entities, sections and tables, to spelling.

Pure: tags are (code, value) pairs of bytes, and all that differs comes from the generator. See tests/unit/test_fuzz.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Final

Tag = tuple[bytes, bytes]
Tags = list[Tag]

LENGTHS: Final = (10_000, 10_000, 10_000, 30_000, 100_000)
LONGEST: Final = 1_000_000
NUMBERS: Final = (
    b"1e308", b"-1e308", b"nan", b"inf", b"-inf", b"-0", b"-0.0", b"1e-320", b"5e-324", b"0x7fffffff", b"2147483648",
    b"99999999999999999999", b"", b" ", b"1,5", b"1d3", b"1.5D+03", b"1e", b".", b"-", b"1_000", b"\x001", b"1e400",
    b"9007199254740993", b"0." + b"0" * 1500 + b"1e1500", b"1" * 400, b"+.5e-3", b"\t7\t", b"1e-400", b"Infinity",
)  # fmt: skip
KINDS: Final = (
    b"LINE", b"POINT", b"CIRCLE", b"ARC", b"ELLIPSE", b"LWPOLYLINE", b"POLYLINE", b"VERTEX", b"SEQEND", b"ATTRIB",
    b"3DFACE", b"SOLID", b"TRACE", b"TEXT", b"MTEXT", b"INSERT", b"SPLINE", b"HATCH", b"MPOLYGON", b"DIMENSION",
    b"LEADER", b"MULTILEADER", b"MLINE", b"MESH", b"3DSOLID", b"REGION", b"BODY", b"SURFACE", b"HELIX", b"IMAGE",
    b"WIPEOUT", b"RAY", b"XLINE", b"TOLERANCE", b"ATTDEF", b"SHAPE", b"VIEWPORT", b"ACAD_TABLE", b"LIGHT", b"OLE2FRAME",
    b"ACAD_PROXY_ENTITY", b"BLOCK", b"ENDBLK", b"SECTION", b"ENDSEC", b"TABLE", b"EOF", b"", b"line", b"L\xc4NE",
    b"A" * 300,
)  # fmt: skip
CODES: Final = (
    b"0", b"1", b"2", b"3", b"5", b"6", b"8", b"10", b"11", b"20", b"30", b"38", b"39", b"40", b"41", b"42", b"43",
    b"50",
    b"62", b"66", b"67", b"70", b"71", b"72", b"73", b"90", b"91", b"92", b"93", b"100", b"101", b"102", b"210",
    b"230", b"310",
    b"330", b"340", b"360", b"410", b"420", b"999", b"1000", b"1001", b"1002", b"1004", b"1071", b"-1", b"-5", b"-10",
)  # fmt: skip
_PIECES: Final = (
    b"x", b" ", b"\xe5\xa2\x99", b"\xc7\xbd", b"\x83\x5c", b"\x95\x5c\x0b", b"\\U+58D9", b"\\U+D83D\\U+DE00",
    b"\\U+D83D", b"\\U+",
    b"\\M+1835C", b"\\M+", b"\\M+5C7BD", b"\0", b"\r", b"%%d", b"%%", b"{\\fArial;", b"\\P", b"\\S1^2;", b"^I", b"0",
    b"9", b";",
    b"\xff", b"\x1a", b"(", b"\\", b"}",
)  # fmt: skip


def of_text(data: bytes) -> Tags:
    """Return the tags of a text with LF or CR LF."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return list(zip(lines[0::2], lines[1::2], strict=False))


def damaged(tags: Tags, rng: random.Random) -> Tags:
    """Return tags with one more damage."""
    return rng.choice(_WAYS)(tags, rng) if tags else tags


def long_value(rng: random.Random) -> bytes:
    """Return a value of 10 KB to 1 MB: of one piece, or of several together."""
    size = LONGEST if rng.random() < 0.03 else rng.choice(LENGTHS)
    piece = b"".join(rng.choice(_PIECES) for _ in range(rng.choice((1, 1, 3, 20))))
    return (piece * (size // len(piece) + 1))[:size]


def _lengthened(tags: Tags, rng: random.Random) -> Tags:
    """Make one value long: a text, a name, a number, a comment, or what should be a group code."""
    value = long_value(rng)
    way = rng.randrange(6)
    at = rng.randrange(len(tags))
    if way == 0:
        return [*tags[:at], (b"999", value), *tags[at:]]
    if way == 1:
        return [*tags[:at], (value, tags[at][1]), *tags[at + 1 :]]
    wanted: tuple[bytes, ...] = ((b"1", b"3"), (b"2", b"8", b"5"), (b"10", b"20", b"40", b"70", b"42"), ())[way - 2]
    places = [k for k, tag in enumerate(tags) if tag[0].strip() in wanted] or [at]
    at = rng.choice(places)
    return [*tags[:at], (tags[at][0], value), *tags[at + 1 :]]


def _extreme(tags: Tags, rng: random.Random) -> Tags:
    """Set some numbers, or all of one code, to extremes."""
    places = [k for k, (code, _) in enumerate(tags) if code.strip().isdigit() and 10 <= int(code[-6:]) <= 99]
    if not places:
        return tags
    out = list(tags)
    chosen = rng.sample(places, min(len(places), rng.choice((1, 3, 20))))
    if rng.random() < 0.2:
        one = tags[chosen[0]][0]
        chosen = [k for k in places if tags[k][0] == one]
    for k in chosen:
        out[k] = (out[k][0], rng.choice(NUMBERS))
    return out


def _edges(tags: Tags, *words: bytes) -> list[int]:
    """Return where stretches begin that a tag 0 with one of these words (any, if none) begins, and their end."""
    found = [
        k for k, (code, value) in enumerate(tags) if code.strip() == b"0" and (not words or value.strip() in words)
    ]
    return [*found, len(tags)] if found else [0, len(tags)]


def _moved(tags: Tags, rng: random.Random) -> Tags:
    """Swap, double, take out, put in many times or turn round entities, sections or tables as a whole."""
    words: tuple[bytes, ...] = rng.choice(
        ((), (), (), (b"SECTION",), (b"TABLE", b"ENDTAB"), (b"BLOCK",), (b"POLYLINE",))
    )
    edges = _edges(tags, *words)
    parts = [tags[: edges[0]], *(tags[a:b] for a, b in pairwise(edges))]
    one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    way = rng.randrange(6)
    if way == 0:
        parts[one], parts[other] = parts[other], parts[one]
    elif way == 1:
        parts.insert(other, parts[one])
    elif way == 2:
        del parts[one]
    elif way == 3:
        parts[one] = parts[one] * min(rng.choice((10, 100, 400)), 1 + 4000 // max(1, len(parts[one])))
    elif way == 4:
        low, high = sorted((one, other))
        parts[low:high] = parts[low:high][::-1]
    else:
        parts.insert(other, parts.pop(one))
    return [tag for part in parts for tag in part]


def _retyped(tags: Tags, rng: random.Random) -> Tags:
    """Give entities another type and leave them their groups; one in five times all of that type."""
    edges = _edges(tags)[:-1]
    one = rng.choice(edges)
    kind, old = rng.choice(KINDS), tags[one][1].strip()
    every = rng.random() < 0.2 and old not in {b"SECTION", b"ENDSEC"}
    chosen = {k for k in edges if tags[k][1].strip() == old} if every else {one}
    return [(code, kind) if k in chosen else (code, value) for k, (code, value) in enumerate(tags)]


def _permuted(tags: Tags, rng: random.Random) -> Tags:
    """Put the groups of one entity into another order."""
    first, last = rng.choice(list(pairwise(_edges(tags))))
    inner = tags[first + 1 : last]
    if rng.random() < 0.3:
        inner.reverse()
    else:
        rng.shuffle(inner)
    return [*tags[: first + 1], *inner, *tags[last:]]


def _recoded(tags: Tags, rng: random.Random) -> Tags:
    """Give some tags another group code, or one code everywhere."""
    out = list(tags)
    if rng.random() < 0.3:
        old, new = rng.choice(tags)[0], rng.choice(CODES)
        return [(new if code == old else code, value) for code, value in tags]
    for k in rng.sample(range(len(tags)), min(len(tags), rng.choice((1, 3, 10)))):
        out[k] = (rng.choice(CODES), out[k][1])
    return out


def _respelt(tags: Tags, rng: random.Random) -> Tags:
    """Spell group codes with blanks, tabs, signs and zeros about them: all of them, or some."""
    spell: Callable[[bytes], bytes] = rng.choice(
        (
            lambda code: b"  " + code, lambda code: code + b"  ", lambda code: b"\t" + code,
            lambda code: b"+" + code.strip(),
            lambda code: code.strip().rjust(6), lambda code: b"000" + code.strip(), lambda code: b" \t" + code + b"\t ",
            lambda code: code.strip().rjust(30), lambda code: code.strip().rjust(6, b"0"),
            lambda code: b"\x0b" + code + b"\x0c",
        )
    )  # fmt: skip
    share = rng.choice((1.0, 0.3, 0.01))
    return [(spell(code) if rng.random() < share else code, value) for code, value in tags]


def _marked(tags: Tags, rng: random.Random) -> Tags:
    """Take out, double or put in marks of sections, tables, blocks and the end."""
    marks = [k for k, (code, value) in enumerate(tags) if code.strip() == b"0" and value.strip() in _MARKS]
    way = rng.randrange(4)
    at = rng.randrange(len(tags))
    if way == 0 and marks:
        at = rng.choice(marks)
        return [*tags[:at], *tags[at + 1 :]]
    if way == 1 and marks:
        at = rng.choice(marks)
        return [*tags[: at + 1], *tags[at : at + 2], *tags[at + 1 :]]
    if way == 2:
        return [*tags[:at], (b"  0", rng.choice(_MARKS)), *tags[at:]]
    name = rng.choice((b"ENTITIES", b"BLOCKS", b"HEADER", b"TABLES", b"OBJECTS", b"CLASSES", b"THUMBNAILIMAGE", b"X"))
    nested = [(b"  0", b"SECTION"), (b"  2", name)]
    return [*tags[:at], *nested * rng.choice((1, 1, 3, 300)), *tags[at:]]


_MARKS: Final = (b"SECTION", b"ENDSEC", b"TABLE", b"ENDTAB", b"BLOCK", b"ENDBLK", b"SEQEND", b"EOF")


def _remarked(tags: Tags, rng: random.Random) -> Tags:
    """Put comments anywhere: what they say may look like a mark."""
    share = rng.choice((0.02, 0.2, 1.0))
    words = (b"", b"a remark", b"ENTITIES", b"ENDSEC", b"  0", b"SECTION", b"EOF", b"y" * 500)
    out: Tags = []
    for tag in tags:
        out += [(rng.choice((b"999", b" 999", b"999 ")), rng.choice(words))] if rng.random() < share else []
        out.append(tag)
    return out


def _chained(tags: Tags, rng: random.Random) -> Tags:
    """Put followers behind any entity, with an owner or without one, many of them or few."""
    edges = _edges(tags)
    at = rng.choice(edges)
    kind = rng.choice((b"VERTEX", b"ATTRIB", b"SEQEND", b"VERTEX"))
    one = [(b"  0", kind), (b"  8", b"0"), (b" 10", b"1.0"), (b" 20", b"2.0"), (b" 30", b"0.0"), (b" 70", b"32")]
    return [*tags[:at], *one * rng.choice((1, 5, 300, 3000)), *tags[at:]]


_WAYS: Final = (
    _lengthened, _lengthened, _lengthened, _extreme, _extreme, _moved, _moved, _retyped, _retyped, _permuted,
    _recoded, _respelt,
    _marked, _remarked, _chained,
)  # fmt: skip
