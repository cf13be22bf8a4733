"""Where the content of each block lies in the file, and which blocks are paper layouts. Places only: no geometry.

In drawings since R2000 the model and the active layout stand in ENTITIES; the other layouts are blocks named
*Paper_Space0 and so on, whose names people know only from the LAYOUT objects.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.read.encoding import decode, shortened
from dxfd.convert.read.search import length, objects
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, Stream
from dxfd.convert.types import ALL, MODEL

MODEL_NAME: Final = "Model"
ACTIVE: Final = "*PAPER_SPACE"
_PAPER: Final = "*PAPER_SPACE"
_UNNAMED: Final = "Layout1"
"""The only paper layout of drawings before R2000 has no name; this is what CAD programs call it when they open one."""


class Extent(Struct, frozen=True, kw_only=True):
    """The content of a block: bytes start to end of the file, behind its BLOCK and before its ENDBLK.

    Attributes:
        name: of the block, as it stands.
        record: handle of its block record in capitals, "" if there is none.
        line: number of its first line, from 1.
    """

    name: str
    record: str
    start: int
    end: int
    line: int

    def section(self, name: str) -> Section:
        """Return the content as something a Stream reads."""
        return Section(name=name, start=self.start, end=self.end, line=self.line, closed=True)


class Layouts(Struct, frozen=True, kw_only=True):
    """The layouts of a drawing that are to be converted.

    Attributes:
        model: the model is.
        active: name of the layout whose entities stand in ENTITIES.
        active_chosen: it is.
        others: the content of the other ones, by name of the layout as `Section.name`, in the order of the file.
        names: of all paper layouts that were found, in the order of the file.
        missing: names that were asked for and are not there.
        known: they were looked for; else nothing but the model is converted.
    """

    model: bool = True
    active: str = _UNNAMED
    active_chosen: bool = False
    others: tuple[Section, ...] = ()
    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    known: bool = False


class Finder:
    """Collects the extents of blocks, chunk by chunk."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._open: tuple[str, str] | None = None
        self._start: tuple[int, int] = (0, 0)
        self.found: list[Extent] = []

    def take(self, chunk: Chunk) -> None:
        """Take one chunk of a BLOCKS section."""
        marks = [k for k, kind in enumerate(chunk.kinds) if kind in {"BLOCK", "ENDBLK"}]
        tags = chunk.tags
        for entity in np.flatnonzero(np.isin(chunk.kind_of, marks)).tolist():
            at, line = chunk.place.offset + int(tags.tag_start[tags.entity_tag[entity]]), chunk.line_of(entity)
            self._close(at)
            if chunk.kinds[chunk.kind_of[entity]] == "BLOCK":
                self._begin(chunk, entity, line)

    def _begin(self, chunk: Chunk, entity: int, line: int) -> None:
        tags = chunk.tags
        first = int(tags.entity_tag[entity])
        last = int(tags.entity_tag[entity + 1]) if entity + 1 < chunk.count else len(tags.code)
        name = record = b""
        for tag in range(first + 1, last):
            code = int(tags.code[tag])
            if code == 2 and not name:
                name = tags.value(tag).strip()
            elif code == 330 and not record:
                record = tags.value(tag).strip()
        whole = entity + 1 < chunk.count
        place = chunk.place.offset + int(tags.tag_start[tags.entity_tag[entity + 1]]) if whole else chunk.next.offset
        self._open = decode(name, self._codec), record.decode("ascii", "replace").upper()
        self._start = place, line + 2 * (last - first)

    def _close(self, at: int) -> None:
        if self._open is not None:
            (name, record), (start, line) = self._open, self._start
            self.found.append(Extent(name=name, record=record, start=start, end=max(start, at), line=line))
        self._open = None

    def finish(self, end: int) -> list[Extent]:
        """Return what was found; a block without end ends with its section."""
        self._close(end)
        return self.found


def extents(stream: Stream, codec: str) -> list[Extent]:
    """Return the contents of all blocks, in the order of the file."""
    finder = Finder(codec)
    for chunk in stream.chunks(stream.first_place()):
        finder.take(chunk)
    return finder.finish(stream.sections[-1].end if stream.sections else 0)


def layouts(source: Source, sections: list[Section], codec: str, blocks: Stream, asked: tuple[str, ...]) -> Layouts:
    """Return what is to be converted of a drawing.

    Args:
        source: the drawing.
        sections: of it.
        codec: of its text.
        blocks: its BLOCKS sections, read only if a paper layout is asked for.
        asked: "model", "all", or names of layouts, with * and ?.
    """
    patterns = [name.upper() for name in asked]
    every = ALL.upper() in patterns
    model = every or MODEL.upper() in patterns
    if not every and set(patterns) <= {MODEL.upper()}:
        return Layouts(model=model)
    named = _names(source, sections, codec)
    papers = [e for e in extents(blocks, codec) if e.name.upper().startswith(_PAPER)]
    others: list[Section] = []
    hit: set[str] = set()
    there: list[str] = []
    active, active_chosen = _UNNAMED, False
    for extent in papers:
        name = named.get(extent.record) or (_UNNAMED if extent.name.upper() == ACTIVE else shortened(extent.name))
        there.append(name)
        mine = [p for p in patterns if p != MODEL.upper() and fnmatchcase(name.upper(), p)]
        hit.update(mine)
        if extent.name.upper() == ACTIVE:
            active, active_chosen = name, every or bool(mine)
        if (every or mine) and extent.end > extent.start:
            others.append(extent.section(name))
    if not any(extent.name.upper() == ACTIVE for extent in papers):
        mine = [p for p in patterns if fnmatchcase(active.upper(), p)]
        hit.update(mine)
        active_chosen = every or bool(mine)
        there.append(active)
    missing = tuple(n for n, p in zip(asked, patterns, strict=True) if p not in {*hit, ALL.upper(), MODEL.upper()})
    return Layouts(
        model=model, active=active, active_chosen=active_chosen, others=tuple(others),
        names=tuple(there), missing=missing, known=True,
    )  # fmt: skip


def _names(source: Source, sections: list[Section], codec: str) -> dict[str, str]:
    """Return the names of layouts by the handles of their block records."""
    found: dict[str, str] = {}
    for tags in objects(source, sections, "LAYOUT"):
        name = record = b""
        inside = False
        for tag in range(1, length(tags)):
            code = int(tags.code[tag])
            if code == 100:
                inside = tags.value(tag).strip() == b"AcDbLayout"
            elif inside and code == 1 and not name:
                name = tags.value(tag).strip()
            elif inside and code == 330:
                record = tags.value(tag).strip()
        if name and record:
            found[record.decode("ascii", "replace").upper()] = shortened(decode(name, codec))
    return found
