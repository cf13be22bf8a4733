"""`dxfd convert` with streams that are closed, full, or without a reader: the result counts, not who listens."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.ctl import drawing

DXFD = f"{sys.executable} -m dxfd"


def shell(folder, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, text=True, capture_output=True, timeout=60, check=False
    )  # fmt: skip


@pytest.fixture
def dxfd(sandbox):
    """The command in a shell, in the sandbox, with its exit status."""
    drawing(sandbox.folder / "hall.dxf", 40)

    def run(words: str) -> subprocess.CompletedProcess[str]:
        return shell(sandbox.folder, f"{DXFD} convert {words}")

    return run


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "--json >&-", "-q 2>&-", "2>/dev/full"])
def test_closed_or_full_streams_keep_no_drawing_from_being_converted(sandbox, dxfd, closed):
    done = dxfd(f"hall.dxf out.db {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (sandbox.folder / "out.db").exists()


@pytest.mark.parametrize("words", ["--json >/dev/full", ">/dev/full"])
def test_a_report_without_room_is_an_error_and_the_database_is_there(sandbox, dxfd, words):
    done = dxfd(f"hall.dxf out.db {words}")
    assert done.returncode == 5
    assert done.stderr.startswith("error: the output cannot be written: No space left on device [E_DISK_FULL]\n")
    assert (sandbox.folder / "out.db").exists()


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "--json >&-", ">&- 2>&-"])
def test_an_error_that_nobody_can_read_keeps_its_exit_status(dxfd, streams):
    assert dxfd(f"none.dxf {streams}").returncode == 66


def test_a_successful_conversion_ends_without_taking_the_interpreter_apart(sandbox, dxfd):
    hook = "import atexit,sys; atexit.register(print, 'taken apart', file=sys.stderr)"
    (sandbox.folder / "sitecustomize.py").write_text(hook)
    done = shell(sandbox.folder, f"PYTHONPATH=. {DXFD} convert hall.dxf --json")
    assert json.loads(done.stdout)["entities_read"] == 40
    assert (done.returncode, done.stderr) == (0, "")
