"""One connection to the output, by ADBC: bulk ingest of Arrow tables and SQL, with errors of ours.

By ADBC's own calls rather than its DBAPI module: that one imports pyarrow.dataset, 30 ms at every start, and puts a
handler of its own for SIGINT round each call.

ADBC brings its own SQLite beside Python's. Two copies of SQLite in one process must not hold the same database open at
once (closing one's file drops the other's POSIX locks): from open to close this class alone touches the output.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import adbc_driver_manager as adbc
import adbc_driver_sqlite
import numpy as np
import pyarrow as pa

from dxfd.convert.build.ragged import Floats
from dxfd.convert.patience import Waiting
from dxfd.convert.write import feed
from dxfd.errors import (
    DiskFullError,
    DxfdError,
    OutputBusyError,
    OutputDamagedError,
    OutputError,
    OutputFailingError,
    OutputNotWritableError,
)

_PRAGMAS: Final = (
    "PRAGMA journal_mode = TRUNCATE",  # rows are appended: a rollback journal stays small, a WAL would write all twice
    "PRAGMA synchronous = FULL",  # a committed batch survives a power cut
    "PRAGMA cache_size = -32000",
    "PRAGMA temp_store = FILE",
    "PRAGMA busy_timeout = 15000",  # a look into the .partial from outside must not end the conversion
)

_APPEND: Final = {adbc.INGEST_OPTION_MODE: adbc.INGEST_OPTION_MODE_APPEND}


class NotUniqueError(Exception):
    """A unique index found equal keys: for finish.py to mend, never for a user."""


class Database:
    """The output while it is written. Used by one thread at a time."""

    def __init__(self, path: Path, *, large: bool = False) -> None:
        """Open or create the file; large: with pages of 16 KB, which take an eighth of the time off writing many rows.

        Raises:
            OutputError: it cannot be opened, or is no database.
        """
        self.path = path
        os.environ.setdefault("SQLITE_TMPDIR", str(path.parent))  # sorting for an index needs room: where the output is
        self._open = contextlib.ExitStack()
        try:
            database = self._open.enter_context(adbc_driver_sqlite.connect(str(path)))
            connection = self._open.enter_context(adbc.AdbcConnection(database))  # it commits by itself until a BEGIN
            self._fed = feed.loaded(connection)
            self._statement: Any = self._open.enter_context(adbc.AdbcStatement(connection))
        except adbc.Error as error:
            self.close()
            raise _translated(error, path) from error
        try:
            self.execute(f"PRAGMA page_size = {16384 if large else 4096}")
            for pragma in _PRAGMAS:
                self.execute(pragma)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        with contextlib.suppress(adbc.Error):  # closing what is broken: the first error was told
            self._open.close()

    def execute(self, sql: str) -> None:
        """Run one statement; rows it returns are passed over."""
        try:
            self._statement.set_sql_query(sql)
            if sql == "COMMIT":  # short, and what waits for the disk; an index may take long and be well
                with Waiting("writing", self.path):
                    self._statement.execute_update()
            else:
                self._statement.execute_update()
        except adbc.Error as error:
            raise _translated(error, self.path) from error

    def script(self, sql: str) -> None:
        """Run statements separated by semicolons at line ends, comments allowed."""
        for statement in sql.split(";\n"):
            if any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines()):
                self.execute(statement)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        found: list[tuple[Any, ...]] = []
        for batch in self.batches(sql):
            found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return found

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield a query's rows as Arrow record batches; no other statement may run meanwhile."""
        try:
            self._statement.set_sql_query(sql)
            stream, _ = self._statement.execute_query()
            with pa.RecordBatchReader.from_stream(stream) as reader:
                yield from reader
        except (adbc.Error, pa.ArrowException, OSError) as error:  # what comes in the middle of a stream is Arrow's
            raise _translated(error, self.path) from error

    def ingest(self, table: str, data: pa.Table | pa.RecordBatch) -> None:
        """Append rows to a table; joins the open transaction."""
        if data.num_rows == 0:
            return
        whole = data if isinstance(data, pa.Table) else pa.Table.from_batches([data])
        if self._fed and feed.fits(whole.schema):
            for batch in whole.to_batches():
                with feed.offered(batch), Waiting("writing", self.path):
                    self.execute(feed.insert(table, whole.schema))
            return
        try:
            self._statement.set_options(**{adbc.INGEST_OPTION_TARGET_TABLE: table, **_APPEND})
            self._statement.bind_stream(whole)
            with Waiting("writing", self.path):
                self._statement.execute_update()
        except adbc.Error as error:
            raise _translated(error, self.path) from error

    def insert(self, table: str, values: dict[str, Any]) -> None:
        """Insert one row."""
        self.ingest(table, pa.table({name: [value] for name, value in values.items()}))


def numbers(batch: pa.RecordBatch, first: int, end: int) -> Floats:
    """Return some columns of a query as (n, end - first)."""
    columns = [batch.column(k).cast(pa.float64()).to_numpy(zero_copy_only=False) for k in range(first, end)]
    return np.stack(columns, axis=1)


def quoted(words: Iterable[str]) -> str:
    """Return words of ours, without quotes in them, as a list for SQL."""
    return ", ".join(f"'{word}'" for word in words)


def _translated(error: Exception, path: Path) -> DxfdError | NotUniqueError:
    text = str(error)
    low = text.lower()
    if "disk is full" in low or "disk full" in low:
        return DiskFullError(f"the disk of {path.parent} is full")
    if "unique constraint" in low:
        return NotUniqueError(f"{path}: {_first(text)}")
    if "readonly" in low or "unable to open" in low:
        return OutputNotWritableError(f"{path} cannot be written: {_first(text)}")
    if "locked" in low or "busy" in low:
        return OutputBusyError(f"{path} is locked by another program")
    if "i/o error" in low:
        return OutputFailingError(f"{path}: {_first(text)}")
    if "malformed" in text or "not a database" in text:
        return OutputDamagedError(f"{path} is damaged: {_first(text)}")
    return OutputError(f"{path}: {_first(text)}")


def _first(text: str) -> str:
    return text.strip().splitlines()[0].removeprefix("INTERNAL: ")[:200]
