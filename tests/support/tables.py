"""Comparing two output databases row by row, but for times, speeds and what tells of the way they were made."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

_DIFFER = {"run_report"}


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows in order."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for name in sorted(names)
            if name not in _DIFFER and not name.endswith(("_node", "_parent", "_rowid"))
        }
    finally:
        connection.close()


def same_tables(one: Path, other: Path) -> None:
    """Fail unless both databases hold the same rows."""
    left, right = tables(one), tables(other)
    assert list(left) == list(right)
    for name, rows in left.items():
        assert len(rows) == len(right[name]), name
        for row, twin in zip(rows, right[name], strict=True):
            assert row == twin, name
