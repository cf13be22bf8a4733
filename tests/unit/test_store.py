from __future__ import annotations

import errno
import os
import random
import re
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dxfd import backups
from dxfd.contract.messages import JobOptions
from dxfd.contract.progress import Progress
from dxfd.contract.states import JobEvent, JobState
from dxfd.errors import (
    DiskFullError,
    DuplicateJobError,
    IllegalTransitionError,
    NoSuchJobError,
    StaleAttemptError,
    StoreCorruptError,
    StoreError,
    StoreNewerError,
    StoreRemovedError,
)
from dxfd.store import sql
from dxfd.store.connect import open_database
from dxfd.store.migrate import Migration, migrate, migrations, statements, version
from dxfd.store.queue import open_queue
from dxfd.store.rows import Ending, NewJob


def new(number: int, **fields: object) -> NewJob:
    base = {
        "source": f"/in/{number}.dxf", "output": f"/out/{number}.db", "converter": "bim", "options": JobOptions(),
        "priority": 0, "label": "", "max_attempts": 3, "owner_uid": 0, "owner": "root",
    }  # fmt: skip
    return NewJob(**{**base, **fields})


def test_the_checks_of_the_schema_repeat_the_contract():
    text = "".join(step.text for step in migrations())
    *_, named = re.finditer(r"DEFAULT 'queued' CHECK \(state IN \((.*?)\)\)", text, re.DOTALL)
    assert named is not None
    assert re.findall(r"'(\w+)'", named[1]) == [state.value for state in JobState]


def test_submitting_the_same_twice_gives_the_same_job(queue):
    first, again = queue.jobs.submit(new(1)), queue.jobs.submit(new(1))
    assert (first[1], again[1]) == (False, True)
    assert first[0].id == again[0].id


def test_submitting_again_after_the_end_gives_a_new_job(queue):
    job = queue.jobs.submit(new(1))[0]
    queue.jobs.ask(job.id, JobEvent.CANCEL)
    assert queue.jobs.submit(new(1))[0].id != job.id


def test_a_key_gives_the_same_job_for_ever(queue):
    job = queue.jobs.submit(new(1, idempotency_key="k"))[0]
    queue.jobs.ask(job.id, JobEvent.CANCEL)
    assert queue.jobs.submit(new(2, idempotency_key="k")) == (queue.jobs.get(job.id), True)


def test_two_unfinished_jobs_never_write_one_output(queue):
    job = queue.jobs.submit(new(1))[0]
    with pytest.raises(DuplicateJobError, match=f"job {job.id}"):
        queue.jobs.submit(new(1, options=JobOptions(units="mm")))


def test_a_retry_is_refused_while_another_job_writes_the_output(queue):
    job = queue.jobs.submit(new(1))[0]
    queue.jobs.ask(job.id, JobEvent.CANCEL)
    other = queue.jobs.submit(new(1))[0]
    with pytest.raises(DuplicateJobError, match=f"job {other.id}"):
        queue.jobs.ask(job.id, JobEvent.RETRY)
    assert queue.jobs.get(job.id).state is JobState.CANCELLED


def test_a_late_worker_cannot_finish_a_job_that_was_taken_over(queue):
    job = queue.jobs.submit(new(1))[0]
    queue.jobs.claim(job.id, "first")
    queue.jobs.end_attempt(job.id, "first", JobEvent.CUT_OFF, Ending(cause="cut_off"))
    queue.jobs.claim(job.id, "second")
    with pytest.raises(StaleAttemptError):
        queue.jobs.end_attempt(job.id, "first", JobEvent.FINISH, Ending(cause="finished"))
    assert queue.jobs.set_progress(job.id, "first", Progress()) is False
    assert queue.jobs.get(job.id).state is JobState.RUNNING


def test_a_job_is_claimed_once(queue):
    job = queue.jobs.submit(new(1))[0]
    queue.jobs.claim(job.id, "a")
    with pytest.raises(IllegalTransitionError):
        queue.jobs.claim(job.id, "b")


def test_there_is_no_job_of_another_id(queue):
    for job_id in (0, -1, 7, 2**63, 10**30):
        with pytest.raises(NoSuchJobError):
            queue.jobs.get(job_id)


def test_charges_add_up_until_a_new_checkpoint_sets_them_back(queue, clock):
    job = queue.jobs.submit(new(1))[0]
    later = "2030-01-01T00:00:00.000Z"
    lost = Ending(cause="signal", charged=True, death=True, not_before=later, error_code="E_WORKER_LOST")
    for number in (1, 2):
        queue.jobs.claim(job.id, f"t{number}")
        row = queue.jobs.end_attempt(job.id, f"t{number}", JobEvent.LOSE, lost)
        assert (row.attempts_charged, row.deaths, row.state) == (number, number, JobState.RETRY_WAIT)
        clock.now = 2_000_000_000
        assert queue.listing.due() == [job.id]
        queue.jobs.ask(job.id, JobEvent.DUE)
    queue.jobs.claim(job.id, "t3")
    progressed = Ending(cause="signal", charged=True, death=True, progressed=True, not_before=later)
    row = queue.jobs.end_attempt(job.id, "t3", JobEvent.LOSE, progressed)
    assert (row.attempts_charged, row.deaths) == (1, 1)


def test_locked_outputs_are_counted_apart_and_in_a_row(queue):
    job = queue.jobs.submit(new(1))[0]
    later = "2030-01-01T00:00:00.000Z"
    locked = Ending(cause="locked", locked=True, not_before=later, error_code="E_OUTPUT_BUSY")
    lost = Ending(cause="failed", charged=True, not_before=later, error_code="E_SOURCE_IO")
    seen = []
    for number, ending in enumerate([locked, locked, lost, locked]):
        queue.jobs.claim(job.id, f"t{number}")
        row = queue.jobs.end_attempt(job.id, f"t{number}", JobEvent.LOSE, ending)
        seen.append((row.lock_tries, row.attempts_charged))
        queue.jobs.ask(job.id, JobEvent.DUE)
    assert seen == [(1, 0), (2, 0), (0, 1), (1, 1)]


def test_a_retry_forgets_the_charges_and_may_discard_what_there_is(queue):
    job = queue.jobs.submit(new(1))[0]
    queue.jobs.claim(job.id, "t")
    failed = Ending(cause="failed", charged=True, error_code="E_NOT_DXF", error_message="no")
    row = queue.jobs.end_attempt(job.id, "t", JobEvent.FAIL, failed)
    assert (row.error_code, row.attempts_charged) == ("E_NOT_DXF", 1)
    row = queue.jobs.ask(job.id, JobEvent.RETRY, restart=True)
    assert (row.state, row.error_code, row.attempts_charged, row.restart) == (JobState.QUEUED, "", 0, True)
    queue.jobs.claim(job.id, "t2")
    queue.jobs.set_started(job.id, "t2", 0)
    assert queue.jobs.get(job.id).restart is False


def test_the_report_of_a_finished_job_is_kept(queue):
    job = queue.jobs.submit(new(1))[0]
    queue.jobs.claim(job.id, "t")
    queue.jobs.end_attempt(job.id, "t", JobEvent.FINISH, Ending(cause="finished", report=b'{"ok":true}'))
    assert bytes(queue.listing.report(job.id)) == b'{"ok":true}'
    assert [a.cause for a in queue.listing.attempts(job.id)] == ["finished"]
    assert [e.event for e in queue.listing.events(job.id)] == ["submit", "claim", "finish"]


def test_rev_grows_with_every_change(queue):
    job = queue.jobs.submit(new(1))[0]
    revs = [job.rev, queue.jobs.ask(job.id, JobEvent.PAUSE).rev, queue.jobs.ask(job.id, JobEvent.RESUME).rev]
    revs.append(queue.jobs.claim(job.id, "t").rev)
    queue.jobs.set_progress(job.id, "t", Progress(batch=1))
    revs.append(queue.jobs.get(job.id).rev)
    assert revs == sorted(set(revs))


def test_higher_priority_runs_first_then_the_older_job(queue):
    ids = [queue.jobs.submit(new(n, priority=p))[0].id for n, p in enumerate((0, 5, 0, 5))]
    assert [row.id for row in queue.listing.runnable(10)] == [ids[1], ids[3], ids[0], ids[2]]


def test_counts_follow_every_transition(queue):
    for number in range(5):
        queue.jobs.submit(new(number))
    queue.jobs.claim(1, "t")
    queue.jobs.ask(2, JobEvent.PAUSE)
    queue.jobs.ask(3, JobEvent.CANCEL)
    counts = queue.listing.counts()
    assert set(counts) == {state.value for state in JobState}
    assert {k: v for k, v in counts.items() if v} == {"queued": 2, "running": 1, "paused": 1, "cancelled": 1}


def test_pages_list_every_job_once_running_ones_first(queue):
    for number in range(25):
        queue.jobs.submit(new(number))
    for job_id in (3, 17):
        queue.jobs.claim(job_id, f"t{job_id}")
    seen, cursor, pages = [], 0, 0
    while True:
        rows, cursor = queue.listing.page([], 10, cursor)
        seen += [row.id for row in rows]
        pages += 1
        if not cursor:
            break
    assert pages == 3
    assert seen[:2] == [3, 17]
    assert seen[2:] == sorted(set(range(1, 26)) - {3, 17}, reverse=True)


def test_a_page_of_states_is_newest_first(queue):
    for number in range(9):
        queue.jobs.submit(new(number))
    queue.jobs.ask(4, JobEvent.PAUSE)
    queue.jobs.ask(8, JobEvent.CANCEL)
    rows, cursor = queue.listing.page([JobState.PAUSED, JobState.CANCELLED, JobState.QUEUED], 4)
    assert ([row.id for row in rows], cursor) == ([9, 8, 7, 6], 6)
    rows, _ = queue.listing.page([JobState.PAUSED], 4)
    assert [row.id for row in rows] == [4]


@pytest.mark.parametrize(
    "statement",
    [
        "RUNNABLE", "SMALLEST", "DUE", "READY", "OWNED", "PAGE", "PAGE_ALL", "JOB_BY_OUTPUT", "JOB_BY_KEY",
        "DEPENDENTS", "PAST_JOB", "PAST_BY_KEY", "HISTORY", "HISTORY_OF_STATE", "HISTORY_BELOW", "HISTORY_ENDED",
        "HISTORY_PART", "SAME_DRAWING", "DAYS", "ENDED", "OLD_HISTORY",
    ],
)  # fmt: skip
def test_no_query_walks_the_whole_table_or_sorts_it(tmp_path, queue, statement):
    text = getattr(sql, statement)
    with sqlite3.connect(tmp_path / "queue.db") as connection:
        names = dict.fromkeys(re.findall(r":(\w+)", text), "[]")
        values = names or ["x"] * text.count("?")
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + text, values)]
    connection.close()
    scans = [step for step in plan if step.startswith("SCAN") and "json_each" not in step and "(subquery" not in step]
    assert not [step for step in scans if "INDEX" not in step], plan
    assert not [step for step in plan if "TEMP B-TREE" in step and statement != "OWNED"], plan


def test_the_queues_flag_survives_a_restart(tmp_path, queue):
    assert queue.jobs.set_paused(True) is True
    assert queue.jobs.set_paused(True) is False
    queue.close()
    again = open_queue(tmp_path / "queue.db")
    assert again.listing.paused() is True
    again.close()


def test_a_queue_that_was_moved_away_is_whole_when_it_is_moved_back(tmp_path):
    path, away = tmp_path / "queue.db", tmp_path / "away"
    with closing(open_queue(path)) as queue:
        job = queue.jobs.submit(new(1))[0]
        path.rename(away)
        with pytest.raises(StoreRemovedError, match="put back"):
            queue.guard()
    away.replace(path)
    with closing(open_queue(path)) as queue:
        assert queue.jobs.get(job.id).source == job.source


def test_a_queue_that_goes_while_it_is_opened_is_told(tmp_path, monkeypatch):
    def gone(path: Path, **_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="cannot be opened: No such file"):
        patch.setattr(Path, "stat", gone)
        open_database(tmp_path / "queue.db")


def test_the_log_of_a_queue_that_was_replaced_is_not_played_into_the_other(tmp_path):
    path, other = tmp_path / "queue.db", tmp_path / "other"
    with closing(open_queue(other)) as queue:
        theirs = queue.jobs.submit(new(7))[0]
    with closing(open_queue(path)) as queue:
        queue.jobs.submit(new(1))
        queue.jobs.submit(new(2))
        other.replace(path)
        with pytest.raises(StoreRemovedError, match="another file has its name"):
            queue.guard()
    with closing(open_queue(path)) as queue:
        assert [row.source for row in queue.listing.runnable(9, smallest_first=False)] == [theirs.source]


def test_a_queue_that_cannot_be_looked_at_any_more_is_told_by_code(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    with closing(open_queue(folder / "queue.db")) as queue:
        folder.rename(tmp_path / "away")
        folder.touch()  # a file where the folder was
        with pytest.raises(StoreError, match="cannot be opened"):
            queue.guard()


def test_a_queue_that_finds_no_room_to_be_put_back_leaves_no_half_copies(tmp_path):
    path = tmp_path / "queue.db"
    with closing(open_queue(path)) as queue:
        queue.jobs.submit(new(1))
    with closing(open_queue(path)) as queue:
        path.unlink()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (32 << 10, before[1]))  # SIGXFSZ is ignored by Python: EFBIG
        try:
            with pytest.raises(StoreError):
                queue.guard()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not list(tmp_path.glob("*.kept-*"))


def test_a_full_disk_changes_nothing_and_is_named(tmp_path):
    database = open_database(tmp_path / "queue.db")
    migrate(database)
    pages = database.one("PRAGMA page_count")[0]
    database.run("PRAGMA foreign_keys = OFF")
    database.run(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DiskFullError), database.transaction():
        for number in range(1000):
            database.run("INSERT INTO reports (report) VALUES (json_quote(?))", ["y" * 500 + str(number)])
    assert database.one("SELECT count(*) FROM reports")[0] == 0
    database.close()


def test_a_file_that_is_damaged_anywhere_is_opened_or_refused_and_never_changed(tmp_path):
    path = tmp_path / "queue.db"
    with closing(open_queue(path)) as queue:
        for number in range(40):
            queue.jobs.submit(new(number))
    good = path.read_bytes()
    refused = 0
    rng = random.Random(6)
    for _ in range(60):
        damaged = bytearray(good)
        for _ in range(6):
            at = rng.randrange(100, len(good) - 300)
            damaged[at : at + 300] = rng.randbytes(300)
        path.write_bytes(damaged)
        try:
            open_queue(path).close()
        except StoreCorruptError:
            refused += 1
            assert path.read_bytes() == bytes(damaged)
        backups.verify(path)  # says what it finds
    assert refused > 30


def test_a_damaged_file_is_refused_and_kept(tmp_path):
    path = tmp_path / "queue.db"
    queue = open_queue(path)
    for number in range(200):
        queue.jobs.submit(new(number))
    queue.close()
    data = bytearray(path.read_bytes())
    for at in range(8192, len(data) - 4096, 4096):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StoreCorruptError):
        open_queue(path)
    assert path.read_bytes() == data


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "queue.db"
    path.write_text("my shopping list, which is long enough to be looked at" * 20)
    with pytest.raises(StoreCorruptError):
        open_queue(path)
    assert path.read_text().startswith("my shopping list")


def test_the_file_is_its_owners_alone(tmp_path, queue):
    assert (tmp_path / "queue.db").stat().st_mode & 0o777 == 0o600


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "queue.db"
    open_queue(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreNewerError, match="99"):
        open_queue(path)


def test_a_failing_migration_leaves_nothing_behind(tmp_path):
    database = open_database(tmp_path / "queue.db")
    steps = [
        Migration(1, "0001_a.sql", "CREATE TABLE a (x);"),
        Migration(2, "0002_b.sql", "CREATE TABLE b (x); INSERT INTO b VALUES (1);\nINSERT INTO nowhere VALUES (1);"),
    ]
    with pytest.raises(StoreError):
        migrate(database, steps)
    assert version(database) == 1
    assert [row[0] for row in database.all("SELECT name FROM sqlite_master")] == ["a"]
    database.close()


def test_migrating_twice_does_nothing(tmp_path):
    database = open_database(tmp_path / "queue.db")
    assert migrate(database) == [step.name for step in migrations()]
    assert migrate(database) == []
    database.close()


def test_a_triggers_body_is_one_statement():
    text = (
        "CREATE TABLE t (x); -- words; more\nCREATE TRIGGER g AFTER INSERT ON t BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n"
    )
    assert len(list(statements(text.replace("; --", ";\n--")))) == 2


def test_migrations_are_numbered_without_gaps():
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))
