"""Two result databases compared row for row: schema, every table with its row ids, every view, every blob.

What may differ between an undisturbed run and one that was interrupted is listed here, and nothing else may.
`python -m tests.crash.compare A.db B.db` prints the differences and exits 1 if there are any.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

MAY_DIFFER = frozenset(
    {
        "output", "batches", "resumed_from", "resume_note", "elapsed_s", "entities_per_s", "peak_rss_bytes",
        "started_at", "finished_at", "run_key",
    }
)  # fmt: skip
"""Keys of run_report that tell of the run, not of the drawing."""
SHOWN = 5
"""Differences told per table."""
Row = tuple[Any, ...]


def differences(expected: Path, actual: Path) -> list[str]:
    """Return what differs, as lines for a person; empty when the databases say the same."""
    with closing(_open(expected)) as left, closing(_open(actual)) as right:
        found = _health(actual, right)
        schema = list(_compare("schema", ("type", "name", "sql"), _schema(left), _schema(right)))
        if schema:
            return found + schema
        for kind, name, without_rowid in _tables(left):
            key = "" if kind == "view" or without_rowid else "rowid, "
            sql = f'SELECT {key}* FROM "{name}" ORDER BY {_order(left, name, key)}'
            names = tuple(d[0] for d in left.execute(sql).description)
            rows = (_rows(left, name, sql), _rows(right, name, sql))
            found += _compare(name, names, *rows)
    return found


def assert_same(expected: Path, actual: Path, what: str = "") -> None:
    """Fail with a readable difference unless both databases say the same."""
    found = differences(expected, actual)
    assert not found, "\n".join([f"{actual} differs from {expected} {what}", *found])


def health(path: Path) -> list[str]:
    """Return what SQLite finds wrong with a database; empty when it is in order."""
    with closing(_open(path)) as connection:
        return _health(path, connection)


def _open(path: Path) -> sqlite3.Connection:
    assert path.exists(), f"{path} is missing"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _health(path: Path, connection: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    lines = [] if found == ["ok"] else [f"{path}: integrity_check says {found[:SHOWN]}"]
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'elements_rtree'").fetchone():
        tree = connection.execute("SELECT rtreecheck('elements_rtree')").fetchone()[0]
        lines += [] if tree == "ok" else [f"{path}: rtreecheck says {tree}"]
    return lines


def _schema(connection: sqlite3.Connection) -> Iterator[Row]:
    yield from connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str, bool]]:
    rows = connection.execute("SELECT type, name, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY type, name")
    return [(kind, name, bool(wr)) for kind, name, wr in rows.fetchall() if name != "sqlite_schema"]


def _order(connection: sqlite3.Connection, name: str, key: str) -> str:
    if key:
        return "1"
    count = len(connection.execute(f'SELECT * FROM "{name}" LIMIT 0').description)
    return ", ".join(str(k + 1) for k in range(count))


def _rows(connection: sqlite3.Connection, name: str, sql: str) -> Iterator[Row]:
    rows = connection.execute(sql)
    return (row for row in rows if name != "run_report" or row[0] not in MAY_DIFFER)


def _compare(name: str, columns: tuple[str, ...], left: Iterator[Row], right: Iterator[Row]) -> Iterator[str]:
    told = 0
    for number, (one, other) in enumerate(zip_longest(left, right), start=1):
        if one == other:
            continue
        told += 1
        if told > SHOWN:
            yield f"{name}: and more"
            return
        yield f"{name} row {number}: {_told(columns, one, other)}"


def _told(columns: tuple[str, ...], one: Row | None, other: Row | None) -> str:
    if one is None:
        return f"is too much: {_shown(other)}"
    if other is None:
        return f"is missing: {_shown(one)}"
    pairs = zip(columns, one, other, strict=True)
    return "; ".join(f"{c} is {_shown(b)}, expected {_shown(a)}" for c, a, b in pairs if a != b)


def _shown(value: object) -> str:
    return repr(value)[:300]


if __name__ == "__main__":
    lines = differences(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(lines) or "the same")
    sys.exit(bool(lines))
