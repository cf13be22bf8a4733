"""The worker process by itself, at its three pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dxfd.contract.exits import WorkerExit
from dxfd.contract.progress import Checkpoint, Done, Failed, Leave, Left, Progress, Started, WorkerEvent, WorkOrder
from tests.support.tables import same_tables

DECODER = msgspec.json.Decoder(WorkerEvent)


def order(source: Path, output: Path, **fields: Any) -> bytes:
    base = {"job_id": 1, "attempt": 1, "attempt_token": "t", "converter": "bim"}
    return msgspec.json.encode(WorkOrder(**base, source=str(source), output=str(output), **fields)) + b"\n"


def spawn() -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-P", "-m", "dxfd.worker"]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(worker: subprocess.Popen[bytes], sent: bytes = b"") -> tuple[int, list[Any], bytes]:
    """Send, keep stdin open until the worker has ended by itself, and return status, events, stderr."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stderr is not None
    with worker:
        worker.stdin.write(sent)
        worker.stdin.flush()
        events = [DECODER.decode(line) for line in worker.stdout]
        stderr = worker.stderr.read()
        status = worker.wait(30)
    return status, events, stderr


def until_checkpoint(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        if isinstance(DECODER.decode(line), Checkpoint):
            return
    raise AssertionError("no checkpoint")


def test_it_says_started_progress_checkpoints_done(small, tmp_path):
    status, events, stderr = finish(spawn(), order(small, tmp_path / "a.db"))
    assert (status, stderr) == (WorkerExit.DONE, b"")
    assert {type(event) for event in events} == {Started, Progress, Checkpoint, Done}
    assert isinstance(events[-1], Done)
    assert msgspec.json.decode(events[-1].report)["elements_written"] == 500


def test_a_failure_is_an_event_with_a_code_and_no_traceback(tmp_path):
    status, events, stderr = finish(spawn(), order(tmp_path / "none.dxf", tmp_path / "a.db"))
    assert (status, stderr) == (WorkerExit.FAILED, b"")
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.error_code, failed.failure_class) == ("E_SOURCE_MISSING", "permanent")


def test_without_an_order_it_does_nothing():
    worker = spawn()
    worker.stdin.close()
    worker.stdin = None
    out, err = worker.communicate(timeout=30)
    assert (worker.returncode, out, err) == (WorkerExit.NO_ORDER, b"", b"")


@pytest.mark.parametrize("line", [b"garbage\n", b"{}\n", b"\xff\n"])
def test_an_order_of_another_version_is_refused(line):
    status, events, stderr = finish(spawn(), line)
    assert (status, events) == (WorkerExit.BAD_ORDER, [])
    assert msgspec.json.decode(stderr.splitlines()[0])["event"] == "work_order_not_understood"


def test_told_to_leave_it_leaves_at_a_checkpoint_and_the_next_one_goes_on(large, tmp_path):
    worker = spawn()
    worker.stdin.write(order(large, tmp_path / "a.db", batch_size=200))
    worker.stdin.flush()
    until_checkpoint(worker)
    status, events, _ = finish(worker, b'{"type":"novelty"}\n' + msgspec.json.encode(Leave(cause="pause")) + b"\n")
    assert status == WorkerExit.LEFT
    left = events[-1]
    assert isinstance(left, Left)
    assert left.cause == "pause"
    status, events, _ = finish(spawn(), order(large, tmp_path / "a.db", batch_size=200))
    assert status == WorkerExit.DONE
    started = next(event for event in events if isinstance(event, Started))
    assert started.resumed_from_batch == left.batch > 0
    finish(spawn(), order(large, tmp_path / "whole.db", batch_size=200))
    same_tables(tmp_path / "a.db", tmp_path / "whole.db")


@pytest.mark.parametrize("how", ["eof", "sigterm", "stdout"])
def test_it_leaves_at_a_checkpoint_when_its_daemon_is_gone(large, tmp_path, how):
    worker = spawn()
    worker.stdin.write(order(large, tmp_path / "a.db", batch_size=100))
    worker.stdin.flush()
    until_checkpoint(worker)
    if how == "eof":
        worker.stdin.close()
        worker.stdin = None
    elif how == "sigterm":
        os.kill(worker.pid, signal.SIGTERM)
    else:
        worker.stdout.close()
        worker.stdout = None
    with worker:
        if worker.stdout is not None:
            events = [DECODER.decode(line) for line in worker.stdout]
            assert events[-1].cause == {"eof": "orphaned", "sigterm": "shutdown"}[how]
        stderr = worker.stderr.read()
        assert (worker.wait(30), stderr) == (WorkerExit.LEFT, b"")
    assert (tmp_path / "a.db.partial").exists()
    assert not (tmp_path / "a.db").exists()


def test_two_workers_never_write_one_output(large, tmp_path):
    first = spawn()
    first.stdin.write(order(large, tmp_path / "a.db", batch_size=100))
    first.stdin.flush()
    until_checkpoint(first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        status, events, _ = finish(spawn(), order(large, tmp_path / "a.db"))
        assert (status, events[-1].error_code, events[-1].failure_class) == (1, "E_OUTPUT_BUSY", "retryable")
    finally:
        os.kill(first.pid, signal.SIGKILL)
        with first:
            first.stdout.read()
