"""Arrays of lists: polylines and meshes of many entities in a few flat arrays. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def offsets(counts: Ints) -> Ints:
    """Return (n + 1,) running sums that begin with 0."""
    out = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=out[1:])
    return out


def within(counts: Ints) -> Ints:
    """Return 0, 1, …, counts[0]-1, 0, 1, …, counts[1]-1, … as one array."""
    start = offsets(counts)
    return np.arange(start[-1]) - np.repeat(start[:-1], counts)


def picked(offset: Ints, rows: Ints) -> Ints:
    """Return the flat indices of the given rows' members, in the rows' order."""
    counts = offset[rows + 1] - offset[rows]
    return np.repeat(offset[rows], counts) + within(counts)


def dots(a: Floats, b: Floats) -> Floats:
    """Return (n,) scalar products, added from left to right: native/bodies.c adds in the same order."""
    out: Floats = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return out


def norms(a: Floats) -> Floats:
    """Return (n,) lengths of vectors."""
    out: Floats = np.sqrt(dots(a, a))
    return out


class Paths(Struct, frozen=True):
    """Polylines, in metres, WCS.

    Attributes:
        entity: (n,) entity index in the chunk.
        offset: (n + 1,) where each one's points begin.
        points: (N, 3).
        closed: (n,) the last point is joined to the first (which is not repeated).
    """

    entity: Ints
    offset: Ints
    points: Floats
    closed: Bools

    @property
    def counts(self) -> Ints:
        """Points of each."""
        return np.diff(self.offset)

    def take(self, rows: Ints) -> Paths:
        """Return the given rows."""
        at = picked(self.offset, rows)
        counts = self.offset[rows + 1] - self.offset[rows]
        return Paths(self.entity[rows], offsets(counts), self.points[at], self.closed[rows])

    def lengths(self) -> Floats:
        """Return (n,) lengths in metres, the closing segment included."""
        first, second, row = self.segments()
        return np.bincount(row, norms(second - first), minlength=len(self.entity)).astype(np.float64)

    def segments(self) -> tuple[Floats, Floats, Ints]:
        """Return first points (s, 3), second points (s, 3) and the row of each segment."""
        counts = self.counts
        row = np.repeat(np.arange(len(counts)), counts)
        follower = np.arange(len(self.points)) + 1
        has = counts > 0
        last = self.offset[1:][has] - 1
        follower[last] = self.offset[:-1][has]
        keep = np.ones(len(self.points), dtype=np.bool_)
        keep[last] = self.closed[has] & (counts[has] > 2)
        at = np.flatnonzero(keep)
        return self.points[at], self.points[follower[at]], row[at]


class Meshes(Struct, frozen=True):
    """Bodies, in metres, WCS.

    Attributes:
        entity: (n,) entity index in the chunk.
        vertex_offset: (n + 1,).
        vertices: (V, 3).
        face_offset: (n + 1,).
        faces: (F, 3) indices into the entity's own vertices, counter-clockwise seen from outside.
    """

    entity: Ints
    vertex_offset: Ints
    vertices: Floats
    face_offset: Ints
    faces: npt.NDArray[np.int64] | npt.NDArray[np.uint32]

    def take(self, rows: Ints) -> Meshes:
        """Return the given rows."""
        return Meshes(
            self.entity[rows],
            offsets(np.diff(self.vertex_offset)[rows]), self.vertices[picked(self.vertex_offset, rows)],
            offsets(np.diff(self.face_offset)[rows]), self.faces[picked(self.face_offset, rows)],
        )  # fmt: skip


NO_FACES = np.empty((0, 3), dtype=np.int64)


def join_paths(parts: list[Paths]) -> Paths:
    """Return all paths in one, part after part."""
    parts = [p for p in parts if len(p.entity)]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Paths(none, np.zeros(1, dtype=np.int64), np.empty((0, 3)), np.empty(0, dtype=np.bool_))
    if len(parts) == 1:
        return parts[0]
    entity = np.concatenate([p.entity for p in parts])
    counts = np.concatenate([p.counts for p in parts])
    return Paths(
        entity, offsets(counts), np.concatenate([p.points for p in parts]), np.concatenate([p.closed for p in parts])
    )


def join_meshes(parts: list[Meshes]) -> Meshes:
    """Return all meshes in one, part after part."""
    parts = [p for p in parts if len(p.entity)]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        zero = np.zeros(1, dtype=np.int64)
        return Meshes(none, zero, np.empty((0, 3)), zero, NO_FACES)
    if len(parts) == 1:
        return parts[0]
    entity = np.concatenate([p.entity for p in parts])
    vertex_offset = offsets(np.concatenate([np.diff(p.vertex_offset) for p in parts]))
    face_offset = offsets(np.concatenate([np.diff(p.face_offset) for p in parts]))
    vertices = np.concatenate([p.vertices for p in parts])
    faces = np.concatenate([p.faces for p in parts])
    return Meshes(entity, vertex_offset, vertices, face_offset, faces)
