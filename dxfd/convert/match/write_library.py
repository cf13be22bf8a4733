"""A rule set as a template_library.db of the ecosystem: templates, their parameters, geometry, materials.

Conditions, rules without an element and the words of disciplines have no place in these tables: all rules are kept
whole in tables of ours beside them (kept_rules.py). Other readers find classes by the words known for them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Final

from dxfd.convert.match.kept_rules import keep
from dxfd.convert.match.rules import DisciplineWords, Element, Recipe, Rule
from dxfd.errors import OutputError, OutputNotWritableError

CATEGORIES: Final = {
    "ARC": "Architecture", "STR": "Structure", "FP": "Fire_Protection", "ELEC": "Electrical", "ACMV": "ACMV",
    "SP": "Plumbing", "CW": "Chilled_Water", "LPG": "LPG", "REB": "Reinforcement",
}  # fmt: skip
_GEOMETRY: Final = {
    Recipe.PIPE: "cylinder", Recipe.COLUMN: "extrusion", Recipe.SLAB: "extrusion", Recipe.EXTRUDE: "extrusion",
    Recipe.WALL: "extrusion", Recipe.MESH: "mesh",
}  # fmt: skip
_VERSION: Final = "1.0.0"


def write_library(
    path: Path, rules: Iterable[Rule], disciplines: Iterable[DisciplineWords] = (), *, source: str
) -> int:  # fmt: skip
    """Write a new library and return how many templates are in it; what an error leaves is the caller's to remove.

    Raises:
        OutputError: the file is there already, or cannot be written.
    """
    if path.exists():
        raise OutputError(f"{path} is there already", hint="name another file, or remove it first")
    schema = resources.files("dxfd.convert.match").joinpath("library.sql").read_text(encoding="utf-8")
    try:
        with closing(sqlite3.connect(path)) as database:
            database.executescript(schema)
            with database:
                count = _fill(database, tuple(rules), disciplines, source)
    except sqlite3.Error as error:
        raise OutputNotWritableError(f"{path} cannot be written: {error}") from None
    return count


def _fill(
    database: sqlite3.Connection, rules: tuple[Rule, ...], disciplines: Iterable[DisciplineWords], source: str
) -> int:  # fmt: skip
    database.execute("INSERT INTO schema_version VALUES (?, NULL, 'written by dxfd')", (_VERSION,))
    for order, (code, name) in enumerate(CATEGORIES.items()):
        database.execute(
            "INSERT INTO template_categories (category_id, category_name, display_order) VALUES (?, ?, ?)",
            (code, name, order),
        )
    names: Counter[str] = Counter()
    templates: dict[str, dict[str, str]] = {}
    for rule in rules:
        for code in rule.disciplines or ((rule.element.discipline,) if rule.element else ()):
            if rule.element is not None:
                made = _template(database, rule, rule.element, code, names)
                templates.setdefault(rule.rule_id, {})[code] = made
    keep(database, rules, disciplines, templates)
    count = sum(map(len, templates.values()))
    database.execute(
        "INSERT INTO template_set_metadata (metadata_id, set_name, version, total_templates, notes)"
        " VALUES ('dxfd', ?, ?, ?, 'written by dxfd')",
        (source, _VERSION, count),
    )
    return count


def _template(database: sqlite3.Connection, rule: Rule, element: Element, code: str, names: Counter[str]) -> str:
    """Write a template; returns its identifier."""
    row_id = f"{code.lower()}.{rule.rule_id}"
    name = f"{code}_{element.ifc_class}"
    names[name] += 1
    name += f"_{names[name]}" if names[name] > 1 else ""
    test = rule.either if rule.either.asks else rule.layer
    database.execute(
        "INSERT INTO element_templates (template_id, template_name, version, category, subcategory, ifc_class,"
        " predefined_type, object_type, description, confidence_score, status, notes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', ?)",
        (row_id, name, _VERSION, CATEGORIES[code], element.name, element.ifc_class, element.predefined_type or None,
         element.object_type or None, element.description or None, element.confidence,
         "words: " + ", ".join(test.words) if test.words else None),
    )  # fmt: skip
    measures = {"width": element.width_m, "height": element.height_m, "diameter": element.diameter_m}
    for measure, value in {**measures, "z_offset": element.elevation_m}.items():
        database.execute(
            "INSERT INTO template_parameters (param_id, template_id, param_name, param_type, param_category,"
            " default_value, unit, editable) VALUES (?, ?, ?, 'length', 'fixed', ?, 'm', 1)",
            (f"{row_id}_{measure}", row_id, measure, repr(value)),
        )
    dimensions = ", ".join(f'"{measure}": {value!r}' for measure, value in measures.items())
    database.execute(
        "INSERT INTO geometry_definitions (geometry_id, template_id, geometry_type, dimensions, lod)"
        " VALUES (?, ?, ?, ?, 200)",
        (f"{row_id}_geometry", row_id, _GEOMETRY.get(element.recipe, "box"), f"{{{dimensions}}}"),
    )
    if element.below_ceiling_m is not None:
        database.execute(
            "INSERT INTO derivation_rules (rule_id, template_id, rule_name, rule_type, formula, priority, active)"
            " VALUES (?, ?, 'z_offset', 'formula', ?, 0, 1)",
            (f"{row_id}_z", row_id, f"z_offset = ceiling_height - {element.below_ceiling_m!r}"),
        )
    if element.material_name:
        database.execute(
            "INSERT INTO material_specifications (spec_id, template_id, material_name) VALUES (?, ?, ?)",
            (f"{row_id}_material", row_id, element.material_name),
        )
    return row_id
