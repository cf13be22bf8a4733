"""Types of applications: what they left of themselves for those who do not know them, and whose they are."""

from __future__ import annotations

import struct

import pytest

from tests.support import convert as cv

CLASSES = cv.section(
    "CLASSES", cv.tag(0, "CLASS") + cv.tag(1, "AEC_WALL") + cv.tag(2, "AecDbWall") + cv.tag(3, "AecArchBase|x|y")
)
POINTS = [(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (0, 0, 3), (2, 0, 3), (2, 2, 3), (0, 2, 3)]
FACES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


def part(kind: int, *data: bytes) -> bytes:
    body = b"".join(data)
    return struct.pack("<II", 8 + len(body), kind) + body


def graphics(*parts: bytes) -> bytes:
    return struct.pack("<II", 8 + sum(map(len, parts)), len(parts)) + b"".join(parts)


def path(*points: tuple[float, float, float]) -> bytes:
    return part(6, struct.pack("<I", len(points)), *(struct.pack("<3d", *point) for point in points))


def circle(center: tuple[float, float, float], radius: float) -> bytes:
    return part(2, struct.pack("<3d", *center), struct.pack("<d", radius), struct.pack("<3d", 0, 0, 1))


def shell() -> bytes:
    faces = b"".join(struct.pack("<i4I", 4, *face) for face in FACES)
    places = b"".join(struct.pack("<3d", *point) for point in POINTS)
    return part(9, struct.pack("<I", len(POINTS)), places, struct.pack("<I", 5 * len(FACES)), faces, bytes(12))


def entity(kind: str, drawn: bytes) -> str:
    data = [(92, len(drawn)), (310, drawn.hex().upper())]
    head = cv.tag(0, kind) + cv.tag(5, "A1") + cv.tag(100, "AcDbEntity") + cv.tag(8, "A-WALL")
    if kind == "ACAD_PROXY_ENTITY":
        tags = [(100, "AcDbProxyEntity"), (90, 498), (91, 500), *data, (93, 0), (94, 0)]
    else:
        tags = [*data, (100, "AecDbWall")]
    return head + "".join(cv.tag(code, value) for code, value in tags)


def convert(folder, *entities: str, **more) -> cv.Run:
    drawing = cv.drawing("".join(entities), head=cv.header(insunits=6) + CLASSES)
    templates = cv.rules(folder / "rules.toml", types=("AEC_WALL", "ACAD_PROXY_ENTITY", "LINE"))
    run = cv.convert(cv.write(folder / "in.dxf", drawing), templates=templates, **more)
    assert cv.adds_up(run.report)
    return run


@pytest.mark.parametrize("kind", ["AEC_WALL", "ACAD_PROXY_ENTITY"])
@pytest.mark.parametrize(
    ("drawn", "box", "faces", "reason"),
    [
        ((path((1, 2, 3), (4, 5, 7)),), (2.5, 3.5, 5, 3, 3, 4), 0, ""),
        ((shell(),), (1, 1, 1.5, 2, 2, 3), 12, ""),
        ((path((0, 0, 0), (1, 0, 0)), circle((5, 5, 0), 2)), (3.5, 3.5, 0.05, 7, 7, 0.1), 12, "box_only"),
    ],
    ids=["line", "shell", "box"],
)
def test_what_an_application_left_of_its_entity_is_shown_with_its_name(tmp_path, kind, drawn, box, faces, reason):
    run = convert(tmp_path, entity(kind, graphics(*drawn)))
    (found,) = run.rows("SELECT center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms")
    assert found == pytest.approx(box, abs=0.011)
    assert run.rows("SELECT length(faces) / 12 FROM base_geometries") == [(faces,)]
    assert [(row.outcome, row.reason) for row in run.report.ledger] == [("element", reason)]
    told = dict(run.rows("SELECT name, value FROM element_properties"))
    proxy = {"application.type": "AEC_WALL"} if kind == "ACAD_PROXY_ENTITY" else {}
    assert told == {"application.class": "AecDbWall", "application.name": "AecArchBase", **proxy}


@pytest.mark.parametrize("kind", ["AEC_WALL", "ACAD_PROXY_ENTITY"])
def test_graphics_that_draw_nothing_are_none(tmp_path, kind):
    run = convert(tmp_path, entity(kind, graphics()))
    assert [(row.outcome, row.reason) for row in run.report.ledger] == [("skipped", "unknown_type")]
    ((message,),) = run.rows("SELECT message FROM conversion_issues WHERE code = 'unknown_type'")
    assert "AecDbWall" in message
    assert "AecArchBase" in message


def test_content_of_blocks_has_its_application_too(tmp_path):
    block = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + entity("AEC_WALL", graphics(path((0, 0, 0), (1, 0, 0))))
    drawing = cv.drawing(
        cv.entity("INSERT", (2, "B"), (10, 5), (20, 5)), blocks=block + cv.entity("ENDBLK"),
        head=cv.header(insunits=6) + CLASSES,
    )  # fmt: skip
    templates = cv.rules(tmp_path / "rules.toml", types=("AEC_WALL",))
    run = cv.convert(cv.write(tmp_path / "in.dxf", drawing), templates=templates, blocks=("explode",))
    told = run.rows("SELECT name, value FROM element_properties ORDER BY name")
    assert told == [("application.class", "AecDbWall"), ("application.name", "AecArchBase")]
