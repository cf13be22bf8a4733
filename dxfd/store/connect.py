"""One connection to queue.db, and one way to change it: a transaction.

Owns the pragmas, the transaction's shape and the translation of SQLite's errors into ours. The daemon process is the
only one that opens this file, and it never forks while it is open (workers are spawned by exec).
Calls block for one fsync at most.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dxfd import backups, faults
from dxfd.errors import (
    DiskFullError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFailingError,
    StoreRemovedError,
)

BUSY_TIMEOUT_MS = 1000
"""Only a person with the sqlite3 shell can hold the lock against us; the event loop stands still meanwhile."""


class Database:
    """An open queue database."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._identity = _identity(path)
        self.path = path

    def all(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        with translated(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with translated(self.path):
            row: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
            return row

    def run(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement; inside transaction() only, or it commits on its own."""
        with translated(self.path):
            return self._connection.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it.

        Raises:
            DiskFullError: there is no room; nothing is changed.
            StoreBusyError: somebody else holds the file; nothing is changed.
            StoreError: SQLite refused; nothing is changed.
        """
        self.run("BEGIN IMMEDIATE")
        try:
            faults.point("store.begun")
            yield
            with translated(self.path):
                faults.point("store.changed")
            self.run("COMMIT")
        except BaseException:
            # A failed COMMIT (disk full) has rolled back already; asking twice would hide the first error.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        faults.point("store.committed")

    @property
    def changes(self) -> int:
        """How many rows were changed since it was opened."""
        return self._connection.total_changes

    def guard(self) -> None:
        """Find out whether the file is still there, which SQLite does not notice: what is written would be lost.

        Raises:
            StoreRemovedError: it is not. What this connection holds was put back under its name, or beside it where
                another file has the name.
            StoreFailingError: the disk does not say.
            StoreError: it cannot be looked at, or cannot be put back.
        """
        with translated(self.path):
            try:
                if self._identity == _identity(self.path):
                    return
            except FileNotFoundError:
                pass
            raise StoreRemovedError(f"the queue database {self.path} was removed or replaced; {self._put_back()}")

    def _put_back(self) -> str:
        """Write what this connection holds to a file of its own and give that the database's name if it is free."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Into the file that is gone, which may be moved back; and a log that is left would be played into another file.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        kept = self.path.with_name(f"{self.path.name}.kept-{os.getpid()}-{time.time_ns()}")
        backups.write(self._connection, kept)
        if not self.path.exists():
            for name in ("-wal", "-shm"):  # of the file that is gone: SQLite would play it into this one
                self.path.with_name(f"{self.path.name}{name}").unlink(missing_ok=True)
        try:
            os.link(kept, self.path)
            kept.unlink()
            told = "it was put back as it was"
        except FileExistsError:
            told = f"another file has its name, what the queue was is kept as {kept}"
        backups.sync(self.path.parent)
        return told

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._connection.close()


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def open_database(path: Path, *, durable: bool = True) -> Database:
    """Open or make queue.db, check it, and return it; its schema is migrate()'s business.

    Args:
        path: the file; its folder must exist.
        durable: fsync at each commit (synchronous=FULL); else only at checkpoints of the log (NORMAL).

    Raises:
        StoreCorruptError: it is damaged or no database; the file is kept as it is.
        StoreError: it cannot be opened.
    """
    fresh = not path.exists()
    with translated(path):
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    try:
        with translated(path):
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            if not fresh:
                _check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -4096")
            return Database(connection, path)
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection, path: Path) -> None:
    found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise StoreCorruptError(f"the queue database {path} is damaged: {'; '.join(found)[:200]}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except UnicodeDecodeError as error:  # a damaged text, perhaps in what SQLite says is wrong
        raise StoreCorruptError(f"the queue database {path} is damaged: it has texts that are none") from error
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            raise DiskFullError(f"no room on the disk of the queue database {path}") from error
        if name.startswith("SQLITE_IOERR"):
            raise StoreFailingError(f"the disk of the queue database {path} fails: {error}") from error
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StoreBusyError(f"another program holds the queue database {path}") from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StoreCorruptError(f"the queue database {path} is damaged: {error}") from error
        raise StoreError(f"the queue database {path} cannot be used: {error}") from error
    except OSError as error:
        if error.errno == errno.EIO:
            raise StoreFailingError(f"the disk of the queue database {path} fails: {error.strerror}") from error
        raise StoreError(f"the queue database {path} cannot be opened: {error.strerror}") from error
