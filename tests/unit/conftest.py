"""What the tests of the queue share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dxfd.store.queue import Queue, open_queue
from tests.support.clock import Time


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def queue(tmp_path: Path, clock: Time) -> Iterator[Queue]:
    opened = open_queue(tmp_path / "queue.db", clock=clock, durable=False)
    yield opened
    opened.close()
