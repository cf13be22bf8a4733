"""Bodies are closed, outward and without slivers in generated and real drawings, and the same bytes on every run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dxfd.convert.build import areas, bodies
from dxfd.convert.build.ragged import Paths, offsets
from dxfd.convert.match.rules import Recipe
from tests.bench import generate
from tests.demo.terminal import Terminal
from tests.property import watertight
from tests.support import convert as cv
from tests.support.corpus import CORPUS

SMALL = 200_000
REAL = [p for p in watertight.real(["arch", "mep"]) if p.stat().st_size <= SMALL]
BODIES = "SELECT id, geometry_hash, vertices, faces FROM base_geometries ORDER BY id"


@pytest.fixture(scope="module")
def folder():
    with cv.fast_folder() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def generated(folder):
    sample = folder / "terminal.dxf"
    Terminal(1).drawing.write(str(sample))
    return [generate.write(folder / "mixed.dxf", 4000), sample]


def wrong(table: dict[str, watertight.Tally]) -> dict[str, list[str]]:
    """Return recipes with bodies that are not as they should be; faces that the drawing has are its own."""
    return {
        name: tally.wrong for name, tally in table.items()
        if "faces of" not in name and (tally.open or tally.inward or tally.touching)
    }  # fmt: skip


@pytest.mark.parametrize("recipe", [None, Recipe.WALL, Recipe.SLAB, Recipe.PIPE, Recipe.DUCT])
def test_bodies_of_generated_drawings_are_closed_and_outward(folder, generated, recipe):
    table: dict[str, watertight.Tally] = {}
    assert watertight.survey(generated, folder, table, recipe=recipe) == 0
    assert wrong(table) == {}
    assert sum(t.slivers for name, t in table.items() if "faces of" not in name) == 0
    assert sum(t.bodies for t in table.values()) > 100


@pytest.mark.skipif(not REAL, reason=f"no real drawings in {CORPUS} (DXF_CORPUS names the folder)")
def test_bodies_of_real_drawings_are_closed_and_outward(folder):
    table: dict[str, watertight.Tally] = {}
    watertight.survey(REAL, folder, table, recipe=None)
    assert wrong(table) == {}
    assert sum(t.bodies for t in table.values()) > 100


def test_bodies_are_the_same_bytes_on_every_run(folder, generated):
    for source in generated:
        runs = [cv.convert(source, folder / f"{k}.db", batch_size=size) for k, size in ((1, None), (2, 700))]
        assert runs[0].rows(BODIES) == runs[1].rows(BODIES)


corner = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda p: (p[0] * 0.5, p[1] * 0.5, 0.0))


@settings(deadline=None, max_examples=400)
@given(st.lists(st.lists(corner, min_size=3, max_size=12), min_size=1, max_size=4))
def test_outlines_that_touch_or_cross_themselves_are_closed(rings):
    paths = Paths(
        np.arange(len(rings)), offsets(np.array([len(r) for r in rings])), np.array([p for r in rings for p in r]),
        np.ones(len(rings), dtype=np.bool_),
    )  # fmt: skip
    made = bodies.prisms(paths, np.ones(len(rings)))
    rows = np.flatnonzero(np.diff(made.face_offset) > 0)
    counts = np.diff(made.face_offset)[rows]
    found = watertight.Bodies(
        [""] * len(rings), made.vertex_offset, made.vertices, made.face_offset, made.faces.astype(np.int64)
    )
    verdict = watertight.judged(found)
    assert not verdict["open"].any()
    assert not verdict["inward"][rows].any()
    assert (counts % 2 == 0).all()


flat = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=9)
normals = st.sampled_from([(0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.3, 0.0, -0.95), (0.0, -1.0, 0.0)])


@settings(deadline=None, max_examples=150)
@given(st.lists(flat, min_size=1, max_size=5), normals, st.sampled_from([0, 1, 2]), st.sampled_from([1.0, -0.5]))
@example([[(1, 5), (9, 0), (0, 3), (4, 0), (0, 8), (0, 2)]], (0.3, 0.0, -0.95), 0, 1.0)  # as much area either way
def test_areas_with_holes_that_touch_or_cross_are_closed(rings, normal, islands, height):
    points = np.array([(x * 0.5, y * 0.5, 0.0) for ring in rings for x, y in ring])
    area = areas.cleaned(
        areas.Areas(
            np.zeros(1, dtype=np.int64), np.array([normal]), np.array([islands]), np.array([0, len(rings)]),
            offsets(np.array([len(r) for r in rings])), points,
        )
    )  # fmt: skip
    made = areas.prisms(area, np.array([height]))
    found = watertight.Bodies(
        ["area"], made.vertex_offset, made.vertices, made.face_offset, made.faces.astype(np.int64)
    )  # fmt: skip
    verdict = watertight.judged(found)
    assert not verdict["open"].any()
    assert not verdict["inward"].any()


def test_a_point_on_the_straight_side_of_an_area_with_holes_opens_nothing(folder):
    rings = [
        [(0, 0), (5, 0), (10, 0), (10, 10), (0, 10)],
        [(2, 10), (2, 4), (4, 4), (8, 4), (8, 10), (5, 10)],
    ]  # the hole ends at the outline
    tags = [(100, "AcDbHatch"), (10, 0.0), (20, 0.0), (30, 0.0), (210, 0.0), (220, 0.0), (230, 1.0), (2, "SOLID")]
    tags += [(70, 1), (71, 0), (91, len(rings))]
    for ring in rings:
        tags += [(92, 3), (72, 0), (73, 1), (93, len(ring)), *((c, v) for x, y in ring for c, v in ((10, x), (20, y)))]
        tags += [(97, 0)]
    source = cv.write(folder / "side.dxf", cv.drawing(cv.entity("HATCH", *tags, (75, 0), (76, 1), (98, 0))))
    table: dict[str, watertight.Tally] = {}
    assert watertight.survey([source], folder, table, recipe=Recipe.WALL) == 0
    assert wrong(table) == {}
    assert [t.bodies for name, t in table.items() if "HATCH" in name] == [1]
