"""A cgroup for each worker, and the limits that hold for us: in a tree like the kernel's, and in the kernel's own."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dxfd.supervise import cgroups, meter

MIB = 1 << 20
FAILURES = (errno.EACCES, errno.EBUSY, errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP)
OWN = "cgroup.controllers", "cgroup.procs", "cgroup.subtree_control", "memory.high", "memory.max", "memory.events"


class Kernel:
    """A tree like the kernel's: a group is born with its files and goes with them; writes can be refused."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, controllers: str = "memory pids") -> None:
        self.proc, self.cgroups = folder / "proc", folder / "cg"
        self.group = self.cgroups / "dxfd.service"
        self.refused: dict[str, int] = {}
        self.busy: set[str] = set()
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self/cgroup").write_text("0::/dxfd.service\n")
        self.cgroups.mkdir()
        make, remove, write = Path.mkdir, Path.rmdir, Path.write_text

        def mkdir(path: Path, *arguments: object, **named: object) -> None:
            self._refuse(path)
            make(path, *arguments, **named)  # type: ignore[arg-type]
            for name in OWN if path.is_relative_to(self.cgroups) else ():
                if not (path / name).exists():
                    write(path / name, "oom_kill 0\n" if name == "memory.events" else "")

        def rmdir(path: Path) -> None:
            if path.name in self.busy:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            for name in OWN:
                (path / name).unlink(missing_ok=True)
            remove(path)

        def write_text(path: Path, text: str, *arguments: object, **named: object) -> int:
            self._refuse(path)
            return write(path, text, *arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(Path, "mkdir", mkdir)
        monkeypatch.setattr(Path, "rmdir", rmdir)
        monkeypatch.setattr(Path, "write_text", write_text)
        monkeypatch.setattr(cgroups, "_is_ours", lambda root: root == self.group)
        self.group.mkdir()
        write(self.group / "cgroup.controllers", controllers)
        write(self.group / "cgroup.procs", "41\n")

    def _refuse(self, path: Path) -> None:
        for name, number in self.refused.items():
            if path.is_relative_to(self.cgroups) and str(path).endswith(name):
                raise OSError(number, os.strerror(number))

    def delegated(self) -> cgroups.WorkerGroups:
        return cgroups.delegated(self.proc, self.cgroups)

    def workers(self) -> list[str]:
        return sorted(path.name for path in self.group.glob("worker-*"))


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    return Kernel(tmp_path, monkeypatch)


def test_without_delegation_there_are_no_groups_and_a_reason(tmp_path, monkeypatch):
    assert "off" in cgroups.delegated(wanted=False).why_not
    assert "no cgroup" in cgroups.delegated(tmp_path, tmp_path).why_not
    kernel = Kernel(tmp_path, monkeypatch, controllers="pids")
    assert "no memory controller" in kernel.delegated().why_not
    (kernel.group / "cgroup.controllers").write_text("memory")
    monkeypatch.setattr(cgroups, "_is_ours", lambda _root: False)
    assert "not delegated" in kernel.delegated().why_not


def test_a_worker_gets_a_group_with_its_limits_and_the_daemon_a_leaf(kernel):
    groups = kernel.delegated()
    assert groups.root == kernel.group
    assert (kernel.group / "cgroup.subtree_control").read_text() == "+memory"
    assert (kernel.group / "daemon/cgroup.procs").read_text() == "41"
    mine = groups.make(7, high_bytes=100, max_bytes=150)
    assert mine is not None
    assert [(mine / name).read_text() for name in ("memory.high", "memory.max")] == ["100", "150"]
    cgroups.enter(mine, 4711)
    assert (mine / "cgroup.procs").read_text() == "4711"
    assert not cgroups.was_out_of_memory(mine)
    (mine / "memory.events").write_text("low 0\nhigh 3\nmax 1\noom 1\noom_kill 1\n")
    assert cgroups.was_out_of_memory(mine)
    groups.remove(mine)
    assert kernel.workers() == []


@pytest.mark.parametrize("number", FAILURES)
@pytest.mark.parametrize("name", ["dxfd.service/daemon", "daemon/cgroup.procs", "cgroup.subtree_control"])
def test_a_group_that_cannot_be_made_ready_is_done_without(kernel, name, number):
    kernel.refused = {name: number}
    with capture_logs() as lines:
        groups = kernel.delegated()
    if name == "daemon/cgroup.procs":  # told for each process; whether it matters the kernel says at the next step
        assert [line["event"] for line in lines] == ["worker_cgroup_not_entered"]
    else:
        assert groups.root is None
        assert os.strerror(number) in groups.why_not
        assert groups.make(1, high_bytes=1, max_bytes=1) is None


@pytest.mark.parametrize("number", FAILURES)
@pytest.mark.parametrize("name", ["worker-7", "memory.high", "memory.max"])
def test_a_worker_whose_limits_the_kernel_refuses_runs_without_a_group_and_leaves_none(kernel, name, number):
    groups = kernel.delegated()
    kernel.refused = {name: number}
    with capture_logs() as lines:
        assert groups.make(7, high_bytes=100, max_bytes=150) is None
    assert [(line["event"], line["reason"]) for line in lines] == [("worker_cgroup_not_made", os.strerror(number))]
    assert kernel.workers() == []
    kernel.refused = {}
    assert groups.make(7, high_bytes=100, max_bytes=150) is not None


@pytest.mark.parametrize("number", [*FAILURES, errno.ESRCH])
def test_a_process_that_may_not_enter_is_told_and_one_that_has_ended_is_not(kernel, number):
    group = kernel.delegated().make(7, high_bytes=100, max_bytes=150)
    assert group is not None
    kernel.refused = {"cgroup.procs": number}
    with capture_logs() as lines:
        cgroups.enter(group, 4711)
    assert [line["event"] for line in lines] == ([] if number == errno.ESRCH else ["worker_cgroup_not_entered"])


def test_a_group_that_is_still_busy_is_removed_later_and_its_kills_are_not_the_next_attempts(kernel):
    groups = kernel.delegated()
    first = groups.make(7, high_bytes=100, max_bytes=150)
    assert first is not None
    (first / "memory.events").write_text("oom_kill 1\n")
    kernel.busy = {"worker-7"}
    groups.remove(first)
    second = groups.make(7, high_bytes=100, max_bytes=150)
    assert second is not None
    assert kernel.workers() == ["worker-7", "worker-7-1"]
    assert not cgroups.was_out_of_memory(second)
    kernel.busy = set()
    groups.remove(second)
    assert kernel.workers() == []


def test_groups_of_an_earlier_daemon_are_swept(kernel):
    groups = kernel.delegated()
    for job in (1, 2):
        groups.make(job, high_bytes=100, max_bytes=150)
    kernel.busy = {"worker-2"}
    again = kernel.delegated()
    assert kernel.workers() == ["worker-2"]
    kernel.busy = set()
    again.make(3, high_bytes=100, max_bytes=150)
    assert kernel.workers() == ["worker-3"]


def test_a_group_that_is_gone_was_not_out_of_memory(kernel):
    assert not cgroups.was_out_of_memory(None)
    assert not cgroups.was_out_of_memory(kernel.group / "worker-9")
    (kernel.group / "memory.events").write_text("nonsense\n")
    assert not cgroups.was_out_of_memory(kernel.group)


# --- the limits that hold for us --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "file", "expected"),
    [
        ("0::/a/b\n", "a/b/memory.max", 300 * MIB),
        ("0::/a/b\n", "a/memory.max", 300 * MIB),
        ("0::/a/b\n", "unified/a/b/memory.max", 300 * MIB),
        ("4:memory:/a/b\n0::/\n", "memory/a/b/memory.limit_in_bytes", 300 * MIB),
        ("4:memory:/a/b\n0::/\n", "memory/memory.limit_in_bytes", 300 * MIB),
        ("4:cpu,memory:/a/b\n", "memory/a/memory.limit_in_bytes", 300 * MIB),
        ("4:cpu:/a/b\n", "memory/a/b/memory.limit_in_bytes", None),
        ("", "memory.max", None),
    ],
)  # fmt: skip
def test_the_limit_of_the_own_path_is_found_wherever_it_is_mounted(tmp_path, said, file, expected):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(said)
    limit = tmp_path / "cg" / file
    limit.parent.mkdir(parents=True)
    limit.write_text(f"{300 * MIB}\n")
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") == expected


@pytest.mark.parametrize("text", ["max", "", "nonsense", "-1", str(2**63 - 4096)])
def test_what_is_no_limit_is_none(tmp_path, text):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/a\n")
    (tmp_path / "cg/a").mkdir(parents=True)
    (tmp_path / "cg/a/memory.max").write_text(text)
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") is None


def test_a_limit_of_the_kernels_first_version_is_read_and_kept_by_it():
    own = [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line]
    if not own:
        pytest.skip("the memory controller of cgroup v1 is not mounted")
    group = Path("/sys/fs/cgroup/memory") / own[0].lstrip("/") / f"dxfd-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(96 * MIB))
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error.strerror}")
    code = (
        f"open('{group}/cgroup.procs', 'w').write('0')\n"
        "from dxfd.supervise import meter; print(meter.cgroup_limit_bytes())"
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    finally:
        group.rmdir()
    assert int(done.stdout) == 96 * MIB


def test_a_worker_stays_within_a_group_of_the_kernels_second_version():
    groups = cgroups.delegated()
    if groups.root is None:
        pytest.skip(groups.why_not)
    group = groups.make(1, high_bytes=64 * MIB, max_bytes=96 * MIB)
    assert group is not None
    groups.remove(group)
