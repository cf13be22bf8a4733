"""Nameless files in the output's folder, for what memory does not hold: they go with the process, however that ends.

Owns how they are made and closed, and what it is called when the system refuses one. What lies in them is their users'.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from dxfd.errors import DiskFullError, OutputError, OutputFailingError, OutputNotWritableError

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def scratch(folder: Path, what: str, *, buffering: int = -1) -> IO[bytes]:
    """Return a nameless file.

    Raises:
        DiskFullError: no room.
        OutputError: the folder takes no file.
    """
    try:
        return tempfile.TemporaryFile(dir=folder, prefix=_prefix(what), buffering=buffering)
    except OSError as error:
        raise refused(error, "a file for a while", folder) from error


@contextlib.contextmanager
def opened_by_name(folder: Path, what: str) -> Iterator[Path]:
    """Own an empty file that has a name until the end of the block, for what can open it by that alone."""
    handle, path = tempfile.mkstemp(dir=folder, prefix=_prefix(what))
    os.close(handle)
    try:
        yield Path(path)
    finally:
        Path(path).unlink()


def let_go(file: IO[bytes]) -> None:
    """Close a scratch file. What it has not written yet is wanted by nobody, and would hide that there is no room."""
    with contextlib.suppress(OSError):
        file.close()


def refused(error: OSError, what: str, folder: Path) -> DiskFullError | OutputError:
    """Return what it is called that the system did not write or read something in a folder."""
    if error.errno in _NO_ROOM:
        return DiskFullError(f"the disk of {folder} is full: no room for {what}")
    kind = OutputFailingError if error.errno == errno.EIO else OutputNotWritableError
    return kind(f"{what} cannot be kept in {folder}: {error.strerror}")


def _prefix(what: str) -> str:
    return f".dxfd-{what}-"
