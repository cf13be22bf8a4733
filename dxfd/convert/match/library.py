"""template_library.db: the templates of the 2Dto3D ecosystem as rules.

Owns which of its 14 tables mean what here, and the meaning of layer and block words there. Reads only (`mode=ro`);
every table but element_templates may be empty or absent, columns may be more, values may be NULL.

Kept of the original matching: only active templates; the first row per discipline and class wins; blocks are asked
before layers; a layer of a discipline without a known word becomes that discipline's proxy if there is a template.
Changed, because it was a defect there: disciplines are compared and written as codes (not as category names), words
end at word boundaries (EL is not ELEVATOR, WIN is not WINCH), ACMV is one discipline, annotation makes no element.
Widened: a class is also found by the words the default rules know for it, in other languages too.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Final

from msgspec import MsgspecError, Struct
from msgspec.structs import replace

from dxfd.convert.match.derive import derived
from dxfd.convert.match.kept_rules import TABLES, Kept, Row, Tables, kept, rows_of
from dxfd.convert.match.rules import DISCIPLINES, DisciplineWords, Element, NameTest, Recipe, Rule
from dxfd.convert.match.ruleset import RuleFile
from dxfd.errors import TemplatesError

PROXY: Final = "IfcBuildingElementProxy"
_PROXY_PRIORITY: Final = -20
_UNRATED_CONFIDENCE: Final = 0.5

CATEGORY_CODES: Final = {
    "fire_protection": "FP", "fire": "FP", "architecture": "ARC", "seating": "ARC", "furniture": "ARC",
    "structure": "STR", "structural": "STR", "electrical": "ELEC", "acmv": "ACMV", "hvac": "ACMV", "mechanical": "ACMV",
    "plumbing": "SP", "sanitary": "SP", "chilled_water": "CW", "lpg": "LPG", "gas": "LPG", "reinforcement": "REB",
    "rebar": "REB",
}  # fmt: skip
"""Category name (folded, spaces as _) to discipline code; the codes themselves are categories too."""

CLASS_WORDS: Final = {
    "IfcPipeSegment": ("pipe", "pipework", "piping"),
    "IfcDuctSegment": ("duct", "ductwork", "ducting"),
    "IfcWall": ("wall",),
    "IfcDoor": ("door",),
    "IfcWindow": ("win", "window"),
    "IfcSlab": ("slab", "floor"),
    "IfcBeam": ("beam",),
    "IfcColumn": ("col", "column"),
    "IfcFireSuppressionTerminal": ("sprinkler",),
    "IfcAlarm": ("alarm",),
    "IfcLightFixture": ("light", "lighting"),
    "IfcFurniture": ("chair", "table", "seat", "seating"),
    "IfcAirTerminal": ("diffuser", "grille"),
}
"""Words of a class in layer and block names, as the ecosystem has them."""

_METRES: Final = {"": 1.0, "m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048, "metre": 1.0, "meter": 1.0}
_FIXED: Final = frozenset({"fixed", "flexible"})
"""Parameter categories that say how a thing is made. `derived` ones are statistics of one building (its z_offset is a
mean over all storeys) and are not taken."""


class Library(Struct, frozen=True, kw_only=True):
    """The rules of a template library, and what in it was passed over."""

    rules: tuple[Rule, ...]
    notes: tuple[str, ...]
    disciplines: tuple[DisciplineWords, ...] = ()
    """How layers speak of disciplines, if the library says so."""


def read_library(path: Path, default: RuleFile) -> Library:
    """Return the rules of a template library.

    Args:
        path: the SQLite file.
        default: rules whose words and dimensions per class stand in where the library has none.

    Raises:
        TemplatesError: no library, damaged, or a value of the wrong kind; names table, row and column.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as database:
            database.text_factory = _lenient_text
            tables = {str(name).lower() for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if "element_templates" not in tables:
                raise TemplatesError(f"{path}: not a template library: it has no table element_templates")
            read = {name: rows_of(database, name) if name in tables else [] for name in TABLES}
            whole = kept(database, read, path.name)
    except (sqlite3.Error, MsgspecError) as error:
        raise TemplatesError(f"{path}: cannot be read as a template library: {error}") from None
    return _Reader(path, default, read).rules() if whole is None else _with_kept(path, default, read, whole)


def _with_kept(path: Path, default: RuleFile, read: Tables, whole: Kept) -> Library:
    """Return the rules that the library keeps, after those of templates that others changed or added."""
    changed = set(whole.changed)
    others = [
        row for row in read["element_templates"]
        if (row_id := str(row.get("template_id"))) in changed or row_id not in whole.templates
    ]  # fmt: skip
    if not any(row.get("status") == "active" for row in others):
        return Library(rules=whole.rules, notes=(), disciplines=whole.disciplines)
    library = _Reader(path, default, {**read, "element_templates": others}).rules()
    told = tuple(f"template {row_id}: changed since it was exported; its rule is made anew" for row_id in whole.changed)
    mine = tuple(rule for rule in library.rules if not rule.skip)
    return Library(rules=(*mine, *whole.rules), notes=(*told, *library.notes), disciplines=whole.disciplines)


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


class _Reader:
    """One library on its way to rules."""

    def __init__(self, path: Path, default: RuleFile, tables: Tables) -> None:
        self.path = path
        self.default = default
        self.tables = tables
        self.notes: list[str] = []
        self.patterns = _patterns(default)
        self.geometry = self._by_template("geometry_definitions")
        self.parameters = self._by_template("template_parameters")
        self.materials = self._by_template("material_specifications")
        self.derivations = self._by_template("derivation_rules")
        self.adaptations = self._by_template("adaptation_rules")

    def rules(self) -> Library:
        """Return the annotation rules of the default set, then one rule per discipline and class."""
        made: dict[tuple[str, str], list[Rule]] = {}
        for number, row in enumerate(self.tables["element_templates"], 1):
            key = self._key(row, number)
            if key is not None and key not in made:
                rule = self._rule(row, number, *key)
                if rule is not None:
                    made[key] = self._derived(rule, str(row.get("template_id") or number))
        if not made:
            raise TemplatesError(f"{self.path}: the library has no active template that could match anything")
        skips = tuple(rule for rule in self.default.rules if rule.skip)
        return Library(rules=(*skips, *chain.from_iterable(made.values())), notes=tuple(self.notes))

    def _derived(self, rule: Rule, row_id: str) -> list[Rule]:
        derivations, adaptations = self.derivations.get(row_id, ()), self.adaptations.get(row_id, ())
        if not derivations and not adaptations:
            return [rule]
        return derived(rule, derivations, adaptations, self._named(row_id), _sized, self.notes.append)

    def _by_template(self, table: str) -> dict[str, list[Row]]:
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.tables[table]:
            found[str(row.get("template_id"))].append(row)
        return found

    def _wrong(self, table: str, row_id: object, column: str, what: str) -> TemplatesError:
        return TemplatesError(
            f"{self.path.name}: {table}, row {row_id!r}, {column} {what}", table=table, row=str(row_id), column=column
        )

    def _key(self, row: Row, number: int) -> tuple[str, str] | None:
        """Return (discipline, class) of an active template, or None with a note."""
        for column in ("category", "ifc_class"):
            if column not in row:
                raise TemplatesError(f"{self.path.name}: element_templates has no column {column}")
        if str(row.get("status", "active") or "").strip().lower() != "active":
            return None
        name = row.get("template_id") or number
        category, ifc_class = str(row["category"] or "").strip(), str(row["ifc_class"] or "").strip()
        if not ifc_class.startswith("Ifc"):
            self.notes.append(f"template {name}: ifc_class is {ifc_class or 'empty'}; passed over")
            return None
        code = category.upper() if category.upper() in DISCIPLINES else None
        code = code or CATEGORY_CODES.get(category.lower().replace(" ", "_"))
        if code is None:
            self.notes.append(f"template {name}: category {category or 'empty'} is no known discipline; passed over")
            return None
        return code, ifc_class

    def _rule(self, row: Row, number: int, code: str, ifc_class: str) -> Rule | None:
        row_id = str(row.get("template_id") or number)
        pattern = self.patterns.get(ifc_class)
        words = CLASS_WORDS.get(ifc_class, ())
        proxy = ifc_class == PROXY
        if not words and pattern is None and not proxy:
            self.notes.append(f"template {row_id}: no words are known for {ifc_class}; it matches nothing")
            return None
        base = self._usual(code, ifc_class) if pattern and not proxy else None
        element = Element(
            rule_id=f"library.{row_id}",
            name=(base.name if base else "") or ifc_class.removeprefix("Ifc"),
            discipline=code,
            ifc_class=ifc_class,
            predefined_type=_string(row, "predefined_type"),
            object_type=_string(row, "object_type"),
            description=_string(row, "description"),
            material_name=self._material(row_id) or (base.material_name if base else None),
            material_rgba=base.material_rgba if base else None,
            recipe=base.recipe if base else Recipe.CURVE,
            width_m=base.width_m if base else 0.0,
            height_m=base.height_m if base else 0.0,
            diameter_m=base.diameter_m if base else 0.0,
            elevation_m=base.elevation_m if base else 0.0,
            below_ceiling_m=base.below_ceiling_m if base else None,
            full_height=base.full_height if base else False,
            confidence=self._confidence(row, row_id),
        )
        element = self._measured(element, row_id)
        if proxy:
            known = tuple(word for words in CLASS_WORDS.values() for word in words)
            return Rule(
                rule_id=element.rule_id,
                layer=NameTest(no=known),
                layer_discipline=(code,),
                priority=_PROXY_PRIORITY,
                element=element,
            )
        test = pattern.either if pattern else NameTest()
        return Rule(
            rule_id=element.rule_id,
            either=replace(test, words=tuple(dict.fromkeys((*words, *test.words)))),
            layer_discipline=(code,),
            block_recipe=pattern.block_recipe if pattern else Recipe.BOX,
            element=element,
        )

    def _usual(self, code: str, ifc_class: str) -> Element | None:
        """Return what the default rules make of the class, those of the discipline first: gas pipes are thinner."""
        rules = [
            rule for rule in self.default.rules if rule.element is not None and rule.element.ifc_class == ifc_class
        ]
        own = [rule for rule in rules if code in (rule.disciplines or (rule.element and rule.element.discipline,))]
        return (own or rules)[0].element

    def _confidence(self, row: Row, row_id: str) -> float:
        score = self._number("element_templates", row_id, "confidence_score", row.get("confidence_score"))
        return min(score, 1.0) if score is not None and score > 0 else _UNRATED_CONFIDENCE

    def _material(self, row_id: str) -> str | None:
        names = (_string(row, "material_name") for row in self.materials.get(row_id, ()))
        return next((name for name in names if name), None)

    def _number(self, table: str, row_id: object, column: str, value: object) -> float | None:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise self._wrong(table, row_id, column, f"must be a number, not {value!r}") from None
        if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124  (nan)
            raise self._wrong(table, row_id, column, f"must be finite, not {value!r}")
        return number

    def _measured(self, element: Element, row_id: str) -> Element:
        """Return the element with the measures the library gives: geometry first, then parameters."""
        for row in sorted(self.geometry.get(row_id, ()), key=_lod, reverse=True):
            sizes = self._dimensions(row, "shape_parameters") | self._dimensions(row, "dimensions")
            if sizes or row.get("geometry_type"):
                element = _sized(_shaped(element, _string(row, "geometry_type").lower()), sizes)
                break
        return _sized(element, {name: value for name, value in self._named(row_id).items() if _measure(name)})

    def _named(self, row_id: str) -> dict[str, float]:
        """Return the template's lengths that say how it is made, in metres, by name."""
        named: dict[str, float] = {}
        for row in self.parameters.get(row_id, ()):
            if _string(row, "param_category").lower() not in _FIXED:
                continue
            factor = _METRES.get(_string(row, "unit").lower())
            name = _string(row, "param_name").lower()
            if factor is None or (not _measure(name) and not _is_number(row.get("default_value"))):
                continue
            value = self._number("template_parameters", row.get("param_id"), "default_value", row.get("default_value"))
            if value is not None:
                named[name] = value * factor
        return named

    def _dimensions(self, row: Row, column: str) -> dict[str, float]:
        text = _string(row, column)
        if not text:
            return {}
        try:
            document = json.loads(text)
        except ValueError as error:
            problem = self._wrong("geometry_definitions", row.get("geometry_id"), column, f"is not JSON: {error}")
            raise problem from None
        if not isinstance(document, dict):
            raise self._wrong("geometry_definitions", row.get("geometry_id"), column, "must be a JSON object")
        sizes = {}
        for key, value in document.items():
            if _measure(key.lower()):
                number = self._number("geometry_definitions", row.get("geometry_id"), f"{column}.{key}", value)
                if number is not None:
                    sizes[key.lower()] = number
        return sizes


def _string(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _is_number(value: object) -> bool:
    try:
        return abs(float(value)) < float("inf")  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _lod(row: Row) -> float:
    lod = row.get("lod")
    return float(lod) if isinstance(lod, int | float) else 0.0


def _patterns(default: RuleFile) -> dict[str, Rule]:
    """Return per class the first default rule, with the words of all rules of that class."""
    found: dict[str, Rule] = {}
    for rule in default.rules:
        if rule.element is None or not rule.either.asks or rule.element.ifc_class == PROXY:
            continue
        ifc_class = rule.element.ifc_class
        if ifc_class not in found:
            found[ifc_class] = rule
            continue
        known = found[ifc_class]
        merged = NameTest(
            words=known.either.words + rule.either.words,
            globs=known.either.globs + rule.either.globs,
            regex=known.either.regex + rule.either.regex,
            no=known.either.no + rule.either.no,
        )
        found[ifc_class] = replace(known, either=merged)
    return found


def _measure(name: str) -> str:
    """Return what a name measures: width, height, thickness, diameter, radius, depth, elevation, or ""."""
    name = name.removesuffix("_m")
    if name in {"width", "height", "thickness", "diameter", "radius", "depth"}:
        return name
    return "elevation" if name in {"z_offset", "elevation", "mounting_height", "sill_height"} else ""


def _shaped(element: Element, geometry_type: str) -> Element:
    """Return the element with the library's shape where our rules know none for the class."""
    shapes = {"cylinder": Recipe.PIPE, "box": Recipe.BOX, "extrusion": Recipe.EXTRUDE}
    if element.recipe is Recipe.CURVE and geometry_type in shapes:
        return replace(element, recipe=shapes[geometry_type])
    return element


def _sized(element: Element, sizes: Mapping[str, float]) -> Element:
    """Return the element with measures in metres; those that are not positive change nothing."""
    changes: dict[str, Any] = {}
    for name, value in sizes.items():
        measure = _measure(name)
        if measure == "elevation":
            changes |= {"elevation_m": value, "below_ceiling_m": None}
        elif value <= 0 or not measure:
            continue
        elif measure == "radius":
            changes["diameter_m"] = 2 * value
        elif measure == "thickness":
            changes["width_m" if element.recipe is Recipe.WALL else "height_m"] = value
        elif measure == "depth":
            changes["height_m" if element.recipe in {Recipe.BEAM, Recipe.DUCT} else "width_m"] = value
        else:
            changes[f"{measure}_m"] = value
        if measure == "height" and value > 0:
            changes["full_height"] = False
    return replace(element, **changes) if changes else element
