"""Worker processes as /proc shows them: whose child, still there, which output they hold open."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Self

from dxfd.store.rows import WorkerProcess
from dxfd.supervise.meter import identify, is_alive

PROC = Path("/proc")
LOOK_EVERY_S = 0.05


def children_of(pid: int) -> list[WorkerProcess]:
    """Return the living children of a process."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal() and _parent(entry) == pid]
    return [who for who in map(identify, pids) if who is not None]


def is_worker(pid: int) -> bool:
    """Tell whether a process runs our worker."""
    try:
        return b"dxfd.worker" in (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return False


def written_by(pid: int, folder: Path) -> set[str]:
    """Return the unfinished outputs below a folder that a process has open."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for link in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(link.readlink())
                if target.startswith(str(folder)) and target.endswith(".partial"):
                    found.add(target)
    return found


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


class Watch:
    """Looks twenty times a second: do two workers hold one output, and how long do workers outlive their daemon.

    Attributes:
        double: outputs that two living processes had open at the same time.
        longest_orphan_s: the longest time between a daemon's death and the end of one of its workers.
    """

    def __init__(self, folder: Path) -> None:
        self.double: list[str] = []
        self.longest_orphan_s = 0.0
        self._folder = folder
        self._orphans: dict[WorkerProcess, float] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def orphaned(self, workers: list[WorkerProcess]) -> None:
        """Note that the daemon of these processes has just died."""
        with self._lock:
            self._orphans |= dict.fromkeys(workers, time.monotonic())

    def orphans(self) -> list[WorkerProcess]:
        """Return those that are still there."""
        with self._lock:
            return [who for who in self._orphans if is_alive(who)]

    def _run(self) -> None:
        while not self._end.wait(LOOK_EVERY_S):
            self._look_for_doubles()
            self._look_for_orphans()

    def _look_for_doubles(self) -> None:
        holders: dict[str, int] = {}
        for entry in PROC.iterdir():
            if not entry.name.isdecimal() or not is_worker(int(entry.name)):
                continue
            pid = int(entry.name)
            for output in written_by(pid, self._folder):
                other = holders.setdefault(output, pid)
                # The one seen first may have left meanwhile: both must hold it still.
                if other != pid and output in written_by(other, self._folder) & written_by(pid, self._folder):
                    self.double.append(f"{output}: processes {other} and {pid}")

    def _look_for_orphans(self) -> None:
        now = time.monotonic()
        with self._lock:
            for who, since in list(self._orphans.items()):
                self.longest_orphan_s = max(self.longest_orphan_s, now - since)
                if not is_alive(who):
                    del self._orphans[who]
