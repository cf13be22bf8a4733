"""Amounts as people write them: "512M", "4GiB", "30s", "5m", "60%". Pure.

K, M, G, T and KiB, MiB, ... are powers of 1024, as in systemd; kB, MB, GB, TB are powers of 1000.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from msgspec import Struct

from dxfd.errors import ConfigError

_BYTES: Final = {
    "": 1, "b": 1,
    "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4,
}  # fmt: skip
_SECONDS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


class Amount(Struct, frozen=True):
    """Bytes, or a share of what there is."""

    size_bytes: int = 0
    share: float = 0.0

    def of(self, total_bytes: int) -> int:
        """Return the bytes this is of `total_bytes`."""
        return self.size_bytes or int(total_bytes * self.share)

    def __str__(self) -> str:
        return format_bytes(self.size_bytes) if self.size_bytes else f"{self.share * 100:g}%"


def parse_bytes(value: object) -> int:
    """Return bytes; a bare number is bytes.

    Raises:
        ConfigError: it is no amount of memory.
    """
    number = _scaled(value, _BYTES)
    if number is None:
        raise ConfigError(f"{value!r} is not an amount of memory", hint='write it like "512M" or "4GiB"')
    return int(number)


def metres(number: float, *, per_metre: float) -> float:
    """Return the metres of so many millimetres (1e3) or micrometres (1e6): one length is one number, however given.

    0.07 / 1e3 and 70 / 1e6 differ in the last bit, and a run is gone on with only under the same settings.
    """
    return round(number / per_metre, 12)


def parse_seconds(value: object) -> float:
    """Return seconds; a bare number is seconds.

    Raises:
        ConfigError: it is no duration.
    """
    number = _scaled(value, _SECONDS)
    if number is None:
        raise ConfigError(f"{value!r} is not a duration", hint='write it like "30s" or "5m"')
    return number


def parse_share(value: object) -> float:
    """Return a fraction: "60%" is 0.6.

    Raises:
        ConfigError: it is no percentage.
    """
    text = str(value).strip()
    try:
        if text.endswith("%") and float(text[:-1]) > 0:
            return float(text[:-1]) / 100
    except ValueError:
        pass
    raise ConfigError(f"{value!r} is not a percentage", hint='write it like "60%"')


def parse_amount(value: object) -> Amount:
    """Return bytes or a share of at most 100 %.

    Raises:
        ConfigError: it is neither.
    """
    if str(value).strip().endswith("%"):
        share = parse_share(value)
        if share > 1:
            raise ConfigError(f"{value!r} is more than there is")
        return Amount(share=share)
    size = parse_bytes(value)
    if size <= 0:
        raise ConfigError(f"{value!r} is nothing", hint='write it like "4GiB" or "60%"')
    return Amount(size_bytes=size)


def format_bytes(size: int) -> str:
    """Return the shortest exact form: 536870912 is "512M"."""
    for suffix, factor in (("T", 1024**4), ("G", 1024**3), ("M", 1024**2), ("K", 1024)):
        if size and size % factor == 0:
            return f"{size // factor}{suffix}"
    return str(size)


def format_seconds(seconds: float) -> str:
    """Return the shortest exact form: 300 is "5m"."""
    for suffix, factor in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % factor == 0:
            return f"{int(seconds // factor)}{suffix}"
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{Decimal(repr(seconds)):f}s"


def _scaled(value: object, scale: dict[str, float] | dict[str, int]) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value >= 0 else None
    match = _AMOUNT.fullmatch(str(value))
    if match is None:
        return None
    factor = scale.get(match[2].lower())
    return None if factor is None else float(match[1]) * factor
