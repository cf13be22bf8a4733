"""Waiting for a condition with a deadline: the only way tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_FIRST_S, _LAST_S = 0.005, 0.04
"""Between two looks, growing: a look is often a request, and a hundred a second take a fifth of a core."""


def wait_for(condition: Callable[[], _T], deadline_s: float = 15.0, what: str = "") -> _T:
    """Return the condition's first true value; fail the test when the deadline passes."""
    until, pause_s = time.monotonic() + deadline_s, _FIRST_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {deadline_s:g} s: {what or condition}; last value {value!r}")
        time.sleep(pause_s)
        pause_s = min(1.2 * pause_s, _LAST_S)
