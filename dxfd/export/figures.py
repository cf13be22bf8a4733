"""Bodies as IFC would have them: boxes and prisms found again in triangles, all else as it is. Whole batches at once.

A body counts as a prism only if that is what it is: rings in parallel planes, one exactly over the other within the
rounding of single precision, whose caps cover the rings' area once.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.export.decimals import Floats, Ints, Rows, rows
from dxfd.export.topology import Topologies, Topology

PLACES: Final = 5
"""Hundredths of a millimetre: what single precision holds of a body 100 m wide."""
DIRECTION_PLACES: Final = 9
_ROUNDING: Final = 5e-7
_LEAST_M: Final = 1e-5


class Kind(IntEnum):
    """What represents a body."""

    NOTHING = 0
    POINT = 1
    CURVE = 2
    FACES = 3
    PRISM = 4
    BOX = 5


class Figure(Struct, frozen=True):
    """A body as text.

    Attributes:
        kind: what it is.
        numbers: POINT: "(x,y,z)"; CURVE and FACES: "(x,y,z),(…"; BOX: "x,y" sizes of the profile;
            PRISM: the outer ring and the holes, each "(x,y),(…", joined by "|".
        triangles: FACES: "((1,2,3),…)".
        closed: FACES: they bound a volume.
        base: BOX, PRISM: where the profile lies, "(x,y,z)".
        axis, side: BOX, PRISM: directions of extrusion and of the profile's x, "(x,y,z)"; "" for +Z and +X.
        depth: BOX, PRISM: metres, as text.
    """

    kind: Kind
    numbers: str = ""
    triangles: str = ""
    closed: bool = False
    base: str = ""
    axis: str = ""
    side: str = ""
    depth: str = ""


_NOTHING: Final = Figure(Kind.NOTHING)


def figures(bodies: list[tuple[bytes, bytes]], known: Topologies) -> list[Figure]:
    """Return what represents each body, given as `<f4` vertices and `<u4` faces about its centre."""
    if not bodies:
        return []
    points = np.frombuffer(b"".join(v for v, _ in bodies), dtype="<f4").reshape(-1, 3).astype(np.float64)
    counts = np.array([len(v) // 12 for v, _ in bodies], dtype=np.int64)
    first = np.zeros(len(bodies) + 1, dtype=np.int64)
    np.cumsum(counts, out=first[1:])
    shapes = [known.of(f) if f else None for _, f in bodies]
    out: list[Figure] = [_NOTHING] * len(bodies)
    solid = [k for k, shape in enumerate(shapes) if shape is not None and shape.rings and shape.used == counts[k]]
    rest = set(range(len(bodies)))
    if solid:
        made = _solids(points, first, solid, [shapes[k] for k in solid])  # type: ignore[misc]
        for k, figure in zip(solid, made, strict=True):
            if figure is not None:
                out[k] = figure
                rest.discard(k)
    others = sorted(k for k in rest if counts[k])
    if others:
        many = counts[others]
        place = np.repeat(first[others] - np.cumsum(many) + many, many) + np.arange(int(many.sum()))
        text = rows(points[place], PLACES)
        at = 0
        for k in others:
            end = at + int(counts[k])
            shape = shapes[k]
            if shape is not None and shape.used <= counts[k]:
                out[k] = Figure(Kind.FACES, text.many(at, end), shape.text, shape.closed)
            elif shape is None:
                kind = Kind.CURVE if end - at > 1 else Kind.POINT
                out[k] = Figure(kind, text.many(at, end))
            at = end
    return out


class _Prisms(Struct):
    """Candidates: lower ends as flat arrays, and what was found about each.

    Attributes:
        point, above: (N, 3) lower and upper vertices, ring after ring.
        begin: (m + 1,) where each body's begin.
        along: (m, 3) from lower to upper.
        ok: (m,) still thought a prism.
    """

    point: Floats
    above: Floats
    begin: Ints
    along: Floats
    ok: np.ndarray

    @property
    def row(self) -> Ints:
        return np.repeat(np.arange(len(self.along)), np.diff(self.begin))


def _solids(points: Floats, first: Ints, chosen: list[int], shapes: list[Topology]) -> list[Figure | None]:
    half = np.array([shape.used // 2 for shape in shapes], dtype=np.int64)
    lower = np.concatenate([shape.lower for shape in shapes]) + np.repeat(first[chosen], half)
    begin = np.zeros(len(chosen) + 1, dtype=np.int64)
    np.cumsum(half, out=begin[1:])
    point, above = points[lower], points[lower + np.repeat(half, half)]
    step = above - point
    along = np.add.reduceat(step, begin[:-1]) / half[:, None]
    reach = np.maximum.reduceat(np.abs(point).max(axis=1), begin[:-1]) + np.abs(along).max(axis=1)
    tolerance = 1e-6 + _ROUNDING * reach
    found = _Prisms(point, above, begin, along, np.ones(len(chosen), dtype=np.bool_))
    row = found.row
    off = np.maximum.reduceat(np.abs(step - along[row]).max(axis=1), begin[:-1])
    depth = np.sqrt((along * along).sum(axis=1))
    found.ok &= (off <= tolerance) & (depth > _LEAST_M)
    axis = along / np.maximum(depth, _LEAST_M)[:, None]
    height = ((point - point[begin[:-1]][row]) * axis[row]).sum(axis=1)
    found.ok &= np.maximum.reduceat(np.abs(height), begin[:-1]) <= 3 * tolerance
    side = _sides(axis)
    up = np.cross(axis, side)
    base = axis * (np.add.reduceat((point * axis[row]).sum(axis=1), begin[:-1]) / half)[:, None]
    flat = np.stack([(point * side[row]).sum(axis=1), (point * up[row]).sum(axis=1)], axis=1)
    found.ok &= _covered(flat, begin, shapes)
    return _told(found, shapes, axis, side, base, flat, depth)


def _sides(axis: Floats) -> Floats:
    """Return the profile's x for each direction of extrusion: +X where that is vertical, else horizontal."""
    upright = np.abs(axis[:, :2]).max(axis=1) < _ROUNDING
    axis[upright] = np.round(axis[upright])
    side = np.stack([-axis[:, 1], axis[:, 0], np.zeros(len(axis))], axis=1)
    side[upright] = (1.0, 0.0, 0.0)
    unit: Floats = side / np.sqrt((side * side).sum(axis=1))[:, None]
    return unit


def _covered(flat: Floats, begin: Ints, shapes: list[Topology]) -> np.ndarray:
    """Return (m,) whether the caps' triangles add up to the rings' area, so that none lies on another."""
    counts = np.array([len(shape.caps) for shape in shapes])
    place = np.concatenate([shape.caps for shape in shapes]) + np.repeat(begin[:-1], counts)[:, None]
    a, b, c = (flat[place[:, k]] for k in range(3))
    area = ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])) / 2
    row = np.repeat(np.arange(len(shapes)), counts)
    signed = np.bincount(row, area, minlength=len(shapes))
    whole = np.bincount(row, np.abs(area), minlength=len(shapes))
    return (whole > _LEAST_M**2) & (np.abs(np.abs(signed) - whole) < 1e-4 * whole)


def _told(
    found: _Prisms, shapes: list[Topology], axis: Floats, side: Floats, base: Floats, flat: Floats, depth: Floats
) -> list[Figure | None]:
    """Return the figures of what is a prism or a box, None for what is not."""
    boxes, sizes = _boxes(found, shapes, axis, side, base, depth)
    ring = rows(flat, PLACES)
    where = rows(base, PLACES)
    axes, sides = _directions(axis, (0.0, 0.0, 1.0)), _directions(side, (1.0, 0.0, 0.0))
    deep = rows(depth[:, None], PLACES)
    size = rows(sizes, PLACES)
    out: list[Figure | None] = []
    for k, shape in enumerate(shapes):
        if not found.ok[k]:
            out.append(None)
        elif boxes[k]:
            out.append(
                Figure(Kind.BOX, size.bare(k), base=where.one(k), axis=axes[k], side=sides[k], depth=deep.bare(k))
            )
        else:
            numbers = _ring_text(ring, shape, int(found.begin[k]), flat)
            out.append(Figure(Kind.PRISM, numbers, base=where.one(k), axis=axes[k], side=sides[k], depth=deep.bare(k)))
    return out


def _ring_text(ring: Rows, shape: Topology, at: int, flat: Floats) -> str:
    if len(shape.rings) == 1:
        return ring.many(at, at + len(shape.rings[0]))
    parts: list[tuple[float, str]] = []
    for each in shape.rings:
        end = at + len(each)
        x, y = flat[at:end].T
        area = abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()))
        parts.append((area, ring.many(at, end)))
        at = end
    parts.sort(key=lambda part: -part[0])  # the outer ring is the largest
    return "|".join(text for _, text in parts)


def _boxes(
    found: _Prisms, shapes: list[Topology], axis: Floats, side: Floats, base: Floats, depth: Floats
) -> tuple[np.ndarray, Floats]:
    """Find the right-angled boxes among the prisms, and turn them so that they rise upwards where one edge does.

    Changes axis, side, base and depth of those.

    Returns:
        (m,) whether it is a box, and (m, 2) sizes of the profile along side and across.
    """
    m = len(shapes)
    is_box = np.zeros(m, dtype=np.bool_)
    sizes = np.zeros((m, 2))
    four = np.flatnonzero(found.ok & (np.diff(found.begin) == 4))
    if not len(four):
        return is_box, sizes
    corner = found.point[found.begin[:-1][four][:, None] + np.arange(4)]
    edges = np.stack([corner[:, 1] - corner[:, 0], corner[:, 3] - corner[:, 0], found.along[four]], axis=1)
    length = np.sqrt((edges * edges).sum(axis=2))
    closes = np.abs(corner[:, 2] - corner[:, 1] - edges[:, 1]).max(axis=1)
    tolerance = 1e-6 + 2 * _ROUNDING * np.abs(corner).max(axis=(1, 2))
    right = (closes <= tolerance) & (length.min(axis=1) > _LEAST_M)
    unit = edges / np.maximum(length, _LEAST_M)[:, :, None]
    for i, j in ((0, 1), (0, 2), (1, 2)):  # an edge may lean by what its ends are rounded by
        slack = 2 * tolerance / np.minimum(length[:, i], length[:, j]).clip(_LEAST_M)
        right &= np.abs((unit[:, i] * unit[:, j]).sum(axis=1)) <= slack
    four, unit, length, corner, edges = four[right], unit[right], length[right], corner[right], edges[right]
    if not len(four):
        return is_box, sizes
    middle = corner[:, 0] + edges.sum(axis=1) / 2
    upright = np.abs(unit[:, :, :2]).max(axis=2) < 1e-6
    rise = np.where(upright.any(axis=1), np.argmax(upright, axis=1), 2)
    rest = np.array([(1, 2), (0, 2), (0, 1)])[rise]
    swap = length[np.arange(len(four)), rest[:, 0]] < length[np.arange(len(four)), rest[:, 1]]
    rest[swap] = rest[swap][:, ::-1]  # the profile's x is its longer side
    at = np.arange(len(four))
    new_axis, new_side = unit[at, rise], unit[at, rest[:, 0]]
    stands = upright.any(axis=1)
    new_axis[stands] = (0.0, 0.0, 1.0)
    lead = np.where(np.abs(new_side[:, 0]) > 1e-9, new_side[:, 0], new_side[:, 1])
    new_side *= np.where(lead < 0, -1.0, 1.0)[:, None]  # a rectangle looks the same from both ends
    flat = stands & (np.abs(new_side[:, 2]) < 1e-6)
    new_side[flat, 2] = 0.0
    axis[four], side[four], depth[four] = new_axis, new_side, length[at, rise]
    base[four] = middle - new_axis * (depth[four] / 2)[:, None]
    sizes[four] = np.stack([length[at, rest[:, 0]], length[at, rest[:, 1]]], axis=1)
    is_box[four] = True
    return is_box, sizes


def _directions(values: Floats, usual: tuple[float, float, float]) -> list[str]:
    """Return directions as text, "" for the usual one; those along an axis to a millionth are along it."""
    near = np.abs(values).max(axis=1) > 1 - 1e-12
    values = np.where(near[:, None], np.round(values), values)
    plain = (values == usual).all(axis=1)
    out = [""] * len(values)
    other = np.flatnonzero(~plain)
    if len(other):
        text = rows(values[other], DIRECTION_PLACES)
        for k, at in enumerate(other.tolist()):
            out[at] = text.one(k)
    return out
