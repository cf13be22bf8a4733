"""What tests share: a queue, a disk with little room."""

from __future__ import annotations

import resource
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


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files grow to 32 KB: EFBIG, as Python ignores SIGXFSZ."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 << 10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
