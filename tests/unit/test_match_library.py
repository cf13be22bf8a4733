"""Template libraries built from the documented schema."""

# ruff: noqa: E501  (one table, one row: one line)

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dxfd.convert.match.load import load_rules
from dxfd.convert.match.rules import Recipe
from dxfd.errors import TemplatesError

SCHEMA = """
CREATE TABLE adaptation_rules (adaptation_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, rule_name TEXT NOT NULL, condition TEXT NOT NULL, action TEXT NOT NULL, parameters TEXT, priority INTEGER DEFAULT 0, description TEXT, active INTEGER DEFAULT 1);
CREATE TABLE code_requirements (requirement_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, code_name TEXT NOT NULL, value REAL, unit TEXT);
CREATE TABLE derivation_rules (rule_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, rule_name TEXT NOT NULL, rule_type TEXT NOT NULL, formula TEXT);
CREATE TABLE element_templates (template_id TEXT PRIMARY KEY, template_name TEXT NOT NULL, version TEXT NOT NULL, category TEXT NOT NULL, subcategory TEXT, ifc_class TEXT NOT NULL, predefined_type TEXT, object_type TEXT, description TEXT, confidence_score REAL DEFAULT 0.0, usage_count INTEGER DEFAULT 0, created_date TEXT, modified_date TEXT, extracted_from TEXT, instance_count INTEGER, status TEXT DEFAULT 'active', notes TEXT);
CREATE TABLE geometry_definitions (geometry_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, geometry_type TEXT NOT NULL, dimensions TEXT, shape_parameters TEXT, representation_type TEXT, lod INTEGER DEFAULT 100, geometry_data TEXT, description TEXT);
CREATE TABLE material_specifications (spec_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, material_name TEXT, finish TEXT);
CREATE TABLE schema_version (version TEXT PRIMARY KEY, applied_date TEXT, description TEXT);
CREATE TABLE spatial_patterns (pattern_id TEXT PRIMARY KEY, template_id TEXT NOT NULL);
CREATE TABLE template_categories (category_id TEXT PRIMARY KEY, category_name TEXT NOT NULL);
CREATE TABLE template_parameters (param_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, param_name TEXT NOT NULL, param_type TEXT NOT NULL, param_category TEXT NOT NULL, default_value TEXT, min_value REAL, max_value REAL, unit TEXT, editable INTEGER DEFAULT 0);
CREATE TABLE template_relationships (relationship_id TEXT PRIMARY KEY, parent_template_id TEXT NOT NULL, child_template_id TEXT NOT NULL);
CREATE TABLE template_set_metadata (metadata_id TEXT PRIMARY KEY, set_name TEXT NOT NULL);
CREATE TABLE usage_statistics (usage_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, usage_date TEXT NOT NULL);
CREATE TABLE validation_history (validation_id TEXT PRIMARY KEY, template_id TEXT NOT NULL, validation_date TEXT NOT NULL);
"""

Templates = list[tuple[Any, ...]]
USUAL: Templates = [
    ("fp_pipe", "FP_IfcPipeSegment", "Fire_Protection", "IfcPipeSegment", 0.9, "active"),
    ("fp_head", "FP_Head", "Fire_Protection", "IfcFireSuppressionTerminal", 0.7, "active"),
    ("fp_proxy", "FP_Proxy", "Fire_Protection", "IfcBuildingElementProxy", 0.7, "active"),
    ("arc_wall", "Seating_IfcWall", "Seating", "IfcWall", 0.9, "active"),
    ("arc_wall2", "Seating_IfcWall_2", "Seating", "IfcWall", 0.9, "active"),
    ("arc_door", "Old_Door", "Seating", "IfcDoor", 0.9, "deprecated"),
    ("ac_duct", "ACMV_IfcDuctSegment", "ACMV", "IfcDuctSegment", 0.9, "active"),
    ("ac_term", "ACMV_IfcAirTerminal", "HVAC", "IfcAirTerminal", None, "active"),
]


def library(tmp_path: Path, templates: Templates = USUAL, *statements: str) -> Path:
    path = tmp_path / "template_library.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA)
        database.executemany(
            "INSERT INTO element_templates (template_id, template_name, version, category, ifc_class, confidence_score, status) "
            "VALUES (?, ?, '1.0.0', ?, ?, ?, ?)",
            templates,
        )
        for statement in statements:
            database.execute(statement)
    return path


@pytest.mark.parametrize(
    ("entity_type", "layer", "block", "expected"),
    [
        ("LINE", "FP-PIPE", "", ("FP", "IfcPipeSegment", "library.fp_pipe")),
        ("INSERT", "FP-HEADS", "SPRINKLER", ("FP", "IfcFireSuppressionTerminal", "library.fp_head")),
        ("LINE", "FP_MISC", "", ("FP", "IfcBuildingElementProxy", "library.fp_proxy")),
        ("LINE", "FP_BEAM", "", None),
        ("LINE", "ARC-WALL", "", ("ARC", "IfcWall", "library.arc_wall")),
        ("LINE", "A-WALL", "", ("ARC", "IfcWall", "library.arc_wall")),
        ("LINE", "ARC-Wände", "", ("ARC", "IfcWall", "library.arc_wall")),
        ("LINE", "ARC-WALLPAPER", "", None),
        ("LINE", "ARC-DOOR", "", None),
        ("LINE", "ACMV-DUCT", "", ("ACMV", "IfcDuctSegment", "library.ac_duct")),
        ("INSERT", "ACMV-TERM", "Return Air Grille", ("ACMV", "IfcAirTerminal", "library.ac_term")),
        ("LINE", "ELEVATOR", "", None),
        ("LINE", "ACCESS-WALL", "", None),
        ("TEXT", "FP-PIPE", "", None),
        ("LINE", "FP-DIM", "", None),
    ],
)
def test_layers_and_blocks_find_templates_by_code(
    tmp_path: Path, entity_type: str, layer: str, block: str, expected: tuple[str, str, str] | None
) -> None:
    element = load_rules(library(tmp_path)).classify(entity_type, layer, block)
    assert (element and (element.discipline, element.ifc_class, element.rule_id)) == expected


def test_geometry_parameters_and_material_set_the_measures(tmp_path: Path) -> None:
    path = library(
        tmp_path,
        USUAL,
        """INSERT INTO geometry_definitions VALUES ('g1', 'fp_pipe', 'cylinder', '{"radius": 0.04, "length": 6}', NULL, NULL, 200, NULL, NULL)""",
        """INSERT INTO geometry_definitions VALUES ('g2', 'fp_pipe', 'box', '{"diameter": 9}', NULL, NULL, 100, NULL, NULL)""",
        """INSERT INTO geometry_definitions VALUES ('g3', 'arc_wall', 'extrusion', '{"thickness": 0.15, "height": 2.7}', NULL, NULL, NULL, NULL, NULL)""",
        """INSERT INTO template_parameters VALUES ('p1', 'arc_wall', 'height', 'length', 'flexible', '3200', NULL, NULL, 'mm', 1)""",
        """INSERT INTO template_parameters VALUES ('p2', 'fp_pipe', 'z_offset', 'length', 'derived', '12.355', NULL, NULL, 'm', 1)""",
        """INSERT INTO template_parameters VALUES ('p3', 'ac_duct', 'z_offset', 'length', 'fixed', '2.4', NULL, NULL, NULL, 1)""",
        """INSERT INTO template_parameters VALUES ('p4', 'ac_duct', 'colour', 'text', 'fixed', 'red', NULL, NULL, NULL, 1)""",
        """INSERT INTO material_specifications VALUES ('m1', 'fp_pipe', NULL, NULL)""",
        """INSERT INTO material_specifications VALUES ('m2', 'fp_pipe', 'Black steel', NULL)""",
    )
    rules = load_rules(path)
    pipe, wall, duct = (rules.classify("LINE", layer, "") for layer in ("FP-PIPE", "ARC-WALL", "ACMV-DUCT"))
    assert pipe is not None
    assert wall is not None
    assert duct is not None
    assert (pipe.diameter_m, pipe.material_name, pipe.recipe) == (0.08, "Black steel", Recipe.PIPE)
    assert pipe.elevation_m < 5
    assert (wall.width_m, wall.height_m) == (0.15, 3.2)
    assert duct.elevation_m == 2.4


def test_confidence_is_the_librarys_and_half_where_unrated(tmp_path: Path) -> None:
    rules = load_rules(library(tmp_path))
    wall, grille = rules.classify("LINE", "ARC-WALL", ""), rules.classify("INSERT", "ACMV", "GRILLE")
    assert wall is not None
    assert grille is not None
    assert (wall.confidence, grille.confidence) == (0.9, 0.5)


def test_absent_tables_extra_columns_and_nulls_are_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE element_templates (template_id TEXT, category TEXT, ifc_class TEXT, mood BLOB)")
        database.executemany(
            "INSERT INTO element_templates VALUES (?, ?, ?, ?)",
            [
                (None, None, None, b"\xff"),
                ("x", "Landscaping", "IfcWall", None),
                ("y", "Electrical", "IfcOddity", None),
                (None, "Plumbing", "IfcPipeSegment", None),
                ("z", "LPG", "IfcPipeSegment", None),
            ],
        )
    rules = load_rules(path)
    pipe = rules.classify("LINE", "SP-PIPE", "")
    assert pipe is not None
    assert pipe.discipline == "SP"
    assert [note.split(":")[0] for note in rules.notes] == ["template 1", "template x", "template y"]
    assert "no known discipline" in rules.notes[1]
    assert "no words are known for IfcOddity" in rules.notes[2]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "INSERT INTO geometry_definitions (geometry_id, template_id, geometry_type, dimensions) VALUES ('g9', 'fp_pipe', 'box', '{width')",
            "geometry_definitions, row 'g9', dimensions is not JSON",
        ),
        (
            """INSERT INTO geometry_definitions (geometry_id, template_id, geometry_type, dimensions) VALUES ('g9', 'fp_pipe', 'box', '{"width": "wide"}')""",
            "geometry_definitions, row 'g9', dimensions.width must be a number, not 'wide'",
        ),
        (
            "INSERT INTO template_parameters (param_id, template_id, param_name, param_type, param_category, default_value) VALUES ('p9', 'fp_pipe', 'diameter', 'length', 'fixed', 'DN50')",
            "template_parameters, row 'p9', default_value must be a number, not 'DN50'",
        ),
        (
            "UPDATE element_templates SET confidence_score = 'high' WHERE template_id = 'fp_pipe'",
            "element_templates, row 'fp_pipe', confidence_score must be a number, not 'high'",
        ),
        ("DELETE FROM element_templates", "no active template"),
        ("DROP TABLE element_templates", "it has no table element_templates"),
        ("ALTER TABLE element_templates RENAME COLUMN ifc_class TO klass", "element_templates has no column ifc_class"),
    ],
)
def test_a_wrong_library_is_refused_with_table_row_and_column(tmp_path: Path, statement: str, words: str) -> None:
    with pytest.raises(TemplatesError) as error:
        load_rules(library(tmp_path, USUAL, statement))
    assert words in error.value.message
    assert "\n" not in error.value.message


def test_a_damaged_library_is_refused(tmp_path: Path) -> None:
    path = library(tmp_path)
    path.write_bytes(path.read_bytes()[:100] + b"\x17" * 9000)
    with pytest.raises(TemplatesError, match="cannot be read as a template library"):
        load_rules(path)


def test_a_library_is_only_read(tmp_path: Path) -> None:
    path = library(tmp_path)
    before = path.read_bytes()
    path.chmod(0o444)
    load_rules(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_fingerprint_follows_the_rows(tmp_path: Path) -> None:
    one = load_rules(library(tmp_path)).fingerprint
    (tmp_path / "other").mkdir()
    assert load_rules(library(tmp_path / "other")).fingerprint == one
    changed = "UPDATE element_templates SET predefined_type = 'RIGIDSEGMENT' WHERE template_id = 'fp_pipe'"
    (tmp_path / "third").mkdir()
    assert load_rules(library(tmp_path / "third", USUAL, changed)).fingerprint != one


RULE = "INSERT INTO derivation_rules (rule_id, template_id, rule_name, rule_type, trigger_condition, formula, priority, active) VALUES "
ADAPT = "INSERT INTO adaptation_rules (adaptation_id, template_id, rule_name, condition, action, parameters, priority, active) VALUES "
WIDER = "ALTER TABLE derivation_rules ADD COLUMN trigger_condition TEXT", *(
    f"ALTER TABLE derivation_rules ADD COLUMN {column} INTEGER" for column in ("priority", "active")
)  # fmt: skip


def test_a_formula_sets_measures_and_lower_priority_comes_first(tmp_path: Path) -> None:
    rules = load_rules(
        library(
            tmp_path, USUAL, *WIDER,
            "INSERT INTO template_parameters VALUES ('p', 'arc_wall', 'storey', 'length', 'fixed', '3.6', NULL, NULL, 'm', 1)",
            RULE + "('b', 'arc_wall', 'height', 'formula', NULL, 'height - 0.2', 2, 1)",
            RULE + "('a', 'arc_wall', 'x', 'formula', NULL, 'height = max(storey, 3)', 1, 1)",
            RULE + "('c', 'arc_wall', 'x', 'formula', NULL, 'height = 9', 1, 0)",
            RULE + "('d', 'ac_duct', 'z_offset', 'formula', '', 'ceiling_height - 0.6', 1, 1)",
        )
    )  # fmt: skip
    wall, duct = rules.classify("LINE", "ARC-WALL", ""), rules.classify("LINE", "ACMV-DUCT", "")
    assert wall is not None
    assert duct is not None
    assert wall.height_m == pytest.approx(3.4)
    assert (duct.below_ceiling_m, duct.elevation_m) == (0.6, 2.9)


def test_a_conditional_rule_makes_a_variant_for_the_entities_that_satisfy_it(tmp_path: Path) -> None:
    rules = load_rules(
        library(
            tmp_path, USUAL, *WIDER,
            RULE + "('long', 'fp_pipe', 'diameter', 'conditional', 'length > 10 AND color IN (1, 2)', '0.2', 1, 1)",
            ADAPT + "('thin', 'fp_pipe', 'x', 'linetype LIKE ''HIDDEN%''', 'skip', NULL, 1, 1)",
            ADAPT + "('big', 'arc_wall', 'x', 'layer LIKE ''%EXT''', 'set', '{\"thickness\": 0.4}', 1, 1)",
        )
    )  # fmt: skip
    pipe = rules.choices("LINE", "FP-PIPE", "")
    assert {(choice.element.diameter_m if choice.element else None) for choice in pipe} == {None, 0.2, 0.1}
    wide, usual = rules.classify("LINE", "ARC-WALL-EXT", ""), rules.classify("LINE", "ARC-WALL", "")
    assert wide is not None
    assert usual is not None
    assert (wide.width_m, wide.rule_id, usual.width_m) == (0.4, "library.arc_wall+big", 0.2)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("('r', 'fp_pipe', 'x', 'spatial', NULL, 'width = 1', 1, 1)", "spatial rules change nothing here"),
        ("('r', 'fp_pipe', 'x', 'formula', NULL, 'width = frob', 1, 1)", "the formula knows no frob"),
        ("('r', 'fp_pipe', 'x', 'formula', NULL, 'width = 1 / 0', 1, 1)", "has no value"),
        ("('r', 'fp_pipe', 'x', 'formula', NULL, 'width = __import__(1)', 1, 1)", "which is not understood"),
        ("('r', 'fp_pipe', 'x', 'formula', NULL, 'colour = 3', 1, 1)", "sets colour, which is no measure"),
        ("('r', 'fp_pipe', 'x', 'conditional', 'length >', 'width = 1', 1, 1)", "is not understood at 'its end'"),
        ("('r', 'fp_pipe', 'x', 'conditional', 'mood = 1', 'width = 1', 1, 1)", "knows no mood"),
        (
            "('r', 'fp_pipe', 'x', 'conditional', 'length > 1 OR closed = 1', 'width = 1', 1, 1)",
            "something else than AND",
        ),
    ],
)
def test_rules_that_are_not_understood_are_noted_and_change_nothing(tmp_path: Path, row: str, words: str) -> None:
    rules = load_rules(library(tmp_path, USUAL, *WIDER, RULE + row))
    (note,) = rules.notes
    assert note.startswith("derivation rule r: ")
    assert words in note
    pipe = rules.classify("LINE", "FP-PIPE", "")
    assert pipe is not None
    assert pipe.width_m == 0.1
