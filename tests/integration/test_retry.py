from __future__ import annotations

import shutil

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobState
from tests.support.daemon import refused


def test_a_failed_job_is_retried_when_its_cause_is_gone(dxfd, small):
    source = dxfd.folder / "late.dxf"
    job = dxfd.submit(source, dxfd.folder / "a.db")
    assert dxfd.wait_final(job.id).state is JobState.FAILED
    shutil.copy(small, source)
    view = dxfd.change("retry", job.id)
    assert (view.error_code, view.attempts_charged) == ("", 0)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


def test_a_cancelled_job_goes_on_from_its_checkpoint_or_from_scratch(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    dxfd.wait_batch(job.id, 2)
    dxfd.change("cancel", job.id)
    dxfd.change("retry", job.id)
    dxfd.wait_batch(job.id, 3)
    dxfd.change("cancel", job.id)
    dxfd.change("retry", job.id, restart=True)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    assert [a.resumed_from_batch > 0 for a in dxfd.show(job.id).attempts] == [False, True, False]


def test_a_succeeded_job_is_not_retried(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db")
    dxfd.wait_final(job.id)
    assert refused(dxfd.ref, "retry", job.id).code == "E_STATE"
