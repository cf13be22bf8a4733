"""The file an export writes: built beside its place, synced, renamed; never over a file that dxfd did not write."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from dxfd.errors import DiskFullError, OutputError, OutputForeignError, OutputNotWritableError


@contextlib.contextmanager
def building(output: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Give the path to write to; publish it at the end, remove it after an error.

    Args:
        output: where the file is to appear.
        is_ours: whether a file that stands there may be replaced.

    Raises:
        OutputForeignError: it may not.
        OutputNotWritableError: the folder takes no file.
        DiskFullError: the disk is full.
    """
    folder = output.parent
    if not folder.is_dir():
        raise OutputNotWritableError(f"there is no folder {folder}", hint="make it first, or choose another output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputNotWritableError(f"this user may not write in {folder}")
    try:
        kind = output.stat().st_mode
    except FileNotFoundError:
        kind = None
    except OSError as error:  # a name that is too long, links in a circle
        raise translated(error, output) from error
    if kind is not None and stat.S_ISDIR(kind):
        raise OutputForeignError(f"{output} is a folder", hint="give the name of the file")
    if kind is not None and not (stat.S_ISREG(kind) and is_ours(output)):  # a pipe would be waited for
        raise OutputForeignError(f"{output} exists and was not written by such an export")
    partial = output.with_name(f"{output.name}.{os.getpid()}.partial")
    try:
        yield partial
        _publish(partial, output)
    except OSError as error:
        raise translated(error, output) from error
    finally:
        with contextlib.suppress(OSError):  # what cannot be removed is told by the error that is on its way
            partial.unlink(missing_ok=True)


def begins_with(path: Path, mark: bytes, within: int = 4096) -> bool:
    """Return whether the mark stands in a file's first bytes."""
    try:
        with path.open("rb") as file:
            return mark in file.read(within)
    except OSError:
        return False


def translated(error: OSError, output: Path) -> OutputError | DiskFullError:
    """Return the error to tell for one of the system."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(f"the disk of {output.parent} is full", hint="free some space and export again")
    return OutputNotWritableError(f"{output} cannot be written: {error.strerror or error}")


def _publish(partial: Path, output: Path) -> None:
    for path in (partial, output.parent):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        if path is partial:
            partial.rename(output)
