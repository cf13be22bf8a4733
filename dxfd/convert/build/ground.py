"""Which entities lie at height 0: those that rules raise to where they belong. Columns of tags alone, no geometry."""

from __future__ import annotations

import numpy as np

from dxfd.convert.build.ragged import Bools
from dxfd.convert.match.kinds import FACE_TYPES
from dxfd.convert.read.stream import Chunk


def lies_flat(chunk: Chunk) -> Bools:
    """Return (E,) whether an entity has no height of its own: all its z are 0, or it has none. Solids: by their box."""
    tags = chunk.tags
    at = np.flatnonzero((tags.code - np.int16(30)).view(np.uint16) <= 8)  # 30 to 38
    at = at[tags.number[at] != 0.0]
    flat = np.ones(chunk.count, dtype=np.bool_)
    entity = tags.entity_of[at]
    flat[chunk.owner[entity[entity >= 0]]] = False
    return flat


def boxes_tell(chunk: Chunk) -> Bools:
    """Return (E,) whether an entity has faces of its own, whose box tells whether it stands at 0."""
    faces = np.array([kind in FACE_TYPES for kind in chunk.kinds], dtype=np.bool_)
    return faces[chunk.kind_of] if chunk.count else np.zeros(0, dtype=np.bool_)
