"""Who waits for a job to change: futures woken by the store after each commit."""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Changes:
    """Wakes those that wait for a job; job id 0 stands for the queue's own flag."""

    def __init__(self) -> None:
        self._waiting: defaultdict[int, set[asyncio.Future[None]]] = defaultdict(set)

    def announce(self, job_id: int) -> None:
        """Wake everybody who waits for this job."""
        for future in self._waiting.pop(job_id, set()):
            if not future.done():
                future.set_result(None)

    async def wait(self, job_id: int, timeout_s: float) -> bool:
        """Return True at the job's next change, False when the time is over."""
        if timeout_s <= 0:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[job_id].add(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            waiting = self._waiting.get(job_id)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[job_id]
        return True
