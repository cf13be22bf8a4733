from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dxfd.convert.dwg import choose, confined
from dxfd.convert.dwg.tally import tally
from dxfd.convert.dwg.text import Job, Made, Way, make
from dxfd.convert.read.spooled import write_out
from dxfd.convert.types import DwgOptions
from dxfd.errors import (
    DiskFullError,
    DwgFailedError,
    DwgMemoryError,
    DwgNoConverterError,
    DwgTimeoutError,
)
from tests.support import convert as cv
from tests.support.dwg import COPY, DWG, by, converter, is_dead
from tests.support.polling import wait_for


def made(
    folder: Path, options: DwgOptions, *, tick: Callable[[], None] = lambda: None, limit: int | None = None
) -> Made:
    way = Way(options=options, max_memory_bytes=limit, scratch=folder / "out.db.partial.dwg")
    job = Job(name="plan.dwg", read=lambda at, count: DWG[at : at + count], size=len(DWG), way=way)
    return make(job, write_out, tick)


def text_of(result: Made) -> bytes:
    with result.text as file:
        file.seek(0)
        return file.read()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return cv.write(tmp_path / "text.dxf", cv.drawing(cv.line(1)))


def is_left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("out."))


# --- which converter -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [b"AC1032\0", b"AC1015", b"AC1009", b"AC2.10", b"AC1.50", b"MC0.0\0"])
def test_a_dwg_of_any_age_is_known_by_its_first_bytes(head):
    assert choose.is_dwg(head)


@pytest.mark.parametrize("head", [b"", b"AC", b"ACADEMY", b"  0\nSECTION", b"999\nAC1032", b"AC10"])
def test_other_files_are_no_dwg(head):
    assert not choose.is_dwg(head)


@pytest.mark.parametrize(
    ("version", "name"),
    [("AC1032", "2018"), ("AC1012", "R13"), ("AC1009", "R11"), ("AC2.10", "R11"), ("AC1099", "AC10")],
)
def test_versions_are_named_as_users_know_them(version, name):
    assert name in choose.version_name(version)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No package and no program."""
    monkeypatch.setattr(choose, "_package", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_without_a_converter_the_message_says_how_to_get_one(bare):
    with pytest.raises(DwgNoConverterError, match="no converter") as caught:
        choose.tools(DwgOptions())
    assert "dxfd[dwg]" in caught.value.hint
    assert choose.identity(DwgOptions()) == ""


def test_programs_on_path_are_found_and_a_configured_one_goes_first(bare):
    converter(bare, "", name="dwg2dxf")
    oda = converter(bare / "elsewhere", "", name="ODAFileConverter_25")
    assert [tool.name for tool in choose.tools(DwgOptions())] == ["dwg2dxf"]
    assert [tool.name for tool in choose.tools(DwgOptions(path=str(oda)))] == ["oda", "dwg2dxf"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (DwgOptions(converter="off"), "dwg_converter is off"),
        (DwgOptions(converter="acadsharp"), "acadsharp"),
        (DwgOptions(converter="dwg2dxf"), "dwg2dxf"),
        (DwgOptions(converter="oda", path="/none/oda"), "/none/oda"),
        (DwgOptions(path="/none/dwg2dxf"), "/none/dwg2dxf"),
    ],
)
def test_a_converter_that_is_asked_for_and_not_there_is_named(bare, options, word):
    with pytest.raises(DwgNoConverterError, match=word):
        choose.tools(options)


def test_the_identity_of_a_program_changes_with_its_file(bare):
    path = converter(bare, "exit 1")
    before = choose.identity(by(path))
    converter(bare, "exit 23")
    assert before != choose.identity(by(path))


# --- the text --------------------------------------------------------------------------------------------------------


def test_a_converters_text_is_taken_and_nothing_is_left_beside_the_output(tmp_path, text):
    result = made(tmp_path, by(converter(tmp_path, COPY, text=text)))
    assert text_of(result) == text.read_bytes()
    assert "AutoCAD 2018" in result.note
    assert "dwg2dxf" in result.note
    assert is_left(tmp_path) == []


def test_the_oda_converter_is_called_with_folders(tmp_path, text, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    script = 'test "$3 $4 $5 $6 $7" = "ACAD2018 DXF 0 1 drawing.dwg" && test -s "$1/$7" && cp "$TEXT" "$2/drawing.dxf"'
    result = made(tmp_path, by(converter(tmp_path, script, name="ODAFileConverter", text=text)))
    assert text_of(result) == text.read_bytes()


def test_an_oda_converter_that_crashes_behind_its_work_has_done_it(tmp_path, text, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    after = by(converter(tmp_path / "a", 'cp "$TEXT" "$2/drawing.dxf"; kill -SEGV $$', name="ODA", text=text))
    assert text_of(made(tmp_path, after)) == text.read_bytes()
    amid = by(converter(tmp_path / "b", 'head -c 99 "$TEXT" > "$2/drawing.dxf"; kill -SEGV $$', name="ODA", text=text))
    with pytest.raises(DwgFailedError, match="signal 11"):
        made(tmp_path, amid)


def test_the_time_of_writing_makes_no_other_text(tmp_path):
    times = ("$TDCREATE", "$TDUCREATE", "$TDUPDATE", "$TDUUPDATE")
    extra = "".join(cv.tag(9, name) + cv.tag(40, "WHEN") for name in times)
    text = cv.write(tmp_path / "text.dxf", cv.drawing(cv.line(1), head=cv.header(extra=extra)))
    options = by(converter(tmp_path, 'sed "s/WHEN/2461367.$$$(date +%N)/g" "$TEXT" > "$3"', text=text))
    first, again = made(tmp_path, options), made(tmp_path, options)
    assert first.digest == again.digest
    assert text_of(first) == text_of(again)


def test_leftovers_of_a_dead_run_are_no_trouble(tmp_path, text):
    old = tmp_path / "out.db.partial.dwg"
    (old / "in").mkdir(parents=True)
    (old / "drawing.dxf").write_text("old")
    result = made(tmp_path, by(converter(tmp_path, COPY, text=text)))
    assert text_of(result) == text.read_bytes()
    assert is_left(tmp_path) == []


def test_a_converter_leaves_nothing_in_the_users_home(tmp_path, text):
    options = by(converter(tmp_path, f'echo x > "$HOME/.config-of-it"; env > {tmp_path}/env; {COPY}', text=text))
    made(tmp_path, options).text.close()
    homes = [line for line in (tmp_path / "env").read_text().splitlines() if line.startswith(("HOME=", "TMPDIR="))]
    assert all(line.endswith("out.db.partial.dwg") for line in homes)


@pytest.mark.parametrize(
    ("script", "error", "word"),
    [
        ("echo 'READ ERROR 0x40' >&2; exit 3", DwgFailedError, r"failed \(3\): READ ERROR"),
        ("kill -SEGV $$", DwgFailedError, "signal 11"),
        ("exit 0", DwgFailedError, "made no DXF"),
        ('echo nonsense > "$3"', DwgFailedError, "made no DXF"),
        (': > "$3"', DwgFailedError, "made no DXF"),
        ("echo 'terminate: std::bad_alloc' >&2; exit 1", DwgMemoryError, "more than 1024 MB"),
        ("echo 'write error: No space left on device' >&2; exit 1", DiskFullError, "no room"),
    ],
)
def test_what_a_converter_does_wrong_is_told_by_code(tmp_path, script, error, word):
    with pytest.raises(error, match=word):
        made(tmp_path, by(converter(tmp_path, script)))
    assert is_left(tmp_path) == []


def test_a_script_that_cannot_be_run_is_told(tmp_path):
    path = converter(tmp_path, "")
    path.write_text("#!/none/interpreter\n")
    with pytest.raises(DwgFailedError, match="No such file"):
        made(tmp_path, by(path))


def test_a_converter_that_prints_without_end_costs_no_memory(tmp_path):
    script = "yes long words of no use | head -c 20000000; echo the reason; exit 1"
    with pytest.raises(DwgFailedError, match="the reason"):
        made(tmp_path, by(converter(tmp_path, script)))


def test_the_next_converter_is_tried_when_one_fails(tmp_path, text, bare):
    bad = converter(tmp_path / "bad", "echo too new; exit 1", name="dwg2dxf-bad")
    converter(bare, '/bin/cp "$TEXT" "$2/drawing.dxf"', name="ODAFileConverter", text=text)
    result = made(tmp_path, DwgOptions(path=str(bad)))
    assert text_of(result) == text.read_bytes()
    assert "ODAFileConverter (dwg2dxf-bad failed (1): too new)" in result.note


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_converter_that_takes_too_long_is_killed_with_its_children(tmp_path):
    script = f"sleep 300 & echo $! > {tmp_path}/child; wait"
    began = time.monotonic()
    with pytest.raises(DwgTimeoutError, match=r"within 0.5 s"):
        made(tmp_path, by(converter(tmp_path, script), timeout_s=0.5))
    assert time.monotonic() - began < 10
    wait_for(lambda: is_dead(int((tmp_path / "child").read_text())), what="the end of the converter's child")
    assert is_left(tmp_path) == []


def test_a_converter_that_takes_too_much_memory_ends(tmp_path):
    script = f'exec {sys.executable} -c "x = [bytearray(1 << 20) for _ in range(4000)]"'
    began = time.monotonic()
    with pytest.raises(DwgMemoryError, match="more than 100 MB") as caught:
        made(tmp_path, by(converter(tmp_path, script)), limit=100 << 20)
    assert caught.value.exit_code == 12
    assert time.monotonic() - began < 10


def test_a_file_beyond_its_bound_is_not_written(tmp_path):
    limits = confined.Limits(memory_bytes=1 << 30, timeout_s=30, file_bytes=100_000)
    command = ["/bin/sh", "-c", "head -c 9000000 /dev/zero > big"]
    ended = confined.run(command, folder=tmp_path, limits=limits, environ=os.environ, tick=lambda: None)
    assert ended.status != 0
    assert (tmp_path / "big").stat().st_size == 100_000


def test_what_the_tick_raises_ends_the_converter(tmp_path):
    class Stop(Exception):  # noqa: N818
        pass

    def tick() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise Stop

    with pytest.raises(Stop):
        made(tmp_path, by(converter(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 300")), tick=tick)
    wait_for(lambda: is_dead(int((tmp_path / "pid").read_text())), what="the end of the converter")
    assert is_left(tmp_path) == []


def test_nothing_is_left_of_a_conversion_that_is_killed(tmp_path):
    script = f"sleep 300 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/pid; wait"
    source = cv.write(tmp_path / "plan.dwg", DWG)
    environ = {**os.environ, "DXFD_DWG_PATH": str(converter(tmp_path, script)), "DXFD_DWG_CONVERTER": "dwg2dxf"}
    command = [sys.executable, "-m", "dxfd", "convert", "-q", str(source), str(tmp_path / "out.db")]
    with subprocess.Popen(command, env=environ) as conversion:
        pid = wait_for(
            lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), what="a converter"
        )
        conversion.send_signal(signal.SIGKILL)
    for process in (int(pid), int((tmp_path / "child").read_text())):
        wait_for(lambda p=process: is_dead(p), what=f"the end of {process}")
    wait_for(lambda: is_left(tmp_path) == ["out.db.partial.lock"], what="an empty folder")


def test_a_guard_that_is_killed_takes_its_converter_along(tmp_path):
    limits = confined.Limits(memory_bytes=1 << 30, timeout_s=60, file_bytes=1 << 20)
    command = ["/bin/sh", "-c", f"echo $PPID > {tmp_path}/guard; echo $$ > {tmp_path}/pid; exec sleep 300"]

    def tick() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            os.kill(int((tmp_path / "guard").read_text()), signal.SIGKILL)

    ended = confined.run(command, folder=tmp_path, limits=limits, environ=os.environ, tick=tick)
    assert (ended.status, ended.timed_out) == (None, False)
    wait_for(lambda: is_dead(int((tmp_path / "pid").read_text())), what="the end of the converter")


@pytest.mark.parametrize("end", ["", "exec sleep 300"], ids=["ends", "is ended"])
def test_what_leaves_the_converter_s_session_ends_with_it(tmp_path, end):
    class Stop(Exception):  # noqa: N818
        pass

    def tick() -> None:
        if end and pid.exists() and pid.read_text().strip():
            raise Stop

    pid = tmp_path / "pid"
    script = f"(setsid sh -c 'echo $$ > {pid}; exec sleep 300' &); while [ ! -s {pid} ]; do sleep 0.01; done; {end}"
    limits = confined.Limits(memory_bytes=1 << 30, timeout_s=60, file_bytes=1 << 20)
    with contextlib.suppress(Stop):
        confined.run(["/bin/sh", "-c", script], folder=tmp_path, limits=limits, environ=os.environ, tick=tick)
    wait_for(lambda: is_dead(int(pid.read_text())), what="the end of what left")


# --- counting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_entities_of_a_text_are_counted_by_type(tmp_path, newline):
    lines = "".join(cv.line(n) for n in range(20_000))
    other = (
        cv.entity("3DFACE") + cv.entity("ACAD_TABLE", (70, 0), (1, "LINE")) + cv.entity("INSERT") + cv.entity("ATTRIB")
    )
    text = cv.drawing(lines + other, blocks=cv.entity("BLOCK") + cv.entity("CIRCLE") + cv.entity("ENDBLK"))
    text += cv.section("OBJECTS", cv.entity("DICTIONARY"))
    path = cv.write(tmp_path / "text.dxf", text.replace("\n", newline))
    assert tally(path) == {"LINE": 20_000, "3DFACE": 1, "ACAD_TABLE": 1, "INSERT": 1, "CIRCLE": 1}


def test_windows_of_the_count_lose_nothing(tmp_path, monkeypatch):
    from dxfd.convert.dwg import tally as module

    path = cv.write(tmp_path / "text.dxf", cv.drawing("".join(cv.line(n) for n in range(200))))
    for window in (300, 301, 317, 1000):
        monkeypatch.setattr(module, "_WINDOW", window)
        assert tally(path) == {"LINE": 200}, window


def test_what_the_guard_says_is_one_line_of_json(tmp_path):
    command = [
        sys.executable,
        "-m",
        "dxfd.convert.dwg.guard",
        json.dumps({"core": 0}),
        "/bin/sh",
        "-c",
        "echo hi; exit 7",
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, start_new_session=True
    ) as guard:
        assert guard.stdout is not None
        assert json.loads(guard.stdout.read()) == {"status": 7, "said": "hi\n"}
