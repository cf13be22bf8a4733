"""The daemon as a process: one per run folder, its ways to start, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dxfd import pidfile
from dxfd.contract.messages import Ping
from dxfd.errors import CannotCreateError
from tests.support.daemon import Daemon, daemon
from tests.support.polling import wait_for


def command(dxfd: Daemon, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "dxfd", *arguments]
    return subprocess.run(argv, env=dxfd.environ() | env, capture_output=True, text=True, timeout=30, check=False)


def test_a_second_daemon_is_refused_and_the_first_goes_on(dxfd):
    second = command(dxfd, "run", "--config", str(dxfd.config))
    assert second.returncode == 75
    assert f"error: dxfd runs already: pid {dxfd.pid} since 20" in second.stderr
    assert "[E_ALREADY_RUNNING]" in second.stderr
    assert "Traceback" not in second.stderr
    dxfd.call("ping", Ping())


def test_a_queue_has_one_daemon_whatever_the_run_folder(dxfd, tmp_path):
    other = tmp_path / "r"
    second = command(dxfd, "run", "--config", str(dxfd.config), "--run-dir", str(other), "--socket", f"{other}/c.sock")
    assert second.returncode == 75
    assert f"error: dxfd runs already: pid {dxfd.pid} since 20" in second.stderr
    dxfd.call("ping", Ping())


def test_a_daemon_whose_run_folder_was_removed_keeps_its_queue(dxfd):
    shutil.rmtree(dxfd.run_dir)
    second = command(dxfd, "run", "--config", str(dxfd.config))
    assert second.returncode == 75
    assert f"pid {dxfd.pid}" in second.stderr


def test_a_run_folder_without_room_is_told_in_a_line(tmp_path):
    held = pidfile.acquire(tmp_path / "dxfd.pid")
    os.dup2(os.open("/dev/full", os.O_RDWR), held._descriptor)
    with pytest.raises(CannotCreateError, match="cannot be written"):
        held.write(pidfile.Instance(pid=1, started_at="", boot_id="", endpoint=""))
    os.close(held._descriptor)


def test_the_pid_file_names_process_and_endpoint(dxfd):
    found = pidfile.read(dxfd.pid_path)
    assert found is not None
    assert (found.pid, found.endpoint) == (dxfd.pid, dxfd.endpoint)
    dxfd.stop()
    assert pidfile.read(dxfd.pid_path) is None


def test_a_killed_daemons_socket_and_pid_file_block_no_start(dxfd):
    dxfd.kill(signal.SIGKILL)
    assert (dxfd.run_dir / "control.sock").exists()
    dxfd.start()
    dxfd.call("ping", Ping())


def test_a_file_in_the_sockets_place_is_not_removed():
    with daemon(start=False) as dxfd:
        dxfd.run_dir.mkdir()
        (dxfd.run_dir / "control.sock").write_text("precious")
        dxfd.start(wait=False)
        assert dxfd.wait_ended() == 73
        assert (dxfd.run_dir / "control.sock").read_text() == "precious"
        assert "is in the way of the control socket" in dxfd.stderr()


def test_daemonize_returns_when_the_socket_answers(dxfd):
    dxfd.stop()
    done = command(dxfd, "run", "--daemonize", "--config", str(dxfd.config))
    assert (done.returncode, done.stderr) == (0, "")
    found = pidfile.read(dxfd.pid_path)
    assert found is not None
    try:
        assert done.stdout == f"dxfd runs in the background, pid {found.pid}\n"
        dxfd.call("ping", Ping(), deadline_ms=1000)
        process = psutil.Process(found.pid)
        assert process.terminal() is None
        assert process.cwd() == "/"
        assert os.getsid(found.pid) != os.getsid(0)
        again = command(dxfd, "run", "--daemonize", "--config", str(dxfd.config))
        assert (again.returncode, again.stdout) == (75, "")
        assert "E_ALREADY_RUNNING" in again.stderr
    finally:
        os.kill(found.pid, signal.SIGTERM)
        wait_for(lambda: not psutil.pid_exists(found.pid))


def test_a_queue_of_a_newer_version_is_refused_and_kept(dxfd):
    dxfd.stop()
    with sqlite3.connect(dxfd.queue_path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    dxfd.start(wait=False)
    assert dxfd.wait_ended() == 78
    assert "[E_STORE_NEWER]" in dxfd.stderr()
    assert "Traceback" not in dxfd.stderr()


def test_a_damaged_queue_is_refused_and_kept(dxfd):
    dxfd.stop()
    dxfd.queue_path.write_bytes(b"garbage" * 1000)
    done = command(dxfd, "run", "--daemonize", "--config", str(dxfd.config))
    assert done.returncode == 78
    assert "[E_STORE_CORRUPT]" in done.stderr
    assert dxfd.queue_path.read_bytes() == b"garbage" * 1000


def test_an_idle_daemon_is_small_and_starts_quickly(dxfd):
    assert psutil.Process(dxfd.pid).memory_info().rss < 80 << 20
    (line,) = dxfd.log_lines("daemon_started")
    assert line["start_s"] < 1.0


def test_systemd_hears_ready_and_stopping_and_the_watchdog(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, daemon(start=False) as dxfd:
        manager.bind(str(dxfd.folder / "n"))
        manager.settimeout(10)
        dxfd.start(env={"NOTIFY_SOCKET": str(dxfd.folder / "n"), "WATCHDOG_USEC": "600000"})
        said = []
        while said.count("WATCHDOG=1") < 3:
            said += manager.recv(1000).decode().splitlines()
        assert "READY=1" in said
        assert f"MAINPID={dxfd.pid}" in said
        dxfd.stop()
        while "STOPPING=1" not in said:
            said += manager.recv(1000).decode().splitlines()


def test_no_settings_no_start():
    with daemon(start=False, max_wrokers=3) as dxfd:
        dxfd.start(wait=False)
        assert dxfd.wait_ended() == 78
        assert dxfd.stderr().startswith("error: unknown setting 'max_wrokers'")
        assert "hint: did you mean max_workers?" in dxfd.stderr()


def test_check_config_prints_values_with_their_origin(dxfd):
    done = command(dxfd, "check-config", "--config", str(dxfd.config), "--json", DXFD_MAX_ATTEMPTS="7")
    found = json.loads(done.stdout)["settings"]
    assert found["max_attempts"] == {"value": 7, "origin": "environment"}
    assert found["max_workers"] == {"value": 2, "origin": str(dxfd.config)}
    assert found["retry_cap_s"] == {"value": "5m", "origin": "default"}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["frobnicate"], 2, "No such command"),
        (["run", "--bogus"], 2, "--bogus"),
        (["run", "--set", "nonsense"], 2, "KEY=VALUE"),
        (["run", "--config", "/nowhere.toml"], 78, "no settings file"),
        (["version"], 0, ""),
        (["errors", "--json"], 0, ""),
        (["--help"], 0, ""),
    ],
)
def test_the_command_line_answers_in_one_line_with_its_status(shared, arguments, status, words):
    done = command(shared, *arguments)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if status:
        assert done.stderr.startswith("error: ")
        assert done.stdout == ""


def test_a_folder_that_cannot_be_made_is_named(shared):
    done = command(shared, "run", "--state-dir", "/proc/nowhere", "--run-dir", str(Path(shared.folder) / "other"))
    assert (done.returncode, "E_CANNOT_CREATE" in done.stderr) == (73, True)
