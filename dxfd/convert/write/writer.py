"""The writing thread: takes batches from a queue one deep, commits each with its checkpoint. Owns the open transaction.

Reading and building the next batch goes on meanwhile: Arrow, NumPy and ADBC leave the interpreter's lock alone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from itertools import groupby
from typing import Final, Self

import pyarrow as pa
from msgspec import Struct, field

from dxfd import faults
from dxfd.convert.write.database import Database
from dxfd.convert.write.output import Checkpoint, write_checkpoint
from dxfd.errors import OutputDamagedError

_POLL_S: Final = 0.2


class Batch(Struct, kw_only=True):
    """What is committed together; of more than memory should hold, part by part, the last one being `whole`."""

    tables: dict[str, list[pa.Table]] = field(default_factory=dict)
    checkpoint: Checkpoint
    entities: int = 0
    bytes: int = 0
    whole: bool = True

    def add(self, table: str, rows: pa.Table) -> None:
        """Append rows of one database table."""
        if rows.num_rows:
            self.tables.setdefault(table, []).append(rows)
            self.bytes += rows.nbytes


class Writer:
    """Commits batches in a thread of its own. Errors come out of put(), drain() and committed()."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.Queue[Batch | None] = queue.Queue(maxsize=1)
        self._done: queue.Queue[Checkpoint] = queue.Queue()
        self._error: BaseException | None = None
        self._open = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, batch: Batch) -> None:
        """Hand over a batch; blocks while another one waits."""
        while True:
            self._raise()
            try:
                self._queue.put(batch, timeout=_POLL_S)
            except queue.Full:
                continue
            return

    def committed(self) -> list[Checkpoint]:
        """Return the checkpoints committed since the last call."""
        self._raise()
        out = []
        while True:
            try:
                out.append(self._done.get_nowait())
            except queue.Empty:
                return out

    def close(self) -> None:
        """Commit what waits and end the thread; raises nothing (see drain)."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def drain(self) -> None:
        """Commit what waits, end the thread, raise what went wrong."""
        self.close()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            batch = self._queue.get()
            if batch is None:
                if self._open:  # left in the middle of a batch: it is done again
                    self._open = False
                    _rollback(self._database)
                return
            if self._error is not None:
                continue  # keep the queue moving so that put() can see the error
            try:
                self._commit(batch)
            except BaseException as error:  # noqa: BLE001  (carried to the main thread, which raises it)
                self._error = error

    def _commit(self, batch: Batch) -> None:
        database = self._database
        if not self._open:
            database.execute("BEGIN IMMEDIATE")
            self._open = True
        try:
            faults.point("write.begun")
            for table, parts in batch.tables.items():
                for rows in _joined(parts):
                    database.ingest(table, rows)
            if batch.whole:
                _check_numbers(database, batch.checkpoint.elements_written)
                faults.point("write.rows")
                write_checkpoint(database, batch.checkpoint)
                faults.point("write.commit")
                database.execute("COMMIT")
                self._open = False
        except BaseException:
            self._open = False
            _rollback(database)
            raise
        if batch.whole:
            faults.point("write.committed")
        batch.tables.clear()
        if batch.whole:
            self._done.put(batch.checkpoint)


def _joined(parts: list[pa.Table]) -> Iterator[pa.Table]:
    """Yield the parts, neighbours with the same columns as one: each ingest waits for the interpreter's lock twice."""
    for _, same in groupby(parts, key=lambda part: part.schema):
        yield pa.concat_tables(list(same))


def _check_numbers(database: Database, elements: int) -> None:
    """See to it that SQLite has numbered the elements as their bodies and boxes are.

    Raises:
        OutputDamagedError: the output is not as this conversion left it.
    """
    for table in ("elements_meta", "element_transforms"):
        ((last,),) = database.rows(f"SELECT IFNULL(MAX(id), 0) FROM {table}")
        if last != elements:
            raise OutputDamagedError(f"{database.path} is damaged: {last} rows in {table}, not {elements}")


def _rollback(database: Database) -> None:
    from dxfd.errors import DxfdError

    try:
        database.execute("ROLLBACK")
    except DxfdError:
        return  # SQLite has rolled back by itself (full disk, input error): there is no transaction to end
