"""What people complain about in readers of drawings, as far as no other test has it: see docs/complaints.md."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import ezdxf
import pytest

from dxfd.convert import pipeline
from dxfd.convert.types import Colors, HiddenLayers
from dxfd.export.ifc import export_ifc
from dxfd.export.ifc_classes import Schema
from dxfd.export.source import Source
from tests.support import convert as cv


def lines(path: Path, count: int) -> Path:
    return cv.write(path, cv.drawing("".join(cv.line(k) for k in range(count))))


def peak_bytes(source: Path) -> int:
    tracemalloc.start()
    try:
        cv.convert(source, batch_size=1_000)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_four_times_the_drawing_takes_the_same_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 100_000)  # so that the threads have their hands full with both
    small, large = (peak_bytes(lines(tmp_path / f"{n}.dxf", n)) for n in (10_000, 40_000))
    assert large < 1.2 * small + (1 << 20)


def test_eight_times_the_drawing_takes_eight_times_the_time(tmp_path):
    sources = [lines(tmp_path / f"{n}.dxf", n) for n in (20_000, 160_000)]
    spent = []
    cv.convert(lines(tmp_path / "first.dxf", 100))  # imports and first uses are the drawing's fault no more than ours
    for source in sources:
        began = time.process_time()
        cv.convert(source)
        spent.append(time.process_time() - began)
    assert spent[1] < 9 * spent[0] + 0.2


def test_a_dense_hatch_is_its_outline_however_dense_it_is(tmp_path):
    doc = ezdxf.new("R2010")
    doc.header["$INSUNITS"] = 6
    hatch = doc.modelspace().add_hatch()
    hatch.set_pattern_fill("ANSI31", scale=1e-9)  # a billion lines for whoever draws them
    hatch.paths.add_polyline_path([(0, 0), (90, 0), (90, 90)], is_closed=True)
    doc.saveas(tmp_path / "in.dxf")
    began = time.process_time()
    run = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml"))
    assert (run.report.elements_written, run.report.issues) == (1, {})
    assert time.process_time() - began < 5


@pytest.mark.parametrize("blocks", [("box",), ("explode",)])
def test_a_mirrored_and_unequally_scaled_block_in_its_own_plane_is_where_it_belongs(tmp_path, blocks):
    doc = ezdxf.new("R2010")
    doc.header["$INSUNITS"] = 6
    outline = doc.blocks.new("B").add_lwpolyline([(1, 0), (3, 0), (3, 1)], dxfattribs={"extrusion": (0, 0, -1)})
    assert outline.dxf.extrusion.z == -1  # its x is negative in the world
    doc.modelspace().add_blockref("B", (10, 0), dxfattribs={"xscale": -2, "yscale": 3, "extrusion": (0, 0, -1)})
    doc.saveas(tmp_path / "in.dxf")
    run = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml"), blocks=blocks)
    ((low, high, top),) = run.rows(
        "SELECT center_x - bbox_x / 2, center_x + bbox_x / 2, center_y + bbox_y / 2 FROM element_transforms"
    )
    # x -3..-1 in the block, times -2: 2..6, from 10 on in the reference's plane: 12..16, whose x points the other way
    assert (low, high, top) == pytest.approx((-16, -12, 3), abs=0.31)


def test_a_layer_that_is_off_has_a_negative_colour_and_crashes_nobody(tmp_path):
    doc = ezdxf.new("R2010")
    doc.layers.add("A-WALL", color=3).off()
    doc.modelspace().add_line((0, 0), (3000, 0), dxfattribs={"layer": "A-WALL"})
    doc.saveas(tmp_path / "in.dxf")
    run = cv.convert(tmp_path / "in.dxf", colors=Colors.DRAWING)
    assert run.report.matched == 1
    assert run.rows("SELECT material_rgba FROM elements_meta") == [("0,1,0,1",)]
    hidden = cv.convert(tmp_path / "in.dxf", tmp_path / "b.db", hidden_layers=HiddenLayers.SKIP).report
    assert [row.reason for row in hidden.ledger] == ["layer_hidden"]


def test_texts_and_dimensions_in_blocks_and_tables_are_not_lost(tmp_path):
    doc = ezdxf.new("R2010")
    block = doc.blocks.new("ROOM")
    block.add_text("Kitchen", dxfattribs={"insert": (1, 1)})
    block.add_linear_dim(base=(0, 2), p1=(0, 0), p2=(3, 0)).render()
    doc.modelspace().add_blockref("ROOM", (0, 0))
    doc.saveas(tmp_path / "in.dxf")
    text = (tmp_path / "in.dxf").read_text()
    end = text.index("  0\nENDSEC", text.index("  2\nENTITIES"))
    table = cv.entity("ACAD_TABLE", (100, "AcDbBlockReference"), (10, 5), (20, 5), (30, 0), handle="ABCD")
    cv.write(tmp_path / "in.dxf", text[:end] + table + text[end:])
    run = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml"), blocks=("explode",))
    assert cv.adds_up(run.report)
    kinds = sorted(kind for (kind,) in run.rows("SELECT dxf_type FROM elements_meta"))
    assert kinds == ["ACAD_TABLE", "DIMENSION", "TEXT"]
    assert run.rows("SELECT value FROM element_properties WHERE name = 'text'") == [("Kitchen",)]


@pytest.mark.parametrize(
    "bad",
    [
        cv.entity("SPLINE", (70, 8), (71, 3), (72, 0), (73, 0), (74, 0), handle="BAD"),
        cv.entity("HATCH", (91, 1), (92, 2), (93, 99), (10, 0), handle="BAD"),
        cv.entity("LWPOLYLINE", (90, 10**9), handle="BAD"),
        cv.entity("TEXT", (10, 0), (20, 0), (1, "x" * 300_000), handle="BAD"),
        cv.entity("INSERT", (2, "NOWHERE"), (10, 0), (20, 0), handle="BAD"),
        cv.entity("CIRCLE", (10, 0), (20, 0), (40, "nan"), handle="BAD"),
    ],
    ids=["spline without points", "hatch", "huge count", "long line", "missing block", "no number"],
)
@pytest.mark.parametrize("ending", ["  0\nENDSEC\n  0\nEOF\n", "  0\nENDSEC\n"])
def test_one_malformed_entity_costs_nothing_but_itself(tmp_path, bad, ending):
    text = cv.drawing(cv.line(1) + bad + cv.line(2)).replace("  0\nENDSEC\n  0\nEOF\n", ending)
    run = cv.convert(cv.write(tmp_path / "in.dxf", text), templates=cv.rules(tmp_path / "r.toml"))
    assert cv.adds_up(run.report)
    assert run.report.entities_read == 3
    handles = {handle for (handle,) in run.rows("SELECT dxf_handle FROM elements_meta")}
    assert handles - {"BAD"} == {"101", "102"}
    assert "BAD" in handles or {row.first_handle for row in run.report.ledger if row.outcome != "element"} == {"BAD"}


def test_classes_of_applications_keep_their_names_and_are_counted(tmp_path):
    classes = cv.tag(0, "CLASS") + cv.tag(1, "AEC_WALL") + cv.tag(2, "AecDbWall") + cv.tag(3, "AecArchBase|x")
    wall = cv.entity("AEC_WALL", (100, "AecDbWall"), (1001, "OURS"), (1000, "kept"), handle="BAD")
    text = cv.drawing(wall + cv.line(1), head=cv.header() + cv.section("CLASSES", classes))
    run = cv.convert(cv.write(tmp_path / "in.dxf", text), templates=cv.rules(tmp_path / "r.toml", types=["AEC_WALL"]))
    ((message, handle),) = run.rows("SELECT message, handle FROM conversion_issues WHERE code = 'unknown_type'")
    assert "AecDbWall" in message
    assert "AecArchBase" in message
    assert handle == "BAD"
    assert ("AEC_WALL", "unknown_type", 1) in {(row.entity_type, row.reason, row.count) for row in run.report.ledger}


def test_exporting_four_times_the_model_takes_the_same_memory(tmp_path):
    spent = []
    for count in (1_500, 6_000):
        run = cv.convert(lines(tmp_path / f"{count}.dxf", count))
        tracemalloc.start()
        try:
            with Source(run.output) as source:
                export_ifc(source, tmp_path / "out.ifc", Schema.IFC4)
            spent.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert spent[1] < 2 * spent[0] + (4 << 20), "ten times the file's size would be 40 MB more"
