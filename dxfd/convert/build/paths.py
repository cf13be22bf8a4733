"""Entities as polylines in metres, WCS: LINE, CIRCLE, ARC, ELLIPSE, LWPOLYLINE, POLYLINE (2D, 3D), points, texts.

Each function takes the group of all such entities of a chunk. Meshes (3DFACE, SOLID, polyface) are in faces.py.
"""

from __future__ import annotations

import numpy as np

from dxfd.convert.build.curves import TOLERANCE_M, arcs, bulged, ellipses
from dxfd.convert.build.frame import axes, is_world, to_world
from dxfd.convert.build.lists import points_of
from dxfd.convert.build.ragged import Bools, Floats, Ints, Paths, offsets
from dxfd.convert.native import kernel
from dxfd.convert.read.columns import Group, whole

_FULL = 2 * np.pi


def normals(group: Group) -> Floats:
    """Return (n, 3) extrusion directions; +Z where none is given."""
    return group.numbers((210, 220, 230), (0.0, 0.0, 1.0))


def _world(points: Floats, offset: Ints, normal: Floats) -> Floats:
    """Return ragged OCS points in WCS."""
    if is_world(normal):
        return points
    row = np.repeat(np.arange(len(normal)), np.diff(offset))
    return to_world(points, axes(normal)[row])


def lines(group: Group, metres: float) -> Paths:
    """LINE: two points in WCS."""
    n = group.count
    points = group.numbers((10, 20, 30, 11, 21, 31)).reshape(2 * n, 3) * metres
    return Paths(group.entity, np.arange(0, 2 * n + 1, 2), points, np.zeros(n, dtype=np.bool_))


def points(group: Group, metres: float, *, ocs: bool) -> Paths:
    """POINT and MTEXT (WCS), TEXT and the like (OCS): one point."""
    at = group.point(10) * metres
    offset = np.arange(group.count + 1)
    if ocs:
        at = _world(at, offset, normals(group))
    return Paths(group.entity, offset, at, np.zeros(group.count, dtype=np.bool_))


def circles(group: Group, metres: float, tolerance_m: float = TOLERANCE_M) -> Paths:
    """CIRCLE: centre in OCS."""
    n = group.count
    full = np.ones(n, dtype=np.bool_)
    offset, at = arcs(
        group.point(10) * metres, group.number(40) * metres, np.zeros(n), np.full(n, _FULL), full, tolerance_m
    )
    return Paths(group.entity, offset, _world(at, offset, normals(group)), full)


def circular_arcs(group: Group, metres: float, tolerance_m: float = TOLERANCE_M) -> Paths:
    """ARC: centre in OCS, counter-clockwise from code 50 to 51 in degrees."""
    start = np.radians(group.number(50))
    sweep = np.mod(np.radians(group.number(51, 360.0)) - start, _FULL)
    sweep = np.where(sweep < 1e-12, _FULL, sweep)
    full = np.zeros(group.count, dtype=np.bool_)
    offset, at = arcs(group.point(10) * metres, group.number(40) * metres, start, sweep, full, tolerance_m)
    return Paths(group.entity, offset, _world(at, offset, normals(group)), full)


def elliptic_arcs(group: Group, metres: float, tolerance_m: float = TOLERANCE_M) -> Paths:
    """ELLIPSE: all in WCS; the minor axis is normal × major × ratio."""
    major = group.point(11) * metres
    normal = normals(group)
    length = np.linalg.norm(normal, axis=1)
    normal = np.where(length[:, None] > 1e-12, normal / np.maximum(length, 1e-12)[:, None], (0.0, 0.0, 1.0))
    minor = np.cross(normal, major) * group.number(40, 1.0)[:, None]
    start, end = group.number(41), group.number(42, _FULL)
    sweep = np.mod(end - start, _FULL)
    full = sweep < 1e-9
    full |= sweep > _FULL - 1e-9
    sweep = np.where(full, _FULL, sweep)
    offset, at = ellipses(group.point(10) * metres, major, minor, start, sweep, full, tolerance_m)
    return Paths(group.entity, offset, at, full)


def lwpolylines(group: Group, metres: float, tolerance_m: float = TOLERANCE_M) -> Paths:
    """LWPOLYLINE: vertices in OCS at elevation 38, bulges 42."""
    counts, at, bulge = _lwvertices(group)
    at[:, :2] *= metres
    own = group.numbers((38, 70, 210, 220, 230), (0.0, 0.0, 0.0, 0.0, 1.0))
    at[:, 2] = np.repeat(own[:, 0] * metres, counts)
    closed = (whole(own[:, 1], 0) & 1) == 1
    offset, at = bulged(offsets(counts), at, bulge, closed, tolerance_m)
    return Paths(group.entity, offset, _world(at, offset, own[:, 2:]), closed)


def _lwvertices(group: Group) -> tuple[Ints, Floats, Floats]:
    """Return counts (n,), vertices (N, 3) with z = 0 and bulges (N,): a vertex begins at a 10, 20 and 42 follow it."""
    if kernel is None:
        offset, at = points_of(group, 10)
        at[:, 2] = 0.0
        starts, places = group.where(10), group.where(42)
        mine = (np.cumsum(group.code == 10) - 1)[places]
        fits = mine >= 0
        fits[fits] = group.row[starts][mine[fits]] == group.row[places[fits]]
        bulge = np.zeros(len(starts))
        bulge[mine[fits]] = group.tags.number[group.tag[places[fits]]]
        return np.diff(offset), at, bulge
    most = int(np.diff(group.bounds)[group.entity].sum())
    counts, at, bulge = np.empty(group.count, dtype=np.int64), np.empty((most, 3)), np.empty(most)
    total = kernel.vertices(group.tags.code, group.tags.number, group.bounds, group.entity, counts, at, bulge)
    return counts, at[:total], bulge[:total]


def polylines(group: Group, vertices: Group, owner_row: Ints, metres: float, tolerance_m: float = TOLERANCE_M) -> Paths:
    """POLYLINE of 2D or 3D kind with its VERTEX followers (no meshes).

    Args:
        group: the POLYLINE entities.
        vertices: all their VERTEX entities.
        owner_row: (v,) row in `group` of each vertex, growing.
        metres: metres per drawing unit.
        tolerance_m: largest distance of the chords to an arc.
    """
    flags = group.integer(70)
    spatial = (flags & 8) == 8
    keep = (vertices.integer(70) & 16) == 0  # control points of a spline frame are not on the curve
    row = owner_row[keep]
    at = vertices.point(10)[keep] * metres
    elevation = group.number(30) * metres
    at[:, 2] = np.where(spatial[row], at[:, 2], elevation[row])
    bulge = np.where(spatial[row], 0.0, vertices.number(42)[keep])
    counts = np.bincount(row, minlength=group.count)
    closed: Bools = (flags & 1) == 1
    offset, at = bulged(offsets(counts), at, bulge, closed, tolerance_m)
    normal = np.where(spatial[:, None], (0.0, 0.0, 1.0), normals(group))
    return Paths(group.entity, offset, _world(at, offset, normal), closed)
