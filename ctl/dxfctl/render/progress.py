"""Progress of jobs being waited for: a moving display on a terminal, one line a transition elsewhere. Writes to stderr.

Both forms are context managers with `change(former, job)` and `note(text)`. rich is imported for the moving one only.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Protocol, Self

from dxfctl.invocation import Invocation
from dxfctl.render import output
from dxfctl.render.jobs import fraction, job_line, note_of, time_left_s
from dxfd.contract.human import clock, count, duration, rate, safe, shorten, size
from dxfd.contract.messages import JobView
from dxfd.contract.states import FINAL, OWNED

if TYPE_CHECKING:
    from rich.progress import TaskID

SHOWN: Final = 12
"""Rows of running jobs at most; there are hardly more workers on one machine."""


class Display(Protocol):
    """What a follower tells its news to."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exc: object) -> None: ...
    def change(self, former: JobView | None, job: JobView) -> None:
        """Show that the job changed."""

    def note(self, text: str) -> None:
        """Show a remark."""


def display_for(invocation: Invocation, total: int) -> Display:
    """Return the display that fits this call: moving on a terminal, silent in JSON mode, else lines."""
    if invocation.json:
        return Silence()
    return Moving(invocation, total) if invocation.live() else Lines(invocation)


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return

    def change(self, former: JobView | None, job: JobView) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""


class Lines:
    """One line for each change of state."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return

    def change(self, former: JobView | None, job: JobView) -> None:
        """Write a line if the state changed."""
        if former is not None and former.state is job.state:
            return
        now = datetime.now(UTC)
        at = clock(now.isoformat(), now=now, utc=self._invocation.utc)
        before = f"{former.state.value} → " if former else ""
        remark = f"  ({note_of(job)})" if note_of(job) else ""
        output.note(
            self._invocation, f"{at} job {job.id} {before}{job.state.value}  {safe(PurePath(job.source).name)}{remark}"
        )

    def note(self, text: str) -> None:
        """Write it."""
        output.note(self._invocation, text)


class Moving:
    """A bar for each running job, and one for all if there are several; ended jobs scroll away above."""

    def __init__(self, invocation: Invocation, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._invocation = invocation
        self._total = total
        self._ended = 0
        self._rows: dict[int, TaskID] = {}
        console = Console(stderr=True, no_color=not invocation.colored(sys.stderr), highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=18),
            TaskProgressColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
            console=console,
            transient=True,
        )
        self._all: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        if self._total > 1:
            self._all = self._progress.add_task("all", total=self._total, facts=f"0 of {self._total} jobs")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._progress.stop()

    def change(self, former: JobView | None, job: JobView) -> None:
        """Move the job's bar; let it go when the job ended."""
        if job.state in FINAL:
            self._let_go(job.id)
            if former is None or former.state not in FINAL:
                self._ended += 1
            if self._all is not None:
                facts = f"{self._ended} of {self._total} jobs"
                self._progress.update(self._all, completed=self._ended, facts=facts)
                self._print(job_line(job, color=False))
            return
        if job.state not in OWNED:
            self._let_go(job.id)
            if former is None or former.state is not job.state:
                self._print(job_line(job, color=False))
            return
        if job.id not in self._rows and len(self._rows) >= SHOWN:
            return
        if job.id not in self._rows:
            name = shorten(f"{job.id} {safe(PurePath(job.source).name)}", 20, middle=True)
            self._rows[job.id] = self._progress.add_task(name, total=1.0, facts="")
        part = fraction(job.progress)
        self._progress.update(self._rows[job.id], completed=part or 0.0, facts=_facts(job))

    def note(self, text: str) -> None:
        """Write it above the bars."""
        self._print(text)

    def _let_go(self, job_id: int) -> None:
        if job_id in self._rows:
            self._progress.remove_task(self._rows.pop(job_id))

    def _print(self, text: str) -> None:
        self._progress.console.print(text, markup=False, soft_wrap=True)


def _facts(job: JobView) -> str:
    progress = job.progress
    if progress is None:
        return job.state.value
    if note_of(job):
        return note_of(job)
    left_s = time_left_s(progress)
    parts = [
        count(progress.entities_read) if progress.entities_read else "",
        rate(progress.entities_per_s),
        size(progress.rss_bytes),
        f"{duration(left_s)} left" if left_s is not None else "",
    ]
    return "  ".join(p for p in parts if p)
