"""Which jobs start now: a pure choice from what is queued, what runs, and what memory is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class Wish(msgspec.Struct, frozen=True):
    """A job that could start, and the memory it would be given."""

    job_id: int
    limit_bytes: int


def pick(wishes: Iterable[Wish], running_bytes: Sequence[int], *, max_workers: int, budget_bytes: int) -> list[int]:
    """Return the ids to start, in order.

    The wishes come by priority, then age. The first that does not fit ends the choice: smaller jobs behind it would
    keep it waiting for ever. A job larger than the whole budget runs alone.
    """
    chosen: list[int] = []
    workers, used = len(running_bytes), sum(running_bytes)
    for wish in wishes:
        if workers >= max_workers or (used + wish.limit_bytes > budget_bytes and workers > 0):
            break
        chosen.append(wish.job_id)
        workers, used = workers + 1, used + wish.limit_bytes
    return chosen
