"""`retry`: give a failed, cancelled or quarantined job new attempts, from its checkpoint or from scratch."""

from __future__ import annotations

from dxfd.contract.messages import JobRef, JobReply
from dxfd.contract.states import JobEvent
from dxfd.control.services import Call, Services


async def handle(services: Services, call: Call, body: JobRef) -> JobReply:
    """Queue the job again with its charges forgotten; one that waits for its next attempt does not wait longer."""
    detail = f"by {call.peer.name}" + (", from scratch" if body.restart else "")
    row = services.queue.jobs.ask(body.job_id, JobEvent.RETRY, detail=detail, restart=body.restart)
    services.arbiter.wake()
    return JobReply(job=services.view(row), queue_paused=services.arbiter.paused)
