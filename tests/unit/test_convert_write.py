"""Identifiers, the packed R-tree, the output's lock, target and publication, the last steps."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dxfd.convert.write import bodies, finish, guid
from dxfd.convert.write.database import Database
from dxfd.convert.write.output import (
    Lock,
    check_target,
    discard,
    partial_of,
    publish,
    read_checkpoint,
    read_sealed,
    sound,
)
from dxfd.convert.write.rtree import CELLS, load, pack
from dxfd.convert.write.spool import BoxSpool, outward
from dxfd.errors import (
    DiskFullError,
    OutputBusyError,
    OutputError,
    OutputForeignError,
    OutputNotWritableError,
    SourceMissingError,
)
from tests.support import convert as cv

# --- identifiers ------------------------------------------------------------------------------------------------


def made(handles: list[int], ordinals: list[int] | None = None, identity: str = "drawing") -> list[str]:
    where = np.array(ordinals or range(1, len(handles) + 1), dtype=np.uint64)
    return guid.make(np.array(handles, dtype=np.uint64), where, guid.suffix(identity)).to_pylist()


def test_identifiers_are_of_ifc_s_alphabet_and_grow_with_handles():
    found = made([1, 2, 0xFF, 0x100, 2**40, 2**55 - 1])
    assert all(len(g) == 22 and g[0] in "0123" and set(g.encode()) <= set(guid.ALPHABET) for g in found)
    order = {c: k for k, c in enumerate(guid.ALPHABET.decode())}
    assert sorted(found, key=lambda g: [order[c] for c in g]) == found
    assert sorted(found) == found, "SQLite sorts by bytes"


def test_identifiers_are_of_drawing_and_handle_alone():
    assert made([5, 6]) == made([5, 6], [90, 91])
    assert not set(made([5])) & set(made([5], identity="another"))
    assert made([0, 0], [1, 2]) != made([0, 0], [3, 4])  # no handle: the place in the file stands in
    assert len(set(made([1, 2, 0, 0], [1, 2, 1, 2]))) == 4
    code = (
        "import numpy as n; from dxfd.convert.write import guid;"
        " print(guid.make(n.array([5], n.uint64), n.array([1], n.uint64), guid.suffix('drawing'))[0])"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert other.stdout.strip() == made([5])[0]


def test_an_identifier_is_told_from_its_double():
    first = made([5])[0]
    found = {first, *(guid.disambiguated(first, k) for k in range(1, 100))}
    assert len(found) == 100
    assert all(len(g) == 22 and set(g.encode()) <= set(guid.ALPHABET) for g in found)
    assert guid.disambiguated(first, 7) == guid.disambiguated(first, 7)


# --- the R-tree -------------------------------------------------------------------------------------------------


def test_boxes_that_find_no_room_are_a_full_disk_to_the_end(tmp_path, little_room):
    middle = np.ones((50, 3))
    with pytest.raises(DiskFullError), contextlib.closing(BoxSpool(tmp_path)) as spool:
        for _ in range(100):
            spool.add(middle, middle)


@pytest.mark.parametrize("count", [0, 1, CELLS, CELLS + 1, CELLS**2, CELLS**2 + 1, 10_000])
def test_the_packed_tree_is_sound_and_answers_as_looking_at_each_box(tmp_path, count):
    rng = np.random.default_rng(count)
    center, size = rng.uniform(-500, 500, (count, 3)), rng.uniform(0, 20, (count, 3))
    if count > 2:
        center[1], size[1] = 0, 0
    boxes = outward(center, size)
    path = tmp_path / "t.db"
    with contextlib.closing(BoxSpool(tmp_path)) as spool, contextlib.closing(Database(path)) as database:
        for part in np.array_split(np.arange(count), 3):
            spool.add(center[part], size[part])
        with contextlib.closing(pack(spool)) as packed:
            database.execute("BEGIN IMMEDIATE")
            load(database, packed)
            database.execute("COMMIT")
    assert not list(tmp_path.glob(".dxfd*"))
    assert cv.query(path, "SELECT rtreecheck('elements_rtree')") == [("ok",)]
    assert cv.query(path, "SELECT COUNT(*) FROM elements_rtree") == [(count,)]
    for _ in range(8):
        low = rng.uniform(-550, 500, 3)
        high = low + rng.uniform(0, 300, 3)
        sql = "SELECT id FROM elements_rtree WHERE " + " AND ".join(
            f"max{a} >= {lo} AND min{a} <= {hi}"
            for a, lo, hi in zip("XYZ", low.astype("f4"), high.astype("f4"), strict=True)
        )
        hit = (boxes[:, 1::2] >= low.astype("f4")).all(axis=1) & (boxes[:, 0::2] <= high.astype("f4")).all(axis=1)
        assert sorted(i for (i,) in cv.query(path, sql)) == (np.flatnonzero(hit) + 1).tolist()
    with contextlib.closing(sqlite3.connect(path)) as connection:  # and it goes on working as any other
        connection.execute("DELETE FROM elements_rtree WHERE id % 2 = 0")
        connection.executemany(
            "INSERT INTO elements_rtree VALUES (?, 0, 1, 0, 1, 0, 1)", [(k,) for k in range(20_000, 20_100)]
        )
        assert connection.execute("SELECT rtreecheck('elements_rtree')").fetchone() == ("ok",)


def test_boxes_are_rounded_outward():
    center, size = np.array([[0.1, 1e6 + 0.3, -7.7]]), np.array([[0.2, 0.1, 0.3]])
    (box,) = outward(center, size).astype(np.float64)
    low, high = center[0] - size[0] / 2, center[0] + size[0] / 2
    assert (box[0::2] <= low).all() and (box[1::2] >= high).all()
    assert (high - low <= box[1::2] - box[0::2]).all()


# --- the output's life ------------------------------------------------------------------------------------------


def test_an_output_has_one_writer_and_its_lock_leaves_no_trace(tmp_path):
    output = tmp_path / "out.db"
    with Lock(output):
        with pytest.raises(OutputBusyError):
            Lock(output)
        with Lock(tmp_path / "other.db"):
            pass
    with Lock(output):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_share_without_locks_is_not_taken_for_a_busy_output(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OutputNotWritableError, match="No locks available"):
        Lock(tmp_path / "out.db")


def test_a_lock_whose_owner_died_is_free(tmp_path):
    code = (
        "import os, sys, pathlib; from dxfd.convert.write.output import Lock;"
        " Lock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "out.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(OutputBusyError):
            Lock(tmp_path / "out.db")
        child.kill()
        child.wait()
    with Lock(tmp_path / "out.db"):
        pass


def test_what_dxfd_did_not_write_is_never_replaced(tmp_path):
    def refused(name: str) -> None:
        with pytest.raises(OutputForeignError):
            check_target(tmp_path / name)

    (tmp_path / "text.db").write_text("mine")
    (tmp_path / "empty.db").touch()
    (tmp_path / "folder.db").mkdir()
    os.mkfifo(tmp_path / "pipe.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "sqlite.db")) as connection:
        connection.execute("CREATE TABLE notes (id)")
    for name in ("text.db", "empty.db", "folder.db", "pipe.db", "sqlite.db"):
        refused(name)
    check_target(tmp_path / "new.db")
    assert (tmp_path / "text.db").read_text() == "mine"
    with pytest.raises(OutputNotWritableError):
        check_target(tmp_path / "none" / "out.db")
    with pytest.raises(OutputNotWritableError):
        check_target(tmp_path / "text.db" / "out.db")
    with pytest.raises(OutputError):
        Lock(Path("/proc/out.db"))


def ours(path: Path, number: int) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE run_report (key, value)")
        connection.execute("INSERT INTO run_report VALUES ('number', ?)", (number,))
    return path


def test_publishing_replaces_our_own_at_once(tmp_path):
    output = ours(tmp_path / "out.db", 1)
    old, new = output.read_bytes(), ours(partial_of(output), 2).read_bytes()
    with output.open("rb") as reader:
        publish(partial_of(output), output)
        assert reader.read() == old  # who had it open keeps what he had
    assert output.read_bytes() == new
    assert list(tmp_path.iterdir()) == [output]
    with pytest.raises(OutputError):
        publish(tmp_path / "none", output)


def test_an_output_that_nobody_may_look_at_is_busy_and_published_all_the_same(tmp_path):
    output = ours(tmp_path / "out.db", 1)
    with contextlib.closing(sqlite3.connect(output, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OutputBusyError):
            check_target(output)
        publish(ours(partial_of(output), 2), output)
        other.execute("ROLLBACK")
    assert cv.query(output, "SELECT value FROM run_report") == [(2,)]


def test_a_file_that_came_meanwhile_is_kept(tmp_path):
    output = tmp_path / "out.db"
    partial = ours(tmp_path / "out.db.partial", 1)
    output.write_text("somebody's")
    with pytest.raises(OutputForeignError):
        publish(partial, output)
    assert output.read_text() == "somebody's"
    assert partial.exists()


DIES_WITHIN_A_CHANGE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE run_report SET value = 9")
connection.execute("CREATE TABLE more AS WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 9999)"
                   " SELECT k, hex(zeroblob(40)) AS text FROM n")
os._exit(0)
"""


def test_what_a_program_left_beside_the_earlier_output_is_not_played_into_the_new_one(tmp_path):
    output = ours(tmp_path / "out.db", 1)
    subprocess.run([sys.executable, "-c", DIES_WITHIN_A_CHANGE, str(output)], check=True)
    journal = Path(f"{output}-journal")
    assert journal.stat().st_size
    left = journal.read_bytes()
    check_target(output)
    journal.write_bytes(left)
    publish(ours(tmp_path / "out.db.partial", 2), output)
    assert not journal.exists()
    assert cv.query(output, "SELECT value FROM run_report") == [(2,)]
    assert cv.query(output, "PRAGMA integrity_check") == [("ok",)]


def test_an_interrupted_run_is_removed_with_its_journals_or_told(tmp_path):
    partial = tmp_path / "out.db.partial"
    for end in ("", "-journal", "-wal", "-shm"):
        Path(f"{partial}{end}").touch()
    discard(partial)
    assert list(tmp_path.iterdir()) == []
    discard(partial)
    partial.mkdir()
    with pytest.raises(OutputError):
        discard(partial)


def test_a_checkpoint_that_cannot_be_read_is_none(tmp_path):
    partial = tmp_path / "out.db.partial"
    for content in (b"", b"junk" * 1000):
        partial.write_bytes(content)
        assert read_checkpoint(partial) is None
    assert not sound(partial)


@pytest.mark.parametrize("content", ["('ok', 5)", "('ok', '{')", "('ok', x'ff00')", "('ok', 'true')", "(NULL, NULL)"])
def test_a_report_that_is_none_of_ours_is_none(tmp_path, content):
    partial = tmp_path / "out.db.partial"
    with contextlib.closing(sqlite3.connect(partial)) as connection, connection:
        connection.execute("CREATE TABLE run_report (key, value)")
        connection.execute(f"INSERT INTO run_report VALUES {content}")
    assert read_sealed(partial) is None


def test_a_drawing_may_have_a_name_of_any_bytes_and_an_output_of_utf_8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/B\xfcro"))
    folder.mkdir()
    source = cv.write(folder / os.fsdecode(b"Gr\xfcn.dxf"), cv.drawing(cv.line(1)))
    run = cv.convert(source, tmp_path / "out.db", templates=cv.rules(tmp_path / "r.toml"))
    assert run.rows("SELECT filepath FROM elements_meta") == [("Gr\ufffdn.dxf",)]
    assert msgspec.json.encode(run.report.to_dict())
    with pytest.raises(OutputNotWritableError, match="a name that is no UTF-8"):
        cv.convert(source)
    with pytest.raises(SourceMissingError) as told:
        cv.convert(source.with_suffix(".gone"), tmp_path / "out.db")
    assert msgspec.json.encode(told.value.message)


# --- which shared bodies are there ------------------------------------------------------------------------------


def test_what_is_written_is_known_by_a_few_bytes_of_each(monkeypatch):
    monkeypatch.setattr(bodies, "_YOUNG", 7)  # so that most of them are in the array
    keys = [hashlib.sha256(bytes([k])).hexdigest() for k in range(100)]
    keys += [f"{k:030x}00{'0' * 32}" for k in range(1, 20)]  # digests that end in zeros
    written = bodies.Written()
    for first in range(0, len(keys), 10):
        part = keys[first : first + 10]
        new = written.new([*keys[max(0, first - 30) : first], *part])
        assert list(new) == part
        written.add(new)
    assert len(written) == len(keys)
    assert not written.new(keys)


# --- the last steps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 2, 10_000])
def test_a_handle_that_stands_twice_gives_two_identifiers(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(finish, "_RENAMED_AT_ONCE", at_once)
    text = cv.line(0) + cv.line(0) + cv.line(1) + cv.line(0)
    source = cv.write(tmp_path / "d.dxf", cv.drawing(text))
    templates = cv.rules(tmp_path / "r.toml")
    run = cv.convert(source, templates=templates)
    found = [g for (g,) in run.rows("SELECT guid FROM elements_meta ORDER BY id")]
    assert len(set(found)) == 4
    assert run.rows("SELECT guid FROM element_transforms ORDER BY id") == [(g,) for g in found]
    assert run.rows("SELECT COUNT(*) FROM element_geometry") == [(4,)]
    assert run.report.issues["duplicate_handle"] == 2
    single = cv.convert(cv.write(source, cv.drawing(cv.line(0) + cv.line(1))), tmp_path / "two.db", templates=templates)
    assert [g for (g,) in single.rows("SELECT guid FROM elements_meta ORDER BY id")] == [found[0], found[2]]


def test_entities_without_handles_have_identifiers_of_their_place(tmp_path):
    text = cv.entity("POINT", (10, 1)) + cv.entity("POINT", (10, 2))
    source = cv.write(tmp_path / "d.dxf", cv.drawing(text))
    first = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"))
    again = cv.convert(source, tmp_path / "again.db", templates=tmp_path / "r.toml")
    assert cv.snapshot(first.output) == cv.snapshot(again.output)
    assert first.rows("SELECT COUNT(DISTINCT guid) FROM elements_meta") == [(2,)]
