"""What lies behind the entities and is rarely asked for: classes of unknown types, binary ACIS bodies by handle.

Each is read when first asked for; of bodies the places alone are kept: memory grows with their number, not their size.
"""

from __future__ import annotations

import binascii
from itertools import pairwise
from typing import Final

from msgspec import Struct

from dxfd.convert.read.encoding import decode, shortened
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Stream
from dxfd.convert.read.tags import parse

_FIRST_CLASS = 500
"""Number of the first class; proxies name theirs so."""
_NAMES: Final = frozenset({1, 2, 3})
"""Of a class: its type, its own name, its application."""
_LARGEST_CLASSES: Final = 4 << 20
"""Bytes of the section that are read; drawings of many applications have 50 KB."""
_CHUNK_BYTES = 1 << 20
_LARGEST_BODY = 64 << 20
_THUMBNAIL: Final = b"Thumbnail_Data"
"""What else is kept by handles: a picture of what the body looks like."""


class Class(Struct, frozen=True):
    """What CLASSES says of a type: its DXF name, the name of its class, and the application that knows it."""

    kind: str
    name: str
    application: str


class Applications:
    """Which application each type that is not AutoCAD's own belongs to, by the CLASSES section."""

    def __init__(self, source: Source, sections: list[Section], codec: str) -> None:
        self._source = source
        self._section = next((s for s in sections if s.name == "CLASSES"), None)
        self._codec = codec
        self._by_name: dict[str, Class] | None = None
        self._in_order: list[Class] = []

    def of(self, kind: str, number: int) -> str:
        """Return words about a type's class, or about that of a proxy by its number; "" if nothing is said."""
        if (found := self.find(kind, number)) is None:
            return ""
        words = f"class {found.name} of {found.application!r}"
        return words if found.kind.upper() == kind else f"{found.kind}, {words}"

    def find(self, kind: str, number: int) -> Class | None:
        """Return a type's class, or that of a proxy by its number; None if nothing is said."""
        if self._by_name is None:
            self._by_name = self._read()
        if number >= _FIRST_CLASS and number - _FIRST_CLASS < len(self._in_order):
            return self._in_order[number - _FIRST_CLASS]
        return self._by_name.get(kind)

    def _read(self) -> dict[str, Class]:
        found: dict[str, Class] = {}
        if self._section is None:
            return found
        size = min(self._section.end - self._section.start, _LARGEST_CLASSES)
        tags = parse(self._source.read(self._section.start, size), last=True)
        codes = tags.code.tolist()
        for first, last in pairwise([*tags.entity_tag.tolist(), len(codes)]):
            if tags.value(first).strip() != b"CLASS":
                continue
            said = {
                codes[i]: shortened(decode(tags.value(i).strip(), self._codec))
                for i in range(first + 1, last)
                if codes[i] in _NAMES
            }
            one = Class(said.get(1, "?"), said.get(2, "?"), said.get(3, "?").split("|")[0].strip())
            self._in_order.append(one)
            found.setdefault(one.kind.upper(), one)
        return found


class Bodies:
    """Binary ACIS data by the handle of its entity, from the ACDSDATA section (R2013 and later)."""

    def __init__(self, source: Source, sections: list[Section]) -> None:
        self._source = source
        self._sections = [s for s in sections if s.name == "ACDSDATA"]
        self._places: dict[str, tuple[int, int]] | None = None

    def of(self, handle: str) -> bytes:
        """Return the data of an entity; empty if there is none, or more than 64 MB.

        Raises:
            ValueError: it is damaged.
        """
        if self._places is None:
            self._places = dict(self._index())
        place = self._places.get(handle.upper().lstrip("0"))
        if place is None or place[1] > 2 * _LARGEST_BODY + _CHUNK_BYTES:
            return b""
        tags = parse(self._source.read(*place), last=True)
        parts = [tags.value(i).strip() for i, code in enumerate(tags.code.tolist()) if code == 310]
        try:
            return binascii.unhexlify(b"".join(parts))
        except binascii.Error as error:
            raise ValueError(f"the binary data of {handle} are no hexadecimal numbers") from error

    def _index(self) -> list[tuple[str, tuple[int, int]]]:
        out: list[tuple[str, tuple[int, int]]] = []
        stream = Stream(self._source, self._sections, _CHUNK_BYTES)
        for chunk in stream.chunks(stream.first_place()):
            if "ACDSRECORD" not in chunk.kinds:
                continue
            tags = chunk.tags
            kind = chunk.kinds.index("ACDSRECORD")
            base = chunk.place.offset
            end = chunk.next.offset - base if chunk.passed_over else tags.consumed
            ends = [*tags.tag_start[tags.entity_tag].tolist(), end]
            bounds = [*tags.entity_tag.tolist(), len(tags.code)]
            codes = tags.code.tolist()
            for entity, number in enumerate(chunk.kind_of.tolist()):
                if number != kind:
                    continue
                members = range(bounds[entity], bounds[entity + 1])
                handle = next((tags.value(i) for i in members if codes[i] == 320), b"")
                picture = any(codes[i] == 2 and tags.value(i).strip() == _THUMBNAIL for i in members)
                if handle and not picture and any(codes[i] == 310 for i in members):
                    name = handle.strip().decode("ascii", "replace").upper().lstrip("0")
                    out.append((name, (base + ends[entity], ends[entity + 1] - ends[entity])))
        return out
