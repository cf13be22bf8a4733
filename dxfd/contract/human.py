"""Numbers and times as people read them: durations, sizes, rates, percent, clock times; and text made safe to print.

Shared by dxfctl and `dxfd convert`. Pure functions; "now" is passed in. JSON output never goes through here.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

_SIZES: Final = ("B", "KB", "MB", "GB", "TB")


def size(count_bytes: float) -> str:
    """Return a size with a binary unit: `512 MB`, `1.5 GB`; empty for nothing."""
    if count_bytes <= 0:
        return ""
    value, unit = float(count_bytes), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_SIZES[unit]}" if value >= 10 or unit == 0 else f"{value:.1f} {_SIZES[unit]}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: `0.4 s`, `12 s`, `3 m 05 s`, `2 h 14 m`, `5 d 3 h`."""
    if seconds < 0:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def count(number: int) -> str:
    """Return a count with thousands separated by commas."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 entity`, `2,500 elements`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def rate(per_s: float) -> str:
    """Return entities per second: `850/s`, `110k/s`, `1.2M/s`; empty for nothing."""
    if per_s <= 0:
        return ""
    if per_s < 1000:
        return f"{per_s:.0f}/s"
    if per_s < 999_500:
        return f"{per_s / 1000:.0f}k/s" if per_s >= 9_950 else f"{per_s / 1000:.1f}k/s"
    return f"{per_s / 1e6:.1f}M/s"


def percent(fraction: float) -> str:
    """Return a fraction as percent without decimals; 100 % only when nothing is left."""
    shown = 100 if fraction >= 1 else min(99, int(max(0.0, fraction) * 100))
    return f"{shown} %"


def parse_time(stamp: str) -> datetime | None:
    """Return a time of the protocol (UTC, ISO 8601), or None if there is none."""
    if not stamp:
        return None
    try:
        parsed = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def clock(stamp: str, *, now: datetime, utc: bool) -> str:
    """Return a time as `14:02:11` if it is today, else with its date; local unless utc, which is marked with Z."""
    at = parse_time(stamp)
    if at is None:
        return ""
    zone = UTC if utc else now.astimezone().tzinfo
    local, today = at.astimezone(zone), now.astimezone(zone)
    text = local.strftime("%H:%M:%S" if local.date() == today.date() else "%Y-%m-%d %H:%M")
    return text + "Z" if utc else text


def between(start: str, end: str, *, now: datetime) -> float | None:
    """Return the seconds from start to end (to now if it has not ended), or None if it has not begun."""
    began = parse_time(start)
    if began is None:
        return None
    ended = parse_time(end) or now
    return max(0.0, (ended - began).total_seconds())


def safe(text: str) -> str:
    """Return the text on one line without control characters: a file name must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes (East Asian wide characters take two, marks none)."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, width: int, *, middle: bool = False) -> str:
    """Return the text cut to the width with an ellipsis at the end, or in the middle (for paths: both ends tell)."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    room = width - 1
    tail_room = room // 2 if middle else 0
    return _fit(text, room - tail_room) + "…" + (_fit(text[::-1], tail_room)[::-1] if tail_room else "")


def _fit(text: str, width: int) -> str:
    taken, used = [], 0
    for char in text:
        used += cells(char)
        if used > width:
            break
        taken.append(char)
    return "".join(taken)


def walls_told(found: dict[str, int]) -> str:
    """Return what became of walls drawn as pairs of lines: the `walls` of a report."""
    made = f"{counted(found['walls'], 'wall')} of {counted(found['pairs'], 'pair')} of lines"
    ends = f"{counted(found['corners'] + found['sides'], 'end')} joined, {counted(found['openings'], 'opening')}"
    used = counted(found["lines"] + found["lines_shortened"], "line")
    return f"{made}: {ends}; {used} used, {count(found['lines_alone'])} left alone"
