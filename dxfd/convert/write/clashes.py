"""The stage that separates services and predicts clashes, on the finished rows. One transaction, done once."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from dxfd.convert import clash
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.write.database import Database, numbers, quoted

_ZONE_LEAST: Final = 3
_STRUCTURE: Final = ("IfcBeam", "IfcColumn")
"""Of structure, what services are not led through."""


def check(database: Database, *, separate: bool) -> None:
    """Fill predicted_clashes and clash_zones; raise services before that if asked to. In a transaction."""
    if database.rows("SELECT 1 FROM predicted_clashes LIMIT 1") or database.rows(
        "SELECT 1 FROM conversion_issues WHERE code = 'clashes_predicted'"
    ):
        return  # a run that died behind this stage has done it
    boxes, ids = _boxes(database)
    raised = _separated(database, boxes, ids) if separate else ""
    try:
        found = clash.predict(boxes)
    except clash.TooManyPairsError:
        words = f"over {clash.MOST_COMPARED:,} pairs of services would have to be compared: clashes were not looked for"
        _tell(database, words + raised)
        return
    _write(database, found)
    total = sum(hard for hard, _ in found.by_codes.values())
    near = sum(n for _, n in found.by_codes.values())
    words = f"{total} clashes of services are likely, {near} pairs keep less than their clearance"
    _tell(database, words + raised)


def _separated(database: Database, boxes: clash.Boxes, ids: Ints) -> str:
    """Raise services, the boxes too, and return what is to be told of it."""
    try:
        up, unresolved = clash.raises(boxes, *clash.neighbours(boxes))
    except clash.TooManyPairsError:
        return f"; over {clash.MOST_PAIRS:,} pairs of them lie over one another: none was raised"
    _raise(database, ids[up > 0], up[up > 0])
    boxes.low[:, 2] += up
    boxes.high[:, 2] += up
    return (
        f"; {np.count_nonzero(up)} elements were raised"
        f", {unresolved} runs would have to be raised by over {clash.MOST_RAISE_M:g} m and stay"
    )


def _boxes(database: Database) -> tuple[clash.Boxes, Ints]:
    reader = database.batches(
        "SELECT m.id, m.discipline, t.center_x, t.center_y, t.center_z, t.bbox_x, t.bbox_y, t.bbox_z"
        " FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
        f" WHERE m.discipline IN ({quoted(clash.SERVICES)}) OR m.ifc_class IN ({quoted(_STRUCTURE)}) ORDER BY m.id"
    )
    ids, codes_of, places = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)], [np.empty((0, 6))]
    number = {code: k for k, code in enumerate(clash.SERVICES)}
    for batch in reader:
        ids.append(batch.column(0).to_numpy(zero_copy_only=False).astype(np.int64))
        names = batch.column(1).to_pylist()
        codes_of.append(np.array([number.get(name, len(number)) for name in names], dtype=np.int64))
        places.append(numbers(batch, 2, 8))
    place = np.concatenate(places)
    half = place[:, 3:] / 2
    return clash.Boxes(place[:, :3] - half, place[:, :3] + half, np.concatenate(codes_of)), np.concatenate(ids)


def _raise(database: Database, ids: Ints, up: Floats) -> None:
    database.execute("CREATE TABLE _raised (id INTEGER PRIMARY KEY, up REAL)")
    database.ingest("_raised", pa.table({"id": ids, "up": up}))
    database.execute(
        "UPDATE element_transforms SET center_z = center_z + (SELECT up FROM _raised r WHERE r.id ="
        " element_transforms.id) WHERE id IN (SELECT id FROM _raised)"
    )
    database.execute("DROP TABLE _raised")


def _write(database: Database, found: clash.Clashes) -> None:
    rows = sorted(found.by_codes.items())
    database.ingest(
        "predicted_clashes",
        pa.table(
            {
                "discipline_a": pa.array([a for (a, _), _ in rows], type=pa.string()),
                "discipline_b": pa.array([b for (_, b), _ in rows], type=pa.string()),
                "clashes": pa.array([hard for _, (hard, _) in rows], type=pa.int64()),
                "near": pa.array([near for _, (_, near) in rows], type=pa.int64()),
            }
        ),
    )
    full = found.in_zone >= _ZONE_LEAST
    middle = (found.zones[full] + 0.5) * clash.ZONE_M
    database.ingest("clash_zones", pa.table({"x": middle[:, 0], "y": middle[:, 1], "clashes": found.in_zone[full]}))


def _tell(database: Database, words: str) -> None:
    database.insert("conversion_issues", {"code": "clashes_predicted", "severity": "notice", "message": words})
