"""What a report reads back from the finished database: ledger, warnings, match rate.

Owns the query of the ledger, which a run that finds its output published asks, too. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from dxfd.convert.types import LEDGER_COLUMNS, WARNINGS, LedgerRow
from dxfd.convert.write.database import Database
from dxfd.convert.write.output import Checkpoint

_MOST_LEDGER_ROWS: Final = 20_000
"""Of the report: 10 MB. A drawing may have a row an entity, which the database has."""
LEDGER_SQL: Final = (
    f"SELECT {', '.join(LEDGER_COLUMNS)} FROM ledger WHERE rowid IN"
    f" (SELECT rowid FROM ledger ORDER BY count DESC, rowid LIMIT {_MOST_LEDGER_ROWS}) ORDER BY rowid"
)


def ledger(database: Database) -> list[LedgerRow]:
    """Return the ledger; of a very long one the rows that count most entities."""
    return ledger_of(database.rows(LEDGER_SQL))


def ledger_of(found: Iterable[tuple[Any, ...]]) -> list[LedgerRow]:
    """Return what LEDGER_SQL found."""
    return [LedgerRow(**dict(zip(LEDGER_COLUMNS, row, strict=True))) for row in found]


def ledger_rows(database: Database) -> int:
    """Return how many rows the whole ledger has."""
    ((rows,),) = database.rows("SELECT COUNT(*) FROM ledger")
    return int(rows)


def match_rate(done: Checkpoint, database: Database) -> float:
    """Return the share of entities that became elements; of exploded references their content counts instead."""
    ((exploded,),) = database.rows("SELECT COALESCE(SUM(count), 0) FROM ledger WHERE outcome = 'exploded'")
    asked = done.entities_read + done.content_read - int(exploded)
    return (done.entities_matched + done.content_matched) / asked if asked > 0 else 0.0


def warnings(database: Database) -> list[str]:
    """Return what calls the whole result in question, in words."""
    marks = ", ".join(f"'{code}'" for code in WARNINGS)
    found = database.rows(f"SELECT message FROM conversion_issues WHERE code IN ({marks}) ORDER BY rowid LIMIT 20")
    return [str(message)[:500] for (message,) in found]
