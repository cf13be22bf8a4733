"""`make demo`: the main job end to end, with the programs a user has.

Draws the sample, starts a daemon in a folder of its own, submits, shows progress, pauses and resumes once, shows what
became of every entity, stops the daemon, and leaves the database. Needs no terminal; ends with 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from dxfctl.client import Client

from dxfd.contract.messages import JobRef, JobView, Wait
from dxfd.contract.states import FINAL, JobState
from dxfd.errors import DxfdError
from tests.demo.terminal import Terminal

SCALE: Final = 40
"""Concourses: some 340,000 entities, seconds of work, so that there is something to pause."""
PAUSE_AT: Final = 0.3
DEADLINE_S: Final = 300.0
JOB: Final = 1
TRIES: Final = 3
BAR: Final = 32


class DemoFailedError(Exception):
    """The demonstration did not show what it should; the message says what."""


class Desk:
    """A user's desk: a folder with a daemon of its own, and dxfctl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        foreign = ("DXFD_", "DXFCTL_")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(foreign)} | {
            "DXFD_STATE_DIR": str(folder / "state"),
            "DXFD_RUN_DIR": str(folder / "run"),
            "DXFD_LOG_DIR": str(folder / "log"),
        }
        self.endpoint = f"ipc://{folder / 'run' / 'control.sock'}"

    def ctl(self, *words: str) -> None:
        """Run dxfctl as the user would, showing the command and what it says."""
        print(f"\n$ dxfctl {' '.join(words)}", flush=True)
        done = subprocess.run([sys.executable, "-m", "dxfctl", *words], env=self.env, check=False, timeout=DEADLINE_S)
        if done.returncode != 0:
            raise DemoFailedError(f"dxfctl {words[0]} ended with exit code {done.returncode}")


@contextmanager
def desk() -> Iterator[Desk]:
    """A folder with a short path (a socket's path takes 107 bytes); the daemon in it is stopped whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="dxfd-demo-", dir="/tmp" if Path("/tmp").is_dir() else None))
    here = Desk(folder)
    try:
        yield here
    finally:
        if (folder / "run" / "control.sock").exists():
            here.ctl("stop")
        shutil.rmtree(folder)


def show_progress(job: JobView) -> None:
    """Show one line of progress: on a terminal over the last one, else a line of its own."""
    progress = job.progress
    if progress is None:
        return
    share = share_of(job)
    bar = ("█" * round(share * BAR)).ljust(BAR, "·")
    line = (
        f"  {job.state.value:9} {bar} {share:4.0%}  {progress.entities_read:>9,} entities  "
        f"{progress.entities_per_s:>9,.0f}/s  {progress.rss_bytes / 1e6:4.0f} MB  batch {progress.batch}"
    )
    print(f"\r{line}\033[K" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)


def share_of(job: JobView) -> float:
    """Return how much of the drawing is read, 0 to 1."""
    progress = job.progress
    return progress.bytes_done / progress.bytes_total if progress and progress.bytes_total else 0.0


def follow(client: Client, until: float | None = None, states: frozenset[JobState] = FINAL) -> JobView:
    """Show progress until the job is in one of the states, or has read the share `until`."""
    rev, deadline = -1, time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        reply = client.wait(Wait(job_id=JOB, rev=rev, timeout_s=1.0))
        job = reply.job
        if job.rev != rev:
            show_progress(job)
        rev = job.rev
        if job.state in FINAL | states or (until is not None and share_of(job) >= until):
            if sys.stdout.isatty():
                print()
            return job
    raise DemoFailedError(f"the job did not get on within {DEADLINE_S:g} s")


def convert(here: Desk, drawing: Path, database: Path) -> bool:
    """Submit, pause, resume, wait; return whether the pause came in time."""
    here.ctl("start")
    here.ctl("submit", str(drawing), "--output", str(database), "--batch-size", "20000", "--label", "demo")
    with Client(here.endpoint) as client:
        job = follow(client, until=PAUSE_AT)
        if job.state not in FINAL:
            here.ctl("pause", str(JOB))
            job = follow(client, states=frozenset({JobState.PAUSED}))
        paused = job.state is JobState.PAUSED
        if paused:
            here.ctl("status")
            here.ctl("resume", str(JOB))
            job = follow(client)
        if job.state is not JobState.SUCCEEDED:
            raise DemoFailedError(f"the job ended {job.state.value}: {job.error_code} {job.error_message}")
        attempts = client.show(JobRef(job_id=JOB)).attempts
    if paused and (len(attempts) < 2 or attempts[-1].resumed_from_batch < 1):
        raise DemoFailedError("the resumed job did not go on from its checkpoint")
    here.ctl("show", str(JOB))
    return paused


def show_database(database: Path) -> None:
    """Print what is in the database: elements, ledger, match rate."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        print("\nElements by discipline and IFC class")
        rows = db.execute(
            "SELECT discipline, ifc_class, COUNT(*) FROM elements_meta GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
        )
        for discipline, ifc_class, count in rows:
            print(f"  {discipline:5} {ifc_class:30} {count:>9,}")
        print("\nLedger: what became of every entity (elements by outcome, then what was skipped and why)")
        for outcome, count in db.execute("SELECT outcome, SUM(count) FROM ledger GROUP BY 1 ORDER BY 1"):
            print(f"  {outcome:9} {count:>9,}")
        skipped = db.execute(
            "SELECT reason, entity_type, layer, block, SUM(count) FROM ledger WHERE outcome <> 'element' "
            "GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4"
        )
        for reason, kind, layer, block, count in skipped:
            print(f"    {count:>7,}  {reason:17} {kind:10} {layer} {block}".rstrip())
        read, made = db.execute(
            "SELECT SUM(count), SUM(count) FILTER (WHERE outcome = 'element') FROM ledger WHERE space = 'model'"
        ).fetchone()
        elements = db.execute("SELECT COUNT(*) FROM elements_meta").fetchone()[0]
        disciplines = db.execute("SELECT COUNT(DISTINCT discipline) FROM elements_meta").fetchone()[0]
        verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
    print(f"\nMatch rate {made / read:.1%}: {made:,} of {read:,} entities, {elements:,} elements. Database: {verdict}")
    if (disciplines, verdict) != (8, "ok"):
        raise DemoFailedError(f"expected eight disciplines and a sound database, found {disciplines} and {verdict}")


def demonstrate(scale: int, database: Path) -> bool:
    """Run the whole demonstration once; return whether the pause could be shown."""
    with desk() as here:
        drawing = here.folder / "terminal.dxf"
        terminal = Terminal(scale)
        terminal.drawing.write(str(drawing))
        size_mb = drawing.stat().st_size / 1e6
        print(f"Sample: {drawing}, {len(terminal.model):,} entities, {size_mb:.0f} MB")
        del terminal
        for old in (database, database.with_name(database.name + ".partial")):
            old.unlink(missing_ok=True)
        paused = convert(here, drawing, database)
    show_database(database)
    return paused


def demonstrate_paused(scale: int, database: Path) -> None:
    """Run the demonstration; a machine too fast for the pause gets a larger drawing."""
    for attempt in range(TRIES):
        if demonstrate(scale << attempt, database):
            return
        print("\nThe conversion was over before the pause reached it; once more with twice the drawing.", flush=True)
    raise DemoFailedError("the conversion was always over before the pause reached it")


def main() -> None:
    """Run the demonstration and say in one line what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=SCALE, help=f"concourses of some 8,400 entities (default {SCALE})")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder of the database")
    arguments = parser.parse_args()
    database = arguments.output.absolute() / "terminal.db"
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        demonstrate_paused(arguments.scale, database)
    except (DemoFailedError, DxfdError, OSError, sqlite3.Error, subprocess.TimeoutExpired) as error:
        sys.exit(f"demo failed: {error}")
    print(f"\nThe database is left at {database}")
    print(f"  try:  sqlite3 {database} 'SELECT ifc_class, COUNT(*) FROM elements_meta GROUP BY 1'")


if __name__ == "__main__":
    main()
