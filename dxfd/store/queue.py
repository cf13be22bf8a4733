"""The queue as the daemon holds it: one open database, what reads it and what changes it."""

from __future__ import annotations

import time
from pathlib import Path

from dxfd.contract.times import Clock
from dxfd.store.connect import Database, open_database
from dxfd.store.jobs import Jobs, OnChange
from dxfd.store.listing import Listing
from dxfd.store.migrate import migrate


class Queue:
    """An open queue.db of this version's schema.

    Attributes:
        jobs: changes.
        listing: reads.
        migrated: names of the migrations applied on opening.
    """

    def __init__(self, database: Database, clock: Clock, on_change: OnChange | None, migrated: list[str]) -> None:
        self.jobs = Jobs(database, clock, on_change)
        self.listing = Listing(database, clock)
        self.migrated = migrated
        self._database = database

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def open_queue(
    path: Path, *, clock: Clock = time.time, on_change: OnChange | None = None, durable: bool = True
) -> Queue:
    """Open or make the queue database, check it and bring it to this version.

    Raises:
        StoreCorruptError: it is damaged; it is kept as it is.
        StoreNewerError: a newer dxfd wrote it.
        StoreError: it cannot be opened.
    """
    database = open_database(path, durable=durable)
    try:
        migrated = migrate(database)
    except BaseException:
        database.close()
        raise
    return Queue(database, clock, on_change, migrated)
