"""Holding a reply until a job is where it was sent, or the client's deadline is near. Shared by pause and cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dxfd.control.services import Call, Services
from dxfd.store.rows import JobRow


async def until(services: Services, call: Call, job_id: int, there: Callable[[JobRow], bool]) -> JobRow:
    """Return the job once it is there or the deadline is near, whichever comes first."""
    loop = asyncio.get_running_loop()
    while True:
        row = services.queue.jobs.get(job_id)
        if there(row) or not await services.changes.wait(job_id, call.deadline_s - loop.time()):
            return row
