"""The rarer types, from drawing to database: areas with islands, curves, solids, pictures, endless lines, thickness.

Over 500 lines because it is one thing: one test or two for each of some twenty types, by the same measures of bodies.
"""

from __future__ import annotations

import struct
import time
import tracemalloc

import ezdxf
import numpy as np
import pytest
from ezdxf.acis.api import body_from_mesh, export_dxf
from ezdxf.math import Vec2, fit_points_to_cad_cv
from ezdxf.render import forms
from ezdxf.render.mleader import ConnectionSide

from dxfd.convert.build import acis, acis_extents, fitted, sat
from dxfd.convert.session import configuration, fingerprint
from tests.property import reference as ref
from tests.support import convert as cv

TYPES = (*cv.TYPES, "ACAD_PROXY_ENTITY")


def new(version: str = "R2010"):
    doc = ezdxf.new(version)
    doc.header["$INSUNITS"] = 6
    return doc


def run(tmp_path, doc, recipe: str = "curve", **options) -> cv.Run:
    source = tmp_path / "drawing.dxf"
    doc.saveas(source)
    return convert(tmp_path, source, recipe, **options)


def convert(tmp_path, source, recipe: str = "curve", types=TYPES, **options) -> cv.Run:
    found = cv.convert(source, templates=cv.rules(tmp_path / "rules.toml", recipe, types), **options)
    assert cv.adds_up(found.report)
    return found


def bodies(found: cv.Run) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return vertices (in the world) and faces of each element."""
    rows = found.rows(
        "SELECT g.vertices, g.faces, t.center_x, t.center_y, t.center_z FROM elements_meta m"
        " JOIN element_geometry g ON g.guid = m.guid JOIN element_transforms t ON t.id = m.id ORDER BY m.id"
    )
    return [(cv.vertices(v, center), cv.faces(f)) for v, f, *center in rows]


def boxes(found: cv.Run) -> list[tuple[float, ...]]:
    rows = found.rows(
        "SELECT center_x - bbox_x / 2, center_y - bbox_y / 2, center_z - bbox_z / 2,"
        " center_x + bbox_x / 2, center_y + bbox_y / 2, center_z + bbox_z / 2 FROM element_transforms ORDER BY id"
    )
    return [tuple(round(v, 4) + 0.0 for v in row) for row in rows]


def reasons(found: cv.Run) -> set[tuple[str, str, str]]:
    return {(row.entity_type, row.outcome, row.reason) for row in found.report.ledger}


def is_closed(faces: np.ndarray) -> bool:
    edges = [tuple(e) for f in faces.tolist() for e in (f[:2], f[1:], (f[2], f[0]))]
    return len(set(edges)) == len(edges) and all((b, a) in set(edges) for a, b in edges)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def square(x: float, y: float, half: float) -> list[tuple[float, float]]:
    return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]


def hatched(style: int = 0, kind: str = "hatch", **attributes):
    doc = new()
    made = getattr(doc.modelspace(), f"add_{kind}")(dxfattribs=attributes)
    if kind == "hatch":
        made.dxf.hatch_style = style
    for half in (5, 3, 1):  # a court in a house, and a tree in the court
        made.paths.add_polyline_path(square(0, 0, half)[:: 1 if half == 3 else -1], is_closed=True)
    return doc


@pytest.mark.parametrize(("style", "wanted"), [(0, 100 - 36 + 4), (1, 100 - 36), (2, 100)])
def test_islands_of_a_hatch_are_holes_as_its_style_says(tmp_path, style, wanted):
    ((vertices, faces),) = bodies(run(tmp_path, hatched(style)))
    assert area(vertices, faces) == pytest.approx(wanted)


@pytest.mark.parametrize("kind", ["hatch", "mpolygon"])
@pytest.mark.parametrize("extrusion", [(0, 0, 1), (0, 0, -1)])
def test_areas_are_raised_to_closed_bodies_with_their_holes(tmp_path, kind, extrusion):
    ((vertices, faces),) = bodies(run(tmp_path, hatched(kind=kind, extrusion=extrusion), "extrude"))
    height = np.ptp(vertices[:, 2])
    assert is_closed(faces)
    assert height > 0
    assert volume(vertices, faces) == pytest.approx((100 - 36 + 4) * height)


@pytest.mark.parametrize("extrusion", [(1, 0, 0), (0.6, 0, -0.8)])
def test_an_area_that_does_not_lie_level_is_as_thick_as_its_rule_says(tmp_path, extrusion):
    ((vertices, faces),) = bodies(run(tmp_path, hatched(extrusion=extrusion), "extrude"))
    across = vertices @ np.array(extrusion)
    assert is_closed(faces)
    assert np.ptp(across) == pytest.approx(0.2, abs=1e-6)
    assert volume(vertices, faces) == pytest.approx(68 * 0.2, rel=1e-5)


def test_an_area_that_stands_upright_keeps_its_faces_where_nothing_is_raised(tmp_path):
    ((vertices, faces),) = bodies(run(tmp_path, hatched(extrusion=(1, 0, 0)), "curve"))
    assert np.ptp(vertices[:, 0]) == pytest.approx(0)
    assert area(vertices, faces) == pytest.approx(68)


def test_edges_of_a_hatch_are_joined_whichever_way_round_they_are_stored(tmp_path):
    doc = new()
    path = doc.modelspace().add_hatch().paths.add_edge_path()
    path.add_line((10, 0), (0, 0))
    path.add_arc((10, 5), 5, -90, 90)
    path.add_line((0, 10), (10, 10))
    path.add_line((0, 10), (0, 0))
    ((vertices, faces),) = bodies(run(tmp_path, doc, tolerance_m=0.0005))
    assert area(vertices, faces) == pytest.approx(100 + np.pi * 25 / 2, rel=1e-3)


def test_the_tolerance_decides_how_many_chords_a_curve_gets(tmp_path):
    counts = []
    for tolerance_m in (0.1, 0.001):
        doc = new()
        doc.modelspace().add_circle((0, 0), 10)
        doc.modelspace().add_spline([(0, 0, 0), (5, 8, 0), (9, -3, 4), (14, 2, 0)])
        doc.modelspace().add_hatch().paths.add_edge_path().add_arc((0, 0), 10, 0, 360)
        counts.append([len(vertices) for vertices, _ in bodies(run(tmp_path, doc, tolerance_m=tolerance_m))])
    assert len(counts[0]) == len(counts[1]) == 3
    assert all(fine > 4 * coarse for coarse, fine in zip(*counts, strict=True))


def test_what_changes_the_result_is_part_of_the_configuration(tmp_path):
    class Rules:
        fingerprint = "x"

    class Drawing:
        dwg = False
        made = None

    def made(**more):
        options = cv.options(tmp_path / "a.dxf", tmp_path / "a.db", **more)
        return fingerprint(configuration(options, Rules(), Drawing()))

    assert len({made(), made(tolerance_m=0.001), made(clip_endless=True)}) == 3


def spline(*tags: tuple[int, object]) -> str:
    return cv.entity("SPLINE", (100, "AcDbSpline"), *tags, handle="5A")


POINTS = [t for x, y in ((0, 0), (1000, 2000), (2000, -1000), (3000, 0)) for t in ((10, x), (20, y), (30, 0))]
FIT = [(code + 1, value) for code, value in POINTS]


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ([(70, 8), (71, 3), *((40, k) for k in (0, 0, 0, 0, 1, 1, 1, 1)), *POINTS], ("element", "")),
        ([(70, 8), (71, 3), *((40, k) for k in (0, 0, 1, 1)), *POINTS], ("element", "mended")),
        ([(70, 8), (71, 3), *((40, k) for k in (0, 0, 0, 0, 1, 1, 0, 1)), *POINTS], ("element", "mended")),
        ([(70, 8), (71, 3), *((40, k) for k in (0, 0, 0, 0, 1, 1, 1, 1)), *POINTS, (41, -1.0)], ("element", "mended")),
        ([(70, 8), (71, 3), *FIT], ("element", "")),
        ([(70, 8), (71, 3), *FIT[:3], *FIT, *FIT[-3:]], ("element", "")),
        ([(70, 8), (71, 3), *POINTS[:3]], ("error", "faulty_entity")),
        ([(70, 8), (71, 3), *FIT[:3], *FIT[:3], *FIT[:3]], ("error", "faulty_entity")),
        ([(70, 8), (71, 3), *FIT[:3], (11, 1e-300), (21, 0), (31, 0), *FIT[-3:]], ("error", "faulty_entity")),
    ],
    ids=[
        "sound",
        "few knots",
        "falling knots",
        "a weight",
        "fit points",
        "fit points twice",
        "one point",
        "one fit point",
        "too near",
    ],
)
def test_splines_are_mended_where_their_points_are_known(tmp_path, tags, wanted):
    found = convert(tmp_path, cv.write(tmp_path / "a.dxf", cv.drawing(spline(*tags))))
    assert reasons(found) == {("SPLINE", *wanted)}
    assert bool(found.report.issues) == (wanted != ("element", ""))
    if wanted[0] == "element":
        ((x, _, _, far, _, _),) = boxes(found)
        assert (x, far) == (0, 3)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 40])
@pytest.mark.parametrize("directed", [True, False])
def test_curves_through_points_are_those_of_ezdxf(count, directed):
    rng = np.random.default_rng(count)
    points, ends = rng.normal(size=(count, 3)) * 100, rng.normal(size=(2, 3)) if directed else []
    found = fitted.fit_curve(points, ends)
    wanted = fit_points_to_cad_cv(points.tolist(), tangents=ends.tolist() if directed else None)
    if count > 2 or directed:
        assert np.abs(found.points - [tuple(v) for v in wanted.control_points]).max() < 1e-9
        assert found.knots == pytest.approx(wanted.knots())


def test_a_curve_through_many_points_takes_memory_by_their_number(tmp_path):
    places = "".join(cv.tag(11, 10 * k) + cv.tag(21, k * 37 % 11) for k in range(10_000))
    source = cv.write(tmp_path / "fit.dxf", cv.drawing(cv.entity("SPLINE", (71, 3), (70, 8)) + places))
    tracemalloc.start()
    try:
        found = convert(tmp_path, source)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20, "10,000 numbers for each of 10,000 points"
    finally:
        tracemalloc.stop()
    assert reasons(found) == {("SPLINE", "element", "")}


def test_a_closed_periodic_spline_is_defined_between_its_inner_knots(tmp_path):
    ring = [(np.cos(t), np.sin(t)) for t in np.arange(11) * np.pi / 4]
    tags = [(70, 11), (71, 3), *((40, k) for k in range(15))]
    tags += [t for x, y in ring for t in ((10, 1000 * x), (20, 1000 * y), (30, 0))]
    ((x, y, _, far_x, far_y, _),) = boxes(
        convert(tmp_path, cv.write(tmp_path / "a.dxf", cv.drawing(spline(*tags))))
    )  # fmt: skip
    assert far_x == pytest.approx(-x, abs=0.01)
    assert far_y == pytest.approx(-y, abs=0.01)
    assert 0.85 < far_x < 1


@pytest.mark.parametrize("off", ["-1e-12", "1e-6", "0.001"])
def test_a_last_fit_point_that_is_the_first_but_for_its_rounding_changes_nothing(tmp_path, off):
    found = []
    for last in ("0", off):
        corners = ((0, 0), (4000, 0), (4000, 4000), (0, 4000), (0, last))
        tags = [t for x, y in corners for t in ((11, x), (21, y), (31, 0))]
        source = cv.write(tmp_path / "a.dxf", cv.drawing(spline((70, 1), (71, 3), *tags)))
        found += boxes(convert(tmp_path, source))
    assert np.allclose(found[0], found[1], atol=1e-5)


def test_a_closed_spline_through_points_comes_back_to_the_first_without_a_corner(tmp_path):
    corners = [t for x, y in ((0, 0), (4000, 0), (4000, 4000), (0, 4000)) for t in ((11, x), (21, y), (31, 0))]
    closed = convert(tmp_path, cv.write(tmp_path / "a.dxf", cv.drawing(spline((70, 1), (71, 3), *corners))))
    ((x, y, _, far_x, far_y, _),) = boxes(closed)
    assert x < -0.4, "it swings out from the last point to the first as on the other sides"
    assert (x + far_x, y + far_y) == pytest.approx((4, 4), abs=0.05)
    ((points, _),) = bodies(closed)
    steps = np.diff(np.concatenate([points, points[:1]]), axis=0)
    steps = steps[np.linalg.norm(steps, axis=1) > 1e-6]
    ways = steps / np.linalg.norm(steps, axis=1)[:, None]
    assert (ways * np.roll(ways, 1, axis=0)).sum(axis=1).min() > 0.9


def test_a_spline_that_turns_back_on_itself_keeps_its_tip(tmp_path):
    doc = new()
    made = doc.modelspace().add_spline(degree=2)
    points = [(-2.714, 10.014, 0), (-12.58, 0, 0), (-46.707, 0, 0), (30.874, 0, 0), (-51.323, -15.219, 25.68)]
    made.set_open_rational(points, [3.108, 1.979, 0.435, 4.84, 3.815], degree=2)
    tool = made.construction_tool()
    dense = np.array([tuple(p) for p in tool.points(np.linspace(0, tool.max_t, 20_001))])
    ((ours, _),) = bodies(run(tmp_path, doc))
    assert ref.distance(dense[::20], ours) < 0.006
    assert len(ours) < 300


def test_a_helix_whose_knots_are_damaged_takes_no_memory_to_speak_of(tmp_path):
    doc = new()
    doc.modelspace().add_helix(10, 1, 3)
    doc.saveas(tmp_path / "a.dxf")
    text = (tmp_path / "a.dxf").read_text()
    knot = text.index(" 40\n2.0\n", text.index("AcDbSpline"))
    cv.write(tmp_path / "a.dxf", text[:knot] + " 40\n1e9\n" + text[knot + 8 :])
    found = convert(tmp_path, tmp_path / "a.dxf")
    assert reasons(found) == {("HELIX", "skipped", "too_many_vertices")}, "gigabytes, if it is drawn"


@pytest.mark.parametrize("version", ["R2000", "R2010", "R2013", "R2018"])
def test_flat_solids_keep_their_faces_in_text_and_in_binary(tmp_path, version):
    doc = new(version)
    solid = doc.modelspace().add_3dsolid()
    export_dxf(solid, [body_from_mesh(forms.cube().translate(3, 0, 0))])
    found = run(tmp_path, doc)
    ((vertices, faces),) = bodies(found)
    assert len(vertices) == 8
    assert is_closed(faces)
    assert volume(vertices, faces) == pytest.approx(1)
    assert reasons(found) == {("3DSOLID", "element", "")}


def test_a_curved_body_is_told_by_the_box_of_its_circles_and_spheres():
    head = ["700 0 1 0", "@8 x", "1 1e-06 1e-10 #"]
    sphere = ["sphere-surface $-1 -1 $-1 5 0 0 2 1 0 0 0 0 1 forward_v I I I I #"]
    low, high = acis_extents.box(sat.records([*head, *sphere]))
    assert (low.tolist(), high.tolist()) == ([3, -2, -2], [7, 2, 2])
    cylinder = []
    for k, z in enumerate((0, 9)):
        cylinder += [
            f"edge $-1 -1 $-1 ${4 * k + 1} 0 ${4 * k + 1} 6.28 $-1 ${4 * k + 3} forward @7 unknown #",
            f"vertex $-1 -1 $-1 ${4 * k} ${4 * k + 2} #",
            f"point $-1 -1 $-1 4 0 {z} #",
            f"ellipse-curve $-1 -1 $-1 0 0 {z} 0 0 1 4 0 0 1 I I #",
        ]
    low, high = acis_extents.box(sat.records([*head, *cylinder]))
    assert (low.tolist(), high.tolist()) == ([-4, -4, 0], [4, 4, 9])
    assert acis.faces(sat.records([*head, *sphere])) is None


@pytest.mark.parametrize("clip", [False, True])
def test_endless_lines_end_at_the_extents_or_are_in_the_ledger(tmp_path, clip):
    doc = new()
    doc.header["$EXTMIN"], doc.header["$EXTMAX"] = (0, 0, 0), (10, 10, 0)
    doc.modelspace().add_xline((5, 5), (1, 0))
    doc.modelspace().add_ray((5, 5), (0, 1))
    doc.modelspace().add_ray((20, 20), (1, 1))
    doc.saveas(tmp_path / "a.dxf")
    text = (tmp_path / "a.dxf").read_text()  # ezdxf writes its own extents
    for name, value in (("$EXTMIN", "0"), ("$EXTMAX", "10")):
        head, rest = text.split(f"{name}\n", 1)
        lines = rest.split("\n")
        lines[1], lines[3], lines[5] = value, value, "0"
        text = f"{head}{name}\n" + "\n".join(lines)
    found = convert(tmp_path, cv.write(tmp_path / "a.dxf", text), clip_endless=clip)
    if clip:
        assert boxes(found) == [(0, 5, 0, 10, 5, 0), (5, 5, 0, 5, 10, 0)]
        assert reasons(found) >= {("RAY", "skipped", "infinite"), ("RAY", "element", "")}
    else:
        assert reasons(found) == {("XLINE", "skipped", "infinite"), ("RAY", "skipped", "infinite")}


@pytest.mark.parametrize("blocks", [("box",), ("explode",)])
def test_endless_lines_in_blocks_do_not_end_at_the_drawings_extents(tmp_path, blocks):
    block = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + cv.entity("LINE", (10, 0), (20, 0), (11, 4), (21, 3))
    block += cv.entity("XLINE", (10, 0), (20, 1), (11, 1), (21, 0)) + cv.entity("ENDBLK")
    corners = ("$EXTMIN", -50), ("$EXTMAX", 50)
    extents = "".join(cv.tag(9, name) + cv.tag(10, at) + cv.tag(20, at) + cv.tag(30, 0) for name, at in corners)
    drawing = cv.drawing(
        cv.entity("INSERT", (2, "B"), (10, 20), (20, 20)), blocks=block, head=cv.header(insunits=6, extra=extents)
    )  # fmt: skip
    found = convert(tmp_path, cv.write(tmp_path / "a.dxf", drawing), clip_endless=True, blocks=blocks)
    ((x, y, _, far_x, far_y, _),) = boxes(found)  # the extents in the block's own axes would reach to 70
    assert (x, y, far_x, far_y) == (20, 20, 24, 23)
    assert (("XLINE", "skipped", "infinite") in reasons(found)) == (blocks == ("explode",))


def test_dimensions_are_where_their_pictures_are(tmp_path):
    doc = new()
    for at in (0, 20):
        doc.modelspace().add_linear_dim(base=(0, at + 3), p1=(0, at), p2=(8, at)).render()
    bare = doc.modelspace().add_linear_dim(base=(0, 43), p1=(0, 40), p2=(8, 40)).dimension
    bare.dxf.discard("geometry")
    found = run(tmp_path, doc)
    first, second, third = boxes(found)
    assert np.allclose(np.array(second) - first, [0, 20, 0, 0, 20, 0], atol=1e-3)
    assert -0.5 < first[0] <= 0
    assert first[4] >= 3
    assert third[1] == 40
    assert third[4] == 43
    assert ("DIMENSION", "element", "box_only") in reasons(found)


def test_what_is_told_by_its_box_has_no_length_and_is_not_found_by_one(tmp_path):
    doc = new()
    bare = doc.modelspace().add_linear_dim(base=(0, 43), p1=(0, 40), p2=(8, 40)).render().dimension
    bare.dxf.discard("geometry")
    doc.modelspace().add_leader([(0, 0), (8, 0)])
    found = run(tmp_path, doc)
    rows = found.rows("SELECT dxf_type, length FROM elements_meta NATURAL JOIN element_transforms ORDER BY 1")
    assert rows == [("DIMENSION", None), ("LEADER", 8.0)]
    rules = tmp_path / "long.toml"
    rules.write_text(cv.rules(tmp_path / "all.toml", "curve", TYPES).read_text() + "min_length_m = 1\n")
    found = cv.convert(tmp_path / "drawing.dxf", tmp_path / "long.db", templates=rules)
    assert found.rows("SELECT dxf_type FROM elements_meta") == [("LEADER",)]


@pytest.mark.parametrize("kind", ["spline", "hatch", "mesh", "solid", "mline", "dimension", "thick", "nested"])
def test_blocks_of_nothing_but_the_rarer_types_have_extents(tmp_path, kind):
    doc = new()
    block = doc.blocks.new("B")
    match kind:
        case "spline":
            block.add_spline([(0, 0, 0), (2, 3, 0), (4, 0, 2)])
        case "hatch":
            block.add_hatch().paths.add_polyline_path(square(2, 2, 2))
        case "mesh":
            with block.add_mesh().edit_data() as data:
                data.vertices, data.faces = [(0, 0, 0), (4, 0, 0), (4, 4, 2)], [(0, 1, 2)]
        case "solid":
            export_dxf(block.add_3dsolid(), [body_from_mesh(forms.cube().scale(4, 4, 2))])
        case "mline":
            block.add_mline([(0, 0), (4, 0)])
        case "dimension":
            doc.blocks.new("*D1").add_line((0, 0), (4, 3))
            block.new_entity("DIMENSION", {"geometry": "*D1"})
        case "thick":
            block.add_line((0, 0), (4, 0), dxfattribs={"thickness": 3})
        case _:
            doc.blocks.new("C").add_spline([(0, 0, 0), (2, 3, 0), (4, 0, 2)])
            block.add_blockref("C", (0, 0))
    doc.modelspace().add_blockref("B", (100, 0))
    ((x, _, z, far, _, top),) = boxes(run(tmp_path, doc))
    assert far - x == pytest.approx(4, abs=0.01)
    assert x > 95
    assert top > z or kind in {"hatch", "mline"}


def test_thickness_is_the_height_of_walls_and_leaves_faces_of_lines(tmp_path):
    doc = new()
    msp = doc.modelspace()
    msp.add_line((0, 0), (4, 0), dxfattribs={"thickness": 2.5})
    msp.add_lwpolyline(square(10, 0, 1), close=True, dxfattribs={"thickness": -2})
    msp.add_solid([(20, 0), (22, 0), (20, 1), (22, 1)], dxfattribs={"thickness": 3})
    walls = bodies(run(tmp_path, doc, "wall"))
    assert [np.round((v[:, 2].min(), v[:, 2].max()), 4).tolist() for v, _ in walls] == [[0, 2.5], [-2, 0], [0, 3]]
    assert all(is_closed(faces) for _, faces in walls)
    assert all(volume(*body) > 0 for body in walls)
    assert volume(*walls[2]) == pytest.approx(6)
    ribbon, ring, _ = bodies(run(tmp_path, doc))
    assert area(*ribbon) == pytest.approx(10)
    assert area(*ring) == pytest.approx(16)


def test_a_polyline_that_is_wide_all_along_gives_its_wall_that_width(tmp_path):
    doc = new()
    doc.modelspace().add_lwpolyline([(0, 0), (4, 0)], dxfattribs={"const_width": 0.36})
    doc.modelspace().add_lwpolyline([(0, 5), (4, 5)], dxfattribs={"const_width": 0.001})
    old = {"default_start_width": 0.36, "default_end_width": 0.36}
    doc.modelspace().add_polyline2d([(0, 9), (4, 9)], dxfattribs=old)
    wide, bold, old_wide = bodies(run(tmp_path, doc, "wall"))
    assert np.ptp(wide[0][:, 1]) == pytest.approx(0.36)
    assert np.ptp(old_wide[0][:, 1]) == pytest.approx(0.36)
    assert np.ptp(bold[0][:, 1]) > 0.05


@pytest.mark.parametrize(
    ("widths", "wanted"),
    [
        ([(0.36, 0.36), (0.36, 0.36), (0, 0)], 0.36),  # at the last vertex nothing begins
        ([(0.36, 0.36), (0.36, 0.5), (0, 0)], None),
        ([(0.36, 0.36), (0, 0), (0.36, 0.36)], None),
    ],
    ids=["all alike", "a taper", "one without"],
)
@pytest.mark.parametrize("kind", ["lwpolyline", "polyline2d"])
def test_widths_of_segments_that_are_all_alike_are_the_walls(tmp_path, kind, widths, wanted):
    doc = new()
    points = [(x, 0, *ends) for x, ends in zip((0, 2, 4), widths, strict=True)]
    made = getattr(doc.modelspace(), f"add_{kind}")(points, format="xyse")
    if kind == "polyline2d":  # what new vertices get, whatever those that are there have
        made.dxf.default_start_width = made.dxf.default_end_width = 0.2
        for vertex, (first, last) in zip(made.vertices, widths, strict=True):
            vertex.dxf.start_width, vertex.dxf.end_width = first, last
    doc.modelspace().add_line((0, 9), (4, 9))
    width, by_rule = (np.ptp(points[:, 1]) for points, _ in bodies(run(tmp_path, doc, "wall")))
    assert width == pytest.approx(wanted or by_rule)


def test_multiline_walls_stand_between_their_outermost_lines(tmp_path):
    doc = new()
    doc.modelspace().add_mline([(0, 0), (10, 0), (10, 6), (0, 6)], close=True, dxfattribs={"scale_factor": 0.4})
    doc.modelspace().add_mline([(20, 0), (30, 0)], dxfattribs={"scale_factor": 0.4})
    round_, straight = bodies(run(tmp_path, doc, "wall"))
    for _, faces in (round_, straight):
        assert is_closed(faces)
    assert volume(*straight) == pytest.approx(10 * 0.4 * np.ptp(straight[0][:, 2]), rel=1e-3)
    assert volume(*round_) == pytest.approx(33.6 * 0.4 * np.ptp(round_[0][:, 2]), rel=1e-3)


def test_a_leader_of_several_lines_reaches_as_far_as_they_and_what_they_say(tmp_path):
    doc = new("R2013")
    made = doc.modelspace().add_multileader_mtext("Standard")
    made.set_content("x")
    made.add_leader_line(ConnectionSide.left, [Vec2(-50, -10)])
    made.add_leader_line(ConnectionSide.right, [Vec2(90, -20)])
    made.build(Vec2(10, 60))
    ((x, y, _, far_x, far_y, _),) = boxes(run(tmp_path, doc))
    assert (x, y, far_x) == pytest.approx((-50, -20, 90))
    assert 55 < far_y < 65


def test_unknown_types_are_told_with_their_class_and_application(tmp_path):
    classes = cv.section(
        "CLASSES",
        cv.tag(0, "CLASS") + cv.tag(1, "AECC_PIPE") + cv.tag(2, "AeccDbPipe") + cv.tag(3, "AeccNetwork|Civil"),
    )
    drawing = (
        cv.header()
        + classes
        + cv.section("ENTITIES", cv.entity("AECC_PIPE", (10, 1), (20, 1), (30, 1)) * 2)
        + cv.tag(0, "EOF")
    )
    found = convert(tmp_path, cv.write(tmp_path / "a.dxf", drawing), types=("AECC_PIPE",))
    assert reasons(found) == {("AECC_PIPE", "skipped", "unknown_type")}
    ((message,),) = found.rows("SELECT message FROM conversion_issues WHERE code = 'unknown_type'")
    assert "AeccDbPipe" in message
    assert "AeccNetwork" in message


def test_proxy_graphics_of_many_lines_are_a_box_in_the_time_of_their_number(tmp_path):
    lines = b"".join(struct.pack("<3i6d", 60, 6, 2, k, 0, 0, k, 1, 0) for k in range(10_500))
    data = struct.pack("<2i", 8 + len(lines), 10_500) + lines
    head = cv.entity("ACAD_PROXY_ENTITY", (100, "AcDbEntity"), (100, "AcDbProxyEntity"), (90, 498), (91, 500))
    pieces = "".join(cv.tag(310, data[k : k + 127].hex()) for k in range(0, len(data), 127))
    text = cv.drawing(head + cv.tag(92, len(data)) + pieces, head=cv.header(insunits=6))
    began = time.process_time()
    found = convert(tmp_path, cv.write(tmp_path / "proxy.dxf", text))
    assert time.process_time() - began < 10
    assert reasons(found) == {("ACAD_PROXY_ENTITY", "element", "box_only")}
    assert boxes(found)[0][:2] == (0, 0) and boxes(found)[0][3:5] == (10_499, 1)


def test_rare_types_give_the_same_rows_in_batches_of_any_size(tmp_path):
    doc = hatched()
    msp = doc.modelspace()
    for k in range(12):
        msp.add_spline([(0, k, 0), (5, 8 + k, k), (9, k - 3, 4)])
        msp.add_hatch().paths.add_edge_path().add_ellipse((k, 0), (2, 1), 0.5, 10, 300)
        msp.add_lwpolyline(square(k, 0, 1), dxfattribs={"thickness": k % 3, "const_width": 0.1 * (k % 2)})
        msp.add_mline([(0, k), (9, k)])
        export_dxf(msp.add_3dsolid(), [body_from_mesh(forms.cube())])
    whole = cv.snapshot(run(tmp_path, doc, "wall").output)
    pieces = cv.snapshot(run(tmp_path, doc, "wall", batch_size=1, resume="restart").output)
    for name in ("elements_meta", "element_transforms", "base_geometries", "ledger"):
        assert [row[1:] for row in whole[name]] == [row[1:] for row in pieces[name]], name
