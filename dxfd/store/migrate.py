"""Bringing queue.db to this version's schema: numbered .sql files, each in one transaction with its number.

`PRAGMA user_version` is transactional, so a file is applied whole or not at all. executescript() is never used: it
commits an open transaction before it begins, and a failing script would leave half a migration.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from dxfd.errors import StoreError, StoreNewerError
from dxfd.store.connect import Database


class Migration(NamedTuple):
    """One step: its number, its file's name, its text."""

    number: int
    name: str
    text: str


def migrations() -> list[Migration]:
    """Return every step in order; their numbers are 1, 2, 3, ..."""
    files = resources.files("dxfd.store.migrations")
    steps = [
        Migration(int(f.name.split("_")[0]), f.name, f.read_text("utf-8"))
        for f in files.iterdir()
        if f.name.endswith(".sql")
    ]
    return sorted(steps)


def statements(text: str) -> Iterator[str]:
    """Yield a script's statements one by one; a trigger's body stays whole."""
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""


def version(database: Database) -> int:
    """Return the number of the last step applied."""
    row = database.one("PRAGMA user_version")
    return int(row[0]) if row else 0


def migrate(database: Database, steps: list[Migration] | None = None) -> list[str]:
    """Apply the steps that are missing and return their names.

    Raises:
        StoreNewerError: the database has steps that this version does not know.
        StoreError: a step failed; the database is as it was before that step.
    """
    todo = migrations() if steps is None else steps
    have = version(database)
    newest = todo[-1].number if todo else 0
    if have > newest:
        raise StoreNewerError(f"the queue database {database.path} has schema {have}, this dxfd knows {newest}")
    # A table that is rebuilt is dropped first: with foreign keys on, that would delete what refers to it. The pragma
    # does nothing inside a transaction, so it stands around them all, and each step checks the references itself.
    database.run("PRAGMA foreign_keys = OFF")
    try:
        return [_apply(database, step) for step in todo if step.number > have]
    finally:
        database.run("PRAGMA foreign_keys = ON")


def _apply(database: Database, step: Migration) -> str:
    try:
        with database.transaction():
            for statement in statements(step.text):
                database.run(statement)
            if database.one("PRAGMA foreign_key_check") is not None:
                raise StoreError(f"migration {step.name} of {database.path} would leave rows without their job")
            database.run(f"PRAGMA user_version = {step.number}")
    except sqlite3.IntegrityError as error:
        raise StoreError(f"migration {step.name} of {database.path} failed: {error}") from error
    return step.name
