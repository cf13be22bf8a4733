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


def physical_bytes() -> int:
    """Return the memory of this machine."""
    return int(psutil.virtual_memory().total)


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


def memory_pressure(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the share of the last ten seconds in which some task waited for memory; None where that is not told.

    That of our own cgroup where there is one (v2), else the host's.
    """
    for path in (own_group(proc, cgroups), proc / "pressure"):
        if path is None:
            continue
        name = "memory" if path == proc / "pressure" else "memory.pressure"
        try:
            line = (path / name).read_text().partition("\n")[0]
        except OSError:  # EOPNOTSUPP too: the kernel was started without it
            continue
        kind, _, fields = line.partition(" ")
        values = dict(field.split("=", 1) for field in fields.split() if "=" in field)
        if kind == "some" and "avg10" in values:
            return float(values["avg10"]) / 100
    return None


def own_group(proc: Path, cgroups: Path) -> Path | None:
    """Return the folder of our own cgroup (v2); None at the root, whose pressure is the host's."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return None
    own = next((line[3:] for line in lines if line.startswith("0::")), "/").strip("/")
    if not own:
        return None
    return next((root / own for root in (cgroups, cgroups / "unified") if (root / own).is_dir()), None)


def free_bytes(folder: Path) -> int | None:
    """Return the room on the disk of a folder for this user, None when the system does not say."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


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
