"""Times on the wire and in the queue: UTC, ISO 8601, milliseconds, Z. Such texts sort as the times they mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds since the epoch; passed in wherever a record is stamped."""


def iso(seconds: float) -> str:
    """Return the text of a time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def seconds_of(text: str) -> float:
    """Return the seconds since the epoch of a text made by iso()."""
    return datetime.fromisoformat(text).timestamp()


def utc_now() -> str:
    """Return the text of now."""
    return iso(time.time())
