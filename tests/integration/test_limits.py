"""Entities and blocks that ask for too much: accounted for within the memory and time of the limits."""

from __future__ import annotations

import itertools
import os
import resource
import time
from pathlib import Path

import pytest

from dxfd.convert import pipeline
from dxfd.convert.build import others
from dxfd.convert.build.budget import OutOfTimeError, bounded
from dxfd.convert.types import EXPLODE, Damaged, Limits, ResumePolicy
from dxfd.errors import DxfdError, SourceDamagedError, TooManyIssuesError
from tests.crash.compare import assert_same
from tests.support import convert as cv

SMALL = Limits(entity_vertices=1000, entity_bytes=1 << 20)


def polyline(vertices: int, handle: str = "A1") -> str:
    corners = "".join(f" 10\n{k % 997}.5\n 20\n{k % 991}.25\n" for k in range(vertices))
    return cv.entity("LWPOLYLINE", (90, vertices), (70, 0), handle=handle) + corners


def old_polyline(vertices: int) -> str:
    points = "".join(cv.entity("VERTEX", (10, k % 97), (20, k % 89)) for k in range(vertices))
    return cv.entity("POLYLINE", (66, 1), handle="A2") + points + cv.entity("SEQEND")


def spline(points: int) -> str:
    tags = [(71, 1), (72, points + 2), (73, points), (40, 0.0)]
    tags += [(40, float(k)) for k in range(points)] + [(40, points - 1.0)]
    tags += [pair for k in range(points) for pair in ((10, float(k)), (20, k % 7.0), (30, 0.0))]
    return cv.entity("SPLINE", (70, 8), *tags, handle="A3")


LARGE = {"lwpolyline": polyline, "polyline": old_polyline, "spline": spline}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("batch", [None, 1])
def test_an_entity_with_too_many_vertices_is_passed_over_and_the_rest_is_read(tmp_path, make, batch):
    body = cv.line(1) + make(5000) + cv.line(2) + make(900)
    source = cv.write(tmp_path / "in.dxf", cv.drawing(body))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), limits=SMALL, batch_size=batch)
    assert (run.report.entities_read, run.report.elements_written, run.report.skipped) == (4, 3, 1)
    assert run.report.issues["entity_too_large"] == 1
    assert cv.adds_up(run.report)
    ((handle, reason),) = {(r.first_handle, r.reason) for r in run.report.ledger if r.outcome == "skipped"}
    assert (handle[:1], reason) == ("A", "entity_too_large")


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_so_in_chunks_of_every_size(tmp_path, make):
    body = cv.line(1) + make(3000) + make(998) + cv.line(2) + "".join(cv.line(k) for k in range(3, 400))
    source = cv.write(tmp_path / "in.dxf", cv.drawing(body))
    found = []
    for size in (2 << 20, 100_000, 20_000, 3_000):
        chunks = cv.chunks_of(source, size=size, limits=SMALL)
        found.append(
            [
                (chunk.kinds[chunk.kind_of[e]], e in set(cv.too_large(chunk, SMALL)), chunk.line_of(e))
                for chunk in chunks
                for e in range(chunk.count)
                if not chunk.follower[e]
            ]
        )
    assert all(other == found[0] for other in found)
    assert [large for _, large, _ in found[0][:4]] == [False, True, False, False]


@pytest.mark.parametrize("over", [0, 1])
def test_an_entity_of_the_size_that_may_be_is_whole_wherever_a_chunk_ends(tmp_path, over):
    text = cv.entity("TEXT", (10, 0), (20, 0), (1, "x" * 300))
    limits = Limits(entity_bytes=len(text) - over)
    source = cv.write(tmp_path / "in.dxf", cv.drawing(text + cv.line(1) + cv.line(2)))
    for size in range(len(text) - 8, len(text) + 32):
        first, *_ = cv.chunks_of(source, size=size, limits=limits)
        assert first.passed_over == bool(over), f"chunks of {size}: the next one's beginning was counted"


def strays(count: int) -> str:
    return "".join(cv.entity("VERTEX", (10, k % 97), (20, k % 89)) for k in range(count))


LATE = {
    "strays": strays(3000),
    "strays behind a mesh": cv.entity("MESH", (71, 2)) + strays(1500) + cv.entity("SEQEND"),
    "a bad number late in it": polyline(3000).replace("993.5\n 20", "993,5\n 20"),
    "damage late in it": polyline(3000) + "xx\nyy\n",
    "its layer last": polyline(3000) + cv.tag(8, "A-LATE"),
    "a bad number behind a long value": cv.entity("MTEXT", (1, "x" * (1 << 20)), (10, "none"), (20, 0)),
    "codes with a sign": (polyline(3000) + cv.line(4) + cv.line(5)).replace("  0\n", "+0\n"),
    "small letters": polyline(3000) + cv.line(4).lower() + polyline(3000).lower() + "  0\nodd name!\n",
    "followers in small letters": (old_polyline(3000) + cv.line(4)).lower(),
    "a line of a megabyte for a code": cv.line(4) + "x" * 1_200_000 + "\nvalue\n",
    "a value of a megabyte behind no code": cv.line(4) + "xx\n" + "y" * 1_200_000 + "\n",
    "a long value of no entity": cv.tag(0, "ENDSEC")
    + cv.tag(0, "SECTION")
    + cv.tag(2, "ENTITIES")
    + cv.tag(1, "z" * 1_200_000),
    "a long value in it": polyline(3000) + cv.tag(1000, "z" * (3 << 20)) + polyline(10),
    "values of no entity": cv.tag(0, "ENDSEC") + cv.tag(0, "SECTION") + cv.tag(2, "ENTITIES") + cv.tag(1, "x") * 20_000,
}


@pytest.mark.parametrize("body", LATE.values(), ids=LATE)
def test_limits_give_one_database_with_chunks_of_every_size(tmp_path, monkeypatch, body):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.line(1) + body + cv.line(2) + polyline(900)))
    templates = cv.rules(tmp_path / "r.toml", types=(*cv.TYPES, "VERTEX"))
    cv.convert(source, tmp_path / "whole.db", templates=templates, limits=SMALL)
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 2_200)
    run = cv.convert(source, tmp_path / "parts.db", templates=templates, limits=SMALL)
    assert cv.adds_up(run.report)
    assert_same(tmp_path / "whole.db", tmp_path / "parts.db")


def test_an_entity_of_too_many_bytes_is_passed_over(tmp_path):
    text = cv.entity("MTEXT", (10, 0), (20, 0), *[(3, "x" * 250)] * 6000, (1, "end"), handle="A4")
    source = cv.write(tmp_path / "in.dxf", cv.drawing(text + cv.line(1)))
    report = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), limits=SMALL).report
    assert (report.elements_written, report.skipped, report.issues) == (1, 1, {"entity_too_large": 1})


def test_too_large_an_entity_in_a_block_is_left_out_of_its_box_and_told(tmp_path):
    block = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + cv.line(0) + old_polyline(5000) + cv.entity("ENDBLK")
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity("INSERT", (2, "B"), (10, 0), (20, 0)), blocks=block))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), limits=SMALL)
    assert run.report.elements_written == 1
    ((words,),) = run.rows("SELECT message FROM conversion_issues WHERE code = 'block_content'")
    assert "entity_too_large" in words


def test_limits_are_part_of_the_configuration(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing("".join(cv.line(k) for k in range(3000))))
    stops = itertools.count()
    with pytest.raises(Exception, match="pause"):
        cv.convert(source, batch_size=500, leave=lambda: "pause" if next(stops) > 2 else None)
    report = cv.convert(source, batch_size=500, limits=Limits(body_points=7)).report
    assert "body_points" in report.resume_note
    assert report.resumed_from == 0


def test_body_points_bound_the_body_of_a_path(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(polyline(60)))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml", "wall"), limits=Limits(body_points=50))
    assert run.report.issues == {"too_many_vertices": 1}
    assert run.rows("SELECT COUNT(*) FROM base_geometries WHERE length(faces) = 0") == [(1,)]


def test_body_points_bound_the_faces_of_an_area(tmp_path):
    corners = "".join(f" 10\n{k % 300}.5\n 20\n{k // 300 * (1 + k % 2)}.5\n" for k in range(60))
    tags = [(10, 0), (20, 0), (30, 0), (2, "SOLID"), (70, 1), (71, 0), (91, 1), (92, 3), (72, 0), (73, 1), (93, 60)]
    hatch = cv.entity("HATCH", *tags) + corners + "".join(cv.tag(c, v) for c, v in ((97, 0), (75, 0), (76, 1), (98, 0)))
    source = cv.write(tmp_path / "in.dxf", cv.drawing(hatch))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml", "slab"), limits=Limits(body_points=50))
    assert (run.report.elements_written, run.report.issues) == (1, {"too_many_vertices": 1})
    assert run.rows("SELECT COUNT(*) FROM base_geometries WHERE length(faces) = 0") == [(1,)]


def test_block_depth_bounds_nesting(tmp_path):
    def block(k: int, inner: str) -> str:
        return cv.entity("BLOCK", (2, f"B{k}"), (10, 0), (20, 0)) + inner + cv.entity("ENDBLK")

    nested = "".join(block(k, cv.entity("INSERT", (2, f"B{k + 1}"), (10, 1), (20, 0))) for k in range(10))
    source = cv.write(
        tmp_path / "in.dxf",
        cv.drawing(cv.entity("INSERT", (2, "B0"), (10, 0), (20, 0)), blocks=nested + block(10, cv.line(1))),
    )
    for depth, told in ((5, True), (11, False)):
        run = cv.convert(
            source,
            templates=cv.rules(tmp_path / "r.toml"),
            limits=Limits(block_depth=depth),
            resume=ResumePolicy.RESTART,
        )
        assert ("block_too_deep" in run.report.issues) is told


def test_ten_thousand_nested_blocks_and_a_billionfold_array_are_read_at_once(tmp_path):
    count = 10_000
    blocks = "".join(
        cv.entity("BLOCK", (2, f"B{k}"), (10, 0), (20, 0))
        + cv.entity("INSERT", (2, f"B{k + 1}"), (10, 1), (20, 0)) * 2
        + cv.line(0)
        + cv.entity("ENDBLK")
        for k in range(count)
    )
    array = cv.entity("INSERT", (2, "B9999"), (70, 31_623), (71, 31_623), (44, 1.0), (45, 1.0), handle="AA")
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity("INSERT", (2, "B0")) + array, blocks=blocks))
    began = time.monotonic()
    report = cv.convert(source, templates=cv.rules(tmp_path / "r.toml")).report
    assert time.monotonic() - began < 20
    assert report.entities_read == 2
    assert report.issues["block_too_deep"] >= 1


# --- time -------------------------------------------------------------------------------------------------------------


def test_work_that_takes_too_long_is_ended_and_other_work_is_not():
    assert bounded(5.0, lambda: 7) == 7

    def endless() -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:  # noqa: BLE001  (as foreign parsers do)
                continue

    with pytest.raises(OutOfTimeError):
        bounded(0.05, endless)
    assert bounded(0.0, lambda: 8) == 8


def test_an_entity_whose_geometry_takes_too_long_is_skipped_and_told(tmp_path, monkeypatch):
    def stuck(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(others, "shape", stuck)
    tags = [(71, 0), (72, 0), (91, 0), (92, 3)]
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity("MESH", *tags, handle="A5") + cv.line(1)))
    report = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), limits=Limits(entity_s=0.1)).report
    assert (report.elements_written, report.skipped, report.issues) == (1, 1, {"took_too_long": 1})


# --- damage -----------------------------------------------------------------------------------------------------------


def test_behind_damage_faces_and_followers_are_where_they_belong(tmp_path):
    face = cv.entity("3DFACE", *[(code + k, float(code * k)) for k in range(4) for code in (10, 20, 30)], handle="F1")
    bad = old_polyline(30).replace("VERTEX", "VERTEX\nnot a code\nx", 15).replace("VERTEX\nnot a code\nx", "VERTEX", 14)
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.line(1) + bad + face + cv.line(2)))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"))
    kinds = {row.entity_type: (row.count, row.outcome) for row in run.report.ledger}
    assert kinds == {"LINE": (2, "element"), "POLYLINE": (1, "error"), "3DFACE": (1, "element")}


def test_damage_without_end_is_refused_in_time(tmp_path):
    rubbish = "0\nLINE\n67\n1\nxx\nyy\n" * 30_000
    for data in (cv.drawing(rubbish), cv.drawing(cv.entity("INSERT", (2, "B")), blocks=rubbish)):
        source = cv.write(tmp_path / "in.dxf", data)
        began = time.monotonic()
        with pytest.raises((TooManyIssuesError, SourceDamagedError)):
            cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), resume=ResumePolicy.RESTART)
        assert time.monotonic() - began < 30


def test_damage_in_a_block_is_told(tmp_path):
    block = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + cv.line(0) + "xx\nyy\n" + cv.line(1) + cv.entity("ENDBLK")
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity("INSERT", (2, "B")), blocks=block))
    report = cv.convert(source, templates=cv.rules(tmp_path / "r.toml")).report
    assert report.issues["block_damaged"] == 1
    assert report.elements_written == 1


def test_damage_and_limits_hold_in_exploded_blocks(tmp_path):
    face = cv.entity("3DFACE", *[(code + k, float(code * k)) for k in range(4) for code in (10, 20, 30)])
    block = cv.line(0) + old_polyline(5000) + face + "xx\nyy\n" + cv.line(1)
    blocks = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + block + cv.entity("ENDBLK")
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity("INSERT", (2, "B"), (70, 3), (44, 9e3)), blocks=blocks))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), limits=SMALL, blocks=(EXPLODE,))
    assert cv.adds_up(run.report)
    found = {(row.entity_type, row.outcome, row.reason): row.count for row in run.report.ledger}
    assert found == {
        ("INSERT", "exploded", "exploded"): 1, ("LINE", "element", ""): 6,
        ("POLYLINE", "skipped", "entity_too_large"): 3, ("3DFACE", "error", "structure"): 3,
    }  # fmt: skip


def test_what_an_exploded_block_loses_is_told_once(tmp_path):
    def block(name: str, body: str) -> str:
        return cv.entity("BLOCK", (2, name), (10, 0), (20, 0)) + body + cv.entity("ENDBLK")

    far = cv.entity("INSERT", (2, "INNER"), (10, 0), (20, 0), (70, 50), (71, 50), (44, 1e12), (45, 1.0))
    blocks = block("INNER", cv.line(0) * 3) + block("OUTER", far + cv.line(1))
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity("INSERT", (2, "OUTER")), blocks=blocks))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), blocks=(EXPLODE,), explode_limit=100)
    assert cv.adds_up(run.report)
    assert all(row.count > 0 for row in run.report.ledger)


# --- memory -----------------------------------------------------------------------------------------------------------


def peak_mb(source: Path, output: Path, templates: Path, **more: object) -> tuple[int, str]:
    """Convert in a process of its own; return its peak of memory and the issues or the error's code."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            found = str(cv.convert(source, output, templates=templates, **more).report.issues)
        except DxfdError as error:
            found = error.code
        os.write(write, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} {found}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        mb, _, words = pipe.read().decode().partition(" ")
    os.waitpid(child, 0)
    return int(mb), words


def vertices(path: Path, count: int, kind: str) -> Path:
    """Write a drawing with one entity of so many vertices."""
    start, end = cv.drawing("@").split("@")
    piece = {"LWPOLYLINE": " 10\n12345.5\n 20\n54321.25\n", "POLYLINE": "  0\nVERTEX\n  8\n0\n 10\n1.5\n 20\n2.5\n"}[
        kind
    ]
    with path.open("w") as file:
        file.write(start + cv.entity(kind, (66, 1), (90, count), handle="A1"))
        for _ in range(count // 1000):
            file.write(piece * 1000)
        file.write(cv.entity("SEQEND") + cv.line(1) + end)
    return path


@pytest.mark.parametrize("kind", ["LWPOLYLINE", "POLYLINE"])
def test_an_entity_of_two_million_vertices_takes_the_memory_of_the_limits(tmp_path, kind):
    source = vertices(tmp_path / "in.dxf", 2_000_000, kind)
    mb, words = peak_mb(source, tmp_path / "out.db", cv.rules(tmp_path / "r.toml", "wall"))
    assert "entity_too_large" in words
    assert mb < 400, f"{mb} MB"


def test_a_value_of_a_gigabyte_takes_the_memory_of_the_limits(tmp_path):
    source = tmp_path / "in.dxf"
    start, end = cv.drawing(cv.entity("MTEXT", (10, 0), (20, 0), (1, "@"), handle="A1") + cv.line(1)).split("@")
    size = 1 << 30
    with source.open("wb") as file:  # a hole, read as zeros: no gigabyte on the disk
        file.write(("999\nthe zeros come later\n" * 400 + start).encode())
        file.seek(size, os.SEEK_CUR)
        file.write(end.encode())
    mb, words = peak_mb(source, tmp_path / "out.db", cv.rules(tmp_path / "r.toml"))
    assert mb < 500, f"{mb} MB: {words}"
    assert "entity_too_large" in words
    mb, words = peak_mb(source, tmp_path / "out.db", cv.rules(tmp_path / "r.toml"), damaged=Damaged.CONVERT)
    assert mb < 500, f"{mb} MB: {words}"
