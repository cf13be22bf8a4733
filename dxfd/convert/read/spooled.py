"""Drawings that are not plain text: binary DXF and gzip, written out as ASCII DXF into a nameless file, once.

What follows seeks in it as in any drawing, so that checkpoints, line numbers and resuming are the same for every form.
The file stands in the output's folder (where room for the result is needed anyway) and goes with the process.
"""

from __future__ import annotations

import errno
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from dxfd.convert.read import binary
from dxfd.errors import DiskFullError, NotDxfError, OutputNotWritableError, SourceDamagedError

GZIP: Final = b"\x1f\x8b"
_WINDOW: Final = 1 << 20
_MOST_BYTES: Final = 64 << 30
"""Of text: a gzip file of 64 MB can hold 64 GB of zeros."""

Tick = Callable[[], None]


def is_spooled(head: bytes) -> bool:
    """Return whether a file with this beginning has to be written out."""
    return head.startswith((GZIP, binary.SENTINEL[:18]))


def spool(read: binary.Reader, size: int, folder: Path, tick: Tick) -> IO[bytes]:
    """Return an open nameless file with the drawing as ASCII DXF.

    Args:
        read: bytes of the drawing by position.
        size: its bytes.
        folder: where the file is made.
        tick: called for each megabyte: progress, and a place to leave.

    Raises:
        SourceDamagedError: the compressed data or the binary tags make no sense from some place on.
        NotDxfError: what is compressed is no drawing.
        DiskFullError: no room.
    """
    head = read(0, len(binary.SENTINEL))
    if head.startswith(GZIP):
        unpacked = _written(_gunzip(read, size), folder, tick)
        inner = _reader(unpacked)
        start = inner(0, len(binary.SENTINEL))
        if start.startswith(GZIP):
            unpacked.close()
            raise NotDxfError("the file is compressed twice")
        plain, also = _written(form(inner, text.seek(0, 2)), folder, tick, salvage=salvage)
        return plain, wrong or also


def write_out(pieces: Iterator[bytes], folder: Path, tick: Tick) -> IO[bytes]:
    """Return an open nameless file in a folder with these pieces of text; raises as spool() does."""
    return _written(pieces, folder, tick, salvage=False)[0]


def _form(head: bytes) -> Form | None:
    """Return what makes text of a file with this beginning; None for what is text as it is."""
    if head.startswith(GZIP):
        return _gunzip
    if head.startswith(binary.SENTINEL[:18]):
        return binary.text
    if head[:2] in _WIDE_MARKS or _wide(head):
        return _narrowed
    if 2 * head.count(_DOUBLED) > head.count(b"\n"):
        return _undoubled
    return None


def _wide(head: bytes) -> str:
    """Return the byte order of UTF-16 without its mark: every second byte of plain ASCII is 0. Empty for others."""
    start = head[:64] if len(head) % 2 == 0 or len(head) > 64 else head[: len(head) - 1]
    for name, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(start) >= 8 and not any(zeros) and all(letters):
            return name
    return ""


def _reader(file: IO[bytes]) -> binary.Reader:
    def read(offset: int, count: int, /) -> bytes:
        file.seek(offset)
        return file.read(count)

    return read


def _gunzip(read: binary.Reader, size: int) -> Iterator[bytes]:
    """Yield the content of a gzip file of one or more members; one that is cut off gives what it has."""
    at = 0
    unpack = zlib.decompressobj(wbits=31)
    try:
        while at < size:
            data = read(at, _WINDOW)
            at += len(data)
            while data:
                piece = unpack.decompress(data, _WINDOW)
                if piece:
                    yield piece
                data = unpack.unconsumed_tail
                if unpack.eof:
                    data = unpack.unused_data
                    if not data.startswith(GZIP):
                        data = b"" if at >= size or not data.strip(b"\0") else data
                        if data:
                            return  # trash behind the last member
                    unpack = zlib.decompressobj(wbits=31)
    except zlib.error as error:
        raise SourceDamagedError(f"the gzip data is damaged before byte {at}: {error}") from error


def _written(pieces: Iterator[bytes], folder: Path, tick: Tick) -> IO[bytes]:
    try:
        file = tempfile.TemporaryFile(dir=folder, prefix=".dxfd-text-", buffering=0)  # noqa: SIM115  (the caller's)
    except OSError as error:
        raise OutputNotWritableError(f"{folder} cannot be written to: {error.strerror}") from error
    total = 0
    try:
        for piece in pieces:
            total = _bounded(total + len(piece))
            _write(file, piece, folder)
            tick()
    except BaseException:
        file.close()
        raise
    return file


def _bounded(total: int) -> int:
    if total > _MOST_BYTES:
        raise SourceDamagedError(f"the drawing has more than {_MOST_BYTES >> 30} GB of text")
    return total


def _write(file: IO[bytes], piece: bytes, folder: Path) -> None:
    rest = memoryview(piece)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFullError(f"the disk of {folder} is full: no room for the drawing's text") from error
        raise OutputNotWritableError(f"{folder} cannot be written to: {error.strerror}") from error
