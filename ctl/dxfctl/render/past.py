"""What has ended as text: the table of `history` and the table of `stats`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from dxfctl.render.jobs import View, paint_state
from dxfctl.render.table import Column, layout
from dxfd.contract.human import clock, count, duration, safe, size
from dxfd.contract.messages import DayStats, PastJob

_HISTORY: Final = (
    Column(title="Job", right=True),
    Column(title="State", paint=paint_state),
    Column(title="Ended"),
    Column(title="Drawing", floor=14, middle=True),
    Column(title="Label", floor=6, drop=6),
    Column(title="Work", right=True, drop=2),
    Column(title="Size", right=True, drop=4),
    Column(title="Elements", right=True, drop=3),
    Column(title="Memory", right=True, drop=7),
    Column(title="Note", floor=10, drop=1),
)
_STATS: Final = (
    Column(title="Day"),
    Column(title="State", paint=paint_state),
    Column(title="Jobs", right=True),
    Column(title="Drawings", right=True, drop=3),
    Column(title="Databases", right=True, drop=4),
    Column(title="Entities", right=True, drop=2),
    Column(title="Elements", right=True, drop=1),
    Column(title="Errors", right=True, drop=5),
    Column(title="Work", right=True),
    Column(title="Most memory", right=True, drop=6),
)


def history_lines(jobs: Sequence[PastJob], view: View) -> list[str]:
    """Return the table of ended jobs."""
    return layout(_HISTORY, [_history_row(job, view) for job in jobs], width=view.width, color=view.color)


def stats_lines(days: Sequence[DayStats], view: View) -> list[str]:
    """Return the table of days, with a line of sums for each outcome below if there are several days."""
    rows = [_stats_row(day.day, day) for day in days]
    if len({day.day for day in days}) > 1:
        states = dict.fromkeys(day.state for day in days)
        rows += [_stats_row("in all", _sum([day for day in days if day.state is state])) for state in states]
    return layout(_STATS, rows, width=view.width, color=view.color)


def _history_row(job: PastJob, view: View) -> list[str]:
    warnings = sum(job.warnings.values())
    note = safe(job.error_message) or (f"{count(warnings)} issues" if warnings else "")
    return [
        str(job.job_id),
        job.state.value,
        clock(job.finished_at, now=view.now, utc=view.utc),
        safe(PurePath(job.source).name),
        safe(job.label),
        duration(job.work_s) if job.attempts else "",
        size(job.source_bytes),
        count(job.elements) if job.elements else "",
        size(job.peak_rss_bytes),
        note,
    ]


def _stats_row(name: str, day: DayStats) -> list[str]:
    return [
        name,
        day.state.value,
        count(day.jobs),
        size(day.source_bytes),
        size(day.output_bytes),
        count(day.entities) if day.entities else "",
        count(day.elements) if day.elements else "",
        count(day.errors) if day.errors else "",
        duration(day.work_s),
        size(day.peak_rss_bytes),
    ]


def _sum(days: Sequence[DayStats]) -> DayStats:
    return DayStats(
        day="",
        state=days[0].state,
        jobs=sum(day.jobs for day in days),
        entities=sum(day.entities for day in days),
        elements=sum(day.elements for day in days),
        errors=sum(day.errors for day in days),
        source_bytes=sum(day.source_bytes for day in days),
        output_bytes=sum(day.output_bytes for day in days),
        work_s=sum(day.work_s for day in days),
        peak_rss_bytes=max(day.peak_rss_bytes for day in days),
    )
