"""Repeated group codes of entities as ragged arrays: control points, knots, fit points. Knows no geometry."""

from __future__ import annotations

import numpy as np

from dxfd.convert.build.ragged import Floats, Ints, offsets
from dxfd.convert.read.columns import Group


def numbers_of(group: Group, code: int) -> tuple[Ints, Floats]:
    """Return offsets (n + 1,) and values of a code that may stand several times in an entity."""
    at = group.where(code)
    return offsets(np.bincount(group.row[at], minlength=group.count)), group.tags.number[group.tag[at]]


def points_of(group: Group, code: int) -> tuple[Ints, Floats]:
    """Return offsets (n + 1,) and points (N, 3) of the codes c, c+10, c+20; what is missing of a point is 0."""
    starts = group.where(code)
    row = group.row[starts]
    points = np.zeros((len(starts), 3))
    points[:, 0] = group.tags.number[group.tag[starts]]
    latest = np.cumsum(group.code == code) - 1
    for axis in (1, 2):
        places = group.where(code + 10 * axis)
        mine = latest[places]
        fits = mine >= 0
        fits[fits] = row[mine[fits]] == group.row[places[fits]]
        points[mine[fits], axis] = group.tags.number[group.tag[places[fits]]]
    return offsets(np.bincount(row, minlength=group.count)), points
