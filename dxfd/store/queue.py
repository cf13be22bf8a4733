"""The queue as the daemon holds it: one open database, what reads it and what changes it."""

from __future__ import annotations

import time
from pathlib import Path

from dxfd import backups
from dxfd.contract.times import Clock
from dxfd.paths import BACKUPS_NAME
from dxfd.store.connect import Database, open_database
from dxfd.store.history import History
from dxfd.store.jobs import Jobs, OnChange
from dxfd.store.listing import Listing
from dxfd.store.migrate import migrate, migrations, version


class Queue:
    """An open queue.db of this version's schema.

    Attributes:
        jobs: changes.
        listing: reads.
        history: reads of what has ended.
        migrated: names of the migrations applied on opening.
        fresh: it was made on opening.
        path: its file.
    """

    def __init__(self, database: Database, clock: Clock, on_change: OnChange | None, migrated: list[str]) -> None:
        self.jobs = Jobs(database, clock, on_change)
        self.listing = Listing(database, clock)
        self.history = History(database, clock)
        self.migrated = migrated
        self.fresh = migrations()[0].name in migrated
        self.path = database.path
        self._database = database

    @property
    def changes(self) -> int:
        """How many rows were changed since it was opened."""
        return self._database.changes

    def guard(self) -> None:
        """See to it that its file is still there; see Database.guard."""
        self._database.guard()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def open_queue(
    path: Path,
    *,
    clock: Clock = time.time,
    on_change: OnChange | None = None,
    durable: bool = True,
    backup_dir: Path | None = None,
) -> Queue:
    """Open or make the queue database, check it and bring it to this version.

    Args:
        path: the file; its folder must exist.
        clock: stamps what is written.
        on_change: called after each change.
        durable: each change survives power loss.
        backup_dir: where a copy goes before the schema is changed; None: `backups` beside the file.

    Raises:
        StoreCorruptError: it is damaged; it is kept as it is.
        StoreNewerError: a newer dxfd wrote it.
        StoreError: it cannot be opened.
        BackupError: it has an older schema, and no copy could be made before changing it.
    """
    database = open_database(path, durable=durable)
    try:
        if 0 < version(database) < len(migrations()):
            folder = backup_dir or path.parent / BACKUPS_NAME
            backups.make(path, folder, backups.Reason.MIGRATION, clock())
            backups.rotate(folder)
        migrated = migrate(database)
    except BaseException:
        database.close()
        raise
    return Queue(database, clock, on_change, migrated)
