"""Entities that become many points: made some at a time, with the same result; what is too much by itself is told."""

from __future__ import annotations

import gc
import itertools
import weakref
from pathlib import Path

import numpy as np
import pytest

from dxfd.convert import pipeline
from dxfd.convert.build import at_once
from dxfd.convert.explode import expand
from dxfd.convert.types import Detail, First, Limits
from tests.support import convert as cv

METRES = cv.header(insunits=6)


def circle(x: float, radius: float, layer: str = "A-WALL") -> str:
    return cv.entity("CIRCLE", (10, x), (20, 0), (40, radius), (39, 2.5), layer=layer)


def face(x: float) -> str:
    corners = (0, 0, 0), (1, 0, 0), (1, 0, 2), (0, 0, 2)
    tags = ((10 + k + 10 * axis, x + value) for k, at in enumerate(corners) for axis, value in enumerate(at))
    return cv.entity("3DFACE", *tags)


def insert(name: str, x: float, *tags: tuple[int, object]) -> str:
    return cv.entity("INSERT", (2, name), (10, x), (20, 0), *tags)


def block(name: str, content: str) -> str:
    return cv.tag(0, "BLOCK") + cv.tag(2, name) + content + cv.tag(0, "ENDBLK")


def wavy(bulges: int, step: float) -> str:
    """Return a polyline of half circles."""
    points = (((10, k * step), (20, 0), (42, 1.0)) for k in range(bulges))
    return cv.entity("LWPOLYLINE", (90, bulges), *itertools.chain.from_iterable(points))


def spline(x: float) -> str:
    points = (((10, x + k * 30.0), (20, k % 2 * 50.0), (30, 0)) for k in range(8))
    knots = ((40, float(k)) for k in (0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5))
    return cv.entity("SPLINE", (70, 8), (71, 3), (72, 12), (73, 8), *knots, *itertools.chain.from_iterable(points))


@pytest.fixture
def tmp_path():
    with cv.fast_folder() as name:
        yield Path(name)


@pytest.fixture
def source(tmp_path):
    blocks = block("ROUND", circle(0, 4) + spline(5) + insert("FACES", 3, (41, 2.0), (50, 30)))
    blocks += block("FACES", "".join(face(k) for k in range(20)))
    blocks += block("ROW", insert("FACES", 0, (70, 3), (44, 9.0)) + wavy(5, 2.0))
    entities = "".join(
        circle(k, 3 + k % 5) + spline(k) + wavy(6, 4.0) + insert(("ROUND", "FACES", "ROW")[k % 3], k, (41, 1 + k / 10))
        for k in range(24)
    )
    return cv.write(tmp_path / "round.dxf", cv.drawing(entities, blocks=blocks, head=METRES))


@pytest.mark.parametrize(
    "more", [{}, {"blocks": ("explode",)}, {"blocks": ("ROUND",), "detail": Detail.BOX}, {"first": First.STRUCTURE}]
)
def test_making_few_points_at_a_time_changes_nothing(tmp_path, monkeypatch, source, more):
    templates = cv.rules(tmp_path / "all.toml", "extrude")
    run = cv.convert(source, templates=templates, **more)
    assert cv.adds_up(run.report)
    whole = cv.snapshot(run.output)
    for most, commit in ((900, 64 << 20), (2_000, 1)):
        monkeypatch.setattr(at_once, "MOST_POINTS", most)
        monkeypatch.setattr(pipeline, "_BATCH_BYTES", commit)
        assert cv.snapshot(cv.convert(source, tmp_path / "few.db", templates=templates, **more).output) == whole


def test_bodies_of_one_reference_that_are_too_much_come_piece_by_piece(tmp_path, monkeypatch):
    inside = "".join(circle(k, 5.0, "0") for k in range(30))
    blocks = block("MANY", inside + insert("INNER", 1)) + block("INNER", inside)
    drawn = cv.drawing(insert("MANY", 0) + insert("MANY", 9), blocks=blocks, head=METRES)
    source = cv.write(tmp_path / "many.dxf", drawn)
    more = {"templates": cv.rules(tmp_path / "all.toml", "extrude"), "blocks": ("explode",)}
    whole = cv.snapshot(cv.convert(source, **more).output)
    monkeypatch.setattr(at_once, "MOST_POINTS", 1_000)
    sizes: list[int] = []
    joined = expand.Expander._joined

    def counted(self, found, used, times):
        sizes.append(sum(len(piece.bodies.points) * many for piece, many in zip(used, times, strict=True)))
        return joined(self, found, used, times)

    monkeypatch.setattr(expand.Expander, "_joined", counted)
    found = cv.snapshot(cv.convert(source, tmp_path / "few.db", **more).output)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in whole.items()}
    assert found["ledger"] == whole["ledger"]
    assert len(sizes) > 8 and max(sizes) <= 2_000


def test_blocks_as_deep_as_may_be_are_gone_down_into_where_each_is_too_much(tmp_path, monkeypatch):
    depth, inside = 160, "".join(insert("SMALL", k) for k in range(4))
    blocks = block("SMALL", circle(0, 1, "0")) + block("D0", circle(0, 1, "0") + inside)
    for k in range(1, depth):
        blocks += block(f"D{k}", circle(0, 1, "0") + inside + insert(f"D{k - 1}", 1))
    source = cv.write(tmp_path / "deep.dxf", cv.drawing(insert(f"D{depth - 1}", 0), blocks=blocks, head=METRES))
    monkeypatch.setattr(at_once, "MOST_POINTS", 60)
    more = {"templates": cv.rules(tmp_path / "all.toml", "extrude"), "blocks": ("explode",)}
    run = cv.convert(source, limits=Limits(block_depth=200), **more)
    assert run.report.elements_written == depth * 5
    assert cv.adds_up(run.report)


def test_what_was_too_much_is_let_go_before_less_is_made_exploded(tmp_path, monkeypatch):
    inside = "".join(circle(k, 1, "0") for k in range(3))
    blocks = block("D0", inside) + "".join(block(f"D{k}", inside + insert(f"D{k - 1}", 1)) for k in range(1, 12))
    source = cv.write(tmp_path / "deep.dxf", cv.drawing(insert("D11", 0), blocks=blocks, head=METRES))
    monkeypatch.setattr(at_once, "MOST_POINTS", 250)
    held: list[int] = []
    levels = expand.Expander._levels

    def counted(self, cells):
        held.append(sum(isinstance(thing, expand._Rows) for thing in gc.get_objects()))
        return levels(self, cells)

    monkeypatch.setattr(expand.Expander, "_levels", counted)
    more = {"templates": cv.rules(tmp_path / "all.toml", "extrude"), "blocks": ("explode",)}
    assert cv.convert(source, **more).report.elements_written == 36
    assert len(held) > 6 and max(held) == 0


def test_what_was_too_much_is_let_go_before_its_halves_are_made():
    class Made:
        """What takes memory."""

    alive: weakref.WeakSet[Made] = weakref.WeakSet()
    seen: list[int] = []

    def make(members):
        seen.append(len(alive))
        made = Made()
        alive.add(made)
        if len(members) > 1:
            raise at_once.TooMuchAtOnceError
        return int(members[0])

    assert list(at_once.in_halves(make, np.arange(8), lambda _: None)) == list(range(8))
    assert len(seen) == 15 and max(seen) == 0


def test_bodies_that_references_share_are_written_out_some_at_a_time(tmp_path, monkeypatch):
    blocks = block("FACES", "".join(face(k) for k in range(20)))
    blocks += block("OUTER", "".join(insert("FACES", k) for k in range(60)))
    drawn = cv.drawing(insert("OUTER", 0) + insert("OUTER", 9, (42, -1.0)), blocks=blocks, head=METRES)
    source = cv.write(tmp_path / "shared.dxf", drawn)
    more = {"templates": cv.rules(tmp_path / "all.toml"), "blocks": ("OUTER",)}
    whole = cv.snapshot(cv.convert(source, **more).output)
    made: list[int] = []
    piece = expand.piece

    def counted(*args, **named):
        found = piece(*args, **named)
        made.append(len(found.bodies.points))
        return found

    monkeypatch.setattr(at_once, "MOST_POINTS", 400)
    monkeypatch.setattr(expand, "piece", counted)
    assert cv.snapshot(cv.convert(source, tmp_path / "few.db", **more).output) == whole
    assert max(made) <= 400


@pytest.mark.parametrize("blocks", ["box", "explode"])
def test_what_is_too_much_by_itself_is_told_and_the_rest_goes_on(tmp_path, monkeypatch, blocks):
    monkeypatch.setattr(at_once, "MOST_POINTS", 20_000)
    defined = block("B", wavy(12, 1e5) + circle(0, 1))
    entities = circle(0, 1) + wavy(12, 1e5) + circle(5, 1) + insert("B", 0)
    source = cv.write(tmp_path / "large.dxf", cv.drawing(entities, blocks=defined, head=METRES))
    run = cv.convert(source, templates=cv.rules(tmp_path / "all.toml"), blocks=(blocks,))
    assert cv.adds_up(run.report)
    skipped = [row for row in run.report.ledger if row.outcome == "skipped"]
    assert {(row.entity_type, row.reason) for row in skipped} == {("LWPOLYLINE", "entity_too_large")}
    assert sum(row.count for row in skipped) == (1 if blocks == "box" else 2)
    assert run.report.elements_written == 3
    codes = {code for (code,) in run.rows("SELECT code FROM conversion_issues")}
    assert codes >= ({"entity_too_large", "block_content"} if blocks == "box" else {"entity_too_large"})


def test_rules_that_ask_for_lengths_pass_over_what_is_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(at_once, "MOST_POINTS", 20_000)
    rules = tmp_path / "long.toml"
    rules.write_text(
        'version = 1\n[[rule]]\nid = "long"\nifc_class = "IfcWall"\ndiscipline = "ARC"\nrecipe = "curve"\n'
        'types = ["LWPOLYLINE", "CIRCLE"]\nmin_length_m = 1.0\n'
    )
    source = cv.write(tmp_path / "d.dxf", cv.drawing(circle(0, 1) + wavy(12, 1e5) + wavy(3, 2.0), head=METRES))
    run = cv.convert(source, templates=rules)
    assert run.report.elements_written == 2 and cv.adds_up(run.report)
