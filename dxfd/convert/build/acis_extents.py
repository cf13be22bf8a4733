"""How far ACIS bodies with curved faces reach: by their corners, arcs and splines, and where spheres and tori bulge.

A flat, cylindrical or conical face reaches no farther than its edges, because straight lines run through each of its
points. A sphere or torus may reach farther between them: its points farthest along the axes are asked whether they lie
within the face's loops. Of a spline surface its control points are taken, which may lie somewhat outside.
"""

from __future__ import annotations

import math
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
    """Return low and high corner of a body, drawing units; None if nothing is known that spans a box."""
    placed = [r for r in known if r.name == "transform"]
    if len(placed) > 1 or (placed and len(placed[0].numbers) < 12):  # which body is where is not known
        return None
    matrix = placed[0].numbers if placed else None
    ways = np.eye(3) if matrix is None else np.array(matrix[:9]).reshape(3, 3).T
    parts = [np.array(record.numbers[:3]) for record in known if record.name == "point"]
    for record in known:
        if record.name == "edge":
            parts += _edge(known, record, ways)
    parts = _sound(parts)
    for record in known:
        if record.name == "face":
            parts += _sound(_bulge(known, record, ways, parts))
    if not any(record.name == "face" for record in known):
        for record in known:
            parts += _sound(_whole(record, ways))
    if len(parts) < 2:
        return None
    points = np.array(parts) if matrix is None else moved(np.array(parts), matrix)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low, high) if (high > low).any() else None


def _sound(points: list[Floats]) -> list[Floats]:
    return [p for p in points if p.shape == (3,) and np.isfinite(p).all()]


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


def _bulge(known: list[Record], face: Record, ways: Floats, parts: list[Floats]) -> list[Floats]:
    """Return the points of a face that reach farther along the ways than what is known of the body."""
    surfaces = to(known, face, "-surface")
    if not surfaces:
        return []
    surface = known[surfaces[0]]
    if surface.name == "spline-surface":
        points = net(surface)
        return [] if points is None else _farthest(points, ways)
    found = _whole(surface, ways)
    if not found or not to(known, face, "loop"):
        return found
    if parts:  # asking costs a millisecond a point
        reach = np.array(parts) @ ways.T
        low, high = reach.min(axis=0), reach.max(axis=0)
        found = [point for point in found if (ways @ point < low).any() or (ways @ point > high).any()]
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
        center = center + abs(numbers[6]) * level / math.sqrt(float(level @ level))
    out = middle - center
    normal = out if (radius > 0) != turned(known, face, surface.name) else -out
    left = np.cross(normal, way)
    left *= _ASIDE * math.sqrt(float(way @ way) / float(left @ left))
    out = out + left
    place: Floats = center + abs(radius) * out / math.sqrt(float(out @ out))
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
