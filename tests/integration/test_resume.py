from __future__ import annotations

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobState
from tests.support.daemon import refused
from tests.support.tables import same_tables


def test_a_resumed_job_goes_on_from_its_checkpoint_and_gives_the_same_database(dxfd, large):
    whole, paused = dxfd.folder / "whole.db", dxfd.folder / "paused.db"
    job = dxfd.submit(large, paused, options=JobOptions(batch_size=200))
    dxfd.wait_batch(job.id, 2)
    dxfd.change("pause", job.id)
    assert dxfd.change("resume", job.id).state in {JobState.QUEUED, JobState.RUNNING}
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    first, second = dxfd.show(job.id).attempts
    assert second.resumed_from_batch >= 2
    assert (first.cause, second.cause) == ("yielded", "finished")
    dxfd.wait_final(dxfd.submit(large, whole, options=JobOptions(batch_size=200)).id)
    same_tables(paused, whole)


def test_resuming_a_job_that_goes_on_changes_nothing(dxfd):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", "/tmp/a.db")
    assert dxfd.ref("resume", job.id).changed is False


def test_resuming_the_queue_twice_changes_nothing(dxfd):
    dxfd.ref("pause")
    assert dxfd.ref("resume").changed is True
    assert dxfd.ref("resume").changed is False


def test_a_failed_job_is_not_resumed_but_retried(dxfd):
    job = dxfd.submit("/nowhere.dxf", dxfd.folder / "a.db")
    dxfd.wait_final(job.id)
    error = refused(dxfd.ref, "resume", job.id)
    assert (error.code, error.hint) == ("E_STATE", f"to run it again:  dxfctl retry {job.id}")
