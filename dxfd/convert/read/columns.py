"""From tags to columns: the values of one group code for all entities of one type, as one array. Knows no geometry."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from dxfd.convert.native import kernel
from dxfd.convert.read.encoding import decode, shortened
from dxfd.convert.read.stream import Chunk
from dxfd.convert.read.tags import Bools, Floats, Ints, Tags

_FEW_KINDS: Final = 64
_LONGEST_HANDLE: Final = 64
"""Characters; a handle has 16. That of an exploded reference is told of all that is in its block."""


class Group:
    """The entities of one type (or any choice of entities) in a chunk.

    Attributes:
        entity: (n,) entity indices in the chunk, growing.
        tag: (t,) indices of their tags, growing.
        row: (t,) which of the n entities each tag belongs to.
        code: (t,) group codes of those tags.
    """

    def __init__(self, tags: Tags, entity: Ints) -> None:
        self.tags = tags
        self.entity = np.ascontiguousarray(entity, dtype=np.int64)
        self.bounds = tags.bounds()
        """(E + 1,) of all entities of the chunk; see Tags.bounds."""

    @cached_property
    def _listed(self) -> tuple[Ints, Ints]:
        first, counts = self.bounds[self.entity], np.diff(self.bounds)[self.entity]
        row = np.repeat(np.arange(self.count), counts)
        ends = np.cumsum(counts)
        return np.arange(len(row)) + np.repeat(first - ends + counts, counts), row

    @property
    def tag(self) -> Ints:
        """Indices of all tags."""
        return self._listed[0]

    @property
    def row(self) -> Ints:
        """The entity of each tag."""
        return self._listed[1]

    @cached_property
    def code(self) -> npt.NDArray[np.int16]:
        """Group code of each tag."""
        return self.tags.code[self.tag]

    @property
    def count(self) -> int:
        """Number of entities."""
        return len(self.entity)

    def where(self, code: int) -> Ints:
        """Return places in `tag`/`row` that hold this group code."""
        return np.flatnonzero(self.code == code)

    def numbers(self, codes: tuple[int, ...], defaults: tuple[float, ...] | None = None) -> Floats:
        """Return (n, k) the values of numeric codes; the last one counts, its default (0) where there is none."""
        missing = defaults or (0.0,) * len(codes)
        if kernel is None:
            out = np.tile(np.array(missing), (self.count, 1))
            for k, code in enumerate(codes):
                at = self.where(code)
                out[self.row[at], k] = self.tags.number[self.tag[at]]
            return out
        out = np.empty((self.count, len(codes)))
        kernel.columns(
            self.tags.code, self.tags.number, self.bounds, self.entity, np.array(codes, dtype=np.int16),
            np.array(missing, dtype=np.float64), out,
        )  # fmt: skip
        return out

    def number(self, code: int, default: float = 0.0) -> Floats:
        """Return (n,) the value of a numeric code; the last one counts, `default` where there is none."""
        return self.numbers((code,), (default,))[:, 0]

    def integer(self, code: int, default: int = 0) -> Ints:
        """Return (n,) int64 the value of an integer code; bad numbers count as the default."""
        return whole(self.number(code, float(default)), default)

    def point(self, code: int) -> Floats:
        """Return (n, 3) the point with codes c, c+10, c+20."""
        return self.numbers((code, code + 10, code + 20))

    def has(self, code: int) -> Bools:
        """Return (n,) whether the code is there."""
        return self.tag_of(code) >= 0

    def tag_of(self, code: int, *, first: bool = False) -> Ints:
        """Return (n,) the tag index of a code (the last, or the first), -1 where there is none."""
        return self.places((code,), (first,))[:, 0]

    def places(self, codes: tuple[int, ...], first: tuple[bool, ...]) -> Ints:
        """Return (n, k) the tag index of codes (the last one, or the first), -1 where there is none."""
        if kernel is None:
            out = np.full((self.count, len(codes)), -1, dtype=np.int64)
            for k, code in enumerate(codes):
                at = self.where(code)
                at = at[::-1] if first[k] else at
                out[self.row[at], k] = self.tag[at]
            return out
        out = np.empty((self.count, len(codes)), dtype=np.int64)
        kernel.places(
            self.tags.code, self.bounds, self.entity, np.array(codes, dtype=np.int16),
            np.array(first, dtype=np.uint8), out,
        )  # fmt: skip
        return out


def whole(values: Floats, default: int) -> Ints:
    """Return int64 values; the default for what is no whole number of 53 bits."""
    return np.where(np.isfinite(values) & (np.abs(values) < 2**53), values, default).astype(np.int64)


class Heads(Struct, frozen=True):
    """What every entity has.

    Attributes:
        handle: Arrow binary array (E,) of ASCII, empty where there is none.
        handle_int: (E,) uint64, 0 where there is none or it is not hexadecimal.
        layers: distinct layer names.
        layer_of: (E,) index into layers.
        paper: (E,) bool: in paper space.
        color: (E,) ACI, 256 = BYLAYER.
        invisible: (E,) bool.
        layout: names of layouts and (E,) index into them; None where they were not looked for.
    """

    handle: Any
    handle_int: npt.NDArray[np.uint64]
    layers: list[str]
    layer_of: npt.NDArray[np.int32]
    paper: Bools
    color: Ints
    invisible: Bools
    layout: tuple[tuple[str, ...], Ints] | None = None

    def handle_text(self, entity: int) -> str:
        """Return one entity's handle."""
        return str(self.handle[entity].as_py().decode("ascii"))


def group(chunk: Chunk, entities: Ints) -> Group:
    """Return a group of the given entities (growing indices)."""
    return Group(chunk.tags, entities)


def of_kind(chunk: Chunk, kind: str) -> Ints:
    """Return the indices of all entities of a type, followers included."""
    if kind not in chunk.kinds:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(chunk.kind_of == chunk.kinds.index(kind))


def in_blocks(chunk: Chunk, *, before: bool) -> Bools:
    """Return (E,) whether an entity stands in a block: from its BLOCK on to before its ENDBLK.

    `before` is whether the chunk begins in one: the last value of the chunk before.
    """
    marks = np.zeros(chunk.count, dtype=np.int64)
    marks[of_kind(chunk, "BLOCK")], marks[of_kind(chunk, "ENDBLK")] = 1, -1
    latest = np.maximum.accumulate(np.where(marks, np.arange(chunk.count), -1))
    return np.where(latest < 0, before, marks[latest] > 0)


def by_kind(chunk: Chunk, wanted: Bools) -> Callable[[str], Ints]:
    """Return what gives the wanted (E,) entities of a type, followers included.

    Each type is looked for by itself, unless there are so many that looking would take time by their square.
    """
    if len(chunk.kinds) <= _FEW_KINDS:

        def of(kind: str) -> Ints:
            members = of_kind(chunk, kind)
            return members[wanted[members]]

        return of
    entities = np.flatnonzero(wanted)
    kinds = chunk.kind_of[entities]
    order = np.argsort(kinds, kind="stable")
    ends = np.searchsorted(kinds[order], np.arange(len(chunk.kinds) + 1))
    place = {kind: k for k, kind in enumerate(chunk.kinds)}

    def at(kind: str) -> Ints:
        k = place.get(kind)
        return entities[:0] if k is None else entities[order[ends[k] : ends[k + 1]]]

    return at


def heads(chunk: Chunk, codec: str) -> Heads:
    """Return handle, layer, space, colour and visibility of every entity."""
    everything = group(chunk, np.arange(chunk.count))
    place_of = everything.places((5, 8), (True, False))
    handle = chunk.tags.strings(place_of[:, 0])
    handle_int = chunk.tags.handles(place_of[:, 0])
    if handle_int is None:
        handle = _ascii(handle)
        handle_int = _hex(handle)
    if len(handle) and pc.max(pc.binary_length(handle)).as_py() > _LONGEST_HANDLE:
        handle = pc.binary_slice(handle, 0, _LONGEST_HANDLE)
    raw_layers, layer_of = chunk.tags.distinct(place_of[:, 1])
    names = [shortened(decode(raw.strip(), codec)) or "0" for raw in raw_layers]
    layers = list(dict.fromkeys(names))
    place = {name: k for k, name in enumerate(layers)}
    remap = np.array([place[name] for name in names], dtype=np.int32)
    paper, color, invisible = whole(everything.numbers((67, 62, 60), (0.0, 256.0, 0.0)), -1).T
    return Heads(
        handle=handle, handle_int=handle_int, layers=layers,
        layer_of=remap[layer_of] if len(remap) else layer_of,
        paper=paper == 1, color=np.where(color == -1, 256, color), invisible=invisible == 1,
    )  # fmt: skip


def _ascii(values: Any) -> Any:
    """Return the values without blanks; any that is not plain ASCII (damage) is made so."""
    text = values.cast(pa.string(), safe=False)
    if not pc.all(pc.string_is_ascii(text)).as_py():
        plain = [v.decode("ascii", "replace").replace("\ufffd", "?") for v in values.to_pylist()]
        text = pa.array(plain, type=pa.string())
    return pc.ascii_trim_whitespace(text).cast(pa.binary())


def _hex(values: Any) -> npt.NDArray[np.uint64]:
    """Return the integers of hexadecimal strings, 0 where a string is none or longer than 16 digits."""
    count = len(values)
    if count == 0:
        return np.empty(0, dtype=np.uint64)
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int32, count=count + 1 + values.offset)[values.offset :]
    width = np.diff(offsets)
    body = values.buffers()[2]
    raw = np.frombuffer(body, dtype=np.uint8) if body is not None and body.size else np.zeros(1, dtype=np.uint8)
    out = np.zeros(count, dtype=np.uint64)
    good = (width > 0) & (width <= 16)
    for k in range(int(min(16, width.max(initial=0)))):
        live = good & (k < width)
        char = raw[np.where(live, offsets[:-1] + k, 0)].astype(np.int16)
        digit = np.where(char <= 57, char - 48, (char | 32) - 87)
        valid = ((char >= 48) & (char <= 57)) | (((char | 32) >= 97) & ((char | 32) <= 102))
        good &= ~live | valid
        out = np.where(live & valid, (out << np.uint64(4)) | digit.astype(np.uint64), out)
    return np.where(good, out, np.uint64(0))
