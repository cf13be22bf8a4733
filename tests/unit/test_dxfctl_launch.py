"""What the client makes of a starter that failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from dxfctl.invocation import Invocation
from dxfctl.launch import Through, await_gone, failure, way

from dxfd.errors import AlreadyRunningError, ConfigError, InstanceError, PermissionDeniedError


def test_error_of_the_daemon_is_passed_on_with_code_and_hint():
    words = "noise\nerror: another dxfd runs already (pid 5) [E_ALREADY_RUNNING]\n  hint: dxfctl status\n"
    error = failure(["dxfd", "run"], 75, words)
    assert (type(error), error.message, error.hint) == (
        AlreadyRunningError,
        "another dxfd runs already (pid 5)",
        "dxfctl status",
    )
    assert isinstance(failure(["dxfd"], 78, "error: bad [E_CONFIG]"), ConfigError)


def test_words_without_a_code_give_their_last_line():
    error = failure(["/bin/dxfd", "run"], 1, "first\nlast words\n\n")
    assert isinstance(error, InstanceError)
    assert error.message == "/bin/dxfd run ended with 1: last words"
    assert failure(["dxfd"], 1, "").message == "dxfd ended with 1: it said nothing"


def test_systemd_refusing_is_a_matter_of_permission():
    error = failure(["systemctl", "start", "dxfd"], 4, "Failed to start dxfd.service: Access denied\n")
    assert isinstance(error, PermissionDeniedError)
    assert error.exit_code == 6


def test_daemon_of_ones_own_is_not_started_through_systemd():
    assert way(Invocation(endpoint="ipc:///tmp/x.sock")) is Through.BACKGROUND


def test_ended_process_is_gone_even_as_a_zombie():
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        assert await_gone(child.pid, deadline=time.monotonic() + 10)
    finally:
        child.wait()


def test_running_process_is_not_gone():
    assert not await_gone(os.getpid(), deadline=time.monotonic())
