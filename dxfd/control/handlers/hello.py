"""`hello`: versions, the caller's role, the verbs."""

from __future__ import annotations

from dxfd.contract.messages import VERBS, Hello, HelloReply
from dxfd.contract.times import iso
from dxfd.contract.version import PROTOCOL
from dxfd.control.services import Call, Services


async def handle(services: Services, call: Call, _body: Hello) -> HelloReply:
    """Say who this is."""
    return HelloReply(
        daemon_version=services.facts.version,
        protocol_min=(PROTOCOL[0], 0),
        protocol_max=PROTOCOL,
        role=call.role.name.lower(),
        pid=services.facts.pid,
        started_at=services.facts.started_at,
        server_time=iso(services.clock()),
        verbs=list(VERBS),
    )
