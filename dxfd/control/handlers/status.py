"""`status`: the daemon, the queue, and a page of jobs that always fits in a frame."""

from __future__ import annotations

import msgspec

from dxfd.contract.messages import JobView, Status, StatusReply
from dxfd.contract.version import MAX_FRAME_BYTES
from dxfd.control.services import Call, Services

MOST_JOBS = 1000
_ROOM_BYTES = MAX_FRAME_BYTES - 65_536


async def handle(services: Services, _call: Call, body: Status) -> StatusReply:
    """Describe what goes on; at most MOST_JOBS jobs a page."""
    queue, arbiter, facts = services.queue, services.arbiter, services.facts
    rows, following = queue.listing.page(body.states, max(0, min(body.limit, MOST_JOBS)), max(0, body.after_id))
    jobs = _fitting([services.view(row) for row in rows])
    if len(jobs) < len(rows):
        following = jobs[-1].id if jobs else 0
    return StatusReply(
        daemon_version=facts.version,
        pid=facts.pid,
        started_at=facts.started_at,
        queue_paused=arbiter.paused,
        draining=arbiter.draining,
        counts=queue.listing.counts(),
        workers_running=arbiter.workers_running,
        workers_max=arbiter.capacity.workers,
        memory_budget_bytes=arbiter.capacity.budget_bytes,
        memory_used_bytes=arbiter.memory_used_bytes(),
        jobs=jobs,
        next_after_id=following,
        log_path=str(facts.log_path),
        state_dir=services.settings.state_dir,
        note=f"nothing starts: {arbiter.held_by}" if arbiter.held_by else "",
    )


def _fitting(views: list[JobView]) -> list[JobView]:
    """Return the first views that fit in one frame together: paths may be long."""
    room = _ROOM_BYTES
    for number, view in enumerate(views):
        room -= len(msgspec.json.encode(view)) + 1
        if room < 0:
            return views[:number]
    return views
