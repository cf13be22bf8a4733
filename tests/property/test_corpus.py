"""Real drawings: every entity that ezdxf counts is in the ledger, and stands where ezdxf sees it."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
import pytest
from ezdxf import recover

from dxfd.convert.types import ResumePolicy
from dxfd.errors import DxfdError
from tests.property import reference as ref
from tests.support import convert as cv
from tests.support.corpus import CORPUS

FOLDERS = ("arch", "entity", "3d", "blocks", "legacy")
LARGEST_BYTES = 400_000
"""ezdxf takes 1.5 s a megabyte; larger ones are left to longer runs."""
NOT_OURS = {
    # the extrusion stands before its subclass mark, where ezdxf does not look; the drawing is a test of it
    "linkiez+DXF-Renewed__lwpolyline_flip_test.dxf",
    # ezdxf takes the MTEXT of further columns into the first one
    "mozman+ezdxf__data__mtext_columns_R2007.dxf",
    "mozman+ezdxf__mtext_columns_R2007.dxf",
}
DRAWINGS = sorted(p for f in FOLDERS for p in (CORPUS / f).glob("*.[dD][xX][fF]") if p.stat().st_size <= LARGEST_BYTES)


def read(path: Path) -> tuple[Any, bool]:
    """Return the document and whether ezdxf had to repair it; None if it cannot."""
    try:
        return ezdxf.readfile(path), False
    except (ezdxf.DXFError, ValueError):
        try:
            return recover.readfile(path)[0], True
        except (ezdxf.DXFError, ValueError, IndexError):
            return None, True


@pytest.fixture(scope="module")
def folder():
    with cv.fast_folder() as name:
        yield Path(name)


@pytest.mark.skipif(not DRAWINGS, reason=f"no real drawings in {CORPUS} (DXF_CORPUS names the folder)")
@pytest.mark.parametrize("kind", FOLDERS)
def test_real_drawings_are_accounted_for_and_in_place(folder, kind):
    wrong: list[str] = []
    compared = 0
    for path in (p for p in DRAWINGS if p.parent.name == kind and p.name not in NOT_OURS):
        doc, repaired = read(path)
        if doc is None:
            continue
        found, count = check(path, doc, folder, repaired=repaired)
        wrong += found
        compared += count
    assert not wrong, "\n".join(wrong)
    assert compared > 0


def check(path: Path, doc: Any, folder: Path, *, repaired: bool) -> tuple[list[str], int]:
    """Return what is wrong with our reading of one drawing, and how many entities were compared."""
    templates = cv.rules(folder / "all.toml")
    try:
        run = cv.convert(
            path, folder / "out.db", templates=templates, resume=ResumePolicy.RESTART, units="m", max_errors=10**9
        )
    except DxfdError as error:
        return [f"{path.name}: {error}"], 0
    wrong = []
    msp = list(doc.modelspace())
    if not cv.adds_up(run.report):
        wrong.append(f"{path.name}: the ledger does not add up")
    if run.report.entities_read != len(msp) and not repaired:  # a repair drops what it cannot mend
        theirs = collections.Counter(e.dxftype() for e in msp)
        ours = collections.Counter()
        for row in run.report.ledger:
            if row.space == "model":
                ours[row.entity_type] += row.count
        wrong.append(
            f"{path.name}: {run.report.entities_read} entities, ezdxf has {len(msp)}: {ours - theirs}, {theirs - ours}"
        )
    places, count = compare(run, msp)
    return [*wrong, *(f"{path.name}: {text}" for text in places[:3])], count


def compare(run: cv.Run, msp: list[Any]) -> tuple[list[str], int]:
    """Return entities whose box is another than ezdxf's, by handle; handles that stand twice tell nothing."""
    rows = run.rows(
        "SELECT dxf_handle, center_x, center_y, center_z, bbox_x, bbox_y, bbox_z"
        " FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
    )
    ((ox, oy, oz),) = run.rows("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata")
    twice = collections.Counter(row[0] for row in rows)
    boxes = {row[0].upper().lstrip("0"): row[1:] for row in rows if row[0] and twice[row[0]] == 1}
    wrong, compared = [], 0
    for entity in msp:
        row = boxes.get(entity.dxf.handle.upper().lstrip("0"))
        kind = entity.dxftype()
        if row is None or kind not in ref.CURVES | ref.FACES | ref.DOTS:
            continue
        if kind == "POLYLINE" and any(vertex.dxf.flags & 16 for vertex in entity.vertices):
            continue  # ezdxf draws the control points of a fitted curve too; they are not on it
        box = ref.box_of([entity], 1.0) if kind not in ref.DOTS else None
        if kind in ref.DOTS:
            at = ref.points(entity, 1.0)
            box = (at[0], at[0])
        if box is None:
            continue
        compared += 1
        center, size = np.add(row[:3], (ox, oy, oz)), np.array(row[3:])
        low, high = center - size / 2, center + size / 2
        if kind == "POINT":
            low = high = np.array([*center[:2], center[2] - size[2] / 2])
        slack = 2 * ref.TOLERANCE_M + 1e-4 * float(np.abs(box[1] - box[0]).max()) + 1e-7 * float(np.abs(box).max())
        if not (np.abs(low - box[0]) < slack).all() or not (np.abs(high - box[1]) < slack).all():
            wrong.append(f"{entity} at {low.tolist()}..{high.tolist()}, ezdxf {box[0].tolist()}..{box[1].tolist()}")
    return wrong, compared
