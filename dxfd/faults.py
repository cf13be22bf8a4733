"""Labelled places where tests let something break: a kill, a full disk, a hanging one. In the product they do nothing.

Nothing here reads a setting or the environment: only code that runs inside the process can arm a point, and a test sees
to it that none of ours does. tests/support/armed does it for daemons and workers that tests start.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

POINTS: Final = MappingProxyType(
    {
        "store.begun": "a change of the queue has begun, nothing of it is written",
        "store.changed": "a change of the queue is written, not committed",
        "store.committed": "a change of the queue is committed, nobody has been told",
        "supervise.claimed": "a job is claimed, it has no process yet",
        "supervise.spawned": "a worker runs, the queue does not know its process",
        "supervise.ended": "a worker has ended, the queue does not know",
        "supervise.settled": "the end of a worker is written, its place is still taken",
        "worker.ordered": "a worker has its order and has done nothing",
        "worker.published": "a worker has published its output and has not said so",
        "read.chunk": "a part of the drawing is about to be read",
        "write.begun": "a batch's transaction has begun",
        "write.rows": "a batch's rows are written, not its checkpoint",
        "write.commit": "a batch and its checkpoint are written, not committed",
        "write.committed": "a batch is committed, nobody has been told",
        "publish.synced": "the finished database is on disk, under its working name",
        "publish.renamed": "the finished database has its name, the folder is not synced",
    }
)
"""Label -> what has happened so far when the point is passed."""

_hook: Callable[[str], None] | None = None


def point(label: str) -> None:
    """Pass a point: nothing, unless a test has armed this process."""
    if _hook is not None:
        _hook(label)


def arm(hook: Callable[[str], None] | None) -> None:
    """Call a function with the label at every point from now on; None disarms. For tests."""
    global _hook  # noqa: PLW0603  (one hook a process is what it is)
    _hook = hook
