"""How much memory, and time at once, a conversion takes and what follows: decide() is pure, the rest is thin."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

import pyarrow as pa

SHRINK_AT: Final = 0.70
TRIM_AT: Final = 0.80
LEAVE_AT: Final = 0.97
HYSTERESIS: Final = 0.10
"""A step is kept until so much of the limit below where it began: memory that was given back is soon taken again."""
LEAST_CHUNK_BYTES: Final = 128 << 10
LEAST_BATCH: Final = 1_000
_MILD: Final = 4
"""Part of their full size to which chunks and batches are made smaller while that is the only step. Memory that is
used for good does not shrink with them: at 128 KB a million entities took twice the processor time for 10 MB less."""
_AGAIN: Final = 8
"""Looks at an unchanged step after which it is done once more."""
_RELAX: Final = 32
"""Looks without trouble after which chunks and batches grow again."""
LONG_CHUNK_S: Final = 2.0
"""Processor time of a chunk behind which smaller ones are read: what asks for a pause waits for the end of one."""
LONG_BATCH_S: Final = 5.0
"""Processor time of a batch that is committed however few entities are in it: what a crash costs. 12,000 leaders with
texts take so long, 20,000 frequent entities 0.06 s."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Step(StrEnum):
    """What to do about memory, in growing earnest."""

    NONE = ""
    SHRINK = "shrink"
    """Smaller chunks and batches from now on."""
    TRIM = "trim"
    """Shrink, and give back what the allocators keep."""
    LEAVE = "leave"
    """Commit and end; the next run begins with fresh memory."""


_LADDER: Final = ((Step.TRIM, TRIM_AT), (Step.SHRINK, SHRINK_AT))
_RANK: Final = {step: rank for rank, step in enumerate(Step)}


def decide(rss_bytes: int, limit_bytes: int | None, before: Step = Step.NONE) -> Step:
    """Return what a measurement asks for, as fractions of the limit, given the step that was taken before."""
    if not limit_bytes:
        return Step.NONE
    used = rss_bytes / limit_bytes
    if used >= LEAVE_AT:
        return Step.LEAVE
    for step, at in _LADDER:
        if used >= at - (HYSTERESIS if _RANK[step] <= _RANK[before] else 0.0):
            return step
    return Step.NONE


class Governor:
    """Chunks and batches of the size that memory and time allow. How they are cut does not change the result.

    Attributes:
        step: where on the ladder the conversion is.
        chunk_bytes: bytes to read at once.
        batch_entities: entities to commit together.
    """

    def __init__(self, limit_bytes: int | None, chunk_bytes: int, batch_entities: int) -> None:
        self.step = Step.NONE
        self.chunk_bytes = self._most_chunk = chunk_bytes
        self.batch_entities = self._most_batch = batch_entities
        self._limit = limit_bytes
        self._same = 0
        self._spent_s = 0.0

    def took(self, spent_s: float) -> None:
        """Note the processor time of a chunk, in seconds; one that took long is followed by smaller ones."""
        self._spent_s += spent_s
        if spent_s > LONG_CHUNK_S:
            self.chunk_bytes = min(self.chunk_bytes, max(LEAST_CHUNK_BYTES, self.chunk_bytes // 2))

    def is_full(self, entities: int) -> bool:
        """Return whether a batch of so many entities is to be committed; if so, the time of the next one begins."""
        full = entities >= self.batch_entities or self._spent_s >= LONG_BATCH_S
        self._spent_s = 0.0 if full else self._spent_s
        return full

    def look(self, measure: Callable[[], int], give_back: Callable[[], None]) -> Step:
        """Measure, do what that asks for, and return the step; LEAVE only if giving back did not help."""
        step = decide(measure(), self._limit, self.step)
        self._same = self._same + 1 if step is self.step else 0
        self.step = step
        if step is Step.NONE:
            if self._same and self._same % _RELAX == 0:
                self.chunk_bytes = min(self._most_chunk, self.chunk_bytes * 2)
                self.batch_entities = min(self._most_batch, self.batch_entities * 2)
            return step
        if self._same % _AGAIN == 0 or step is Step.LEAVE:
            mild = step is Step.SHRINK
            chunk = max(LEAST_CHUNK_BYTES, self._most_chunk // _MILD if mild else 0)
            batch = max(LEAST_BATCH, self._most_batch // _MILD if mild else 0)
            self.chunk_bytes = min(self.chunk_bytes, max(chunk, self.chunk_bytes // 2))
            self.batch_entities = min(self.batch_entities, max(batch, self.batch_entities // 2))
            if step is not Step.SHRINK:
                give_back()
                self.step = decide(measure(), self._limit, step)
        return self.step


def rss() -> int:
    """Return the resident set of this process in bytes."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE


def peak_rss() -> int:
    """Return the largest resident set so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def amount(size_bytes: int) -> str:
    """Return an amount in words: in MB, what is smaller in KB."""
    return f"{size_bytes >> 20} MB" if size_bytes >= 1 << 20 else f"{-(-size_bytes >> 10)} KB"


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
