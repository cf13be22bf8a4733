"""Words about a job: the log's one line `job_finished` per job that came to an end, and why one waits."""

from __future__ import annotations

import msgspec

from dxfd import logs
from dxfd.contract.times import seconds_of
from dxfd.store.rows import JobRow

log = logs.get_logger()


class _Sums(msgspec.Struct, frozen=True, kw_only=True):
    """The report's figures that the line repeats; the rest of it is not decoded."""

    entities_read: int = 0
    elements_written: int = 0
    peak_rss_bytes: int = 0


def log_finished(row: JobRow, report: bytes | None, *, peak_rss_bytes: int, now_s: float) -> None:
    """Write the line; duration_s counts from the first attempt's start, waits and pauses included."""
    sums = _sums(row, report)
    log.info(
        "job_finished",
        job_id=row.id,
        state=row.state.value,
        duration_s=round(now_s - seconds_of(row.started_at), 3) if row.started_at else 0.0,
        entities=sums.entities_read,
        elements=sums.elements_written,
        peak_rss_bytes=max(sums.peak_rss_bytes, peak_rss_bytes),
        attempts=row.attempt,
        error_code=row.error_code,
        source=row.source,
        output=row.output,
    )


def why_waiting(row: JobRow) -> str:
    """Return what a waiting job waits for, in one line."""
    parts = []
    if row.blockers:
        jobs = ", ".join(str(job_id) for job_id in row.after[:5]) + (", …" if len(row.after) > 5 else "")
        some = f" ({row.blockers} of them)" if row.blockers < len(row.after) else ""
        parts.append(f"after {'job' if len(row.after) == 1 else 'jobs'} {jobs}{some}")
    if row.start_at:
        parts.append(f"not before {row.start_at}")
    return " and ".join(parts)


def _sums(row: JobRow, report: bytes | None) -> _Sums:
    if report is not None:
        return msgspec.json.decode(report, type=_Sums)
    if row.progress is not None:
        return _Sums(entities_read=row.progress.entities_read, elements_written=row.progress.elements_written)
    return _Sums()
