"""Where walls meet: corners are mitred, a wall that meets another's side ends on its face. In plan, metres.

A wall is a quadrilateral between its two faces; a joint moves the two corners of an end. Joined walls have their end
faces in common and do not overlap.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.walls.chains import Wall
from dxfd.convert.walls.runs import near

FREE, CORNER, SIDE = "free", "corner", "side"
_LEAST_SINE: Final = math.sin(math.radians(20))
"""Walls that meet at less are not joined."""
_SLACK_M: Final = 0.05
_LONGEST: Final = 3.0
"""A mitre reaches no farther from where the axes meet than this many thicknesses."""
_SHORTEST_M: Final = 0.01
_Point = tuple[float, float]


class Plan(Struct, frozen=True):
    """A wall's outline and how it ends.

    Attributes:
        wall: what it is of.
        left, right: (from, to) metres along the wall at which its two faces begin and end.
        ends: what the lower and the upper end meet: FREE, CORNER or SIDE.
    """

    wall: Wall
    left: tuple[float, float]
    right: tuple[float, float]
    ends: tuple[str, str] = (FREE, FREE)

    def corners(self) -> list[_Point]:
        """Return the four corners, counter-clockwise from the right face's beginning."""
        half = self.wall.thickness / 2
        return [
            self.wall.point(self.right[0], -half), self.wall.point(self.right[1], -half),
            self.wall.point(self.left[1], half), self.wall.point(self.left[0], half),
        ]  # fmt: skip


class _Joint(Struct, frozen=True):
    """An end that meets another wall: how far it is from there, the other wall and its end (-1 = its side).

    Walls of one group go first: foundations lie under walls, and are a system of their own.
    """

    foreign: bool
    away: float
    other: int
    end: int

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Less is better."""
        return self.foreign, round(self.away, 6), self.other


def kept(walls: list[Wall]) -> list[Wall]:
    """Return the walls without stubs (twice as wide as long) and what lies within a longer one (pairs of caps)."""
    long = [w for w in walls if w.high - w.low >= w.thickness / 2 or w.pieces > 1]
    if not long:
        return long
    ends = np.array([[w.point(w.low, 0), w.point(w.high, 0)] for w in long])
    a, b = near(ends[:, 0], ends[:, 1], np.array([w.thickness for w in long]) / 2)
    gone = set()
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        shorter, longer = sorted((i, j), key=lambda k: (*_strength(long[k]), -k))
        s, w = long[shorter], long[longer]
        if abs(_sine(w, s)) > _LEAST_SINE and (_has_middle(w, s) or (not _strength(w)[0] and _has_middle(s, w))):
            gone.add(shorter)
    return [w for k, w in enumerate(long) if k not in gone]


def _has_middle(wall: Wall, other: Wall) -> bool:
    """Return whether the middle of another wall lies within one."""
    t, away = local(wall, other.point((other.low + other.high) / 2, 0))
    return abs(away) < wall.thickness / 2 and wall.low < t < wall.high


def _strength(wall: Wall) -> tuple[bool, float]:
    """Return what makes the better wall of two in one place: length; of two hardly longer than wide, to be thin."""
    length = round(wall.high - wall.low, 6)
    long = length >= 2 * wall.thickness
    return long, length if long else -wall.thickness


def joined(walls: list[Wall]) -> list[Plan]:
    """Return the outlines of walls, their ends joined to one another."""
    if not walls:
        return []
    ends = np.array([[w.point(w.low, 0), w.point(w.high, 0)] for w in walls])
    thickest = max(w.thickness for w in walls)
    a, b = near(ends[:, 0], ends[:, 1], thickest + _SLACK_M)
    best: dict[tuple[int, int], _Joint] = {}
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        for key, joint in _meeting(walls, i, j):
            known = best.get(key)
            if known is None or joint.rank < known.rank:
                best[key] = joint
    plans = [Plan(w, (w.low, w.high), (w.low, w.high)) for w in walls]
    done: set[tuple[int, int]] = set()
    for (wall, end), joint in sorted(best.items()):
        if (wall, end) in done:
            continue
        mutual = joint.end >= 0 and _names(best.get((joint.other, joint.end)), wall, end)
        if mutual:
            one, two = _mitred(plans, wall, end, joint.other, joint.end)
            if one is not None and two is not None and _fits(one, end) and _fits(two, joint.end):
                plans[wall], plans[joint.other] = one, two
                done |= {(wall, end), (joint.other, joint.end)}
                continue
        trimmed = _trimmed(plans[wall], end, walls[joint.other])
        if trimmed is not None and _fits(trimmed, end):
            plans[wall] = trimmed
            done.add((wall, end))
    return plans


def local(wall: Wall, point: _Point) -> tuple[float, float]:
    """Return where a point lies: metres along a wall, and to the left of its centre line."""
    x, y = point[0] - wall.origin[0], point[1] - wall.origin[1]
    (dx, dy) = wall.along
    return x * dx + y * dy, dx * y - dy * x


def _sine(one: Wall, two: Wall) -> float:
    """Return the sine of the angle from one to two."""
    return one.along[0] * two.along[1] - one.along[1] * two.along[0]


def _meeting(walls: list[Wall], i: int, j: int) -> list[tuple[tuple[int, int], _Joint]]:
    """Return which ends of two walls meet the other."""
    one, two = walls[i], walls[j]
    sine = _sine(one, two)
    if abs(sine) < _LEAST_SINE:
        return []
    cosine = abs(one.along[0] * two.along[0] + one.along[1] * two.along[1])
    t, s = local(two, one.origin)
    t_one = s / sine  # where one's axis crosses that of two
    t_two = t + t_one * (one.along[0] * two.along[0] + one.along[1] * two.along[1])
    at_one = _where(one, t_one, (two.thickness + one.thickness * cosine) / 2 / abs(sine) + _SLACK_M)
    at_two = _where(two, t_two, (one.thickness + two.thickness * cosine) / 2 / abs(sine) + _SLACK_M)
    if at_one is None or at_two is None:
        return []
    found, foreign = [], one.group != two.group
    if at_one[0] >= 0:
        found.append(((i, at_one[0]), _Joint(foreign, at_one[1], j, at_two[0])))
    if at_two[0] >= 0:
        found.append(((j, at_two[0]), _Joint(foreign, at_two[1], i, at_one[0])))
    return found


def _where(wall: Wall, t: float, reach: float) -> tuple[int, float] | None:
    """Return the end of a wall that a place is near (-1: between them), and how near; None if it is off the wall."""
    low, high = abs(t - wall.low), abs(t - wall.high)
    if min(low, high) <= reach:
        return (0, low) if low < high else (1, high)
    return (-1, 0.0) if wall.low < t < wall.high else None


def _names(joint: _Joint | None, wall: int, end: int) -> bool:
    return joint is not None and (joint.other, joint.end) == (wall, end)


def _mitred(plans: list[Plan], i: int, i_end: int, j: int, j_end: int) -> tuple[Plan | None, Plan | None]:
    """Return both walls with the ends at which they make a corner: inner face to inner face, outer to outer."""
    one, two = plans[i].wall, plans[j].wall
    inward = [(-1 if end else 1) for end in (i_end, j_end)]  # from the corner along the wall's body
    turn = inward[0] * inward[1] * _sine(one, two)
    # of a wall seen from the corner, the inner face is on the side to which the other one goes
    one_inner = 1 if turn * inward[0] > 0 else -1
    two_inner = -1 if turn * inward[1] > 0 else 1
    got: list[dict[int, float]] = [{}, {}]
    middle = _crossing(one, 0, two, 0)
    for side in (1, -1):  # inner, outer
        point = _crossing(one, one_inner * side, two, two_inner * side)
        if math.dist(point, middle) > _LONGEST * max(one.thickness, two.thickness):
            return None, None
        got[0][one_inner * side] = local(one, point)[0]
        got[1][two_inner * side] = local(two, point)[0]
    return _moved(plans[i], i_end, got[0], CORNER), _moved(plans[j], j_end, got[1], CORNER)


def _trimmed(plan: Plan, end: int, other: Wall) -> Plan | None:
    """Return a wall that ends on the near face of another one."""
    wall = plan.wall
    _, away = local(other, wall.point((wall.low + wall.high) / 2, 0))
    near_side = 1 if away > 0 else -1
    got = {side: local(wall, _crossing(wall, side, other, near_side))[0] for side in (1, -1)}
    if max(abs(t - (wall.low, wall.high)[end]) for t in got.values()) > _LONGEST * max(wall.thickness, other.thickness):
        return None
    return _moved(plan, end, got, SIDE)


def _crossing(one: Wall, one_side: int, two: Wall, two_side: int) -> _Point:
    """Return where a face of one wall meets a face of another: 1 left, -1 right, 0 the centre line."""
    start = one.point(0, one_side * one.thickness / 2)
    _, s = local(two, start)
    return one.point((s - two_side * two.thickness / 2) / _sine(one, two), one_side * one.thickness / 2)


def _moved(plan: Plan, end: int, t: dict[int, float], how: str) -> Plan:
    def put(pair: tuple[float, float], value: float) -> tuple[float, float]:
        return (pair[0], value) if end else (value, pair[1])

    ends = (plan.ends[0], how) if end else (how, plan.ends[1])
    return Plan(plan.wall, put(plan.left, t[1]), put(plan.right, t[-1]), ends)


def _fits(plan: Plan, end: int) -> bool:
    """Return whether a wall still has a length at either face, and its openings lie within."""
    low, high = max(plan.left[0], plan.right[0]), min(plan.left[1], plan.right[1])
    if high - low < _SHORTEST_M:
        return False
    if not plan.wall.openings:
        return True
    first, last = plan.wall.openings[0].low, plan.wall.openings[-1].high
    return last <= high - _SHORTEST_M if end else first >= low + _SHORTEST_M
