"""Equal bodies are stored once, whatever the batches; a level of detail changes bodies and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dxfd.convert.types import Detail, Left, ResumePolicy
from dxfd.convert.write import bodies
from dxfd.errors import ResumeImpossibleError
from tests.bench import instancing
from tests.support import convert as cv

MANY = 400
PLACES = (
    "SELECT id, guid, center_x, center_y, center_z, rotation_z, length, bbox_x, bbox_y, bbox_z"
    " FROM element_transforms ORDER BY id"
)
BODIES = "SELECT guid, vertices, faces FROM element_geometry ORDER BY guid"


def column(number: int, radius: float = 200.0) -> str:
    at = ((10, number % 20 * 1000.0), (20, number // 20 * 1000.0), (30, 0.0), (40, radius))
    return cv.entity("CIRCLE", *at, handle=f"{0x100 + number:X}")


def columns(folder: Path, entities: str | None = None) -> Path:
    text = "".join(column(k, 200.0 + k % 3) for k in range(MANY)) if entities is None else entities
    return cv.write(folder / "columns.dxf", cv.drawing(text))


@pytest.fixture
def rules(tmp_path):
    return cv.rules(tmp_path / "all.toml", "column")


def test_equal_bodies_are_stored_once_and_every_element_has_its_own_place(tmp_path, rules):
    run = cv.convert(columns(tmp_path), templates=rules)
    assert run.rows("SELECT COUNT(*) FROM base_geometries") == [(3,)]
    assert run.rows("SELECT COUNT(*) FROM element_geometry") == [(MANY,)]
    assert run.rows("SELECT COUNT(DISTINCT geometry_hash) FROM element_instances") == [(3,)]
    rows = run.rows(
        "SELECT center_x, center_y, center_z, bbox_x, bbox_y, bbox_z, vertices FROM element_transforms t"
        " JOIN element_geometry g ON g.guid = t.guid"
    )
    for *place, blob in rows:
        at = cv.vertices(blob)
        np.testing.assert_allclose(np.ptp(at, axis=0), place[3:], atol=1e-6)


def test_what_is_shared_does_not_depend_on_batches_or_interruptions(tmp_path, rules, monkeypatch):
    monkeypatch.setattr(bodies.Kept.__init__, "__defaults__", (2,))  # the third radius finds no room
    source = columns(tmp_path, "".join(column(k, 200.0 + k // 10 % 3) for k in range(MANY)))
    whole = cv.convert(source, tmp_path / "whole.db", templates=rules)
    assert whole.rows("SELECT COUNT(*) FROM base_geometries") == [(2 + 13 * 10,)]
    asked = 0

    def leave() -> str | None:
        nonlocal asked
        asked += 1
        return "pause" if asked == 4 else None

    for _ in range(2):
        with pytest.raises(Left):
            cv.convert(source, tmp_path / "parts.db", templates=rules, batch_size=37, leave=leave)
        asked = 0
    parts = cv.convert(source, tmp_path / "parts.db", templates=rules, batch_size=37)
    assert parts.report.resumed_from
    assert parts.report.batches > 3
    assert cv.snapshot(parts.output) == cv.snapshot(whole.output)


def test_bodies_that_are_hardly_ever_equal_are_not_compared_for_long(tmp_path, rules, monkeypatch):
    monkeypatch.setattr(bodies.Kept.__init__, "__defaults__", (16,))
    text = "".join(column(k, 100.0 + k % 100) for k in range(MANY))
    run = cv.convert(columns(tmp_path, text), templates=rules)
    assert run.rows("SELECT COUNT(*) FROM base_geometries") == [(MANY,)]


def test_a_handle_that_stands_twice_takes_its_body_along(tmp_path, rules):
    text = column(0, 100) + column(1, 100) + column(0, 200) + column(0, 300) + column(2, 200) + column(3, 300)
    run = cv.convert(columns(tmp_path, text), templates=rules)
    sizes = run.rows(
        "SELECT bbox_x, vertices FROM element_transforms t JOIN element_geometry g ON g.guid = t.guid ORDER BY t.id"
    )
    assert len(sizes) == 6
    for size, blob in sizes:
        assert np.ptp(cv.vertices(blob)[:, 0]) == pytest.approx(size, abs=1e-6)


def test_content_of_exploded_blocks_is_stored_once_for_each_turn(tmp_path, rules):
    block = cv.tag(0, "BLOCK") + cv.tag(8, "0") + cv.tag(2, "B") + cv.tag(70, 0) + cv.tag(10, 0) + cv.tag(20, 0)
    block += column(0) + column(1, 300) + cv.tag(0, "ENDBLK")
    inserts = "".join(
        cv.entity("INSERT", (2, "B"), (10, k * 1234.567), (20, k * 891.011), (30, 0.0), (50, k % 2 * 30.0),
                  handle=f"{0x900 + k:X}") for k in range(50)
    )  # fmt: skip
    source = cv.write(tmp_path / "blocks.dxf", cv.drawing(inserts, blocks=block))
    run = cv.convert(source, templates=rules, blocks=("explode",))
    assert run.report.content_matched == 100
    assert run.rows("SELECT COUNT(*) FROM base_geometries") == [(4,)]


def test_boxes_change_bodies_and_nothing_else(tmp_path, rules):
    source = columns(tmp_path)
    full = cv.convert(source, tmp_path / "full.db", templates=rules)
    boxes = cv.convert(source, tmp_path / "boxes.db", templates=rules, detail=Detail.BOX)
    assert boxes.rows(PLACES) == full.rows(PLACES)
    for _, vertices, faces in boxes.rows(BODIES):
        assert (len(vertices), len(faces)) == (96, 144)
    sizes = boxes.rows(
        "SELECT bbox_x, bbox_y, bbox_z, vertices FROM element_transforms t JOIN element_geometry USING (guid)"
    )
    for *size, blob in sizes:
        np.testing.assert_allclose(np.ptp(cv.vertices(blob), axis=0), np.maximum(size, 0.001), atol=1e-4)


def test_lines_stay_lines_among_boxes(tmp_path):
    source = columns(tmp_path, "".join(cv.line(k) for k in range(5)) + column(9))
    rules = cv.rules(tmp_path / "slab.toml", "slab")
    full = cv.convert(source, tmp_path / "full.db", templates=rules)
    boxes = cv.convert(source, tmp_path / "boxes.db", templates=rules, detail=Detail.BOX)
    lines = "SELECT vertices FROM base_geometries WHERE face_count = 0 ORDER BY id"
    assert len(full.rows(lines)) == 5
    assert boxes.rows(lines) == full.rows(lines)


def test_another_level_of_detail_does_not_go_on_with_an_interrupted_run(tmp_path, rules):
    source = columns(tmp_path)
    with pytest.raises(Left):
        cv.convert(source, templates=rules, batch_size=50, leave=lambda: "pause")
    with pytest.raises(ResumeImpossibleError, match="detail"):
        cv.convert(source, templates=rules, batch_size=50, detail=Detail.BOX, resume=ResumePolicy.RESUME)


def test_a_drawing_of_blocks_takes_a_third_at_most_of_what_a_body_an_element_would(tmp_path):
    size = instancing.measured(tmp_path, 600, solid=True)
    assert size.elements == 600
    assert size.bodies == len(instancing.NAMES)
    assert size.ratio > 3
