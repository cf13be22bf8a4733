"""Rules that ask more than type, layer and block: each condition on a small drawing, and that batches don't matter."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.convert import pipeline
from dxfd.convert.types import ConvertOptions
from tests.support.convert import drawing, entity, header, section, tag, write

REST = (
    '\n[[rule]]\nid = "rest"\ndiscipline = "ARC"\nifc_class = "IfcBuildingElementProxy"\npriority = -1\ntypes = [%s]\n'
)
TYPES = '"LINE", "LWPOLYLINE", "CIRCLE", "INSERT", "SPLINE", "3DFACE", "POLYLINE"'


def layer(name: str, color: int, linetype: str) -> str:
    return tag(0, "LAYER") + tag(2, name) + tag(70, 0) + tag(62, color) + tag(6, linetype)


TABLES = section(
    "TABLES",
    tag(0, "TABLE") + tag(2, "LAYER") + layer("RED", 1, "Continuous") + layer("HID", 3, "HIDDEN2") + tag(0, "ENDTAB")
    + tag(0, "TABLE") + tag(2, "BLOCK_RECORD")
    + tag(0, "BLOCK_RECORD") + tag(5, "A1") + tag(2, "Door Single")
    + tag(0, "BLOCK_RECORD") + tag(5, "A2") + tag(2, "*U7") + tag(1001, "AcDbBlockRepBTag") + tag(1070, 1)
    + tag(1005, "a1") + tag(0, "ENDTAB"),
)  # fmt: skip


def block(name: str, width: float) -> str:
    rectangle = (
        (90, 4), (70, 1), (10, 0.0), (20, 0.0), (10, width), (20, 0.0), (10, width), (20, 100.0), (10, 0.0), (20, 100.0)
    )  # fmt: skip
    return (
        tag(0, "BLOCK") + tag(2, name) + tag(10, 0.0) + tag(20, 0.0)
        + entity("LWPOLYLINE", *rectangle) + tag(0, "ENDBLK")
    )  # fmt: skip


BLOCKS = section("BLOCKS", block("*U7", 900.0) + block("BOX", 300.0))


def line(handle: str, length: float = 1000.0, *more: tuple[int, object], layer: str = "X") -> str:
    return entity("LINE", *more, (10, 0.0), (20, 0.0), (11, length), (21, 0.0), handle=handle, layer=layer)


def outline(handle: str, flag: int, points: list[tuple[float, float]]) -> str:
    pairs = [pair for x, y in points for pair in ((10, x), (20, y))]
    return entity("LWPOLYLINE", (90, len(points)), (70, flag), *pairs, handle=handle, layer="X")


def insert(handle: str, name: str = "BOX", scale: float = 1.0, **attributes: str) -> str:
    text = entity("INSERT", (66, 1 if attributes else 0), (2, name), (10, 0.0), (20, 0.0), (41, scale), (42, scale),
                  handle=handle, layer="X")  # fmt: skip
    for key, value in attributes.items():
        text += entity("ATTRIB", (10, 0.0), (20, 0.0), (1, value), (2, key), (70, 0), layer="X")
    return text + (entity("SEQEND", layer="X") if attributes else "")


SQUARE = [(0.0, 0.0), (400.0, 0.0), (400.0, 400.0), (0.0, 400.0)]
ENTITIES = "".join(
    [
        line("1", layer="RED"), line("2", 1000.0, (62, 5), layer="RED"), line("3", 1000.0, (420, 0xFF8000)),
        line("4", layer="HID"), line("5", 1000.0, (6, "HIDDEN"), layer="RED"), line("6", 150.0), line("7", 40_000.0),
        outline("8", 1, SQUARE), outline("9", 0, SQUARE), outline("A", 0, [*SQUARE, SQUARE[0]]),
        entity("CIRCLE", (10, 0.0), (20, 0.0), (40, 2000.0), handle="B", layer="X"),
        insert("C", TYPE="FD60", MARK="D-01"), insert("D", TYPE="std"), insert("E"), insert("F", "*U7"),
        insert("10", scale=10.0),
        line("11", 1000.0, (67, 1), (410, "Sheet 1")), line("12", 1000.0, (67, 1), (410, "Sheet 2")),
    ]
)  # fmt: skip


def converted(tmp_path: Path, rule: str, *, batch_size: int | None = None) -> dict[str, str]:
    """Return handle to element name."""
    rules = tmp_path / "rules.toml"
    head = '[[rule]]\nid = "asked"\ndiscipline = "STR"\nifc_class = "IfcColumn"\nname = "hit"\n'
    rules.write_text("version = 1\n" + head + rule + REST % TYPES, encoding="utf-8")
    source = write(tmp_path / "d.dxf", drawing(ENTITIES, head=header() + TABLES + BLOCKS))
    output = tmp_path / f"{batch_size}.db"
    options = ConvertOptions(source=source, output=output, templates=rules, batch_size=batch_size)
    report = pipeline.convert(options, on_event=lambda _: None, should_leave=lambda: None)
    assert report.matched + report.skipped + report.errors == report.entities_read >= 16
    with closing(sqlite3.connect(output)) as database:
        return dict(database.execute("SELECT dxf_handle, element_name FROM elements_meta WHERE rule_id = 'asked'"))


@pytest.mark.parametrize(
    ("rule", "handles"),
    [
        ("colors = [1]", "1 5"),
        ("colors = [5]", "2"),
        ("colors = ['#ff8000', 3]", "3 4"),
        ("linetypes = ['hidden*']", "4 5"),
        ("max_length_m = 0.15\ntypes = ['LINE']", "6"),
        ("min_length_m = 10", "7 B"),
        ("closed = true", "8 A B"),
        ("closed = false\ntypes = ['LWPOLYLINE']", "9"),
        ("closed = true\nmax_size_m = 0.4", "8 A"),
        ("min_size_m = 0.5\nmax_size_m = 4\ntypes = ['CIRCLE', 'INSERT']", "B F 10"),
        ("attributes = { TYPE = ['fd*', 'EI*'] }", "C"),
        ("attributes = { type = ['*'] }", "C D"),
        ("attributes = { TYPE = ['FD*'], MARK = ['D-02'] }", ""),
        ("block_words = ['door']", "F"),
        ("layouts = ['sheet 1']", "11"),
        ("layouts = ['Model', 'Sheet*']\ntypes = ['CIRCLE', 'LINE']\nmin_length_m = 0.5", "1 2 3 4 5 7 B 11 12"),
    ],
)
def test_a_condition_chooses_these_entities(tmp_path: Path, rule: str, handles: str) -> None:
    assert sorted(converted(tmp_path, rule + "\n")) == sorted(handles.split())


def test_batches_of_one_give_the_same_elements(tmp_path: Path) -> None:
    rule = "closed = true\nmax_size_m = 0.4\nname_pattern = '{name} {layer}/{type} {handle}'\n"
    assert converted(tmp_path, rule) == converted(tmp_path, rule, batch_size=1)
    assert converted(tmp_path, rule)["8"] == "hit X/LWPOLYLINE 8"


def test_names_are_made_of_attributes_and_the_dynamic_blocks_name(tmp_path: Path) -> None:
    found = converted(tmp_path, "types = ['INSERT']\nname_pattern = '{block} {attr:Mark} {attr:TYPE}'\n")
    assert found == {"C": "BOX D-01 FD60", "D": "BOX std", "E": "BOX", "F": "Door Single", "10": "BOX"}
