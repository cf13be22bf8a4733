"""The R-tree of a copy: the nodes of the database's own, moved with the model, not filled again row by row.

A million boxes take a second so, and sixteen by the virtual table. Node layout: SQLite's rtree.c, "Database Format of
R-Tree Tables".
"""

from __future__ import annotations

import sqlite3
from typing import Final

import numpy as np

_CELL: Final = np.dtype([("id", ">i8"), ("box", ">f4", 6)])
_NODE, _ROWID, _PARENT = "elements_rtree_node", "elements_rtree_rowid", "elements_rtree_parent"
_BY_ROW: Final = (
    "INSERT INTO elements_rtree SELECT id, x - bbox_x / 2, x + bbox_x / 2, y - bbox_y / 2, y + bbox_y / 2,"
    " z - bbox_z / 2, z + bbox_z / 2 FROM place"
)


def fill(connection: sqlite3.Connection) -> None:
    """Fill the empty table elements_rtree with the boxes of `source`, moved by `shift`; in a transaction."""
    (size,) = connection.execute(f"SELECT length(data) FROM main.{_NODE} WHERE nodeno = 1").fetchone()
    theirs = "SELECT 1 FROM source.sqlite_master WHERE name = ?"
    if not all(connection.execute(theirs, (name,)).fetchone() for name in (_NODE, _ROWID, _PARENT)) or (
        connection.execute(f"SELECT 1 FROM source.{_NODE} WHERE length(data) <> ? LIMIT 1", (size,)).fetchone()
    ):
        connection.execute(_BY_ROW)
        return
    x, y, z = connection.execute("SELECT x, y, z FROM shift").fetchone()
    connection.create_function("moved", 1, lambda data: _moved(data, (x, y, z)), deterministic=True)
    data = "moved(data)" if x or y or z else "data"
    connection.execute(f"DELETE FROM main.{_NODE}")
    connection.execute(f"INSERT INTO main.{_NODE} SELECT nodeno, {data} FROM source.{_NODE} ORDER BY nodeno")
    for name, key, value in ((_ROWID, "rowid", "nodeno"), (_PARENT, "nodeno", "parentnode")):
        connection.execute(f"INSERT INTO main.{name} SELECT {key}, {value} FROM source.{name} ORDER BY {key}")


def _moved(data: bytes, shift: tuple[float, float, float]) -> bytes:
    """Return a node whose boxes are moved and rounded outwards, so that those above still hold those below."""
    cells = np.frombuffer(data, dtype=_CELL, offset=4).copy()
    used = cells[: int.from_bytes(data[2:4], "big")]
    box = used["box"].astype(np.float64) - np.repeat(shift, 2)
    single = box.astype(np.float32)
    low, high = single[:, 0::2], single[:, 1::2]
    low[...] = np.where(low > box[:, 0::2], np.nextafter(low, np.float32(-np.inf)), low)
    high[...] = np.where(high < box[:, 1::2], np.nextafter(high, np.float32(np.inf)), high)
    used["box"] = single
    return data[:4] + cells.tobytes()
