"""Whether an attempt that ended without a word had published its output: asked of the output itself.

A worker or its daemon can die between the renaming of the output and the note that the job is done. The output then
carries the job's key, and its attempt is done, whatever was asked of the job meanwhile: what was published stays
published. How it is looked at without ever blocking is aside.py's business.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from dxfd.contract.report import bounded
from dxfd.supervise.aside import Aside

_NOT_OF_THE_REPORT: Final = frozenset(
    {"dxfd_version", "started_at", "finished_at", "source_fingerprint", "config_fingerprint", "rules", "run_key"}
)
_LEDGER: Final = (
    "entity_type", "layer", "block", "space", "outcome", "reason", "count", "first_handle", "layout", "origin",
)  # fmt: skip


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for."""

    token: str
    output: str
    run_key: str
    since: str
    """When the attempt began; an output that was finished before is not of it."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found."""

    report: bytes | None = None
    """Of the output, if the attempt published it."""
    hung: bool = False
    """The output's folder does not answer, so nobody knows."""


class Outputs:
    """Looks at outputs without ever blocking its caller."""

    def __init__(
        self,
        on_found: Callable[[], None],
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        read: Callable[[Attempt], bytes | None] | None = None,
    ) -> None:
        """Take what is called (from a thread) after each look; timeout_s is how long one look may take."""
        self.aside: Aside[Look] = Aside("outputs", on_found, timeout_s=timeout_s, clock=clock)
        self._read = read or report_of

    def look(self, attempt: Attempt) -> Look | None:
        """Return what was found; None while somebody is looking. What was found is told once."""
        answer = self.aside.ask(attempt.token, attempt.output, lambda _at: Look(report=self._read(attempt)))
        return None if answer is None else answer.value or Look(hung=True)

    def close(self) -> None:
        """Let the threads that can end do so."""
        self.aside.close()


def report_of(attempt: Attempt) -> bytes | None:
    """Return the report of what an attempt published, and do what it had left to do; None if it published nothing.

    May hang.
    """
    path = Path(attempt.output)
    try:
        if Path(f"{path}.partial").exists():
            return None  # it was still at work: what stands there is older
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            made = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM run_report")}
            if made.get("run_key") != attempt.run_key or str(made.get("finished_at", "")) < attempt.since:
                return None
            rows = connection.execute(f"SELECT {', '.join(_LEDGER)} FROM ledger ORDER BY rowid").fetchall()
        document: dict[str, Any] = {name: made[name] for name in made if name not in _NOT_OF_THE_REPORT}
        _finish(path)
        document["ledger"] = [dict(zip(_LEDGER, row, strict=True)) for row in rows]
        return msgspec.json.encode(bounded(document | {"output": str(path), "output_bytes": path.stat().st_size}))
    except (OSError, sqlite3.Error, ValueError, TypeError, RecursionError):  # or it is another program's, or damaged
        return None


def _finish(output: Path) -> None:
    """Make the output's name durable and remove the lock of its dead writer, unless another has taken it since."""
    folder = os.open(output.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    lock = Path(f"{output}.partial.lock")
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        file = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_ino == lock.stat().st_ino:
                lock.unlink()
        finally:
            os.close(file)
