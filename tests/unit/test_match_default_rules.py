from __future__ import annotations

import time
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.load import load_rules
from dxfd.convert.match.rules import DISCIPLINES, Recipe, SkipReason
from tests.support.corpus import real_drawing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(None)


def test_etc_ships_the_rules_that_are_used() -> None:
    shipped = resources.files("dxfd.convert.match").joinpath("default_rules.toml").read_bytes()
    assert (ROOT / "etc" / "rules.toml").read_bytes() == shipped


def test_every_rule_has_a_known_discipline_and_measures(rules: RuleSet) -> None:
    for rule in rules.rules:
        assert rule.skip == (rule.element is None)
        if rule.element is not None:
            assert rule.element.discipline in DISCIPLINES
            assert min(rule.element.width_m, rule.element.height_m, rule.element.diameter_m) > 0


@pytest.mark.parametrize(
    ("layer", "ifc_class", "discipline"),
    [
        # AIA / NCS
        ("A-WALL-FULL", "IfcWall", "ARC"),
        ("S-WALL", "IfcWall", "STR"),
        ("S-STEM-WALL", "IfcWall", "STR"),
        ("A-DOOR", "IfcDoor", "ARC"),
        ("A-GLAZ", "IfcWindow", "ARC"),
        ("A-GLAZ-CURT", "IfcCurtainWall", "ARC"),
        ("A-FLOR-STRS", "IfcStair", "ARC"),
        ("A-FLOR-HRAL", "IfcRailing", "ARC"),
        ("A-FLOR", "IfcSlab", "ARC"),
        ("A-CLNG", "IfcCovering", "ARC"),
        ("A-ROOF", "IfcRoof", "ARC"),
        ("A-FURN", "IfcFurniture", "ARC"),
        ("S-COLS", "IfcColumn", "STR"),
        ("S-BEAM", "IfcBeam", "STR"),
        ("S-SLAB", "IfcSlab", "STR"),
        ("S-FNDN", "IfcFooting", "STR"),
        ("S-FNDN-PILE", "IfcPile", "STR"),
        ("M-DUCT", "IfcDuctSegment", "ACMV"),
        ("M-HVAC-SDFF", "IfcAirTerminal", "ACMV"),
        ("M-CHW-PIPE", "IfcPipeSegment", "CW"),
        ("P-PIPE", "IfcPipeSegment", "SP"),
        ("P-SANR-FIXT", "IfcSanitaryTerminal", "SP"),
        ("P-FIXT", "IfcSanitaryTerminal", "SP"),
        ("E-LITE", "IfcLightFixture", "ELEC"),
        ("E-LITE-SWCH", "IfcSwitchingDevice", "ELEC"),
        ("E-POWR-WALL", "IfcOutlet", "ELEC"),
        ("E-POWR-PANL", "IfcElectricDistributionBoard", "ELEC"),
        ("E-CABL-TRAY", "IfcCableCarrierSegment", "ELEC"),
        ("F-SPRN", "IfcFireSuppressionTerminal", "FP"),
        ("F-SPRN-PIPE", "IfcPipeSegment", "FP"),
        ("E-FIRE-ALRM", "IfcAlarm", "FP"),
        ("A-EQPM", "IfcBuildingElementProxy", "ARC"),
        ("T-XXXX", "IfcBuildingElementProxy", "ELEC"),
        # discipline codes
        ("FP_PIPE", "IfcPipeSegment", "FP"),
        ("CW-PIPE-SUPPLY", "IfcPipeSegment", "CW"),
        ("SP-PIPE", "IfcPipeSegment", "SP"),
        ("LPG_PIPE", "IfcPipeSegment", "LPG"),
        ("STR-COL", "IfcColumn", "STR"),
        ("ACMV-DUCT-SUPPLY", "IfcDuctSegment", "ACMV"),
        ("ELEC_LIGHTING", "IfcLightFixture", "ELEC"),
        ("ARC-0012", "IfcBuildingElementProxy", "ARC"),
        ("REB-TOP", "IfcReinforcingBar", "REB"),
        # ISO 13567, BS 1192
        ("A-22----E-", "IfcWall", "ARC"),
        ("S-28----E-", "IfcColumn", "STR"),
        ("A-G25-M_Ext", "IfcWall", "ARC"),
        ("A-Ss_25_10-M_Ext", "IfcWall", "ARC"),
        # languages
        ("01_WALL EXT", "IfcWall", "ARC"),
        ("Wand-aussen", "IfcWall", "ARC"),
        ("Außenwände", "IfcWall", "ARC"),
        ("STUETZEN", "IfcColumn", "STR"),
        ("Türen", "IfcDoor", "ARC"),
        ("Rohrleitung", "IfcPipeSegment", "SP"),
        ("Lüftungskanal", "IfcDuctSegment", "ACMV"),
        ("MURS PORTEURS", "IfcWall", "ARC"),
        ("Fenêtres", "IfcWindow", "ARC"),
        ("POTEAUX", "IfcColumn", "STR"),
        ("MUROS", "IfcWall", "ARC"),
        ("VENTANAS", "IfcWindow", "ARC"),
        ("Pareti interne", "IfcWall", "ARC"),
        ("PILASTRI", "IfcColumn", "STR"),
        ("DINDING", "IfcWall", "ARC"),
        ("TINGKAP", "IfcWindow", "ARC"),
        ("内墙", "IfcWall", "ARC"),
        ("玻璃幕墙", "IfcCurtainWall", "ARC"),
        ("阀门", "IfcValve", "SP"),
        ("消防管道", "IfcPipeSegment", "FP"),
        ("风管", "IfcDuctSegment", "ACMV"),
        ("外壁", "IfcWall", "ARC"),
        ("階段", "IfcStair", "ARC"),
        ("стены", "IfcWall", "ARC"),
        # external references
        ("site|A-WALL", "IfcWall", "ARC"),
        ("site$0$A-WALL", "IfcWall", "ARC"),
    ],
)
def test_layers_of_lines(rules: RuleSet, layer: str, ifc_class: str, discipline: str) -> None:
    element = rules.classify("LINE", layer, "")
    assert element is not None
    assert (element.ifc_class, element.discipline) == (ifc_class, discipline)


@pytest.mark.parametrize(
    ("layer", "block", "ifc_class", "discipline"),
    [
        ("FP-HEADS", "SPRINKLER", "IfcFireSuppressionTerminal", "FP"),
        ("0", "Single_Door_900", "IfcDoor", "ARC"),
        ("A-DOOR", "Sectional-Overhead-Door_Standard-Lift", "IfcDoor", "ARC"),
        ("A-CASE", "P-Toilet", "IfcSanitaryTerminal", "SP"),
        ("A-DOOR", "Single-Flush-320254-2nd Floor", "IfcDoor", "ARC"),
        ("ACMV", "SUPPLY DIFFUSER 600", "IfcAirTerminal", "ACMV"),
        ("ARC-FURN", "Dining Table", "IfcFurniture", "ARC"),
        ("CW-EQPM", "CHW_PUMP_01", "IfcPump", "CW"),
    ],
)
def test_blocks(rules: RuleSet, layer: str, block: str, ifc_class: str, discipline: str) -> None:
    element = rules.classify("INSERT", layer, block)
    assert element is not None
    assert (element.ifc_class, element.discipline) == (ifc_class, discipline)
    assert element.recipe is Recipe.BOX


@pytest.mark.parametrize(
    ("entity_type", "layer", "block", "reason"),
    [
        ("LINE", "WALLPAPER", "", SkipReason.NO_RULE),
        ("LINE", "COLOUR", "", SkipReason.NO_RULE),
        ("LINE", "DOORHANDLE", "", SkipReason.NO_RULE),
        ("LINE", "0", "", SkipReason.NO_RULE),
        ("INSERT", "0", "*U12", SkipReason.NO_RULE),
        ("TEXT", "A-WALL", "", SkipReason.ANNOTATION_TYPE),
        ("HATCH", "A-WALL", "", SkipReason.ANNOTATION_TYPE),
        ("DIMENSION", "S-COLS", "", SkipReason.ANNOTATION_TYPE),
        ("LINE", "A-WALL-PATT", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "A-ANNO-DIMS", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "A-ELEV-WALL", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "A-G25-D_Walls", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "S-GRID", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "Defpoints", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "A-TTLB", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "Bemaßung", "", SkipReason.ANNOTATION_LAYER),
        ("LINE", "墙尺寸", "", SkipReason.ANNOTATION_LAYER),
        ("INSERT", "A-DOOR", "DOOR_TAG", SkipReason.ANNOTATION_BLOCK),
        ("INSERT", "A-WALL", "*D17", SkipReason.ANNOTATION_BLOCK),
        ("INSERT", "0", "A1 title", SkipReason.ANNOTATION_BLOCK),
    ],
)
def test_what_makes_no_element_says_why(
    rules: RuleSet, entity_type: str, layer: str, block: str, reason: SkipReason
) -> None:
    assert rules.classify(entity_type, layer, block) is None
    assert rules.why_not(entity_type, layer, block) is reason


def test_a_colour_comes_from_the_discipline_unless_the_rule_has_one(rules: RuleSet) -> None:
    pipe, window = rules.classify("LINE", "FP-PIPE", ""), rules.classify("LINE", "A-GLAZ", "")
    assert pipe is not None
    assert pipe.material_rgba == "0.85,0.15,0.1,1"
    assert window is not None
    assert window.material_rgba == "0.55,0.75,0.85,0.5"


def test_faces_keep_their_own_body(rules: RuleSet) -> None:
    element = rules.classify("3DFACE", "A-WALL", "")
    assert element is not None
    assert element.recipe is Recipe.MESH


def test_loading_is_fast_and_names_are_cheap(rules: RuleSet) -> None:
    begun = time.perf_counter()
    for number in range(2000):
        rules.classify("INSERT", f"A-WALL-{number % 20}", f"*U{number}")
    assert time.perf_counter() - begun < 5.0  # a bound against quadratic work; 0.1 s is usual


MIN_RATES = {
    "arch/yorikvanhavre+barcelona-pavillion__pabellon_de_barcelona.dxf": (
        0.8,
        {"IfcWall", "IfcDoor", "IfcColumn", "IfcRoof"},
    ),
    "arch/red1oon+bim-ootb__DX_FLOOR_GF.dxf": (0.35, {"IfcWall", "IfcDoor", "IfcWindow", "IfcFurniture"}),
    "arch/skymakerolof+dxf__floorplan.dxf": (0.35, {"IfcWall", "IfcFooting", "IfcSanitaryTerminal"}),
    "arch/Mcrauli+dwg2ifc__simple_wall.dxf": (1.0, {"IfcWall"}),
    "mep/red1oon+bim-ootb__DX_PLUMBING.dxf": (0.8, {"IfcWall", "IfcBuildingElementProxy"}),
    "big/rouault+gdal__Building_A_Floor_0_Mapwize.dwg.dxf": (0.7, {"IfcDoor", "IfcStair", "IfcSanitaryTerminal"}),
}


@pytest.mark.parametrize("name", MIN_RATES)
def test_real_drawings_match_what_is_building_and_no_annotation(rules: RuleSet, name: str) -> None:
    path = real_drawing(name)
    import ezdxf

    found: Counter[str | None] = Counter()
    for entity in ezdxf.readfile(path).modelspace():
        kind, layer = entity.dxftype(), entity.dxf.layer
        element = rules.classify(kind, layer, entity.dxf.name if kind == "INSERT" else "")
        found[element.ifc_class if element else None] += 1
        if element is not None:
            assert kind not in {"TEXT", "MTEXT", "DIMENSION", "HATCH", "LEADER"}
            assert not any(word in layer.upper() for word in ("ANNO", "TTLB", "GRID", "PATT", "DIMS"))
    rate, classes = MIN_RATES[name]
    assert 1 - found[None] / found.total() >= rate
    assert classes <= found.keys()
