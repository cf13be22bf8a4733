"""The output's life: lock, `.partial`, checkpoint row, publication. Knows files and one row, not elements.

`OUT.db.partial` is built under a lock (`OUT.db.partial.lock`, flock: the kernel drops it when its owner dies) and
renamed to `OUT.db` when finished: readers never see half a model, and two conversions never write one file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import sqlite3
from pathlib import Path
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import asdict

from dxfd import faults
from dxfd.convert.patience import Waiting
from dxfd.convert.write.database import Database
from dxfd.errors import (
    DiskFullError,
    OutputBusyError,
    OutputError,
    OutputFailingError,
    OutputForeignError,
    OutputNotWritableError,
)

FORMAT: Final = 3
"""Of the checkpoint and of the tables it belongs to; another one cannot be resumed."""
_SEALED: Final = frozenset(
    {"source_fingerprint", "config_fingerprint", "started_at", "finished_at", "entities_read", "errors", "batches"}
)
"""Of a report, what an interrupted run is known by."""
_LOOK_S: Final = 1.0
"""How long somebody else may keep an output locked before it counts as busy."""
_LONGEST_NAME: Final = 255 - len(".partial-journal")
"""Bytes; a file system takes 255."""


class Checkpoint(Struct, kw_only=True):
    """The row of _conversion_progress: what is done, and where to go on."""

    format: int = FORMAT
    status: str = "in_progress"
    started_at: str = ""
    last_checkpoint_at: str = ""
    dxf_filepath: str = ""
    source_fingerprint: str = ""
    config_fingerprint: str = ""
    config_json: str = "{}"
    total_entities: int = 0
    entities_read: int = 0
    entities_matched: int = 0
    entities_exploded: int = 0
    entities_skipped: int = 0
    content_read: int = 0
    content_matched: int = 0
    error_count: int = 0
    damages: int = 0
    ordinal: int = 0
    parts_done: int = 0
    elements_written: int = 0
    current_batch_number: int = 0
    batch_size: int = 0
    section: int = 0
    byte_offset: int = 0
    line_number: int = 0
    last_entity_id: str = ""
    peak_memory_bytes: int = 0
    elapsed_s: float = 0.0


def plain(path: Path | str) -> str:
    """Return a path as text: Linux takes names of any bytes, JSON and SQLite none but UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def partial_of(output: Path) -> Path:
    """Return where an output is built.

    Raises:
        OutputNotWritableError: its name leaves no room for those of the files beside it, or is none for SQLite.
    """
    if plain(output) != str(output):
        words = f"{plain(output)}: a name that is no UTF-8 cannot be that of a database"
        raise OutputNotWritableError(words, hint="choose another output")
    if len(os.fsencode(output.name)) > _LONGEST_NAME:
        words = f"the name {output.name[:20]}... has more than {_LONGEST_NAME} bytes"
        raise OutputNotWritableError(words, hint="choose a shorter name for the output")
    return output.with_name(output.name + ".partial")


class Lock:
    """The right to write one output. Held until release() or the process's end."""

    def __init__(self, output: Path) -> None:
        """Take it.

        Raises:
            OutputBusyError: another process has it.
            OutputNotWritableError: the folder takes no file.
        """
        self.path = output.with_name(output.name + ".partial.lock")
        while True:
            try:
                with Waiting("opening", self.path):
                    self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise _os_error(error, output) from error
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(self._fd)
                raise OutputBusyError(f"another conversion is writing {output}") from error
            except OSError as error:  # a share without locks: nobody is writing, and nobody ever could
                os.close(self._fd)
                raise _os_error(error, self.path) from error
            if self._is_current():
                return
            os.close(self._fd)  # its last owner removed the name after we opened it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove the lock's file and let go."""
        if self._fd >= 0:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            os.close(self._fd)
            self._fd = -1

    def _is_current(self) -> bool:
        try:
            return os.fstat(self._fd).st_ino == self.path.stat().st_ino
        except FileNotFoundError:
            return False


def check_target(output: Path) -> None:
    """Raise if a database cannot be published there.

    Raises:
        OutputNotWritableError: no such folder, no right to write in it, or too long a name.
        OutputForeignError: a file that is none of ours stands there.
        OutputBusyError: a database whose owner does not let anybody look.
    """
    partial_of(output)
    folder = output.parent
    if not folder.is_dir():
        raise OutputNotWritableError(f"there is no folder {folder}", hint="make it first, or choose another output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputNotWritableError(f"this user may not write in {folder}")
    if output.is_dir():
        raise OutputForeignError(f"{output} is a folder", hint="give the name of the database file")
    _check_ours(output)


def _check_ours(output: Path) -> None:
    if output.exists() and not (output.is_file() and _is_ours(output)):
        raise OutputForeignError(f"{output} exists and was not written by dxfd")


def read_checkpoint(partial: Path) -> Checkpoint | None:
    """Return the checkpoint of an interrupted run, None if there is none or it cannot be read.

    Uses Python's SQLite, before the worker's own is opened on the file; both must not have it open at once.
    """
    names = Checkpoint.__struct_fields__
    try:
        with _opened(partial, "rw") as connection:
            row = connection.execute(f"SELECT {', '.join(names)} FROM _conversion_progress").fetchone()
    except sqlite3.Error:
        return None
    return Checkpoint(**dict(zip(names, row, strict=True))) if row else None


def read_sealed(partial: Path) -> dict[str, Any] | None:
    """Return the report's values of a run that had nothing left to do but to be renamed; None if it is not so far."""
    if not partial.exists():
        return None
    try:
        with _opened(partial, "rw") as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_conversion_progress'").fetchone():
                return None
            made = report_of(connection)
    except sqlite3.Error:
        return None
    return made if made is not None and made.keys() >= _SEALED else None


def report_of(connection: sqlite3.Connection) -> dict[str, Any] | None:
    """Return the values of a database's report; None if they are none of ours."""
    rows = connection.execute("SELECT key, value FROM run_report").fetchall()
    try:
        return {key: json.loads(value) for key, value in rows}
    except (TypeError, ValueError):
        return None


def sound(partial: Path) -> bool:
    """Return whether SQLite finds the file in order (quick_check)."""
    try:
        with _opened(partial, "rw") as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except (sqlite3.Error, UnicodeDecodeError):  # a damaged text, perhaps in what SQLite says is wrong
        return False


def _opened(path: Path, mode: str, timeout_s: float = 5.0) -> contextlib.closing[sqlite3.Connection]:
    """Return a database opened by Python's SQLite; as "rw" what a killed run left half done is rolled back."""
    return contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout_s, uri=True))


def write_checkpoint(database: Database, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint row, inside the open transaction."""
    database.execute("DELETE FROM _conversion_progress")
    database.insert("_conversion_progress", {"id": 1, **asdict(checkpoint)})


def discard(partial: Path) -> None:
    """Remove an interrupted run and its journal."""
    for name in (partial, *_beside(partial)):
        try:
            name.unlink(missing_ok=True)
        except OSError as error:
            raise OutputNotWritableError(f"{name} cannot be removed: {error.strerror}") from error


def publish(partial: Path, output: Path) -> None:
    """Make the finished database visible, durably: file, rename, folder.

    What a program that died on the earlier database has left beside it would be played into this one: it goes.

    Raises:
        OutputForeignError: a file that is none of ours has come there meanwhile.
        OutputError: the system refuses.
    """
    try:
        with Waiting("publishing", output):
            _sync(partial)
            faults.point("publish.synced")
            with contextlib.suppress(OutputBusyError):  # what reads it goes on with the earlier one
                _check_ours(output)
            for name in _beside(output):
                name.unlink(missing_ok=True)
            partial.rename(output)
            faults.point("publish.renamed")
            _sync(output.parent)
    except OSError as error:
        raise _os_error(error, output) from error


def _beside(database: Path) -> list[Path]:
    """Return the files that SQLite keeps beside a database."""
    return [Path(f"{database}-{name}") for name in ("journal", "wal", "shm")]


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_ours(output: Path) -> bool:
    left = Path(f"{output}-journal").exists()  # by a program that died: it can be read once that is rolled back
    try:
        with _opened(output, "rw" if left else "ro", _LOOK_S) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'run_report'").fetchone()
            return found is not None
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 255 == sqlite3.SQLITE_BUSY:
            raise OutputBusyError(f"{output} is locked by another program") from error
        return False


def _os_error(error: OSError, output: Path) -> OutputError | DiskFullError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(f"the disk of {output.parent} is full")
    if error.errno == errno.EIO:
        return OutputFailingError(f"{output} cannot be written: {error.strerror}")
    if isinstance(error, FileNotFoundError):
        return OutputNotWritableError(f"there is no folder {output.parent}")
    return OutputNotWritableError(f"{output} cannot be written: {error.strerror}")
