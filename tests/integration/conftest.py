"""Daemons for the tests of verbs and recovery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, daemon
from tests.support.drawing import write_drawing


@pytest.fixture
def dxfd() -> Iterator[Daemon]:
    with daemon() as running:
        yield running


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawing that converts in about a second."""
    return write_drawing(tmp_path_factory.mktemp("drawings") / "small.dxf", 500)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawing that takes many small batches, to be interrupted."""
    return write_drawing(tmp_path_factory.mktemp("drawings") / "large.dxf", 20_000)


@pytest.fixture(scope="session")
def shared() -> Iterator[Daemon]:
    """One daemon for all tests that leave no trace in it."""
    with daemon() as running:
        yield running
