"""Recipes: what solid a path becomes. Boxes and cylinders along segments, prisms over outlines; metres, WCS.

All bodies are closed, with faces counter-clockwise seen from outside. Whole batches at once; only outlines that are not
convex are triangulated one by one (earcut).
"""

from __future__ import annotations

from typing import Final

import mapbox_earcut
import numpy as np
import numpy.typing as npt

from dxfd.convert.build.ragged import (
    NO_FACES,
    Bools,
    Floats,
    Ints,
    Meshes,
    Paths,
    offsets,
    picked,
    within,
)

BOX_FACES: Final = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
     [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7]], dtype=np.int64,
)  # fmt: skip
"""Twelve triangles over eight corners: bottom counter-clockwise from above (0-3), then top (4-7). Outward."""

_SIDES: Final = 8
_SHORTEST_M: Final = 1e-4
"""Segments and edges below a tenth of a millimetre make no body: their triangles would be degenerate."""


def curves(paths: Paths) -> Meshes:
    """Keep the vertices; a closed path's first point is repeated at its end. No faces."""
    counts = paths.counts
    extra = paths.closed & (counts > 2)
    out = offsets(counts + extra)
    place = np.empty((int(out[-1]), 3))
    at = np.repeat(out[:-1], counts) + within(counts)
    place[at] = paths.points
    place[out[1:][extra] - 1] = paths.points[paths.offset[:-1][extra]]
    return Meshes(paths.entity, out, place, np.zeros(len(counts) + 1, dtype=np.int64), NO_FACES)


def _frames(direction: Floats) -> tuple[Floats, Floats]:
    """Return side and up (unit, n × 3 each) of unit directions: side is horizontal, up completes the frame."""
    side = np.stack([-direction[:, 1], direction[:, 0], np.zeros(len(direction))], axis=1)
    length = np.linalg.norm(side, axis=1)
    steep = length < 1e-9
    side = np.where(steep[:, None], (1.0, 0.0, 0.0), side / np.where(steep, 1.0, length)[:, None])
    return side, np.cross(direction, side)


def _assemble(paths: Paths, row: Ints, vertices: Floats, faces: npt.NDArray[np.int64]) -> Meshes:
    """Return meshes of equal parts, one a segment: vertices (s, v, 3), faces (f, 3) of one part."""
    per_v, per_f = vertices.shape[1], len(faces)
    parts = np.bincount(row, minlength=len(paths.entity))
    local = within(parts)
    shifted = faces[None, :, :] + (local * per_v)[:, None, None]
    return Meshes(
        paths.entity, offsets(parts * per_v), vertices.reshape(-1, 3), offsets(parts * per_f), shifted.reshape(-1, 3)
    )


def _long_segments(paths: Paths) -> tuple[Floats, Floats, Ints, Floats]:
    first, second, row = paths.segments()
    delta = second - first
    length = np.linalg.norm(delta, axis=1)
    keep = length > _SHORTEST_M
    return first[keep], second[keep], row[keep], delta[keep] / length[keep][:, None]


def boxes_along(paths: Paths, width: Floats, height: Floats, *, standing: bool) -> Meshes:
    """Return a box per segment: walls stand on their line (`standing`), ducts and beams have it as their axis.

    Args:
        paths: centre lines.
        width, height: (n,) metres.
        standing: the box reaches from the line upwards along Z instead of half a height to both sides.
    """
    first, second, row, direction = _long_segments(paths)
    side, up = _frames(direction)
    half = side * (width[row] / 2)[:, None]
    if standing:
        steep = np.abs(direction[:, 2]) > 0.999
        up = np.where(steep[:, None], up, (0.0, 0.0, 1.0))
        low, high = np.zeros_like(up), up * height[row][:, None]
        low = np.where(steep[:, None], -high / 2, low)
        high = np.where(steep[:, None], high / 2, high)
    else:
        high = up * (height[row] / 2)[:, None]
        low = -high
    # seen along up: first - half, second - half, second + half, first + half runs counter-clockwise
    ring = np.stack([first - half, second - half, second + half, first + half], axis=1)
    vertices = np.concatenate([ring + low[:, None], ring + high[:, None]], axis=1)
    return _assemble(paths, row, vertices, BOX_FACES)


def _tube_faces() -> npt.NDArray[np.int64]:
    k = np.arange(_SIDES)
    following = (k + 1) % _SIDES
    walls = np.concatenate(
        [np.stack([k, following, following + _SIDES], axis=1), np.stack([k, following + _SIDES, k + _SIDES], axis=1)]
    )
    fan = np.arange(1, _SIDES - 1)
    zero = np.zeros_like(fan)
    front = np.stack([zero, fan + 1, fan], axis=1)
    back = np.stack([zero + _SIDES, fan + _SIDES, fan + 1 + _SIDES], axis=1)
    return np.concatenate([walls, front, back])


_TUBE_FACES: Final = _tube_faces()


def tubes_along(paths: Paths, diameter: Floats) -> Meshes:
    """Return an eight-sided cylinder per segment: pipes. Ends are flat; elbows are not made."""
    first, second, row, direction = _long_segments(paths)
    side, up = _frames(direction)
    angle = np.arange(_SIDES) * (2 * np.pi / _SIDES)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    ring *= (diameter[row] / 2)[:, None, None]
    vertices = np.concatenate([first[:, None] + ring, second[:, None] + ring], axis=1)
    return _assemble(paths, row, vertices, _TUBE_FACES)


def can_stand(paths: Paths) -> Bools:
    """Return (n,) whether a path is a closed, horizontal outline with an area: what a prism can be raised over."""
    counts = paths.counts
    ok: Bools = paths.closed & (counts >= 3)
    if not len(paths.points):
        return ok
    filled = np.flatnonzero(counts > 0)
    z = paths.points[:, 2]
    starts = paths.offset[:-1][filled]
    flat = np.zeros(len(counts), dtype=np.bool_)
    flat[filled] = np.maximum.reduceat(z, starts) - np.minimum.reduceat(z, starts) < 1e-6
    return ok & flat & (np.abs(_areas(paths)) > _SHORTEST_M**2)


def _areas(paths: Paths) -> Floats:
    counts = paths.counts
    row = np.repeat(np.arange(len(counts)), counts)
    origin = np.zeros((len(counts), 3))
    filled = counts > 0
    origin[filled] = paths.points[paths.offset[:-1][filled]]
    at = paths.points - origin[row]  # large coordinates would drown the area in rounding
    follower = np.arange(len(at)) + 1
    follower[paths.offset[1:][filled] - 1] = paths.offset[:-1][filled]
    cross = at[:, 0] * at[follower, 1] - at[follower, 0] * at[:, 1]
    return np.bincount(row, cross, minlength=len(counts)) / 2


def _clean_rings(paths: Paths) -> Paths:
    """Drop repeated points and turn every ring counter-clockwise."""
    counts = paths.counts
    row = np.repeat(np.arange(len(counts)), counts)
    before = np.arange(len(paths.points)) - 1
    filled = counts > 0
    before[paths.offset[:-1][filled]] = paths.offset[1:][filled] - 1
    apart = np.abs(paths.points - paths.points[before]).max(axis=1, initial=0.0) > _SHORTEST_M
    counts = np.bincount(row[apart], minlength=len(counts))
    apart &= (counts >= 3)[row]  # what is left of a sliver is no outline: it gets no body
    counts = np.where(counts >= 3, counts, 0)
    clean = Paths(paths.entity, offsets(counts), paths.points[apart], paths.closed)
    clockwise = _areas(clean) < 0
    if bool(clockwise.any()):
        row = np.repeat(np.arange(len(counts)), counts)
        step = within(counts)
        at = clean.offset[:-1][row] + np.where(clockwise[row], counts[row] - 1 - step, step)
        clean = Paths(clean.entity, clean.offset, clean.points[at], clean.closed)
    return clean


def _is_convex(rings: Paths) -> Bools:
    """Return (n,) whether a counter-clockwise ring turns left at each corner and goes round once."""
    counts = rings.counts
    row = np.repeat(np.arange(len(counts)), counts)
    order = np.arange(len(rings.points))
    after, before = order + 1, order - 1
    filled = counts > 0
    after[rings.offset[1:][filled] - 1] = rings.offset[:-1][filled]
    before[rings.offset[:-1][filled]] = rings.offset[1:][filled] - 1
    into = (rings.points - rings.points[before])[:, :2]
    out = (rings.points[after] - rings.points)[:, :2]
    cross = into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0]
    dot = (into * out).sum(axis=1)
    turn = np.arctan2(cross, dot)
    least = np.full(len(counts), -1.0)
    starts = rings.offset[:-1][filled]
    if len(starts):
        least[filled] = np.minimum.reduceat(turn, starts)
    total = np.bincount(row, turn, minlength=len(counts))
    convex: Bools = (least > 1e-6) & (np.abs(total - 2 * np.pi) < 1e-3)
    return convex


def prisms(paths: Paths, height: Floats) -> Meshes:
    """Return a prism over each outline, `height` (n,) metres upwards (downwards if negative). See can_stand."""
    rings = _clean_rings(paths)
    counts = rings.counts
    convex = _is_convex(rings)
    caps: list[npt.NDArray[np.int64]] = []
    for at in np.flatnonzero(~convex).tolist():
        ring = rings.points[rings.offset[at] : rings.offset[at + 1], :2]
        caps.append(_earcut(ring))
    fan_counts = np.where(convex, np.maximum(counts - 2, 0), 0)
    cap_counts = fan_counts.copy()
    cap_counts[~convex] = [len(c) for c in caps]
    cap_offset = offsets(cap_counts)
    cap = np.empty((int(cap_offset[-1]), 3), dtype=np.int64)
    fan_at = picked(cap_offset, np.flatnonzero(convex))
    fan = within(fan_counts[convex])
    cap[fan_at] = np.stack([np.zeros_like(fan), fan + 1, fan + 2], axis=1)
    if caps:
        cap[picked(cap_offset, np.flatnonzero(~convex))] = np.concatenate(caps)

    low, high = np.minimum(height, 0.0), np.maximum(height, 0.0)
    row = np.repeat(np.arange(len(counts)), counts)
    step = within(counts)
    vertex_offset = offsets(2 * counts)
    vertices = np.empty((int(vertex_offset[-1]), 3))
    bottom_at = vertex_offset[:-1][row] + step
    vertices[bottom_at] = rings.points
    vertices[bottom_at, 2] += low[row]
    vertices[bottom_at + counts[row]] = rings.points
    vertices[bottom_at + counts[row], 2] += high[row]

    follower = np.where(step + 1 == counts[row], 0, step + 1)
    n = counts[row]
    sides = np.stack([step, follower, follower + n, step, follower + n, step + n], axis=1).reshape(-1, 3)
    face_counts = 2 * counts + 2 * cap_counts
    face_offset = offsets(face_counts)
    faces = np.empty((int(face_offset[-1]), 3), dtype=np.int64)
    side_row = np.repeat(row, 2)
    faces[face_offset[:-1][side_row] + within(2 * counts)] = sides
    cap_row = np.repeat(np.arange(len(counts)), cap_counts)
    cap_step = within(cap_counts)
    base = face_offset[:-1][cap_row] + 2 * counts[cap_row] + cap_step
    faces[base] = cap[:, ::-1]
    faces[base + cap_counts[cap_row]] = cap + counts[cap_row][:, None]
    return Meshes(rings.entity, vertex_offset, vertices, face_offset, faces)


def _earcut(ring: Floats) -> npt.NDArray[np.int64]:
    """Return triangles (t, 3), counter-clockwise, of a ring that may be concave; shifted, since earcut works near 0."""
    if len(ring) < 3:
        return NO_FACES
    near = np.ascontiguousarray(ring - ring.mean(axis=0))
    flat = mapbox_earcut.triangulate_float64(near, np.array([len(near)], dtype=np.uint32))
    triangles = np.asarray(flat, dtype=np.int64).reshape(-1, 3)
    a, b, c = (near[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return np.where((area < 0)[:, None], triangles[:, ::-1], triangles)


def box_vertices(size: Floats) -> Floats:
    """Return (n, 8, 3) corners of boxes of the given sizes (n, 3), centred on the origin; see BOX_FACES."""
    corner = np.array(
        [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]
    )
    return corner[None] * (size / 2)[:, None]
