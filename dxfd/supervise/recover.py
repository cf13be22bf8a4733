"""Jobs that a daemon before this one left running: wait for their workers to go, then put them back, not charged.

A worker whose daemon died reads end-of-file, commits its batch and leaves. Until it has, nobody may write beside it, so
the job keeps its attempt. The process is known by pid, start time and boot: a reused pid is never waited for or killed.
"""

from __future__ import annotations

import contextlib
import os
import signal

import msgspec

from dxfd import logs
from dxfd.contract.states import JobEvent
from dxfd.store.queue import Queue
from dxfd.store.rows import Ending, WorkerProcess
from dxfd.supervise import meter

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


def settle(queue: Queue, leftovers: list[Leftover], *, patience_over: bool) -> list[Leftover]:
    """Cut off the attempts whose worker is gone and return those still there; kill these once patience is over."""
    waiting = []
    for left in leftovers:
        if left.process is not None and meter.is_alive(left.process):
            waiting.append(left)
            if patience_over:
                log.warning("orphan_killed", job_id=left.job_id, pid=left.process.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(left.process.pid, signal.SIGKILL)
            continue
        ending = Ending(cause="cut_off", detail="the daemon ended while it ran")
        row = queue.jobs.end_attempt(left.job_id, left.token, JobEvent.CUT_OFF, ending)
        log.info("job_recovered", job_id=row.id, state=row.state.value, attempt=row.attempt)
    return waiting
