"""Arcs, ellipses and bulges to points, within a tolerance in metres, for many entities at once. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build.at_once import check
from dxfd.convert.build.ragged import Bools, Floats, Ints, offsets, within

TOLERANCE_M: Final = 0.005
"""Largest distance between a curve and its chords, unless told otherwise: a column of 1 m diameter gets 23 sides."""
_COARSEST: Final = np.pi / 4
MOST_CHORDS: Final = 4096
"""Enough for a circle of 17 km radius at 5 mm; one of infinite radius must end somewhere."""


def segments_for(radius: Floats, sweep: Floats, tolerance_m: float = TOLERANCE_M) -> Ints:
    """Return (n,) chords needed: none of more than 45°, and never more than MOST_CHORDS of them.

    Raises:
        TooMuchAtOnceError: all together are too many.
    """
    safe = np.maximum(np.abs(radius), 1e-9)
    step = 2.0 * np.arccos(np.clip(1.0 - tolerance_m / safe, -1.0, 1.0))
    step = np.minimum(step, _COARSEST)  # 0 for a radius beyond all measure: then as many as allowed
    chords = np.ceil(np.abs(sweep) / step - 1e-9)
    chords = np.fmin(np.fmax(chords, 1), MOST_CHORDS)  # fmax: what overflowed to nan gets one, and is refused
    check(int(chords.sum()))
    return chords.astype(np.int64)


def arcs(
    center: Floats, radius: Floats, start: Floats, sweep: Floats, full: Bools, tolerance_m: float = TOLERANCE_M
) -> tuple[Ints, Floats]:
    """Return offsets (n + 1,) and points (N, 3) of arcs in their own XY plane.

    Args:
        center: (n, 3) metres.
        radius: (n,) metres.
        start: (n,) radians.
        sweep: (n,) radians, counter-clockwise.
        full: (n,) a closed circle: the first point is not repeated.
        tolerance_m: largest distance of the chords to the arc.
    """
    chords = segments_for(radius, sweep, tolerance_m)
    counts = chords + ~full
    row = np.repeat(np.arange(len(counts)), counts)
    angle = start[row] + sweep[row] * within(counts) / chords[row]
    points = center[row].copy()
    points[:, 0] += radius[row] * np.cos(angle)
    points[:, 1] += radius[row] * np.sin(angle)
    return offsets(counts), points


def ellipses(
    center: Floats,
    major: Floats,
    minor: Floats,
    start: Floats,
    sweep: Floats,
    full: Bools,
    tolerance_m: float = TOLERANCE_M,
) -> tuple[Ints, Floats]:
    """Return offsets and points of elliptic arcs: centre (n, 3), half axes (n, 3) as vectors, parameters in radians."""
    radius = np.maximum(np.linalg.norm(major, axis=1), np.linalg.norm(minor, axis=1))
    chords = segments_for(radius, sweep, tolerance_m)
    counts = chords + ~full
    row = np.repeat(np.arange(len(counts)), counts)
    angle = start[row] + sweep[row] * within(counts) / chords[row]
    points = center[row] + np.cos(angle)[:, None] * major[row] + np.sin(angle)[:, None] * minor[row]
    return offsets(counts), points


def bulged(
    offset: Ints, points: Floats, bulge: Floats, closed: Bools, tolerance_m: float = TOLERANCE_M
) -> tuple[Ints, Floats]:
    """Return offsets and points with the bulged segments of polylines replaced by chords.

    Args:
        offset: (n + 1,) where each polyline begins.
        points: (N, 3) metres, in the polylines' plane.
        bulge: (N,) tangent of a quarter of the arc's angle from each point to the next; positive is counter-clockwise.
        closed: (n,) the last point's bulge leads to the first.
        tolerance_m: largest distance of the chords to the arc.
    """
    if not len(points) or not bool((bulge != 0).any()):
        return offset, points
    at = np.flatnonzero(np.isfinite(bulge) & (np.abs(bulge) > 1e-9))  # few are bent: only they are looked at
    row = np.searchsorted(offset, at, side="right") - 1
    is_last = at == offset[row + 1] - 1
    follower = np.where(is_last, offset[row], at + 1)
    delta = points[follower] - points[at]
    chord = np.hypot(delta[:, 0], delta[:, 1])
    bent = (chord > 0) & (closed[row] | ~is_last)
    at, delta, chord, b = at[bent], delta[bent], chord[bent], bulge[at[bent]]
    sweep = 4.0 * np.arctan(b)
    radius = chord * (1 + b * b) / (4 * np.abs(b))
    middle = (points[at] + points[follower[bent]]) / 2
    lift = (1 - b * b) / (4 * b)
    center_x = middle[:, 0] - delta[:, 1] * lift
    center_y = middle[:, 1] + delta[:, 0] * lift
    own = segments_for(radius, sweep, tolerance_m)
    chords = np.ones(len(points), dtype=np.int64)
    chords[at] = own
    start = np.arctan2(points[at, 1] - center_y, points[at, 0] - center_x)
    which = np.repeat(np.arange(len(at)), own)
    step = within(own)
    inner = step > 0
    which, step = which[inner], step[inner]
    angle = start[which] + sweep[which] * step / own[which]
    out = np.repeat(points, chords, axis=0)
    emitted = offsets(chords)
    place = emitted[at[which]] + step
    out[place, 0] = center_x[which] + radius[which] * np.cos(angle)
    out[place, 1] = center_y[which] + radius[which] * np.sin(angle)
    return emitted[offset], out
