"""`backup`: a copy of the queue database, made now."""

from __future__ import annotations

from dxfd.backups import Reason
from dxfd.contract.messages import Backup, BackupReply
from dxfd.control.services import Call, Services


async def handle(services: Services, _call: Call, _body: Backup) -> BackupReply:
    """Copy, check, and answer; requests and jobs go on meanwhile."""
    keeper = services.housekeeper
    return BackupReply(backup=await keeper.back_up(Reason.ASKED), folder=str(keeper.folder))
