from __future__ import annotations

from pathlib import Path

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobState


def test_cancelling_a_running_job_ends_its_worker(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    pid = dxfd.wait_batch(job.id, 1).pid
    assert dxfd.change("cancel", job.id).state is JobState.CANCELLED
    assert not Path(f"/proc/{pid}").exists()
    assert not (dxfd.folder / "a.db").exists()
    assert [line["state"] for line in dxfd.log_lines("job_finished")] == ["cancelled"]


def test_a_queued_job_is_cancelled_at_once(dxfd):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", "/tmp/a.db")
    reply = dxfd.ref("cancel", job.id)
    assert (reply.changed, reply.job.state) == (True, JobState.CANCELLED)
    assert dxfd.ref("cancel", job.id).changed is False
    assert len(dxfd.log_lines("job_finished")) == 1


def test_a_cancelled_output_can_be_submitted_again(dxfd, small):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", dxfd.folder / "a.db")
    dxfd.ref("cancel", job.id)
    dxfd.ref("resume")
    again = dxfd.submit(small, dxfd.folder / "a.db")
    assert dxfd.wait_final(again.id).state is JobState.SUCCEEDED
