"""A DWG drawing as DXF text: the converters that there are, one after the other, until one has made it.

Owns a scratch folder beside the output for as long as a converter runs. The same drawing gives the same text, so that
an interrupted conversion finds its place again: times of writing are taken out of the header.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from dxfd.convert.dwg import choose, confined
from dxfd.convert.dwg.choose import Tool
from dxfd.convert.dwg.outcome import Asked, Loss, judge, note, read_losses
from dxfd.convert.types import DwgOptions
from dxfd.errors import (
    DiskFullError,
    DwgFailedError,
    DxfdError,
    OutputNotWritableError,
)

Tick = Callable[[], None]
Read = Callable[[int, int], bytes]
WriteOut = Callable[[Iterator[bytes], Path, Tick], IO[bytes]]

_WINDOW: Final = 1 << 20
_MOST_BYTES: Final = 64 << 30
_ROOM_BYTES: Final = 1 << 30
_GROWTH: Final = 200
"""Text may have 1 GB and this many times the drawing's bytes: 3 to 10 times is usual, a few KB could fill a disk."""
_HEADER_BYTES: Final = 256 << 10
_WRITTEN_AT: Final = re.compile(rb"(\$TDU?(?:CREATE|UPDATE)\r?\n *40\r?\n)[^\r\n]*")
_VERSION_GUID: Final = re.compile(rb"(\$VERSIONGUID\r?\n *2\r?\n)[^\r\n]*")
_IN, _OUT, _LOST = "drawing.dwg", "drawing.dxf", "lost.json"


class Made(Struct, frozen=True, kw_only=True):
    """What was made of a DWG drawing.

    Attributes:
        text: an open nameless file with DXF text.
        digest: sha256 hex of it.
        note: one line for people: what made it, what was lost.
        losses: what is known of that.
    """

    text: IO[bytes]
    digest: str
    note: str
    losses: tuple[Loss, ...]


class Way(Struct, frozen=True, kw_only=True):
    """How a DWG drawing is to be made into text.

    Attributes:
        options: with which converter and limits.
        max_memory_bytes: the conversion's own limit, which bounds the converter too; None = none.
        scratch: a folder for the converter, made and removed here; what stands there is a dead run's.
    """

    options: DwgOptions
    max_memory_bytes: int | None
    scratch: Path

    @property
    def memory_bytes(self) -> int:
        """What the converter may take."""
        return min(self.options.memory_bytes, self.max_memory_bytes or self.options.memory_bytes)


class Job(Struct, frozen=True, kw_only=True):
    """One DWG drawing to be made into text: its name for messages, its bytes by position, how many, and the way."""

    name: str
    read: Read
    size: int
    way: Way


def make(job: Job, write_out: WriteOut, tick: Tick) -> Made:
    """Return the drawing's text, made by the first converter that can.

    Args:
        job: what and how.
        write_out: puts pieces of text into a nameless file in a folder.
        tick: called some times a second: progress, and a place to leave.

    Raises:
        DwgNoConverterError: there is none.
        DwgFailedError: none could read it.
        DwgTimeoutError: it took too long.
        DwgMemoryError: it took too much.
        DiskFullError: no room for its text.
    """
    version = choose.version_of(job.read(0, 8))
    failed = ""
    tools = choose.tools(job.way.options)
    for tool in tools:
        try:
            with _scratch(job.way.scratch):
                return _made(job, tool, version, failed, write_out, tick)
        except DwgFailedError as error:
            failed = f"{failed}; {error.message}" if failed else error.message
    words = f"{job.name} ({version}, {choose.version_name(version)}) cannot be read: {failed}"
    raise DwgFailedError(words)


def _made(job: Job, tool: Tool, version: str, failed: str, write_out: WriteOut, tick: Tick) -> Made:
    if tool.name == choose.ACADSHARP and choose.is_old(version):
        raise DwgFailedError(f"{tool.words} reads R13 and newer")
    _copy(job, job.way.scratch / _IN, tick)
    ended = confined.run(
        _command(tool, job.way.scratch), folder=job.way.scratch, environ=_environ(job.way.scratch), tick=tick,
        limits=confined.Limits(
            memory_bytes=job.way.memory_bytes, timeout_s=job.way.options.timeout_s,
            file_bytes=min(_MOST_BYTES, _ROOM_BYTES + _GROWTH * job.size),
        ),
    )  # fmt: skip
    target = job.way.scratch / ("out" if tool.name == choose.ODA else "") / _OUT
    asked = Asked(name=job.name, timeout_s=job.way.options.timeout_s, memory_bytes=job.way.memory_bytes)
    judge(ended, tool, target, asked)
    losses = read_losses(job.way.scratch / _LOST)
    digest = hashlib.sha256()
    text = write_out(_normal(target, digest), job.way.scratch.parent, tick)
    return Made(
        text=text, digest=digest.hexdigest(), losses=losses or (),
        note=note(tool, version, losses, failed),
    )  # fmt: skip


def _command(tool: Tool, scratch: Path) -> list[str]:
    source, target = str(scratch / _IN), str(scratch / _OUT)
    if tool.name == choose.ACADSHARP:
        child = [sys.executable, "-P", "-m", "dxfd.convert.dwg.acadsharp_child"]
        return [*child, source, target, str(scratch / _LOST)]
    if tool.name == choose.DWG2DXF:
        return [tool.path, "-y", "-o", target, source]
    for folder in ("in", "out"):  # it converts folders: version, type, recurse, audit, filter
        (scratch / folder).mkdir()
    (scratch / _IN).rename(scratch / "in" / _IN)
    command = [tool.path, str(scratch / "in"), str(scratch / "out"), "ACAD2018", "DXF", "0", "1", _IN]
    display = shutil.which("xvfb-run") if not os.environ.get("DISPLAY") else None
    return [display, "-a", *command] if display else command  # it opens windows even then


def _environ(scratch: Path) -> dict[str, str]:
    """Return the converter's environment: what it leaves behind goes with the scratch folder."""
    own = {name: str(scratch) for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    # one thread less in the .NET runtime, and no sockets for debuggers
    return {**os.environ, **own, "DOTNET_gcConcurrent": "0", "DOTNET_EnableDiagnostics": "0"}


def _normal(path: Path, digest: hashlib._Hash) -> Iterator[bytes]:
    """Yield the text without the times of its writing, and digest what is yielded."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
        head = _VERSION_GUID.sub(rb"\g<1>{0}", _WRITTEN_AT.sub(rb"\g<1>0.0", head))
        piece = head
        while piece:
            digest.update(piece)
            yield piece
            piece = file.read(_WINDOW)


def _copy(job: Job, target: Path, tick: Tick) -> None:
    """Copy the drawing: the converter reads what was opened and fingerprinted, under a plain name."""
    try:
        with target.open("wb") as file:
            for at in range(0, job.size, _WINDOW):
                file.write(job.read(at, _WINDOW))
                tick()
    except OSError as error:
        raise _refused(error, job.way.scratch) from error


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Own an empty folder for a while. The caller holds the output's lock: nobody else is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise _refused(error, folder) from error
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refused(error: OSError, folder: Path) -> DxfdError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(f"the disk of {folder.parent} is full: no room for the drawing's text")
    return OutputNotWritableError(f"{folder.parent} cannot be written to: {error.strerror}")
