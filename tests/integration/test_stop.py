from __future__ import annotations

import signal

import pytest

from dxfd.contract.messages import JobOptions, Stop
from dxfd.contract.states import JobState
from tests.support.polling import wait_for


def test_stop_checkpoints_running_jobs_and_the_next_daemon_goes_on(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    dxfd.wait_batch(job.id, 2)
    reply = dxfd.call("stop", Stop())
    assert (reply.pid, reply.workers_running) == (dxfd.pid, 1)
    assert dxfd.wait_ended() == 0
    assert not (dxfd.run_dir / "control.sock").exists()
    dxfd.start()
    view = dxfd.wait_final(job.id)
    assert (view.state, view.attempts_charged) == (JobState.SUCCEEDED, 0)
    first, second = dxfd.show(job.id).attempts
    assert (first.cause, second.cause) == ("yielded", "finished")
    assert second.resumed_from_batch >= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_as_good_as_stop(dxfd, large, number):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    dxfd.wait_batch(job.id, 1)
    assert dxfd.kill(number) == 0
    assert dxfd.log_lines("daemon_ended")
    assert [line["cause"] for line in dxfd.log_lines("attempt_ended")] == ["yielded"]


def test_a_second_signal_does_not_wait_for_a_stubborn_worker(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    pid = dxfd.wait_batch(job.id, 1).pid
    _stop_process(pid)
    dxfd.process.send_signal(signal.SIGTERM)
    wait_for(lambda: dxfd.log_lines("stopping"))
    assert dxfd.running()
    assert dxfd.kill(signal.SIGTERM) == 0
    assert [line["cause"] for line in dxfd.log_lines("attempt_ended")] == ["cut_off"]
    dxfd.start()
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


def test_usr1_and_hup_reopen_the_log_and_end_nothing(dxfd):
    for number in (signal.SIGUSR1, signal.SIGHUP):
        moved = dxfd.log_path.with_name(f"moved-{number}")
        dxfd.log_path.rename(moved)
        dxfd.process.send_signal(number)
        wait_for(lambda: dxfd.log_lines("log_reopened"))
    dxfd.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: dxfd.log_lines("state"))
    assert dxfd.running()


def _stop_process(pid):
    import os

    os.kill(pid, signal.SIGSTOP)
