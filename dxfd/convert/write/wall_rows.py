"""What the walls made of pairs change in the tables: lines that are used up go, walls come, ids stay 1 … n.

Owns the SQL; decides nothing about walls. Runs within the stage's transaction.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from dxfd.convert.walls.solids import Solid
from dxfd.convert.write.database import Database
from dxfd.convert.write.wall_change import Change, WallRow

REASON: Final = "wall_pair"
_OWN: Final = (
    "discipline", "ifc_class", "filepath", "element_name", "element_type", "element_description", "storey",
    "material_name", "material_rgba", "building", "predefined_type", "rule_id", "dxf_handle", "dxf_type", "dxf_layer",
    "dxf_block",
)  # fmt: skip
"""Columns that a wall takes from the first of its lines."""
_AT_ONCE: Final = 4096
"""Walls whose bodies are in memory together."""


def apply(database: Database, change: Change) -> None:
    """Change the tables."""
    ((count,),) = database.rows("SELECT COUNT(*) FROM elements_meta")
    free = sorted(i for i, _ in change.gone)
    ids = [*free, *range(count + 1, count + 1 + max(0, len(change.walls) - len(free)))][: len(change.walls)]
    _scratch(database, change, ids)
    _lines(database, change)
    _ledger(database)
    _leave(database)
    _come(database, change, ids)
    _shorten(database, change)
    _close_up(database, free[len(change.walls) :], count)
    ((elements,),) = database.rows("SELECT COUNT(*) FROM elements_meta")
    database.execute(f"UPDATE _conversion_progress SET elements_written = {elements}")
    for name in ("_gone", "_rest", "_wall"):
        database.execute(f"DROP TABLE {name}")


def _scratch(database: Database, change: Change, ids: list[int]) -> None:
    """Fill the tables that the statements below join: what goes and to which wall, what is shortened, what comes."""
    database.execute("CREATE TABLE _gone (id INTEGER PRIMARY KEY, wall_id INTEGER, wall_guid TEXT)")
    database.execute("CREATE TABLE _rest (id INTEGER PRIMARY KEY, key TEXT)")
    database.execute("CREATE TABLE _wall (id INTEGER PRIMARY KEY, guid TEXT, first INTEGER)")
    first = [walls[0][0] for _, walls in change.gone]
    gone = {"id": [i for i, _ in change.gone], "wall_id": [ids[w] for w in first]}
    database.ingest("_gone", pa.table({**gone, "wall_guid": [change.walls[w].guid for w in first]}))
    if change.rests:
        database.ingest("_rest", pa.table({"id": [r.id for r in change.rests], "key": [r.key for r in change.rests]}))
    walls = change.walls
    database.ingest("_wall", pa.table({"id": ids, "guid": [w.guid for w in walls], "first": [w.first for w in walls]}))


def _lines(database: Database, change: Change) -> None:
    """Note which lines each wall is made of, before they go."""
    ids = sorted([(i, walls, 0) for i, walls in change.gone] + [(r.id, r.walls, 1) for r in change.rests])
    rows = [(i, change.walls[wall].guid, role.value, rest) for i, walls, rest in ids for wall, role in walls]
    database.execute("CREATE TABLE _line (id INTEGER, wall TEXT, role TEXT, rest INTEGER)")
    names = ("id", "wall", "role", "rest")
    database.ingest("_line", pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
    database.execute(
        "INSERT INTO wall_lines (wall, element, role, rest, dxf_handle, dxf_type, dxf_layer)"
        " SELECT l.wall, m.guid, l.role, l.rest, m.dxf_handle, m.dxf_type, m.dxf_layer"
        " FROM _line l JOIN elements_meta m ON m.id = l.id ORDER BY l.rowid"
    )
    database.execute("DROP TABLE _line")


def _ledger(database: Database) -> None:
    """Account for the lines that are used up: they became an element together with others."""
    key = "dxf_type, dxf_layer, COALESCE(dxf_block, ''), INSTR(dxf_handle, '/') > 0"
    gone = database.rows(
        f"SELECT {key}, COUNT(*), MIN(id) FROM elements_meta WHERE id IN (SELECT id FROM _gone)"
        f" GROUP BY {key} ORDER BY MIN(id)"
    )
    for kind, layer, block, content, number, first in gone:
        of = (kind, layer, block, "content" if content else "entity")
        where = " AND ".join(
            f"{name} = {_text(value)}"
            for name, value in zip(("entity_type", "layer", "block", "origin"), of, strict=True)
        )
        same = f"FROM _ledger WHERE {where} AND space = 'model' AND outcome = 'element' AND reason = ''"
        ((total,),) = database.rows(f"SELECT COALESCE(SUM(count), 0) {same}")
        if total < number:
            continue  # content that was drawn on another layer than it is counted on: it stays as it is
        ((handle,),) = database.rows(f"SELECT dxf_handle FROM elements_meta WHERE id = {first}")
        layouts = database.rows(f"SELECT layout {same} ORDER BY rowid LIMIT 1")
        names = "entity_type, layer, block, space, layout, origin, outcome, reason, count, first_handle"
        plain = f"{_text(kind)}, {_text(layer)}, {_text(block)}, 'model', {_text(layouts[0][0])}, '{of[3]}', 'element'"
        left = database.rows(
            "SELECT dxf_handle FROM elements_meta WHERE id NOT IN (SELECT id FROM _gone)"
            f" AND dxf_type = {_text(kind)} AND dxf_layer = {_text(layer)} AND COALESCE(dxf_block, '') = {_text(block)}"
            f" AND (INSTR(dxf_handle, '/') > 0) = {int(content)} ORDER BY id LIMIT 1"
        )
        if left:
            database.execute(
                f"UPDATE _ledger SET first_handle = {_text(left[0][0])} WHERE rowid IN (SELECT rowid {same})"
            )
        database.execute(f"INSERT INTO _ledger ({names}) VALUES ({plain}, '', {-number}, '')")
        database.execute(f"INSERT INTO _ledger ({names}) VALUES ({plain}, '{REASON}', {number}, {_text(handle)})")


def _leave(database: Database) -> None:
    """Take away the lines that are used up, and the bodies of those that are shortened; what others share stays."""
    changed = "SELECT id FROM _gone UNION SELECT id FROM _rest"
    needed = f"SELECT geometry_hash FROM elements_meta WHERE geometry_hash IS NOT NULL AND id NOT IN ({changed})"
    ((least,),) = database.rows("SELECT COALESCE(MIN(id), 0) FROM base_geometries")
    database.execute(
        f"UPDATE base_geometries SET id = {min(least, 0)} - id WHERE id IN ({changed}) AND geometry_hash IN ({needed})"
    )
    database.execute(f"DELETE FROM base_geometries WHERE id IN ({changed})")
    database.execute(
        "UPDATE element_properties SET guid = (SELECT wall_guid FROM _gone g WHERE g.id = element_id), element_id ="
        " (SELECT wall_id FROM _gone g WHERE g.id = element_id) WHERE element_id IN (SELECT id FROM _gone)"
    )
    database.execute(
        f"CREATE TABLE _new AS SELECT w.id, w.guid, {', '.join('m.' + name for name in _OWN)}"
        " FROM _wall w JOIN elements_meta m ON m.id = w.first"
    )
    database.execute("DELETE FROM elements_meta WHERE id IN (SELECT id FROM _gone)")
    database.execute("DELETE FROM element_transforms WHERE id IN (SELECT id FROM _gone)")


def _come(database: Database, change: Change, ids: list[int]) -> None:
    """Insert the walls: elements, places, bodies, axes, openings."""
    names = ", ".join(("id", "guid", *_OWN))
    database.execute(f"INSERT INTO elements_meta ({names}) SELECT {names} FROM _new ORDER BY id")
    database.execute("DROP TABLE _new")
    for begin in range(0, len(ids), _AT_ONCE):
        _place(database, ids[begin : begin + _AT_ONCE], change.walls[begin : begin + _AT_ONCE])
    found = change.openings
    if found:
        text = {"wall": [o.wall for o in found], "guid": [o.guid for o in found], "filling": [o.filling for o in found]}
        places = {
            "from_m": [o.along[0] for o in found], "to_m": [o.along[1] for o in found],
            "sill_m": [o.sill for o in found], "head_m": [o.head for o in found],
        }  # fmt: skip
        database.ingest("wall_openings", pa.table({**text, **places}))


def _place(database: Database, ids: list[int], walls: list[WallRow]) -> None:
    """Insert places, bodies and axes of some walls."""
    guids = [w.guid for w in walls]
    solids = [w.solid() for w in walls]
    ends = [w.ends for w in walls]
    database.ingest("element_transforms", _places(ids, guids, solids, [high - low for low, high in ends]))
    database.ingest("base_geometries", _bodies(ids, guids, solids))
    axes = [[w.plan.wall.point(t, 0.0) for t in span] for w, span in zip(walls, ends, strict=True)]
    corners = [w.plan.corners() for w in walls]
    columns: dict[str, Any] = {
        "guid": guids,
        **{f"{name}_{axis}": [a[n][k] for a in axes] for n, name in enumerate(("start", "end"))
           for k, axis in enumerate("xy")},
        **{f"corner{n + 1}_{axis}": [c[n][k] for c in corners] for n in range(4) for k, axis in enumerate("xy")},
        "thickness_m": [w.plan.wall.thickness for w in walls], "foot_m": [w.foot for w in walls],
        "height_m": [w.height for w in walls], "start_joint": [w.plan.ends[0] for w in walls],
        "end_joint": [w.plan.ends[1] for w in walls], "pairs": [w.plan.wall.pieces for w in walls],
    }  # fmt: skip
    database.ingest("walls", pa.table(columns))


def _shorten(database: Database, change: Change) -> None:
    """Give the lines of which something is left a body of that."""
    rests = change.rests
    if not rests:
        return
    keys = [r.key for r in rests]
    solids = [r.solid() for r in rests]
    database.ingest("base_geometries", _bodies([r.id for r in rests], keys, solids))
    database.execute(
        "UPDATE elements_meta SET geometry_hash = (SELECT key FROM _rest r WHERE r.id = elements_meta.id)"
        " WHERE id IN (SELECT id FROM _rest)"
    )
    guids = dict(database.rows("SELECT id, guid FROM elements_meta WHERE id IN (SELECT id FROM _rest)"))
    database.execute("DELETE FROM element_transforms WHERE id IN (SELECT id FROM _rest)")
    ids = [r.id for r in rests]
    database.ingest("element_transforms", _places(ids, [guids[i] for i in ids], solids, [r.length for r in rests]))


def _close_up(database: Database, holes: list[int], count: int) -> None:
    """Let the last elements take the ids that nobody has any more."""
    left = count - len(holes)
    free = [i for i in holes if i <= left]
    if not free:
        return
    last = [i for (i,) in database.rows(f"SELECT id FROM elements_meta WHERE id > {left} ORDER BY id")]
    database.execute("CREATE TABLE _moved (id INTEGER PRIMARY KEY, new INTEGER)")
    database.ingest("_moved", pa.table({"id": last, "new": free}))
    for table, name in (
        ("elements_meta", "id"), ("element_transforms", "id"), ("base_geometries", "id"),
        ("element_properties", "element_id"),
    ):  # fmt: skip
        database.execute(
            f"UPDATE {table} SET {name} = (SELECT new FROM _moved v WHERE v.id = {table}.{name})"
            f" WHERE {name} IN (SELECT id FROM _moved)"
        )
    database.execute("DROP TABLE _moved")


def _places(ids: list[int], guids: list[str], solids: list[Solid], length: list[float]) -> pa.Table:
    columns: dict[str, Any] = {"id": ids, "guid": guids, "length": length}
    for k, axis in enumerate("xyz"):
        columns[f"center_{axis}"] = [s.center[k] for s in solids]
        columns[f"bbox_{axis}"] = [s.size[k] for s in solids]
    return pa.table(columns)


def _bodies(ids: list[int], keys: list[str], solids: list[Solid]) -> pa.Table:
    return pa.table(
        {
            "id": ids, "geometry_hash": keys,
            "vertices": pa.array([s.vertices for s in solids], type=pa.binary()),
            "faces": pa.array([s.faces for s in solids], type=pa.binary()),
            "vertex_count": [len(s.vertices) // 12 for s in solids],
            "face_count": [len(s.faces) // 12 for s in solids],
        }
    )  # fmt: skip


def _text(value: str) -> str:
    """Return a value as SQL text."""
    return "CAST(x'" + value.encode("utf-8", "surrogateescape").hex() + "' AS TEXT)"
