"""Jobs and the daemon's state as text: the screens of `status` and `show`, and the one-line forms.

Takes structs of the contract, returns lines; "now", width and colour are passed in. Pure.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

import click
from msgspec import Struct

from dxfctl.render.asked import asked
from dxfctl.render.table import Column, layout
from dxfd.contract.human import between, clock, count, counted, duration, percent, rate, safe, shorten, size, walls_told
from dxfd.contract.messages import AttemptView, JobEventView, JobView, PastJob, ShowReply, StatusReply
from dxfd.contract.progress import Progress
from dxfd.contract.states import FINAL, OWNED, JobState

_COLORS: Final = {
    JobState.RUNNING: "cyan",
    JobState.WAITING: "blue",
    JobState.PAUSING: "yellow",
    JobState.PAUSED: "yellow",
    JobState.CANCELLING: "yellow",
    JobState.RETRY_WAIT: "yellow",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.QUARANTINED: "red",
}
_TIMED: Final = frozenset({JobState.RETRY_WAIT, JobState.WAITING})
_PHASES: Final = {"skim": "first pass", "index": "indexing", "publish": "publishing"}


class View(Struct, frozen=True, kw_only=True):
    """How to show: the clock, the zone, the width (None = no limit), colours."""

    now: datetime
    utc: bool = False
    width: int | None = None
    color: bool = False


def paint_state(padded: str, text: str) -> str:
    """Return a padded state in its colour."""
    color = _COLORS.get(JobState(text)) if text in list(JobState) else None
    return click.style(padded, fg=color) if color else padded


_JOB_COLUMNS: Final = (
    Column(title="Job", right=True),
    Column(title="State", paint=paint_state),
    Column(title="Done", right=True, drop=2),
    Column(title="Drawing", floor=14, middle=True),
    Column(title="Label", floor=6, drop=6),
    Column(title="Rate", right=True, drop=5),
    Column(title="Left", right=True, drop=3),
    Column(title="Memory", right=True, drop=7),
    Column(title="Took", right=True, drop=4),
    Column(title="Note", floor=10, drop=1),
)


def status_lines(status: StatusReply, view: View) -> list[str]:
    """Return the screen of `status`: the daemon, the counts, the page of jobs."""
    lines = _daemon_lines(status, view)
    if not status.jobs:
        return [*lines, "no jobs"]
    rows = [_job_row(job, view) for job in status.jobs]
    lines += ["", *layout(_JOB_COLUMNS, rows, width=view.width, color=view.color)]
    hidden = sum(status.counts.values()) - len(status.jobs)
    if status.next_after_id and hidden > 0:
        lines += ["", f"{count(hidden)} more:  dxfctl status --after {status.next_after_id}"]
    return lines


def _daemon_lines(status: StatusReply, view: View) -> list[str]:
    queue = "stopping" if status.draining else "paused" if status.queue_paused else "open"
    up_s = between(status.started_at, "", now=view.now)
    parts = [
        f"dxfd {status.daemon_version}",
        f"up {duration(up_s)}" if up_s is not None else "",
        f"queue {click.style(queue, fg='yellow') if view.color and queue != 'open' else queue}",
        f"workers {status.workers_running} of {status.workers_max}",
        f"memory {size(status.memory_used_bytes) or '?'} of {size(status.memory_budget_bytes) or '?'}",
    ]
    counts = [f"{count(number)} {state}" for state, number in status.counts.items() if number]
    lines = [", ".join(p for p in parts if p)]
    if counts:
        lines.append(", ".join(counts))
    if status.note:
        lines.append(safe(status.note))
    return lines


def _job_row(job: JobView, view: View) -> list[str]:
    running = job.state in OWNED
    progress = job.progress
    took_s = between(job.started_at, job.finished_at, now=view.now) if running or job.state in FINAL else None
    left_s = time_left_s(progress) if running else None
    return [
        str(job.id),
        job.state.value,
        done(progress) if job.state not in FINAL or job.state is JobState.FAILED else "",
        safe(PurePath(job.source).name),
        safe(job.label),
        rate(progress.entities_per_s) if running and progress else "",
        duration(left_s) if left_s is not None else "",
        size(progress.rss_bytes) if running and progress else "",
        duration(took_s) if took_s is not None else "",
        note_of(job),
    ]


def note_of(job: JobView) -> str:
    """Return the one thing to know about a job besides its numbers: its error, why it waits, its phase."""
    if job.state is JobState.RUNNING and job.progress and job.progress.phase in _PHASES:
        return _PHASES[job.progress.phase]
    if job.state is JobState.SUCCEEDED:
        return counted(job.progress.elements_written, "element") if job.progress else ""
    if job.error_message and job.state not in {JobState.RUNNING, JobState.CANCELLED}:
        return safe(job.error_message)
    return safe(job.why)


def fraction(progress: Progress | None) -> float | None:
    """Return how much is done, 0 to 1, by bytes, else by entities; None while unknown."""
    if progress is None:
        return None
    if progress.bytes_total > 0:
        return progress.bytes_done / progress.bytes_total
    if progress.entities_total > 0:
        return progress.entities_read / progress.entities_total
    return None


def done(progress: Progress | None) -> str:
    """Return the percent done; empty while unknown."""
    part = fraction(progress)
    return percent(part) if part else ""


def time_left_s(progress: Progress | None) -> float | None:
    """Return the seconds of reading left at the present rate; None while unknown."""
    if progress is None or progress.entities_per_s <= 0 or progress.entities_total <= progress.entities_read:
        return None
    return (progress.entities_total - progress.entities_read) / progress.entities_per_s


def job_line(job: JobView, *, color: bool) -> str:
    """Return a job on one line: `job 4 succeeded  hall.dxf → /out/hall.db  (1,234 elements)`."""
    state = paint_state(job.state.value, job.state.value) if color else job.state.value
    target = f" → {safe(job.output)}" if job.state is JobState.SUCCEEDED else ""
    remark = note_of(job)
    code = f" [{job.error_code}]" if job.error_code and job.state in FINAL else ""
    return f"job {job.id} {state}  {safe(PurePath(job.source).name)}{target}" + (
        f"  ({remark}{code})" if remark else ""
    )


# --- show ----------------------------------------------------------------------------------------------------------

_ATTEMPT_COLUMNS: Final = (
    Column(title="Attempt", right=True),
    Column(title="Started"),
    Column(title="Took", right=True),
    Column(title="Ended by"),
    Column(title="From batch", right=True, drop=2),
    Column(title="Peak memory", right=True, drop=1),
    Column(title="Detail", floor=12),
)
_EVENT_COLUMNS: Final = (
    Column(title="At"),
    Column(title="Event"),
    Column(title="State", paint=paint_state),
    Column(title="Detail", floor=12),
)


def show_lines(shown: ShowReply, report: dict[str, Any] | None, view: View) -> list[str]:
    """Return the screen of `show`: facts, attempts, story, and the report's main figures."""
    lines = [_fact(name, text, view) for name, text in _facts(shown.job, view) if text]
    if report:
        lines += [_fact(name, text, view) for name, text in _report_facts(report) if text]
    lines += [_fact("earlier", earlier_line(job, view), view) for job in shown.earlier]
    if shown.attempts:
        rows = [_attempt_row(a, view) for a in shown.attempts]
        lines += ["", *layout(_ATTEMPT_COLUMNS, rows, width=view.width, color=view.color)]
    if shown.events:
        events = [_event_row(e, view) for e in shown.events]
        lines += ["", *layout(_EVENT_COLUMNS, events, width=view.width, color=view.color)]
    return lines


def earlier_line(job: PastJob, view: View) -> str:
    """Return an earlier job of the same drawing on one line."""
    what = f"{count(job.elements)} elements in {duration(job.work_s)}" if job.state is JobState.SUCCEEDED else ""
    words = what or safe(job.error_message)
    ended = clock(job.finished_at, now=view.now, utc=view.utc)
    return f"job {job.job_id} {job.state.value} {ended}" + (f", {words}" if words else "") + f"  {safe(job.output)}"


def _fact(name: str, text: str, view: View) -> str:
    room = view.width - 13 if view.width else 10_000
    return f"{name:<11}  {shorten(text, room, middle=name in {'drawing', 'output', 'templates'})}"


def _facts(job: JobView, view: View) -> list[tuple[str, str]]:
    took_s = between(job.started_at, job.finished_at if job.state not in OWNED else "", now=view.now)
    options = job.options
    error = f"{safe(job.error_message)} [{job.error_code}]" if job.error_code else ""
    return [
        ("job", f"{job.id}" + (f"  ({safe(job.label)})" if job.label else "")),
        ("state", job.state.value),
        ("why", safe(job.why)),
        ("error", error),
        ("hint", safe(job.error_hint)),
        ("drawing", safe(job.source)),
        ("output", safe(job.output)),
        ("progress", _progress_text(job)),
        ("submitted", clock(job.submitted_at, now=view.now, utc=view.utc) + (f" by {job.owner}" if job.owner else "")),
        ("started", clock(job.started_at, now=view.now, utc=view.utc)),
        ("finished", clock(job.finished_at, now=view.now, utc=view.utc)),
        ("took", duration(took_s) if took_s is not None and (job.finished_at or job.state in OWNED) else ""),
        ("not before", clock(job.not_before, now=view.now, utc=view.utc) if job.state in _TIMED else ""),
        ("after", ", ".join(f"job {job_id}" for job_id in job.after)),
        ("attempts", f"{job.attempts_charged} of {job.max_attempts} used" if job.attempt else ""),
        ("worker", f"pid {job.pid}" if job.pid else ""),
        ("priority", str(job.priority) if job.priority else ""),
        ("templates", safe(options.templates)),
        ("units", options.units),
        ("batch size", count(options.batch_size) if options.batch_size else ""),
        ("memory", f"limit {size(options.max_memory_bytes)}" if options.max_memory_bytes else ""),
        ("options", safe(", ".join(asked(options)))),
    ]


def _progress_text(job: JobView) -> str:
    progress = job.progress
    if progress is None or job.state is JobState.SUCCEEDED:
        return ""
    left_s = time_left_s(progress) if job.state in OWNED else None
    of = f" of {count(progress.entities_total)}" if progress.entities_total else ""
    parts = [
        done(progress),
        f"{count(progress.entities_read)}{of} entities",
        f"batch {progress.batch}" if progress.batch else "",
        f"{duration(left_s)} left" if left_s is not None else "",
        f"{count(progress.error_count)} errors" if progress.error_count else "",
    ]
    return ", ".join(p for p in parts if p)


def _report_facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        return [
            ("read", f"{count(report['entities_read'])} entities of DXF {report['dxf_version']}, {report['units']}"),
            ("source", safe(str(report.get("dwg_note", "")))),
            ("warnings", safe("; ".join(report.get("warnings", [])))),
            ("elements", f"{count(report['elements_written'])}, match rate {percent(report['match_rate'])}"),
            ("walls", walls_told(report["walls"]) if report.get("walls") else ""),
            ("speed", f"{rate(report['entities_per_s'])}, peak memory {size(report['peak_rss_bytes'])}"),
        ]
    except (KeyError, TypeError, ValueError):  # the report of another version
        return []


def _attempt_row(attempt: AttemptView, view: View) -> list[str]:
    took_s = between(attempt.started_at, attempt.ended_at, now=view.now)
    return [
        str(attempt.attempt),
        clock(attempt.started_at, now=view.now, utc=view.utc),
        duration(took_s) if took_s is not None else "",
        attempt.cause or "(running)",
        str(attempt.resumed_from_batch) if attempt.resumed_from_batch else "",
        size(attempt.peak_rss_bytes),
        safe(attempt.detail),
    ]


def _event_row(event: JobEventView, view: View) -> list[str]:
    return [clock(event.at, now=view.now, utc=view.utc), event.event, event.state, safe(event.detail)]
