"""Which way the faces of a closed surface look: outwards, whatever order their corners were drawn in. Pure.

Surfaces with an edge that two faces do not share stay as they are: they have no outside.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build.ragged import Bools, Floats, Ints
from dxfd.convert.keys import tally

_DIGITS: Final = 6
_LEAST: Final = 4
"""Faces of a body: a tetrahedron has four."""


def outward(points: Floats, faces: Ints) -> Ints:
    """Return faces (F, 3) turned so that they look outwards, if they close a body of points (V, 3).

    Points at one place, to a thousandth of a millimetre, count as one. What is turned alike already is turned as a
    whole, so that a hollow stays one; else each part that hangs together is turned for itself.
    """
    if len(faces) < _LEAST:
        return faces
    corner = _places(points)[faces]
    first, second = corner.ravel(), corner[:, [1, 2, 0]].ravel()
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.argsort(low * len(points) + high, kind="stable")
    key = (low * len(points) + high)[order]
    if len(key) % 2 or (key[::2] != key[1::2]).any() or (key[1:-1:2] == key[2::2]).any() or (low == high).any():
        return faces
    sides = np.stack([order[::2] // 3, order[1::2] // 3], axis=1)
    alike = first[order[::2]] != first[order[1::2]]  # run through both ways: turned alike
    a, b, c = (points[faces[:, k]] - points[0] for k in range(3))  # large coordinates would drown the volume
    six = np.einsum("ij,ij->i", a, np.cross(b, c))
    if bool(alike.all()):
        return faces[:, ::-1] if six.sum() < 0 else faces
    turned, part = _turned(sides, alike, len(faces))
    if turned is None:
        return faces
    volume = np.bincount(part, np.where(turned, -six, six))
    turned ^= volume[part] < 0
    return np.where(turned[:, None], faces[:, ::-1], faces)


def _places(points: Floats) -> Ints:
    """Return (V,) the number of each point's place."""
    _, of = tally(np.round(points - points[0], _DIGITS) + 0.0)  # a tenth of what np.unique takes for rows
    return of


def _turned(sides: Ints, alike: Bools, count: int) -> tuple[Bools | None, Ints]:
    """Return which faces are turned against the first of their part, None if that cannot be; and the part of each.

    Args:
        sides: (E, 2) the faces at each edge.
        alike: (E,) whether they are turned alike.
        count: of faces.
    """
    a, b = np.concatenate([sides, sides[:, ::-1]]).T
    other = np.concatenate([~alike, ~alike])
    order = np.argsort(a, kind="stable")
    beside, differs = b[order].reshape(count, 3), other[order].reshape(count, 3)  # three edges each
    turned, part = np.zeros(count, dtype=np.bool_), np.full(count, -1, dtype=np.int64)
    number = 0
    for seed in range(count):
        if part[seed] >= 0:
            continue
        part[seed] = number
        edge = np.array([seed])
        while len(edge):
            to, flip = beside[edge].ravel(), (differs[edge] ^ turned[edge, None]).ravel()
            fresh = part[to] < 0
            to, flip = to[fresh], flip[fresh]
            part[to], turned[to] = number, flip
            edge = np.unique(to)
        number += 1
    fits = (turned[sides[:, 0]] ^ turned[sides[:, 1]]) == ~alike
    return (turned if bool(fits.all()) else None), part
