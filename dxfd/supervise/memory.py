"""What the daemon does about a worker's memory. Pure; meter.py measures, arbiter.py acts.

A worker keeps within its limit by itself (smaller batches, then leaving at a checkpoint). The daemon is the wall behind
it, for what the worker cannot see coming within one batch.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What to do now."""

    KEEP = "keep"
    END = "end"


def decide(rss_bytes: int, *, limit_bytes: int, wall: float) -> Action:
    """Return END when a worker's resident memory is past `wall` times its limit; 0 bytes means not measured."""
    return Action.END if rss_bytes > limit_bytes * wall else Action.KEEP
