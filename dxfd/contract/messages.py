"""Requests and replies of the control protocol `dxf-ctl/1`, shared by dxfctl and the daemon.

Frames after the ROUTER identity: MAGIC, header (Header or ReplyHeader), body (one request or reply struct), all JSON.
Rules: new fields have defaults, a field is never retyped, unknown fields are ignored. Times are UTC, ISO 8601 with Z.
"""

from __future__ import annotations

import msgspec

from dxfd.contract.progress import Building, Choices, Progress
from dxfd.contract.states import JobState


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Head of a request."""

    v: tuple[int, int]
    id: str
    verb: str
    client: str = ""
    deadline_ms: int = 5000
    """How long the client waits; a held reply (job.wait) is sent before it passes."""


class WireError(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it travels: never a traceback."""

    code: str
    message: str
    hint: str = ""
    details: dict[str, str | int | float | bool | None] = {}


class ReplyHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Head of a reply: the request's id, and the error if there is one (the body is then empty)."""

    v: tuple[int, int]
    id: str
    ok: bool
    error: WireError | None = None


# --- what is talked about -------------------------------------------------------------------------------------


class JobLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one entity or block of the drawing may ask for; 0 and null mean the daemon's setting."""

    max_entity_bytes: int = 0
    max_entity_vertices: int = 0
    max_body_points: int = 0
    max_block_depth: int = 0
    max_entity_s: float | None = None
    """0 is no bound."""


class JobDwg(msgspec.Struct, frozen=True, kw_only=True):
    """How a DWG drawing is made into DXF; empty and 0 mean the daemon's setting, and its `off` stays off."""

    converter: str = ""
    """auto, acadsharp, dwg2dxf, oda, off."""
    timeout_s: float = 0.0
    memory_bytes: int = 0


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to convert; empty or zero means the daemon's setting."""

    templates: str = ""
    units: str = ""
    batch_size: int = 0
    max_memory_bytes: int = 0
    max_errors: int = 100
    error_action: str = "skip"
    damaged: str = ""
    """refuse or convert: what a drawing does that is cut off."""
    encoding: str = ""
    """Code page of its text, where the drawing is wrong."""
    tolerance_m: float = 0.0
    """Largest distance of curves' chords from them."""
    clip_endless: bool = False
    """End RAY and XLINE at the drawing's extents instead of leaving them out."""
    choices: Choices = Choices()
    building: Building = Building()
    """An empty file and empty heights mean the daemon's settings."""
    limits: JobLimits = JobLimits()
    dwg: JobDwg = JobDwg()
    vacuum: bool = False
    """Compact the database at the end."""
    restart: bool = False


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job as a client sees it."""

    id: int
    state: JobState
    source: str
    output: str
    converter: str = "bim"
    priority: int = 0
    label: str = ""
    rev: int = 0
    """Grows with every change of the row; what job.wait compares."""
    attempt: int = 0
    attempts_charged: int = 0
    max_attempts: int = 3
    submitted_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    not_before: str = ""
    """When it may run: the time it was submitted for, or that of its next attempt."""
    after: list[int] = []
    """Jobs it comes after."""
    progress: Progress | None = None
    error_code: str = ""
    error_message: str = ""
    error_hint: str = ""
    pid: int = 0
    why: str = ""
    """Why it is not running, in one line."""
    owner: str = ""
    """User name of who submitted it."""
    options: JobOptions = JobOptions()


class JobEventView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's story."""

    seq: int
    at: str
    event: str
    state: str
    detail: str = ""


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One worker run."""

    attempt: int
    started_at: str
    ended_at: str = ""
    cause: str = ""
    """finished, failed, yielded, cut_off, signal, memory, disk_full, locked, timeout, hung."""
    detail: str = ""
    resumed_from_batch: int = 0
    peak_rss_bytes: int = 0
    exit_status: int | None = None


class PastJob(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended: a line of history, which outlives the job."""

    job_id: int
    state: JobState
    source: str
    output: str
    converter: str = "bim"
    label: str = ""
    owner: str = ""
    priority: int = 0
    options: JobOptions = JobOptions()
    submitted_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    attempts: int = 0
    work_s: float = 0.0
    """Of all attempts together; waits and pauses are not in it."""
    source_bytes: int = 0
    source_checksum: str = ""
    """Of the drawing's size and samples of its content, whatever its name and time; empty when no worker began."""
    output_bytes: int = 0
    entities: int = 0
    elements: int = 0
    errors: int = 0
    warnings: dict[str, int] = {}
    """Issue code: count."""
    peak_rss_bytes: int = 0
    dxfd_version: str = ""
    error_code: str = ""
    error_message: str = ""


class DayStats(msgspec.Struct, frozen=True, kw_only=True):
    """What ended on one day (UTC) in one way."""

    day: str
    state: JobState
    jobs: int
    entities: int = 0
    elements: int = 0
    errors: int = 0
    source_bytes: int = 0
    output_bytes: int = 0
    work_s: float = 0.0
    peak_rss_bytes: int = 0
    """The largest of them."""


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of the queue database."""

    name: str
    at: str
    reason: str = ""
    """scheduled, asked, migration; empty: a file with another name."""
    size_bytes: int = 0
    checked: bool = False
    """Whether it was read as a whole; only then the rest says something."""
    problem: str = ""
    """What is wrong with it; empty: it is in order."""
    schema: int = 0
    jobs: int = 0


# --- requests and replies, verb by verb ------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """`hello`: who are you."""


class HelloReply(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, role and process facts."""

    daemon_version: str
    protocol_min: tuple[int, int]
    protocol_max: tuple[int, int]
    role: str
    pid: int
    started_at: str
    server_time: str
    verbs: list[str] = []


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """`ping`."""


class PingReply(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon is there."""

    server_time: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: the daemon, the queue, and a page of jobs, newest first.

    Without `states`, the first page begins with the jobs that a worker owns.
    """

    states: list[JobState] = []
    limit: int = 50
    after_id: int = 0
    """Cursor: list jobs with a smaller id only; 0 = from the newest."""


class StatusReply(msgspec.Struct, frozen=True, kw_only=True):
    """What goes on."""

    daemon_version: str
    pid: int
    started_at: str
    queue_paused: bool
    draining: bool
    counts: dict[str, int]
    workers_running: int
    workers_max: int
    memory_budget_bytes: int
    memory_used_bytes: int
    """RSS of the daemon and its workers."""
    jobs: list[JobView]
    next_after_id: int = 0
    log_path: str = ""
    state_dir: str = ""
    note: str = ""


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """`submit`: one drawing. Paths are absolute."""

    source: str
    output: str
    converter: str = "bim"
    priority: int = 0
    label: str = ""
    max_attempts: int = 0
    idempotency_key: str = ""
    """The same key gives the same job; empty: source, output and options make it, among unfinished jobs."""
    options: JobOptions = JobOptions()
    not_before: str = ""
    """Do not start it before this time (UTC, ISO 8601 with Z); empty: at once."""
    after: list[int] = []
    """Start it after these jobs have succeeded; if one does not, it fails with E_DEPENDENCY."""
    after_any: bool = False
    """However they end."""
    source_bytes: int = 0
    """Size of the drawing if the client knows it: for the order "smallest first" and the estimate of memory."""


class SubmitReply(msgspec.Struct, frozen=True, kw_only=True):
    """The job, and whether it was there already."""

    job: JobView
    duplicate: bool = False
    queue_paused: bool = False


class JobRef(msgspec.Struct, frozen=True, kw_only=True):
    """`pause`, `resume`, `cancel`, `retry`, `show` of one job. job_id 0 with pause and resume means the queue."""

    job_id: int = 0
    restart: bool = False
    """With retry: begin from scratch instead of the last checkpoint."""


class JobReply(msgspec.Struct, frozen=True, kw_only=True):
    """The job after the change; `changed` is false when it was so already."""

    job: JobView | None = None
    changed: bool = True
    queue_paused: bool = False


class ShowReply(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one job."""

    job: JobView
    attempts: list[AttemptView]
    events: list[JobEventView]
    report: msgspec.Raw = msgspec.Raw(b"null")
    """The worker's report of a finished job (the document of `dxfd convert --json`), else null."""
    past: PastJob | None = None
    """How it ended; a job that was cleaned away has only this."""
    earlier: list[PastJob] = []
    """The last jobs of the same drawing, newest first: of one size and alike in samples, whatever their names."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """`wait`: answered as soon as the job's rev is above `rev`, or it is final, or `timeout_s` has passed."""

    job_id: int
    rev: int = -1
    timeout_s: float = 20.0


class WaitReply(msgspec.Struct, frozen=True, kw_only=True):
    """The job as it is now."""

    job: JobView
    final: bool


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """`logs`: JSON lines of the daemon's log from a place on; offset -1 = the last `lines` lines."""

    offset: int = -1
    inode: int = 0
    lines: int = 20
    job_id: int = 0
    """Only lines of this job; 0 = all."""
    timeout_s: float = 0.0
    """Wait this long for a first new line."""


class LogsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Lines, and where to go on. A rotation changes the inode; the rest of the old file is sent first."""

    lines: list[str]
    offset: int
    inode: int
    path: str = ""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """`history`: how jobs ended, newest job first; also those that were cleaned away."""

    states: list[JobState] = []
    limit: int = 50
    after_id: int = 0
    """Cursor: jobs with a smaller id only; 0 = from the newest."""
    since: str = ""
    """Only what ended at this time (UTC, ISO 8601 with Z) or later."""
    like_job: int = 0
    """Only jobs of the same drawing as this job."""
    text: str = ""
    """Only where source or label has these words."""


class HistoryReply(msgspec.Struct, frozen=True, kw_only=True):
    """A page of history."""

    jobs: list[PastJob]
    next_after_id: int = 0


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """`stats`: sums per day and outcome."""

    days: int = 30


class StatsReply(msgspec.Struct, frozen=True, kw_only=True):
    """The days on which something ended, oldest first."""

    days: list[DayStats]


class Clean(msgspec.Struct, frozen=True, kw_only=True):
    """`clean`: take finished jobs out of the listing now; history keeps how they ended."""

    older_s: float = 0.0
    """Only what ended longer ago than this."""
    states: list[JobState] = []
    """Only such jobs; empty: all finished ones."""
    dry_run: bool = False
    """Only count them."""


class CleanReply(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs it were."""

    jobs: int


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """`backup`: copy the queue database now."""


class BackupReply(msgspec.Struct, frozen=True, kw_only=True):
    """The copy, checked, and the folder it lies in."""

    backup: BackupView
    folder: str


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """`backups`: the copies there are, newest first."""

    verify: bool = False
    """Read them as a whole."""
    name: str = ""
    """Only this one; empty: all."""


class BackupsReply(msgspec.Struct, frozen=True, kw_only=True):
    """The copies and the folder they lie in."""

    backups: list[BackupView]
    folder: str


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """`stop`: checkpoint running jobs and end the daemon."""


class StopReply(msgspec.Struct, frozen=True, kw_only=True):
    """Accepted; the daemon ends when its workers have left."""

    pid: int
    workers_running: int


class Empty(msgspec.Struct, frozen=True, kw_only=True):
    """No body (error replies)."""


VERBS: dict[str, tuple[type[msgspec.Struct], type[msgspec.Struct]]] = {
    "hello": (Hello, HelloReply),
    "ping": (Ping, PingReply),
    "status": (Status, StatusReply),
    "submit": (Submit, SubmitReply),
    "pause": (JobRef, JobReply),
    "resume": (JobRef, JobReply),
    "cancel": (JobRef, JobReply),
    "retry": (JobRef, JobReply),
    "show": (JobRef, ShowReply),
    "wait": (Wait, WaitReply),
    "logs": (Logs, LogsReply),
    "history": (History, HistoryReply),
    "stats": (Stats, StatsReply),
    "clean": (Clean, CleanReply),
    "backup": (Backup, BackupReply),
    "backups": (Backups, BackupsReply),
    "stop": (Stop, StopReply),
}
"""The closed table of verbs: request type, reply type. Nothing outside it is dispatched."""
