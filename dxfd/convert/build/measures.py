"""What the rules ask of each entity as columns, and where the entity knows better: width, thickness, areas of its own.

Decides; makes nothing itself (solids.py, areas.py, thick.py do).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build import areas, bodies, thick
from dxfd.convert.build.others import Others
from dxfd.convert.build.ragged import Bools, Floats, Ints, Meshes, Paths
from dxfd.convert.build.solids import Wish
from dxfd.convert.match.rules import Element, Recipe
from dxfd.convert.read.stream import Chunk

_ORDER: Final = list(Recipe)
_SLAB: Final = _ORDER.index(Recipe.SLAB)
_HIGH: Final = [_ORDER.index(r) for r in (Recipe.WALL, Recipe.COLUMN, Recipe.EXTRUDE, Recipe.SLAB)]
"""Recipes of which a thick entity knows the height better than the rule."""
_RAISED: Final = [*_HIGH, _ORDER.index(Recipe.BEAM), _ORDER.index(Recipe.DUCT)]
_LEVEL: Final = 1e-9
_BOXES: Final = [_ORDER.index(r) for r in (Recipe.BOX, Recipe.POINT)]
_LINES: Final = [_ORDER.index(r) for r in (Recipe.CURVE, Recipe.MESH)]


class Measures:
    """Dimensions of the rules as columns."""

    def __init__(self, rule: Ints, rules: list[Element]) -> None:
        self.rule = rule
        self._table = np.array(
            [(r.width_m, r.height_m, r.diameter_m, r.elevation_m) for r in rules], dtype=np.float64
        ).reshape(-1, 4)
        order = list(Recipe)
        self._recipe = np.array([order.index(r.recipe) for r in rules], dtype=np.int64)

    def of(self, entity: Ints) -> tuple[Floats, Floats, Floats]:
        """Return width, height, diameter (n,) in metres."""
        row = self._table[self.rule[entity]]
        return row[:, 0], row[:, 1], row[:, 2]

    def elevation(self, entity: Ints) -> Floats:
        """Return (n,) metres."""
        above: Floats = self._table[self.rule[entity], 3]
        return above

    def recipe(self, entity: Ints) -> Ints:
        """Return (n,) index into list(Recipe)."""
        return self._recipe[self.rule[entity]]


def wished(
    chunk: Chunk, paths: Paths, measures: Measures, circles: Bools, too_long: Bools, dot: Bools, metres: float
) -> Wish:
    """Return what the rules ask of each path; a polyline's own width goes before that of its rule."""
    width, height, diameter = measures.of(paths.entity)
    own = thick.widths(chunk, metres)
    if own is not None:
        width = np.where(own[paths.entity] > 0.0, own[paths.entity], width)
    return Wish(measures.recipe(paths.entity), width, height, diameter, circles[paths.entity], too_long, dot)


def thickened(paths: Paths, wish: Wish, along: Floats, meshes: list[Meshes]) -> tuple[Paths, Wish]:
    """Return paths and wishes: upright thickness is the height of what is raised, lines leave faces (in `meshes`)."""
    way = along[paths.entity]
    is_thick = way.any(axis=1)
    if not bool(is_thick.any()):
        return paths, wish
    upright = is_thick & (np.abs(way[:, :2]).max(axis=1) < 1e-9 * np.abs(way[:, 2]))
    raised = upright & (np.isin(wish.recipe, _HIGH) | (wish.circle & (wish.recipe == _ORDER.index(Recipe.PIPE))))
    height = np.where(raised, np.abs(way[:, 2]), wish.height)
    points = paths.points.copy()
    points[:, 2] += np.repeat(np.where(raised, np.minimum(way[:, 2], 0.0), 0.0), paths.counts)
    slab = raised & (wish.recipe == _SLAB)  # its height is measured downwards
    points[:, 2] += np.repeat(np.where(slab, height, 0.0), paths.counts)
    ribbon = is_thick & np.isin(wish.recipe, _LINES) & (paths.counts > 1)
    if bool(ribbon.any()):
        meshes.append(thick.ribbons(paths.take(np.flatnonzero(ribbon)), way[ribbon]))
    left = np.flatnonzero(~ribbon)
    kept = Paths(paths.entity, paths.offset, points, paths.closed).take(left)
    return kept, Wish(
        wish.recipe[left], wish.width[left], height[left], wish.diameter[left], wish.circle[left], wish.plain[left],
        wish.dot[left],
    )  # fmt: skip


def outlines(made: Meshes, measures: Measures, along: Floats | None) -> tuple[Paths | None, Meshes]:
    """Return level figures (SOLID, TRACE) that rules raise, as outlines, and the others; what is thick is a body."""
    rings = Paths(made.entity, made.vertex_offset, made.vertices, np.ones(len(made.entity), dtype=np.bool_))
    raised = np.isin(measures.recipe(made.entity), _RAISED) & bodies.can_stand(rings)
    if along is not None:
        raised &= ~along[made.entity].any(axis=1)
    if not bool(raised.any()):
        return None, made
    rows, left = np.flatnonzero(raised), np.flatnonzero(~raised)
    return rings.take(rows), made.take(left)


def take(
    rest: Others, curves: list[Paths], meshes: list[Meshes], measures: Measures, most: int,
    failed: dict[int, tuple[str, str]],
) -> None:  # fmt: skip
    """Add the rarer types: areas become bodies where the rule raises outlines, boxes for boxes, else faces.

    Areas of more than `most` points are not cut into faces (27 s for 190,000 of them): they are left to the paths.
    """
    failed.update(rest.failed)
    curves += rest.paths
    meshes += rest.meshes
    for part in rest.areas:
        recipe = measures.recipe(part.entity)
        boxed = np.isin(recipe, _BOXES) | (np.diff(part.bounds()) > most)
        raised = ~boxed & np.isin(recipe, _RAISED)
        if bool(boxed.any()):
            curves.append(part.take(np.flatnonzero(boxed)).outlines())
        if bool(raised.any()):
            meshes.append(_raised(part.take(np.flatnonzero(raised)), recipe[raised], measures, failed))
        if bool((~boxed & ~raised).any()):
            meshes.append(areas.flat(part.take(np.flatnonzero(~boxed & ~raised))))


def _raised(part: areas.Areas, recipe: Ints, measures: Measures, failed: dict[int, tuple[str, str]]) -> Meshes:
    """Return bodies over areas: as high as the rule says where they lie level, else as thick as it says."""
    width, height, _ = measures.of(part.entity)
    level = np.abs(part.normal[:, :2]).max(axis=1, initial=0.0) < _LEVEL
    slab = recipe == _SLAB
    made = areas.prisms(part, np.where(slab, -height, np.where(level, height, width)))
    empty = np.diff(made.face_offset) == 0
    failed.update(dict.fromkeys(made.entity[empty].tolist(), ("no_geometry", "")))
    return made.take(np.flatnonzero(~empty))
