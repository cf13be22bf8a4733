from __future__ import annotations

from pathlib import Path

import pytest

from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.load import load_rules
from dxfd.convert.match.rules import RGB_COLOR, Span, Where
from dxfd.errors import TemplatesError

HEAD = "version = 1\n"
WALL = '[[rule]]\nid = "w"\ndiscipline = "ARC"\nifc_class = "IfcWall"\nrecipe = "wall"\nwords = ["wall"]\n'
PLAIN = '[[rule]]\nid = "p"\ndiscipline = "ARC"\nifc_class = "IfcSlab"\nwords = ["wall"]\n'


def rules_of(tmp_path: Path, text: str) -> RuleSet:
    path = tmp_path / "rules.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_rules(path)


def test_conditions_are_read(tmp_path: Path) -> None:
    text = 'colors = [1, "#00ff00"]\nclosed = false\nmin_length_m = 1\nmax_size_m = 2\nattributes = { type = ["x"] }\n'
    assert rules_of(tmp_path, WALL + text).rules[0].where == Where(
        colors=(1, RGB_COLOR + 0xFF00), closed=False, length_m=Span(low=1.0), size_m=Span(high=2.0),
        attributes=(("TYPE", ("x",)),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colors = [256]\n", "colors must be colour numbers from 0 to 255 or '#rrggbb', not 256"),
        ("colors = 1\n", "colors must be a list of colours"),
        ("attributes = ['x']\n", "attributes must be a table of tags"),
        ("min_length_m = 3\nmax_length_m = 2\n", "min_length_m is above max_length_m"),
        ("min_size_m = -1\n", "min_size_m must be metres from 0 up"),
        ("closed = 1\n", "closed must be true or false"),
        ("width = 200\n", "width must be text, not 200"),
        ('width = "200"\n', 'width must be a length with mm, cm, m, in or ft, as "200 mm"'),
        ('width = "2 m"\nwidth_m = 2\n', "width and width_m exclude each other"),
        ("below_ceiling_m = 0.1\nelevation_m = 3\n", "below_ceiling_m and elevation_m exclude each other"),
        ('name_pattern = "{nme}"\n', "name_pattern has {nme}; known are {name} {handle} {layer} {block}"),
        ('name_pattern = "{name"\n', "name_pattern has a brace without its other"),
    ],
)
def test_wrong_conditions_are_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TemplatesError) as error:
        rules_of(tmp_path, WALL + text)
    assert words in error.value.message


@pytest.mark.parametrize(
    ("text", "metres"), [("200 mm", 0.2), ("20cm", 0.2), ("2.5 m", 2.5), ('8"', 0.2032), ("1 ft", 0.3048), (".5m", 0.5)]
)
def test_lengths_may_have_units(tmp_path: Path, text: str, metres: float) -> None:
    element = rules_of(tmp_path, WALL + f"width = '{text}'\n").classify("LINE", "WALL", "")
    assert element is not None
    assert element.width_m == metres


def test_a_rule_that_asks_more_is_asked_first_and_the_plain_one_is_left_for_the_rest(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, PLAIN + WALL + "closed = true\n")
    first, last = rules.choices("LINE", "WALL", "")
    assert (first.element and first.element.rule_id, first.where) == ("w", Where(closed=True))
    assert (last.element and last.element.rule_id, last.where) == ("p", None)
    plain = rules.classify("LINE", "WALL", "")
    assert plain is not None
    assert plain.rule_id == "p"
    asked = next(v for v in rules.explain("LINE", "WALL", "") if v.rule_id == "w")
    assert (asked.matched, asked.chosen, asked.asks, asked.result) == (True, False, "closed", "IfcWall ARC")


def test_higher_priority_that_asks_nothing_ends_the_list(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, PLAIN + "priority = 1\n" + WALL + "closed = true\n")
    assert [choice.where for choice in rules.choices("LINE", "WALL", "")] == [None]


def test_where_no_rule_is_left_the_last_choice_says_why(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, WALL + "closed = true\n")
    assert [choice.reason for choice in rules.choices("LINE", "WALL", "")] == ["", "no_rule"]


def test_conditions_count_for_the_fingerprint(tmp_path: Path) -> None:
    plain = rules_of(tmp_path, WALL).fingerprint
    assert rules_of(tmp_path, WALL + "colors = [1]\n").fingerprint != plain
    assert (
        rules_of(tmp_path, WALL + "colors = [2]\n").fingerprint
        != rules_of(tmp_path, WALL + "colors = [1]\n").fingerprint
    )
