"""Faces that blocks hold of their own (3DFACE, meshes, solids, what is thick): the bodies of references to them. Pure.

Equal points become one. A block whose faces all lie in one level plane is a symbol and has no body; nor has one with
more than MOST_POINTS, or one that a cycle of blocks can be reached from. Lengths are metres.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build import bodies, thick
from dxfd.convert.build.frame import to_world
from dxfd.convert.build.inserts import Placed
from dxfd.convert.build.portable import THINNEST_M
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths
from dxfd.convert.keys import tally

MOST_POINTS: Final = 100_000
"""Of one block, those of nested ones included."""
MOST_KEPT: Final = 1_000_000
"""Points of all blocks of a drawing: 50 MB with their faces."""
_DIGITS: Final = 6
_MOST_TURNED: Final = 4_000_000


class Solid(Struct, frozen=True):
    """One body: (V, 3) points and (F, 3) faces."""

    points: Floats
    faces: Ints


class Body(Struct, frozen=True):
    """A body as it is stored: content address, `<f4` vertices and `<u4` faces about `center` (3,), and (V, 3) those.

    `lowest` is the least height of its points above the reference.
    """

    key: str
    vertices: bytes
    faces: bytes
    center: Floats
    points: Floats
    lowest: float


NOTHING: Final = Solid(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))


def parts(shape: Meshes, number_of: Ints) -> list[tuple[int, Solid]]:
    """Return the faces of a chunk by the number of the block that they lie in."""
    number = number_of[shape.entity]
    if not len(number):
        return []
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(starts, len(number))[1:]
    base = np.repeat(shape.vertex_offset[:-1], np.diff(shape.face_offset))
    whole = np.asarray(shape.faces, dtype=np.int64) + base[:, None]
    out = []
    for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
        low, high = int(shape.vertex_offset[first]), int(shape.vertex_offset[last])
        faces = whole[shape.face_offset[first] : shape.face_offset[last]] - low
        if len(faces):
            out.append((int(number[first]), Solid(shape.vertices[low:high], faces)))
    return out


def thick_paths(paths: Paths, along: Floats) -> list[Meshes]:
    """Return what thick paths leave when they are moved `along` (E, 3): prisms over level outlines, else faces."""
    way = along[paths.entity]
    rows = np.flatnonzero(way.any(axis=1) & (paths.counts > 1))
    if not len(rows):
        return []
    paths, way = paths.take(rows), way[rows]
    upright = np.abs(way[:, :2]).max(axis=1) < 1e-9 * np.abs(way[:, 2])
    solid = upright & bodies.can_stand(paths)
    out = []
    if bool(solid.any()):
        out.append(bodies.prisms(paths.take(np.flatnonzero(solid)), way[solid, 2]))
    if not bool(solid.all()):
        out.append(thick.ribbons(paths.take(np.flatnonzero(~solid)), way[~solid]))
    return out


def boxed(paths: list[Paths], entities: list[int]) -> Iterator[Meshes]:
    """Yield the boxes of entities of which only a box is known (curved solids), where they are no flat figures."""
    for part in paths:
        rows = np.flatnonzero(np.isin(part.entity, entities) & (part.counts > 0))
        if not len(rows):
            continue
        some = part.take(rows)
        low = np.minimum.reduceat(some.points, some.offset[:-1])
        high = np.maximum.reduceat(some.points, some.offset[:-1])
        solid = np.flatnonzero((high - low > THINNEST_M).all(axis=1))
        n = len(solid)
        corners = bodies.box_vertices((high - low)[solid]) + ((low + high) / 2)[solid, None]
        faces = np.tile(bodies.BOX_FACES.astype(np.int64), (n, 1))
        yield Meshes(some.entity[solid], np.arange(n + 1) * 8, corners.reshape(-1, 3), np.arange(n + 1) * 12, faces)


def joined(solids: list[Solid]) -> Solid:
    """Return all in one."""
    if not solids:
        return NOTHING
    base = np.cumsum([0, *(len(s.points) for s in solids[:-1])])
    faces = np.concatenate([s.faces + b for s, b in zip(solids, base.tolist(), strict=True)])
    return Solid(np.concatenate([s.points for s in solids]), faces)


def welded(solid: Solid) -> Solid:
    """Return it with equal points once, and without faces that have one twice."""
    points = np.round(solid.points, _DIGITS) + 0.0
    first, of = tally(points)
    points, faces = points[first], of[solid.faces]
    faces = faces[(faces != faces[:, [1, 2, 0]]).all(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    return Solid(points[used], faces.reshape(-1, 3))


def is_spatial(solid: Solid) -> bool:
    """Return whether it is more than a figure in one level plane."""
    return bool(len(solid.faces)) and float(np.ptp(solid.points[:, 2])) > THINNEST_M


def laid_out(solid: Solid, where: Placed, row: int) -> Solid:
    """Return a block's content at one reference, each cell of an array, in the axes that the reference lies in."""
    cells = _cells(where, row)
    local = solid.points * where.scale[row] + cells[:, None]
    count = len(cells)
    points = to_world(local.reshape(-1, 3), np.broadcast_to(where.turn[row], (local.shape[0] * local.shape[1], 3, 3)))
    return Solid(points + where.at[row], _repeated(solid, count, mirrored=bool(where.scale[row].prod() < 0)))


def body(solid: Solid, where: Placed, row: int) -> Body:
    """Return the body that a reference shows, in its own turned axes."""
    cells = _cells(where, row)
    local = (solid.points * where.scale[row] + cells[:, None]).reshape(-1, 3)
    low, high = local.min(axis=0), local.max(axis=0)
    center = (low + high) / 2
    near = local - center
    vertices = near.astype("<f4").tobytes()
    faces = _repeated(solid, len(cells), mirrored=bool(where.scale[row].prod() < 0)).astype("<u4").tobytes()
    return Body(hashlib.sha256(vertices + faces).hexdigest(), vertices, faces, center, near, float(low[2]))


def reach(points: Floats, turn: Floats) -> Floats:
    """Return (n, 3) sizes of the boxes about the centre that hold the points (V, 3) at each turn (n, 3, 3)."""
    out = np.empty((len(turn), 3))
    step = max(1, _MOST_TURNED // max(1, len(points)))
    for first in range(0, len(turn), step):
        some = turn[first : first + step]
        out[first : first + step] = 2 * np.abs(np.einsum("nij,vj->nvi", some, points)).max(axis=1)
    return out


def _cells(where: Placed, row: int) -> Floats:
    """Return (c, 3) the places of an array's cells, in the turned axes."""
    column, line = np.meshgrid(np.arange(where.columns[row]), np.arange(where.rows[row]))
    out = np.zeros((column.size, 3))
    out[:, 0], out[:, 1] = column.ravel() * where.spacing[row, 0], line.ravel() * where.spacing[row, 1]
    return out


def _repeated(solid: Solid, count: int, *, mirrored: bool) -> Ints:
    faces = solid.faces[:, ::-1] if mirrored else solid.faces
    step = np.arange(count)[:, None, None] * len(solid.points)
    return (faces[None] + step).reshape(-1, 3)
