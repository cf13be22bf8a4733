from __future__ import annotations

import signal
import time

import pytest

from dxfd.contract.messages import JobOptions, Stop
from dxfd.contract.states import JobState
from tests.support.daemon import daemon
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


def test_hup_reopens_the_log_and_reads_the_settings_again(dxfd):
    dxfd.log_path.rename(dxfd.log_path.with_name("moved"))
    dxfd.settings |= {"max_workers": 5, "log_level": "debug", "state_dir": "/elsewhere"}
    dxfd.write_config()
    dxfd.process.send_signal(signal.SIGHUP)
    (line,) = wait_for(lambda: dxfd.log_lines("settings_reloaded"))
    assert line["applied"] == {"max_workers": "2 -> 5", "log_level": '"info" -> "debug"'}
    assert line["at_restart"] == ["state_dir", "backup_dir"]
    assert dxfd.log_lines("log_reopened")
    assert dxfd.status().workers_max == 5


def test_wrong_settings_at_hup_change_nothing(dxfd):
    dxfd.config.write_text("max_wrokers = 3\n")
    dxfd.process.send_signal(signal.SIGHUP)
    (line,) = wait_for(lambda: dxfd.log_lines("settings_not_reloaded"))
    assert "max_wrokers" in line["text"]
    assert dxfd.status().workers_max == 2


def test_usr1_holds_the_queue_and_usr2_releases_it(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    dxfd.wait_batch(job.id, 1)
    dxfd.process.send_signal(signal.SIGUSR1)
    view = dxfd.wait_state(job.id, JobState.QUEUED)
    assert view.why == "the queue is paused"
    assert dxfd.status().queue_paused
    dxfd.process.send_signal(signal.SIGUSR2)
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_time_of_the_start_ends_nothing_or_ends_it_cleanly(number):
    with daemon(start=False) as dxfd:
        dxfd.start(wait=False)
        wait_for(lambda: dxfd.log_path.exists() or not dxfd.running())
        status = 0
        while dxfd.running() and not dxfd.log_lines("daemon_started"):
            dxfd.process.send_signal(number)
            time.sleep(0.005)  # waits for nothing: signals as fast as they can be taken
        if number in {signal.SIGTERM, signal.SIGINT}:
            dxfd.process.send_signal(number)  # the start may have been over before the first one
            status = dxfd.wait_ended()
            assert status in {0, -number, 130}, dxfd.stderr()  # not 0: before there was anything to end
        assert "Traceback" not in dxfd.stderr()


def _stop_process(pid):
    import os

    os.kill(pid, signal.SIGSTOP)
