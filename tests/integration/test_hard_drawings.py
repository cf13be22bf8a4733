"""Drawings that are legal or nearly so, and hard: cut off, with endless outlines, with nothing but faults."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from dxfd.convert import pipeline
from dxfd.convert.types import Damaged, Limits
from dxfd.errors import OutputNotWritableError, SourceDamagedError, TooManyIssuesError
from tests.support import convert as cv


def outline(points: int) -> str:
    angle = 2 * math.pi / points
    corners = [
        pair for k in range(points) for pair in ((10, 5000 * math.cos(k * angle)), (20, 5000 * math.sin(k * angle)))
    ]
    return cv.entity("LWPOLYLINE", (90, points), (70, 1), *corners, handle="A1")


def test_an_endless_outline_keeps_its_line_and_gets_no_body(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(outline(60_000) + outline(40)))
    report = cv.convert(source, tmp_path / "out.db", templates=cv.rules(tmp_path / "r.toml", "extrude")).report
    assert (report.elements_written, report.errors) == (2, 0)
    assert report.elapsed_s < 20, "its triangles take minutes"
    (message, handle), *_ = cv.query(
        tmp_path / "out.db", "SELECT message, handle FROM conversion_issues WHERE code = 'too_many_vertices'"
    )
    assert (message.split(",")[0], handle) == ("60000 vertices", "A1")
    assert [row.reason for row in report.ledger if row.outcome == "element"] == ["too_many_vertices", ""]


@pytest.mark.parametrize("ending", ["  0\nLWPOLYL", "  0", "  0\nLINE\n 10\n12.", "LINE\n  8\nA-WALL\n"])
def test_a_drawing_cut_off_in_its_entities_is_refused_and_leaves_nothing(tmp_path, ending):
    whole = cv.drawing("".join(cv.line(k) for k in range(50)))
    at = whole.rindex("LINE")
    source = cv.write(tmp_path / "in.dxf", whole[: whole.rindex("0", 0, at)].rstrip(" ") + ending)
    with pytest.raises(SourceDamagedError, match="cut off in its section ENTITIES"):
        cv.convert(source, tmp_path / "out.db")
    assert names(tmp_path) == ["in.dxf"]


def test_a_drawing_cut_off_before_its_entities_is_refused(tmp_path):
    whole = cv.drawing(cv.line(1))
    source = cv.write(tmp_path / "in.dxf", whole[: whole.index("ENDSEC")])
    with pytest.raises(SourceDamagedError, match="cut off in its section HEADER"):
        cv.convert(source, tmp_path / "out.db")


def test_a_drawing_cut_off_behind_its_entities_is_converted_with_a_word(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.line(1)).replace("EOF", "SECTION\n  2\nOBJECTS\n  0\nDICTI"))
    report = cv.convert(source, tmp_path / "out.db").report
    assert report.issues == {"section_cut_off": 1}


def test_a_run_that_failed_before_its_first_batch_leaves_nothing(tmp_path):
    faulty = cv.entity("LINE", (10, "abc"), (20, 0), (11, 1), (21, 0))
    source = cv.write(tmp_path / "in.dxf", cv.drawing(faulty * 200))
    with pytest.raises(TooManyIssuesError):
        cv.convert(source, tmp_path / "out.db")
    assert names(tmp_path) == ["in.dxf"]


def test_a_name_too_long_for_the_files_beside_the_output_is_told(tmp_path):
    source = cv.write(tmp_path / f"{'ü' * 120}.dxf", cv.drawing(cv.line(1)))
    for begin in (cv.convert, lambda path: pipeline.find_interrupted(cv.options(path, path.with_suffix(".db")))):
        with pytest.raises(OutputNotWritableError, match="more than 239 bytes"):
            begin(source)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cut(tmp_path: Path, *, keep: int) -> Path:
    whole = cv.drawing("".join(cv.line(k) for k in range(50)))
    at = whole.index(cv.line(keep)) + 40  # within the one behind those that are whole
    return cv.write(tmp_path / "in.dxf", whole[:at])


@pytest.mark.parametrize("size", [None, 1, 7])
def test_a_drawing_cut_off_in_its_entities_is_converted_as_far_as_it_goes_if_so_asked(tmp_path, size):
    source = cut(tmp_path, keep=20)
    report = cv.convert(source, tmp_path / "out.db", damaged=Damaged.CONVERT, batch_size=size).report
    assert (report.entities_read, report.elements_written, report.errors) == (21, 20, 1)
    assert report.incomplete == "cut off in its section ENTITIES"
    assert report.issues == {"incomplete": 1, "section_cut_off": 1, "structure": 1}
    assert cv.adds_up(report)
    ((stored,),) = cv.query(tmp_path / "out.db", "SELECT value FROM run_report WHERE key = 'incomplete'")
    assert "cut off" in stored


def test_a_drawing_without_any_entity_left_is_refused_even_so(tmp_path):
    whole = cv.drawing(cv.line(1))
    source = cv.write(tmp_path / "in.dxf", whole[: whole.index("ENTITIES")])
    with pytest.raises(SourceDamagedError):
        cv.convert(source, tmp_path / "out.db", damaged=Damaged.CONVERT)


def test_damaged_packing_is_unpacked_as_far_as_it_goes_if_so_asked(tmp_path):
    whole = gzip.compress(cv.drawing("".join(cv.line(k) for k in range(9000))).encode(), mtime=0)
    data = bytearray(whole)
    at = len(data) * 2 // 3
    data[at : at + 40] = bytes(40)
    source = cv.write(tmp_path / "in.dxf.gz", bytes(data))
    with pytest.raises(SourceDamagedError):
        cv.convert(source, tmp_path / "out.db")
    report = cv.convert(source, tmp_path / "out.db", damaged=Damaged.CONVERT, max_errors=10**6).report
    assert 1000 < report.elements_written < 9000
    assert "the gzip data that begins at byte 0 is damaged" in report.incomplete


def test_a_whole_drawing_is_the_same_whatever_is_asked_for_damaged_ones(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.line(1) + cv.line(2)))
    found = []
    for choice in Damaged:
        assert cv.convert(source, tmp_path / f"{choice}.db", damaged=choice).report.incomplete == ""
        found.append(cv.snapshot(tmp_path / f"{choice}.db"))
    assert found[0] == found[1]


def block(name: str, *inside: str) -> str:
    return (
        cv.tag(0, "BLOCK") + cv.tag(2, name) + cv.tag(10, 0.0) + cv.tag(20, 0.0) + "".join(inside) + cv.tag(0, "ENDBLK")
    )


def insert(name: str, *more: tuple[int, object], handle: str = "7") -> str:
    return cv.entity("INSERT", (2, name), (10, 0), (20, 0), *more, handle=handle)


@pytest.mark.parametrize("blocks", [("box",), ("explode",)])
def test_a_reference_of_a_billion_cells_is_one_box(tmp_path, blocks):
    cells = insert("B", (70, 31_623), (71, 31_623), (44, 1000), (45, 1000))
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cells, blocks=block("B", cv.line(1))))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), blocks=blocks)
    assert run.report.elements_written == 1
    assert run.rows("SELECT bbox_x > 31000, bbox_y > 31000 FROM element_transforms") == [(1, 1)]


@pytest.mark.parametrize("blocks", [("box",), ("explode",)])
def test_blocks_nested_thousands_deep_are_cut_and_told(tmp_path, blocks):
    deep = "".join(block(f"B{k}", cv.line(k), insert(f"B{k + 1}", handle=f"A{k:X}")) for k in range(2_000))
    source = cv.write(tmp_path / "in.dxf", cv.drawing(insert("B0"), blocks=deep))
    for depth in (64, 200):
        run = cv.convert(
            source, tmp_path / f"{depth}.db", templates=cv.rules(tmp_path / "r.toml"), blocks=blocks,
            limits=Limits(block_depth=depth),
        )  # fmt: skip
        assert run.report.issues["block_too_deep"] >= 1
        assert cv.adds_up(run.report)


@pytest.mark.parametrize(
    "tags",
    [
        ("LWPOLYLINE", (90, 10**9), (10, 0), (20, 0), (10, 5), (20, 5)),
        ("HATCH", (91, 10**9), (92, 1), (93, 10**9), (10, 0), (20, 0)),
        ("SPLINE", (71, 3), (72, 10**9), (73, 10**9), (74, 10**9), (10, 0), (20, 0)),
        ("MESH", (91, 10**9), (92, 10**9), (93, 10**9)),
        ("POLYLINE", (70, 16), (71, 32_000), (72, 32_000), (73, 200), (74, 200)),
        ("MLINE", (72, 32_000), (73, 32_000), (10, 0), (20, 0)),
    ],
    ids=lambda tags: tags[0],
)
def test_counts_that_promise_a_billion_cost_nothing(tmp_path, tags):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.entity(*tags, handle="1") + cv.line(1)))
    report = cv.convert(source, templates=cv.rules(tmp_path / "r.toml")).report
    assert (report.entities_read, cv.adds_up(report)) == (2, True)
    assert report.elapsed_s < 20
