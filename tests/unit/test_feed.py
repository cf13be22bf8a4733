"""Rows go into the output by one statement a chunk: the same rows as ADBC's own ingest gives without the extension."""

from __future__ import annotations

import contextlib
import sqlite3
import threading

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.convert.native import feed as extension
from dxfd.convert.types import Left, ResumePolicy
from dxfd.convert.write import feed
from dxfd.convert.write.database import Database
from dxfd.errors import DxfdError, OutputDamagedError
from tests.support import convert as cv

fed = pytest.mark.skipif(extension is None, reason="built without SQLite's headers")

TABLE = "CREATE TABLE t (number INTEGER, real REAL, word TEXT, bytes BLOB, coded TEXT)"
ALL = "SELECT number, real, word, bytes, coded, typeof(real), typeof(bytes), typeof(word) FROM t"
WORDS = st.one_of(st.none(), st.sampled_from(["", "A-WALL", "Wände", "墙", "with\0zero", "x" * 5000]))
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.none(), st.floats()),
        WORDS,
        st.one_of(st.none(), st.binary(max_size=40)),
        WORDS,
    ),
    max_size=12,
)


def columns(rows):
    number, real, word, held, coded = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return pa.table(
        {
            "number": pa.array(number, type=pa.int64()),
            "real": pa.array(real, type=pa.float64()),
            "word": pa.array(word, type=pa.string()),
            "bytes": pa.array(held, type=pa.binary()),
            "coded": pa.array(coded, type=pa.string()).dictionary_encode(),
        }
    )


def coded_by_null_words(words):
    """As rules give them: a word of the dictionary is null itself."""
    distinct = [None, *dict.fromkeys(word for word in words if word is not None)]
    index = pa.array([distinct.index(word) for word in words], type=pa.int32())
    return pa.DictionaryArray.from_arrays(index, pa.array(distinct, type=pa.string()))


def kept(folder, tables, *, fed, monkeypatch):
    with monkeypatch.context() as patch:
        if not fed:
            patch.setattr(feed, "loaded", lambda _: False)
        path = folder / f"{fed}.db"
        path.unlink(missing_ok=True)
        with Database(path) as database:
            database.execute(TABLE)
            for table in tables:
                database.ingest("t", table)
            return repr(database.rows(ALL))


@fed
@given(ROWS, st.integers(0, 6), st.integers(0, 12))
def test_whatever_the_columns_hold_the_rows_are_those_of_adbc(rows, start, count):
    with cv.fast_folder() as name, pytest.MonkeyPatch.context() as monkeypatch:
        whole = columns(rows)
        null_words = whole.drop(["coded"]).append_column("coded", coded_by_null_words([row[4] for row in rows]))
        tables = [whole.slice(start, count), null_words, pa.concat_tables([whole, null_words]), whole.select(["word"])]
        folder = cv.Path(name)
        fed = kept(folder, tables, fed=True, monkeypatch=monkeypatch)
        assert fed == kept(folder, tables, fed=False, monkeypatch=monkeypatch)


@fed
def test_a_conversion_without_the_extension_gives_the_same_database(tmp_path, monkeypatch):
    drawing = cv.write(tmp_path / "a.dxf", cv.drawing("".join(cv.line(k) for k in range(1, 200))))
    fed = cv.snapshot(cv.convert(drawing, tmp_path / "fed.db").output)
    monkeypatch.setattr(feed, "loaded", lambda _: False)
    assert cv.snapshot(cv.convert(drawing, tmp_path / "bound.db").output) == fed


def test_types_the_extension_does_not_know_are_bound_by_adbc(tmp_path):
    with Database(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (a)")
        database.ingest("t", pa.table({"a": pa.array([True, None])}))
        database.ingest("t", pa.table({"a": pa.array([None, None])}))
        assert database.rows("SELECT a FROM t") == [(1,), (None,), (None,), (None,)]


def test_two_outputs_written_at_once_do_not_see_each_other_s_rows(tmp_path):
    meet = threading.Barrier(2)
    found = {}

    def write(name):
        with Database(tmp_path / name) as database:
            database.execute("CREATE TABLE t (a TEXT)")
            for _ in range(30):
                meet.wait(20)
                database.ingest("t", pa.table({"a": [name] * 500}))
            found[name] = database.rows("SELECT a, count(*) FROM t GROUP BY a")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {"a": [("a", 15000)], "b": [("b", 15000)]}


@fed
def test_there_are_no_rows_where_none_are_offered_nor_for_what_a_file_brings_along(tmp_path):
    with Database(tmp_path / "a.db") as database:
        with pytest.raises(DxfdError, match="no columns are offered"):
            database.execute("SELECT c0 FROM dxfd_feed")
        database.execute("CREATE VIEW v AS SELECT c0 FROM dxfd_feed")
        with pytest.raises(DxfdError, match="unsafe use"):
            database.execute("SELECT c0 FROM v")


def test_a_row_that_is_refused_takes_none_of_its_chunk_along(tmp_path):
    with Database(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (a TEXT NOT NULL)")
        with pytest.raises(DxfdError, match="NOT NULL"):
            database.ingest("t", pa.table({"a": ["x", None]}))
        assert database.rows("SELECT a FROM t") == []


@pytest.mark.parametrize("table", ["elements_meta", "element_transforms"])
def test_a_batch_whose_rows_have_other_numbers_than_its_bodies_is_not_committed(tmp_path, table):
    drawing = cv.write(tmp_path / "a.dxf", cv.drawing("".join(cv.line(k) for k in range(1, 200))))
    asked = iter([None, "pause"])
    with pytest.raises(Left):
        cv.convert(drawing, batch_size=20, leave=lambda: next(asked, None))
    partial = tmp_path / "a.db.partial"
    with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as database:
        database.execute(f"DELETE FROM {table} WHERE id = (SELECT MAX(id) FROM {table})")
    with pytest.raises(OutputDamagedError, match=f"rows in {table}"):
        cv.convert(drawing, batch_size=20, resume=ResumePolicy.RESUME)
    assert not (tmp_path / "a.db").exists()
