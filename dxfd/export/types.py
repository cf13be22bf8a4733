"""What the exports take and give. Frozen; imported by the command and by every module of this package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

OnProgress = Callable[[int, int], None]
"""Called with elements done and elements in all, once a batch."""


class Written(Struct, frozen=True, kw_only=True):
    """A file that an export wrote.

    Attributes:
        path: where.
        bytes: its size.
        elements: how many are in it.
        counts: what was written how, e.g. {"BOX": 12, "mapped": 30}.
        notes: what could not be written as it was, a line each.
    """

    path: Path
    bytes: int
    elements: int
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
