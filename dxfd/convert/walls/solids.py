"""Bodies of walls: a prism over four corners, and with openings a block of cells that leaves the openings out.

Closed, with faces counter-clockwise seen from outside. All corners lie on the lines of one grid (along the wall and
upwards), so no corner of one triangle lies within the side of another.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from dxfd.convert.build.ragged import Floats
from dxfd.convert.walls.joints import Plan

_SNAP_M: Final = 0.01
"""What remains of a wall above, below or beside an opening is thicker than this, or is not there."""
_PRISM: Final = np.array(
    [[0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7],
     [2, 1, 0], [3, 2, 0], [4, 5, 6], [4, 6, 7]], dtype=np.uint32,
)  # fmt: skip
"""As bodies.prisms() has it: sides, lower cap, upper cap."""


class Hole(Struct, frozen=True):
    """An opening: metres along the wall, and above its foot."""

    low: float
    high: float
    sill: float
    head: float


class Solid(Struct, frozen=True):
    """A body: middle and size of its box, `<f4` corners about the middle, `<u4` triangles."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    vertices: bytes
    faces: bytes


def whole(plan: Plan, foot: float, height: float) -> Solid:
    """Return a wall without openings."""
    return prism(plan.corners(), foot, height)


def prism(corners: list[tuple[float, float]], foot: float, height: float) -> Solid:
    """Return a prism over four corners that go round counter-clockwise."""
    lower = np.array([(x, y, foot) for x, y in corners])
    return _about_middle(np.concatenate([lower, lower + np.array([0.0, 0.0, height])]), _PRISM)


def strip(first: tuple[float, float], second: tuple[float, float], width: float) -> list[tuple[float, float]]:
    """Return the corners of a strip along a line."""
    (x0, y0), (x1, y1) = first, second
    length = float(np.hypot(x1 - x0, y1 - y0))
    dx, dy = (y1 - y0) / length * width / 2, (x0 - x1) / length * width / 2
    return [(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)]


def together(solids: list[Solid]) -> Solid:
    """Return one body of several that do not touch."""
    points, faces, first = [], [], 0
    for solid in solids:
        own = np.frombuffer(solid.vertices, dtype="<f4").reshape(-1, 3).astype(np.float64)
        points.append(own + solid.center)
        faces.append(np.frombuffer(solid.faces, dtype="<u4").reshape(-1, 3) + np.uint32(first))
        first += len(own)
    return _about_middle(np.concatenate(points), np.concatenate(faces))


def opened(plan: Plan, foot: float, height: float, holes: list[Hole]) -> Solid:
    """Return a wall with openings."""
    wall, half = plan.wall, plan.wall.thickness / 2
    t = [0.0, *sorted({v for hole in holes for v in (hole.low, hole.high)}), 0.0]
    z = sorted({0.0, height, *(v for hole in holes for v in (hole.sill, hole.head))})
    right = [wall.point(v, -half) for v in (plan.right[0], *t[1:-1], plan.right[1])]
    left = [wall.point(v, half) for v in (plan.left[0], *t[1:-1], plan.left[1])]
    columns, rows = len(t) - 1, len(z) - 1
    there = np.ones((columns + 2, rows + 2), dtype=np.bool_)  # with a rim of nothing around
    there[[0, -1], :] = there[:, [0, -1]] = False
    for hole in holes:
        there[1 + t.index(hole.low, 1) : 1 + t.index(hole.high, 1), 1 + z.index(hole.sill) : 1 + z.index(hole.head)] = (
            False
        )
    face = len(t) * len(z)

    def at(i: int, j: int, side: int) -> int:
        return side * face + i * len(z) + j

    quads = []
    for i in range(columns):
        for j in range(rows):
            if not there[i + 1, j + 1]:
                continue
            r = [at(i, j, 0), at(i + 1, j, 0), at(i + 1, j + 1, 0), at(i, j + 1, 0)]
            k = [v + face for v in r]  # the same on the left face
            quads += [r, k[::-1]]
            quads += [[r[0], r[3], k[3], k[0]]] if not there[i, j + 1] else []
            quads += [[r[1], k[1], k[2], r[2]]] if not there[i + 2, j + 1] else []
            quads += [[r[0], k[0], k[1], r[1]]] if not there[i + 1, j] else []
            quads += [[r[3], r[2], k[2], k[3]]] if not there[i + 1, j + 2] else []
    points = np.array([(x, y, foot + h) for line in (right, left) for x, y in line for h in z])
    square = np.array(quads, dtype=np.int64)
    faces = square[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    used, number = np.unique(faces, return_inverse=True)
    return _about_middle(points[used], number.reshape(-1, 3).astype(np.uint32))


def hole_of(low: float, high: float, sill: float, head: float, height: float) -> Hole | None:
    """Return an opening within a wall's height; None if nothing of it is left."""
    sill = sill if sill > _SNAP_M else 0.0
    head = head if head < height - _SNAP_M else height
    return Hole(low, high, sill, head) if head - sill > _SNAP_M else None


def _about_middle(points: Floats, faces: npt.NDArray[np.uint32]) -> Solid:
    low, high = points.min(axis=0), points.max(axis=0)
    middle, size = (low + high) / 2, high - low
    return Solid(
        tuple(middle.tolist()), tuple(size.tolist()), (points - middle).astype("<f4").tobytes(),
        faces.astype("<u4").tobytes(),
    )  # fmt: skip
