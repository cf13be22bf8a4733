"""Faces of walls: segments of one line put together, however often it was drawn broken. In plan, metres."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert import clash
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.walls.lines import Lines

_FLUSH_M: Final = 0.005
"""Segments of one line lie no farther apart than this across it."""
_TOUCH_M: Final = 0.002
_BEND: Final = 0.002
"""Sine of the angle between two segments of one line, at most."""


class Straight(Struct, frozen=True):
    """What reaches from `low` to `high` along a line in plan.

    Attributes:
        origin: (m, 2) a point of each.
        along: (m, 2) unit vectors.
        low, high: (m,) metres from the origin.
    """

    origin: Floats
    along: Floats
    low: Floats
    high: Floats

    def at(self, rows: Ints, t: Floats) -> Floats:
        """Return (k, 2) the points of some at metres along them."""
        return self.origin[rows] + self.along[rows] * t[:, None]

    def point(self, row: int, t: float) -> Floats:
        """Return (2,) the point of one at metres along it."""
        there: Floats = self.origin[row] + self.along[row] * t
        return there

    @property
    def ends(self) -> tuple[Floats, Floats]:
        """(m, 2) each."""
        return self.origin + self.along * self.low[:, None], self.origin + self.along * self.high[:, None]


class Runs(Straight, frozen=True):
    """Lines in plan, to the right or straight up.

    Attributes:
        group: (m,) of their segments.
        of_line: (n,) run of each segment.
    """

    group: Ints
    of_line: Ints


def cross(a: Floats, b: Floats) -> Floats:
    """Return (n,) how far b lies to the left of a; the sine of the angle between unit vectors."""
    product: Floats = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return product


def dot(a: Floats, b: Floats) -> Floats:
    """Return (n,) scalar products."""
    product: Floats = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]
    return product


def near(first: Floats, second: Floats, reach: Floats | float) -> tuple[Ints, Ints]:
    """Return pairs (i < j) of segments whose boxes, wider by `reach` at each side, overlap.

    Raises:
        TooManyPairsError: see clash.pairs.
    """
    if len(first) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    wider = np.broadcast_to(np.asarray(reach, dtype=np.float64), (len(first),))[:, None]
    flat = np.zeros((len(first), 1))
    low = np.hstack([np.minimum(first, second) - wider, flat])
    high = np.hstack([np.maximum(first, second) + wider, flat])
    return clash.pairs(clash.Boxes(low, high, np.zeros(len(first), dtype=np.int64)))


def runs(lines: Lines) -> Runs:
    """Return the lines that segments of one group make together: touching or overlapping, and straight."""
    n = len(lines.owner)
    delta = lines.second - lines.first
    length = np.hypot(*delta.T)
    along = delta / length[:, None]
    a, b = near(lines.first, lines.second, _TOUCH_M)
    mine = (lines.group[a] == lines.group[b]) & (np.abs(cross(along[a], along[b])) <= _BEND)
    a, b = a[mine], b[mine]
    swap = length[b] > length[a]
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    ends = [end[b] - lines.first[a] for end in (lines.first, lines.second)]
    flush = np.maximum(*(np.abs(cross(along[a], end)) for end in ends)) <= _FLUSH_M
    t = np.sort(np.stack([dot(along[a], end) for end in ends]), axis=0)
    flush &= (t[0] <= length[a] + _TOUCH_M) & (t[1] >= -_TOUCH_M)
    label = clash.joined(n, a[flush], b[flush])
    made = _measured(lines, label, along, length)
    off = np.maximum(*(np.abs(_across(made, end)) for end in (lines.first, lines.second))) > _FLUSH_M
    if off.any():  # a chain of short segments that bends a little at each: every one for itself
        label = np.where(np.isin(label, label[off]), np.arange(n), label)
        made = _measured(lines, label, along, length)
    return made


def _measured(lines: Lines, label: Ints, along: Floats, length: Floats) -> Runs:
    """Return a run for each label, in order: as its longest segment lies, as far as all of them reach."""
    n = len(label)
    order = np.lexsort((np.arange(n), -length, label))
    _, first, run = np.unique(label[order], return_index=True, return_inverse=True)
    of_line = np.empty(n, dtype=np.int64)
    of_line[order] = run
    longest = order[first]
    direction = along[longest]
    back = (direction[:, 0] < -1e-9) | ((np.abs(direction[:, 0]) <= 1e-9) & (direction[:, 1] < 0))
    direction = np.where(back[:, None], -direction, direction)
    origin = lines.first[longest]
    low, high = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    for end in (lines.first, lines.second):
        t = dot(direction[of_line], end - origin[of_line])
        np.minimum.at(low, of_line, t)
        np.maximum.at(high, of_line, t)
    return Runs(origin, direction, low, high, lines.group[longest], of_line)


def _across(made: Runs, end: Floats) -> Floats:
    return cross(made.along[made.of_line], end - made.origin[made.of_line])
