"""The last steps on the finished rows: unique identifiers, indexes, R-tree, offset, ledger, report. Each a transaction.

All can be repeated: a run that died here begins this part again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dxfd.convert.write.database import Database, NotUniqueError
from dxfd.convert.write.guid import disambiguated
from dxfd.convert.write.rtree import Boxes, load, outward
from dxfd.errors import DxfdError

_UNIQUE: Final = (
    ("elements_meta_guid", "elements_meta", "guid"),
    ("element_transforms_guid", "element_transforms", "guid"),
    ("base_geometries_hash", "base_geometries", "geometry_hash"),
)
_PLAIN: Final = (("element_properties_guid", "element_properties", "guid"),)
Step = Callable[[str], None]


def finish(database: Database, elements: int, boxes: Boxes | None, step: Step) -> None:
    """Bring the database from its last batch to what is published, but for the report.

    Args:
        database: open, no transaction.
        elements: rows of elements_meta; their ids are 1 … elements.
        boxes: of all elements in order of id, None to read them from the database.
        step: called with the name of each step before it begins.
    """
    database.execute("PRAGMA threads = 2")
    for name, table, columns in _UNIQUE:
        step(f"index {table}")
        try:
            database.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {name} ON {table}({columns})")
        except NotUniqueError:
            step("duplicate handles")
            _in_transaction(database, lambda: _separate_duplicates(database))
            database.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {name} ON {table}({columns})")
    for name, table, columns in _PLAIN:
        step(f"index {table}")
        database.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {table}({columns})")
    step("spatial index")
    known = _boxes(database, elements) if boxes is None or len(boxes) != elements else boxes
    _in_transaction(database, lambda: _spatial(database, known))
    step("ledger")
    _in_transaction(database, lambda: _ledger(database))
    _in_transaction(database, lambda: _order_issues(database))


def seal(database: Database, report: dict[str, Any], *, vacuum: bool) -> None:
    """Write the report and drop the checkpoint: from here on the file is complete."""
    if vacuum:
        database.execute("VACUUM")
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM run_report")
    database.ingest(
        "run_report",
        pa.table({"key": list(report), "value": [json.dumps(value, ensure_ascii=False) for value in report.values()]}),
    )
    database.execute("DROP TABLE IF EXISTS _conversion_progress")
    database.execute("COMMIT")
    leave_no_journal(database)


def leave_no_journal(database: Database) -> None:
    """Remove the empty journal that would stay beside the published file."""
    database.rows("PRAGMA journal_mode = DELETE")


def _in_transaction(database: Database, work: Callable[[], None]) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        work()
    except BaseException:
        with contextlib.suppress(DxfdError):  # SQLite has rolled back by itself: the first error counts
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _separate_duplicates(database: Database) -> None:
    """Give elements whose handle stands twice in the drawing identifiers of their own; the first keeps its."""
    found = database.rows(
        "SELECT id, guid FROM elements_meta WHERE guid IN"
        " (SELECT guid FROM elements_meta GROUP BY guid HAVING COUNT(*) > 1) ORDER BY id"
    )
    seen: set[str] = set()
    later = [(i, g) for i, g in found if g in seen or seen.add(g)]  # type: ignore[func-returns-value]
    if not later:
        return
    database.execute("CREATE TEMP TABLE renamed (id INTEGER PRIMARY KEY, old TEXT, new TEXT)")
    for start in range(0, len(later), 10_000):
        part = later[start : start + 10_000]
        values = ", ".join(f"({i}, '{g}', '{disambiguated(g, i)}')" for i, g in part)
        database.execute(f"INSERT INTO renamed VALUES {values}")
    for table, key in (("elements_meta", "guid"), ("element_transforms", "guid"), ("base_geometries", "geometry_hash")):
        database.execute(
            f"UPDATE {table} SET {key} = (SELECT new FROM renamed WHERE renamed.id = {table}.id)"
            f" WHERE id IN (SELECT id FROM renamed)"
        )
    database.execute(
        "UPDATE element_properties SET guid = (SELECT new FROM renamed WHERE renamed.id = element_id)"
        " WHERE element_id IN (SELECT id FROM renamed)"
    )
    database.execute(
        "INSERT INTO conversion_issues (code, severity, handle, message)"
        " SELECT 'duplicate_handle', 'notice', m.dxf_handle,"
        " 'handle stands more than once in the drawing; element ' || m.id || ' has an identifier of its own'"
        " FROM renamed r JOIN elements_meta m ON m.id = r.id ORDER BY m.id LIMIT 1000"
    )
    database.execute("DROP TABLE renamed")


def _boxes(database: Database, elements: int) -> Boxes:
    """Return all boxes, 24 bytes an element."""
    boxes = np.empty((elements, 6), dtype=np.float32)
    at = 0
    reader = database.batches(
        "SELECT center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms ORDER BY id"
    )
    for batch in reader:
        columns = [batch.column(k).cast(pa.float64()).to_numpy(zero_copy_only=False) for k in range(6)]
        values = np.stack(columns, axis=1)
        boxes[at : at + len(values)] = outward(values[:, :3], values[:, 3:])
        at += len(values)
    return boxes[:at]


def _spatial(database: Database, boxes: Boxes) -> None:
    database.execute("DROP TABLE IF EXISTS elements_rtree")
    load(database, boxes)
    database.execute("DELETE FROM global_offset")
    low = boxes[:, 0::2].min(axis=0).astype(np.float64) if len(boxes) else np.zeros(3)
    high = boxes[:, 1::2].max(axis=0).astype(np.float64) if len(boxes) else np.zeros(3)
    middle = (low + high) / 2
    row = {"id": 1, "offset_x": float(middle[0]), "offset_y": float(middle[1]), "offset_z": float(low[2])}
    for k, axis in enumerate("xyz"):
        row[f"min_{axis}"], row[f"max_{axis}"] = float(low[k]), float(high[k])
    database.insert("global_offset", row)


def _ledger(database: Database) -> None:
    """Sum the batches' ledger rows, in order of first appearance; nothing to do if an earlier run died behind this."""
    if not database.rows("SELECT 1 FROM sqlite_master WHERE name = '_ledger'"):
        return
    database.execute("DELETE FROM ledger")
    database.execute(
        "INSERT INTO ledger"
        " SELECT f.entity_type, f.layer, f.block, f.space, f.layout, f.origin, f.outcome, f.reason, s.total,"
        " f.first_handle"
        " FROM (SELECT SUM(count) AS total, MIN(rowid) AS first FROM _ledger"
        " GROUP BY entity_type, layer, block, space, layout, origin, outcome, reason) s"
        " JOIN _ledger f ON f.rowid = s.first ORDER BY s.first"
    )
    database.execute("DROP TABLE _ledger")


def _order_issues(database: Database) -> None:
    """Number the issues by their place in the drawing: as they were met depends on where chunks were cut."""
    columns = "code, severity, handle, line, entity_type, layer, message"
    database.execute(
        f"CREATE TEMP TABLE ordered AS SELECT {columns} FROM conversion_issues"
        " ORDER BY line IS NOT NULL, line, severity, code, message, id"
    )
    database.execute("DELETE FROM conversion_issues")
    database.execute(f"INSERT INTO conversion_issues ({columns}) SELECT {columns} FROM ordered ORDER BY rowid")
    database.execute("DROP TABLE ordered")
