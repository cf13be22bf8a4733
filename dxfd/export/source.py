"""A finished database, read in batches of elements with their bodies and attributes, in order of id.

Read-only, through Python's SQLite: an export never runs in the process of a conversion. Memory is bounded by the batch.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from msgspec import Struct

from dxfd.errors import NotADatabaseError, SourceMissingError

MOST_ROWS: Final = 4096
MOST_BYTES: Final = 4 << 20
"""Of bodies in one batch; a body larger than that is a batch of its own."""
_FETCH: Final = 256

_COLUMNS: Final = (
    "m.id, m.guid, m.element_name, m.dxf_handle, m.geometry_hash, m.discipline, m.ifc_class, m.predefined_type,"
    " m.element_type, m.rule_id, m.element_description, m.storey, m.building, m.material_name, m.material_rgba,"
    " m.dxf_type, m.dxf_layer, m.dxf_block, t.center_x, t.center_y, t.center_z, t.rotation_x, t.rotation_y,"
    " t.rotation_z, g.vertices, g.faces"
)
_ON_A_MAP: Final = ("local_grid", "projected_grid")
_MAP_UNITS: Final = MappingProxyType(
    {
        0: ("METRE", 1.0), 6: ("METRE", 1.0), 4: ("MILLI", 0.001), 5: ("CENTI", 0.01), 14: ("DECI", 0.1),
        15: ("DECA", 10.0), 16: ("HECTO", 100.0), 7: ("KILO", 1000.0), 1: ("INCH", 0.0254), 2: ("FOOT", 0.3048),
        10: ("YARD", 0.9144), 3: ("MILE", 1609.344), 21: ("US SURVEY FOOT", 1200 / 3937),
        22: ("US SURVEY INCH", 100 / 3937), 23: ("US SURVEY YARD", 3600 / 3937), 24: ("US SURVEY MILE", 6336000 / 3937),
    }
)  # fmt: skip
"""Number of the unit (as in $INSUNITS; 0 is not said) to its name or the metre's prefix, and metres."""
_USER_SCALE: Final = 2
_NEEDED: Final = {"elements_meta", "element_transforms", "base_geometries", "element_properties", "run_report"}


class Element(NamedTuple):
    """A row: an element, its place, and its own body unless it shares one."""

    id: int
    guid: str
    name: str | None
    handle: str | None
    shared: str | None
    discipline: str
    ifc_class: str
    predefined: str | None
    object_type: str | None
    rule: str
    description: str | None
    storey: str | None
    building: str | None
    material: str | None
    rgba: str | None
    dxf_type: str
    layer: str
    block: str | None
    x: float
    y: float
    z: float
    turn_x: float
    turn_y: float
    turn_z: float
    vertices: bytes | None
    faces: bytes | None


def alike(element: Element) -> tuple[object, ...]:
    """Return what elements of one rule, layer and block have in common."""
    return tuple.__getitem__(element, _ALIKE)


def turn_of(element: Element) -> tuple[float, float, float]:
    """Return the rotation, Euler XYZ, radians."""
    return element.turn_x, element.turn_y, element.turn_z


_ALIKE: Final = slice(5, 18)


class Batch(Struct, frozen=True):
    """Elements in order of id.

    Attributes:
        elements: the rows.
        attributes: element id to (name, value) of its properties, in order.
    """

    elements: list[Element]
    attributes: dict[int, list[tuple[str, str]]]


class Georeference(Struct, frozen=True):
    """Where the database's origin lies on a map.

    Attributes:
        crs: name of the coordinate system, as "EPSG:32648".
        eastings, northings, height: of the database's origin, in units of the map.
        abscissa, ordinate: direction of the drawing's x axis on the map.
        scale: units of the map per metre.
        unit: of the map: METRE, a prefix of it, or a name.
        unit_m: metres of that unit.
    """

    crs: str
    eastings: float
    northings: float
    height: float
    abscissa: float
    ordinate: float
    scale: float
    unit: str = "METRE"
    unit_m: float = 1.0


class Facts(Struct, frozen=True):
    """What the database says about itself.

    Attributes:
        drawing: name of the drawing.
        finished_at: ISO time.
        fingerprint: of the drawing; identifiers of what is not an element derive from it.
        offset: metres to be added to come back to the drawing's coordinates.
        center: of the model in plan, and its lowest z (global_offset).
        elements: how many.
        georeference: or None.
        unmapped: why there is none though the drawing has GEODATA; "" else.
        elevations: of storeys' floors as far as they are known, by building and storey; metres in the database's frame.
    """

    drawing: str
    finished_at: str
    fingerprint: str
    offset: tuple[float, float, float]
    center: tuple[float, float, float]
    elements: int
    georeference: Georeference | None
    elevations: dict[tuple[str, str], float]
    unmapped: str = ""


class Source:
    """One database. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            SourceMissingError: no such file.
            NotADatabaseError: it is none of ours, or a conversion that is not finished.
        """
        if not os.path.isfile(path):  # noqa: PTH113  unlike Path.is_file, no error for a name that is too long
            raise SourceMissingError(f"there is no database {path}")
        self.path = path
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        try:
            self.connection = sqlite3.connect(self._uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise NotADatabaseError(f"{path} cannot be opened: {error}") from error
        named = "SELECT name FROM sqlite_master WHERE type = 'table'"
        try:
            self.tables = frozenset(name for (name,) in self.connection.execute(named))
            self.facts = self._facts()
        except (sqlite3.Error, TypeError, ValueError) as error:  # the report is no JSON, the offset no number
            self.close()
            raise NotADatabaseError(f"{path} is not a result of dxfd: {error}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        """Close it; what SQLite met on the way is damage of this file.

        Raises:
            NotADatabaseError: SQLite met an error.
        """
        self.close()
        if isinstance(error, sqlite3.Error):
            raise NotADatabaseError(f"{self.path} cannot be read: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def disciplines(self) -> list[str]:
        """Return the codes that occur, sorted."""
        return [row[0] for row in self.connection.execute("SELECT DISTINCT discipline FROM elements_meta ORDER BY 1")]

    def shared_elements(self, discipline: str | None = None) -> int:
        """Return how many elements have a body that others may have too."""
        where, values = ("", ()) if discipline is None else (" AND discipline = ?", (discipline,))
        sql = f"SELECT COUNT(*) FROM elements_meta WHERE geometry_hash IS NOT NULL{where}"
        return int(self.connection.execute(sql, values).fetchone()[0])

    def batches(self, discipline: str | None = None) -> Iterator[Batch]:
        """Yield all elements, or those of one discipline; on a connection of its own, so that a thread may do it.

        Raises:
            NotADatabaseError: the file is damaged.
        """
        try:
            yield from self._batches(discipline)
        except sqlite3.Error as error:
            raise NotADatabaseError(f"{self.path} cannot be read: {error}") from error

    def _batches(self, discipline: str | None) -> Iterator[Batch]:
        where, values = ("", ()) if discipline is None else (" WHERE m.discipline = ?", (discipline,))
        with contextlib.closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as connection:
            properties = _Properties(connection)
            cursor = connection.execute(
                f"SELECT {_COLUMNS} FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
                f" LEFT JOIN base_geometries g ON g.id = m.id AND m.geometry_hash IS NULL{where} ORDER BY m.id",
                values,
            )
            rows: list[Element] = []
            held = 0
            while found := cursor.fetchmany(_FETCH if held < MOST_BYTES // 4 else 8):
                rows += map(Element._make, found)
                held += sum(len(row[24] or b"") + len(row[25] or b"") for row in found)
                if len(rows) >= MOST_ROWS or held >= MOST_BYTES:
                    yield Batch(rows, properties.of(rows[0].id, rows[-1].id))
                    rows, held = [], 0
            if rows:
                yield Batch(rows, properties.of(rows[0].id, rows[-1].id))

    def body(self, key: str) -> tuple[bytes, bytes]:
        """Return vertices and faces of a shared body; empty if it is missing."""
        row = self.connection.execute(
            "SELECT vertices, faces FROM base_geometries WHERE geometry_hash = ?", (key,)
        ).fetchone()
        return (bytes(row[0]), bytes(row[1])) if row else (b"", b"")

    def _facts(self) -> Facts:
        if missing := sorted(_NEEDED - self.tables):
            raise NotADatabaseError(f"{self.path} is not a result of dxfd: it has no table {missing[0]}")
        if "_conversion_progress" in self.tables:
            raise NotADatabaseError(
                f"{self.path} is a conversion that is not finished", hint="go on with it:  dxfd convert --resume"
            )
        report = {key: json.loads(value) for key, value in self.connection.execute("SELECT key, value FROM run_report")}
        offset = self.connection.execute("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata").fetchone()
        center = self.connection.execute("SELECT offset_x, offset_y, offset_z FROM global_offset LIMIT 1").fetchone()
        place, unmapped = self._georeference(offset) if "georeference" in self.tables and offset else (None, "")
        return Facts(
            drawing=Path(str(report.get("input", self.path.name))).name,
            finished_at=str(report.get("finished_at", "1970-01-01T00:00:00Z")),
            fingerprint=str(report.get("source_fingerprint", "")),
            offset=offset or (0.0, 0.0, 0.0),
            center=center or (0.0, 0.0, 0.0),
            elements=int(self.connection.execute("SELECT COUNT(*) FROM elements_meta").fetchone()[0]),
            georeference=place,
            unmapped=unmapped,
            elevations=self._elevations(offset[2] if offset else 0.0) if "storeys" in self.tables else {},
        )

    def _elevations(self, offset: float) -> dict[tuple[str, str], float]:
        rows = self.connection.execute("SELECT building, name, elevation_m FROM storeys").fetchall()
        return {(building or "", name): elevation - offset for building, name, elevation in rows}

    def _georeference(self, offset: tuple[float, float, float]) -> tuple[Georeference | None, str]:
        """Return the drawing's GEODATA as a map conversion, or None and why it is none."""
        row = self.connection.execute(
            "SELECT epsg, crs_name, coordinate_type, horizontal_units, vertical_units, design_x, design_y, design_z,"
            " reference_x, reference_y, reference_z, north_x, north_y, scale_method, user_scale,"
            " (SELECT unit_scale FROM coordinate_metadata) FROM georeference"
        ).fetchone()
        if row is None:
            return None, ""
        epsg, name, kind, units, heights, dx, dy, dz, rx, ry, rz, nx, ny, method, factor, metres = row
        length = math.hypot(nx, ny)
        if kind not in _ON_A_MAP:
            return None, f"its coordinates are {str(kind).replace('_', ' ')} ones, not those of a map"
        if units not in _MAP_UNITS or heights not in _MAP_UNITS:
            return None, f"its unit {units if units not in _MAP_UNITS else heights} is not known"
        if not (epsg or name) or not length:
            return None, "it names no coordinate system" if length else "it has no direction of north"
        unit, unit_m = _MAP_UNITS[units]
        ordinate, abscissa = nx / length, ny / length
        scale = (factor if method == _USER_SCALE and factor > 0 else 1.0) / unit_m
        x, y = offset[0] - dx * metres, offset[1] - dy * metres
        height = rz * (_MAP_UNITS[heights][1] / unit_m if heights else 1.0)
        return Georeference(
            f"EPSG:{epsg}" if epsg else name,
            rx + scale * (abscissa * x - ordinate * y), ry + scale * (ordinate * x + abscissa * y),
            height + scale * (offset[2] - dz * metres), abscissa, ordinate, scale, unit, unit_m,
        ), ""  # fmt: skip


class _Properties:
    """The properties, read beside the elements in the same order."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self._cursor.execute("SELECT element_id, name, value FROM element_properties ORDER BY element_id, rowid")
        self._next: tuple[Any, ...] | None = self._cursor.fetchone()

    def of(self, first: int, last: int) -> dict[int, list[tuple[str, str]]]:
        """Return those of elements first … last; earlier ones are passed over."""
        found: dict[int, list[tuple[str, str]]] = {}
        while self._next is not None and self._next[0] <= last:
            element, name, value = self._next
            if element >= first:
                found.setdefault(element, []).append((name, value or ""))
            self._next = self._cursor.fetchone()
        return found
