"""History: what is kept of a job that has ended, sums per day, what cleaning takes and leaves."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import closing

import pytest

from dxfd import __version__
from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobEvent, JobState
from dxfd.errors import NoSuchJobError
from dxfd.store import history
from dxfd.store.migrate import migrations
from dxfd.store.queue import Queue, open_queue
from dxfd.store.rows import Ending, NewJob
from tests.support.clock import Time

REPORT = {
    "entities_read": 100, "elements_written": 90, "errors": 2, "issues": {"bad_number": 2, "no_height": 5},
    "source_bytes": 5000, "output_bytes": 70_000,
}  # fmt: skip
DAY_S = 86_400


def run(
    queue: Queue, clock: Time, number: int, event: JobEvent = JobEvent.FINISH, *, checksum: str = "", **fields: object
) -> int:
    base = {
        "source": f"/in/{number}.dxf", "output": f"/out/{number}.db", "converter": "bim", "options": JobOptions(),
        "priority": 0, "label": "", "max_attempts": 3, "owner_uid": 0, "owner": "root",
    }  # fmt: skip
    job = queue.jobs.submit(NewJob(**{**base, **fields}))[0].id
    attempt(queue, clock, job, event, checksum=checksum)
    return job


def attempt(queue: Queue, clock: Time, job: int, event: JobEvent, *, checksum: str = "") -> None:
    token = f"t{job}-{clock.now}"
    queue.jobs.claim(job, token)
    queue.jobs.set_started(job, token, 0, source_checksum=checksum)
    clock.now += 10
    report = json.dumps(REPORT).encode() if event is JobEvent.FINISH else None
    message = "" if event is JobEvent.FINISH else "it broke"
    queue.jobs.end_attempt(
        job, token, event, Ending(cause="x", report=report, error_message=message, peak_rss_bytes=7_000)
    )


def test_the_end_of_a_job_is_remembered_with_its_figures(queue, clock):
    job = run(queue, clock, 1, checksum="c", label="north")
    past = queue.history.get(job)
    assert past is not None
    assert (past.state, past.label, past.attempts, past.dxfd_version) == (JobState.SUCCEEDED, "north", 1, __version__)
    assert (past.source_bytes, past.output_bytes, past.source_checksum) == (5000, 70_000, "c")
    assert (past.entities, past.elements, past.errors, past.peak_rss_bytes) == (100, 90, 2, 7_000)
    assert past.warnings == {"bad_number": 2, "no_height": 5}
    assert past.work_s == pytest.approx(10, abs=0.1)


def test_a_retry_takes_the_end_back_and_the_next_end_stands(queue, clock):
    job = run(queue, clock, 1, JobEvent.FAIL)
    queue.jobs.ask(job, JobEvent.RETRY)
    assert queue.history.get(job) is None
    attempt(queue, clock, job, JobEvent.FINISH)
    past = queue.history.get(job)
    assert past is not None
    assert (past.state, past.attempts) == (JobState.SUCCEEDED, 2)
    assert past.work_s == pytest.approx(20, abs=0.1)
    assert {(day.state, day.jobs) for day in queue.history.days(1)} == {(JobState.FAILED, 1), (JobState.SUCCEEDED, 1)}


def test_a_job_cancelled_before_it_ran_is_in_history_too(queue, clock):
    job = queue.jobs.submit(
        NewJob(
            source="/a", output="/b", converter="bim", options=JobOptions(), priority=0, label="", max_attempts=1,
            owner_uid=0, owner="root",
        )
    )[0].id  # fmt: skip
    queue.jobs.ask(job, JobEvent.CANCEL)
    past = queue.history.get(job)
    assert past is not None
    assert (past.state, past.attempts, past.work_s) == (JobState.CANCELLED, 0, 0.0)


def test_pages_are_newest_first_and_filter(queue, clock):
    jobs = [run(queue, clock, n, JobEvent.FAIL if n % 3 == 0 else JobEvent.FINISH) for n in range(7)]
    page, cursor = queue.history.page(3, states=[])
    assert ([past.job_id for past in page], cursor) == (jobs[:3:-1], jobs[4])
    page, cursor = queue.history.page(9, states=[], after_id=cursor)
    assert ([past.job_id for past in page], cursor) == (jobs[3::-1], 0)
    failed, _ = queue.history.page(9, states=[JobState.FAILED])
    assert [past.job_id for past in failed] == [jobs[6], jobs[3], jobs[0]]
    both, _ = queue.history.page(9, states=[JobState.FAILED, JobState.SUCCEEDED])
    assert [past.job_id for past in both] == jobs[::-1]
    named, _ = queue.history.page(9, states=[], words="IN/4")
    assert [past.job_id for past in named] == [jobs[4]]
    late, _ = queue.history.page(9, states=[], since=queue.history.page(9, states=[])[0][1].finished_at)
    assert [past.job_id for past in late] == [jobs[6], jobs[5]]


@pytest.mark.parametrize("part", [1, 2, 3, 100])
def test_what_no_index_has_is_found_in_parts(queue, clock, monkeypatch, part):
    jobs = [run(queue, clock, n, JobEvent.FAIL if n % 3 == 0 else JobEvent.FINISH) for n in range(9)]
    everything = {past.job_id: past for past in queue.history.page(99, states=[])[0]}
    queue.jobs.clean("9", [], 99)
    monkeypatch.setattr(history, "PART", part)
    for words, states, since in itertools.product(
        ("", "in/", "in/4", "nothing"), ([], [JobState.FAILED]), ("", everything[jobs[2]].finished_at, "9")
    ):
        wanted = [
            past
            for past in everything.values()
            if words in past.source and (not states or past.state in states) and past.finished_at >= since
        ]
        found, cursor = [], 0
        while cursor or not found:
            page, cursor = queue.history.page(2, states=states, words=words, since=since, after_id=cursor)
            found += page
            if not cursor:
                break
        assert found == wanted, (words, states, since)


def test_no_step_of_a_search_looks_at_many_lines(queue, clock, monkeypatch):
    for number in range(9):
        run(queue, clock, number)
    monkeypatch.setattr(history, "PART", 2)
    search = queue.history.search(5, states=[], words="nothing")
    steps = next(n for n in itertools.count(1) if search.step())
    assert (steps, search.page()) == (6, ([], 0))


def test_jobs_of_the_same_drawing_are_found_by_content(queue, clock):
    first, other, again = (run(queue, clock, n, checksum=c) for n, c in enumerate("aba"))
    assert [past.job_id for past in queue.history.same_drawing("a", 9)] == [again, first]
    assert [past.job_id for past in queue.history.same_drawing("a", 9, before_id=again)] == [first]
    assert queue.history.same_drawing("", 9) == []
    assert other not in {past.job_id for past in queue.history.same_drawing("a", 9)}


def test_sums_per_day_count_every_end_on_its_day(queue, clock):
    for number in range(3):
        run(queue, clock, number)
    clock.now += DAY_S
    run(queue, clock, 8, JobEvent.FAIL)
    first, second = queue.history.days(30)
    assert (first.state, first.jobs, first.entities, first.output_bytes) == (JobState.SUCCEEDED, 3, 300, 210_000)
    assert first.work_s == pytest.approx(30, abs=0.1)
    assert (second.state, second.jobs, second.peak_rss_bytes) == (JobState.FAILED, 1, 7_000)
    assert second.day > first.day
    assert queue.history.days(1) == [second]


def test_cleaning_takes_the_job_with_its_story_and_leaves_history(queue, clock):
    old = run(queue, clock, 1)
    clock.now += DAY_S
    young = run(queue, clock, 2)
    until = queue.jobs.get(young).finished_at
    assert queue.history.count_ended(until, []) == 1
    assert queue.jobs.clean(until, [], 10) == 1
    with pytest.raises(NoSuchJobError):
        queue.jobs.get(old)
    assert (queue.listing.events(old), queue.listing.attempts(old)) == ([], [])
    assert bytes(queue.listing.report(old)) == b"null"
    assert queue.history.get(old) is not None
    assert queue.listing.counts()["succeeded"] == 1
    assert sum(day.jobs for day in queue.history.days(9)) == 2


def test_cleaning_never_takes_a_job_that_has_not_ended(queue, clock):
    run(queue, clock, 1)
    waiting = queue.jobs.submit(
        NewJob(
            source="/a", output="/b", converter="bim", options=JobOptions(), priority=0, label="", max_attempts=1,
            owner_uid=0, owner="root",
        )
    )[0].id  # fmt: skip
    assert queue.jobs.clean("9999", [JobState.QUEUED, JobState.FAILED], 10) == 0
    assert queue.jobs.clean("9999", [], 10) == 1
    assert queue.jobs.get(waiting).state is JobState.QUEUED


def test_numbers_of_cleaned_jobs_are_never_given_again(tmp_path, queue, clock):
    job = run(queue, clock, 1)
    queue.jobs.clean("9999", [], 10)
    queue.close()
    again = open_queue(tmp_path / "queue.db", clock=clock)
    assert run(again, clock, 2) == job + 1
    again.close()


def test_old_lines_of_history_are_forgotten_and_the_sums_stay(queue, clock):
    job = run(queue, clock, 1)
    assert queue.jobs.forget("9999", 10) == 1
    assert queue.history.get(job) is None
    assert sum(day.jobs for day in queue.history.days(9)) == 1


def test_a_queue_of_the_first_schema_keeps_its_jobs_and_gets_their_history(tmp_path):
    path = tmp_path / "old" / "queue.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(migrations()[0].text + "PRAGMA user_version = 1;")
        columns = "converter, source, output, options, owner_uid, max_attempts, submitted_at, state, finished_at"
        for number, (state, at) in enumerate((("succeeded", "2027-01-15T08:00:00.000Z"), ("queued", None))):
            old.execute(
                f"INSERT INTO jobs ({columns}) VALUES ('bim', ?, ?, '{{}}', 0, 3, '2027', ?, ?)",
                (f"/{number}", f"/{number}.db", state, at),
            )
        old.execute("INSERT INTO reports VALUES (1, ?)", (json.dumps(REPORT),))
        old.execute("INSERT INTO jobs (id, converter, source, output, options, owner_uid, max_attempts, submitted_at)"
                    " VALUES (77, 'bim', '/x', '/y', '{}', 0, 3, '2027')")  # fmt: skip
        old.execute("DELETE FROM jobs WHERE id = 77")
        old.commit()
    queue = open_queue(path, durable=False)
    past = queue.history.get(1)
    assert past is not None
    assert (past.elements, past.warnings["no_height"]) == (90, 5)
    assert queue.listing.counts()["queued"] == 1
    assert len(queue.listing.uid()) == 16
    new = NewJob(
        source="/a", output="/b", converter="bim", options=JobOptions(), priority=0, label="", max_attempts=1,
        owner_uid=0, owner="root",
    )  # fmt: skip
    assert queue.jobs.submit(new)[0].id == 78
    queue.close()
