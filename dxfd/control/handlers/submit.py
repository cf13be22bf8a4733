"""`submit`: one drawing into the queue. Checks what can be checked without touching the drawing."""

from __future__ import annotations

from dxfd.contract.messages import Submit, SubmitReply
from dxfd.contract.states import FINAL
from dxfd.contract.times import iso, seconds_of
from dxfd.control.options import MOST_NUMBER, absolute, check_options
from dxfd.control.services import Call, Services
from dxfd.errors import QueueFullError, ShuttingDownError, UsageError
from dxfd.store.rows import NewJob, past_view

CONVERTERS = frozenset({"bim"})
_LONGEST_WORD = 200
_MOST_AFTER = 1000
_MOST_PRIORITY = 1_000_000


async def handle(services: Services, call: Call, body: Submit) -> SubmitReply:
    """Queue the job, or return the same one that is queued already."""
    if services.arbiter.draining:
        raise ShuttingDownError("the daemon is shutting down and takes no jobs")
    new = _checked(services, call, body)
    past = services.queue.history.of_key(new.idempotency_key) if new.idempotency_key else None
    if past is not None and not services.queue.listing.has(past.job_id):
        return SubmitReply(job=past_view(past), duplicate=True, queue_paused=services.arbiter.paused)
    limit, counts = services.settings.max_queued, services.queue.listing.counts()
    if limit and sum(n for state, n in counts.items() if state not in FINAL) >= limit:
        raise QueueFullError(f"the queue holds {limit} unfinished jobs", hint="max_queued in the settings bounds it")
    row, duplicate = services.queue.jobs.submit(new)
    services.arbiter.wake()
    return SubmitReply(job=services.view(row), duplicate=duplicate, queue_paused=services.arbiter.paused)


def _checked(services: Services, call: Call, body: Submit) -> NewJob:
    source, output = absolute("source", body.source), absolute("output", body.output)
    if source == output:
        raise UsageError(f"source and output are the same file: {source}")
    if body.converter not in CONVERTERS:
        raise UsageError(f"there is no converter {body.converter[:40]!r}", hint=", ".join(sorted(CONVERTERS)))
    if max(len(body.label), len(body.idempotency_key)) > _LONGEST_WORD:
        raise UsageError(f"label and idempotency_key have at most {_LONGEST_WORD} characters")
    if abs(body.priority) > _MOST_PRIORITY:
        raise UsageError(f"priority lies between -{_MOST_PRIORITY} and {_MOST_PRIORITY}")
    check_options(body.options)
    if not 0 <= body.source_bytes < MOST_NUMBER:
        raise UsageError("source_bytes is a number of at least 0")
    if not 0 <= body.max_attempts <= 1_000_000:
        raise UsageError("max_attempts is a number from 0 to 1000000")
    if len(body.after) > _MOST_AFTER:
        raise UsageError(f"a job comes after at most {_MOST_AFTER} others")
    return NewJob(
        source=source,
        output=output,
        converter=body.converter,
        options=body.options,
        priority=body.priority,
        label=body.label,
        max_attempts=body.max_attempts or services.settings.max_attempts,
        owner_uid=call.peer.uid,
        owner=call.peer.name,
        idempotency_key=body.idempotency_key,
        source_bytes=body.source_bytes,
        start_at=_time(body.not_before),
        after=list(dict.fromkeys(body.after)),
        after_any=body.after_any,
    )


def _time(text: str) -> str | None:
    """Return a time as the queue compares it, None for none."""
    if not text:
        return None
    try:
        return iso(seconds_of(text))
    except (ValueError, OverflowError):
        raise UsageError(f"not_before is a time in ISO 8601, not {text[:40]!r}") from None
