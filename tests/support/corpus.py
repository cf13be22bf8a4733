"""Real drawings for tests, where they are: the folder DXF_CORPUS names, else one beside this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("DXF_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")


def real_drawing(name: str) -> Path:
    """Return the path of a real drawing; skip the test where it is not."""
    path = CORPUS / name
    if not path.is_file():
        pytest.skip(f"real drawing {name} is not here (DXF_CORPUS names the folder)")
    return path
