"""`stop`: running jobs checkpoint and go back to the queue, then the daemon ends."""

from __future__ import annotations

from dxfd.contract.messages import Stop, StopReply
from dxfd.control.services import Call, Services


async def handle(services: Services, call: Call, _body: Stop) -> StopReply:
    """Begin the end and answer at once; the socket is gone when it is over."""
    workers = services.arbiter.workers_running
    services.stop(f"asked by {call.peer.name}")
    return StopReply(pid=services.facts.pid, workers_running=workers)
