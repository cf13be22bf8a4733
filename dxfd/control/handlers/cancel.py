"""`cancel`: end a job for good. What it wrote so far stays beside the output, so that a retry can go on from there."""

from __future__ import annotations

from dxfd.contract.messages import JobRef, JobReply
from dxfd.contract.states import JobEvent, JobState
from dxfd.control.handlers.holding import until
from dxfd.control.services import Call, Services
from dxfd.supervise.finished import log_finished


async def handle(services: Services, call: Call, body: JobRef) -> JobReply:
    """Cancel and answer when it is so, or near the deadline with what it is by then (cancelling)."""
    row = services.queue.jobs.get(body.job_id)
    changed = row.state not in {JobState.CANCELLED, JobState.CANCELLING}
    if changed:
        row = services.queue.jobs.ask(row.id, JobEvent.CANCEL, detail=f"by {call.peer.name}")
        if row.state is JobState.CANCELLED:
            log_finished(row, None, peak_rss_bytes=0, now_s=services.clock())
        services.arbiter.ask_leave(row.id, "cancel")
    row = await until(services, call, row.id, lambda job: job.state is not JobState.CANCELLING)
    return JobReply(job=services.view(row), changed=changed, queue_paused=services.arbiter.paused)
