"""What becomes of the lines that walls were made of: those used up, those that lie within a wall, and rests.

A line that is longer than the walls it is a face of stays an element, with what is left of it.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.ragged import Floats
from dxfd.convert.walls.joints import Plan, local
from dxfd.convert.walls.lines import Lines
from dxfd.convert.walls.runs import Runs, near

_LEAST_M: Final = 0.1
"""A shorter rest is none."""
_WITHIN_M: Final = 0.015
_SHORT_M: Final = 0.9
"""What lies within a wall and is no longer closes an end, whatever its layer."""
_TOUCH_M: Final = 0.03
"""Of a line that is a face of a wall more than this is, or half of it."""
_Segment = tuple[tuple[float, float], tuple[float, float]]


class Role(StrEnum):
    """What a line is to a wall."""

    FACE = "face"
    WITHIN = "within"
    """It closes an end, or is a layer."""


class Fate(Struct, frozen=True):
    """What became of an element whose lines walls were made of.

    Attributes:
        walls: wall to role, in order.
        rest: segments that are left of it; without any it is used up.
    """

    walls: dict[int, Role]
    rest: list[_Segment]


def fates(lines: Lines, runs: Runs, plans: list[Plan]) -> dict[int, Fate]:
    """Return what became of elements, by row; of those not named nothing was used.

    Args:
        lines: all of them.
        runs: what they make together.
        plans: the walls.
    """
    claims = _claims(runs, plans)
    ends = _along(lines, runs)
    used: dict[int, dict[int, float]] = defaultdict(dict)
    rests: dict[int, list[_Segment]] = defaultdict(list)
    length: dict[int, float] = defaultdict(float)
    for k, (owner, run) in enumerate(zip(lines.owner.tolist(), runs.of_line.tolist(), strict=True)):
        low, high = ends[k].tolist()
        free = [(low, high)]
        for wall, x, y in claims.get(run, ()):
            common = min(high, y) - max(low, x)
            if common > 0:
                used[owner][wall] = used[owner].get(wall, 0.0) + common
                free = [p for a, b in free for p in ((a, min(b, x)), (max(a, y), b)) if p[1] - p[0] > 0]
        length[owner] += high - low
        for a, b in free:
            if b - a > (_LEAST_M if len(free) > 1 or b - a < high - low else 0.0):
                p, q = (runs.point(run, t) for t in (a, b))
                rests[owner].append(((float(p[0]), float(p[1])), (float(q[0]), float(q[1]))))
    found: dict[int, Fate] = {}
    group = dict(zip(lines.owner.tolist(), lines.group.tolist(), strict=True))
    asked = [(owner, -1 if used[owner] else group[owner], segment) for owner in rests for segment in rests[owner]]
    inside = _inside(asked, plans)
    for owner in sorted({*rests, *used}):
        least = min(_TOUCH_M, length[owner] / 2)
        walls = {w: Role.FACE for w, common in sorted(used[owner].items()) if common > least}
        rest = [segment for segment in rests.get(owner, []) if (owner, segment) not in inside]
        if not walls:
            if rest or owner not in rests:
                continue
            walls = dict.fromkeys(sorted({inside[owner, s] for s in rests[owner]}), Role.WITHIN)
        found[owner] = Fate(walls, [s for s in rest if np.hypot(s[1][0] - s[0][0], s[1][1] - s[0][1]) > _LEAST_M])
    return found


def _claims(runs: Runs, plans: list[Plan]) -> dict[int, list[tuple[int, float, float]]]:
    """Return which walls each run is a face of: (wall, from, to) in metres along the run."""
    claims: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for number, plan in enumerate(plans):
        right, right_end, left_end, left = plan.corners()
        for faces, ends in ((plan.wall.right, (right, right_end)), (plan.wall.left, (left, left_end))):
            for run in faces:
                x, y = sorted(float(runs.along[run] @ (np.array(end) - runs.origin[run])) for end in ends)
                claims[run].append((number, x, y))
    return claims


def _along(lines: Lines, runs: Runs) -> Floats:
    """Return (n, 2) from and to of each segment in metres along its run."""
    run = runs.of_line
    t = [((end - runs.origin[run]) * runs.along[run]).sum(axis=1) for end in (lines.first, lines.second)]
    return np.sort(np.stack(t, axis=1), axis=1)


def _inside(segments: list[tuple[int, int, _Segment]], plans: list[Plan]) -> dict[tuple[int, _Segment], int]:
    """Return which segments lie within a wall, by the first such wall.

    Args:
        segments: owner, group (-1: any) and ends; a long one lies within walls of its group.
        plans: the walls.
    """
    if not segments or not plans:
        return {}
    corners = np.array([plan.corners() for plan in plans])
    count = len(plans)
    first = np.concatenate([corners.min(axis=1), np.array([s[0] for *_, s in segments])])
    second = np.concatenate([corners.max(axis=1), np.array([s[1] for *_, s in segments])])
    a, b = near(first, second, _WITHIN_M)
    mine = (a < count) & (b >= count)
    found: dict[tuple[int, _Segment], int] = {}
    for wall, k in sorted(zip(a[mine].tolist(), (b[mine] - count).tolist(), strict=True)):
        owner, group, segment = segments[k]
        short = abs(segment[0][0] - segment[1][0]) + abs(segment[0][1] - segment[1][1]) <= _SHORT_M
        if (owner, segment) in found or not (short or group in {-1, plans[wall].wall.group}):
            continue
        if all(_holds(plans[wall], end) for end in segment):
            found[owner, segment] = wall
    return found


def _holds(plan: Plan, point: tuple[float, float]) -> bool:
    t, s = local(plan.wall, point)
    low, high = min(plan.left[0], plan.right[0]), max(plan.left[1], plan.right[1])
    return abs(s) <= plan.wall.thickness / 2 + _WITHIN_M and low - _WITHIN_M <= t <= high + _WITHIN_M
