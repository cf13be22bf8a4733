"""`history`: how jobs ended, also those that were cleaned away. A page always fits in a frame."""

from __future__ import annotations

import asyncio

import msgspec

from dxfd.contract.messages import History, HistoryReply, PastJob
from dxfd.contract.states import FINAL
from dxfd.contract.version import MAX_FRAME_BYTES
from dxfd.control.services import Call, Services
from dxfd.errors import NoSuchJobError, UsageError

MOST_JOBS = 1000
_LONGEST_TEXT = 200
_ROOM_BYTES = MAX_FRAME_BYTES - 65_536


async def handle(services: Services, _call: Call, body: History) -> HistoryReply:
    """Return a page of history, or the jobs of the same drawing as one."""
    if max(len(body.text), len(body.since)) > _LONGEST_TEXT:
        raise UsageError(f"text and since have at most {_LONGEST_TEXT} characters")
    if not set(body.states) <= FINAL:
        raise UsageError("history has ended jobs only", hint=", ".join(sorted(FINAL)))
    history, limit = services.queue.history, max(1, min(body.limit, MOST_JOBS))
    if body.like_job:
        found = history.same_drawing(_checksum(services, body.like_job), limit, before_id=max(0, body.after_id))
        following = found[-1].job_id if len(found) == limit else 0
    else:
        search = history.search(
            limit, states=body.states, after_id=max(0, body.after_id), since=body.since, words=body.text
        )
        for _ in iter(search.step, True):
            await asyncio.sleep(0)  # supervisor and other requests have their turn
        found, following = search.page()
    jobs = _fitting(found)
    return HistoryReply(jobs=jobs, next_after_id=following if len(jobs) == len(found) else jobs[-1].job_id)


def _checksum(services: Services, job_id: int) -> str:
    past = services.queue.history.get(job_id)
    try:
        checksum = services.queue.jobs.get(job_id).source_checksum
    except NoSuchJobError:
        if past is None:
            raise
        checksum = past.source_checksum
    if not checksum:
        raise UsageError(f"nobody has read the drawing of job {job_id} yet")
    return checksum


def _fitting(jobs: list[PastJob]) -> list[PastJob]:
    room = _ROOM_BYTES
    for number, job in enumerate(jobs):
        room -= len(msgspec.json.encode(job)) + 1
        if room < 0 and number:
            return jobs[:number]
    return jobs
