from __future__ import annotations

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobState


def test_status_describes_daemon_queue_and_jobs(dxfd, small):
    dxfd.ref("pause")
    job = dxfd.submit(small, dxfd.folder / "a.db", label="hall")
    status = dxfd.status()
    assert (status.pid, status.queue_paused, status.draining) == (dxfd.pid, True, False)
    assert status.counts["queued"] == 1
    assert (status.workers_running, status.workers_max) == (0, 2)
    assert status.memory_budget_bytes == 4 << 30
    assert 10 << 20 < status.memory_used_bytes < 80 << 20
    assert status.log_path == str(dxfd.log_path)
    assert [(view.id, view.label, view.why) for view in status.jobs] == [(job.id, "hall", "the queue is paused")]


def test_status_pages_through_jobs_by_state(dxfd):
    dxfd.ref("pause")
    for number in range(7):
        dxfd.submit(f"/{number}.dxf", f"/tmp/{number}.db")
    dxfd.ref("cancel", 4)
    seen, cursor = [], 0
    while True:
        page = dxfd.status(states=[JobState.QUEUED], limit=3, after_id=cursor)
        seen += [view.id for view in page.jobs]
        cursor = page.next_after_id
        if not cursor:
            break
    assert seen == [7, 6, 5, 3, 2, 1]
    assert dxfd.status(limit=0).jobs == []


def test_a_page_of_very_long_paths_still_fits_in_a_message(dxfd):
    dxfd.ref("pause")
    for number in range(200):
        dxfd.submit("/" + "a" * 4000, f"/{number}" + "b" * 4000)
    page = dxfd.status(limit=1000)
    assert 50 < len(page.jobs) < 200
    rest = dxfd.status(limit=1000, after_id=page.next_after_id)
    assert [view.id for view in page.jobs + rest.jobs] == list(range(200, 0, -1))


def test_a_running_job_is_shown_with_its_worker_and_live_progress(dxfd, large):
    job = dxfd.submit(large, dxfd.folder / "a.db", options=JobOptions(batch_size=100))
    view = dxfd.wait_batch(job.id, 1)
    assert view.pid > 0
    assert view.progress is not None
    assert view.progress.entities_total == 20_000
    assert dxfd.status().workers_running == 1
