"""Bodies: closed, facing outward, without slivers, whatever the recipe and the outline."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dxfd.convert.build import bodies
from dxfd.convert.build.ragged import Meshes, Paths, offsets
from tests.support import convert as cv


def path(*points: tuple[float, ...], closed: bool = False) -> Paths:
    at = np.array([(*p, 0.0)[:3] for p in points], dtype=float).reshape(-1, 3)
    return Paths(np.array([0]), np.array([0, len(at)]), at, np.array([closed]))


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    at = vertices - vertices.mean(axis=0)
    a, b, c = (at[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def parts_of(faces: np.ndarray) -> list[np.ndarray]:
    """Return the faces of each part that hangs together."""
    label = np.arange(faces.max() + 1)
    while True:
        least = label[faces].min(axis=1)
        before = label.copy()
        for k in range(3):
            np.minimum.at(label, faces[:, k], least)
        if (label == before).all():
            return [faces[label[faces[:, 0]] == mark] for mark in np.unique(label[faces[:, 0]])]


def check(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Fail unless the body is watertight, outward and free of degenerate triangles; return its volume."""
    assert len(faces)
    assert faces.min() >= 0 and faces.max() < len(vertices)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    once, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 1).all(), "an edge is run through twice the same way"
    assert {tuple(e) for e in once.tolist()} == {(b, a) for a, b in once.tolist()}, (
        "an edge has a face on one side only"
    )
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    assert (np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-9).all(), "a triangle without area"
    volumes = [volume(vertices, part) for part in parts_of(faces)]
    assert min(volumes) > 0, "a part is inside out"
    return sum(volumes)


def whole(mesh: Meshes) -> tuple[np.ndarray, np.ndarray]:
    assert len(mesh.entity) == 1
    return mesh.vertices, mesh.faces.astype(np.int64)


ONE = np.array([1.0])
coordinate = st.floats(-9, 9).map(lambda v: round(v, 1))
place = st.tuples(coordinate, coordinate, coordinate)


@settings(deadline=None, max_examples=100)
@given(st.lists(place, min_size=2, max_size=5, unique=True), st.booleans())
def test_what_runs_along_a_line_is_closed_and_outward(points, closed):
    line = path(*points, closed=closed)
    segments = len(points) - 1 + (closed and len(points) > 2)
    for made in (
        bodies.boxes_along(line, 0.2 * ONE, 3 * ONE, standing=True),
        bodies.boxes_along(line, 0.3 * ONE, 0.5 * ONE, standing=False),
        bodies.tubes_along(line, 0.1 * ONE),
        bodies.tubes_along(line, 2.0 * ONE),
    ):
        vertices, faces = whole(made)
        check(vertices, faces)
        assert 1 <= len(parts_of(faces)) <= segments


def test_a_wall_stands_on_its_line_and_a_duct_has_it_as_axis():
    line = path((0, 0, 1), (4, 0, 1))
    vertices, faces = whole(bodies.boxes_along(line, 0.2 * ONE, 3 * ONE, standing=True))
    assert vertices.min(axis=0).tolist() == pytest.approx([0, -0.1, 1])
    assert vertices.max(axis=0).tolist() == pytest.approx([4, 0.1, 4])
    assert check(vertices, faces) == pytest.approx(4 * 0.2 * 3)
    vertices, faces = whole(bodies.boxes_along(line, 0.4 * ONE, 0.3 * ONE, standing=False))
    assert vertices[:, 2].min() == pytest.approx(0.85)
    vertices, faces = whole(bodies.tubes_along(line, 0.1 * ONE))
    assert check(vertices, faces) == pytest.approx(4 * 2 * math.sqrt(2) * 0.05**2)


def test_upright_lines_have_bodies_too():
    line = path((0, 0, 0), (0, 0, 5))
    for made in (
        bodies.boxes_along(line, 0.2 * ONE, 3 * ONE, standing=True),
        bodies.boxes_along(line, 0.2 * ONE, 3 * ONE, standing=False),
        bodies.tubes_along(line, 0.1 * ONE),
    ):
        vertices, faces = whole(made)
        check(vertices, faces)
        assert vertices[:, 2].max() - vertices[:, 2].min() == pytest.approx(5)


SQUARE = [(0, 0), (4, 0), (4, 3), (0, 3)]
OUTLINES = {
    "square": (SQUARE, 12), "clockwise": (SQUARE[::-1], 12), "triangle": ([(0, 0), (2, 0), (0, 2)], 2),
    "ell": ([(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)], 7),
    "you": ([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)], 7),
    "arrow": ([(0, 0), (2, 1), (0, 2), (0.5, 1)], 1.5),
    "on a side": ([(0, 0), (2, 0), (4, 0), (4, 3), (0, 3)], 12),
    "repeated": ([(0, 0), (0, 0), (4, 0), (4, 3), (4, 3), (0, 3), (0, 0)], 12),
    "runs back": ([(0, 0.5), (0, 0), (4, 0), (4, 3), (2, 3), (0, 3), (0, 0.4)], 12),
    "spike": ([(0, 0), (4, 0), (4, 3), (4, 9), (4, 3), (0, 3)], 12),
    "far away": ([(x + 700_000, y + 5_000_000) for x, y in [(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)]], 7),
    "star": ([(math.cos(k * 0.6283) * (1 + k % 2), math.sin(k * 0.6283) * (1 + k % 2)) for k in range(10)], None),
    "round": ([(math.cos(k * math.pi / 20), math.sin(k * math.pi / 20)) for k in range(40)], None),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("height", [3.0, -0.2])
def test_prisms_over_any_outline_are_closed_and_outward(name, height):
    points, area = OUTLINES[name]
    outline = path(*points, closed=True)
    assert bodies.can_stand(outline).all()
    vertices, faces = whole(bodies.prisms(outline, height * ONE))
    found = check(vertices, faces)
    if area is not None:
        assert found == pytest.approx(area * abs(height), rel=1e-6)
    assert (vertices[:, 2].min(), vertices[:, 2].max()) == pytest.approx((min(height, 0), max(height, 0)))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.floats(0.5, 5).map(lambda v: round(v, 2)), min_size=3, max_size=24), st.booleans())
def test_prisms_over_ragged_outlines_are_closed_and_outward(radii, clockwise):
    n = len(radii)
    ring = [(r * math.cos(2 * math.pi * k / n), r * math.sin(2 * math.pi * k / n)) for k, r in enumerate(radii)]
    check(*whole(bodies.prisms(path(*(ring[::-1] if clockwise else ring), closed=True), ONE)))


def test_many_outlines_at_once_are_each_their_own():
    names = [n for n in OUTLINES if n != "far away"]
    rings = [np.array([(*p, 0.0) for p in OUTLINES[n][0]]) for n in names]
    paths = Paths(
        np.arange(len(names)),
        offsets(np.array([len(r) for r in rings])),
        np.concatenate(rings),
        np.ones(len(names), bool),
    )
    mesh = bodies.prisms(paths, np.full(len(names), 2.0))
    for k, name in enumerate(names):
        vertices = mesh.vertices[mesh.vertex_offset[k] : mesh.vertex_offset[k + 1]]
        faces = mesh.faces[mesh.face_offset[k] : mesh.face_offset[k + 1]].astype(np.int64)
        found = check(vertices, faces)
        assert OUTLINES[name][1] is None or found == pytest.approx(2 * OUTLINES[name][1])


@pytest.mark.parametrize(
    "points",
    [[(0, 0), (1, 0)], [(0, 0), (1, 0), (2, 0)], [(0, 0, 0), (1, 0, 1), (0, 1, 2)], [(0, 0), (0, 0), (0, 0)], []],
)
def test_what_encloses_nothing_does_not_stand(points):
    assert not bodies.can_stand(path(*points, closed=True)).any()
    assert not bodies.can_stand(path(*SQUARE)).any()


def test_a_box_has_the_size_it_is_asked_for():
    vertices = bodies.box_vertices(np.array([[2.0, 3.0, 4.0]]))[0]
    assert check(vertices, bodies.BOX_FACES.astype(np.int64)) == pytest.approx(24)


# --- recipes, end to end ----------------------------------------------------------------------------------------

PLAIN = (
    cv.entity("LINE", (10, 0), (20, 0), (11, 5), (21, 3), handle="1")
    + cv.entity("LWPOLYLINE", (70, 1), *[t for x, y in OUTLINES["ell"][0] for t in ((10, x), (20, y))], handle="2")
    + cv.entity("LWPOLYLINE", (70, 1), *[t for x, y in SQUARE[::-1] for t in ((10, x), (20, y))], handle="3")
    + cv.entity("CIRCLE", (10, 9), (20, 9), (40, 0.5), handle="4")
    + cv.entity("ARC", (10, 9), (20, 9), (40, 2), (50, 0), (51, 100), handle="5")
    + cv.entity("CIRCLE", (10, 1), (20, 9), (40, 0.5), (210, 1), (230, 1), handle="6")
    + cv.entity("INSERT", (2, "B"), (10, 3), (20, 3), (41, -2), (50, 33), handle="7")
    + cv.entity("POINT", (10, 1), (20, 1), handle="8")
)
BLOCK = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + cv.entity(
    "CIRCLE", (10, 1), (20, 1), (40, 1)
) + cv.entity("ENDBLK")  # fmt: skip
SOLID = {
    "wall": set("12345678"), "column": set("12345678"), "beam": set("12345678"), "duct": set("12345678"),
    "pipe": set("12345678"), "box": set("12345678"), "point": set("12345678"), "slab": set("23478"),
    "extrude": set("23478"), "curve": set("78"),
}  # fmt: skip


@pytest.mark.parametrize("recipe", SOLID)
def test_every_recipe_makes_sound_bodies(tmp_path, recipe):
    source = cv.write(tmp_path / "d.dxf", cv.drawing(PLAIN, blocks=BLOCK, head=cv.header(insunits=6)))
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml", recipe))
    rows = run.rows(
        "SELECT m.dxf_handle, g.vertices, g.faces, t.bbox_x, t.bbox_y, t.bbox_z, m.geometry_hash FROM elements_meta m"
        " JOIN element_geometry g ON g.guid = m.guid JOIN element_transforms t ON t.id = m.id"
    )
    assert len(rows) == 8
    assert {row[0] for row in rows if row[2]} == SOLID[recipe]
    for handle, blob, faces, *size, shared in rows:
        vertices = cv.vertices(blob)
        assert np.allclose(vertices.min(axis=0), -vertices.max(axis=0), atol=1e-5), "not about its centre"
        if not shared:
            assert np.allclose(np.ptp(vertices, axis=0), size, atol=1e-5)
        if faces:
            check(vertices, cv.faces(faces)), handle
