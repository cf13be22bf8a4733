"""The exit codes of dxfctl, one table: scripts rely on it, `dxfctl errors` prints it, tests walk it.

The codes themselves are carried by the classes of dxfd.errors; this module owns their meaning and the rule by which
the results of several jobs become one code. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from dxfd.contract.states import JobState

DONE: Final = 0
JOB_FAILED: Final = 1
USAGE: Final = 2
PARTIAL: Final = 8
CANCELLED: Final = 11
QUARANTINED: Final = 12
INTERNAL: Final = 70
WAIT_TIMEOUT: Final = 124
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
"""What a shell reports for a program that SIGPIPE ended; the reader has gone, so nobody is told in words."""

MEANINGS: Final = MappingProxyType(
    {
        DONE: "done, or it was so already",
        JOB_FAILED: "a job failed; a daemon could not run",
        USAGE: "the command line is wrong",
        3: "no such job",
        4: "the job's state does not allow that",
        5: "refused by limits: queue full, disk full, memory",
        6: "no permission",
        7: "no daemon answers",
        PARTIAL: "several jobs with different results",
        9: "client and daemon do not understand each other",
        10: "rejected as a duplicate",
        CANCELLED: "the job was cancelled",
        QUARANTINED: "the job is quarantined, or does not fit in its memory limit",
        13: "the daemon is shutting down",
        65: "the drawing is empty, damaged or not a DXF",
        66: "there is no such drawing or template file, or it may not be read",
        INTERNAL: "an error inside dxfd: please report it",
        73: "an output, folder or file cannot be made",
        75: "another daemon runs already",
        78: "wrong settings or templates, or a damaged queue database",
        WAIT_TIMEOUT: "the wait ended before the job did",
        INTERRUPTED: "interrupted by Ctrl-C",
        BROKEN_PIPE: "whoever read the output went away",
        143: "ended by SIGTERM",
    }
)

_BY_STATE: Final = MappingProxyType(
    {
        JobState.SUCCEEDED: DONE,
        JobState.FAILED: JOB_FAILED,
        JobState.CANCELLED: CANCELLED,
        JobState.QUARANTINED: QUARANTINED,
    }
)


def of_state(state: JobState) -> int:
    """Return the exit code of having waited for a job that ended in this state (0 for one that has not ended)."""
    return _BY_STATE.get(state, DONE)


def combine(codes: Iterable[int]) -> int:
    """Return one code for several results: theirs if they agree, PARTIAL if they differ, DONE if there are none."""
    distinct = set(codes)
    if len(distinct) > 1:
        return PARTIAL
    return distinct.pop() if distinct else DONE
