"""What the verbs' handlers may touch, and nothing else: queue, supervisor, copies, settings, changes, stopping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from dxfd.config.model import Settings
from dxfd.contract.messages import JobView
from dxfd.contract.times import Clock
from dxfd.control.auth import Peer, Role
from dxfd.control.changes import Changes
from dxfd.store.queue import Queue
from dxfd.store.rows import JobRow
from dxfd.supervise.arbiter import Arbiter
from dxfd.supervise.housekeeping import Housekeeper

DEADLINE_MARGIN_S = 0.3
"""A held reply leaves this long before the client gives up."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the daemon runs."""

    version: str
    pid: int
    started_at: str
    log_path: Path


class Services(Struct, frozen=True, kw_only=True):
    """The daemon as its handlers see it."""

    queue: Queue
    arbiter: Arbiter
    housekeeper: Housekeeper
    changes: Changes
    clock: Clock
    facts: Facts
    stop: Callable[[str], None]

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.arbiter.settings

    def view(self, row: JobRow) -> JobView:
        """Return a job as a client sees it: the row, and what its worker said since it was written."""
        pid, progress = self.arbiter.live(row.id)
        view = row.view()
        return msgspec.structs.replace(view, pid=pid, progress=progress or view.progress, why=self.arbiter.why(row))


class Call(Struct, frozen=True, kw_only=True):
    """One request as its handler sees it, beside the body."""

    peer: Peer
    role: Role
    deadline_s: float
    """Monotonic time (the loop's) by which a held reply has to leave."""
