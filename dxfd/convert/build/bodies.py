"""Recipes: what solid a path becomes. Boxes and cylinders along segments, prisms over outlines; metres, WCS.

All bodies are closed, with faces counter-clockwise seen from outside. Whole batches at once; only outlines that are not
convex are triangulated one by one (earcut).
"""

from __future__ import annotations

from typing import Final

import mapbox_earcut
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from dxfd.convert.build.ragged import (
    NO_FACES,
    Bools,
    Floats,
    Ints,
    Meshes,
    Paths,
    dots,
    join_paths,
    norms,
    offsets,
    picked,
    within,
)

BOX_FACES: Final = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
     [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7]], dtype=np.uint32,
)  # fmt: skip
"""Twelve triangles over eight corners: bottom counter-clockwise from above (0-3), then top (4-7). Outward."""

_SIDES: Final = 8
_SHARPEST: Final = -0.5
"""Cosine of the sharpest bend that is mitred: 120°; beyond, two ends meet."""
_MOST_TWIST: Final = 0.5
_SHORTEST_M: Final = 1e-4
"""Segments and edges below a tenth of a millimetre make no body: their triangles would be degenerate."""
_STRAIGHT: Final = 1e-6
"""Tangent of the turn: a point where an outline turns less is on a side."""
LEAST_M2: Final = 2e-6
"""Twice the area of the triangle at a corner: a smaller one is left out, as a triangle below 1 mm² is no surface."""
_ROUNDS: Final = 16
_MOST_EARS: Final = 1000
"""Points of an outline that touches itself beyond which it is closed by a fan: ears take time by their square."""


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
    length = norms(side)
    steep = length < 1e-9
    side = np.where(steep[:, None], (1.0, 0.0, 0.0), side / np.where(steep, 1.0, length)[:, None])
    up = np.empty_like(side)
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        up[:, k] = direction[:, a] * side[:, b] - direction[:, b] * side[:, a]
    return side, up


class _Run(Struct, frozen=True):
    """Segments of paths, long enough to have a direction, and where each continues the one before.

    Attributes:
        first, second: (s, 3) ends.
        row: (s,) path of each.
        direction, side, up: (s, 3) unit vectors.
        joined: (s,) the segment begins where the one before ends, at a bend that a mitre can close.
    """

    first: Floats
    second: Floats
    row: Ints
    direction: Floats
    side: Floats
    up: Floats
    joined: Bools


def _run(paths: Paths) -> _Run:
    """Return the segments of paths."""
    first, second, row = paths.segments()
    delta = second - first
    length = norms(delta)
    keep = np.flatnonzero(length > _SHORTEST_M)
    first, second, row, length = first[keep], second[keep], row[keep], length[keep]
    direction = delta[keep] / length[:, None]
    side, up = _frames(direction)
    joined = np.zeros(len(row), dtype=np.bool_)
    if len(row) > 1:
        bend = dots(direction[1:], direction[:-1])
        joined[1:] = (
            (row[1:] == row[:-1])
            & (np.abs(first[1:] - second[:-1]).max(axis=1) < _SHORTEST_M)
            & (bend > _SHARPEST)
            & (dots(up[1:], up[:-1]) > _MOST_TWIST)
        )
    return _Run(first, second, row, direction, side, up, joined)


def _mitres(run: _Run, offset: Floats, heading: Floats) -> tuple[Bools, Floats]:
    """Return which segments are mitred to the one before, and the rings there (m, corners, 3).

    A mitre lies in the plane between two headings: directions, or for upright profiles their course in plan. It
    may take half of either segment: two that met between would turn the body inside out.
    """
    bends = np.flatnonzero(run.joined)
    if not len(bends):
        return run.joined, np.empty((0, offset.shape[1], 3))
    before = bends - 1
    plane = heading[before] + heading[bends]
    base = offset[before]
    shift = -dots(base, plane[:, None]) / dots(run.direction[before], plane)[:, None]
    mitre = base + shift[:, :, None] * run.direction[before][:, None]
    taken = dots(mitre - offset[bends], run.direction[bends][:, None])
    half = norms(run.second - run.first) / 2
    fits = (np.abs(shift).max(axis=1) < half[before]) & (np.abs(taken).max(axis=1) < half[bends])
    joined = run.joined.copy()
    joined[bends[~fits]] = False
    return joined, (run.first[bends][:, None] + mitre)[fits]


def _sweep(
    paths: Paths, run: _Run, profile: Floats, around: Floats, along: Floats, heading: Floats | None = None
) -> Meshes:
    """Return profiles swept along segments; bends are mitred, breaks are capped.

    Args:
        paths: what the segments belong to.
        run: its segments.
        profile: (k, 2) corners as factors of the two vectors, counter-clockwise seen against the direction.
        around: (s, 3) the first vector of each segment, metres.
        along: (s, 3) the second one.
        heading: (s, 3) unit vectors whose bisector is the plane of a mitre; the directions if None.
    """
    corners, n = len(profile), len(paths.entity)
    segments = len(run.row)
    offset = around[:, None] * profile[None, :, :1] + along[:, None] * profile[None, :, 1:]
    joined, mitres = _mitres(run, offset, run.direction if heading is None else heading)
    piece = np.cumsum(~joined) - 1
    pieces = int(piece[-1]) + 1 if segments else 0
    ring = np.arange(segments) + piece  # ring at each segment's first end; the next one is at its second
    rings = np.empty((segments + pieces, corners, 3))
    rings[ring + 1] = run.second[:, None] + offset
    begins = ~joined
    rings[ring[begins]] = run.first[begins][:, None] + offset[begins]
    rings[ring[joined]] = mitres
    of_segment = np.bincount(run.row, minlength=n)
    row_of_piece = run.row[begins]
    of_piece = np.bincount(row_of_piece, minlength=n)
    vertex_counts = (of_segment + of_piece) * corners
    vertex_offset = offsets(vertex_counts)
    k = np.arange(corners)
    following = (k + 1) % corners
    walls = np.concatenate(
        [np.stack([k, following, following + corners], axis=1), np.stack([k, following + corners, k + corners], axis=1)]
    )
    walls = walls.astype(np.uint32)
    fan = np.arange(1, corners - 1, dtype=np.uint32)
    front = np.stack([np.zeros_like(fan), fan + 1, fan], axis=1)
    per_wall, per_cap = 2 * corners, 2 * (corners - 2)
    face_offset = offsets(of_segment * per_wall + of_piece * per_cap)
    faces = np.empty((int(face_offset[-1]), 3), dtype=np.uint32)
    first_ring = vertex_offset[:-1] // corners
    local = ((ring - first_ring[run.row]) * corners).astype(np.uint32)
    at = face_offset[:-1][run.row] + within(of_segment) * per_wall
    faces[(at[:, None] + np.arange(per_wall)).ravel()] = (walls[None] + local[:, None, None]).reshape(-1, 3)
    begin = local[begins]
    last = np.append(np.flatnonzero(begins)[1:] - 1, segments - 1) if segments else np.empty(0, dtype=np.int64)
    end = local[last] + np.uint32(corners)
    caps = np.concatenate([front[None] + begin[:, None, None], front[None, :, ::-1] + end[:, None, None]], axis=1)
    at = face_offset[:-1][row_of_piece] + of_segment[row_of_piece] * per_wall + within(of_piece) * per_cap
    faces[(at[:, None] + np.arange(per_cap)).ravel()] = caps.reshape(-1, 3)
    return Meshes(paths.entity, vertex_offset, rings.reshape(-1, 3), face_offset, faces)


_SQUARE: Final = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
_STANDING: Final = np.array([[-1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])
_ANGLES: Final = np.arange(_SIDES) * (2 * np.pi / _SIDES)
CIRCLE: Final = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def boxes_along(paths: Paths, width: Floats, height: Floats, *, standing: bool) -> Meshes:
    """Return rectangular profiles along paths: walls stand on their line (`standing`), ducts and beams have it as axis.

    Args:
        paths: centre lines.
        width: (n,) metres.
        height: (n,) metres.
        standing: the profile reaches from the line upwards along Z instead of half a height to both sides.
    """
    run = _run(paths)
    half = run.side * (width[run.row] / 2)[:, None]
    if standing:
        steep = np.abs(run.direction[:, 2]) > 0.999
        run.joined[1:] &= steep[1:] == steep[:-1]
        plan = run.direction * (1.0, 1.0, 0.0)
        plan /= np.maximum(norms(plan), 1e-9)[:, None]
        rise = np.where(steep[:, None], run.up, (0.0, 0.0, 1.0)) * height[run.row][:, None]
        return _sweep(paths, run, _STANDING, half, rise, np.where(steep[:, None], run.direction, plan))
    return _sweep(paths, run, _SQUARE, half, run.up * (height[run.row] / 2)[:, None])


def tubes_along(paths: Paths, diameter: Floats) -> Meshes:
    """Return eight-sided cylinders along paths: pipes; bends are mitred."""
    run = _run(paths)
    radius = (diameter[run.row] / 2)[:, None]
    return _sweep(paths, run, CIRCLE, run.side * radius, run.up * radius)


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
    filled = counts > 0
    at = paths.points - _origins(paths)[row]  # large coordinates would drown the area in rounding
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


def _turns(rings: Paths) -> tuple[Floats, Floats, Floats]:
    """Return at each point of the rings (N,) cross and scalar product of the sides that meet, and (N, 2) the second."""
    counts = rings.counts
    order = np.arange(len(rings.points))
    after, before = order + 1, order - 1
    filled = counts > 0
    after[rings.offset[1:][filled] - 1] = rings.offset[:-1][filled]
    before[rings.offset[:-1][filled]] = rings.offset[1:][filled] - 1
    into = (rings.points - rings.points[before])[:, :2]
    out = (rings.points[after] - rings.points)[:, :2]
    cross = into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0]
    return cross, into[:, 0] * out[:, 0] + into[:, 1] * out[:, 1], out


def straightened(rings: Paths) -> Paths:
    """Drop points on a straight side, where a ring runs back along itself, and at corners too small for a triangle.

    Earcut leaves such out. Of small corners every second one goes at a time: what is round and finely drawn stays so.
    """
    left = Paths(np.arange(len(rings.entity)), rings.offset, rings.points, rings.closed)
    finished = []
    for turn in range(_ROUNDS):  # what was behind a spike may be straight only once the spike is gone
        cross, dot, _out = _turns(left)
        counts = left.counts
        row = np.repeat(np.arange(len(counts)), counts)
        straight, small = np.abs(cross) <= _STRAIGHT * np.abs(dot), np.abs(cross) <= LEAST_M2
        done = np.bincount(row[straight | small], minlength=len(counts)) == 0
        finished.append(left.take(np.flatnonzero(done)))
        if bool(done.all()):
            left = left.take(np.empty(0, dtype=np.int64))
            break
        kept = ~straight & ~(small & (within(counts) % 2 == turn % 2))
        rest = np.bincount(row[kept], minlength=len(counts))
        left = Paths(left.entity, offsets(rest), left.points[kept], left.closed).take(np.flatnonzero(~done))
        left = _clean_rings(left)
    whole = join_paths([*finished, left])
    whole = whole.take(np.argsort(whole.entity, kind="stable"))
    return Paths(rings.entity, whole.offset, whole.points, whole.closed)


def _is_convex(rings: Paths) -> Bools:
    """Return (n,) whether a counter-clockwise ring turns left at each corner and goes round once.

    Without angles, so that it is exact: a ring that only turns left goes round as often as its sides come from the
    lower half of the compass into the upper one.
    """
    counts = rings.counts
    cross, dot, out = _turns(rings)
    row = np.repeat(np.arange(len(counts)), counts)
    is_corner = (cross > _STRAIGHT * np.abs(dot)) & (cross > LEAST_M2)
    left = np.bincount(row[is_corner], minlength=len(counts)) == counts
    lower = (out[:, 1] < 0) | ((out[:, 1] == 0) & (out[:, 0] < 0))
    follower = np.arange(len(out)) + 1
    filled = counts > 0
    follower[rings.offset[1:][filled] - 1] = rings.offset[:-1][filled]
    rounds = np.bincount(row[lower & ~lower[follower]], minlength=len(counts))
    convex: Bools = (counts >= 3) & left & (rounds == 1)
    return convex


def prisms(paths: Paths, height: Floats) -> Meshes:
    """Return a prism over each outline, `height` (n,) metres upwards (downwards if negative). See can_stand."""
    rings = _clean_rings(paths)
    convex = _is_convex(rings)
    if not bool(convex.all()):
        rings = straightened(rings)
        convex = _is_convex(rings)
    counts = rings.counts
    concave = np.flatnonzero(~convex)
    cut_counts, cut = _earcuts(rings, concave)
    fan_counts = np.where(convex, np.maximum(counts - 2, 0), 0)
    cap_counts = fan_counts.copy()
    cap_counts[concave] = cut_counts
    cap_offset = offsets(cap_counts)
    cap = np.empty((int(cap_offset[-1]), 3), dtype=np.int64)
    fan_at = picked(cap_offset, np.flatnonzero(convex))
    fan = within(fan_counts[convex])
    cap[fan_at] = np.stack([np.zeros_like(fan), fan + 1, fan + 2], axis=1)
    cap[picked(cap_offset, concave)] = cut

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
    faces = np.empty((int(face_offset[-1]), 3), dtype=np.uint32)
    side_row = np.repeat(row, 2)
    faces[face_offset[:-1][side_row] + within(2 * counts)] = sides
    cap_row = np.repeat(np.arange(len(counts)), cap_counts)
    cap_step = within(cap_counts)
    base = face_offset[:-1][cap_row] + 2 * counts[cap_row] + cap_step
    faces[base] = cap[:, ::-1]
    faces[base + cap_counts[cap_row]] = cap + counts[cap_row][:, None]
    return Meshes(rings.entity, vertex_offset, vertices, face_offset, faces)


def _earcuts(rings: Paths, rows: Ints) -> tuple[Ints, npt.NDArray[np.int64]]:
    """Return triangle counts (m,) and triangles (t, 3), counter-clockwise, of rings that may be concave."""
    starts, ends = rings.offset[rows], rings.offset[rows + 1]
    near = rings.points[:, :2] - np.repeat(_origins(rings)[:, :2], rings.counts, axis=0)
    full = np.flatnonzero(ends - starts >= 3)
    counts = np.zeros(len(rows), dtype=np.int64)
    counts[full], cut = cuts(near, starts[full], ends[full])
    return counts, cut.astype(np.int64).reshape(-1, 3)


def cuts(near: Floats, starts: Ints, ends: Ints) -> tuple[Ints, npt.NDArray[np.uint32]]:
    """Return triangle counts (m,) and corners (3 t,) that close rings; near: (N, 2) about the rings' first points.

    One call of earcut a ring, 7 µs; all else is done for all at once. It works near 0, and turns counter-clockwise.
    Where it left out points, because the ring touches or crosses itself, or made slivers, the ring is cut anew.
    """
    sides = ends - starts
    if not len(sides):
        return sides, np.empty(0, dtype=np.uint32)
    end = np.zeros(1, dtype=np.uint32)
    parts = []
    for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
        end[0] = last - first
        parts.append(mapbox_earcut.triangulate_float64(near[first:last], end))
    whole = np.concatenate(parts)
    got = np.array([len(part) for part in parts], dtype=np.int64) // 3
    ring = np.repeat(np.arange(len(sides)), got)
    (ax, ay), (bx, by), (cx, cy) = near.take(whole.reshape(-1, 3) + starts[ring][:, None], axis=0).transpose(1, 2, 0)
    areas = np.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))
    left_out = got != sides - 2
    bad = left_out.copy()
    bad[ring[areas <= LEAST_M2]] = True
    again = np.flatnonzero(bad)
    if not len(again):
        return got, whole
    covered: Floats = np.bincount(ring, areas, minlength=len(sides)).astype(np.float64)
    crosses = left_out & _is_crossing(near, starts, sides, covered)
    for k in again.tolist():
        n = int(sides[k])
        if crosses[k]:
            parts[k] = _fan(n)
        elif n <= _MOST_EARS:
            parts[k] = np.array(_ears(near[starts[k] : ends[k]].tolist()), dtype=np.uint32)
        elif left_out[k]:
            parts[k] = _fan(n)
    return sides - 2, np.concatenate(parts)


def _is_crossing(near: Floats, starts: Ints, sides: Ints, covered: Floats) -> Bools:
    """Return which rings cross themselves: triangles over them cover another area than the ring winds about."""
    at = np.repeat(starts, sides) + within(sides)
    x, y = near[at].T
    follower = np.arange(1, len(at) + 1)
    follower[np.cumsum(sides) - 1] = np.cumsum(sides) - sides
    area = np.bincount(np.repeat(np.arange(len(sides)), sides), x * y[follower] - x[follower] * y, minlength=len(sides))
    crossing: Bools = np.abs(covered - area) > 1e-6 * np.abs(area)
    return crossing


def closing(ring: Floats) -> npt.NDArray[np.uint32]:
    """Return the corners of triangles that close one ring (n, 2) about its first point."""
    return cuts(ring, np.zeros(1, dtype=np.int64), np.array([len(ring)]))[1]


def _fan(n: int) -> npt.NDArray[np.uint32]:
    """Return the corners of a fan over n points: of a ring that crosses itself it covers what that winds about."""
    if n not in _FANS:
        step = np.arange(1, n - 1, dtype=np.uint32)
        _FANS[n] = np.stack([np.zeros_like(step), step, step + 1], axis=1).ravel()
    return _FANS[n]


_FANS: Final[dict[int, npt.NDArray[np.uint32]]] = {}


def _doubled(a: list[float], b: list[float], c: list[float]) -> float:
    """Return twice the area of a triangle, negative if it is clockwise."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])


def _ears(points: list[list[float]]) -> list[int]:
    """Return the corners of n - 2 triangles of a ring: of what is no sliver and holds no other point, the first ear."""
    left = list(range(len(points)))
    out: list[int] = []
    while len(left) > 3:
        best, most = 0, (-1, 0.0)
        for k, middle in enumerate(left):
            ear = left[k - 1], middle, left[(k + 1) % len(left)]
            a, b, c = (points[i] for i in ear)
            area = _doubled(a, b, c)
            free = area > 0 and not any(_holds(a, b, c, points[i]) for i in left if i not in ear)
            rank = (2 if free and area > LEAST_M2 else 1 if free else 0), area
            if rank > most or not k:
                best, most = k, rank
            if most[0] == 2:
                break
        out += [left[best - 1], left[best], left[(best + 1) % len(left)]]
        del left[best]
    return out + left


def _holds(a: list[float], b: list[float], c: list[float], point: list[float]) -> bool:
    """Return whether a point lies in a triangle, edges excluded."""
    return _doubled(a, b, point) > 0 and _doubled(b, c, point) > 0 and _doubled(c, a, point) > 0


def _origins(paths: Paths) -> Floats:
    """Return (n, 3) each path's first point; 0 where it has none."""
    origin = np.zeros((len(paths.entity), 3))
    filled = paths.counts > 0
    origin[filled] = paths.points[paths.offset[:-1][filled]]
    return origin


def box_vertices(size: Floats) -> Floats:
    """Return (n, 8, 3) corners of boxes of the given sizes (n, 3), centred on the origin; see BOX_FACES."""
    corner = np.array(
        [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]
    )
    return corner[None] * (size / 2)[:, None]
