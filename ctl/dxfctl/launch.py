"""Bringing a daemon up and waiting for it to be gone: the processes behind `dxfctl start` and `dxfctl stop`.

Through systemd where its unit is installed and this call means the system's daemon, else `dxfd run --daemonize` from
the same installation. Owns no state; the daemon's own lock decides who runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Final

from dxfctl.client import Client
from dxfctl.invocation import Invocation
from dxfd.contract.messages import HelloReply
from dxfd.errors import (
    CannotCreateError,
    DxfdError,
    InstanceError,
    PermissionDeniedError,
    UnreachableError,
    error_from_wire,
)

UNIT: Final = "dxfd.service"
_STEERED: Final = ("DXFD_SOCKET", "DXFD_RUN_DIR", "DXFD_STATE_DIR", "DXFD_CONFIG")
"""Variables that mean a daemon of one's own, not the system's."""
_ERROR: Final = re.compile(r"^error: (?P<message>.*?)(?: \[(?P<code>E_[A-Z_]+)\])?$", re.MULTILINE)
_HINT: Final = re.compile(r"^\s*hint: (?P<hint>.*)$", re.MULTILINE)


class Through(StrEnum):
    """Who starts the daemon."""

    SYSTEMD = "systemd"
    BACKGROUND = "background process"


def way(invocation: Invocation) -> Through:
    """Return who is to start the daemon."""
    own = invocation.endpoint or invocation.config or any(os.environ.get(name) for name in _STEERED)
    if own or (os.geteuid() != 0 and not _is_default_system(invocation)):
        return Through.BACKGROUND
    return Through.SYSTEMD if _unit_installed() else Through.BACKGROUND


def start(invocation: Invocation, through: Through, *, timeout_s: float) -> None:
    """Start the daemon and return when its starter did; it may not answer yet.

    Raises:
        DxfdError: what the starter reported.
    """
    if through is Through.SYSTEMD:
        _run(["systemctl", "start", UNIT], timeout_s=timeout_s)
        return
    command = [*_dxfd(), "run", "--daemonize"]
    if invocation.config is not None:
        command += ["--config", str(invocation.config.absolute())]
    environ = dict(os.environ)
    if invocation.endpoint:
        environ["DXFD_SOCKET"] = invocation.address()
    _run(command, timeout_s=timeout_s, environ=environ)


def await_answer(client: Client, *, deadline: float) -> HelloReply:
    """Return the daemon's greeting as soon as it answers; deadline is monotonic seconds.

    Raises:
        UnreachableError: it does not in time.
    """
    while True:
        try:
            return client.hello()
        except (UnreachableError, PermissionDeniedError) as error:  # the socket's mode is set a moment after its birth
            if time.monotonic() > deadline:
                if isinstance(error, PermissionDeniedError):
                    raise
                raise UnreachableError(
                    f"the daemon was started but does not answer at {client.endpoint}",
                    hint="its log tells why: journalctl -u dxfd, or dxfd.jsonl in its log folder",
                ) from error
            time.sleep(0.05)


def await_gone(pid: int, *, deadline: float) -> bool:
    """Return whether the process ends before the deadline (monotonic seconds). A zombie counts as gone."""
    while _alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _is_default_system(invocation: Invocation) -> bool:
    return invocation.address().startswith("ipc:///run/dxfd/")


def _unit_installed() -> bool:
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        return False
    try:
        found = subprocess.run(
            ["systemctl", "list-unit-files", "--no-legend", UNIT], capture_output=True, check=False, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0 and bool(found.stdout.strip())


def _dxfd() -> list[str]:
    """Return how to call the dxfd of this installation."""
    beside = Path(sys.executable).with_name("dxfd")
    return [str(beside)] if beside.is_file() else [sys.executable, "-m", "dxfd"]


def _run(command: list[str], *, timeout_s: float, environ: dict[str, str] | None = None) -> None:
    """Run a starter; its words are read from a file, since a daemon it leaves behind may keep a pipe open for ever."""
    import tempfile

    with tempfile.TemporaryFile("w+", errors="replace") as words:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                check=False,
                timeout=timeout_s,
                env=environ,
            )
        except subprocess.TimeoutExpired as error:
            raise InstanceError(f"{' '.join(command)} did not end within {timeout_s:g} s") from error
        except OSError as error:
            raise CannotCreateError(f"{command[0]} cannot be run: {error.strerror}") from error
        if done.returncode == 0:
            return
        words.seek(0)
        raise failure(command, done.returncode, words.read())


def failure(command: list[str], status: int, words: str) -> DxfdError:
    """Return the error for a starter that failed: its own `error: ... [CODE]` line, else its last line."""
    told = _ERROR.search(words)
    hint = _HINT.search(words)
    if told and told["code"]:
        return error_from_wire(told["code"], told["message"], hint["hint"] if hint else "")
    last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "it said nothing")
    if command[0] == "systemctl":
        denied = re.search(r"denied|authentication|permission", words, re.IGNORECASE)
        if denied:
            return PermissionDeniedError(f"systemd refused: {last}", hint="sudo dxfctl start")
        return InstanceError(f"systemd could not start it: {last}", hint="journalctl -u dxfd -n 20")
    return InstanceError(f"{' '.join(command)} ended with {status}: {last}")
