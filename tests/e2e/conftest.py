"""Sandboxes for the installed commands."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ctl import Ctl


@pytest.fixture
def sandbox() -> Iterator[Ctl]:
    """Commands in a folder of their own; no daemon runs yet. The path is short: a socket's may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="dxfd-e2e-") as name:
        ctl = Ctl(Path(name))
        try:
            yield ctl
        finally:
            ctl.stop()


@pytest.fixture(scope="module")
def ctl() -> Iterator[Ctl]:
    """Commands with a daemon that runs; shared by the tests of a module."""
    with tempfile.TemporaryDirectory(prefix="dxfd-e2e-") as name:
        commands = Ctl(Path(name), DXFD_MAX_WORKERS="1")
        commands("start")
        try:
            yield commands
        finally:
            commands.stop()
