"""What the daemon does about its workers' memory. Pure; meter.py measures, arbiter.py acts.

A worker keeps within its grant by itself (smaller chunks and batches, giving back, leaving at a checkpoint). The daemon
is the wall behind it, for what the worker cannot see coming within one batch, and it watches the sum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import msgspec

OVER_BUDGET: Final = 1.05
"""Past this share of the budget nobody is asked any more."""


class Action(StrEnum):
    """What to do now."""

    KEEP = "keep"
    LEAVE = "leave"
    """Ask it to commit and leave."""
    END = "end"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One worker as it was just measured; 0 bytes means not measured."""

    job_id: int
    used_bytes: int
    limit_bytes: int


def decide(samples: Sequence[Sample], leaving: Collection[int], *, wall: float, budget_bytes: int) -> dict[int, Action]:
    """Return what is to be done about which jobs; who is not in it goes on.

    Past `wall` times its limit a worker is ended. While all together are past the budget, the one that is furthest over
    its own limit is asked to leave, else the largest; one at a time (those of `leaving` were asked). Past OVER_BUDGET
    times the budget it is ended.
    """
    found = {s.job_id: Action.END for s in samples if s.used_bytes > s.limit_bytes * wall}
    total = sum(s.used_bytes for s in samples if s.job_id not in found)
    if total <= budget_bytes:
        return found
    rest = [s for s in samples if s.job_id not in found]
    worst = max(rest, key=lambda s: (s.used_bytes - s.limit_bytes, s.used_bytes))
    if total > budget_bytes * OVER_BUDGET:
        found[worst.job_id] = Action.END
    elif not any(s.job_id in leaving for s in rest):
        found[worst.job_id] = Action.LEAVE
    return found
