"""Entities that ask for more than the limits allow: found in a chunk by counting, without building them. Pure.

The reader stops within an entity that is larger than a limit (stream.py); what it had read of it is here, too. Both
ways give the same answer, whatever the size of chunks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.read.stream import VALUES_PER_VERTEX, Chunk
from dxfd.convert.read.tags import Ints
from dxfd.convert.types import Limits

REASON: Final = "entity_too_large"


def too_large(chunk: Chunk, limits: Limits) -> Ints:
    """Return the entities (no followers) that are over a limit, growing."""
    if chunk.passed_over:
        return np.zeros(1, dtype=np.int64)
    tags = chunk.tags
    if len(tags.code) <= limits.entity_vertices and len(tags.data) <= limits.entity_bytes:
        return np.empty(0, dtype=np.int64)
    owner = chunk.owner[tags.entity_of]
    vertices = np.bincount(owner[tags.code == 10], minlength=chunk.count)
    values = np.bincount(owner, minlength=chunk.count)
    ends = np.append(tags.tag_start[tags.entity_tag], tags.consumed)
    size = np.bincount(chunk.owner, weights=np.diff(ends), minlength=chunk.count)
    over = vertices > limits.entity_vertices
    over |= values > VALUES_PER_VERTEX * limits.entity_vertices
    over |= size > limits.entity_bytes
    return np.flatnonzero(over)


def words(limits: Limits) -> str:
    """Return what such an entity is, for the issues."""
    return (
        f"an entity of more than {limits.entity_vertices} vertices, {VALUES_PER_VERTEX * limits.entity_vertices} values"
        f" or {limits.entity_bytes >> 20} MB is passed over"
    )
