"""What a job was asked to do otherwise than usual, in words: for `show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from dxfd.contract.messages import JobOptions

_OWN_LINES: Final = frozenset({"templates", "units", "batch_size", "max_memory_bytes", "restart"})
"""Options that `show` has a line for, or that are used up."""


def asked(options: JobOptions) -> Iterator[str]:
    """Yield each other option that is not as it is by default, with its value."""
    for name, value in _others(options):
        if isinstance(value, msgspec.Struct):
            for word, inner in _others(value):
                yield _said(f"{name} {word}" if name == "dwg" or word == "file" else word, inner)
        elif name not in _OWN_LINES:
            yield _said(name, value)


def _others(struct: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    usual = type(struct)()
    for name in struct.__struct_fields__:
        if getattr(struct, name) != getattr(usual, name):
            yield name, getattr(struct, name)


def _said(name: str, value: Any) -> str:
    words = ",".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)
    return name if value is True else f"{name} {words}"
