from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dxfd.cli.main import call
from dxfd.export.colours import linear, parsed, shown
from dxfd.export.frames import axes, matrices, quaternion
from dxfd.export.glb import export_glb
from dxfd.export.source import Source
from tests.support import convert as cv
from tests.support import exports, picture


@pytest.fixture(scope="module")
def building(tmp_path_factory):
    return exports.database(tmp_path_factory.mktemp("building"))


def glb_of(database, output, **more):
    with Source(database) as source:
        return export_glb(source, output, **more)


def extents(found):
    points = np.concatenate([p[order] for p, order, *_ in found])
    return points.min(axis=0), points.max(axis=0)


def triangles(found):
    return sum(len(order) // 3 for _, order, mode, _ in found if mode == 4)


def test_every_view_accessor_and_index_is_right(building, tmp_path):
    glb_of(building, tmp_path / "out.glb")
    document, buffer = picture.opened(tmp_path / "out.glb")
    assert document["asset"]["version"] == "2.0"
    assert document["buffers"] == [{"byteLength": len(buffer)}]
    ends = 0
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] >= ends
        ends = view["byteOffset"] + view["byteLength"]
    assert ends <= len(buffer)
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            points = picture.accessor(document, buffer, primitive["attributes"]["POSITION"])
            place = document["accessors"][primitive["attributes"]["POSITION"]]
            assert (points.min(axis=0).tolist(), points.max(axis=0).tolist()) == (place["min"], place["max"])
            order = picture.accessor(document, buffer, primitive["indices"])
            assert int(order.max()) < len(points)
            assert len(order) % (3 if primitive["mode"] == 4 else 2) == 0
            assert primitive["material"] < len(document["materials"])


def test_the_model_is_the_databases_wherever_shared_bodies_go(building, tmp_path):
    nodes = glb_of(building, tmp_path / "nodes.glb")
    merged = glb_of(building, tmp_path / "merged.glb", most_nodes=0)
    assert nodes.counts["nodes"] == 3
    assert "nodes" not in merged.counts
    (faces,) = cv.query(building, "SELECT SUM(face_count) FROM element_geometry")[0]
    box = cv.query(
        building,
        "SELECT MIN(center_x - bbox_x / 2), MIN(center_y - bbox_y / 2), MIN(center_z - bbox_z / 2),"
        " MAX(center_x + bbox_x / 2), MAX(center_y + bbox_y / 2), MAX(center_z + bbox_z / 2) FROM element_transforms",
    )[0]
    origin = np.array(cv.query(building, "SELECT offset_x, offset_y, offset_z FROM global_offset")[0])
    for name in ("nodes.glb", "merged.glb"):
        found = picture.parts(tmp_path / name)
        assert triangles(found) == faces
        low, high = extents(found)
        assert np.abs(np.array([*(low + origin), *(high + origin)]) - box).max() < 1e-3
    one, other = (np.sort(np.concatenate([p[o] for p, o, *_ in picture.parts(tmp_path / n)]), axis=0)
                  for n in ("nodes.glb", "merged.glb"))  # fmt: skip
    assert np.abs(one - other).max() < 1e-4


def guids_of(document, buffer, number):
    """Return the identifiers of a property table."""
    table = document["extensions"]["EXT_structural_metadata"]["propertyTables"][number]
    columns = table["properties"]["guid"]
    views = [document["bufferViews"][columns[name]] for name in ("values", "stringOffsets")]
    assert all(view["byteOffset"] % 8 == 0 for view in views)
    text, places = (buffer[v["byteOffset"] : v["byteOffset"] + v["byteLength"]] for v in views)
    at = np.frombuffer(places, "<u4")
    assert len(at) == table["count"] + 1 and at[-1] == len(text)
    return [text[a:b].decode() for a, b in pairwise(at.tolist())]


def test_merged_vertices_say_which_element_they_are_of(building, tmp_path):
    glb_of(building, tmp_path / "out.glb", most_nodes=0)
    document, buffer = picture.opened(tmp_path / "out.glb")
    assert document["extensionsUsed"] == ["EXT_mesh_features", "EXT_structural_metadata"]
    boxes = {
        row[0]: row[1:] for row in cv.query(
            building, "SELECT guid, center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms"
        )
    }  # fmt: skip
    origin = np.array(cv.query(building, "SELECT offset_x, offset_y, offset_z FROM global_offset")[0])
    seen = set()
    for primitive in (p for mesh in document["meshes"] for p in mesh["primitives"]):
        (feature,) = primitive["extensions"]["EXT_mesh_features"]["featureIds"]
        guids = guids_of(document, buffer, feature["propertyTable"])
        described = document["accessors"][primitive["attributes"]["_FEATURE_ID_0"]]
        view = document["bufferViews"][described["bufferView"]]
        assert (described["componentType"], view["byteStride"]) == (5123, 4)
        number = np.frombuffer(buffer, "<u2", 2 * described["count"], view["byteOffset"])[::2]
        points = picture.accessor(document, buffer, primitive["attributes"]["POSITION"])
        assert feature["featureCount"] == len(guids) == number.max() + 1
        for k, guid in enumerate(guids):
            mine = points[number == k] + origin
            center, size = np.array(boxes[guid][:3]), np.array(boxes[guid][3:])
            assert np.abs(mine - center).max(axis=0) == pytest.approx(size / 2, abs=1e-3)
        seen |= set(guids)
    shown = cv.query(building, "SELECT guid FROM element_geometry WHERE face_count > 0 OR vertex_count > 1")
    assert seen == {guid for (guid,) in shown}


def test_one_discipline_alone(building, tmp_path, capsys):
    assert call(["export", "glb", str(building), str(tmp_path / "str.glb"), "--discipline", "STR"]) == 0
    document, _ = picture.opened(tmp_path / "str.glb")
    assert [n["name"] for n in document["nodes"]][1] == "STR"
    assert not any("ARC" in node["name"] for node in document["nodes"])
    assert call(["export", "glb", str(building), str(tmp_path / "no.glb"), "--discipline", "XYZ"]) == 2
    assert "there are: " in capsys.readouterr().err


def test_a_model_without_elements_is_an_empty_scene(tmp_path):
    nothing = cv.convert(cv.write(tmp_path / "none.dxf", cv.drawing(""))).output
    found = glb_of(nothing, tmp_path / "none.glb")
    document, buffer = picture.opened(tmp_path / "none.glb")
    assert (found.elements, buffer, "meshes" in document) == (0, b"", False)
    assert picture.drawn(tmp_path / "none.glb", 100).min() == 255


def test_many_vertices_are_cut_into_primitives_of_short_indices(tmp_path):
    ends = (((10, k * 10.0), (20, 0.0), (11, k * 11.0 + 500.0), (21, 3000.0)) for k in range(9000))
    lines = "".join(cv.entity("LINE", *at) for at in ends)  # no two alike
    database = cv.convert(cv.write(tmp_path / "lines.dxf", cv.drawing(lines))).output
    glb_of(database, tmp_path / "lines.glb")
    document, _ = picture.opened(tmp_path / "lines.glb")
    (primitives,) = [mesh["primitives"] for mesh in document["meshes"]]
    assert len(primitives) > 1
    assert {document["accessors"][p["indices"]]["componentType"] for p in primitives} == {5123}
    assert triangles(picture.parts(tmp_path / "lines.glb")) == 9000 * 12


def test_the_same_database_gives_the_same_bytes(building, tmp_path):
    for name in ("a.glb", "b.glb"):
        glb_of(building, tmp_path / name)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_a_picture_shows_the_building(building, tmp_path):
    glb_of(building, tmp_path / "out.glb")
    pixels = picture.drawn(tmp_path / "out.glb", 300)
    assert 0.1 < (pixels != 255).any(axis=2).mean() < 0.9
    picture.png(tmp_path / "out.png", pixels)
    assert (tmp_path / "out.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_rotations_agree_in_every_form():
    rng = np.random.default_rng(3)
    for x, y, z in rng.uniform(-3, 3, size=(20, 3)):
        matrix = matrices(np.array([[x, y, z]]))[0]
        assert np.allclose(picture.turned(quaternion(x, y, z)), matrix)
        assert np.allclose(np.array(axes(x, y, z)), matrix.T[[2, 0]])


def test_colours():
    assert parsed("0.5,2,-1,1") == (0.5, 1.0, 0.0, 1.0)
    assert parsed("red") is None
    assert shown(None, "STR") == shown("nonsense", "STR") != shown(None, "ARC")
    assert linear("1,0,0.5,0.25") == (1.0, 0.0, 0.21404, 0.25)
