"""History, sums and cleaning through a running daemon."""

from __future__ import annotations

import os
import shutil

import pytest

from dxfd import __version__
from dxfd.contract.messages import Clean, History, Stats, Submit, Wait
from dxfd.contract.states import JobState
from tests.support.daemon import daemon, refused
from tests.support.polling import wait_for


def test_a_finished_job_is_in_history_with_sizes_and_checksum(dxfd, small):
    output = dxfd.folder / "a.db"
    job = dxfd.wait_final(dxfd.submit(small, output, label="north").id)
    (past,) = dxfd.call("history", History()).jobs
    assert (past.job_id, past.state, past.label, past.dxfd_version) == (
        job.id,
        JobState.SUCCEEDED,
        "north",
        __version__,
    )
    assert (past.source_bytes, past.output_bytes) == (small.stat().st_size, output.stat().st_size)
    assert (past.entities > 0, len(past.source_checksum), past.work_s > 0) == (True, 64, True)
    assert dxfd.show(job.id).past == past
    (day,) = dxfd.call("stats", Stats()).days
    assert (day.jobs, day.entities, day.output_bytes) == (1, past.entities, past.output_bytes)


def test_a_copy_of_a_drawing_under_another_name_is_known_as_the_same(dxfd, small):
    copy = dxfd.folder / "copy.dxf"
    shutil.copyfile(small, copy)
    os.utime(copy, (1, 1))
    first = dxfd.wait_final(dxfd.submit(small, dxfd.folder / "a.db").id)
    second = dxfd.wait_final(dxfd.submit(copy, dxfd.folder / "b.db").id)
    assert [past.job_id for past in dxfd.show(second.id).earlier] == [first.id]
    assert dxfd.show(first.id).earlier == []
    same = dxfd.call("history", History(like_job=first.id)).jobs
    assert [past.job_id for past in same] == [second.id, first.id]


def test_a_cleaned_job_is_still_shown_waited_for_and_known_by_its_key(dxfd, small):
    submit = Submit(source=str(small), output=str(dxfd.folder / "a.db"), idempotency_key="once")
    job = dxfd.call("submit", submit).job
    dxfd.wait_final(job.id)
    assert dxfd.call("clean", Clean(older_s=3600)).jobs == 0
    assert dxfd.call("clean", Clean(dry_run=True)).jobs == 1
    assert dxfd.call("clean", Clean()).jobs == 1
    assert dxfd.status().jobs == []
    shown = dxfd.show(job.id)
    assert (shown.job.state, shown.attempts, shown.past is not None) == (JobState.SUCCEEDED, [], True)
    assert dxfd.call("wait", Wait(job_id=job.id)).final is True
    again = dxfd.call("submit", submit)
    assert (again.job.id, again.duplicate) == (job.id, True)
    assert refused(dxfd.show, job.id + 1).code == "E_NO_SUCH_JOB"
    assert refused(dxfd.change, "retry", job.id).code == "E_NO_SUCH_JOB"


def test_the_daemon_cleans_by_itself_what_is_beyond_the_bounds(small):
    with daemon(backup_interval_s="100ms", keep_finished=2) as dxfd:
        jobs = [dxfd.wait_final(dxfd.submit(small, dxfd.folder / f"{n}.db").id).id for n in range(4)]
        wait_for(lambda: [job.id for job in dxfd.status().jobs] == jobs[:1:-1])
        assert len(dxfd.call("history", History()).jobs) == 4


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("history", History(states=[JobState.QUEUED])), ("history", History(text="x" * 300)),
        ("clean", Clean(states=[JobState.RUNNING])), ("clean", Clean(older_s=-1.0)), ("clean", Clean(older_s=1e300)),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(shared, verb, body):
    assert refused(shared.call, verb, body).code == "E_USAGE"


def test_history_like_an_unread_drawing_is_refused(dxfd, small):
    dxfd.ref("pause")
    job = dxfd.submit(small, dxfd.folder / "a.db")
    assert refused(dxfd.call, "history", History(like_job=job.id)).code == "E_USAGE"
    assert refused(dxfd.call, "history", History(like_job=99)).code == "E_NO_SUCH_JOB"
