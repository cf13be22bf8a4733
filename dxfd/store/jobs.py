"""What changes in the queue: submit, claim, and the events of the contract's table, one transaction each.

Owns the guard: every change names the state it was decided on and, while a worker owns the job, the attempt's token, so
a late worker never writes to a job that was taken over. Reading is listing.py. Used by the daemon process only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from dxfd import __version__
from dxfd.contract.progress import Progress
from dxfd.contract.states import FINAL, OWNED, JobEvent, JobState, next_state
from dxfd.contract.times import Clock, iso
from dxfd.errors import (
    DependencyError,
    DuplicateJobError,
    IllegalTransitionError,
    NoSuchJobError,
    StaleAttemptError,
)
from dxfd.store import sql
from dxfd.store.connect import Database
from dxfd.store.rows import Ending, JobRow, NewJob, WorkerProcess, job_row

OnChange = Callable[[int], None]
"""Called with a job's id after a change of it is committed; with 0 when the queue's flag changed."""


class Jobs:
    """The jobs of one queue database."""

    def __init__(self, database: Database, clock: Clock, on_change: OnChange | None = None) -> None:
        self._db = database
        self._clock = clock
        self._on_change = on_change or (lambda _id: None)
        self._fallen: dict[int, JobRow] = {}

    def submit(self, new: NewJob) -> tuple[JobRow, bool]:
        """Put a job into the queue and return it, and whether it was there already.

        Raises:
            DuplicateJobError: another unfinished job, not the same, writes this output.
            NoSuchJobError: one that it is to come after is not there; so no job can come after itself.
            DependencyError: one that it is to come after has failed already.
        """
        known = self._known(new)
        if known is not None:
            return known, True
        blockers = self._blockers(new.after, after_any=new.after_any)
        now = self._now()
        start_at = new.start_at if new.start_at and new.start_at > now else None
        values: dict[str, Any] = msgspec.structs.asdict(new) | {
            "options": msgspec.json.encode(new.options).decode(),
            "idempotency_key": new.idempotency_key or None,
            "restart": int(new.options.restart),
            "now": now,
            "state": JobState.WAITING.value if blockers or start_at else JobState.QUEUED.value,
            "start_at": start_at,
            "after_ids": msgspec.json.encode(new.after).decode(),
            "blockers": len(blockers),
        }
        with self._db.transaction():
            row = job_row(_first(self._db.run(sql.INSERT_JOB, values)))
            self._wait_for(row, blockers)
            self._story(row, "submit", "")
        self._on_change(row.id)
        return row, False

    def _known(self, new: NewJob) -> JobRow | None:
        if new.idempotency_key:
            found = self._db.one(sql.JOB_BY_KEY, (new.idempotency_key,))
            if found is not None:
                return job_row(found)
        found = self._db.one(sql.JOB_BY_OUTPUT, (new.output,))
        if found is None:
            return None
        other = job_row(found)
        same = (other.source, other.converter, other.options) == (new.source, new.converter, new.options)
        if same and not new.idempotency_key:
            return other
        raise DuplicateJobError(
            f"job {other.id} ({other.state.value}) writes {new.output} already",
            hint=f"choose another output, or  dxfctl cancel {other.id}",
            job_id=other.id,
        )

    def get(self, job_id: int) -> JobRow:
        """Return a job.

        Raises:
            NoSuchJobError: there is none of this id.
        """
        found = self._db.one(sql.JOB, (job_id,)) if 0 < job_id < 2**63 else None
        if found is None:
            raise NoSuchJobError(f"there is no job {job_id}", job_id=job_id)
        return job_row(found)

    def claim(self, job_id: int, token: str) -> JobRow:
        """Begin an attempt: the job runs, and only who has the token may write to it.

        Raises:
            IllegalTransitionError: it is not queued.
        """
        was = self.get(job_id)
        next_state(was.state, JobEvent.CLAIM, job_id=job_id)
        now = self._now()
        with self._db.transaction():
            row = job_row(_first(self._db.run(sql.CLAIM, {"id": job_id, "token": token, "now": now})))
            self._db.run(sql.INSERT_ATTEMPT, (job_id, row.attempt, token, now))
            self._story(row, JobEvent.CLAIM, f"attempt {row.attempt}")
        self._on_change(job_id)
        return row

    def ask(self, job_id: int, event: JobEvent, *, detail: str = "", restart: bool = False) -> JobRow:
        """Apply what a user asked for (pause, resume, cancel, retry), or that a retry is due.

        Raises:
            NoSuchJobError: there is none of this id.
            IllegalTransitionError: its state does not allow that.
            DuplicateJobError: retried, and another unfinished job writes its output.
            DependencyError: retried, and a job that it comes after has not succeeded.
        """
        was = self.get(job_id)
        state = next_state(was.state, event, job_id=job_id)
        now = self._now()
        blockers = self._blockers(was.after, after_any=was.after_any) if event is JobEvent.RETRY else []
        held = bool(blockers or was.blockers) or (was.start_at or "") > now
        if state is JobState.QUEUED and held and was.state is not JobState.WAITING:
            state = next_state(state, JobEvent.WAIT, job_id=job_id)
        values = {
            "id": job_id,
            "was": was.state.value,
            "state": state.value,
            "final": state in FINAL,
            "now": now,
            "restart": restart,
            "blockers": len(blockers),
        }
        released: list[int] = []
        try:
            with self._db.transaction():
                row = job_row(_first(self._db.run(_statement(was.state, event), values)))
                self._story(row, event, detail)
                if event is JobEvent.RETRY:
                    self._db.run(sql.FORGET, (job_id,))
                    self._wait_for(row, blockers)
                if state is JobState.QUEUED and was.state is JobState.WAITING:
                    self._db.run(sql.DROP_DEPENDENCIES, (job_id,))
                if state in FINAL:
                    released = self._ended(row)
        except sqlite3.IntegrityError:
            other = self._db.one(sql.JOB_BY_OUTPUT, (was.output,))
            raise DuplicateJobError(
                f"job {other['id'] if other else '?'} writes {was.output} already", job_id=other["id"] if other else 0
            ) from None
        self._tell(job_id, *released)
        return row

    def end_attempt(self, job_id: int, token: str, event: JobEvent, ending: Ending) -> JobRow:
        """Apply what ended an attempt: state, charges, the attempt's row, the story and the report, or nothing.

        Raises:
            StaleAttemptError: the token is not the job's any more.
            IllegalTransitionError: the state has no such event.
        """
        was = self.get(job_id)
        if was.attempt_token != token:
            raise StaleAttemptError(f"attempt {token[:8]} of job {job_id} was taken over", job_id=job_id)
        state = next_state(was.state, event, job_id=job_id)
        now = self._now()
        fields = msgspec.structs.asdict(ending)
        fields["progress"] = None if ending.progress is None else msgspec.json.encode(ending.progress).decode()
        values = fields | {
            "id": job_id,
            "token": token,
            "was": was.state.value,
            "state": state.value,
            "final": state in FINAL,
            "now": now,
        }
        with self._db.transaction():
            row = job_row(_first(self._db.run(sql.END_ATTEMPT, values)))
            self._db.run(sql.CLOSE_ATTEMPT, values)
            if ending.report is not None and state is JobState.SUCCEEDED:
                self._db.run(sql.PUT_REPORT, (job_id, ending.report.decode()))
            self._story(row, event, ending.detail)
            released = self._ended(row) if state in FINAL else []
        self._tell(job_id, *released)
        return row

    def set_process(self, token: str, process: WorkerProcess) -> None:
        """Note which process an attempt runs in, so that a later daemon can wait for it to leave."""
        with self._db.transaction():
            self._db.run(sql.SET_PROCESS, (process.pid, process.pid_start, process.boot_id, token))

    def set_started(
        self, job_id: int, token: str, resumed_from_batch: int, note: str = "", *, source_checksum: str = ""
    ) -> None:
        """Note that the worker holds the output, where it goes on, and which drawing it is; `restart` is used up."""
        with self._db.transaction():
            self._db.run(sql.SET_RESUMED, (resumed_from_batch, token))
            self._db.run(sql.CLEAR_RESTART, (token,))
            if source_checksum:
                self._db.run(sql.SET_CHECKSUM, (source_checksum, token))
            if resumed_from_batch or note:
                detail = f"resumed after batch {resumed_from_batch}" if resumed_from_batch else note
                self._db.run(sql.INSERT_EVENT, (job_id, self._now(), "started", JobState.RUNNING.value, detail))
        self._on_change(job_id)

    def set_progress(self, job_id: int, token: str, progress: Progress) -> bool:
        """Store how far an attempt is; False when the token is not the job's any more."""
        text = msgspec.json.encode(progress).decode()
        with self._db.transaction():
            written = self._db.run(sql.PROGRESS, (text, token)).rowcount > 0
        if written:
            self._on_change(job_id)
        return written

    def set_size(self, job_id: int, source_bytes: int) -> None:
        """Note how large a drawing is."""
        with self._db.transaction():
            self._db.run(sql.SET_SIZE, (source_bytes, job_id, source_bytes))

    def shift_retries(self, by_s: float) -> int:
        """Move the times of all waiting retries, after the clock was set; return how many there are."""
        with self._db.transaction():
            return self._db.run(sql.SHIFT_DUE, (f"{by_s:+.3f} seconds",)).rowcount

    def set_paused(self, paused: bool) -> bool:
        """Hold or release the queue; return whether that changed anything."""
        with self._db.transaction():
            now = self._now() if paused else None
            changed = self._db.run(sql.SET_QUEUE, (int(paused), now, int(paused))).rowcount > 0
        if changed:
            self._on_change(0)
        return changed

    # --- jobs that come after others --------------------------------------------------------------------------

    def _blockers(self, after: list[int], *, after_any: bool) -> list[int]:
        """Return those jobs of `after` that have not ended."""
        blockers = []
        for job_id in dict.fromkeys(after):
            past = self._db.one(sql.PAST_JOB, (job_id,)) if 0 < job_id < 2**63 else None
            state = JobState(past["state"]) if past is not None else self.get(job_id).state
            if state not in FINAL:
                blockers.append(job_id)
            elif state is not JobState.SUCCEEDED and not after_any:
                raise DependencyError(
                    f"job {job_id} is {state.value}: a job after it would never run",
                    hint=f"dxfctl retry {job_id}  first",
                    job_id=job_id,
                )
        return blockers

    def _wait_for(self, row: JobRow, blockers: list[int]) -> None:
        for earlier in blockers:
            self._db.run(sql.INSERT_DEPENDENCY, (row.id, earlier))

    def _ended(self, row: JobRow) -> list[int]:
        """Write down how a job ended and what that means for those that come after it; return the ids that changed.

        One that failed takes those after it along, and those after them, in the same transaction.
        """
        changed: list[int] = []
        todo = [row]
        while todo:
            earlier = todo.pop()
            self._db.run(sql.REMEMBER, {"id": earlier.id, "version": __version__})
            self._db.run(sql.DROP_DEPENDENCIES, (earlier.id,))
            for found in self._db.all(sql.DEPENDENTS, (earlier.id,)):
                later = job_row(found)
                self._db.run(sql.DROP_DEPENDENCY, (later.id, earlier.id))
                changed.append(later.id)
                if earlier.state is JobState.SUCCEEDED or later.after_any:
                    self._unblock(later, earlier)
                else:
                    todo.append(self._dep_fail(later, earlier))
        return changed

    def _unblock(self, job: JobRow, earlier: JobRow) -> None:
        free = job.blockers == 1 and not (job.start_at or "") > self._now()
        moves = free and job.state is JobState.WAITING
        state = next_state(job.state, JobEvent.DUE) if moves else job.state
        row = job_row(_first(self._db.run(sql.UNBLOCK, {"id": job.id, "was": job.state.value, "state": state.value})))
        if moves:
            self._story(row, JobEvent.DUE, f"job {earlier.id} {earlier.state.value}")

    def _dep_fail(self, job: JobRow, earlier: JobRow) -> JobRow:
        values = {
            "id": job.id,
            "was": job.state.value,
            "state": next_state(job.state, JobEvent.DEP_FAIL).value,
            "now": self._now(),
            "code": DependencyError.code,
            "message": f"job {earlier.id}, which it comes after, is {earlier.state.value}",
            "hint": f"dxfctl retry {earlier.id}, then  dxfctl retry {job.id}",
        }
        row = job_row(_first(self._db.run(sql.DEP_FAIL, values)))
        self._story(row, JobEvent.DEP_FAIL, row.error_message)
        self._fallen[row.id] = row
        return row

    def take_fallen(self) -> list[JobRow]:
        """Return the jobs that ended since the last call because one before them did not succeed."""
        fallen, self._fallen = self._fallen, {}
        return [row for row in map(self._still, fallen.values()) if row is not None]

    def _still(self, row: JobRow) -> JobRow | None:
        """Return the job if it has ended as it was noted: the transaction may have been undone since."""
        found = self._db.one(sql.JOB, (row.id,))
        return row if found is not None and found["rev"] >= row.rev and found["finished_at"] else None

    # --- what finished ------------------------------------------------------------------------------------------

    def clean(self, until: str, states: list[JobState], limit: int) -> int:
        """Take up to `limit` jobs that ended before a time out of the listing; return how many. History stays."""
        names = msgspec.json.encode(states).decode()
        with self._db.transaction():
            found = self._db.all(sql.ENDED, {"until": until, "states": names, "limit": limit})
            for row in found:
                self._db.run(sql.DELETE_JOB, (row["id"],))
        return len(found)

    def forget(self, until: str, limit: int) -> int:
        """Remove up to `limit` lines of history that are older than a time; return how many. Sums per day stay."""
        with self._db.transaction():
            return self._db.run(sql.OLD_HISTORY, (until, limit)).rowcount

    def _tell(self, *job_ids: int) -> None:
        for job_id in job_ids:
            self._on_change(job_id)

    def _story(self, row: JobRow, event: str, detail: str) -> None:
        name = event.value if isinstance(event, JobEvent) else event
        self._db.run(sql.INSERT_EVENT, (row.id, self._now(), name, row.state.value, detail[:1000]))

    def _now(self) -> str:
        return iso(self._clock())


def _statement(was: JobState, event: JobEvent) -> str:
    if event is JobEvent.RETRY:
        return sql.RETRY
    if was is JobState.WAITING and event in {JobEvent.RESUME, JobEvent.DUE}:
        return sql.GO_NOW
    return sql.MOVE if was in OWNED else sql.LEAVE_UNOWNED


def _first(cursor: sqlite3.Cursor) -> sqlite3.Row:
    """Return the one row of a guarded change.

    All rows are fetched: a RETURNING statement that is not read to its end is not finished.

    Raises:
        IllegalTransitionError: the guard found another state, so the change was not made.
    """
    rows: list[sqlite3.Row] = cursor.fetchall()
    if not rows:
        raise IllegalTransitionError("the job was changed meanwhile")
    return rows[0]
