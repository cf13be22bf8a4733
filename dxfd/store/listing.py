"""What is read from the queue: pages, counts, what can run, and a job's story. Each call costs O(page)."""

from __future__ import annotations

import heapq

import msgspec

from dxfd.contract.messages import AttemptView, JobEventView
from dxfd.contract.states import OWNED, JobState
from dxfd.contract.times import Clock, iso
from dxfd.store import sql
from dxfd.store.connect import Database
from dxfd.store.rows import JobRow, Peak, WorkerProcess, job_row

_ENDLESS = 2**62


class Listing:
    """Reads one queue database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def page(self, states: list[JobState], limit: int, after_id: int = 0) -> tuple[list[JobRow], int]:
        """Return up to `limit` jobs and the cursor of the next page (0: that was the last).

        Newest first. Without states, the first page begins with the jobs that a worker owns, which are few; they are
        left out of the rest.
        """
        before = after_id or _ENDLESS
        head: list[JobRow] = []
        if not states:
            owned = self.owned()
            head = owned[:limit] if not after_id else []
            skip = {row.id for row in owned}
            found = [job_row(r) for r in self._db.all(sql.PAGE_ALL, (before, limit + len(skip) + 1))]
            rest = [row for row in found if row.id not in skip]
        else:
            lists = [self._db.all(sql.PAGE, (state.value, before, limit + 1)) for state in dict.fromkeys(states)]
            merged = heapq.merge(*lists, key=lambda r: -int(r["id"]))
            rest = [job_row(r) for r, _ in zip(merged, range(limit + 1), strict=False)]
        room = limit - len(head)
        if len(rest) <= room:
            return head + rest, 0
        rest = rest[:room]
        # A page filled by running jobs alone goes on from the newest of the others.
        return head + rest, rest[-1].id if rest else before

    def has(self, job_id: int) -> bool:
        """Tell whether there is such a job; one that was cleaned away is only in history."""
        return 0 < job_id < 2**63 and self._db.one(sql.JOB, (job_id,)) is not None

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state, every state named."""
        found = dict.fromkeys((s.value for s in JobState), 0)
        found.update({row["state"]: row["n"] for row in self._db.all(sql.COUNTS)})
        return found

    def runnable(self, limit: int, *, smallest_first: bool = False) -> list[JobRow]:
        """Return the jobs the scheduler may pick from, in its order: priority, then size if asked, then age."""
        return [job_row(row) for row in self._db.all(sql.SMALLEST if smallest_first else sql.RUNNABLE, (limit,))]

    def peaks(self, limit: int) -> list[Peak]:
        """Return what the last attempts that did a whole drawing took, newest first."""
        return [Peak(**dict(row)) for row in self._db.all(sql.PEAKS, (limit,))]

    def due(self, limit: int = 100) -> list[int]:
        """Return the ids of jobs whose retry delay is over, or whose start time has come."""
        now = iso(self._clock())
        found = self._db.all(sql.DUE, (now, limit)) + self._db.all(sql.READY, (now, limit))
        return [row["id"] for row in found]

    def owned(self) -> list[JobRow]:
        """Return the jobs that a worker owns."""
        rows = [job_row(row) for row in self._db.all(sql.OWNED)]
        return [row for row in rows if row.state in OWNED]

    def process(self, token: str) -> WorkerProcess | None:
        """Return the process of an attempt; None when it was not noted."""
        row = self._db.one(sql.PROCESS, (token,))
        if row is None or not row["pid"]:
            return None
        return WorkerProcess(pid=row["pid"], pid_start=row["pid_start"], boot_id=row["boot_id"])

    def uid(self) -> str:
        """Return the name of this queue: no two have the same."""
        row = self._db.one(sql.QUEUE_UID)
        return str(row["uid"]) if row else ""

    def paused(self) -> bool:
        """Tell whether the queue is held."""
        row = self._db.one(sql.QUEUE)
        return bool(row and row["paused"])

    def attempts(self, job_id: int, limit: int = 50) -> list[AttemptView]:
        """Return a job's last worker runs, oldest first."""
        return [
            AttemptView(
                attempt=row["attempt"],
                started_at=row["started_at"],
                ended_at=row["ended_at"] or "",
                cause=row["cause"],
                detail=row["detail"],
                resumed_from_batch=row["resumed_from_batch"],
                peak_rss_bytes=row["peak_rss_bytes"],
                exit_status=row["exit_status"],
            )
            for row in self._db.all(sql.ATTEMPTS, (job_id, limit))
        ]

    def events(self, job_id: int, limit: int = 200) -> list[JobEventView]:
        """Return the last lines of a job's story, oldest first."""
        return [JobEventView(**dict(row)) for row in self._db.all(sql.EVENTS, (job_id, limit))]

    def report(self, job_id: int) -> msgspec.Raw:
        """Return the report of a finished job as JSON, else null."""
        row = self._db.one(sql.REPORT, (job_id,))
        return msgspec.Raw(row["report"].encode() if row else b"null")
