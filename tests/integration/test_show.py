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


def test_a_ledger_too_long_for_a_reply_shows_its_largest_rows(dxfd):
    drawing = dxfd.folder / "layers.dxf"
    lines = [f"  0\nLINE\n  8\nL{'x' * 90}{k}-WALL\n 10\n{k}\n 20\n0\n 11\n{k}\n 21\n5\n" for k in range(9000)]
    drawing.write_text("  0\nSECTION\n  2\nENTITIES\n" + "".join(lines) + "  0\nENDSEC\n  0\nEOF\n")
    job = dxfd.submit(drawing, dxfd.folder / "layers.db")
    dxfd.wait_final(job.id)

    report = msgspec.json.decode(dxfd.show(job.id).report)

    assert report["elements_written"] == 9000
    assert len(report["ledger"]) + report["ledger_rows_left_out"] == 9000
