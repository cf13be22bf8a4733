"""Copies of the queue database: how they are named, made, checked, rotated, and put back.

Owns the files of the backup folder and the exchange of queue.db for one of them. The daemon calls it in a thread while
it works on the queue (SQLite's online backup; writers are not held up); dxfctl calls it when no daemon runs. Knows the
queue as a file, not its jobs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sqlite3
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from dxfd.contract.messages import BackupView
from dxfd.contract.times import iso
from dxfd.errors import BackupError, DiskFullError

MIGRATION_COPIES: Final = 3
"""Copies made before a migration that are kept: they are the way back to an older dxfd."""
_NAME: Final = re.compile(r"queue-(\d{8}T\d{6}\.\d{3}Z)-([a-z]+)\.db")
_MAKING: Final = ".making"
_TABLES: Final = frozenset({"jobs", "attempts", "events", "queue"})


class Reason(StrEnum):
    """Why a copy was made; part of its name."""

    SCHEDULED = "scheduled"  # rotated
    ASKED = "asked"  # kept until a person removes it
    MIGRATION = "migration"  # the last few are kept


def make(database: Path, folder: Path, reason: Reason, now_s: float) -> BackupView:
    """Copy the queue database as it is at this moment, check the copy, and return what it is.

    Raises:
        DiskFullError: there is no room; nothing is left behind.
        BackupError: it cannot be made, or what was copied is damaged.
    """
    name = _name(folder, reason, now_s)
    fresh = folder / f".{name}{_MAKING}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in folder.glob(f".queue-*{_MAKING}*"):
            stale.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as source:
            write(source, fresh)
        made = verify(fresh)
        if made.problem:
            raise BackupError(f"the copy of {database} is damaged: {made.problem}")
        fresh.rename(folder / name)
        sync(folder)
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        raise _told(error, f"{database} cannot be copied into {folder}") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
    return verify(folder / name)


def listed(folder: Path) -> list[BackupView]:
    """Return the copies there are, newest first, unchecked; none when there is no such folder."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
        views = [_view(path) for path in found]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _told(error, f"the folder {folder} cannot be read") from error
    return sorted(views, key=lambda view: (view.at, view.name), reverse=True)


def verify(path: Path) -> BackupView:
    """Read a whole copy and return what it is, with the first problem found; changes nothing.

    Raises:
        BackupError: there is no such file.
    """
    view = _view(path)
    try:
        # immutable: no journal or lock file is made beside a copy, which may lie on a read-only disk.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            problem = _problem(connection)
            schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
            jobs = 0 if problem else int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
    except sqlite3.Error as error:
        return _checked(view, problem=str(error))
    except UnicodeDecodeError:  # a damaged text, perhaps in what SQLite says is wrong
        return _checked(view, problem="it has texts that are none")
    return _checked(view, problem=problem, schema=schema, jobs=jobs)


def rotate(folder: Path, keep: int | None = None) -> list[str]:
    """Remove the oldest scheduled copies beyond `keep` (None: none), and those of migrations beyond a few.

    Returns:
        Their names.

    Raises:
        BackupError: one cannot be removed.
    """
    copies = listed(folder)
    scheduled = [view.name for view in copies if view.reason == Reason.SCHEDULED]
    migrations = [view.name for view in copies if view.reason == Reason.MIGRATION]
    gone = ([] if keep is None else scheduled[keep:]) + migrations[MIGRATION_COPIES:]
    for name in gone:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise _told(error, f"{folder / name} cannot be removed") from error
    return gone


def find(folder: Path, name: str) -> Path:
    """Return the path of a copy: a name in the folder, or a path of its own.

    Raises:
        BackupError: there is no such file.
    """
    path = Path(name) if "/" in name else folder / name
    if not path.is_file():
        raise BackupError(f"there is no copy {path}", hint="dxfctl backup list  names them")
    return path


def newest_sound(folder: Path) -> BackupView:
    """Return the newest copy that is in order.

    Raises:
        BackupError: there is none; the message says what is wrong with those there are.
    """
    problems = []
    for view in listed(folder):
        checked = verify(folder / view.name)
        if not checked.problem:
            return checked
        problems.append(f"{view.name}: {checked.problem}")
    raise BackupError("; ".join(problems)[:300] or f"there is no copy of the queue in {folder}")


def restore(source: Path, database: Path, now_s: float) -> Path | None:
    """Put a copy in the place of the queue database and return where what was there is kept (None: nothing was).

    The caller holds the queue's lock: no daemon has the file open. Done in an order in which a crash at any point
    leaves either the old database or the new one.

    Raises:
        BackupError: the copy is damaged or no queue, or a file cannot be moved.
        DiskFullError: there is no room for it.
    """
    checked = verify(source)
    if checked.problem:
        raise BackupError(f"{source} cannot be restored: {checked.problem}", hint="dxfctl backup verify  checks all")
    fresh = database.with_name(database.name + ".restoring")
    kept = database.with_name(f"{database.name}.kept-{_stamp(now_s)}")
    try:
        fresh.unlink(missing_ok=True)
        _create(fresh)
        shutil.copyfile(source, fresh)
        sync(fresh)
        there = database.exists()
        for suffix in ("", "-wal") if there else ():
            if Path(f"{database}{suffix}").exists():
                _second_name(Path(f"{database}{suffix}"), Path(f"{kept}{suffix}"))
        # A write-ahead log that outlived its database would be played into the new one.
        for suffix in ("-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        sync(database.parent)
        fresh.rename(database)
        sync(database.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise _told(error, f"{database} cannot be replaced") from error
    return kept if there else None


def write(source: sqlite3.Connection, target: Path) -> None:
    """Write what a connection sees into a new file and sync it.

    Raises:
        OSError: the file cannot be made or written; nothing is left behind.
        sqlite3.Error: SQLite refused, perhaps because there is no room; nothing is left behind.
    """
    _create(target)
    try:
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            # One file, complete in itself: a copy in WAL mode would want two more beside it.
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        sync(target)
    except BaseException:  # no room, perhaps: half a copy would take some of what the next one needs
        target.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    """Make an empty file for the owner of its folder alone: root may act for the user the daemon runs as."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    owner = path.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _problem(connection: sqlite3.Connection) -> str:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        return "; ".join(found)[:200]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= _TABLES:
        return "it is no queue database"
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        return "rows refer to jobs that are not there"
    return ""


def _view(path: Path) -> BackupView:
    try:
        info = path.stat()
    except OSError as error:
        raise _told(error, f"the copy {path} cannot be read") from error
    match = _NAME.fullmatch(path.name)
    at = _time_of(match[1]) if match else iso(info.st_mtime)
    return BackupView(name=path.name, at=at, reason=match[2] if match else "", size_bytes=info.st_size)


def _checked(view: BackupView, *, problem: str, schema: int = 0, jobs: int = 0) -> BackupView:
    return BackupView(
        name=view.name, at=view.at, reason=view.reason, size_bytes=view.size_bytes, checked=True, problem=problem,
        schema=schema, jobs=jobs,
    )  # fmt: skip


def _name(folder: Path, reason: Reason, now_s: float) -> str:
    while (folder / (name := f"queue-{_stamp(now_s)}-{reason}.db")).exists():
        now_s += 0.001
    return name


def _stamp(now_s: float) -> str:
    return iso(now_s).replace("-", "").replace(":", "")


def _time_of(stamp: str) -> str:
    return iso(datetime.strptime(stamp.replace("Z", "+0000"), "%Y%m%dT%H%M%S.%f%z").timestamp())


def _second_name(path: Path, name: Path) -> None:
    try:
        name.hardlink_to(path)
    except OSError:  # a file system without links
        shutil.copyfile(path, name)


def _told(error: OSError | sqlite3.Error | UnicodeDecodeError, words: str) -> BackupError | DiskFullError:
    full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
    if full or str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_FULL"):
        return DiskFullError(f"{words}: the disk is full", hint="free some space")
    return BackupError(f"{words}: {getattr(error, 'strerror', None) or error}")
