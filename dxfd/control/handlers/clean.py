"""`clean`: finished jobs out of the listing now; history keeps how they ended."""

from __future__ import annotations

import math

from dxfd.contract.messages import Clean, CleanReply
from dxfd.contract.states import FINAL
from dxfd.contract.times import iso
from dxfd.control.services import Call, Services
from dxfd.errors import UsageError


async def handle(services: Services, _call: Call, body: Clean) -> CleanReply:
    """Clean in small steps, between which other requests and rounds have their turn."""
    if not (math.isfinite(body.older_s) and 0 <= body.older_s < services.clock()):
        raise UsageError("older_s is a number of seconds of at least 0")
    if not set(body.states) <= FINAL:
        raise UsageError("only finished jobs can be cleaned away", hint=", ".join(sorted(FINAL)))
    until = iso(services.clock() - body.older_s + 0.001)
    if body.dry_run:
        return CleanReply(jobs=services.queue.history.count_ended(until, body.states))
    return CleanReply(jobs=await services.housekeeper.clean(until, body.states))
