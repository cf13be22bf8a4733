"""Jobs through the installed client and a real daemon: every verb, its words, its exit code, its document."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from dxfd.contract.human import cells
from tests.support.ctl import BIN, drawing
from tests.support.polling import wait_for

JOB_KEYS = {
    "id", "state", "source", "output", "converter", "priority", "label", "rev", "attempt", "attempts_charged",
    "max_attempts", "submitted_at", "started_at", "finished_at", "not_before", "after", "progress", "error_code",
    "error_message", "error_hint", "pid", "why", "owner", "options",
}  # fmt: skip


@pytest.fixture
def small(ctl, request):
    return drawing(ctl.folder / request.node.name[:40] / "hall.dxf")


@pytest.fixture
def slow(ctl, request):
    """A drawing that takes some seconds with the batch size of SLOWLY."""
    return drawing(ctl.folder / request.node.name[:40] / "slow.dxf", 120_000)


SLOWLY = ("--batch-size", 500)


def running(ctl, path) -> int:
    job = ctl.submit(path, *SLOWLY)
    wait_for(
        lambda: (ctl.json("show", job)["job"]["progress"] or {}).get("batch", 0) > 1, what="the job has checkpoints"
    )
    return job


def elements(path) -> int:
    with sqlite3.connect(path) as db:
        number = db.execute("SELECT count(*) FROM elements_meta").fetchone()[0]
    db.close()
    return int(number)


def test_submit_and_wait_makes_the_database(ctl, small):
    done = ctl("submit", small, "--wait")
    assert elements(small.with_suffix(".db")) == 50
    assert re.search(r"^job \d+ queued  hall.dxf$", done.stdout, re.MULTILINE)
    assert re.search(r"^job \d+ succeeded  hall.dxf → .*/hall.db  \(50 elements\)$", done.stdout, re.MULTILINE)
    assert "succeeded" in done.stderr  # the transitions, as plain lines off a terminal
    assert "\x1b" not in done.stdout + done.stderr


def test_submit_json_has_one_document_with_the_result(ctl, small):
    document = ctl.json("submit", small, "-w")
    assert set(document) == {"schema", "ok", "jobs", "queue_paused"}
    assert document["schema"] == "dxfctl.submit/1"
    (item,) = document["jobs"]
    assert set(item) == {"ok", "source", "job", "duplicate"}
    assert set(item["job"]) == JOB_KEYS
    assert item["job"]["state"] == "succeeded"


def test_same_conversion_is_the_same_job(ctl, slow):
    job = ctl.submit(slow, *SLOWLY)
    again = ctl("submit", slow, *SLOWLY)
    assert f"job {job} " in again.stdout
    assert "(in the queue already)" in again.stdout
    assert ctl.json("submit", slow, *SLOWLY)["jobs"][0]["duplicate"] is True
    ctl("cancel", job)


def test_folder_is_submitted_into_an_output_folder(ctl):
    for name in ("a.dxf", "deep/B.DXF", "deep/notes.txt"):
        drawing(ctl.folder / "tree" / name, 5)
    ids = ctl("submit", "tree", "-O", "out/dbs", "--print-id").stdout.split()
    assert len(ids) == 2
    ctl("wait", *ids)
    assert elements(ctl.folder / "out/dbs/deep/B.db") == 5


def test_one_missing_drawing_of_several_is_partial(ctl, small):
    done = ctl("submit", small, small.with_name("none.dxf"), code=8)
    assert "there is no drawing" in done.stderr
    assert "queued" in done.stdout
    document = ctl.json("submit", small, small.with_name("none.dxf"), code=8)
    assert sorted(item["ok"] for item in document["jobs"]) == [False, True]


def test_missing_drawing_is_not_submitted(ctl):
    before = ctl.json("status")["counts"]
    done = ctl("submit", "none.dxf", code=66)
    assert done.stderr == f"error: there is no drawing {ctl.folder}/none.dxf [E_SOURCE_MISSING]\n"
    assert sum(ctl.json("status")["counts"].values()) == sum(before.values())


def test_dry_run_submits_nothing(ctl, small):
    before = ctl.json("status")["counts"]
    assert ctl("submit", small, "--dry-run").stdout == f"{small} → {small.with_suffix('.db')}\n"
    assert ctl.json("submit", small, "--dry-run")["dry_run"] is True
    assert sum(ctl.json("status")["counts"].values()) == sum(before.values())


def test_missing_templates_are_told_before_anything_is_sent(ctl, small):
    assert "E_TEMPLATES_MISSING" in ctl("submit", small, "--templates", "none.toml", code=66).stderr


def test_failed_job_gives_code_1_and_its_error(ctl):
    picture = ctl.folder / "picture.dxf"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = ctl("submit", picture, "-w", code=1)
    assert re.search(r"job \d+ failed  picture.dxf  \(.*\[E_", done.stdout)
    assert "more: dxfctl show" in done.stderr
    assert ctl("status").returncode == 0  # whatever it shows
    empty = ctl.folder / "empty.dxf"
    empty.write_bytes(b"")
    good = drawing(ctl.folder / "good.dxf", 3)
    ctl("submit", empty, good, "-w", code=8)
    failed = ctl.json("show", ctl.submit(empty))["job"]["id"]
    assert ctl.json("wait", failed, code=1)["jobs"][0]["job"]["error_code"] == "E_SOURCE_EMPTY"
    assert "queued" in ctl("retry", failed).stdout
    ctl("wait", failed, code=1)


def test_pause_frees_the_worker_and_resume_goes_on(ctl, slow):
    job = running(ctl, slow)
    assert f"job {job} paus" in ctl("pause", job).stdout
    wait_for(lambda: ctl.state(job) == "paused", what="the job is paused")
    assert "paused already" in ctl("pause", job).stdout
    assert ctl.json("show", job)["job"]["pid"] == 0
    ctl("resume", job)
    assert "not paused" in ctl("resume", job).stdout
    ctl("wait", job, "--timeout", "60s")
    assert elements(slow.with_suffix(".db")) == 120_000
    shown = ctl("show", job).stdout
    assert "yielded" in shown
    assert "pausing" in shown


def test_held_queue_starts_nothing(ctl, small):
    assert ctl("pause").stdout == "queue paused: running jobs go on, no new one starts\n"
    assert ctl("pause").stdout == "queue paused already\n"
    done = ctl("submit", small)
    assert "the queue is paused" in done.stderr
    assert "queue paused" in ctl("status").stdout
    assert ctl("resume").stdout == "queue open\n"
    job = int(re.search(r"job (\d+)", done.stdout)[1])
    ctl("wait", job)


def test_cancelled_job_gives_code_11_and_can_be_retried(ctl, slow):
    job = running(ctl, slow)
    ctl("cancel", job)
    ctl("wait", job, code=11)
    assert not slow.with_suffix(".db").exists()
    assert "cancelled already" in ctl("cancel", job).stdout
    document = ctl.json("retry", job, "--from", "scratch")
    assert (document["schema"], document["jobs"][0]["changed"]) == ("dxfctl.retry/1", True)
    ctl("wait", job, "--timeout", "60s")


def test_finished_job_refuses_with_code_4(ctl, small):
    job = ctl.submit(small)
    ctl("wait", job)
    for verb in ("pause", "cancel", "retry"):
        done = ctl(verb, job, code=4)
        assert done.stderr.startswith(f"error: job {job} is succeeded, cannot {verb} it [E_STATE]\n  hint: ")
    document = ctl.json("pause", job, 987654, code=8)
    assert [item["error"]["code"] for item in document["jobs"]] == ["E_STATE", "E_NO_SUCH_JOB"]


@pytest.mark.parametrize("verb", ["show", "wait", "pause", "resume", "cancel", "retry"])
def test_unknown_job_gives_code_3(ctl, verb):
    done = ctl(verb, 987654, code=3)
    assert done.stderr == "error: there is no job 987654 [E_NO_SUCH_JOB]\n  hint: dxfctl status  lists the jobs\n"


def test_wait_gives_up_with_code_124(ctl, slow):
    job = running(ctl, slow)
    done = ctl("wait", job, "--timeout", "0.3s", code=124)
    assert f"job {job} is running" in done.stderr
    assert ctl.json("wait", job, "--timeout", "0.1s", code=124)["error"]["code"] == "E_WAIT_TIMEOUT"
    ctl("cancel", job)


def test_ctrl_c_ends_a_wait_with_code_130_and_not_the_job(ctl, slow):
    job = running(ctl, slow)
    with ctl.background("dxfctl", "wait", job) as waiting:
        assert "running" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(10) == 130
        assert "Traceback" not in waiting.stderr.read()
    assert ctl.state(job) == "running"
    ctl("cancel", job)


def test_status_fits_80_columns_and_is_plain_in_a_pipe(ctl, small):
    long = drawing(small.with_name("terminal-building-" * 8 + ".dxf"), 3)
    ctl("submit", long, "--label", "a label that is far too long for its column", "-w")
    lines = ctl("status", COLUMNS="80").stdout.splitlines()
    assert max(map(cells, lines)) <= 80
    assert not any("\x1b" in line for line in lines)
    assert ctl().stdout.splitlines()[1:] == ctl("status").stdout.splitlines()[1:]
    assert long.name in ctl("status").stdout  # no limit in a pipe
    assert "\x1b[" in ctl("status", "--color", "always").stdout


def test_status_filters_and_pages(ctl, small):
    for n in range(3):
        ctl("submit", drawing(small.with_name(f"{n}.dxf"), 1), "-w")
    page = ctl.json("status", "--limit", 2)
    assert set(page) >= {"schema", "ok", "daemon_version", "pid", "queue_paused", "counts", "jobs", "next_after_id"}
    assert len(page["jobs"]) == 2
    after = ctl.json("status", "--limit", 2, "--after", page["next_after_id"])
    assert all(job["id"] < page["next_after_id"] for job in after["jobs"])
    assert {j["state"] for j in ctl.json("status", "--state", "succeeded")["jobs"]} == {"succeeded"}
    assert ctl.json("status", "--state", "quarantined")["jobs"] == []


def test_show_has_the_report(ctl, small):
    job = ctl.submit(small)
    ctl("wait", job)
    document = ctl.json("show", job)
    assert set(document) == {"schema", "ok", "job", "attempts", "events", "report", "past", "earlier"}
    assert document["report"]["entities_read"] == 50
    text = ctl("show", job, COLUMNS="80").stdout
    assert "match rate" in text
    assert max(map(cells, text.splitlines())) <= 80


def test_logs_are_readable_or_json(ctl, small):
    job = ctl.submit(small)
    ctl("wait", job)
    wait_for(lambda: "job_finished" in ctl("logs", "--job", job).stdout, what="the log has the job's end")
    lines = [json.loads(line) for line in ctl("logs", "--job", job, "--json").stdout.splitlines()]
    assert {line["job_id"] for line in lines} == {job}
    assert len(ctl("logs", "-n", 2).stdout.splitlines()) == 2


def test_logs_follow_until_ctrl_c(ctl, small):
    with ctl.background("dxfctl", "logs", "-f", "-n", 1, "--json") as following:
        following.stdout.readline()
        job = ctl.submit(small)
        for line in following.stdout:
            if json.loads(line).get("event") == "job_finished" and json.loads(line)["job_id"] == job:
                break
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 130


def test_ping_tells_the_time_it_took(ctl):
    assert re.fullmatch(r"dxfd \S+ \(pid \d+\) answered in \d+\.\d ms\n", ctl("ping").stdout)
    assert ctl.json("ping")["elapsed_ms"] > 0


def test_closed_pipe_makes_no_noise(ctl):
    command = f"'{BIN}/dxfctl' errors | true"
    done = subprocess.run(["bash", "-c", command], env=ctl.environ, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_file_names_cannot_steer_the_terminal(ctl):
    path = drawing(ctl.folder / "evil\x1b[2J.dxf", 1)
    ctl("submit", path, "-w")
    assert "\x1b" not in ctl("status", COLUMNS="200").stdout


def test_name_that_is_no_utf8_is_refused(ctl):
    path = os.fsdecode(os.fsencode(ctl.folder) + b"/\xff.dxf")
    drawing(Path(path), 1)
    assert "no UTF-8 text" in ctl("submit", path, code=2).stderr


def test_terminal_shows_live_progress_and_the_result(ctl, slow):
    with ctl.terminal("dxfctl", "submit", slow, *SLOWLY, "-w") as terminal:
        terminal.wait_for(r"\d+%")
        terminal.wait_for(r"succeeded", timeout_s=60)
        assert terminal.wait() == 0
    assert "\x1b[?25l" in terminal.text  # a moving display
    assert terminal.text.rstrip().endswith("(120,000 elements)")


def test_watch_on_a_terminal_ends_with_ctrl_c(ctl):
    with ctl.terminal("dxfctl", "status", "--watch", "--interval", "0.1s") as terminal:
        terminal.wait_for(r"queue open[\s\S]*queue open")
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert "Traceback" not in terminal.text
