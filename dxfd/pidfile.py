"""One daemon per run folder and per queue: locks that the kernel drops when the process dies, however it dies.

The PID file in the run folder is one, a file beside the queue database the other: a second daemon with another run
folder, or one started after the run folder was removed, must not run the same jobs.

The lock is the guard, the contents are information: pid, start time and boot id (so that a reused pid is not taken for
the daemon) and the endpoint. Binding the socket guards nothing: a second bind silently takes the path over.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

import msgspec

from dxfd.errors import AlreadyRunningError, CannotCreateError


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """What the PID file says."""

    pid: int
    started_at: str
    boot_id: str
    endpoint: str


class PidFile:
    """A held lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def write(self, instance: Instance) -> None:
        """Say who holds it.

        Raises:
            CannotCreateError: there is no room for the line.
        """
        try:
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, msgspec.json.encode(instance) + b"\n", 0)
        except OSError as error:
            raise CannotCreateError(f"the file {self.path} cannot be written: {error.strerror}") from error

    def release(self) -> None:
        """Empty the file and let go of the lock; the file stays, as removing it would race with the next daemon."""
        os.truncate(self._descriptor, 0)
        os.close(self._descriptor)


def acquire(path: Path) -> PidFile:
    """Take the lock.

    Raises:
        AlreadyRunningError: another daemon holds it; the message says which and since when.
        CannotCreateError: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise CannotCreateError(f"the file {path} cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        other = read(path)
        who = f"pid {other.pid} since {other.started_at}" if other else f"it holds {path}"
        raise AlreadyRunningError(
            f"dxfd runs already: {who}",
            hint="dxfctl status  talks to it",
            pid=other.pid if other else 0,
            endpoint=other.endpoint if other else "",
        ) from None
    return PidFile(path, descriptor)


def read(path: Path) -> Instance | None:
    """Return what a PID file says; None when it says nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instance)
    except (OSError, msgspec.DecodeError):
        return None
