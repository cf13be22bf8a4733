"""Tables of text 80 columns wide, for commands that print more than a line. No colours: they are read in logs too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from dxfd.contract.human import cells, safe, shorten

WIDTH: Final = 80
_LEAST: Final = 12
"""Columns are not cut below so much."""


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: str = "",
    shrink: Sequence[int] = (0,),
    paths: bool = False,
) -> list[str]:
    """Return the lines of a table.

    Args:
        head: names of the columns.
        rows: their cells.
        right: a character a column; "r" sets it to the right.
        shrink: the columns that are cut where a line would be wider than 80, in this order.
        paths: cells are cut in their middle: both ends tell.
    """
    cells_of = [[safe(cell) for cell in row] for row in (head, *rows)]
    widths = [max(cells(row[k]) for row in cells_of) for k in range(len(head))]
    for k in shrink:
        over = sum(widths) + 2 * (len(widths) - 1) - WIDTH
        widths[k] = max(min(widths[k], _LEAST), widths[k] - max(0, over))
    lines = []
    for row in cells_of:
        parts = []
        for k, text in enumerate(row):
            cut = shorten(text, widths[k], middle=paths)
            room = " " * (widths[k] - cells(cut))
            parts.append(room + cut if right[k : k + 1] == "r" else cut + room)
        lines.append("  ".join(parts).rstrip())
    return lines


def as_json(value: Any) -> str:
    """Return one JSON document on one line."""
    return msgspec.json.encode(value).decode()
