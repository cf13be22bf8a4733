"""Looks at drawings and output folders in threads, because a network path that is gone hangs whoever looks at it.

Owns the threads and the rule that no call of it blocks. A look that takes longer than its time is given up: its thread
is left behind (the system wakes it some day) and another takes its place, up to MOST_STUCK of them.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

MOST_STUCK: Final = 8
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


class _Look(msgspec.Struct, kw_only=True):
    job_id: int
    source: str
    output: str
    began_at: float | None = None
    path: str = ""
    """What is looked at now."""


class Prober:
    """Finds out sizes and free room without ever blocking its caller."""

    def __init__(
        self,
        on_found: Callable[[], None],
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        look: Callable[[Callable[[str], None], str, str], Found] | None = None,
    ) -> None:
        """Take what is called (from a thread) after each look; timeout_s is how long one look may take."""
        self.timeout_s = timeout_s
        self._on_found = on_found
        self._clock = clock
        self._look = look or look_at
        self._asked: dict[int, _Look] = {}
        self._found: dict[int, tuple[float, Found]] = {}
        self._queue: queue.SimpleQueue[_Look | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._stuck = 0

    def found(self, job_id: int, source: str, output: str) -> Found | None:
        """Return what is known of a job's files; None: a look was asked for, on_found is called when it is done."""
        now = self._clock()
        with self._lock:
            self._give_up(now)
            known = self._found.get(job_id)
            if known is not None and now - known[0] < (HUNG_FRESH_S if known[1].hung else FRESH_S):
                return known[1]
            if job_id not in self._asked:
                self._found.pop(job_id, None)
                self._ask(_Look(job_id=job_id, source=source, output=output))
            self._staff()
            # No thread is left that could look: say so rather than wait for ever.
            return None if self._threads else Found(hung=source)

    def forget(self, job_ids: set[int]) -> None:
        """Drop what is known of all jobs but these."""
        with self._lock:
            self._found = {job_id: known for job_id, known in self._found.items() if job_id in job_ids}

    def close(self) -> None:
        """Let the threads that can end do so."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _ask(self, look: _Look) -> None:
        self._asked[look.job_id] = look
        self._queue.put(look)

    def _staff(self) -> None:
        if self._threads == 0 and self._stuck < MOST_STUCK:
            self._threads += 1
            threading.Thread(target=self._run, name="prober", daemon=True).start()

    def _give_up(self, now: float) -> None:
        for look in list(self._asked.values()):
            if look.began_at is not None and now - look.began_at > self.timeout_s:
                self._asked.pop(look.job_id)
                self._found[look.job_id] = (now, Found(hung=look.path or look.source))
                self._threads -= 1
                self._stuck += 1
                if self._asked:
                    self._staff()

    def _run(self) -> None:
        while (look := self._queue.get()) is not None:
            with self._lock:
                look.began_at = self._clock()

            def at(path: str, look: _Look = look) -> None:
                look.path = path

            found = self._look(at, look.source, look.output)
            with self._lock:
                if self._asked.get(look.job_id) is not look:
                    self._stuck -= 1  # it was given up; another thread has taken this one's place
                    self._found.pop(look.job_id, None)
                    return
                del self._asked[look.job_id]
                self._found[look.job_id] = (self._clock(), found)
            self._on_found()


def look_at(at: Callable[[str], None], source: str, output: str) -> Found:
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
    return Found(source_bytes=size, free_bytes=room.f_bavail * room.f_frsize)
