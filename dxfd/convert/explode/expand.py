"""Block references to elements: level by level, for many references at a time, in parts of bounded size.

The order of the elements: reference after reference; within one, the block's own entities as they stand in it, then the
content of the references in it, one level down, and so on. A reference to more than a part, or to too many other
references, goes down by itself instead: its own entities, then each reference in it, whole. Either way it depends on
the reference alone, not on how many are worked on together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from dxfd.convert.build.at_once import TooMuchAtOnceError, check
from dxfd.convert.build.portable import blobs, within_reach
from dxfd.convert.build.ragged import Bools, Floats, Ints, offsets
from dxfd.convert.explode import reading
from dxfd.convert.explode.pieces import Piece, Workshop, piece
from dxfd.convert.explode.places import References, Words, below_of, keys, laid_out, mixed, rigid, scale_of
from dxfd.convert.explode.shelf import Shelf
from dxfd.convert.keys import tally
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import halves
from dxfd.convert.region import OUTSIDE
from dxfd.convert.types import Found

_POINTS: Final = 2_000_000
"""Points of bodies that are turned at a time."""


class Part(Struct, frozen=True):
    """Elements of exploded references, in order, and the account of as many entities.

    Attributes:
        element: (n,) number of each element's rule.
        flat: (n,) it has no height but that of its rule.
        center, size: (n, 3) metres, WCS.
        length: (n,) metres, NaN where it is not known.
        vertices, faces: Arrow binary arrays (n,).
        kind, layer, block, handle: Arrow string arrays (n,).
        rgba: Arrow string array (n,) or None.
        key: (n,) hash of the way down to the entity.
        top, ordinal: (n,) handle and place of the drawing's entity.
        layout: (n,) of the drawing's entity.
        entity: (n,) where that stands among those that it was taken from.
        properties: (row, name, value); rows grow.
        waiting: (entity, name, value): those of references without an element in this part.
        ledger: rows of the account with a column `at`: layout of each.
        count, matched: entities, and those that became elements.
        notes: what is wrong with the content.
    """

    element: Ints
    flat: Bools
    center: Floats
    size: Floats
    length: Floats
    vertices: Any
    faces: Any
    kind: Any
    layer: Any
    block: Any
    handle: Any
    rgba: Any
    key: Words
    top: Words
    ordinal: Words
    layout: Ints
    entity: Ints
    properties: pa.Table
    waiting: pa.Table
    ledger: pa.Table
    count: int
    matched: int
    notes: list[Found]


_Step: TypeAlias = "Part | Iterator[_Step]"
"""The next part, or what has the next ones."""
_Account = tuple[pa.Table, Ints]
"""Rows of the account, and the order of each: that of the first element, or entity, that it is about."""


class _Rows(Struct):
    """Elements of one piece at many references."""

    order: Ints
    tops: Ints
    columns: dict[str, Any]
    own: Ints
    held: pa.Table
    heads: Ints
    entities: Ints
    others: pa.Table
    ledger: list[_Account]


class Expander:
    """The exploded references of one drawing."""

    def __init__(self, source: Source, shop: Workshop, shelf: Shelf) -> None:
        self._content = reading.Content(source, shop)
        self._shop = shop
        self._shelf = shelf

    def parts(self, references: References) -> Iterator[Part]:
        """Yield the elements of references, in their order."""
        open_ = [self._all(references)]  # a stack of ours: 200 levels of blocks are more than Python's own has room for
        while open_:
            step = next(open_[-1], None)
            if step is None:
                open_.pop()
            elif isinstance(step, Part):
                yield step
            else:
                open_.append(step)

    def _all(self, references: References) -> Iterator[_Step]:
        total = int(references.cells.sum())
        for first in range(0, total, reading.PART):
            yield self._parts(laid_out(references, first, min(total, first + reading.PART)))

    def _parts(self, cells: References) -> Iterator[_Step]:
        begin = load = 0
        seen: set[tuple[Any, ...]] = set()
        for k, key in enumerate(keys(cells)):
            block = self._shop.index.get(self._name(key[0]))
            different = block.visits * reading.VISIT  # the pieces of a reference like an earlier one are there already
            large = self._content.is_large(key[0])
            more = block.weight + (0 if key in seen else different)
            if begin < k and (large or load + more > reading.PART):
                yield self._small(cells.take(np.arange(begin, k)))
                begin, load, more = k, 0, block.weight + different
                seen.clear()
            if large:
                yield self._large(cells.take(np.array([k])))
                begin = k + 1
                continue
            seen.add(key)
            load += more
        if begin < len(cells):
            yield self._small(cells.take(np.arange(begin, len(cells))))

    def _small(self, cells: References) -> Iterator[_Step]:
        """Yield the elements of references to less than a part; in halves where their bodies have too many points."""
        part, fits = None, True
        try:
            part = self._levels(cells)
        except TooMuchAtOnceError:
            fits = False  # the error holds 80 MB of what was made: nothing is yielded before it is let go
        if part is not None:
            yield part
        if not fits and len(cells) == 1:
            yield self._large(cells)
        elif not fits:
            half = len(cells) // 2
            yield self._small(cells.take(np.arange(half)))
            yield self._small(cells.take(np.arange(half, len(cells))))

    def _large(self, cell: References) -> Iterator[_Step]:
        """Go down into one reference: its own entities stretch by stretch, then the references in it."""
        zero, key = np.zeros(1, dtype=np.int64), keys(cell)[0]
        yield from (self._joined([self._placed(made, cell, zero, zero)], [made], [1]) for made in self._read(*key))
        # read again: a block of a million references took 480 MB to keep them
        for below in self._content.references(cell):
            yield self._all(below)

    def _levels(self, cells: References) -> Part | None:
        """Return all elements of some references, one level after the other; None where nothing was found to be read.

        Raises:
            TooMuchAtOnceError: their bodies have too many points.
        """
        found: list[_Rows] = []
        used: list[Piece] = []
        times: list[int] = []
        level, here, tops, points = 0, cells, np.arange(len(cells)), 0
        while len(here):
            groups: dict[tuple[Any, ...], list[int]] = {}
            for k, key in enumerate(keys(here)):
                groups.setdefault(key, []).append(k)
            below: list[tuple[References, Ints, Ints]] = []
            for key, rows in groups.items():
                at = np.array(rows, dtype=np.int64)
                some = here.take(at)
                for number, made in enumerate(self._pieces(key)):
                    # reference of the drawing, level, reference of this level, stretch: the order of the elements
                    order = (tops[at] << 48) + (min(level, 65_535) << 32) + (at << 12) + min(number, 4095)
                    points += len(made.bodies.points) * len(at)
                    check(points)
                    found.append(self._placed(made, some, order, tops[at]))
                    used.append(made)
                    times.append(len(at))
                    if n := len(made.below):
                        below.append((below_of(made.below, some), np.repeat(tops[at], n), np.repeat(at, n)))
            if not below:
                break
            whole = _together([part[0] for part in below])
            order = np.argsort(np.concatenate([part[2] for part in below]), kind="stable")
            whole, tops = whole.take(order), np.concatenate([part[1] for part in below])[order]
            tops = np.repeat(tops, whole.cells)
            here = laid_out(whole, 0, int(whole.cells.sum()))
            level += 1
        return self._joined(found, used, times) if found else None

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _name(self, number: int) -> str:
        return self._shop.names.names[number]

    def _pieces(self, key: tuple[Any, ...]) -> list[Piece]:
        known = self._shelf.get(key)
        if known is None:
            known, points = [], 0
            for made in self._read(*key):
                points += len(made.bodies.points)
                if known:
                    check(points)
                known.append(made)
            self._shelf.put(key, known)
        return known

    def _read(self, block: int, scale: float, layer: int, color: int) -> Iterator[Piece]:
        """Yield the pieces of a block's content, read from the drawing."""
        name, first = self._name(block), 0
        for whole in self._content.chunks(block):
            later = [whole]
            while later:
                chunk = later.pop(0)
                try:
                    made = piece(self._shop, chunk, name, first, scale, self._name(layer), color)
                except TooMuchAtOnceError:
                    if again := halves(chunk):
                        later[:0] = again
                        continue
                    made = piece(self._shop, chunk, name, first, scale, self._name(layer), color, alone=True)
                first += made.count
                yield made

    # --- placing ----------------------------------------------------------------------------------------------------

    def _placed(self, made: Piece, cells: References, order: Ints, tops: Ints) -> _Rows:
        """Return a piece's elements at each of some references; `order` (m,) and `tops` (m,) are the references'."""
        m, n = len(cells), len(made.element)
        times, again = np.repeat(np.arange(m), n), np.tile(np.arange(n), m)
        at, of = pa.array(again), pa.array(times)
        stiff, columns = _bodies(made, cells)
        columns |= {
            "element": made.element[again], "why": made.why[again],
            "flat": made.flat[again] & _level(cells.matrix)[times],
            "length": np.where(stiff[times], made.length[again], np.nan),
            "kind": made.kind.take(at), "layer": made.layer.take(at), "block": made.block.take(at),
            "handle": pc.binary_join_element_wise(cells.path.take(of), made.handle.take(at), "/"),
            "key": mixed(cells.key[times], made.key[again]), "top": cells.handle[times],
            "ordinal": cells.ordinal[times], "layout": cells.layout[times], "entity": cells.entity[times],
            "rgba": pa.nulls(n * m, pa.string()) if made.rgba is None else made.rgba.take(at),
        }  # fmt: skip
        held = made.properties
        row = held["row"].to_numpy()
        own = np.flatnonzero(row < n)
        others = np.flatnonzero(row >= n)
        return _Rows(
            np.repeat(order, n), np.repeat(tops, n), columns,
            (np.arange(m)[:, None] * n + row[own][None, :]).ravel(), held.take(pa.array(np.tile(own, m))),
            np.repeat(tops, len(others)), np.repeat(cells.entity, len(others)), held.take(pa.array(np.tile(others, m))),
            _times(made.ledger, cells, order),
        )  # fmt: skip

    def _wanted(self, columns: dict[str, Any]) -> Bools:
        """Return (n,) which elements lie in the region that is converted; sheets have none."""
        wanted = np.ones(len(columns["element"]), dtype=np.bool_)
        region = self._shop.region
        if region is not None:
            low, high = (columns["center"][:, :2] + k * columns["size"][:, :2] / 2 for k in (-1, 1))
            wanted = (high >= (region.min_x, region.min_y)).all(axis=1)
            wanted &= (low <= (region.max_x, region.max_y)).all(axis=1)
            wanted |= columns["layout"] > 0
        return wanted

    def _joined(self, found: list[_Rows], used: list[Piece], times: list[int]) -> Part:
        """Return the elements of all pieces in order."""
        sizes = [len(rows.order) for rows in found]
        order = np.argsort(np.concatenate([rows.order for rows in found]), kind="stable")
        index = pa.array(order)
        columns = {}
        for name, first in found[0].columns.items():
            parts = [rows.columns[name] for rows in found]
            whole = np.concatenate(parts) if isinstance(first, np.ndarray) else pa.concat_arrays(parts)
            columns[name] = whole[order] if isinstance(first, np.ndarray) else whole.take(index)
        tops = np.concatenate([rows.tops for rows in found])[order]
        elevation = np.array([e.elevation_m for e in self._shop.chooser.elements])
        columns["center"][:, 2] += np.where(columns["flat"], elevation[columns["element"]], 0.0)
        near = within_reach(columns["center"]) & within_reach(columns["size"])
        wanted = near & self._wanted(columns)
        kept, far, away = np.flatnonzero(wanted), np.flatnonzero(~near), np.flatnonzero(near & ~wanted)
        properties, waiting = _properties(found, sizes, order, tops, kept)
        notes = [*(note for p in used for note in p.notes), *_far(columns, far)]
        accounts = [account for rows in found for account in rows.ledger]
        if len(kept) < len(order):
            names = self._shop.names.names
            accounts += _lost(columns, names, tops, far, ("error", "out_of_range"))
            accounts += _lost(columns, names, tops, away, ("skipped", OUTSIDE))
            columns = {
                name: value[kept] if isinstance(value, np.ndarray) else value.take(pa.array(kept))
                for name, value in columns.items()
            }
        del columns["why"]
        return Part(
            **columns, properties=properties, waiting=waiting, ledger=_in_order(accounts),
            count=sum(p.count * k for p, k in zip(used, times, strict=True)),
            matched=sum(p.matched * k for p, k in zip(used, times, strict=True)) - len(far) - len(away),
            notes=notes,
        )  # fmt: skip


def _far(columns: dict[str, Any], far: Ints) -> list[Found]:
    """Return an issue for each block with content out of reach, with the handle of the first."""
    at = pa.array(far)
    blocks, handles = (columns[name].take(at).to_pylist() for name in ("block", "handle"))
    words = "a coordinate is not finite, or more than a million kilometres away"
    return [
        Found(code="out_of_range", message=f"in block {block!r}: {words}", handle=handle)
        for block, handle in dict(zip(reversed(blocks), reversed(handles), strict=True)).items()
    ]


def _level(matrix: Floats) -> Bools:
    """Return (n,) whether (n, 3, 4) matrices leave what lies at height 0 there."""
    return np.asarray((np.abs(matrix[:, 2, [0, 1, 3]]) < 1e-9).all(axis=1), dtype=np.bool_)


def _bodies(made: Piece, cells: References) -> tuple[Bools, dict[str, Any]]:
    """Return which references keep lengths, and the columns of bodies: centre, size, vertices, faces."""
    m, n = len(cells), len(made.element)
    bodies = made.bodies
    scale = scale_of(cells.matrix)
    turn = cells.matrix[:, :, :3] / scale[:, None, None]
    stiff = rigid(turn)
    mirrored = np.linalg.det(np.nan_to_num(turn)) < 0
    center, size = np.empty((m * n, 3)), np.empty((m * n, 3))
    count = len(bodies.points)
    local = np.empty((m * count, 3), dtype="<f4")
    step = max(1, _POINTS // max(count, 1))
    counts = np.diff(bodies.vertex_offset)
    for first in range(0, m if n else 0, step):
        last = min(m, first + step)
        turned = np.einsum("nij,vj->nvi", turn[first:last], bodies.points)  # not moved: equals are to be equal bytes
        low = np.minimum.reduceat(turned, bodies.vertex_offset[:-1], axis=1)
        high = np.maximum.reduceat(turned, bodies.vertex_offset[:-1], axis=1)
        middle = (low + high) / 2
        center[first * n : last * n] = (middle + cells.matrix[first:last, None, :, 3]).reshape(-1, 3)
        size[first * n : last * n] = (high - low).reshape(-1, 3)
        local[first * count : last * count] = (turned - np.repeat(middle, counts, axis=1) + 0.0).reshape(-1, 3)
    faces = np.tile(bodies.faces.astype("<u4"), (m, 1))
    other = np.repeat(mirrored, len(bodies.faces))
    faces[other] = faces[other][:, ::-1]
    columns = {
        "center": center, "size": size, "vertices": blobs(local, _tiled(bodies.vertex_offset, m)),
        "faces": blobs(faces, _tiled(bodies.face_offset, m)),
    }  # fmt: skip
    return stiff, columns


def _tiled(offset: Ints, times: int) -> Ints:
    return offsets(np.tile(np.diff(offset), times))


def _times(ledger: pa.Table, cells: References, order: Ints) -> list[_Account]:
    """Return a piece's account for some references, by the layout of each; `order` (m,) is the references'."""
    parts = []
    for layout in dict.fromkeys(cells.layout.tolist()):
        rows = np.flatnonzero(cells.layout == layout)
        path = cells.path[int(rows[0])].as_py()
        table = ledger.set_column(
            ledger.schema.get_field_index("count"), "count", pc.multiply(ledger["count"], len(rows))
        )
        handles = [f"{path}/{handle}" for handle in ledger["first_handle"].to_pylist()]
        table = table.set_column(
            table.schema.get_field_index("first_handle"), "first_handle", pa.array(handles, type=pa.string())
        )
        table = table.append_column("at", pa.array([layout] * table.num_rows, type=pa.int64()))
        parts.append((table, np.full(table.num_rows, order[rows[0]])))
    return parts


def _in_order(accounts: list[_Account]) -> pa.Table:
    """Return all rows in the order of what they are about, as if each reference had been worked on by itself."""
    order = np.argsort(np.concatenate([at for _, at in accounts]), kind="stable")
    return pa.concat_tables([table for table, _ in accounts]).take(pa.array(order))


def _lost(
    columns: dict[str, Any], reasons: list[str], tops: Ints, lost: Ints, after: tuple[str, str]
) -> list[_Account]:
    """Return the rows of the account that make something else of elements, behind all else of their references.

    Args:
        columns: of all elements.
        reasons: what the numbers in the column `why` stand for.
        tops: (n,) reference of the drawing that each lies in, growing.
        lost: (m,) which elements.
        after: outcome and reason that they have instead.
    """
    if not len(lost):
        return []
    texts = [columns[name].take(pa.array(lost)) for name in ("kind", "layer", "block")]
    numbers = [text.dictionary_encode().indices.to_numpy() for text in texts]
    key = np.column_stack([*numbers, columns["layout"][lost], columns["why"][lost]])
    first, index = tally(key)  # one row a kind of loss: of a region little may be left
    count, rows = np.bincount(index, minlength=len(first)), lost[first]
    at = pa.array(rows)
    same = {
        "entity_type": columns["kind"].take(at), "layer": columns["layer"].take(at),
        "block": columns["block"].take(at), "space": pa.array(["model"] * len(rows)),
        "layout": pa.array(["Model"] * len(rows)), "origin": pa.array(["content"] * len(rows)),
    }  # fmt: skip
    rest = {"first_handle": columns["handle"].take(at), "at": pa.array(columns["layout"][rows])}
    before = [("element", reasons[why]) for why in columns["why"][rows].tolist()]
    last = (tops[rows] << 48) + ((1 << 48) - 1)
    return [
        (
            pa.table(
                {
                    **same, "outcome": pa.array([outcome for outcome, _ in became]),
                    "reason": pa.array([reason for _, reason in became]), "count": pa.array(sign * count), **rest,
                }
            ),
            last,
        )
        for became, sign in ((before, -1), ([after] * len(rows), 1))
    ]  # fmt: skip


def _properties(
    found: list[_Rows], sizes: list[int], order: Ints, tops: Ints, kept: Ints
) -> tuple[pa.Table, pa.Table]:  # fmt: skip
    """Return the properties by row, and by the drawing's entity those of references that have no element here.

    Those of exploded references go to the first element of the drawing's reference.
    """
    place = np.full(len(order), -1, dtype=np.int64)
    left = np.full(len(order), -1, dtype=np.int64)
    left[kept] = np.arange(len(kept))
    place[order] = left
    heads, at = np.unique(tops[kept], return_index=True)
    first = dict(zip(heads.tolist(), at.tolist(), strict=True))
    rows, tables, entities = [], [], []
    for begin, part in zip(np.cumsum([0, *sizes[:-1]]).tolist(), found, strict=True):
        rows += [place[begin + part.own], np.array([first.get(t, -1) for t in part.heads.tolist()], dtype=np.int64)]
        tables += [part.held, part.others]
        entities += [np.full(len(part.own), -1, dtype=np.int64), part.entities]
    row = np.concatenate(rows)
    whole = pa.concat_tables(tables).drop_columns(["row"])
    entity = np.concatenate(entities)
    at = np.argsort(row, kind="stable")
    at = at[row[at] >= 0]
    left = np.flatnonzero((row < 0) & (entity >= 0))
    waiting = whole.take(pa.array(left)).append_column("entity", pa.array(entity[left]))
    return whole.take(pa.array(at)).append_column("row", pa.array(row[at])), waiting


def _together(parts: list[References]) -> References:
    got = []
    for name in References.__struct_fields__:
        values = [getattr(part, name) for part in parts]
        got.append(np.concatenate(values) if isinstance(values[0], np.ndarray) else pa.concat_arrays(values))
    return References(*got)
