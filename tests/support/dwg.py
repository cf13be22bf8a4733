"""Converters of DWG drawings for tests: shell scripts that behave as told, and what there is of real ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dxfd.convert.types import DwgOptions

DWG = b"AC1032" + bytes(2042)
"""Enough of a drawing to be taken for one."""
COPY = 'cp "$TEXT" "$3"'
"""What a good converter does: it is called with -y -o OUT IN."""


def converter(folder: Path, script: str, *, name: str = "dwg2dxf", text: Path | None = None) -> Path:
    """Write a converter that runs a shell script; $TEXT is the DXF file that it may give."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nTEXT='{text or ''}'\n{script}\n")
    path.chmod(0o755)
    return path


def by(path: Path, **more: object) -> DwgOptions:
    """Return options that take this converter and no other."""
    return DwgOptions(converter="oda" if "ODA" in path.name else "dwg2dxf", path=str(path), **more)  # type: ignore[arg-type]


def need_acadsharp() -> None:
    """Skip the test where the package is not installed."""
    if importlib.util.find_spec("acadsharp_native") is None:
        pytest.skip("acadsharp is not installed (the extra dwg)")


def is_dead(pid: int) -> bool:
    """Return whether a process has ended, though nobody may have asked yet how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
