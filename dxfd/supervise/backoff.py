"""How long a job waits before its next attempt. Pure."""

from __future__ import annotations


def delay_s(failures: int, *, base_s: float, cap_s: float) -> float:
    """Return the delay after the failures-th failure in a row: base, 2 x base, 4 x base, ..., at most cap."""
    if failures < 1:
        return 0.0
    # Past 2**60 the power is larger than any cap; a float would overflow at 2**1024.
    return min(cap_s, base_s * 2.0 ** min(failures - 1, 60))
