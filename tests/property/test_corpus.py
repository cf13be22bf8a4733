"""Real drawings: every entity that ezdxf counts is in the ledger, and stands where ezdxf sees it."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pytest

from dxfd.errors import DxfdError
from tests.property import differential
from tests.support import convert as cv
from tests.support.corpus import CORPUS

FOLDERS = ("arch", "entity", "3d", "blocks", "legacy")
DRAWINGS = differential.drawings(FOLDERS)


@pytest.fixture(scope="module")
def folder():
    with cv.fast_folder() as name:
        yield Path(name)


@pytest.mark.skipif(not DRAWINGS, reason=f"no real drawings in {CORPUS} (DXF_CORPUS names the folder)")
@pytest.mark.parametrize("kind", FOLDERS)
def test_real_drawings_are_accounted_for_and_in_place(folder, kind):
    wrong: list[str] = []
    table: differential.Table = {}
    for path in (p for p in DRAWINGS if p.parent.name == kind):
        doc, repaired = differential.read(path)
        if doc is not None:
            wrong += check(path, doc, folder, table, repaired=repaired)
    wrong += [text for tally in table.values() for text in tally.wrong]
    assert not wrong, "\n".join(wrong)
    assert sum(tally.compared for tally in table.values()) > 0


def check(path: Path, doc: Any, folder: Path, table: differential.Table, *, repaired: bool) -> list[str]:
    """Return what is wrong with our account of one drawing, and compare its entities into the table."""
    try:
        run = differential.convert(path, folder)
    except DxfdError as error:
        return [f"{path.name}: {error}"]
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
    differential.compare(run, doc, table, path.name)
    return wrong if repaired else [*wrong, *sheets(path, doc, folder)]


def sheets(path: Path, doc: Any, folder: Path) -> list[str]:
    """Return what is wrong with our account of a drawing's paper layouts, if there is anything in them."""
    theirs = {layout.name: len(layout) for layout in doc.layouts if len(layout)}
    if not theirs.keys() - {"Model"}:
        return []
    run = differential.convert(path, folder, layouts=("all",))
    ours = collections.Counter[str]()
    for row in run.report.ledger:
        ours[row.layout] += row.count
    fits = cv.adds_up(run.report) and run.report.entities_read == sum(theirs.values())
    return [] if fits and ours == theirs else [f"{path.name}: in layouts {dict(ours)}, ezdxf has {theirs}"]
