"""kill -9 of workers and daemons, and workers that do not behave: the queue and the outputs are right afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions, JobRef
from dxfd.contract.states import JobState
from tests.support.daemon import daemon, refused
from tests.support.polling import wait_for
from tests.support.tables import same_tables

ROOT = Path(__file__).parents[2]
MANY = JobOptions(batch_size=100)


@pytest.fixture(scope="module")
def whole(large: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an undisturbed run."""
    output = tmp_path_factory.mktemp("whole") / "whole.db"
    with daemon() as dxfd:
        dxfd.wait_final(dxfd.submit(large, output, options=MANY).id)
    return output


def test_a_killed_worker_is_replaced_and_the_database_is_the_same(dxfd, large, whole):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    for batch in (2, 40):
        view = dxfd.wait_batch(job.id, batch)
        os.kill(view.pid, signal.SIGKILL)
        wait_for(lambda killed=view.pid: dxfd.job(job.id).pid != killed)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    attempts = dxfd.show(job.id).attempts
    assert attempts[0].cause == "signal"
    assert attempts[-1].cause == "finished"
    assert attempts[-1].resumed_from_batch >= 2
    same_tables(dxfd.folder / "a.db", whole)


def test_a_killed_daemon_goes_on_where_its_worker_left(dxfd, large, whole):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    pid = dxfd.wait_batch(job.id, 2).pid
    assert dxfd.kill(signal.SIGKILL) == -9
    dxfd.start()
    view = dxfd.wait_final(job.id)
    assert (view.state, view.attempts_charged) == (JobState.SUCCEEDED, 0)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 10)  # dead since; its new parent may take a moment to reap it
    first, *_, last = dxfd.show(job.id).attempts
    assert first.cause == "cut_off"
    assert last.resumed_from_batch >= 2
    same_tables(dxfd.folder / "a.db", whole)


def test_a_worker_without_its_daemon_commits_its_batch_and_leaves(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    pid = dxfd.wait_batch(job.id, 1).pid
    dxfd.kill(signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 10)
    assert (dxfd.folder / "a.db.partial").exists()


def test_a_new_daemon_waits_for_the_old_ones_worker_before_it_starts_another(large):
    with daemon(stop_timeout_s="1s") as dxfd:
        job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
        pid = dxfd.wait_batch(job.id, 1).pid
        os.kill(pid, signal.SIGSTOP)  # an orphan that does not leave
        dxfd.kill(signal.SIGKILL)
        dxfd.start()
        assert dxfd.job(job.id).state is JobState.RUNNING
        assert dxfd.status().workers_running == 0
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert {line["pid"] for line in dxfd.log_lines("orphan_killed")} == {pid}


def test_a_pausing_job_is_paused_when_its_daemon_died_meanwhile(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    pid = dxfd.wait_batch(job.id, 1).pid
    os.kill(pid, signal.SIGSTOP)
    reply = dxfd.call("pause", JobRef(job_id=job.id), deadline_ms=800)
    assert reply.job.state is JobState.PAUSING
    dxfd.kill(signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    dxfd.start()
    assert dxfd.wait_state(job.id, JobState.PAUSED).attempts_charged == 0


def test_a_job_that_kills_its_workers_is_quarantined_with_the_cause(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db")
    killed: set[int] = set()

    def end_worker() -> bool:
        view = dxfd.job(job.id)
        if view.pid and view.pid not in killed:
            killed.add(view.pid)
            os.kill(view.pid, signal.SIGKILL)
        return view.state is JobState.QUARANTINED

    wait_for(end_worker, 20)
    view = dxfd.job(job.id)
    assert (view.error_code, view.attempt) == ("E_WORKER_LOST", 3)
    assert "SIGKILL" in view.error_message
    assert [a.cause for a in dxfd.show(job.id).attempts] == ["signal"] * 3
    dxfd.change("retry", job.id)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


def test_a_silent_worker_is_taken_for_hung(large):
    with daemon(worker_timeout_s="4s") as dxfd:
        job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
        os.kill(dxfd.wait_batch(job.id, 1).pid, signal.SIGSTOP)
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert dxfd.show(job.id).attempts[0].cause == "hung"


def test_a_worker_past_its_memory_wall_is_ended(large):
    with daemon(max_attempts=1) as dxfd:
        job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100, max_memory_bytes=1 << 20))
        pid = wait_for(lambda: dxfd.job(job.id).pid)
        os.kill(pid, signal.SIGSTOP)  # so that it does not notice by itself
        view = dxfd.wait_final(job.id)
        assert (view.state, view.error_code) == (JobState.FAILED, "E_MEMORY")
        assert dxfd.show(job.id).attempts[0].cause == "memory"


def test_memory_bounds_how_many_run_at_a_time(large):
    with daemon(memory_budget="350M", max_workers=4) as dxfd:
        jobs = [dxfd.submit(large, dxfd.folder / f"{n}.db", options=MANY) for n in range(3)]
        dxfd.wait_batch(jobs[0].id, 1)
        assert dxfd.status().workers_running == 1
        waiting = dxfd.job(jobs[1].id)
        assert (waiting.state, waiting.why) == (JobState.QUEUED, "waiting for its turn or for memory")


def test_a_higher_priority_goes_first(dxfd, small):
    dxfd.ref("pause")
    low, high = (dxfd.submit(small, dxfd.folder / f"{p}.db", priority=p) for p in (0, 5))
    dxfd.settings["max_workers"] = 1
    dxfd.stop()
    dxfd.start()
    dxfd.ref("resume")
    dxfd.wait_final(low.id)
    assert dxfd.job(high.id).finished_at < dxfd.job(low.id).started_at


def test_a_full_disk_under_the_queue_is_sat_out():
    own = ["unshare", "--mount", "--propagation", "private"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    argv = [*own, sys.executable, "-m", "tests.support.full_disk"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_somebody_in_the_queue_database_is_sat_out(dxfd, small):
    with closing(sqlite3.connect(dxfd.queue_path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        assert refused(dxfd.submit, small, dxfd.folder / "a.db").code == "E_STORE_BUSY"
        intruder.execute("ROLLBACK")
    job = dxfd.submit(small, dxfd.folder / "a.db")
    with closing(sqlite3.connect(dxfd.queue_path, isolation_level=None)) as intruder:
        wait_for(lambda: dxfd.job(job.id).pid)
        intruder.execute("BEGIN IMMEDIATE")
        wait_for(lambda: dxfd.log_lines("queue_not_writable"))
        intruder.execute("ROLLBACK")
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
