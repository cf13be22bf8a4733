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

from dxfd.convert.read import oversize
from dxfd.convert.read.glance import FOLLOWERS
from dxfd.convert.read.oversize import VALUES_PER_VERTEX
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import LONGEST_CODE, Bools, Damage, Ints, Tags, group_code, line_feeds, parse
from dxfd.convert.types import DEFAULT_LIMITS, Limits

_OLD_NAMES: Final = {"3DLINE": "LINE"}
"""What R9 and R10 call a line that may leave its plane."""
_OWNERS: Final = frozenset({"POLYLINE", "INSERT"})
_HEAD_TAGS: Final = 200
"""Of an entity that is passed over: handle, layer, block stand in front."""
_STRIDE: Final = 1 << 20
_MOST_BLANKS: Final = 1 << 10
_BEHIND_DAMAGE: Final = 64 << 10
"""Bytes read at once behind damage, four times as many with each good chunk: damage seldom comes alone."""
_RESYNC: Final = re.compile(rb"\n([ \t]*\+?0+[ \t]*\r?\n[ \t]*((?:3D)?[A-Z][A-Z0-9_]*)[ \t]*)(?=\r?\n)")
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
        place: where its tags' data begins, and the line of its first entity.
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
            yield from _slices(whole, max_entities, self._limits)
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
            damage = tags.damage
            if damage is None and not last and (begun := _begun_badly(tags)) is not None:
                if self._behind_line(place.offset + tags.consumed, section.end) < section.end:
                    damage = begun
                else:  # a line without a value ends the section: it is no tag
                    last = True
            if damage is not None:
                return self._step_over(section, place, tags, damage)
            cut = len(tags.entity_tag) if last else _cut(tags)
            if last or cut > 0:
                built = _build(tags, cut, place, section, last=last)
                end = (_CUT_OFF, place.line + 2 * len(tags.code))
                return replace(built, damage=end) if last and section.cut and built.count else built
            if not len(tags.entity_tag) and (tags.consumed or self._too_large(tags)):  # it belongs to no entity
                at, lines = place.offset + tags.consumed, 2 * len(tags.code)
                if not tags.consumed:
                    at, lines = self._behind_line(self._behind_line(at, section.end), section.end), 2
                place = Place(place.section, at, place.line + lines)
                continue
            if self._too_large(tags):
                return self._pass_over(section, place, tags)
            size *= 2

    def _too_large(self, tags: Tags) -> bool:
        """Return whether the one entity that is not whole yet, or the one value, is over a limit already."""
        if not len(tags.entity_tag):
            return len(tags.data) > self._limits.entity_bytes
        first = int(tags.entity_tag[0])
        values, size = len(tags.code) - first, tags.consumed - int(tags.tag_start[first])
        most, rest = self._limits.entity_vertices, len(tags.data) - tags.consumed
        if rest > self._limits.entity_bytes or not _may_begin_entity(tags):
            size += rest
        if size > self._limits.entity_bytes or values > VALUES_PER_VERTEX * most:
            return True
        return values > most and int(np.count_nonzero(tags.code[first:] == 10)) > most

    def _pass_over(self, section: Section, place: Place, tags: Tags) -> Chunk:
        """Return the beginning of an entity that is too large, and go on behind it and its followers."""
        line, at = place.line + 2 * len(tags.code), place.offset + tags.consumed
        built = _build(tags, 1, place, section, last=True)
        following = self._behind(Place(place.section, at, line), over_followers=built.kinds[0] in _OWNERS)
        return replace(_begin(built, self._limits), next=following)

    def _behind(self, place: Place, *, over_followers: bool) -> Place:
        """Return where the entity that a place lies in ends; the place is that of one of its tags."""
        section, at, line = self.sections[place.section], place.offset, place.line
        while at < section.end:
            data = self.source.read(at, min(_STRIDE, section.end - at))
            tags = parse(data, last=at + len(data) >= section.end)
            for tag in tags.entity_tag.tolist():
                if not (over_followers and tags.value(tag).strip().upper() in FOLLOWERS):
                    return Place(place.section, at + int(tags.tag_start[tag]), line + 2 * tag)
            at, line = at + tags.consumed, line + 2 * len(tags.code)
            if tags.damage is not None:
                return self._resync(place.section, at - 1, line - 1, over_followers=over_followers)
            if not tags.consumed:  # a value that goes on behind the stride
                at = self._behind_line(self._behind_line(at, section.end), section.end)
                line += 2
        return Place(place.section, section.end, line)

    def _behind_line(self, at: int, end: int) -> int:
        feed = self.source.find(b"\n", at, end)
        return end if feed < 0 else feed + 1

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
        start, window = at, _STRIDE
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


def _begun_badly(tags: Tags) -> Damage | None:
    """Return the damage if the line behind the last whole tag is no group code: its value may be a gigabyte away."""
    line, feed, _ = tags.data[tags.consumed : tags.consumed + _MOST_BLANKS].partition(b"\n")
    text = line.strip()
    if (feed or len(text) > LONGEST_CODE) and group_code(text) is None:
        return Damage(2 * len(tags.code), line[:80])
    return None


def _may_begin_entity(tags: Tags) -> bool:
    """Return whether what lies behind the last whole tag may be another entity's and not the last one's."""
    line, feed, _ = tags.data[tags.consumed : tags.consumed + _MOST_BLANKS].partition(b"\n")
    return not feed or group_code(line.strip()) == 0


def _cut(tags: Tags) -> int:
    """Return how many entities are surely whole: all before the last one, or before the owner that it follows."""
    last = len(tags.entity_tag) - 1
    for entity in range(last, -1, -1):
        kind = tags.value(int(tags.entity_tag[entity])).strip().upper()
        if kind not in FOLLOWERS:
            return entity if kind.decode("latin-1") in _OWNERS else last
    return max(last, 0)


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


def _begin(chunk: Chunk, limits: Limits) -> Chunk:
    """Return a chunk of one entity, with its followers, as one passed over: its first tags within the limits."""
    tags = _prefix(chunk.tags, 0, 1)
    most = limits.entity_vertices
    ends = np.append(tags.tag_start[1:], tags.consumed) - tags.tag_start[0]
    few = min(len(tags.code), _HEAD_TAGS, VALUES_PER_VERTEX * most)
    within = (ends[:few] <= limits.entity_bytes) & (np.cumsum(tags.code[:few] == 10) <= most)
    stop = max(1, int(np.count_nonzero(within)))
    used = int(tags.tag_start[stop]) if stop < len(tags.code) else tags.consumed
    head = Tags(
        tags.data[:used], tags.code[:stop], tags.start[:stop], tags.end[:stop], tags.tag_start[:stop],
        tags.number[:stop], tags.bad_number[:stop], tags.entity_tag, tags.entity_of[:stop], used, None,
    )  # fmt: skip
    return replace(
        chunk, tags=head, kind_of=chunk.kind_of[:1], follower=chunk.follower[:1], owner=chunk.owner[:1], damage=None,
        passed_over=True,
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
    names = [_OLD_NAMES.get(name, name) for name in names]
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


def _slices(chunk: Chunk, max_entities: int | None, limits: Limits) -> Iterator[Chunk]:
    """Yield a chunk in slices of so many entities; what is over a limit stands alone, as if it had been passed over."""
    mains = np.flatnonzero(~chunk.follower)
    large = np.flatnonzero(np.isin(mains, oversize.entities(chunk.tags, chunk.owner, limits)))
    if chunk.passed_over or (len(mains) <= (max_entities or len(mains)) and not len(large)):
        yield chunk
        return
    edges = np.unique(np.concatenate([np.arange(0, len(mains), max_entities or len(mains)), large, large + 1]))
    alone = set(mains[large].tolist())
    places = mains[edges[edges < len(mains)]].tolist()
    for first, part in zip(places, cut(chunk, [*places, chunk.count]), strict=True):
        yield _begin(part, limits) if first in alone else part


def cut(chunk: Chunk, edges: list[int]) -> Iterator[Chunk]:
    """Yield the entities between each edge and the next one as a chunk of their own; no edge is a follower."""
    for first, last in pairwise(edges):
        tags = _prefix(chunk.tags, first, last)
        line = chunk.line_of(first)
        begin = Place(chunk.place.section, chunk.place.offset, line)
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


def halves(chunk: Chunk) -> list[Chunk]:
    """Return a chunk in two, nothing if there is but one entity with its followers in it."""
    mains = np.flatnonzero(~chunk.follower)
    if len(mains) < 2:
        return []
    return list(cut(chunk, [0, int(mains[len(mains) // 2]), chunk.count]))
