"""The curve that CAD programs draw through fit points: a cubic with a knot at each, in time and memory of their number.

One row of three numbers a point (The NURBS Book, 9.2.2): a full matrix of 20,000 points would take 3 GB.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dxfd.convert.build.ragged import Floats, norms
from dxfd.convert.build.splines import Curve


def fit_curve(points: Any, tangents: Any) -> Curve:
    """Return the curve through fit points (n, 2 or 3), with the directions at its ends if they are given.

    A point that stands twice counts once. Without directions the curve does not bend at its ends.

    Raises:
        ValueError: there are fewer than two points, or none can be drawn through them.
    """
    if not len(points):
        raise ValueError("a spline through no points")
    given = _three(points)
    given = given[np.concatenate([[True], (given[1:] != given[:-1]).any(axis=1)])]
    if len(given) < 2:
        raise ValueError("a spline through one point")
    if len(given) == 2 and not len(tangents):
        return Curve(1, given, np.array([0.0, 0.0, 1.0, 1.0]), np.empty(0))
    way = np.concatenate([[0.0], np.cumsum(norms(given[1:] - given[:-1]))])
    at = way / way[-1]
    ends = None
    if len(tangents):
        ends = _three(tangents)
        ends = ends / norms(ends)[:, None] * way[-1]
    controls = _controls(given, at, ends) if bool((at[1:] > at[:-1]).all()) else np.full(1, np.nan)
    if not np.isfinite(controls).all():  # or distances that vanish beside others
        raise ValueError("no spline goes through these points")
    return Curve(3, controls, np.concatenate([np.zeros(4), at[1:-1], np.ones(4)]), np.empty(0))


def _three(points: Any) -> Floats:
    flat = np.asarray(points, dtype=np.float64)
    return np.column_stack([flat, np.zeros(len(flat))]) if flat.shape[1] == 2 else flat


def _controls(points: Floats, at: Floats, ways: Floats | None) -> Floats:
    """Return (n + 2, 3) control points of the curve through points (n, 3) at parameters (n,).

    Args:
        points: of the curve.
        at: growing from 0 to 1.
        ways: (2, 3) derivatives at its first and last point; None = it does not bend there.
    """
    n = len(points)
    padded = np.concatenate([[0.0], at, [1.0]])
    a, b, c, d, e = (padded[k : n - 2 + k] for k in range(5))  # parameters about each inner one, two on either side
    low, high = np.zeros(n), np.zeros(n)
    low[1:-1], high[1:-1] = (d - c) ** 2 / ((d - b) * (d - a)), (c - b) ** 2 / ((d - b) * (e - b))
    middle, right = 1.0 - low - high, points.copy()
    if ways is None:
        first, second = at[1], at[2]
        middle[0], high[0], right[0] = first + second, -first, second * points[0]
        last, before = 1.0 - at[-2], 1.0 - at[-3]
        middle[-1], low[-1], right[-1] = last + before, -last, before * points[-1]
    else:
        right[0] += ways[0] * at[1] / 3
        right[-1] -= ways[1] * (1.0 - at[-2]) / 3
    return np.concatenate([points[:1], _solved(low, middle, high, right), points[-1:]])


def _solved(low: Floats, middle: Floats, high: Floats, right: Floats) -> Floats:
    """Return (n, 3) x of rows low x[k - 1] + middle x[k] + high x[k + 1] = right, none of which need be exchanged."""
    share: list[float] = []
    out: list[tuple[float, float, float]] = []
    before, (x, y, z) = 0.0, (0.0, 0.0, 0.0)
    for under, on, over, (p, q, r) in zip(low.tolist(), middle.tolist(), high.tolist(), right.tolist(), strict=True):
        divisor = on - under * before or np.nan
        before = over / divisor
        x, y, z = (p - under * x) / divisor, (q - under * y) / divisor, (r - under * z) / divisor
        share.append(before)
        out.append((x, y, z))
    for k in range(len(out) - 2, -1, -1):
        (x, y, z), (p, q, r), before = out[k], out[k + 1], share[k]
        out[k] = x - before * p, y - before * q, z - before * r
    return np.array(out)
