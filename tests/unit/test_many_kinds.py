"""Drawings with thousands of types, layers or blocks: the same result, in time and memory by their number."""

from __future__ import annotations

import time

import numpy as np

from dxfd.convert.read.columns import by_kind, of_kind
from tests.support import convert as cv


def many(count: int) -> str:
    """Return lines, circles and as many types that nobody knows."""
    return "".join(
        cv.line(k) + cv.entity(f"APP_TYPE_{k % count}", (10, k), (20, 0), handle=f"A{k:X}", layer=f"L-{k}")
        + cv.entity("CIRCLE", (10, k), (20, 0), (40, 5), handle=f"B{k:X}")
        for k in range(2 * count)
    )  # fmt: skip


def test_batches_with_many_and_with_few_types_give_the_same_database(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(many(80)))
    types = ("LINE", "CIRCLE", *(f"APP_TYPE_{k}" for k in range(40)))
    rules = cv.rules(tmp_path / "r.toml", types=types)
    found = []
    for size in (None, 50):
        run = cv.convert(source, tmp_path / f"{size}.db", templates=rules, batch_size=size)
        assert (run.report.elements_written, run.report.entities_read) == (320, 480)
        assert run.report.issues == {"unknown_type": 40}
        found.append(cv.snapshot(run.output))
    assert found[0] == found[1]


def test_types_are_found_alike_one_by_one_and_all_at_once(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(many(70)))
    for chunk in cv.chunks_of(source):
        wanted = np.arange(chunk.count) % 3 > 0
        of = by_kind(chunk, wanted)
        for kind in (*chunk.kinds, "NONE"):
            members = of_kind(chunk, kind)
            assert of(kind).tolist() == members[wanted[members]].tolist()


def test_answers_for_many_layers_are_forgotten_and_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr("dxfd.convert.choose._MOST_KNOWN", 10)
    text = "".join(cv.line(k, f"A-WALL-{k % 35}") for k in range(200))
    run = cv.convert(cv.write(tmp_path / "in.dxf", cv.drawing(text)), batch_size=7)
    assert run.report.matched == 200


def test_thousands_of_types_are_found_in_time_by_their_number(tmp_path):
    text = "".join(cv.entity(f"T{k}", (10, k), handle=f"{k + 1:X}") for k in range(15_000))
    for chunk in cv.chunks_of(cv.write(tmp_path / "in.dxf", cv.drawing(text))):
        began = time.thread_time()
        of = by_kind(chunk, np.ones(chunk.count, dtype=np.bool_))
        assert sum(len(of(kind)) for kind in chunk.kinds) == chunk.count
        assert time.thread_time() - began < 0.5, "one by one it is seconds"
