"""Blocks and what is inserted of them; that the accounts add up; what elements say of themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing

import ezdxf
import numpy as np
import pytest

from dxfd.convert import memory, pipeline
from dxfd.convert.build.blocks import Blocks
from dxfd.convert.properties import plain
from dxfd.convert.types import DEFAULT_LIMITS, ResumePolicy
from tests.support import convert as cv

METRES = cv.header(insunits=6)


def block(name: str, *content: str, base: tuple[float, float] = (0, 0)) -> str:
    return cv.entity("BLOCK", (2, name), (10, base[0]), (20, base[1])) + "".join(content) + cv.entity("ENDBLK")


def line(x: float, y: float, z: float = 0.0) -> str:
    return cv.entity("LINE", (10, 0), (20, 0), (30, 0), (11, x), (21, y), (31, z))


def insert(name: str, x: float = 0, y: float = 0, *tags: tuple[int, object], handle: str = "") -> str:
    return cv.entity("INSERT", (2, name), (10, x), (20, y), *tags, handle=handle)


def extents(tmp_path, text: str, *names: str, size: int = 1 << 20) -> tuple[list, Blocks]:
    path = cv.write(tmp_path / "b.dxf", cv.drawing("", blocks=text, head=METRES))
    blocks = Blocks("cp1252", 1.0)
    blocks.read(iter(cv.chunks_of(path, name="BLOCKS", size=size)))
    found = [blocks.extents(name) for name in names]
    return [None if box is None else [*box[0].tolist(), *box[1].tolist()] for box in found], blocks


@pytest.mark.parametrize("size", [50, 1 << 20])
def test_extents_are_from_the_base_point_and_include_what_is_nested(tmp_path, size):
    text = (
        block("INNER", line(2, 1), base=(1, 1))
        + block("OUTER", line(5, 5), insert("inner", 10, 0, (41, -2.0), (50, 90)), base=(1, 0))
        + block("EMPTY")
    )
    found, blocks = extents(tmp_path, text, "inner", "Outer", "EMPTY", "MISSING", size=size)
    assert found[0] == [-1, -1, 0, 1, 0, 0]
    assert found[1] == pytest.approx([-1, -2, 0, 10, 5, 0])  # inner: x -2..2 along the world's y, y -1..0 along -x
    assert found[2:] == [None, None]
    assert "outer" in blocks and "missing" not in blocks
    assert blocks.notes == []


def _tangle() -> str:
    """Blocks that nest, contain themselves, go too deep, stand twice, have no name and damaged content."""
    chain = "".join(block(f"C{k}", line(k, 1), insert(f"C{k + 1}", 1)) for k in range(70))
    many = block("MANY", *(insert(f"C{k % 70}", k, -k, (41, 1 + k / 10), (50, k)) for k in range(200)), line(1, 1))
    return (
        chain + many + block("A", line(1, 1), insert("B", 5)) + block("B", line(2, 2), insert("a", 7))
        + block("many", line(9999, 9999)) + block("", line(5, 5)) + block("EMPTY")
        + block("BAD", cv.entity("LINE", (10, "x"), (20, 0), (11, 1), (21, 1)), line(3, 3), base=(1, 2))
    )  # fmt: skip


@pytest.mark.parametrize("size", [200, 1 << 20])
def test_blocks_that_are_too_much_for_memory_measure_the_same(tmp_path, size):
    path = cv.write(tmp_path / "b.dxf", cv.drawing("", blocks=_tangle(), head=METRES))
    names = [*(f"c{k}" for k in range(72)), "A", "B", "MANY", "EMPTY", "BAD", "", "missing"]

    def measured(blocks: Blocks) -> object:
        with closing(blocks):
            blocks.read(iter(cv.chunks_of(path, name="BLOCKS", size=size)))
            boxes = [blocks.extents(name) for name in names]
            return [b and (b[0].tolist(), b[1].tolist()) for b in boxes], [n in blocks for n in names], blocks.notes

    folder = tmp_path / "room"
    folder.mkdir()
    expected = measured(Blocks("cp1252", 1.0))
    assert measured(Blocks("cp1252", 1.0, folder=folder, most_bytes=0)) == expected
    assert not list(folder.iterdir()), "its database has no name"
    codes = {code for code, _ in expected[2]}
    assert {"block_cycle", "block_too_deep", "block_content"} <= codes


SMALL_DISK = """
import subprocess, sys
from pathlib import Path
import numpy as np
from dxfd.convert.build.definitions import Definitions
from dxfd.errors import DiskFullError
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
definitions = Definitions(folder, 0)
try:
    for k in range(20_000):
        definitions.begin(f"BLOCK-{k}", np.zeros(3))
        if k % 1_000 == 0:
            definitions.settle(None)
except DiskFullError as error:
    print(error.code, list(folder.iterdir()))
definitions.close()
subprocess.run(["umount", folder], check=True)
"""


def test_block_definitions_that_find_no_room_are_a_full_disk(tmp_path):
    own = ["unshare", "--mount", "--propagation", "private"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    argv = [*own, sys.executable, "-c", SMALL_DISK, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "E_DISK_FULL []\n"


def test_a_long_reading_of_blocks_can_be_left(tmp_path):
    path = cv.write(tmp_path / "b.dxf", cv.drawing("", blocks=_tangle(), head=METRES))
    looks = []

    def tick() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise InterruptedError

    blocks = Blocks("cp1252", 1.0)
    with pytest.raises(InterruptedError):
        blocks.read(iter(cv.chunks_of(path, name="BLOCKS", size=200)), tick)


@pytest.mark.parametrize("chunk", [1536 << 10, 64])
def test_what_stands_between_blocks_is_in_no_box(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", chunk)
    begin, end = cv.entity("BLOCK", (2, "@"), (10, 0), (20, 0)), cv.entity("ENDBLK")
    far = cv.entity("LINE", (10, -9e6), (20, 0), (11, 9e6), (21, 9e6)) + cv.entity("LINE", (10, "none"))
    body = "".join(cv.entity("INSERT", (2, name), (10, 5), (20, 5)) for name in ("B", "C"))
    boxes = []
    for between in ("", far):
        blocks = between + "".join(begin.replace("@", name) + cv.line(1) + end + between for name in ("B", "C"))
        source = cv.write(tmp_path / "in.dxf", cv.drawing(body, blocks=blocks))
        run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), resume=ResumePolicy.RESTART)
        assert run.report.issues == {}
        boxes.append(run.rows("SELECT * FROM elements_rtree ORDER BY id"))
    assert len(boxes[0]) == 2
    assert boxes[0] == boxes[1]


def test_a_block_that_contains_itself_is_cut_and_told(tmp_path):
    text = block("A", line(1, 1), insert("B", 5)) + block("B", line(2, 2), insert("A", 7))
    first, blocks = extents(tmp_path, text, "A", "B")
    assert [code for code, _ in blocks.notes] == ["block_cycle"]
    again, _ = extents(tmp_path, text, "B", "A")
    assert again == first[::-1], "what a cycle gives depends on what is asked first"


def test_nesting_without_end_is_cut_and_told(tmp_path):
    depth = DEFAULT_LIMITS.block_depth + 20
    text = "".join(block(f"B{k}", insert(f"B{k + 1}", 1)) for k in range(depth)) + block(f"B{depth}", line(1, 1))
    _, blocks = extents(tmp_path, text, "B0")
    assert "block_too_deep" in dict(blocks.notes)


def test_deep_nesting_that_is_defined_from_the_inside_is_no_trouble(tmp_path):
    depth = DEFAULT_LIMITS.block_depth + 20
    text = block("B0", line(1, 1)) + "".join(block(f"B{k}", insert(f"B{k - 1}", 1)) for k in range(1, depth))
    found, blocks = extents(tmp_path, text, f"B{depth - 1}")
    assert found[0] == [depth - 1, 0, 0, depth, 1, 0]
    assert blocks.notes == []


def test_many_blocks_that_all_contain_one_another_end(tmp_path):
    names = [f"N{k}" for k in range(25)]
    text = "".join(block(n, line(1, 1), *(insert(other, 1) for other in names)) for n in names)
    found, blocks = extents(tmp_path, text, "N0")
    assert found[0] is not None
    assert blocks.notes


def boxes(tmp_path, text: str, blocks: str) -> dict[str, np.ndarray]:
    path = cv.write(tmp_path / "d.dxf", cv.drawing(text, blocks=blocks, head=METRES))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"))
    assert cv.adds_up(run.report)
    rows = run.rows(
        "SELECT dxf_handle, center_x, center_y, center_z, bbox_x, bbox_y, bbox_z, rotation_x, rotation_y, rotation_z,"
        " vertices FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
        " JOIN element_geometry g ON g.guid = m.guid"
    )
    return {row[0]: row[1:] for row in rows}


SOLID = block("S", line(2, 1, 3))


@pytest.mark.parametrize(
    ("tags", "low", "high"),
    [
        ([], (10, 20, 0), (12, 21, 3)), ([(50, 90)], (9, 20, 0), (10, 22, 3)), ([(41, -1)], (8, 20, 0), (10, 21, 3)),
        ([(41, 2), (42, 3), (43, -1)], (10, 20, -3), (14, 23, 0)), ([(41, 0)], (10, 20, 0), (12, 21, 3)),
        ([(230, -1)], (-12, 20, -3), (-10, 21, 0)), ([(210, 1), (230, 0)], (0, 10, 20), (3, 12, 21)),
        ([(70, 3), (44, 5)], (10, 20, 0), (22, 21, 3)), ([(71, 2), (45, -4), (50, 90)], (9, 20, 0), (14, 22, 3)),
        ([(70, 3), (44, -5), (71, 2), (45, 10)], (0, 20, 0), (12, 31, 3)),
    ],
)  # fmt: skip
def test_a_reference_fills_its_box(tmp_path, tags, low, high):
    row = boxes(tmp_path, insert("S", 10, 20, *tags, handle="1"), SOLID)["1"]
    center, size = np.array(row[:3]), np.array(row[3:6])
    assert np.allclose(center - size / 2, low, atol=1e-6)
    assert np.allclose(center + size / 2, high, atol=1e-6)


def test_a_turned_reference_carries_its_rotation(tmp_path):
    *place, x, y, z, blob = boxes(tmp_path, insert("S", 0, 0, (50, 30), handle="1"), SOLID)["1"]
    assert (x, y, z) == pytest.approx((0, 0, np.pi / 6))
    assert np.ptp(cv.vertices(blob), axis=0) == pytest.approx([2, 1, 3])
    cos, sin = np.cos(np.pi / 6), 0.5
    assert place[3:] == pytest.approx([2 * cos + sin, 2 * sin + cos, 3])


def test_equal_boxes_share_one_body(tmp_path):
    text = "".join(insert("S", k, 0, (50, k * 10), handle=f"{k + 1:X}") for k in range(9)) + insert("S", 0, 0, (41, 2))
    path = cv.write(tmp_path / "d.dxf", cv.drawing(text, blocks=SOLID, head=METRES))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"))
    assert run.rows("SELECT COUNT(*), COUNT(DISTINCT geometry_hash) FROM element_instances") == [(10, 2)]
    assert run.rows("SELECT COUNT(*) FROM base_geometries") == [(2,)]


def test_a_missing_block_is_skipped_and_told_once(tmp_path):
    path = cv.write(
        tmp_path / "d.dxf",
        cv.drawing(insert("GONE", handle="1") + insert("GONE", handle="2") + insert("S"), blocks=SOLID),
    )
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"))
    assert run.rows("SELECT block, outcome, reason, count, first_handle FROM ledger ORDER BY block") == [
        ("GONE", "skipped", "block_missing", 2, "1"), ("S", "element", "", 1, ""),
    ]  # fmt: skip
    assert run.report.issues == {"block_missing": 1}


LOUD = (2**32, 2**32), (2**31, 2**33), (2**32, 2**31), (10**9, 10**9)
"""Columns and rows whose product is more than 64 bits take, or was 0 or less in them."""


@pytest.mark.parametrize("blocks", ["box", "explode"])
@pytest.mark.parametrize(("columns", "rows"), LOUD)
def test_arrays_of_more_cells_than_there_are_numbers_are_told(tmp_path, columns, rows, blocks):
    face = cv.entity("3DFACE", *[(code, code % 10 * (code // 10)) for code in (10, 20, 30, 11, 21, 31, 12, 22, 32)])
    many = insert("F", 0, 0, (70, columns), (71, rows), (44, 1), (45, 1), handle="1")
    text = block("F", face) + block("W", many)
    path = cv.write(tmp_path / "d.dxf", cv.drawing(many + insert("W", handle="2"), blocks=text, head=METRES))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"), blocks=(blocks,))
    assert cv.adds_up(run.report)
    (row,) = [row for row in run.report.ledger if row.first_handle == "1"]
    assert (row.outcome, row.reason) == ("error", "out_of_range")


@pytest.mark.parametrize(
    ("tags", "number"), [((), 1), (((44, 0), (45, 0)), 1), (((44, 2), (45, 0)), 3), (((44, 0), (45, 3)), 2)]
)
def test_cells_of_an_array_without_distance_are_one(tmp_path, tags, number):
    path = tmp_path / "d.dxf"
    text = insert("S", 0, 0, (70, 3), (71, 2), *tags, handle="1")
    cv.write(path, cv.drawing(text, blocks=SOLID, head=METRES))
    cells = next(iter(ezdxf.readfile(path).modelspace().query("INSERT"))).mcount
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"), blocks=("explode",))
    assert run.report.content_read == cells == number


@pytest.mark.parametrize("blocks", ["box", "explode"])
def test_names_end_where_blanks_of_ascii_begin_and_no_other(tmp_path, blocks):
    text = block("S", line(1, 1)) + block("S\u00a0", line(2, 2), line(3, 3)) + block("\u3000T ", line(4, 4), line(5, 5))
    entities = insert("S ", handle="1") + insert("s\u00a0", handle="2") + insert("\u3000t", handle="3")
    path = cv.write(tmp_path / "d.dxf", cv.drawing(entities, blocks=text, head=cv.header(version="AC1021", insunits=6)))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"), blocks=(blocks,))
    if blocks == "box":
        assert run.rows("SELECT ROUND(bbox_x) FROM element_transforms ORDER BY id") == [(1,), (3,), (5,)]
    else:
        assert run.report.elements_written == 5


@pytest.mark.parametrize("blocks", ["box", "explode"])
def test_blocks_that_are_defined_twice_or_elsewhere_are_told(tmp_path, blocks):
    outside = cv.entity("BLOCK", (2, "X"), (70, 4), (1, "floor 1.dwg")) + cv.entity("ENDBLK")
    text = block("S", line(1, 1)) + block("s", line(9, 9), insert("S")) + outside
    path = cv.write(tmp_path / "d.dxf", cv.drawing(insert("S") + insert("X"), blocks=text, head=METRES))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"), blocks=(blocks,))
    told = run.rows("SELECT message FROM conversion_issues WHERE code = 'block_content' ORDER BY message")
    assert [words.partition(":")[0] for (words,) in told] == [
        "block 'X' is an external reference", "block 's' is defined more than once"
    ]  # fmt: skip
    assert "'floor 1.dwg'" in told[0][0]
    assert run.rows("SELECT ROUND(MAX(bbox_x)) FROM element_transforms") == [(1,)]


def test_what_holds_attributes_alone_is_an_element_and_keeps_them_where_blocks_are_exploded(tmp_path):
    stamp = cv.entity("INSERT", (66, 1), (2, "STAMP"), (10, 1), (20, 2), handle="1")
    stamp += cv.entity("ATTRIB", (2, "ROOM"), (1, "Kitchen")) + cv.entity("SEQEND")
    text = block("STAMP", cv.entity("ATTDEF", (2, "ROOM"), (10, 0), (20, 0)))
    path = cv.write(tmp_path / "d.dxf", cv.drawing(stamp, blocks=text, head=METRES))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"), blocks=("explode",))
    assert run.rows("SELECT value FROM element_properties WHERE name = 'ROOM'") == [("Kitchen",)]
    assert run.report.exploded == 0 and cv.adds_up(run.report)


# --- what elements say of themselves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        ("90%%d %%c20 %%P1 100%%%", "TEXT", "90° ⌀20 ±1 100%"), ("%%uTitle%%u %%065", "TEXT", "Title A"),
        ("%%x 50%", "TEXT", "%%x 50%"), (r"a\Pb", "TEXT", r"a\Pb"),
        (r"{\fArial|b1;Hall}\PNorth", "MTEXT", "Hall\nNorth"),
        (r"\A1;\C3;red {\LUnder\l}", "MTEXT", "red Under"), (r"\S1/2; \S3#4; \S+5^-5;", "MTEXT", "1/2 3/4 +5/-5"),
        (r"C:\\Plans\\North", "MTEXT", r"C:\Plans\North"), (r"a\~b \{x\}", "MTEXT", "a\u00a0b {x}"),
        (r"\pxqc;\H2.5x;\W0.8;\T1;\Q10;Mid", "MTEXT", "Mid"),
    ],
)  # fmt: skip
def test_texts_lose_their_formatting_and_nothing_else(raw, kind, words):
    assert plain(raw, kind) == words


def test_attributes_and_texts_become_properties(tmp_path):
    text = (
        insert("S", 0, 0, (66, 1), handle="1")
        + cv.entity("ATTRIB", (1, "D-01"), (2, "MARK"))
        + cv.entity("ATTRIB", (1, "EI 30"), (2, "FIRE"))
        + cv.entity("SEQEND")
        + cv.entity("ATTRIB", (1, "stray"), (2, "STRAY"))
        + cv.entity("MTEXT", (10, 0), (20, 0), (3, r"{\fArial;long "), (3, "and "), (1, r"longer}\Pend"), handle="2")
        + cv.entity("TEXT", (10, 0), (20, 0), (1, "5%%d"), handle="3")
        + cv.line(9)
    )
    path = cv.write(tmp_path / "d.dxf", cv.drawing(text, blocks=SOLID))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"))
    rows = run.rows(
        "SELECT dxf_handle, name, value, m.guid = p.guid"
        " FROM element_properties p JOIN elements_meta m ON m.id = p.element_id"
        " WHERE name <> 'STRAY' ORDER BY p.rowid"
    )
    assert rows == [
        ("1", "MARK", "D-01", 1), ("1", "FIRE", "EI 30", 1),
        ("2", "text", "long and longer\nend", 1), ("3", "text", "5°", 1),
    ]  # fmt: skip


# --- accounts ---------------------------------------------------------------------------------------------------


def test_every_entity_is_in_the_ledger_with_what_became_of_it(tmp_path):
    text = (
        cv.line(0) + cv.line(1, layer="B") + cv.entity("LINE", (67, 1)) + cv.entity("LINE", (10, "x"), handle="BAD")
        + cv.entity("DIMENSION", handle="D") + cv.entity("NOBODYKNOWS") + cv.entity("LWPOLYLINE", handle="E")
        + cv.entity("CIRCLE", (10, 1e300), (40, 1), handle="F") + cv.entity("SPLINE", handle="G") + cv.entity("VERTEX")
        + cv.line(2)
    )  # fmt: skip
    path = cv.write(tmp_path / "d.dxf", cv.drawing(text))
    run = cv.convert(path, templates=cv.rules(tmp_path / "r.toml"))
    assert cv.adds_up(run.report)
    report = run.report
    assert (report.entities_read, report.matched, report.errors) == (10, 3, 4)
    found = {(r.entity_type, r.layer, r.space, r.outcome, r.reason): (r.count, r.first_handle) for r in report.ledger}
    assert found == {
        ("LINE", "A-WALL", "model", "element", ""): (2, "100"), ("LINE", "B", "model", "element", ""): (1, "101"),
        ("LINE", "A-WALL", "paper", "skipped", "paper_space"): (1, ""),
        ("LINE", "A-WALL", "model", "error", "bad_number"): (1, "BAD"),
        ("DIMENSION", "A-WALL", "model", "skipped", "no_geometry"): (1, "D"),
        ("NOBODYKNOWS", "A-WALL", "model", "skipped", "no_rule"): (1, ""),
        ("LWPOLYLINE", "A-WALL", "model", "error", "no_vertices"): (1, "E"),
        ("CIRCLE", "A-WALL", "model", "error", "out_of_range"): (1, "F"),
        ("SPLINE", "A-WALL", "model", "error", "faulty_entity"): (1, "G"),
        ("VERTEX", "A-WALL", "model", "skipped", "no_rule"): (1, ""),
    }  # fmt: skip
    issues = run.rows("SELECT code, handle FROM conversion_issues WHERE severity = 'error' ORDER BY id")
    assert issues == [("bad_number", "BAD"), ("no_vertices", "E"), ("out_of_range", "F"), ("faulty_entity", "G")]


# --- memory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "limit", "step"),
    [
        (500, None, ""), (500, 0, ""), (500, 1000, ""), (700, 1000, "shrink"), (800, 1000, "trim"),
        (969, 1000, "trim"), (970, 1000, "leave"), (5000, 1000, "leave"),
    ],
)  # fmt: skip
def test_memory_is_answered_in_growing_earnest(used, limit, step):
    assert memory.decide(used, limit) == step


def test_this_process_has_a_size():
    assert 0 < memory.rss() <= memory.peak_rss() * 1.1
    memory.trim()


@pytest.mark.parametrize("blocks", [("box",), ("explode",)])
def test_attributes_of_several_lines_are_whole(tmp_path, blocks):
    doc = ezdxf.new("R2018")
    doc.blocks.new("NOTE").add_line((0, 0), (1, 1))
    reference = doc.modelspace().add_blockref("NOTE", (0, 0))
    long = "x" * 600  # in pieces of 250 characters
    for tag, words in (("A", f"first\\P{{\\fArial;second}} Ä\\P{long}"), ("B", "one\\Ptwo")):
        mtext = doc.modelspace().add_mtext(words, dxfattribs={"insert": (1, 2)})
        reference.add_attrib(tag, "", (0, 0)).embed_mtext(mtext)
    reference.add_attrib("C", "plain {\\P} %%d", (0, 0))
    doc.saveas(tmp_path / "in.dxf")
    run = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml"), blocks=blocks)
    assert run.rows("SELECT name, value FROM element_properties ORDER BY name") == [
        ("A", f"first\nsecond Ä\n{long}"), ("B", "one\ntwo"), ("C", "plain {\\P} °"),
    ]  # fmt: skip
