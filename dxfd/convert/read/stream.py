"""Pass 2: the ENTITIES sections as a stream of chunks, each a whole number of entities with their followers.

Owns where a chunk is cut, how damage is stepped over, and line numbers. A chunk's content depends on where it begins
and on its size; what is made of its entities must not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.read.glance import FOLLOWERS
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import Bools, Damage, Ints, Tags, line_feeds, parse
from dxfd.convert.types import DEFAULT_LIMITS, Limits

_OWNERS: Final = frozenset({"POLYLINE", "INSERT"})
VALUES_PER_VERTEX: Final = 8
"""Values that an entity may have for each vertex that it may have: its arrays take 100 bytes a value."""
_HEAD_TAGS: Final = 200
"""Of an entity that is passed over: handle, layer, block stand in front."""
_BEHIND_DAMAGE: Final = 64 << 10
"""Bytes read at once behind damage, four times as many with each good chunk: damage seldom comes alone."""
_RESYNC: Final = re.compile(rb"\n([ \t]*0[ \t]*\r?\n[ \t]*((?:3D)?[A-Z][A-Z0-9_]*)[ \t]*)(?=\r?\n)")
_CUT_OFF: Final = "the drawing ends here: this entity is not whole"


class Place(Struct, frozen=True):
    """Where a chunk begins: index of the section, byte offset in the file, line number from 1."""

    section: int
    offset: int
    line: int


class Chunk(Struct, frozen=True):
    """Entities in file order.

    Attributes:
        tags: their tags; tag 0 is the first entity's code-0 tag.
        kinds: distinct entity types, as in the file.
        kind_of: (E,) index into kinds.
        follower: (E,) bool: VERTEX, SEQEND, ATTRIB behind an owner.
        owner: (E,) entity that a follower belongs to; itself for others.
        place: where it begins.
        next: where the next one begins.
        damage: (message, line) of structural damage met at its end, or None. The last entity is then unfinished.
        passed_over: its one entity is larger than a limit; these are its first tags.
    """

    tags: Tags
    kinds: list[str]
    kind_of: npt.NDArray[np.int32]
    follower: Bools
    owner: Ints
    place: Place
    next: Place
    damage: tuple[str, int] | None
    passed_over: bool = False

    @property
    def count(self) -> int:
        """Number of entities, followers included."""
        return len(self.kind_of)

    def line_of(self, entity: int) -> int:
        """Return the line number, from 1, of an entity's first line."""
        return self.place.line + 2 * int(self.tags.entity_tag[entity])


class Stream:
    """Chunks of the given sections from a place on. `chunk_bytes` may be changed between chunks."""

    def __init__(
        self, source: Source, sections: list[Section], chunk_bytes: int, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.source = source
        self.sections = sections
        self.chunk_bytes = chunk_bytes
        self._limits = limits
        self._careful = 0
        """Bytes of the next chunk behind damage; 0 = as many as always."""

    def first_place(self) -> Place | None:
        """Return where the stream begins; None without sections."""
        return Place(0, self.sections[0].start, self.sections[0].line) if self.sections else None

    def chunks(self, place: Place | None, max_entities: int | None = None) -> Iterator[Chunk]:
        """Yield the chunks from `place` on, each of at most `max_entities` entities without followers."""
        while place is not None and place.section < len(self.sections):
            section = self.sections[place.section]
            if place.offset >= section.end:
                place = self._enter(place.section + 1)
                continue
            whole = self._chunk(section, place)
            yield from _slices(whole, max_entities) if max_entities else (whole,)
            place = whole.next

    def _enter(self, index: int) -> Place | None:
        if index >= len(self.sections):
            return None
        return Place(index, self.sections[index].start, self.sections[index].line)

    def _chunk(self, section: Section, place: Place) -> Chunk:
        size = min(self._careful or self.chunk_bytes, self.chunk_bytes)
        self._careful = 4 * size if size < self.chunk_bytes else 0
        while True:
            room = section.end - place.offset
            data = self.source.read(place.offset, min(size, room))
            last = len(data) >= room or len(data) < min(size, room)
            tags = parse(data, last=last)
            if tags.damage is not None:
                return self._step_over(section, place, tags, tags.damage)
            cut = len(tags.entity_tag) if last else _cut(tags)
            if last or cut > 0:
                built = _build(tags, cut, place, section, last=last)
                end = (_CUT_OFF, place.line + 2 * len(tags.code))
                return replace(built, damage=end) if last and section.cut and built.count else built
            if self._too_large(tags, size):
                return self._pass_over(section, place, tags)
            size *= 2

    def _too_large(self, tags: Tags, size: int) -> bool:
        """Return whether an entity that is not whole yet is over a limit already."""
        most = self._limits.entity_vertices
        if size >= self._limits.entity_bytes or len(tags.code) > VALUES_PER_VERTEX * most:
            return True
        return len(tags.code) > most and int(np.count_nonzero(tags.code == 10)) > most

    def _pass_over(self, section: Section, place: Place, tags: Tags) -> Chunk:
        """Return the beginning of an entity that is too large, and go on behind it and its followers."""
        line, at = place.line + 2 * len(tags.code), place.offset + tags.consumed
        if not len(tags.entity_tag):
            return self._step_over(section, place, tags, Damage(2 * len(tags.code), b"no entity in so many lines"))
        head = _head(tags)
        built = _build(head, 1, place, section, last=True)
        following = self._resync(place.section, at - 1, line - 1, over_followers=built.kinds[0] in _OWNERS)
        return replace(built, next=following, passed_over=True)

    def _step_over(self, section: Section, place: Place, tags: Tags, damage: Damage) -> Chunk:
        """End the chunk at the damage and go on at the next thing that looks like an entity."""
        line = place.line + damage.line
        built = _build(tags, len(tags.entity_tag), place, section, last=True)
        last = built.kinds[built.kind_of[built.owner[-1]]] if built.count else ""
        following = self._resync(place.section, place.offset + tags.consumed, line, over_followers=last in _OWNERS)
        what = damage.text.decode("ascii", "replace").strip()
        message = f"line {line} should hold a group code, but holds {what!r}"
        self._careful = _BEHIND_DAMAGE
        return replace(built, next=following, damage=(message, line))

    def _resync(self, index: int, at: int, line: int, *, over_followers: bool) -> Place:
        """Return the next thing that looks like an entity; `line` is that of the byte at `at`."""
        start, window = at, 1 << 20
        section = self.sections[index]
        while at < section.end:
            data = self.source.read(at, min(window + 512, section.end - at))
            for match in _RESYNC.finditer(data):
                if not (over_followers and match[2] in FOLLOWERS):
                    offset = at + match.start(1)
                    return Place(index, offset, line + self._lines(start, offset))
            at += window
        return Place(index, section.end, line + self._lines(start, section.end))

    def _lines(self, start: int, end: int) -> int:
        step = 1 << 20
        return sum(line_feeds(self.source.read(at, min(step, end - at))) for at in range(start, end, step))


def _cut(tags: Tags) -> int:
    """Return how many entities are surely whole: all before the last one that is no follower."""
    for entity in range(len(tags.entity_tag) - 1, 0, -1):
        if tags.value(int(tags.entity_tag[entity])).strip().upper() not in FOLLOWERS:
            return entity
    return 0


def _prefix(tags: Tags, first: int, last: int) -> Tags:
    """Return the tags of entities first..last-1; spans still refer to the same bytes."""
    total = len(tags.entity_tag)
    begin = int(tags.entity_tag[first]) if first < total else len(tags.code)
    stop = int(tags.entity_tag[last]) if last < total else len(tags.code)
    return Tags(
        tags.data, tags.code[begin:stop], tags.start[begin:stop], tags.end[begin:stop], tags.tag_start[begin:stop],
        tags.number[begin:stop], tags.bad_number[begin:stop], tags.entity_tag[first:last] - begin,
        tags.entity_of[begin:stop] - first,
        int(tags.tag_start[stop]) if stop < len(tags.code) else tags.consumed, tags.damage,
    )  # fmt: skip


def _head(tags: Tags) -> Tags:
    """Return the first tags of the first entity, with the bytes that they take alone."""
    whole = _prefix(tags, 0, 1)
    stop = min(len(whole.code), _HEAD_TAGS)
    before = int(tags.entity_tag[0])
    used = int(tags.tag_start[before + stop]) if before + stop < len(tags.code) else tags.consumed
    return Tags(
        tags.data[:used], whole.code[:stop], whole.start[:stop], whole.end[:stop], whole.tag_start[:stop],
        whole.number[:stop], whole.bad_number[:stop], whole.entity_tag, whole.entity_of[:stop], used, None,
    )  # fmt: skip


def _build(tags: Tags, count: int, place: Place, section: Section, *, last: bool) -> Chunk:
    part = _prefix(tags, 0, count)
    skipped = int(tags.entity_tag[0]) if len(tags.entity_tag) else len(tags.code)  # tags before the first entity
    kinds, kind_of = _kinds(part)
    follower, owner = _owners(kinds, kind_of)
    begin = Place(place.section, place.offset, place.line + 2 * skipped)
    if last:
        following = Place(place.section, section.end, 0)
    else:
        tag = int(tags.entity_tag[count])
        following = Place(place.section, place.offset + int(tags.tag_start[tag]), place.line + 2 * tag)
    return Chunk(part, kinds, kind_of, follower, owner, begin, following, None)


def _kinds(tags: Tags) -> tuple[list[str], npt.NDArray[np.int32]]:
    if not len(tags.entity_tag):
        return [], np.empty(0, dtype=np.int32)
    values, index = tags.distinct(tags.entity_tag)
    names = [name.strip().decode("latin-1").upper() for name in values]
    unique = sorted(set(names))
    place = {name: k for k, name in enumerate(unique)}
    remap = np.array([place[name] for name in names], dtype=np.int32)
    return unique, remap[index]


def _owners(kinds: list[str], kind_of: npt.NDArray[np.int32]) -> tuple[Bools, Ints]:
    """Link followers: VERTEX to a POLYLINE, ATTRIB to an INSERT, until SEQEND or anything else."""
    count = len(kind_of)
    order = np.arange(count)
    may_follow = np.array([k.encode("latin-1", "replace") in FOLLOWERS for k in kinds], dtype=np.bool_)
    follower = may_follow[kind_of] if count else np.empty(0, dtype=np.bool_)
    if not follower.any():
        return follower, order
    owner = np.maximum.accumulate(np.where(follower, 0, order))
    takes = np.array([k in {"POLYLINE", "INSERT"} for k in kinds], dtype=np.bool_)
    follower = follower & takes[kind_of[owner]]
    return follower, np.where(follower, owner, order)


def _slices(chunk: Chunk, max_entities: int) -> Iterator[Chunk]:
    mains = np.flatnonzero(~chunk.follower)
    if len(mains) <= max_entities:
        yield chunk
        return
    edges = [*mains[::max_entities].tolist(), chunk.count]
    edges[0] = 0
    yield from cut(chunk, edges)


def cut(chunk: Chunk, edges: list[int]) -> Iterator[Chunk]:
    """Yield the entities between each edge and the next one as a chunk of their own; no edge is a follower."""
    for first, last in pairwise(edges):
        tags = _prefix(chunk.tags, first, last)
        line = chunk.line_of(first)
        begin = Place(
            chunk.place.section, chunk.place.offset + int(tags.tag_start[0]) if len(tags.tag_start) else 0, line
        )
        final = last == chunk.count
        following = (
            chunk.next if final
            else Place(chunk.place.section, chunk.place.offset + int(chunk.tags.tag_start[chunk.tags.entity_tag[last]]),
                       chunk.line_of(last))
        )  # fmt: skip
        yield Chunk(
            tags, chunk.kinds, chunk.kind_of[first:last], chunk.follower[first:last], chunk.owner[first:last] - first,
            begin, following, chunk.damage if final else None,
        )  # fmt: skip
