"""Runs a program of somebody else's for the conversion: limited in memory and time, killed as a group, never orphaned.

The conversion's side of guard.py. Waits with the caller's tick, so that progress is told and a pause or cancel gets
through; whichever way run() is left, nothing of the group is alive afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

_POLL_S: Final = 0.2
_END_S: Final = 3.0
"""Time that the guard has to end all that was started."""
_CPU_FACTOR: Final = 2
"""Processor seconds allowed for each second of the deadline: the deadline decides, this holds if nobody watches it."""
_ANSWER_BYTES: Final = 1 << 16


class Limits(Struct, frozen=True, kw_only=True):
    """What a program may use: memory is per process, private and writable; file_bytes bounds each file it writes."""

    memory_bytes: int
    timeout_s: float
    file_bytes: int


class Ended(Struct, frozen=True, kw_only=True):
    """How a program ended.

    Attributes:
        status: its exit status, negative for a signal; None if that is not known (its guard was killed).
        said: the end of what it printed.
        timed_out: it was killed at its deadline.
    """

    status: int | None
    said: str = ""
    timed_out: bool = False


def run(
    command: Sequence[str], *, folder: Path, limits: Limits, environ: Mapping[str, str], tick: Callable[[], None]
) -> Ended:
    """Run a program in a folder and return how it ended.

    Args:
        command: program and arguments.
        folder: where it runs.
        limits: what it may use.
        environ: its environment.
        tick: called some times a second; what it raises ends the program.
    """
    until = time.monotonic() + limits.timeout_s
    rlimits = {
        "data": limits.memory_bytes,
        "cpu": int(limits.timeout_s * _CPU_FACTOR) + 1,
        "file": limits.file_bytes,
        "core": 0,
    }
    guard = subprocess.Popen(
        [sys.executable, "-P", "-m", "dxfd.convert.dwg.guard", json.dumps(rlimits), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(environ),
        start_new_session=True,
    )
    try:
        answer = _answer(guard, until, tick)
    finally:
        _dismiss(guard)
        with contextlib.suppress(ProcessLookupError):  # not reaped yet, so the group's number is still its own
            os.killpg(guard.pid, signal.SIGKILL)
        guard.wait()
        for pipe in (guard.stdin, guard.stdout):
            if pipe is not None:
                pipe.close()
    if answer is None:
        return Ended(status=None, timed_out=True)
    return _understood(answer)


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    """Let the guard end what has left its session, and wait a little until it is gone; it is not reaped."""
    ended = os.pidfd_open(guard.pid)
    try:
        signal.pidfd_send_signal(ended, signal.SIGTERM)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.poll(_END_S * 1000)
    finally:
        os.close(ended)


def _answer(guard: subprocess.Popen[bytes], until: float, tick: Callable[[], None]) -> bytes | None:
    """Return all that the guard says; None at the deadline."""
    if guard.stdout is None:
        raise ValueError("the guard has no pipe")
    descriptor = guard.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    heard = b""
    while time.monotonic() < until:
        if poll.poll(_POLL_S * 1000):
            piece = os.read(descriptor, _ANSWER_BYTES)
            if not piece:
                return heard
            heard = (heard + piece)[-_ANSWER_BYTES:]
        tick()
    return None


def _understood(answer: bytes) -> Ended:
    """Return what the guard's line says; a guard that died says nothing, or why it could not even begin."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(answer)
        return Ended(status=int(found["status"]), said=str(found["said"]))
    return Ended(status=None, said=answer.decode("utf-8", "replace"))
