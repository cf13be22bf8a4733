"""What the outside does to a daemon and its workers, one fault at a time: disks, shares, drawings, signals, floods."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions, Ping
from dxfd.contract.states import JobState
from dxfd.errors import DxfdError, NoSuchJobError, StoreFailingError, StoreRemovedError
from dxfd.store.queue import open_queue
from dxfd.supervise.arbiter import Arbiter
from tests.support.daemon import Daemon, daemon, refused
from tests.support.drawing import write_drawing
from tests.support.polling import wait_for

MANY = JobOptions(batch_size=100)


def causes(dxfd: Daemon, job_id: int) -> list[str]:
    return [attempt.cause for attempt in dxfd.show(job_id).attempts]


# --- disks --------------------------------------------------------------------------------------------------------


def test_a_full_disk_under_the_output_is_waited_for_without_a_charge(small):
    with daemon(faults="write.rows=enospc", retry_cap_s="100ms") as dxfd:
        job = dxfd.submit(small, dxfd.folder / "a.db")
        view = dxfd.wait_final(job.id)
        assert (view.state, view.attempts_charged) == (JobState.SUCCEEDED, 0)
        assert causes(dxfd, job.id) == ["disk_full", "finished"]


def test_a_failing_disk_under_the_output_is_tried_again(small):
    with daemon(faults="publish.synced=eio,read.chunk#3=eio") as dxfd:
        job = dxfd.submit(small, dxfd.folder / "a.db")
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert causes(dxfd, job.id) == ["failed", "failed", "finished"]
        codes = [line["detail"].split()[0].rstrip(":") for line in dxfd.log_lines("attempt_ended")[:2]]
        assert len(codes) == 2


@pytest.mark.parametrize("number", [5, 8])
def test_a_failing_disk_under_the_queue_is_sat_out(small, number):
    with daemon(faults=f"store.changed#{number}=eio") as dxfd:
        job = wait_for(lambda: _submitted(dxfd, small))
        assert dxfd.wait_final(job).state is JobState.SUCCEEDED
        assert (dxfd.folder / "marks" / "store.changed").exists()


def _submitted(dxfd: Daemon, source: Path) -> int:
    try:
        return dxfd.submit(source, dxfd.folder / "a.db").id
    except StoreFailingError:
        return 0


def test_a_low_disk_holds_jobs_back_and_they_go_on_by_themselves(small):
    with daemon(disk_reserve="10000T") as dxfd:
        job = dxfd.submit(small, dxfd.folder / "a.db")
        wait_for(lambda: dxfd.job(job.id).why.startswith("little room on the disk of"))
        assert dxfd.log_lines("admission_paused")
        assert dxfd.status().note.startswith("nothing starts: little room on the disk of")
        dxfd.call("ping", Ping())
        dxfd.settings["disk_reserve"] = 0
        dxfd.write_config()
        dxfd.process.send_signal(signal.SIGHUP)
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert dxfd.log_lines("admission_resumed")


def test_a_locked_output_is_tried_again_then_the_job_is_paused_with_the_reason(small):
    with daemon(retry_base_s="10ms") as dxfd:
        output = dxfd.folder / "a.db"
        with (dxfd.folder / "a.db.partial.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            job = dxfd.submit(small, output)
            view = dxfd.wait_state(job.id, JobState.PAUSED, deadline_s=60)
        assert "another conversion is writing" in view.why
        assert "still after 5 tries" in view.error_message
        assert causes(dxfd, job.id) == ["locked"] * 5
        dxfd.change("resume", job.id)
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


def test_a_share_that_hangs_is_given_up_after_its_time_and_tried_again(small):
    with daemon(faults="read.chunk#3=hang", io_timeout_s="1s", retry_cap_s="100ms") as dxfd:
        job = dxfd.submit(small, dxfd.folder / "a.db")
        view = dxfd.wait_final(job.id)
        assert (view.state, view.attempts_charged) == (JobState.SUCCEEDED, 0)
        assert causes(dxfd, job.id) == ["timeout", "finished"]
        (line,) = dxfd.log_lines("file_operation_hangs")
        assert line["what"] == f"reading {small}"


def test_a_commit_that_hangs_is_given_up_too(small):
    with daemon(faults="write.commit=hang", worker_timeout_s="5s") as dxfd:
        job = dxfd.submit(small, dxfd.folder / "a.db")
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert causes(dxfd, job.id) == ["hung", "finished"]


# --- the drawing --------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(dxfd: Daemon) -> Iterator[tuple[Path, int, int]]:
    """A drawing of our own, its job, and its worker, stopped in the middle of it."""
    source = write_drawing(dxfd.folder / "own.dxf", 20_000)
    job = dxfd.submit(source, dxfd.folder / "a.db", options=MANY)
    pid = dxfd.wait_batch(job.id, 2).pid
    os.kill(pid, signal.SIGSTOP)
    yield source, job.id, pid


def test_a_drawing_that_vanishes_is_read_to_its_end_from_the_open_file(dxfd, stopped):
    source, job, pid = stopped
    source.unlink()
    os.kill(pid, signal.SIGCONT)
    assert dxfd.wait_final(job).state is JobState.SUCCEEDED


def test_a_drawing_that_vanishes_before_the_next_attempt_fails_the_job_with_the_reason(dxfd, stopped):
    source, job, pid = stopped
    source.unlink()
    os.kill(pid, signal.SIGKILL)
    view = dxfd.wait_final(job)
    assert (view.state, view.error_code) == (JobState.FAILED, "E_SOURCE_MISSING")


def test_a_drawing_that_changes_is_converted_anew_and_says_why(dxfd, stopped):
    source, job, pid = stopped
    write_drawing(source, 300)
    os.kill(pid, signal.SIGKILL)
    assert dxfd.wait_final(job).state is JobState.SUCCEEDED
    assert any("the drawing has changed" in event.detail for event in dxfd.show(job).events)
    with closing(sqlite3.connect(dxfd.folder / "a.db")) as database:
        assert database.execute("SELECT SUM(count) FROM ledger").fetchone() == (300,)


def test_a_drawing_that_is_cut_off_under_the_worker_publishes_nothing_of_it(dxfd, stopped):
    source, job, pid = stopped
    os.truncate(source, source.stat().st_size // 2)
    os.kill(pid, signal.SIGCONT)
    view = dxfd.wait_final(job)
    assert view.state is JobState.FAILED
    assert view.error_code in {"E_SOURCE_CHANGED", "E_SOURCE_DAMAGED"}
    assert not (dxfd.folder / "a.db").exists()


# --- signals, clocks, floods --------------------------------------------------------------------------------------


def test_a_daemon_that_was_stopped_does_not_take_its_workers_for_hung(large):
    with daemon(worker_timeout_s="5s") as dxfd:
        job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
        worker = dxfd.wait_batch(job.id, 1).pid
        os.kill(worker, signal.SIGSTOP)  # so that it has nothing to say when the daemon goes on
        os.kill(dxfd.pid, signal.SIGSTOP)
        time.sleep(6.5)  # longer than the worker's time: this is the fault itself
        os.kill(dxfd.pid, signal.SIGCONT)
        wait_for(lambda: dxfd.log_lines("daemon_stood_still"))
        os.kill(worker, signal.SIGCONT)
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert causes(dxfd, job.id) == ["finished"]


def test_a_queue_that_is_removed_under_the_daemon_is_put_back(small):
    with daemon() as dxfd:
        dxfd.ref("pause")
        job = dxfd.submit(small, dxfd.folder / "a.db")
        shutil.rmtree(dxfd.state_dir)
        assert dxfd.wait_ended() == StoreRemovedError.exit_code
        (line,) = dxfd.log_lines("daemon_failed")
        assert (line["code"], line["hint"]) == (StoreRemovedError.code, StoreRemovedError.default_hint)
        assert line["text"].endswith("it was put back as it was")
        assert "Traceback" not in dxfd.log_path.read_text() + dxfd.stderr()
        dxfd.start()
        dxfd.ref("resume")
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


def test_a_failure_of_the_daemon_that_nobody_foresaw_is_logged_with_its_stack(small):
    with daemon(faults="supervise.claimed=eio") as dxfd:
        dxfd.submit(small, dxfd.folder / "a.db")
        assert dxfd.wait_ended() == DxfdError.exit_code
        (line,) = dxfd.log_lines("daemon_failed")
        assert (line["code"], line["text"].split(":")[0]) == (DxfdError.code, "OSError")
        assert "_start" in line["exception"]


def test_a_queue_that_is_replaced_under_the_daemon_is_kept_beside_the_other(small):
    with daemon() as dxfd:
        dxfd.stop()
        other = dxfd.queue_path.read_bytes()
        dxfd.start()
        dxfd.ref("pause")
        dxfd.submit(small, dxfd.folder / "a.db")
        fresh = dxfd.state_dir / "fresh"
        fresh.write_bytes(other)
        fresh.rename(dxfd.queue_path)
        assert dxfd.wait_ended() == StoreRemovedError.exit_code
        assert dxfd.queue_path.read_bytes() == other
        (kept,) = dxfd.state_dir.glob("queue.db.kept-*")
        with closing(open_queue(kept)) as queue:
            assert [row.source for row in queue.listing.runnable(9, smallest_first=False)] == [str(small)]
        dxfd.start()
        assert refused(dxfd.job, 1).code == NoSuchJobError.code  # what was queued is not played into the other


def test_an_attempt_that_failed_as_nobody_foresaw_is_followed_by_one_that_begins_anew(dxfd, large):
    output = dxfd.folder / "a.db"
    job = dxfd.submit(large, output, options=MANY)
    dxfd.wait_batch(job.id, 2)
    dxfd.change("pause", job.id)
    dxfd.wait_state(job.id, JobState.PAUSED)
    with closing(sqlite3.connect(f"{output}.partial")) as database:  # damage that no check of SQLite can see
        database.execute("UPDATE element_transforms SET center_x = 9e999 WHERE id = 3")
        database.commit()
    dxfd.change("resume", job.id)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    *_, failed, last = dxfd.show(job.id).attempts
    assert (failed.cause, last.cause, last.resumed_from_batch) == ("failed", "finished", 0)
    assert "unexpected" in failed.detail
    with closing(sqlite3.connect(output)) as database:
        ((most,),) = database.execute("SELECT MAX(center_x) FROM element_transforms")
    assert most < 1e9


def test_a_worker_that_was_stopped_for_a_while_goes_on(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=MANY)
    worker = dxfd.wait_batch(job.id, 1).pid
    os.kill(worker, signal.SIGSTOP)
    batch = dxfd.job(job.id).progress.batch
    dxfd.call("ping", Ping())
    os.kill(worker, signal.SIGCONT)
    dxfd.wait_batch(job.id, batch + 1)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    assert causes(dxfd, job.id) == ["finished"]


def test_retries_wait_as_long_as_they_were_to_when_the_clock_is_set_back(dxfd):
    dxfd.stop()
    now = [1_800_000_000.0]
    with closing(open_queue(dxfd.queue_path, clock=lambda: now[0])) as queue:
        arbiter = Arbiter(queue, _settings(dxfd), clock=lambda: now[0])
        job = _waiting_for_a_retry(queue, "2027-01-15T08:00:10.000Z")
        looks = iter([0.0, 0.1])
        arbiter._clocks.look(next(looks), now[0], tick_s=1)
        now[0] -= 86_400
        _, set_s = arbiter._clocks.look(next(looks), now[0], tick_s=1)
        queue.jobs.shift_retries(set_s)
        assert queue.jobs.get(job).not_before == "2027-01-14T08:00:09.900Z"
        arbiter._admission.close()


def test_a_worker_that_floods_its_pipes_does_not_slow_the_daemon(small):
    with daemon(faults="worker.ordered=flood") as dxfd:
        job = dxfd.submit(small, dxfd.folder / "a.db")
        wait_for(lambda: dxfd.job(job.id).pid)
        slowest = 0.0
        for _ in range(100):
            began = time.monotonic()
            dxfd.call("ping", Ping())
            slowest = max(slowest, time.monotonic() - began)
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
        assert slowest < 1.0
        assert sum(line["lines"] for line in dxfd.log_lines("worker_lines_dropped")) > 1000
        assert dxfd.log_path.stat().st_size < 5_000_000


def _settings(dxfd: Daemon):
    from dxfd.config.load import load

    dxfd.write_config()
    return load(config=dxfd.config, environ={}).settings


def _waiting_for_a_retry(queue, not_before: str) -> int:
    from dxfd.contract.states import JobEvent
    from dxfd.store.rows import Ending, NewJob

    job = queue.jobs.submit(
        NewJob(
            source="/a.dxf", output="/a.db", converter="bim", options=JobOptions(), priority=0, label="",
            max_attempts=3, owner_uid=0, owner="root",
        )
    )[0].id  # fmt: skip
    queue.jobs.claim(job, "t")
    queue.jobs.end_attempt(job, "t", JobEvent.LOSE, Ending(cause="failed", not_before=not_before))
    return job
