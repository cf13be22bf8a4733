"""Jobs that wait for a time or for other jobs, through a running daemon."""

from __future__ import annotations

import time

import pytest

from dxfd.contract.states import JobState
from dxfd.contract.times import iso
from tests.support.daemon import refused
from tests.support.polling import wait_for


def test_a_job_after_another_begins_when_that_has_succeeded(dxfd, small):
    dxfd.ref("pause")
    first = dxfd.submit(small, dxfd.folder / "a.db")
    last = dxfd.submit(small, dxfd.folder / "b.db", after=[first.id])
    assert (last.state, last.why, last.after) == (JobState.WAITING, f"after job {first.id}", [first.id])
    dxfd.ref("resume")
    view = dxfd.wait_final(last.id)
    assert view.state is JobState.SUCCEEDED
    assert view.started_at >= dxfd.job(first.id).finished_at


def test_a_job_after_one_that_fails_fails_with_the_reason(dxfd, small):
    dxfd.ref("pause")
    first = dxfd.submit("/nowhere.dxf", dxfd.folder / "a.db")
    last = dxfd.submit(small, dxfd.folder / "b.db", after=[first.id])
    anyway = dxfd.submit(small, dxfd.folder / "c.db", after=[first.id], after_any=True)
    dxfd.ref("resume")
    view = dxfd.wait_final(last.id)
    assert (view.state, view.error_code, view.attempt) == (JobState.FAILED, "E_DEPENDENCY", 0)
    assert str(first.id) in view.error_message
    wait_for(lambda: [line["job_id"] for line in dxfd.log_lines("job_finished")].count(last.id) == 1)
    assert dxfd.wait_final(anyway.id).state is JobState.SUCCEEDED


def test_a_job_begins_at_its_time_also_after_a_restart(dxfd, small):
    at = iso(time.time() + 1.5)
    job = dxfd.submit(small, dxfd.folder / "a.db", not_before=at)
    assert (job.state, job.not_before, job.why) == (JobState.WAITING, at, f"not before {at}")
    dxfd.kill()
    dxfd.start()
    view = dxfd.wait_final(job.id)
    assert (view.state, view.started_at >= at) == (JobState.SUCCEEDED, True)


def test_a_waiting_job_can_be_told_to_go_now(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db", not_before="2999-01-01T00:00:00Z")
    assert job.state is JobState.WAITING
    assert dxfd.ref("resume", job.id).changed is True
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"after": [987654]}, "E_NO_SUCH_JOB"), ({"not_before": "tomorrow"}, "E_USAGE"),
        ({"after": list(range(1, 2000))}, "E_USAGE"),
    ],
)  # fmt: skip
def test_what_cannot_be_waited_for_is_refused(shared, fields, code):
    assert refused(shared.submit, "/a.dxf", "/tmp/never.db", **fields).code == code
