"""Crashes a sequence of changes of the queue at every SQL statement: a process of its own, run by a test.

For n = 1, 2, 3, … a forked child makes the changes and kills itself before statement n. What it leaves must be the
queue before or after the change it was at, and the rest of the sequence must lead to the same end from there.

`python -m tests.crash.every_change FOLDER` prints one JSON document.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from dxfd.contract.messages import JobOptions
from dxfd.contract.progress import Progress
from dxfd.contract.states import JobEvent
from dxfd.store.queue import Queue, open_queue
from dxfd.store.rows import Ending, NewJob, WorkerProcess
from tests.crash.compare import health
from tests.crash.forked import in_child

NOW = 1_800_000_000.0
Change = Callable[[Queue], object]


def _new(number: int, **fields: Any) -> NewJob:
    new = NewJob(
        source=f"/in/{number}.dxf", output=f"/out/{number}.db", converter="bim", options=JobOptions(), priority=number,
        label="", max_attempts=3, owner_uid=0, owner="root", idempotency_key=f"key{number}" if number % 2 else "",
    )  # fmt: skip
    return msgspec.structs.replace(new, **fields)


def _submit(number: int, **fields: Any) -> Change:
    return lambda queue: queue.jobs.submit(_new(number, **fields))


def _claim(job: int, token: str) -> Change:
    return lambda queue: queue.jobs.claim(job, token)


def _ask(job: int, event: JobEvent) -> Change:
    return lambda queue: queue.jobs.ask(job, event)


def _end(job: int, token: str, event: JobEvent, **fields: Any) -> Change:
    return lambda queue: queue.jobs.end_attempt(job, token, event, Ending(**fields))


def _ran(job: int, token: str) -> list[Change]:
    process = WorkerProcess(pid=4321, pid_start=99, boot_id="b")
    return [
        _claim(job, token),
        lambda queue: queue.jobs.set_process(token, process),
        lambda queue: queue.jobs.set_started(job, token, 0, "an interrupted run was discarded", source_checksum="c"),
        lambda queue: queue.jobs.set_progress(job, token, Progress(phase="read", batch=3, entities_read=3000)),
    ]


_LATER = "2030-01-01T00:00:00.000Z"
CHANGES: list[Change] = [
    *(_submit(n) for n in (1, 2, 3)),
    *_ran(1, "a"),
    _ask(1, JobEvent.PAUSE),
    _end(1, "a", JobEvent.YIELD, cause="yielded", progressed=True),
    _ask(1, JobEvent.RESUME),
    *_ran(1, "b"),
    _end(1, "b", JobEvent.FINISH, cause="finished", report=msgspec.json.encode({"ok": True})),
    *_ran(2, "c"),
    _end(2, "c", JobEvent.LOSE, cause="signal", charged=True, death=True, not_before=_LATER, error_code="E_LOST"),
    _ask(2, JobEvent.DUE),
    _claim(2, "l"),
    _end(2, "l", JobEvent.LOSE, cause="locked", locked=True, not_before=_LATER, error_code="E_OUTPUT_BUSY"),
    _ask(2, JobEvent.DUE),
    _claim(2, "d"),
    _end(2, "d", JobEvent.QUARANTINE, cause="signal", charged=True, death=True, error_code="E_LOST"),
    _ask(2, JobEvent.RETRY),
    lambda queue: queue.jobs.set_paused(True),
    _claim(3, "e"),
    _ask(3, JobEvent.CANCEL),
    _end(3, "e", JobEvent.CUT_OFF, cause="cut_off"),
    lambda queue: queue.jobs.set_paused(False),
    _submit(4),
    _submit(5, after=[4]),
    _submit(6, after=[5]),
    _submit(7, after=[4], after_any=True, start_at=_LATER),
    _ask(6, JobEvent.PAUSE),
    _claim(4, "f"),
    _end(4, "f", JobEvent.FAIL, cause="failed", charged=True, error_code="E_NOT_DXF"),
    _ask(7, JobEvent.RESUME),
    lambda queue: queue.jobs.clean("9999", [], 2),
    lambda queue: queue.jobs.forget("9999", 1),
]  # fmt: skip


class Statements:
    """Counts the SQL statements of this process and ends it before one of them."""

    def __init__(self, fatal: int) -> None:
        self.seen = 0
        self._fatal = fatal

    def watch(self) -> None:
        """Count from the next connection on."""
        connect = sqlite3.connect

        def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **named)
            connection.set_trace_callback(self._statement)
            return connection

        sqlite3.connect = traced  # type: ignore[assignment]

    def _statement(self, _sql: str) -> None:
        self.seen += 1
        if self.seen == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def dump(path: Path) -> list[str]:
    """Return all that the database says, but for the name of the queue, which is drawn by lot."""
    with closing(sqlite3.connect(path)) as connection:
        lines = list(connection.iterdump())
    return [re.sub(r"'[0-9a-f]{16}'", "''", line) if 'INSERT INTO "queue"' in line else line for line in lines]


def make(path: Path, begin: int, tell: Callable[[str, Any], None], fatal: int = 0, *, dumps: bool = False) -> None:
    """Open the queue and make the changes from the begin-th on, telling each one that is complete."""
    statements = Statements(fatal)
    if fatal or dumps:
        statements.watch()
    tell("done", -1)
    queue = open_queue(path, clock=lambda: NOW, durable=False)
    tell("done", begin)
    for number, change in enumerate(CHANGES[begin:], start=begin + 1):
        change(queue)
        tell("done", number)
    tell("statements", statements.seen)
    queue.close()


def states(folder: Path) -> list[list[str]]:
    """Return what the queue says before each change and after the last."""
    path = folder / "undisturbed.db"
    found = []
    queue = open_queue(path, clock=lambda: NOW, durable=False)
    for change in [None, *CHANGES]:
        if change is not None:
            change(queue)
        queue.close()
        found.append(dump(path))
        queue = open_queue(path, clock=lambda: NOW, durable=False)
    queue.close()
    return found


def crash_at(path: Path, fatal: int, legal: list[list[str]]) -> list[str] | None:
    """Crash at a statement and return what is wrong with what is left; None when the child survived."""
    for name in path.parent.glob(path.name + "*"):
        name.unlink()
    ended = in_child(lambda tell: make(path, 0, tell, fatal))
    if not ended.killed:
        return None
    open_queue(path, clock=lambda: NOW, durable=False).close()  # what a daemon does first: check, migrate
    done = int(ended.told["done"])
    left = dump(path)
    here = [k for k in (max(done, 0), done + 1) if k < len(legal) and legal[k] == left]
    faults = [f"statement {fatal}: {line}" for line in health(path)]
    if not here:
        return [*faults, f"statement {fatal}: neither the queue before change {done + 1} nor after it"]
    in_child(functools.partial(make, path, here[-1]))
    if dump(path) != legal[-1]:
        faults.append(f"statement {fatal}: going on leads elsewhere")
    return faults


def main() -> None:
    """Crash at every statement and print what came of it."""
    folder = Path(sys.argv[1])
    legal = states(folder)
    gc.freeze()
    fatal, faults = 0, list[str]()
    while (found := crash_at(folder / "queue.db", fatal + 1, legal)) is not None:
        fatal += 1
        faults += found
    json.dump({"crashes": fatal, "changes": len(CHANGES), "faults": faults}, sys.stdout)


if __name__ == "__main__":
    main()
