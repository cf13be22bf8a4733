from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dxfd import pidfile
from dxfd.contract.messages import VERBS
from dxfd.control.auth import Peer, Role, peer_of, role_of
from dxfd.control.dispatch import TABLE
from dxfd.errors import AlreadyRunningError, CannotCreateError
from dxfd.systemd import Notifier

INSTANCE = pidfile.Instance(pid=42, started_at="2026-01-01T00:00:00.000Z", boot_id="b", endpoint="ipc:///x")


def test_the_table_of_handlers_is_the_contracts_table_of_verbs():
    assert list(TABLE) == list(VERBS)


def test_each_verb_has_a_handler_a_test_and_the_same_name():
    root = Path(__file__).parents[2]
    for verb in VERBS:
        assert (root / f"dxfd/control/handlers/{verb}.py").exists()
        assert (root / f"tests/integration/test_{verb}.py").exists()


def test_the_kernels_word_about_the_peer_gives_its_role():
    assert peer_of("localhost:1000:100:77") == Peer(uid=1000, gid=100, pid=77)
    assert role_of(Peer(uid=1000), own_uid=1000) is Role.ADMIN
    assert role_of(Peer(uid=0), own_uid=1000) is Role.ADMIN
    assert role_of(Peer(uid=1001), own_uid=1000) is Role.NONE


@pytest.mark.parametrize("address", ["", "127.0.0.1", "localhost:a:b:c", "localhost:-1:0:0", "1:2"])
def test_an_unknown_peer_has_no_role(address):
    assert role_of(peer_of(address), own_uid=0) is Role.NONE
    assert peer_of(address).name == "-1"


def test_a_second_instance_is_refused_with_the_first_ones_pid(tmp_path):
    lock = pidfile.acquire(tmp_path / "dxfd.pid")
    lock.write(INSTANCE)
    with pytest.raises(AlreadyRunningError, match="pid 42 since 2026-01-01"):
        pidfile.acquire(tmp_path / "dxfd.pid")
    lock.release()
    pidfile.acquire(tmp_path / "dxfd.pid").release()


def test_a_pid_file_left_by_a_killed_daemon_blocks_nobody(tmp_path):
    path = tmp_path / "dxfd.pid"
    code = (
        "import os, signal, sys; from pathlib import Path; from dxfd import pidfile;"
        "pidfile.acquire(Path(sys.argv[1])).write(pidfile.Instance(pid=1, started_at='s', boot_id='b', endpoint='e'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert pidfile.read(path) is not None
    pidfile.acquire(path).release()


def test_a_pid_file_that_cannot_be_made_is_a_clear_error(tmp_path):
    with pytest.raises(CannotCreateError, match="cannot be made"):
        pidfile.acquire(tmp_path / "none" / "dxfd.pid")


def test_the_pid_file_is_not_followed_through_a_link(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "dxfd.pid").symlink_to(tmp_path / "target")
    with pytest.raises(CannotCreateError):
        pidfile.acquire(tmp_path / "dxfd.pid")
    assert (tmp_path / "target").read_text() == "precious"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_is_told_by_datagram(tmp_path, kind):
    name = str(tmp_path / "n") if kind == "path" else f"@dxfd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1) if kind == "abstract" else name)
        manager.settimeout(5)
        Notifier({"NOTIFY_SOCKET": name}).send("READY=1", "STATUS=ready")
        assert manager.recv(1000) == b"READY=1\nSTATUS=ready"


def test_the_watchdog_is_patted_at_a_third_of_its_interval(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "300000"})
        started = time.monotonic()
        for _ in range(2):
            while not _waiting(manager):
                notifier.pat_watchdog()
            assert manager.recv(1000) == b"WATCHDOG=1"
        assert time.monotonic() - started > 0.09


def test_a_watchdog_meant_for_another_process_is_not_ours():
    assert Notifier({"WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"}).watchdog_s == 0
    assert Notifier({}).watchdog_s == 0


def test_without_systemd_nothing_is_sent():
    Notifier({}).send("READY=1")
    Notifier({"NOTIFY_SOCKET": "/nowhere/at/all"}).send("READY=1")


def _waiting(manager: socket.socket) -> bool:
    return bool(select.select([manager], [], [], 0)[0])
