"""From tags to columns: the values of one group code for all entities of one type, as one array. Knows no geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk, distinct
from dxfd.convert.read.tags import Bools, Floats, Ints, Tags


@dataclass(frozen=True, slots=True)
class Group:
    """The entities of one type (or any choice of entities) in a chunk.

    Attributes:
        entity: (n,) entity indices in the chunk, growing.
        tag: (t,) indices of their tags, growing.
        row: (t,) which of the n entities each tag belongs to.
    """

    tags: Tags
    entity: Ints
    tag: Ints
    row: Ints
    code: npt.NDArray[np.int16]

    @property
    def count(self) -> int:
        """Number of entities."""
        return len(self.entity)

    def where(self, code: int) -> Ints:
        """Return places in `tag`/`row` that hold this group code."""
        return np.flatnonzero(self.code == code)

    def number(self, code: int, default: float = 0.0) -> Floats:
        """Return (n,) the value of a numeric code; the last one counts, `default` where there is none."""
        out = np.full(self.count, default)
        at = self.where(code)
        out[self.row[at]] = self.tags.number[self.tag[at]]
        return out

    def integer(self, code: int, default: int = 0) -> Ints:
        """Return (n,) int64 the value of an integer code; bad numbers count as the default."""
        values = self.number(code, float(default))
        return np.where(np.isfinite(values) & (np.abs(values) < 2**53), values, default).astype(np.int64)

    def point(self, code: int) -> Floats:
        """Return (n, 3) the point with codes c, c+10, c+20."""
        return np.stack([self.number(code), self.number(code + 10), self.number(code + 20)], axis=1)

    def has(self, code: int) -> Bools:
        """Return (n,) whether the code is there."""
        out = np.zeros(self.count, dtype=np.bool_)
        out[self.row[self.where(code)]] = True
        return out

    def tag_of(self, code: int, *, first: bool = False) -> Ints:
        """Return (n,) the tag index of a code (the last, or the first), -1 where there is none."""
        out = np.full(self.count, -1, dtype=np.int64)
        at = self.where(code)
        if first:
            at = at[::-1]
        out[self.row[at]] = self.tag[at]
        return out

    def bad(self) -> Bools:
        """Return (n,) whether one of the entity's numbers is none."""
        out = np.zeros(self.count, dtype=np.bool_)
        out[self.row[self.tags.bad_number[self.tag]]] = True
        return out


@dataclass(frozen=True, slots=True)
class Heads:
    """What every entity has.

    Attributes:
        handle: Arrow binary array (E,) of ASCII, empty where there is none.
        handle_int: (E,) uint64, 0 where there is none or it is not hexadecimal.
        layers: distinct layer names.
        layer_of: (E,) index into layers.
        paper: (E,) bool: in paper space.
        color: (E,) ACI, 256 = BYLAYER.
        invisible: (E,) bool.
    """

    handle: Any
    handle_int: npt.NDArray[np.uint64]
    layers: list[str]
    layer_of: npt.NDArray[np.int32]
    paper: Bools
    color: Ints
    invisible: Bools

    def handle_text(self, entity: int) -> str:
        """Return one entity's handle."""
        return str(self.handle[entity].as_py().decode("ascii"))


def group(chunk: Chunk, entities: Ints) -> Group:
    """Return a group of the given entities (growing indices)."""
    tags = chunk.tags
    rank = np.full(chunk.count, -1, dtype=np.int64)
    rank[entities] = np.arange(len(entities))
    row = rank[tags.entity_of] if chunk.count else np.empty(0, dtype=np.int64)
    tag = np.flatnonzero(row >= 0)
    return Group(tags, entities, tag, row[tag], tags.code[tag])


def of_kind(chunk: Chunk, kind: str) -> Ints:
    """Return the indices of all entities of a type, followers included."""
    if kind not in chunk.kinds:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(chunk.kind_of == chunk.kinds.index(kind))


def heads(chunk: Chunk, codec: str) -> Heads:
    """Return handle, layer, space, colour and visibility of every entity."""
    everything = group(chunk, np.arange(chunk.count))
    handle = _ascii(chunk.tags.strings(everything.tag_of(5, first=True)))
    raw_layers, layer_of = distinct(chunk.tags.strings(everything.tag_of(8)))
    names = [decode(raw.strip(), codec) or "0" for raw in raw_layers]
    layers = list(dict.fromkeys(names))
    place = {name: k for k, name in enumerate(layers)}
    remap = np.array([place[name] for name in names], dtype=np.int32)
    return Heads(
        handle=handle, handle_int=_hex(handle), layers=layers,
        layer_of=remap[layer_of] if len(remap) else layer_of,
        paper=everything.integer(67) == 1, color=everything.integer(62, 256), invisible=everything.integer(60) == 1,
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
