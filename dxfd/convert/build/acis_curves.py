"""The edges of ACIS bodies as points along them: straight lines, arcs of ellipses, splines. Pure; the body's own frame.

What is decided by angles is decided by the corners of an edge, not by its parameters: old bodies have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from dxfd.convert.build import splines
from dxfd.convert.build.ragged import Floats
from dxfd.convert.build.sat import Record, to, turned

_MOST_CHORDS: Final = 4096
_MOST_CONTROLS: Final = 20_000
_MOST_POINTS: Final = 100_000
_FINE: Final = 2e-4
"""Of a spline's size: how far chords are from it at most, whatever the tolerance, so that boxes are true."""
_NEAR: Final = 1e-6
"""Of a chord: what is nearer to its end is its end."""


def place(records: list[Record], vertex: int) -> Floats | None:
    """Return the point of a vertex record."""
    found = to(records, records[vertex], "point")
    numbers = records[found[0]].numbers[:3] if found else []
    return np.array(numbers) if len(numbers) == 3 else None


def ends(records: list[Record], edge: Record) -> tuple[Floats, Floats] | None:
    """Return where an edge begins and ends; None where it does not say."""
    vertices = to(records, edge, "vertex")
    if not vertices:
        return None
    first, last = place(records, vertices[0]), place(records, vertices[-1])
    return None if first is None or last is None else (first, last)


def edge_points(records: list[Record], edge: Record, tolerance: float) -> Floats | None:
    """Return (n, 3) the points of an edge, from its begin to its end; None for a curve that is not known.

    Args:
        records: of the body.
        edge: one of them.
        tolerance: largest distance of a chord from an ellipse.
    """
    corners = ends(records, edge)
    curves = to(records, edge, "-curve")
    if corners is None:
        return None
    if not curves or records[curves[0]].name == "straight-curve":
        return np.array(corners)
    curve = records[curves[0]]
    backwards = turned(records, edge, curve.name)
    if curve.name == "ellipse-curve":
        return _arc(curve.numbers, corners, tolerance, backwards=backwards)
    points = spline(curve, tolerance)
    return None if points is None else _between(points, corners, backwards=backwards != _is_reversed(curve))


def arc_extremes(records: list[Record], edge: Record, ways: Floats) -> list[Floats]:
    """Return the points of an edge that is an ellipse's arc where it reaches farthest along each of ways (k, 3)."""
    corners = ends(records, edge)
    curves = to(records, edge, "ellipse-curve")
    ellipse = _ellipse(records[curves[0]].numbers) if curves else None
    if corners is None or ellipse is None:
        return []
    center, major, minor = ellipse
    first, turn = _range(ellipse, corners, backwards=turned(records, edge, "ellipse-curve"))
    out = []
    for way in ways:
        best = math.atan2(float(minor @ way), float(major @ way))
        for angle in (best, best + math.pi):
            far = (angle - first) % math.tau if turn > 0 else (first - angle) % math.tau
            if far <= abs(turn):
                out.append(center + math.cos(angle) * major + math.sin(angle) * minor)
    return out


def _ellipse(numbers: Sequence[float]) -> tuple[Floats, Floats, Floats] | None:
    """Return centre and half axes."""
    if len(numbers) < 10:
        return None
    center, normal, major = (np.array(numbers[k : k + 3]) for k in (0, 3, 6))
    if not (major @ major) > 0.0 or not numbers[9]:
        return None
    return center, major, np.cross(normal, major) * numbers[9]


def _range(
    ellipse: tuple[Floats, Floats, Floats], corners: tuple[Floats, Floats], *, backwards: bool
) -> tuple[float, float]:
    """Return the angle at which an arc begins, and by how much it turns: positive about the ellipse's normal."""
    center, major, minor = ellipse
    first, last = (
        math.atan2(float((p - center) @ minor / (minor @ minor)), float((p - center) @ major / (major @ major)))
        for p in corners
    )
    whole = float(np.abs(corners[0] - corners[1]).max()) <= 1e-9 * float(np.abs(major).max() + 1.0)
    turn = math.tau if whole else (first - last if backwards else last - first) % math.tau
    return first, -turn if backwards else turn


def _arc(
    numbers: Sequence[float], corners: tuple[Floats, Floats], tolerance: float, *, backwards: bool
) -> Floats | None:  # fmt: skip
    ellipse = _ellipse(numbers)
    if ellipse is None:
        return None
    center, major, minor = ellipse
    first, turn = _range(ellipse, corners, backwards=backwards)
    radius = math.sqrt(max(float(major @ major), float(minor @ minor)))
    step = 2 * math.acos(max(-1.0, 1 - tolerance / radius)) if tolerance < radius else math.pi / 2
    chords = max(math.ceil(abs(turn) / (math.pi / 4)), min(_MOST_CHORDS, math.ceil(abs(turn) / max(step, 1e-9))), 1)
    angle = first + turn * np.arange(1, chords) / chords
    between = center + np.cos(angle)[:, None] * major + np.sin(angle)[:, None] * minor
    return np.concatenate([corners[0][None], between, corners[1][None]])


def _is_reversed(curve: Record) -> bool:
    """Return whether a spline curve goes against what is written out in its braces."""
    return bool({"reversed", "True"} & set(curve.words[: curve.words.index("{")])) if "{" in curve.words else False


def spline(curve: Record, tolerance: float) -> Floats | None:
    """Return (n, 3) points along a spline curve; None if it is none that is written out.

    Args:
        curve: of the body.
        tolerance: largest distance of a chord from it; at most a five thousandth of its size is taken.
    """
    words = curve.words
    at = next((k for k, word in enumerate(words) if word in {"nubs", "nurbs"}), -1)
    if at < 0 or at + 1 >= len(words) or not isinstance(words[at + 1], float):
        return None
    degree = int(words[at + 1])
    at = next((k for k in range(at + 2, len(words)) if isinstance(words[k], float)), len(words))
    numbers = _reals(words, at)
    if degree < 1 or not numbers:
        return None
    knots, used = _knots(numbers, 1, int(numbers[0]))
    count, size = len(knots) - degree + 1, 4 if "nurbs" in words else 3
    if not degree < count <= _MOST_CONTROLS or len(numbers) < used + count * size:
        return None
    net = np.array(numbers[used : used + count * size]).reshape(count, size)
    given = splines.Curve(degree, net[:, :3], np.array([knots[0], *knots, knots[-1]]), net[:, 3:].ravel())
    sound, mended = splines.mended(given)
    extent = float(np.ptp(net[:, :3], axis=0).max())
    if mended or not math.isfinite(extent):
        return None
    _, points, crowded = splines.flattened(splines.together([sound]), min(tolerance, _FINE * extent), _MOST_POINTS)
    return None if bool(crowded[0]) else points


def net(surface: Record) -> Floats | None:
    """Return (n, 3) the control points of a spline surface, within whose box it lies; None if they are not written."""
    words = surface.words
    at = next((k for k, word in enumerate(words) if word in {"nubs", "nurbs"}), -1)
    if "exactsur" not in words or at < 0 or len(words) < at + 4:
        return None
    degrees = words[at + 1 : at + 3]
    at = next((k for k in range(at + 3, len(words)) if isinstance(words[k], float)), len(words))
    numbers = _reals(words, at)
    if len(numbers) < 2 or not all(isinstance(degree, float) and degree >= 1 for degree in degrees):
        return None
    along, used = _knots(numbers, 2, int(numbers[0]))
    across, used = _knots(numbers, used, int(numbers[1]))
    count = 1
    for knots, degree in zip((along, across), degrees, strict=True):
        count *= max(len(knots) - int(degree) + 1, 0)
    size = 4 if "nurbs" in words else 3
    if not 0 < count <= _MOST_CONTROLS or len(numbers) < used + count * size:
        return None
    return np.array(numbers[used : used + count * size]).reshape(count, size)[:, :3]


def _reals(words: Sequence[float | str], at: int) -> list[float]:
    """Return the reals from a place on, up to the next word."""
    out: list[float] = []
    for word in words[at:]:
        if not isinstance(word, float):
            break
        out.append(word)
    return out


def _knots(numbers: list[float], at: int, count: int) -> tuple[list[float], int]:
    """Return knots, each as often as it counts, and the place behind them."""
    out: list[float] = []
    for k in range(at, at + 2 * max(count, 0), 2):
        if k + 1 >= len(numbers) or len(out) > _MOST_CONTROLS:
            return [], len(numbers)
        out += [numbers[k]] * min(max(int(numbers[k + 1]), 0), 100)
    return out, at + 2 * max(count, 0)


def _between(points: Floats, corners: tuple[Floats, Floats], *, backwards: bool) -> Floats | None:
    """Return the part of a curve (n, 3) between two of its points; which way round a closed one goes is told."""
    if len(points) < 2:
        return None
    end = float(len(points) - 1)
    first, last = (_along(points, corner) for corner in corners)
    closed = bool(np.abs(points[0] - points[-1]).max() <= 1e-6 * np.ptp(points, axis=0).max())
    if closed and first in {0.0, end}:  # begin and end of a closed curve are one place
        first = end if backwards else 0.0
    if closed and last in {0.0, end}:
        last = 0.0 if backwards else end
    against = backwards if closed or first == last else first > last
    low, high = (last, first) if against else (first, last)
    if low < high:
        inner = points[math.floor(low) + 1 : math.ceil(high)]
    elif closed:  # over the seam, or once around
        inner = np.concatenate([points[math.floor(low) + 1 : -1], points[: math.ceil(high)]])
    else:  # a curve of which only one place is known
        inner = points[1:-1]
    inner = inner[::-1] if against else inner
    return np.concatenate([corners[0][None], inner, corners[1][None]])


def _along(points: Floats, place: Floats) -> float:
    """Return where on a line of points a place lies: the number of a point, and the share of the way to the next."""
    step = points[1:] - points[:-1]
    size = (step * step).sum(axis=1)
    share = np.clip(((place - points[:-1]) * step).sum(axis=1) / np.where(size > 0, size, 1.0), 0.0, 1.0)
    off = points[:-1] + share[:, None] * step - place
    at = int((off * off).sum(axis=1).argmin())
    found = at + float(share[at])
    return float(round(found)) if abs(found - round(found)) < _NEAR else found
