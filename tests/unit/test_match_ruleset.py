from __future__ import annotations

from pathlib import Path

import pytest

from dxfd.convert.match import ruleset
from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.load import load_rules
from dxfd.convert.match.rules import RECIPE_DEFAULTS, Recipe
from dxfd.errors import TemplatesError, TemplatesMissingError

HEAD = "version = 1\n"
WALL = '[[rule]]\nid = "w"\ndiscipline = "ARC"\nifc_class = "IfcWall"\nrecipe = "wall"\nwords = ["wall"]\n'


def rules_of(tmp_path: Path, text: str) -> RuleSet:
    path = tmp_path / "rules.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_rules(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]\n", "not valid TOML: Expected ']]' at the end of an array declaration (at line 2"),
        (WALL + 'colour = "red"\n', 'rule 1 "w" (line 2), colour is not a key here'),
        (WALL + "\n[[rule]]\nid = 'x'\n", 'rule 2 "x" (line 9), words or another condition is missing'),
        ("[[rule]]\nid = 'x'\nwords = ['a']\n", 'rule 1 "x" (line 2), discipline is missing'),
        (WALL + WALL, 'id "w" stands in rules 1 and 2'),
        (WALL + 'height_m = "3 m"\n', "height_m must be a number, not '3 m'"),
        (WALL + "width_m = -1\n", "width_m must be metres above 0 and up to 1000, not -1"),
        (WALL + "width_m = nan\n", "width_m must be metres above 0"),
        (WALL + "confidence = 2\n", "confidence must be within 0 and 1, not 2"),
        (WALL + 'layer_regex = ["("]\n', "layer_regex '(' is no regular expression"),
        (WALL + 'layer_words = "wall"\n', "layer_words must be a list of text, as ['wall']"),
        (WALL.replace('"wall"\nwords', '"tower"\nwords'), "recipe must be one of curve wall column"),
        (WALL.replace("IfcWall", "Wall"), "ifc_class must be an IFC class such as IfcWall, not 'Wall'"),
        (WALL.replace("ARC", "HVAC"), "discipline must be one of ARC STR FP ELEC ACMV SP CW LPG REB, not 'HVAC'"),
        (WALL + 'rgba = "1,2"\n', 'rgba must be "r,g,b,a" with parts from 0 to 1'),
        (WALL + "skip = true\n", "discipline makes no sense beside skip = true"),
        (WALL + "priority = 1.5\n", "priority must be a whole number, not 1.5"),
        ("[discipline.XYZ]\n" + WALL, "[discipline.XYZ], code must be one of ARC"),
        ('extends = "mine"\n' + WALL, 'extends can only be "default"'),
        ("", "rule is missing: there is no [[rule]] in it"),
        ("rule = 3\n", "rule must be written as [[rule]]"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TemplatesError) as error:
        rules_of(tmp_path, text)
    assert words in error.value.message
    assert error.value.message.startswith("rules.toml: ")
    assert "\n" not in error.value.message


@pytest.mark.parametrize("version", ["version = 2\n", "", 'version = "1"\n'])
def test_another_version_of_the_format_is_refused(version: str) -> None:
    with pytest.raises(TemplatesError, match="version must be 1"):
        ruleset.parse(version + WALL, "x.toml")


def test_files_that_are_no_rule_sets(tmp_path: Path) -> None:
    with pytest.raises(TemplatesMissingError, match="no such template file"):
        load_rules(tmp_path / "none.toml")
    with pytest.raises(TemplatesError, match="is a folder"):
        load_rules(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"version = 1 # \xfc")
    with pytest.raises(TemplatesError, match="not UTF-8"):
        load_rules(latin)
    text = tmp_path / "library.db"
    text.write_text("hello")
    with pytest.raises(TemplatesError, match="not an SQLite database"):
        load_rules(text)


def test_measures_default_to_those_of_the_recipe(tmp_path: Path) -> None:
    element = rules_of(tmp_path, WALL + "height_m = 4\n").classify("LINE", "WALL", "")
    assert element is not None
    assert (element.width_m, element.height_m) == (RECIPE_DEFAULTS[Recipe.WALL].width_m, 4.0)
    assert element.name == "Wall"


def test_fingerprint_follows_the_rules_and_nothing_else(tmp_path: Path) -> None:
    one = rules_of(tmp_path, WALL)
    same = rules_of(tmp_path, "# another comment\n" + WALL)
    other = rules_of(tmp_path, WALL + "height_m = 4\n")
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 64


def test_a_file_may_extend_and_replace_default_rules(tmp_path: Path) -> None:
    text = 'extends = "default"\n' + WALL.replace('"w"', '"arc.wall"').replace('"wall"]', '"mywall"]')
    rules = rules_of(tmp_path, text)
    assert rules.classify("LINE", "MYWALL", "") is not None
    assert rules.classify("LINE", "WALL", "") is None
    assert rules.classify("LINE", "A-DOOR", "") is not None


def test_priority_goes_before_specificity_and_that_before_order(tmp_path: Path) -> None:
    def rule(name: str, *lines: str) -> str:
        return f'[[rule]]\nid = "{name}"\ndiscipline = "ARC"\nifc_class = "IfcWall"\n' + "\n".join(lines) + "\n"

    rules = rules_of(
        tmp_path,
        rule("first", 'words = ["brick"]')
        + rule("second", 'words = ["brick"]')
        + rule("phrase", 'words = ["brick wall"]')
        + rule("glob", 'layer_globs = ["x-*"]')
        + rule("high", 'words = ["special"]', "priority = 1"),
    )

    def chosen(layer: str) -> str | None:
        element = rules.classify("LINE", layer, "")
        return element.rule_id if element else None

    assert chosen("BRICK") == "first"
    assert chosen("BRICK-WALL") == "phrase"
    assert chosen("X-BRICK") == "glob"
    assert chosen("X-BRICK-WALL-SPECIAL") == "high"
    assert chosen("BRICKS2") == "first"
    assert chosen("BRICKYARD") is None


def test_conditions_must_all_hold(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        '[[rule]]\nid = "x"\ndiscipline = ["SP", "FP"]\nifc_class = "IfcValve"\ntypes = ["INSERT"]\n'
        'layer_regex = ["^[FP]-"]\nblock_words = ["valve"]\nblock_not = ["tag"]\nblock_recipe = "point"\n',
    )
    element = rules.classify("INSERT", "F-EQPM", "GATE VALVE")
    assert element is not None
    assert (element.discipline, element.recipe) == ("FP", Recipe.POINT)
    assert rules.classify("INSERT", "F-EQPM", "VALVE TAG") is None
    assert rules.classify("INSERT", "M-EQPM", "VALVE") is None
    assert rules.classify("LINE", "F-EQPM", "VALVE") is None
    assert rules.classify("INSERT", "F-EQPM", "") is None


def test_annotation_types_are_matched_by_a_rule_that_names_them(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path, WALL + '[[rule]]\nid = "h"\ndiscipline = "STR"\nifc_class = "IfcSlab"\ntypes = ["HATCH"]\n'
    )
    assert rules.classify("TEXT", "WALL", "") is None
    hatch = rules.classify("HATCH", "0", "")
    assert hatch is not None
    assert hatch.rule_id == "h"


def test_explain_tells_for_every_rule_why_and_why_not(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, WALL + WALL.replace('"w"', '"d"').replace('["wall"]', '["door"]\nnot = ["tag"]'))
    verdicts = rules.explain("LINE", "A-WALL", "")
    assert [(v.rule_id, v.matched, v.chosen) for v in verdicts] == [("w", True, True), ("d", False, False)]
    assert verdicts[0].why == "layer has “wall”"
    assert "none of its words" in verdicts[1].why
    assert "rules it out" in rules.explain("LINE", "DOOR-TAG", "")[1].why


def test_a_file_may_change_how_layers_speak_of_one_discipline(tmp_path: Path) -> None:
    text = 'extends = "default"\n[discipline.FP]\nwords = ["brandmelde"]\n' + WALL
    rules = rules_of(tmp_path, text)

    def discipline(layer: str) -> str | None:
        element = rules.classify("LINE", layer, "")
        return element.discipline if element else None

    assert discipline("BRANDMELDE-PIPE") == "FP"
    assert discipline("SPRINKLER-MAIN") != "FP"
    assert discipline("CHW-PIPE") == "CW"
