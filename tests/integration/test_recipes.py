"""What the rules that ship with dxfd make of each kind of element: class, height, a body that is closed and outward."""

from __future__ import annotations

import numpy as np
import pytest

from tests.property import watertight
from tests.support import convert as cv
from tests.unit.test_block_bodies import case, volume
from tests.unit.test_convert_blocks import block

METRES = cv.header(insunits=6)
BEND = [(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (9.0, 6.0)]
ROOM = [(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)]
STEP = [(0.0, 0.0), (1.2, 0.0), (1.2, 0.3), (0.0, 0.3)]


def line(*points: tuple[float, float], closed: bool = False) -> tuple:
    places = [(c, v) for x, y in points for c, v in ((10, x), (20, y))]
    return ("LWPOLYLINE", (90, len(points)), (70, int(closed)), *places)


def solid(a: tuple, b: tuple, c: tuple, d: tuple) -> tuple:
    corners = zip((10, 11, 12, 13), (a, b, d, c), strict=True)  # the third is across from the second
    return ("SOLID", *((code + 10 * k, p[k]) for code, p in corners for k in (0, 1)))


def circle(radius: float) -> tuple:
    return ("CIRCLE", (10, 0.0), (20, 0.0), (40, radius))


KINDS = {
    # layer, entity: class, volume of its body (None: any), lowest height
    ("A-WALL", line(*BEND)): ("IfcWall", 0.2 * 3.0 * (7 + 34**0.5), 0.0),
    ("A-WALL-1", line(*ROOM, closed=True)): ("IfcWall", 12 * 3.0, 0.0),
    ("A-WALL-2", solid(*ROOM)): ("IfcWall", 12 * 3.0, 0.0),
    ("S-COLS", circle(0.3)): ("IfcColumn", None, 0.0),
    ("S-COLS-1", solid((0, 0), (0.5, 0), (0.5, 0.4), (0, 0.4))): ("IfcColumn", 0.2 * 3.5, 0.0),
    ("S-BEAM", line((0, 0), (6, 0))): ("IfcBeam", 6 * 0.3 * 0.5, 2.75),
    ("A-FLOR", line(*ROOM, closed=True)): ("IfcSlab", 12 * 0.15, -0.15),
    ("A-FLOR-STRS", line(*STEP, closed=True)): ("IfcStair", 1.2 * 0.3 * 0.17, 0.0),
    ("A-FLOR-HRAL", line(*BEND)): ("IfcRailing", None, 0.0),
    ("A-RAMP", line(*ROOM, closed=True)): ("IfcRamp", 12 * 0.2, 0.0),
    ("P-PIPE", line(*BEND)): ("IfcPipeSegment", None, 2.95),
    ("F-PIPE", line(*BEND)): ("IfcPipeSegment", None, None),
    ("M-DUCT", line(*BEND)): ("IfcDuctSegment", None, None),
    ("E-CABL-TRAY", line(*BEND)): ("IfcCableCarrierSegment", None, None),
    ("E-CNDT", line(*BEND)): ("IfcCableCarrierSegment", None, None),
    ("M-DUCT-FITTING", circle(0.2)): ("IfcDuctFitting", None, None),
    ("P-PIPE-FITTING", circle(0.05)): ("IfcPipeFitting", None, None),
    ("M-DIFF", line(*STEP, closed=True)): ("IfcAirTerminal", None, None),
    ("P-VALV", circle(0.05)): ("IfcValve", None, None),
    ("F-SPRN", circle(0.05)): ("IfcFireSuppressionTerminal", None, None),
    ("E-LITE", line(*STEP, closed=True)): ("IfcLightFixture", None, None),
    ("M-EQPM-PUMP", ("INSERT", (2, "UNIT7"), (10, 0.0), (20, 0.0), (41, 2.0))): ("IfcPump", 12.0, None),
    ("P-FIXT-TOILET", ("INSERT", (2, "FLAT"), (10, 0.0), (20, 0.0))): ("IfcSanitaryTerminal", None, 0.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    text = "".join(
        cv.entity(kind, *tags, handle=f"{0x100 + k:X}", layer=layer)
        for k, (layer, (kind, *tags)) in enumerate(KINDS)
    )  # fmt: skip
    flat = cv.entity("LINE", (10, 0.0), (20, 0.0), (11, 0.4), (21, 0.6))
    blocks = block("UNIT7", case()) + block("FLAT", flat)
    return cv.convert(cv.write(folder / "r.dxf", cv.drawing(text, blocks=blocks, head=METRES)), folder / "r.db")


@pytest.mark.parametrize("key", list(KINDS), ids=[f"{layer}-{entity[0]}" for layer, entity in KINDS])
def test_each_kind_of_element_has_its_class_its_height_and_a_closed_body(made, key):
    ifc_class, wanted, lowest = KINDS[key]
    handle = f"{0x100 + list(KINDS).index(key):X}"
    ((found, center, size, vertices, faces),) = made.rows(
        "SELECT m.ifc_class, t.center_z, t.bbox_z, g.vertices, g.faces FROM elements_meta m"
        " JOIN element_transforms t ON t.id = m.id"
        " JOIN base_geometries g ON g.geometry_hash = COALESCE(m.geometry_hash, m.guid) WHERE m.dxf_handle = ?",
        handle,
    )
    assert found == ifc_class
    corners, sides = cv.vertices(vertices), cv.faces(faces).astype(np.int64)
    ends = np.array([0, len(corners)]), np.array([0, len(sides)])
    verdict = watertight.judged(watertight.Bodies([found], ends[0], corners.astype(float), ends[1], sides))
    assert {name: bool(rows[0]) for name, rows in verdict.items()} == dict.fromkeys(verdict, False)
    if wanted is not None:
        assert volume(corners, sides) == pytest.approx(wanted, rel=0.03)
    if lowest is not None:
        assert center - size / 2 == pytest.approx(lowest, abs=1e-6)


def test_a_block_of_equipment_shows_what_is_drawn_in_it_and_a_symbol_its_box(made):
    rows = dict(
        made.rows(
            "SELECT m.ifc_class, g.face_count FROM elements_meta m JOIN base_geometries g"
            " ON g.geometry_hash = m.geometry_hash WHERE m.dxf_type = 'INSERT'"
        )
    )
    assert rows == {"IfcPump": 12, "IfcSanitaryTerminal": 12}
