"""What ezdxf says an entity's geometry is: the other side of the differential tests. Metres, WCS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from ezdxf import bbox
from ezdxf.math import Vec3
from ezdxf.path import make_path

CURVES = frozenset({"LINE", "CIRCLE", "ARC", "ELLIPSE", "LWPOLYLINE", "POLYLINE"})
FACES = frozenset({"3DFACE", "SOLID", "TRACE"})
DOTS = frozenset({"POINT", "TEXT", "MTEXT"})
BLOCK_CONTENT = CURVES | FACES
TOLERANCE_M = 0.005


def is_mesh(entity: Any) -> bool:
    """Return whether an entity is a POLYLINE that is a surface."""
    return entity.dxftype() == "POLYLINE" and (entity.is_polygon_mesh or entity.is_poly_face_mesh)


def points(entity: Any, metres: float) -> np.ndarray | None:
    """Return (n, 3) points of a curve, finely flattened, or the corners or place; None for what is not compared."""
    kind = entity.dxftype()
    if kind in CURVES and not is_mesh(entity):
        path = make_path(entity, segments=32)
        if len(path) == 0 and kind not in {"LWPOLYLINE", "POLYLINE"}:
            return None
        if len(path) == 0:  # all vertices in one place
            first = next(iter(entity.vertices_in_wcs() if kind == "LWPOLYLINE" else entity.points_in_wcs()), None)
            return None if first is None else np.array([tuple(first)]) * metres
        return np.array([tuple(v) for v in path.flattening(0.0005 / metres, segments=2)]) * metres
    if kind in FACES:
        return np.array([tuple(v) for v in entity.wcs_vertices()]) * metres
    if kind == "POINT":
        return np.array([tuple(entity.dxf.location)]) * metres
    if kind == "MTEXT":
        return np.array([tuple(Vec3(entity.dxf.insert))]) * metres
    if kind == "TEXT":
        return np.array([tuple(entity.ocs().to_wcs(Vec3(entity.dxf.insert)))]) * metres
    return None


def distance(what: np.ndarray, line: np.ndarray) -> float:
    """Return the largest distance of points to a polyline."""
    if len(line) == 1:
        return float(np.linalg.norm(what - line[0], axis=1).max())
    if len(what) > 200:  # the arrays below have a row for each pair
        return max(distance(what[at : at + 200], line) for at in range(0, len(what), 200))
    first, delta = line[:-1], np.diff(line, axis=0)
    long = np.maximum((delta**2).sum(axis=1), 1e-30)
    at = np.clip(np.einsum("psk,sk->ps", what[:, None] - first[None], delta) / long, 0.0, 1.0)
    near = first[None] + at[:, :, None] * delta[None]
    return float(np.linalg.norm(what[:, None] - near, axis=2).min(axis=1).max())


def box_of(entities: Iterable[Any], metres: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return low and high corner of what block extents are made of: curves, faces, and nested references as boxes."""
    corners: list[np.ndarray] = []
    for entity in entities:
        if entity.dxftype() == "INSERT":
            found = reference_box(entity, metres)
            if found is not None:
                corners += [found[0], found[1]]
        elif is_mesh(entity):
            box = bbox.extents([entity])
            if box.has_data:
                corners += [np.array(tuple(box.extmin)) * metres, np.array(tuple(box.extmax)) * metres]
        elif entity.dxftype() in BLOCK_CONTENT:
            made = points(entity, metres)
            if made is not None:
                corners += [made.min(axis=0), made.max(axis=0)]
    return (np.min(corners, axis=0), np.max(corners, axis=0)) if corners else None


def reference_box(insert: Any, metres: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return low and high corner in WCS of a block's box, turned, scaled and repeated as the INSERT says."""
    block = insert.block()
    inner = box_of(block, metres) if block is not None else None
    if inner is None:
        return None
    ends = [
        tuple(Vec3(x, y, z) / metres)
        for x in (inner[0][0], inner[1][0])
        for y in (inner[0][1], inner[1][1])
        for z in (inner[0][2], inner[1][2])
    ]
    copies = list(insert.multi_insert()) if insert.mcount > 1 else [insert]
    placed = np.array([tuple(v) for copy in copies for v in copy.matrix44().transform_vertices(ends)]) * metres
    return placed.min(axis=0), placed.max(axis=0)
