"""A job that published its output but whose end was not noted is not converted again."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions, Submit
from dxfd.contract.states import JobState
from dxfd.convert.published import NOTE
from tests.support.daemon import Daemon
from tests.support.polling import wait_for


def forget_the_end(dxfd: Daemon, job: int) -> None:
    """Make the queue what it is when the daemon dies between a publication and the note of it."""
    with closing(sqlite3.connect(dxfd.queue_path)) as queue:
        queue.execute("DELETE FROM reports")
        queue.execute("DELETE FROM history")
        queue.execute("UPDATE attempts SET ended_at = NULL, cause = '' WHERE job_id = ?", (job,))
        queue.execute(
            "UPDATE jobs SET state = 'running', finished_at = NULL,"
            " attempt_token = (SELECT token FROM attempts WHERE job_id = jobs.id) WHERE id = ?",
            (job,),
        )
        queue.commit()


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.fixture
def done(dxfd: Daemon, small: Path) -> tuple[int, Path]:
    """A job that is done, and its output; the daemon is stopped and knows nothing of the end."""
    output = dxfd.folder / "a.db"
    job = dxfd.wait_final(dxfd.submit(small, output).id).id
    dxfd.stop()
    forget_the_end(dxfd, job)
    return job, output


def test_what_was_published_is_not_made_again(dxfd, done):
    job, output = done
    before = identity(output)
    dxfd.start()
    view = dxfd.wait_final(job)
    assert (view.state, view.attempt, view.attempts_charged) == (JobState.SUCCEEDED, 2, 0)
    assert identity(output) == before
    shown = dxfd.show(job)
    assert shown.attempts[0].cause == "cut_off"
    assert NOTE in [event.detail for event in shown.events]
    assert b'"entities_read":50' in bytes(shown.report).replace(b" ", b"")


def test_a_drawing_that_changed_meanwhile_is_converted(dxfd, done, small):
    job, output = done
    before = identity(output)
    os.utime(small, (1, 1))
    dxfd.start()
    assert dxfd.wait_final(job).state is JobState.SUCCEEDED
    assert identity(output) != before


def test_an_output_that_is_gone_is_made(dxfd, done):
    job, output = done
    output.unlink()
    dxfd.start()
    assert dxfd.wait_final(job).state is JobState.SUCCEEDED
    assert output.exists()


def test_another_job_for_the_same_output_converts(dxfd, small):
    output = dxfd.folder / "a.db"
    dxfd.wait_final(dxfd.submit(small, output).id)
    before = identity(output)
    dxfd.wait_final(dxfd.submit(small, output).id)
    assert identity(output) != before


def test_a_restart_from_scratch_converts(dxfd, done):
    job, output = done
    before = identity(output)
    dxfd.start()
    dxfd.wait_final(job)
    again = dxfd.call(
        "submit",
        Submit(source=dxfd.job(job).source, output=str(output), options=JobOptions(restart=True)),
    ).job
    dxfd.wait_final(again.id)
    assert identity(output) != before


def test_a_worker_killed_right_after_its_publication_is_done(dxfd, large):
    """The worker is stopped while it works, the daemon's pipe is left unread: killed once the output is there."""
    output = dxfd.folder / "a.db"
    job = dxfd.submit(large, output, options=JobOptions(batch_size=2000))
    pid = wait_for(lambda: dxfd.job(job.id).pid)
    os.kill(dxfd.pid, signal.SIGSTOP)
    try:
        wait_for(output.exists, 60)
        before = identity(output)
        os.kill(dxfd.pid, signal.SIGKILL)
    finally:
        os.kill(dxfd.pid, signal.SIGCONT)
    dxfd.wait_ended()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 20)
    dxfd.start()
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    assert identity(output) == before
    assert dxfd.show(job.id).attempts[-1].cause == "finished"
