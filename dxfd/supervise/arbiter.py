"""The supervisor: rounds of named duties over the workers and the queue.

Owns the children and the rule that only it starts, ends and reaps them. Decisions are in scheduler.py, memory.py and
exits.py; the queue's truth is in store/. Runs as one task in the daemon; what it does between two awaits is short.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable

import msgspec

from dxfd import faults, logs
from dxfd.config.model import Settings
from dxfd.contract.progress import Done, Progress
from dxfd.contract.states import FINAL, JobEvent, JobState
from dxfd.contract.times import Clock
from dxfd.errors import DiskFullError, DxfdError, StaleAttemptError, StoreBusyError, StoreFailingError
from dxfd.store.queue import Queue
from dxfd.store.rows import JobRow
from dxfd.supervise import cgroups, meter
from dxfd.supervise.admission import Admission, Admitted, Capacity
from dxfd.supervise.aside import longest_look_s
from dxfd.supervise.child import Child
from dxfd.supervise.clocks import Clocks
from dxfd.supervise.exits import Ended, Killed, Policy, judge
from dxfd.supervise.finished import log_finished, why_waiting
from dxfd.supervise.memory import Action, Sample, decide
from dxfd.supervise.orders import order_of
from dxfd.supervise.published import Attempt, Look, Outputs
from dxfd.supervise.recover import Leftover, find_leftovers, settle

PROGRESS_WRITE_S = 1.0
"""Progress of a job is written to the queue this often at most."""
MEASURE_S = 0.5
TROUBLE_LOG_S = 60.0

log = logs.get_logger()


class Arbiter:
    """Runs the jobs of one queue.

    Attributes:
        draining: it starts nothing any more and ends once its workers have left.
    """

    def __init__(
        self,
        queue: Queue,
        settings: Settings,
        *,
        clock: Clock = time.time,
        on_round: Callable[[], None] | None = None,
    ) -> None:
        """Take the queue, the settings, and a function called at the end of each round (the watchdog)."""
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._on_round = on_round or (lambda: None)
        self._children: dict[int, Child] = {}
        self._leftovers: list[Leftover] = []
        self._began_at = 0.0
        self._wake = asyncio.Event()
        self._written: dict[int, tuple[float, Progress | None]] = {}
        self._noted: set[str] = set()
        self._measured_at = 0.0
        self._trouble_at = float("-inf")
        self._paused = queue.listing.paused()
        self._queue_uid = queue.listing.uid()
        self.draining = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._admission = Admission(queue, settings, self._wake_from_thread)
        self._outputs = Outputs(self._wake_from_thread, timeout_s=longest_look_s(settings.io_timeout_s))
        self._clocks = Clocks()
        self._groups = cgroups.WorkerGroups(None)
        self._policy = _policy(settings)

    # --- what the control side asks ---------------------------------------------------------------------------

    @property
    def capacity(self) -> Capacity:
        """Workers and memory it may use."""
        return self._admission.capacity

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    def apply(self, settings: Settings) -> None:
        """Take new settings; what runs goes on with what it was started with."""
        self._settings = settings
        self._policy = _policy(settings)
        self._admission.apply(settings)
        self._outputs.aside.timeout_s = longest_look_s(settings.io_timeout_s)
        self.wake()

    @property
    def held_by(self) -> str:
        """Why nothing starts at all (memory pressure, a low disk), "" when something may."""
        return self._admission.gate.reason

    @property
    def workers_running(self) -> int:
        """How many workers there are now."""
        return len(self._children)

    @property
    def paused(self) -> bool:
        """Whether the queue is held."""
        return self._paused

    def live(self, job_id: int) -> tuple[int, Progress | None]:
        """Return pid and newest progress of a job's worker; 0 and None when it has none."""
        child = self._children.get(job_id)
        return (0, None) if child is None else (child.pid, child.progress)

    def memory_used_bytes(self) -> int:
        """Return the resident memory of the daemon and its workers."""
        return meter.rss_bytes(os.getpid()) + sum(child.measure() for child in self._children.values())

    def ask_leave(self, job_id: int, cause: str) -> None:
        """Tell a job's worker to leave at its next checkpoint."""
        child = self._children.get(job_id)
        if child is not None:
            child.leave(cause)
        self.wake()

    def set_paused(self, paused: bool) -> bool:
        """Hold or release the queue and return whether that changed it; held, running jobs go back at a checkpoint."""
        changed = self._queue.jobs.set_paused(paused)
        self._paused = paused
        if paused:
            for child in self._children.values():
                child.leave("pause")
        self.wake()
        return changed

    def drain(self) -> None:
        """Start nothing any more; every worker leaves at its next checkpoint, then run() returns."""
        self.draining = True
        for child in self._children.values():
            child.leave("shutdown")
        self.wake()

    def abandon(self) -> None:
        """End every worker now; their last batch is what is committed."""
        self.draining = True
        for child in self._children.values():
            child.leave("shutdown")
            child.kill(Killed.STUBBORN)
        self.wake()

    def wake(self) -> None:
        """Begin the next round at once."""
        self._wake.set()

    def _wake_from_thread(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self.wake)

    def why(self, row: JobRow) -> str:
        """Return in one line why a job is not running, "" when there is nothing to say."""
        match row.state:
            case JobState.QUEUED:
                return self._why_queued(row)
            case JobState.WAITING:
                return why_waiting(row)
            case JobState.RETRY_WAIT:
                return f"next attempt at {row.not_before}: {row.error_message}"
            case JobState.PAUSING:
                return "waiting for its worker to reach a checkpoint"
            case JobState.CANCELLING:
                return "waiting for its worker to leave"
            case JobState.PAUSED:
                return row.error_message or "paused by a user"
            case _:
                return row.error_message

    def _why_queued(self, row: JobRow) -> str:
        if self.draining:
            return "the daemon is shutting down"
        if self._paused:
            return "the queue is paused"
        if reason := self._admission.why(row.id):
            return reason
        if len(self._children) >= self.capacity.workers:
            return f"all {self.capacity.workers} workers are busy"
        if self._children:
            return "waiting for its turn or for memory"
        return ""

    # --- the rounds -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do the rounds until drained."""
        self._began_at = _now()
        self._loop = asyncio.get_running_loop()
        self._groups = cgroups.delegated(wanted=self._settings.worker_cgroups)
        if self._groups.root is not None:
            log.info("worker_cgroups", root=str(self._groups.root))
        else:
            log.debug("no_worker_cgroups", reason=self._groups.why_not)
        self._leftovers = find_leftovers(self._queue)
        if self._leftovers:
            log.info("recovering", jobs=[left.job_id for left in self._leftovers])
        duties: tuple[tuple[str, Callable[[], Awaitable[None] | None]], ...] = (
            ("look_at_clocks", self._look_at_clocks),
            ("guard_queue", self._queue.guard),
            ("reap", self._reap),
            ("recover", self._recover),
            ("note", self._note),
            ("insist", self._insist),
            ("expire_hung", self._expire_hung),
            ("govern_memory", self._govern_memory),
            ("promote_due", self._promote_due),
            ("start", self._start),
        )
        try:
            while not (self.draining and not self._children):
                self._wake.clear()
                for name, duty in duties:
                    await self._do(name, duty)
                self._on_round()
                await self._rest()
        finally:
            self._admission.close()
            self._outputs.close()
            # Whatever ends this task, no worker outlives its supervisor unnoticed.
            for child in self._children.values():
                child.kill(Killed.STUBBORN)

    async def _do(self, name: str, duty: Callable[[], Awaitable[None] | None]) -> None:
        try:
            pending = duty()
            if pending is not None:
                await pending
        except (DiskFullError, StoreBusyError, StoreFailingError) as error:
            # Nothing was changed. What could not be written is still in the children and is tried again next round.
            if _now() - self._trouble_at > TROUBLE_LOG_S:
                self._trouble_at = _now()
                log.error("queue_not_writable", duty=name, code=error.code, text=error.message)  # noqa: TRY400

    async def _rest(self) -> None:
        if self.draining and not self._children:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.tick_s):
                await self._wake.wait()

    def _look_at_clocks(self) -> None:
        """Excuse everybody when this process stood still, and move retries when the system's clock was set."""
        stood_s, set_s = self._clocks.look(_now(), self._clock(), tick_s=self._settings.tick_s)
        if stood_s:
            log.warning("daemon_stood_still", seconds=round(stood_s, 1))
            for child in self._children.values():
                child.excuse(stood_s)
        if set_s:
            moved = self._queue.jobs.shift_retries(set_s)
            log.warning("clock_was_set", by_s=round(set_s, 1), retries_moved=moved)

    def _reap(self) -> None:
        """Write down how workers ended."""
        for job_id, child in list(self._children.items()):
            if child.ended:
                ended = self._asked_of_output(job_id, child.ending())
                if ended is None:
                    continue
                faults.point("supervise.ended")
                try:
                    self._settle(job_id, child, ended)
                except StaleAttemptError as error:
                    log.warning("stale_attempt", job_id=job_id, text=error.message)
                faults.point("supervise.settled")
                self._children.pop(job_id)
                self._groups.remove(child.group)
                self._written.pop(job_id, None)
                self._noted.discard(child.order.attempt_token)

    def _asked_of_output(self, job_id: int, ended: Ended) -> Ended | None:
        """Return how a worker ended; of one that said nothing its output is asked, None while it is."""
        if ended.last is not None or ended.status is None:
            return ended
        look = self._look_for_output(self._queue.jobs.get(job_id))
        if look is not None and look.report is not None:
            return msgspec.structs.replace(ended, last=Done(report=msgspec.Raw(look.report)))
        return None if look is None else ended

    def _look_for_output(self, job: JobRow) -> Look | None:
        newest = self._queue.listing.attempts(job.id, 1)[-1]
        return self._outputs.look(
            Attempt(
                token=job.attempt_token or "", output=job.output, run_key=f"{self._queue_uid}/{job.id}",
                since=newest.started_at,
            )
        )  # fmt: skip

    def _settle(self, job_id: int, child: Child, ended: Ended) -> None:
        self._note_start(child)
        job = self._queue.jobs.get(job_id)
        event, ending = judge(ended, job, self._policy, self._clock())
        row = self._queue.jobs.end_attempt(job_id, child.order.attempt_token, event, ending)
        log.info(
            "attempt_ended",
            job_id=job_id,
            attempt=child.order.attempt,
            cause=ending.cause,
            state=row.state.value,
            detail=ending.detail,
            exit_status=ending.exit_status,
            peak_rss_bytes=ending.peak_rss_bytes,
        )
        if ending.cause == "finished":
            self._admission.learn(row, ending.peak_rss_bytes)
        if row.state in FINAL:
            log_finished(row, ending.report, peak_rss_bytes=ending.peak_rss_bytes, now_s=self._clock())

    def _recover(self) -> None:
        """Put back what an earlier daemon left running."""
        if self._leftovers:
            over = _now() - self._began_at > self._settings.stop_timeout_s
            self._leftovers = settle(self._queue, self._leftovers, self._look_for_output, patience_over=over)

    def _note(self) -> None:
        """Write down what workers said: where they went on, and how far they are."""
        for job_id, child in self._children.items():
            self._note_start(child)
            at, progress = self._written.get(job_id, (float("-inf"), None))
            if child.progress is not progress and _now() - at >= PROGRESS_WRITE_S and child.progress is not None:
                self._queue.jobs.set_progress(job_id, child.order.attempt_token, child.progress)
                self._written[job_id] = (_now(), child.progress)

    def _note_start(self, child: Child) -> None:
        started, token = child.started, child.order.attempt_token
        if started is not None and token not in self._noted:
            self._queue.jobs.set_started(
                child.order.job_id,
                token,
                started.resumed_from_batch,
                started.note,
                source_checksum=started.source_checksum,
            )
            self._noted.add(token)

    def _insist(self) -> None:
        """End workers that were told to leave and do not."""
        for child in self._children.values():
            child.insist(self._settings.stop_timeout_s)

    def _expire_hung(self) -> None:
        """End workers that say nothing for too long."""
        for job_id, child in self._children.items():
            if not child.ended and _now() - child.heard_at > self._settings.worker_timeout_s:
                log.warning("worker_hung", job_id=job_id, pid=child.pid)
                child.kill(Killed.HUNG)

    def _govern_memory(self) -> None:
        """End workers that are past their wall; while all are past the budget, ask one to leave."""
        if _now() - self._measured_at < MEASURE_S:
            return
        self._measured_at = _now()
        samples = [
            Sample(job_id=job_id, used_bytes=child.measure(), limit_bytes=child.limit_bytes)
            for job_id, child in self._children.items()
        ]
        leaving = {job_id for job_id, child in self._children.items() if child.leave_cause or child.ended}
        actions = decide(samples, leaving, wall=self._settings.memory_wall, budget_bytes=self.capacity.budget_bytes)
        for sample in samples:
            child, action = self._children[sample.job_id], actions.get(sample.job_id, Action.KEEP)
            if action is Action.KEEP:
                continue
            words = "worker_past_memory_wall" if action is Action.END else "workers_past_memory_budget"
            log.warning(words, job_id=sample.job_id, rss_bytes=sample.used_bytes, limit_bytes=sample.limit_bytes)
            if action is Action.END:
                child.kill(Killed.MEMORY)
            else:
                child.leave("memory" if sample.used_bytes > sample.limit_bytes else "host")

    def _promote_due(self) -> None:
        """Queue jobs whose retry delay is over or whose start time has come; tell of those that fell with others."""
        for row in self._queue.jobs.take_fallen():
            log_finished(row, None, peak_rss_bytes=0, now_s=self._clock())
        for job_id in self._queue.listing.due():
            self._queue.jobs.ask(job_id, JobEvent.DUE)

    async def _start(self) -> None:
        """Start what the scheduler picks."""
        if self.draining or self._paused or len(self._children) >= self.capacity.workers:
            return
        for admitted in self._admission.choose([child.limit_bytes for child in self._children.values()]):
            await self._start_one(admitted)

    async def _start_one(self, admitted: Admitted) -> None:
        queued = admitted.row
        # While the process before was being spawned, a user may have changed this job or held the queue.
        if self.draining or self._paused or self._queue.jobs.get(queued.id).state is not JobState.QUEUED:
            return
        row = self._queue.jobs.claim(queued.id, secrets.token_hex(16))
        faults.point("supervise.claimed")
        child = Child(
            order_of(
                row,
                self._settings,
                limit_bytes=admitted.limit_bytes,
                queue_uid=self._queue_uid,
                anew=queued.error_code == DxfdError.code,
            ),
            admitted.limit_bytes,
            batch_before=queued.progress.batch if queued.progress is not None else 0,
            on_news=self.wake,
            group=self._groups.make(
                row.id,
                high_bytes=admitted.limit_bytes,
                max_bytes=int(admitted.limit_bytes * self._settings.memory_wall),
            ),
        )
        self._children[row.id] = child
        await child.start(self._settings.log_level)
        faults.point("supervise.spawned")
        log.info(
            "attempt_started",
            job_id=row.id,
            attempt=row.attempt,
            pid=child.pid,
            source=row.source,
            limit_bytes=admitted.limit_bytes,
        )
        if child.process is not None:
            self._queue.jobs.set_process(child.order.attempt_token, child.process)


def _policy(settings: Settings) -> Policy:
    return Policy(
        retry_base_s=settings.retry_base_s,
        retry_cap_s=settings.retry_cap_s,
        quarantine_after=settings.quarantine_after,
        worker_timeout_s=settings.worker_timeout_s,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
