"""A file server that stops answering: the job waits, the daemon answers, and all goes on when the server is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions, Ping
from dxfd.contract.states import JobState
from tests.support.daemon import daemon
from tests.support.hanging_share import GETATTR, LOOKUP, Share, share
from tests.support.polling import wait_for


@pytest.fixture
def served(large: Path, tmp_path: Path) -> Iterator[Share]:
    try:
        with share(tmp_path / "share", large.read_bytes()) as made:
            yield made
    except OSError as error:
        pytest.skip(f"no file system of our own can be mounted here: {error.strerror}")


def test_a_server_that_stops_answering_in_the_middle_costs_no_attempt(served):
    with daemon(io_timeout_s="1s", retry_cap_s="1s") as dxfd:
        served.reads_until_hang = 30
        job = dxfd.submit(served.drawing, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
        wait_for(lambda: dxfd.log_lines("file_operation_hangs"), 30)
        wait_for(lambda: dxfd.job(job.id).state in {JobState.RETRY_WAIT, JobState.QUEUED, JobState.RUNNING})
        assert dxfd.show(job.id).attempts[0].cause in {"timeout", ""}
        began = time.monotonic()
        dxfd.call("ping", Ping())
        assert time.monotonic() - began < 1.0
        served.answer_again()
        view = dxfd.wait_final(job.id)
        assert (view.state, view.attempts_charged) == (JobState.SUCCEEDED, 0)
        assert dxfd.show(job.id).attempts[0].cause == "timeout"


def test_a_job_on_a_server_that_does_not_answer_is_held_back_and_others_run(served, small):
    with daemon(io_timeout_s="1s") as dxfd:
        served.hang_on = {LOOKUP, GETATTR}
        held = dxfd.submit(served.drawing, dxfd.folder / "a.db")
        other = dxfd.submit(small, dxfd.folder / "b.db")
        assert dxfd.wait_final(other.id).state is JobState.SUCCEEDED
        view = dxfd.job(held.id)
        assert (view.state, view.why) == (JobState.QUEUED, f"{served.drawing} does not answer")
        served.answer_again()
        dxfd.change("cancel", held.id)
