"""The last steps on the finished rows: unique identifiers, indexes, R-tree, offset, ledger, report. Each a transaction.

All can be repeated: a run that died here begins this part again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dxfd.convert.build.ragged import Floats
from dxfd.convert.density import cell_keys, main_cells
from dxfd.convert.write.database import Database, NotUniqueError, numbers
from dxfd.convert.write.guid import disambiguated
from dxfd.convert.write.rtree import Packed, load, pack
from dxfd.convert.write.spool import BoxSpool
from dxfd.errors import DxfdError

_UNIQUE: Final = (
    ("elements_meta_guid", "elements_meta", "guid"),
    ("element_transforms_guid", "element_transforms", "guid"),
    ("base_geometries_hash", "base_geometries", "geometry_hash"),
)
_PLAIN: Final = (("element_properties_guid", "element_properties", "guid"),)
_RENAMED_AT_ONCE: Final = 10_000
_WIDE_M: Final = 500.0
"""Extents up to this are those of a building, whatever lies in them."""
Step = Callable[[str], None]


def finish(
    database: Database,
    elements: int,
    spool: BoxSpool,
    step: Step,
    *,
    give_back: Callable[[], None],
    joins: Callable[[], None] | None = None,
    checks: Callable[[], None] | None = None,
) -> int:
    """Bring the database from its last batch to what is published, but for the report; return its count of elements.

    The spatial index is packed in a thread while SQLite sorts for the other indexes.

    Args:
        database: open, no transaction.
        elements: rows of elements_meta; their ids are 1 … elements.
        spool: boxes of all elements in order of id; where they are not, they are read from the database.
        step: called with the name of each step before it begins.
        give_back: gives memory back; 50 ms in the packer's thread, which has them.
        joins: what makes other elements of some; identifiers are unique then; in a transaction.
        checks: what looks at all elements together, and may move them; in a transaction.
    """
    if joins is not None:
        _indexes(database, step)
        step("walls")
        _in_transaction(database, joins)
        ((elements,),) = database.rows("SELECT COUNT(*) FROM elements_meta")
    if checks is not None:
        step("clashes")
        _in_transaction(database, checks)
    with contextlib.ExitStack() as stack:
        known = spool
        if not spool.complete or spool.count != elements or joins is not None or checks is not None:
            step("boxes")
            known = stack.enter_context(contextlib.closing(BoxSpool(spool.folder)))
            _read_boxes(database, known)
        packing = stack.enter_context(ThreadPoolExecutor(1, "packer")).submit(_packed, known, give_back)
        stack.callback(_dropped, packing)
        _indexes(database, step)
        step("spatial index")
        packed = packing.result()
        _in_transaction(database, lambda: _spatial(database, packed, known))
    step("ledger")
    _in_transaction(database, lambda: _ledger(database))
    _in_transaction(database, lambda: _order_issues(database))
    return elements


def _packed(spool: BoxSpool, give_back: Callable[[], None]) -> Packed:
    give_back()
    return pack(spool)


def _dropped(packing: Future[Packed]) -> None:
    with contextlib.suppress(DxfdError):  # raised where the result was asked for; else something else went wrong first
        packing.result().close()


def _indexes(database: Database, step: Step) -> None:
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
    database.execute(
        "CREATE TEMP TABLE doubled AS"
        " SELECT guid, MIN(id) AS first FROM elements_meta GROUP BY guid HAVING COUNT(*) > 1"
    )
    database.execute("CREATE INDEX temp.doubled_guid ON doubled (guid)")
    database.execute("CREATE TEMP TABLE renamed (id INTEGER PRIMARY KEY, old TEXT, new TEXT)")
    last = 0
    while part := database.rows(  # every element may have the same handle: some at a time
        "SELECT m.id, m.guid FROM elements_meta m JOIN doubled d ON d.guid = m.guid"
        f" WHERE m.id > d.first AND m.id > {last} ORDER BY m.id LIMIT {_RENAMED_AT_ONCE}"
    ):
        last = part[-1][0]
        values = ", ".join(f"({i}, '{g}', '{disambiguated(g, i)}')" for i, g in part)
        database.execute(f"INSERT INTO renamed VALUES {values}")
    database.execute("DROP TABLE doubled")
    database.execute("CREATE TEMP TABLE held (old TEXT PRIMARY KEY, new TEXT)")
    database.execute(
        "INSERT INTO held SELECT g.key, r.new FROM (SELECT geometry_hash AS key, MIN(id) AS id FROM base_geometries"
        " WHERE id > 0 AND face_count > 0 AND geometry_hash IN (SELECT old FROM renamed) GROUP BY geometry_hash) g"
        " JOIN renamed r ON r.id = g.id"
    )
    database.execute(
        "UPDATE elements_meta SET geometry_hash = (SELECT new FROM held WHERE old = geometry_hash)"
        " WHERE geometry_hash IN (SELECT old FROM held)"
    )
    database.execute("DROP TABLE held")
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


def _read_boxes(database: Database, spool: BoxSpool) -> None:
    """Fill a spool from the rows of the database."""
    reader = database.batches(
        "SELECT center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms ORDER BY id"
    )
    for batch in reader:
        values = numbers(batch, 0, 6)
        spool.add(values[:, :3], values[:, 3:])


def _spatial(database: Database, packed: Packed, spool: BoxSpool) -> None:
    database.execute("DROP TABLE IF EXISTS elements_rtree")
    load(database, packed)
    database.execute("DELETE FROM global_offset")
    low, high, away = _building(spool)
    middle = (low + high) / 2
    row = {"id": 1, "offset_x": float(middle[0]), "offset_y": float(middle[1]), "offset_z": float(low[2])}
    for k, axis in enumerate("xyz"):
        row[f"min_{axis}"], row[f"max_{axis}"] = float(low[k]), float(high[k])
    database.insert("global_offset", row)
    database.execute("DELETE FROM conversion_issues WHERE code = 'outside_building'")
    if away:
        words = f"{away} elements lie far from the rest: they do not count for the extents in global_offset"
        database.insert("conversion_issues", {"code": "outside_building", "severity": "notice", "message": words})


def _building(spool: BoxSpool) -> tuple[Floats, Floats, int]:
    """Return the extents of what lies together, and how many boxes lie elsewhere. Two passes, only where it is wide."""
    if float((spool.high - spool.low)[:2].max()) < _WIDE_M:
        return spool.low, spool.high, 0
    parts = [np.unique(cell_keys(piece[:, 0:4:2], piece[:, 1:4:2]), return_counts=True) for piece in spool.pieces()]
    keys, inverse = np.unique(np.concatenate([k for k, _ in parts]), return_inverse=True)
    counts = np.bincount(inverse, np.concatenate([n for _, n in parts])).astype(np.int64)
    kept = keys[main_cells(keys, counts)]
    low, high, away = np.full(3, np.inf), np.full(3, -np.inf), 0
    for piece in spool.pieces():
        mine = piece[np.isin(cell_keys(piece[:, 0:4:2], piece[:, 1:4:2]), kept)]
        away += len(piece) - len(mine)
        if len(mine):
            low = np.minimum(low, mine[:, 0::2].min(axis=0))
            high = np.maximum(high, mine[:, 1::2].max(axis=0))
    return low, high, away


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
        " GROUP BY entity_type, layer, block, space, layout, origin, outcome, reason"
        " HAVING SUM(count) > 0) s"
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
