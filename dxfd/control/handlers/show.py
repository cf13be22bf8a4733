"""`show`: everything about one job. A report too large for a frame comes without its longest list."""

from __future__ import annotations

import msgspec

from dxfd.contract.messages import JobRef, ShowReply
from dxfd.contract.version import MAX_FRAME_BYTES
from dxfd.control.services import Call, Services
from dxfd.errors import NoSuchJobError
from dxfd.store.rows import past_view

EARLIER_JOBS = 5
_REPORT_BYTES = MAX_FRAME_BYTES // 2


async def handle(services: Services, _call: Call, body: JobRef) -> ShowReply:
    """Return the job, its worker runs, its story, its report and earlier jobs of its drawing.

    Of a job that was cleaned away there is what history has.
    """
    listing, history = services.queue.listing, services.queue.history
    past = history.get(body.job_id)
    try:
        row = services.queue.jobs.get(body.job_id)
    except NoSuchJobError:
        if past is None:
            raise
        earlier = history.same_drawing(past.source_checksum, EARLIER_JOBS, before_id=past.job_id)
        return ShowReply(job=past_view(past), attempts=[], events=[], past=past, earlier=earlier)
    return ShowReply(
        job=services.view(row),
        attempts=listing.attempts(row.id),
        events=listing.events(row.id),
        report=_fitting(listing.report(row.id)),
        past=past,
        earlier=history.same_drawing(row.source_checksum, EARLIER_JOBS, before_id=row.id),
    )


def _fitting(report: msgspec.Raw) -> msgspec.Raw:
    """Return the report; cut down to half a frame by dropping ledger rows, which the output has in full anyway."""
    if len(bytes(report)) <= _REPORT_BYTES:
        return report
    fields = msgspec.json.decode(report)
    ledger = fields.get("ledger", [])
    room = _REPORT_BYTES - len(msgspec.json.encode(fields | {"ledger": []}))
    kept = 0
    for row in ledger:
        room -= len(msgspec.json.encode(row)) + 1
        if room < 0:
            break
        kept += 1
    return msgspec.Raw(msgspec.json.encode(fields | {"ledger": ledger[:kept], "ledger_cut": len(ledger) - kept}))
