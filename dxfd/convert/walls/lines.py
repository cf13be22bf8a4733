"""The lines that walls were drawn as, read back out of their bodies: the middle of a strip, the sides of an outline.

A wall's body is a strip along its line or a prism over its closed outline; which of the two, and where the line was,
stands in the order of the corners (build/bodies.py). So it does not matter where an element came from: model, exploded
block, shared body. Pure arrays in plan, metres.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.ragged import Bools, Floats, Ints, offsets, within

_LEVEL_M: Final = 1e-4
_SHORTEST_M: Final = 1e-3


class Lines(Struct, frozen=True):
    """Segments that may be faces of walls.

    Attributes:
        first, second: (n, 2) ends.
        owner: (n,) row of the element each is of, growing.
        group: (n,) faces of one wall are of one group (layer, storey, rule).
        outline: (n,) it is a side of a closed outline.
    """

    first: Floats
    second: Floats
    owner: Ints
    group: Ints
    outline: Bools

    def take(self, rows: Ints | Bools) -> Lines:
        """Return some of them."""
        return Lines(*(getattr(self, name)[rows] for name in self.__struct_fields__))


class Bodies(Struct, frozen=True):
    """Bodies of elements, as they lie in the database.

    Attributes:
        points: (N, 3) corners in the database's frame, one body after another.
        offset: (n + 1,) where each begins.
    """

    points: Floats
    offset: Ints


class Traced(Struct, frozen=True):
    """What bodies tell of the lines they stand on.

    Attributes:
        lines: the segments; group is 0.
        width: (n,) metres of each body's strip; of an outline 0.
        thin: (n,) metres: width of a strip as long as half the outline's perimeter, of its area; of a strip 0.
    """

    lines: Lines
    width: Floats
    thin: Floats


def traced(bodies: Bodies) -> Traced:
    """Return the lines of bodies; one that is neither strip nor prism, or does not stand level, has none."""
    n = len(bodies.offset) - 1
    strip, prism = _standing(bodies.points[:, 2], bodies.offset)
    width, thin = np.zeros(n), np.zeros(n)
    strips, prisms = np.flatnonzero(strip), np.flatnonzero(prism)
    courses, of_strip, width[strips] = _strips(bodies, strips)
    sides, of_prism, thin[prisms] = _prisms(bodies, prisms)
    pairs, owner = np.concatenate([courses, sides]), np.concatenate([of_strip, of_prism])
    outline = np.arange(len(owner)) >= len(of_strip)
    long = np.hypot(*(pairs[:, 1] - pairs[:, 0]).T) > _SHORTEST_M
    order = np.flatnonzero(long)[np.argsort(owner[long], kind="stable")]
    lines = Lines(pairs[order, 0], pairs[order, 1], owner[order], np.zeros(len(order), dtype=np.int64), outline[order])
    return Traced(lines, width, thin)


def _strips(bodies: Bodies, rows: Ints) -> tuple[Floats, Ints, Floats]:
    """Return (s, 2, 2) segments of strips, the row of each, and (r,) how wide they are.

    A ring of four corners stands at each point of the course: two low ones to both sides of it, and two above.
    """
    length = np.diff(bodies.offset)[rows] // 4
    ring = np.repeat(bodies.offset[:-1][rows], length) + 4 * within(length)
    left, right = bodies.points[ring, :2], bodies.points[ring + 1, :2]
    course = (left + right) / 2
    after = np.flatnonzero(within(length) + 1 < np.repeat(length, length))
    width = np.hypot(*(left - right)[offsets(length)[:-1]].T)
    return np.stack([course[after], course[after + 1]], axis=1), np.repeat(rows, length)[after], width


def _prisms(bodies: Bodies, rows: Ints) -> tuple[Floats, Ints, Floats]:
    """Return (s, 2, 2) sides of prisms, the row of each, and (r,) how thick a wall of their area and outline is."""
    length = np.diff(bodies.offset)[rows] // 2
    course = bodies.points[np.repeat(bodies.offset[:-1][rows], length) + within(length), :2]
    ends = offsets(length)
    after = np.arange(len(course)) + 1
    after[ends[1:] - 1] = ends[:-1]
    sides = np.stack([course, course[after]], axis=1)
    if not len(rows):
        return sides, rows, np.empty(0)
    near = sides - np.repeat(course[ends[:-1]], length, axis=0)[:, None]  # far from the origin areas drown in rounding
    area = np.add.reduceat(near[:, 0, 0] * near[:, 1, 1] - near[:, 1, 0] * near[:, 0, 1], ends[:-1]) / 2
    around = np.add.reduceat(np.hypot(*(sides[:, 1] - sides[:, 0]).T), ends[:-1])
    return sides, np.repeat(rows, length), 2 * np.abs(area) / np.maximum(around, _SHORTEST_M)


def _standing(z: Floats, offset: Ints) -> tuple[Bools, Bools]:
    """Return which bodies are strips (rings of two low and two high corners) and which prisms (low half, high half)."""
    counts = np.diff(offset)
    n = len(counts)
    row, place = np.repeat(np.arange(n), counts), within(counts)
    low, high = np.zeros(n), np.zeros(n)
    filled = np.flatnonzero(counts)
    if len(filled):
        low[filled] = np.minimum.reduceat(z, offset[:-1][filled])
        high[filled] = np.maximum.reduceat(z, offset[:-1][filled])
    stands = high - low > 10 * _LEVEL_M
    down, up = z - low[row] < _LEVEL_M, high[row] - z < _LEVEL_M
    wrong_strip = np.where(place % 4 < 2, ~down, ~up)
    wrong_prism = np.where(2 * place < counts[row], ~down, ~up)
    strip = stands & (counts >= 8) & (counts % 4 == 0) & (np.bincount(row[wrong_strip], minlength=n) == 0)
    prism = stands & (counts >= 6) & (counts % 2 == 0) & (np.bincount(row[wrong_prism], minlength=n) == 0)
    return strip, prism & ~strip
