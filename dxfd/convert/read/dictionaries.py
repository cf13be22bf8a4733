"""Extension dictionaries: what programs hang on an entity (records of data), by the handle that the entity names.

The OBJECTS section is read once, when the first dictionary is asked for; only the places of its dictionaries and
records are kept: 24 bytes each, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from dxfd.convert.read.columns import heads
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Stream
from dxfd.convert.read.tags import Tags, parse

_KINDS: Final = ("DICTIONARY", "ACDBDICTIONARYWDFLT", "XRECORD")
_CHUNK_BYTES: Final = 2 << 20
_DEEPEST: Final = 8
"""Dictionaries within dictionaries; a deeper one is damage or a joke."""
_LARGEST: Final = 1 << 20
"""Bytes of one record; a larger one is named and not kept."""

Pair = tuple[int, Any]


class Dictionaries:
    """The extension dictionaries of one drawing."""

    def __init__(self, source: Source, sections: list[Section], codec: str) -> None:
        self._source = source
        self._sections = [s for s in sections if s.name == "OBJECTS"]
        self._codec = codec
        self._handle: np.ndarray | None = None
        self._start = np.empty(0, dtype=np.int64)
        self._size = np.empty(0, dtype=np.int64)

    def records(self, handle: bytes) -> Iterator[tuple[str, list[Pair]]]:
        """Yield name (with those of the dictionaries it lies in, by /) and tags of each record of a dictionary."""
        yield from self._records(handle, "", 0)

    def _records(self, handle: bytes, path: str, depth: int) -> Iterator[tuple[str, list[Pair]]]:
        tags = self._object(handle)
        if tags is None or depth > _DEEPEST:
            return
        kind = tags.value(0).strip().upper()
        if kind == b"XRECORD":
            yield path, pairs(tags, self._content(tags), len(tags.code), self._codec)
            return
        name = ""
        for at in range(1, len(tags.code)):
            code = int(tags.code[at])
            if code == 3:
                name = decode(tags.value(at).strip(), self._codec)
            elif code in {350, 360} and name:
                yield from self._records(tags.value(at).strip(), f"{path}/{name}" if path else name, depth + 1)
                name = ""

    @staticmethod
    def _content(tags: Tags) -> int:
        """Return where a record's own data begins: behind its class mark and its rule for copies (280)."""
        for at in range(1, len(tags.code)):
            if int(tags.code[at]) == 100 and tags.value(at).strip() == b"AcDbXrecord":
                return at + 2 if at + 1 < len(tags.code) and int(tags.code[at + 1]) == 280 else at + 1
        return len(tags.code)

    def _object(self, handle: bytes) -> Tags | None:
        known = self._index()
        try:
            wanted = int(handle, 16)
        except ValueError:
            return None
        at = int(np.searchsorted(known, np.uint64(wanted & (2**64 - 1))))
        if at >= len(known) or int(known[at]) != wanted or self._size[at] > _LARGEST:
            return None
        return parse(self._source.read(int(self._start[at]), int(self._size[at])), last=True)

    def _index(self) -> np.ndarray:
        if self._handle is None:
            stream = Stream(self._source, self._sections, _CHUNK_BYTES)
            found: list[np.ndarray] = [np.empty((0, 3), dtype=np.int64)]
            for chunk in stream.chunks(stream.first_place()):
                wanted = [k for k, kind in enumerate(chunk.kinds) if kind in _KINDS]
                rows = np.flatnonzero(np.isin(chunk.kind_of, wanted))
                if not len(rows):
                    continue
                starts = np.append(chunk.tags.tag_start[chunk.tags.entity_tag], chunk.tags.consumed)
                handle = heads(chunk, self._codec).handle_int[rows]
                place = np.stack([starts[rows] + chunk.place.offset, starts[rows + 1] - starts[rows]], axis=1)
                found.append(np.column_stack([handle.astype(np.int64), place]))
            whole = np.concatenate(found)
            whole = whole[np.argsort(whole[:, 0], kind="stable")]
            self._handle = whole[:, 0].astype(np.uint64)
            self._start, self._size = whole[:, 1].copy(), whole[:, 2].copy()
        return self._handle


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
