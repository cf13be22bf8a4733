"""Exploded blocks against ezdxf: every entity is accounted for and stands where ezdxf puts it; bounded, resumable.

Over 500 lines because it is one thing: the promises of `--blocks explode`, held by the same drawings of nested blocks.
"""

from __future__ import annotations

import collections
import gc
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
import pytest
from ezdxf import path as ezpath
from ezdxf.math import Matrix44

from dxfd.convert import pipeline
from dxfd.convert.explode import expand, places, reading
from dxfd.convert.explode import run as exploding
from dxfd.convert.explode.shelf import Shelf
from dxfd.convert.read.stream import Chunk
from dxfd.convert.types import EXPLODE, Colors, Committed, HiddenLayers, Left, Limits, ResumePolicy
from tests.support import convert as cv
from tests.support.corpus import CORPUS

LARGEST_BYTES = 300_000
MOST_CONTENT = 20_000


@pytest.fixture(scope="module")
def folder():
    with cv.fast_folder() as name:
        yield Path(name)


def convert(source: Path, folder: Path, **more: Any) -> cv.Run:
    templates = cv.rules(folder / "all.toml")
    return cv.convert(
        source, folder / "out.db", templates=templates, units="m", max_errors=10**9,
        **{"blocks": ("explode",), "resume": ResumePolicy.RESTART, **more},
    )  # fmt: skip


# --- what ezdxf makes of it --------------------------------------------------------------------------------------


def content(doc: Any, insert: Any, matrix: Matrix44, way: str) -> Iterator[tuple[str, Any, Matrix44]]:
    """Yield handles, entity and matrix of all that a reference consists of, itself included."""
    yield way, insert, matrix
    block = doc.blocks.get(insert.dxf.name)
    hidden = "/" in way and insert.dxf.invisible  # of the states of a dynamic block, the one that is not shown
    if block is None or all(entity.dxftype() == "ATTDEF" for entity in block) or hidden:
        return
    many = insert.mcount > 1
    for cell, one in enumerate(insert.multi_insert() if many else [insert]):
        here = f"{way}#{cell}" if many else way
        inner = one.matrix44() * matrix
        for entity in block:
            if entity.dxftype() == "INSERT":
                yield from content(doc, entity, inner, f"{here}/{entity.dxf.handle}")
            else:
                yield f"{here}/{entity.dxf.handle}", entity, inner


def box_of(entity: Any, matrix: Matrix44) -> tuple[np.ndarray, np.ndarray] | None:
    kind = entity.dxftype()
    if kind in {"LINE", "ARC", "CIRCLE", "ELLIPSE", "LWPOLYLINE"}:
        if (kind != "ELLIPSE" and entity.dxf.get("thickness", 0)) or (kind == "LWPOLYLINE" and entity.has_width):
            return None
        points = list(ezpath.make_path(entity).transform(matrix).flattening(0.001))
    elif kind == "3DFACE":
        points = [matrix.transform(v) for v in entity.wcs_vertices()]
    else:
        return None
    at = np.array([tuple(p) for p in points])
    return at.min(axis=0), at.max(axis=0)


def compare(run: cv.Run, doc: Any) -> tuple[list[str], int]:
    """Return what is elsewhere than in ezdxf's eyes, and how many places were compared."""
    rows = run.rows(
        "SELECT dxf_handle, center_x, center_y, center_z, bbox_x, bbox_y, bbox_z"
        " FROM elements_meta m JOIN element_transforms t ON t.id = m.id WHERE dxf_handle LIKE '%/%'"
    )
    ((ox, oy, oz),) = run.rows("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata")
    ours = {row[0]: (np.add(row[1:4], (ox, oy, oz)), np.array(row[4:])) for row in rows}
    assert len(ours) == len(rows)
    wrong, compared = [], 0
    for insert in doc.modelspace().query("INSERT"):
        for way, entity, matrix in content(doc, insert, Matrix44(), insert.dxf.handle):
            box = box_of(entity, matrix)
            if box is None or way not in ours:
                continue
            compared += 1
            center, size = ours[way]
            slack = 0.02 + 1e-6 * float(np.abs(box).max()) + 1e-4 * float(np.abs(box[1] - box[0]).max())
            if (
                not (np.abs(center - size / 2 - box[0]) < slack).all()
                or not (np.abs(center + size / 2 - box[1]) < slack).all()
            ):
                wrong.append(f"{way} {entity}: {center - size / 2}..{center + size / 2}, ezdxf {box[0]}..{box[1]}")
    return wrong, compared


def counted(doc: Any) -> collections.Counter[str]:
    """Return the entities of all references' content by type, references in it included."""
    found: collections.Counter[str] = collections.Counter()
    for insert in doc.modelspace().query("INSERT"):
        found.update(e.dxftype() for way, e, _ in content(doc, insert, Matrix44(), "") if way)
    return found


def check(run: cv.Run, doc: Any) -> int:
    """Assert that account and places are ezdxf's; return how many places were compared."""
    assert cv.adds_up(run.report)
    ours: collections.Counter[str] = collections.Counter()
    for row in run.report.ledger:
        if row.origin == "content":
            ours[row.entity_type] += row.count
    theirs = counted(doc)
    assert ours == theirs
    assert run.report.content_read == theirs.total()
    wrong, compared = compare(run, doc)
    assert not wrong, "\n".join(wrong[:5])
    return compared


# --- drawings ----------------------------------------------------------------------------------------------------


def nested(path: Path, seed: int, blocks: int = 6, inserts: int = 12) -> Path:
    """Write a drawing of blocks in blocks, placed every way there is."""
    rng = random.Random(seed)
    doc = ezdxf.new("R2010")
    for name in ("A", "B", "C"):
        doc.layers.add(name, color=rng.randrange(1, 250))
    number = partial(rng.uniform, -20, 20)
    made: list[str] = []

    def reference(space: Any) -> None:
        scale = rng.choice([(1, 1, 1), (2, 2, 2), (-1, 1, 1), (1, -1.5, 2), (0.5, 3, 1), (-2, -2, -2)])
        attributes: dict[str, Any] = {
            "xscale": scale[0], "yscale": scale[1], "zscale": scale[2], "rotation": rng.choice([0, 90, 33.3, -45]),
            "layer": rng.choice(["0", "A", "B"]), "color": rng.choice([256, 0, 1, 77]),
        }  # fmt: skip
        if rng.random() < 0.3:
            attributes |= {"row_count": rng.randrange(1, 4), "column_count": rng.randrange(1, 4)}
            attributes |= {"row_spacing": number(), "column_spacing": number()}
        if rng.random() < 0.4:
            attributes["extrusion"] = rng.choice([(0, 0, -1), (0.3, 0.2, 1), (1, 0, 0)])
        space.add_blockref(rng.choice(made), (number(), number(), number()), dxfattribs=attributes)

    for k in range(blocks):
        block = doc.blocks.new(f"K{k}", base_point=(number(), number(), number()))
        layer = {"layer": rng.choice(["0", "A", "C"]), "color": rng.choice([256, 0, 5])}
        block.add_line((number(), number(), number()), (number(), number()), dxfattribs=layer)
        block.add_circle((number(), number()), 3, dxfattribs={"extrusion": (0, 0, -1), **layer})
        block.add_arc((number(), number()), 4, 10, 200, dxfattribs=layer)
        block.add_lwpolyline([(0, 0), (5, 0, 0, 0, 0.7), (5, 5)], close=True, dxfattribs=layer)
        block.add_3dface([(0, 0, 0), (number(), 1, 0), (3, number(), 2), (0, 4, 1)], dxfattribs=layer)
        block.add_attdef("TAG", (0, 0))
        for _ in range(rng.randrange(3) if made else 0):
            reference(block)
        made.append(f"K{k}")
    for _ in range(inserts):
        reference(doc.modelspace())
    doc.saveas(path)
    return path


@pytest.mark.parametrize("seed", range(12))
def test_content_stands_where_ezdxf_puts_it(folder, seed):
    source = nested(folder / "nested.dxf", seed)
    run = convert(source, folder)
    compared = check(run, ezdxf.readfile(source))
    assert compared > 30


DRAWINGS = sorted(
    p for f in ("blocks", "arch", "entity", "mep", "civil") for p in (CORPUS / f).glob("*.[dD][xX][fF]")
    if p.stat().st_size <= LARGEST_BYTES
)  # fmt: skip


@pytest.mark.skipif(not DRAWINGS, reason=f"no real drawings in {CORPUS} (DXF_CORPUS names the folder)")
def test_real_drawings_are_exploded_exactly(folder):
    compared = drawings = 0
    for source in DRAWINGS:
        try:
            doc = ezdxf.readfile(source)
            theirs = counted(doc)
        except (ezdxf.DXFError, ValueError, RecursionError):
            continue
        if not theirs or theirs.total() > MOST_CONTENT:
            continue
        run = convert(source, folder)
        drawings += 1
        assert cv.adds_up(run.report), source.name
        ours: collections.Counter[str] = collections.Counter()
        for row in run.report.ledger:
            if row.origin == "content":
                ours[row.entity_type] += row.count
        boxes = {k: v for k, v in theirs.items() if k != "INSERT"}
        if not run.report.issues.get("duplicate_handle"):
            assert {k: v for k, v in ours.items() if k != "INSERT"} == boxes, source.name
            wrong, count = compare(run, doc)
            assert not wrong, "\n".join([source.name, *wrong[:3]])
            compared += count
    assert drawings > 10
    assert compared > 1000


# --- layers, colours, attributes ---------------------------------------------------------------------------------


def test_layer_zero_and_byblock_are_those_of_the_reference(tmp_path):
    doc = ezdxf.new("R2010")
    for name, color in (("RED", 1), ("GREEN", 3), ("BLUE", 5)):
        doc.layers.add(name, color=color)
    inner = doc.blocks.new("INNER")
    for layer, color in (("0", 256), ("0", 0), ("GREEN", 256), ("GREEN", 0), ("GREEN", 2)):
        inner.add_line((0, 0), (1, 0), dxfattribs={"layer": layer, "color": color})
    outer = doc.blocks.new("OUTER")
    outer.add_blockref("INNER", (0, 0), dxfattribs={"layer": "0", "color": 0})
    outer.add_blockref("INNER", (0, 0), dxfattribs={"layer": "BLUE", "color": 256})
    doc.modelspace().add_blockref("OUTER", (0, 0), dxfattribs={"layer": "RED", "color": 6})
    doc.modelspace().add_blockref("INNER", (0, 0), dxfattribs={"layer": "RED"})
    doc.saveas(tmp_path / "layers.dxf")
    run = convert(tmp_path / "layers.dxf", tmp_path, colors=Colors.DRAWING)
    red, green, blue, yellow, magenta = "1,0,0,1", "0,1,0,1", "0,0,1,1", "1,1,0,1", "1,0,1,1"
    assert run.rows("SELECT dxf_layer, material_rgba FROM elements_meta ORDER BY id") == [
        ("RED", red), ("RED", magenta), ("GREEN", green), ("GREEN", magenta), ("GREEN", yellow),
        ("BLUE", blue), ("BLUE", blue), ("GREEN", green), ("GREEN", blue), ("GREEN", yellow),
        ("RED", red), ("RED", red), ("GREEN", green), ("GREEN", red), ("GREEN", yellow),
    ]  # fmt: skip


def test_attributes_go_to_the_first_element_and_texts_to_each(tmp_path):
    doc = ezdxf.new("R2010")
    block = doc.blocks.new("PUMP")
    block.add_attdef("TAG", (0, 0))
    block.add_line((0, 0), (1, 0))
    block.add_text("pump", dxfattribs={"insert": (0, 0)})
    for k in range(2):
        doc.modelspace().add_blockref("PUMP", (k, 0)).add_attrib("TAG", f"P-{k}", (0, 0))
    doc.saveas(tmp_path / "pump.dxf")
    run = convert(tmp_path / "pump.dxf", tmp_path)
    assert run.rows("SELECT element_id, name, value FROM element_properties ORDER BY rowid") == [
        (1, "TAG", "P-0"), (2, "text", "pump"), (3, "TAG", "P-1"), (4, "text", "pump"),
    ]  # fmt: skip
    assert run.rows("SELECT COUNT(*) FROM element_properties p JOIN elements_meta m ON m.guid = p.guid") == [(4,)]


def test_frozen_hides_what_is_inserted_off_only_what_lies_there(tmp_path):
    doc = ezdxf.new("R2010")
    doc.layers.add("FROZEN").freeze()
    doc.layers.add("OFF").off()
    doc.layers.get("0").freeze()
    block = doc.blocks.new("B")
    for layer in ("0", "SHOWN"):
        block.add_line((0, 0), (1, 0), dxfattribs={"layer": layer})
    block.add_line((0, 0), (1, 0), dxfattribs={"layer": "SHOWN", "invisible": 1})
    for layer in ("FROZEN", "OFF", "SHOWN"):
        doc.modelspace().add_blockref("B", (0, 0), dxfattribs={"layer": layer})
    doc.saveas(tmp_path / "frozen.dxf")
    run = convert(tmp_path / "frozen.dxf", tmp_path, hidden_layers=HiddenLayers.SKIP)
    assert cv.adds_up(run.report)
    assert run.rows("SELECT dxf_layer, COUNT(*) FROM elements_meta GROUP BY 1") == [("SHOWN", 3)]
    left = run.rows("SELECT entity_type, layer, reason, count FROM ledger WHERE outcome = 'skipped' ORDER BY 1, 2, 3")
    assert left == [
        ("INSERT", "FROZEN", "layer_hidden", 1), ("LINE", "OFF", "layer_hidden", 1), ("LINE", "SHOWN", "invisible", 2),
    ]  # fmt: skip


def test_within_blocks_frozen_and_off_hide_alike(tmp_path):
    doc = ezdxf.new("R2010")
    doc.layers.add("FROZEN").freeze()
    doc.layers.add("OFF").off()
    inner, outer = doc.blocks.new("INNER"), doc.blocks.new("OUTER")
    for layer in ("0", "SHOWN"):
        inner.add_line((0, 0), (1, 0), dxfattribs={"layer": layer})
    for layer in ("FROZEN", "OFF", "SHOWN"):
        outer.add_blockref("INNER", (0, 0), dxfattribs={"layer": layer})
    doc.modelspace().add_blockref("OUTER", (0, 0), dxfattribs={"layer": "SHOWN"})
    doc.saveas(tmp_path / "in.dxf")
    run = convert(tmp_path / "in.dxf", tmp_path, hidden_layers=HiddenLayers.SKIP)
    assert cv.adds_up(run.report)
    assert run.rows("SELECT dxf_layer, COUNT(*) FROM elements_meta GROUP BY 1") == [("SHOWN", 3)]
    left = run.rows("SELECT entity_type, layer, reason, count FROM ledger WHERE outcome = 'skipped' ORDER BY 1, 2, 3")
    assert left == [("INSERT", "FROZEN", "layer_hidden", 1), ("LINE", "OFF", "layer_hidden", 1)]


# --- choice and limits -------------------------------------------------------------------------------------------


def test_named_blocks_are_exploded_and_others_are_boxes(tmp_path):
    doc = ezdxf.new("R2010")
    for name in ("Door", "Group-1"):
        doc.blocks.new(name).add_line((0, 0), (1, 1))
    doc.blocks.get("Group-1").add_blockref("Door", (5, 5), dxfattribs={"rotation": 90})
    for name in ("Door", "Group-1"):
        doc.modelspace().add_blockref(name, (0, 0))
    doc.saveas(tmp_path / "named.dxf")
    run = convert(tmp_path / "named.dxf", tmp_path, blocks=("group*",))
    assert cv.adds_up(run.report)
    assert run.rows("SELECT dxf_type, dxf_block FROM elements_meta ORDER BY id") == [
        ("INSERT", "Door"), ("LINE", "Group-1"), ("INSERT", "Door"),
    ]  # fmt: skip
    (box,) = run.rows("SELECT center_x, center_y, bbox_x, bbox_y FROM element_transforms WHERE id = 3")
    assert box == pytest.approx((4.5, 5.5, 1, 1))
    assert convert(tmp_path / "named.dxf", tmp_path, blocks=("box",)).report.exploded == 0


def test_content_of_dynamic_blocks_lies_in_the_block_that_people_know(tmp_path):
    doc = ezdxf.new("R2010")
    doc.appids.add("AcDbBlockRepBTag")
    known = doc.blocks.new("Door 900")
    shown = doc.blocks.new("*U1")
    shown.add_line((0, 0), (1, 1))
    shown.block_record.set_xdata("AcDbBlockRepBTag", [(1070, 1), (1005, known.block_record_handle)])
    doc.modelspace().add_blockref("*U1", (0, 0))
    doc.saveas(tmp_path / "in.dxf")
    run = convert(tmp_path / "in.dxf", tmp_path)
    assert run.rows("SELECT dxf_type, dxf_block FROM elements_meta") == [("LINE", "Door 900")]
    assert {row.block for row in run.report.ledger} == {"Door 900"}


def test_what_contains_itself_or_asks_for_too_much_is_accounted_for(tmp_path):
    def insert(name: str, *more: tuple[int, object]) -> str:
        return cv.entity("INSERT", (2, name), (10, 0), (20, 0), *more, handle=f"{abs(hash((name, more))) % 10**6:X}")

    def block(name: str, *inside: str) -> str:
        head = cv.tag(0, "BLOCK") + cv.tag(2, name) + cv.tag(10, 0.0) + cv.tag(20, 0.0)
        return head + "".join(inside) + cv.tag(0, "ENDBLK")

    blocks = block("LOOP", cv.line(1), insert("BACK")) + block("BACK", cv.line(2), insert("LOOP"))
    blocks += block("SELF", cv.line(3), insert("SELF")) + block(
        "MANY", cv.line(4), insert("LEAF", (70, 30000), (71, 30000), (44, 1), (45, 1))
    )
    blocks += block("LEAF", cv.line(5)) + block("DEEP0", cv.line(6))
    blocks += "".join(block(f"DEEP{k}", insert(f"DEEP{k - 1}")) for k in range(1, 90))
    entities = "".join(insert(name) for name in ("LOOP", "SELF", "MANY", "DEEP89", "NOWHERE"))
    source = cv.write(tmp_path / "hard.dxf", cv.drawing(entities, blocks=blocks))
    run = convert(source, tmp_path)
    assert cv.adds_up(run.report)
    reasons: collections.Counter[str] = collections.Counter()
    for row in run.report.ledger:
        reasons[row.reason] += row.count
    assert reasons["block_cycle"] == 2
    assert reasons["block_too_deep"] == 1
    assert reasons["explode_limit"] == 1
    assert reasons["block_missing"] == 1
    issues = [code for (code,) in run.rows("SELECT code FROM conversion_issues WHERE message LIKE 'in block%'")]
    assert sorted(issues) == ["block_cycle", "block_cycle", "block_too_deep", "explode_limit"]
    told = run.rows("SELECT message, handle FROM conversion_issues WHERE code = 'block_cycle' ORDER BY message")
    assert ("in block 'SELF': a reference to 'SELF' leads back to the block that it lies in: left out") in dict(told)


def test_of_exploded_references_their_content_counts_in_the_match_rate(tmp_path):
    inside = cv.line(1) + cv.line(2) + cv.entity("MYSTERY", (10, 0), handle="B1")
    block = cv.tag(0, "BLOCK") + cv.tag(2, "PAIR") + cv.tag(10, 0.0) + inside + cv.tag(0, "ENDBLK")
    source = cv.write(
        tmp_path / "in.dxf", cv.drawing(cv.entity("INSERT", (2, "PAIR"), (10, 0), handle="7"), blocks=block)
    )
    report = convert(source, tmp_path).report
    assert (report.entities_read, report.exploded, report.content_read, report.content_matched) == (1, 1, 3, 2)
    assert report.match_rate == pytest.approx(2 / 3)


def test_many_exploded_references_of_a_chunk_are_committed_in_slices(folder, monkeypatch):
    source = nested(folder / "slices.dxf", 6, inserts=40)
    whole = cv.snapshot(convert(source, folder).output)
    monkeypatch.setattr(exploding, "SLICE", 40)
    run = convert(source, folder, batch_size=1000, leave=None)
    assert cv.snapshot(run.output) == whole
    batches = sum(isinstance(event, Committed) for event in convert(source, folder, batch_size=30).events)
    assert batches > 5


def test_one_large_reference_is_committed_part_by_part_and_gone_on_with_in_the_middle(folder, monkeypatch):
    monkeypatch.setattr(reading, "PART", 10)
    monkeypatch.setattr(pipeline, "PART", 10)
    source = nested(folder / "large.dxf", 7, inserts=6)
    whole = cv.snapshot(convert(source, folder).output)
    monkeypatch.setattr(exploding, "SLICE", 40)
    assert cv.snapshot(convert(source, folder).output) == whole
    middle, attempts = 0, 0
    while True:
        attempts += 1
        answers = iter([None] * (17 if attempts < 60 else 10**6))
        try:
            run = convert(
                source, folder, batch_size=(None, 1, 3)[attempts % 3], leave=partial(next, answers, "pause"),
                resume=ResumePolicy.RESTART if attempts == 1 else ResumePolicy.RESUME,
            )  # fmt: skip
        except Left:
            ((parts,),) = cv.query(folder / "out.db.partial", "SELECT parts_done FROM _conversion_progress")
            middle += parts > 0
        else:
            break
    assert middle
    assert cv.snapshot(run.output) == whole


def test_attributes_of_references_whose_own_part_has_no_element_go_to_the_next_one(folder, monkeypatch):
    def insert(name: str, value: str, handle: str) -> str:
        mark = cv.entity("ATTRIB", (1, value), (2, "MARK"), (10, 0), (20, 0))
        return cv.entity("INSERT", (66, 1), (2, name), (10, 0), (20, 0), handle=handle) + mark + cv.tag(0, "SEQEND")

    def block(name: str, *inside: str) -> str:
        return cv.tag(0, "BLOCK") + cv.tag(2, name) + cv.tag(10, 0.0) + "".join(inside) + cv.tag(0, "ENDBLK")

    blocks = block("TOP", insert("INNER", "inner", "B1")) + block("INNER", *(cv.line(k) for k in range(12)))
    source = cv.write(folder / "held.dxf", cv.drawing(insert("TOP", "top", "7"), blocks=blocks))
    asked = "SELECT p.value, m.dxf_handle FROM element_properties p JOIN elements_meta m ON m.id = p.element_id"
    whole = sorted(convert(source, folder).rows(asked))
    assert [value for value, _ in whole] == ["inner", "top"]
    monkeypatch.setattr(reading, "PART", 5)
    assert sorted(convert(source, folder).rows(asked)) == whole


def test_the_result_does_not_depend_on_batches_or_interruptions(folder):
    source = nested(folder / "again.dxf", 5, inserts=30)
    whole = cv.snapshot(convert(source, folder).output)
    assert cv.snapshot(convert(source, folder, batch_size=1).output) == whole
    attempts = 0
    while True:
        attempts += 1
        answers = iter([None] * (9 if attempts < 8 else 10**6))
        try:
            run = convert(
                source, folder, batch_size=2, leave=partial(next, answers, "pause"),
                resume=ResumePolicy.RESTART if attempts == 1 else ResumePolicy.RESUME,
            )  # fmt: skip
        except Left:
            assert attempts < 9
        else:
            break
    assert attempts > 3
    assert cv.snapshot(run.output) == whole


@pytest.mark.parametrize("more", [{}, {"region": "-40,-10,60,10"}, {"layouts": ("all",)}])
def test_the_account_of_what_is_out_of_reach_or_out_of_the_region_is_in_the_order_of_the_drawing(
    folder, monkeypatch, more
):
    rng = random.Random(1)
    insert = partial(cv.entity, "INSERT")
    blocks = ""
    for k in range(4):
        inner = insert((2, f"B{k - 1}"), (10, 0), (44, 7), (70, 2), handle=f"E{k}", layer="0") if k else ""
        inside = cv.entity("CIRCLE", (10, 5), (20, 0), (40, 1), handle=f"C{k}", layer="0")
        inside += cv.entity("POINT", (10, 20), (20, 0), handle=f"D{k}", layer="0") + inner
        blocks += cv.tag(0, "BLOCK") + cv.tag(2, f"B{k}") + cv.tag(10, 0.0) + inside + cv.tag(0, "ENDBLK")
    references = "".join(
        insert(
            (2, f"B{rng.randrange(4)}"), (10, rng.choice([0, 5, 50, -30, 1.1e9])), (67, rng.choice([0, 0, 1])),
            handle=f"{0x100 + k:X}", layer=rng.choice(["0", "A", "B"]),
        )
        for k in range(120)
    )  # fmt: skip
    source = cv.write(folder / "away.dxf", cv.drawing(references, blocks=blocks, head=cv.header(insunits=6)))
    run = convert(source, folder, **more)
    assert cv.adds_up(run.report)
    assert {row.reason for row in run.report.ledger} >= {
        "out_of_range",
        *(["outside_region"] if "region" in more else []),
    }
    whole = cv.snapshot(run.output)
    for chunk, content in ((500, 1), (2000, 50)):
        monkeypatch.setattr(pipeline, "CHUNK_BYTES", chunk)
        monkeypatch.setattr(exploding, "SLICE", content)
        assert cv.snapshot(convert(source, folder, **more).output) == whole


@pytest.mark.parametrize("file_bytes", [0, 20_000, 1 << 30])
def test_pieces_that_are_too_much_for_memory_are_fetched_or_made_again(folder, monkeypatch, file_bytes):
    source = nested(folder / "pieces.dxf", 4)
    whole = cv.snapshot(convert(source, folder).output)
    monkeypatch.setattr(pipeline, "Shelf", partial(Shelf, memory_bytes=0, file_bytes=file_bytes))
    assert cv.snapshot(convert(source, folder).output) == whole


def test_many_different_references_come_in_parts_of_few_pieces(folder, monkeypatch):
    text = "".join(f"  0\nBLOCK\n  2\nB{k}\n 10\n0\n 20\n0\n{cv.line(k)}  0\nENDBLK\n" for k in range(50))
    inserts = "".join(
        cv.entity("INSERT", (2, f"B{k % 50}"), (10, k), (20, 0), handle=f"{k + 999:X}") for k in range(150)
    )
    source = cv.write(folder / "many.dxf", cv.drawing(inserts, blocks=text))
    whole = cv.snapshot(convert(source, folder).output)
    seen: list[int] = []

    def counted(self: expand.Expander, cells: Any, levels: Any = expand.Expander._levels) -> Any:
        seen.append(len(set(places.keys(cells))))
        return levels(self, cells)

    monkeypatch.setattr(expand.Expander, "_levels", counted)
    monkeypatch.setattr(reading, "PART", 160)
    assert cv.snapshot(convert(source, folder).output) == whole
    assert max(seen) <= 10


def test_large_references_come_in_parts_and_are_the_same(folder, monkeypatch):
    source = nested(folder / "large.dxf", 7)
    whole = cv.snapshot(convert(source, folder).output)
    monkeypatch.setattr(reading, "PART", 10)
    run = convert(source, folder)
    check(run, ezdxf.readfile(source))
    parts = cv.snapshot(run.output)
    assert sorted(row[2:] for row in parts["ledger"]) == sorted(row[2:] for row in whole["ledger"])
    assert sorted(row[2] for row in parts["elements_meta"]) == sorted(row[2] for row in whole["elements_meta"])


def test_no_chunk_of_the_blocks_above_is_held_while_large_references_are_gone_down_into(folder, monkeypatch):
    def insert(name: str, handle: str) -> str:
        return cv.entity("INSERT", (2, name), (10, 0), (20, 0), handle=handle)

    blocks, deepest = cv.tag(0, "BLOCK") + cv.tag(2, "B0") + cv.tag(10, 0.0) + cv.line(1) + cv.tag(0, "ENDBLK"), 12
    for k in range(1, deepest):
        inside = insert("B0", f"A{k}") + insert(f"B{k - 1}", f"B{k}") + cv.line(k) + insert("B0", f"C{k}")
        blocks += cv.tag(0, "BLOCK") + cv.tag(2, f"B{k}") + cv.tag(10, 0.0) + inside + cv.tag(0, "ENDBLK")
    source = cv.write(folder / "deep.dxf", cv.drawing(insert(f"B{deepest - 1}", "7"), blocks=blocks))
    whole = cv.snapshot(convert(source, folder).output)
    held: list[int] = []

    def counted(*args: Any, **named: Any) -> Any:
        held.append(sum(isinstance(thing, Chunk) for thing in gc.get_objects()))
        return piece(*args, **named)

    piece = expand.piece
    monkeypatch.setattr(reading, "PART", 4)
    monkeypatch.setattr(expand, "piece", counted)
    found = cv.snapshot(convert(source, folder).output)
    assert len(held) > deepest and max(held) <= deepest / 2
    assert sorted(row[2] for row in found["elements_meta"]) == sorted(row[2] for row in whole["elements_meta"])


def test_the_order_of_what_lies_deeper_than_64_levels_depends_on_its_reference_alone(tmp_path):
    def block(name: str, *inside: str) -> str:
        return cv.tag(0, "BLOCK") + cv.tag(2, name) + cv.tag(10, 0.0) + "".join(inside) + cv.tag(0, "ENDBLK")

    def insert(name: str, handle: str = "") -> str:
        return cv.entity("INSERT", (2, name), (10, 0), (20, 0), handle=handle)

    blocks = block("D0", cv.line(0))
    for k in range(1, 81):
        blocks += block(f"D{k}", insert(f"D{k - 1}"), cv.line(k), *([insert(f"D{k - 1}")] if k in {5, 8} else []))
    entities = "".join(insert(f"D{k}", f"{k:X}") for k in (80, 78, 76, 72))
    source = cv.write(tmp_path / "deep.dxf", cv.drawing(entities, blocks=blocks))
    limits = Limits(block_depth=100)
    whole = cv.snapshot(convert(source, tmp_path, limits=limits).output)
    assert cv.snapshot(convert(source, tmp_path, limits=limits, batch_size=1).output) == whole


@pytest.mark.parametrize("chunk", [1536 << 10, 64])
@pytest.mark.parametrize("inside", ["", cv.line(1) * 2])
def test_what_stands_between_blocks_is_in_none(tmp_path, monkeypatch, inside, chunk):
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", chunk)
    begin, end = cv.entity("BLOCK", (2, "@"), (10, 0), (20, 0)), cv.entity("ENDBLK")
    between = cv.line(3) + cv.entity("ATTDEF", (2, "T"), (10, 0), (20, 0))
    blocks = "".join(begin.replace("@", name) + inside + end + between for name in ("B", "C"))
    body = "".join(cv.entity("INSERT", (2, name), (10, 5), (20, 5)) for name in ("B", "C")) + cv.line(4)
    source = cv.write(tmp_path / "in.dxf", cv.drawing(body, blocks=blocks))
    report = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), blocks=(EXPLODE,)).report
    assert cv.adds_up(report)
    assert (report.entities_read, report.content_read) == (3, 4 if inside else 0)


def test_content_that_is_out_of_reach_is_an_issue(tmp_path):
    block = cv.tag(0, "BLOCK") + cv.tag(2, "FAR") + cv.tag(10, 0.0) + cv.line(1) + cv.tag(0, "ENDBLK")
    far = cv.entity("INSERT", (2, "FAR"), (10, 1e12), (20, 0), handle="7")
    run = convert(cv.write(tmp_path / "far.dxf", cv.drawing(far * 2 + cv.line(5), blocks=block)), tmp_path)
    assert cv.adds_up(run.report)
    assert run.rows("SELECT handle FROM conversion_issues WHERE code = 'out_of_range'") == [("7/101",)]
