"""`wait`: answered when a job changed, is final, or the time is over."""

from __future__ import annotations

import asyncio
import math

from dxfd.contract.messages import Wait, WaitReply
from dxfd.contract.states import FINAL
from dxfd.control.handlers.holding import until
from dxfd.control.services import Call, Services
from dxfd.store.rows import past_view


async def handle(services: Services, call: Call, body: Wait) -> WaitReply:
    """Hold the reply until there is news of the job."""
    now = asyncio.get_running_loop().time()
    timeout_s = body.timeout_s if math.isfinite(body.timeout_s) else 0.0
    sooner = Call(peer=call.peer, role=call.role, deadline_s=min(call.deadline_s, now + timeout_s))
    past = services.queue.history.get(body.job_id)
    if past is not None and not services.queue.listing.has(body.job_id):
        return WaitReply(job=past_view(past), final=True)
    row = await until(services, sooner, body.job_id, lambda job: job.rev > body.rev or job.state in FINAL)
    return WaitReply(job=services.view(row), final=row.state in FINAL)
