"""INSERT: where a block stands, how it is turned and scaled, the box it fills. Metres, WCS; no block content here."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.frame import about_z, axes, to_world
from dxfd.convert.build.paths import normals
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.read.columns import Group

_MOST_LINES: Final = 2**31 - 1
"""Columns, or rows, of an array: as many as DXF has numbers for. More of both would be no number of cells any more."""


class Placed(Struct, frozen=True):
    """Block references.

    Attributes:
        entity: (n,) entity index in the chunk.
        at: (n, 3) insertion points, metres, WCS.
        scale: (n, 3) factors, may be negative (mirrored) but not 0.
        turn: (n, 3, 3) rotation of the block's axes in WCS.
        columns, rows: (n,) of a MINSERT, 1 else.
        spacing: (n, 2) metres between columns, rows, along the turned axes.
    """

    entity: Ints
    at: Floats
    scale: Floats
    turn: Floats
    columns: Ints
    rows: Ints
    spacing: Floats

    @property
    def cells(self) -> Ints:
        """(n,) cells of each one's array, 1 else."""
        return self.columns * self.rows

    def take(self, rows: Ints) -> Placed:
        """Return the given ones."""
        return Placed(*(getattr(self, name)[rows] for name in self.__struct_fields__))


_NO_ROWS: Final = np.zeros(0, dtype=np.int64)
_NOTHING: Final = Placed(
    _NO_ROWS, np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3, 3)), _NO_ROWS, _NO_ROWS, np.zeros((0, 2))
)


def together(parts: list[Placed]) -> tuple[Placed, Ints]:
    """Return all references ordered by entity, and which one of all, part after part, each is."""
    whole = Placed(*(np.concatenate([getattr(part, name) for part in parts]) for name in Placed.__struct_fields__))
    order = np.argsort(whole.entity, kind="stable")
    return whole.take(order), order


def cells_of(group: Group) -> Ints:
    """Return (n,) cells of the array of each INSERT entity, 1 for those that are none."""
    columns, rows = _arrays(group)
    return columns * rows


def _arrays(group: Group) -> tuple[Ints, Ints]:
    """Return columns and rows; those without a distance lie on one another and are one (so in ezdxf)."""
    columns, rows = (
        np.where(group.number(distance) == 0.0, 1, np.clip(group.integer(count, 1), 1, _MOST_LINES))
        for count, distance in ((70, 44), (71, 45))
    )
    return columns, rows


def placed(group: Group, metres: float) -> Placed:
    """Return the references of a group of INSERT entities."""
    if not group.count:  # a third of a millisecond, asked twice for each piece of an exploded block
        return _NOTHING
    matrix = axes(normals(group))
    scale = np.stack([group.number(code, 1.0) for code in (41, 42, 43)], axis=1)
    scale = np.where(scale == 0.0, 1.0, scale)  # as AutoCAD does
    return Placed(
        group.entity,
        to_world(group.point(10) * metres, matrix),
        scale,
        matrix @ about_z(np.radians(group.number(50))),
        *_arrays(group),
        np.stack([group.number(44), group.number(45)], axis=1) * metres,
    )


def filled(where: Placed, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return centre and size (n, 3 each) of the box that each reference fills, in its own turned axes, from `at`.

    Args:
        where: the references.
        low: (n, 3) least corner of their blocks, from the base point, metres.
        high: (n, 3) the other one; arrays are spanned as a whole.
    """
    first, second = low * where.scale, high * where.scale
    low, high = np.minimum(first, second), np.maximum(first, second)
    for axis, count in ((0, where.columns), (1, where.rows)):
        reach = (count - 1) * where.spacing[:, axis]
        low[:, axis] += np.minimum(reach, 0.0)
        high[:, axis] += np.maximum(reach, 0.0)
    return (low + high) / 2, high - low


def world_extents(where: Placed, center: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Return low and high corners (n, 3 each) in WCS of turned boxes."""
    middle = where.at + to_world(center, where.turn)
    half = np.einsum("nij,nj->ni", np.abs(where.turn), size / 2)
    return middle - half, middle + half
