"""The worker's mouth: events as JSON lines on what was its stdout.

Owns the private copy of stdout (a library's print must not tear a line), the rate of progress, and what happens when
nobody listens: the conversion is asked to leave at its next checkpoint, nothing is raised into it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import msgspec

from dxfd.contract.progress import Checkpoint, Issue, Progress, Started, WorkerEvent
from dxfd.convert.types import Advanced, Began, Committed, Event, Found

PROGRESS_INTERVAL_S = 0.2


def private_stdout() -> int:
    """Return a descriptor of the event pipe, and let stdout itself point to stderr from now on."""
    events = os.dup(1)
    os.dup2(2, 1)
    return events


class Reporter:
    """Sends events to the daemon."""

    def __init__(
        self, descriptor: int, on_broken: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._clock = clock
        self._broken = False
        self._sent_at = float("-inf")
        self._what: tuple[str, str] = ("", "")

    def send(self, event: WorkerEvent) -> None:
        """Send one event; blocks while the pipe is full."""
        if self._broken:
            return
        data = msgspec.json.encode(event) + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._broken = True
            self._on_broken()

    def convert_event(self, event: Event) -> None:
        """Send what the conversion said; progress at most five times a second, but every change of phase or step."""
        match event:
            case Advanced():
                self._progress(event)
            case Committed():
                self.send(
                    Checkpoint(
                        batch=event.batch,
                        entities_read=event.entities_read,
                        elements_written=event.elements_written,
                        bytes_done=event.bytes_done,
                    )
                )
            case Began():
                self.send(
                    Started(
                        pid=os.getpid(),
                        resumed_from_batch=event.resumed_from_batch,
                        resumed_from_entities=event.resumed_from_entities,
                        note=event.resume_note,
                        source_checksum=event.source_checksum,
                    )
                )
            case Found():
                self.send(Issue(issue_code=event.code, message=event.message, handle=event.handle, line=event.line))

    def _progress(self, event: Advanced) -> None:
        now = self._clock()
        what = (event.phase, event.memory_step)
        if what == self._what and now - self._sent_at < PROGRESS_INTERVAL_S:
            return
        self._what, self._sent_at = what, now
        self.send(
            Progress(
                phase=event.phase.value,
                bytes_done=event.bytes_done,
                bytes_total=event.bytes_total,
                entities_read=event.entities_read,
                entities_total=event.entities_total,
                elements_written=event.elements_written,
                batch=event.batch,
                rss_bytes=event.rss_bytes,
                error_count=event.error_count,
                entities_per_s=event.entities_per_s,
                memory_step=event.memory_step,
            )
        )
