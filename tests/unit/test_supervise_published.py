"""Whether an attempt published its output, asked of the output."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from dxfd.supervise.aside import MOST_STUCK
from dxfd.supervise.published import Attempt, Look, Outputs, report_of
from tests.support.polling import wait_for

SINCE = "2030-01-01T00:00:00.000Z"
LATER = "2030-01-01T00:00:01.000Z"
COLUMNS = "entity_type, layer, block, space, layout, origin, outcome, reason, count, first_handle"


def output(path: Path, **values: object) -> Attempt:
    """A published database, as much of it as is looked at."""
    made = {"run_key": "q/1", "finished_at": LATER, "entities_read": 3, "source_bytes": 9} | values
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE run_report (key TEXT, value TEXT)")
        database.executemany("INSERT INTO run_report VALUES (?, ?)", [(k, json.dumps(v)) for k, v in made.items()])
        database.execute(f"CREATE TABLE ledger ({COLUMNS})")
        database.execute("INSERT INTO ledger VALUES ('LINE', 'A', '', 'paper', 'L', 'entity', 'element', '', 3, '1F')")
        database.commit()
    return Attempt(token="t", output=str(path), run_key="q/1", since=SINCE)


def test_its_own_output_is_known_by_its_key(tmp_path):
    attempt = output(tmp_path / "a.db")
    document = json.loads(report_of(attempt) or b"")
    assert (document["entities_read"], document["source_bytes"]) == (3, 9)
    assert document["output_bytes"] == (tmp_path / "a.db").stat().st_size
    assert document["ledger"][0]["layout"] == "L"
    assert "run_key" not in document


def test_the_lock_of_its_dead_writer_goes_and_that_of_a_living_one_stays(tmp_path):
    attempt = output(tmp_path / "a.db")
    lock = tmp_path / "a.db.partial.lock"
    with lock.open("w") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert report_of(attempt) is not None
        assert lock.exists()
    assert report_of(attempt) is not None
    assert not lock.exists()


@pytest.mark.parametrize("values", [{"run_key": "q/2"}, {"run_key": ""}, {"finished_at": "2029-12-31T23:59:59.999Z"}])
def test_another_jobs_and_an_older_output_are_not(tmp_path, values):
    assert report_of(output(tmp_path / "a.db", **values)) is None


def test_nor_is_one_beside_unfinished_work(tmp_path):
    attempt = output(tmp_path / "a.db")
    (tmp_path / "a.db.partial").touch()
    assert report_of(attempt) is None


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but a text of some length" * 50])
def test_nor_is_what_is_no_output(tmp_path, content):
    if content is not None:
        (tmp_path / "a.db").write_bytes(content)
    assert report_of(Attempt(token="t", output=str(tmp_path / "a.db"), run_key="q/1", since=SINCE)) is None


@pytest.mark.parametrize("value", [None, 5, b"\xff", "[" * 200_000, "{"])
def test_nor_is_another_programs_that_has_such_a_table(tmp_path, value):
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("CREATE TABLE run_report (key, value)")
        database.execute("INSERT INTO run_report VALUES ('run_key', ?)", [value])
        database.commit()
    assert report_of(Attempt(token="t", output=str(tmp_path / "a.db"), run_key="q/1", since=SINCE)) is None


def test_a_look_blocks_nobody_and_tells_when_it_is_done(tmp_path):
    told = threading.Event()
    outputs = Outputs(told.set, timeout_s=60)
    attempt = output(tmp_path / "a.db")
    assert outputs.look(attempt) is None
    assert told.wait(10)
    look = outputs.look(attempt)
    assert look is not None
    assert look.report is not None


def test_a_look_that_hangs_is_given_up_and_so_many_are_enough():
    now, answers = [0.0], threading.Event()

    def hang(_attempt: Attempt) -> bytes | None:
        answers.wait(60)
        return None

    def all_back() -> bool:
        return outputs.aside.stuck == 0

    outputs = Outputs(lambda: None, timeout_s=1, clock=lambda: now[0], read=hang)
    *hanging, last = [Attempt(token=str(n), output="/x", run_key="", since="") for n in range(MOST_STUCK + 1)]
    for attempt in hanging:
        assert outputs.look(attempt) is None
        wait_for(partial(outputs.aside.looking, attempt.token))
        now[0] += 2
        assert outputs.look(attempt) == Look(hung=True)
    assert outputs.look(last) == Look(hung=True)
    answers.set()
    wait_for(all_back, 10)
    assert outputs.look(last) is None  # there is room again, so it is looked at
    assert wait_for(lambda: outputs.look(last), 10) == Look()
    outputs.close()
