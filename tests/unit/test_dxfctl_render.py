"""Tables and screens: what fits, what is hidden, what is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest
from dxfctl import exits
from dxfctl.commands.logs import readable
from dxfctl.render.jobs import View, job_line, show_lines, status_lines
from dxfctl.render.table import Column, layout
from hypothesis import given
from hypothesis import strategies as st

from dxfd.contract.human import cells
from dxfd.contract.messages import AttemptView, JobEventView, ShowReply, StatusReply
from dxfd.contract.progress import Progress
from dxfd.contract.states import FINAL, JobState
from dxfd.errors import all_errors
from tests.support.fake_daemon import job

NOW = datetime(2025, 3, 1, 14, 0, tzinfo=UTC)
VIEW = View(now=NOW, utc=True, width=80)


def status(*jobs, **fields):
    base = {
        "daemon_version": "0.1.0", "pid": 7, "started_at": "2025-03-01T13:00:00Z", "queue_paused": False,
        "draining": False, "counts": {"running": 1}, "workers_running": 1, "workers_max": 2,
        "memory_budget_bytes": 2**31, "memory_used_bytes": 2**28, "jobs": list(jobs),
    }  # fmt: skip
    return StatusReply(**{**base, **fields})


RUNNING = job(
    41,
    JobState.RUNNING,
    source="/drawings/" + "terminal-" * 20 + "arc.dxf",
    label="a long label that nobody can read anyway",
    started_at="2025-03-01T13:59:00Z",
    progress=Progress(
        bytes_done=62, bytes_total=100, entities_read=620_000, entities_total=1_000_000, entities_per_s=110_000.0,
        rss_bytes=2**28,
    ),
)  # fmt: skip


def test_status_fits_80_columns_whatever_the_names():
    lines = status_lines(status(RUNNING, job(42, JobState.FAILED, error_message="x" * 300, error_code="E_X")), VIEW)
    assert max(cells(line) for line in lines) <= 80
    assert any("62 %" in line and "110k/s" in line and "3.5 s" in line for line in lines)


def test_status_in_a_pipe_is_not_shortened():
    lines = status_lines(status(RUNNING), View(now=NOW, width=None))
    assert any("terminal-" * 20 + "arc.dxf" in line for line in lines)


def test_status_hides_empty_columns():
    head = status_lines(status(job(1)), VIEW)[3]
    assert head.split() == ["Job", "State", "Drawing"]


def test_status_names_the_next_page():
    lines = status_lines(status(job(9), counts={"queued": 120}, next_after_id=9), VIEW)
    assert lines[-1] == "119 more:  dxfctl status --after 9"


def test_status_tells_a_held_queue():
    assert "queue paused" in status_lines(status(queue_paused=True), VIEW)[0]


def test_colours_are_added_after_the_layout():
    plain = status_lines(status(RUNNING), VIEW)
    painted = status_lines(status(RUNNING), View(now=NOW, utc=True, width=80, color=True))
    assert plain != painted
    assert plain == [click.unstyle(line) for line in painted]


def test_show_fits_80_columns_and_tells_the_story():
    shown = ShowReply(
        job=job(4, JobState.FAILED, error_code="E_NOT_DXF", error_message="it is a picture", attempt=1, label="x" * 90),
        attempts=[AttemptView(attempt=1, started_at="2025-03-01T13:00:00Z", cause="failed", detail="d" * 200)],
        events=[JobEventView(seq=1, at="2025-03-01T13:00:00Z", event="submit", state="queued", detail="e" * 200)],
    )
    lines = show_lines(shown, {"entities_read": 5}, VIEW)
    assert max(cells(line) for line in lines) <= 80
    assert "error        it is a picture [E_NOT_DXF]" in lines


def test_show_says_what_calls_the_result_in_question():
    shown = ShowReply(job=job(1, JobState.SUCCEEDED), attempts=[], events=[])
    report = {
        "entities_read": 5, "dxf_version": "R2010", "units": "mm", "elements_written": 5, "match_rate": 1.0,
        "entities_per_s": 9.0, "peak_rss_bytes": 1 << 20,
    }  # fmt: skip
    told = {"warnings": ["there is no layout 'zzz'", "mm is doubtful"]}
    lines = show_lines(shown, report | told, View(now=NOW, utc=True, width=None))
    assert any("there is no layout 'zzz'; mm is doubtful" in line for line in lines)
    lines = show_lines(shown, report, View(now=NOW, utc=True, width=None))
    assert not any("warnings" in line for line in lines)


def test_finished_job_names_its_database():
    line = job_line(job(3, JobState.SUCCEEDED, progress=Progress(elements_written=1234)), color=False)
    assert line == "job 3 succeeded  hall3.dxf → /out/hall3.db  (1,234 elements)"


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60), st.text(max_size=5)), min_size=1, max_size=5),
    st.integers(20, 120),
)
def test_table_with_a_shrinkable_column_fits_any_width(rows, width):
    from dxfd.contract.human import safe

    columns = (Column(title="A", floor=4), Column(title="B", floor=4, middle=True), Column(title="C", drop=1))
    lines = layout(columns, [[safe(c) for c in row] for row in rows], width=max(width, 40), color=False)
    assert all(cells(line) <= max(width, 40) for line in lines)


@pytest.mark.parametrize(("codes", "code"), [([], 0), ([0, 0], 0), ([1], 1), ([1, 1], 1), ([0, 1], 8), ([11, 12], 8)])
def test_codes_of_several_jobs_make_one(codes, code):
    assert exits.combine(codes) == code


def test_every_exit_code_has_a_meaning():
    assert {e.exit_code for e in all_errors()} <= set(exits.MEANINGS)
    assert {exits.of_state(state) for state in FINAL} <= set(exits.MEANINGS)


def test_log_lines_are_readable_and_others_stay():
    line = '{"timestamp":"2025-03-01T13:00:00Z","level":"info","event":"job_finished","job_id":3,"why":"a b"}'
    assert readable(line, utc=True).endswith('info    job_finished  job_id=3 why="a b"')
    assert readable("no json \x1b", utc=True) == "no json \\x1b"
    assert readable("[1]", utc=True) == "[1]"
