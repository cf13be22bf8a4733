"""`stats`: sums per day and outcome, kept up by the queue itself, so that a year costs no more than its days."""

from __future__ import annotations

from dxfd.contract.messages import Stats, StatsReply
from dxfd.control.services import Call, Services

MOST_DAYS = 1000


async def handle(services: Services, _call: Call, body: Stats) -> StatsReply:
    """Return the sums of the last days."""
    return StatsReply(days=services.queue.history.days(max(1, min(body.days, MOST_DAYS))))
