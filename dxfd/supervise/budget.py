"""What there is to share out, and what each job is given of it. Pure; meter.py reads the host, admission.py asks.

Memory is what admission is paid in: a job is granted an amount, the sum of the grants stays within the budget, and its
worker keeps within its grant. What a drawing needs is estimated from its size and from what earlier ones took.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from dxfd.config.units import Amount
from dxfd.store.rows import Peak

MIB: Final = 1024**2
DAEMON_BYTES: Final = 64 * MIB
"""The daemon's own, taken off a limit that holds for it and its workers together."""
LEAST_BYTES: Final = 64 * MIB
"""What no budget goes below: one worker that has nothing to do takes it."""

_BASE_BYTES: Final = 112 * MIB
_PER_BYTE: Final = 9
"""Measured peaks: 103 MB for an empty drawing, 154 for one of 4 MB, 213 for 20 MB, 245 for 200 MB: batches fill up."""
_PLATEAU_BYTES: Final = 256 * MIB
_MARGIN: Final = 1.5
"""A worker begins to save memory at 70 % of its grant: at its usual peak it should not have to."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine, or the part of it that is ours, has."""

    physical_bytes: int
    cgroup_bytes: int | None = None
    """The lowest memory limit that holds for us, None without one."""
    cores: int = 1


def reserve_bytes(physical_bytes: int) -> int:
    """Return what is left to the system: a tenth, at least 512 MB, at most half."""
    return min(physical_bytes // 2, max(512 * MIB, physical_bytes // 10))


def budget_bytes(setting: Amount, host: Host) -> int:
    """Return the memory that all workers share, whatever was asked for leaves room for the system and the daemon."""
    most = host.physical_bytes - reserve_bytes(host.physical_bytes)
    whole = host.physical_bytes
    if host.cgroup_bytes is not None and host.cgroup_bytes < host.physical_bytes:
        whole = host.cgroup_bytes
        most = min(most, whole - DAEMON_BYTES)
    return max(LEAST_BYTES, min(setting.of(whole), most))


def worker_count(configured: int, *, cores: int, budget: int, floor: int) -> int:
    """Return how many workers run at a time: what is configured, else what cores and memory allow, at least 1.

    From four cores on one is left to the system. Memory counts by the least grant: which jobs really fit is found out
    when they are admitted.
    """
    mine = cores - 1 if cores >= 4 else cores
    return configured or max(1, min(mine, budget // max(1, floor)))


def estimate_bytes(source: str, source_bytes: int, peaks: Iterable[Peak]) -> int:
    """Return the peak to expect; what the same drawing took counts most, then drawings of a like size, then the rule.

    Args:
        source: path of the drawing.
        source_bytes: its size; 0 while unknown.
        peaks: what earlier attempts took, newest first.
    """
    alike = 0
    for peak in peaks:
        near = source_bytes <= 2 * peak.source_bytes and peak.source_bytes <= 2 * source_bytes
        if near and peak.source == source:
            return peak.peak_rss_bytes
        if near:
            alike = max(alike, peak.peak_rss_bytes)
    if alike or not source_bytes:
        return alike or _PLATEAU_BYTES
    return min(_PLATEAU_BYTES, _BASE_BYTES + _PER_BYTE * source_bytes)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Between which amounts grants lie."""

    floor_bytes: int
    limit_bytes: int
    budget_bytes: int


def grant_bytes(asked_bytes: int, estimated_bytes: int, bounds: Bounds, *, had_trouble: bool) -> int:
    """Return what a job is given.

    What its submitter asked for is taken as it is. After memory trouble the estimate is not believed any more. Nothing
    is larger than the budget: such a job runs alone and keeps within it.
    """
    if asked_bytes:
        wanted = asked_bytes
    elif had_trouble:
        wanted = bounds.limit_bytes
    else:
        wanted = min(bounds.limit_bytes, max(bounds.floor_bytes, int(estimated_bytes * _MARGIN)))
    return min(wanted, bounds.budget_bytes)
