"""What is read from history: how jobs ended, jobs of the same drawing, sums per day. A call costs O(page), O(days).

Lines are written with the end of a job (jobs.py) and outlive it.
"""

from __future__ import annotations

import heapq

import msgspec

from dxfd.contract.messages import DayStats, PastJob
from dxfd.contract.states import FINAL, JobState
from dxfd.contract.times import Clock, iso
from dxfd.store import sql
from dxfd.store.connect import Database
from dxfd.store.rows import past_job

_ENDLESS = 2**62
_DAY_S = 86_400.0


class History:
    """Reads the history of one queue database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def get(self, job_id: int) -> PastJob | None:
        """Return how a job ended last; None when it has not, or history does not go back so far."""
        row = self._db.one(sql.PAST_JOB, (job_id,)) if 0 < job_id < 2**63 else None
        return None if row is None else past_job(row)

    def of_key(self, key: str) -> PastJob | None:
        """Return the job that was submitted with this idempotency key."""
        row = self._db.one(sql.PAST_BY_KEY, (key,))
        return None if row is None else past_job(row)

    def page(
        self, limit: int, *, states: list[JobState], after_id: int = 0, since: str = "", words: str = ""
    ) -> tuple[list[PastJob], int]:
        """Return up to `limit` lines, newest job first, and the cursor of the next page (0: that was the last)."""
        values = {"before": after_id or _ENDLESS, "since": since, "words": words.lower(), "limit": limit + 1}
        if states:
            lists = [self._db.all(sql.HISTORY_OF_STATE, {**values, "state": s.value}) for s in dict.fromkeys(states)]
            found = list(heapq.merge(*lists, key=lambda row: -int(row["job_id"])))[: limit + 1]
        else:
            found = self._db.all(sql.HISTORY, values)
        jobs = [past_job(row) for row in found[:limit]]
        return jobs, jobs[-1].job_id if len(found) > limit and jobs else 0

    def same_drawing(self, checksum: str, limit: int, *, before_id: int = 0) -> list[PastJob]:
        """Return the last jobs of a drawing with this content, newest first."""
        values = {"checksum": checksum, "before": before_id or _ENDLESS, "limit": limit}
        return [past_job(row) for row in self._db.all(sql.SAME_DRAWING, values)]

    def days(self, count: int) -> list[DayStats]:
        """Return the sums of the last days, oldest first, today included."""
        first = iso(self._clock() - max(0, count - 1) * _DAY_S)[:10]
        return [DayStats(**{**dict(row), "state": JobState(row["state"])}) for row in self._db.all(sql.DAYS, (first,))]

    def count_ended(self, until: str, states: list[JobState]) -> int:
        """Return how many finished jobs a clean would take out of the listing."""
        names = msgspec.json.encode(states).decode()
        row = self._db.one(sql.COUNT_ENDED, {"until": until, "states": names})
        return int(row[0]) if row else 0

    def ended_beyond(self, keep: int) -> int:
        """Return how many finished jobs there are beyond a number."""
        counts = {row["state"]: row["n"] for row in self._db.all(sql.COUNTS)}
        return max(0, sum(int(counts.get(state.value, 0)) for state in FINAL) - keep)
