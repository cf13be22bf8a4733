from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dxfd import logs
from dxfd.errors import CannotCreateError


@pytest.fixture
def file(tmp_path: Path) -> Iterator[logs.LogFile]:
    opened = logs.LogFile(tmp_path / "dxfd.jsonl", max_bytes=2000, backups=2)
    logs.configure(level="info", to_stderr=False, file=opened)
    yield opened
    logs.configure(to_stderr=False)
    opened.close()


def lines(file: logs.LogFile) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.path.read_text().splitlines()]


def test_a_line_is_a_json_object_with_time_level_event_first(file):
    logs.get_logger().info("job_finished", job_id=3, path=Path('/a\n"b'))
    (line,) = lines(file)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert (line["event"], line["job_id"], line["path"]) == ("job_finished", 3, '/a\n"b')
    assert str(line["ts"]).endswith("Z")


def test_an_exception_is_a_field_not_more_lines(file):
    try:
        int("x\ny")
    except ValueError as error:
        logs.get_logger().error("broken", exc_info=error)
    (line,) = lines(file)
    assert "ValueError" in str(line["exception"])


def test_a_level_below_the_least_is_not_written(file):
    logs.get_logger().debug("detail")
    assert lines(file) == []


def test_the_file_is_rotated_at_its_size_and_old_ones_are_dropped(file):
    for number in range(100):
        logs.get_logger().info("filler", number=number, text="x" * 100)
    names = sorted(p.name for p in file.path.parent.iterdir())
    assert names == ["dxfd.jsonl", "dxfd.jsonl.1", "dxfd.jsonl.2"]
    assert all(p.stat().st_size <= 2000 for p in file.path.parent.iterdir())
    numbers = [json.loads(li)["number"] for n in (2, 1) for li in file.backup(n).read_text().splitlines()]
    numbers += [line["number"] for line in lines(file)]
    assert numbers == list(range(numbers[0], 100))


def test_reopening_makes_a_folder_that_was_removed(file):
    file.path.unlink()
    file.path.parent.rmdir()
    before = os.umask(0o022)
    try:
        file.reopen()
    finally:
        os.umask(before)
    file.write("here again")
    assert file.path.read_text() == "here again\n"
    assert file.path.parent.stat().st_mode & 0o777 == logs.FOLDER_MODE  # as it was: its group may read


def test_reopening_follows_a_file_that_was_moved_away(file):
    logs.get_logger().info("before")
    file.path.rename(file.path.with_name("moved"))
    logs.get_logger().info("still_there")
    file.reopen()
    logs.get_logger().info("after")
    assert [line["event"] for line in lines(file)] == ["after"]


def test_a_worker_line_is_relayed_with_its_job(file):
    logs.relay(b'{"ts":"2026-01-01T00:00:00.000Z","level":"warning","event":"odd","x":1}\n', job_id=7, attempt=2)
    (line,) = lines(file)
    assert line == {
        "ts": "2026-01-01T00:00:00.000Z", "level": "warning", "event": "odd", "x": 1, "job_id": 7, "attempt": 2,
    }  # fmt: skip


@pytest.mark.parametrize("text", [b"Segmentation fault\n", b"\xff\xfe\n", b"[1,2]\n", b"\n"])
def test_what_a_worker_says_in_plain_words_is_relayed_as_an_event(file, text):
    logs.relay(text, job_id=7, attempt=2)
    (line,) = lines(file)
    assert line["job_id"] == 7


def test_a_debug_line_of_a_worker_is_dropped_like_ours(file):
    logs.relay(b'{"level":"debug","event":"detail"}\n', job_id=7, attempt=2)
    assert lines(file) == []


def test_a_log_that_cannot_be_written_costs_lines_only():
    full = logs.LogFile(Path("/dev/full"), max_bytes=0, backups=0)
    full.write("{}")
    assert full.lost_lines == 1
    full.close()


def test_a_rotation_that_fails_costs_no_line_and_is_tried_again(tmp_path):
    now = [0.0]
    file = logs.LogFile(tmp_path / "dxfd.jsonl", max_bytes=200, backups=2, clock=lambda: now[0])
    file.backup(1).mkdir()
    (file.backup(1) / "in the way").touch()
    file.backup(2).write_text("")  # a folder cannot be renamed over a file
    for number in range(20):
        file.write(json.dumps({"number": number, "text": "x" * 50}))
    assert [line["number"] for line in lines(file)] == list(range(20))
    assert file.lost_lines == 0
    (file.backup(1) / "in the way").unlink()
    file.backup(1).rmdir()
    now[0] = logs.ROTATE_AGAIN_S + 1
    file.write(json.dumps({"number": 20}))
    assert [line["number"] for line in lines(file)] == [20]
    assert len(file.backup(1).read_text().splitlines()) == 20
    file.close()


def test_a_rotation_in_a_folder_that_takes_no_file_costs_no_line(tmp_path, monkeypatch):
    file = logs.LogFile(tmp_path / "dxfd.jsonl", max_bytes=200, backups=2)

    def no_room(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "open", no_room)  # the old file is renamed, a new one cannot be made
    for number in range(20):
        file.write(json.dumps({"number": number, "text": "x" * 50}))
    monkeypatch.undo()
    file.write(json.dumps({"number": 20}))
    told = [json.loads(li) for path in tmp_path.iterdir() for li in path.read_text().splitlines()]
    assert sorted(line["number"] for line in told) == list(range(21))
    file.close()


def test_lines_that_found_no_room_are_counted_in_the_log_once_there_is_some(tmp_path):
    file = logs.LogFile(tmp_path / "dxfd.jsonl", max_bytes=0, backups=0)
    descriptor = file._file.fileno()
    kept, full = os.dup(descriptor), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, descriptor)
    for _ in range(3):
        file.write("{}")
    os.dup2(kept, descriptor)
    file.write('{"event": "back"}')
    assert [line["event"] for line in lines(file)] == ["log_lines_lost", "back"]
    assert lines(file)[0]["lines"] == 3
    assert file.lost_lines == 3
    for opened in (kept, full):
        os.close(opened)
    file.close()


def test_a_line_that_was_cut_by_a_full_disk_does_not_spoil_the_next(tmp_path):
    file = logs.LogFile(tmp_path / "dxfd.jsonl", max_bytes=0, backups=0)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    kept = os.dup(file._file.fileno())
    os.dup2(writing, file._file.fileno())
    file.write("x" * 1_000_000)  # a pipe takes a part of it, as a disk does that becomes full
    os.dup2(kept, file._file.fileno())
    file.write('{"event": "whole"}')
    assert file.path.read_text().splitlines()[0] == ""
    assert json.loads(file.path.read_text().splitlines()[-1]) == {"event": "whole"}
    for opened in (kept, reading, writing):
        os.close(opened)
    file.close()


def test_a_log_file_that_cannot_be_opened_is_a_clear_error(tmp_path):
    with pytest.raises(CannotCreateError, match="log file"):
        logs.LogFile(tmp_path / "none" / "dxfd.jsonl", max_bytes=0, backups=0)
