"""Log lines: one JSON object a line with ts (UTC), level, event, then the event's own fields.

Owns the format, the rotated file and the relay of workers' lines. The daemon writes to stderr and to the file, a worker
to its stderr, which the daemon relays. Knows no event by name. A disk that is full costs lines, never the daemon.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from dxfd.contract.times import utc_now
from dxfd.errors import CannotCreateError

# structlog takes along rich and pygments where they are installed, for the colours of a console: two thirds of its
# import, of which a line of JSON needs nothing. Here it finds them missing; who asks for them later gets them.
_hidden = {"rich"} - sys.modules.keys()
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]  # None means: cannot be imported
import structlog  # noqa: E402

for _name in _hidden:
    del sys.modules[_name]

FOLDER_MODE: Final = 0o750
"""Of the log's folder: whoever is in the daemon's group may read."""
LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_MAX_RELAYED: Final = 65_536
"""Bytes of one worker line that are kept."""
ROTATE_AGAIN_S: Final = 60.0
"""After a rotation that failed."""


class LogFile:
    """A file that is renamed to .1, .2, ... when it reaches its size.

    A disk without room costs the lines that did not fit; later ones are written when there is room again, behind a line
    `log_lines_lost`. A rotation that fails costs nothing: the file goes on growing, and it is tried again later.

    Attributes:
        lost_lines: how many lines did not fit, in all.
    """

    def __init__(
        self, path: Path, *, max_bytes: int, backups: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Open the file for appending.

        Raises:
            CannotCreateError: it cannot be opened.
        """
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._clock = clock
        self._rotate_at = float("-inf")
        self._torn = False
        self._untold = 0
        self.lost_lines = 0
        try:
            self._file = self._open()
        except OSError as error:
            raise CannotCreateError(f"the log file {path} cannot be opened: {error.strerror}") from error

    def write(self, line: str) -> None:
        """Append a line; a failed write is counted, not raised."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        self._make_room(len(data))
        if self._untold:
            fields = {"ts": utc_now(), "level": "warning", "event": "log_lines_lost", "lines": self._untold}
            if not self._append(_json(fields).encode() + b"\n"):
                self._lose()
                return
            self._untold = 0
        if not self._append(data):
            self._lose()

    def reopen(self) -> None:
        """Open the path anew (after somebody else renamed the file, or removed its folder)."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            fresh = self._open()
            self._file.close()
            self._file, self._torn = fresh, False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def backup(self, number: int) -> Path:
        """Return the path of the number-th rotated file; 1 is the newest."""
        return self.path.with_name(f"{self.path.name}.{number}")

    def _append(self, data: bytes) -> bool:
        # Unbuffered: each line is one write(2), so a reader never sees half of one, unless the disk becomes full in it.
        try:
            written = self._file.write(b"\n" + data if self._torn else data)
        except (OSError, ValueError):
            return False
        whole = len(data) + self._torn
        self._torn = self._torn if not written else written < whole
        return written == whole

    def _lose(self) -> None:
        self.lost_lines += 1
        self._untold += 1

    def _make_room(self, count: int) -> None:
        try:
            size = self._file.tell()
            if self._max_bytes and size and size + count > self._max_bytes and self._clock() >= self._rotate_at:
                self._rotate_at = self._clock() + ROTATE_AGAIN_S
                self._rotate()
                self._rotate_at = float("-inf")
        except (OSError, ValueError):
            return  # no room, or no right to rename: this file is written on

    def _open(self) -> IO[bytes]:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        file = os.fdopen(descriptor, "ab", buffering=0)
        file.seek(0, os.SEEK_END)
        return file

    def _rotate(self) -> None:
        if self._backups == 0:
            os.truncate(self.path, 0)
        for number in range(self._backups, 0, -1):
            older = self.path if number == 1 else self.backup(number - 1)
            if older.exists():
                older.replace(self.backup(number))
        fresh = self._open()
        self._file.close()
        self._file, self._torn = fresh, False


class _Sink:
    """Where rendered lines go; structlog calls the method of the level's name."""

    def __init__(self, writers: list[Callable[[str], None]]) -> None:
        self._writers = writers

    def msg(self, line: str) -> None:
        for write in self._writers:
            write(line)

    debug = info = warning = error = critical = exception = log = msg


_sink = _Sink([])
_least = LEVELS["info"]


def configure(*, level: str = "info", to_stderr: bool = True, file: LogFile | None = None) -> None:
    """Send every log line of this process to stderr, to a file, or both."""
    global _sink, _least
    writers: list[Callable[[str], None]] = []
    if to_stderr:
        writers.append(_to_stderr)
    if file is not None:
        writers.append(file.write)
    _sink, _least = _Sink(writers), LEVELS[level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamp,
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_least),
        logger_factory=lambda *_: _sink,
        cache_logger_on_first_use=False,
    )
    logging.getLogger("asyncio").addHandler(_FromLogging())
    logging.getLogger("asyncio").propagate = False


def set_level(level: str) -> None:
    """Log from this level on; loggers that are there already follow."""
    global _least  # noqa: PLW0603  (as in configure)
    _least = LEVELS[level]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_least))


def relay(line: bytes, *, job_id: int, attempt: int) -> None:
    """Write a worker's stderr line into this process's log, with its job; text that is no JSON becomes an event."""
    fields: dict[str, Any]
    try:
        decoded = msgspec.json.decode(line)
        fields = decoded if isinstance(decoded, dict) else {"text": str(decoded)}
    except msgspec.DecodeError:
        fields = {"event": "worker_stderr", "level": "warning", "text": line[:_MAX_RELAYED].decode("utf-8", "replace")}
    fields |= {"job_id": job_id, "attempt": attempt}
    level = str(fields.get("level", "info"))
    if LEVELS.get(level, LEVELS["info"]) >= _least:
        head = {"ts": fields.pop("ts", utc_now()), "level": fields.pop("level", "info")}
        _sink.msg(_json(head | {"event": fields.pop("event", "worker_line")} | fields))


def get_logger() -> Any:
    """Return the process's logger: log.info("event_name", field=value)."""
    return structlog.get_logger()


class _FromLogging(logging.Handler):
    """Brings what the standard library logs (asyncio's complaints) into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        stack = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        log = structlog.get_logger()
        log.warning("library_warning", logger=record.name, text=record.getMessage(), exception=stack)


def _stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    head = {"ts": utc_now(), "level": event.pop("level"), "event": event.pop("event")}
    return head | dict(event)


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return _json(event)


def _json(fields: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(fields, enc_hook=str).decode()


def _to_stderr(line: str) -> None:
    # Nobody may be reading any more (closed terminal, full journal): the daemon goes on.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
