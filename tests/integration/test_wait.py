from __future__ import annotations

import time

from dxfd.contract.messages import Wait
from dxfd.contract.states import JobState


def test_wait_follows_a_job_to_its_end_without_polling(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db")
    seen, rev, rounds = [], -1, 0
    while True:
        reply = dxfd.call("wait", Wait(job_id=job.id, rev=rev, timeout_s=20))
        seen.append(reply.job.state)
        rev, rounds = reply.job.rev, rounds + 1
        if reply.final:
            break
    assert seen[-1] is JobState.SUCCEEDED
    assert rounds < 20


def test_a_wait_ends_with_its_time(dxfd):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", "/tmp/a.db")
    started = time.monotonic()
    reply = dxfd.call("wait", Wait(job_id=job.id, rev=job.rev, timeout_s=0.3))
    assert not reply.final
    assert 0.25 < time.monotonic() - started < 10


def test_a_wait_is_answered_before_the_client_gives_up(dxfd):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", "/tmp/a.db")
    reply = dxfd.call("wait", Wait(job_id=job.id, rev=job.rev, timeout_s=600), deadline_ms=1000)
    assert reply.job.state is JobState.QUEUED


def test_waiting_for_a_job_that_has_ended_is_answered_at_once(dxfd):
    job = dxfd.submit("/nowhere.dxf", dxfd.folder / "a.db")
    dxfd.wait_final(job.id)
    started = time.monotonic()
    assert dxfd.call("wait", Wait(job_id=job.id, rev=10**6, timeout_s=20)).final
    assert time.monotonic() - started < 10  # not the 20 s of the request
