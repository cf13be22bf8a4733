"""The worker's report as the queue keeps it: bounded, whatever a drawing holds. The database itself has all of it."""

from __future__ import annotations

from typing import Any, Final

LEDGER_ROWS: Final = 500
"""Of a report in the queue: a drawing with a layer an entity would make a reply of more than a frame."""
NAME_CHARACTERS: Final = 300
"""Of a name in such a report; the DXF reference allows 255, damaged drawings have more."""


def bounded(document: dict[str, Any]) -> dict[str, Any]:
    """Return a report with the largest rows of a long ledger, and no endless names; it is changed in place."""
    rows = document["ledger"]
    if len(rows) > LEDGER_ROWS:
        document["ledger"] = sorted(rows, key=lambda row: -row["count"])[:LEDGER_ROWS]
        document["ledger_rows_left_out"] = document.get("ledger_rows_left_out", 0) + len(rows) - LEDGER_ROWS
    for row in document["ledger"]:
        for name in ("entity_type", "layer", "block", "first_handle"):
            row[name] = row[name][:NAME_CHARACTERS]
    return document
