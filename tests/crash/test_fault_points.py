"""A kill at each labelled point of store, supervisor, worker, writer: the job ends once, with the same database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions, Submit
from dxfd.contract.states import JobState
from dxfd.errors import DxfdError
from dxfd.faults import POINTS
from tests.crash.compare import assert_same, health
from tests.crash.drawing import write_rich_drawing
from tests.support.daemon import Daemon, daemon
from tests.support.polling import wait_for

OPTIONS = JobOptions(batch_size=200, max_errors=1_000_000)
IN_THE_DAEMON = ("store.", "supervise.")
PASSES = {"store.begun": (2, 6), "store.changed": (1, 3), "store.committed": (2, 4), "read.chunk": (1, 20)}
"""Which passes of a point are tried; else the first and the third (points that are passed less often: the first)."""
ONCE = {
    "supervise.claimed", "supervise.spawned", "supervise.ended", "supervise.settled", "worker.ordered",
    "worker.published", "publish.synced", "publish.renamed",
}  # fmt: skip
CASES = [(label, number) for label in POINTS for number in (PASSES.get(label) or ((1,) if label in ONCE else (1, 3)))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rich_drawing(tmp_path_factory.mktemp("in") / "rich.dxf", 700)


@pytest.fixture(scope="module")
def undisturbed(source: Path) -> Path:
    output = source.with_name("undisturbed.db")
    with daemon() as dxfd:
        job = dxfd.submit(source, output, options=OPTIONS)
        assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
    return output


def submit(dxfd: Daemon, source: Path) -> None:
    """Submit as a client that asks again when it got no answer: the same key gives the same job."""

    def sent() -> bool:
        if not dxfd.running():
            dxfd.start()
        try:
            job = Submit(source=str(source), output=str(dxfd.folder / "a.db"), options=OPTIONS, idempotency_key="one")
            dxfd.call("submit", job, deadline_ms=1000)
        except (DxfdError, AssertionError):  # the daemon died in the middle of it, in any of its ways
            return False
        return True

    wait_for(sent, 30, "a submit that was answered")


@pytest.mark.parametrize(("label", "number"), CASES)
def test_killed_at_a_point_the_job_ends_once_with_the_same_database(
    label: str, number: int, source: Path, undisturbed: Path
) -> None:
    with daemon(start=False, retry_base_s="20ms", fsync="normal") as dxfd:
        dxfd.deadline_ms = 2_000  # a daemon that is killed over a request does not answer it
        armed = dxfd.arm(f"{label}#{number}=kill")
        dxfd.start(env=armed, wait=False)
        wait_for(lambda: not dxfd.running() or _answers(dxfd), 20)
        submit(dxfd, source)

        def ended() -> bool:
            if not dxfd.running():
                dxfd.start()
            return (dxfd.folder / "a.db").exists() and dxfd.job(1).state is JobState.SUCCEEDED

        wait_for(lambda: _patient(ended), 60, f"the end of the job after {label}")
        assert (dxfd.folder / "marks" / label).exists(), "the point was never passed"
        assert_same(undisturbed, dxfd.folder / "a.db", label)
        assert {p.name for p in dxfd.folder.iterdir() if p.name.startswith("a.db")} == {"a.db"}
        attempts = dxfd.show(1).attempts
        assert [a.cause for a in attempts].count("finished") == 1
        assert len(attempts) <= 3
        assert not health(dxfd.queue_path)
        with closing(sqlite3.connect(dxfd.queue_path)) as queue:
            assert queue.execute("SELECT COUNT(*) FROM jobs").fetchone() == (1,)


def _answers(dxfd: Daemon) -> bool:
    try:
        return dxfd.answers()
    except AssertionError:  # it has ended
        return True


def _patient(condition) -> bool:  # type: ignore[no-untyped-def]
    try:
        return bool(condition())
    except (DxfdError, AssertionError):  # the daemon is between two lives
        return False
