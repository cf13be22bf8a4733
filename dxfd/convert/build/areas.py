"""Areas with holes (HATCH, MPOLYGON, closed MLINE): which ring is a hole of which, flat faces and prisms of them. Pure.

Rings lie in the plane of their entity (OCS) and are cut into triangles there, whatever way that plane is turned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import mapbox_earcut
import numpy as np
import numpy.typing as npt

from dxfd.convert.build.bodies import closing
from dxfd.convert.build.frame import axes, is_world, to_world
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths, offsets, picked

_SHORTEST_M: Final = 1e-4
MOST_RINGS: Final = 5_000
"""Rings of one entity that are sorted by which lies in which: that takes time by their square."""


@dataclass(frozen=True, slots=True)
class Areas:
    """Rings of entities, in metres, OCS.

    Attributes:
        entity: (n,) entity index in the chunk, growing.
        normal: (n, 3) extrusion.
        islands: (n,) 0 = every second ring inside another one is a hole, 1 = only the first, 2 = none.
        ring_offset: (n + 1,) where each one's rings begin.
        point_offset: (r + 1,) where each ring's points begin.
        points: (N, 3); the last point of a ring is not the first one again.
    """

    entity: Ints
    normal: Floats
    islands: Ints
    ring_offset: Ints
    point_offset: Ints
    points: Floats

    def bounds(self) -> Ints:
        """Return (n + 1,) where each entity's points begin."""
        out: Ints = self.point_offset[self.ring_offset]
        return out

    def world(self) -> Floats:
        """Return (N, 3) the points in WCS."""
        if is_world(self.normal):
            return self.points
        row = np.repeat(np.arange(len(self.entity)), np.diff(self.bounds()))
        return to_world(self.points, axes(self.normal)[row])

    def outlines(self) -> Paths:
        """Return all points of each entity as one path, in WCS: good for extents."""
        return Paths(self.entity, self.bounds(), self.world(), np.zeros(len(self.entity), dtype=np.bool_))

    def take(self, rows: Ints) -> Areas:
        """Return the given entities."""
        rings = picked(self.ring_offset, rows)
        counts = np.diff(self.point_offset)
        return Areas(
            self.entity[rows], self.normal[rows], self.islands[rows],
            offsets(np.diff(self.ring_offset)[rows]), offsets(counts[rings]),
            self.points[picked(self.point_offset, rings)],
        )  # fmt: skip


def cleaned(areas: Areas) -> Areas:
    """Drop repeated points, and rings that have fewer than three then."""
    counts = np.diff(areas.point_offset)
    ring = np.repeat(np.arange(len(counts)), counts)
    before = np.arange(len(areas.points)) - 1
    filled = counts > 0
    before[areas.point_offset[:-1][filled]] = areas.point_offset[1:][filled] - 1
    apart = np.abs(areas.points - areas.points[before]).max(axis=1, initial=0.0) > _SHORTEST_M
    left = np.bincount(ring[apart], minlength=len(counts))
    whole = left >= 3
    apart &= whole[ring]
    owner = np.repeat(np.arange(len(areas.entity)), np.diff(areas.ring_offset))
    return Areas(
        areas.entity, areas.normal, areas.islands,
        offsets(np.bincount(owner[whole], minlength=len(areas.entity))), offsets(left[whole]), areas.points[apart],
    )  # fmt: skip


def flat(areas: Areas) -> Meshes:
    """Return the areas as faces in their planes; both sides are to be seen, so they look along the extrusion."""
    cut = _cut(areas)
    counts = np.array([len(faces) for _, faces in cut], dtype=np.int64)
    faces = np.concatenate([f for _, f in cut]) if cut else np.empty((0, 3), dtype=np.int64)
    return Meshes(areas.entity, areas.bounds(), areas.world(), offsets(counts), faces)


def prisms(areas: Areas, height: Floats) -> Meshes:
    """Return closed bodies over areas that lie horizontally: `height` (n,) metres upwards, downwards if negative."""
    parts_v: list[Floats] = []
    parts_f: list[npt.NDArray[np.int64]] = []
    bounds = areas.bounds().tolist()
    world = areas.world()
    turned = areas.normal[:, 2] < 0  # seen from below: what is counter-clockwise there is not from above
    for row, (signs, given) in enumerate(_cut(areas)):
        points = world[bounds[row] : bounds[row + 1]]
        faces = _closed(areas.points[bounds[row] : bounds[row + 1], :2], signs, given)
        low, high = min(float(height[row]), 0.0), max(float(height[row]), 0.0)
        up = faces[:, ::-1] if turned[row] else faces
        n = len(points)
        sides = [up[:, ::-1], up + n]
        for first, last, outward in signs:
            a = np.arange(first, last)
            b = np.append(a[1:], first)
            if outward == bool(turned[row]):
                a, b = b, a
            sides += [np.stack([a, b, b + n], axis=1), np.stack([a, b + n, a + n], axis=1)]
        parts_v.append(np.concatenate([points + np.array([0.0, 0.0, z]) for z in (low, high)]))
        parts_f.append(np.concatenate(sides))
    return Meshes(
        areas.entity,
        offsets(np.array([len(v) for v in parts_v], dtype=np.int64)),
        np.concatenate(parts_v) if parts_v else np.empty((0, 3)),
        offsets(np.array([len(f) for f in parts_f], dtype=np.int64)),
        np.concatenate(parts_f) if parts_f else np.empty((0, 3), dtype=np.int64),
    )


def _closed(plane: Floats, rings: _Rings, faces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the faces of an entity, cut anew where earcut left out points of its one ring."""
    if len(rings) != 1 or len(faces) == rings[0][1] - rings[0][0] - 2:
        return faces
    first, last, forward = rings[0]
    order = np.arange(first, last) if forward else np.arange(last - 1, first - 1, -1)
    cut = closing(plane[order] - plane[order[0]])
    return order[cut.astype(np.int64)].reshape(-1, 3)


_Rings = list[tuple[int, int, bool]]
"""(first, last, forward) of each ring that bounds a face; forward: the material lies to its left in the plane."""


def _cut(areas: Areas) -> list[tuple[_Rings, npt.NDArray[np.int64]]]:
    """Return for each entity its rings and its triangles, counter-clockwise seen against the extrusion."""
    plane = areas.points[:, :2]
    area = _doubled_areas(areas)
    out: list[tuple[_Rings, npt.NDArray[np.int64]]] = []
    first_ring = areas.ring_offset.tolist()
    point = areas.point_offset.tolist()
    for row in range(len(areas.entity)):
        rings = range(first_ring[row], first_ring[row + 1])
        base = point[first_ring[row]]
        parts: list[npt.NDArray[np.int64]] = []
        bounding: _Rings = []
        for outer, holes in _nested(areas, rings, int(areas.islands[row])):
            group = [outer, *holes]
            order = [np.arange(point[r] - base, point[r + 1] - base) for r in group]
            at = np.concatenate(order) if holes else order[0]
            near = plane[at + base] - plane[point[outer]]  # earcut works near 0
            ends = np.cumsum([len(o) for o in order], dtype=np.uint32)
            faces = at[mapbox_earcut.triangulate_float64(near, ends).astype(np.int64)].reshape(-1, 3)
            parts.append(faces)
            bounding += [(point[r] - base, point[r + 1] - base, (area[r] > 0) == (r == outer)) for r in group]
        out.append((bounding, np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.int64)))
    return _turned(out, areas)


def _turned(
    cut: list[tuple[_Rings, npt.NDArray[np.int64]]], areas: Areas
) -> list[tuple[_Rings, npt.NDArray[np.int64]]]:
    """Turn triangles that earcut gave clockwise."""
    counts = [len(faces) for _, faces in cut]
    if not sum(counts):
        return cut
    base = np.repeat(areas.bounds()[:-1], counts)[:, None]
    flat_faces = np.concatenate([faces for _, faces in cut])
    a, b, c = (areas.points[(flat_faces + base)[:, k], :2] for k in range(3))
    clockwise = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) < (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    flat_faces = np.where(clockwise[:, None], flat_faces[:, ::-1], flat_faces)
    parts = np.split(flat_faces, np.cumsum(counts)[:-1])
    return [(rings, part) for (rings, _), part in zip(cut, parts, strict=True)]


def _nested(areas: Areas, rings: range, islands: int) -> list[tuple[int, list[int]]]:
    """Return outer rings with their holes."""
    if len(rings) == 1:
        return [(rings[0], [])]
    if len(rings) > MOST_RINGS:
        return [(ring, []) for ring in rings]
    within_of = _containers(areas, rings)
    depth = {ring: len(containers) for ring, containers in within_of.items()}
    if islands == 2:
        return [(ring, []) for ring in rings if depth[ring] == 0]
    holes: dict[int, list[int]] = {
        ring: [] for ring in rings if depth[ring] % 2 == 0 and (islands == 0 or depth[ring] == 0)
    }
    for ring in rings:
        if depth[ring] % 2:
            parent = max(within_of[ring], key=lambda r: depth[r])
            if parent in holes:
                holes[parent].append(ring)
    return list(holes.items())


def _containers(areas: Areas, rings: range) -> dict[int, list[int]]:
    """Return for each ring those that contain it: most of its points, as rings may touch."""
    point = areas.point_offset
    parts = [areas.points[point[r] : point[r + 1], :2] for r in rings]
    low = np.array([p.min(axis=0) for p in parts])
    high = np.array([p.max(axis=0) for p in parts])
    out: dict[int, list[int]] = {}
    for k, ring in enumerate(rings):
        around = (low <= low[k]).all(axis=1) & (high >= high[k]).all(axis=1)
        around[k] = False
        found = []
        for j in np.flatnonzero(around).tolist():
            same_box = bool((low[j] == low[k]).all() and (high[j] == high[k]).all())
            if (not same_box or j < k) and _inside(parts[k], parts[j]):
                found.append(rings[j])
        out[ring] = found
    return out


def _inside(points: Floats, ring: Floats) -> bool:
    """Return whether most of the points (up to 16 of them, and of the middles between) lie in the ring."""
    step = max(1, len(points) // 8)
    some = np.concatenate([points[::step], ((points + np.roll(points, -1, axis=0)) / 2)[::step]])
    a, b = ring, np.roll(ring, -1, axis=0)
    x, y = some[:, :1], some[:, 1:]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(a[:, 1] == b[:, 1], 1.0, b[:, 1] - a[:, 1])
    left = x < (b[:, 0] - a[:, 0]) * (y - a[:, 1]) / rise + a[:, 0]
    inside = (crosses & left).sum(axis=1) % 2 == 1
    return bool(inside.sum() * 2 > len(some))


def _doubled_areas(areas: Areas) -> Floats:
    """Return (r,) twice the signed area of each ring in its plane."""
    counts = np.diff(areas.point_offset)
    ring = np.repeat(np.arange(len(counts)), counts)
    filled = counts > 0
    origin = areas.points[areas.point_offset[:-1][filled], :2]
    at = areas.points[:, :2] - np.repeat(origin, counts[filled], axis=0)  # large coordinates would drown the area
    after = np.arange(len(at)) + 1
    after[areas.point_offset[1:][filled] - 1] = areas.point_offset[:-1][filled]
    cross = at[:, 0] * at[after, 1] - at[after, 0] * at[:, 1]
    return np.bincount(ring, cross, minlength=len(counts)).astype(np.float64)
