"""One worker process as the daemon sees it: its pipes, what it said last, and the ways to end it.

Owns spawning (exec, never fork with the queue open), reading the pipes, and the exit. Decides nothing and writes
nothing to the queue: arbiter.py reads these facts on its rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from dxfd import logs
from dxfd.contract.progress import (
    Checkpoint,
    Done,
    Failed,
    Issue,
    Leave,
    Left,
    Progress,
    Started,
    WorkerEvent,
    WorkOrder,
)
from dxfd.store.rows import WorkerProcess
from dxfd.supervise import cgroups, meter
from dxfd.supervise.exits import Ended, Killed

MAX_LINE_BYTES = 32 * 1024**2
"""The report of a drawing with very many layers is the longest line."""
PIPES_GRACE_S = 2.0
"""How long pipes may stay open after the exit (somebody else holds them)."""
LINES_AT_ONCE = 100
"""After so many lines of one pipe the others, and everybody else on the loop, have their turn."""
FLOOD_REST_S = 0.01
"""... and the reader rests: a worker that floods its pipe is slowed down by it, not the daemon."""
LOG_LINES_PER_S = 200
"""Lines of one worker's stderr that go into the log; what is beyond is counted, not kept."""
_NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")

log = logs.get_logger()
_decoder = msgspec.json.Decoder(WorkerEvent)


class Child:
    """A worker that is starting, running, or has ended.

    Attributes:
        order: what it was told to do.
        group: the cgroup it runs in, None without one.
        limit_bytes: its memory limit, which its admission was paid with.
        process: who it is, once it runs.
        started: its first event, once it came.
        progress: how far it is.
        heard_at: monotonic time of its last event.
        leave_cause: why it was told to leave, "" if it was not.
        leave_at: monotonic time of that.
        ended: it has exited and its pipes are read.
    """

    def __init__(
        self,
        order: WorkOrder,
        limit_bytes: int,
        batch_before: int,
        on_news: Callable[[], None],
        *,
        group: Path | None = None,
    ) -> None:
        self.order = order
        self.group = group
        self.limit_bytes = limit_bytes
        self.process: WorkerProcess | None = None
        self.started: Started | None = None
        self.progress: Progress | None = None
        self.heard_at = _now()
        self.leave_cause = ""
        self.leave_at = 0.0
        self.ended = False
        self._termed = False
        self._batch = 0
        self._batch_before = batch_before
        self._last: Done | Left | Failed | None = None
        self._killed = Killed.NOT
        self._note = ""
        self._peak_rss_bytes = 0
        self._status: int | None = None
        self._on_news = on_news
        self._handle: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before it runs."""
        return self._handle.pid if self._handle is not None else 0

    async def start(self, log_level: str) -> None:
        """Spawn the process and give it its order; a failure ends the child with a note."""
        env = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        env["DXFD_WORKER_LOG_LEVEL"] = log_level
        try:
            self._handle = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the current folder is no place to import from
                "-m",
                "dxfd.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MAX_LINE_BYTES,
                env=env,
                start_new_session=True,  # a Ctrl-C at the daemon's terminal is the daemon's to answer
            )
        except OSError as error:
            self._note = error.strerror or str(error)
            self.ended = True
            self._on_news()
            return
        self.heard_at = _now()
        self.process = meter.identify(self._handle.pid)
        if self.group is not None:
            cgroups.enter(self.group, self._handle.pid)  # before its order comes: what it takes is counted there
        self._write(self.order)
        if self.leave_cause:
            self._write(Leave(cause=self.leave_cause))
        self._task = asyncio.create_task(self._follow(self._handle), name=f"worker-{self.order.job_id}")

    def excuse(self, by_s: float) -> None:
        """Do not count a time against it in which the daemon itself did nothing."""
        self.heard_at += by_s
        self.leave_at += by_s

    def leave(self, cause: str) -> None:
        """Tell it to commit its batch and end; a second cause only replaces the word in our books."""
        if not self.leave_cause:
            self.leave_at = _now()
            if self._handle is not None:
                self._write(Leave(cause=cause))
        self.leave_cause = cause

    def insist(self, stop_timeout_s: float) -> None:
        """Send a worker that was told to leave SIGTERM after half its time, SIGKILL after all of it."""
        if not self.leave_cause or self.ended:
            return
        waited = _now() - self.leave_at
        if waited >= stop_timeout_s:
            self.kill(Killed.STUBBORN)
        elif waited >= stop_timeout_s / 2 and not self._termed:
            self._termed = True
            self._signal(signal.SIGTERM)

    def kill(self, why: Killed) -> None:
        """End the process and all of its session now; the first reason stays."""
        if self._killed is Killed.NOT:
            self._killed = why
        self._signal(signal.SIGKILL)

    def measure(self) -> int:
        """Measure and return its resident memory in bytes; the peak is kept."""
        rss = meter.rss_bytes(self.pid) if self.pid and not self.ended else 0
        self._peak_rss_bytes = max(self._peak_rss_bytes, rss)
        return rss

    def ending(self) -> Ended:
        """Return how it ended."""
        return Ended(
            status=self._status,
            last=self._last,
            killed=self._killed,
            note=self._note,
            progress=self.progress,
            batch=self._batch,
            batch_before=self._batch_before,
            peak_rss_bytes=self._peak_rss_bytes,
            limit_bytes=self.limit_bytes,
            out_of_memory=cgroups.was_out_of_memory(self.group),
        )

    async def _follow(self, handle: asyncio.subprocess.Process) -> None:
        """Read both pipes until the process has exited and they are at their end."""
        readers = [
            asyncio.create_task(self._read_events(handle), name=f"events-{self.order.job_id}"),
            asyncio.create_task(self._read_stderr(handle), name=f"stderr-{self.order.job_id}"),
        ]
        try:
            self._status = await handle.wait()
            _, late = await asyncio.wait(readers, timeout=PIPES_GRACE_S)
            if late:
                log.warning("worker_pipes_held_open", job_id=self.order.job_id)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            if handle.stdin is not None:
                handle.stdin.close()
            self.ended = True
            self._on_news()

    async def _read_events(self, handle: asyncio.subprocess.Process) -> None:
        async for line in _lines(handle.stdout):
            self.heard_at = _now()
            try:
                self._hear(_decoder.decode(line))
            except msgspec.DecodeError as error:
                log.warning("worker_event_not_understood", job_id=self.order.job_id, reason=str(error))

    async def _read_stderr(self, handle: asyncio.subprocess.Process) -> None:
        second, lines = 0, 0
        async for line in _lines(handle.stderr):
            if int(_now()) != second:
                self._tell_dropped(lines)
                second, lines = int(_now()), 0
            lines += 1
            if lines <= LOG_LINES_PER_S:
                logs.relay(line, job_id=self.order.job_id, attempt=self.order.attempt)
        self._tell_dropped(lines)

    def _tell_dropped(self, lines: int) -> None:
        if lines > LOG_LINES_PER_S:
            log.warning("worker_lines_dropped", job_id=self.order.job_id, lines=lines - LOG_LINES_PER_S)

    def _hear(self, event: WorkerEvent) -> None:
        match event:
            case Progress():
                step = self.progress.memory_step if self.progress is not None else ""
                self.progress = event
                if event.memory_step != step:
                    log.info(
                        "worker_memory_step",
                        job_id=self.order.job_id,
                        step=event.memory_step or "none",
                        rss_bytes=event.rss_bytes,
                        limit_bytes=self.limit_bytes,
                    )
                self._batch = max(self._batch, event.batch)
                self._peak_rss_bytes = max(self._peak_rss_bytes, event.rss_bytes)
                return
            case Checkpoint():
                self._batch = max(self._batch, event.batch)
                self.progress = msgspec.structs.replace(
                    self.progress or Progress(),
                    batch=event.batch,
                    entities_read=event.entities_read,
                    elements_written=event.elements_written,
                    bytes_done=event.bytes_done,
                )
                return
            case Issue():
                log.debug("drawing_issue", job_id=self.order.job_id, code=event.issue_code, text=event.message)
                return
            case Started():
                self.started = event
                self._batch = event.resumed_from_batch
            case Done() | Left() | Failed():
                self._last = event
        self._on_news()

    def _write(self, message: WorkOrder | Leave) -> None:
        # A worker that is gone already is noticed by its exit.
        if self._handle is not None and self._handle.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._handle.stdin.write(msgspec.json.encode(message) + b"\n")

    def _signal(self, number: signal.Signals) -> None:
        if self._handle is not None and self._handle.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._handle.pid, number)


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    """Yield the lines of a pipe; one that is too long is dropped with a word in the log."""
    since, lines = _now(), 0
    while stream is not None:
        lines += 1
        if lines == LINES_AT_ONCE:
            # readline() does not wait while lines are in the buffer: without a rest a flood would have the loop alone.
            await asyncio.sleep(FLOOD_REST_S if _now() - since < 10 * FLOOD_REST_S else 0)
            since, lines = _now(), 0
        try:
            line = await stream.readline()
        except ValueError:
            log.warning("worker_line_too_long", limit_bytes=MAX_LINE_BYTES)
            continue
        if not line:
            return
        yield line


def _now() -> float:
    return asyncio.get_running_loop().time()
