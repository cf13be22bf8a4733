"""Progress of a conversion in the foreground, on stderr: a bar on a terminal, a line every ten seconds elsewhere.

Takes the events of dxfd.convert.types; holds no conversion state. rich is imported for the bar only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol, Self

from dxfd.cli import streams
from dxfd.contract.human import count, duration, percent, rate, size

if TYPE_CHECKING:
    from rich.progress import TaskID

    from dxfd.convert.types import Advanced, Event

LINE_EVERY_S: Final = 10.0
_WORDS: Final = {"skim": "first pass", "read": "converting", "index": "indexing", "publish": "publishing"}


class Shown(Protocol):
    """What the conversion's events are told to."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exc: object) -> None: ...
    def event(self, event: Event) -> None:
        """Show an event of the conversion."""

    def note(self, text: str) -> None:
        """Show a remark."""


def progress_for(*, quiet: bool, terminal: bool) -> Shown:
    """Return the display that fits."""
    if quiet:
        return Silence()
    return Bar() if terminal else Lines()


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return

    def event(self, event: Event) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""


class Lines(Silence):
    """A line every ten seconds."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def event(self, event: Event) -> None:
        """Write a line if the last one is old."""
        from dxfd.convert.types import Advanced

        if isinstance(event, Advanced) and time.monotonic() - self._told_at >= LINE_EVERY_S:
            self._told_at = time.monotonic()
            self.note(f"{_WORDS[event.phase]}: {facts(event)}")

    def note(self, text: str) -> None:
        """Write it."""
        streams.say(f"{text}\n")


class Bar:
    """A moving bar; gone when the conversion ends."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        self._task = self._progress.add_task(_WORDS["skim"], total=None, facts="")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._progress.stop()

    def event(self, event: Event) -> None:
        """Move the bar."""
        from dxfd.convert.types import Advanced

        if isinstance(event, Advanced) and self._task is not None:
            self._progress.update(
                self._task,
                description=_WORDS[event.phase],
                total=event.bytes_total or None,
                completed=event.bytes_done,
                facts=facts(event, with_percent=False),
            )

    def note(self, text: str) -> None:
        """Write it above the bar."""
        self._progress.console.print(text, markup=False, soft_wrap=True)


def facts(event: Advanced, *, with_percent: bool = True) -> str:
    """Return percent, entities, rate, memory, time left, as far as they are known."""
    left = event.entities_total - event.entities_read
    share = event.bytes_done / event.bytes_total if event.bytes_total and with_percent else 0.0
    parts = [
        percent(share) if share else "",
        f"{count(event.entities_read)} entities" if event.entities_read else "",
        rate(event.entities_per_s),
        size(event.rss_bytes),
        f"{duration(left / event.entities_per_s)} left" if left > 0 and event.entities_per_s > 0 else "",
    ]
    return "  ".join(p for p in parts if p)
