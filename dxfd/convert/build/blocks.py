"""Block definitions: extents and faces of each, nested ones included. Built once from the BLOCKS section, by chunks.

Keeps six numbers a block, its faces (content.py), and its nested references; where they lie is definitions.py's
business. Blocks that contain themselves and nesting deeper than the limit are cut there and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from msgspec.structs import replace

from dxfd.convert.build import content, thick
from dxfd.convert.build.at_once import in_halves
from dxfd.convert.build.definitions import MOST_BYTES, Definition, Definitions
from dxfd.convert.build.geometry import COLUMNAR, FACE_KINDS, PATH_KINDS, bad_entities, polylines, simple
from dxfd.convert.build.inserts import filled, world_extents
from dxfd.convert.build.means import PLAIN, Means
from dxfd.convert.build.others import Others, others
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths
from dxfd.convert.build.references import REFERENCES, references
from dxfd.convert.build.winding import outward
from dxfd.convert.read import bounds
from dxfd.convert.read.columns import Group, by_kind, group, in_blocks, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk
from dxfd.convert.told import MOST, Told
from dxfd.errors import SourceDamagedError

_MOST_DAMAGES: Final = 1000
"""Places in the BLOCKS section at which codes and values may be out of step."""
_TICK_CHUNKS: Final = 4
_TICK_BLOCKS: Final = 1_000
"""What is read, or measured, between two looks at whether to leave: a tenth of a second."""
_NAME_POINTS: Final = 16
"""Points that a block counts for where bodies are kept, beside its own."""
_EXTERNAL: Final = 4 | 8
"""Flags of a block whose content is attached, or laid over, from another file."""
_FRAME: Final = frozenset({"BLOCK", "ENDBLK", "VERTEX", "SEQEND", "ATTRIB"})
_NO_LOSS: Final = frozenset({"no_geometry", "infinite", "box_only", "mended"})
_NOTHING: Final = (np.full(3, np.inf), np.full(3, -np.inf))


class Blocks:
    """Extents of blocks by name (any case), relative to the base point, in metres."""

    def __init__(
        self, codec: str, metres: float, means: Means = PLAIN, folder: Path | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        """Take what the content depends on, and the folder for what is more than so many bytes (None: nothing is)."""
        self._codec = codec
        self._metres = metres
        self._means = replace(means, clip=None)  # the drawing's extents are none of a block
        self._definitions = Definitions(folder, most_bytes)
        self._current: Definition | None = None
        self._open = False  # whether the last chunk ends within a block
        self._known: set[tuple[str, str, str]] = set()
        self._told = Told()
        self._damages = 0
        self._points = 0
        self._solids: dict[str, tuple[content.Solid, int]] = {}
        self._held = 0
        self._without: set[str] = set()
        self.notes: list[tuple[str, str]] = []
        """(issue code, message) met while resolving."""

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._definitions

    def close(self) -> None:
        """Give room on the disk back."""
        self._definitions.close()

    def read(self, chunks: Iterator[Chunk], tick: Callable[[], None] = lambda: None) -> None:
        """Take the content of the BLOCKS section; `tick` is called now and then: progress, and a place to leave."""
        for number, chunk in enumerate(chunks, 1):
            self._read(chunk)
            self._definitions.settle(self._current)
            if number % _TICK_CHUNKS == 0:
                tick()
        self._definitions.finish()
        # in this order, not in that of use: where a cycle is cut must not depend on a resumption
        for number, name in enumerate(self._definitions.names(), 1):
            self._resolve(name, ())
            if number % _TICK_BLOCKS == 0:
                tick()

    def extents(self, name: str) -> tuple[Floats, Floats] | None:
        """Return low and high (3,) from the base point; None if the block is missing or has no extents."""
        low, high = self._definitions.box(name.upper()) or _NOTHING
        return (low, high) if bool((low <= high).all()) else None

    def solid(self, name: str) -> content.Solid | None:
        """Return the body of the faces in a block, from the base point; None if it has none, or one too large."""
        if not self._points or name.upper() in self._without:
            return None
        try:
            found = self._gathered(name.upper(), 0, ())[0]
        except _NoSolidError as error:
            self._without.add(name.upper())
            if str(error):
                self._note("block_content", str(error))
            return None
        return found if content.is_spatial(found) else None

    def _gathered(self, name: str, depth: int, above: tuple[str, ...]) -> tuple[content.Solid, int]:
        """Return the faces of a block and those nested in it, and how many levels lie below it."""
        if name in above or depth > self._means.limits.block_depth or name in self._without:
            raise _NoSolidError  # told with the extents, or before
        known = self._solids.get(name)
        if known is not None:
            if depth + known[1] > self._means.limits.block_depth:
                raise _NoSolidError
            return known
        block = self._definitions.get(name)
        if block is None:
            return content.NOTHING, 0
        points, height = block.points, 0
        found = list(self._definitions.faces(block))
        for children, where in self._definitions.nested(block):
            for row, child in enumerate(children):
                inner, levels = self._gathered(child, depth + 1, (*above, name))
                height = max(height, levels + 1)
                points += len(inner.points) * int(where.columns[row] * where.rows[row])
                if points > content.MOST_POINTS:
                    raise self._too_many(name, block)
                if len(inner.faces):
                    found.append(content.laid_out(inner, where, row))
        if points > content.MOST_POINTS or (points and self._points > content.MOST_KEPT):
            raise self._too_many(name, block)
        whole = content.joined(found)
        made = content.welded(content.Solid(whole.points - block.base, whole.faces))
        made = content.Solid(made.points, outward(made.points, made.faces))
        self._held += len(made.points) + _NAME_POINTS
        if self._held > content.MOST_KEPT:
            self._held = len(made.points) + _NAME_POINTS
            self._solids.clear()
        self._solids[name] = made, height
        return made, height

    def _too_many(self, name: str, block: Definition) -> _NoSolidError:
        self._without.add(name)  # wherever it lies: the next one that holds it need not try
        return _NoSolidError(
            f"block {block.name!r}: its faces, or those of all blocks, are too many: references to it are boxes"
        )

    def _read(self, chunk: Chunk) -> None:
        codec = self._codec
        owner: list[Definition | None] = [self._current]
        number_of = np.zeros(chunk.count, dtype=np.int64)
        begins = of_kind(chunk, "BLOCK")
        heads = group(chunk, begins)
        names = [decode(v.strip(), codec) for v in chunk.tags.strings(heads.tag_of(2)).to_pylist()]
        base = heads.point(10) * self._metres
        for row, name in enumerate(names):
            owner.append(self._definitions.begin(name, np.nan_to_num(base[row])))
            if owner[-1] is None and name:
                self._note("block_content", twice(name))
        for message in elsewhere(heads, names, codec):
            self._note("block_content", message)
        number_of[begins] = 1
        number_of = np.cumsum(number_of)
        self._current = owner[-1]
        opened = in_blocks(chunk, before=self._open)
        self._open = bool(opened[-1]) if chunk.count else self._open
        skip = chunk.follower | ~opened
        bad = bad_entities(chunk)
        bad = bad[opened[bad]]
        skip[bad] = True
        large = bounds.too_large(chunk, self._means.limits)
        large = large[opened[large]]
        skip[large] = True
        left_out = dict.fromkeys(bad.tolist(), ("bad_number", "a number that is none"))
        left_out |= dict.fromkeys(large.tolist(), (bounds.REASON, bounds.words(self._means.limits)))
        self._tell(chunk, left_out, number_of, owner)
        if chunk.damage is not None:
            self._damaged(*chunk.damage)
            skip[chunk.owner[-1:]] = True
        of = by_kind(chunk, ~skip)
        for shape in self._shapes(chunk, of, number_of, owner):
            _widen(shape, number_of, owner)
            if isinstance(shape, Meshes) and not self._means.boxes:
                self._keep(shape, number_of, owner)
        members = np.sort(np.concatenate([of(kind) for kind in REFERENCES]))
        if len(members):
            self._nest(chunk, members, number_of, owner)

    def _keep(self, shape: Meshes, number_of: Ints, owner: list[Definition | None]) -> None:
        """Keep the faces of blocks, while they are not too many."""
        for number, solid in content.parts(shape, number_of):
            block = owner[number]
            if block is None:
                continue
            block.points += len(solid.points)
            self._points += len(solid.points)
            if block.points > content.MOST_POINTS or self._points > content.MOST_KEPT:
                block.faces.clear()
            else:
                self._definitions.show(block, content.Solid(solid.points.copy(), solid.faces))

    def _damaged(self, message: str, line: int) -> None:
        """Note a place from which on content is missing, up to the next entity; raise if there are too many."""
        self._damages += 1
        if self._damages > _MOST_DAMAGES:
            raise SourceDamagedError(
                f"the BLOCKS section is damaged in more than {_MOST_DAMAGES} places, up to line {line}"
            )
        self.notes.append(("block_damaged", f"{message}; what is missing there is left out of the block's box"))

    def _shapes(
        self, chunk: Chunk, of: Callable[[str], Ints], number_of: Ints, owner: list[Definition | None]
    ) -> Iterator[Paths | Meshes]:
        """Yield the geometry of a chunk's entities; texts and points are no part of a block's extents."""
        metres, tolerance_m = self._metres, self._means.tolerance_m
        along = thick.thickness(chunk, metres)

        def large(entity: int) -> None:
            self._tell(chunk, {entity: (bounds.REASON, bounds.words(self._means.limits))}, number_of, owner)

        for kind in (*PATH_KINDS, *FACE_KINDS):
            members = of(kind)
            if not len(members):
                continue
            for shape in chain.from_iterable(
                in_halves(partial(_made, chunk, kind, metres, tolerance_m), members, large)
            ):
                if along is None:
                    yield shape
                elif isinstance(shape, Meshes):
                    yield thick.thickened(shape, along) if kind in FACE_KINDS else shape
                else:
                    yield shape
                    yield _moved(shape, along)
                    yield from content.thick_paths(shape, along)
        kinds = [kind for kind in chunk.kinds if kind not in COLUMNAR and kind not in REFERENCES and kind not in _FRAME]
        for kind in kinds:
            members = of(kind)
            if not len(members):
                continue
            for rest in in_halves(partial(self._others, chunk, kind), members, large):
                self._tell(chunk, rest.failed, number_of, owner)
                yield from rest.paths
                yield from rest.meshes
                yield from content.boxed(rest.paths, rest.boxed)
                yield from (part.outlines() for part in rest.areas)

    def _others(self, chunk: Chunk, kind: str, members: Ints) -> Others:
        return others(chunk, [kind], lambda _: members, self._codec, self._metres, self._means)

    def _tell(
        self, chunk: Chunk, failed: dict[int, tuple[str, str]], number_of: Ints, owner: list[Definition | None]
    ) -> None:
        """Note, once a block and reason, what is missing in the extents of blocks."""
        for entity, (reason, words) in sorted(failed.items()):
            block = owner[int(number_of[entity])]
            kind = chunk.kinds[chunk.kind_of[entity]]
            what = (block.name if block is not None else "", kind, reason)
            if block is None or reason in _NO_LOSS or what in self._known or len(self._known) > MOST:
                continue
            self._known.add(what)
            said = f": {words}" if words else ""
            self._note("block_content", f"block {block.name!r}: {kind} is left out of its box ({reason}){said}")

    def _note(self, code: str, message: str) -> None:
        if words := self._told.take(code, message):
            self.notes.append((code, words))

    def _nest(self, chunk: Chunk, members: Ints, number_of: Ints, owner: list[Definition | None]) -> None:
        where, names = references(chunk, members, self._codec, self._metres)
        child = [name.upper() for name in names]
        of = number_of[members]
        for number in np.unique(of).tolist():
            block = owner[number]
            rows = np.flatnonzero(of == number)
            if block is not None:
                self._definitions.nest(block, [child[r] for r in rows.tolist()], where.take(rows))

    def _resolve(self, name: str, above: tuple[str, ...]) -> tuple[Floats, Floats]:
        known = self._definitions.box(name)
        if known is not None:
            return known
        block = self._definitions.get(name)
        if block is None:
            return _NOTHING
        if name in above:
            self._note("block_cycle", f"block {block.name!r} contains itself")
            return _NOTHING
        deepest = self._means.limits.block_depth
        if len(above) >= deepest:
            self._note("block_too_deep", f"blocks are nested deeper than {deepest} at {block.name!r}")
            return _NOTHING
        low, high = block.low, block.high
        for children, where in self._definitions.nested(block):
            inner = [self._resolve(child, (*above, name)) for child in children]
            inner_low, inner_high = (np.array([pair[k] for pair in inner]) for k in (0, 1))
            solid = np.flatnonzero((inner_low <= inner_high).all(axis=1))
            if not len(solid):
                continue
            part = where.take(solid)
            outer_low, outer_high = world_extents(part, *filled(part, inner_low[solid], inner_high[solid]))
            low = np.minimum(low, outer_low.min(axis=0))
            high = np.maximum(high, outer_high.max(axis=0))
        found = (low - block.base, high - block.base)
        self._definitions.measured(name, found)
        return found


def elsewhere(blocks: Group, names: list[str], codec: str) -> Iterator[str]:
    """Yield what is told of blocks that are external references; `names` are those of BLOCK entities."""
    flags, path = blocks.integer(70), blocks.tag_of(1)
    for row in np.flatnonzero(flags & _EXTERNAL).tolist():
        said = decode(blocks.tags.value(int(path[row])).strip(), codec) if path[row] >= 0 else ""
        file = f"another drawing, {said!r}" if said else "another drawing"
        yield f"block {names[row]!r} is an external reference: its content lies in {file}, and is not read"


def twice(name: str) -> str:
    """Return what is told of a block that is defined once more."""
    return f"block {name!r} is defined more than once: the first definition counts, what the others hold is left out"


def _made(
    chunk: Chunk, kind: str, metres: float, tolerance_m: float, members: Ints
) -> tuple[Paths | Meshes, ...]:  # fmt: skip
    if kind == "POLYLINE":
        return polylines(chunk, members, metres, tolerance_m)
    return (simple(kind, group(chunk, members), metres, tolerance_m),)


def _widen(shape: Paths | Meshes, number_of: Ints, owner: list[Definition | None]) -> None:
    """Widen the blocks' extents by the points of entities that lie in them."""
    if isinstance(shape, Paths):
        offset, points = shape.offset, shape.points
    else:
        offset, points = shape.vertex_offset, shape.vertices
    counts = np.diff(offset)
    if not len(points):
        return
    of = np.repeat(number_of[shape.entity], counts)
    edges = np.flatnonzero(np.diff(of)) + 1
    starts = np.concatenate([[0], edges])
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    for row, number in enumerate(of[starts].tolist()):
        block = owner[number]
        if block is not None:
            block.low = np.minimum(block.low, low[row])
            block.high = np.maximum(block.high, high[row])


def _moved(shape: Paths, along: Floats) -> Paths:
    """Return paths where thickness takes them; (E, 3) `along`."""
    way = along[shape.entity]
    return Paths(shape.entity, shape.offset, shape.points + np.repeat(way, shape.counts, axis=0), shape.closed)


class _NoSolidError(Exception):
    """A block's faces make no body; the text is what is to be told."""
