"""The daemon's slow duties: copies of the queue database, and what finished jobs are kept. A loop beside the rounds.

Owns when a copy is due and what is too old; what a copy is, is in dxfd/backups.py. Copying runs in a thread with a
connection of its own, cleaning in small steps: neither requests nor rounds wait for them. What fails is told in the log
and tried again; it never ends the daemon.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from dxfd import backups, logs
from dxfd.backups import Reason
from dxfd.config.model import Settings
from dxfd.contract.messages import BackupView
from dxfd.contract.states import JobState
from dxfd.contract.times import Clock, iso, seconds_of
from dxfd.errors import BackupError, DiskFullError, StoreBusyError, StoreFailingError
from dxfd.store.queue import Queue

LOOK_S = 60.0
"""How often it looks whether something is due, at most."""
RETRY_S = 600.0
"""After a copy that failed."""
_STEP = 200
"""Jobs that are cleaned away in one transaction: some milliseconds."""
_ALL = 2**62

log = logs.get_logger()


def due_at(newest_s: float | None, began_s: float, interval_s: float, *, fresh: bool) -> float:
    """Return when the next scheduled copy is due, in seconds since the epoch.

    A queue that was there before and has no copy gets one at once, a new queue after one interval. Pure.
    """
    if newest_s is None:
        return began_s + (interval_s if fresh else 0.0)
    # A copy from the future (the clock was set back) must not put off the next one for longer than an interval.
    return min(newest_s, began_s) + interval_s if newest_s > began_s else newest_s + interval_s


class Housekeeper:
    """Looks after one queue database.

    Attributes:
        folder: where the copies lie.
    """

    def __init__(self, queue: Queue, settings: Settings, *, clock: Clock) -> None:
        self.folder = Path(settings.backup_dir)
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._changes_copied = -1
        self._due_s = 0.0

    async def run(self) -> None:
        """Do what is due, again and again, until cancelled."""
        interval_s = self._settings.backup_interval_s
        if interval_s:
            self._due_s = await asyncio.to_thread(self._first_due_s, interval_s)
        while True:
            if interval_s and self._clock() >= self._due_s:
                await self._scheduled(interval_s)
            await self._retire()
            await asyncio.sleep(min(LOOK_S, max(0.05, self._due_s - self._clock())) if interval_s else LOOK_S)

    def apply(self, settings: Settings) -> None:
        """Take new settings: what finished jobs are kept. Those of copies need a restart."""
        self._settings = settings

    async def back_up(self, reason: Reason) -> BackupView:
        """Copy the queue database now and return the copy.

        Raises:
            DiskFullError: there is no room for it.
            BackupError: it cannot be made.
        """
        async with self._lock:  # one at a time: a second one would remove the first one's unfinished file
            changes = self._queue.changes
            made = await asyncio.to_thread(backups.make, self._queue.path, self.folder, reason, self._clock())
            self._changes_copied = changes
        log.info("backup_made", name=made.name, size_bytes=made.size_bytes, jobs=made.jobs)
        return made

    async def clean(self, until: str, states: list[JobState], *, most: int = _ALL) -> int:
        """Take finished jobs out of the listing, oldest first; return how many.

        Raises:
            DiskFullError: there is no room to do it; what is done is done.
            StoreBusyError: somebody else holds the queue database.
        """
        done = 0
        while done < most:
            step = min(_STEP, most - done)
            gone = self._queue.jobs.clean(until, states, step)
            done += gone
            if gone < step:
                break
            await asyncio.sleep(0)
        if done:
            log.info("jobs_cleaned", jobs=done, until=until)
        return done

    async def _retire(self) -> None:
        """Keep to the bounds of the settings."""
        settings, now = self._settings, self._clock()
        try:
            if settings.keep_finished_s:
                await self.clean(iso(now - settings.keep_finished_s), [])
            if settings.keep_finished:
                await self.clean(iso(now), [], most=self._queue.history.ended_beyond(settings.keep_finished))
            if settings.keep_history_s:
                until = iso(now - settings.keep_history_s)
                gone = _STEP
                while gone == _STEP:
                    gone = self._queue.jobs.forget(until, _STEP)
                    await asyncio.sleep(0)  # others have their turn
        except (DiskFullError, StoreBusyError, StoreFailingError) as error:
            log.warning("cleaning_put_off", code=error.code, text=error.message)

    def _first_due_s(self, interval_s: float) -> float:
        now = self._clock()
        try:
            copies = backups.listed(self.folder)
        except BackupError as error:
            log.error("backup_failed", code=error.code, text=error.message)  # noqa: TRY400
            return now + RETRY_S
        newest_s = max((seconds_of(view.at) for view in copies), default=None)
        return due_at(newest_s, now, interval_s, fresh=self._queue.fresh)

    async def _scheduled(self, interval_s: float) -> None:
        self._due_s = self._clock() + interval_s
        if self._queue.changes == self._changes_copied:
            return
        try:
            await self.back_up(Reason.SCHEDULED)
            gone = await asyncio.to_thread(backups.rotate, self.folder, self._settings.backup_keep)
        except (BackupError, DiskFullError) as error:
            self._due_s = self._clock() + min(interval_s, RETRY_S)
            log.error("backup_failed", code=error.code, text=error.message)  # noqa: TRY400
        else:
            if gone:
                log.info("backups_removed", names=gone)
