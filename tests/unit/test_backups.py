"""Copies of the queue database: made while it is written to, checked, rotated, put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dxfd import backups
from dxfd.backups import Reason
from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobEvent, JobState
from dxfd.errors import BackupError, StoreCorruptError
from dxfd.store.migrate import migrations
from dxfd.store.queue import Queue, open_queue
from dxfd.store.rows import NewJob
from dxfd.supervise.housekeeping import due_at

NOW = 1_800_000_000.0
ROOT = Path(__file__).parents[2]


def submit(queue: Queue, number: int) -> int:
    return queue.jobs.submit(
        NewJob(
            source=f"/in/{number}.dxf", output=f"/out/{number}.db", converter="bim", options=JobOptions(), priority=0,
            label="", max_attempts=3, owner_uid=0, owner="root",
        )
    )[0].id  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A queue of three jobs, closed."""
    queue = open_queue(tmp_path / "queue.db", durable=False)
    for number in range(3):
        submit(queue, number)
    queue.close()
    return tmp_path / "queue.db"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(4096, len(data), 4096):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


def test_a_copy_of_a_queue_in_use_has_what_is_committed_and_is_one_file(tmp_path):
    queue = open_queue(tmp_path / "queue.db")
    job = submit(queue, 1)
    made = backups.make(tmp_path / "queue.db", tmp_path / "b", Reason.ASKED, NOW)
    queue.jobs.ask(job, JobEvent.PAUSE)
    queue.close()
    assert (made.checked, made.problem, made.jobs, made.schema) == (True, "", 1, len(migrations()))
    assert made.name == "queue-20270115T080000.000Z-asked.db"
    assert [p.name for p in (tmp_path / "b").iterdir()] == [made.name]
    assert (tmp_path / "b" / made.name).stat().st_mode & 0o777 == 0o600
    copy = open_queue(tmp_path / "b" / made.name)
    assert copy.jobs.get(job).state is JobState.QUEUED
    copy.close()


def test_copies_are_listed_newest_first_with_time_and_reason(path, tmp_path):
    folder = tmp_path / "b"
    assert backups.listed(folder) == []
    for number, reason in enumerate((Reason.SCHEDULED, Reason.ASKED, Reason.MIGRATION)):
        backups.make(path, folder, reason, NOW + number)
    (folder / "notes.txt").write_text("mine")
    found = backups.listed(folder)
    assert [view.reason for view in found] == ["migration", "asked", "scheduled"]
    assert found[-1].at == "2027-01-15T08:00:00.000Z"


def test_two_copies_in_one_millisecond_are_two_files(path, tmp_path):
    names = {backups.make(path, tmp_path / "b", Reason.ASKED, NOW).name for _ in range(3)}
    assert len(names) == 3


def test_only_scheduled_copies_are_rotated_and_a_few_of_migrations_kept(path, tmp_path):
    folder = tmp_path / "b"
    for number in range(5):
        for reason in Reason:
            backups.make(path, folder, reason, NOW + number)
    gone = backups.rotate(folder, 2)
    left = [view.reason for view in backups.listed(folder)]
    assert len(gone) == 3 + 2
    assert (left.count("scheduled"), left.count("asked"), left.count("migration")) == (2, 5, 3)
    newest = max(view.at for view in backups.listed(folder))
    assert newest == "2027-01-15T08:00:04.000Z"


def test_a_damaged_copy_is_found_and_never_restored(path, tmp_path):
    made = backups.make(path, tmp_path / "b", Reason.ASKED, NOW)
    copy = tmp_path / "b" / made.name
    damage(copy)
    assert backups.verify(copy).problem
    before = path.read_bytes()
    with pytest.raises(BackupError, match="cannot be restored"):
        backups.restore(copy, path, NOW)
    assert path.read_bytes() == before


def test_another_programs_database_is_no_copy(tmp_path):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE jobs (x)")
    assert backups.verify(other).problem == "it is no queue database"


def test_a_damaged_queue_cannot_be_copied_and_leaves_nothing(path, tmp_path):
    damage(path)
    with pytest.raises(BackupError):
        backups.make(path, tmp_path / "b", Reason.SCHEDULED, NOW)
    assert list((tmp_path / "b").iterdir()) == []


def test_the_newest_sound_copy_is_found_behind_damaged_ones(path, tmp_path):
    folder = tmp_path / "b"
    good = backups.make(path, folder, Reason.SCHEDULED, NOW)
    damage(folder / backups.make(path, folder, Reason.SCHEDULED, NOW + 9).name)
    assert backups.newest_sound(folder).name == good.name
    damage(folder / good.name)
    with pytest.raises(BackupError, match=good.name):
        backups.newest_sound(folder)


def test_restoring_keeps_what_was_there_with_its_log(path, tmp_path):
    made = backups.make(path, tmp_path / "b", Reason.ASKED, NOW)
    crashed = sqlite3.connect(path)  # a daemon that was killed leaves its write-ahead log
    crashed.execute("DELETE FROM jobs WHERE id = 1")
    crashed.commit()
    log = Path(f"{path}-wal")
    assert log.stat().st_size
    kept = backups.restore(tmp_path / "b" / made.name, path, NOW)
    crashed.close()
    assert count(path) == 3
    assert not log.exists()
    assert kept is not None
    assert count(kept) == 2
    queue = open_queue(path)
    assert queue.listing.counts()["queued"] == 3
    queue.close()


def test_restoring_where_nothing_is_makes_the_queue(path, tmp_path):
    made = backups.make(path, tmp_path / "b", Reason.ASKED, NOW)
    path.unlink()
    assert backups.restore(tmp_path / "b" / made.name, path, NOW) is None
    assert count(path) == 3


def test_what_a_crash_left_of_a_copy_is_swept(path, tmp_path):
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / ".queue-20270115T080000.000Z-asked.db.making").write_bytes(b"half")
    backups.make(path, folder, Reason.ASKED, NOW)
    assert len(list(folder.iterdir())) == 1


def test_a_damaged_queue_is_refused_with_the_way_back(path):
    damage(path)
    with pytest.raises(StoreCorruptError, match=str(path)) as refused:
        open_queue(path)
    assert "dxfctl backup restore" in refused.value.hint


def test_before_a_migration_there_is_a_copy_of_the_old_schema(tmp_path):
    path = tmp_path / "queue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(migrations()[0].text + "PRAGMA user_version = 1;")
        connection.execute(
            "INSERT INTO jobs (converter, source, output, options, owner_uid, max_attempts, submitted_at)"
            " VALUES ('bim', '/a', '/b', '{}', 0, 3, '2027-01-15T08:00:00.000Z')"
        )
        connection.execute("INSERT INTO attempts (job_id, attempt, token, started_at) VALUES (1, 1, 't', '2027')")
        connection.execute("INSERT INTO events (job_id, at, event, state) VALUES (1, '2027', 'submit', 'queued')")
        connection.commit()
    queue = open_queue(path, clock=lambda: NOW)
    assert queue.jobs.get(1).source == "/a"
    assert [a.attempt for a in queue.listing.attempts(1)] == [1]
    assert [e.event for e in queue.listing.events(1)] == ["submit"]
    queue.close()
    (copy,) = backups.listed(tmp_path / "backups")
    checked = backups.verify(tmp_path / "backups" / copy.name)
    assert (copy.reason, checked.schema, checked.jobs) == ("migration", 1, 1)
    open_queue(path).close()
    assert len(backups.listed(tmp_path / "backups")) == 1


def test_a_migration_without_room_for_its_copy_is_not_made(tmp_path):
    path = tmp_path / "queue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(migrations()[0].text + "PRAGMA user_version = 1;")
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(BackupError):
        open_queue(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1


def test_a_copy_is_due_an_interval_after_the_last_one_and_at_once_for_an_old_queue():
    assert due_at(None, NOW, 60, fresh=True) == NOW + 60
    assert due_at(None, NOW, 60, fresh=False) == NOW
    assert due_at(NOW - 100, NOW, 60, fresh=False) == NOW - 40
    assert due_at(NOW - 10, NOW, 60, fresh=False) == NOW + 50
    assert due_at(NOW + 10**6, NOW, 60, fresh=False) == NOW + 60  # the clock was set back
