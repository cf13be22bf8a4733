"""`logs`: lines of the daemon's log from a place on, across rotations. Files are read off the loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from dxfd.contract.messages import Logs, LogsReply
from dxfd.control.services import Call, Services

_MOST_BYTES = 400_000
"""Read for one reply: less than half a frame, as each quote and backslash of a line doubles in JSON."""
_MOST_LINES = 10_000
_POLL_S = 0.25


class _Place(NamedTuple):
    path: Path
    inode: int
    offset: int


class _JobField(msgspec.Struct):
    job_id: int = 0


async def handle(services: Services, call: Call, body: Logs) -> LogsReply:
    """Return the lines after a place; with timeout_s, wait for the first one."""
    path, backups = services.facts.log_path, services.settings.log_backups
    loop = asyncio.get_running_loop()
    until = min(call.deadline_s, loop.time() + max(0.0, body.timeout_s))
    place = await asyncio.to_thread(_begin, path, backups, body)
    while True:
        lines, place = await asyncio.to_thread(_read, path, place, body.job_id)
        if lines or loop.time() >= until:
            return LogsReply(lines=lines, offset=place.offset, inode=place.inode, path=str(path))
        await asyncio.sleep(_POLL_S)


def _begin(path: Path, backups: int, body: Logs) -> _Place:
    """Return where to read: the place asked for if its file is still there, else the last lines, else the start."""
    if body.offset >= 0 and body.inode:
        for candidate in [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, backups + 1))]:
            with contextlib.suppress(OSError):
                if candidate.stat().st_ino == body.inode:
                    return _Place(candidate, body.inode, body.offset)
        return _Place(path, _inode(path), 0)
    with contextlib.suppress(OSError), path.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        return _Place(path, inode, _tail(file, max(0, min(body.lines, _MOST_LINES)), body.job_id))
    return _Place(path, 0, 0)


def _tail(file: BinaryIO, lines: int, job_id: int) -> int:
    """Return the offset of the last `lines` whole lines (of one job), looking back 8 MB at most."""
    end = file.seek(0, os.SEEK_END)
    start = max(0, end - 20 * _MOST_BYTES)
    file.seek(start)
    data = file.read(end - start)
    if start:
        cut = data.find(b"\n") + 1
        start, data = start + cut, data[cut:]
    data = data[: data.rfind(b"\n") + 1]
    if not lines:
        return start + len(data)
    found: list[int] = []
    offset = start
    for line in data.splitlines(keepends=True):
        if _wanted(line, job_id):
            found.append(offset)
        offset += len(line)
    return found[-lines:][0] if found else start + len(data)


def _read(path: Path, place: _Place, job_id: int) -> tuple[list[str], _Place]:
    """Return whole lines after a place and the place after them; after a rotated file comes the current one."""
    try:
        with place.path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != place.inode:
                return [], _Place(path, _inode(path), 0)
            file.seek(place.offset)
            data = file.read(_MOST_BYTES)
    except OSError:
        return [], _Place(path, _inode(path), 0)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == _MOST_BYTES:
        whole = data  # one line larger than a reply: it is passed over
    lines = [
        line.decode("utf-8", "replace").rstrip("\n")
        for line in whole.splitlines(keepends=True)
        if _wanted(line, job_id)
    ]
    if not whole and place.path != path:
        return [], _Place(path, _inode(path), 0)
    return lines, _Place(place.path, place.inode, place.offset + len(whole))


def _wanted(line: bytes, job_id: int) -> bool:
    if not job_id:
        return True
    if b'"job_id":%d' % job_id not in line:
        return False
    try:
        return msgspec.json.decode(line, type=_JobField).job_id == job_id
    except msgspec.DecodeError:
        return False


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
