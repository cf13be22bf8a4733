"""Block definitions while they are measured: so much in memory, the rest in a nameless database beside the output.

Owns what is known of each block (base point, own extents and faces, nested references, then the extents of all of it)
and where that is kept; what it means is blocks.py's. Which of it lies where changes nothing of the result. The database
is made by Python's SQLite and is never the output, which another copy of SQLite has open.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct, field

from dxfd.convert.build.content import Solid
from dxfd.convert.build.inserts import Placed
from dxfd.convert.build.ragged import Floats
from dxfd.convert.patience import Waiting
from dxfd.convert.scratch import opened_by_name, refused

MOST_BYTES: Final = 24 << 20
"""Of definitions in memory: some 20,000 simple blocks. 100,000 blocks with a reference each took 350 MB of it."""
_BLOCK_BYTES: Final = 900
_PART_BYTES: Final = 1_400
_REFERENCE_BYTES: Final = 250
_MOST_BOXES: Final = 50_000
"""Finished extents that stay in memory where there is a database: 15 MB."""
_PAGE: Final = 1_000
_SHAPES: Final = {"at": (3,), "scale": (3,), "turn": (3, 3), "columns": (), "rows": (), "spacing": (2,)}
_WHOLE: Final = frozenset({"columns", "rows"})
"""Fields of references that are integers."""
_SCHEMA: Final = (
    "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -4096",
    "CREATE TABLE block (number INTEGER PRIMARY KEY, name TEXT UNIQUE, said, frame BLOB, points INTEGER, box BLOB)",
    "CREATE TABLE part (id INTEGER PRIMARY KEY, number INTEGER, faces INTEGER, content BLOB)",
    "CREATE INDEX part_number ON part (number, faces)",
)  # fmt: skip
_WHAT: Final = "the drawing's block definitions"
_ERRNO: Final = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO}
"""What the system said, by SQLite's code for it."""
Nested = tuple[list[str], Placed]
Box = tuple[Floats, Floats]


class Definition(Struct):
    """One block.

    Attributes:
        number: its place among all definitions.
        name: as it stands.
        base: (3,) base point, metres.
        low, high: (3,) extents of its own entities.
        nested: references in it, in parts; those that were written out are not among them.
        faces: in it, in parts; the same holds for them.
        points: of all its faces.
    """

    number: int
    name: str
    base: Floats
    low: Floats = field(default_factory=lambda: np.full(3, np.inf))
    high: Floats = field(default_factory=lambda: np.full(3, -np.inf))
    nested: list[Nested] = field(default_factory=list)
    faces: list[Solid] = field(default_factory=list)
    points: int = 0


class Definitions:
    """The blocks of one drawing by name in capitals; the first of a name counts. Close it."""

    def __init__(self, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        """Take the folder of the database; None: everything stays in memory."""
        self._folder = folder
        self._most = most_bytes
        self._held: dict[str, Definition] = {}
        self._boxes: dict[str, bytes] = {}
        self._bytes = 0
        self._count = 0
        self._file: sqlite3.Connection | None = None

    def close(self) -> None:
        """Give the database's room back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # --- while they are read --------------------------------------------------------------------------------------

    def begin(self, name: str, base: Floats) -> Definition | None:
        """Return a new definition; None where nothing can refer to it: it has no name, or one that is there already."""
        if not name or name.upper() in self:
            return None
        self._count += 1
        block = self._held[name.upper()] = Definition(self._count, name, base)
        self._bytes += _BLOCK_BYTES
        return block

    def nest(self, block: Definition, names: list[str], where: Placed) -> None:
        """Add references in a block."""
        block.nested.append((names, where))
        self._bytes += _PART_BYTES + _REFERENCE_BYTES * len(names)

    def show(self, block: Definition, faces: Solid) -> None:
        """Add faces in a block."""
        block.faces.append(faces)
        self._bytes += _PART_BYTES + faces.points.nbytes + faces.faces.nbytes

    def settle(self, last: Definition | None) -> None:
        """Write what is too much for memory into the database; of `last`, which is not read to its end, the parts."""
        if self._bytes <= self._most or self._folder is None:
            return
        kept = {name: block for name, block in self._held.items() if block is last}
        with self._writing() as file:
            for block in self._held.values():
                rows = [(block.number, 0, _packed(*part)) for part in block.nested]
                rows += [(block.number, 1, _packed_faces(part)) for part in block.faces]
                file.executemany("INSERT INTO part (number, faces, content) VALUES (?, ?, ?)", rows)
                block.nested, block.faces = [], []
            rows_of = (
                (block.number, name, block.name, _frame(block), block.points)
                for name, block in self._held.items()
                if block is not last
            )
            file.executemany(
                "INSERT OR IGNORE INTO block (number, name, said, frame, points) VALUES (?, ?, ?, ?, ?)", rows_of
            )
        self._held = kept
        self._bytes = _BLOCK_BYTES * len(kept)

    def finish(self) -> None:
        """Take note that all are read."""
        if self._file is not None:
            self._most = -1
            self.settle(None)

    # --- while they are measured ----------------------------------------------------------------------------------

    def names(self) -> Iterator[str]:
        """Yield all names in capitals, in the order of the file."""
        if self._file is None:
            yield from list(self._held)
            return
        last = 0
        query = "SELECT number, name FROM block WHERE number > ? ORDER BY number LIMIT ?"
        while rows := self._rows(query, last, _PAGE):
            yield from (name for _, name in rows)
            last = rows[-1][0]

    def get(self, name: str) -> Definition | None:
        """Return a block; what lies in it is asked for by `nested` and `faces`."""
        if self._file is None:
            return self._held.get(name)
        rows = self._rows("SELECT number, said, frame, points FROM block WHERE name = ?", name)
        if not rows:
            return None
        number, said, frame, points = rows[0]
        base, low, high = np.frombuffer(frame).reshape(3, 3)
        return Definition(number, said, base, low, high, points=points)

    def nested(self, block: Definition) -> Iterator[Nested]:
        """Yield the references in a block, in parts."""
        yield from block.nested
        yield from map(_unpacked, self._parts(block, 0))

    def faces(self, block: Definition) -> Iterator[Solid]:
        """Yield the faces in a block, in parts; not those of blocks nested in it."""
        yield from block.faces
        yield from map(_unpacked_faces, self._parts(block, 1))

    # --- measured -------------------------------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        if name in self._held or name in self._boxes:
            return True
        return self._file is not None and bool(self._rows("SELECT 1 FROM block WHERE name = ?", name))

    def box(self, name: str) -> Box | None:
        """Return the extents of a block from its base point; None: not measured yet."""
        known = self._boxes.get(name)
        if known is None and self._file is not None:
            rows = self._rows("SELECT box FROM block WHERE name = ?", name)
            known = rows[0][0] if rows else None
            if known is not None:
                self._remember(name, known)
        return None if known is None else (np.frombuffer(known[:24]), np.frombuffer(known[24:]))

    def measured(self, name: str, box: Box) -> None:
        """Keep the extents of a block."""
        known = np.concatenate(box).tobytes()
        self._remember(name, known)
        if self._file is not None:
            with self._told():
                self._file.execute("UPDATE block SET box = ? WHERE name = ?", (known, name))

    def _remember(self, name: str, known: bytes) -> None:
        if self._file is not None and len(self._boxes) >= _MOST_BOXES:
            self._boxes.clear()
        self._boxes[name] = known

    # --- the database ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            file = self._file = self._file or _made(self._folder)
            file.execute("BEGIN")
            yield file
            file.execute("COMMIT")

    def _parts(self, block: Definition, faces: int) -> Iterator[bytes]:
        if self._file is None:
            return
        query = "SELECT id FROM part WHERE number = ? AND faces = ? ORDER BY id"
        for (part,) in self._rows(query, block.number, faces):
            yield self._rows("SELECT content FROM part WHERE id = ?", part)[0][0]

    def _rows(self, query: str, *values: object) -> list[Any]:
        assert self._file is not None  # noqa: S101  (asked by the callers)
        with self._told():
            return self._file.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        assert self._folder is not None  # noqa: S101  (without one there is no database)
        try:
            with Waiting("writing", f"{_WHAT} in {self._folder}"):
                yield
        except OSError as error:
            raise refused(error, _WHAT, self._folder) from error
        except sqlite3.Error as error:
            number = _ERRNO.get(getattr(error, "sqlite_errorcode", 0) & 255, 0)
            raise refused(OSError(number, str(error)), _WHAT, self._folder) from error


def _made(folder: Path | None) -> sqlite3.Connection:
    assert folder is not None  # noqa: S101  (asked by settle)
    with opened_by_name(folder, "blocks") as path, contextlib.ExitStack() as unless_whole:
        file = sqlite3.connect(path, isolation_level=None)
        unless_whole.callback(file.close)
        for statement in _SCHEMA:
            file.execute(statement)
        unless_whole.pop_all()
    return file


def _frame(block: Definition) -> bytes:
    return np.concatenate([block.base, block.low, block.high]).tobytes()


def _packed_faces(solid: Solid) -> bytes:
    return msgspec.msgpack.encode([solid.points.tobytes(), solid.faces.astype(np.int64).tobytes()])


def _unpacked_faces(content: bytes) -> Solid:
    points, faces = msgspec.msgpack.decode(content)
    return Solid(np.frombuffer(points).reshape(-1, 3), np.frombuffer(faces, dtype=np.int64).reshape(-1, 3))


def _packed(names: list[str], where: Placed) -> bytes:
    """Return references as bytes; what entities they were is not wanted any more."""
    return msgspec.msgpack.encode([names, *(getattr(where, name).tobytes() for name in _SHAPES)])


def _unpacked(content: bytes) -> Nested:
    names, *columns = msgspec.msgpack.decode(content)
    arrays: dict[str, Any] = {
        name: np.frombuffer(data, dtype=np.int64 if name in _WHOLE else np.float64).reshape(-1, *shape)
        for (name, shape), data in zip(_SHAPES.items(), columns, strict=True)
    }
    return names, Placed(np.zeros(len(names), dtype=np.int64), **arrays)
