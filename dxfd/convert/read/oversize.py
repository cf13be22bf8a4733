"""Which entities of a chunk are over a limit, by counting. Pure; knows tags only."""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.read.tags import Ints, Tags
from dxfd.convert.types import Limits

VALUES_PER_VERTEX: Final = 8
"""Values that an entity may have for each vertex that it may have: its arrays take 100 bytes a value."""


def entities(tags: Tags, owner: Ints, limits: Limits) -> Ints:
    """Return the entities (no followers) of a chunk that are over a limit, growing; (E,) owner: whose each is."""
    if not len(owner) or (len(tags.code) <= limits.entity_vertices and len(tags.data) <= limits.entity_bytes):
        return np.empty(0, dtype=np.int64)
    count = len(owner)
    of = owner[tags.entity_of]
    vertices = np.bincount(of[tags.code == 10], minlength=count)
    values = np.bincount(of, minlength=count)
    ends = np.append(tags.tag_start[tags.entity_tag], tags.consumed)
    size = np.bincount(owner, weights=np.diff(ends), minlength=count)
    most = limits.entity_vertices
    return np.flatnonzero((vertices > most) | (values > VALUES_PER_VERTEX * most) | (size > limits.entity_bytes))
