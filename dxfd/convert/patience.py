"""Which file operation each thread is in, and since when: a share that is gone hangs a thread without an error.

Owns the notes and the thread that looks at them. It ends nothing: who starts it says what to do about an operation
that takes too long. One note costs a microsecond; operations are on megabytes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

_running: Final[dict[int, tuple[str, float]]] = {}
"""Thread -> what it is doing and since when (monotonic). Each thread writes its own entry only."""
LOOK_MOST_S: Final = 1.0


class Waiting:
    """Notes an operation while it lasts: `with Waiting("reading", path): os.pread(...)`."""

    __slots__ = ("_before", "_thread", "_what")

    def __init__(self, verb: str, path: object) -> None:
        self._what = f"{verb} {path}"
        self._thread = threading.get_ident()
        self._before: tuple[str, float] | None = None

    def __enter__(self) -> None:
        self._before = _running.get(self._thread)
        _running[self._thread] = (self._what, time.monotonic())

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._before is None:
            _running.pop(self._thread, None)
        else:
            _running[self._thread] = self._before


def longest(now_s: float) -> tuple[str, float]:
    """Return the operation that has lasted longest and for how many seconds; ("", 0) when there is none."""
    found = min(list(_running.values()), key=lambda entry: entry[1], default=None)
    return ("", 0.0) if found is None else (found[0], now_s - found[1])


def watch(timeout_s: float, on_stuck: Callable[[str, float], None]) -> None:
    """Start a thread that calls on_stuck(what, seconds) once an operation lasts longer than timeout_s."""

    def run() -> None:
        while True:
            time.sleep(min(LOOK_MOST_S, timeout_s / 4))
            what, seconds = longest(time.monotonic())
            if what and seconds > timeout_s:
                on_stuck(what, seconds)
                return

    threading.Thread(target=run, name="patience", daemon=True).start()
