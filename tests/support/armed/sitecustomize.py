"""Arms the fault points of every Python process that is started with this folder on PYTHONPATH: daemon and workers.

TESTS_FAULTS is `label=action`, `label#n=action` (at the n-th pass), several separated by commas. Actions: kill, stop
(SIGSTOP), hang (a read that never returns), flood (of both pipes), enospc, eio. TESTS_FAULTS_DIR is a folder of marks:
each fault happens once, whatever process meets it first; the action `always-...` happens every time.
"""

from __future__ import annotations

import errno
import os
import signal
import stat

from dxfd import faults

_passes: dict[str, int] = {}


def _first(label: str) -> bool:
    mark = os.path.join(os.environ["TESTS_FAULTS_DIR"], label)  # noqa: PTH118  (pathlib is slow to import here)
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _is_pipe(number: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False


def _act(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "flood":
        events = next(n for n in range(3, 64) if _is_pipe(n))  # a worker moves its stdout to another descriptor
        for number in range(20_000):
            os.write(2, b'{"level":"info","event":"flood","text":"%s"}\n' % (b"x" * 200))
            if number % 4 == 0:
                os.write(events, b'{"type":"progress","entities_read":%d}\n' % number)
    elif action == "hang":
        reading, _writing = os.pipe()
        os.read(reading, 1)
    else:
        number = {"enospc": errno.ENOSPC, "eio": errno.EIO}[action]
        raise OSError(number, os.strerror(number))


def _hook(label: str) -> None:
    _passes[label] = _passes.get(label, 0) + 1
    for fault in os.environ["TESTS_FAULTS"].split(","):
        where, _, action = fault.partition("=")
        name, _, number = where.partition("#")
        if name != label or _passes[label] < int(number or 1):
            continue
        always = action.startswith("always-")
        if always or _first(label):
            _act(action.removeprefix("always-"))


if os.environ.get("TESTS_FAULTS"):
    faults.arm(_hook)
