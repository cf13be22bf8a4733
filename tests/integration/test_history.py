"""History through a running daemon."""

from __future__ import annotations

import os
import shutil

import pytest

from dxfd import __version__
from dxfd.contract.messages import History
from dxfd.contract.states import JobState
from tests.support.daemon import refused


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


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("history", History(states=[JobState.QUEUED])), ("history", History(text="x" * 300)),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(shared, verb, body):
    assert refused(shared.call, verb, body).code == "E_USAGE"


def test_history_like_an_unread_drawing_is_refused(dxfd, small):
    dxfd.ref("pause")
    job = dxfd.submit(small, dxfd.folder / "a.db")
    assert refused(dxfd.call, "history", History(like_job=job.id)).code == "E_USAGE"
    assert refused(dxfd.call, "history", History(like_job=99)).code == "E_NO_SUCH_JOB"
