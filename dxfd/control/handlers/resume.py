"""`resume`: let a paused job go on from its checkpoint, or one that waits go now, or with job 0 release the queue."""

from __future__ import annotations

from dxfd.contract.messages import JobRef, JobReply
from dxfd.contract.states import JobEvent, JobState
from dxfd.control.services import Call, Services

_GOING_ON = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.RETRY_WAIT})


async def handle(services: Services, call: Call, body: JobRef) -> JobReply:
    """Resume; a job that goes on already is left as it is."""
    arbiter = services.arbiter
    if body.job_id == 0:
        return JobReply(changed=arbiter.set_paused(False), queue_paused=arbiter.paused)
    row = services.queue.jobs.get(body.job_id)
    changed = row.state not in _GOING_ON
    if changed:
        row = services.queue.jobs.ask(row.id, JobEvent.RESUME, detail=f"by {call.peer.name}")
        arbiter.wake()
    return JobReply(job=services.view(row), changed=changed, queue_paused=arbiter.paused)
