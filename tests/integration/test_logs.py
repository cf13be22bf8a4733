from __future__ import annotations

import json
import threading

from dxfd.contract.messages import Logs, Ping
from tests.support.daemon import daemon


def test_the_last_lines_then_what_comes_after(dxfd):
    last = dxfd.call("logs", Logs(lines=1))
    assert [json.loads(line)["event"] for line in last.lines] == ["daemon_started"]
    dxfd.ref("pause")
    after = dxfd.call("logs", Logs(offset=last.offset, inode=last.inode))
    assert [json.loads(line)["verb"] for line in after.lines] == ["pause"]
    assert dxfd.call("logs", Logs(offset=after.offset, inode=after.inode)).lines == []


def test_only_the_lines_of_one_job(dxfd):
    jobs = [dxfd.submit("/nowhere.dxf", dxfd.folder / f"{n}.db") for n in range(3)]
    for job in jobs:
        dxfd.wait_final(job.id)
    lines = dxfd.call("logs", Logs(lines=100, job_id=2)).lines
    assert {json.loads(line)["job_id"] for line in lines} == {2}
    assert json.loads(lines[-1])["event"] == "job_finished"


def test_following_waits_for_the_next_line(dxfd):
    here = dxfd.call("logs", Logs(lines=0))
    timer = threading.Timer(0.3, dxfd.ref, ["pause"])
    timer.start()
    reply = dxfd.call("logs", Logs(offset=here.offset, inode=here.inode, timeout_s=8))
    timer.join()
    assert [json.loads(line)["event"] for line in reply.lines] == ["call"]


def test_following_goes_through_a_rotation_without_a_gap():
    with daemon(log_max_bytes=3000, log_backups=30) as dxfd:
        place = dxfd.call("logs", Logs(lines=0))
        seen = []
        for number in range(60):
            dxfd.ref("pause" if number % 2 else "resume")
            if number % 10 == 9:
                for _ in range(4):
                    place = dxfd.call("logs", Logs(offset=place.offset, inode=place.inode))
                    seen += [json.loads(line)["verb"] for line in place.lines]
        assert len(list(dxfd.log_dir.glob("dxfd.jsonl.*"))) > 1
        assert seen == ["resume", "pause"] * 30


def test_a_removed_log_is_no_error(dxfd):
    place = dxfd.call("logs", Logs(lines=1))
    dxfd.log_path.unlink()
    assert dxfd.call("logs", Logs(offset=place.offset, inode=place.inode)).lines == []
    assert dxfd.call("logs", Logs(lines=5)).lines == []
    dxfd.call("ping", Ping())
