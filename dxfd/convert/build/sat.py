"""The records of ACIS bodies: text (SAT, any version) is split here, binary (SAB, R2013 and later) in sab.py.

Knows how records are written, not what they mean: faces are acis.py's, curves acis_curves.py's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

_LONG_HEADER: Final = 200
"""ACIS version from which on text bodies begin with three lines of header instead of one."""
NUMBERED: Final = 700
"""Version from which on a number of its own stands behind a record's first pointer."""
_TURNED: Final = frozenset({"reversed", "1"})
_TOPOLOGY: Final = frozenset({"vertex", "edge", "coedge"})
"""Of these there are kinds with a tolerance (tedge-edge), which are written alike."""
ENDS: Final = ("End-of-A", "Begin-of-ACIS-H")
"""What stands behind them (the body's history) is not the body."""
_MARK: Final = re.compile(r"(?<!\S)@(\d{1,5}) |(?<!\S)#|#(?!\S)")
"""A string with its length, in which marks may stand, or the end of a record, behind which the next one may follow at
once. 1.#INF is neither."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")

_PLAIN: Final = {code: chr(0x9F - code) for code in range(33, 127)}
"""The characters of text bodies as drawings hold them, and what they stand for: 159 less their code."""


class Record(Struct, frozen=True, gc=False):
    """One record of a body.

    Attributes:
        name: of its class.
        numbers: reals behind its last pointer.
        pointers: numbers of the records it points to, -1 for none.
        turned: for each pointer whether "reversed" stands behind it.
        words: all behind its last pointer, reals as they are; only where something is written out in braces.
    """

    name: str
    numbers: tuple[float, ...]
    pointers: tuple[int, ...]
    turned: tuple[bool, ...]
    words: tuple[float | str, ...] = ()


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
    """Return the readable lines of an entity's text body, none if it is blank; a continuation may come first."""
    lines: list[str] = []
    pieces: list[str] = []
    for code, value in pairs:
        if code == 1 and pieces:
            lines.append("".join(pieces))
            pieces = [value]
        elif code in {1, 3}:
            pieces.append(value)
    lines.append("".join(pieces))
    if not any(line.strip() for line in lines):
        return []
    return lines if _NUMBER.match(lines[0].lstrip()) else [_readable(line) for line in lines]


def _readable(line: str) -> str:
    """Return a line in plain letters; behind an A (^) drawings have a blank, so that it is no control character."""
    return re.sub(r"\^.", "^", line).translate(_PLAIN) if "^" in line else line.translate(_PLAIN)


def records(lines: list[str]) -> list[Record]:
    """Return the records of a text body.

    Raises:
        ValueError: it is no body.
    """
    first = lines[0].split()
    if not first or not _NUMBER.fullmatch(first[0]):
        raise ValueError("the body does not begin with its version")
    version = int(first[0])
    out: list[Record] = []
    for words in _split(" ".join(lines[1 if version < _LONG_HEADER else 3 :])):
        if words[0].startswith(ENDS):
            break
        out.append(_record([*words[:2], *words[3:]] if version >= NUMBERED else words))
    return resolved(out)


def _split(body: str) -> Iterator[list[str]]:
    """Yield the words of each record, without its own number and without strings."""
    begin = at = 0
    kept: list[str] = []
    while mark := _MARK.search(body, at):
        at = mark.end()
        if mark[1]:
            stop = at + int(mark[1])
            if body[stop : stop + 1] in {" ", "#", ""}:
                kept.append(body[begin : mark.start()])
                begin = at = stop
            continue
        kept.append(body[begin : mark.start()])
        if words := _own("".join(kept).split()):
            yield words
        begin, kept = at, []
    if words := _own(("".join(kept) + body[begin:]).split()):
        yield words


def _own(words: list[str]) -> list[str]:
    return words[1:] if words and _NUMBER.fullmatch(words[0]) else words


def _record(words: list[str]) -> Record:
    at = [k for k, word in enumerate(words) if word[0] == "$" and _NUMBER.fullmatch(word, 1)]
    rest = [_value(word) for word in words[at[-1] + 1 if at else 1 :]]
    behind = [words[k + 1] if k + 1 < len(words) else "" for k in at]
    return Record(
        named(words[0]), tuple(word for word in rest if isinstance(word, float)),
        tuple(int(words[k][1:]) for k in at), tuple(word in _TURNED for word in behind),
        tuple(rest) if "{" in rest else (),
    )  # fmt: skip


def _value(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word  # "forward", "I"


def named(name: str) -> str:
    """Return the name of a record's class as it is asked for."""
    base = name.rpartition("-")[2]
    return base if base in _TOPOLOGY else sys.intern(name)


def resolved(found: list[Record]) -> list[Record]:
    """Return records of which those that refer to what another one wrote out ("{ ref 3 }") have it themselves.

    Such numbers count what is written out in braces, in the order in which it begins, what lies within others too.
    """
    if not any(record.words[_opened(record) + 1 :][:1] == ("ref",) for record in found if record.words):
        return found
    places = [
        (record, k)
        for record in found
        for k, word in enumerate(record.words)
        if word == "{" and record.words[k + 1 : k + 2] != ("ref",)
    ]
    made: dict[int, tuple[float | str, ...]] = {}
    return [_with_words(record, places, made) if record.words else record for record in found]


def _with_words(
    record: Record, places: list[tuple[Record, int]], made: dict[int, tuple[float | str, ...]]
) -> Record:  # fmt: skip
    word, number = (*record.words[_opened(record) + 1 :][:2], "", "")[:2]
    if word != "ref" or not isinstance(number, float) or not number.is_integer() or not 0 <= number < len(places):
        return record
    wanted = int(number)
    if wanted not in made:
        other, first = places[wanted]
        depth = 0
        for k in range(first, len(other.words)):
            depth += (other.words[k] == "{") - (other.words[k] == "}")
            if not depth:
                break
        made[wanted] = other.words[first : k + 1]
    return replace(record, words=made[wanted])


def _opened(record: Record) -> int:
    return record.words.index("{")
