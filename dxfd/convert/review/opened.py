"""A finished database, opened to be read: what tables it has, whether it is one at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from dxfd.errors import SourceMissingError, SourceUnreadableError


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only.

    Raises:
        SourceMissingError: there is none.
        SourceUnreadableError: it is no database with elements.
    """
    try:
        there = path.is_file()
    except OSError as error:  # a name that is too long
        raise SourceUnreadableError(f"{path} cannot be read: {error.strerror}") from None
    if not there:
        raise SourceMissingError(f"no such database: {path}")
    with (
        telling(path),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)) as database,
    ):
        if "elements_meta" not in tables(database):
            raise SourceUnreadableError(f"{path} has no table elements_meta: it is no result of a conversion")
        yield database


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Name the database that could not be read, where several are open.

    Raises:
        SourceUnreadableError: SQLite met an error.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise SourceUnreadableError(f"{path}: {error}") from None


def tables(database: sqlite3.Connection) -> set[str]:
    """Return the names of tables and views."""
    return {str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}


def columns(database: sqlite3.Connection, table: str) -> set[str]:
    """Return a table's columns."""
    return {str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")}


def report(database: sqlite3.Connection) -> dict[str, Any]:
    """Return the run's report; empty if the database is not one of ours."""
    if "run_report" not in tables(database):
        return {}
    found = {}
    for key, value in database.execute("SELECT key, value FROM run_report"):
        try:
            found[str(key)] = json.loads(value)
        except (TypeError, ValueError):
            found[str(key)] = value
    return found
