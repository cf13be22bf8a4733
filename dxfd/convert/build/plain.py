"""Rare types whose own numbers tell where they are: RAY, XLINE, LEADER, MLINE, VIEWPORT, OLE frames, underlays, places.

One entity at a time, from its tags as (code, value) pairs, drawing units, WCS. No ezdxf.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct, field

from dxfd.convert.build.frame import axes
from dxfd.convert.build.ragged import Floats

PLACED: Final = frozenset(
    {"ACAD_TABLE", "TOLERANCE", "LIGHT", "RTEXT", "ARCALIGNEDTEXT", "GEOPOSITIONMARKER", "CAMERA"}
)
"""What is drawn there needs styles or another program; where it stands is known."""
ENDLESS: Final = frozenset({"XLINE", "RAY"})
DIMENSIONS: Final = frozenset({"DIMENSION", "ARC_DIMENSION", "LARGE_RADIAL_DIMENSION"})
UNDERLAYS: Final = frozenset({"PDFUNDERLAY", "DWFUNDERLAY", "DGNUNDERLAY", "UNDERLAY"})
_POINTS: Final = frozenset({*range(10, 19), *range(110, 113), 210})
_SUBCLASS_END: Final = 1000


class Tagged(Struct):
    """The numbers of an entity, by group code, in order; points as triples under their first code."""

    numbers: dict[int, list[float]] = field(default_factory=dict)
    points: dict[int, list[list[float]]] = field(default_factory=dict)

    def first(self, code: int, default: float = 0.0) -> float:
        """Return the first number of a code."""
        found = self.numbers.get(code)
        return found[0] if found else default

    def point(self, code: int) -> Floats | None:
        """Return the first point (3,) of a code."""
        found = self.points.get(code)
        return np.array(found[0]) if found else None

    def all(self, code: int) -> Floats:
        """Return (n, 3) points of a code."""
        return np.array(self.points.get(code, [])).reshape(-1, 3)


def pairs(text: str) -> Iterator[tuple[int, str]]:
    """Yield code and value of each tag up to extended data or an embedded object."""
    lines = text.split("\n")
    for code, value in zip(lines[0::2], lines[1::2], strict=False):
        number = int(code)
        if number >= _SUBCLASS_END or number == 101:
            return
        yield number, value.strip("\r")


def tagged(text: str) -> Tagged:
    """Return the numbers of an entity.

    Raises:
        ValueError: a number is none.
    """
    out = Tagged()
    latest: dict[int, list[float]] = {}
    for code, value in pairs(text):
        if code in _POINTS:
            latest[code] = [float(value), 0.0, 0.0]
            out.points.setdefault(code, []).append(latest[code])
        elif code - 10 in latest and code - 10 in _POINTS:
            latest[code - 10][1] = float(value)
        elif code - 20 in latest and code - 20 in _POINTS:
            latest[code - 20][2] = float(value)
        elif 38 <= code <= 79 or 90 <= code <= 99 or 140 <= code <= 149 or 170 <= code <= 179 or 270 <= code <= 289:
            out.numbers.setdefault(code, []).append(float(value))
    return out


def clipped(tags: Tagged, *, both: bool, low: Floats, high: Floats) -> Floats | None:
    """Return the ends (2, 3) of a RAY or (both) an XLINE within a box; None if it passes by.

    A box without height clips in plan alone.
    """
    at, way = tags.point(10), tags.point(11)
    if at is None or way is None or not way.any():
        return None
    way = way / math.sqrt(float((way * way).sum()))
    first, last = -math.inf if both else 0.0, math.inf
    for axis in range(3):
        if axis == 2 and high[2] <= low[2]:
            continue
        if abs(way[axis]) < 1e-12:
            if not low[axis] <= at[axis] <= high[axis]:
                return None
            continue
        ends = sorted((float(low[axis] - at[axis]) / float(way[axis]), float(high[axis] - at[axis]) / float(way[axis])))
        first, last = max(first, ends[0]), min(last, ends[1])
    if not first < last or not math.isfinite(first) or not math.isfinite(last):
        return None
    return np.array([at + first * way, at + last * way])


def mline(tags: Tagged, text: str) -> tuple[list[Floats], bool]:
    """Return the lines (n, 3) of the outermost elements of an MLINE (one or two), and whether it is closed."""
    places: list[list[float]] = []
    miters: list[list[float]] = []
    offsets: list[list[float]] = []
    expect = False
    triple: list[float] = [0.0, 0.0, 0.0]
    for code, value in pairs(text):
        if code == 11:
            triple = [float(value), 0.0, 0.0]
            places.append(triple)
            offsets.append([])
        elif code == 13:
            triple = [float(value), 0.0, 0.0]
            miters.append(triple)
        elif code == 12:
            triple = [0.0, 0.0, 0.0]
        elif code in {21, 23}:
            triple[1] = float(value)
        elif code in {31, 33}:
            triple[2] = float(value)
        elif code == 74:
            expect = int(value) > 0
            if not expect and offsets:
                offsets[-1].append(math.nan)
        elif code == 41 and expect and offsets:  # of each element's numbers the first is its distance
            offsets[-1].append(float(value))
            expect = False
    at, miter = np.array(places).reshape(-1, 3), np.array(miters).reshape(-1, 3)
    closed = bool(int(tags.first(71)) & 2)
    widths = [[v for v in found if math.isfinite(v)] for found in offsets]
    if len(at) != len(miter) or not all(widths):
        return [at], closed
    low, high = np.array([min(w) for w in widths]), np.array([max(w) for w in widths])
    if not (high > low).all():
        return [at + miter * low[:, None]], closed
    return [at + miter * low[:, None], at + miter * high[:, None]], closed


def viewport(tags: Tagged) -> Floats | None:
    """Return the corners (4, 3) of a VIEWPORT."""
    center, width, height = tags.point(10), tags.first(40), tags.first(41)
    if center is None or width <= 0 or height <= 0:
        return None
    half = np.array([width / 2, height / 2, 0.0])
    return _rectangle(center - half, center + half)


def ole(tags: Tagged) -> Floats | None:
    """Return the corners (4, 3) of an OLE2FRAME."""
    first, last = tags.point(10), tags.point(11)
    return None if first is None or last is None else _rectangle(first, last)


def _rectangle(a: Floats, b: Floats) -> Floats:
    return np.array([a, (b[0], a[1], a[2]), (b[0], b[1], a[2]), (a[0], b[1], a[2])])


def underlay(tags: Tagged) -> Floats:
    """Return the corners of an underlay's clipping frame (n, 3), or its place (1, 3) where it has none."""
    at = tags.point(10)
    corners = tags.all(11)
    normal = tags.point(210)
    matrix = axes((np.array([0.0, 0.0, 1.0]) if normal is None else normal)[None])[0]
    if at is None:
        return np.empty((0, 3))
    if len(corners) == 2:  # opposite corners
        corners = _rectangle(corners[0], corners[1])
    angle = math.radians(tags.first(50))
    turn = np.array(
        [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    scale = np.array([tags.first(code, 1.0) for code in (41, 42, 43)])
    local = (corners * scale) @ turn.T + at if len(corners) else at[None]
    out: Floats = local @ matrix.T
    return out


def measured(tags: Tagged) -> Floats:
    """Return (n, 3) the points that a dimension measures: all there is of one without a picture."""
    return np.concatenate([tags.all(code)[:1] for code in (13, 14, 10, 15, 16)])
