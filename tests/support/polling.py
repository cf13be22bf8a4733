"""Waiting for a condition with a deadline: the only way tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def wait_for(condition: Callable[[], _T], deadline_s: float = 15.0, what: str = "") -> _T:
    """Return the condition's first true value; fail the test when the deadline passes."""
    until = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {deadline_s:g} s: {what or condition}; last value {value!r}")
        time.sleep(0.01)
