"""The decision: which rule makes which element of (entity type, layer, block).

Owns the precompiled rule set and its fingerprint. Reads no files (load.py does). Runs in the worker; asked once per
distinct triple, the caller keeps the answers. Where rules ask more of the single entity (colour, attributes, size, …)
the answer is a list of choices in order of rank, and the caller asks the entities (convert/choose.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from dxfd.convert.match import tokens, where
from dxfd.convert.match.kinds import ANNOTATION_TYPES, FACE_TYPES
from dxfd.convert.match.names import Name, NameBook, Test, holds
from dxfd.convert.match.rules import Choice, DisciplineWords, Element, Recipe, Rule, SkipReason, Verdict

ENGINE_VERSION: Final = 2
"""Part of the fingerprint: raised when the same rules would decide otherwise."""

_BLOCK_BONUS: Final = 50
_TYPES_BONUS: Final = 5
_SPOKEN_FIRST: Final = 3
_SPOKEN_BONUS: Final = 4
"""For a rule whose discipline the layer speaks of: S-STEM-WALL is a wall, M-STEM-PIPE steam."""


class _Match(Struct, frozen=True):
    rule: Rule
    order: int
    weight: int
    why: str
    by_block: bool


class RuleSet:
    """A set of rules, ready to decide.

    Attributes:
        fingerprint: sha256 (hex) of the effective rules: two sets with the same one decide alike.
        source: where the rules come from, for the report.
        rules: in order.
        notes: what was passed over when they were loaded, one line each.
    """

    def __init__(
        self, rules: Sequence[Rule], *, disciplines: Sequence[DisciplineWords], source: str, notes: Sequence[str] = ()
    ) -> None:
        self.rules = tuple(rules)
        self.disciplines = tuple(disciplines)
        self.source = source
        self.notes = tuple(notes)
        self.fingerprint = _fingerprint(self.rules, self.disciplines)
        self._names = NameBook(self.disciplines)
        self._rgba = {words.code: words.rgba for words in self.disciplines}
        self._tests = [
            (self._names.test(rule.layer), self._names.test(rule.block), self._names.test(rule.either))
            for rule in self.rules
        ]
        self._always, self._by_owner = self._candidates()
        self.asks_layout = any(rule.where.layouts for rule in self.rules)
        """Whether entities of paper space may be asked for."""

    # --- asked by the pipeline ------------------------------------------------------------------------------------

    def choices(self, entity_type: str, layer: str, block: str) -> tuple[Choice, ...]:
        """Return what may become of entities of a triple, first come first served; the last one asks nothing more.

        Args:
            entity_type: DXF type.
            layer: its name.
            block: its name for an INSERT, "" else.
        """
        found = []
        for match in self._ranked(entity_type, layer, block):
            asks = match.rule.where if match.rule.where.asks else None
            if match.rule.element is None:
                reason = SkipReason.ANNOTATION_BLOCK if match.by_block else SkipReason.ANNOTATION_LAYER
                found.append(Choice(where=asks, element=None, reason=reason))
            else:
                element = self._element(match.rule, match.rule.element, entity_type, layer, block)
                found.append(Choice(where=asks, element=element))
            if asks is None:
                return tuple(found)
        reason = SkipReason.ANNOTATION_TYPE if entity_type in ANNOTATION_TYPES else SkipReason.NO_RULE
        return (*found, Choice(where=None, element=None, reason=reason))

    def classify(self, entity_type: str, layer: str, block: str) -> Element | None:
        """Return the element made of an entity of which nothing more is known; None: annotation, or no rule."""
        return self.choices(entity_type, layer, block)[-1].element

    def why_not(self, entity_type: str, layer: str, block: str) -> SkipReason | None:
        """Return why classify gives None, or None if it gives an element."""
        last = self.choices(entity_type, layer, block)[-1]
        return SkipReason(last.reason) if last.element is None else None

    def explain(self, entity_type: str, layer: str, block: str) -> list[Verdict]:
        """Return what every rule says about the triple, in order of the rules."""
        best = next((m for m in self._ranked(entity_type, layer, block) if not m.rule.where.asks), None)
        verdicts = []
        for order, rule in enumerate(self.rules):
            outcome = self._judge(order, entity_type, self._names.look(layer), self._block_name(entity_type, block))
            matched = isinstance(outcome, _Match)
            verdicts.append(
                Verdict(
                    rule_id=rule.rule_id,
                    matched=matched,
                    chosen=matched and best is not None and best.order == order,
                    priority=rule.priority,
                    specificity=outcome.weight if isinstance(outcome, _Match) else 0,
                    why=outcome.why if isinstance(outcome, _Match) else outcome,
                    asks=where.words(rule.where),
                    result=_result(rule),
                )
            )
        return verdicts

    def disciplines_of(self, layer: str) -> tuple[str, ...]:
        """Return the disciplines that a layer's name speaks of, the surest first."""
        return self._names.look(layer).disciplines

    # --- the decision ---------------------------------------------------------------------------------------------

    def _ranked(self, entity_type: str, layer: str, block: str) -> list[_Match]:
        """Return the rules whose names and types hold: priority, then specificity, then their order."""
        on, named = self._names.look(layer), self._block_name(entity_type, block)
        orders = set(self._always)
        for name in (on, named):
            if name is not None:
                for owner in name.hits:
                    orders.update(self._by_owner.get(owner, ()))
        found = [self._judge(order, entity_type, on, named) for order in sorted(orders)]
        matches = [match for match in found if isinstance(match, _Match)]
        return sorted(matches, key=lambda match: (-match.rule.priority, -match.weight))

    def _judge(self, order: int, entity_type: str, layer: Name, block: Name | None) -> _Match | str:
        """Return the match, or the first condition that failed in words."""
        rule = self.rules[order]
        on, inside, either = self._tests[order]
        weight, why = 0, []
        if rule.types:
            if entity_type not in rule.types:
                return f"the type is none of {', '.join(sorted(rule.types))}"
            weight += _TYPES_BONUS
            why.append(f"type {entity_type}")
        elif entity_type in ANNOTATION_TYPES and not rule.skip:
            return f"{entity_type} is annotation and the rule does not name it"
        if rule.layer_discipline:
            spoken = [code for code in layer.disciplines if code in rule.layer_discipline]
            if not spoken:
                return f"the layer does not speak of {', '.join(rule.layer_discipline)}"
            weight += _SPOKEN_FIRST if spoken[0] == layer.disciplines[0] else 1
            why.append(f"layer of {spoken[0]}")
        found = holds(on, layer, "layer")
        if isinstance(found, str):
            return found
        by_block = False
        parts = [found]
        if inside.asks or inside.no >= 0:
            if block is None:
                if inside.asks:
                    return "the entity is no block"
            else:
                found = holds(inside, block, "block")
                if isinstance(found, str):
                    return found
                parts.append((found[0] + _BLOCK_BONUS if found[0] else 0, found[1]))
                by_block = found[0] > 0
        if either.asks:
            hit = self._either(either, layer, block)
            if isinstance(hit, str):
                return hit
            parts.append(hit)
            by_block = by_block or hit[0] > _BLOCK_BONUS
        weight += sum(part[0] for part in parts)
        if rule.element is not None and any(code in layer.disciplines for code in _codes(rule, rule.element)):
            weight += _SPOKEN_BONUS
        weight += where.weight(rule.where)
        why += [part[1] for part in parts if part[1]]
        return _Match(rule, order, weight, "; ".join(why) or "no condition", by_block)

    @staticmethod
    def _either(test: Test, layer: Name, block: Name | None) -> tuple[int, str] | str:
        on = holds(test, layer, "layer")
        found = holds(test, block, "block") if block is not None else "no block"
        if isinstance(found, str):
            return on
        # A layer that says the same outweighs another word in the block's name: "Door - Standard Lift" on A-DOOR.
        weight, why = (0, "") if isinstance(on, str) else (on[0], f"; {on[1]}")
        return found[0] + _BLOCK_BONUS + weight, found[1] + why

    def _element(self, rule: Rule, element: Element, entity_type: str, layer: str, block: str) -> Element:
        changes: dict[str, Any] = {}
        recipe = _recipe(rule.block_recipe, element.recipe, entity_type)
        if recipe is not element.recipe:
            changes["recipe"] = recipe
        if rule.disciplines:
            changes["discipline"] = self._discipline(rule, layer, self._block_name(entity_type, block))
        code = changes.get("discipline", element.discipline)
        if element.material_rgba is None and self._rgba.get(code):
            changes["material_rgba"] = self._rgba[code]
        return replace(element, **changes) if changes else element

    def _discipline(self, rule: Rule, layer: str, block: Name | None) -> str:
        spoken = self._names.look(layer).disciplines + (block.disciplines if block else ())
        return next((code for code in spoken if code in rule.disciplines), rule.disciplines[0])

    def _block_name(self, entity_type: str, block: str) -> Name | None:
        return self._names.look(tokens.strip_view(block)) if block and entity_type == "INSERT" else None

    def _candidates(self) -> tuple[tuple[int, ...], dict[int, list[int]]]:
        """Return the rules to be asked always, and those to be asked only when an owner has a hit."""
        always: list[int] = []
        by_owner: dict[int, list[int]] = {}
        for order, tests in enumerate(self._tests):
            asking = [test for test in tests if test.asks]
            owners = [test.words for test in asking if not test.patterns]
            if not owners:
                always.append(order)
            for owner in owners[:1]:  # every asking test must hold, so one of them is enough to find the rule by
                by_owner.setdefault(owner, []).append(order)
        return tuple(always), by_owner


def _result(rule: Rule) -> str:
    return "no element" if rule.element is None else f"{rule.element.ifc_class} {'/'.join(_codes(rule, rule.element))}"


def _codes(rule: Rule, element: Element) -> tuple[str, ...]:
    return rule.disciplines or (element.discipline,)


def _recipe(of_block: Recipe, of_curve: Recipe, entity_type: str) -> Recipe:
    if entity_type in FACE_TYPES:
        return Recipe.MESH
    if entity_type == "INSERT":
        return of_block
    return Recipe.POINT if entity_type == "POINT" else of_curve


def _fingerprint(rules: Iterable[Rule], disciplines: Iterable[DisciplineWords]) -> str:
    document = to_builtins([ENGINE_VERSION, list(rules), list(disciplines)], order="deterministic")
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
