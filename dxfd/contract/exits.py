"""Exit statuses of a worker process: what `python -m dxfd.worker` ends with and what the supervisor reads."""

from __future__ import annotations

from enum import IntEnum


class WorkerExit(IntEnum):
    """How a worker ended. Anything else (a signal, another status) is a lost worker."""

    DONE = 0
    """The output is published; the event `done` was sent."""
    FAILED = 1
    """The conversion failed; the event `failed` says why."""
    LEFT = 3
    """It left at a checkpoint; the event `left` says why."""
    NO_ORDER = 4
    """Its stdin closed before a work order came: nothing was begun."""
    BAD_ORDER = 5
    """The work order was not understood: daemon and worker are of different versions."""
