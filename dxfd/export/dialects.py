"""A finished database in another dialect of the federation schema, or with its bodies in the model's frame.

The layouts are SQL (dialect_*.sql) over a few temporary views: `part` (an element's body), `place` (where it is),
`structure` (buildings and storeys), `fact`, `shift`. Runs in `dxfd export db`; the conversion knows nothing of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from dxfd import __version__
from dxfd.errors import DiskFullError, OutputError, UsageError
from dxfd.export import spatial
from dxfd.export.frames import matrices
from dxfd.export.source import Source
from dxfd.export.step import guid
from dxfd.export.target import building
from dxfd.export.types import Written

_MARK: Final = "x_dxfd_export"
"""A table of ours; readers of the published layout pass over names that begin with x_."""


class Dialect(StrEnum):
    """Layouts that are written."""

    A = "a"
    B = "b"
    C = "c"
    D = "d"


class Frame(StrEnum):
    """What the vertices of a body are about."""

    LOCAL = "local"
    """The element's own centre."""
    WORLD = "world"
    """The model's origin; rotations are in the vertices."""


_USUAL: Final = {Dialect.A: Frame.WORLD, Dialect.B: Frame.LOCAL, Dialect.C: Frame.LOCAL, Dialect.D: Frame.LOCAL}


def export_db(source: Source, output: Path, dialect: Dialect, frame: Frame | None = None) -> Written:
    """Write a model in another dialect.

    Args:
        source: the database.
        output: the new one.
        dialect: its layout.
        frame: what vertices are about; None = as the dialect's readers expect it.

    Raises:
        UsageError: the dialect's readers know bodies about their own centre only.
        OutputError: the file cannot be written.
        DiskFullError: the disk is full.
    """
    chosen = frame or _USUAL[dialect]
    if chosen is Frame.WORLD and dialect in {Dialect.C, Dialect.D}:
        raise UsageError(f"readers of dialect {dialect} place bodies by their centres", hint="leave --frame out")
    with building(output, _is_ours) as partial:
        try:
            uri = f"{partial.absolute().as_uri()}?mode=rwc"
            with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                _write(connection, source, dialect, chosen)
        except sqlite3.Error as error:
            if "full" in str(error):
                raise DiskFullError(
                    f"the disk of {output.parent} is full", hint="free some space and export again"
                ) from error
            raise OutputError(f"{output}: {error}") from error
        size = partial.stat().st_size
    return Written(path=output, bytes=size, elements=source.facts.elements)


def _write(connection: sqlite3.Connection, source: Source, dialect: Dialect, frame: Frame) -> None:
    connection.create_function("digest", 3, _digest, deterministic=True)
    connection.create_function("placed", 7, _placed, deterministic=True)
    connection.execute("PRAGMA journal_mode = OFF")  # the file is thrown away if anything goes wrong
    connection.execute("PRAGMA synchronous = OFF")  # and synced once, before it is published
    connection.execute("ATTACH ? AS source", (f"{source.path.absolute().as_uri()}?mode=ro",))
    connection.execute("BEGIN")
    _prepare(connection, source, dialect, frame)
    for statement in _statements(files("dxfd.export").joinpath(f"dialect_{dialect}.sql").read_text(encoding="utf-8")):
        connection.execute(statement)
    if dialect is not Dialect.D:  # whose readers know no such table
        spatial.fill(connection)
    connection.execute(f"CREATE TABLE {_MARK} (key TEXT PRIMARY KEY, value TEXT)")
    rows = {"dialect": dialect.value, "frame": frame.value, "dxfd_version": __version__}
    connection.executemany(f"INSERT INTO {_MARK} VALUES (?, ?)", rows.items())
    connection.execute("COMMIT")
    connection.execute("DETACH source")


def _prepare(connection: sqlite3.Connection, source: Source, dialect: Dialect, frame: Frame) -> None:
    """Make the temporary views that the layouts are written over."""
    facts = source.facts
    connection.execute("CREATE TEMP TABLE shift (x REAL, y REAL, z REAL)")
    least = connection.execute("SELECT min_x, min_y FROM source.global_offset LIMIT 1").fetchone()
    connection.execute(
        "INSERT INTO shift VALUES (?, ?, 0.0)", (least or (0.0, 0.0)) if dialect is Dialect.A else (0.0, 0.0)
    )
    turned = frame is Frame.WORLD or dialect is Dialect.A  # dialect A has no place for a rotation
    turn = ", ".join(f"{'0.0' if turned else f't.rotation_{k}'} AS turn_{k}" for k in "xyz")
    connection.execute(
        "CREATE TEMP VIEW place AS SELECT t.id, t.guid, t.center_x - s.x AS x, t.center_y - s.y AS y,"
        f" t.center_z - s.z AS z, {turn}, t.length, t.bbox_x, t.bbox_y, t.bbox_z"
        " FROM source.element_transforms t, temp.shift s"
    )
    where = "t.center_x - s.x, t.center_y - s.y, t.center_z - s.z" if frame is Frame.WORLD else "0.0, 0.0, 0.0"
    vertices = f"placed(g.vertices, {where}, t.rotation_x, t.rotation_y, t.rotation_z)" if turned else "g.vertices"
    connection.execute(
        f"CREATE TEMP VIEW part AS SELECT m.id, m.guid, {vertices} AS vertices, g.faces FROM source.elements_meta m"
        " JOIN source.element_transforms t ON t.id = m.id"
        " JOIN source.base_geometries g ON g.geometry_hash = COALESCE(m.geometry_hash, m.guid), temp.shift s"
        " ORDER BY m.id LIMIT -1"  # with a limit SQLite makes each row once, not once for each mention of its vertices
    )
    connection.execute("CREATE TEMP TABLE fact (key TEXT, value TEXT)")
    found = connection.execute(
        "SELECT DISTINCT building, storey FROM source.elements_meta ORDER BY building, storey"
    ).fetchall()
    names = list(dict.fromkeys(name for name, _ in found if name))
    stem = Path(facts.drawing).stem
    values = {
        "project_name": stem, "building_name": names[0] if names else stem, "source_file": facts.drawing,
        "import_date": facts.finished_at,
    }  # fmt: skip
    connection.executemany("INSERT INTO fact VALUES (?, ?)", values.items())
    _structure(connection, facts.fingerprint or facts.drawing, found, facts.elevations)


def _structure(
    connection: sqlite3.Connection,
    identity: str,
    found: list[tuple[str | None, str | None]],
    elevations: dict[tuple[str, str], float],
) -> None:
    """Fill the table of site, buildings and storeys; their identifiers are those of the IFC export."""
    connection.execute(
        "CREATE TEMP TABLE structure"
        " (number INTEGER PRIMARY KEY, guid TEXT, type TEXT, name TEXT, parent_guid TEXT, elevation REAL)"
    )
    site = guid(identity, "site")
    rows: list[tuple[str, str, str, str | None, float | None]] = [(site, "IfcSite", "Site", None, None)]
    for name in dict.fromkeys(building_ or "Building" for building_, _ in found):
        above = guid(identity, "building", name)
        rows.append((above, "IfcBuilding", name, site, None))
        storeys = dict.fromkeys(storey or "Storey" for building_, storey in found if (building_ or "Building") == name)
        for storey in storeys:
            number = guid(identity, "storey", name, storey)
            rows.append((number, "IfcBuildingStorey", storey, above, elevations.get((name, storey))))
    connection.executemany(
        "INSERT INTO structure (guid, type, name, parent_guid, elevation) VALUES (?, ?, ?, ?, ?)", rows
    )


def _statements(script: str) -> Iterator[str]:
    for statement in script.split(";\n"):
        if any(line.strip() and not line.startswith("--") for line in statement.splitlines()):
            yield statement


def _digest(vertices: bytes, faces: bytes, length: int) -> str:
    return hashlib.sha256(vertices + faces).hexdigest()[:length]


def _placed(vertices: bytes, x: float, y: float, z: float, turn_x: float, turn_y: float, turn_z: float) -> bytes:
    """Return vertices turned and moved."""
    points = np.frombuffer(vertices, dtype="<f4").reshape(-1, 3).astype(np.float64)
    if turn_x or turn_y or turn_z:
        points = points @ matrices(np.array([[turn_x, turn_y, turn_z]]))[0].T
    moved: bytes = (points + np.array((x, y, z))).astype("<f4").tobytes()
    return moved


def _is_ours(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_MARK,)).fetchone()
            return found is not None
    except sqlite3.Error:
        return False
