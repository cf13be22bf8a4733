"""Exploding in one conversion: which references of a chunk, and their parts as rows of the database.

Knows the database's tables through write/rows.py alone; batches and checkpoints are the pipeline's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import Struct

from dxfd.convert.account import EXPLODED
from dxfd.convert.build.inserts import cells_of
from dxfd.convert.build.model import Built
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.explode.expand import Expander, Part
from dxfd.convert.explode.index import LIMIT
from dxfd.convert.explode.pieces import Workshop, explodable, references
from dxfd.convert.explode.shelf import Shelf
from dxfd.convert.heights import Levels
from dxfd.convert.properties import properties
from dxfd.convert.read.columns import group
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, cut
from dxfd.convert.scope import View
from dxfd.convert.write import guid, rows

_OPAQUE_WHITE = 0xFFFFFFFF
SLICE = 100_000
"""Entities of content between two checkpoints, if no single reference has more: some two seconds of work."""
Names = tuple[list[str], Ints]


class Exploding:
    """The exploded references of one run."""

    def __init__(self, source: Source, shop: Workshop, shelf: Shelf) -> None:
        self._shop = shop
        self._expander = Expander(source, shop, shelf)
        self._last: tuple[Chunk, tuple[Ints, Ints]] | None = None

    def mark(
        self, chunk: Chunk, view: View, names: Names, rule: Ints, reasons: tuple[list[str], Ints]
    ) -> tuple[list[str], Ints]:
        """Take the references that are exploded from their rules, in place, and return the reasons with theirs."""
        words, of = [*reasons[0], EXPLODED, LIMIT], reasons[1].copy()
        exploded, large = self._chosen(chunk, view, names)
        rule[exploded] = -1
        of[exploded] = len(words) - 2
        of[large[rule[large] >= 0]] = len(words) - 1
        return words, of

    def _chosen(self, chunk: Chunk, view: View, names: Names) -> tuple[Ints, Ints]:
        """Return the references that are exploded, and those that are too large for it.

        It is asked for when a chunk is sliced, again whether its slice is large, and for its parts.
        """
        if self._last is None or self._last[0] is not chunk:
            self._last = chunk, self._choose(chunk, view, names)
        return self._last[1]

    def _choose(self, chunk: Chunk, view: View, names: Names) -> tuple[Ints, Ints]:
        at = {EXPLODED: 1, LIMIT: 2}
        fate = np.zeros(chunk.count, dtype=np.int64)
        explodable(self._shop.index, chunk, names, "", fate, at, np.zeros(chunk.count, dtype=np.int64))
        inserts = np.flatnonzero(fate)
        inserts = inserts[~view.head.paper[inserts] & ~chunk.follower[inserts]]
        if (
            view.hidden is not None
        ):  # a layer that is off hides what lies on it, a frozen one what is inserted there too
            frozen = np.array([self._shop.scope.freezes(name) for name in view.head.layers], dtype=np.bool_)
            inserts = inserts[~(frozen[view.head.layer_of[inserts]] | view.head.invisible[inserts])]
        return inserts[fate[inserts] == 1], inserts[fate[inserts] == 2]

    def slices(self, chunk: Chunk, view: View, names: Names) -> Iterator[Chunk]:
        """Yield a chunk in slices of so many entities of content, or of one reference with more: each is committed."""
        exploded, totals = self._weighed(chunk, view, names)
        large = totals > SLICE
        slot = np.cumsum(totals) // SLICE
        begins = np.flatnonzero((np.diff(slot) > 0) | large[1:] | large[:-1]) + 1
        edges = [entity for entity in (*exploded[:1][large[:1]].tolist(), *exploded[begins].tolist()) if entity]
        if not edges:
            yield chunk
            return
        yield from cut(chunk, [0, *edges, chunk.count])

    def is_large(self, chunk: Chunk, view: View, names: Names) -> bool:
        """Return whether a slice holds but one reference, which is so large that its parts are committed one by one."""
        _, totals = self._weighed(chunk, view, names)
        return len(totals) == 1 and bool(totals[0] > SLICE)

    def _weighed(self, chunk: Chunk, view: View, names: Names) -> tuple[Ints, Ints]:
        """Return the references that are exploded, and how many entities each becomes."""
        exploded, _ = self._chosen(chunk, view, names)
        members = group(chunk, exploded)
        cells = cells_of(members)
        totals = [self._shop.index.get(names[0][k]).total for k in names[1][exploded].tolist()]
        return exploded, cells * np.array(totals, dtype=np.int64)

    def parts(self, chunk: Chunk, view: View, names: Names, ordinal: int) -> Iterator[tuple[Part, pa.Table]]:
        """Yield the parts of a chunk's exploded references, and their properties.

        Args:
            chunk: the entities.
            view: their layers and layouts.
            names: distinct block names and (E,) index into them.
            ordinal: of the last entity before the chunk.
        """
        exploded, _ = self._chosen(chunk, view, names)
        if not len(exploded):
            return
        place = (np.cumsum(~chunk.follower)[exploded] + ordinal).astype(np.uint64)
        found = references(
            self._shop, chunk, view.head, exploded, names, ordinal=place, layout=view.layout_of[exploded],
            inherited=_OPAQUE_WHITE,
        )  # fmt: skip
        held = properties(chunk, exploded, self._shop.codec, self._shop.attachments, self._shop.dictionaries)
        waiting = _Waiting(exploded, held)
        for part in self._expander.parts(found):
            yield part, pa.concat_tables([waiting.take(part), part.properties.select(["row", "name", "value"])])
            waiting.add(part.waiting)


class _Waiting:
    """Properties of references (block attributes), each kept for the first element of its content."""

    def __init__(self, exploded: Ints, held: pa.Table) -> None:
        self._entity = exploded[held["row"].to_numpy()]
        self._held = held.select(["name", "value"])

    def add(self, left: pa.Table) -> None:
        """Take those of references in blocks whose part has no element."""
        if left.num_rows:
            self._held = pa.concat_tables([self._held, left.select(["name", "value"])])
            self._entity = np.concatenate([self._entity, left["entity"].to_numpy()])

    def take(self, part: Part) -> pa.Table:
        """Return what goes to elements of a part, as (row, name, value)."""
        entity, first = np.unique(part.entity, return_index=True)
        at = np.searchsorted(entity, self._entity)
        mine = np.zeros(len(at), dtype=np.bool_)
        fits = at < len(entity)
        mine[fits] = entity[at[fits]] == self._entity[fits]
        taken = np.flatnonzero(mine)
        out = self._held.take(pa.array(taken))
        left = np.flatnonzero(~mine)
        row = first[at[taken]] if len(taken) else np.empty(0, dtype=np.int64)
        self._held, self._entity = self._held.take(pa.array(left)), self._entity[left]
        return out.add_column(0, "row", pa.array(row, type=pa.int64()))


class Frame(Struct, frozen=True):
    """What is the same for all parts: (3,) origin, constants, identity of the drawing, layouts by number, storeys.

    `settle` returns elements with the bodies that are written, given them and their identifiers.
    """

    origin: Floats
    same: rows.Constants
    identity: tuple[int, int]
    layouts: tuple[str, str]
    levels: Levels
    settle: Callable[[Built, Any], Built] = lambda built, _: built


def raised(part: Part, elements: list[Any], frame: Frame) -> None:
    """Bring the elements of a part to their storey, in place."""
    frame.levels.place(_built(part), lambda: part.flat, part.element, elements, part.layout > 0)


def _built(part: Part) -> Built:
    n = len(part.element)
    return Built(
        np.arange(n), part.center, part.size, np.zeros((n, 3)), part.length, np.arange(n), part.vertices, part.faces,
        np.full(n, -1),
    )  # fmt: skip


def tables(part: Part, held: pa.Table, elements: list[Any], first: int, frame: Frame) -> dict[str, pa.Table]:
    """Return the rows of a part by table; `first` is the id of its first element."""
    n = len(part.element)
    built = _built(part)
    paper = part.layout > 0
    sheet = pa.array([None, frame.layouts[1]], type=pa.string()).take(pa.array(part.layout)) if paper.any() else None
    texts = rows.Texts(
        guid=guid.inside(part.top, part.ordinal, frame.identity, part.key), handle=part.handle, kind=part.kind,
        layer=part.layer, block=part.block, rgba=None if part.rgba.null_count == n else part.rgba, layout=sheet,
        storey=frame.levels.storeys(built),
    )  # fmt: skip
    built = frame.settle(built, texts.guid)
    order = np.argsort(held["row"].to_numpy(), kind="stable")
    return {
        "elements_meta": rows.meta(built, texts, part.element, elements, frame.same),
        "element_transforms": rows.transforms(built, texts, np.where(paper[:, None], 0.0, frame.origin)),
        "base_geometries": rows.own_bodies(built, texts, first),
        "element_properties": rows.properties(held.take(pa.array(order)), texts, first),
        "_ledger": _ledger(part, frame),
    }  # fmt: skip


def _ledger(part: Part, frame: Frame) -> pa.Table:
    """Return the part's account with the layouts of its references."""
    at = part.ledger["at"]
    spaces = pa.array(["model", "paper"], type=pa.string())
    table = part.ledger.drop_columns(["at", "space", "layout"])
    table = table.append_column("space", spaces.take(at.combine_chunks()))
    return table.append_column("layout", pa.array(list(frame.layouts), type=pa.string()).take(at.combine_chunks()))
