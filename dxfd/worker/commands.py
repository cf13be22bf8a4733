"""The worker's ear: a thread that reads commands from stdin and notes why the conversion should leave.

Owns the flag only. The conversion asks it at each checkpoint, so nothing is ever torn out of a batch. End-of-file means
that the daemon is gone: the batch in hand is committed and the worker leaves.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

import msgspec

from dxfd.contract.progress import Leave, WorkerCommand, WorkOrder

_CHUNK = 65_536


class Commands:
    """What the daemon asked for since the work order."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self._cause: str | None = None
        self._decoder = msgspec.json.Decoder(WorkerCommand)

    def read_order(self) -> WorkOrder | None:
        """Block for the first line and return it; None at end-of-file.

        Raises:
            msgspec.DecodeError: it is no work order.
        """
        line = self._line()
        return None if line is None else msgspec.json.decode(line, type=WorkOrder)

    def listen(self) -> None:
        """Begin to read commands, and take SIGTERM for `leave`."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's to answer
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def should_leave(self) -> str | None:
        """Return the cause of leaving, or None: go on."""
        return self._cause

    def leave(self, cause: str) -> None:
        """Note a cause; the first one stays."""
        self._cause = self._cause or cause

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.leave("shutdown")

    def _read(self) -> None:
        while (line := self._line()) is not None:
            try:
                command = self._decoder.decode(line)
            except msgspec.DecodeError:
                continue  # a command of a newer daemon; what it needs at least (leave) it also says by SIGTERM
            if isinstance(command, Leave):
                self.leave(command.cause)
        self.leave("orphaned")

    def _line(self) -> bytes | None:
        # os.read and not sys.stdin: a daemon thread blocked in a buffered reader aborts the interpreter's exit.
        while b"\n" not in self._buffer:
            try:
                data = os.read(self._descriptor, _CHUNK)
            except OSError:
                return None
            if not data:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line
