"""Thickness (code 39) and width (codes 40, 41, 43) of flat entities: height and width of the bodies made of them.

Looks at a chunk once and is done where nothing is thick or wide, as in most drawings. Metres, WCS.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build.paths import normals
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths, offsets, within
from dxfd.convert.read.columns import group, of_kind
from dxfd.convert.read.stream import Chunk

_THICK: Final = frozenset({"LINE", "CIRCLE", "ARC", "LWPOLYLINE", "POLYLINE", "SOLID", "TRACE"})
_SPATIAL: Final = 8 | 16 | 64
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
    constant = np.flatnonzero(chunk.tags.code == 43)
    is_wide = bool(len(constant)) and bool((chunk.tags.number[constant] > 0.0).any())
    if not is_wide and "POLYLINE" not in chunk.kinds:
        return None
    out = np.zeros(chunk.count)
    wide = of_kind(chunk, "LWPOLYLINE")
    if len(wide) and is_wide:
        out[wide] = group(chunk, wide).number(43)
    wide = of_kind(chunk, "POLYLINE")
    if len(wide):
        members = group(chunk, wide)
        first, last = members.number(40), members.number(41)
        flat = (members.integer(70) & _SPATIAL) == 0
        out[wide] = np.where(flat & (first == last), first, 0.0)
    out *= metres
    out[~((out >= _LEAST_M) & (out <= _MOST_M))] = 0.0
    return out if bool(out.any()) else None


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
