"""The protocol's name and version, and the rule: major must match, minor may differ, unknown fields are ignored."""

from __future__ import annotations

from typing import Final

MAGIC: Final = b"DXF1"
"""First frame of every message after the routing identity."""

PROTOCOL: Final[tuple[int, int]] = (1, 0)
"""(major, minor). A new optional field or verb raises minor; removing or retyping anything raises major."""

MAX_FRAME_BYTES: Final = 1_048_576
"""Largest frame either side accepts, checked by ZeroMQ (ZMQ_MAXMSGSIZE) before anything is decoded."""
