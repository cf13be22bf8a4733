"""Rows of queue.db as frozen structs, and the way from row to struct. No SQL here."""

from __future__ import annotations

import sqlite3

import msgspec

from dxfd.contract.messages import JobOptions, JobView, PastJob
from dxfd.contract.progress import Progress
from dxfd.contract.states import JobState


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is stored."""

    id: int
    state: JobState
    rev: int
    converter: str
    source: str
    output: str
    options: JobOptions
    priority: int
    label: str
    owner_uid: int
    owner: str
    max_attempts: int
    attempt: int
    attempt_token: str | None
    attempts_charged: int
    deaths: int
    halvings: int
    restart: bool
    submitted_at: str
    started_at: str | None
    finished_at: str | None
    not_before: str | None
    progress: Progress | None
    error_code: str
    error_message: str
    error_hint: str
    source_bytes: int = 0
    """Of the drawing; 0 while nobody has looked."""
    source_checksum: str = ""
    """Of its size and samples of its content; known once a worker has begun."""
    start_at: str | None = None
    """Not before this time: what the user asked for."""
    after: list[int] = []
    """Jobs it comes after."""
    after_any: bool = False
    """However they end."""
    blockers: int = 0
    """How many of them have not ended."""
    lock_tries: int = 0
    """Attempts in a row that found the output locked."""

    def view(self) -> JobView:
        """Return what a client sees of it; pid, why and live progress are added by the control side."""
        return JobView(
            id=self.id,
            state=self.state,
            source=self.source,
            output=self.output,
            converter=self.converter,
            priority=self.priority,
            label=self.label,
            rev=self.rev,
            attempt=self.attempt,
            attempts_charged=self.attempts_charged,
            max_attempts=self.max_attempts,
            submitted_at=self.submitted_at,
            started_at=self.started_at or "",
            finished_at=self.finished_at or "",
            not_before=self.not_before or (self.start_at if self.state is JobState.WAITING else "") or "",
            after=self.after,
            progress=self.progress,
            error_code=self.error_code,
            error_message=self.error_message,
            error_hint=self.error_hint,
            owner=self.owner,
            options=self.options,
        )


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a submit asks for, checked and with the daemon's defaults filled in."""

    source: str
    output: str
    converter: str
    options: JobOptions
    priority: int
    label: str
    max_attempts: int
    owner_uid: int
    owner: str
    idempotency_key: str = ""
    source_bytes: int = 0
    start_at: str | None = None
    after: list[int] = []
    after_any: bool = False


class WorkerProcess(msgspec.Struct, frozen=True, kw_only=True):
    """Which process an attempt runs in: a pid alone may be somebody else's by now."""

    pid: int
    pid_start: int
    """Clock ticks after boot, field 22 of /proc/PID/stat."""
    boot_id: str


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished attempt took, for estimates."""

    source: str
    source_bytes: int
    peak_rss_bytes: int


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What is written with the event that ends an attempt."""

    cause: str
    """A value of AttemptView.cause."""
    detail: str = ""
    charged: bool = False
    death: bool = False
    """By signal or memory."""
    progressed: bool = False
    """It committed a batch that no attempt before had: the charges begin anew."""
    locked: bool = False
    """The output was locked: that is counted apart."""
    halve: bool = False
    """The next attempt takes half the batch."""
    not_before: str | None = None
    error_code: str = ""
    error_message: str = ""
    error_hint: str = ""
    exit_status: int | None = None
    peak_rss_bytes: int = 0
    report: bytes | None = None
    progress: Progress | None = None


def job_row(row: sqlite3.Row) -> JobRow:
    """Return the struct of a row of `jobs`."""
    values = {name: row[name] for name in JobRow.__struct_fields__}
    values["state"] = JobState(values["state"])
    values["restart"] = bool(values["restart"])
    values["after_any"] = bool(values["after_any"])
    values["after"] = [] if values["after"] == "[]" else msgspec.json.decode(values["after"], type=list[int])
    values["options"] = msgspec.json.decode(values["options"], type=JobOptions)
    if values["progress"] is not None:
        values["progress"] = msgspec.json.decode(values["progress"], type=Progress)
    return JobRow(**values)


def past_job(row: sqlite3.Row) -> PastJob:
    """Return the struct of a row of `history`."""
    values = {name: row[name] for name in PastJob.__struct_fields__}
    values["state"] = JobState(values["state"])
    values["options"] = msgspec.json.decode(values["options"], type=JobOptions)
    values["warnings"] = msgspec.json.decode(values["warnings"], type=dict[str, int])
    values["started_at"] = values["started_at"] or ""
    return PastJob(**values)


def past_view(past: PastJob) -> JobView:
    """Return what a client sees of a job that was cleaned away."""
    return JobView(
        id=past.job_id,
        state=past.state,
        source=past.source,
        output=past.output,
        converter=past.converter,
        priority=past.priority,
        label=past.label,
        attempt=past.attempts,
        submitted_at=past.submitted_at,
        started_at=past.started_at,
        finished_at=past.finished_at,
        error_code=past.error_code,
        error_message=past.error_message,
        why="cleaned away; this is what history has",
        owner=past.owner,
        options=past.options,
    )
