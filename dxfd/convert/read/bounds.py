"""Entities that ask for more than the limits allow: which they are, and how that is told. Pure.

The reader stops within an entity that is larger than a limit, or takes it out of its chunk (stream.py, oversize.py): it
is alone in a chunk of its first tags, whatever the size of chunks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.read import oversize
from dxfd.convert.read.oversize import VALUES_PER_VERTEX
from dxfd.convert.read.stream import Chunk
from dxfd.convert.read.tags import Ints
from dxfd.convert.types import Limits

REASON: Final = "entity_too_large"


def too_large(chunk: Chunk, limits: Limits) -> Ints:
    """Return the entities (no followers) that are over a limit, growing."""
    if chunk.passed_over:
        return np.zeros(1, dtype=np.int64)
    return oversize.entities(chunk.tags, chunk.owner, limits)


def words(limits: Limits) -> str:
    """Return what such an entity is, for the issues."""
    return (
        f"an entity of more than {limits.entity_vertices} vertices, {VALUES_PER_VERTEX * limits.entity_vertices} values"
        f" or {limits.entity_bytes >> 20} MB is passed over"
    )
