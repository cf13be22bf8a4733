"""`submit`: one drawing into the queue. Checks what can be checked without touching the drawing."""

from __future__ import annotations

import os.path
import re

from dxfd.contract.messages import JobOptions, Submit, SubmitReply
from dxfd.contract.progress import Choices
from dxfd.contract.states import FINAL
from dxfd.contract.times import iso, seconds_of
from dxfd.control.services import Call, Services
from dxfd.errors import QueueFullError, ShuttingDownError, UsageError
from dxfd.store.rows import NewJob, past_view

CONVERTERS = frozenset({"bim"})
UNITS = frozenset({"", "mm", "cm", "dm", "m", "km", "in", "ft", "yd", "mi"})
ERROR_ACTIONS = frozenset({"skip", "stop"})
DAMAGED = frozenset({"", "refuse", "convert"})
_ENCODING = re.compile(r"[A-Za-z0-9][-_. A-Za-z0-9]{0,39}")
_LONGEST_PATH = 4096
_LONGEST_WORD = 200
_MOST_AFTER = 1000
_MOST_PRIORITY = 1_000_000
_COARSEST_M = 1.0
_MOST_NAMES = 1000
_LONGEST_NAME = 255
_MOST_NUMBER = 2**62


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
    source, output = _path("source", body.source), _path("output", body.output)
    if source == output:
        raise UsageError(f"source and output are the same file: {source}")
    if body.converter not in CONVERTERS:
        raise UsageError(f"there is no converter {body.converter[:40]!r}", hint=", ".join(sorted(CONVERTERS)))
    if max(len(body.label), len(body.idempotency_key)) > _LONGEST_WORD:
        raise UsageError(f"label and idempotency_key have at most {_LONGEST_WORD} characters")
    if abs(body.priority) > _MOST_PRIORITY:
        raise UsageError(f"priority lies between -{_MOST_PRIORITY} and {_MOST_PRIORITY}")
    _check_options(body.options)
    if not 0 <= body.source_bytes < _MOST_NUMBER:
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


def _path(name: str, text: str) -> str:
    if not text.startswith("/") or "\0" in text or len(text) > _LONGEST_PATH:
        raise UsageError(f"{name} is not an absolute path of at most {_LONGEST_PATH} characters")
    return os.path.normpath(text)


def _check_options(options: JobOptions) -> None:
    if options.units not in UNITS:
        raise UsageError(f"there is no unit {options.units[:40]!r}", hint=", ".join(sorted(UNITS - {""})))
    if options.error_action not in ERROR_ACTIONS:
        raise UsageError(f"error_action is skip or stop, not {options.error_action[:40]!r}")
    if options.damaged not in DAMAGED:
        raise UsageError(f"damaged is refuse or convert, not {options.damaged[:40]!r}")
    if options.encoding and not _ENCODING.fullmatch(options.encoding):
        raise UsageError(f"there is no encoding {options.encoding[:40]!r}", hint="name a code page, as cp1251")
    if not 0.0 <= options.tolerance_m <= _COARSEST_M:
        raise UsageError(f"tolerance_m is a length of at most {_COARSEST_M:g} m")
    _check_choices(options.choices)
    if options.templates:
        _path("templates", options.templates)
    if not all(0 <= n < _MOST_NUMBER for n in (options.batch_size, options.max_memory_bytes, options.max_errors)):
        raise UsageError("batch_size, max_memory_bytes and max_errors are numbers of at least 0")


def _check_choices(choices: Choices) -> None:
    if choices.hidden_layers not in {"convert", "skip"}:
        raise UsageError(f"hidden_layers is convert or skip, not {choices.hidden_layers[:40]!r}")
    if choices.colors not in {"rule", "drawing"}:
        raise UsageError(f"colors is rule or drawing, not {choices.colors[:40]!r}")
    if choices.detail not in {"", "body", "box"}:
        raise UsageError(f"detail is body or box, not {choices.detail[:40]!r}")
    if not 0 <= choices.explode_limit < _MOST_NUMBER:
        raise UsageError("explode_limit is a number of at least 0")
    for name, words in (("layouts", choices.layouts), ("blocks", choices.blocks)):
        if len(words) > _MOST_NAMES or any(not 0 < len(word) <= _LONGEST_NAME for word in words):
            raise UsageError(f"{name} are at most {_MOST_NAMES} names of at most {_LONGEST_NAME} characters")
