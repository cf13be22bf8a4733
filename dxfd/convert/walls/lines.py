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
    points, offset = bodies.points, bodies.offset
    n, counts = len(offset) - 1, np.diff(offset)
    row, place = np.repeat(np.arange(n), counts), within(counts)
    strip, prism = _standing(points[:, 2], offset, row, place)
    width, thin = np.zeros(n), np.zeros(n)
    at, of, first = [], [], []
    for kind, is_it in enumerate((strip, prism)):
        rows = np.flatnonzero(is_it)
        if not len(rows):
            continue
        length = counts[rows] // (4 if kind == 0 else 2)
        begin = np.repeat(offset[:-1][rows], length)
        step = within(length)
        if kind == 0:
            ring = points[begin + 4 * step, :2], points[begin + 4 * step + 1, :2]
            course = (ring[0] + ring[1]) / 2
            starts = offsets(length)[:-1]
            width[rows] = np.hypot(*(ring[0] - ring[1])[starts].T)
            after = np.flatnonzero(step + 1 < np.repeat(length, length))
            pairs = np.stack([course[after], course[after + 1]], axis=1)
            owner = np.repeat(rows, length)[after]
        else:
            course = points[begin + step, :2]
            after = np.arange(len(course)) + 1
            ends = offsets(length)
            after[ends[1:] - 1] = ends[:-1]
            pairs = np.stack([course, course[after]], axis=1)
            owner = np.repeat(rows, length)
            local = pairs - course[ends[:-1]][np.repeat(np.arange(len(rows)), length)][:, None]
            area = np.add.reduceat(local[:, 0, 0] * local[:, 1, 1] - local[:, 1, 0] * local[:, 0, 1], ends[:-1]) / 2
            around = np.add.reduceat(np.hypot(*(pairs[:, 1] - pairs[:, 0]).T), ends[:-1])
            thin[rows] = 2 * np.abs(area) / np.maximum(around, _SHORTEST_M)
        at.append(pairs)
        of.append(owner)
        first.append(np.full(len(owner), kind == 1))
    if not at:
        none = np.empty((0, 2))
        empty = np.empty(0, dtype=np.int64)
        return Traced(Lines(none, none, empty, empty, np.empty(0, dtype=np.bool_)), width, thin)
    pairs, owner, outline = np.concatenate(at), np.concatenate(of), np.concatenate(first)
    long = np.hypot(*(pairs[:, 1] - pairs[:, 0]).T) > _SHORTEST_M
    order = np.flatnonzero(long)[np.argsort(owner[long], kind="stable")]
    lines = Lines(pairs[order, 0], pairs[order, 1], owner[order], np.zeros(len(order), dtype=np.int64), outline[order])
    return Traced(lines, width, thin)


def _standing(z: Floats, offset: Ints, row: Ints, place: Ints) -> tuple[Bools, Bools]:
    """Return which bodies are strips (rings of two low and two high corners) and which prisms (low half, high half)."""
    counts = np.diff(offset)
    n = len(counts)
    none = np.zeros(n, dtype=np.bool_)
    if not len(z) or not counts.all():
        filled = np.flatnonzero(counts)
        if not len(filled):
            return none, none
    low, high = np.zeros(n), np.zeros(n)
    filled = np.flatnonzero(counts)
    low[filled] = np.minimum.reduceat(z, offset[:-1][filled])
    high[filled] = np.maximum.reduceat(z, offset[:-1][filled])
    stands = high - low > 10 * _LEVEL_M
    down, up = z - low[row] < _LEVEL_M, high[row] - z < _LEVEL_M
    wrong_strip = np.where(place % 4 < 2, ~down, ~up)
    wrong_prism = np.where(2 * place < counts[row], ~down, ~up)
    strip = stands & (counts >= 8) & (counts % 4 == 0) & (np.bincount(row[wrong_strip], minlength=n) == 0)
    prism = stands & (counts >= 6) & (counts % 2 == 0) & (np.bincount(row[wrong_prism], minlength=n) == 0)
    return strip, prism & ~strip
