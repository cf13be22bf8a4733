from __future__ import annotations

import time

from dxfd.contract.messages import JobOptions, Ping


def test_ping_is_answered_quickly_while_conversions_run(dxfd, large):
    jobs = [dxfd.submit(large, dxfd.folder / f"{n}.db", options=JobOptions(batch_size=100)) for n in range(2)]
    for job in jobs:
        dxfd.wait_batch(job.id, 1)
    slowest = 0.0
    for _ in range(50):
        started = time.monotonic()
        dxfd.call("ping", Ping())
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 1.0
