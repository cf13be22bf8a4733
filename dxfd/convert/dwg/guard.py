"""The process that a converter of DWG drawings runs under: sets its limits, and ends it when the conversion is gone.

Runs as `python -m dxfd.convert.dwg.guard LIMITS COMMAND...`, the leader of a session of its own; standard library only.
stdin: nothing comes, and its end means that the conversion has died or does not want the result any more.
stdout: one JSON line when the command has ended: its status (negative: a signal) and the end of what it said.
The current folder is the converter's scratch folder: it is removed with a conversion that died and cannot do so itself.
Whatever happens, SIGTERM too, the last thing it does is to kill all that the converter has started, in other sessions
too, and its process group. It is the reaper of all below it (prctl(2)): what they leave behind becomes its child.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

SAID_BYTES: Final = 4096
"""Of what a converter prints its end is kept: that is where the error is."""
_SET_CHILD_SUBREAPER: Final = 36
_END_S: Final = 2.0
"""Time for the ends of all that was killed: what waits for a disk that does not answer dies when that does."""
_NAMES: Final = {
    "data": resource.RLIMIT_DATA,
    "cpu": resource.RLIMIT_CPU,
    "file": resource.RLIMIT_FSIZE,
    "core": resource.RLIMIT_CORE,
}


def main(arguments: list[str]) -> None:
    """Run the command within the limits and say how it ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _limit(json.loads(arguments[0]))
        status, said = _watch(arguments[1:])
        line = json.dumps({"status": status, "said": said.decode("utf-8", "replace")})
        with contextlib.suppress(BrokenPipeError):
            os.write(1, line.encode() + b"\n")
    finally:
        _end_all()
        os.killpg(0, signal.SIGKILL)


def _limit(limits: dict[str, int]) -> None:
    """Set limits that every process of the group inherits.

    Memory is bounded by RLIMIT_DATA (private memory that may be written), not by the address space: a .NET runtime
    reserves 50 GB of addresses and needs 2 GB of them for a drawing that takes 730 MB; with 512 MB of data it collects
    more often and gets by with 518 MB resident.
    """
    for name, value in limits.items():
        hard = resource.getrlimit(_NAMES[name])[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(_NAMES[name], (bound, bound))


def _watch(command: list[str]) -> tuple[int, bytes]:
    """Return the command's status and the end of what it said; does not return when the conversion goes away."""
    hearing, speaking = os.pipe()
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=speaking, stderr=speaking)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}".encode()
    os.close(speaking)
    os.set_blocking(hearing, False)
    ended = os.pidfd_open(child.pid)
    poll = select.poll()
    for descriptor in (0, hearing, ended):
        poll.register(descriptor, select.POLLIN)
    said = b""
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if hearing in ready:
            piece = _read(hearing)
            said = (said + piece)[-SAID_BYTES:]
            if not piece:
                poll.unregister(hearing)
        if 0 in ready and not os.read(0, 1):
            child.kill()
            child.wait()
            _end_all()
            shutil.rmtree(Path.cwd(), ignore_errors=True)
            os.killpg(0, signal.SIGKILL)
        if ended in ready and hearing not in ready:
            return child.wait(), said


def _end_all() -> None:
    """Kill all children; what they leave behind are children then."""
    deadline = time.monotonic() + _END_S
    while (children := _children()) and time.monotonic() < deadline:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        time.sleep(0.002)


def _children() -> list[int]:
    """Return the processes whose parent this one is."""
    me, found = os.getpid(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                after_name = (folder / "stat").read_bytes().rpartition(b") ")[2]
                if int(after_name.split()[1]) == me:
                    found.append(int(folder.name))
    return found


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, SAID_BYTES)
    except BlockingIOError:
        return b""


if __name__ == "__main__":
    main(sys.argv[1:])
