"""Drawings that are not plain text: written out as ASCII DXF into a nameless file, once.

Binary DXF, gzip, UTF-16, and text whose line ends were doubled (CR CR LF) on its way. What follows seeks in it as in
any drawing, so that checkpoints, line numbers and resuming are the same for every form. The file stands in the output's
folder (where room for the result is needed anyway) and goes with the process.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Final

from dxfd.convert.read import binary
from dxfd.convert.scratch import refused, scratch
from dxfd.errors import NotDxfError, SourceDamagedError

BOM: Final = b"\xef\xbb\xbf"
GZIP: Final = b"\x1f\x8b"
_WIDE_MARKS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_DOUBLED: Final = b"\r\r\n"
_WINDOW: Final = 1 << 20
_LOOKED_AT: Final = 1 << 16
"""Bytes that tell the form, whoever asks with how many: a file may change its line ends behind them."""
_FIRST: Final = 4096
"""Bytes of a gzip member that are read first: 50,000 empty ones stand in a megabyte."""
_PIECE: Final = 1 << 16
"""What damaged data gave in the piece in which the damage shows is lost."""
_MOST_BYTES: Final = 64 << 30
_ROOM_BYTES: Final = 1 << 30
_GROWTH: Final = 200
"""Text may have 1 GB and this many times the file's bytes: 5 to 40 is usual, but 64 MB can hold 64 GB of zeros."""

Tick = Callable[[], None]
Form = Callable[[binary.Reader, int], Iterator[bytes]]
"""Makes text of bytes: what reads them by position, how many there are."""


def is_spooled(head: bytes) -> bool:
    """Return whether a file with this beginning has to be written out."""
    return _form(head) is not None


def spool(
    read: binary.Reader, size: int, folder: Path, tick: Tick, *, salvage: bool = False
) -> tuple[IO[bytes], str]:  # fmt: skip
    """Return an open nameless file with the drawing as ASCII DXF, and what is wrong with what was salvaged.

    Args:
        read: bytes of the drawing by position.
        size: its bytes.
        folder: where the file is made.
        tick: called for each megabyte: progress, and a place to leave.
        salvage: what lies before damaged data is taken, instead of raising.

    Raises:
        SourceDamagedError: the compressed data or the binary tags make no sense from some place on.
        NotDxfError: what is compressed is no drawing, or is too much for one.
        DiskFullError: no room.
    """
    form = _form(read(0, _WINDOW))
    if form is None:
        raise ValueError("this drawing is text as it is")
    most = min(_MOST_BYTES, _ROOM_BYTES + _GROWTH * size)
    text, wrong = _written(form(read, size), folder, tick, most, salvage=salvage)
    if form is not _gunzip:
        return text, wrong
    inner = _reader(text)
    form = _form(inner(0, _WINDOW))
    if form is None:
        return text, wrong
    with text:
        if form is _gunzip:
            raise NotDxfError("the file is compressed twice")
        plain, also = _written(form(inner, text.seek(0, 2)), folder, tick, most, salvage=salvage)
        return plain, wrong or also


def write_out(pieces: Iterator[bytes], folder: Path, tick: Tick) -> IO[bytes]:
    """Return an open nameless file in a folder with these pieces of text; raises as spool() does."""
    return _written(pieces, folder, tick, _MOST_BYTES, salvage=False)[0]


def _form(head: bytes) -> Form | None:
    """Return what makes text of a file with this beginning; None for what is text as it is."""
    head = head[:_LOOKED_AT]
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


def _narrowed(read: binary.Reader, size: int) -> Iterator[bytes]:
    """Yield UTF-16 as UTF-8 with its mark, which says more than any header."""
    head = read(0, 64)
    codec = _WIDE_MARKS.get(head[:2]) or _wide(head)
    decoder = codecs.getincrementaldecoder(codec)(errors="replace")
    yield BOM
    for at in range(2 if head[:2] in _WIDE_MARKS else 0, size, _WINDOW):
        yield decoder.decode(read(at, _WINDOW)).encode("utf-8", "replace")


def _undoubled(read: binary.Reader, size: int) -> Iterator[bytes]:
    """Yield text with CR CR LF as LF."""
    kept = b""
    for at in range(0, size, _WINDOW):
        data = kept + read(at, _WINDOW)
        whole = len(data) if at + _WINDOW >= size else len(data) - len(data[-2:]) + len(data[-2:].rstrip(b"\r"))
        kept = data[whole:]
        yield data[:whole].replace(_DOUBLED, b"\n")


def _gunzip(read: binary.Reader, size: int) -> Iterator[bytes]:
    """Yield the content of a gzip file of one or more members; one that is cut off gives what it has.

    Zeros behind a member are passed over; anything else that is no member ends the reading.
    """
    at = 0
    try:
        while at < size and ((head := read(at, len(GZIP))) == GZIP or head[:1] == b"\0"):
            at = (yield from _member(read, at)) if head == GZIP else _behind_zeros(read, at)
    except zlib.error as error:
        raise SourceDamagedError(f"the gzip data that begins at byte {at} is damaged: {error}") from error


def _member(read: binary.Reader, at: int) -> Generator[bytes, None, int]:
    """Yield the content of one member, and return where it ends."""
    unpack = zlib.decompressobj(wbits=31)
    data = read(at, _FIRST)
    while data:
        at += len(data)
        while data and not unpack.eof:
            if piece := unpack.decompress(data, _PIECE):
                yield piece
            data = unpack.unconsumed_tail
        if unpack.eof:
            return at - len(unpack.unused_data)
        data = read(at, _PIECE)
    yield unpack.flush()
    return at


def _behind_zeros(read: binary.Reader, at: int) -> int:
    while data := read(at, _WINDOW):
        if rest := data.lstrip(b"\0"):
            return at + len(data) - len(rest)
        at += len(data)
    return at


def _written(
    pieces: Iterator[bytes], folder: Path, tick: Tick, most_bytes: int, *, salvage: bool
) -> tuple[IO[bytes], str]:  # fmt: skip
    file = scratch(folder, "text", buffering=0)
    total = 0
    wrong = ""
    try:
        try:
            for piece in pieces:
                total = _bounded(total + len(piece), most_bytes)
                _write(file, piece, folder)
                tick()
        except SourceDamagedError as error:
            if not (salvage and total):
                raise
            wrong = error.message
    except BaseException:
        file.close()
        raise
    return file, wrong


def _bounded(total: int, most_bytes: int) -> int:
    if total > most_bytes:
        raise NotDxfError(f"the file holds more than {most_bytes >> 20} MB of text: no drawing does in so few bytes")
    return total


def _write(file: IO[bytes], piece: bytes, folder: Path) -> None:
    rest = memoryview(piece)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise refused(error, "the drawing's text", folder) from error
