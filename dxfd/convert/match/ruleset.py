"""TOML rule sets: reading, validating, and saying exactly which key of which rule is wrong.

Owns the file format (`etc/rules.toml` is its commented example). Makes Rule objects; does not decide.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

from dxfd.convert.match import values
from dxfd.convert.match.rules import DisciplineWords, Element, NameTest, Recipe, Rule, Span, Where
from dxfd.errors import TemplatesError

FORMAT_VERSION: Final = 1
_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_HEADER = re.compile(r"^\s*\[\[\s*rule\s*\]\]", re.MULTILINE)


class RuleFile(Struct, frozen=True, kw_only=True):
    """What a TOML file says.

    Attributes:
        rules: in order.
        disciplines: how layers speak of disciplines; empty = as in the default set.
        extends_default: the default rules are asked after these, at equal priority and weight.
    """

    rules: tuple[Rule, ...]
    disciplines: tuple[DisciplineWords, ...] = ()
    extends_default: bool = False


_NAME_TESTS: Final = {
    f"{prefix}{key}": (part, key)
    for prefix, part in (("layer_", "layer"), ("block_", "block"), ("", "either"))
    for key in ("words", "globs", "regex", "not")
}
_ELEMENT_KEYS: Final[dict[str, tuple[str, Callable[[object], Any]]]] = {
    "name": ("name", values.some_text),
    "ifc_class": ("ifc_class", values.ifc_class),
    "predefined_type": ("predefined_type", values.text),
    "object_type": ("object_type", values.text),
    "description": ("description", values.text),
    "material": ("material_name", values.some_text),
    "rgba": ("material_rgba", values.rgba),
    "recipe": ("recipe", values.recipe),
    "width_m": ("width_m", values.length),
    "height_m": ("height_m", values.length),
    "diameter_m": ("diameter_m", values.length),
    "elevation_m": ("elevation_m", values.elevation),
    "below_ceiling_m": ("below_ceiling_m", values.elevation),
    "full_height": ("full_height", values.flag),
    "name_pattern": ("name_pattern", values.name_pattern),
    "confidence": ("confidence", values.share),
}
_RULE_KEYS: Final[dict[str, Callable[[object], Any]]] = {
    "types": values.types,
    "layer_discipline": values.codes,
    "priority": values.whole,
    "skip": values.flag,
    "block_recipe": values.recipe,
}
_MEASURES: Final = ("width", "height", "diameter", "elevation", "below_ceiling")
"""Keys that take a length with its unit, as "200 mm", in place of the same with _m."""
_WHERE_KEYS: Final[dict[str, tuple[str, Callable[[object], Any]]]] = {
    "attributes": ("attributes", values.attributes),
    "colors": ("colors", values.colors),
    "linetypes": ("linetypes", values.texts),
    "layouts": ("layouts", values.texts),
    "closed": ("closed", values.flag),
}
_SPAN_KEYS: Final = {
    f"{side}_{what}_m": (f"{what}_m", end)
    for what in ("length", "size")
    for side, end in (("min", "low"), ("max", "high"))
}
_FILE_KEYS: Final = frozenset({"version", "name", "extends", "discipline", "rule"})
_DISCIPLINE_KEYS: Final = frozenset({"words", "prefixes", "rgba"})


class _Place(Struct, frozen=True):
    """Where in the file something stands, for the error's words."""

    file: str
    where: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def wrong(self, key: str, what: str) -> TemplatesError:
        """Return the error: file, rule and line, key, what is wrong."""
        spot = f"{self.where}, " if self.where else ""
        return TemplatesError(f"{self.file}: {spot}{key} {what}", key=key, **self.details)


def parse(text: str, file: str) -> RuleFile:
    """Return the rules of a TOML document.

    Args:
        text: the document.
        file: its name, for errors.

    Raises:
        TemplatesError: one line with file, rule, line and key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplatesError(f"{file}: not valid TOML: {error}", hint="etc/rules.toml shows the format") from None
    place = _Place(file)
    _known(document, _FILE_KEYS, place)
    version = document.get("version")
    if version != FORMAT_VERSION:
        raise place.wrong("version", f"must be {FORMAT_VERSION}, not {version!r}")
    if document.get("extends", "default") != "default":
        raise place.wrong("extends", f'can only be "default", not {document["extends"]!r}')
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise place.wrong("rule", "must be written as [[rule]]")
    extends = "extends" in document
    if not tables and not extends:
        raise place.wrong("rule", "is missing: there is no [[rule]] in it")
    rules = tuple(_rule(table, spot) for table, spot in zip(tables, _places(text, tables, file), strict=True))
    seen: dict[str, int] = {}
    for order, rule in enumerate(rules, 1):
        if rule.rule_id in seen:
            raise place.wrong(f'id "{rule.rule_id}"', f"stands in rules {seen[rule.rule_id]} and {order}")
        seen[rule.rule_id] = order
    return RuleFile(
        rules=rules, disciplines=_disciplines(document.get("discipline", {}), place), extends_default=extends
    )


def _places(text: str, tables: list[dict[str, Any]], file: str) -> list[_Place]:
    """Return where each rule stands; lines only where the headers are as many as the rules."""
    lines = [text.count("\n", 0, match.end()) + 1 for match in _HEADER.finditer(text)]
    certain = len(lines) == len(tables)
    places = []
    for order, table in enumerate(tables):
        name = f' "{table["id"]}"' if isinstance(table.get("id"), str) else ""
        line = f" (line {lines[order]})" if certain else ""
        details: dict[str, Any] = {"rule": order + 1, "line": lines[order] if certain else 0}
        places.append(_Place(file, f"rule {order + 1}{name}{line}", details))
    return places


def _known(table: dict[str, Any], keys: frozenset[str], place: _Place) -> None:
    for key in table:
        if key not in keys:
            raise place.wrong(key, f"is not a key here; known are {', '.join(sorted(keys))}")


def _checked(place: _Place, key: str, checker: Callable[[object], Any], value: object) -> Any:
    try:
        return checker(value)
    except values.WrongValueError as wrong:
        raise place.wrong(key, str(wrong)) from None


_ALL_RULE_KEYS: Final = frozenset(
    {"id", "discipline", *_ELEMENT_KEYS, *_RULE_KEYS, *_NAME_TESTS, *_MEASURES, *_WHERE_KEYS, *_SPAN_KEYS}
)


def _rule(table: dict[str, Any], place: _Place) -> Rule:
    _known(table, _ALL_RULE_KEYS, place)
    rule_id = _checked(place, "id", values.some_text, table.get("id", ""))
    if not _RULE_ID.fullmatch(rule_id):
        raise place.wrong("id", f"may have letters, digits, '.', '_' and '-', not {rule_id!r}")
    settings = {key: _checked(place, key, check, table[key]) for key, check in _RULE_KEYS.items() if key in table}
    tests = _name_tests(table, place)
    settings["where"] = where = _where(table, place)
    table = _in_metres(table, place)
    if not any(test.asks for test in tests.values()) and not (
        {"types", "layer_discipline"} & table.keys() or where.asks
    ):
        raise place.wrong("words", "or another condition is missing: the rule would take everything")
    if settings.get("skip"):
        surplus = sorted((_ELEMENT_KEYS.keys() | {*_MEASURES} | {"discipline", "block_recipe"}) & table.keys())
        if surplus:
            raise place.wrong(surplus[0], "makes no sense beside skip = true")
        return Rule(rule_id=rule_id, **settings, **tests)
    for key in ("discipline", "ifc_class"):
        if key not in table:
            raise place.wrong(key, "is missing")
    if "below_ceiling_m" in table and "elevation_m" in table:
        raise place.wrong("below_ceiling_m", "and elevation_m exclude each other")
    codes = _checked(place, "discipline", values.codes, table["discipline"])
    made = {
        name: _checked(place, key, check, table[key]) for key, (name, check) in _ELEMENT_KEYS.items() if key in table
    }
    made.setdefault("name", made["ifc_class"].removeprefix("Ifc"))
    made.setdefault("recipe", Recipe.CURVE)
    element = Element(rule_id=rule_id, discipline=codes[0], **made)
    return Rule(rule_id=rule_id, disciplines=codes if len(codes) > 1 else (), element=element, **settings, **tests)


def _where(table: dict[str, Any], place: _Place) -> Where:
    """Return what the rule asks of the single entity."""
    asked: dict[str, Any] = {
        name: _checked(place, key, check, table[key]) for key, (name, check) in _WHERE_KEYS.items() if key in table
    }
    spans: dict[str, dict[str, float]] = {}
    for key, (what, end) in _SPAN_KEYS.items():
        if key in table:
            spans.setdefault(what, {})[end] = _checked(place, key, values.not_negative, table[key])
    for what, ends in spans.items():
        span = Span(low=ends.get("low"), high=ends.get("high"))
        if span.low is not None and span.high is not None and span.low > span.high:
            raise place.wrong(f"min_{what}", f"is above max_{what}")
        asked[what] = span
    return Where(**asked)


def _in_metres(table: dict[str, Any], place: _Place) -> dict[str, Any]:
    """Return the table with lengths that have a unit as metres under their key with _m."""
    out = dict(table)
    for key in _MEASURES:
        if key in table:
            if f"{key}_m" in table:
                raise place.wrong(key, f"and {key}_m exclude each other")
            out[f"{key}_m"] = _checked(place, key, values.measure, out.pop(key))
    return out


def _name_tests(table: dict[str, Any], place: _Place) -> dict[str, Any]:
    parts: dict[str, dict[str, tuple[str, ...]]] = {}
    for key, (part, field_name) in _NAME_TESTS.items():
        if key in table:
            check = values.regexes if field_name == "regex" else values.texts
            parts.setdefault(part, {})["no" if field_name == "not" else field_name] = _checked(
                place, key, check, table[key]
            )
    return {part: NameTest(**fields) for part, fields in parts.items()}


def _disciplines(table: object, place: _Place) -> tuple[DisciplineWords, ...]:
    if not isinstance(table, dict):
        raise place.wrong("discipline", "must be tables as [discipline.ARC]")
    found = []
    for code, entry in table.items():
        spot = _Place(place.file, f"[discipline.{code}]")
        _checked(spot, "code", values.code, code)
        if not isinstance(entry, dict):
            raise spot.wrong("table", "must have words, prefixes, rgba")
        _known(entry, _DISCIPLINE_KEYS, spot)
        found.append(
            DisciplineWords(
                code=code,
                words=_checked(spot, "words", values.texts, entry.get("words", [])),
                prefixes=_checked(spot, "prefixes", values.texts, entry.get("prefixes", [])),
                rgba=_checked(spot, "rgba", values.rgba, entry["rgba"]) if "rgba" in entry else None,
            )
        )
    return tuple(found)
