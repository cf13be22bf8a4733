"""Which blocks are exploded, how much that is, and where their content lies. One pass over BLOCKS; keeps no geometry.

What becomes of a reference depends on the reference and the definitions alone: a block that lies on a cycle, or above
more than so many levels, is the same wherever it is met.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct, field

from dxfd.convert.account import EXPLODED
from dxfd.convert.build.blocks import elsewhere, twice
from dxfd.convert.build.geometry import bad_entities
from dxfd.convert.build.inserts import cells_of
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.read.columns import group, in_blocks, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.layouts import Extent, Finder
from dxfd.convert.read.stream import Chunk, Stream
from dxfd.convert.told import Told

CYCLE: Final = "block_cycle"
DEEP: Final = "block_too_deep"
LIMIT: Final = "explode_limit"
_LAYOUTS: Final = ("*MODEL_SPACE", "*PAPER_SPACE")
_BYTES_AN_ENTITY: Final = 200
"""An entity of more bytes counts for more than one when work is cut into pieces."""


class Definition(Struct):
    """One block.

    Attributes:
        extent: where its content lies.
        base: (3,) base point, metres.
        mains: entities in it, without followers.
        drawn: those that are no definitions of attributes, which are not drawn where the block is inserted.
        children: references by (name in capitals, cells of the array): how many of them.
        total: entities that a reference is exploded to, those of nested references included.
        weight: the same, where large entities count for more.
        visits: blocks that are opened for it, itself included, as often as they are referred to.
        height: levels of exploded references below it.
        knot: blocks with the same number above 0 contain one another.
    """

    extent: Extent
    base: Floats
    mains: int = 0
    drawn: int = 0
    children: dict[tuple[str, int], int] = field(default_factory=dict)
    total: int = 0
    weight: int = 0
    visits: int = 1
    height: int = 0
    knot: int = 0


class Index:
    """The blocks of a drawing, as far as exploding goes."""

    def __init__(
        self, stream: Stream, codec: str, metres: float, wanted: Callable[[str], bool], limit: int, depth: int = 64
    ) -> None:
        """Read the BLOCKS section."""
        self._codec = codec
        self._metres = metres
        self._wanted = wanted
        self._limit = limit
        self._depth = depth
        self._blocks: dict[str, Definition] = {}
        self._open = False  # whether the last chunk ends within a block
        self._told = Told()
        self.notes: list[tuple[str, str]] = []
        """(issue code, message) of what is wrong with the definitions."""
        self._read(stream)
        order = self._order()
        for name in order:
            self._weigh(name)

    def get(self, name: str) -> Definition:
        """Return a block that is there."""
        return self._blocks[name.upper()]

    def fate(self, name: str, cells: int, parent: str = "") -> str:
        """Return what becomes of a reference: EXPLODED, CYCLE, DEEP, LIMIT, or "" if it is not to be exploded.

        Nor is one to a block of nothing but definitions of attributes: its own attributes would have no element.
        """
        child = self._blocks.get(name.upper())
        if child is None or not child.drawn or not self._wanted(name.upper()):
            return ""
        above = self._blocks.get(parent.upper()) if parent else None
        if above is not None and child.knot and child.knot == above.knot:
            return CYCLE
        if child.height >= self._depth:
            return DEEP
        return EXPLODED if cells * child.total <= self._limit else LIMIT

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, stream: Stream) -> None:
        finder = Finder(self._codec)
        rows: list[Definition] = []
        for chunk in stream.chunks(stream.first_place()):
            finder.take(chunk)
            self._take(chunk, rows)
        extents = finder.finish(stream.sections[-1].end if stream.sections else 0)
        for extent, row in zip(extents, rows, strict=True):
            row.extent = extent
            name = extent.name.upper()
            if name in self._blocks:
                self._note(twice(extent.name))
            elif name and not name.startswith(_LAYOUTS):
                self._blocks[name] = row

    def _take(self, chunk: Chunk, rows: list[Definition]) -> None:
        begins = of_kind(chunk, "BLOCK")
        number = np.zeros(chunk.count, dtype=np.int64)
        number[begins] = 1
        number = np.cumsum(number) + len(rows) - 1
        heads = group(chunk, begins)
        names = [decode(value.strip(), self._codec) for value in chunk.tags.strings(heads.tag_of(2)).to_pylist()]
        for message in elsewhere(heads, names, self._codec):
            self._note(message)
        base = np.nan_to_num(heads.point(10) * self._metres)
        nowhere = Extent(name="", record="", start=0, end=0, line=0)
        rows += [Definition(nowhere, base[k]) for k in range(len(begins))]
        inside = ~chunk.follower & (number >= 0)
        opened = in_blocks(chunk, before=self._open)  # what stands behind an ENDBLK is in no block
        self._open = bool(opened[-1]) if chunk.count else self._open
        inside &= opened
        inside[begins] = False
        for at, count in zip(*np.unique(number[inside], return_counts=True), strict=True):
            rows[at].mains += int(count)
            rows[at].drawn += int(count)
        attdefs = of_kind(chunk, "ATTDEF")
        for at in number[attdefs[inside[attdefs]]].tolist():
            rows[at].drawn -= 1
        inserts = of_kind(chunk, "INSERT")
        inserts = np.setdiff1d(inserts[inside[inserts]], bad_entities(chunk))
        if len(inserts):
            self._nest(chunk, inserts, number[inserts], rows)

    def _nest(self, chunk: Chunk, inserts: Ints, number: Ints, rows: list[Definition]) -> None:
        members = group(chunk, inserts)
        raw = chunk.tags.strings(members.tag_of(2)).dictionary_encode()
        names = [decode(value.strip(), self._codec).upper() for value in raw.dictionary.to_pylist()]
        cells = cells_of(members)
        key = np.stack([number, raw.indices.to_numpy().astype(np.int64), cells], axis=1)
        for (at, name, count), times in zip(*np.unique(key, axis=0, return_counts=True), strict=True):
            children = rows[int(at)].children
            place = names[int(name)], int(count)
            children[place] = children.get(place, 0) + int(times)

    def _note(self, message: str) -> None:
        if words := self._told.take("block_content", message):
            self.notes.append(("block_content", words))

    # --- weighing ---------------------------------------------------------------------------------------------------

    def _order(self) -> list[str]:
        """Return all blocks, children before parents, and number the knots of those that contain one another."""
        seen: dict[str, int] = {}
        low: dict[str, int] = {}
        open_: list[str] = []
        order: list[str] = []
        for root in self._blocks:
            if root in seen:
                continue
            seen[root] = low[root] = len(seen)
            open_.append(root)
            work = [(root, iter(self._below(root)))]
            while work:
                name, left = work[-1]
                child = next(left, None)
                if child is None:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[name])
                    if low[name] == seen[name]:
                        self._close(name, open_, order)
                elif child not in seen:
                    seen[child] = low[child] = len(seen)
                    open_.append(child)
                    work.append((child, iter(self._below(child))))
                elif not self._blocks[child].knot:
                    low[name] = min(low[name], seen[child])
        return order

    def _below(self, name: str) -> list[str]:
        return [child for child, _ in self._blocks[name].children if child in self._blocks]

    def _close(self, name: str, open_: list[str], order: list[str]) -> None:
        number = len(order) + 1
        while True:
            last = open_.pop()
            self._blocks[last].knot = number
            order.append(last)
            if last == name:
                return

    def _weigh(self, name: str) -> None:
        block = self._blocks[name]
        block.total = block.mains
        block.weight = max(block.mains, (block.extent.end - block.extent.start) // _BYTES_AN_ENTITY)
        for (child, cells), times in block.children.items():
            if self.fate(child, cells, name) == EXPLODED:
                below = self._blocks[child]
                block.total += times * cells * below.total
                block.weight += times * cells * below.weight
                block.visits += times * below.visits
                block.height = max(block.height, below.height + 1)
