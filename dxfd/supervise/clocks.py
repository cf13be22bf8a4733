"""Two clocks compared: did this process stand still, was the system's clock set. Pure.

A daemon that was stopped (SIGSTOP, a frozen machine) has heard nothing from its workers, which is not their fault.
Retries wait for a wall-clock time, so that they survive a restart; when that clock is set, they are moved along.
"""

from __future__ import annotations

from typing import Final

STOOD_STILL_S: Final = 5.0
"""A round that comes this much later than it should: nothing a busy loop does takes so long."""
SET_S: Final = 5.0
"""A difference between the clocks that no slewing makes within a round."""


class Clocks:
    """Remembers the last look at both clocks."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def look(self, monotonic_s: float, wall_s: float, *, tick_s: float) -> tuple[float, float]:
        """Return for how long this process stood still and by how much the wall clock was set; 0 for not at all."""
        before, self._last = self._last, (monotonic_s, wall_s)
        if before is None:
            return 0.0, 0.0
        passed = monotonic_s - before[0]
        stood = passed if passed > tick_s + STOOD_STILL_S else 0.0
        jumped = (wall_s - before[1]) - passed
        return stood, jumped if abs(jumped) > SET_S else 0.0
