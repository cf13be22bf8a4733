"""`dxfd convert` does not wait for ever: an operation that hangs is given up, a process that stood still goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dxfd.errors import IoTimeoutError
from tests.support.daemon import ARMED
from tests.support.polling import wait_for


def begin(folder: Path, drawing: Path, faults: str, *words: str, timeout: str) -> subprocess.Popen[str]:
    marks = folder / "marks"
    marks.mkdir()
    path = os.pathsep.join(filter(None, [str(ARMED), os.environ.get("PYTHONPATH", "")]))
    armed = {"TESTS_FAULTS": faults, "TESTS_FAULTS_DIR": str(marks), "PYTHONPATH": path}
    (folder / "dxfd.toml").write_text(f'io_timeout_s = "{timeout}"\n')
    return subprocess.Popen(
        [sys.executable, "-m", "dxfd", "convert", str(drawing), str(folder / "a.db"), "--batch-size", "100", *words],
        env=os.environ | armed | {"DXFD_CONFIG": str(folder / "dxfd.toml")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(("point", "doing"), [("read.chunk#1", "reading"), ("read.chunk#6", "reading")])
def test_an_operation_that_hangs_ends_it_with_the_reason(tmp_path, small, point, doing):
    with begin(tmp_path, small, f"{point}=hang", "--json", timeout="1s") as process:
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == IoTimeoutError.exit_code
    error = json.loads(stdout)["error"]
    assert (error["code"], error["exit_code"]) == (IoTimeoutError.code, IoTimeoutError.exit_code)
    assert error["message"].startswith(f"{doing} {small} takes longer than 1 s")


def test_what_was_done_is_gone_on_from(tmp_path, small):
    with begin(tmp_path, small, "read.chunk#12=hang", timeout="1s") as process:
        _, stderr = process.communicate(timeout=60)
    assert IoTimeoutError.code in stderr
    command = [sys.executable, "-m", "dxfd", "convert", str(small), str(tmp_path / "a.db"), "--batch-size", "100"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_a_process_that_stood_still_in_the_middle_of_one_goes_on(tmp_path, small):
    with begin(tmp_path, small, "read.chunk#3=stop", timeout="1s") as process:
        stat = Path(f"/proc/{process.pid}/stat")
        wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", 30)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.send_signal(signal.SIGCONT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
