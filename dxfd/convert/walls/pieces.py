"""Pairs of faces that are a wall: parallel, a wall's thickness apart, nearest to one another, and no row of lines.

A face is given away once for each stretch of it, to the nearest partner first; lines close behind it, as of plaster and
boards, are layers of the same wall, and the outermost is its face. Lines that go on at equal distances (hatching,
treads of a stair) are no walls: none of them is taken.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from dxfd.convert.build.ragged import Bools, Floats, Ints
from dxfd.convert.walls.layers import Facing, Stack, without
from dxfd.convert.walls.measures import Measures
from dxfd.convert.walls.runs import Runs, Straight, cross, dot, near

_LEAST_M: Final = 0.05
"""A shorter stretch of two faces is no wall."""
_LEAST_SHARE: Final = 0.5
"""Of its thickness: the same."""
_EQUAL: Final = 0.03
"""Distances that differ by less than this share make a row of lines."""
_OF_ROW: Final = 0.85
"""Share of a row's distance from which on a pair of its lines belongs to it."""
_MOST_BESIDE: Final = 8
_EPS_M: Final = 1e-4


class Pieces(Straight, frozen=True):
    """Stretches of walls between two faces, along their centre lines.

    Attributes:
        thickness: (k,) metres.
        left, right: (k,) runs.
        group: (k,) of both.
        layered: (k,) the faces are not the pair but layers behind it.
    """

    thickness: Floats
    left: Ints
    right: Ints
    group: Ints
    layered: Bools


def facing(runs: Runs, measures: Measures) -> Facing:
    """Return the pairs of runs that lie parallel at a wall's thickness and beside one another."""
    return _beside(runs, measures, (measures.thickness_min_m - _EPS_M, measures.thickness_max_m + _EPS_M))


def layers(runs: Runs, measures: Measures) -> Facing:
    """Return the pairs of runs that lie parallel and too near to one another for a wall: layers of one."""
    return _beside(runs, measures, (_EPS_M, measures.thickness_min_m - _EPS_M))


def _beside(runs: Runs, measures: Measures, span: tuple[float, float]) -> Facing:
    """Return the pairs of runs that lie parallel and beside one another, at distances of a span."""
    first, second = runs.ends
    a, b = near(first, second, span[1] / 2 + 0.01)
    least = np.sin(np.radians(measures.angle_deg))
    mine = (runs.group[a] == runs.group[b]) & (np.abs(cross(runs.along[a], runs.along[b])) <= least)
    a, b = a[mine], b[mine]
    length = runs.high - runs.low
    swap = length[b] > length[a]
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    ends = [end[b] - runs.origin[a] for end in (first, second)]
    t = np.stack([dot(runs.along[a], end) for end in ends])
    s = np.stack([cross(runs.along[a], end) for end in ends])
    low, high = np.maximum(t.min(axis=0), runs.low[a]), np.minimum(t.max(axis=0), runs.high[a])
    course = t[1] - t[0]
    slope = (s[1] - s[0]) / np.where(np.abs(course) < _EPS_M, 1.0, course)
    away = s[0] + slope * ((low + high) / 2 - t[0])
    thickness = np.abs(away)
    keep = (high - low >= np.maximum(_LEAST_M, _LEAST_SHARE * thickness)) & (thickness >= span[0])
    rows = np.flatnonzero(keep & (thickness <= span[1]))
    a, b, low, high, away = a[rows], b[rows], low[rows], high[rows], away[rows]
    beside = [runs.at(a, t) - runs.origin[b] for t in (low, high)]
    b_t = np.sort(np.stack([dot(runs.along[b], p) for p in beside]), axis=0)
    b_side = np.where(cross(runs.along[b], beside[0] + beside[1]) > 0, 1, -1)
    return Facing(a, b, np.abs(away), np.where(away > 0, 1, -1), low, high, b_t[0], b_t[1], b_side)


def pieces(runs: Runs, found: Facing, thin: Facing, thickest: float) -> Pieces:
    """Return the walls' pieces: stretches that no nearer pair has taken, of pairs that are no row of lines.

    Args:
        runs: the lines.
        found: pairs of them that may be faces.
        thin: pairs that may be layers.
        thickest: metres; a wall with its layers is no thicker.
    """
    rows = np.flatnonzero(~_in_a_row(found))
    order = rows[np.lexsort((found.b[rows], found.a[rows], found.low[rows] - found.high[rows],
                             np.round(found.thickness[rows], 3)))]  # fmt: skip
    stack = Stack(runs, found, thin, thickest)
    made: list[tuple[int, int, Floats, Floats, bool]] = []
    for k in order.tolist():
        one, two, thickness = int(found.a[k]), int(found.b[k]), float(found.thickness[k])
        free = without([(float(found.low[k]), float(found.high[k]))], stack.taken[one])
        free = without(free, [stack.told(two, one, stretch) for stretch in stack.taken[two]])
        for x, y in free:
            if y - x < max(_LEAST_M, _LEAST_SHARE * thickness):
                continue
            stack.taken[one].append((x, y))
            stack.taken[two].append(stack.told(one, two, (x, y)))
            outer = stack.outermost(one, (x, y), one, -int(found.side[k]), thickness)
            other = stack.outermost(one, (x, y), two, -int(found.b_side[k]), stack.apart(outer, two, (one, x)))
            made.append((outer, other, runs.point(one, x), runs.point(one, y), (outer, other) != (one, two)))
    if not made:
        none, empty = np.empty((0, 2)), np.empty(0, dtype=np.int64)
        return Pieces(none, none, np.empty(0), np.empty(0), np.empty(0), empty, empty, empty, empty > 0)
    a, b = (np.array([piece[n] for piece in made], dtype=np.int64) for n in (0, 1))
    first, second = (np.array([piece[n] for piece in made]) for n in (2, 3))
    along, origin = runs.along[a], runs.origin[a]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    t = np.sort(np.stack([dot(along, point - origin) for point in (first, second)]), axis=0)
    foot = runs.at(b, dot(runs.along[b], (first + second) / 2 - runs.origin[b]))
    away = cross(along, foot - origin)
    return Pieces(
        origin + normal * (away / 2)[:, None], along, t[0], t[1], np.abs(away), np.where(away > 0, b, a),
        np.where(away > 0, a, b), runs.group[a], np.array([piece[4] for piece in made], dtype=np.bool_),
    )  # fmt: skip


def _in_a_row(found: Facing) -> Bools:
    """Return which pairs belong to a row of lines: a face has neighbours at both sides, equally far away.

    With such a face go its pairs of that distance and beyond, and pairs that reach across it.
    """
    run, partner = np.concatenate([found.a, found.b]), np.concatenate([found.b, found.a])
    side = (np.concatenate([found.side, found.b_side]) > 0).astype(np.int64)
    low, high = np.concatenate([found.low, found.b_low]), np.concatenate([found.high, found.b_high])
    thickness = np.concatenate([found.thickness, found.thickness])
    count = int(run.max(initial=-1)) + 1
    sides = np.zeros((count, 2), dtype=np.bool_)
    sides[run, side] = True
    row = np.full(count, np.inf)
    rows = np.flatnonzero((sides[:, 0] & sides[:, 1])[run])
    order = rows[np.lexsort((partner[rows], thickness[rows], side[rows], run[rows]))]
    starts = np.flatnonzero(np.diff(run[order], prepend=-1))
    for begin, end in pairwise([*starts.tolist(), len(order)]):
        members = order[begin:end]
        right, left = members[side[members] == 0][:_MOST_BESIDE], members[side[members] == 1][:_MOST_BESIDE]
        common = np.minimum(high[right][:, None], high[left]) - np.maximum(low[right][:, None], low[left])
        shorter = np.minimum((high - low)[right][:, None], (high - low)[left])
        wider = np.maximum(thickness[right][:, None], thickness[left])
        equal = np.abs(thickness[right][:, None] - thickness[left]) <= _EQUAL * wider
        equal &= common >= 0.5 * shorter
        if equal.any():
            row[run[members[0]]] = wider[equal].min()
    across = np.full((count, 2), np.inf)
    inner = np.flatnonzero(np.isfinite(row)[partner])
    np.minimum.at(across, (run[inner], side[inner]), thickness[inner])
    of_row = thickness >= _OF_ROW * row[run]
    reaching = thickness > across[run, side] + _EPS_M
    out: Bools = (of_row | reaching).reshape(2, -1).any(axis=0)
    return out
