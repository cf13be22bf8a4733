"""Bodies of elements on their way into the database: as boxes where that is asked for, and equal ones once.

A body is compared with the first ones that the database got, to a thousandth of a millimetre; an element with an equal
one refers to it by the identifier of the element that has it. What is kept depends on the drawing's order alone, not on
chunks or batches, and an interrupted run finds it again in the database. Bodies without faces are not compared: they
are small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from dxfd.convert.build import bodies
from dxfd.convert.build.model import Built
from dxfd.convert.build.portable import THINNEST_M, binary
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.types import Detail
from dxfd.convert.write.database import Database

MOST: Final = 8_192
"""Bodies that others are compared with: 30 ms of a drawing where none is equal, and 3 MB. Unless as many have met an
equal one by then, no more are looked at: 1.5 µs each, against 4 µs for a body that is written."""
_GUID_LENGTH: Final = 22
_DIGEST: Final = np.dtype("S16")
"""NumPy takes trailing zeros for padding: one digest in 256 is compared by fifteen bytes."""
_YOUNG: Final = 16_384


class Kept:
    """The bodies that later elements may refer to."""

    def __init__(self, detail: Detail, most: int = MOST) -> None:
        self._detail = detail
        self._most = most
        self._key: dict[bytes, str] = {}
        self._holders: set[str] = set()
        self._kept = 0
        self._met = 0

    @property
    def _looking(self) -> bool:
        return self._kept < self._most or self._met >= self._most

    def resume(self, database: Database) -> None:
        """Find what an interrupted run had kept."""
        reader = database.batches(
            "SELECT id, geometry_hash, vertices, faces FROM base_geometries WHERE id > 0 AND face_count > 0"
            f" ORDER BY id LIMIT {self._most}"
        )
        last = 0
        for batch in reader:
            identifiers, guids, vertices, faces = (batch.column(k).to_pylist() for k in range(4))
            for guid, content in zip(guids, _contents(vertices, faces), strict=True):
                self._keep(content, guid)
            last = identifiers[-1] if identifiers else last
        full = f" AND id < {last}" if self._kept == self._most else ""
        ((self._met,),) = database.rows(
            f"SELECT COUNT(*) FROM elements_meta WHERE LENGTH(geometry_hash) = {_GUID_LENGTH}{full}"
        )

    def settle(self, built: Built, guid: Any) -> Built:
        """Return elements with the bodies that are written: boxes on request, none where an equal one is kept.

        Args:
            built: elements in the drawing's order.
            guid: Arrow string array (n,) of their identifiers.
        """
        if self._detail is Detail.BOX:
            built = boxed(built)
        if not self._looking or not len(built.own):
            return built
        solid = np.flatnonzero(pc.binary_length(built.faces).to_numpy(zero_copy_only=False))
        again: list[tuple[int, str]] = []
        step = max(1, self._most // 4)  # a look at a time: the rest may not be wanted any more
        for first in range(0, len(solid), step):
            if not self._looking:
                break
            again += self._equal(built, guid, solid[first : first + step])
        if not again:
            return built
        gone = np.array([row for row, _ in again], dtype=np.int64)
        shared = built.shared.copy()
        shared[built.own[gone]] = len(built.keys) + np.arange(len(gone))
        left = np.delete(np.arange(len(built.own)), gone)
        rows = pa.array(left)
        return replace(
            built, own=built.own[left], vertices=built.vertices.take(rows), faces=built.faces.take(rows), shared=shared,
            keys=[*built.keys, *(key for _, key in again)],
        )  # fmt: skip

    def _equal(self, built: Built, guid: Any, rows: Ints) -> list[tuple[int, str]]:
        """Return which of some own bodies have an equal one, and its key; the others are kept."""
        at = pa.array(rows)
        found: list[tuple[int, str]] = []
        names = guid.take(pa.array(built.own[rows])).to_pylist()
        contents = _contents(built.vertices.take(at).to_pylist(), built.faces.take(at).to_pylist())
        for row, name, content in zip(rows.tolist(), names, contents, strict=True):
            if not self._looking:
                break
            key = self._key.get(content)
            if key is None:
                self._keep(content, name)
            else:
                self._met += 1
                found.append((row, key))
        return found

    def _keep(self, content: bytes, guid: str) -> None:
        """Keep a body that is written, while there is room."""
        if self._kept == self._most:
            return
        self._kept += 1
        if guid not in self._holders:  # a handle that stands twice: which of the two would be meant?
            self._holders.add(guid)
            self._key.setdefault(content, guid)


class Written:
    """Which shared bodies the database has: 16 bytes each. A drawing may have as many boxes as references."""

    def __init__(self) -> None:
        self._old = np.empty(0, dtype=_DIGEST)
        self._young: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._old) + len(self._young)

    def add(self, keys: Collection[str]) -> None:
        """Take keys (SHA-256, hexadecimal) that it did not have."""
        self._young.update(bytes.fromhex(key[:32]) for key in keys)
        if len(self._young) >= _YOUNG:
            self._old = np.sort(np.concatenate([self._old, np.array(list(self._young), dtype=_DIGEST)]))
            self._young = set()

    def new(self, keys: list[str]) -> dict[str, None]:
        """Return, in their order, which of some distinct keys it does not have."""
        digests = [bytes.fromhex(key[:32]) for key in keys]
        wanted = np.array(digests, dtype=_DIGEST)
        at = np.searchsorted(self._old, wanted)
        known = np.zeros(len(keys), dtype=np.bool_)
        inside = at < len(self._old)
        known[inside] = self._old[at[inside]] == wanted[inside]
        pairs = zip(keys, digests, known.tolist(), strict=True)
        return {key: None for key, digest, old in pairs if not old and digest not in self._young}


def _contents(vertices: list[bytes], faces: list[bytes]) -> Iterator[bytes]:
    """Yield what is equal for bodies whose corners are the same to a thousandth of a millimetre."""
    values = np.frombuffer(b"".join(vertices), dtype="<f4").astype(np.float64)
    rounded = memoryview((np.round(values, 6) + 0.0).astype("<f4").tobytes())
    first = 0
    for vertex, face in zip(vertices, faces, strict=True):
        last = first + len(vertex)
        content = hashlib.sha256(rounded[first:last])
        content.update(face)
        yield content.digest()
        first = last


def boxed(built: Built) -> Built:
    """Return elements with boxes for bodies that have faces; sizes are taken to a tenth of a millimetre."""
    solid = pc.binary_length(built.faces).to_numpy(zero_copy_only=False) > 0
    rows = np.flatnonzero(solid)
    if not len(rows):
        return built
    size: Floats = np.maximum(built.size[built.own[rows]], THINNEST_M).round(4)
    n = len(rows)
    eights = (np.arange(n + 1) * 96).astype(np.int32)
    twelves = (np.arange(n + 1) * 144).astype(np.int32)
    corners = binary(bodies.box_vertices(size).astype("<f4"), eights)
    sides = binary(np.tile(bodies.BOX_FACES.astype("<u4"), (n, 1)), twelves)
    place = np.full(len(built.own), -1, dtype=np.int64)
    place[rows] = np.arange(n)
    lines = np.flatnonzero(~solid)
    place[lines] = n + np.arange(len(lines))
    order = pa.array(place)
    left = pa.array(lines)
    return replace(
        built,
        vertices=pa.concat_arrays([corners, _whole(built.vertices.take(left))]).take(order),
        faces=pa.concat_arrays([sides, _whole(built.faces.take(left))]).take(order),
    )


def _whole(values: Any) -> Any:
    """Return an Arrow array in one piece."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
