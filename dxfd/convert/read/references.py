"""Which block each INSERT of a chunk refers to, as distinct names and an index."""

from __future__ import annotations

import numpy as np

from dxfd.convert.read.columns import group, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk
from dxfd.convert.read.tags import Ints


def block_names(chunk: Chunk, codec: str) -> tuple[list[str], Ints]:
    """Return distinct block names and (E,) index into them; 0 is "" for what is no INSERT."""
    names = [""]
    of = np.zeros(chunk.count, dtype=np.int64)
    members = of_kind(chunk, "INSERT")
    if len(members):
        references = group(chunk, members)
        raw, index = chunk.tags.distinct(references.tag_of(2))
        decoded = [decode(value.strip(), codec) for value in raw]
        names = ["", *dict.fromkeys(d for d in decoded if d)]
        place = {name: k for k, name in enumerate(names)}
        of[members] = np.array([place[d] for d in decoded], dtype=np.int64)[index]
    return names, of
