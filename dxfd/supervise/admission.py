"""Who may start now, with how much memory: thin over budget.py, pressure.py and scheduler.py, which decide.

Owns what admission knows: the capacity, sizes and free room that probe.py found, peaks of earlier attempts, the gate.
Starts nothing; arbiter.py asks on its rounds.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from dxfd import logs
from dxfd.config.model import Settings
from dxfd.store.queue import Queue
from dxfd.store.rows import JobRow, Peak
from dxfd.supervise import meter
from dxfd.supervise.aside import longest_look_s
from dxfd.supervise.budget import Bounds, Host, budget_bytes, estimate_bytes, grant_bytes, worker_count
from dxfd.supervise.orders import dwg_memory_bytes
from dxfd.supervise.pressure import Bounds as PressureBounds
from dxfd.supervise.pressure import Gate, Readings, gate, too_little
from dxfd.supervise.probe import Prober
from dxfd.supervise.scheduler import Wish, pick

READ_S: Final = 1.0
"""Pressure and disks are read this often at most."""
MOST_PEAKS: Final = 500
CANDIDATES: Final = 64

log = logs.get_logger()


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to run workers with."""

    workers: int
    budget_bytes: int


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A job to start, and the memory it is given."""

    row: JobRow
    limit_bytes: int


class Admission:
    """Chooses what starts.

    Attributes:
        capacity: workers and memory there are.
        gate: why nothing starts at all, if so.
    """

    def __init__(
        self, queue: Queue, settings: Settings, on_found: Callable[[], None], *, host: Host | None = None
    ) -> None:
        """Take the queue, the settings, and what is called (from a thread) when a look at files is done."""
        self._queue = queue
        self._host = host or _this_host()
        self._prober = Prober(on_found, timeout_s=longest_look_s(settings.io_timeout_s))
        self._peaks = deque(queue.listing.peaks(MOST_PEAKS), maxlen=MOST_PEAKS)
        self._held: dict[int, str] = {}
        self._read_at = float("-inf")
        self.gate = Gate()
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Take new settings."""
        self._settings = settings
        budget = budget_bytes(settings.memory_budget, self._host)
        self.capacity = Capacity(
            budget_bytes=budget,
            workers=worker_count(
                settings.max_workers, cores=self._host.cores, budget=budget, floor=settings.memory_floor
            ),
        )
        self._prober.aside.timeout_s = longest_look_s(settings.io_timeout_s)
        self._read_at = float("-inf")

    def close(self) -> None:
        """Let the threads end."""
        self._prober.close()

    def choose(self, running_bytes: Sequence[int]) -> list[Admitted]:
        """Return what starts now, in order."""
        if self._read_gate().reason or len(running_bytes) >= self.capacity.workers:
            return []
        smallest = self._settings.order == "smallest"
        rows = {row.id: row for row in self._queue.listing.runnable(CANDIDATES, smallest_first=smallest)}
        self._prober.forget(set(rows))
        held, wishes = self._held, []
        self._held = {}
        for row in list(rows.values())[: self.capacity.workers]:
            self._prober.found(row.id, row.source, row.output)  # all at once, not one a round
        for row in rows.values():
            wish = self._wish(row, held)
            if wish is None:
                break  # its files are being looked at: nobody overtakes it meanwhile
            if wish.limit_bytes:
                wishes.append(wish)
        limits = {wish.job_id: wish.limit_bytes for wish in wishes}
        chosen = pick(wishes, running_bytes, max_workers=self.capacity.workers, budget_bytes=self.capacity.budget_bytes)
        return [Admitted(row=rows[job_id], limit_bytes=limits[job_id]) for job_id in chosen]

    def why(self, job_id: int) -> str:
        """Return why a queued job does not start, "" when it is not for its files or the host."""
        return self.gate.reason or self._held.get(job_id, "")

    def learn(self, row: JobRow, peak_rss_bytes: int) -> None:
        """Remember what a whole conversion took."""
        if row.source_bytes and peak_rss_bytes:
            peak = Peak(source=row.source, source_bytes=row.source_bytes, peak_rss_bytes=peak_rss_bytes)
            self._peaks.appendleft(peak)

    def _wish(self, row: JobRow, held: dict[int, str]) -> Wish | None:
        """Return what a job wants, with no bytes if it is held back; None while its files are being looked at."""
        found = self._prober.found(row.id, row.source, row.output)
        if found is None:
            return None
        reason = ""
        if found.hung:
            reason = f"{found.hung} does not answer"
        elif too_little(found.free_bytes, self._settings.disk_reserve, held=row.id in held):
            room = (found.free_bytes or 0) >> 20
            reason = f"little room on the disk of {Path(row.output).parent}: {room} MB"
        if reason:
            self._held[row.id] = reason
            if row.id not in held:
                log.warning("job_held_back", job_id=row.id, reason=reason)
            return Wish(row.id, 0)
        if found.source_bytes and found.source_bytes != row.source_bytes:
            self._queue.jobs.set_size(row.id, found.source_bytes)
        return Wish(row.id, self._grant(row, found.source_bytes or row.source_bytes))

    def _grant(self, row: JobRow, source_bytes: int) -> int:
        bounds = Bounds(
            floor_bytes=self._settings.memory_floor,
            limit_bytes=self._settings.memory_limit,
            budget_bytes=self.capacity.budget_bytes,
        )
        estimate = estimate_bytes(row.source, source_bytes, self._peaks)
        if row.source.lower().endswith(".dwg"):  # its converter is a child that shares the grant
            needed = dwg_memory_bytes(row, self._settings)
            bounds = msgspec.structs.replace(bounds, floor_bytes=needed, limit_bytes=max(needed, bounds.limit_bytes))
        return grant_bytes(row.options.max_memory_bytes, estimate, bounds, had_trouble=row.halvings > 0)

    def _read_gate(self) -> Gate:
        now = time.monotonic()
        if now - self._read_at >= READ_S:
            self._read_at = now
            own = {self._settings.state_dir, self._settings.log_dir}
            readings = Readings(
                pressure=meter.memory_pressure(),
                free_bytes={folder: meter.free_bytes(Path(folder)) for folder in own},
            )
            bounds = PressureBounds(
                pressure=self._settings.pressure_limit, disk_reserve_bytes=self._settings.disk_reserve
            )
            before, self.gate = self.gate, gate(readings, bounds, self.gate)
            if self.gate.reason and not before.reason:
                log.warning("admission_paused", reason=self.gate.reason)
            elif before.reason and not self.gate.reason:
                log.info("admission_resumed", after=before.reason)
        return self.gate


def _this_host() -> Host:
    return Host(
        physical_bytes=meter.physical_bytes(),
        cgroup_bytes=meter.cgroup_limit_bytes(),
        cores=len(os.sched_getaffinity(0)),
    )
