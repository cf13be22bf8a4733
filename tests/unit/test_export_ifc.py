from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from dxfd.cli.main import call
from dxfd.convert.types import Walls
from dxfd.errors import NotADatabaseError, OutputForeignError, SourceMissingError
from dxfd.export import step
from dxfd.export.ifc import export_ifc
from dxfd.export.ifc_classes import Classes, Schema
from dxfd.export.source import Source
from tests.support import convert as cv
from tests.support import exports
from tests.support.corpus import real_drawing
from tests.support.ifc_check import Checker
from tests.support.walls import with_openings


@pytest.fixture(scope="module")
def building(tmp_path_factory):
    return exports.database(tmp_path_factory.mktemp("building"))


def ifc_of(database, output, schema=Schema.IFC4, **more):
    with Source(database) as source:
        return export_ifc(source, output, schema, **more)


@pytest.fixture(scope="module")
def checked():
    """What ifcopenshell finds wrong with a file, and where the bodies are."""
    with Checker() as checker:
        yield checker


@pytest.fixture(scope="module")
def lines(building):
    path = building.with_name("lines.ifc")
    ifc_of(building, path)
    return exports.instances(path)


def named(lines, keyword):
    return {number: arguments for number, (word, arguments) in lines.items() if word == keyword}


def test_every_reference_is_to_an_instance_and_every_identifier_is_there_once(lines):
    for number, (_, arguments) in lines.items():
        assert all(other in lines for other in exports.referred(arguments)), (number, arguments)
    guids = [a[1:23] for _, (word, a) in lines.items() if a[:1] == "'" and a[23:26] == "',$"]
    assert len(guids) > 60
    assert len(set(guids)) == len(guids)


def test_every_element_is_in_one_storey_and_has_its_type_layer_and_source(building, lines):
    elements = cv.query(building, "SELECT guid, dxf_handle, dxf_layer FROM elements_meta")
    number_of = {a[1:23]: n for n, (_, a) in lines.items() if a[:1] == "'"}
    inside = [n for a in named(lines, "IFCRELCONTAINEDINSPATIALSTRUCTURE").values() for n in exports.referred(a)[:-1]]
    assert sorted(inside) == sorted(number_of[guid] for guid, _, _ in elements)
    typed = [n for a in named(lines, "IFCRELDEFINESBYTYPE").values() for n in exports.referred(a)[:-1]]
    assert sorted(typed) == sorted(inside)
    layers = {a.split("',")[0][1:] for a in named(lines, "IFCPRESENTATIONLAYERASSIGNMENT").values()}
    assert {"A-WALL", "P-PIPE", "A-WALL-O''Brien \\X2\\00E9\\X0\\"} <= layers
    handles = {a.split("IFCIDENTIFIER(")[1] for a in named(lines, "IFCPROPERTYSINGLEVALUE").values() if "'Handle'" in a}
    assert handles == {f"'{handle}'),$" for _, handle, _ in elements}


def test_attributes_come_along(lines):
    values = [a for a in named(lines, "IFCPROPERTYSINGLEVALUE").values() if a.startswith(("'NAME'", "'MARK'"))]
    assert "'MARK',$,IFCLABEL('D1'),$" in values
    assert any("Gr\\X2\\00F600DF\\X0\\e ''S'' \\\\ \\X2\\69055B50\\X0\\" in value for value in values)


def test_equal_blocks_share_a_mapped_item(building, tmp_path):
    found = ifc_of(building, tmp_path / "out.ifc")
    assert found.counts["maps"] < found.counts["mapped"]
    assert found.counts["box"] > 3


def test_the_same_database_gives_the_same_bytes(building, tmp_path):
    for name in ("a.ifc", "b.ifc"):
        ifc_of(building, tmp_path / name)
    assert (tmp_path / "a.ifc").read_bytes() == (tmp_path / "b.ifc").read_bytes()


def test_a_file_for_each_discipline_adds_up(building, tmp_path, capsys):
    assert call(["export", "ifc", str(building), str(tmp_path / "out.ifc"), "--per-discipline"]) == 0
    files = sorted(tmp_path.iterdir())
    codes = [code for (code,) in cv.query(building, "SELECT DISTINCT discipline FROM elements_meta ORDER BY 1")]
    assert [f.name for f in files] == [f"out-{code}.ifc" for code in codes]
    sites = set()
    total = 0
    for file in files:
        found = exports.instances(file)
        (site,) = named(found, "IFCSITE").values()
        sites.add(site[:24])
        total += sum(len(exports.referred(a)) - 1 for a in named(found, "IFCRELCONTAINEDINSPATIALSTRUCTURE").values())
    assert len(sites) == 1
    assert total == cv.query(building, "SELECT COUNT(*) FROM elements_meta")[0][0]
    assert "out-ARC.ifc" in capsys.readouterr().out


def test_far_from_the_origin_the_site_carries_the_distance(tmp_path):
    database = exports.database(tmp_path, 500_000_000.0)
    ifc_of(database, tmp_path / "far.ifc")
    found = exports.instances(tmp_path / "far.ifc")
    assert ("IFCCARTESIANPOINT", "(500000.,0.,0.)") in found.values()
    spread = [
        max(abs(float(v)) for v in a.strip("()").split(",")) for w, a in found.values() if w == "IFCCARTESIANPOINT"
    ]
    assert sorted(spread)[-2] < 1000


def test_a_class_the_schema_lacks_becomes_a_proxy_with_its_name():
    classes = Classes(Schema.IFC4)
    product = classes.product("IfcHyperloop", "FAST", None)
    assert (product.keyword, product.object_type, product.known) == ("IFCBUILDINGELEMENTPROXY", "'IfcHyperloop'", False)
    own = classes.product("IfcWall", "GARDENWALL", None)
    assert (own.object_type, own.after) == ("'GARDENWALL'", ",.USERDEFINED.")
    assert classes.product("IfcWall", "SOLIDWALL", None).after == ",.SOLIDWALL."


def test_strings_and_identifiers():
    assert step.string("plain") == "'plain'"
    assert step.string("it's \\ é\n\U0001f600") == "'it''s \\\\ \\X4\\000000E90000000A0001F600\\X0\\'"
    mine = step.guid("a", "b")
    assert len(mine) == 22
    assert mine[0] in "0123"
    others = step.following(mine)
    assert len({mine, *others}) == 5
    assert "".join(step.references(range(1, 25_001))) == ",".join(f"#{k}" for k in range(1, 25_001))


def test_what_is_no_result_is_refused(building, tmp_path):
    with pytest.raises(SourceMissingError):
        Source(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("no database, but long enough to be read as one " * 20)
    with pytest.raises(NotADatabaseError):
        Source(tmp_path / "text.db")
    (tmp_path / "mine.ifc").write_text("ISO-10303-21; of somebody else")
    with pytest.raises(OutputForeignError):
        ifc_of(building, tmp_path / "mine.ifc")
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_errors_are_documents_where_json_is_asked_for(building, tmp_path, capsys):
    assert call(["export", "ifc", str(tmp_path / "none.db"), str(tmp_path / "x.ifc"), "--json"]) == 66
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E_SOURCE_MISSING"
    assert call(["export", "ifc", str(building), str(tmp_path / "x.ifc"), "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["elements"] == cv.query(building, "SELECT COUNT(*) FROM elements_meta")[0][0]


def test_a_damaged_database_is_told_and_leaves_nothing(building, tmp_path, capsys):
    data = bytearray(building.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    (tmp_path / "bad.db").write_bytes(data)
    assert call(["export", "ifc", str(tmp_path / "bad.db"), str(tmp_path / "x.ifc")]) == 65
    assert "E_NOT_A_DATABASE" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["bad.db"]


def with_geodata(building: Path, folder: Path, **more: object) -> Path:
    database = folder / "map.db"
    database.write_bytes(building.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(georeference)")]
        values = dict.fromkeys(columns, 0) | {
            "id": 1, "handle": "A", "coordinate_type": "projected_grid", "epsg": 32648, "crs_name": "UTM84-48N",
            "design_x": 1000.0, "design_y": 2000.0, "reference_x": 370_000.0, "reference_y": 145_000.0,
            "north_x": 1.0, "north_y": 0.0, "horizontal_units": 6, "scale_method": 2, "user_scale": 0.9996,
            "definition": "", "rss_tag": "", **more,
        }  # fmt: skip
        connection.execute(f"INSERT INTO georeference VALUES ({', '.join('?' * len(columns))})", list(values.values()))
    return database


def test_a_map_conversion_comes_from_the_drawings_geodata(checked, building, tmp_path):
    ifc_of(with_geodata(building, tmp_path), tmp_path / "map.ifc")
    found = exports.instances(tmp_path / "map.ifc")
    (crs,) = named(found, "IFCPROJECTEDCRS").values()
    assert crs.startswith("'EPSG:32648',")
    (conversion,) = named(found, "IFCMAPCONVERSION").values()
    east, north, height, abscissa, ordinate, scale = (float(v) for v in conversion.split(",")[2:])
    assert (height, abscissa, ordinate, scale) == (0.0, 0.0, 1.0, 0.9996)
    # north is the drawing's +x: its x axis points north, its y axis west; the design point is 1 m, 2 m
    assert east == pytest.approx(370_000 + 0.9996 * 2, abs=1e-4)
    assert north == pytest.approx(145_000 - 0.9996 * 1, abs=1e-4)
    assert checked(tmp_path / "map.ifc")["issues"] == {}


@pytest.mark.parametrize(
    ("number", "metres", "name"),
    [(2, 0.3048, "'FOOT'"), (21, 1200 / 3937, "'US SURVEY FOOT'"), (7, 1000.0, ".KILO."), (5, 0.01, ".CENTI.")],
)
def test_a_map_in_another_unit_keeps_it(checked, building, tmp_path, number, metres, name):
    more = {"horizontal_units": number, "vertical_units": 6, "reference_z": 12.0, "scale_method": 1}
    ifc_of(with_geodata(building, tmp_path, **more), tmp_path / "map.ifc")
    found = exports.instances(tmp_path / "map.ifc")
    (crs,) = named(found, "IFCPROJECTEDCRS").values()
    assert name in found[int(crs.rsplit("#", 1)[1])][1]
    (conversion,) = named(found, "IFCMAPCONVERSION").values()
    east, north, height, _, _, scale = (float(v) for v in conversion.split(",")[2:])
    assert scale == pytest.approx(1 / metres, rel=1e-9)
    assert (east, north) == pytest.approx((370_000 + 2 / metres, 145_000 - 1 / metres), abs=1e-4)
    assert height == pytest.approx(12 / metres, abs=1e-4)
    assert checked(tmp_path / "map.ifc")["issues"] == {}


@pytest.mark.parametrize(
    ("more", "why"),
    [({"horizontal_units": 18}, "unit 18"), ({"coordinate_type": "geographic"}, "geographic"),
     ({"epsg": 0, "crs_name": ""}, "names no coordinate system")],
)  # fmt: skip
def test_geodata_that_is_no_map_conversion_is_told(building, tmp_path, more, why):
    with Source(with_geodata(building, tmp_path, **more)) as source:
        done = export_ifc(source, tmp_path / "map.ifc", Schema.IFC4)
    assert [why in note for note in done.notes] == [True]
    assert not named(exports.instances(tmp_path / "map.ifc"), "IFCMAPCONVERSION")


def test_storeys_lie_at_their_elevation_and_elements_where_they_were(checked, building, lines, tmp_path):
    database = tmp_path / "high.db"
    database.write_bytes(building.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE storeys SET elevation_m = 4.5")
        rows = connection.execute("SELECT s.name FROM storeys s JOIN elements_meta m ON m.storey = s.name").fetchall()
    assert rows
    ifc_of(database, tmp_path / "high.ifc")
    (storey,) = named(exports.instances(tmp_path / "high.ifc"), "IFCBUILDINGSTOREY").values()
    assert storey.endswith(",.ELEMENT.,4.5")
    here, there = (checked(path, geometry=True) for path in (tmp_path / "high.ifc", building.with_name("lines.ifc")))
    assert here["issues"] == {}
    assert here["boxes"].keys() == there["boxes"].keys()
    assert max(np.abs(np.array(box) - there["boxes"][guid]).max() for guid, box in here["boxes"].items()) < 1e-4


def test_the_class_table_is_that_of_the_schemas():
    pytest.importorskip("ifcopenshell", reason="ifcopenshell is not installed (extra [ifc])")
    from tests.support import ifc_classes

    assert ifc_classes.TABLE.read_text(encoding="utf-8") == ifc_classes.table()


@pytest.mark.parametrize("schema", list(Schema))
def test_the_building_is_valid_and_every_body_is_where_the_database_has_it(checked, building, tmp_path, schema):
    ifc_of(building, tmp_path / "out.ifc", schema)
    found = checked(tmp_path / "out.ifc", geometry=True)
    assert (found["issues"], found["schema"]) == ({}, schema.identifier)
    boxes = {guid: np.array(box).reshape(2, 3) for guid, box in found["boxes"].items()}
    wanted = cv.query(
        building,
        "SELECT t.guid, center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms t"
        " JOIN element_geometry g ON g.guid = t.guid WHERE g.face_count > 0",
    )
    assert len(wanted) >= 13
    for guid, *numbers in wanted:
        center, size = np.array(numbers).reshape(2, 3)
        assert np.abs(boxes[guid] - [center - size / 2, center + size / 2]).max() < 1e-4


def test_what_breaks_a_rule_is_found_in_every_file(checked, building, tmp_path):
    path = tmp_path / "broken.ifc"
    ifc_of(building, path)
    sound = path.read_text()
    assert checked(path)["issues"] == {}
    for _ in range(2):
        path.write_text(re.sub(r"(IFCEXTRUDEDAREASOLID\(.*?),[\d.]+\);", r"\1,-1.);", sound, count=1))
        assert any("SELF > 0" in message for message in checked(path)["issues"])


REAL = (
    "arch/skymakerolof+dxf__floorplan.dxf",
    "mep/red1oon+bim-ootb__DX_PLUMBING.dxf",
    "arch/yorikvanhavre+barcelona-pavillion__roof.dxf",
)


@pytest.mark.parametrize("name", REAL)
def test_real_drawings_are_valid(checked, tmp_path, name):
    run = cv.convert(real_drawing(name), tmp_path / "real.db")
    found = ifc_of(run.output, tmp_path / "real.ifc")
    assert found.elements == run.report.elements_written
    assert checked(tmp_path / "real.ifc")["issues"] == {}


@pytest.mark.parametrize("schema", list(Schema))
def test_openings_void_their_wall_and_are_filled(checked, tmp_path, schema):
    run = cv.convert(with_openings().saved(tmp_path), walls=Walls.PAIRS)
    assert ifc_of(run.output, tmp_path / "out.ifc", schema).counts["openings"] == 2
    found = checked(tmp_path / "out.ifc", geometry=True)
    assert found["issues"] == {}
    lines = exports.instances(tmp_path / "out.ifc")
    number_of = {a[1:23]: n for n, (_, a) in lines.items() if a[:1] == "'"}
    related = {
        word: {tuple(exports.referred(a)) for a in named(lines, word).values()}
        for word in ("IFCRELVOIDSELEMENT", "IFCRELFILLSELEMENT")
    }
    rows = run.rows("SELECT wall, guid, filling FROM wall_openings")
    assert related["IFCRELVOIDSELEMENT"] == {(number_of[wall], number_of[own]) for wall, own, _ in rows}
    assert related["IFCRELFILLSELEMENT"] == {(number_of[own], number_of[filling]) for _, own, filling in rows}
    ((wall, *box),) = run.rows(
        "SELECT w.guid, center_x - bbox_x / 2, center_x + bbox_x / 2, center_z - bbox_z / 2, center_z + bbox_z / 2"
        " FROM walls w JOIN element_transforms t ON t.guid = w.guid"
    )
    low, high = found["boxes"][wall][:3], found["boxes"][wall][3:]
    np.testing.assert_allclose([low[0], high[0], low[2], high[2]], box, atol=1e-4)


def test_openings_of_another_discipline_than_their_doors_are_valid(checked, tmp_path):
    run = cv.convert(with_openings().saved(tmp_path), walls=Walls.PAIRS)
    with contextlib.closing(sqlite3.connect(run.output)) as connection, connection:
        connection.execute("UPDATE elements_meta SET discipline = 'STR' WHERE ifc_class = 'IfcWall'")
    for code in ("ARC", "STR"):
        counts = ifc_of(run.output, tmp_path / f"{code}.ifc", discipline=code).counts
        assert counts.get("openings", 0) == (2 if code == "STR" else 0)
        assert checked(tmp_path / f"{code}.ifc")["issues"] == {}


@pytest.mark.parametrize(("verb", "ending"), [("ifc", "ifc"), ("glb", "glb"), ("db", "db")])
def test_an_export_into_a_pipe_is_refused_and_not_waited_for(building, tmp_path, capsys, verb, ending):
    pipe = tmp_path / f"pipe.{ending}"
    os.mkfifo(pipe)
    assert call(["export", verb, str(building), str(pipe)]) == 73
    assert "E_OUTPUT_FOREIGN" in capsys.readouterr().err


def test_an_output_whose_name_is_too_long_is_told(building, tmp_path, capsys):
    assert call(["export", "ifc", str(building), str(tmp_path / ("x" * 300 + ".ifc"))]) == 73
    assert "E_OUTPUT_NOT_WRITABLE" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE elements_meta SET discipline = CAST(x'45ff43' AS TEXT) WHERE id = 2",
        "UPDATE run_report SET value = '{'",
    ],
)
def test_damaged_words_of_a_database_are_told(building, tmp_path, capsys, damage):
    broken = tmp_path / "broken.db"
    broken.write_bytes(building.read_bytes())
    with contextlib.closing(sqlite3.connect(broken)) as database, database:
        assert database.execute(damage).rowcount > 0
    for verb in ("ifc", "glb"):
        assert call(["export", verb, str(broken), str(tmp_path / f"out.{verb}")]) != 0
        assert "E_NOT_A_DATABASE" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.db"]
