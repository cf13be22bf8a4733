from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from dxfd.contract.messages import JobOptions, Submit
from dxfd.contract.states import JobState
from tests.support.daemon import daemon, refused


def test_a_drawing_goes_in_and_a_database_comes_out(dxfd, small):
    output = dxfd.folder / "a.db"
    job = dxfd.submit(small, output)
    view = dxfd.wait_final(job.id)
    assert (view.state, view.error_message, view.attempt) == (JobState.SUCCEEDED, "", 1)
    with sqlite3.connect(output) as connection:
        assert connection.execute("SELECT count(*) FROM elements_meta").fetchone() == (500,)
    connection.close()
    assert not list(dxfd.folder.glob("*.partial*"))


def test_the_end_is_one_canonical_line_in_the_log(dxfd, small):
    job = dxfd.submit(small, dxfd.folder / "a.db")
    dxfd.wait_final(job.id)
    (line,) = dxfd.log_lines("job_finished")
    assert (line["job_id"], line["state"], line["entities"], line["elements"]) == (job.id, "succeeded", 500, 500)
    assert (line["attempts"], line["error_code"]) == (1, "")
    assert line["duration_s"] > 0
    assert line["peak_rss_bytes"] > 50 << 20


def test_what_a_damaged_drawing_does_is_a_jobs_option_and_a_setting(dxfd, small):
    cut = dxfd.folder / "cut.dxf"
    cut.write_bytes(small.read_bytes()[:-5000])
    jobs = [
        dxfd.call("submit", Submit(source=str(cut), output=str(dxfd.folder / f"{k}.db"), options=options)).job.id
        for k, options in enumerate((JobOptions(), JobOptions(damaged="convert", encoding="cp1252")))
    ]
    ends = [dxfd.wait_final(job) for job in jobs]
    assert [(end.state, end.error_code) for end in ends] == [
        (JobState.FAILED, "E_SOURCE_DAMAGED"), (JobState.SUCCEEDED, ""),
    ]  # fmt: skip
    for wrong in (JobOptions(damaged="perhaps"), JobOptions(encoding="cp1252; rm")):
        asked = Submit(source=str(cut), output=str(dxfd.folder / "x.db"), options=wrong)
        assert refused(dxfd.call, "submit", asked).code == "E_USAGE"


def test_limits_of_entities_are_settings(small):
    with daemon(max_entity_vertices=100, damaged="convert") as dxfd:
        large = dxfd.folder / "large.dxf"
        points = "".join(f" 10\n{k}.0\n 20\n{k % 9}.0\n" for k in range(300))
        entity = f"  0\nLWPOLYLINE\n  8\nA-WALL\n 90\n300\n{points}"
        large.write_text(small.read_text().replace("  0\nENDSEC\n  0\nEOF", f"{entity}  0\nENDSEC\n  0\nEOF"))
        output = dxfd.folder / "large.db"
        assert dxfd.wait_final(dxfd.submit(large, output).id).state is JobState.SUCCEEDED
        with closing(sqlite3.connect(output)) as connection:
            query = "SELECT code FROM conversion_issues WHERE code = 'entity_too_large'"
            assert connection.execute(query).fetchall() == [("entity_too_large",)]


def test_the_same_drawing_twice_is_one_job(dxfd, small):
    dxfd.ref("pause")
    first = dxfd.call("submit", Submit(source=str(small), output="/tmp/x.db"))
    again = dxfd.call("submit", Submit(source=str(small), output="/tmp/./x.db"))
    assert (first.duplicate, again.duplicate, again.queue_paused) == (False, True, True)
    assert first.job.id == again.job.id


def test_another_job_for_the_same_output_is_refused(dxfd, small):
    dxfd.ref("pause")
    dxfd.submit(small, "/tmp/x.db")
    error = refused(dxfd.submit, "/other.dxf", "/tmp/x.db")
    assert (error.code, error.exit_code) == ("E_DUPLICATE", 10)


def test_a_missing_drawing_fails_its_job_and_leaves_the_queue_unharmed(dxfd, small):
    bad = dxfd.submit("/nowhere.dxf", dxfd.folder / "a.db")
    good = dxfd.submit(small, dxfd.folder / "b.db")
    view = dxfd.wait_final(bad.id)
    assert (view.state, view.error_code, view.attempt) == (JobState.FAILED, "E_SOURCE_MISSING", 1)
    assert dxfd.wait_final(good.id).state is JobState.SUCCEEDED
    assert not (dxfd.folder / "a.db").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "relative.dxf"}, {"output": "relative.db"}, {"source": "/a\0b"}, {"source": "/o.db"},
        {"source": "/" + "x" * 5000}, {"converter": "magic"}, {"label": "x" * 300}, {"priority": 10**12},
        {"max_attempts": -1}, {"options": JobOptions(units="furlong")}, {"options": JobOptions(error_action="cry")},
        {"options": JobOptions(batch_size=-1)}, {"options": JobOptions(templates="rules.toml")},
        {"options": JobOptions(max_memory_bytes=2**63)},
    ],
)  # fmt: skip
def test_a_submit_that_makes_no_sense_is_refused(shared, fields):
    error = refused(shared.call, "submit", Submit(**{"source": "/i.dxf", "output": "/o.db", **fields}))
    assert error.code == "E_USAGE"


def test_a_full_queue_refuses(small):
    with daemon(max_queued=1) as dxfd:
        dxfd.ref("pause")
        dxfd.submit(small, "/tmp/a.db")
        assert refused(dxfd.submit, small, "/tmp/b.db").code == "E_QUEUE_FULL"
