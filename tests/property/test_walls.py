"""Walls of lines thrown at random: nothing is lost, ids have no gaps, bodies are closed, batches change nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dxfd.convert.types import Walls
from tests.crash.compare import health
from tests.support import convert as cv
from tests.support.walls import Drawn, is_closed

PLACES = (0, 100, 102, 200, 250, 300, 900, 1000, 1100, 2000, 2100, 3000, 3200, 4000, 5000, 6000)
OFF = (0, 0, 0, 0, 1, -1, 3, 12.7, 37)
LAYERS = ("A-WALL", "A-WALL", "A-WALL", "A-WALL-PRTN", "S-WALL")


def scene(rng: random.Random, entities: int) -> Drawn:
    drawn = Drawn()

    def at() -> float:
        return rng.choice(PLACES) + rng.choice(OFF)

    for _ in range(entities):
        kind, layer, x, y = rng.random(), rng.choice(LAYERS), at(), at()
        if kind < 0.35:
            drawn.line((x, y), (at(), y), layer=layer)
        elif kind < 0.7:
            drawn.line((x, y), (x, at()), layer=layer)
        elif kind < 0.78:
            drawn.line((x, y), (at(), at()), layer=layer)
        elif kind < 0.9:
            points = [(at(), at()) for _ in range(rng.randint(2, 6))]
            drawn.path(*points, closed=rng.random() < 0.4, layer=layer)
        elif kind < 0.95:
            drawn.door(x, y, turn=rng.choice((0, 90, 33.3)))
        else:
            drawn.door(x, y, "WINDOW", "A-GLAZ", turn=rng.choice((0, 90)))
    for x0, x1 in ((8000, 10000), (10900, 12000 + at())):  # doors thrown at random hardly ever stand in a gap
        drawn.line((x0, 0), (x1, 0), (x1, 200), (x0, 200), (x0, 0))
    return drawn.door(10000, 200)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_drawn_the_database_is_whole(tmp_path, seed):
    rng = random.Random(seed)
    source = scene(rng, rng.choice((5, 20, 60, 150))).saved(tmp_path)
    run = cv.convert(source, walls=Walls.PAIRS)
    assert cv.adds_up(run.report)
    assert health(run.output) == []
    ((count, last),) = run.rows("SELECT COUNT(*), MAX(id) FROM elements_meta")
    assert count == last
    assert run.rows("SELECT COUNT(*) FROM element_geometry") == run.rows("SELECT COUNT(*) FROM element_transforms")
    elements = {guid for (guid,) in run.rows("SELECT guid FROM elements_meta")}
    openings = run.rows("SELECT wall, filling FROM wall_openings")
    assert openings
    for wall, filling in openings:
        assert {wall, filling} <= elements
    for vertices, faces in run.rows(
        "SELECT vertices, faces FROM element_geometry WHERE guid IN (SELECT guid FROM walls)"
    ):
        corners = cv.vertices(vertices)[cv.faces(faces)]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert is_closed(cv.faces(faces))
        assert np.linalg.norm(normals, axis=1).min() > 2e-6
        assert np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) > 0
    parts = cv.convert(source, tmp_path / "parts.db", walls=Walls.PAIRS, batch_size=7)
    assert cv.snapshot(parts.output) == cv.snapshot(run.output)
