"""How far ACIS bodies with curved faces reach: by their corners, arcs and splines, and where spheres and tori bulge.

A flat, cylindrical or conical face reaches no farther than its edges, because straight lines run through each of its
points. A sphere or torus may reach farther between them: its points farthest along the axes are asked whether they lie
within the face's loops. Of a spline surface its control points are taken, which may lie somewhat outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from dxfd.convert.build.acis import loops, moved, outline
from dxfd.convert.build.acis_curves import arc_extremes, edge_points, net
from dxfd.convert.build.ragged import Bools, Floats
from dxfd.convert.build.sat import Record, to, turned

_FINE: Final = 1e-5
"""Of a sphere's radius: how far the chords lie from loops that points are asked to be within. Faces can be slivers."""
_MOST_EDGES: Final = 200
_MOST_POINTS: Final = 1_000_000
"""Of a loop whose inside is asked for; of a longer one all points are taken: its box may be too large."""
_SEATS: Final = 3
"""Points just within a face that are asked; most of them decide."""
_ASIDE: Final = 0.01
"""Of its edge's length: how far such a point lies from it."""
_AROUND: Final = 12
"""Points on a circle all of which reach equally far."""


def box(known: list[Record]) -> tuple[Floats, Floats] | None:
    """Return low and high corner of all bodies, drawing units; None if nothing is known that spans a box.

    Raises:
        ValueError: a place is no number.
    """
    bodies = _bodies(known)
    if any(matrix is not None and len(matrix) < 12 for _, matrix in bodies):  # where one is is not known
        return None
    found = [_reach(known, members, matrix) for members, matrix in bodies]
    points = np.array([corner for corners in found if corners is not None for corner in corners]).reshape(-1, 3)
    if not len(points):
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    return (low, high) if (high > low).any() else None


def _bodies(known: list[Record]) -> list[tuple[list[Record], Sequence[float] | None]]:
    """Return the records of each body and how it is moved; a single one has all."""
    bodies = [k for k, record in enumerate(known) if record.name == "body"]
    if len(bodies) < 2:
        placed = to(known, known[bodies[0]], "transform") if bodies else []
        return [(known, known[placed[0]].numbers if placed else None)]
    met = set(bodies)
    out: list[tuple[list[Record], Sequence[float] | None]] = []
    for first in bodies:
        members = [first]
        for k in members:  # grows meanwhile
            mine = [p for p in dict.fromkeys(known[k].pointers) if 0 <= p < len(known) and p not in met]
            met.update(mine)
            members += mine
        placed = to(known, known[first], "transform")
        out.append(([known[k] for k in members], known[placed[0]].numbers if placed else None))
    return out


def _reach(known: list[Record], members: list[Record], matrix: Sequence[float] | None) -> Floats | None:
    """Return low and high corner (2, 3) of one body; None if nothing of it is known."""
    ways = np.eye(3) if matrix is None else np.array(matrix[:9]).reshape(3, 3).T
    parts = [np.array(record.numbers[:3]) for record in members if record.name == "point"]
    for record in members:
        if record.name == "edge":
            parts += _edge(known, record, ways)
    parts = _sound(parts)
    span = _Span(ways)
    span.take(parts)
    faces = [record for record in members if record.name == "face"]
    for record in faces:
        more = _sound(_bulge(known, record, span))
        span.take(more)
        parts += more
    if not faces:
        for record in members:
            parts += _sound(_whole(record, ways))
    if not parts:
        return None
    points = np.array(parts) if matrix is None else moved(np.array(parts), matrix)
    return np.array([points.min(axis=0), points.max(axis=0)])


class _Span:
    """How far what is known of a body reaches along the ways (k, 3) and against them."""

    def __init__(self, ways: Floats) -> None:
        self.ways = ways
        self._low, self._high = np.full(len(ways), np.inf), np.full(len(ways), -np.inf)

    def take(self, points: list[Floats]) -> None:
        """Take more points of the body."""
        if points:
            reach = np.array(points) @ self.ways.T
            self._low, self._high = np.minimum(self._low, reach.min(axis=0)), np.maximum(self._high, reach.max(axis=0))

    def beyond(self, points: list[Floats]) -> list[Floats]:
        """Return those of some points that reach farther."""
        if not points:
            return []
        reach = np.array(points) @ self.ways.T
        far = np.any((reach < self._low) | (reach > self._high), axis=1)
        return [points[k] for k in np.flatnonzero(far).tolist()]


def _sound(points: list[Floats]) -> list[Floats]:
    """Return what is a place; ValueError for one that is no number: what it bounds would be missing from the box."""
    whole = [p for p in points if p.shape == (3,)]
    if whole and not np.isfinite(np.array(whole)).all():
        raise ValueError("a coordinate is not a finite number")
    return whole


def _edge(known: list[Record], edge: Record, ways: Floats) -> list[Floats]:
    if to(known, edge, "ellipse-curve"):
        return arc_extremes(known, edge, ways)
    if not to(known, edge, "intcurve-curve"):
        return []
    points = edge_points(known, edge, 1.0)
    return [] if points is None else _farthest(points, ways)


def _farthest(points: Floats, ways: Floats) -> list[Floats]:
    """Return those of many points that lie farthest along the ways and against them."""
    reach = points @ ways.T
    return [points[k] for k in {*reach.argmin(axis=0).tolist(), *reach.argmax(axis=0).tolist()}]


def _bulge(known: list[Record], face: Record, span: _Span) -> list[Floats]:
    """Return the points of a face that reach farther along the ways than what is known of the body."""
    surfaces = to(known, face, "-surface")
    if not surfaces:
        return []
    surface = known[surfaces[0]]
    if surface.name == "spline-surface":
        points = net(surface)
        return [] if points is None else _farthest(points, span.ways)
    found = _whole(surface, span.ways)
    if not found or not to(known, face, "loop"):
        return found
    found = span.beyond(found)  # asking costs a millisecond a point
    inside = _within(known, face, surface, np.array(found).reshape(-1, 3))
    return [point for point, taken in zip(found, inside.tolist(), strict=True) if taken]


def _whole(surface: Record, ways: Floats) -> list[Floats]:
    """Return where a whole sphere or torus reaches farthest along each of ways (k, 3) and against it."""
    numbers, out = surface.numbers, []
    units = [way / math.sqrt(float(way @ way)) for way in ways if way.any()]
    if surface.name == "sphere-surface" and len(numbers) >= 4:
        center = np.array(numbers[:3])
        out = [center + sign * abs(numbers[3]) * way for way in units for sign in (1, -1)]
    elif surface.name == "torus-surface" and len(numbers) >= 8:
        center, axis = np.array(numbers[:3]), np.array(numbers[3:6])
        major, minor = abs(numbers[6]), abs(numbers[7])
        for way in units:
            level = way - (way @ axis) * axis
            size = math.sqrt(float(level @ level))
            around = [level / size] if size > 1e-9 else _circle(axis)
            out += [center + sign * (major * at + minor * way) for at in around for sign in (1, -1)]
    return out


def _circle(axis: Floats) -> list[Floats]:
    x = np.cross(axis, np.eye(3)[int(np.abs(axis).argmin())])
    x /= math.sqrt(float(x @ x))
    y = np.cross(axis, x)
    angles = np.arange(_AROUND) * math.tau / _AROUND
    return [math.cos(a) * x + math.sin(a) * y for a in angles.tolist()]


def _within(known: list[Record], face: Record, surface: Record, points: Floats) -> Bools:
    """Return which points (n, 3) of a surface lie within a face's loops; all where these are not known."""
    if not len(points):
        return np.empty(0, dtype=np.bool_)
    radius = abs(surface.numbers[3 if surface.name == "sphere-surface" else 7])
    around: list[Floats] = []
    for coedges in loops(known, face) or [[]]:
        if len(coedges) > _MOST_EDGES:
            return np.ones(len(points), dtype=np.bool_)
        parts = outline(known, coedges, _FINE * radius, _MOST_POINTS)
        if not parts:
            return np.ones(len(points), dtype=np.bool_)
        around.append(np.concatenate(parts))
    begin = np.concatenate([line[:-1] for line in around])
    end = np.concatenate([line[1:] for line in around])
    kept = ((end - begin) ** 2).sum(axis=1) > (1e-12 * radius) ** 2
    begin, end = begin[kept], end[kept]
    if not len(begin) or not radius:
        return np.ones(len(points), dtype=np.bool_)
    sphere = surface.name == "sphere-surface"
    crossings, line = (_on_sphere, (begin, end)) if sphere else (_on_torus, _unrolled(surface, begin, end))
    votes = np.zeros(len(points), dtype=np.int64)
    for share in range(_SEATS):
        seat = _beside(known, face, surface, begin, end, (2 * share + 1) * len(begin) // (2 * _SEATS))
        if not np.isfinite(seat).all():  # a loop that does not lie on its surface
            return np.ones(len(points), dtype=np.bool_)
        votes += [crossings(surface, line, seat, point) % 2 == 0 for point in points]
    return np.asarray(votes > _SEATS // 2, dtype=np.bool_)


def _beside(known: list[Record], face: Record, surface: Record, begin: Floats, end: Floats, number: int) -> Floats:
    """Return a point of the surface just within the face: left of one of its edges, as seen from outside."""
    way, middle = end[number] - begin[number], (begin[number] + end[number]) / 2
    numbers = surface.numbers
    center = np.array(numbers[:3])
    radius = numbers[3]
    if surface.name != "sphere-surface":  # the middle of the tube beside the point
        axis, radius = np.array(numbers[3:6]), numbers[7]
        level = (middle - center) - ((middle - center) @ axis) * axis
        center = center + abs(numbers[6]) * level / np.sqrt(level @ level)
    out = middle - center
    normal = out if (radius > 0) != turned(known, face, surface.name) else -out
    left = np.cross(normal, way)
    left *= _ASIDE * np.sqrt((way @ way) / (left @ left))
    out = out + left
    place: Floats = center + abs(radius) * out / np.sqrt(out @ out)
    return place


def _on_sphere(surface: Record, line: tuple[Floats, Floats], seat: Floats, point: Floats) -> int:
    """Return how many segments of loops the way along a great circle from a seat to a point crosses."""
    center = np.array(surface.numbers[:3])
    a, b, p, q = line[0] - center, line[1] - center, seat - center, point - center
    way = np.cross(p, q)
    if float(way @ way) <= 1e-18 * float(p @ p) * float(q @ q):  # opposite, or the same
        if float(p @ q) > 0 or not p.any() or not q.any():
            return 0
        aside = center + np.cross(p, np.eye(3)[int(np.abs(p).argmin())])
        return _on_sphere(surface, line, seat, aside) + _on_sphere(surface, line, aside, point)
    across = (a @ way > 0) != (b @ way > 0)
    # where a segment's plane meets the way's: on the segment's side of the ball, and between both ends
    meet = np.cross(np.cross(a, b), way)
    meet *= np.sign((meet * (a + b)).sum(axis=1))[:, None]
    between = (np.cross(p, meet) @ way >= 0) & (np.cross(meet, q) @ way >= 0)
    return int((across & between).sum())


def _unrolled(surface: Record, begin: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Return segments on a torus as begin and step (n, 2) in its two angles."""
    first = _angles(surface, begin)
    step = _angles(surface, end) - first
    return first, step - np.round(step / math.tau) * math.tau


def _on_torus(surface: Record, line: tuple[Floats, Floats], seat: Floats, point: Floats) -> int:
    """Return how many segments of loops the straight way between two points crosses, in the torus' two angles."""
    p, q = _angles(surface, np.stack([seat, point]))
    begin, step = line
    count = 0
    for turn in np.ndindex(3, 3):  # angles are within a turn, so that no other one can meet the way
        first = begin + (np.array(turn) - 1) * math.tau
        d, e, f = q - p, first - p, first + step - p
        g, h = p - first, q - first
        sides = (d[0] * e[:, 1] - d[1] * e[:, 0] > 0) != (d[0] * f[:, 1] - d[1] * f[:, 0] > 0)
        others = (step[:, 0] * g[:, 1] - step[:, 1] * g[:, 0] > 0) != (step[:, 0] * h[:, 1] - step[:, 1] * h[:, 0] > 0)
        count += int((sides & others).sum())
    return count


def _angles(surface: Record, points: Floats) -> Floats:
    """Return (n, 2) the angles around a torus and around its tube."""
    numbers = surface.numbers
    axis = np.array(numbers[3:6])
    x = np.cross(axis, np.eye(3)[int(np.abs(axis).argmin())])
    y = np.cross(axis, x)
    offset = points - np.array(numbers[:3])
    height = offset @ axis
    level = np.sqrt(np.maximum((offset * offset).sum(axis=1) - height * height, 0.0))
    return np.stack([np.arctan2(offset @ y, offset @ x), np.arctan2(height, level - abs(numbers[6]))], axis=1)
