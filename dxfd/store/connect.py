"""One connection to queue.db, and one way to change it: a transaction.

Owns the pragmas, the transaction's shape and the translation of SQLite's errors into ours. The daemon process is the
only one that opens this file, and it never forks while it is open (workers are spawned by exec).
Calls block for one fsync at most.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dxfd import faults
from dxfd.errors import DiskFullError, StoreBusyError, StoreCorruptError, StoreError, StoreFailingError

BUSY_TIMEOUT_MS = 1000
"""Only a person with the sqlite3 shell can hold the lock against us; the event loop stands still meanwhile."""


class Database:
    """An open queue database."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
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

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._connection.close()


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
    except BaseException:
        connection.close()
        raise
    return Database(connection, path)


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
