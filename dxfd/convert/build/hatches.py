"""HATCH and MPOLYGON: boundary paths of polylines and of edges (lines, arcs, ellipses, splines) to areas with islands.

The tags of a hatch mean what stands before them, so they are read one by one; their arcs and curves are made for all
hatches of a chunk at once. Patterns, gradients and seed points are passed over: what is filled counts, not with what.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from msgspec import Struct, field

from dxfd.convert.build import splines
from dxfd.convert.build.areas import Areas, cleaned
from dxfd.convert.build.curves import arcs, bulged, ellipses
from dxfd.convert.build.paths import normals
from dxfd.convert.build.ragged import Floats, Ints, offsets
from dxfd.convert.read.columns import Group

KINDS: Final = ("HATCH", "MPOLYGON")
_AFTER: Final = frozenset({75, 76, 98})
"""Codes behind the boundary paths: style, pattern, seeds."""
_LINE, _ARC, _ELLIPSE, _SPLINE = 1, 2, 3, 4
_POLYLINE: Final = 2
_JOIN_M: Final = 1e-3
"""Ends of edges nearer than a millimetre meet."""


class _Edge(Struct):
    """One edge of a path, or a polyline (kind 0), as numbers by code, in drawing units."""

    kind: int
    values: dict[int, list[float]] = field(default_factory=dict)

    def first(self, code: int, default: float = 0.0) -> float:
        found = self.values.get(code)
        return found[0] if found else default

    def plane(self, code: int) -> list[tuple[float, float]]:
        """Return the points of the codes c and c + 10."""
        return list(zip(self.values.get(code, ()), self.values.get(code + 10, ()), strict=False))


class _Found(Struct):
    """What is read of a chunk's hatches.

    Attributes:
        paths: per hatch its paths, each a list of edges.
        elevation, islands: per hatch.
        shift: per hatch, the offset of an MPOLYGON.
    """

    paths: list[list[list[_Edge]]] = field(default_factory=list)
    elevation: list[float] = field(default_factory=list)
    islands: list[int] = field(default_factory=list)
    shift: list[tuple[float, float]] = field(default_factory=list)


FitCurve = Callable[[list[tuple[float, float]], list[tuple[float, float]]], splines.Curve]
"""Gives the curve through fit points with two tangents (or none)."""


def hatches(
    group: Group, metres: float, tolerance_m: float, most: int, fit: FitCurve
) -> tuple[Areas, dict[int, tuple[str, str]]]:
    """Return the areas of the hatches, and why others have none: entity to (reason, message).

    Args:
        group: HATCH or MPOLYGON entities.
        metres: metres per drawing unit.
        tolerance_m: largest distance of a chord to its curve.
        most: points of one entity.
        fit: makes a curve of fit points.
    """
    found = _read(group)
    failed: dict[int, tuple[str, str]] = {}
    made = _Flattener(metres, tolerance_m, most, fit)
    for row, paths in enumerate(found.paths):
        for path in paths:
            for edge in path:
                try:
                    made.take(edge)
                except ValueError as error:
                    failed[int(group.entity[row])] = ("faulty_entity", f"a boundary edge: {error}")
                    break
    pieces = made.pieces()
    ring_counts = np.zeros(group.count, dtype=np.int64)
    rings: list[Floats] = []
    for row, paths in enumerate(found.paths):
        entity = int(group.entity[row])
        if entity in failed:
            continue
        own = [ring for path in paths for ring in _rings([pieces[id(e)] for e in path if id(e) in pieces])]
        if sum(map(len, own)) > most:
            failed[entity] = ("too_many_vertices", "")
            continue
        ring_counts[row] = len(own)
        rings += own
    counts = np.array([len(r) for r in rings], dtype=np.int64)
    points = np.zeros((int(counts.sum()), 3))
    if len(rings):
        points[:, :2] = np.concatenate(rings)
    per_row = np.bincount(np.repeat(np.arange(group.count), ring_counts), counts, group.count).astype(np.int64)
    points[:, 2] = np.repeat(np.array(found.elevation) * metres, per_row)
    points[:, :2] += np.repeat(np.array(found.shift).reshape(-1, 2) * metres, per_row, axis=0)
    whole = Areas(
        group.entity,
        normals(group),
        np.array(found.islands, dtype=np.int64),
        offsets(ring_counts),
        offsets(counts),
        points,
    )
    whole = cleaned(whole)
    empty = np.diff(whole.ring_offset) == 0
    for entity in group.entity[empty].tolist():
        failed.setdefault(entity, ("no_geometry", ""))
    return whole.take(np.flatnonzero(~empty)), failed


def _read(group: Group) -> _Found:
    """Split the tags of the group's entities."""
    found = _Found()
    bounds = np.searchsorted(group.row, np.arange(group.count + 1)).tolist()
    codes = group.code.tolist()
    numbers = group.tags.number[group.tag].tolist()
    for row in range(group.count):
        paths: list[list[_Edge]] = []
        elevation, islands, shift = 0.0, 0, [0.0, 0.0]
        inside = over = False
        polyline = False
        edge: dict[int, list[float]] | None = None
        for code, number in zip(
            codes[bounds[row] : bounds[row + 1]], numbers[bounds[row] : bounds[row + 1]], strict=True
        ):
            if inside:
                if code == 92:
                    polyline = bool(_whole(number) & _POLYLINE)
                    new = _Edge(0)
                    paths.append([new] if polyline else [])
                    edge = new.values if polyline else None
                elif code == 72 and not polyline and paths:
                    new = _Edge(_whole(number))
                    paths[-1].append(new)
                    edge = new.values
                elif code in _AFTER:
                    inside, over = False, True
                    islands = _whole(number) if code == 75 else islands
                elif edge is not None:
                    if code == 42 and polyline:  # a bulge belongs to the vertex before it; most have none
                        edge.setdefault(42, []).append(number)
                        edge.setdefault(-42, []).append(float(len(edge.get(10, ())) - 1))
                    else:
                        edge.setdefault(code, []).append(number)
            elif code == 91:
                inside = not over
            elif over:
                if code == 11:
                    shift[0] = number
                elif code == 21:
                    shift[1] = number
                elif code == 75:
                    islands = _whole(number)
            elif code == 30:
                elevation = number
        found.paths.append(paths)
        found.elevation.append(elevation)
        found.islands.append(islands if islands in {1, 2} else 0)
        found.shift.append((shift[0], shift[1]))
    return found


def _whole(number: float) -> int:
    return int(number) if math.isfinite(number) and abs(number) < 2**31 else 0


class _Flattener:
    """Collects edges, then makes points of all of one kind at once."""

    def __init__(self, metres: float, tolerance_m: float, most: int, fit: FitCurve) -> None:
        self._metres = metres
        self._tolerance_m = tolerance_m
        self._most = most
        self._fit = fit
        self._lines: list[tuple[int, list[tuple[float, float]]]] = []
        self._bulges: list[tuple[int, list[tuple[float, float]], list[float]]] = []
        self._arcs: list[tuple[int, tuple[float, ...]]] = []
        self._ellipses: list[tuple[int, tuple[float, ...]]] = []
        self._splines: list[tuple[int, splines.Curve]] = []

    def take(self, edge: _Edge) -> None:
        """Keep an edge.

        Raises:
            ValueError: it is no curve.
        """
        key = id(edge)
        match edge.kind:
            case 0:
                points = edge.plane(10)
                if not any(edge.values.get(42, ())):
                    self._lines.append((key, points))
                    return
                bulge = [0.0] * len(points)
                for at, value in zip(edge.values[-42], edge.values[42], strict=True):
                    if 0 <= int(at) < len(bulge):
                        bulge[int(at)] = value
                self._bulges.append((key, points, bulge))
            case 1:
                self._lines.append((key, [*edge.plane(10)[:1], *edge.plane(11)[:1]]))
            case 2:
                if edge.first(40) > 0.0:
                    start, sweep = _turn(edge)
                    center = (edge.plane(10) or [(0.0, 0.0)])[0]
                    self._arcs.append((key, (*center, edge.first(40), math.radians(start), math.radians(sweep))))
            case 3:
                start, sweep = _turn(edge)
                center, major = (edge.plane(10) or [(0.0, 0.0)])[0], (edge.plane(11) or [(0.0, 0.0)])[0]
                ratio = edge.first(40, 1.0)
                begin = _parameter(start, ratio)
                end = begin + math.tau if sweep >= 360.0 else _parameter(start + sweep, ratio)
                sweep = math.tau if sweep >= 360.0 else (end - begin) % math.tau
                self._ellipses.append((key, (*center, *major, ratio, begin, sweep)))
            case 4:
                self._splines.append((key, self._curve(edge)))

    def _curve(self, edge: _Edge) -> splines.Curve:
        points = edge.plane(10)
        if not points:
            ends = [*edge.plane(12)[:1], *edge.plane(13)[:1]]
            return self._fit(edge.plane(11), ends if len(ends) == 2 else [])
        places = np.zeros((len(points), 3))
        places[:, :2] = points
        weights = np.array(edge.values.get(42, ()) if edge.first(73) else ())
        knots = np.array(edge.values.get(40, ()))
        return splines.mended(splines.Curve(_whole(edge.first(94, 3.0)), places, knots, weights))[0]

    def pieces(self) -> dict[int, Floats]:
        """Return points (n, 2) in metres by edge."""
        out = {key: np.array(points).reshape(-1, 2) * self._metres for key, points in self._lines}
        for keys, (offset, points) in self._made():
            bounds = offset.tolist()
            for k, key in enumerate(keys):
                out[key] = points[bounds[k] : bounds[k + 1], :2]
        return out

    def _made(self) -> Iterator[tuple[list[int], tuple[Ints, Floats]]]:
        if self._bulges:
            offset = offsets(np.array([len(p) for _, p, _ in self._bulges], dtype=np.int64))
            at = np.zeros((int(offset[-1]), 3))
            at[:, :2] = [xy for _, points, _ in self._bulges for xy in points]
            bulge = np.array([b for _, _, bulges in self._bulges for b in bulges])
            closed = np.ones(len(self._bulges), dtype=np.bool_)
            made = bulged(offset, at * self._metres, bulge, closed, self._tolerance_m)
            yield [key for key, _, _ in self._bulges], made
        if self._arcs:
            v = np.array([values for _, values in self._arcs])
            center = np.column_stack([v[:, :2] * self._metres, np.zeros(len(v))])
            part = np.zeros(len(v), dtype=np.bool_)
            made = arcs(center, v[:, 2] * self._metres, v[:, 3], v[:, 4], part, self._tolerance_m)
            yield [key for key, _ in self._arcs], made
        if self._ellipses:
            v = np.array([values for _, values in self._ellipses])
            none = np.zeros(len(v))
            center = np.column_stack([v[:, :2] * self._metres, none])
            major = np.column_stack([v[:, 2:4] * self._metres, none])
            minor = np.column_stack([-major[:, 1], major[:, 0], none]) * v[:, 4:5]
            part = np.zeros(len(v), dtype=np.bool_)
            made = ellipses(center, major, minor, v[:, 5], v[:, 6], part, self._tolerance_m)
            yield [key for key, _ in self._ellipses], made
        if self._splines:
            together = splines.together([curve for _, curve in self._splines])
            offset, points, _ = splines.flattened(together, self._tolerance_m / self._metres, self._most)
            yield [key for key, _ in self._splines], (offset, points * self._metres)


def _turn(edge: _Edge) -> tuple[float, float]:
    """Return start and sweep, degrees counter-clockwise; clockwise edges hold 360° less their angles."""
    start, end = edge.first(50), edge.first(51, 360.0)
    if not edge.first(73, 1.0):
        start, end = 360.0 - end, 360.0 - start
    sweep = (end - start) % 360.0
    return start, sweep if 1e-9 < sweep < 360.0 - 1e-9 else 360.0


def _parameter(degrees: float, ratio: float) -> float:
    """Return the parameter of an ellipse at an angle."""
    angle = math.radians(degrees)
    return math.atan2(math.sin(angle) / (ratio or 1.0), math.cos(angle))


def _rings(pieces: list[Floats]) -> list[Floats]:
    """Join the pieces of a path: each goes on where the one before ends, whichever way round it is stored."""
    if len(pieces) == 1:
        return [_opened(pieces[0])]
    rings: list[list[Floats]] = []
    end: Floats | None = None
    for piece in pieces:
        if not len(piece):
            continue
        if end is None or _near(rings[-1][0][0], end):  # a ring that is closed is complete
            rings.append([piece])
        else:
            forward, backward = _apart(piece[0], end), _apart(piece[-1], end)
            if len(rings[-1]) == 1:  # the first piece has no way round yet
                first = rings[-1][0]
                if min(_apart(piece[0], first[0]), _apart(piece[-1], first[0])) < min(forward, backward) - _JOIN_M:
                    rings[-1][0] = first[::-1]
                    forward, backward = _apart(piece[0], first[0]), _apart(piece[-1], first[0])
            rings[-1].append(piece if forward <= backward else piece[::-1])
        end = rings[-1][-1][-1]
    return [_opened(np.concatenate(parts)) for parts in rings]


def _apart(a: Floats, b: Floats) -> float:
    return math.hypot(float(a[0] - b[0]), float(a[1] - b[1]))


def _near(a: Floats, b: Floats) -> bool:
    return _apart(a, b) < _JOIN_M


def _opened(ring: Floats) -> Floats:
    return ring[:-1] if len(ring) > 1 and _near(ring[0], ring[-1]) else ring
