"""`ping`: the loop turns."""

from __future__ import annotations

from dxfd.contract.messages import Ping, PingReply
from dxfd.contract.times import iso
from dxfd.control.services import Call, Services


async def handle(services: Services, _call: Call, _body: Ping) -> PingReply:
    """Answer at once."""
    return PingReply(server_time=iso(services.clock()))
