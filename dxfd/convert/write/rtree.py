"""A packed R-tree: all boxes sorted into tiles and written straight into the shadow tables of SQLite's rtree module.

Filling the virtual table row by row costs three times as much and leaves half-empty nodes. Node layout: SQLite's
rtree.c, "Database Format of R-Tree Tables"; rtreecheck() of the result is part of the tests. Packing needs four bytes
an element in memory, the rest goes through nameless files; it touches no database, so that it can be done in a thread.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from dxfd.convert.scratch import let_go, refused, scratch
from dxfd.convert.write.database import Database
from dxfd.convert.write.spool import Boxes, BoxSpool

CELLS: Final = 51
"""Cells of a full node (RTREE_MAXCELLS); a node is 4 + 51 × 32 bytes while a page has 4096 or more."""
_CELL: Final = np.dtype([("id", ">i8"), ("box", ">f4", 6)])
_NODE_BYTES: Final = 4 + CELLS * _CELL.itemsize
_AT_ONCE: Final = 2048
_BINS: Final = 1 << 16
"""Stripes along x that are told apart; within one, the order of the ids holds."""
_WHAT: Final = "the tiles of the spatial index"

Numbers = npt.NDArray[np.int64]


class Packed(Struct):
    """The leaves of a tree, ready to be written.

    Attributes:
        count: boxes in it.
        leaves: how many nodes hold them.
        folder: where the file lies.
        file: their blobs, one behind the other.
        leaf_of: (count,) int32 leaf of the box with id k + 1, from 0.
        boxes: (leaves, 6) boxes around them.
    """

    count: int
    leaves: int
    folder: Path
    file: IO[bytes]
    leaf_of: npt.NDArray[np.int32]
    boxes: Boxes

    def nodes(self, first: int, many: int) -> npt.NDArray[np.uint8]:
        """Return the blobs of some leaves, one behind the other."""
        try:
            self.file.seek(first * _NODE_BYTES)
            return np.frombuffer(self.file.read(many * _NODE_BYTES), dtype=np.uint8)
        except OSError as error:
            raise refused(error, _WHAT, self.folder) from error

    def close(self) -> None:
        """Give the file's room back."""
        let_go(self.file)


def pack(spool: BoxSpool) -> Packed:
    """Sort the spooled boxes into leaves: slabs along x, tiles along y within them (sort-tile-recursive).

    Raises:
        DiskFullError: no room beside the output.
        OutputError: the system does not write or read there.
    """
    count = spool.count
    leaves = -(-count // CELLS)
    slab = max(1, int(np.ceil(np.sqrt(leaves)))) * CELLS
    out = Packed(
        count, leaves, spool.folder, scratch(spool.folder, "nodes"), np.empty(count, dtype=np.int32),
        np.empty((leaves, 6), dtype=np.float32),
    )  # fmt: skip
    with contextlib.ExitStack() as unless_whole:
        unless_whole.callback(out.close)
        _fill(out, spool, slab)
        unless_whole.pop_all()
    return out


def _fill(out: Packed, spool: BoxSpool, slab: int) -> None:
    try:
        with scratch(spool.folder, "tiles") as tiles:
            _into_slabs(spool, tiles, slab)
            tiles.seek(0)
            for first in range(0, out.count, slab):
                cells = np.frombuffer(tiles.read(min(slab, out.count - first) * _CELL.itemsize), dtype=_CELL)
                _leaves(out, cells, first // CELLS)
        out.file.flush()
    except OSError as error:
        raise refused(error, _WHAT, out.folder) from error


def _into_slabs(spool: BoxSpool, tiles: IO[bytes], slab: int) -> None:
    """Write all cells into a file where each slab has its place, by counting: no slab is ever sorted along x."""
    low, high = spool.across
    scale = (_BINS - 1) / (high - low) if high > low else 0.0

    def stripe(boxes: Boxes) -> Numbers:
        across = (boxes[:, 0] + boxes[:, 1]).astype(np.float64)
        return ((across - low) * scale).astype(np.int64)

    filled = np.zeros(_BINS + 1, dtype=np.int64)
    for boxes in spool.pieces():
        filled[1:] += np.bincount(stripe(boxes), minlength=_BINS)
    following = np.cumsum(filled)[:-1]  # place of each stripe's next box among all
    held = np.zeros(-(-max(spool.count, 1) // slab), dtype=np.int64)
    first_id = 1
    for boxes in spool.pieces():
        bins = stripe(boxes)
        order = np.argsort(bins, kind="stable")
        sorted_bins = bins[order]
        starts = np.flatnonzero(np.diff(sorted_bins, prepend=-1))
        counts = np.diff(np.append(starts, len(bins)))
        place = following[sorted_bins] + np.arange(len(bins)) - np.repeat(starts, counts)
        following[sorted_bins[starts]] += counts
        into = place // slab
        order, into = _kept(order, into)
        cells = np.empty(len(order), dtype=_CELL)
        cells["id"], cells["box"] = order + first_id, boxes[order]
        edges = np.flatnonzero(np.diff(into, prepend=-1))
        for at, end in zip(edges.tolist(), [*edges[1:].tolist(), len(into)], strict=True):
            which = int(into[at])
            tiles.seek((which * slab + int(held[which])) * _CELL.itemsize)
            tiles.write(cells[at:end].tobytes())
            held[which] += end - at
        first_id += len(boxes)


def _kept(order: Numbers, into: Numbers) -> tuple[Numbers, Numbers]:
    """Put each slab's boxes back in the order of their ids: what a tie along y falls back on."""
    by_id = np.lexsort((order, into))
    return order[by_id], into[by_id]


def _leaves(out: Packed, cells: np.ndarray, first_leaf: int) -> None:
    """Sort a slab along y and cut it into leaves."""
    boxes = cells["box"].astype(np.float32)
    order = np.argsort(boxes[:, 2] + boxes[:, 3], kind="stable")
    cells, boxes = cells[order], boxes[order]
    starts = np.arange(0, len(cells), CELLS)
    leaves = first_leaf + np.arange(len(starts))
    out.leaf_of[cells["id"] - 1] = np.repeat(leaves, CELLS)[: len(cells)]
    out.boxes[leaves] = _around(boxes, starts)
    out.file.write(_nodes(cells, 0).tobytes())


def _around(boxes: Boxes, starts: Numbers) -> Boxes:
    out = np.empty((len(starts), 6), dtype=np.float32)
    out[:, 0::2] = np.minimum.reduceat(boxes[:, 0::2], starts)
    out[:, 1::2] = np.maximum.reduceat(boxes[:, 1::2], starts)
    return out


def _nodes(cells: np.ndarray, depth: int) -> npt.NDArray[np.uint8]:
    """Return (k, _NODE_BYTES) nodes over cells, all full but the last; depth counts in a root alone."""
    many = -(-len(cells) // CELLS)
    whole = np.zeros(many * CELLS, dtype=_CELL)
    whole[: len(cells)] = cells
    raw = np.zeros((many, _NODE_BYTES), dtype=np.uint8)
    raw[:, 4:] = whole.view(np.uint8).reshape(many, -1)
    counts = np.full(many, CELLS)
    counts[-1] = len(cells) - CELLS * (many - 1)
    raw[:, 0], raw[:, 1] = depth >> 8, depth & 255
    raw[:, 2], raw[:, 3] = counts >> 8, counts & 255
    return raw


def load(database: Database, packed: Packed) -> None:
    """Create elements_rtree over packed boxes, inside the open transaction."""
    database.execute("CREATE VIRTUAL TABLE elements_rtree USING rtree(id, minX, maxX, minY, maxY, minZ, maxZ)")
    if not packed.count:
        return
    database.execute("DELETE FROM elements_rtree_node WHERE nodeno = 1")
    first = 1 if packed.leaves == 1 else 2  # the root is always node 1
    for at in range(0, packed.leaves, _AT_ONCE):
        many = min(_AT_ONCE, packed.leaves - at)
        _write_nodes(database, np.arange(first + at, first + at + many), packed.nodes(at, many))
    for at in range(0, packed.count, 1 << 17):
        nodes = packed.leaf_of[at : at + (1 << 17)].astype(np.int64) + first
        database.ingest("elements_rtree_rowid", pa.table({"nodeno": nodes}))  # SQLite numbers them from 1, as their ids
    _load_upper(database, np.arange(first, first + packed.leaves), packed.boxes)


def _load_upper(database: Database, children: Numbers, boxes: Boxes) -> None:
    """Write the nodes above the leaves, level by level, up to the root."""
    depth, following = 0, int(children[-1]) + 1
    while len(children) > 1:
        depth += 1
        many = -(-len(children) // CELLS)
        nodes = np.ones(1, dtype=np.int64) if many == 1 else np.arange(following, following + many)
        following += many
        cells = np.empty(len(children), dtype=_CELL)
        cells["id"], cells["box"] = children, boxes
        _write_nodes(database, nodes, _nodes(cells, depth if many == 1 else 0).ravel())
        parent = np.repeat(nodes, CELLS)[: len(children)]
        database.ingest("elements_rtree_parent", pa.table({"nodeno": children, "parentnode": parent}))
        children, boxes = nodes, _around(boxes, np.arange(0, len(boxes), CELLS))


def _write_nodes(database: Database, nodes: Numbers, raw: npt.NDArray[np.uint8]) -> None:
    offset = np.arange(0, raw.size + 1, _NODE_BYTES, dtype=np.int32)
    blobs = pa.Array.from_buffers(pa.binary(), len(nodes), [None, pa.py_buffer(offset), pa.py_buffer(raw)])
    database.ingest("elements_rtree_node", pa.table({"nodeno": nodes, "data": blobs}))
