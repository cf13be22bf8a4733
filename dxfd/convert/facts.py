"""What rules may ask of single entities, as columns: colour, linetype, layout, attributes, closedness, length, size.

Made only for the entities whose candidate rules ask, and only the columns they ask for; distinct names and values are
compared once each. Knows no rules' rank (choose.py does). An answer depends on the entity, its block and tables alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from dxfd.convert.build.at_once import in_halves
from dxfd.convert.build.blocks import Blocks
from dxfd.convert.build.fallback import NoGeometryError, shape
from dxfd.convert.build.geometry import COLUMNAR, FACE_KINDS, PATH_KINDS, polylines, simple
from dxfd.convert.build.inserts import filled, placed
from dxfd.convert.build.ragged import Bools, Floats, Ints, Meshes, Paths
from dxfd.convert.match.rules import RGB_COLOR, Span, Where
from dxfd.convert.match.where import like
from dxfd.convert.read.columns import Group, Heads, group, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.skim import Layer
from dxfd.convert.read.stream import Chunk

_BYLAYER: Final = 256
_SAME_PLACE_M: Final = 1e-4
"""A polyline whose last point is as near to its first as this is closed, whatever its flag says."""
_SLACK_M: Final = 1e-6
"""Sizes are compared with so much to spare: 200 mm drawn in inches is 0.19999999999999998 m."""


class Tables(Struct, frozen=True, kw_only=True):
    """What of a drawing's tables and header answers depend on.

    Attributes:
        codec: of its text.
        metres: per drawing unit.
        layers: by name.
        blocks: for the sizes of references.
    """

    codec: str
    metres: float
    layers: Mapping[str, Layer]
    blocks: Blocks


class Facts:
    """Columns of some entities of a chunk, made when first asked for."""

    def __init__(
        self, chunk: Chunk, head: Heads, names: tuple[list[str], Ints], wanted: Ints, shaped: Bools, tables: Tables
    ) -> None:
        """Take the entities.

        Args:
            chunk: the entities.
            head: their layers and spaces.
            names: distinct block names and (E,) index into them.
            wanted: (n,) growing indices of the entities that will be asked.
            shaped: (n,) whether their geometry will be asked.
            tables: what else answers depend on.
        """
        self._chunk = chunk
        self._head = head
        self._names = names
        self._entity = wanted
        self._shaped = shaped
        self._tables = tables
        self._group: Group = group(chunk, wanted)
        self._color: Ints | None = None
        self._linetype: tuple[list[str], Ints] | None = None
        self._layout: tuple[list[str], Ints] | None = None
        self._attributes: tuple[list[str], Ints, list[str], Ints, Ints] | None = None
        self._shape: tuple[Bools, Floats, Floats] | None = None

    def holds(self, where: Where, entities: Ints) -> Bools:
        """Return (m,) whether entities (of those wanted) satisfy all conditions."""
        row = np.searchsorted(self._entity, entities)
        fine = np.ones(len(row), dtype=np.bool_)
        if where.colors:
            fine &= np.isin(self._colors()[row], np.array(where.colors))
        if where.linetypes:
            fine &= _named(self._linetypes(), where.linetypes)[row]
        if where.layouts:
            fine &= _named(self._layouts(), where.layouts)[row]
        for tag, globs in where.attributes:
            fine &= self._has_attribute(tag, globs)[row]
        if where.asks_geometry:
            closed, length, size = self._geometry()
            if where.closed is not None:
                fine &= closed[row] == where.closed
            if where.length_m is not None:
                fine &= _in_span(length[row], where.length_m)
            if where.size_m is not None:
                fine &= _in_span(size[row], where.size_m)
        return fine

    # --- columns --------------------------------------------------------------------------------------------------

    def _of_layer(self, value: Callable[[Layer], int | str]) -> list[int | str]:
        """Return what each of the chunk's layers has."""
        layers = self._tables.layers
        return [value(layers.get(name) or Layer(name=name)) for name in self._head.layers]

    def _colors(self) -> Ints:
        if self._color is None:
            own = self._group.integer(62, _BYLAYER)
            by_layer = np.array(self._of_layer(_layer_color), dtype=np.int64)
            color = np.where(own == _BYLAYER, by_layer[self._head.layer_of[self._entity]], np.abs(own))
            rgb = self._group.integer(420, -1)
            self._color = np.where(rgb >= 0, RGB_COLOR + rgb, color)
        return self._color

    def _linetypes(self) -> tuple[list[str], Ints]:
        if self._linetype is None:
            names, of = self._texts(6, "BYLAYER")
            layers = [str(value) for value in self._of_layer(lambda layer: layer.linetype)]
            inherits = np.array([name.upper() == "BYLAYER" for name in names], dtype=np.bool_)[of]
            layer_of = self._head.layer_of[self._entity].astype(np.int64)
            self._linetype = [*names, *layers], np.where(inherits, len(names) + layer_of, of)
        return self._linetype

    def _layouts(self) -> tuple[list[str], Ints]:
        if self._head.layout is not None:
            return list(self._head.layout[0]), self._head.layout[1][self._entity]
        if self._layout is None:
            names, of = self._texts(410, "")
            paper = self._head.paper[self._entity]
            spaces = ["Model", "*Paper_Space"]
            unnamed = np.array([not name for name in names], dtype=np.bool_)[of]
            self._layout = [*names, *spaces], np.where(unnamed | ~paper, len(names) + paper, of)
        return self._layout

    def _texts(self, code: int, default: str) -> tuple[list[str], Ints]:
        """Return distinct values of a text code and (n,) index."""
        raw, index = self._chunk.tags.distinct(self._group.tag_of(code))
        return [decode(v, self._tables.codec).strip() or default for v in raw], index.astype(np.int64)

    def _has_attribute(self, tag: str, globs: tuple[str, ...]) -> Bools:
        if self._attributes is None:
            self._attributes = self._read_attributes()
        tags, tag_of, values, value_of, row = self._attributes
        asked = np.array([name == tag for name in tags], dtype=np.bool_)[tag_of]
        like_it = np.zeros(len(values), dtype=np.bool_)
        for number in np.unique(value_of[asked]).tolist():
            like_it[number] = like(globs, values[number])
        out = np.zeros(len(self._entity), dtype=np.bool_)
        out[row[asked & like_it[value_of]]] = True
        return out

    def _read_attributes(self) -> tuple[list[str], Ints, list[str], Ints, Ints]:
        """Return distinct tags, (a,) index, distinct values, (a,) index, (a,) row of the owner."""
        chunk, codec = self._chunk, self._tables.codec
        followers = of_kind(chunk, "ATTRIB")
        followers = followers[chunk.follower[followers]]
        owner = chunk.owner[followers]
        row = np.searchsorted(self._entity, owner)
        mine = np.zeros(len(owner), dtype=np.bool_)
        inside = row < len(self._entity)
        mine[inside] = self._entity[row[inside]] == owner[inside]
        members = group(chunk, followers[mine])
        tags, tag_of = chunk.tags.distinct(members.tag_of(2))
        values, value_of = chunk.tags.distinct(members.tag_of(1))
        return (
            [decode(v, codec).strip().upper() for v in tags], tag_of.astype(np.int64),
            [decode(v, codec) for v in values], value_of.astype(np.int64), row[mine],
        )  # fmt: skip

    def _geometry(self) -> tuple[Bools, Floats, Floats]:
        """Return closedness, length and size (n,) each; NaN where there is none."""
        if self._shape is None:
            n = len(self._entity)
            self._shape = np.zeros(n, dtype=np.bool_), np.full(n, np.nan), np.full(n, np.nan)
            wanted = np.zeros(self._chunk.count, dtype=np.bool_)
            wanted[self._entity[self._shaped]] = True
            for kind in self._chunk.kinds:
                members = of_kind(self._chunk, kind)
                if len(members := members[wanted[members]]):
                    self._measure(kind, members)
        return self._shape

    def _measure(self, kind: str, members: Ints) -> None:
        metres = self._tables.metres
        if kind == "INSERT":
            self._references(members)
        elif kind == "POLYLINE":
            for parts in in_halves(lambda some: polylines(self._chunk, some, metres), members, _unknown):
                for part in parts:
                    self._note(part)
        elif kind in PATH_KINDS or kind in FACE_KINDS:
            for part in in_halves(lambda some: simple(kind, group(self._chunk, some), metres), members, _unknown):
                self._note(part)
        elif kind not in COLUMNAR:
            for entity in members.tolist():
                self._note_rare(kind, entity)

    def _note(self, part: Paths | Meshes) -> None:
        assert self._shape is not None  # noqa: S101  (set by its only caller)
        closed, length, size = self._shape
        if isinstance(part, Paths):
            offset, points = part.offset, part.points
        else:
            offset, points = part.vertex_offset, part.vertices
        full = np.flatnonzero(np.diff(offset) > 0)
        if not len(full):
            return
        row = np.searchsorted(self._entity, part.entity[full])
        starts, ends = offset[:-1][full], offset[1:][full]
        reach = np.maximum.reduceat(points, starts) - np.minimum.reduceat(points, starts)
        size[row] = reach[:, :2].max(axis=1)
        if isinstance(part, Paths):
            length[row] = part.lengths()[full]
            meets = np.abs(points[ends - 1] - points[starts]).max(axis=1) < _SAME_PLACE_M
            closed[row] = part.closed[full] | (meets & (ends - starts > 3))
        else:
            closed[row] = True

    def _note_rare(self, kind: str, entity: int) -> None:
        assert self._shape is not None  # noqa: S101  (set by its only caller)
        tags = self._chunk.tags
        first = int(tags.tag_start[tags.entity_tag[entity]])
        last = entity + 1 < len(tags.entity_tag)
        end = int(tags.tag_start[tags.entity_tag[entity + 1]]) if last else tags.consumed
        try:
            found = shape(kind, tags.data[first:end], self._tables.codec, self._tables.metres)
        except (NoGeometryError, ValueError):
            return  # it has no size to ask for; that it cannot be built is told when it is to be built
        one = np.array([entity])
        rings = [ring for ring, _ in found.rings if len(ring)]
        if rings:
            points = np.concatenate(rings)
            whole = len(found.rings) == 1 and found.rings[0][1]
            self._note(Paths(one, np.array([0, len(points)]), points, np.array([whole])))
            if found.boxed:  # of several things, or of what is not read in full
                self._shape[1][np.searchsorted(self._entity, one)] = np.nan
        elif len(found.vertices):
            ends = np.array([0, len(found.vertices)])
            self._note(Meshes(one, ends, found.vertices, np.array([0, len(found.faces)]), found.faces))

    def _references(self, members: Ints) -> None:
        assert self._shape is not None  # noqa: S101  (set by its only caller)
        used, number = np.unique(self._names[1][members], return_inverse=True)
        boxes = [self._tables.blocks.extents(self._names[0][k]) for k in used.tolist()]
        known = np.array([box is not None for box in boxes], dtype=np.bool_)[number]
        zero = (np.zeros(3), np.zeros(3))
        low, high = (np.array([(box or zero)[k] for box in boxes])[number] for k in (0, 1))
        _, size = filled(placed(group(self._chunk, members), self._tables.metres), low, high)
        row = np.searchsorted(self._entity, members)
        self._shape[2][row] = np.where(known, size[:, :2].max(axis=1), np.nan)


def _unknown(_: int) -> None:
    """Leave what is too much by itself without length and size: it is too large to be built, too."""


def _layer_color(layer: Layer) -> int:
    return RGB_COLOR + layer.true_color if layer.true_color >= 0 else abs(layer.color)


def _named(column: tuple[list[str], Ints], globs: tuple[str, ...]) -> Bools:
    names, of = column
    return np.array([like(globs, name) for name in names], dtype=np.bool_)[of]


def _in_span(values: npt.NDArray[np.float64], span: Span) -> Bools:
    """Return whether values lie in a span; NaN lies in none."""
    fine = np.isfinite(values)
    if span.low is not None:
        fine &= values >= span.low - _SLACK_M
    if span.high is not None:
        fine &= values <= span.high + _SLACK_M
    return np.asarray(fine, dtype=np.bool_)
