"""What a drawing holds for rules to look at: how many entities of each (type, layer, block) stand in its model.

Reads the drawing as a conversion does, builds and writes nothing.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.read.columns import heads
from dxfd.convert.read.references import block_names
from dxfd.convert.read.skim import skim
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Stream

_CHUNK_BYTES: Final = 2 << 20


class Kind(Struct, frozen=True, kw_only=True):
    """Entities that rules cannot tell apart by name and type.

    Attributes:
        entity_type: DXF type.
        layer: its name.
        block: true name of the block of an INSERT, "" else.
        count: how many.
    """

    entity_type: str
    layer: str
    block: str
    count: int


class Survey(Struct, frozen=True, kw_only=True):
    """A drawing's kinds, in order of first appearance."""

    path: Path
    kinds: tuple[Kind, ...]

    @property
    def entities(self) -> int:
        """Entities of the model."""
        return sum(kind.count for kind in self.kinds)


def survey(path: Path) -> Survey:
    """Return what a drawing holds.

    Raises:
        SourceError: it cannot be read, or is no drawing.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    with (
        np.errstate(all="ignore"),
        tempfile.TemporaryDirectory(prefix="dxfd-survey-") as folder,
        Source(path) as source,
    ):
        source.prepare(Path(folder), lambda: None)
        found = skim(source)
        stream = Stream(source, [s for s in found.sections if s.name == "ENTITIES"], _CHUNK_BYTES)
        for chunk in stream.chunks(stream.first_place()):
            head = heads(chunk, found.codec)
            names, block_of = block_names(chunk, found.codec)
            mains = np.flatnonzero(~chunk.follower & ~head.paper)
            layers, blocks = len(head.layers), len(names)
            key = (chunk.kind_of.astype(np.int64) * layers + head.layer_of) * blocks + block_of
            distinct, number = np.unique(key[mains], return_counts=True)
            for value, count in zip(distinct.tolist(), number.tolist(), strict=True):
                pair, block = divmod(value, blocks)
                kind, layer = divmod(pair, layers)
                name = found.true_names.get(names[block].upper(), names[block])
                counts[chunk.kinds[kind], head.layers[layer], name] += count
    kinds = (Kind(entity_type=t, layer=x, block=b, count=n) for (t, x, b), n in counts.items())
    return Survey(path=path, kinds=tuple(kinds))
