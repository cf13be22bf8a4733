"""Where on Earth a drawing lies: its GEODATA object as it stands. Computes no projection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from dxfd.convert.read.encoding import decode
from dxfd.convert.read.search import length, objects
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import Tags

_MESH: Final = 93
_ID: Final = re.compile(r"\bid\s{0,9}=\s{0,9}[\"']([^\"']{1,200})[\"']")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_ALIAS: Final = re.compile(r"<Alias\b")
_SYSTEM: Final = re.compile(r"<(?:Projected|Geographic|Geodetic)CoordinateSystem\b")
_KINDS: Final = {0: "unknown", 1: "local_grid", 2: "projected_grid", 3: "geographic"}

Point = tuple[float, float, float]


class Georeference(Struct, frozen=True, kw_only=True):
    """A GEODATA object: `reference` = where `design` lies in the coordinate system. Lengths as written.

    Attributes:
        handle: of the object.
        version: 1 (R2009), 2 (R2010), 3 (R2013).
        coordinate_type: unknown, local_grid, projected_grid or geographic.
        design: in the drawing (WCS), drawing units.
        reference: the same place in the coordinate system.
        north: (x, y) direction of north in the drawing.
        up: direction of up in the drawing.
        horizontal_scale: metres per drawing unit in plan, 0 if it is not said.
        vertical_scale: metres per drawing unit of height, 0 if it is not said.
        horizontal_units, vertical_units: numbers of the units, as $INSUNITS has them.
        scale_method: 1 none, 2 user_scale, 3 at the reference point, 4 prismoidal.
        user_scale: factor from the ground to the grid.
        sea_level_elevation: in the drawing's heights, if it is corrected for; else None.
        projection_radius: of the Earth, metres; 0 if it is not said.
        epsg: number of the coordinate system, 0 if the definition names none.
        crs_name: its name in the definition, "" if there is none.
        definition: of the coordinate system as it stands (XML), "" if there is none.
        rss_tag: GeoRSS.
    """

    handle: str
    version: int
    coordinate_type: str
    design: Point
    reference: Point
    north: tuple[float, float]
    up: Point
    horizontal_scale: float
    vertical_scale: float
    horizontal_units: int
    vertical_units: int
    scale_method: int
    user_scale: float
    sea_level_elevation: float | None
    projection_radius: float
    epsg: int
    crs_name: str
    definition: str
    rss_tag: str


def georeference(source: Source, sections: list[Section], codec: str) -> Georeference | None:
    """Return the first GEODATA object of a drawing, None if it has none."""
    tags = next(objects(source, sections, "GEODATA"), None)
    return None if tags is None else _read(tags, codec)


def _read(tags: Tags, codec: str) -> Georeference:
    end = length(tags)
    numbers: dict[int, float] = {}
    texts: dict[int, list[bytes]] = {}
    mesh = end
    for at in range(1, end):
        code = int(tags.code[at])
        if code == _MESH:  # what follows are points that repeat the codes of those before
            mesh = at
        if code in {5, 301, 302, 303}:
            texts.setdefault(301 if code == 303 else code, []).append(tags.value(at))
        elif at < mesh and (value := _number(tags, at, code)) is not None:
            numbers.setdefault(code, value)
    definition = _decoded(texts.get(301, []), codec).replace("^J", "\n")
    epsg, name = _named(definition)

    def number(code: int, default: float = 0.0) -> float:
        return numbers.get(code, default)

    def point(code: int, default: Point = (0.0, 0.0, 0.0)) -> Point:
        if code not in numbers:
            return default
        return number(code), number(code + 10), number(code + 20)

    north = (number(12), number(22)) if 12 in numbers else (0.0, 1.0)
    return Georeference(
        handle=_decoded(texts.get(5, []), codec), version=int(number(90)),
        coordinate_type=_KINDS.get(int(number(70)), "unknown"), design=point(10), reference=point(11),
        north=north, up=point(210, (0.0, 0.0, 1.0)), horizontal_scale=number(40), vertical_scale=number(41),
        horizontal_units=int(number(91)), vertical_units=int(number(92)), scale_method=int(number(95, 1)),
        user_scale=number(141, 1.0), sea_level_elevation=number(142) if number(294) else None,
        projection_radius=number(143), epsg=epsg, crs_name=name, definition=definition,
        rss_tag=_decoded(texts.get(302, []), codec),
    )  # fmt: skip


def _number(tags: Tags, at: int, code: int) -> float | None:
    if code == 294:
        return float(tags.value(at).strip() == b"1")
    value = float(tags.number[at])
    return value if abs(value) < 2**53 else None  # not nan either


def _decoded(parts: list[bytes], codec: str) -> str:
    return decode(b"".join(parts), codec)


def _named(definition: str) -> tuple[int, str]:
    """Return EPSG number and name of a coordinate system; by its marks, since no XML of a stranger is worth a parser.

    Nothing is looked for twice: what opens and never closes, four megabytes of it, took hours.
    """
    name, at = "", 0
    while not name and (mark := _SYSTEM.search(definition, at)) and (at := definition.find(">", mark.end())) >= 0:
        found = _ID.search(definition, mark.end(), at)
        name = found[1] if found else ""
    for attributes, content in _aliases(definition):
        found = _ID.search(attributes)
        if found and _NUMBER.fullmatch(found[1]) and "CoordinateSystem" in attributes and "EPSG" in content:
            return int(found[1]), name
    return 0, name


def _aliases(definition: str) -> Iterator[tuple[str, str]]:
    """Yield attributes and content of each Alias."""
    at = 0
    while mark := _ALIAS.search(definition, at):
        stop = definition.find(">", mark.end())
        at = definition.find("</Alias>", stop + 1)
        if stop < 0 or at < 0:
            return
        yield definition[mark.end() : stop], definition[stop + 1 : at]
