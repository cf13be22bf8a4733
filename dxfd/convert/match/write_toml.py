"""A rule set as a TOML document: the opposite of ruleset.py. What is written here reads back as the same rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from dxfd.convert.match.rules import RECIPE_DEFAULTS, DisciplineWords, Element, NameTest, Recipe, Rule, Where
from dxfd.convert.match.where import color_name

_TEXTS: Final = (("predefined_type", "predefined_type"), ("object_type", "object_type"), ("description", "description"))
_LINE: Final = 118


def document(rules: Iterable[Rule], disciplines: Iterable[DisciplineWords], *, head: str = "") -> str:
    """Return a whole rule set.

    Args:
        rules: in order.
        disciplines: how layers speak of disciplines; empty leaves it to the default set.
        head: lines of remark at the beginning, without "# ".
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += ["version = 1", ""]
    for words in disciplines:
        lines.append(f"[discipline.{words.code}]")
        lines += _pairs([("words", list(words.words)), ("prefixes", list(words.prefixes)), ("rgba", words.rgba)])
        lines.append("")
    for rule in rules:
        lines += [*rule_lines(rule), ""]
    return "\n".join(lines)


def rule_lines(rule: Rule) -> list[str]:
    """Return one rule's lines, beginning with [[rule]]."""
    return ["[[rule]]", *_pairs(_rule(rule))]


def _rule(rule: Rule) -> Iterator[tuple[str, Any]]:
    yield "id", rule.rule_id
    if rule.element is not None:
        yield from _element(rule, rule.element)
    else:
        yield "skip", True
    yield "priority", rule.priority or None
    yield "types", sorted(rule.types)
    yield "layer_discipline", list(rule.layer_discipline)
    for prefix, test in (("", rule.either), ("layer_", rule.layer), ("block_", rule.block)):
        yield from _names(prefix, test)
    yield from _where(rule.where)


def _names(prefix: str, test: NameTest) -> Iterator[tuple[str, Any]]:
    yield f"{prefix}words", list(test.words)
    yield f"{prefix}globs", list(test.globs)
    yield f"{prefix}regex", list(test.regex)
    yield f"{prefix}not", list(test.no)


def _element(rule: Rule, element: Element) -> Iterator[tuple[str, Any]]:
    yield "name", element.name
    yield "discipline", list(rule.disciplines) if rule.disciplines else element.discipline
    yield "ifc_class", element.ifc_class
    for key, field in _TEXTS:
        yield key, getattr(element, field) or None
    yield "name_pattern", element.name_pattern or None
    yield "material", element.material_name
    yield "rgba", element.material_rgba
    yield "recipe", str(element.recipe) if element.recipe is not Recipe.CURVE else None
    yield "block_recipe", str(rule.block_recipe) if rule.block_recipe is not Recipe.BOX else None
    usual = RECIPE_DEFAULTS[element.recipe]
    for key in ("width_m", "height_m", "diameter_m"):
        value = getattr(element, key)
        yield key, value if value != getattr(usual, key) else None
    if element.below_ceiling_m is not None:
        yield "below_ceiling_m", element.below_ceiling_m
    else:
        yield "elevation_m", element.elevation_m or None
    yield "full_height", element.full_height or None
    yield "confidence", element.confidence if element.confidence != 1.0 else None


def _where(where: Where) -> Iterator[tuple[str, Any]]:
    yield "attributes", {tag: list(globs) for tag, globs in where.attributes}
    yield "colors", [int(n) if n.isdigit() else n for n in map(color_name, where.colors)]
    yield "linetypes", list(where.linetypes)
    yield "layouts", list(where.layouts)
    yield "closed", where.closed
    for name, span in (("length", where.length_m), ("size", where.size_m)):
        if span is not None:
            yield f"min_{name}_m", span.low
            yield f"max_{name}_m", span.high


def _pairs(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    lines = []
    for key, value in pairs:
        if value is None or value in ([], {}):
            continue
        if isinstance(value, list):
            lines += _list(key, [_value(item) for item in value])
        else:
            lines.append(f"{key} = {_value(value)}")
    return lines


def _list(key: str, items: list[str]) -> list[str]:
    whole = f"{key} = [{', '.join(items)}]"
    if len(whole) <= _LINE:
        return [whole]
    lines, line = [], " "
    for item in items:
        if len(line) + len(item) + 2 > _LINE:
            lines.append(line)
            line = " "
        line += f" {item},"
    return [f"{key} = [", *lines, line, "]"]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        inside = ", ".join(f"{_string(str(k))} = [{', '.join(_value(v) for v in vs)}]" for k, vs in value.items())
        return f"{{ {inside} }}"
    return repr(value)


def _string(text: str) -> str:
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
