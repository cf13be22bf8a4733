"""Block definitions: the extents of each, nested ones included. Built once from the BLOCKS section, by chunks.

Keeps six numbers a block and a few arrays for nested references: memory grows with the definitions, not with what is
inserted. Blocks that contain themselves and nesting deeper than MAX_DEPTH are cut there and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from dxfd.convert.build.geometry import FACE_KINDS, PATH_KINDS, bad_entities, polylines, simple
from dxfd.convert.build.inserts import Placed, filled, placed, world_extents
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths
from dxfd.convert.read.columns import group, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk

MAX_DEPTH: Final = 64

_NOTHING: Final = (np.full(3, np.inf), np.full(3, -np.inf))


@dataclass(slots=True)
class _Block:
    name: str
    base: Floats
    low: Floats = field(default_factory=lambda: np.full(3, np.inf))
    high: Floats = field(default_factory=lambda: np.full(3, -np.inf))
    nested: list[tuple[list[str], Placed]] = field(default_factory=list)


class Blocks:
    """Extents of blocks by name (any case), relative to the base point, in metres."""

    def __init__(self, codec: str, metres: float) -> None:
        self._codec = codec
        self._metres = metres
        self._blocks: dict[str, _Block] = {}
        self._current: _Block | None = None
        self._known: dict[str, tuple[Floats, Floats]] = {}
        self.notes: list[tuple[str, str]] = []
        """(issue code, message) met while resolving."""

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._blocks

    def read(self, chunks: Iterator[Chunk]) -> None:
        """Take the content of the BLOCKS section."""
        for chunk in chunks:
            self._read(chunk)
        for (
            name
        ) in self._blocks:  # in this order, not in that of use: where a cycle is cut must not depend on a resumption
            self._resolve(name, ())

    def extents(self, name: str) -> tuple[Floats, Floats] | None:
        """Return low and high (3,) from the base point; None if the block is missing or has no extents."""
        low, high = self._resolve(name.upper(), ())
        return (low, high) if bool((low <= high).all()) else None

    def _read(self, chunk: Chunk) -> None:
        codec = self._codec
        owner: list[_Block | None] = [self._current]
        number_of = np.zeros(chunk.count, dtype=np.int64)
        begins = of_kind(chunk, "BLOCK")
        heads = group(chunk, begins)
        names = [decode(v, codec).strip() for v in chunk.tags.strings(heads.tag_of(2)).to_pylist()]
        base = heads.point(10) * self._metres
        for row, name in enumerate(names):
            block = _Block(name, np.nan_to_num(base[row]))
            owner.append(block)
            if name:
                self._blocks.setdefault(name.upper(), block)
        number_of[begins] = 1
        number_of = np.cumsum(number_of)
        self._current = owner[-1]
        skip = np.zeros(chunk.count, dtype=np.bool_)
        skip[bad_entities(chunk)] = True
        for kind in (*PATH_KINDS, *FACE_KINDS):
            members = of_kind(chunk, kind)
            members = members[~skip[members]]
            if not len(members):
                continue
            if kind == "POLYLINE":
                for shape in polylines(chunk, members, self._metres):
                    _widen(shape, number_of, owner)
            else:
                _widen(simple(kind, group(chunk, members), self._metres), number_of, owner)
        members = of_kind(chunk, "INSERT")
        members = members[~skip[members]]
        if len(members):
            self._nest(chunk, members, number_of, owner)

    def _nest(self, chunk: Chunk, members: Ints, number_of: Ints, owner: list[_Block | None]) -> None:
        references = group(chunk, members)
        child = [decode(v, self._codec).strip().upper() for v in chunk.tags.strings(references.tag_of(2)).to_pylist()]
        where = placed(references, self._metres)
        of = number_of[members]
        for number in np.unique(of).tolist():
            block = owner[number]
            rows = np.flatnonzero(of == number)
            if block is not None:
                part = Placed(*(getattr(where, name)[rows] for name in Placed.__slots__))
                block.nested.append(([child[r] for r in rows.tolist()], part))

    def _resolve(self, name: str, above: tuple[str, ...]) -> tuple[Floats, Floats]:
        known = self._known.get(name)
        if known is not None:
            return known
        block = self._blocks.get(name)
        if block is None:
            return _NOTHING
        if name in above:
            self.notes.append(("block_cycle", f"block {block.name!r} contains itself"))
            return _NOTHING
        if len(above) >= MAX_DEPTH:
            self.notes.append(("block_too_deep", f"blocks are nested deeper than {MAX_DEPTH} at {block.name!r}"))
            return _NOTHING
        low, high = block.low, block.high
        for children, where in block.nested:
            inner = [self._resolve(child, (*above, name)) for child in children]
            inner_low, inner_high = (np.array([pair[k] for pair in inner]) for k in (0, 1))
            solid = (inner_low <= inner_high).all(axis=1)
            if not solid.any():
                continue
            part = Placed(*(getattr(where, name)[solid] for name in Placed.__slots__))
            outer_low, outer_high = world_extents(part, *filled(part, inner_low[solid], inner_high[solid]))
            low = np.minimum(low, outer_low.min(axis=0))
            high = np.maximum(high, outer_high.max(axis=0))
        found = (low - block.base, high - block.base)
        self._known[name] = found
        return found


def _widen(shape: Paths | Meshes, number_of: Ints, owner: list[_Block | None]) -> None:
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
