"""`backups`: the copies of the queue database, and whether they are in order. Files are read in a thread."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dxfd import backups
from dxfd.contract.messages import Backups, BackupsReply, BackupView
from dxfd.control.services import Call, Services
from dxfd.errors import UsageError


async def handle(services: Services, _call: Call, body: Backups) -> BackupsReply:
    """List the copies, checked if that is asked for."""
    folder = services.housekeeper.folder
    if "/" in body.name:
        raise UsageError("name is that of a copy in the backup folder")
    return BackupsReply(backups=await asyncio.to_thread(_look, folder, body), folder=str(folder))


def _look(folder: Path, body: Backups) -> list[BackupView]:
    found = [backups.verify(backups.find(folder, body.name))] if body.name else backups.listed(folder)
    return [backups.verify(folder / view.name) for view in found] if body.verify and not body.name else found
