"""Extension dictionaries: what programs hang on an entity (records of data), by the handle that the entity names.

The OBJECTS section is read once, when the first dictionary is asked for; only the places of its dictionaries and
records are kept: 24 bytes each, whatever they hold. Dictionaries that contain themselves, or that many entities share,
cost no more than others: each object is read once an entity, and what one entity may have of them has a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from msgspec import Struct, field

from dxfd.convert.read.columns import heads
from dxfd.convert.read.encoding import decode, shortened
from dxfd.convert.read.search import length
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Stream
from dxfd.convert.read.tags import Tags, parse

_KINDS: Final = ("DICTIONARY", "ACDBDICTIONARYWDFLT", "XRECORD")
_CHUNK_BYTES: Final = 2 << 20
_HEAD_BYTES: Final = 1 << 10
"""Of an object, within which its owner (330) stands."""
_OWNER: Final = 330
_DEEPEST: Final = 8
"""Dictionaries within dictionaries; a deeper one is damage or a joke."""
_LARGEST: Final = 1 << 20
"""Bytes of all records of an entity, and of their names; what goes beyond is named and not kept."""
_LARGEST_SHARED: Final = 16 << 10
"""The same where the dictionary does not name the entity as its owner: it may be that of a million entities."""
_REMARK: Final = 999
"""Code of what is said in place of a record: that of comments, which are no data of anybody."""

Pair = tuple[int, Any]


class _Walk(Struct):
    """One entity's way through its dictionaries: bytes it may still have, objects it has met, those it cannot name."""

    room: int
    met: set[int] = field(default_factory=set)
    unnamed: int = 0


class Dictionaries:
    """The extension dictionaries of one drawing."""

    def __init__(self, source: Source, sections: list[Section], codec: str) -> None:
        self._source = source
        self._sections = [s for s in sections if s.name == "OBJECTS"]
        self._codec = codec
        self._handle: np.ndarray | None = None
        self._start = np.empty(0, dtype=np.int64)
        self._size = np.empty(0, dtype=np.int64)

    def records(self, handle: bytes, owner: bytes = b"") -> Iterator[tuple[str, list[Pair]]]:
        """Yield name (with those of the dictionaries it lies in, by /) and tags of each record of a dictionary.

        Args:
            handle: of the dictionary.
            owner: handle of the entity that names it.
        """
        place = self._place(handle)
        if place is None:
            return
        head = parse(self._source.read(self._start[place], min(int(self._size[place]), _HEAD_BYTES)), last=True)
        named = next((head.value(at).strip() for at in range(1, length(head)) if head.code[at] == _OWNER), b"")
        room = _LARGEST if _number(named) == _number(owner) is not None else _LARGEST_SHARED
        walk = _Walk(room)
        yield from self._records(place, "", 0, walk)
        if walk.unnamed:
            yield "", [(_REMARK, f"not kept: {walk.unnamed} objects whose names are too much")]

    def _records(self, place: int, path: str, depth: int, walk: _Walk) -> Iterator[tuple[str, list[Pair]]]:
        """Yield what an object holds that this walk has not met."""
        if place in walk.met:
            return
        walk.met.add(place)
        if len(path) > walk.room:  # that of a dictionary is told with each of its records: 1 MB of text made 5 GB
            walk.unnamed += 1
            return
        walk.room -= len(path)
        size = int(self._size[place])
        if size > walk.room or depth > _DEEPEST:
            why = "nested too deep" if depth > _DEEPEST else f"{size} bytes are too much"
            yield path, [(_REMARK, f"not kept: {why}")]
            return
        walk.room -= size
        tags = parse(self._source.read(int(self._start[place]), size), last=True)
        if tags.value(0).strip().upper() == b"XRECORD":
            yield path, pairs(tags, self._content(tags), len(tags.code), self._codec)
            return
        name = ""
        for at in range(1, len(tags.code)):
            code = int(tags.code[at])
            if code == 3:
                name = shortened(decode(tags.value(at).strip(), self._codec))
            elif code in {350, 360} and name:
                inner = self._place(tags.value(at).strip())
                if inner is not None:
                    yield from self._records(inner, f"{path}/{name}" if path else name, depth + 1, walk)
                name = ""

    @staticmethod
    def _content(tags: Tags) -> int:
        """Return where a record's own data begins: behind its class mark and its rule for copies (280)."""
        for at in range(1, len(tags.code)):
            if int(tags.code[at]) == 100 and tags.value(at).strip() == b"AcDbXrecord":
                return at + 2 if at + 1 < len(tags.code) and int(tags.code[at + 1]) == 280 else at + 1
        return len(tags.code)

    def _place(self, handle: bytes) -> int | None:
        """Return the number of an object among those kept; None if it is none of them."""
        known = self._index()
        wanted = _number(handle)
        if wanted is None or wanted >= 1 << 64:
            return None
        at = int(np.searchsorted(known, np.uint64(wanted)))
        return at if at < len(known) and int(known[at]) == wanted else None

    def _index(self) -> np.ndarray:
        if self._handle is None:
            stream = Stream(self._source, self._sections, _CHUNK_BYTES)
            found: list[np.ndarray] = [np.empty((0, 3), dtype=np.int64)]
            for chunk in stream.chunks(stream.first_place()):
                wanted = [k for k, kind in enumerate(chunk.kinds) if kind in _KINDS]
                rows = np.flatnonzero(np.isin(chunk.kind_of, wanted))
                if not len(rows):
                    continue
                end = chunk.next.offset - chunk.place.offset if chunk.passed_over else chunk.tags.consumed
                starts = np.append(chunk.tags.tag_start[chunk.tags.entity_tag], end)
                handle = heads(chunk, self._codec).handle_int[rows]
                place = np.stack([starts[rows] + chunk.place.offset, starts[rows + 1] - starts[rows]], axis=1)
                found.append(np.column_stack([handle.astype(np.int64), place]))
            whole = np.concatenate(found)
            handles = whole[:, 0].astype(np.uint64)
            order = np.argsort(handles, kind="stable")
            whole, self._handle = whole[order], handles[order]
            self._start, self._size = whole[:, 1].copy(), whole[:, 2].copy()
        return self._handle


def _number(handle: bytes) -> int | None:
    """Return the number of a handle, None for none and for 0, which is nobody's."""
    try:
        number = int(handle, 16)
    except ValueError:
        return None
    return number if number > 0 else None


def pairs(tags: Tags, first: int, last: int, codec: str) -> list[Pair]:
    """Return tags as (code, value): numbers as numbers, points as [x, y, z], all else as text."""
    out: list[Pair] = []
    at = first
    while at < last:
        code = int(tags.code[at])
        base = code in range(10, 19) or code in range(110, 113) or code in range(210, 211) or code in range(1010, 1014)
        if base and at + 1 < last and int(tags.code[at + 1]) == code + 10:
            size = 3 if at + 2 < last and int(tags.code[at + 2]) == code + 20 else 2
            out.append((code, [_plain(code, tags.value(at + k), codec) for k in range(size)]))
            at += size
            continue
        out.append((code, _plain(code, tags.value(at), codec)))
        at += 1
    return out


def _plain(code: int, raw: bytes, codec: str) -> Any:
    text = raw.strip()
    try:
        if code in {1070, 1071} or 60 <= code <= 99 or 160 <= code <= 179 or 270 <= code <= 289 or 420 <= code <= 449:
            return int(text)
        if 10 <= code <= 59 or 110 <= code <= 149 or 210 <= code <= 239 or 1010 <= code <= 1059:
            value = float(text)
            return value if abs(value) < float("inf") else text.decode("ascii", "replace")
    except ValueError:
        pass  # what is no number is kept as it stands
    return decode(raw, codec)
