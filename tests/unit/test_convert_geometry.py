"""Units, coordinate systems, curves, and the geometry of each type that is read as columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ezdxf.math import OCS, Vec2, bulge_center, bulge_radius
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dxfd.convert.build import faces, paths
from dxfd.convert.build.curves import MOST_CHORDS, TOLERANCE_M, arcs, bulged, segments_for
from dxfd.convert.build.fallback import NoGeometryError, shape
from dxfd.convert.build.frame import about_z, axes, euler_xyz, to_world
from dxfd.convert.build.geometry import polylines
from dxfd.convert.build.ragged import offsets, picked, within
from dxfd.convert.build.units import INSUNITS, METRES, decide
from dxfd.convert.read.columns import group, of_kind
from dxfd.errors import ConfigError
from tests.support import convert as cv

number = st.floats(-10, 10, allow_subnormal=False)
vector = st.tuples(number, number, number)
FAST = settings(deadline=None, max_examples=100)


# --- units ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "insunits", "spread", "name", "metres", "source"),
    [
        (None, 4, 0, "mm", 0.001, "$INSUNITS"), (None, 6, 1e9, "m", 1, "$INSUNITS"),
        (None, 1, 5, "in", 0.0254, "$INSUNITS"),
        (None, 21, 5, "us-ft", 1200 / 3937, "$INSUNITS"), ("ft", 4, 5, "ft", 0.3048, "override"),
        (None, 0, 50_000, "mm", 0.001, "assumed"), (None, 0, 80, "m", 1, "assumed"), (None, 99, 80, "m", 1, "assumed"),
    ],
)  # fmt: skip
def test_units_are_decided_by_override_header_and_size(override, insunits, spread, name, metres, source):
    units = decide(override, insunits, None, spread)
    assert (units.name, units.metres, units.source) == (name, metres, source)
    assert bool(units.note) == (source == "assumed")


def test_units_that_are_none_are_refused_and_doubts_are_told():
    with pytest.raises(ConfigError):
        decide("parsec", 4, None, 0)
    assert "imperial" in decide(None, 0, 0, 100).note
    assert all(metres > 0 for _, metres in INSUNITS.values())
    assert [METRES["in"] * 12, METRES["yd"] / 3] == pytest.approx([METRES["ft"]] * 2)


# --- coordinate systems -----------------------------------------------------------------------------------------


@FAST
@given(st.lists(st.tuples(vector, vector), min_size=1, max_size=5))
def test_object_coordinates_are_those_of_the_arbitrary_axis_algorithm(pairs):
    normal = np.array([n if np.linalg.norm(n) > 1e-6 else (0, 0, 1) for n, _ in pairs], dtype=float)
    point = np.array([p for _, p in pairs], dtype=float)
    ours = to_world(point, axes(normal))
    theirs = [tuple(OCS(n).to_wcs(p)) for n, p in zip(normal.tolist(), point.tolist(), strict=True)]
    assert np.allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("x", [1 / 64 - 1e-9, 1 / 64 + 1e-9, -1 / 64 + 1e-9])
def test_the_seed_axis_changes_where_it_must(x):
    normal = np.array([[x, 0.0, math.sqrt(1 - x * x)]])
    assert np.allclose(axes(normal)[0].T[0], tuple(OCS(normal[0]).ux))


def test_an_extrusion_that_is_none_counts_as_up():
    for bad in [(0, 0, 0), (np.nan, 0, 1), (np.inf, 0, 0)]:
        assert np.allclose(axes(np.array([bad], dtype=float))[0], np.eye(3))


@FAST
@given(vector, st.floats(-7, 7))
def test_euler_angles_give_the_matrix_back(normal, angle):
    if np.linalg.norm(normal) < 1e-6:
        normal = (0, 0, 1)
    matrix = axes(np.array([normal], dtype=float)) @ about_z(np.array([angle]))
    x, y, z = euler_xyz(matrix)[0]

    def turn(axis: int, a: float) -> np.ndarray:
        out = np.eye(3)
        i, j = [k for k in range(3) if k != axis]
        out[i, i] = out[j, j] = math.cos(a)
        out[j, i] = math.sin(a) * (-1 if axis == 1 else 1)
        out[i, j] = -out[j, i]
        return out

    assert np.allclose(turn(2, z) @ turn(1, y) @ turn(0, x), matrix[0], atol=1e-6)


# --- curves -----------------------------------------------------------------------------------------------------


@FAST
@given(st.floats(1e-3, 1e6), st.floats(0.001, 2 * math.pi))
def test_chords_stay_within_tolerance(radius, sweep):
    (chords,) = segments_for(np.array([radius]), np.array([sweep]))
    assert 1 <= chords <= MOST_CHORDS
    sagitta = radius * (1 - math.cos(sweep / chords / 2))
    assert sagitta <= TOLERANCE_M * 1.001 or chords == MOST_CHORDS
    assert sweep / chords <= math.pi / 4 + 1e-9


def test_overflowing_radii_give_points_and_not_an_error():
    with np.errstate(all="ignore"):
        assert segments_for(np.array([np.inf, np.nan, 1e308, 0]), np.array([6.0, 6, 6, 6])).min() >= 1


def test_an_arc_runs_from_start_to_end():
    offset, at = arcs(
        np.zeros((2, 3)), np.array([2.0, 1]), np.array([0, 0.0]), np.array([np.pi, 2 * np.pi]), np.array([False, True])
    )
    first, circle = at[: offset[1]], at[offset[1] :]
    assert np.allclose(first[[0, -1]], [[2, 0, 0], [-2, 0, 0]])
    assert np.allclose(np.linalg.norm(first, axis=1), 2)
    assert not np.allclose(circle[0], circle[-1])


@FAST
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(-4, 4)), min_size=2, max_size=5), st.booleans()
)
@example(
    [(0.0, 0.0, 0.0), (37.81941899612913, 37.819254121229065, 1.0), (37.819254121229065, 37.819254121229065, 1.0)], True
)
def test_bulges_are_the_arcs_that_ezdxf_makes_of_them(vertices, closed):
    at = np.array([(x, y, 1.5) for x, y, _ in vertices])
    bulge = np.array([b for _, _, b in vertices])
    offset, out = bulged(np.array([0, len(at)]), at, bulge, np.array([closed]))
    assert offset[0] == 0 and offset[-1] == len(out)
    assert (out[:, 2] == 1.5).all()
    left = out.tolist()
    for k, (x, y, b) in enumerate(vertices):
        assert left.pop(0)[:2] == [x, y]
        following = vertices[(k + 1) % len(vertices)]
        inner = []
        while left and left[0][:2] != list(following[:2]):  # vertices stay as they are: near ones are told apart
            inner.append(left.pop(0))
        last = k == len(vertices) - 1
        if (last and not closed) or abs(b) <= 1e-9 or Vec2(x, y).isclose(following[:2], abs_tol=1e-6):
            continue
        center, radius = bulge_center((x, y), following[:2], b), bulge_radius((x, y), following[:2], b)
        for point in inner:
            assert math.isclose(Vec2(point[:2]).distance(center), radius, rel_tol=1e-6, abs_tol=1e-6)
        if inner:  # and on the right side of the chord: a positive bulge turns left, so its arc lies to the right
            chord, first = Vec2(following[:2]) - Vec2(x, y), Vec2(inner[len(inner) // 2][:2]) - Vec2(x, y)
            assert chord.det(first) * b < 1e-9


def test_ragged_arrays_pick_what_they_say():
    offset = offsets(np.array([2, 0, 3]))
    assert offset.tolist() == [0, 2, 2, 5]
    assert within(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
    assert picked(offset, np.array([2, 1, 0])).tolist() == [2, 3, 4, 0, 1]


# --- entities ---------------------------------------------------------------------------------------------------


def path_of(tmp_path, function, text: str, kind: str):
    chunk = cv.chunk_of(tmp_path, text)
    return function(group(chunk, of_kind(chunk, kind)), 1.0)


def test_a_line_is_in_the_world_whatever_its_extrusion(tmp_path):
    made = path_of(tmp_path, paths.lines, cv.entity("LINE", (10, 1), (20, 2), (11, 3), (31, 4), (230, -1)), "LINE")
    assert made.points.tolist() == [[1, 2, 0], [3, 0, 4]]


def test_a_circle_below_is_mirrored(tmp_path):
    made = path_of(
        tmp_path, paths.circles, cv.entity("CIRCLE", (10, 5), (20, 2), (30, 1), (40, 1), (230, -1)), "CIRCLE"
    )
    assert made.closed.all()
    assert np.allclose((made.points.min(axis=0) + made.points.max(axis=0)) / 2, (-5, 2, -1), atol=0.01)


@pytest.mark.parametrize(
    ("start", "end", "turn"), [(0, 90, 90), (350, 10, 20), (-90, 90, 180), (0, 360, 360), (30, 30, 360)]
)
def test_an_arc_is_counter_clockwise_in_degrees(tmp_path, start, end, turn):
    text = cv.entity("ARC", (10, 0), (20, 0), (40, 1), (50, start), (51, end))
    made = path_of(tmp_path, paths.circular_arcs, text, "ARC")
    assert made.lengths()[0] == pytest.approx(math.radians(turn), abs=0.03)
    assert made.points[0].tolist() == pytest.approx([math.cos(math.radians(start)), math.sin(math.radians(start)), 0])


def test_an_ellipse_has_its_minor_axis_left_of_the_major(tmp_path):
    text = cv.entity("ELLIPSE", (10, 0), (20, 0), (11, 2), (21, 0), (40, 0.5), (41, 0), (42, math.pi / 2))
    made = path_of(tmp_path, paths.elliptic_arcs, text, "ELLIPSE")
    assert np.allclose(made.points[[0, -1]], [[2, 0, 0], [0, 1, 0]])
    below = path_of(tmp_path, paths.elliptic_arcs, text + cv.tag(230, -1), "ELLIPSE")
    assert np.allclose(below.points[-1], [0, -1, 0])


def test_lwpolylines_keep_their_own_bulges_and_elevations(tmp_path):
    text = (
        cv.entity("LWPOLYLINE", (42, 9), (38, 3), (10, 0), (20, 0), (10, 2), (20, 0), (42, 1.0))
        + cv.entity("LWPOLYLINE", (70, 1), (10, 5), (20, 5), (10, 6), (20, 5), (10, 6), (20, 6))
        + cv.entity("LWPOLYLINE", (70, 1))
    )
    made = path_of(tmp_path, paths.lwpolylines, text, "LWPOLYLINE")
    assert made.counts.tolist() == [2, 3, 0]  # an open line's last bulge leads nowhere
    assert made.points[:, 2].tolist() == [3, 3, 0, 0, 0]
    assert made.lengths().tolist() == pytest.approx([2, 2 + math.sqrt(2), 0])


def polyline(*vertices: tuple, flags: int = 0, **more) -> str:
    head = cv.entity("POLYLINE", (66, 1), (70, flags), *[(int(k[1:]), v) for k, v in more.items()])
    return head + "".join(cv.entity("VERTEX", *v) for v in vertices) + cv.entity("SEQEND")


def test_polylines_of_two_and_three_dimensions(tmp_path):
    text = (
        polyline(((10, 0), (20, 0), (30, 9)), ((10, 1), (20, 0), (30, 9)), c30=4)
        + polyline(((10, 0), (20, 0), (30, 1)), ((10, 1), (20, 0), (30, 2)), flags=9, c230=-1)
        + polyline(((10, 7), (70, 16)), ((10, 1), (70, 8)), ((10, 2), (70, 8)), flags=4)
        + polyline(flags=0)
    )
    chunk = cv.chunk_of(tmp_path, text)
    curves, meshes = polylines(chunk, of_kind(chunk, "POLYLINE"), 1.0)
    assert curves.counts.tolist() == [2, 2, 2, 0]
    assert curves.points[:, 2].tolist() == [4, 4, 1, 2, 0, 0]
    assert curves.points[4:, 0].tolist() == [1, 2]  # the control frame of a fitted curve is not on it
    assert curves.closed.tolist() == [False, True, False, False]
    assert len(meshes.entity) == 0


def test_texts_stand_in_their_own_plane_and_mtext_in_the_world(tmp_path):
    text = cv.entity("TEXT", (10, 3), (20, 1), (230, -1)) + cv.entity("MTEXT", (10, 3), (20, 1), (230, -1))
    chunk = cv.chunk_of(tmp_path, text)
    assert paths.points(group(chunk, of_kind(chunk, "TEXT")), 1, ocs=True).points.tolist() == [[-3, 1, 0]]
    assert paths.points(group(chunk, of_kind(chunk, "MTEXT")), 1, ocs=False).points.tolist() == [[3, 1, 0]]


CORNERS = [(10, 0), (20, 0), (11, 2), (21, 0), (12, 2), (22, 2), (13, 0), (23, 2)]
CROSSED = [(10, 0), (20, 0), (11, 2), (21, 0), (12, 0), (22, 2), (13, 2), (23, 2)]


@pytest.mark.parametrize(
    ("kind", "tags", "corners", "triangles"),
    [
        ("3DFACE", CORNERS, 4, 2), ("3DFACE", CORNERS[:6], 3, 1), ("3DFACE", [*CORNERS[:6], (13, 2), (23, 2)], 3, 1),
        ("SOLID", CROSSED, 4, 2), ("TRACE", CROSSED, 4, 2), ("SOLID", CROSSED[:6], 3, 1),
    ],
)  # fmt: skip
def test_faces_have_their_corners_in_order(tmp_path, kind, tags, corners, triangles):
    chunk = cv.chunk_of(tmp_path, cv.entity(kind, *tags))
    mesh = faces.quads(group(chunk, of_kind(chunk, kind)), 1.0, ocs=kind != "3DFACE")
    assert (len(mesh.vertices), len(mesh.faces)) == (corners, triangles)
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    area = np.cross(b - a, c - a)[:, 2] / 2
    assert (area > 0).all()
    assert area.sum() == pytest.approx(2 * triangles)


def test_a_polygon_mesh_joins_its_grid(tmp_path):
    grid = [((10, i), (20, j), (30, i * j)) for i in range(3) for j in range(4)]
    for flags, count in ((16, 2 * 3 * 2), (17, 3 * 3 * 2), (48, 2 * 4 * 2), (49, 3 * 4 * 2)):
        chunk = cv.chunk_of(tmp_path, polyline(*grid, flags=flags, c71=3, c72=4))
        _, mesh = polylines(chunk, of_kind(chunk, "POLYLINE"), 1.0)
        assert (len(mesh.vertices), len(mesh.faces)) == (12, count)
    chunk = cv.chunk_of(tmp_path, polyline(*grid, flags=16, c71=2**40, c72=2**40))
    _, mesh = polylines(chunk, of_kind(chunk, "POLYLINE"), 1.0)
    assert (len(mesh.vertices), len(mesh.faces)) == (12, 0)


def test_a_polyface_takes_the_vertices_its_faces_use(tmp_path):
    places = [((10, x), (20, y), (70, 192)) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (99, 99))]
    sides = [
        ((70, 128), (71, 1), (72, -2), (73, 3), (74, 4)),
        ((70, 128), (71, 1), (72, 2), (73, 77)),
        ((70, 128), (71, 1)),
    ]
    chunk = cv.chunk_of(tmp_path, polyline(*places, *sides, flags=64))
    _, mesh = polylines(chunk, of_kind(chunk, "POLYLINE"), 1.0)
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


# --- the rarer types --------------------------------------------------------------------------------------------


def rare(kind: str, *tags: tuple[int, object], metres: float = 1.0):
    return shape(kind, cv.entity(kind, (100, "AcDbEntity"), *tags, handle="1").encode(), "utf-8", metres)


def test_a_spline_goes_from_its_first_control_point_to_its_last():
    control = [tag for x, y in ((0, 0), (1, 2), (3, 2), (4, 0)) for tag in ((10, x), (20, y), (30, 0))]
    knots = [(40, k) for k in (0, 0, 0, 0, 1, 1, 1, 1)]
    made = rare("SPLINE", (100, "AcDbSpline"), (70, 8), (71, 3), (72, 8), (73, 4), *knots, *control, metres=0.5)
    ((points, closed),) = made.rings
    assert (points[0].tolist(), points[-1].tolist(), closed) == ([0, 0, 0], [2, 0, 0], False)
    assert len(points) > 5


def test_a_hatch_is_its_boundary():
    made = rare(
        "HATCH", (100, "AcDbHatch"), (10, 0), (20, 0), (30, 2), (2, "SOLID"), (70, 1), (71, 0), (91, 1), (92, 3),
        (72, 0), (73, 1), (93, 3), (10, 0), (20, 0), (10, 4), (20, 0), (10, 4), (20, 3), (97, 0), (75, 0),
        (76, 1), (98, 0),
    )  # fmt: skip
    ((points, closed),) = made.rings
    assert closed
    assert points.tolist() == [[0, 0, 2], [4, 0, 2], [4, 3, 2]]


def test_a_mesh_has_its_faces():
    made = rare(
        "MESH", (100, "AcDbSubMesh"), (71, 2), (72, 0), (91, 0), (92, 4), (10, 0), (20, 0), (30, 0), (10, 1), (20, 0),
        (30, 0), (10, 1), (20, 1), (30, 0), (10, 0), (20, 1), (30, 0), (93, 5), (90, 4), (90, 0), (90, 1), (90, 2),
        (90, 3), (94, 0), (95, 0),
    )  # fmt: skip
    assert made.rings == []
    assert (len(made.vertices), len(made.faces)) == (4, 2)


@pytest.mark.parametrize("kind", ["DIMENSION", "VIEWPORT", "XLINE", "ACAD_PROXY_ENTITY", "NOBODYKNOWS", "MLINE"])
def test_what_has_no_geometry_of_its_own_says_so(kind):
    with pytest.raises(NoGeometryError):
        rare(kind)


@pytest.mark.parametrize("tags", [[(70, "x")], [(100, "AcDbSpline"), (71, 3), (73, 1), (10, 0), (20, 0), (30, 0)]])
def test_what_ezdxf_cannot_read_is_the_entity_s_fault(tags):
    with pytest.raises((ValueError, NoGeometryError)):
        rare("SPLINE", *tags)


def test_a_solid_of_flat_faces_has_them():
    import ezdxf
    from ezdxf.acis import api
    from ezdxf.render import forms

    doc = ezdxf.new("R2000")
    solid = doc.modelspace().add_3dsolid()
    api.export_dxf(solid, [api.body_from_mesh(forms.cube())])

    made = from_document(solid)

    assert (len(made.vertices), len(made.faces)) == (8, 12)
    assert np.ptp(made.vertices, axis=0).tolist() == [1, 1, 1]


def test_a_leader_keeps_its_vertices():
    import ezdxf

    leader = ezdxf.new("R2000").modelspace().add_leader([(0, 0), (3, 4), (5, 4)], dxfattribs={"dimstyle": "Standard"})

    ((points, closed),) = from_document(leader.entities[0] if hasattr(leader, "entities") else leader).rings

    assert points.tolist() == [[0, 0, 0], [3, 4, 0], [5, 4, 0]]
    assert not closed


def from_document(entity):
    """Return the shape of an entity as ezdxf would write it."""
    from ezdxf.lldxf.tagwriter import TagCollector

    tags = TagCollector.dxftags(entity, dxfversion="AC1015")
    text = "".join(f"{tag.code:>3}\n{tag.value}\n" for tag in tags)
    return shape(entity.dxftype(), text.encode(), "utf-8", 1.0)
