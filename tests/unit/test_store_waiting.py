"""Jobs that wait for a time or for other jobs: when they are released, what a failed one before them means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobEvent, JobState
from dxfd.errors import DependencyError, NoSuchJobError
from dxfd.store.queue import Queue, open_queue
from dxfd.store.rows import Ending, NewJob
from tests.support.clock import Time

LATER = "2027-01-15T08:01:00.000Z"


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.fixture
def queue(tmp_path: Path, clock: Time, told: list[int]) -> Iterator[Queue]:
    opened = open_queue(tmp_path / "queue.db", clock=clock, durable=False, on_change=told.append)
    yield opened
    opened.close()


def submit(queue: Queue, **fields: object) -> int:
    number = sum(queue.listing.counts().values())
    base = {
        "source": f"/in/{number}.dxf", "output": f"/out/{number}.db", "converter": "bim", "options": JobOptions(),
        "priority": 0, "label": "", "max_attempts": 3, "owner_uid": 0, "owner": "root",
    }  # fmt: skip
    return queue.jobs.submit(NewJob(**{**base, **fields}))[0].id


def end(queue: Queue, job: int, event: JobEvent) -> None:
    token = f"token{job}-{queue.jobs.get(job).attempt}"
    queue.jobs.claim(job, token)
    queue.jobs.end_attempt(job, token, event, Ending(cause="x", error_message="it broke"))


def state(queue: Queue, job: int) -> str:
    return queue.jobs.get(job).state.value


def test_a_job_waits_for_its_time(queue, clock):
    job = submit(queue, start_at=LATER)
    assert (state(queue, job), queue.listing.runnable(9), queue.listing.due()) == ("waiting", [], [])
    assert queue.jobs.get(job).view().not_before == LATER
    clock.now += 61
    assert queue.listing.due() == [job]
    assert queue.jobs.ask(job, JobEvent.DUE).state is JobState.QUEUED
    assert [row.id for row in queue.listing.runnable(9)] == [job]


def test_a_time_that_is_over_is_no_reason_to_wait(queue):
    assert state(queue, submit(queue, start_at="2020-01-01T00:00:00.000Z")) == "queued"


def test_a_job_runs_after_all_of_the_others_have_succeeded(queue, told):
    first, second = submit(queue), submit(queue)
    last = submit(queue, after=[first, second])
    end(queue, second, JobEvent.FINISH)
    assert (state(queue, last), queue.jobs.get(last).blockers) == ("waiting", 1)
    told.clear()
    end(queue, first, JobEvent.FINISH)
    assert (state(queue, last), last in told) == ("queued", True)
    assert queue.listing.events(last)[-1].detail == f"job {first} succeeded"


def test_a_job_after_one_that_succeeded_already_does_not_wait(queue):
    first = submit(queue)
    end(queue, first, JobEvent.FINISH)
    assert state(queue, submit(queue, after=[first])) == "queued"


def test_both_the_time_and_the_other_job_are_waited_for(queue, clock):
    first = submit(queue)
    last = submit(queue, after=[first], start_at=LATER)
    end(queue, first, JobEvent.FINISH)
    assert (state(queue, last), queue.listing.due()) == ("waiting", [])
    clock.now += 61
    assert queue.listing.due() == [last]


@pytest.mark.parametrize("event", [JobEvent.FAIL, JobEvent.EXHAUST, JobEvent.QUARANTINE])
def test_a_failed_job_takes_those_after_it_along_and_those_after_them(queue, told, event):
    first = submit(queue)
    second = submit(queue, after=[first])
    third = submit(queue, after=[second])
    queue.jobs.ask(third, JobEvent.PAUSE)
    told.clear()
    end(queue, first, event)
    for job, before in ((second, first), (third, second)):
        row = queue.jobs.get(job)
        assert (row.state, row.error_code) == (JobState.FAILED, "E_DEPENDENCY")
        assert f"job {before}, which it comes after" in row.error_message
        assert job in told
        past = queue.history.get(job)
        assert past is not None
        assert past.error_code == "E_DEPENDENCY"


def test_a_cancelled_job_takes_those_after_it_along(queue):
    first = submit(queue)
    second = submit(queue, after=[first])
    queue.jobs.ask(first, JobEvent.CANCEL)
    assert state(queue, second) == "failed"


def test_after_any_runs_whatever_became_of_the_others(queue):
    first = submit(queue)
    last = submit(queue, after=[first], after_any=True)
    end(queue, first, JobEvent.FAIL)
    assert state(queue, last) == "queued"
    assert state(queue, submit(queue, after=[first], after_any=True)) == "queued"


def test_a_job_after_a_failed_one_is_refused(queue):
    first = submit(queue)
    end(queue, first, JobEvent.FAIL)
    with pytest.raises(DependencyError, match=f"job {first} is failed"):
        submit(queue, after=[first])


def test_a_job_cannot_come_after_itself_or_one_that_is_not_there(queue):
    submit(queue)
    for number in (2, 99, 0, -1, 2**70):
        with pytest.raises(NoSuchJobError):
            submit(queue, after=[number])
    assert sum(queue.listing.counts().values()) == 1


def test_those_that_fell_with_it_can_be_retried_in_order(queue):
    first = submit(queue)
    second = submit(queue, after=[first])
    end(queue, first, JobEvent.FAIL)
    with pytest.raises(DependencyError):
        queue.jobs.ask(second, JobEvent.RETRY)
    queue.jobs.ask(first, JobEvent.RETRY)
    assert queue.jobs.ask(second, JobEvent.RETRY).state is JobState.WAITING
    end(queue, first, JobEvent.FINISH)
    assert state(queue, second) == "queued"


def test_pause_and_resume_keep_what_it_waits_for_and_a_second_resume_goes_now(queue):
    first = submit(queue)
    last = submit(queue, after=[first])
    assert queue.jobs.ask(last, JobEvent.PAUSE).state is JobState.PAUSED
    assert queue.jobs.ask(last, JobEvent.RESUME).state is JobState.WAITING
    assert queue.jobs.ask(last, JobEvent.RESUME).state is JobState.QUEUED
    end(queue, first, JobEvent.FAIL)
    assert state(queue, last) == "queued"


def test_a_paused_job_whose_others_succeeded_meanwhile_goes_on_at_once(queue):
    first = submit(queue)
    last = submit(queue, after=[first])
    queue.jobs.ask(last, JobEvent.PAUSE)
    end(queue, first, JobEvent.FINISH)
    assert state(queue, last) == "paused"
    assert queue.jobs.ask(last, JobEvent.RESUME).state is JobState.QUEUED


def test_waiting_survives_a_restart(tmp_path, queue, clock):
    first = submit(queue)
    last = submit(queue, after=[first])
    queue.close()
    again = open_queue(tmp_path / "queue.db", clock=clock)
    end(again, first, JobEvent.FINISH)
    assert state(again, last) == "queued"
    again.close()


def test_many_jobs_after_one_are_released_together(queue):
    first = submit(queue)
    later = [submit(queue, after=[first]) for _ in range(500)]
    end(queue, first, JobEvent.FINISH)
    assert queue.listing.counts()["queued"] == len(later)
