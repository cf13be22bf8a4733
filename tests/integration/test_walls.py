"""Walls drawn as two lines: joined where they meet, open where a door stands, the same whatever interrupts the run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dxfctl.render.jobs import _report_facts

from dxfd.cli.convert import summary
from dxfd.convert.types import Detail, Left, ResumePolicy, Walls
from dxfd.convert.write import walls
from dxfd.errors import ConfigError, ResumeImpossibleError, UsageError
from tests.crash.compare import health
from tests.support import convert as cv
from tests.support.corpus import real_drawing
from tests.support.walls import INNER, OUTER, Drawn, Point, block, is_closed, parted, room, town, with_openings


def made(folder: Path, drawn: Drawn, **more: Any) -> cv.Run:
    run = cv.convert(drawn.saved(folder), walls=Walls.PAIRS, **more)
    assert cv.adds_up(run.report)
    assert health(run.output) == []
    return run


def bodies(run: cv.Run, of: str = "SELECT guid FROM walls") -> list[tuple[np.ndarray, np.ndarray]]:
    rows = run.rows(
        "SELECT center_x, center_y, center_z, vertices, faces FROM element_transforms t JOIN element_geometry g"
        f" ON g.guid = t.guid WHERE t.guid IN ({of}) ORDER BY t.id"
    )
    return [(cv.vertices(v, place), cv.faces(f)) for *place, v, f in rows]


def volume(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def sound(run: cv.Run) -> float:
    """Check that all walls are closed and outward; return the sum of their volumes."""
    total = 0.0
    for points, faces in bodies(run):
        assert is_closed(faces)
        corners = points[faces]
        assert (
            np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).min() > 2e-6
        )
        assert volume(points, faces) > 0
        total += volume(points, faces)
    return total


def test_a_room_of_four_pairs_is_four_walls_that_meet_at_their_corners(tmp_path):
    run = made(tmp_path, room())
    assert run.report.walls == {
        "walls": 4, "pairs": 4, "corners": 8, "sides": 0, "openings": 0, "lines": 8, "lines_shortened": 0,
        "lines_alone": 0,
    }  # fmt: skip
    assert run.rows("SELECT COUNT(*), MIN(id), MAX(id) FROM elements_meta WHERE ifc_class = 'IfcWall'") == [(4, 1, 4)]
    assert sound(run) == pytest.approx((6 * 4 - 5.6 * 3.6) * 3, abs=1e-4)  # no gap, no overlap
    assert {row.reason: row.count for row in run.report.ledger} == {"wall_pair": 8}
    assert run.rows("SELECT DISTINCT round(thickness_m, 6), round(height_m, 6) FROM walls") == [(0.2, 3.0)]


def test_the_summary_says_what_became_of_the_lines(tmp_path):
    report = made(tmp_path, with_openings().line((0, 5000), (900, 5000))).report
    words = "1 wall of 3 pairs of lines: 0 ends joined, 2 openings; 12 lines used, 1 left alone"
    assert f"  {words}" in summary(report)
    assert ("walls", words) in _report_facts(report.to_dict())


def test_the_lines_of_a_wall_are_known(tmp_path):
    run = made(tmp_path, room())
    lines = run.rows("SELECT w.guid, GROUP_CONCAT(l.dxf_handle) FROM walls w JOIN wall_lines l ON l.wall = w.guid"
                     " JOIN elements_meta m ON m.guid = w.guid GROUP BY 1 ORDER BY m.id")  # fmt: skip
    assert [handles for _, handles in lines] == ["100,104", "101,105", "102,106", "103,107"]
    assert run.rows("SELECT dxf_handle, dxf_type, element_name FROM elements_meta ORDER BY id")[0] == (
        "100", "LINE", "Wall 100",
    )  # fmt: skip


def test_rooms_drawn_as_polylines_are_the_same_walls(tmp_path):
    outer, inner = OUTER[:-1], INNER[:-1]
    run = made(tmp_path, Drawn().path(*outer, closed=True).path(*inner, closed=True))
    assert run.report.walls["walls"] == 4
    assert run.report.elements_written == 4
    assert run.report.matched == 2
    assert sound(run) == pytest.approx((6 * 4 - 5.6 * 3.6) * 3, abs=1e-4)


def test_a_wall_ends_on_the_face_of_the_one_it_meets(tmp_path):
    run = made(tmp_path, parted())
    assert (run.report.walls["walls"], run.report.walls["sides"], run.report.walls["corners"]) == (5, 2, 8)
    assert sound(run) == pytest.approx((6 * 4 - 5.6 * 3.6 + 0.1 * 3.6) * 3, abs=1e-4)


def test_walls_that_cross_are_one_that_runs_through_and_two_that_end_on_it(tmp_path):
    drawn = Drawn()
    for sx in (-1, 1):
        for sy in (-1, 1):
            drawn.line((sx * 3000, sy * 100), (sx * 100, sy * 100), (sx * 100, sy * 2000))
    run = made(tmp_path, drawn)
    assert (run.report.walls["walls"], run.report.walls["pairs"], run.report.walls["sides"]) == (3, 4, 2)
    assert sound(run) == pytest.approx((6 * 0.2 + 2 * 1.9 * 0.2) * 3, abs=1e-4)


def test_walls_at_an_angle_are_mitred(tmp_path):
    a, b = np.radians(30), 200.0
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    corner = np.array([(5000.0, -b / 2), (5000.0, b / 2)])
    bend = np.tan(a / 2) * b / 2
    ends = [corner[0] + (bend, 0), corner[1] - (bend, 0)]
    drawn = Drawn()
    for end, side in zip(ends, (-1, 1), strict=True):
        far = np.array([5000.0, 0]) + turn @ np.array([4000.0, side * b / 2])
        drawn.line((0, side * b / 2), (float(end[0]), float(end[1])), (float(far[0]), float(far[1])))
    run = made(tmp_path, drawn)
    assert (run.report.walls["walls"], run.report.walls["corners"]) == (2, 2)
    assert sound(run) == pytest.approx(9 * 0.2 * 3, rel=1e-4)


def test_a_door_and_a_window_are_openings_of_one_wall(tmp_path):
    run = made(tmp_path, with_openings())
    found = run.report.walls
    assert (found["walls"], found["pairs"], found["openings"], found["lines"]) == (1, 3, 2, 12)
    rows = run.rows(
        "SELECT m.ifc_class, round(from_m, 6), round(to_m, 6), round(sill_m, 6), round(head_m, 6)"
        " FROM wall_openings o JOIN elements_meta m ON m.guid = o.filling ORDER BY from_m"
    )
    assert rows == [("IfcDoor", 2.0, 2.9, 0.0, 2.1), ("IfcWindow", 5.0, 6.2, 1.0, 2.5)]
    assert sound(run) == pytest.approx((8 * 3 - 0.9 * 2.1 - 1.2 * 1.5) * 0.2, abs=1e-4)
    assert run.rows("SELECT role, COUNT(*) FROM wall_lines GROUP BY 1 ORDER BY 1") == [("face", 6), ("within", 6)]
    assert run.rows("SELECT COUNT(*) FROM elements_meta") == [(3,)]


def test_a_door_stands_in_a_wall_at_any_angle(tmp_path):
    cos, sin = np.cos(np.radians(33)), np.sin(np.radians(33))

    def at(x: float, y: float) -> Point:
        return float(x * cos - y * sin), float(x * sin + y * cos)

    drawn = Drawn()
    for x0, x1 in ((0, 2000), (2900, 5000)):
        drawn.line(*[at(x, y) for x, y in ((x0, 0), (x1, 0), (x1, 200), (x0, 200), (x0, 0))])
    run = made(tmp_path, drawn.door(*at(2000, 200), turn=33.0))
    ((low, high),) = run.rows("SELECT from_m, to_m FROM wall_openings")
    assert (low, high) == (pytest.approx(2.0, abs=1e-4), pytest.approx(2.9, abs=1e-4))
    assert sound(run) == pytest.approx((5 * 3 - 0.9 * 2.1) * 0.2, abs=1e-3)


def test_a_gap_without_a_door_stays_one(tmp_path):
    drawn = Drawn()
    for x0, x1 in ((0, 2000), (2900, 5000)):
        drawn.line((x0, 0), (x1, 0), (x1, 200), (x0, 200), (x0, 0))
    run = made(tmp_path, drawn)
    assert (run.report.walls["walls"], run.report.walls["openings"]) == (2, 0)


def test_hatching_and_treads_are_no_walls(tmp_path):
    drawn = Drawn()
    for k in range(12):
        drawn.line((k * 280, 0), (k * 280, 1200))
    for k in range(40):
        drawn.line((6000, k * 50), (9000, k * 50))
    run = made(tmp_path, drawn)
    assert run.report.walls["walls"] == 0
    assert run.report.walls["lines_alone"] == 52
    plain = cv.convert(tmp_path / "plan.dxf", tmp_path / "plain.db")
    assert run.rows("SELECT * FROM base_geometries") == plain.rows("SELECT * FROM base_geometries")


def test_lines_too_near_too_far_or_of_other_layers_are_no_walls(tmp_path):
    drawn = Drawn().line((0, 0), (3000, 0)).line((0, 20), (3000, 20)).line((0, 1000), (3000, 1000))
    drawn.line((0, 1200), (3000, 1200), layer="A-WALL-PRTN").line((0, 5000), (3000, 5000)).line(
        (3100, 5200), (6000, 5200)
    )
    assert made(tmp_path, drawn).report.walls["walls"] == 0


def test_what_is_left_of_a_longer_line_stays_an_element(tmp_path):
    run = made(tmp_path, Drawn().line((0, 0), (9000, 0)).line((0, 200), (3000, 200)).line((0, 7000), (3000, 7000)))
    assert (run.report.walls["walls"], run.report.walls["lines"], run.report.walls["lines_shortened"]) == (1, 1, 1)
    ((low, high, length),) = run.rows(
        "SELECT center_x - bbox_x / 2, center_x + bbox_x / 2, length FROM element_transforms t"
        " JOIN elements_meta m ON m.id = t.id WHERE m.dxf_handle = '100' AND t.guid NOT IN (SELECT guid FROM walls)"
    )
    assert (low, high, length) == (pytest.approx(3.0), pytest.approx(9.0), pytest.approx(6.0))
    assert [len(faces) for _, faces in bodies(run, "SELECT guid FROM elements_meta")] == [12, 12, 12]


def test_bodies_that_others_share_stay_when_their_first_holder_goes(tmp_path):
    drawn = Drawn().line((0, 0), (3000, 0)).line((0, 200), (3000, 200))
    for k in range(1, 4):
        drawn.line((0, k * 3000), (3000, k * 3000))
    run = made(tmp_path, drawn)
    assert run.rows("SELECT COUNT(*) FROM element_geometry") == [(4,)]
    assert run.rows("SELECT id FROM elements_meta ORDER BY id") == [(1,), (2,), (3,), (4,)]
    assert sorted(p[:, 1].mean().round(6) for p, _ in bodies(run, "SELECT guid FROM elements_meta")) == [0.1, 3, 6, 9]


def test_walls_in_exploded_blocks_are_found(tmp_path):
    inner = block("PLAN", (0, 0), (5000, 0)).replace(cv.tag(0, "ENDBLK"), "")
    content = "".join(
        cv.entity("LINE", (10, 0), (20, y), (30, 0.0), (11, 5000), (21, y), (31, 0.0), handle=f"{0x50 + y:X}",
                  layer="A-WALL") for y in (1000, 1200)
    )  # fmt: skip
    text = cv.entity("INSERT", (2, "PLAN"), (10, 0), (20, 0), (30, 0.0), (50, 30.0), handle="900", layer="A-WALL")
    source = cv.write(tmp_path / "x.dxf", cv.drawing(text, blocks=inner + content + cv.tag(0, "ENDBLK")))
    run = cv.convert(source, walls=Walls.PAIRS, blocks=("explode",))
    assert cv.adds_up(run.report)
    assert run.report.walls["walls"] == 1
    assert sound(run) == pytest.approx(5 * 0.2 * 3, rel=1e-4)


def test_batches_and_interruptions_change_nothing(tmp_path):
    source = town().saved(tmp_path)
    whole = cv.convert(source, tmp_path / "whole.db", walls=Walls.PAIRS)
    assert whole.report.walls["walls"] == 5 * 12
    left = 0
    for attempt in range(60):
        calls = count()

        def leave(calls: Iterator[int] = calls, attempt: int = attempt) -> str | None:
            return "pause" if next(calls) == 3 + attempt % 9 and attempt < 24 else None

        try:
            cv.convert(source, tmp_path / "part.db", walls=Walls.PAIRS, batch_size=17, leave=leave)
        except Left:
            left += 1
            continue
        break
    assert left > 10
    assert cv.snapshot(tmp_path / "part.db") == cv.snapshot(whole.output)
    again = cv.convert(source, tmp_path / "again.db", walls=Walls.PAIRS)
    assert cv.snapshot(again.output) == cv.snapshot(whole.output)


def test_other_walls_do_not_go_on_with_an_interrupted_run(tmp_path):
    source = town().saved(tmp_path)
    with pytest.raises(Left):
        cv.convert(source, batch_size=20, leave=lambda: "pause")
    with pytest.raises(ResumeImpossibleError, match="walls"):
        cv.convert(source, batch_size=20, walls=Walls.PAIRS, resume=ResumePolicy.RESUME)


def test_the_building_file_says_what_walls_are_made_of(tmp_path):
    source, file = room().saved(tmp_path), tmp_path / "b.toml"
    for text, number in (
        ('[walls]\nfrom = "pairs"', 4), ("[walls]\nthickness_max_m = 0.3", 0),
        ('[walls]\nfrom = "pairs"\nthickness_max_m = 0.15', 0),
    ):  # fmt: skip
        file.write_text(text)
        assert cv.convert(source, building=file).report.walls.get("walls", 0) == number
    assert cv.convert(source, building=file, walls=Walls.LINES).report.walls == {}
    for wrong in ('[walls]\nfrom = "air"', "[walls]\nthickness_min_m = 2.0", "[walls]\nwidth = 1"):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match="walls"):
            cv.convert(source, building=file)


def test_of_too_many_lines_none_is_made_and_that_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(walls, "MOST_LINES", 7)
    run = made(tmp_path, room())
    assert (run.report.walls["walls"], run.report.walls["lines_alone"]) == (0, 8)
    assert "too many" in run.rows("SELECT message FROM conversion_issues WHERE code = 'walls_joined'")[0][0]


def test_boxes_leave_no_lines_to_make_walls_of(tmp_path):
    with pytest.raises(UsageError, match="boxes"):
        cv.convert(room().saved(tmp_path), walls=Walls.PAIRS, detail=Detail.BOX)


def test_a_floor_plan_has_its_walls_and_doors(tmp_path):
    source = real_drawing("arch/yorikvanhavre+barcelona-pavillion__plan.dxf")
    run = cv.convert(source, tmp_path / "plan.db", walls=Walls.PAIRS)
    assert cv.adds_up(run.report)
    assert run.report.walls["walls"] == 14
    assert run.report.walls["openings"] == 3
    assert sound(run) > 0


def test_layers_close_behind_a_face_belong_to_the_wall(tmp_path):
    drawn = Drawn()
    for y in (0, 13, 32, 120, 133):
        drawn.line((0, y), (4000, y))
    run = made(tmp_path, drawn.line((0, 0), (0, 133)).line((4000, 0), (4000, 133)))
    assert (run.report.walls["walls"], run.report.walls["lines"]) == (1, 7)
    assert run.rows("SELECT round(thickness_m, 6) FROM walls") == [(0.133,)]
    assert sound(run) == pytest.approx(4 * 0.133 * 3, abs=1e-4)


def test_two_leaves_are_two_walls(tmp_path):
    drawn = Drawn()
    for y in (0, 100, 150, 290):
        drawn.line((0, y), (4000, y))
    run = made(tmp_path, drawn)
    assert run.rows("SELECT round(thickness_m, 6) FROM walls ORDER BY 1") == [(0.1,), (0.14,)]


def test_foundations_are_joined_among_themselves(tmp_path):
    """Walls over foundations that are a little thicker: no wall ends on a foundation's face."""
    drawn = room()
    for layer_lines in ([(-50, -50), (6050, -50), (6050, 4050), (-50, 4050), (-50, -50)],
                        [(250, 250), (5750, 250), (5750, 3750), (250, 3750), (250, 250)]):  # fmt: skip
        drawn.line(*[(float(x), float(y)) for x, y in layer_lines], layer="S-STEM-WALL")
    run = made(tmp_path, drawn)
    assert (run.report.walls["walls"], run.report.walls["corners"], run.report.walls["sides"]) == (8, 16, 0)


def test_a_short_return_at_the_end_of_a_wall_is_one(tmp_path):
    """A wall 102 mm thick whose end turns 64 mm aside."""
    drawn = Drawn().line((0, 0), (3000, 0), (3000, 166), (2898, 166), (2898, 102), (0, 102), (0, 0))
    run = made(tmp_path, drawn)
    assert (run.report.walls["walls"], run.report.walls["corners"], run.report.walls["lines_alone"]) == (2, 2, 0)
    assert sound(run) == pytest.approx((3 * 0.102 + 0.064 * 0.102) * 3, abs=1e-4)
