"""Whether the host is well enough for another worker to start: a pure choice with hysteresis.

Running workers are left alone: they keep within their grants, and less memory pressure or more room on the disk lets
admission go on by itself. meter.py reads, admission.py asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

RESUME: Final = 0.5
"""Admission goes on when the pressure is down to this share of what held it."""
DISK_RESUME: Final = 1.25
"""... and when a disk has this many times the room that it has to have."""


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What the system says now; None where it says nothing."""

    pressure: float | None = None
    """Share of the last ten seconds in which some task waited for memory (PSI)."""
    free_bytes: Mapping[str, int | None] = {}
    """Room on the disks of the daemon's own folders, by folder."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on nothing is started; 0 switches one off."""

    pressure: float
    disk_reserve_bytes: int


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Open while `reason` is empty, else why not."""

    reason: str = ""
    by_pressure: bool = False
    low_disks: frozenset[str] = frozenset()


def gate(readings: Readings, bounds: Bounds, before: Gate) -> Gate:
    """Return the gate for these readings, given what it was before."""
    pressed = _pressed(readings.pressure, bounds.pressure, held=before.by_pressure)
    low = frozenset(
        folder
        for folder, free in readings.free_bytes.items()
        if too_little(free, bounds.disk_reserve_bytes, held=folder in before.low_disks)
    )
    reasons = [
        f"little room on the disk of {folder}: {(readings.free_bytes[folder] or 0) >> 20} MB" for folder in sorted(low)
    ]
    if pressed:
        reasons.insert(0, f"the host is short of memory: tasks waited for it {readings.pressure or 0:.0%} of the time")
    return Gate(reason="; ".join(reasons), by_pressure=pressed, low_disks=low)


def too_little(free_bytes: int | None, reserve_bytes: int, *, held: bool) -> bool:
    """Tell whether a disk is too full to write on; what is held goes on later than what goes on is held."""
    if free_bytes is None or not reserve_bytes:
        return False
    return free_bytes < reserve_bytes * (DISK_RESUME if held else 1.0)


def _pressed(pressure: float | None, bound: float, *, held: bool) -> bool:
    if pressure is None or not bound:
        return False
    return pressure >= bound * (RESUME if held else 1.0)
