"""Rows of Arrow columns by one statement: native/feed.c offers the columns to SQLite as a virtual table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_sqlite import ConnectionOptions

from dxfd.convert.native import feed

_LETTERS: Final = {pa.int64(): "l", pa.float64(): "g", pa.string(): "u", pa.binary(): "z"}
_Values: TypeAlias = tuple[int, int, int, int]
"""Offset, addresses of validity, offsets and data: 0 where Arrow has none."""


def loaded(connection: Any) -> bool:
    """Load the extension into a connection; False: it was not built, or this SQLite loads none."""
    if feed is None:
        return False
    enabled = ConnectionOptions.LOAD_EXTENSION_ENABLED.value
    try:
        connection.set_options(**{enabled: "true"})
        connection.set_options(**{ConnectionOptions.LOAD_EXTENSION_PATH.value: feed.__file__})
        connection.set_options(**{ConnectionOptions.LOAD_EXTENSION_ENTRYPOINT.value: "dxfd_feed_init"})
    except adbc.Error:
        return False
    finally:
        with contextlib.suppress(adbc.Error):  # it was not enabled either
            connection.set_options(**{enabled: "false"})
    return True


def fits(schema: pa.Schema) -> bool:
    """Tell whether the extension knows all the columns' types."""
    return feed is not None and len(schema) <= feed.MOST_COLUMNS and all(map(_letter, schema.types))


def insert(table: str, schema: pa.Schema) -> str:
    """Return the statement that appends what is offered."""
    names = ", ".join(f'"{name}"' for name in schema.names)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(f'c{k}' for k in range(len(schema)))} FROM dxfd_feed"


@contextlib.contextmanager
def offered(batch: pa.RecordBatch) -> Iterator[None]:
    """Offer a batch's columns to statements of this thread, as long as the context lasts."""
    if feed is None:
        raise RuntimeError("the extension was not built: fits() says so")
    columns: list[tuple[str, _Values, _Values | None]] = []
    for column in batch.columns:
        words = _values(column.dictionary) if isinstance(column, pa.DictionaryArray) else None
        columns.append((_letter(column.type), _values(column if words is None else column.indices), words))
    feed.offer(batch.num_rows, columns)
    try:
        yield
    finally:
        feed.withdraw()


def _letter(kind: pa.DataType) -> str:
    """Return the letter of a type; of a dictionary's, that of its words, as the places are of 32 bits."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type if kind.index_type == pa.int32() else None
    return _LETTERS.get(kind, "")


def _values(array: pa.Array) -> _Values:
    valid, *rest = (0 if buffer is None else buffer.address for buffer in array.buffers())
    ends, data = rest if len(rest) > 1 else (0, rest[0])
    return array.offset, valid, ends, data
