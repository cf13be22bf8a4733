from __future__ import annotations

from pathlib import Path

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobState
from tests.support.daemon import refused

MANY = JobOptions(batch_size=100)


def test_pausing_a_running_job_frees_its_worker_at_a_checkpoint(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    pid = dxfd.wait_batch(job.id, 1).pid
    view = dxfd.change("pause", job.id)
    assert (view.state, view.pid) == (JobState.PAUSED, 0)
    assert not Path(f"/proc/{pid}").exists()
    assert (dxfd.folder / "a.db.partial").exists()
    assert not (dxfd.folder / "a.db").exists()
    (attempt,) = dxfd.show(job.id).attempts
    assert attempt.cause == "yielded"
    assert view.attempts_charged == 0


def test_a_queued_job_is_paused_at_once_and_stays_so(dxfd, small):
    dxfd.ref("pause")
    job = dxfd.submit(small, dxfd.folder / "a.db")
    assert dxfd.change("pause", job.id).state is JobState.PAUSED
    dxfd.ref("resume")
    other = dxfd.submit(small, dxfd.folder / "b.db")
    dxfd.wait_final(other.id)
    assert dxfd.job(job.id).state is JobState.PAUSED


def test_pausing_twice_changes_nothing(dxfd):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", "/tmp/a.db")
    assert dxfd.ref("pause", job.id).changed is True
    assert dxfd.ref("pause", job.id).changed is False


def test_pausing_the_queue_sends_running_jobs_back_to_it(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    dxfd.wait_batch(job.id, 1)
    reply = dxfd.ref("pause")
    assert (reply.changed, reply.queue_paused) == (True, True)
    assert (dxfd.job(job.id).state, dxfd.status().workers_running) == (JobState.QUEUED, 0)
    assert dxfd.ref("pause").changed is False
    dxfd.ref("resume")
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


def test_the_paused_queue_stays_paused_over_a_restart(dxfd):
    dxfd.ref("pause")
    assert dxfd.stop() == 0
    dxfd.start()
    assert dxfd.status().queue_paused is True


def test_a_finished_job_cannot_be_paused(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db")
    dxfd.wait_final(job.id)
    error = refused(dxfd.ref, "pause", job.id)
    assert (error.code, error.exit_code) == ("E_STATE", 4)
    assert error.message == f"job {job.id} is succeeded, cannot pause it"


def test_there_is_no_such_job(dxfd):
    for verb in ("pause", "resume", "cancel", "retry", "show"):
        assert refused(dxfd.ref, verb, 99).code == "E_NO_SUCH_JOB"
