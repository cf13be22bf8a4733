"""What is known of a job's files before it starts: the drawing's size, the room on the output's disk.

Owns how long a finding holds; how it is had without ever blocking is aside.py's business.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from dxfd.supervise.aside import Aside, At

FRESH_S: Final = 10.0
"""So long a finding holds."""
HUNG_FRESH_S: Final = 60.0
"""So long a path that did not answer is left in peace."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a job's files found."""

    source_bytes: int = 0
    """0: there is none, or it may not be looked at; the worker will say what is wrong."""
    free_bytes: int | None = None
    """Room on the disk of the output; None: there is no such folder."""
    hung: str = ""
    """The path that did not answer."""


class Prober:
    """Finds out sizes and free room without ever blocking its caller."""

    def __init__(
        self,
        on_found: Callable[[], None],
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        look: Callable[[At, str, str], Found] | None = None,
    ) -> None:
        """Take what is called (from a thread) after each look; timeout_s is how long one look may take."""
        self.aside: Aside[Found] = Aside("prober", on_found, timeout_s=timeout_s, clock=clock)
        self._clock = clock
        self._look = look or look_at
        self._found: dict[int, tuple[float, Found]] = {}

    def found(self, job_id: int, source: str, output: str) -> Found | None:
        """Return what is known of a job's files; None: a look was asked for, on_found is called when it is done."""
        known = self._found.get(job_id)
        if known is not None and self._clock() - known[0] < (HUNG_FRESH_S if known[1].hung else FRESH_S):
            return known[1]
        answer = self.aside.ask(job_id, source, lambda at: self._look(at, source, output))
        if answer is None:
            self._found.pop(job_id, None)
            return None
        found = answer.value or Found(hung=answer.hung)
        if answer.tried:
            self._found[job_id] = self._clock(), found
        return found

    def forget(self, job_ids: set[int]) -> None:
        """Drop what is known of all jobs but these."""
        self._found = {job_id: known for job_id, known in self._found.items() if job_id in job_ids}
        self.aside.keep(job_ids)

    def close(self) -> None:
        """Let the threads that can end do so."""
        self.aside.close()


def look_at(at: At, source: str, output: str) -> Found:
    """Look at a drawing and at the folder of its output; `at` is told what is being looked at. May hang."""
    at(source)
    try:
        size = os.stat(source).st_size  # noqa: PTH116  (a string stays a string)
    except OSError:
        size = 0
    folder = str(Path(output).parent)
    at(folder)
    try:
        room = os.statvfs(folder)
    except OSError:
        return Found(source_bytes=size)
    if not room.f_blocks:  # /proc and the like: the worker will say what is wrong
        return Found(source_bytes=size)
    return Found(source_bytes=size, free_bytes=room.f_bavail * room.f_frsize)
