"""Ctrl-C and SIGTERM during a conversion in the foreground: the first asks for a checkpoint, the second ends at once.

A thread reads the signals' numbers from a wake-up pipe, so that it answers while the main thread is in a long call of a
C library (an index of a million rows takes seconds, and Python's own handlers wait for its end).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Self

EXIT_CODES: Final = {signal.SIGINT: 130, signal.SIGTERM: 143}
_CAUSES: Final = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminate"}
SHOW_CURSOR: Final = "\x1b[?25h\n"


class Interrupts:
    """Catches SIGINT and SIGTERM while entered; only in the main thread.

    Args:
        on_first: called from the thread when the first signal comes.
        terminal: write the sequence that shows the cursor before an immediate end.
    """

    def __init__(self, on_first: Callable[[], None], *, terminal: bool) -> None:
        self._on_first = on_first
        self._terminal = terminal
        self._first: signal.Signals | None = None
        self._read = self._write = -1
        self._former: dict[signal.Signals, Any] = {}
        self._former_fd = -1
        self._thread = threading.Thread(target=self._listen, name="interrupts", daemon=True)

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)  # set_wakeup_fd asks for it
        self._former_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in EXIT_CODES:
            self._former[number] = signal.signal(number, _ignore)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_fd)
        os.close(self._write)  # the thread reads the end and leaves
        self._thread.join()
        os.close(self._read)

    def cause(self) -> str | None:
        """Return why to leave at the next checkpoint, or None to go on."""
        return _CAUSES[self._first] if self._first is not None else None

    @property
    def exit_code(self) -> int:
        """The exit code of the signal that came first (130 if none did)."""
        return EXIT_CODES[self._first or signal.SIGINT]

    def _listen(self) -> None:
        while numbers := os.read(self._read, 16):
            for number in numbers:
                if number in set(EXIT_CODES):
                    self._take(signal.Signals(number))

    def _take(self, number: signal.Signals) -> None:
        if self._first is not None:
            if self._terminal:
                os.write(2, SHOW_CURSOR.encode())
            os._exit(EXIT_CODES[number])
        self._first = number
        self._on_first()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the pipe has the number already."""
