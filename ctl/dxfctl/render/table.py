"""A plain text table that fits a width: empty columns hidden, long texts shortened, least needed columns dropped.

Used on terminals and in pipes alike, so it needs no library; colours are added after the layout. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from dxfd.contract.human import cells, shorten

GAP: Final = "  "


class Column(Struct, frozen=True, kw_only=True):
    """One column.

    Attributes:
        title: its head.
        right: align to the right (numbers).
        floor: width it may be shortened to; 0 = never shortened.
        middle: shorten in the middle instead of the end.
        drop: columns with the highest number go first when there is no room; 0 = kept.
        paint: colours a padded cell, given its text.
    """

    title: str
    right: bool = False
    floor: int = 0
    middle: bool = False
    drop: int = 0
    paint: Callable[[str, str], str] | None = None


def layout(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int | None, color: bool) -> list[str]:
    """Return the lines of the table, head first; none for no rows. width None = as wide as it takes."""
    kept = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    if not kept:
        return []
    widths = {i: max(cells(columns[i].title), *(cells(row[i]) for row in rows)) for i in kept}
    if width is not None:
        kept = _dropped(columns, kept, widths, width)
        _squeeze(columns, kept, widths, width)
    lines = [_line([(columns[i], columns[i].title, widths[i]) for i in kept], color=False)]
    lines += [_line([(columns[i], row[i], widths[i]) for i in kept], color=color) for row in rows]
    return lines


def _least(column: Column, width: int) -> int:
    return min(width, max(column.floor, cells(column.title))) if column.floor else width


def _dropped(columns: Sequence[Column], kept: list[int], widths: dict[int, int], width: int) -> list[int]:
    """Return the columns that stay when even the shortest form of all of them is too wide."""
    kept = list(kept)
    while len(kept) > 1 and _total([_least(columns[i], widths[i]) for i in kept]) > width:
        victim = max(kept, key=lambda i: (columns[i].drop, i))
        if columns[victim].drop == 0:
            break
        kept.remove(victim)
    return kept


def _squeeze(columns: Sequence[Column], kept: list[int], widths: dict[int, int], width: int) -> None:
    """Shorten the widest column that may be, by one, until the table fits."""
    while _total([widths[i] for i in kept]) > width:
        able = [i for i in kept if widths[i] > _least(columns[i], widths[i])]
        if not able:
            return
        widths[max(able, key=lambda i: widths[i])] -= 1


def _total(widths: list[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _line(parts: list[tuple[Column, str, int]], *, color: bool) -> str:
    shown = []
    for column, text, width in parts:
        cut = shorten(text, width, middle=column.middle)
        pad = " " * (width - cells(cut))
        padded = pad + cut if column.right else cut + pad
        shown.append(column.paint(padded, text) if color and column.paint and text else padded)
    return GAP.join(shown).rstrip()
