"""What is read from history: how jobs ended, jobs of the same drawing, sums per day. A call costs O(page), O(days).

What no index answers (words, or jobs that ended within long times) is looked for in parts, between which others have
their turn. Lines are written with the end of a job (jobs.py) and outlive it.
"""

from __future__ import annotations

import heapq
import sqlite3

import msgspec

from dxfd.contract.messages import DayStats, PastJob
from dxfd.contract.states import FINAL, JobState
from dxfd.contract.times import Clock, iso
from dxfd.store import sql
from dxfd.store.connect import Database
from dxfd.store.rows import past_job

_ENDLESS = 2**62
_DAY_S = 86_400.0
PART = 4096
"""Lines that are looked at in one step, some 10 ms."""


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    states: list[JobState]
    before: int
    since: str
    words: str
    limit: int

    def values(self) -> dict[str, str | int]:
        names = msgspec.json.encode(self.states).decode()
        return {
            "states": names, "before": self.before, "since": self.since, "words": self.words, "limit": self.limit,
        }  # fmt: skip


class Search:
    """A page of history that is being looked for; each step is short."""

    def __init__(self, database: Database, wanted: _Wanted) -> None:
        self._db = database
        self._wanted = wanted
        self._before = wanted.before
        self._found: list[sqlite3.Row] = []
        self._begun = False

    def step(self) -> bool:
        """Look at some more lines; return whether the page is found."""
        if not self._begun:
            self._begun = True
            return self._by_index()
        row = self._db.one(sql.HISTORY_BELOW, (self._before,))  # numbers have gaps
        if row is None or row[0] is None:
            return True
        first = max(1, int(row[0]) - PART + 1)
        limit = self._wanted.limit - len(self._found)
        part = {**self._wanted.values(), "before": self._before, "first": first, "limit": limit}
        self._found += self._db.all(sql.HISTORY_PART, part)
        self._before = first
        return len(self._found) >= self._wanted.limit or first == 1

    def page(self) -> tuple[list[PastJob], int]:
        """Return the lines and the cursor of the next page (0: that was the last)."""
        most = self._wanted.limit - 1
        jobs = [past_job(row) for row in self._found[:most]]
        return jobs, jobs[-1].job_id if len(self._found) > most and jobs else 0

    def _by_index(self) -> bool:
        """Find the page at once, if an index has it."""
        wanted, values = self._wanted, self._wanted.values()
        if wanted.since and self._count(wanted.since) <= PART:
            self._found = self._db.all(sql.HISTORY_SINCE, values)
        elif wanted.words or wanted.since:
            return False
        elif wanted.states:
            lists = [self._db.all(sql.HISTORY_OF_STATE, {**values, "state": s.value}) for s in wanted.states]
            self._found = list(heapq.merge(*lists, key=lambda row: -int(row["job_id"])))[: wanted.limit]
        else:
            self._found = self._db.all(sql.HISTORY, values)
        return True

    def _count(self, since: str) -> int:
        row = self._db.one(sql.HISTORY_ENDED, {"since": since, "limit": PART + 1})
        return int(row[0]) if row else 0


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
        search = self.search(limit, states=states, after_id=after_id, since=since, words=words)
        while not search.step():
            pass
        return search.page()

    def search(
        self, limit: int, *, states: list[JobState], after_id: int = 0, since: str = "", words: str = ""
    ) -> Search:
        """Return the same, to be found in steps."""
        wanted = _Wanted(
            states=list(dict.fromkeys(states)), before=after_id or _ENDLESS, since=since, words=words.lower(),
            limit=limit + 1,
        )  # fmt: skip
        return Search(self._db, wanted)

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
