"""Jobs that a daemon before this one left running: wait for their workers to go, then put them back, not charged.

A worker whose daemon died reads end-of-file, commits its batch and leaves. Until it has, nobody may write beside it, so
the job keeps its attempt; then its output is asked whether the attempt had published it (published.py). The process is
known by pid, start time and boot: a reused pid is never waited for or killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

import msgspec

from dxfd import logs
from dxfd.contract.states import JobEvent
from dxfd.errors import StaleAttemptError
from dxfd.store.queue import Queue
from dxfd.store.rows import Ending, JobRow, WorkerProcess
from dxfd.supervise import meter
from dxfd.supervise.published import Look

log = logs.get_logger()


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """A job found in the hands of a worker that is not ours."""

    job_id: int
    token: str
    process: WorkerProcess | None


def find_leftovers(queue: Queue) -> list[Leftover]:
    """Return the jobs that a worker of an earlier daemon owns; asked once, before any worker is started."""
    return [
        Leftover(job_id=row.id, token=row.attempt_token, process=queue.listing.process(row.attempt_token))
        for row in queue.listing.owned()
        if row.attempt_token is not None
    ]


def settle(
    queue: Queue, leftovers: list[Leftover], published: Callable[[JobRow], Look | None], *, patience_over: bool
) -> list[Leftover]:
    """End the attempts whose worker is gone and return the others; kill their workers once patience is over.

    Args:
        queue: where that is written.
        leftovers: the attempts.
        published: looks at a job's output; None while it does.
        patience_over: no worker is waited for any more.
    """
    waiting = []
    for left in leftovers:
        if left.process is not None and meter.is_alive(left.process):
            waiting.append(left)
            if patience_over:
                log.warning("orphan_killed", job_id=left.job_id, pid=left.process.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(left.process.pid, signal.SIGKILL)
            continue
        look = published(queue.jobs.get(left.job_id))
        if look is None:
            waiting.append(left)
            continue
        event, ending = _ending(look)
        try:
            row = queue.jobs.end_attempt(left.job_id, left.token, event, ending)
        except StaleAttemptError:  # written in an earlier round, which broke off at another job
            continue
        log.info("job_recovered", job_id=row.id, state=row.state.value, attempt=row.attempt)
    return waiting


def _ending(look: Look) -> tuple[JobEvent, Ending]:
    if look.report is not None:
        detail = "published; the daemon ended before it was noted"
        return JobEvent.FINISH, Ending(cause="finished", detail=detail, report=look.report)
    unknown = "; whether it had published is not known, its output does not answer" if look.hung else ""
    return JobEvent.CUT_OFF, Ending(cause="cut_off", detail=f"the daemon ended while it ran{unknown}")
