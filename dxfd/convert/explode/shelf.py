"""Pieces of exploded blocks that were made: the last used ones in memory, the others in a nameless file.

Making a piece takes some milliseconds, however small it is; to fetch one from the file takes a tenth of that. What is
on neither shelf is read again from the drawing. Which of it happens changes nothing of the result.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import IO, Final

from dxfd.convert.explode.pieces import Piece
from dxfd.convert.patience import Waiting
from dxfd.convert.scratch import let_go, refused, scratch

MEMORY_BYTES: Final = 64 << 20
FILE_BYTES: Final = 256 << 20
"""With the places of what lies there, at most 15 MB of memory."""

_WHAT: Final = "pieces of exploded blocks"

Pieces = list[Piece]


class Shelf:
    """The pieces of one run by what they depend on. Close it."""

    def __init__(self, folder: Path, memory_bytes: int = MEMORY_BYTES, file_bytes: int = FILE_BYTES) -> None:
        """Take the folder of the file."""
        self._folder = folder
        self._memory_most = memory_bytes
        self._file_most = file_bytes
        self._held: OrderedDict[Hashable, tuple[Pieces, int]] = OrderedDict()
        self._bytes = 0
        self._place: dict[Hashable, tuple[int, int]] = {}
        self._file: IO[bytes] | None = None
        self._end = 0

    def get(self, key: Hashable) -> Pieces | None:
        """Return pieces, None if they are not here."""
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held[0]
        place = self._place.get(key)
        if place is None or self._file is None:
            return None
        try:
            with Waiting("reading", f"{_WHAT} in {self._folder}"):
                self._file.seek(place[0])
                data = self._file.read(place[1])
        except OSError as error:
            raise refused(error, _WHAT, self._folder) from error
        found: Pieces = pickle.loads(data)  # noqa: S301  (our own, in a file that nobody else can open)
        self._hold(key, found)
        return found

    def put(self, key: Hashable, pieces: Pieces) -> None:
        """Keep pieces."""
        self._hold(key, pieces)

    def give_back(self) -> None:
        """Move all but the last used pieces out of memory."""
        self._shrink(0)

    def close(self) -> None:
        """Give the file's room back."""
        if self._file is not None:
            let_go(self._file)
            self._file = None

    def _hold(self, key: Hashable, pieces: Pieces) -> None:
        size = sum(piece.bytes for piece in pieces)
        self._held[key] = pieces, size
        self._bytes += size
        self._shrink(self._memory_most)

    def _shrink(self, most: int) -> None:
        while self._bytes > most and len(self._held) > 1:
            key, (pieces, size) = self._held.popitem(last=False)
            self._bytes -= size
            if key not in self._place:
                self._write(key, pieces)

    def _write(self, key: Hashable, pieces: Pieces) -> None:
        if self._end >= self._file_most:
            return
        data = pickle.dumps(pieces, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            with Waiting("writing", f"{_WHAT} in {self._folder}"):
                self._file = self._file or scratch(self._folder, "pieces")
                self._file.seek(self._end)
                self._file.write(data)
                self._file.flush()
        except OSError as error:
            raise refused(error, _WHAT, self._folder) from error
        self._place[key] = self._end, len(data)
        self._end += len(data)
