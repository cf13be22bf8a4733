"""Paths and meshes of a chunk to bodies about their centres: what each path becomes, and the choice of who makes it.

The C kernel makes them where it was built (a sixth of the time); build/portable.py gives the same bytes everywhere.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from dxfd.convert.build import bodies, portable
from dxfd.convert.build.portable import NO_VERTICES, OUT_OF_RANGE, Action, Plan, Solids, binary
from dxfd.convert.build.ragged import Bools, Floats, Ints, Meshes, Paths
from dxfd.convert.match.rules import Recipe
from dxfd.convert.native import kernel

WHY: Final = {
    NO_VERTICES: ("no_vertices", "the entity has no vertices"),
    OUT_OF_RANGE: ("out_of_range", "a coordinate is not finite or out of range"),
}
_RAISED: Final = {
    Recipe.WALL: Action.PRISM, Recipe.COLUMN: Action.PRISM, Recipe.EXTRUDE: Action.PRISM, Recipe.BEAM: Action.PRISM,
    Recipe.DUCT: Action.PRISM, Recipe.PIPE: Action.PRISM, Recipe.SLAB: Action.PRISM,
}  # fmt: skip
"""What a closed, horizontal outline becomes."""
_OPEN: Final = {
    Recipe.WALL: Action.UPRIGHT, Recipe.BEAM: Action.SQUARE, Recipe.DUCT: Action.SQUARE, Recipe.PIPE: Action.TUBE,
    Recipe.BOX: Action.BOX, Recipe.POINT: Action.PLACE, Recipe.COLUMN: Action.PLACE,
}  # fmt: skip
"""What any other path becomes; a curve where nothing is said."""
_ORDER: Final = list(Recipe)
_OPEN_OF: Final = np.array([_OPEN.get(r, Action.CURVE) for r in _ORDER], dtype=np.uint8)
_RAISED_OF: Final = np.array([_RAISED.get(r, _OPEN.get(r, Action.CURVE)) for r in _ORDER], dtype=np.uint8)
_SLAB: Final = _ORDER.index(Recipe.SLAB)
_PIPE: Final = _ORDER.index(Recipe.PIPE)


class Wish(Struct, frozen=True):
    """What the rules ask of each path.

    Attributes:
        recipe: (n,) index into list(Recipe).
        width, height, diameter: (n,) metres.
        circle: (n,) it is a CIRCLE: a pipe's section, not its course.
        plain: (n,) it keeps its line whatever the rule says.
        dot: (n,) it is a place without length.
    """

    recipe: Ints
    width: Floats
    height: Floats
    diameter: Floats
    circle: Bools
    plain: Bools
    dot: Bools


def plan(wish: Wish) -> Plan:
    """Return what is done with each path, lying open or raised over its outline."""
    lying, raised = _OPEN_OF[wish.recipe], _RAISED_OF[wish.recipe]
    raised = np.where((wish.recipe == _PIPE) & ~wish.circle, lying, raised)
    for rows, action in ((wish.plain, Action.CURVE), (wish.dot, Action.DOT)):
        lying, raised = (np.where(rows, np.uint8(action), which) for which in (lying, raised))
    height = np.where(wish.recipe == _SLAB, -wish.height, wish.height)  # a floor's line is its upper edge
    return Plan(lying, raised, wish.width, height, wish.diameter)


def solids(paths: Paths, meshes: Meshes, asked: Plan) -> tuple[Solids, dict[int, int]]:
    """Return the bodies ordered by entity, and the status of entities that gave none."""
    if kernel is None:
        return portable.solids(paths, meshes, asked)
    return _native(kernel, paths, meshes, asked)


def _native(kernel: Any, paths: Paths, meshes: Meshes, asked: Plan) -> tuple[Solids, dict[int, int]]:
    entity = np.concatenate([paths.entity, meshes.entity])
    by_entity = np.argsort(entity, kind="stable")
    order = np.where(by_entity < len(paths.entity), by_entity, len(paths.entity) - 1 - by_entity)
    offset, points = _plain(paths.offset, np.int64), _plain(paths.points, np.float64)
    closed = _plain(paths.closed, np.uint8)
    lying, raised = _plain(asked.lying, np.uint8), _plain(asked.raised, np.uint8)
    measures = [_plain(v, np.float64) for v in (asked.width, asked.height, asked.diameter)]
    ring_count, ring, cut_count, cut = _cuts(kernel, offset, points, closed, raised)
    most_vertices, most_faces = kernel.bounds(offset, lying, raised)
    m = len(order)
    kept, status = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.uint8)
    center, size, length = np.empty((m, 3)), np.empty((m, 3)), np.empty(m)
    vertex_place, face_place = np.empty(m + 1, dtype=np.int32), np.empty(m + 1, dtype=np.int32)
    vertices = np.empty((most_vertices + len(meshes.vertices), 3), dtype=np.float32)
    faces = np.empty((most_faces + len(meshes.faces), 3), dtype=np.uint32)
    n, _, _ = kernel.solids(
        order, offset, points, closed, lying, raised, *measures, ring_count, ring, cut_count, cut, bodies.CIRCLE,
        _plain(meshes.vertex_offset, np.int64), _plain(meshes.vertices, np.float64),
        _plain(meshes.face_offset, np.int64), _plain(meshes.faces, np.uint32),
        kept, status, center, size, length, vertex_place, face_place, vertices, faces,
    )  # fmt: skip
    failed = np.flatnonzero(status)
    sorted_entity = entity[by_entity]
    made = Solids(
        sorted_entity[kept[:n]], center[:n], size[:n], length[:n],
        binary(vertices, vertex_place[: n + 1]), binary(faces, face_place[: n + 1]),
    )  # fmt: skip
    return made, dict(zip(sorted_entity[failed].tolist(), status[failed].tolist(), strict=True))


def _cuts(
    kernel: Any, offset: Ints, points: Floats, closed: npt.NDArray[np.uint8], raised: npt.NDArray[np.uint8]
) -> tuple[Ints, Floats, Ints, npt.NDArray[np.uint32]]:
    """Return the rings that are no fan, (n,) points of each, and their triangles: (n,) counts and all of them."""
    n = len(closed)
    ring_count, cut_count = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    ring, near = np.empty((len(points), 3)), np.empty((len(points), 2))
    total = kernel.outlines(offset, points, closed, raised, ring_count, ring, near)
    rows = np.flatnonzero(ring_count)
    ends = np.cumsum(ring_count[rows])
    cut_count[rows], cut = bodies.cuts(near, ends - ring_count[rows], ends)
    return ring_count, ring[:total], cut_count, cut


def _plain(values: np.ndarray, kind: Any) -> np.ndarray:
    """Return the values contiguous and of the given type."""
    return np.ascontiguousarray(values, dtype=kind)
