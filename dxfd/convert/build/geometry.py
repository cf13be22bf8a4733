"""Which function makes the geometry of which entity type: the one table of types that are read as columns."""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build import faces, paths
from dxfd.convert.build.curves import TOLERANCE_M
from dxfd.convert.build.ragged import Ints, Meshes, Paths
from dxfd.convert.read.columns import Group, group, of_kind
from dxfd.convert.read.stream import Chunk

PATH_KINDS: Final = ("LINE", "CIRCLE", "ARC", "ELLIPSE", "LWPOLYLINE", "POLYLINE")
POINT_KINDS: Final = ("POINT", "TEXT", "MTEXT", "ATTDEF", "SHAPE")
FACE_KINDS: Final = ("3DFACE", "SOLID", "TRACE")
COLUMNAR: Final = frozenset({*PATH_KINDS, *POINT_KINDS, *FACE_KINDS, "INSERT"})
_SURFACE: Final = 16 | 64


def simple(kind: str, members: Group, metres: float, tolerance_m: float = TOLERANCE_M) -> Paths | Meshes:
    """Return the geometry of a group of one type; not for POLYLINE and INSERT."""
    match kind:
        case "LINE":
            return paths.lines(members, metres)
        case "CIRCLE":
            return paths.circles(members, metres, tolerance_m)
        case "ARC":
            return paths.circular_arcs(members, metres, tolerance_m)
        case "ELLIPSE":
            return paths.elliptic_arcs(members, metres, tolerance_m)
        case "LWPOLYLINE":
            return paths.lwpolylines(members, metres, tolerance_m)
        case "POINT" | "MTEXT":
            return paths.points(members, metres, ocs=False)
        case "TEXT" | "ATTDEF" | "SHAPE":
            return paths.points(members, metres, ocs=True)
        case "3DFACE":
            return faces.quads(members, metres, ocs=False)
        case "SOLID" | "TRACE":
            return faces.quads(members, metres, ocs=True)
    raise ValueError(kind)


def polylines(chunk: Chunk, entities: Ints, metres: float, tolerance_m: float = TOLERANCE_M) -> tuple[Paths, Meshes]:
    """Return the geometry of POLYLINE entities: those that are curves, and those that are meshes."""
    every = group(chunk, entities)
    surface = (every.integer(70) & _SURFACE) != 0
    vertex = of_kind(chunk, "VERTEX")
    vertex = vertex[chunk.follower[vertex]]
    out: list[tuple[Group, Group, Ints]] = []
    for chosen in (entities[~surface], entities[surface]):
        rank = np.full(chunk.count, -1, dtype=np.int64)
        rank[chosen] = np.arange(len(chosen))
        row = rank[chunk.owner[vertex]]
        mine = row >= 0
        out.append((group(chunk, chosen), group(chunk, vertex[mine]), row[mine]))
    return paths.polylines(*out[0], metres, tolerance_m), faces.polyline_meshes(*out[1], metres)


def bad_entities(chunk: Chunk) -> Ints:
    """Return the entities with a number that is none; a follower's fault is its owner's."""
    tags = chunk.tags
    at = np.flatnonzero(tags.bad_number)
    if not len(at):
        return np.empty(0, dtype=np.int64)
    entity = tags.entity_of[at]
    return np.unique(chunk.owner[entity[entity >= 0]])
