"""Openings of walls that were made of pairs of lines: in IFC the wall is whole, and an opening voids it.

Owns what is read from `walls` and `wall_openings`, the whole body of a wall that has openings, and the lines of the
openings. A database of an earlier version has none of these tables, and no openings.
"""

from __future__ import annotations

import struct
from math import hypot
from typing import Any, Final, Protocol

from msgspec import Struct

from dxfd.export.decimals import real, reals
from dxfd.export.figures import DIRECTION_PLACES, PLACES
from dxfd.export.source import Element, Source
from dxfd.export.step import proper

_BEYOND_M: Final = 0.01
"""A void reaches out of the wall at both faces: faces in one plane would leave a skin."""
_PRISM: Final = struct.pack(
    "<36I", *(0, 1, 5, 0, 5, 4, 1, 2, 6, 1, 6, 5, 2, 3, 7, 2, 7, 6, 3, 0, 4, 3, 4, 7),
    *(2, 1, 0, 3, 2, 0, 4, 5, 6, 4, 6, 7),
)  # fmt: skip


class Lines(Protocol):
    """What the stream offers."""

    up: int
    world: int
    body_context: int

    def add(self, text: str) -> int:
        """Write an instance and return its number."""
        ...

    def relation(self, keyword: str, text: str) -> None:
        """Write a relation with an identifier of its own."""
        ...


class _Opening(Struct, frozen=True):
    """An opening: its identifier and its filling's, metres along the wall's axis and above its foot."""

    guid: str
    filling: str
    low: float
    high: float
    sill: float
    head: float


class _Host(Struct, frozen=True):
    """A wall with openings: its corners, where its axis begins and goes, thickness, foot, height."""

    corners: tuple[float, ...]
    start: tuple[float, float]
    along: tuple[float, float]
    thickness: float
    foot: float
    height: float
    openings: list[_Opening]


class Openings:
    """The openings of one database, and which of them and of their fillings a file has got so far."""

    def __init__(self, source: Source) -> None:
        self._hosts = _hosts(source)
        self._filling_of = {o.guid: o.filling for host in self._hosts.values() for o in host.openings}
        self._wanted = set(self._filling_of.values())
        self._written: dict[str, int] = {}
        self._fillings: dict[str, int] = {}

    def body(self, element: Element) -> tuple[bytes, bytes]:
        """Return an element's own body; of a wall with openings the whole one."""
        host = self._hosts.get(element.guid) if self._hosts else None
        if host is None:
            return element.vertices or b"", element.faces or b""
        low, high = host.foot - element.z, host.foot + host.height - element.z
        x, y = host.corners[0::2], host.corners[1::2]
        points = [v for z in (low, high) for k in range(4) for v in (x[k] - element.x, y[k] - element.y, z)]
        return struct.pack("<24f", *points), _PRISM

    def met(self, element: Element, number: int, place: int, lines: Lines) -> None:
        """Write the openings of an element that has just been written.

        Args:
            element: any.
            number: its instance.
            place: the instance of its placement.
            lines: where to.
        """
        if element.guid in self._wanted:
            self._fillings[element.guid] = number
        host = self._hosts.get(element.guid)
        if host is None:
            return
        for opening in host.openings:
            self._written[opening.guid] = own = _written(lines, element, host, opening, place)
            lines.relation("IFCRELVOIDSELEMENT", f"#{number},#{own}")

    def end(self, lines: Lines) -> int:
        """Write which door or window fills which opening; return how many openings there are."""
        for guid, number in self._written.items():
            filling = self._fillings.get(self._filling_of[guid])
            if filling is not None:
                lines.relation("IFCRELFILLSELEMENT", f"#{number},#{filling}")
        return len(self._written)


def _hosts(source: Source) -> dict[str, _Host]:
    if "wall_openings" not in source.tables:
        return {}
    corners = ", ".join(f"corner{n}_{axis}" for n in range(1, 5) for axis in "xy")
    rows = source.connection.execute(
        f"SELECT w.guid, o.guid, filling, from_m, to_m, sill_m, head_m, start_x, start_y, end_x, end_y, thickness_m,"
        f" foot_m, height_m, {corners} FROM wall_openings o JOIN walls w ON w.guid = o.wall ORDER BY o.rowid"
    )
    found: dict[str, _Host] = {}
    for row in rows:
        host = found.get(row[0])
        if host is None:
            host = found[row[0]] = _host(row)
        host.openings.append(_Opening(*row[1:7]))
    return found


def _host(row: tuple[Any, ...]) -> _Host:
    x0, y0, x1, y1, thickness, foot, height = row[7:14]
    length = hypot(x1 - x0, y1 - y0)
    return _Host(row[14:22], (x0, y0), ((x1 - x0) / length, (y1 - y0) / length), thickness, foot, height, [])


def _written(lines: Lines, wall: Element, host: _Host, opening: _Opening, place: int) -> int:
    """Write an opening as a block that stands in its wall; return its number."""
    (x, y), (dx, dy), middle = host.start, host.along, (opening.low + opening.high) / 2
    at = (x + dx * middle - wall.x, y + dy * middle - wall.y, host.foot + opening.sill - wall.z)
    point = lines.add(f"IFCCARTESIANPOINT(({reals(at, PLACES)}))")
    along = lines.add(f"IFCDIRECTION(({reals((dx, dy), DIRECTION_PLACES)},0.))")
    axes = lines.add(f"IFCAXIS2PLACEMENT3D(#{point},#{lines.up},#{along})")
    here = lines.add(f"IFCLOCALPLACEMENT(#{place},#{axes})")
    size = reals((opening.high - opening.low, host.thickness + 2 * _BEYOND_M), PLACES)
    profile = lines.add(f"IFCRECTANGLEPROFILEDEF(.AREA.,$,$,{size})")
    depth = real(opening.head - opening.sill, PLACES)
    solid = lines.add(f"IFCEXTRUDEDAREASOLID(#{profile},#{lines.world},#{lines.up},{depth})")
    body = lines.add(f"IFCSHAPEREPRESENTATION(#{lines.body_context},'Body','SweptSolid',(#{solid}))")
    shape = lines.add(f"IFCPRODUCTDEFINITIONSHAPE($,$,(#{body}))")
    return lines.add(f"IFCOPENINGELEMENT('{proper(opening.guid)}',$,'Opening',$,$,#{here},#{shape},$,.OPENING.)")
