"""`pause`: hold a job (its worker checkpoints and leaves, its memory is free), or with job 0 the whole queue."""

from __future__ import annotations

from dxfd.contract.messages import JobRef, JobReply
from dxfd.contract.states import OWNED, JobEvent, JobState
from dxfd.control.handlers.holding import until
from dxfd.control.services import Call, Services


async def handle(services: Services, call: Call, body: JobRef) -> JobReply:
    """Pause and answer when it is so, or near the deadline with what it is by then (pausing)."""
    if body.job_id == 0:
        return await _hold_queue(services, call)
    row = services.queue.jobs.get(body.job_id)
    changed = row.state not in {JobState.PAUSED, JobState.PAUSING}
    if changed:
        row = services.queue.jobs.ask(row.id, JobEvent.PAUSE, detail=f"by {call.peer.name}")
        services.arbiter.ask_leave(row.id, "pause")
    row = await until(services, call, row.id, lambda job: job.state is not JobState.PAUSING)
    return JobReply(job=services.view(row), changed=changed, queue_paused=services.arbiter.paused)


async def _hold_queue(services: Services, call: Call) -> JobReply:
    arbiter = services.arbiter
    changed = arbiter.set_paused(True)
    for row in services.queue.listing.owned():
        await until(services, call, row.id, lambda job: job.state not in OWNED or not arbiter.paused)
    return JobReply(changed=changed, queue_paused=arbiter.paused)
