"""What the supervisor decides can be written: every cause an attempt can end with, sizes, retries after a set clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobEvent, JobState
from dxfd.store.queue import Queue, open_queue
from dxfd.store.rows import Ending, NewJob

NOW = 1_800_000_000.0


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = open_queue(tmp_path / "queue.db", clock=lambda: NOW)
    yield opened
    opened.close()


def submit(queue: Queue, number: int, *, size: int = 0, priority: int = 0) -> int:
    return queue.jobs.submit(
        NewJob(
            source=f"/in/{number}.dxf", output=f"/out/{number}.db", converter="bim", options=JobOptions(),
            priority=priority, label="", max_attempts=3, owner_uid=0, owner="root", source_bytes=size,
        )
    )[0].id  # fmt: skip


@pytest.mark.parametrize(
    "cause",
    ["finished", "failed", "yielded", "cut_off", "signal", "memory", "disk_full", "locked", "timeout", "hung"],
)
def test_every_cause_an_attempt_can_end_with_can_be_written(queue, cause):
    job = submit(queue, 1)
    queue.jobs.claim(job, "t")
    row = queue.jobs.end_attempt(job, "t", JobEvent.LOSE, Ending(cause=cause, not_before="2030-01-01T00:00:00.000Z"))
    assert row.state is JobState.RETRY_WAIT
    assert [a.cause for a in queue.listing.attempts(job)] == [cause]


def test_a_held_job_is_paused_with_its_reason_and_can_be_resumed(queue):
    job = submit(queue, 1)
    queue.jobs.claim(job, "t")
    row = queue.jobs.end_attempt(job, "t", JobEvent.HOLD, Ending(cause="locked", error_message="held by another"))
    assert (row.state, row.error_message) == (JobState.PAUSED, "held by another")
    assert queue.jobs.ask(job, JobEvent.RESUME).state is JobState.QUEUED


def test_the_order_is_priority_then_age_or_size(queue):
    big, small, urgent = submit(queue, 1, size=900), submit(queue, 2, size=10), submit(queue, 3, size=500, priority=1)
    assert [row.id for row in queue.listing.runnable(9)] == [urgent, big, small]
    assert [row.id for row in queue.listing.runnable(9, smallest_first=True)] == [urgent, small, big]
    queue.jobs.set_size(big, 5)
    assert [row.id for row in queue.listing.runnable(9, smallest_first=True)] == [urgent, big, small]


def test_retries_move_with_a_clock_that_was_set(queue):
    job = submit(queue, 1)
    queue.jobs.claim(job, "t")
    queue.jobs.end_attempt(job, "t", JobEvent.LOSE, Ending(cause="failed", not_before="2027-01-15T08:00:10.500Z"))
    assert queue.jobs.shift_retries(-86_400.25) == 1
    assert queue.jobs.get(job).not_before == "2027-01-14T08:00:10.250Z"


def test_peaks_are_those_of_attempts_that_did_a_whole_drawing(queue):
    for number, resumed in ((1, 0), (2, 7)):
        job = submit(queue, number, size=1000 * number)
        queue.jobs.claim(job, f"t{number}")
        queue.jobs.set_started(job, f"t{number}", resumed)
        queue.jobs.end_attempt(job, f"t{number}", JobEvent.FINISH, Ending(cause="finished", peak_rss_bytes=77))
    assert [(p.source, p.source_bytes, p.peak_rss_bytes) for p in queue.listing.peaks(10)] == [("/in/1.dxf", 1000, 77)]
