"""Pieces of walls put together to whole walls: through junctions, through crossings, and over openings.

Two pieces of one line and thickness go on where a face goes on (a wall meets it from the other side), where a door or
window stands in the gap, or where another wall crosses that is broken at the same place and shorter.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.ragged import Bools, Floats, Ints, offsets, picked
from dxfd.convert.walls.measures import Measures
from dxfd.convert.walls.pieces import Pieces
from dxfd.convert.walls.runs import cross, dot, near

_SAME_M: Final = 0.01
_TOUCH_M: Final = 0.002
_SLACK_M: Final = 0.05
_REACH_M: Final = 0.1
"""A filling's symbol comes as near as this to the wall."""
_LEAST_FILLED: Final = 0.6
"""Share of the gap that a filling covers; and of the filling that the gap covers."""


class Fillings(Struct, frozen=True):
    """Doors and windows.

    Attributes:
        points: (N, 2) corners of their bodies in plan, one after another.
        offset: (f + 1,) where each begins.
    """

    points: Floats
    offset: Ints


class Opening(Struct, frozen=True):
    """A gap that a wall goes over: metres along it, and which filling stands in it."""

    low: float
    high: float
    filling: int


class Wall(Struct, frozen=True):
    """A straight wall.

    Attributes:
        origin, along: of its centre line.
        low, high: ends of it before joints.
        thickness: metres.
        group: of its faces.
        left, right: runs that are its faces, in order.
        pieces: how many pairs it is made of.
        openings: in order.
    """

    origin: tuple[float, float]
    along: tuple[float, float]
    low: float
    high: float
    thickness: float
    group: int
    left: tuple[int, ...]
    right: tuple[int, ...]
    pieces: int = 1
    openings: tuple[Opening, ...] = ()

    def point(self, t: float, s: float) -> tuple[float, float]:
        """Return the point t along the centre line, s to its left."""
        (x, y), (dx, dy) = self.origin, self.along
        return x + dx * t - dy * s, y + dy * t + dx * s


class _Gaps(Struct, frozen=True):
    """Where a piece ends and the next one of the same line begins.

    Attributes:
        before, after: (g,) pieces.
        low, high: (g,) metres along `before`.
        shared: (g,) a face goes on over the gap.
    """

    before: Ints
    after: Ints
    low: Floats
    high: Floats
    shared: Bools

    def take(self, rows: Ints) -> _Gaps:
        """Return some of them."""
        return _Gaps(*(getattr(self, name)[rows] for name in self.__struct_fields__))


def walls(pieces: Pieces, fillings: Fillings, measures: Measures) -> list[Wall]:
    """Return walls in the order of their first pieces."""
    gaps = _gaps(pieces, measures)
    filling_of = _filled(pieces, gaps, fillings, measures)
    filled = np.zeros(len(gaps.before), dtype=np.bool_)
    filled[list(filling_of)] = True
    width = gaps.high - gaps.low
    through = (width <= _TOUCH_M) | (gaps.shared & (width <= measures.thickness_max_m + _SLACK_M))
    through |= _crossed(pieces, gaps, ~through & ~filled)
    linked = through | filled
    after = np.full(len(pieces.low), -1, dtype=np.int64)
    gap_of = np.full(len(pieces.low), -1, dtype=np.int64)
    after[gaps.before[linked]] = gaps.after[linked]
    gap_of[gaps.before[linked]] = np.flatnonzero(linked)
    begins = np.ones(len(pieces.low), dtype=np.bool_)
    begins[gaps.after[linked]] = False
    made = []
    ends = pieces.ends
    for first in np.flatnonzero(begins).tolist():
        chain = [first]
        while (following := int(after[chain[-1]])) >= 0:
            chain.append(following)
        made.append(_wall(pieces, ends, chain, _openings(pieces, gaps, gap_of, chain, filling_of)))
    return made


def _gaps(pieces: Pieces, measures: Measures) -> _Gaps:
    """Return the gaps between neighbours on one line."""
    first, second = pieces.ends
    a, b = near(first, second, measures.opening_max_m / 2)
    a, b = np.concatenate([a, b]), np.concatenate([b, a])
    # where layers end is seldom drawn to the millimetre: a wall that has some goes on with a few more or less of them
    slack = np.where(pieces.layered[a] | pieces.layered[b], measures.thickness_min_m, _SAME_M)
    mine = (pieces.group[a] == pieces.group[b]) & (np.abs(pieces.thickness[a] - pieces.thickness[b]) <= slack)
    mine &= np.abs(cross(pieces.along[a], pieces.along[b])) <= np.sin(np.radians(measures.angle_deg))
    a, b, slack = a[mine], b[mine], np.maximum(slack[mine] / 2, _SAME_M)
    ends = [end[b] - pieces.origin[a] for end in (first, second)]
    t = np.sort(np.stack([dot(pieces.along[a], end) for end in ends]), axis=0)
    flush = np.maximum(*(np.abs(cross(pieces.along[a], end)) for end in ends)) <= slack
    width = t[0] - pieces.high[a]
    rows = np.flatnonzero(flush & (width >= -_SAME_M) & (width <= measures.opening_max_m))
    a, b, width, high = a[rows], b[rows], width[rows], t[0][rows]
    rows = np.lexsort((b, width, a))
    rows = rows[np.diff(a[rows], prepend=-1) != 0]  # the next one of each
    rows = rows[np.lexsort((a[rows], width[rows], b[rows]))]
    rows = rows[np.diff(b[rows], prepend=-1) != 0]  # that each is the next one of
    rows = rows[np.argsort(a[rows], kind="stable")]
    a, b = a[rows], b[rows]
    faces = [(pieces.left, pieces.left), (pieces.right, pieces.right), (pieces.left, pieces.right),
             (pieces.right, pieces.left)]  # fmt: skip
    shared = np.logical_or.reduce([mine[a] == theirs[b] for mine, theirs in faces])
    return _Gaps(a, b, pieces.high[a], np.maximum(high[rows], pieces.high[a]), shared)


def _filled(pieces: Pieces, gaps: _Gaps, fillings: Fillings, measures: Measures) -> dict[int, int]:
    """Return which filling stands in a gap: the best of those that fit this one best, in length and place."""
    f, count = len(fillings.offset) - 1, len(gaps.before)
    if not f or not count:
        return {}
    at, to = (pieces.at(gaps.before, t) for t in (gaps.low, gaps.high))
    low = np.minimum.reduceat(fillings.points, fillings.offset[:-1], axis=0)
    high = np.maximum.reduceat(fillings.points, fillings.offset[:-1], axis=0)
    reach = np.concatenate([np.full(count, measures.thickness_max_m / 2 + _REACH_M), np.zeros(f)])
    a, b = near(np.concatenate([at, low]), np.concatenate([to, high]), reach)
    mine = (a < count) & (b >= count)
    gap, filling = a[mine], b[mine] - count
    counts = np.diff(fillings.offset)[filling]
    row = np.repeat(np.arange(len(filling)), counts)
    points = fillings.points[picked(fillings.offset, filling)]
    piece = gaps.before[gap][row]
    local = points - pieces.origin[piece]
    t, s = dot(pieces.along[piece], local), cross(pieces.along[piece], local)
    starts = offsets(counts)[:-1]
    if not len(starts):
        return {}
    t0, t1 = np.minimum.reduceat(t, starts), np.maximum.reduceat(t, starts)
    s0, s1 = np.minimum.reduceat(s, starts), np.maximum.reduceat(s, starts)
    half = pieces.thickness[gaps.before[gap]] / 2 + _REACH_M
    common = np.minimum(t1, gaps.high[gap]) - np.maximum(t0, gaps.low[gap])
    fit = common / np.maximum(np.maximum(t1 - t0, gaps.high[gap] - gaps.low[gap]), _TOUCH_M)
    rows = np.flatnonzero((s0 <= half) & (s1 >= -half) & (fit >= _LEAST_FILLED))
    rows = rows[np.lexsort((gap[rows], -np.round(fit[rows], 6), filling[rows]))]
    rows = rows[np.diff(filling[rows], prepend=-1) != 0]
    rows = rows[np.lexsort((filling[rows], -np.round(fit[rows], 6), gap[rows]))]
    rows = rows[np.diff(gap[rows], prepend=-1) != 0]
    return dict(zip(gap[rows].tolist(), filling[rows].tolist(), strict=True))


def _crossed(pieces: Pieces, gaps: _Gaps, wanted: Bools) -> Bools:
    """Return which gaps are where another wall crosses that is broken there too and is shorter."""
    out = np.zeros(len(wanted), dtype=np.bool_)
    rows = np.flatnonzero(wanted & (gaps.high - gaps.low > _TOUCH_M))
    some = gaps.take(rows)
    piece = some.before
    at, to = (pieces.at(piece, t) for t in (some.low, some.high))
    a, b = near(at, to, _SLACK_M)
    sine = np.abs(cross(pieces.along[piece[a]], pieces.along[piece[b]]))
    middle = (at + to) / 2
    apart = np.hypot(*(middle[a] - middle[b]).T)
    width, thickness = some.high - some.low, pieces.thickness[piece]
    fits = (sine > 0.25) & (apart <= np.maximum(thickness[a], thickness[b]) / 2 + _SLACK_M)
    for mine, theirs in ((a, b), (b, a)):
        fits &= width[mine] <= thickness[theirs] / np.maximum(sine, 0.25) + _SLACK_M
    length = pieces.high - pieces.low
    whole = length[some.before] + length[some.after]
    for i, j in zip(a[fits].tolist(), b[fits].tolist(), strict=True):
        out[rows[i if whole[i] >= whole[j] - _SAME_M else j]] = True
    return out


def _wall(pieces: Pieces, ends: tuple[Floats, Floats], chain: list[int], openings: list[_Place]) -> Wall:
    """Return the wall of a chain of pieces, as the longest of them lies.

    Args:
        pieces: all of them.
        ends: theirs.
        chain: those of the wall, in order.
        openings: both ends of each, and the filling.
    """
    longest = chain[0]
    for k in chain[1:]:
        if pieces.high[k] - pieces.low[k] > pieces.high[longest] - pieces.low[longest] + _TOUCH_M:
            longest = k
    (x, y), (dx, dy) = pieces.origin[longest].tolist(), pieces.along[longest].tolist()

    def along(point: Floats) -> float:
        return float((point[0] - x) * dx + (point[1] - y) * dy)

    t = [along(end[k]) for k in chain for end in ends]
    left, right = set[int](), set[int]()
    for k in chain:
        same = pieces.along[k, 0] * dx + pieces.along[k, 1] * dy > 0
        left.add(int((pieces.left if same else pieces.right)[k]))
        right.add(int((pieces.right if same else pieces.left)[k]))
    found = []
    for first, second, filling in openings:
        low, high = sorted((along(first), along(second)))
        found.append(Opening(low, high, filling))
    return Wall(
        (x, y), (dx, dy), min(t), max(t), float(pieces.thickness[longest]), int(pieces.group[longest]),
        tuple(sorted(left)), tuple(sorted(right)), len(chain), tuple(sorted(found, key=lambda o: o.low)),
    )  # fmt: skip


_Place = tuple[Floats, Floats, int]


def _openings(pieces: Pieces, gaps: _Gaps, gap_of: Ints, chain: list[int], filling_of: dict[int, int]) -> list[_Place]:
    """Return the ends of the openings between the pieces of a chain, and what stands in them."""
    found = []
    for k in chain[:-1]:
        gap = int(gap_of[k])
        if gap in filling_of:
            first, second = (pieces.point(k, t[gap]) for t in (gaps.low, gaps.high))
            found.append((first, second, filling_of[gap]))
    return found
