"""References to blocks with faces of their own: the body is the block's, once, whatever its size, turn and nesting."""

from __future__ import annotations

from pathlib import Path

import ezdxf
import numpy as np
import pytest
from ezdxf.acis.api import body_from_mesh, export_dxf
from ezdxf.render import forms

from dxfd.convert import pipeline
from dxfd.convert.build import content
from dxfd.convert.build.ragged import Paths
from dxfd.convert.types import Detail
from tests.support import convert as cv
from tests.unit.test_convert_blocks import METRES, block, insert, line

CORNERS = [(x, y, z) for z in (0, 1) for y in (0, 2) for x in (0, 3)]
SIDES = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)]


def face(*corners: tuple[float, float, float]) -> str:
    tags = [(c + 10 * axis, p[axis]) for c, p in zip((10, 11, 12, 13), corners, strict=True) for axis in range(3)]
    return cv.entity("3DFACE", *tags)


def case(z: float = 0.0) -> str:
    """A box of 3 × 2 × 1 m of six faces."""
    return "".join(face(*((x, y, h + z) for x, y, h in (CORNERS[k] for k in side))) for side in SIDES)


def thick(height: float, *points: tuple[float, float]) -> str:
    places = [(c, v) for x, y in points for c, v in ((10, x), (20, y))]
    return cv.entity("LWPOLYLINE", (90, len(points)), (70, 1), (39, height), *places)


def run(folder: Path, defined: str, entities: str, **more) -> cv.Run:
    source = cv.write(folder / "b.dxf", cv.drawing(entities, blocks=defined, head=METRES))
    return cv.convert(source, folder / "b.db", templates=cv.rules(folder / "all.toml"), **more)


def shown(done: cv.Run) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Return world vertices, faces, low and high corner of the box of each element."""
    rows = done.rows(
        "SELECT g.vertices, g.faces, t.center_x, t.center_y, t.center_z, t.rotation_x, t.rotation_y, t.rotation_z,"
        " t.bbox_x, t.bbox_y, t.bbox_z FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
        " JOIN base_geometries g ON g.geometry_hash = COALESCE(m.geometry_hash, m.guid) ORDER BY m.id"
    )
    out = []
    for row in rows:
        (ax, ay, az), center, size = row[5:8], np.array(row[2:5]), np.array(row[8:11])
        turn = about(az, 2) @ about(ay, 1) @ about(ax, 0)
        world = cv.vertices(row[0]) @ turn.T + center
        out.append((world, cv.faces(row[1]), center - size / 2, center + size / 2))
    return out


def about(angle: float, axis: int) -> np.ndarray:
    out = np.eye(3)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    out[a, a] = out[b, b] = np.cos(angle)
    out[a, b], out[b, a] = -np.sin(angle), np.sin(angle)
    return out


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def bodies_kept(done: cv.Run) -> int:
    return done.rows("SELECT COUNT(*) FROM base_geometries")[0][0]


def test_a_reference_shows_the_faces_of_its_block_where_and_as_large_as_it_stands(tmp_path):
    where = [(41, 2.0), (50, 90.0)]
    ((world, faces, low, high),) = shown(run(tmp_path, block("CASE", case()), insert("CASE", 10, 5, *where)))
    assert len(world) == 8 and len(faces) == 12
    assert volume(world, faces) == pytest.approx(12)
    assert world.min(axis=0) == pytest.approx([8, 5, 0]) and world.max(axis=0) == pytest.approx([10, 11, 1])
    assert low == pytest.approx([8, 5, 0]) and high == pytest.approx([10, 11, 1])


def test_all_references_of_one_size_share_one_body_however_they_are_turned(tmp_path):
    inserts = "".join(insert("CASE", 10 * k, 0, (50, 7.0 * k)) for k in range(20))
    done = run(tmp_path, block("CASE", case()), inserts + insert("CASE", 0, 50, (43, 3.0)))
    assert bodies_kept(done) == 2
    for world, faces, low, high in shown(done)[:20]:
        assert volume(world, faces) == pytest.approx(6, rel=1e-5)
        assert (world >= low - 1e-5).all() and (world <= high + 1e-5).all()


def test_a_mirrored_reference_has_its_faces_outwards(tmp_path):
    ((world, faces, _, _),) = shown(run(tmp_path, block("CASE", case()), insert("CASE", 0, 0, (41, -1.0))))
    assert volume(world, faces) == pytest.approx(6)
    assert world.min(axis=0) == pytest.approx([-3, 0, 0])


def test_nested_references_and_arrays_are_part_of_the_body(tmp_path):
    inner = block("INNER", case(), base=(3, 2))
    outer = block("OUTER", insert("inner", 3, 2), insert("INNER", 0, 0, (30, 5.0), (42, -1.0), (50, 180.0)))
    row = [(70, 3), (71, 2), (44, 10.0), (45, 20.0)]
    ((world, faces, low, high),) = shown(run(tmp_path, inner + outer, insert("OUTER", 0, 0, *row)))
    assert volume(world, faces) == pytest.approx(6 * 2 * 6)
    assert low == pytest.approx([0, -2, 0]) and high == pytest.approx([23, 22, 6])
    assert world.min(axis=0) == pytest.approx(low) and world.max(axis=0) == pytest.approx(high)


def test_what_is_thick_in_a_block_is_a_body(tmp_path):
    table = block("TABLE", thick(0.75, (0, 0), (2, 0), (2, 1), (0, 1)), line(0.1, 0.1))
    ((world, faces, low, high),) = shown(run(tmp_path, table, insert("TABLE")))
    assert volume(world, faces) == pytest.approx(1.5)
    assert low == pytest.approx([0, 0, 0]) and high == pytest.approx([2, 1, 0.75])
    assert world.max(axis=0) == pytest.approx([2, 1, 0.75])


@pytest.mark.parametrize("version", ["R2000", "R2018"])
def test_meshes_and_solids_in_blocks_are_kept(tmp_path, version):
    doc = ezdxf.new(version)
    doc.header["$INSUNITS"] = 6
    unit = doc.blocks.new("UNIT")
    forms.cube().translate(0.5, 0.5, 0.5).render_mesh(unit)
    forms.cube().translate(2.5, 0.5, 0.5).render_polyface(unit)
    export_dxf(unit.add_3dsolid(), [body_from_mesh(forms.cube().translate(4.5, 0.5, 0.5))])
    doc.modelspace().add_blockref("UNIT", (0, 0), dxfattribs={"rotation": 180})
    doc.saveas(tmp_path / "u.dxf")
    done = cv.convert(tmp_path / "u.dxf", templates=cv.rules(tmp_path / "all.toml"))
    ((world, faces, low, high),) = shown(done)
    assert len(world) == 24 and len(faces) == 36
    assert volume(world, faces) == pytest.approx(3)
    assert low == pytest.approx([-5, -1, 0], abs=1e-6) and high == pytest.approx([0, 0, 1], abs=1e-6)


def test_of_a_curved_solid_beside_faces_the_box_is_shown():
    found = list(content.boxed([Paths(np.array([3, 7]), np.array([0, 2, 4]), np.array(
        [[0, 0, 0], [1, 2, 3], [0, 0, 0], [5, 5, 0.0]]), np.zeros(2, dtype=np.bool_))], [3, 7]))  # fmt: skip
    assert [(mesh.entity.tolist(), volume(mesh.vertices, mesh.faces)) for mesh in found] == [([3], pytest.approx(6))]


def test_a_rule_raises_what_stands_at_0_and_not_what_is_drawn_at_its_height(tmp_path):
    rules = cv.rules(tmp_path / "high.toml")
    rules.write_text(rules.read_text() + "elevation_m = 2.5\n")
    blocks = block("LOW", case()) + block("HIGH", case(2.4))
    source = cv.write(tmp_path / "h.dxf", cv.drawing(insert("LOW") + insert("HIGH", 9), blocks=blocks, head=METRES))
    done = cv.convert(source, tmp_path / "h.db", templates=rules)
    assert [low[2] for _, _, low, _ in shown(done)] == pytest.approx([2.5, 2.4])


def test_a_flat_symbol_stays_a_box(tmp_path):
    arrow = block("ARROW", face((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)))
    ((world, faces, _, _),) = shown(run(tmp_path, arrow, insert("ARROW")))
    assert len(world) == 8 and len(faces) == 12
    assert volume(world, faces) > 0


def test_a_block_of_old_polylines_alone_is_a_box(tmp_path):
    corners = "".join(cv.entity("VERTEX", (10, x), (20, y), (30, 0.0)) for x, y in ((0, 0), (1, 0), (1, 2)))
    old = block("OLD", cv.entity("POLYLINE", (66, 1), (70, 1)) + corners + cv.entity("SEQEND"))
    ((_, faces, low, high),) = shown(run(tmp_path, old, insert("OLD")))
    assert len(faces) == 12
    assert high - low == pytest.approx([1, 2, 0.1])


def test_detail_box_makes_boxes_of_blocks_with_faces(tmp_path):
    blocks = block("STEP", case(), face((0, 0, 1), (1, 0, 2), (1, 1, 2), (0, 1, 1)))
    body, box = (shown(run(tmp_path, blocks, insert("STEP"), detail=d)) for d in (Detail.BODY, Detail.BOX))
    assert [len(faces) for _, faces, _, _ in body] == [14]
    assert [len(faces) for _, faces, _, _ in box] == [12]
    assert [(a.tolist(), b.tolist()) for _, _, a, b in body] == [(a.tolist(), b.tolist()) for _, _, a, b in box]


def test_blocks_with_too_many_faces_stay_boxes_and_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MOST_POINTS", 30)
    blocks = block("CASE", case()) + block("MANY", *(insert("CASE", 9 * k) for k in range(5)))
    done = run(tmp_path, blocks, insert("CASE") + insert("MANY", 50))
    assert [len(faces) for _, faces, _, _ in shown(done)] == [12, 12]
    told = done.rows("SELECT message FROM conversion_issues WHERE code = 'block_content'")
    assert ["MANY" in words and "boxes" in words for (words,) in told] == [True]


def test_a_cycle_of_blocks_gives_boxes(tmp_path):
    blocks = block("A", case(), insert("B", 5)) + block("B", case(), insert("A", 7))
    done = run(tmp_path, blocks, insert("A") + insert("B", 50))
    assert len(shown(done)) == 2
    assert done.report.issues["block_cycle"] == 1


def test_batches_of_any_size_give_the_same_bodies(tmp_path):
    flat = block("FLAT", line(1, 1))
    inserts = "".join(insert(("CASE", "FLAT")[k % 2], k, k, (41, 1.0 + k % 5)) for k in range(60))
    rows = "SELECT id, geometry_hash, vertices, faces FROM base_geometries ORDER BY id"
    blocks = block("CASE", case()) + flat
    small, whole = (run(tmp_path, blocks, inserts, batch_size=n).rows(rows) for n in (7, 50_000))
    assert small == whole
    assert len(small) == 10


def test_a_reference_in_an_exploded_block_shows_its_own_body(tmp_path):
    blocks = block("CASE", case()) + block("ROOM", insert("CASE", 1, 0), line(9, 9))
    done = run(tmp_path, blocks, insert("ROOM", 10, 0, (41, 2.0), (42, 2.0), (43, 2.0)), blocks=("ROOM",))
    bodies = [(world, faces) for world, faces, _, _ in shown(done) if len(faces)]
    assert [volume(*body) for body in bodies] == pytest.approx([48])
    assert bodies[0][0].min(axis=0) == pytest.approx([12, 0, 0])


def test_what_is_told_of_blocks_with_too_many_faces_does_not_depend_on_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MOST_POINTS", 30)
    defined = block("SMALL", case()) + block("BIG", case() * 2)
    defined += block("OUTER", case() + insert("SMALL", 0, 0) + insert("SMALL", 9, 0) + insert("BIG", 20, 0))
    whole = cv.snapshot(run(tmp_path, defined, insert("OUTER", 0, 0)).output)
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 64)
    assert cv.snapshot(run(tmp_path, defined, insert("OUTER", 0, 0)).output) == whole


def test_bodies_first_shown_outside_of_the_region_are_numbered_by_what_lies_in_it(tmp_path, monkeypatch):
    defined = block("A", case()) + block("B", case(5.0))
    entities = insert("A", 900, 0) + insert("B", 0, 0, (41, 2.0)) + insert("A", 4, 0)
    whole = cv.snapshot(run(tmp_path, defined, entities, region="-50,-50,50,50").output)
    assert len(whole["elements_meta"]) == 2 and len(whole["base_geometries"]) == 2
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 64)
    assert cv.snapshot(run(tmp_path, defined, entities, region="-50,-50,50,50").output) == whole
