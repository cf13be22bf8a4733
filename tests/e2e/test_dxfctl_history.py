"""`dxfctl history`, `stats`, `clean`, and the options of `submit` that say when."""

from __future__ import annotations

import shutil

from dxfd.contract.human import cells
from tests.support.ctl import drawing


def test_history_tells_how_jobs_ended_also_of_cleaned_ones(sandbox):
    sandbox("start")
    hall = drawing(sandbox.folder / "hall.dxf", 5)
    copy = sandbox.folder / "old" / "copy.dxf"
    copy.parent.mkdir()
    shutil.copyfile(hall, copy)
    (sandbox.folder / "picture.dxf").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    first = sandbox.submit(copy, "--label", "archive")
    sandbox("wait", first)
    second = sandbox.submit(hall)
    sandbox("wait", second)
    bad = sandbox.submit("picture.dxf")
    sandbox("wait", bad, code=1)
    assert [job["job_id"] for job in sandbox.json("history")["jobs"]] == [bad, second, first]
    assert [job["job_id"] for job in sandbox.json("history", "ARCH")["jobs"]] == [first]
    assert [job["job_id"] for job in sandbox.json("history", "--like", first)["jobs"]] == [second, first]
    assert [job["job_id"] for job in sandbox.json("history", "--state", "failed", "--last", "1h")["jobs"]] == [bad]
    assert f"earlier      job {first} succeeded" in sandbox("show", second).stdout
    assert "1 jobs would" not in sandbox("clean", "--older", "1h").stdout
    assert sandbox("clean", "--state", "failed", "--dry-run").stdout == "1 job would be cleaned away\n"
    assert sandbox("clean").stdout == "3 jobs cleaned away\n"
    assert "no jobs" in sandbox("status").stdout
    text = sandbox("history", COLUMNS="80").stdout
    assert max(map(cells, text.splitlines())) <= 80
    assert "picture.dxf" in text
    page = sandbox("history", "--limit", 1)
    assert f"more:  dxfctl history --after {bad}" in page.stderr
    assert "history has" in sandbox("show", second).stdout
    stats = sandbox("stats", COLUMNS="80").stdout
    assert max(map(cells, stats.splitlines())) <= 80
    assert {day["state"]: day["jobs"] for day in sandbox.json("stats")["days"]} == {"succeeded": 2, "failed": 1}


def test_jobs_are_submitted_for_later_and_after_others(sandbox):
    sandbox("start")
    hall = drawing(sandbox.folder / "hall.dxf", 5)
    late = sandbox.submit(hall, "--in", "1h")
    assert sandbox.json("show", late)["job"]["state"] == "waiting"
    after = sandbox.submit(hall, "-O", "after.db", "--after", late, "--key", "k")
    assert f"after job {late}" in sandbox("show", after).stdout
    assert "not before" in sandbox("show", late).stdout
    assert sandbox.submit(hall, "-O", "other.db", "--key", "k") == after
    assert sandbox.json("status", "--state", "waiting")["counts"]["waiting"] == 2
    sandbox("resume", late)
    sandbox("wait", after)
    done = sandbox("submit", hall, "-O", "x.db", "--after", 987654, code=3)
    assert "E_NO_SUCH_JOB" in done.stderr
    assert "no time" in sandbox("submit", hall, "--at", "tomorrow", code=2).stderr
    assert "--after JOB" in sandbox("submit", hall, "--after-any", code=2).stderr
    drawing(sandbox.folder / "tree/a.dxf", 1)
    drawing(sandbox.folder / "tree/b.dxf", 1)
    assert "several drawings" in sandbox("submit", "tree", "--key", "k", code=2).stderr


def test_a_job_after_a_failed_one_is_refused_with_what_to_do(sandbox):
    sandbox("start")
    (sandbox.folder / "empty.dxf").write_bytes(b"")
    bad = sandbox.submit("empty.dxf")
    sandbox("wait", bad, code=1)
    hall = drawing(sandbox.folder / "hall.dxf", 5)
    done = sandbox("submit", hall, "--after", bad, code=4)
    assert f"dxfctl retry {bad}" in done.stderr
    job = sandbox.submit(hall, "--after", bad, "--after-any")
    sandbox("wait", job)
