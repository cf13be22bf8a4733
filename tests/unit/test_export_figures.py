from __future__ import annotations

import numpy as np
import pytest

from dxfd.convert.build import bodies
from dxfd.convert.build.ragged import Meshes, Paths
from dxfd.export import decimals
from dxfd.export.figures import Figure, Kind, figures
from dxfd.export.topology import Topologies, examine


def paths(*rings: list[tuple[float, float, float]], closed: bool = True) -> Paths:
    counts = np.cumsum([0] + [len(ring) for ring in rings])
    points = np.array([p for ring in rings for p in ring], dtype=np.float64)
    return Paths(np.arange(len(rings)), counts, points, np.full(len(rings), closed))


def blobs(mesh: Meshes) -> list[tuple[bytes, bytes]]:
    out = []
    for k in range(len(mesh.entity)):
        v = mesh.vertices[mesh.vertex_offset[k] : mesh.vertex_offset[k + 1]]
        f = mesh.faces[mesh.face_offset[k] : mesh.face_offset[k + 1]]
        center = (v.min(axis=0) + v.max(axis=0)) / 2
        out.append(((v - center).astype("<f4").tobytes(), f.astype("<u4").tobytes()))
    return out


def figured(mesh: Meshes) -> list[Figure]:
    return figures(blobs(mesh), Topologies())


def volume_of(mesh: Meshes) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def area_of(ring: str) -> float:
    points = np.array([[float(v) for v in pair.split(",")] for pair in ring.strip("()").split("),(")])
    x, y = points.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


def test_numbers_looked_up_and_laid_out_are_the_same_text():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(5000, 3)) * 10.0 ** rng.integers(-7, 4, size=(5000, 1))
    values[:3] = [[0, -0.0, 1], [99997.99999, -0.000004, -0.000006], [0.1, 0.01, 10]]
    fast, slow = decimals._looked_up(values), decimals._formatted(values, 5)
    assert fast[0] == slow[0]
    assert fast[1].tolist() == slow[1].tolist()


def test_numbers_are_what_python_would_write():
    values = np.array([[0.0, -0.000001, 1234567.891234], [-0.5, 100.0, 7.25]])
    text = decimals.rows(values, 5)
    assert [text.one(0), text.one(1)] == ["(0.,0.,1234567.89123)", "(-0.5,100.,7.25)"]
    assert text.many(0, 2) == "(0.,0.,1234567.89123),(-0.5,100.,7.25)"
    assert text.bare(1) == "-0.5,100.,7.25"


def test_a_wall_along_a_line_is_a_box_that_rises():
    (figure,) = figured(
        bodies.boxes_along(paths([(0, 0, 0), (3, 4, 0)], closed=False), np.array([0.2]), np.array([3.0]), standing=True)
    )
    assert (figure.kind, figure.numbers, figure.depth, figure.axis) == (Kind.BOX, "5.,0.2", "3.", "")
    assert figure.base == "(0.,0.,-1.5)"
    assert figure.side.startswith("(0.6")


def test_a_concave_outline_is_a_prism_with_its_area():
    ring = [(0, 0, 0), (3, 0, 0), (3, 1, 0), (1, 1, 0), (1, 4, 0), (0, 4, 0)]
    (figure,) = figured(bodies.prisms(paths(ring), np.array([2.5])))
    assert figure.kind is Kind.PRISM
    assert (area_of(figure.numbers), figure.depth, figure.axis, figure.side) == (6.0, "2.5", "", "")


def test_a_pipe_is_a_prism_along_its_line():
    mesh = bodies.tubes_along(paths([(0, 0, 0), (2, 3, 1)], closed=False), np.array([0.1]))
    (figure,) = figured(mesh)
    assert figure.kind is Kind.PRISM
    assert area_of(figure.numbers) * float(figure.depth) == pytest.approx(volume_of(mesh), rel=1e-3)


def test_a_pipe_with_a_bend_keeps_its_triangles():
    (figure,) = figured(bodies.tubes_along(paths([(0, 0, 0), (2, 0, 0), (2, 2, 0)], closed=False), np.array([0.1])))
    assert (figure.kind, figure.closed) == (Kind.FACES, True)
    assert figure.triangles.count("(") == 45


def test_a_leaning_prism_is_none():
    mesh = bodies.prisms(paths([(0, 0, 0), (2, 0, 0), (2, 2, 0), (1, 3, 0), (0, 2, 0)]), np.array([1.0]))
    mesh.vertices[5:, 0] += 0.01
    assert figured(mesh)[0].kind is Kind.FACES


def test_a_prism_whose_caps_lie_over_one_another_is_none():
    mesh = bodies.prisms(paths([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0)]), np.array([1.0]))
    mesh.vertices[[2, 6]] = mesh.vertices[[1, 5]] + [-1.0, -0.5, 0.0]  # the outline crosses itself
    assert figured(mesh)[0].kind is Kind.FACES


def test_a_frame_is_a_prism_with_a_hole():
    outer, inner = [(0, 0), (4, 0), (4, 4), (0, 4)], [(1, 1), (1, 3), (3, 3), (3, 1)]
    ring = np.array([(x, y, 0.0) for x, y in outer + inner])
    cap = [(0, 1, 7), (0, 7, 4), (1, 2, 6), (1, 6, 7), (2, 3, 5), (2, 5, 6), (3, 0, 4), (3, 4, 5)]
    sides = []
    for first in (0, 4):
        for k in range(4):
            i, j = first + k, first + (k + 1) % 4
            sides += [(i, j, j + 8), (i, j + 8, i + 8)]
    faces = [t[::-1] for t in cap] + [tuple(v + 8 for v in t) for t in cap] + sides
    vertices = np.concatenate([ring, ring + np.array([0, 0, 0.3])]) - [2, 2, 0.15]
    body = (vertices.astype("<f4").tobytes(), np.array(faces, dtype="<u4").tobytes())
    (figure,) = figures([body], Topologies())
    assert figure.kind is Kind.PRISM
    outside, hole = figure.numbers.split("|")
    assert (area_of(outside), area_of(hole)) == (16.0, 4.0)


def test_open_faces_are_told_from_closed_ones():
    assert examine(np.array([[0, 1, 2], [0, 2, 3]])).closed is False
    assert examine(np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])).closed is True


def test_curves_points_and_nothing():
    line = np.array([[0, 0, 0], [1, 0, 0]], dtype="<f4").tobytes()
    found = figures([(line, b""), (line[:12], b""), (b"", b"")], Topologies())
    assert [figure.kind for figure in found] == [Kind.CURVE, Kind.POINT, Kind.NOTHING]


def test_faces_that_name_no_vertex_are_left_out():
    triangle = np.array([[0, 1, 9]], dtype="<u4").tobytes()
    points = np.zeros((3, 3), dtype="<f4").tobytes()
    assert figures([(points, triangle)], Topologies())[0].kind is Kind.NOTHING
