"""Block references as arrays: where each puts its block, on which layer, in which colour, under which name. Pure.

Frame: a reference's matrix (3, 4) takes points of its block, in metres, to the world (or to the block that it lies in).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from dxfd.convert.build.inserts import Placed
from dxfd.convert.build.ragged import Bools, Floats, Ints

Words = npt.NDArray[np.uint64]


class References(Struct, frozen=True):
    """References to blocks that are exploded, in file order; arrays (MINSERT) are not laid out yet.

    Attributes:
        block: (n,) number of the block's name.
        matrix: (n, 3, 4) of the first cell.
        cells: (n,) of the array, 1 else.
        columns: (n,).
        step: (n, 2, 3) vectors from column to column and from row to row, metres.
        layer: (n,) number of the layer's name.
        color: (n,) 0xRRGGBBAA.
        path: Arrow string array (n,): handles from the drawing's entity down to this one.
        key: (n,) hash of the same.
        handle, ordinal: (n,) of the drawing's entity.
        layout: (n,) of the drawing's entity.
        entity: (n,) where it stands among those that it was taken from.
    """

    block: Ints
    matrix: Floats
    cells: Ints
    columns: Ints
    step: Floats
    layer: Ints
    color: Ints
    path: Any
    key: Words
    handle: Words
    ordinal: Words
    layout: Ints
    entity: Ints

    def __len__(self) -> int:
        return len(self.block)

    def take(self, rows: Ints) -> References:
        """Return some of them."""
        at = pa.array(rows)
        got = [getattr(self, name) for name in self.__struct_fields__]
        return References(*(v[rows] if isinstance(v, np.ndarray) else v.take(at) for v in got))


def nothing() -> References:
    """Return no references."""
    none = np.zeros(0, dtype=np.int64)
    words = np.zeros(0, dtype=np.uint64)
    return References(
        none, np.zeros((0, 3, 4)), none, none, np.zeros((0, 2, 3)), none, none, pa.array([], type=pa.string()), words,
        words, words, none, none,
    )  # fmt: skip


def keys(cells: References) -> list[tuple[int, float, int, int]]:
    """Return what the content of each reference depends on: block, scale, layer, colour."""
    scale = scale_of(cells.matrix)
    return list(zip(cells.block.tolist(), scale.tolist(), cells.layer.tolist(), cells.color.tolist(), strict=True))


def matrices(where: Placed, base: Floats) -> Floats:
    """Return (n, 3, 4): turn and scale about the block's base point (n, 3), then the place."""
    out = np.empty((len(base), 3, 4))
    out[:, :, :3] = where.turn * where.scale[:, None, :]
    out[:, :, 3] = where.at - np.einsum("nij,nj->ni", out[:, :, :3], base)
    return out


def steps(where: Placed) -> Floats:
    """Return (n, 2, 3) vectors between the cells of arrays."""
    out: Floats = where.turn[:, :, :2].transpose(0, 2, 1) * where.spacing[:, :, None]
    return out


def inside(outer: Floats, inner: Floats) -> Floats:
    """Return (n, 3, 4): inner (n, 3, 4), then outer (n, 3, 4)."""
    out: Floats = np.einsum("nij,njk->nik", outer[:, :, :3], inner)
    out[:, :, 3] += outer[:, :, 3]
    return out


def below_of(below: References, cells: References) -> References:
    """Return references in a block at each of some references to it."""
    m, n = len(cells), len(below)
    inner, outer = below.take(np.tile(np.arange(n), m)), cells.take(np.repeat(np.arange(m), n))
    step = np.einsum("nij,nkj->nki", outer.matrix[:, :, :3], inner.step)
    return References(
        inner.block, inside(outer.matrix, inner.matrix), inner.cells, inner.columns, step, inner.layer, inner.color,
        pc.binary_join_element_wise(outer.path, inner.path, "/"), mixed(outer.key, inner.key),
        outer.handle, outer.ordinal, outer.layout, outer.entity,
    )  # fmt: skip


def laid_out(references: References, first: int, last: int) -> References:
    """Return the cells first to last - 1 of all cells of all references, each as a reference of its own."""
    ends = np.cumsum(references.cells)
    flat = np.arange(first, last)
    row = np.searchsorted(ends, flat, side="right")
    cell = flat - (ends[row] - references.cells[row])
    if bool((references.cells == 1).all()):
        return references.take(row)
    out = references.take(row)
    column, line = cell % out.columns, cell // out.columns
    matrix = out.matrix.copy()
    matrix[:, :, 3] += column[:, None] * out.step[:, 0] + line[:, None] * out.step[:, 1]
    many = out.cells > 1
    named = pc.binary_join_element_wise(out.path, pc.cast(pa.array(cell), pa.string()), "#")
    return References(
        out.block, matrix, np.ones_like(out.cells), np.ones_like(out.cells), out.step, out.layer, out.color,
        pc.if_else(pa.array(many), named, out.path), np.where(many, mixed(out.key, cell.astype(np.uint64)), out.key),
        out.handle, out.ordinal, out.layout, out.entity,
    )  # fmt: skip


def mixed(key: Words, more: Words) -> Words:
    """Return a hash of pairs of numbers (n,); every bit of both counts (the finalizer of splitmix64, twice)."""
    return _stirred(key ^ _stirred(more + np.uint64(0x9E3779B97F4A7C15)))


def _stirred(value: Words) -> Words:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def scale_of(matrix: Floats) -> Floats:
    """Return (n,) the largest factor of each matrix, to twelve digits: equal scales are then equal numbers."""
    size = np.linalg.norm(matrix[:, :, :3], axis=1).max(axis=1)
    fine = np.isfinite(size) & (size > 0)
    size = np.where(fine, size, 1.0)
    step = 10.0 ** (np.floor(np.log10(size)) - 11)
    rounded: Floats = np.round(size / step) * step
    return rounded


def rigid(matrix: Floats) -> Bools:
    """Return (n,) whether (n, 3, 3) matrices keep lengths."""
    square = np.einsum("nji,njk->nik", matrix, matrix)
    return np.asarray(np.abs(square - np.eye(3)).max(axis=(1, 2)) < 1e-9, dtype=np.bool_)
