"""What storing equal bodies once saves: `python -m tests.bench.instancing [COUNT]` prints a table.

Writes drawings of COUNT references (20,000) to twelve blocks of furniture and equipment, drawn as solids (polyface
meshes, faces, thick outlines) or as symbols in plan, converts them, and compares the size of each database with that
of the same one with a body an element, both without free pages. Deterministic.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ezdxf
from ezdxf.render import MeshBuilder, forms
from msgspec import Struct

from dxfd.convert.types import ResumePolicy
from tests.support import convert as cv

QUARTERS = 0.8
"""Of the references stand square to the walls; the others are turned freely."""
LAYERS = ("A-FURN", "A-FURN-SEAT", "M-EQPM", "E-LITE", "P-FIXT")
_STEPS = 24


def _box(x: float, y: float, z: float, wide: float, deep: float, high: float) -> MeshBuilder:
    mesh = forms.cube(center=False)
    return mesh.scale(wide, deep, high).translate(x, y, z)


def _round(x: float, y: float, z: float, radius: float, high: float) -> MeshBuilder:
    return forms.cylinder(_STEPS, radius=radius, top_center=(0, 0, high)).translate(x, y, z)


def _chair(k: int) -> Iterator[MeshBuilder]:
    size = 420.0 + 20 * k
    yield _box(0, 0, 430, size, size, 40)
    yield _box(0, size - 40, 470, size, 40, 420)
    for x, y in ((20, 20), (size - 20, 20), (20, size - 20), (size - 20, size - 20)):
        yield _round(x, y, 0, 18, 430)


def _table(k: int) -> Iterator[MeshBuilder]:
    wide, deep = 1200.0 + 200 * k, 800.0
    yield _box(0, 0, 720, wide, deep, 30)
    for x, y in ((60, 60), (wide - 60, 60), (60, deep - 60), (wide - 60, deep - 60)):
        yield _round(x, y, 0, 30, 720)


def _basin(k: int) -> Iterator[MeshBuilder]:
    yield _round(0, 0, 780, 250 + 30 * k, 120)
    yield _round(0, 180, 900, 15, 200)
    yield _box(-60, 100, 0, 120, 160, 780)


def _pump(k: int) -> Iterator[MeshBuilder]:
    yield _box(0, 0, 0, 900, 400, 100)
    yield _round(250, 200, 100, 150 + 20 * k, 500)
    yield _round(650, 200, 100, 120, 400)
    yield forms.torus(major_count=16, minor_count=8, major_radius=140, minor_radius=30).translate(250, 200, 650)


KINDS: tuple[tuple[str, Callable[[int], Iterator[MeshBuilder]]], ...] = (
    ("CHAIR", _chair), ("TABLE", _table), ("BASIN", _basin), ("PUMP", _pump),
)  # fmt: skip
NAMES = tuple(f"{name}_{k}" for name, _ in KINDS for k in range(3))


def _define(doc: Any, *, solid: bool) -> None:
    for name, parts in KINDS:
        for k in range(3):
            block = doc.blocks.new(f"{name}_{k}")
            for number, mesh in enumerate(parts(k)):
                if not solid:
                    low, high = min(v.x for v in mesh.vertices), max(v.x for v in mesh.vertices)
                    front, back = min(v.y for v in mesh.vertices), max(v.y for v in mesh.vertices)
                    block.add_lwpolyline([(low, front), (high, front), (high, back), (low, back)], close=True)
                    block.add_circle(((low + high) / 2, (front + back) / 2), (high - low) / 2)
                elif number % 2:
                    mesh.render_polyface(block)
                else:
                    mesh.render_3dfaces(block)


def write(path: Path, count: int, *, solid: bool) -> Path:
    """Write a drawing of `count` references."""
    doc = ezdxf.new("R2000", setup=False)
    doc.header["$INSUNITS"] = 4
    for layer in LAYERS:
        doc.layers.add(layer)
    _define(doc, solid=solid)
    stream = io.StringIO()
    doc.write(stream)
    text = re.sub(r"(\$HANDSEED\n  5\n)[0-9A-F]+", rf"\g<1>{0x100000 + count:X}", stream.getvalue())
    mark = "  2\nENTITIES\n"
    cut = text.index(mark) + len(mark)
    rng = random.Random(1)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(text[:cut])
        for k in range(count):
            name, layer = NAMES[rng.randrange(len(NAMES))], LAYERS[rng.randrange(len(LAYERS))]
            angle = rng.randrange(4) * 90.0 if rng.random() < QUARTERS else rng.random() * 360
            out.write(
                f"  0\nINSERT\n  5\n{0x100000 + k:X}\n330\n17\n100\nAcDbEntity\n  8\n{layer}\n100\n"
                f"AcDbBlockReference\n  2\n{name}\n 10\n{k % 200 * 3000.0}\n 20\n{k // 200 * 3000.0}\n 30\n0.0\n"
                f" 50\n{angle:.6f}\n"
            )
        out.write(text[cut:])
    return path


class Size(Struct, frozen=True):
    """Bytes of a database as it is and with a body an element, its elements and its distinct bodies."""

    elements: int
    bodies: int
    shared: int
    each: int

    @property
    def ratio(self) -> float:
        """Return how many times smaller it is than with a body an element."""
        return self.each / self.shared


def compared(database: Path) -> Size:
    """Return the sizes of a database; works on copies."""
    whole, each = (database.with_suffix(s) for s in (".whole", ".each"))
    for copy in (whole, each):
        shutil.copyfile(database, copy)
    with contextlib.closing(sqlite3.connect(each)) as connection:
        connection.executescript(
            "BEGIN;"
            "CREATE TEMP TABLE body AS SELECT m.id, m.guid, g.vertices, g.faces, g.vertex_count, g.face_count"
            " FROM elements_meta m JOIN base_geometries g ON g.geometry_hash = m.geometry_hash;"
            "DELETE FROM base_geometries WHERE id < 0;"
            "INSERT INTO base_geometries (id, geometry_hash, vertices, faces, vertex_count, face_count)"
            " SELECT * FROM body;"
            "UPDATE elements_meta SET geometry_hash = NULL;"
            "COMMIT"
        )
    for copy in (whole, each):
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            connection.execute("VACUUM")
    sizes = [copy.stat().st_size for copy in (whole, each)]
    for copy in (whole, each):
        copy.unlink()
    ((elements, bodies),) = cv.query(
        database, "SELECT (SELECT COUNT(*) FROM elements_meta), (SELECT COUNT(*) FROM base_geometries)"
    )
    return Size(elements, bodies, sizes[0], sizes[1])


def measured(folder: Path, count: int, *, solid: bool, **more: Any) -> Size:
    """Convert a drawing of `count` references with the rules that ship with dxfd and return the sizes."""
    source = write(folder / "blocks.dxf", count, solid=solid)
    run = cv.convert(source, folder / "blocks.db", resume=ResumePolicy.RESTART, **more)
    return compared(run.output)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=20_000)
    count = parser.parse_args().count
    print("| block references | elements | bodies | MB | MB with a body each | times smaller |")
    print("|---|---:|---:|---:|---:|---:|")
    cases: tuple[tuple[str, bool, int, dict[str, Any]], ...] = (
        ("solids", True, count, {}),
        ("symbols in plan: boxes", False, count, {}),
        ("solids, exploded", True, max(1, count // 40), {"blocks": ("*",)}),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, solid, many, more in cases:
            size = measured(Path(folder), many, solid=solid, **more)
            cells = f"{size.elements:,} | {size.bodies:,} | {size.shared / 1e6:.1f} | {size.each / 1e6:.1f}"
            print(f"| {name} | {cells} | {size.ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
