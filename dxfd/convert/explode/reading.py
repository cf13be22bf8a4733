"""The content of blocks as it is read from the drawing, again and again; whose is large, and the references in it.

Keeps nothing: neither content nor what was found in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from dxfd.convert.explode.pieces import Workshop, nested
from dxfd.convert.explode.places import References, below_of, keys, nothing
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, Place, Stream, cut

PART: Final = 20_000
"""Entities made into elements at a time."""
VISIT: Final = 16
"""Entities that a piece counts for: it takes 70 KB with its rows, and a part had room for 20,000 blocks of a line."""
_CHUNK_BYTES: Final = 2 << 20


class Content:
    """The blocks of one drawing by the numbers of their names."""

    def __init__(self, source: Source, shop: Workshop) -> None:
        self._source = source
        self._shop = shop

    def is_large(self, block: int) -> bool:
        """Return whether references to a block are gone down into one by one."""
        known = self._shop.index.get(self._name(block))
        return known.weight > PART or known.visits * VISIT > PART

    def chunks(self, block: int) -> Iterator[Chunk]:
        """Yield the entities in a block."""
        stream = self._stream(block)
        return stream.chunks(stream.first_place(), PART)

    def references(self, cell: References) -> Iterator[References]:
        """Yield the references in the block of one that are exploded, stretch by stretch.

        A large one stands alone, and no chunk is held while it is gone down into: each of 60 levels kept 10 MB.
        """
        stream, first = self._stream(int(cell.block[0])), 0
        place = stream.first_place()
        while place is not None:
            found, count, place = self._stretch(stream, place, first, cell)
            first += count
            if len(found):
                yield found

    def _stretch(
        self, stream: Stream, place: Place, first: int, cell: References
    ) -> tuple[References, int, Place | None]:
        """Return the next references, how many entities that takes, and where to go on; `first`: entities before."""
        block, _, layer, color = keys(cell)[0]  # the scale is in the matrix
        count = 0
        for whole in stream.chunks(place):
            chunk = whole
            while True:
                found = nested(self._shop, chunk, self._name(block), first + count, self._name(layer), color)
                alone = self._edge(found)
                if alone is None:
                    break
                chunk = next(cut(chunk, [0, alone, chunk.count]))
            count += int((~chunk.follower).sum())
            if len(found):
                return below_of(found, cell), count, chunk.next
        return nothing(), count, None

    def _edge(self, found: References) -> int | None:
        """Return the entity before which a chunk is cut so that large references stand alone; None if they do."""
        blocks, number = np.unique(found.block, return_inverse=True)
        large = np.array([self.is_large(block) for block in blocks.tolist()], dtype=np.bool_)[number]
        if len(found) == 1 or not large.any():
            return None
        return int(found.entity[max(1, int(np.argmax(large)))])

    def _stream(self, block: int) -> Stream:
        name = self._name(block)
        extent = self._shop.index.get(name).extent.section(name)
        return Stream(self._source, [extent], _CHUNK_BYTES, self._shop.means.limits)

    def _name(self, number: int) -> str:
        return self._shop.names.names[number]
