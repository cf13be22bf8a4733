"""Conversions in this process: drawings as text, rules that take everything, databases as plain rows."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dxfd.convert import pipeline
from dxfd.convert.read import bounds
from dxfd.convert.read.skim import skim
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, Stream
from dxfd.convert.scope import OUTSIDE
from dxfd.convert.types import DEFAULT_LIMITS, ConvertOptions, Event, Limits, Report

TYPES = (
    "LINE", "POINT", "CIRCLE", "ARC", "ELLIPSE", "LWPOLYLINE", "POLYLINE", "3DFACE", "SOLID", "TRACE", "TEXT", "MTEXT",
    "INSERT", "SPLINE", "HATCH", "MPOLYGON", "DIMENSION", "LEADER", "MULTILEADER", "MLINE", "MESH", "3DSOLID", "REGION",
    "BODY", "SURFACE", "HELIX", "IMAGE", "WIPEOUT", "RAY", "XLINE", "TOLERANCE", "ATTDEF", "SHAPE", "VIEWPORT",
    "ACAD_TABLE", "LIGHT",
)  # fmt: skip


def rules(path: Path, recipe: str = "curve", types: Iterable[str] = TYPES) -> Path:
    """Write a rule set that makes an element of every entity of these types; return its path."""
    names = ", ".join(f'"{name}"' for name in types)
    path.write_text(
        f'version = 1\n[[rule]]\nid = "all"\nifc_class = "IfcWall"\ndiscipline = "ARC"\nrecipe = "{recipe}"\n'
        f'block_recipe = "box"\ntypes = [{names}]\n'
    )
    return path


def tag(code: int, value: object) -> str:
    """Return one tag."""
    return f"{code:3d}\n{value}\n"


def entity(kind: str, *tags: tuple[int, object], handle: str = "", layer: str = "A-WALL") -> str:
    """Return one entity."""
    head = tag(0, kind) + (tag(5, handle) if handle else "") + tag(8, layer)
    return head + "".join(tag(code, value) for code, value in tags)


def line(number: int, layer: str = "A-WALL") -> str:
    """Return a LINE of 3 m (in mm) with handle 0x100 + number."""
    x, y = number % 100 * 4000.0, number // 100 * 1000.0
    return entity("LINE", (10, x), (20, y), (30, 0.0), (11, x + 3000.0), (21, y), (31, 0.0),
                  handle=f"{0x100 + number:X}", layer=layer)  # fmt: skip


def section(name: str, content: str) -> str:
    """Return one section."""
    return tag(0, "SECTION") + tag(2, name) + content + tag(0, "ENDSEC")


def header(*, version: str = "AC1015", insunits: int = 4, extra: str = "") -> str:
    """Return a HEADER section."""
    return section(
        "HEADER", tag(9, "$ACADVER") + tag(1, version) + tag(9, "$INSUNITS") + tag(70, insunits) + extra
    )  # fmt: skip


def drawing(entities: str, *, blocks: str = "", head: str | None = None) -> str:
    """Return a whole drawing."""
    body = header() if head is None else head
    if blocks:
        body += section("BLOCKS", blocks)
    return body + section("ENTITIES", entities) + tag(0, "EOF")


def write(path: Path, text: str | bytes) -> Path:
    """Write a drawing as it stands."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@dataclass
class Run:
    """A conversion's outcome."""

    report: Report
    output: Path
    events: list[Event] = field(default_factory=list)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the published database."""
        return query(self.output, sql, *values)


def options(source: Path, output: Path, **more: Any) -> ConvertOptions:
    """Return options with output and templates beside the source."""
    return ConvertOptions(source=source, output=output, **more)


def convert(
    source: Path, output: Path | None = None, *, leave: Callable[[], str | None] | None = None, **more: Any
) -> Run:  # fmt: skip
    """Convert a drawing; errors and Left come through."""
    events: list[Event] = []
    target = output or source.with_suffix(".db")
    report = pipeline.convert(
        options(source, target, **more), on_event=events.append, should_leave=leave or (lambda: None)
    )
    return Run(report, target, events)


def query(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def snapshot(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows with their rowids, and the schema, but for the run's report."""
    tables = [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = {
        name: query(path, f"SELECT rowid, * FROM {name} ORDER BY rowid")
        for name in tables
        if name != "run_report" and not name.startswith("elements_rtree")
    }
    found["elements_rtree"] = query(path, "SELECT * FROM elements_rtree ORDER BY id")
    found["schema"] = query(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    return found


def adds_up(report: Report) -> bool:
    """Return whether ledger and totals agree."""
    read = [row for row in report.ledger if row.origin == "entity" and row.reason not in OUTSIDE]
    content = [row for row in report.ledger if row.origin == "content"]

    def sum_of(outcome: str) -> int:
        return sum(row.count for row in read if row.outcome == outcome)

    joined = report.walls.get("walls", 0) - report.walls.get("lines", 0)
    outcomes = report.matched + report.exploded + report.skipped + report.errors
    return (
        sum(row.count for row in read) == report.entities_read == outcomes
        and sum_of("element") == report.matched == report.elements_written - report.content_matched - joined
        and sum_of("exploded") == report.exploded
        and sum_of("skipped") == report.skipped
        and sum_of("error") == report.errors
        and sum(row.count for row in content) == report.content_read
        and sum(row.count for row in content if row.outcome == "element") == report.content_matched
    )


def chunks_of(
    path: Path, *, size: int = 2 << 20, name: str = "ENTITIES", most: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> list[Chunk]:  # fmt: skip
    """Return the chunks of a drawing's sections of one name."""
    with Source(path) as source:
        found = skim(source)
        stream = Stream(source, [s for s in found.sections if s.name == name], size, limits)
        return list(stream.chunks(stream.first_place(), most))


def too_large(chunk: Chunk, limits: Limits) -> list[int]:
    """Return the entities of a chunk that are over a limit."""
    found: list[int] = bounds.too_large(chunk, limits).tolist()
    return found


def chunk_of(folder: Path, entities: str) -> Chunk:
    """Return the entities as one chunk."""
    (chunk,) = chunks_of(write(folder / "chunk.dxf", drawing(entities)))
    return chunk


def vertices(blob: bytes, center: Iterable[float] = (0, 0, 0)) -> np.ndarray:
    """Return (n, 3) float64 of a body's vertices in the world."""
    return np.frombuffer(blob, dtype="<f4").reshape(-1, 3).astype(np.float64) + np.array(list(center))


def faces(blob: bytes) -> np.ndarray:
    """Return (n, 3) of a body's faces."""
    return np.frombuffer(blob, dtype="<u4").reshape(-1, 3).astype(np.int64)


def fast_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder in memory where there is one: hundreds of databases need not reach a disk."""
    shared = Path("/dev/shm")
    usable = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 1 << 30
    return tempfile.TemporaryDirectory(dir=shared if usable else None)
