"""What of a drawing is converted and kept, by choice: hidden layers, colours, layouts, georeference."""

from __future__ import annotations

import collections
import json
from functools import partial
from pathlib import Path

import ezdxf
import pytest
from ezdxf import colors as ezcolors
from ezdxf.entities.geodata import EPSG_3395

from dxfd.convert.build.colors import palette, shown
from dxfd.convert.read.skim import Layer
from dxfd.convert.types import Advanced, Began, Colors, HiddenLayers, Left, ResumePolicy
from dxfd.errors import ResumeImpossibleError
from tests.support import convert as cv


@pytest.fixture
def rules(tmp_path):
    return cv.rules(tmp_path / "all.toml")


def reasons(run: cv.Run) -> dict[str, int]:
    sums: collections.Counter[str] = collections.Counter()
    for row in run.report.ledger:
        sums[row.reason] += row.count
    return dict(sums)


# --- hidden layers -----------------------------------------------------------------------------------------------


@pytest.fixture
def hidden(tmp_path) -> Path:
    doc = ezdxf.new("R2010")
    for name in ("A-FROZEN", "A-OFF", "A-LOCKED", "A-SHOWN"):
        layer = doc.layers.add(name, color=3)
        doc.modelspace().add_line((0, 0), (1, 0), dxfattribs={"layer": name.lower()})
        {"A-FROZEN": layer.freeze, "A-OFF": layer.off, "A-LOCKED": layer.lock}.get(name, lambda: None)()
    doc.modelspace().add_line((0, 0), (1, 0), dxfattribs={"layer": "A-SHOWN", "invisible": 1})
    doc.saveas(tmp_path / "hidden.dxf")
    return tmp_path / "hidden.dxf"


def test_hidden_layers_are_converted_and_named_unless_they_are_to_be_skipped(hidden, rules):
    run = cv.convert(hidden, templates=rules)
    assert run.report.matched == 5
    shown = run.rows(
        "SELECT m.dxf_layer FROM elements_meta m JOIN layers l ON l.name = m.dxf_layer COLLATE NOCASE"
        " WHERE l.frozen OR l.off ORDER BY 1"
    )
    assert shown == [("a-frozen",), ("a-off",)]
    assert run.rows("SELECT name FROM layers WHERE locked") == [("A-LOCKED",)]


def test_skipped_hidden_layers_are_in_the_ledger(hidden, rules):
    run = cv.convert(hidden, templates=rules, hidden_layers=HiddenLayers.SKIP)
    assert cv.adds_up(run.report)
    assert reasons(run) == {"": 2, "layer_hidden": 2, "invisible": 1}


def test_another_policy_is_another_result_and_not_resumed(hidden, rules):
    left = iter([None, None, None, None, "pause"])
    with pytest.raises(Left):
        cv.convert(hidden, templates=rules, batch_size=1, leave=lambda: next(left, "pause"))
    with pytest.raises(ResumeImpossibleError, match="hidden_layers"):
        cv.convert(hidden, templates=rules, hidden_layers=HiddenLayers.SKIP, resume=ResumePolicy.RESUME)


# --- colours -----------------------------------------------------------------------------------------------------


def test_the_palette_is_that_of_cad_programs():
    other = [n for n in range(256) if palette()[n] != ezcolors.DXF_DEFAULT_COLORS[n]]
    # dark shades of blue and pale dark ones: their table has slips of the pen there (8 for 2), ours the rule
    assert all(n % 10 in {7, 9} and 100 < n < 250 for n in other)
    assert len(palette()) == 256


OWN = {
    # attributes of the entity: its colour (None: the layer's), and its alpha (None: the layer's)
    (): (None, None),
    (("color", 256),): (None, None),
    (("color", 0),): ((255, 255, 255), None),
    (("color", 3),): ((0, 255, 0), None),
    (("color", 137),): ((38, 76, 76), None),
    (("true_color", 0x102030), ("color", 3)): ((16, 32, 48), None),
    (("transparency", 0x02000000 + 64),): (None, 64),
    (("transparency", 0x01000000),): (None, 255),
}
LAYERS = {
    "RED": ((255, 0, 0), 255), "TRUE": ((10, 20, 30), 255), "Glass": ((0, 255, 255), 127), "OFF": ((0, 0, 255), 255),
    "NOT-IN-THE-TABLE": ((255, 255, 255), 255), "0": ((255, 255, 255), 255),
}  # fmt: skip


@pytest.fixture
def coloured(tmp_path) -> Path:
    doc = ezdxf.new("R2010")
    doc.layers.add("RED", color=1)
    doc.layers.add("TRUE").rgb = (10, 20, 30)
    doc.layers.add("Glass", color=4).transparency = 0.5
    doc.layers.add("OFF", color=5).off()
    msp = doc.modelspace()
    for layer in LAYERS:
        for attributes in OWN:
            msp.add_line((0, 0), (1, 0), dxfattribs={"layer": layer.lower(), **dict(attributes)})
    hatch = msp.add_hatch(color=2, dxfattribs={"layer": "RED"})
    hatch.paths.add_polyline_path([(0, 0), (1, 0), (1, 1)], is_closed=True)
    hatch.set_gradient((1, 2, 3), (4, 5, 6))
    doc.saveas(tmp_path / "colours.dxf")
    return tmp_path / "colours.dxf"


def parts(rgba: str) -> tuple[int, ...]:
    return tuple(round(255 * float(part)) for part in rgba.split(","))


@pytest.mark.parametrize(
    ("code", "transparency", "wanted"),
    [
        (0, 0x01000000, (0x102030, 77)),
        (0, 0x02000040, (0x102030, 0x40)),
        (1, 0x01000000, (0xFF0000, 77)),
        (256, 0, (0x00FF00, 127)),
    ],
    ids=["all of the block", "colour of the block", "transparency of the block", "all of the layer"],
)
def test_what_is_byblock_is_the_references(code, transparency, wanted):
    layer = Layer(name="A", color=3, alpha=127)
    assert shown(code, transparency, layer, (0x102030, 77)) == wanted


def test_an_entity_has_its_own_colour_or_its_layers(coloured, rules):
    run = cv.convert(coloured, templates=rules, colors=Colors.DRAWING)
    ours = [parts(rgba) for (rgba,) in run.rows("SELECT material_rgba FROM elements_meta ORDER BY id")]
    theirs = [
        (*(rgb or layer_rgb), layer_alpha if alpha is None else alpha)
        for layer_rgb, layer_alpha in LAYERS.values()
        for rgb, alpha in OWN.values()
    ]
    assert ours == [*theirs, (255, 255, 0, 255)]


def test_a_rules_colour_goes_first_unless_the_drawings_is_asked_for(coloured, tmp_path):
    text = cv.rules(tmp_path / "red.toml").read_text() + 'rgba = "0.1,0.2,0.3,1"\n'
    (tmp_path / "red.toml").write_text(text)
    every = "SELECT DISTINCT material_rgba FROM elements_meta"
    assert cv.convert(coloured, templates=tmp_path / "red.toml").rows(every) == [("0.1,0.2,0.3,1",)]
    drawn = cv.convert(coloured, templates=tmp_path / "red.toml", colors=Colors.DRAWING).rows(every)
    assert ("0.1,0.2,0.3,1",) not in drawn
    assert ("1,0,0,1",) in drawn


# --- layouts -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sheets(tmp_path) -> Path:
    doc = ezdxf.new("R2010")
    for k in range(4):
        doc.modelspace().add_line((5e8, k), (5e8 + 1, k))
    doc.layout("Layout1").add_line((0, 0), (1, 1))
    for name, count in (("A1 Plan", 3), ("B2 Schnitt", 4)):
        sheet = doc.layouts.new(name)
        for k in range(count):
            sheet.add_line((10, k), (11, k))
    doc.saveas(tmp_path / "sheets.dxf")
    return tmp_path / "sheets.dxf"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("model",), {"Model"}),
        (("all",), {"Model", "Layout1", "A1 Plan", "B2 Schnitt"}),
        (("a1 plan",), {"A1 Plan"}),
        (("Model", "B2*"), {"Model", "B2 Schnitt"}),
        (("layout1",), {"Layout1"}),
    ],
)
def test_the_layouts_that_are_asked_for_are_converted(sheets, rules, asked, expected):
    run = cv.convert(sheets, templates=rules, layouts=asked)
    assert cv.adds_up(run.report)
    found: collections.Counter[str] = collections.Counter()
    for row in run.report.ledger:
        if row.outcome == "element" or row.entity_type == "VIEWPORT":
            found[row.layout] += row.count
    doc = ezdxf.readfile(sheets)
    theirs = {layout.name: len(layout) for layout in doc.layouts if layout.name in expected}
    assert found == {name: count for name, count in theirs.items() if count}
    assert run.report.entities_read == sum(theirs.values())
    storeys = {name for (name,) in run.rows("SELECT DISTINCT storey FROM elements_meta WHERE dxf_type = 'LINE'")}
    assert storeys == {"Level 0" if name == "Model" else name for name in expected}


def test_sheets_keep_their_own_coordinates(sheets, rules):
    run = cv.convert(sheets, templates=rules, layouts=("all",), units="mm")
    assert run.rows("SELECT offset_x FROM coordinate_metadata") == [(500_000.0,)]
    low, high = run.rows(
        "SELECT MIN(center_x), MAX(center_x) FROM element_transforms t JOIN elements_meta m ON m.id = t.id"
        " WHERE storey = 'A1 Plan' AND dxf_type = 'LINE'"
    )[0]
    assert low == high == pytest.approx(0.0105)


def test_a_layout_that_is_not_there_is_told(sheets, rules):
    run = cv.convert(sheets, templates=rules, layouts=("model", "Nowhere"))
    assert run.report.issues["layout_missing"] == 1
    assert run.report.matched == 4


def test_the_total_counts_the_layouts_that_are_asked_for(sheets, rules, tmp_path):
    def totals(run: cv.Run) -> set[int]:
        return {event.entities_total for event in run.events if isinstance(event, Began | Advanced)}

    whole = cv.convert(sheets, templates=rules, layouts=("all",))
    assert totals(whole) == {whole.report.entities_read}
    some = cv.convert(sheets, templates=rules, layouts=("model", "B2*"))
    assert some.report.entities_read <= min(totals(some)) < whole.report.entities_read
    for asked in (("all",), ("model",)):  # an interrupted run knows the total of its own layouts
        answers = iter([None, None, None, "pause"])
        with pytest.raises(Left):
            cv.convert(
                sheets, tmp_path / "c.db", templates=rules, batch_size=1, leave=partial(next, answers), layouts=asked
            )
        assert totals(cv.convert(sheets, tmp_path / "c.db", templates=rules, layouts=("all",))) == totals(whole)


def test_layouts_are_resumed_like_the_model(sheets, rules, tmp_path):
    whole = cv.convert(sheets, tmp_path / "whole.db", templates=rules, layouts=("all",))
    attempts = 0
    while True:
        attempts += 1
        answers = iter([None] * (3 if attempts < 6 else 10**6))
        try:
            run = cv.convert(
                sheets, tmp_path / "parts.db", templates=rules, layouts=("all",), batch_size=1,
                leave=partial(next, answers, "pause"),
            )  # fmt: skip
        except Left:
            assert attempts < 7
        else:
            break
    assert attempts > 3
    assert cv.snapshot(run.output) == cv.snapshot(whole.output)


# --- georeference ------------------------------------------------------------------------------------------------


def test_geodata_is_kept(tmp_path, rules):
    doc = ezdxf.new("R2013")
    doc.modelspace().add_line((0, 0), (1, 0))
    data = doc.modelspace().new_geodata()
    data.setup_local_grid(
        design_point=(10, 20, 3), reference_point=(2_600_000, 1_200_000, 400), north_direction=(1, 2), crs=EPSG_3395
    )
    data.source_vertices = [(1, 2), (3, 4)]
    data.target_vertices = [(5, 6), (7, 8)]
    doc.saveas(tmp_path / "geo.dxf")
    run = cv.convert(tmp_path / "geo.dxf", templates=rules)
    (row,) = run.rows(
        "SELECT coordinate_type, epsg, crs_name, design_x, design_y, design_z, reference_x, reference_y, reference_z,"
        " north_x, north_y, horizontal_scale, definition FROM georeference"
    )
    assert row[:3] == ("local_grid", 3395, "WORLD-MERCATOR")
    assert row[3:12] == (10, 20, 3, 2_600_000, 1_200_000, 400, 1, 2, 1)
    assert row[12].split() == EPSG_3395.split()


def test_a_drawing_without_geodata_has_none(hidden, rules):
    assert cv.convert(hidden, templates=rules).rows("SELECT COUNT(*) FROM georeference") == [(0,)]


# --- extended data -----------------------------------------------------------------------------------------------


def test_extended_data_and_extension_dictionaries_become_properties_on_request(tmp_path, rules):
    doc = ezdxf.new("R2010")
    doc.appids.add("ACME")
    doc.appids.add("OTHER")
    line = doc.modelspace().add_line((0, 0), (1, 0))
    line.set_xdata("ACME", [(1000, "Häkchen"), (1002, "{"), (1040, 2.5), (1010, (1, 2, 3)), (1070, 7), (1002, "}")])
    line.set_xdata("OTHER", [(1071, 70_000)])
    dictionary = line.new_extension_dict()
    dictionary.add_xrecord("RECORD").reset([(1, "text"), (40, 1.5), (90, 12), (10, (4, 5, 6))])
    inner = dictionary.dictionary.add_new_dict("INNER")
    inner.add_xrecord("DEEP").reset([(70, 3)])
    doc.modelspace().add_line((0, 0), (1, 0))
    doc.saveas(tmp_path / "x.dxf")
    every = "SELECT element_id, name, value FROM element_properties ORDER BY rowid"
    assert cv.convert(tmp_path / "x.dxf", templates=rules).rows(every) == []
    found = {name: (owner, json.loads(value)) for owner, name, value in
             cv.convert(tmp_path / "x.dxf", templates=rules, xdata=True).rows(every)}  # fmt: skip
    assert found == {
        "XDATA:ACME": (
            1, [[1000, "Häkchen"], [1002, "{"], [1040, 2.5], [1010, [1.0, 2.0, 3.0]], [1070, 7], [1002, "}"]],
        ),
        "XDATA:OTHER": (1, [[1071, 70_000]]),
        "XDICT:RECORD": (1, [[1, "text"], [40, 1.5], [90, 12], [10, [4.0, 5.0, 6.0]]]),
        "XDICT:INNER/DEEP": (1, [[70, 3]]),
    }  # fmt: skip
