from __future__ import annotations

import msgspec


def test_show_tells_the_story_the_attempts_and_the_report(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db")
    dxfd.wait_final(job.id)
    shown = dxfd.show(job.id)
    assert [event.event for event in shown.events] == ["submit", "claim", "finish"]
    assert [event.state for event in shown.events] == ["queued", "running", "succeeded"]
    (attempt,) = shown.attempts
    assert (attempt.cause, attempt.exit_status) == ("finished", 0)
    assert attempt.peak_rss_bytes > 50 << 20
    report = msgspec.json.decode(shown.report)
    assert (report["ok"], report["elements_written"]) == (True, 500)
    assert report["matched"] + report["skipped"] + report["errors"] == report["entities_read"]


def test_a_job_without_a_result_has_no_report(dxfd):
    dxfd.ref("pause")
    job = dxfd.submit("/a.dxf", "/tmp/a.db")
    assert bytes(dxfd.show(job.id).report) == b"null"
