"""Entity by entity, our elements against ezdxf over real drawings, and the table of it by type.

Usage: python -m tests.property.differential [FOLDER or DRAWING ...] (default: the corpus that the tests use)
"""

from __future__ import annotations

import collections
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
from ezdxf import recover

from dxfd.convert.types import ResumePolicy
from dxfd.errors import DxfdError
from tests.property import reference as ref
from tests.support import convert as cv
from tests.support.corpus import CORPUS

FOLDERS = ("arch", "entity", "3d", "blocks", "legacy", "encoding", "civil", "mech", "mep", "struct", "symbols", "bom")
LARGEST_BYTES = 400_000
"""ezdxf takes 1.5 s a megabyte; larger ones are left to longer runs."""
NOT_OURS = {
    # the extrusion stands before its subclass mark, where ezdxf does not look; the drawing is a test of it
    "linkiez+DXF-Renewed__lwpolyline_flip_test.dxf",
    # ezdxf takes the MTEXT of further columns into the first one
    "mozman+ezdxf__data__mtext_columns_R2007.dxf",
    "mozman+ezdxf__mtext_columns_R2007.dxf",
}
_THICKENED_M = 0.31
"""A box of a block or of many lines is made thick enough to be seen where it is flat; the test's rule says 0.3 m."""
_BOXED = ref.PICTURES | ref.DRAWN | {"INSERT", "MULTILEADER"}


_THEIR_FAULTS = (ezdxf.DXFError, ValueError, TypeError, IndexError, KeyError, AttributeError)


@dataclass
class Tally:
    """One type's figures."""

    entities: int = 0
    elements: int = 0
    compared: int = 0
    worst: float = 0.0
    where: str = ""
    wrong: list[str] = field(default_factory=list)


Table = dict[str, Tally]


def read(path: Path) -> tuple[Any, bool]:
    """Return the document and whether ezdxf had to repair it; None if it cannot."""
    try:
        return ezdxf.readfile(path), False
    except _THEIR_FAULTS:
        try:
            return recover.readfile(path)[0], True
        except _THEIR_FAULTS:
            return None, True


def drawings(folders: tuple[str, ...] = FOLDERS) -> list[Path]:
    """Return the real drawings that are compared."""
    found = (p for f in folders for p in (CORPUS / f).glob("*.[dD][xX][fF]") if p.stat().st_size <= LARGEST_BYTES)
    return sorted(p for p in found if p.name not in NOT_OURS)


def convert(path: Path, folder: Path, **more: Any) -> cv.Run:
    """Return the conversion of a drawing with an element for every entity, one metre a unit."""
    types = (*cv.TYPES, *ref.PICTURES, "ACAD_PROXY_ENTITY")
    templates = cv.rules(folder / "all.toml", types=types)
    return cv.convert(
        path, folder / "out.db", templates=templates, resume=ResumePolicy.RESTART, units="m", max_errors=10**9, **more
    )


def compare(run: cv.Run, doc: Any, table: Table, name: str) -> None:
    """Add the entities of a drawing's model to the table; handles that stand twice tell nothing."""
    rows = run.rows(
        "SELECT dxf_handle, center_x, center_y, center_z, bbox_x, bbox_y, bbox_z"
        " FROM elements_meta m JOIN element_transforms t ON t.id = m.id ORDER BY m.id"
    )
    ((ox, oy, oz),) = run.rows("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata")
    twice = collections.Counter(row[0] for row in rows)
    boxes = {row[0].upper().lstrip("0"): row[1:] for row in rows if row[0] and twice[row[0]] == 1}
    entities = list(doc.modelspace())
    if not any(row[0] for row in rows) and len(rows) == len(entities):  # R12 without handles: both in the file's order
        boxes = {e.dxf.handle.upper().lstrip("0"): row[1:] for e, row in zip(entities, rows, strict=True)}
    for entity in entities:
        tally = table.setdefault(entity.dxftype(), Tally())
        tally.entities += 1
        row = boxes.get(entity.dxf.handle.upper().lstrip("0"))
        if row is None:
            continue
        tally.elements += 1
        theirs = _theirs(entity)
        if theirs is None:
            continue
        tally.compared += 1
        center, size = np.add(row[:3], (ox, oy, oz)), np.array(row[3:])
        far, slack = _apart(entity.dxftype(), center, size, theirs)
        relative = far / max(slack / ref.TOLERANCE_M / 2, 1.0)
        if relative > tally.worst:
            tally.worst, tally.where = relative, f"{name} {entity}"
        if far > slack:
            low, high = center - size / 2, center + size / 2
            told = (
                f"{low.tolist()}..{high.tolist()}, ezdxf {theirs.min(axis=0).tolist()}..{theirs.max(axis=0).tolist()}"
            )
            tally.wrong.append(f"{name}: {entity} at {told}")


def _theirs(entity: Any) -> np.ndarray | None:
    kind = entity.dxftype()
    if kind not in ref.COMPARED:
        return None
    if kind == "POLYLINE" and not ref.is_mesh(entity) and any(vertex.dxf.flags & 16 for vertex in entity.vertices):
        return None  # ezdxf draws the control points of a fitted curve too; they are not on it
    if kind == "POLYLINE" and entity.is_polygon_mesh and entity.dxf.flags & 4:
        return None  # and those of a smoothed surface
    found = ref.corners(entity, 1.0)
    return found if found is not None and np.isfinite(found).all() else None


def _apart(kind: str, center: np.ndarray, size: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Return how far the boxes lie apart, and how far they may."""
    low, high = theirs.min(axis=0), theirs.max(axis=0)
    extent, reach = float((high - low).max()), float(np.abs(theirs).max())
    slack = 2 * ref.TOLERANCE_M + 1e-4 * extent + 1e-7 * reach
    ours_low, ours_high = center - size / 2, center + size / 2
    if kind == "POINT":  # becomes a small box that stands on it
        ours_low = ours_high = np.array([*center[:2], center[2] - size[2] / 2])
    short = max(float((ours_low - low).max()), float((high - ours_high).max()))
    over = max(float((low - ours_low).max()), float((ours_high - high).max()))
    if kind in _BOXED and float((high - low).min()) < 0.002 * max(extent, 1.0):
        over = max(0.0, over - _THICKENED_M)
    return max(short, over), slack


def render(table: Table) -> str:
    """Return the table as text."""
    lines = [f"{'type':<24}{'entities':>10}{'elements':>10}{'compared':>10}{'apart':>7}  worst deviation"]
    for kind in sorted(table):
        t = table[kind]
        worst = f"{1000 * t.worst:10.4f} mm  {t.where}" if t.compared else "         -"
        lines.append(f"{kind:<24}{t.entities:>10}{t.elements:>10}{t.compared:>10}{len(t.wrong):>7}  {worst}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Compare and print."""
    logging.disable(logging.CRITICAL)
    given = [Path(a) for a in arguments]
    paths = [p for g in given for p in (sorted(g.rglob("*.[dD][xX][fF]")) if g.is_dir() else [g])] or drawings()
    paths = [p for p in paths if p.name not in NOT_OURS]
    table: Table = {}
    done = 0
    with cv.fast_folder() as name:
        for path in paths:
            doc, _ = read(path)
            if doc is None:
                continue
            try:
                run = convert(path, Path(name))
            except DxfdError:
                continue
            compare(run, doc, table, path.name)
            done += 1
    print(f"{done} drawings; deviations in thousandths of a drawing unit, of large entities relative to their size")
    print(render(table))
    wrong = [text for tally in table.values() for text in tally.wrong]
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
