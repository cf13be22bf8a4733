"""A folder and a moment in which this process may not read everything: tests of permissions, as root too."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_NOBODY = 65534


@contextlib.contextmanager
def another_user() -> Iterator[Path]:
    """Be a user without rights of root, with a folder of its own; skip where root may not become one."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        try:
            os.chown(name, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
        except OSError as error:
            pytest.skip(f"root may not become another user here: {error.strerror}")
        try:
            yield Path(name)
        finally:
            os.seteuid(0)
