"""What stands for a block: INSERT, and dimensions and tables, whose pictures are blocks. No block content here."""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build.frame import about_z, axes, to_world
from dxfd.convert.build.inserts import Placed, placed, together
from dxfd.convert.build.paths import normals
from dxfd.convert.build.ragged import Ints
from dxfd.convert.read.columns import Group, by_kind, group
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk

PICTURES: Final = ("DIMENSION", "ARC_DIMENSION", "LARGE_RADIAL_DIMENSION", "ACAD_TABLE")
"""Types drawn by an anonymous block (*D…, *T…) that code 2 names."""
REFERENCES: Final = ("INSERT", *PICTURES)


def pictures(group: Group, metres: float, *, table: bool) -> Placed:
    """Return where the pictures stand.

    A dimension's block is drawn in place, and shifted by code 12 where the dimension was copied. A table's block begins
    at its insertion point and lies along its direction (code 11).
    """
    n = group.count
    matrix = axes(normals(group))
    first = _first_points(group, 10 if table else 12) * metres
    if table:
        way = _first_points(group, 11)
        turn = about_z(np.where(way.any(axis=1), np.arctan2(way[:, 1], way[:, 0]), 0.0))
        at, matrix = first, matrix @ turn
    else:
        at = to_world(first, matrix)
        matrix = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()  # its content is in WCS already
    ones = np.ones(n, dtype=np.int64)
    return Placed(group.entity, at, np.ones((n, 3)), matrix, ones, ones, np.zeros((n, 2)))


def _first_points(group: Group, code: int) -> np.ndarray:
    """Return (n, 3) the first point of a code: tables repeat 10 and 11 in their cells."""
    out = np.zeros((group.count, 3))
    for axis in range(3):
        tag = group.tag_of(code + 10 * axis, first=True)
        has = tag >= 0
        out[has, axis] = group.tags.number[tag[has]]
    return out


def references(chunk: Chunk, members: Ints, codec: str, metres: float) -> tuple[Placed, list[str]]:
    """Return where the references among the chunk's entities stand, and the names of their blocks, ordered by entity.

    Args:
        chunk: the entities.
        members: (n,) growing indices of entities of the types in REFERENCES.
        codec: of the drawing's text.
        metres: metres per drawing unit.
    """
    parts: list[Placed] = []
    names: list[str] = []
    wanted = np.zeros(chunk.count, dtype=np.bool_)
    wanted[members] = True
    of = by_kind(chunk, wanted)
    for kind in REFERENCES:
        mine = of(kind)
        if not len(mine):
            continue
        found = group(chunk, mine)
        insert = kind == "INSERT"
        raw = chunk.tags.strings(found.tag_of(2, first=not insert)).to_pylist()
        names += [decode(value.strip(), codec) for value in raw]
        parts.append(placed(found, metres) if insert else pictures(found, metres, table=kind == "ACAD_TABLE"))
    if len(parts) == 1:
        return parts[0], names
    whole, order = together(parts)
    return whole, [names[k] for k in order.tolist()]
