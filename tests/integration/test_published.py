"""A job that published its output but whose end was not noted is not converted again."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions, JobRef, Submit
from dxfd.contract.states import JobState
from dxfd.convert.published import NOTE
from tests.support.daemon import Daemon
from tests.support.polling import wait_for


def forget_the_end(dxfd: Daemon, job: int) -> None:
    """Make the queue what it is when it is put back from a copy that is older than the publication."""
    with closing(sqlite3.connect(dxfd.queue_path)) as queue:
        queue.execute("DELETE FROM reports")
        queue.execute("DELETE FROM history")
        queue.execute("UPDATE attempts SET cause = 'cut_off' WHERE job_id = ?", (job,))
        queue.execute("UPDATE jobs SET state = 'queued', finished_at = NULL WHERE id = ?", (job,))
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


@pytest.fixture
def published(dxfd: Daemon, small: Path) -> tuple[int, int, Path]:
    """A job, its worker that has published and stands still before it says so, and the output."""
    dxfd.stop()
    dxfd.start(env=dxfd.arm("worker.published=stop"))
    output = dxfd.folder / "a.db"
    job = dxfd.submit(small, output).id
    pid = wait_for(lambda: dxfd.job(job).pid)
    wait_for(output.exists, 60)
    wait_for(lambda: stands_still(pid))
    return job, pid, output


def ask(dxfd: Daemon, verb: str, job: int) -> None:
    """Ask without waiting for the worker, which stands still."""
    dxfd.call(verb, JobRef(job_id=job), deadline_ms=1000)


def stands_still(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("asked", ["cancel", "pause"])
def test_what_was_published_is_done_whatever_was_asked_of_it(dxfd, published, asked):
    job, pid, output = published
    before = identity(output)
    ask(dxfd, asked, job)
    os.kill(pid, signal.SIGKILL)
    view = dxfd.wait_final(job)
    assert (view.state, view.attempt, identity(output)) == (JobState.SUCCEEDED, 1, before)
    assert dxfd.show(job).attempts[0].cause == "finished"


@pytest.mark.parametrize("asked", ["cancel", "pause", ""])
def test_so_it_is_when_the_daemon_died_too(dxfd, published, asked):
    job, pid, output = published
    before = identity(output)
    if asked:
        ask(dxfd, asked, job)
    dxfd.kill(signal.SIGKILL)
    os.killpg(pid, signal.SIGKILL)
    dxfd.start()
    view = dxfd.wait_final(job)
    assert (view.state, view.attempt, identity(output)) == (JobState.SUCCEEDED, 1, before)
    assert not list(output.parent.glob("a.db.*"))
    shown = dxfd.show(job)
    assert shown.attempts[0].detail == "published; the daemon ended before it was noted"
    assert shown.past is not None
    assert (shown.past.entities, shown.past.output_bytes) == (500, output.stat().st_size)


def test_a_cancelled_job_that_published_nothing_is_cancelled_whatever_stands_there(dxfd, small, large):
    output = dxfd.folder / "a.db"
    dxfd.wait_final(dxfd.submit(small, output).id)
    before = identity(output)
    dxfd.stop()
    dxfd.start(env=dxfd.arm("write.committed=stop"))
    job = dxfd.submit(large, output, options=JobOptions(batch_size=1000)).id
    pid = wait_for(lambda: dxfd.job(job).pid)
    wait_for(lambda: stands_still(pid))
    ask(dxfd, "cancel", job)
    dxfd.kill(signal.SIGKILL)
    os.killpg(pid, signal.SIGKILL)
    dxfd.start()
    assert dxfd.wait_final(job).state is JobState.CANCELLED
    assert identity(output) == before
