"""The unit file under a real systemd: READY, the watchdog, kill -9 in a conversion, an orderly stop.

Needs root and a helper that boots a systemd in namespaces of its own; skipped with a reason where they are missing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpus import real_drawing
from tests.support.drawing import write_drawing
from tests.support.dwg import need_acadsharp
from tests.support.polling import wait_for

pytestmark = pytest.mark.systemd

ROOT = Path(__file__).parents[2]
HELPER = Path(__file__).parents[3] / "shared/tools/nested_systemd.py"
BIN = Path(sys.executable).parent
UNIT = "dxfd.service"
BATCH = "batch_size = 100\n"
QUICK = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=200ms\nWatchdogSec=2s\n"


def load_helper() -> Any:
    if os.geteuid() != 0:
        pytest.skip("a systemd of our own needs root")
    if not HELPER.exists():
        pytest.skip("the helper that boots a systemd is not here")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    spec = importlib.util.spec_from_file_location("nested_systemd", HELPER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def unit_text() -> str:
    text = (ROOT / "systemd" / UNIT).read_text()
    assert "ExecStart=/usr/bin/dxfd " in text
    return text.replace("/usr/bin/dxfd", str(BIN / "dxfd"))


@pytest.fixture
def nested(tmp_path: Path, unit_text: str) -> Iterator[Any]:
    module = load_helper()
    drawing = write_drawing(tmp_path / "hall.dxf", 20_000).read_text()
    files = {
        f"/etc/systemd/system/{UNIT}": unit_text,
        f"/etc/systemd/system/{UNIT}.d/quick.conf": QUICK,
        "/etc/dxfd/dxfd.toml": BATCH,
        "/srv/hall.dxf": drawing,
    }
    with module.NestedSystemd(files=files, binds=[("ro", str(ROOT), str(ROOT))]) as booted:
        # Its root is a layer over this machine's: a daemon that once ran here must not lend it its queue and log.
        booted.run("rm", "-rf", "/var/lib/dxfd", "/var/log/dxfd")
        yield booted


def dxfctl(nested: Any, *arguments: str) -> Any:
    return json.loads(nested.run(BIN / "dxfctl", "--json", *arguments).stdout)


def job(nested: Any, number: int) -> dict[str, Any]:
    found: dict[str, Any] = dxfctl(nested, "show", str(number))["job"]
    return found


def far(nested: Any, number: int, batch: int) -> bool:
    view = job(nested, number)
    assert view["state"] in {"queued", "running"}, view
    return bool(view["pid"]) and (view["progress"] or {"batch": 0})["batch"] >= batch


def test_the_unit_is_verified_without_a_word(tmp_path, unit_text):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    import subprocess

    (tmp_path / UNIT).write_text(unit_text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / UNIT)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_daemon_killed_in_a_conversion_is_restarted_and_the_database_is_right(nested):
    nested.systemctl("add-wants", "--runtime", "multi-user.target", UNIT)
    nested.systemctl("start", UNIT)
    dxfctl(nested, "submit", "/srv/hall.dxf", "-O", "/srv/whole.db", "--wait")
    number = dxfctl(nested, "submit", "/srv/hall.dxf", "-O", "/srv/killed.db")["jobs"][0]["job"]["id"]
    wait_for(lambda: far(nested, number, 2), 20)
    nested.kill_main(UNIT, "KILL")
    nested.wait(
        UNIT, lambda s: s["NRestarts"] == "1" and s["ActiveState"] == "active", 15, "NRestarts", "ActiveState"
    )  # fmt: skip
    wait_for(lambda: job(nested, number)["state"] == "succeeded", 40)
    view = job(nested, number)
    assert (view["attempt"], view["attempts_charged"]) == (2, 0)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path;"
        "from tests.support.tables import same_tables; same_tables(Path('/srv/killed.db'), Path('/srv/whole.db'))"
    )
    nested.run(sys.executable, "-c", code, timeout=60)
    modes = nested.run("stat", "-c", "%a", "/var/lib/dxfd", "/run/dxfd", "/run/dxfd/control.sock").stdout.split()
    assert modes == ["700", "750", "600"]


def test_a_daemon_that_hangs_is_restarted_by_the_watchdog(nested):
    nested.systemctl("add-wants", "--runtime", "multi-user.target", UNIT)
    nested.systemctl("start", UNIT)
    nested.kill_main(UNIT, "STOP")
    nested.wait(
        UNIT, lambda s: s["NRestarts"] == "1" and s["ActiveState"] == "active", 20, "NRestarts", "ActiveState"
    )  # fmt: skip
    assert dxfctl(nested, "status")["ok"] is True


def test_an_orderly_stop_checkpoints_and_is_no_failure(nested):
    nested.systemctl("add-wants", "--runtime", "multi-user.target", UNIT)
    nested.systemctl("start", UNIT)
    number = dxfctl(nested, "submit", "/srv/hall.dxf", "-O", "/srv/a.db")["jobs"][0]["job"]["id"]
    wait_for(lambda: far(nested, number, 2), 20)
    nested.systemctl("stop", UNIT)
    shown = nested.show(UNIT, "Result", "ExecMainStatus", "ActiveState")
    assert (shown["Result"], shown["ExecMainStatus"], shown["ActiveState"]) == ("success", "0", "inactive")
    log = [json.loads(line) for line in nested.run("cat", "/var/log/dxfd/dxfd.jsonl").stdout.splitlines()]
    assert [line["cause"] for line in log if line["event"] == "attempt_ended"] == ["yielded"]


def test_the_units_restrictions_leave_the_converter_of_dwg_alone(tmp_path, unit_text):
    need_acadsharp()
    source = real_drawing("dwg/LibreDWG+libredwg__sample_2018.dwg")
    files = {f"/etc/systemd/system/{UNIT}": unit_text, "/etc/dxfd/dxfd.toml": BATCH}
    binds = [("ro", str(ROOT), str(ROOT)), ("ro", str(source.parent), "/mnt")]
    with load_helper().NestedSystemd(files=files, binds=binds) as nested:
        nested.run("rm", "-rf", "/var/lib/dxfd", "/var/log/dxfd")
        nested.systemctl("start", UNIT)
        (done,) = dxfctl(nested, "submit", f"/mnt/{source.name}", "-O", "/srv/a.db", "--wait")["jobs"]
        assert (done["ok"], done["job"]["state"]) == (True, "succeeded")
