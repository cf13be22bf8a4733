"""Thickness (code 39) and width (codes 40, 41, 43) of flat entities: height and width of the bodies made of them.

Looks at a chunk once and is done where nothing is thick or wide, as in most drawings. Metres, WCS.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build.paths import normals
from dxfd.convert.build.ragged import Bools, Floats, Ints, Meshes, Paths, offsets, within
from dxfd.convert.read.columns import Group, group, of_kind
from dxfd.convert.read.stream import Chunk

_THICK: Final = frozenset({"LINE", "CIRCLE", "ARC", "LWPOLYLINE", "POLYLINE", "SOLID", "TRACE"})
_WIDE: Final = frozenset({"LWPOLYLINE", "POLYLINE", "VERTEX"})
_SPATIAL: Final = 8 | 16 | 64
_CLOSED: Final = 1
_LEAST_M, _MOST_M = 0.01, 10.0
"""Widths between a centimetre and ten metres are taken for real ones: below, they only make a line bold."""


def thickness(chunk: Chunk, metres: float) -> Floats | None:
    """Return (E, 3) along which each entity is extruded, 0 where it is not; None if the chunk has no thick ones."""
    tags = chunk.tags
    at = np.flatnonzero(tags.code == 39)
    at = at[np.isfinite(tags.number[at]) & (tags.number[at] != 0.0)]
    if not len(at):
        return None
    entity = tags.entity_of[at]
    can = np.array([kind in _THICK for kind in chunk.kinds], dtype=np.bool_)
    at, entity = at[can[chunk.kind_of[entity]]], entity[can[chunk.kind_of[entity]]]
    rows = np.unique(entity)
    if not len(rows):
        return None
    members = group(chunk, rows)
    normal = normals(members)
    length = np.sqrt((normal * normal).sum(axis=1))
    normal = np.where(length[:, None] > 1e-12, normal / np.maximum(length, 1e-12)[:, None], (0.0, 0.0, 1.0))
    flat = np.ones(len(rows), dtype=np.bool_)
    if "POLYLINE" in chunk.kinds:
        polyline = chunk.kind_of[rows] == chunk.kinds.index("POLYLINE")
        flat = ~polyline | ((members.integer(70) & _SPATIAL) == 0)
    out = np.zeros((chunk.count, 3))
    out[rows] = np.where(flat[:, None], normal * (members.number(39) * metres)[:, None], 0.0)
    return out


def widths(chunk: Chunk, metres: float) -> Floats | None:
    """Return (E,) the width that a polyline has all along, 0 where it has none; None if the chunk has no wide ones."""
    tags = chunk.tags
    at = np.flatnonzero((tags.code == 43) | (tags.code == 41))
    can = np.array([kind in _WIDE for kind in chunk.kinds], dtype=np.bool_)
    if not can[chunk.kind_of[tags.entity_of[at[tags.number[at] > 0.0]]]].any():
        return None
    out = np.zeros(chunk.count)
    wide = of_kind(chunk, "LWPOLYLINE")
    if len(wide):
        out[wide] = _of_light(group(chunk, wide))
    wide = of_kind(chunk, "POLYLINE")
    if len(wide):
        out[wide] = _of_old(chunk, wide)
    out *= metres
    out[~((out >= _LEAST_M) & (out <= _MOST_M))] = 0.0
    return out if bool(out.any()) else None


def _of_light(members: Group) -> Floats:
    """Return (n,) the width of each LWPOLYLINE, drawing units: its own (43), or that of all its segments (40, 41)."""
    vertex = np.cumsum(members.code == 10) - 1
    row = members.row[members.where(10)]
    ends = np.zeros((len(row), 2))
    for k, code in enumerate((40, 41)):
        at = members.where(code)
        at = at[(vertex[at] >= 0) & (row[np.maximum(vertex[at], 0)] == members.row[at])] if len(row) else at[:0]
        ends[vertex[at], k] = members.tags.number[members.tag[at]]
    constant = members.number(43)
    return np.where(constant > 0.0, constant, _all_along(row, ends, (members.integer(70) & _CLOSED) != 0))


def _of_old(chunk: Chunk, polylines: Ints) -> Floats:
    """Return (n,) the width of each POLYLINE; what its vertices do not say is as its own (40, 41)."""
    members = group(chunk, polylines)
    flags, own = members.integer(70), members.numbers((40, 41))
    vertices = of_kind(chunk, "VERTEX")
    vertices = vertices[np.isin(chunk.owner[vertices], polylines)]
    row = np.searchsorted(polylines, chunk.owner[vertices])
    ends = group(chunk, vertices).numbers((40, 41), (np.nan, np.nan))
    ends = np.where(np.isnan(ends), own[row], ends)
    return np.where((flags & _SPATIAL) == 0, _all_along(row, ends, (flags & _CLOSED) != 0), 0.0)


def _all_along(row: Ints, ends: Floats, closed: Bools) -> Floats:
    """Return (n,) the width that all segments have, 0 where there is no such.

    Args:
        row: (V,) polyline of each vertex, not falling.
        ends: (V, 2) width where the segment behind it begins and ends.
        closed: (n,) polylines whose last vertex has a segment behind it, too.
    """
    begins = closed[row] | (np.diff(row, append=-1) == 0)
    row, ends = row[begins], ends[begins]
    low, high = (np.full(len(closed), end) for end in (np.inf, -np.inf))
    np.minimum.at(low, row, ends.min(axis=1))
    np.maximum.at(high, row, ends.max(axis=1))
    return np.where(low == high, high, 0.0)


def ribbons(paths: Paths, along: Floats) -> Meshes:
    """Return the faces that lines leave when they are moved `along` (n, 3)."""
    counts = paths.counts
    row = np.repeat(np.arange(len(counts)), counts)
    step = within(counts)
    vertex_offset = offsets(2 * counts)
    vertices = np.empty((int(vertex_offset[-1]), 3))
    low = vertex_offset[:-1][row] + step
    vertices[low] = paths.points
    vertices[low + counts[row]] = paths.points + along[row]
    last = step + 1 == counts[row]
    sides = ~last | (paths.closed & (counts > 2))[row]
    a = step[sides]
    b = np.where(last, 0, step + 1)[sides]
    n = counts[row][sides]
    faces = np.stack([a, b, b + n, a, b + n, a + n], axis=1).reshape(-1, 3)
    per_row = 2 * np.bincount(row[sides], minlength=len(counts))
    return Meshes(paths.entity, vertex_offset, vertices, offsets(per_row), faces)


def thickened(mesh: Meshes, along: Floats) -> Meshes:
    """Return closed bodies of flat faces (SOLID, TRACE: a fan of three or four corners) moved `along` (E, 3)."""
    vertices: list[Floats] = []
    faces: list[Ints] = []
    for row, entity in enumerate(mesh.entity.tolist()):
        corners = mesh.vertices[mesh.vertex_offset[row] : mesh.vertex_offset[row + 1]]
        given = np.asarray(mesh.faces[mesh.face_offset[row] : mesh.face_offset[row + 1]], dtype=np.int64)
        way = along[entity]
        if not way.any() or not len(given):
            vertices.append(corners)
            faces.append(given)
            continue
        n = len(corners)
        a = np.arange(n)
        b = (a + 1) % n
        turn = np.cross(corners - corners[0], np.roll(corners, -1, axis=0) - corners[0]).sum(axis=0)
        if float((turn * way).sum()) < 0:  # clockwise seen against the way: then the other way round
            given, (a, b) = given[:, ::-1], (b, a)
        vertices.append(np.concatenate([corners, corners + way]))
        sides = np.concatenate([np.stack([a, b, b + n], axis=1), np.stack([a, b + n, a + n], axis=1)])
        faces.append(np.concatenate([given[:, ::-1], given + n, sides]))
    return Meshes(
        mesh.entity,
        offsets(np.array([len(v) for v in vertices], dtype=np.int64)), np.concatenate(vertices),
        offsets(np.array([len(f) for f in faces], dtype=np.int64)), np.concatenate(faces),
    )  # fmt: skip
