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


def oldest() -> tuple[str, float] | None:
    """Return the operation that has lasted longest and since when (monotonic); None when there is none."""
    return min(list(_running.values()), key=lambda entry: entry[1], default=None)


def watch(timeout_s: float, on_stuck: Callable[[str, float], None]) -> Callable[[], None]:
    """Start a thread that calls on_stuck(what, seconds) once an operation lasts longer than timeout_s.

    Time in which this process stood still (SIGSTOP, Ctrl-Z) is not counted.

    Returns:
        What ends the thread.
    """
    look_s = min(LOOK_MOST_S, timeout_s / 4)
    ended = threading.Event()

    def run() -> None:
        last, lasted_s, looked_at = None, 0.0, time.monotonic()
        while not ended.wait(look_s):
            now = time.monotonic()
            found = oldest()
            lasted_s = lasted_s + min(now - looked_at, 2 * look_s) if found is not None and found == last else 0.0
            last, looked_at = found, now
            if last is not None and lasted_s > timeout_s:
                on_stuck(last[0], lasted_s)
                return

    threading.Thread(target=run, name="patience", daemon=True).start()
    return ended.set
