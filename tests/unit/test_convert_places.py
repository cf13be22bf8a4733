"""Types that few drawings have, written by hand: where their elements lie, corner by corner."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import convert as cv

TYPES = (*cv.TYPES, "ARC_DIMENSION", "LARGE_RADIAL_DIMENSION", "PDFUNDERLAY", "OLE2FRAME", "RTEXT")


def at(code: int, x: float, y: float, z: float = 0.0) -> list[tuple[int, object]]:
    return [(code, x), (code + 10, y), (code + 20, z)]


def vertex(x: float, y: float, z: float, flags: int, *more: tuple[int, object]) -> str:
    return cv.entity("VERTEX", *at(10, x, y, z), (70, flags), *more)


def polyline(flags: int, *vertices: str, more: tuple[tuple[int, object], ...] = ()) -> str:
    head = cv.entity("POLYLINE", (66, 1), *at(10, 0, 0, 2), (70, flags), *more)
    return head + "".join(vertices) + cv.entity("SEQEND")


def line(x: float, y: float, far_x: float, far_y: float) -> str:
    return cv.entity("LINE", *at(10, x, y), *at(11, far_x, far_y))


def block(name: str, *content: str) -> str:
    return cv.entity("BLOCK", (2, name), *at(10, 0, 0)) + "".join(content) + cv.entity("ENDBLK")


BLOCKS = block("*D1", line(3, 4, 9, 4)) + block("*T1", line(0, 0, 6, 0), line(0, -1, 6, -1))
SQUARE = ((0, 0), (2, 0), (2, 2), (0, 2))
DOWN = at(210, 0, 0, -1)
CASES = {
    "viewport": (cv.entity("VIEWPORT", *at(10, 5, 5), (40, 4), (41, 2), (69, 2)), (3, 4, 0), (7, 6, 0)),
    "viewport of no size": (cv.entity("VIEWPORT", *at(10, 5, 5), (40, 0), (41, 2)), None, "no_geometry"),
    "ole frame": (cv.entity("OLE2FRAME", *at(10, 1, 5), *at(11, 4, 2), (310, "00")), (1, 2, 0), (4, 5, 0)),
    "underlay": (
        cv.entity(
            "PDFUNDERLAY", *at(10, 1, 1), (41, 2), (42, 3), (43, 1), (50, 90), (11, 0), (21, 0), (11, 4), (21, 1)
        ),
        (-2, 1, 0), (1, 9, 0),
    ),
    "underlay without a clip": (cv.entity("PDFUNDERLAY", *at(10, 1, 2, 3)), (1, 2, 3), (1, 2, 3)),
    "tolerance": (cv.entity("TOLERANCE", *at(10, 1, 2, 3), *at(11, 1, 0)), (1, 2, 3), (1, 2, 3)),
    "text below": (cv.entity("TEXT", *at(10, 1, 2, 3), *DOWN, (1, "x")), (-1, 2, -3), (-1, 2, -3)),
    "shape below": (cv.entity("SHAPE", *at(10, 1, 2, 3), *DOWN, (2, "x")), (-1, 2, -3), (-1, 2, -3)),
    "attribute definition": (cv.entity("ATTDEF", *at(10, 1, 2, 3), (2, "T")), (1, 2, 3), (1, 2, 3)),
    "mtext below": (cv.entity("MTEXT", *at(10, 1, 2, 3), *DOWN, (1, "x")), (1, 2, 3), (1, 2, 3)),
    "light": (cv.entity("LIGHT", *at(10, 1, 2, 3), *at(11, 9, 9)), (1, 2, 3), (1, 2, 3)),
    "dimension": (cv.entity("DIMENSION", (2, "*D1"), *at(10, 0, 0)), (3, 4, 0), (9, 4, 0)),
    "dimension that was copied": (cv.entity("DIMENSION", (2, "*D1"), *at(12, 10, 20)), (13, 24, 0), (19, 24, 0)),
    "dimension without a picture": (
        cv.entity("ARC_DIMENSION", *at(10, 3, 2), *at(13, 0, 0), *at(14, 3, 0)), (0, 0, 0), (3, 2, 0)
    ),
    "table": (cv.entity("ACAD_TABLE", (2, "*T1"), *at(10, 7, 8)), (7, 7, 0), (13, 8, 0)),
    "table that is turned": (
        cv.entity("ACAD_TABLE", (2, "*T1"), *at(10, 7, 8), *at(11, 0, 1)), (7, 8, 0), (8, 14, 0)
    ),
    "table without a picture": (cv.entity("ACAD_TABLE", *at(10, 7, 8)), (7, 8, 0), (7, 8, 0)),
    "leader": (cv.entity("LEADER", (72, 0), *at(10, 0, 0), *at(10, 4, 4), *at(10, 8, 0)), (0, 0, 0), (8, 4, 0)),
    "leader that is a curve": (
        cv.entity("LEADER", (72, 1), *at(10, 0, 0), *at(10, 1, 4), *at(10, 8, 0)), (0, 0, 0), (8, 4.34, 0)
    ),
    "line of R9 in space": (cv.entity("3DLINE", *at(10, 1, 2, 3), *at(11, 4, 5, 6)), (1, 2, 3), (4, 5, 6)),
    "curve-fit": (
        polyline(2, vertex(0, 0, 0, 2, (42, 1)), vertex(2, 0, 0, 1, (42, -1)), vertex(4, 0, 0, 2)),
        (0, -1, 2), (4, 1, 2),
    ),
    "spline-fit": (
        polyline(4, vertex(0, 0, 0, 16), vertex(2, 9, 0, 16), vertex(0, 0, 0, 8), vertex(2, 3, 0, 8)),
        (0, 0, 2), (2, 3, 2),
    ),
    "spline-fit in space": (
        polyline(12, vertex(0, 0, 1, 48), vertex(2, 9, 9, 48), vertex(0, 0, 1, 40), vertex(2, 3, 4, 40)),
        (0, 0, 1), (2, 3, 4),
    ),
    "smoothed mesh": (
        polyline(
            20, *(vertex(90 * i, 90 * j, 0, 80) for i in (0, 1) for j in (0, 1)),
            *(vertex(i, j, i * j, 72) for i in range(3) for j in range(3)),
            more=((71, 2), (72, 2), (73, 3), (74, 3)),
        ),
        (0, 0, 0), (2, 2, 4),
    ),
}  # fmt: skip


def converted(folder, entities: str) -> cv.Run:
    text = cv.drawing(entities, blocks=BLOCKS, head=cv.header(insunits=6))
    run = cv.convert(cv.write(folder / "in.dxf", text), templates=cv.rules(folder / "rules.toml", types=TYPES))
    assert cv.adds_up(run.report)
    return run


@pytest.mark.parametrize(("entity", "low", "high"), CASES.values(), ids=CASES)
def test_an_element_lies_where_its_entity_says(tmp_path, entity, low, high):
    run = converted(tmp_path, entity)
    if low is None:
        assert [row.reason for row in run.report.ledger] == [high]
        return
    ((*center, x, y, z),) = run.rows(
        "SELECT center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms"
    )
    size, wanted = np.array([x, y, z]), np.subtract(high, low)
    seen = wanted > 0.01  # what is flat is made as thick as can be seen
    assert np.subtract(center, size / 2)[seen] == pytest.approx(np.array(low)[seen], abs=0.011)
    assert np.add(center, size / 2)[seen] == pytest.approx(np.array(high)[seen], abs=0.011)
    assert np.array(center)[~seen] == pytest.approx(np.array(low)[~seen], abs=0.16)


@pytest.mark.parametrize(("flags", "faces"), [(16, 6), (16 + 1, 9), (16 + 32, 8), (16 + 1 + 32, 12)])
def test_meshes_are_closed_in_the_directions_that_they_say(tmp_path, flags, faces):
    net = (vertex(x * (1 + z), y * (1 + z), z, 64) for z in range(3) for x, y in SQUARE)
    run = converted(tmp_path, polyline(flags, *net, more=((71, 3), (72, 4))))
    ((blob,),) = run.rows("SELECT faces FROM base_geometries")
    assert len(cv.faces(blob)) == 2 * faces
