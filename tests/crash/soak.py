"""Daemon and workers killed, jobs paused and cancelled, at random, while drawings are converted; then all is checked.

`python -m tests.crash.soak --rounds 200 --seed 7` does it until so many daemons and so many workers were killed, and
prints totals; test_daemon_kill.py does a short one.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import FINAL, TRANSITIONS, JobEvent, JobState
from dxfd.convert.pipeline import convert
from dxfd.errors import DxfdError, IllegalTransitionError
from tests.crash.compare import differences, health
from tests.crash.drawing import write_rich_drawing
from tests.crash.processes import Watch, children_of, is_worker
from tests.crash.run_convert import options
from tests.support.daemon import Daemon, daemon
from tests.support.polling import wait_for

SIZES = (1_000, 4_000, 12_000)
"""Entities of the drawings; the largest one is longer than a chunk."""
BATCH = 150
AT_ONCE = 4
MOST_DRAWINGS = 25
ORPHAN_LIMIT_S = 10.0
ANSWER_MS = 60_000
"""A daemon must answer within this time; on a machine with other work to do a single fsync may take ten seconds."""
SETTINGS: dict[str, str | int] = {
    "batch_size": BATCH, "max_attempts": 1_000_000, "quarantine_after": 1_000_000, "retry_cap_s": "200ms",
    "max_workers": 2, "fsync": "normal",
}  # fmt: skip


@dataclass
class Totals:
    """What was done and what came of it."""

    daemon_kills: int = 0
    daemon_kills_in_start: int = 0
    worker_kills: int = 0
    job_pauses: int = 0
    queue_pauses: int = 0
    job_cancels: int = 0
    jobs: int = 0
    jobs_cancelled: int = 0
    attempts: int = 0
    attempts_resumed: int = 0
    attempts_cut_off: int = 0
    attempts_by_signal: int = 0
    attempts_failed: int = 0
    longest_orphan_s: float = 0.0
    elapsed_s: float = 0.0


@contextmanager
def prepared(folder: Path, drawings: Path | None = None) -> Iterator[list[tuple[Path, Path]]]:
    """Drawings, each with the database of an undisturbed conversion; those that cannot be converted are left out."""
    sources = [write_rich_drawing(folder / f"{size}.dxf", size, seed=size) for size in SIZES]
    if drawings is not None:
        found = sorted(path for path in drawings.rglob("*.[dD][xX][fF]") if path.is_file())
        sources += random.Random(len(found)).sample(found, min(len(found), MOST_DRAWINGS))
    pairs = []
    for number, source in enumerate(sources):
        output = folder / f"expected-{number}.db"
        try:
            convert(options(source, output, BATCH), on_event=lambda _event: None, should_leave=lambda: None)
        except DxfdError as error:
            print(f"left out: {source.name}: {error.message}", flush=True)
            continue
        pairs.append((source, output))
    yield pairs


class Soak:
    """One daemon, its jobs, and random harm."""

    def __init__(self, dxfd: Daemon, drawings: list[tuple[Path, Path]], rng: random.Random, watch: Watch) -> None:
        self.dxfd = dxfd
        self.drawings = drawings
        self.rng = rng
        self.watch = watch
        self.totals = Totals()
        self.expected: dict[int, tuple[Path, Path]] = {}
        self.open_jobs: set[int] = set()
        self.outputs = dxfd.folder / "out"
        self.outputs.mkdir()
        self.cancelled: set[int] = set()
        dxfd.deadline_ms = ANSWER_MS

    def run(self, kills: int) -> Totals:
        """Do harm until so many daemons and workers were killed, then let everything end and check it."""
        began = time.monotonic()
        totals = self.totals
        while totals.daemon_kills < kills or totals.worker_kills < kills:
            self._keep_busy()
            wanted = [
                *([self._kill_daemon] * 4 if totals.daemon_kills < kills else []),
                *([self._kill_worker] * 4 if totals.worker_kills < kills else []),
                self._pause_job, self._pause_queue, self._cancel_job,
            ]  # fmt: skip
            self.rng.choice(wanted)()
        self._let_all_end()
        assert self.dxfd.kill(signal.SIGTERM) == 0, self.dxfd.stderr()[-3000:]
        self._check()
        totals.elapsed_s = round(time.monotonic() - began, 1)
        return totals

    # --- harm -------------------------------------------------------------------------------------------------

    def _keep_busy(self) -> None:
        states = {job.id: job.state for job in self.dxfd.status(limit=500).jobs}
        self.open_jobs -= {job for job in self.open_jobs if states.get(job) in FINAL}
        while len(self.open_jobs) < AT_ONCE:
            source, expected = self.rng.choice(self.drawings)
            output = self.outputs / f"{len(self.expected)}.db"
            job = self.dxfd.submit(source, output, options=JobOptions(max_errors=1_000_000)).id
            self.expected[job] = (output, expected)
            self.open_jobs.add(job)

    def _kill_daemon(self) -> None:
        self._wait_for_worker()
        self._let_time_pass(0.6)
        self._kill_and_start()
        while self.rng.random() < 0.25:  # before it is up, too
            self._let_time_pass(0.5)
            self.totals.daemon_kills_in_start += 1
            self._kill_and_start()
        wait_for(self.dxfd.answers, 20, "an answer of the restarted daemon")

    def _kill_and_start(self) -> None:
        pid = self.dxfd.pid
        os.kill(pid, signal.SIGSTOP)  # so that the list of its children is complete
        workers = children_of(pid)
        self.dxfd.kill(signal.SIGKILL)
        self.watch.orphaned(workers)
        self.totals.daemon_kills += 1
        self.dxfd.start(wait=False)

    def _kill_worker(self) -> None:
        self._wait_for_worker()
        self._let_time_pass(0.6)
        pids = [job.pid for job in self.dxfd.status().jobs if job.state is JobState.RUNNING and job.pid]
        if pids and is_worker(pid := self.rng.choice(pids)):
            os.kill(pid, signal.SIGKILL)
            self.totals.worker_kills += 1

    def _pause_job(self) -> None:
        job = self.rng.choice(sorted(self.open_jobs))
        if self._ask("pause", job):
            self.totals.job_pauses += 1
            self._let_time_pass(0.3)
            self._ask("resume", job)

    def _cancel_job(self) -> None:
        """Cancel a job, and half of the times kill its worker or the daemon before it has obeyed."""
        self._wait_for_worker()
        self._let_time_pass(0.6)
        running = [job for job in self.dxfd.status().jobs if job.state is JobState.RUNNING and job.pid]
        if not running:
            return
        job = self.rng.choice(running)
        if self._ask("cancel", job.id):
            self.totals.job_cancels += 1
            chance = self.rng.random()
            if chance < 0.25:
                self._kill_and_start()
                wait_for(self.dxfd.answers, 20, "an answer of the restarted daemon")
            elif chance < 0.5 and is_worker(job.pid):
                os.kill(job.pid, signal.SIGKILL)
                self.totals.worker_kills += 1

    def _pause_queue(self) -> None:
        self._ask("pause", 0)
        self.totals.queue_pauses += 1
        self._let_time_pass(0.3)
        self._ask("resume", 0)

    def _ask(self, verb: str, job: int) -> bool:
        try:
            self.dxfd.ref(verb, job)
        except IllegalTransitionError:  # it has ended meanwhile
            return False
        return True

    def _wait_for_worker(self) -> None:
        def working() -> bool:
            self._keep_busy()
            return any(job.pid for job in self.dxfd.status().jobs)

        wait_for(working, 30, "a running worker")

    def _let_time_pass(self, most_s: float) -> None:
        time.sleep(self.rng.random() * most_s)  # waits for nothing: it makes the moment random

    # --- what came of it --------------------------------------------------------------------------------------

    def _let_all_end(self) -> None:
        for job in sorted(self.expected):
            view = self.dxfd.wait_state(job, JobState.SUCCEEDED, JobState.CANCELLED, deadline_s=120)
            if view.state is JobState.CANCELLED:
                self.cancelled.add(job)
        assert len(self.cancelled) <= self.totals.job_cancels
        wait_for(lambda: not self.watch.orphans(), ORPHAN_LIMIT_S, f"the end of the orphans {self.watch.orphans()}")

    def _check(self) -> None:
        for job in self.cancelled:
            output, _ = self.expected.pop(job)
            assert not output.exists(), f"job {job} is cancelled and has published {output}"
            for path in self.outputs.glob(f"{output.name}.*"):  # what a retry would go on from
                path.unlink()
        for job, (output, expected) in self.expected.items():
            found = differences(expected, output)
            assert not found, "\n".join([f"job {job}: {output} differs from an undisturbed run", *found])
        names = {path.name for path in self.outputs.iterdir()}
        assert names == {output.name for output, _ in self.expected.values()}, names
        assert not self.watch.double, f"two workers wrote one output: {self.watch.double}"
        assert self.watch.longest_orphan_s < ORPHAN_LIMIT_S
        self.totals.longest_orphan_s = round(self.watch.longest_orphan_s, 2)
        self.totals.jobs = len(self.expected)
        self.totals.jobs_cancelled = len(self.cancelled)
        assert not health(self.dxfd.queue_path)
        with closing(sqlite3.connect(self.dxfd.queue_path)) as connection:
            connection.row_factory = sqlite3.Row
            self._check_attempts(connection)
            _check_story(connection)
            _check_counts(connection)

    def _check_attempts(self, connection: sqlite3.Connection) -> None:
        ended: dict[int, str] = {}
        for row in connection.execute("SELECT * FROM attempts ORDER BY job_id, attempt"):
            who = f"attempt {row['attempt']} of job {row['job_id']}"
            assert row["ended_at"], f"{who} never ended"
            before = ended.get(row["job_id"], "")
            assert row["started_at"] >= before, f"{who} began at {row['started_at']}, the one before ended at {before}"
            ended[row["job_id"]] = row["ended_at"]
            self.totals.attempts += 1
            self.totals.attempts_resumed += row["resumed_from_batch"] > 0
            self.totals.attempts_cut_off += row["cause"] == "cut_off"
            self.totals.attempts_by_signal += row["cause"] == "signal"
            if row["cause"] == "failed":
                self.totals.attempts_failed += 1
                print(f"{who} failed: {row['detail']}", flush=True)


def _check_story(connection: sqlite3.Connection) -> None:
    """Replay every job's events through the table of legal transitions."""
    state: dict[int, JobState] = {}
    for row in connection.execute("SELECT * FROM events ORDER BY seq"):
        job, name, after = row["job_id"], row["event"], JobState(row["state"])
        if name == "submit":
            state[job] = JobState.QUEUED
        elif name != "started":
            state[job] = TRANSITIONS[state[job], JobEvent(name)]
        assert state[job] is after or name == "started", f"job {job}: {name} led to {after}, not to {state[job]}"
    for row in connection.execute("SELECT id, state FROM jobs"):
        assert state[row["id"]].value == row["state"]


def _check_counts(connection: sqlite3.Connection) -> None:
    kept = dict(connection.execute("SELECT state, n FROM job_counts WHERE n > 0").fetchall())
    assert kept == dict(connection.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall())


def soak(kills: int, seed: int, drawings: Path | None = None) -> Totals:
    """Run one soak in a fresh folder and return its totals; AssertionError if anything is wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="dxfd-soak-") as name,
        prepared(Path(name), drawings) as pairs,
        daemon(start=True, **SETTINGS) as dxfd,
        Watch(dxfd.folder) as watch,
    ):
        try:
            return Soak(dxfd, pairs, random.Random(seed), watch).run(kills)
        except BaseException:
            kept = tempfile.mkdtemp(prefix="dxfd-soak-failed-")
            shutil.copytree(dxfd.folder, kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
            print(f"the daemon's folder is kept: {kept}", flush=True)
            raise


def main() -> int:
    """Run a soak and print its totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="daemons and workers to be killed, each (default 200)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--drawings", type=Path, help="folder of drawings to convert beside the generated ones")
    arguments = parser.parse_args()
    print(f"soak: replay with --seed {arguments.seed}", flush=True)
    totals = soak(arguments.rounds, arguments.seed, arguments.drawings)
    for key, value in asdict(totals).items():
        print(f"{key:>22}  {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
