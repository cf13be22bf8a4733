"""Starting and stopping the daemon, and what the client says while none runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dxfctl.launch import await_gone

import dxfd
from tests.support.ctl import BIN, drawing
from tests.support.polling import wait_for

VERBS_THAT_NEED_A_DAEMON = ["status", "ping", "show 1", "wait 1", "pause 1", "resume", "cancel 1", "retry 1", "logs"]


@pytest.mark.parametrize("words", VERBS_THAT_NEED_A_DAEMON)
def test_without_a_daemon_every_verb_says_so(sandbox, words):
    done = sandbox(*words.split(), code=7)
    assert done.stdout == ""
    assert done.stderr == (
        f"error: no daemon runs at {sandbox.run_dir}/control.sock (there is no such socket) [E_UNREACHABLE]\n"
        "  hint: start it with  dxfctl start\n"
    )


def test_without_a_daemon_the_json_error_is_on_stdout(sandbox):
    document = sandbox.json("status", code=7)
    assert document["ok"] is False
    assert document["schema"] == "dxfctl.status/1"
    assert set(document["error"]) == {"code", "message", "hint", "exit_code", "details"}
    assert document["error"]["code"] == "E_UNREACHABLE"


def test_start_is_idempotent_and_stop_too(sandbox):
    first = sandbox.json("start")
    assert (first["started"], first["through"]) == (True, "background process")
    second = sandbox.json("start")
    assert (second["started"], second["daemon"]["pid"]) == (False, first["daemon"]["pid"])
    assert sandbox.json("stop")["stopped"] is True
    assert await_gone(first["daemon"]["pid"], deadline=0)
    assert sandbox.json("stop")["stopped"] is False
    assert "not running" in sandbox("stop").stdout


def test_start_opens_a_held_queue(sandbox):
    sandbox("start")
    sandbox("pause")
    assert sandbox("start").stdout.endswith("queue open\n")
    sandbox("pause")
    sandbox("stop")
    assert sandbox.json("start")["queue_opened"] is True
    assert sandbox.json("status")["queue_paused"] is False


def test_error_of_the_daemon_is_told_by_start(sandbox):
    done = sandbox("start", code=78, DXFD_MEMORY_LIMIT="lots")
    assert done.stderr.startswith("error: memory_limit: 'lots' is not an amount of memory")
    assert "[E_CONFIG]" in done.stderr


def test_start_with_a_settings_file_starts_that_daemon(sandbox):
    own = sandbox.folder / "own"
    file = sandbox.folder / "dxfd.toml"
    file.write_text("".join(f'{kind}_dir = "{own}/{kind}"\n' for kind in ("run", "state", "log")))
    for name in ("RUN", "STATE", "LOG"):
        del sandbox.environ[f"DXFD_{name}_DIR"]
    sandbox("start", "-c", file)
    try:
        assert (own / "run" / "control.sock").is_socket()
        sandbox("ping", "-c", file)
        sandbox("ping", "-e", own / "run" / "control.sock")
        sandbox("ping", DXFCTL_ENDPOINT=f"ipc://{own}/run/control.sock")
    finally:
        sandbox("stop", "-c", file)


def test_running_job_survives_stop_and_start(sandbox):
    sandbox("start")
    job = sandbox.submit(drawing(sandbox.folder / "big.dxf", 60_000), "--batch-size", 1000)
    wait_for(lambda: sandbox.json("show", job)["job"]["state"] == "running", what="the job runs")
    sandbox("stop")
    sandbox("start")
    sandbox("wait", job, "--timeout", "60s")
    assert sandbox.json("show", job)["job"]["attempts_charged"] == 0


def test_stale_socket_is_told_and_start_replaces_it(sandbox):
    sandbox.run_dir.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(sandbox.run_dir / "control.sock"))
    assert "left over" in sandbox("ping", code=7).stderr
    sandbox("start")
    sandbox("ping")


def test_version_works_without_a_daemon(sandbox):
    assert "not running" in sandbox("version").stdout
    assert sandbox.json("version")["daemon"] is None
    assert sandbox("--version").stdout.startswith("dxfctl ")


def test_errors_and_completion_need_no_daemon(sandbox):
    assert "no daemon answers" in sandbox("errors").stdout
    assert "E_UNREACHABLE" in sandbox("errors", "7").stdout
    assert [e["code"] for e in sandbox.json("errors", "E_DISK_FULL")["errors"]] == ["E_DISK_FULL"]
    sandbox("errors", "4711", code=2)
    for shell in ("bash", "zsh", "fish"):
        assert "_DXFCTL_COMPLETE" in sandbox("completion", shell).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("stauts", "did you mean stats or status?"),
        ("wait x", "'x' is no job number"),
        ("wait", "Missing argument"),
        ("submit", "Missing argument"),
        ("status --bogus", "No such option"),
        ("submit a --max-memory lots", "is not an amount of memory"),
        ("status --limit 0", "--limit"),
    ],
)
def test_wrong_command_lines_are_told_in_two_lines(sandbox, words, told):
    done = sandbox(*words.split(), code=2)
    assert done.stdout == ""
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert json.loads(sandbox(*words.split(), "--json", code=2).stdout)["error"]["code"] == "E_USAGE"


def test_wrong_address_is_an_error_of_settings(sandbox):
    assert "E_CONFIG" in sandbox("ping", "-e", "tcp://127.0.0.1:1", code=78).stderr


def test_another_user_is_told_who_owns_the_socket(sandbox):
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    sandbox("start")
    sandbox.folder.chmod(0o755)
    sandbox.run_dir.chmod(0o755)
    homes = [Path(sys.executable).resolve(), BIN, Path(dxfd.__file__)]
    if not all(folder.stat().st_mode & 0o001 for home in homes for folder in home.parents):
        pytest.skip("the installation may not be read by another user")
    done = subprocess.run(
        [str(BIN / "dxfctl"), "status"], env=sandbox.environ, capture_output=True, text=True, user=65534, group=65534,
        extra_groups=[], check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 6
    assert "owner root" in done.stderr
