"""Bodies with curved edges and faces: flat faces with arcs become faces, curved ones the box that they really reach."""

from __future__ import annotations

import math

import ezdxf
import numpy as np
import pytest

from dxfd.convert.build import acis, acis_extents, sat
from tests.support import convert as cv

HEAD = ["700 0 1 0", "@8 x", "1 1e-06 1e-10"]
Z = np.array([0.0, 0.0, 1.0])


class Body:
    """One face and its loops, written as SAT records."""

    def __init__(self, surface: str, *numbers: object, turned: bool = False) -> None:
        self.lines: list[str] = []
        self.face = self.add("")
        self.surface = self.add(f"{surface} $-1 -1 $-1 {text(numbers)} forward_v I I I I")
        self.loops: list[int] = []
        self.word = word(turned)

    def add(self, record: str) -> int:
        self.lines.append(record)
        return len(self.lines) - 1

    def loop(self, *edges: tuple[str, np.ndarray, np.ndarray, bool]) -> None:
        """Add a loop of edges: curve, begin, end, and whether they are passed backwards."""
        first = len(self.lines) + 1
        loop = self.add("")
        self.loops.append(loop)
        for k, (curve, begin, end, backwards) in enumerate(edges):
            at = first + 7 * k
            following = first + 7 * ((k + 1) % len(edges))
            self.add(f"coedge $-1 -1 $-1 ${following} ${following} $-1 ${at + 1} {word(backwards)} ${loop} $-1")
            self.add(f"edge $-1 -1 $-1 ${at + 2} 0 ${at + 3} 1 ${at} ${at + 6} forward @7 unknown")
            for side in (0, 1):
                self.add(f"vertex $-1 -1 $-1 ${at + 1} ${at + 4 + side}")
            for corner in (begin, end):
                self.add(f"point $-1 -1 $-1 {text(corner)}")
            self.add(curve)

    def records(self, transform: np.ndarray | None = None, shift: tuple[float, ...] = (0, 0, 0)) -> list[sat.Record]:
        following = [*self.loops[1:], -1]
        for loop, after in zip(self.loops, following, strict=True):
            self.lines[loop] = f"loop $-1 -1 $-1 ${after} ${loop + 1} ${self.face}"
        shell = len(self.lines)
        first = self.loops[0] if self.loops else -1
        self.lines[self.face] = f"face $-1 -1 $-1 $-1 ${first} ${shell} $-1 ${self.surface} {self.word} single"
        placed = shell + 3 if transform is not None else -1
        self.lines += [
            f"shell $-1 -1 $-1 $-1 $-1 ${self.face} $-1 ${shell + 1}",
            f"lump $-1 -1 $-1 $-1 ${shell} ${shell + 2}",
            f"body $-1 -1 $-1 ${shell + 1} $-1 ${placed}",
        ]
        if transform is not None:
            self.lines.append(f"transform $-1 -1 {text(transform.ravel())} {text(shift)} 1 rotate no_reflect no_shear")
        return sat.records(self.sat())

    def sat(self) -> list[str]:
        return [*HEAD, *(f"{line} #" for line in self.lines)]


def word(turned: bool) -> str:
    return "reversed" if turned else "forward"


def text(numbers) -> str:
    return " ".join(f"{v:.17g}" if isinstance(v, float) else str(v) for v in np.hstack(numbers).tolist())


def circle(center, normal, major) -> str:
    return f"ellipse-curve $-1 -1 $-1 {text((center, normal, major))} 1 I I"


def turn(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


def close(found, low, high, slack: float = 1e-6) -> None:
    assert found is not None
    assert np.abs(np.concatenate(found) - np.concatenate([low, high])).max() < slack, found


@pytest.mark.parametrize("height", [-1.2, 0.0, 0.7, 1.9])
@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_the_box_of_a_part_of_a_sphere_is_that_of_its_points(height, upper, seed):
    body = Body("sphere-surface", 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    center, radius = np.array([1.0, 2.0, 3.0 + height]), math.sqrt(4 - height * height)
    at = center + np.array([radius, 0, 0])
    body.loop((circle(center, Z, np.array([radius, 0, 0])), at, at, not upper))
    matrix = np.eye(3) if seed is None else turn(seed)
    u = np.linspace(0, math.tau, 721)[:, None]
    edge = math.acos(height / 2)
    v = np.linspace(0, edge, 721) if upper else np.linspace(edge, math.pi, 721)
    ball = np.stack(np.broadcast_arrays(np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)), axis=-1)
    points = (2 * ball.reshape(-1, 3) + (1, 2, 3)) @ matrix + (10, 0, 0)
    found = acis_extents.box(body.records(None if seed is None else matrix, (10, 0, 0)))
    shift = np.array([10, 0, 0]) if seed is None else 0
    close(found, points.min(axis=0) - shift, points.max(axis=0) - shift, 1e-3)


@pytest.mark.parametrize("ends", [(0.3, 1.2), (0.3, 4.0), (-1.0, 1.0), (2.0, 3.5)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_box_of_a_pipe_bend_is_that_of_its_points(ends, seed):
    body = Body("torus-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 1.0, 1.0, 0.0, 0.0)
    for angle, last in zip(ends, (False, True), strict=True):
        out = np.array([math.cos(angle), math.sin(angle), 0.0])
        at = 6 * out
        # left of both circles, as seen from outside, lies the bend
        body.loop((circle(5 * out, np.cross(Z, out), out), at, at, last))
    matrix = turn(seed)
    u, v = np.linspace(*ends, 721)[:, None], np.linspace(0, math.tau, 721)
    level = 5 + np.cos(v)
    tube = np.stack(np.broadcast_arrays(np.cos(u) * level, np.sin(u) * level, np.sin(v)), axis=-1).reshape(-1, 3)
    points = tube @ matrix
    close(acis_extents.box(body.records(matrix)), points.min(axis=0), points.max(axis=0), 1e-3)


@pytest.mark.parametrize("turned", [True, False])
def test_the_box_of_an_arc_knows_which_way_round_it_goes(turned):
    body = Body("cone-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0)
    begin, end = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    arc = circle(np.zeros(3), Z, np.array([1.0, 0, 0]))
    line = "straight-curve $-1 -1 $-1 0 0 0 0 0 1 I I"
    top = np.array([0, 0, 4.0])
    body.loop(
        (arc, begin, end, False), (line, end, end + top, False),
        (circle(top, Z, np.array([1.0, 0, 0])), begin + top, end + top, True), (line, begin, begin + top, True),
    )  # fmt: skip
    if turned:  # the other three quarters
        body.lines = [line.replace("forward @7", "reversed @7") if line.startswith("edge") else line
                      for line in body.lines]  # fmt: skip
    low = [-1, -1, 0] if turned else [0, 0, 0]
    close(acis_extents.box(body.records()), low, [1, 1, 4])


def test_a_region_with_round_ends_has_its_area(tmp_path):
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    a, b, c, d = (np.array([x, y, 0.0]) for x, y in ((0, -1), (4, -1), (4, 1), (0, 1)))
    line = "straight-curve $-1 -1 $-1 0 0 0 1 0 0 I I"
    right, left = np.array([4.0, 0, 0]), np.zeros(3)
    body.loop(
        (line, a, b, False), (circle(right, Z, np.array([1.0, 0, 0])), b, c, False), (line, d, c, True),
        (circle(left, Z, np.array([0, 1.0, 0])), d, a, False),
    )  # fmt: skip
    hole = np.array([2.5, 0, 0])
    body.loop((circle(np.array([2.0, 0, 0]), Z, np.array([0.5, 0, 0])), hole, hole, True))
    body.records()
    doc = ezdxf.new("R2000")
    doc.header["$INSUNITS"] = 6
    doc.modelspace().add_region().sat = body.sat()
    doc.saveas(tmp_path / "in.dxf")
    found = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml"), tolerance_m=1e-4)
    assert not found.report.issues
    ((vertices, triangles),) = found.rows("SELECT vertices, faces FROM base_geometries")
    points, faces = cv.vertices(vertices), cv.faces(triangles)
    x, y, z = (points[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(y - x, z - x), axis=1).sum() / 2
    assert area == pytest.approx(8 + math.pi - math.pi / 4, rel=1e-3)
    close((points.min(axis=0), points.max(axis=0)), [-3, -1, 0], [3, 1, 0], 1e-3)


def test_edges_that_are_splines_are_drawn_and_reach_no_farther_than_they_do():
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    begin, end = np.zeros(3), np.array([4.0, 0, 0])
    curve = "intcurve-curve $-1 -1 $-1 forward { exactcur full nubs 2 open 2 0 2 1 2 0 0 0 2 4 0 4 0 0 0 } I I"
    body.loop((curve, begin, end, False), ("straight-curve $-1 -1 $-1 0 0 0 1 0 0 I I", begin, end, True))
    records = body.records()
    close(acis_extents.box(records), [0, 0, 0], [4, 2, 0], 1e-3)
    points, faces = acis.faces(records)
    x, y, z = (points[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(y - x, z - x), axis=1).sum() / 2
    assert area == pytest.approx(16 / 3, rel=1e-3)


def test_bodies_of_endless_arcs_are_passed_over(tmp_path):
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    corners = [np.array([1e6 * math.cos(k), 1e6 * math.sin(k), 0.0]) for k in range(300)]
    arc = circle(np.zeros(3), Z, np.array([1e6, 0.0, 0.0]))
    body.loop(*((arc, a, b, False) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)))
    body.records()
    doc = ezdxf.new("R2000")
    doc.header["$INSUNITS"] = 6
    doc.modelspace().add_region().sat = body.sat()
    doc.saveas(tmp_path / "in.dxf")
    report = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml")).report
    assert [(row.outcome, row.reason) for row in report.ledger] == [("skipped", "too_many_vertices")]


@pytest.mark.parametrize(
    "curve",
    [
        "ellipse-curve $-1 -1 $-1 0 0 0 0 0 1 0 0 0 1 I I",
        "ellipse-curve $-1 -1 $-1 1 2 I I",
        "intcurve-curve $-1 -1 $-1 forward { ref 3 } I I",
        "intcurve-curve $-1 -1 $-1 forward { exactcur full nubs 3 open 9999999 0 3 } I I",
        "intcurve-curve $-1 -1 $-1 forward { exactcur full nubs -3 open 2 0 3 1 3 0 0 0 } I I",
        "degenerate_curve $-1 -1 $-1 0 0 0 I I",
    ],
)
def test_curves_that_cannot_be_read_leave_the_corners(curve):
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    begin, end = np.zeros(3), np.array([4.0, 1.0, 0.0])
    body.loop((curve, begin, end, False), ("straight-curve $-1 -1 $-1 0 0 0 1 0 0 I I", begin, end, True))
    records = body.records()
    assert acis.faces(records) is None
    close(acis_extents.box(records), [0, 0, 0], [4, 1, 0])
