"""A packed R-tree: all boxes sorted into tiles and written straight into the shadow tables of SQLite's rtree module.

Filling the virtual table row by row costs three times as much and leaves half-empty nodes. Node layout: SQLite's
rtree.c, "Database Format of R-Tree Tables"; rtreecheck() of the result is part of the tests.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dxfd.convert.write.database import Database

CELLS: Final = 51
"""Cells of a full node (RTREE_MAXCELLS); a node is 4 + 51 × 32 bytes while a page has 4096 or more."""
_CELL: Final = np.dtype([("id", ">i8"), ("box", ">f4", 6)])
_NODE_BYTES: Final = 4 + CELLS * _CELL.itemsize
_AT_ONCE: Final = 2048

Numbers = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.float32]
"""(n, 6) minX maxX minY maxY minZ maxZ."""


def outward(center: npt.NDArray[np.float64], size: npt.NDArray[np.float64]) -> Boxes:
    """Return (n, 6) float32 boxes that contain the given ones: rounded outwards as the rtree module does."""
    out = np.empty((len(center), 6), dtype=np.float32)
    for k in range(3):
        low, high = center[:, k] - size[:, k] / 2, center[:, k] + size[:, k] / 2
        low4, high4 = low.astype(np.float32), high.astype(np.float32)
        out[:, 2 * k] = np.where(low4 > low, np.nextafter(low4, np.float32(-np.inf)), low4)
        out[:, 2 * k + 1] = np.where(high4 < high, np.nextafter(high4, np.float32(np.inf)), high4)
    return out


def tile_order(boxes: Boxes) -> Numbers:
    """Return the order of sort-tile-recursive packing in plan: slabs along x, within them along y."""
    n = len(boxes)
    leaves = -(-n // CELLS)
    slab = int(np.ceil(np.sqrt(leaves))) * CELLS
    by_x = np.argsort(boxes[:, 0] + boxes[:, 1], kind="stable")
    y = (boxes[:, 2] + boxes[:, 3])[by_x]
    for first in range(0, n, slab):
        part = slice(first, first + slab)
        by_x[part] = by_x[part][np.argsort(y[part], kind="stable")]
    return by_x


def load(database: Database, boxes: Boxes) -> None:
    """Create elements_rtree over boxes whose ids are 1 … n, inside the open transaction."""
    database.execute("CREATE VIRTUAL TABLE elements_rtree USING rtree(id, minX, maxX, minY, maxY, minZ, maxZ)")
    if not len(boxes):
        return
    order = tile_order(boxes)
    ids = order + 1
    level = boxes[order]
    depth, next_node = 0, 2
    while True:
        count = -(-len(level) // CELLS)
        is_root = count == 1
        nodes = np.ones(1, dtype=np.int64) if is_root else np.arange(next_node, next_node + count)
        next_node += count
        _write_nodes(database, nodes, ids, level, depth if is_root else 0, replace=is_root)
        parent = np.repeat(nodes, CELLS)[: len(level)]
        if depth == 0:
            _write_places(database, "elements_rtree_rowid", "rowid", "nodeno", ids, parent)
        else:
            _write_places(database, "elements_rtree_parent", "nodeno", "parentnode", ids, parent)
        if is_root:
            return
        starts = np.arange(0, len(level), CELLS)
        upper = np.empty((count, 6), dtype=np.float32)
        upper[:, 0::2] = np.minimum.reduceat(level[:, 0::2], starts)
        upper[:, 1::2] = np.maximum.reduceat(level[:, 1::2], starts)
        ids, level, depth = nodes, upper, depth + 1


def _write_nodes(
    database: Database,
    nodes: Numbers,
    ids: Numbers,
    boxes: Boxes,
    depth: int,
    *,
    replace: bool,
) -> None:
    if replace:
        database.execute("DELETE FROM elements_rtree_node WHERE nodeno = 1")
    for first in range(0, len(nodes), _AT_ONCE):
        part = nodes[first : first + _AT_ONCE]
        cells = np.zeros(len(part) * CELLS, dtype=_CELL)
        mine = slice(first * CELLS, (first + len(part)) * CELLS)
        held = len(ids[mine])
        cells["id"][:held] = ids[mine]
        cells["box"][:held] = boxes[mine]
        raw = np.zeros((len(part), _NODE_BYTES), dtype=np.uint8)
        raw[:, 4:] = cells.view(np.uint8).reshape(len(part), -1)
        counts = np.full(len(part), CELLS)
        counts[-1] = held - CELLS * (len(part) - 1)
        raw[:, 0], raw[:, 1] = depth >> 8, depth & 255
        raw[:, 2], raw[:, 3] = counts >> 8, counts & 255
        offset = np.arange(0, raw.size + 1, _NODE_BYTES, dtype=np.int32)
        blobs = pa.Array.from_buffers(pa.binary(), len(part), [None, pa.py_buffer(offset), pa.py_buffer(raw)])
        database.ingest("elements_rtree_node", pa.table({"nodeno": part, "data": blobs}))


def _write_places(database: Database, table: str, key: str, value: str, keys: Numbers, values: Numbers) -> None:
    """Write a shadow table in key order: appending is what SQLite does best."""
    order = np.argsort(keys, kind="stable")
    step = 1 << 18
    for first in range(0, len(keys), step):
        part = order[first : first + step]
        database.ingest(table, pa.table({key: keys[part], value: values[part]}))
