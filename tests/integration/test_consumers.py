"""The contract with programs that read the federation schema: their own queries and checks, on what dxfd writes."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import numpy as np
import pytest

from dxfd.cli.main import call
from dxfd.export.frames import matrices
from tests.demo.terminal import Terminal
from tests.support import convert as cv

CODES = {"ARC", "STR", "FP", "ELEC", "ACMV", "SP", "CW", "LPG", "REB"}
WRITTEN = ("own", "b", "b-world", "a", "c", "d")
FEDERATION = ("own", "b", "b-world")
WITH_RTREE = (*FEDERATION, "a", "c")

PREVIEW = """
    SELECT m.guid, m.discipline, m.ifc_class, r.minX, r.minY, r.minZ, r.maxX, r.maxY, r.maxZ
    FROM elements_meta m JOIN elements_rtree r ON m.id = r.id
    WHERE m.discipline = ? ORDER BY m.ifc_class, m.guid LIMIT 100
"""
ENVELOPE = """
    SELECT MAX(r.maxX)-MIN(r.minX), MAX(r.maxY)-MIN(r.minY), MAX(r.maxZ)-MIN(r.minZ)
    FROM elements_rtree r JOIN elements_meta m ON r.id = m.rowid
    WHERE m.building = ? AND m.discipline IN ('ARC','STR')
"""
STREAM = """
    SELECT m.guid, i.geometry_hash, m.material_rgba, m.element_name, m.material_name, m.discipline, m.ifc_class
    FROM elements_meta m JOIN element_instances i ON m.guid = i.guid JOIN elements_rtree r ON r.id = m.rowid
    WHERE m.building = ? AND i.geometry_hash IS NOT NULL AND m.ifc_class != 'IfcOpeningElement'
      AND m.discipline IN (?,?) AND m.ifc_class NOT IN (?,?,?)
    ORDER BY (r.maxX-r.minX)*(r.maxY-r.minY)*(r.maxZ-r.minZ) DESC LIMIT ? OFFSET ?
"""
TRANSFORMS = """
    SELECT guid, center_x, center_y, center_z, rotation_x, rotation_y, rotation_z
    FROM element_transforms WHERE guid IN (?,?,?)
"""
FULL_LOAD = """
    SELECT g.guid, g.vertices, g.faces, m.discipline, m.ifc_class, m.material_rgba, t.center_x, t.center_y, t.center_z
    FROM element_geometry g JOIN elements_meta m ON g.guid = m.guid JOIN element_transforms t ON g.guid = t.guid
"""
OFFSETS = ("SELECT offset_x, offset_y, offset_z FROM global_offset LIMIT 1",)


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("consumers")
    drawing = folder / "terminal.dxf"
    Terminal(1).drawing.write(drawing)
    found = {"own": cv.convert(drawing).output}
    for name in WRITTEN[1:]:
        dialect, _, frame = name.partition("-")
        found[name] = folder / f"{name}.db"
        more = ["--frame", frame] if frame else []
        assert call(["export", "db", str(found["own"]), str(found[name]), "--dialect", dialect, *more]) == 0
    return found


@pytest.fixture
def ask(databases):
    with contextlib.ExitStack() as stack:
        opened = {
            name: stack.enter_context(contextlib.closing(sqlite3.connect(path))) for name, path in databases.items()
        }
        yield lambda name, sql, *values: opened[name].execute(sql, values).fetchall()


@pytest.mark.parametrize("name", WRITTEN)
def test_the_tables_are_tables_for_those_who_ask_the_schema(ask, name):
    found = {row[0] for row in ask(name, "SELECT name FROM sqlite_master WHERE type='table'")}
    wanted = {"elements_meta", "element_transforms"}
    if name in {"c", "d"}:
        wanted |= {"component_geometries", "element_instances", "spatial_structure", "project_metadata"}
    else:
        wanted |= {"base_geometries", "coordinate_metadata", "global_offset"}
        views = {row[0] for row in ask(name, "SELECT name FROM sqlite_master WHERE type='view'")}
        assert "element_geometry" in views
    if name in WITH_RTREE:
        wanted.add("elements_rtree")
    if name.startswith("b"):
        wanted |= {"element_instances", "spatial_structure", "material_assignments"}
    assert wanted <= found
    assert ask(name, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("name", WITH_RTREE)
def test_the_preview_finds_boxes_in_metres(ask, name):
    for code in ("ARC", "STR", "FP"):
        rows = ask(name, PREVIEW, code)
        assert len(rows) == 100
        for row in rows:
            low, high = np.array(row[3:6]), np.array(row[6:9])
            assert (low <= high).all()
            assert (high - low).max() < 200
    assert ask(name, "SELECT rtreecheck('elements_rtree')") == [("ok",)]
    assert ask(
        name, "SELECT COUNT(*) FROM elements_meta m LEFT JOIN elements_rtree r ON r.id = m.id WHERE r.id IS NULL"
    ) == [(0,)]


@pytest.mark.parametrize("name", FEDERATION)
def test_direct_streaming_runs(ask, name):
    ((building,),) = ask(name, "SELECT DISTINCT building FROM elements_meta")
    ((wide, deep, high),) = ask(name, ENVELOPE, building)
    assert 150 < wide < 200
    assert 40 < deep < 100
    assert 5 < high < 20
    furniture = ("IfcFurnishingElement", "IfcFurniture", "IfcSystemFurnitureElement")
    rows = ask(name, STREAM, building, "ARC", "STR", *furniture, 500, 0)
    assert len(rows) == 500
    assert {row[5] for row in rows} <= {"ARC", "STR"}
    assert all(
        body
        for row in rows
        for body in ask(name, "SELECT vertices FROM base_geometries WHERE geometry_hash = ?", row[1])
    )
    placed = ask(name, TRANSFORMS, *(row[0] for row in rows[:3]))
    assert len(placed) == 3
    assert all(isinstance(value, float) for row in placed for value in row[1:])


@pytest.mark.parametrize("name", (*FEDERATION, "a"))
def test_full_load_gives_every_element_a_body_of_whole_points_and_triangles(ask, name):
    rows = ask(name, FULL_LOAD)
    assert len(rows) == ask(name, "SELECT COUNT(*) FROM elements_meta")[0][0] > 7000
    for _, vertices, faces, code, ifc_class, rgba, *_ in rows:
        assert len(vertices) % 12 == len(faces) % 12 == 0
        assert len(vertices) > 0
        if faces:
            assert int(np.frombuffer(faces, "<u4").max()) < len(vertices) // 12
        assert code in CODES
        assert ifc_class.startswith("Ifc")
        assert rgba is None or all(0 <= float(part) <= 1 for part in rgba.split(","))


@pytest.mark.parametrize("name", (*FEDERATION, "a"))
def test_there_is_one_offset_however_it_is_asked_for(ask, name):
    assert ask(name, "SELECT COUNT(*) FROM global_offset") == [(1,)]
    (row,) = ask(name, *OFFSETS)
    if name == "a":
        assert row == (0.0, 0.0, 0.0)
    else:
        assert [row] == ask(name, "SELECT offset_x, offset_y, offset_z FROM global_offset WHERE id=1")
        ((low, high),) = ask(name, "SELECT MIN(minX), MAX(maxX) FROM elements_rtree")
        assert row[0] == pytest.approx((low + high) / 2, abs=1e-3)
    assert ask(name, "SELECT COUNT(*) FROM coordinate_metadata") == [(1,)]


@pytest.mark.parametrize("name", WRITTEN)
def test_words_are_null_and_never_empty(ask, name):
    for column in ("material_rgba", "material_name", "storey", "element_type"):
        assert ask(name, f"SELECT COUNT(*) FROM elements_meta WHERE {column} = ''") == [(0,)]


def world(ask, name, frame):
    """Every element's vertices in the drawing's frame, metres."""
    key = "component_geometries" if name in {"c", "d"} else "base_geometries"
    if name == "a":
        sql = "SELECT guid, vertices, 0, 0, 0, 0, 0, 0 FROM base_geometries"
    else:
        sql = (
            "SELECT t.guid, g.vertices, t.center_x, t.center_y, t.center_z, t.rotation_x, t.rotation_y, t.rotation_z"
            f" FROM element_transforms t JOIN element_instances i ON i.guid = t.guid"
            f" JOIN {key} g ON g.geometry_hash = i.geometry_hash"
        )
    shift = np.zeros(3)
    if name == "a":
        shift = np.array(ask(name, "SELECT offset_x, offset_y, offset_z FROM coordinate_metadata")[0])
    found = {}
    for guid, vertices, *numbers in ask(name, sql):
        points = np.frombuffer(vertices, "<f4").reshape(-1, 3).astype(float)
        center, turn = np.array(numbers).reshape(2, 3)
        if frame == "local":
            points = points @ matrices(turn[None])[0].T + center
        found[guid] = points + shift
    return found


def test_every_dialect_puts_every_vertex_where_ours_does(ask):
    ours = world(ask, "own", "local")
    for name, frame in (("b", "local"), ("b-world", "world"), ("a", "world"), ("c", "local"), ("d", "local")):
        theirs = world(ask, name, frame)
        solid = {guid for (guid,) in ask("own", "SELECT guid FROM element_geometry WHERE face_count > 0")}
        assert set(theirs) == (solid if name in {"c", "d"} else set(ours))
        assert max(np.abs(theirs[guid] - ours[guid]).max() for guid in theirs) < 1e-3


def test_bodies_are_closed_to_the_outside_by_volume(ask):
    negative = 0
    for vertices, faces in ask("own", "SELECT vertices, faces FROM base_geometries WHERE face_count >= 12"):
        points, order = np.frombuffer(vertices, "<f4").reshape(-1, 3).astype(float), np.frombuffer(faces, "<u4")
        a, b, c = (points[order.reshape(-1, 3)[:, k]] for k in range(3))
        negative += float((a * np.cross(b, c)).sum()) <= 0
    assert negative == 0


def test_equal_bodies_are_there_once_in_b_and_one_for_each_element_in_a(ask):
    ((elements,),) = ask("own", "SELECT COUNT(*) FROM elements_meta")
    assert ask("a", "SELECT COUNT(*) FROM base_geometries") == [(elements,)]
    assert ask("b", "SELECT COUNT(*) FROM base_geometries")[0][0] < elements / 4
    assert ask("b", "SELECT COUNT(DISTINCT geometry_hash) FROM element_instances") == ask(
        "b", "SELECT COUNT(*) FROM base_geometries"
    )
    sizes = json.loads(ask("a", "SELECT dimensions FROM elements_meta WHERE ifc_class = 'IfcWall' LIMIT 1")[0][0])
    assert set(sizes) == {"length", "width", "height"}
    assert sizes["length"] > 0


def test_the_published_layout_says_what_it_is(ask):
    assert ask("d", "PRAGMA user_version") == [(1,)]
    facts = dict(ask("d", "SELECT key, value FROM project_metadata"))
    assert (facts["schema_name"], facts["schema_version"]) == ("ootb-building", "1")
    assert facts["source_file"] == "terminal.dxf"
    types = ask("d", "SELECT type, parent_guid IS NULL FROM spatial_structure")
    assert types == [("IfcSite", 1), ("IfcBuilding", 0), ("IfcBuildingStorey", 0)]
    storeys = {row[0] for row in ask("d", "SELECT DISTINCT storey FROM elements_meta")}
    assert storeys == {
        row[0] for row in ask("d", "SELECT name FROM spatial_structure WHERE type = 'IfcBuildingStorey'")
    }
    for vertices, faces in ask("c", "SELECT vertices, faces FROM component_geometries"):
        assert len(vertices) % 12 == len(faces) % 12 == 0
        assert len(faces) > 0
    assert {len(key) for (key,) in ask("c", "SELECT geometry_hash FROM component_geometries")} == {16}


def test_readers_of_c_and_d_are_not_given_world_frames(databases, tmp_path, capsys):
    command = ["export", "db", str(databases["own"]), str(tmp_path / "x.db"), "--dialect", "d", "--frame", "world"]
    assert call(command) == 2
    assert "by their centres" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_result_is_never_written_over(databases, tmp_path, capsys):
    other = tmp_path / "other.db"
    other.write_bytes(databases["own"].read_bytes())
    assert call(["export", "db", str(databases["own"]), str(other)]) == 73
    assert call(["export", "db", str(databases["own"]), str(databases["own"])]) == 2
    assert other.read_bytes() == databases["own"].read_bytes()
    capsys.readouterr()


def test_an_export_may_be_written_again_and_is_the_same(databases, tmp_path):
    paths = [tmp_path / name for name in ("one.db", "two.db")]
    for path in (*paths, paths[0]):
        assert call(["export", "db", str(databases["own"]), str(path), "--dialect", "d"]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
