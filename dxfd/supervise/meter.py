"""What the system says: resident memory of a process, the memory this host or cgroup has, who a process is.

Thin: measures, decides nothing. Every reading that the system refuses is 0 or None, not an error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import psutil

from dxfd.store.rows import WorkerProcess

_NO_LIMIT: Final = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63."""


def rss_bytes(pid: int) -> int:
    """Return a process's resident memory; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def host_memory_bytes(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory there is to share out: the lowest limit of our own cgroup and those above, else physical."""
    physical = int(psutil.virtual_memory().total)
    limit = cgroup_limit_bytes(proc, cgroups)
    return physical if limit is None else min(physical, limit)


def cgroup_limit_bytes(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the memory limit that holds for this process by cgroup v2 or v1, None when there is none."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return None
    limits: list[int] = []
    roots: tuple[Path, ...]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            roots, name = (cgroups, cgroups / "unified"), "memory.max"
        elif "memory" in controllers.split(","):
            roots, name = (cgroups / "memory",), "memory.limit_in_bytes"
        else:
            continue
        for root in roots:
            limits += _limits_up(root, path, name)
    return min(limits, default=None)


def _limits_up(root: Path, path: str, name: str) -> list[int]:
    """Return the limits of a group and of those above it; in a container only the upper ones may be there."""
    found: list[int] = []
    group = root / path.lstrip("/")
    while True:
        try:
            text = (group / name).read_text().strip()
        except OSError:
            text = "max"
        if text.isdecimal() and int(text) < _NO_LIMIT:
            found.append(int(text))
        if group == root or root not in group.parents:
            return found
        group = group.parent


def boot_id() -> str:
    """Return the id of this boot, "" where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def identify(pid: int) -> WorkerProcess | None:
    """Return who a process is, None when it is gone (or a zombie, which does nothing any more)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses: what follows the last one is plain.
    fields = text.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:
        return None
    return WorkerProcess(pid=pid, pid_start=int(fields[19]), boot_id=boot_id())


def is_alive(process: WorkerProcess) -> bool:
    """Tell whether this very process still runs; a reused pid is not it."""
    return identify(process.pid) == process
