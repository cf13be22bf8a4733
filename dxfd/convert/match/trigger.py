"""Conditions of derivation and adaptation rules, in SQL's manner, as the conditions that rules have here.

`layer LIKE 'FP%' AND length >= 3 AND closed = 1`: comparisons joined by AND. Columns: layer, block, entity_type,
closed, length, size (both metres), color, linetype, layout, attribute.TAG. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from dxfd.convert.match.rules import NameTest, Rule, Span, Where

_TOKEN: Final = re.compile(
    r"\s*(?:'((?:[^']|'')*)'|\"([^\"]*)\"|([A-Za-z_][\w.]*)|([-+]?\d*\.?\d+)|(<=|>=|<>|!=|[=<>(),]))"
)
_END: Final = ("end", "")
_ALIASES: Final = {
    "layer_name": "layer", "block_name": "block", "type": "entity_type", "dxf_type": "entity_type",
    "dxf_layer": "layer", "dxf_block": "block", "colour": "color", "length_m": "length", "size_m": "size",
    "is_closed": "closed",
}  # fmt: skip
_SPECIAL: Final = re.compile(r"([*?\[])")


class TriggerError(Exception):
    """A condition cannot be understood; the message says what of it."""


def conditioned(rule: Rule, condition: str) -> Rule:
    """Return the rule with a condition added.

    Raises:
        TriggerError: it is not understood, or the rule has a condition of the same kind that would be lost.
    """
    for column, comparison, values in _comparisons(condition):
        rule = _with(rule, column, comparison, values)
    return rule


def _comparisons(text: str) -> list[tuple[str, str, list[str]]]:
    tokens = _tokens(text)
    found: list[tuple[str, str, list[str]]] = []
    at = 0

    def take(*kinds: str) -> str:
        nonlocal at
        kind, word = tokens[at]
        if kind not in kinds:
            raise TriggerError(f"{text.strip()!r} is not understood at {word or 'its end'!r}")
        at += 1
        return word

    while True:
        column = take("name").lower()
        kind, word = tokens[at]
        comparison = word.upper()
        if kind == "name" and comparison in {"LIKE", "IN", "BETWEEN"}:
            at += 1
        else:
            comparison = take("sign")
        values = [""]
        if comparison == "IN":
            take("open")
            values = [take("text", "number", "name")]
            while tokens[at][0] == "comma":
                at += 1
                values.append(take("text", "number", "name"))
            take("close")
        else:
            values = [take("text", "number", "name")]
            if comparison == "BETWEEN":
                if take("name").upper() != "AND":
                    raise TriggerError(f"{text.strip()!r} has BETWEEN without AND")
                values.append(take("number"))
        found.append((_ALIASES.get(column, column), comparison, values))
        if tokens[at] == _END:
            return found
        if take("name").upper() != "AND":
            raise TriggerError(f"{text.strip()!r} joins by something else than AND")


def _tokens(text: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise TriggerError(f"{text!r} is not understood at {text[at : at + 12]!r}")
        single, double, name, number, sign = match.groups()
        if single is not None or double is not None:
            out.append(("text", single.replace("''", "'") if single is not None else double))
        elif name is not None:
            out.append(("name", name))
        elif number is not None:
            out.append(("number", number))
        else:
            out.append(({"(": "open", ")": "close", ",": "comma"}.get(sign, "sign"), sign))
        at = match.end()
    return [*out, _END]


def _with(rule: Rule, column: str, comparison: str, values: list[str]) -> Rule:
    where = rule.where
    if column in {"layer", "block"}:
        test: NameTest = getattr(rule, column)
        if test.asks:
            raise TriggerError(f"asks for the {column} where the template does already")
        return replace(rule, **{column: replace(test, globs=_globs(column, comparison, values))})
    if column == "entity_type":
        _only(column, comparison, {"=", "IN"})
        return replace(rule, types=frozenset(value.upper() for value in values))
    if column in {"length", "size"}:
        return replace(rule, where=_span(where, f"{column}_m", column, comparison, values))
    changes: dict[str, Any] = {}
    if column == "closed":
        _only(column, comparison, {"="})
        changes["closed"] = values[0].lower() in {"1", "true", "yes"}
    elif column == "color":
        _only(column, comparison, {"=", "IN"})
        changes["colors"] = tuple(int(_number(column, value)) for value in values)
    elif column in {"linetype", "layout"}:
        changes[f"{column}s"] = _globs(column, comparison, values)
    elif column.startswith("attribute."):
        tag = column.removeprefix("attribute.").upper()
        changes["attributes"] = (*where.attributes, (tag, _globs(column, comparison, values)))
    else:
        raise TriggerError(f"knows no {column}")
    return replace(rule, where=replace(where, **changes))


def _only(column: str, comparison: str, allowed: set[str]) -> None:
    if comparison not in allowed:
        raise TriggerError(f"compares {column} by {comparison}")


def _globs(column: str, comparison: str, values: list[str]) -> tuple[str, ...]:
    _only(column, comparison, {"=", "IN", "LIKE"})
    quoted = [_SPECIAL.sub(r"[\1]", value) for value in values]
    if comparison == "LIKE":
        return tuple(value.replace("%", "*").replace("_", "?") for value in quoted)
    return tuple(quoted)


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TriggerError(f"compares {column} with {text!r}") from None


def _span(where: Where, key: str, column: str, comparison: str, values: list[str]) -> Where:
    _only(column, comparison, {"=", "<", "<=", ">", ">=", "BETWEEN"})
    numbers = [_number(column, value) for value in values]
    old: Span = getattr(where, key) or Span()
    if comparison == "BETWEEN":
        new = Span(low=numbers[0], high=numbers[1])
    elif comparison == "=":
        new = Span(low=numbers[0], high=numbers[0])
    elif comparison[0] == ">":
        new = replace(old, low=_tighter(max, old.low, numbers[0]))
    else:
        new = replace(old, high=_tighter(min, old.high, numbers[0]))
    return replace(where, **{key: new})


def _tighter(choose: Callable[[float, float], float], old: float | None, new: float) -> float:
    return new if old is None else choose(old, new)
