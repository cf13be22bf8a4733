"""Areas with holes (HATCH, MPOLYGON, closed MLINE): which ring is a hole of which, flat faces and prisms of them. Pure.

Rings lie in the plane of their entity (OCS) and are cut into triangles there, whatever way that plane is turned.
"""

from __future__ import annotations

from typing import Final

import mapbox_earcut
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from dxfd.convert.build.bodies import LEAST_M2, closing, straightened
from dxfd.convert.build.frame import axes, is_world, to_world
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths, offsets, picked

_SHORTEST_M: Final = 1e-4
_MOST_BRIDGED: Final = 1000
"""Points of an area beyond which holes are joined to its first point, not to the nearest one."""
MOST_RINGS: Final = 5_000
"""Rings of one entity that are sorted by which lies in which: that takes time by their square."""


class Areas(Struct, frozen=True):
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


class _Group(Struct, frozen=True):
    """A ring with its holes, and what earcut makes of them.

    Attributes:
        rings: (first, last, forward) of each, the outer one first; forward: the material lies to its left.
        faces: (t, 3) corners, counter-clockwise in the plane.
    """

    rings: list[tuple[int, int, bool]]
    faces: npt.NDArray[np.int64]


def flat(areas: Areas) -> Meshes:
    """Return the areas as faces in their planes; both sides are to be seen, so they look along the extrusion."""
    cut = [[group.faces for group in groups] for groups in _cut(areas)]
    counts = np.array([sum(map(len, faces)) for faces in cut], dtype=np.int64)
    every = [faces for some in cut for faces in some]
    faces = np.concatenate(every) if every else np.empty((0, 3), dtype=np.int64)
    return Meshes(areas.entity, areas.bounds(), areas.world(), offsets(counts), faces)


def prisms(areas: Areas, height: Floats) -> Meshes:
    """Return closed bodies over areas: `height` (n,) metres upwards, downwards if negative.

    What does not lie level is raised along its normal. An area of which nothing is left has no faces.
    """
    areas = _plainer(areas)
    parts_v: list[Floats] = []
    parts_f: list[npt.NDArray[np.int64]] = []
    bounds = areas.bounds().tolist()
    counts: list[int] = []
    along = np.where(areas.normal[:, 2] < 0, -height, height)
    for row, groups in enumerate(_cut(areas)):
        points = areas.points[bounds[row] : bounds[row + 1]]
        low, high = min(float(along[row]), 0.0), max(float(along[row]), 0.0)
        n = len(points)
        before = len(parts_f)
        for group in groups:
            faces, same = _closed(points[:, :2], group)
            parts_f += [faces[:, ::-1], faces + n]
            for first, last, forward in group.rings:
                a, b = (same[ends] for ends in _edges(first, last, forward=forward))
                parts_f += [np.stack([a, b, b + n], axis=1), np.stack([a, b + n, a + n], axis=1)]
        parts_v.append(np.concatenate([points + np.array([0.0, 0.0, z]) for z in (low, high)]))
        counts.append(sum(map(len, parts_f[before:])))
    vertices = np.concatenate(parts_v) if parts_v else np.empty((0, 3))
    of = np.repeat(np.arange(len(along)), [len(v) for v in parts_v])
    return Meshes(
        areas.entity,
        offsets(np.array([len(v) for v in parts_v], dtype=np.int64)),
        vertices if is_world(areas.normal) else to_world(vertices, axes(areas.normal)[of]),
        offsets(np.array(counts, dtype=np.int64)),
        np.concatenate(parts_f) if parts_f else np.empty((0, 3), dtype=np.int64),
    )


def _plainer(areas: Areas) -> Areas:
    """Drop points on straight sides and corners too small for a triangle: earcut leaves some of them out."""
    rings = Paths(
        np.arange(len(areas.point_offset) - 1), areas.point_offset, areas.points,
        np.ones(len(areas.point_offset) - 1, dtype=np.bool_),
    )  # fmt: skip
    plain = straightened(rings)
    owner = np.repeat(np.arange(len(areas.entity)), np.diff(areas.ring_offset))
    left = plain.counts >= 3
    return Areas(
        areas.entity, areas.normal, areas.islands,
        offsets(np.bincount(owner[left], minlength=len(areas.entity))), offsets(plain.counts[left]), plain.points,
    )  # fmt: skip


def _edges(first: int, last: int, *, forward: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return begin and end of a ring's sides, with the material to their left."""
    a = np.arange(first, last)
    b = np.append(a[1:], first)
    return (a, b) if forward else (b, a)


def _closed(plane: Floats, group: _Group) -> tuple[npt.NDArray[np.int64], Ints]:
    """Return faces that end at the rings and nowhere else, without slivers, and (n,) the point that each one is.

    Earcut's, if they are so, else those of one ring that goes over to each hole and back.
    """
    faces = group.faces
    a, b, c = (plane[faces[:, k]] for k in range(3))
    areas = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    if bool((areas > LEAST_M2).all()) and _ends_at(faces, group.rings, len(plane)):
        return faces, np.arange(len(plane))
    order, same = _bridged(plane, group.rings)
    faces = order[closing(plane[order] - plane[order[0]]).astype(np.int64)].reshape(-1, 3)
    once = (faces != faces[:, [1, 2, 0]]).all(axis=1)  # a fan goes over a bridge and back
    return faces[once], same


def _ends_at(faces: npt.NDArray[np.int64], rings: list[tuple[int, int, bool]], n: int) -> bool:
    """Return whether each side of the rings, and no other, is run through once more one way than the other."""
    sides = [_edges(first, last, forward=forward) for first, last, forward in rings]
    first = np.concatenate([faces.ravel(), *(b for _, b in sides)])
    second = np.concatenate([faces[:, [1, 2, 0]].ravel(), *(a for a, _ in sides)])
    _, place = np.unique(np.minimum(first, second) * n + np.maximum(first, second), return_inverse=True)
    return not np.bincount(place, np.where(first < second, 1, -1)).any()


def _bridged(plane: Floats, rings: list[tuple[int, int, bool]]) -> tuple[Ints, Ints]:
    """Return the points of one ring that goes over to each hole and back, and (n,) the point that each one is.

    Counter-clockwise. Where a hole touches the ring, the two have that point in common from then on.
    """
    same = np.arange(len(plane))
    whole, *holes = (
        np.arange(first, last) if forward else np.arange(last - 1, first - 1, -1) for first, last, forward in rings
    )
    if sum(map(len, holes)) + len(whole) > _MOST_BRIDGED:
        return np.concatenate([whole, *(part for hole in holes for part in (hole, hole[:1], whole[:1]))]), same
    while holes:
        near = [_nearest(plane, whole, hole) for hole in holes]
        k = min(range(len(holes)), key=lambda h: near[h][2])
        i, j, away = near[k]
        hole = np.roll(holes.pop(k), -j)
        if away < _SHORTEST_M**2:
            same[hole[0]] = whole[i]
            hole = hole[1:]
            whole = np.concatenate([whole[: i + 1], hole, whole[i:]])
        else:
            whole = np.concatenate([whole[: i + 1], hole, hole[:1], whole[i:]])
    return whole, same


def _nearest(plane: Floats, ring: Ints, hole: Ints) -> tuple[int, int, float]:
    """Return the places of the points of a ring and a hole that are nearest to one another, and how far it is."""
    best = (0, 0, np.inf)
    for j, point in enumerate(plane[hole]):
        away = ((plane[ring] - point) ** 2).sum(axis=1)
        i = int(away.argmin())
        if away[i] < best[2]:
            best = (i, j, float(away[i]))
    return best


def _cut(areas: Areas) -> list[list[_Group]]:
    """Return the groups of each entity."""
    plane = areas.points[:, :2]
    area = _doubled_areas(areas)
    out: list[list[_Group]] = []
    first_ring = areas.ring_offset.tolist()
    point = areas.point_offset.tolist()
    for row in range(len(areas.entity)):
        rings = range(first_ring[row], first_ring[row + 1])
        base = point[first_ring[row]]
        groups = []
        for outer, holes in _nested(areas, rings, int(areas.islands[row])):
            group = [outer, *_fitting(area, outer, holes)]
            order = [np.arange(point[r] - base, point[r + 1] - base) for r in group]
            at = np.concatenate(order) if holes else order[0]
            near = plane[at + base] - plane[point[outer]]  # earcut works near 0
            ends = np.cumsum([len(o) for o in order], dtype=np.uint32)
            faces = at[mapbox_earcut.triangulate_float64(near, ends).astype(np.int64)].reshape(-1, 3)
            bounding = [(point[r] - base, point[r + 1] - base, (area[r] > 0) == (r == outer)) for r in group]
            groups.append(_Group(bounding, faces))
        out.append(groups)
    return _turned(out, areas)


def _fitting(area: Floats, outer: int, holes: list[int]) -> list[int]:
    """Return the holes that leave something of the outer ring: those that overlap can take more than there is."""
    left, kept = abs(float(area[outer])), []
    for hole in holes:
        if abs(float(area[hole])) < left * (1 - 1e-9):
            left -= abs(float(area[hole]))
            kept.append(hole)
    return kept


def _turned(cut: list[list[_Group]], areas: Areas) -> list[list[_Group]]:
    """Turn the triangles that earcut gave clockwise: it does so for all of a group."""
    every = [group.faces for groups in cut for group in groups]
    counts = [len(faces) for faces in every]
    if not sum(counts):
        return cut
    bases = [base for base, groups in zip(areas.bounds().tolist(), cut, strict=False) for _ in groups]
    faces = np.concatenate(every)
    base = np.repeat(bases, counts)[:, None]
    a, b, c = (areas.points[(faces + base)[:, k], :2] for k in range(3))
    doubled = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    group = np.repeat(np.arange(len(counts)), counts)
    clockwise = np.bincount(group, doubled, minlength=len(counts)) < 0
    faces = np.where(clockwise[group][:, None], faces[:, ::-1], faces)
    parts = iter(np.split(faces, np.cumsum(counts)[:-1]))
    return [[_Group(group.rings, next(parts)) for group in groups] for groups in cut]


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
