"""Derivation and adaptation rules of a template library: how they change a template's rule.

`derivation_rules`, lower priority first: a formula without a condition sets a measure of the template (`height =
ceiling_height - 0.6`); one with a condition makes a variant of the template for the entities that satisfy it.
`adaptation_rules`, higher priority first: variants with measures of their own (`set`), or without an element (`skip`).
Of variants that hold, the more specific wins, then the one that stands first. What asks for more than one entity
(spatial) or states a requirement (code_compliance) changes no rule and is noted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from dxfd.convert.match import formula, trigger
from dxfd.convert.match.rules import DEFAULT_CEILING_M, Element, Rule

Row = Mapping[str, Any]
Sized = Callable[[Element, Mapping[str, float]], Element]

_CEILING: Final = ("ceiling_height", "ceiling")
_FLOOR_M: Final = 4.0
_APPLIED: Final = frozenset({"formula", "conditional", ""})
_SKIPPING: Final = frozenset({"skip", "exclude", "ignore", "remove"})
_SETTING: Final = frozenset({"set", "override", "adapt", "adjust", ""})
_HEIGHT_TARGETS: Final = frozenset({"z_offset", "elevation", "mounting_height", "sill_height", "z"})


def derived(
    rule: Rule, derivations: Iterable[Row], adaptations: Iterable[Row], known: Mapping[str, float],
    sized: Sized, note: Callable[[str], None],
) -> list[Rule]:  # fmt: skip
    """Return the variants of a template's rule, then the rule itself.

    Args:
        rule: the template's, with an element.
        derivations: its rows of derivation_rules.
        adaptations: its rows of adaptation_rules.
        known: its parameters by name, in metres.
        sized: sets measures by name.
        note: told what was passed over.
    """
    variants: list[tuple[str, str, dict[str, str]]] = []
    for row in sorted(_active(derivations), key=_priority):
        name = _text(row, "rule_id") or _text(row, "rule_name")
        if (kind := _text(row, "rule_type").lower()) not in _APPLIED:
            note(f"derivation rule {name}: {kind} rules change nothing here")
            continue
        if not _text(row, "formula"):
            continue
        target, expression = formula.split(_text(row, "formula"), _text(row, "rule_name"))
        if condition := _text(row, "trigger_condition"):
            variants.append((name, condition, {target: expression}))
        else:
            rule = _set(rule, {target: expression}, known, sized, _prefixed(note, f"derivation rule {name}"))
    out = []
    for row in sorted(_active(adaptations), key=lambda r: -_priority(r)):
        name = _text(row, "adaptation_id") or _text(row, "rule_name")
        action = _text(row, "action").lower()
        say = _prefixed(note, f"adaptation rule {name}")
        if action not in _SETTING | _SKIPPING:
            say(f"the action {action!r} is not known")
        elif (variant := _variant(rule, name, _text(row, "condition"), say)) is not None:
            if action in _SKIPPING:
                out.append(replace(variant, element=None, skip=True))
            elif (measures := _parameters(_text(row, "parameters"), say)) is not None:
                out.append(_set(variant, measures, known, sized, say))
    for name, condition, measures in variants:
        say = _prefixed(note, f"derivation rule {name}")
        if (variant := _variant(rule, name, condition, say)) is not None:
            out.append(_set(variant, measures, known, sized, say))
    return [*out, rule]


def _prefixed(note: Callable[[str], None], prefix: str) -> Callable[[str], None]:
    return lambda what: note(f"{prefix}: {what}")


def _variant(rule: Rule, name: str, condition: str, say: Callable[[str], None]) -> Rule | None:
    if not condition:
        say("it has no condition")
        return None
    try:
        changed = trigger.conditioned(rule, condition)
    except trigger.TriggerError as error:
        say(str(error))
        return None
    rule_id = f"{rule.rule_id}+{name}"
    element = replace(rule.element, rule_id=rule_id) if rule.element is not None else None
    return replace(changed, rule_id=rule_id, element=element)


def _set(
    rule: Rule, measures: Mapping[str, str], known: Mapping[str, float], sized: Sized, say: Callable[[str], None]
) -> Rule:
    """Return the rule with measures set; a height above the floor that follows the ceiling goes on following it."""
    element = rule.element
    if element is None:
        return rule
    for target, expression in measures.items():
        names = {**known, **_measures(element), "floor_height": known.get("floor_height", _FLOOR_M)}

        def at(ceiling_m: float, names: Mapping[str, float] = names, expression: str = expression) -> float:
            return formula.value(expression, {**names, **dict.fromkeys(_CEILING, ceiling_m)})

        try:
            value = at(DEFAULT_CEILING_M)
            slope = at(DEFAULT_CEILING_M + 1.0) - value if target in _HEIGHT_TARGETS else 0.0
        except formula.FormulaError as error:
            say(f"the formula {error}")
            continue
        changed = sized(element, {target: value})
        if abs(slope - 1.0) < 1e-9:
            changed = replace(changed, below_ceiling_m=round(DEFAULT_CEILING_M - value, 9))
        elif changed == element and value != _measures(element).get(target):
            say(f"sets {target}, which is no measure")
        element = changed
    return replace(rule, element=element)


def _measures(element: Element) -> dict[str, float]:
    return {
        "width": element.width_m, "height": element.height_m, "diameter": element.diameter_m,
        "thickness": element.width_m, "radius": element.diameter_m / 2, "elevation": element.elevation_m,
        "z_offset": element.elevation_m,
    }  # fmt: skip


def _parameters(text: str, say: Callable[[str], None]) -> dict[str, str] | None:
    if not text:
        return {}
    try:
        document = json.loads(text)
    except ValueError:
        say("its parameters are not JSON")
        return None
    if not isinstance(document, dict):
        say("its parameters are no JSON object")
        return None
    return {str(name).lower(): str(value) for name, value in document.items()}


def _active(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if str(row.get("active", 1)).strip().lower() not in {"0", "false", "no"}]


def _priority(row: Row) -> float:
    try:
        return float(row.get("priority") or 0)
    except (TypeError, ValueError):
        return 0.0


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()
