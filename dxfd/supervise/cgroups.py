"""A cgroup for each worker, where systemd has delegated one to us (cgroup v2, `Delegate=memory`).

memory.high makes the kernel slow a worker down and take its caches back before memory.max ends it: a wall that holds
between two looks of ours. Without delegation nothing is done; the reason is told once. The daemon moves itself into a
leaf of its own, because a group that hands memory on to others may hold no processes.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from dxfd import logs
from dxfd.supervise.meter import own_group

DAEMON_GROUP: Final = "daemon"
_WORKER: Final = "worker-"
_MOST_LEFT: Final = 100
"""Groups of one job whose processes will not end, before its workers run without one."""
_MARKS: Final = ("user.delegate", "trusted.delegate")
"""What systemd writes on a group that it has delegated."""

log = logs.get_logger()


class WorkerGroups:
    """The groups of this daemon's workers.

    Attributes:
        root: our own group; None: there are none, and `why_not` says why.
    """

    def __init__(self, root: Path | None, why_not: str = "") -> None:
        self.root = root
        self.why_not = why_not
        self._left: set[Path] = set()

    def make(self, job_id: int, *, high_bytes: int, max_bytes: int) -> Path | None:
        """Make the group of a job's worker; None when there are none or the kernel refuses."""
        if self.root is None:
            return None
        self._sweep()
        group: Path | None = None
        try:
            group = self._fresh(job_id)
            (group / "memory.high").write_text(str(high_bytes))
            (group / "memory.max").write_text(str(max_bytes))
        except OSError as error:
            log.warning("worker_cgroup_not_made", job_id=job_id, reason=error.strerror)
            self.remove(group)
            return None
        return group

    def remove(self, group: Path | None) -> None:
        """Remove the group of a worker that has ended; while somebody is left in it, later."""
        if group is not None:
            self._left.add(group)
            self._sweep()

    def _fresh(self, job_id: int) -> Path:
        """Make a new group: one that is left of an earlier attempt has that one's count of kills."""
        assert self.root is not None  # noqa: S101  (asked by the caller)
        for number in range(_MOST_LEFT):
            group = self.root / (f"{_WORKER}{job_id}" if number == 0 else f"{_WORKER}{job_id}-{number}")
            try:
                group.mkdir()
            except FileExistsError:
                continue
            return group
        raise OSError(errno.EEXIST, f"{_MOST_LEFT} groups of earlier attempts are still there")

    def _sweep(self) -> None:
        for group in list(self._left):
            try:
                group.rmdir()
            except FileNotFoundError:
                pass  # systemd was faster
            except OSError:  # EBUSY: a process that is just ending, or stands still in the system
                continue
            self._left.discard(group)

    def take_over(self) -> None:
        """Take on the groups that an earlier daemon left here."""
        if self.root is not None:
            self._left.update(self.root.glob(f"{_WORKER}*"))
            self._sweep()


def enter(group: Path, pid: int) -> None:
    """Move a process into a group; one that has ended is no error, one that may not is told."""
    try:
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        if error.errno != errno.ESRCH:
            log.warning("worker_cgroup_not_entered", group=group.name, pid=pid, reason=error.strerror)


def was_out_of_memory(group: Path | None) -> bool:
    """Tell whether the kernel ended a process of a group for its memory."""
    if group is None:
        return False
    try:
        fields = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    except (OSError, ValueError):
        return False
    return int(fields.get("oom_kill", 0)) > 0


def delegated(
    proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup"), *, wanted: bool = True
) -> WorkerGroups:
    """Return the groups of this process's workers, made ready for use; without any where none are delegated."""
    if not wanted:
        return WorkerGroups(None, "worker_cgroups is off")
    root = own_group(proc, cgroups)
    if root is None:
        return WorkerGroups(None, "this process is in no cgroup of its own")
    try:
        if "memory" not in (root / "cgroup.controllers").read_text().split():
            return WorkerGroups(None, f"{root} has no memory controller")
        if not _is_ours(root):
            return WorkerGroups(None, f"{root} is not delegated (Delegate=memory)")
        leaf = root / DAEMON_GROUP
        leaf.mkdir(exist_ok=True)
        for pid in (root / "cgroup.procs").read_text().split():
            enter(leaf, int(pid))
        (root / "cgroup.subtree_control").write_text("+memory")
    except OSError as error:
        return WorkerGroups(None, f"{root} cannot be used: {error.strerror}")
    groups = WorkerGroups(root)
    groups.take_over()
    return groups


def _is_ours(root: Path) -> bool:
    for mark in _MARKS:
        try:
            if os.getxattr(root, mark) == b"1":
                return True
        except OSError:
            continue
    # Without marks (an older systemd): what another user's daemon may write in, was given to that user.
    return os.geteuid() != 0 and os.access(root / "cgroup.procs", os.W_OK) and os.access(root, os.W_OK)
