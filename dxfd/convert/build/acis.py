"""ACIS bodies (3DSOLID, REGION, BODY, surfaces) as far as they can be had: flat faces as they are, else their box.

Flat faces may have curved edges: a region of arcs, a plate with round ends. A body with curved faces would be left open
without them, so it becomes the box of what bounds it (acis_extents.py) instead, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import mapbox_earcut
import numpy as np

from dxfd.convert.build.acis_curves import edge_points, ends
from dxfd.convert.build.frame import axes
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.build.sat import Record, to, turned

KINDS: Final = frozenset(
    {"3DSOLID", "REGION", "BODY", "SURFACE", "EXTRUDEDSURFACE", "LOFTEDSURFACE", "REVOLVEDSURFACE", "SWEPTSURFACE",
     "PLANESURFACE", "NURBSURFACE"}
)  # fmt: skip


class TooManyPointsError(Exception):
    """The edges of a body have more points than it may."""


def faces(known: list[Record], tolerance: float = 1e-3, most: int = 1_000_000) -> tuple[Floats, Ints] | None:
    """Return vertices (v, 3) and triangles (f, 3) of a body all of whose faces are flat, in drawing units; else None.

    Args:
        known: the body's records.
        tolerance: largest distance of a chord from a curved edge, drawing units.
        most: points that all edges may have.

    Raises:
        TooManyPointsError: they have more.
    """
    vertices: list[Floats] = []
    triangles: list[Ints] = []
    count = 0
    for face in known:
        if face.name != "face":
            continue
        matrix = transform_of(known, face)
        if matrix is not None and len(matrix) < 12:
            return None
        rings = None
        if to(known, face, "plane-surface"):
            rings = _rings(known, face, tolerance / scale_of(matrix), most - count)
        made = _cut(rings) if rings else None
        if rings is None or made is None:
            return None
        points = np.concatenate(rings)
        vertices.append(points if matrix is None else moved(points, matrix))
        triangles.append(made + count)
        count += len(points)
    if not vertices:
        return None
    return _outward(np.concatenate(vertices), np.concatenate(triangles))


def loops(known: list[Record], face: Record) -> list[list[Record]] | None:
    """Return the coedges along each loop of a face; None where a loop does not close."""
    out: list[list[Record]] = []
    left = to(known, face, "loop")
    seen: set[int] = set()
    while left and left[0] not in seen:
        seen.add(left[0])
        loop = known[left[0]]
        following = to(known, loop, "coedge")
        way: dict[int, Record] = {}
        while following and following[0] not in way:
            way[following[0]] = known[following[0]]
            following = to(known, known[following[0]], "coedge")
        if not following or following[0] != next(iter(way)):
            return None
        out.append(list(way.values()))
        left = to(known, loop, "loop")
    return out


def outline(known: list[Record], coedges: list[Record], tolerance: float, most: int) -> list[Floats] | None:
    """Return the points (n, 3) along each edge of a loop, in its direction; None where a curve is not known.

    Raises:
        TooManyPointsError: they have more than `most`.
    """
    out: list[Floats] = []
    count = 0
    for coedge in coedges:
        edges = to(known, coedge, "edge")
        if not edges:
            return None
        points = edge_points(known, known[edges[0]], tolerance)
        if points is None:
            return None
        count += len(points)
        if count > most + 2 * len(coedges):
            raise TooManyPointsError
        out.append(points[::-1] if turned(known, coedge, "edge") else points)
    return out


def _rings(known: list[Record], face: Record, tolerance: float, most: int) -> list[Floats] | None:
    """Return the points around each loop of a flat face; None where one is not known."""
    out: list[Floats] = []
    for coedges in loops(known, face) or []:
        parts = outline(known, coedges, tolerance, most - sum(map(len, out)))
        if parts is None:
            return None
        if not _follow(parts):  # senses are not as they should be: straight edges tell by their corners
            parts = _chained(known, coedges) or []
        ring = np.concatenate([part[:-1] for part in parts]) if parts else np.empty((0, 3))
        if len(ring) < 3:
            return None
        out.append(ring)
    return out or None


def _follow(parts: list[Floats]) -> bool:
    slack = 1e-9 * max(1.0, *(float(np.abs(part).max()) for part in parts))
    return all(float(np.abs(part[0] - parts[k - 1][-1]).max()) <= slack for k, part in enumerate(parts))


def _chained(known: list[Record], coedges: list[Record]) -> list[Floats] | None:
    """Return straight edges that follow each other, either way round; None if they do not."""
    lines: list[tuple[Floats, Floats]] = []
    names: list[tuple[int, int]] = []
    for coedge in coedges:
        edge = known[to(known, coedge, "edge")[0]]
        corners, vertices = ends(known, edge), to(known, edge, "vertex")
        curves = to(known, edge, "-curve")
        if corners is None or (curves and known[curves[0]].name != "straight-curve"):
            return None
        lines.append(corners)
        names.append((vertices[0], vertices[-1]))
    out: list[Floats] = []
    for k, (a, b) in enumerate(names):
        after, before = names[(k + 1) % len(names)], names[k - 1]
        if a in before and b in after:
            out.append(np.array(lines[k]))
        elif b in before and a in after:
            out.append(np.array(lines[k][::-1]))
        else:
            return None
    return out


def _cut(rings: list[Floats]) -> Ints | None:
    """Return triangles over the rings of one flat face, turned as its outer ring (the largest) is."""
    turns = [np.cross(r - r[0], np.roll(r, -1, axis=0) - r[0]).sum(axis=0) for r in rings]
    sizes = [float((t * t).sum()) for t in turns]
    outer = sizes.index(max(sizes))
    if sizes[outer] <= 0.0:
        return None
    normal = turns[outer] / np.sqrt(sizes[outer])
    order = [outer, *(k for k in range(len(rings)) if k != outer)]
    start = np.concatenate([[0], np.cumsum([len(r) for r in rings])])
    index = np.concatenate([np.arange(start[k], start[k + 1]) for k in order])
    local = (np.concatenate([rings[k] for k in order]) - rings[outer][0]) @ axes(normal[None])[0]
    ends = np.cumsum([len(rings[k]) for k in order], dtype=np.uint32)
    plane = np.ascontiguousarray(local[:, :2])
    flat = mapbox_earcut.triangulate_float64(plane, ends).astype(np.int64).reshape(-1, 3)
    if not len(flat):
        return None
    a, b, c = (plane[flat[:, k]] for k in range(3))
    clockwise = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) < (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    out: Ints = index[np.where(clockwise[:, None], flat[:, ::-1], flat)]
    return out


def _outward(vertices: Floats, triangles: Ints) -> tuple[Floats, Ints]:
    """Join equal vertices, and turn the faces of a body that is inside out."""
    distinct, number = np.unique(np.round(vertices, 9), axis=0, return_inverse=True)
    triangles = number.ravel()[triangles]
    a, b, c = (distinct[triangles[:, k]] - distinct[0] for k in range(3))
    volume = float((a * np.cross(b, c)).sum())
    return distinct, triangles[:, ::-1] if volume < 0.0 else triangles


def transform_of(known: list[Record], face: Record) -> Sequence[float] | None:
    """Return the transform of the body that a face belongs to; None if it has none."""
    owner = face
    for name in ("shell", "lump", "body", "transform"):
        found = to(known, owner, name)
        if not found:
            return None
        owner = known[found[0]]
    return owner.numbers


def scale_of(matrix: Sequence[float] | None) -> float:
    """Return by how much a transform enlarges; nan where that is no number."""
    return matrix[12] if matrix is not None and len(matrix) > 12 and not matrix[12] <= 0 else 1.0


def moved(points: Floats, matrix: Sequence[float]) -> Floats:
    """Return points moved by an ACIS transform: nine numbers of rotation, three of shift, one of scale."""
    turn = np.array(matrix[:9]).reshape(3, 3)
    out: Floats = (points @ turn) * scale_of(matrix) + np.array(matrix[9:12])
    return out
