"""Objects of one type in the OBJECTS section, found at memory speed: the section is searched, not read as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import Tags, parse

_LARGEST: Final = 4 << 20
"""Bytes of one object that are looked at."""
_FIRST: Final = 16 << 10
_BEFORE: Final = 64
"""Bytes before a name in which its group code stands."""


def objects(source: Source, sections: list[Section], kind: str) -> Iterator[Tags]:
    """Yield the tags of each object of a type; tag 0 is its type, and what is not its own is cut off."""
    word = kind.encode()
    mark = re.compile(rb"(?:^|\n)([ \t]*0[ \t]*\r?\n[ \t]*" + re.escape(word) + rb"[ \t]*\r?\n)")
    for section in sections:
        at = section.start
        while section.name == "OBJECTS" and (hit := source.find(word, at, section.end)) >= 0:
            first = max(section.start, hit - _BEFORE)
            around = source.read(first, hit - first + _BEFORE)
            lead = b"\n" if first == section.start else b""  # content begins at a line
            found = next((m for m in mark.finditer(lead + around) if m.end() > hit - first + len(lead)), None)
            if found is not None:
                yield _object(source, section, first + found.start(1) - len(lead))
            at = hit + len(word)


def _object(source: Source, section: Section, start: int) -> Tags:
    room = section.end - start
    size = _FIRST
    while True:
        tags = parse(source.read(start, min(size, room)), last=size >= room)
        if len(tags.entity_tag) > 1 or size >= min(room, _LARGEST) or tags.damage is not None:
            return tags
        size *= 4


def length(tags: Tags) -> int:
    """Return how many tags belong to the first object."""
    return int(tags.entity_tag[1]) if len(tags.entity_tag) > 1 else len(tags.code)
