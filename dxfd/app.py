"""The daemon: builds its parts, runs their tasks, and ends them in order.

Owns composition, signals and the order of start and end:
folders, log, instance lock, queue, socket, READY · rounds and requests · drain, STOPPING, socket, queue, lock.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from dxfd import __version__, logs, pidfile
from dxfd.config.model import Settings
from dxfd.config.reload import change
from dxfd.contract.times import utc_now
from dxfd.control.changes import Changes
from dxfd.control.server import ControlServer
from dxfd.control.services import Facts, Services
from dxfd.errors import CannotCreateError, DxfdError, JobError
from dxfd.paths import LOG_NAME, PID_NAME, QUEUE_LOCK_NAME, QUEUE_NAME
from dxfd.store.queue import Queue, open_queue
from dxfd.supervise import meter
from dxfd.supervise.arbiter import Arbiter
from dxfd.supervise.housekeeping import Housekeeper
from dxfd.systemd import Notifier

log = logs.get_logger()


def run(
    settings: Settings,
    *,
    to_stderr: bool,
    on_ready: Callable[[], None] | None = None,
    read_again: Callable[[], Settings] | None = None,
) -> None:
    """Run the daemon until it is told to stop; blocks.

    Args:
        settings: the settings in force.
        to_stderr: write log lines to stderr too.
        on_ready: called once the control socket answers.
        read_again: reads the settings anew, for SIGHUP.

    Raises:
        CannotCreateError: a folder, the log or the socket cannot be made.
        AlreadyRunningError: another daemon uses the run folder or the queue.
        StoreError: the queue database cannot be used.
    """
    started = time.monotonic()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # until there is something to reload or to hold, they end nothing
    state_dir, run_dir, log_dir = Path(settings.state_dir), Path(settings.run_dir), Path(settings.log_dir)
    _make(state_dir, 0o700)
    _make(run_dir, 0o750)
    _make(log_dir, logs.FOLDER_MODE)
    with pidfile.acquire(run_dir / PID_NAME) as lock, pidfile.acquire(state_dir / QUEUE_LOCK_NAME) as queue_lock:
        file = logs.LogFile(log_dir / LOG_NAME, max_bytes=settings.log_max_bytes, backups=settings.log_backups)
        logs.configure(level=settings.log_level, to_stderr=to_stderr, file=file)
        try:
            daemon = Daemon(
                settings,
                (lock, queue_lock),
                file,
                on_ready or (lambda: None),
                started,
                read_again or (lambda: settings),
            )
            asyncio.run(daemon.main())
        finally:
            logs.configure(level=settings.log_level, to_stderr=to_stderr)
            file.close()


class Daemon:
    """One run of the daemon."""

    def __init__(
        self,
        settings: Settings,
        locks: tuple[pidfile.PidFile, ...],
        file: logs.LogFile,
        on_ready: Callable[[], None],
        started: float,
        read_again: Callable[[], Settings],
    ) -> None:
        self._settings = settings
        self._locks = locks
        self._file = file
        self._on_ready = on_ready
        self._started = started
        self._read_again = read_again
        self._notifier = Notifier()
        self._changes = Changes()
        self._arbiter: Arbiter | None = None
        self._housekeeper: Housekeeper | None = None

    async def main(self) -> None:
        """Open the queue, serve, drain, close."""
        started_at = utc_now()
        me = pidfile.Instance(
            pid=os.getpid(), started_at=started_at, boot_id=meter.boot_id(), endpoint=self._settings.socket
        )
        for lock in self._locks:
            lock.write(me)
        queue = open_queue(
            Path(self._settings.state_dir) / QUEUE_NAME,
            on_change=self._changes.announce,
            durable=self._settings.fsync == "full",
            backup_dir=Path(self._settings.backup_dir),
        )
        try:
            await self._serve(queue, started_at)
        finally:
            queue.close()
        log.info("daemon_ended")

    async def _serve(self, queue: Queue, started_at: str) -> None:
        arbiter = Arbiter(queue, self._settings, on_round=self._notifier.pat_watchdog)
        self._arbiter = arbiter
        housekeeper = Housekeeper(queue, self._settings, clock=time.time)
        self._housekeeper = housekeeper
        facts = Facts(version=__version__, pid=os.getpid(), started_at=started_at, log_path=self._file.path)
        server = ControlServer(
            self._settings.socket,
            Services(
                queue=queue,
                arbiter=arbiter,
                housekeeper=housekeeper,
                changes=self._changes,
                clock=time.time,
                facts=facts,
                stop=self._stop,
            ),
        )
        try:
            server.bind()
            self._listen_to_signals()
            # A task that fails takes the group down, and the daemon with it: loudly, for systemd to restart it.
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(server.run(), name="control")
                ruling = tasks.create_task(arbiter.run(), name="arbiter")
                keeping = tasks.create_task(housekeeper.run(), name="housekeeping")
                self._announce(queue)
                await ruling
                self._notifier.send("STOPPING=1", "STATUS=ending")
                keeping.cancel()
                serving.cancel()
        except BaseExceptionGroup as group:
            for error in group.exceptions:
                _log_failure(error)
            raise group.exceptions[0] from group
        finally:
            await server.close()

    def _announce(self, queue: Queue) -> None:
        log.info(
            "daemon_started",
            version=__version__,
            pid=os.getpid(),
            socket=self._settings.socket,
            state_dir=self._settings.state_dir,
            migrated=queue.migrated,
            workers=self._arbiter.capacity.workers if self._arbiter else 0,
            memory_budget_bytes=self._arbiter.capacity.budget_bytes if self._arbiter else 0,
            start_s=round(time.monotonic() - self._started, 3),
        )
        self._notifier.send("READY=1", f"MAINPID={os.getpid()}", "STATUS=ready")
        self._on_ready()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number.name)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR1, self._hold, True)
        loop.add_signal_handler(signal.SIGUSR2, self._hold, False)

    def _stop(self, why: str) -> None:
        """Drain at the first call; a second signal ends the workers at once."""
        if self._arbiter is None:
            return
        again = self._arbiter.draining
        log.info("stopping", why=why, now=again, workers=self._arbiter.workers_running)
        if not again:
            self._notifier.send("STOPPING=1", "STATUS=waiting for workers to reach a checkpoint")
            self._arbiter.drain()
        elif why.startswith("SIG"):
            self._arbiter.abandon()

    def _reload(self) -> None:
        """Open the log anew and take over the settings as far as that goes while running; wrong ones change nothing."""
        self._file.reopen()
        tasks = sorted(task.get_name() for task in asyncio.all_tasks())
        workers = self._arbiter.workers_running if self._arbiter else 0
        log.info("log_reopened", lost_lines=self._file.lost_lines, tasks=tasks, workers=workers)
        try:
            found = change(self._settings, self._read_again())
        except DxfdError as error:
            log.error("settings_not_reloaded", code=error.code, text=error.message)  # noqa: TRY400
            return
        self._settings = found.settings
        logs.set_level(found.settings.log_level)
        if self._arbiter is not None:
            self._arbiter.apply(found.settings)
        if self._housekeeper is not None:
            self._housekeeper.apply(found.settings)
        log.info("settings_reloaded", applied=found.applied, at_restart=found.at_restart)

    def _hold(self, paused: bool) -> None:
        """Hold or release the queue, as `dxfctl pause` and `dxfctl resume` do."""
        if self._arbiter is None or self._arbiter.draining:
            return
        try:
            changed = self._arbiter.set_paused(paused)
        except DxfdError as error:
            log.error("queue_not_held_by_signal", paused=paused, code=error.code, text=error.message)  # noqa: TRY400
            return
        log.info("queue_held_by_signal", paused=paused, changed=changed)


def _log_failure(error: BaseException) -> None:
    """Tell what ends the daemon: what can happen to it by its code, what nobody foresaw with its stack.

    An error of a job is its job's affair: that it got this far is a mistake of ours, as is one without a code.
    """
    if isinstance(error, DxfdError) and not isinstance(error, JobError):
        log.critical("daemon_failed", code=error.code, text=error.message, hint=error.hint)
    else:
        log.critical("daemon_failed", code=DxfdError.code, text=f"{type(error).__name__}: {error}", exc_info=error)


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotCreateError(
            f"the folder {folder} cannot be made: {error.strerror}", hint="run as its owner, or set another folder"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotCreateError(f"the folder {folder} cannot be written to")
