"""Rules for what no rule matches: unmatched kinds grouped by layer, with a proposed rule and the evidence for it.

Evidence, the surest first: a word of the rules hidden in a longer one (`BRICKWALL`), a word that is nearly one
(`WALS`), a discipline the name speaks of. Pure.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from dxfd.convert.match import tokens
from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.rules import Element, NameTest, Recipe, Rule, SkipReason
from dxfd.convert.review.survey import Kind, Survey

_LEAST_HIDDEN: Final = 4
"""Letters of a word that may be looked for inside others: shorter ones are everywhere."""
_LEAST_NEAR: Final = 4
_NEAR: Final = 0.8
_NAMELESS: Final = frozenset({"0", "layer", "layer1", "ebene", "calque", "capa"})
_CONFIDENCE: Final = {"hidden": 0.7, "near": 0.5, "discipline": 0.4}


class Group(Struct):
    """Unmatched entities of one layer.

    Attributes:
        layer: its name, without xref prefix.
        count: entities.
        types: of each DXF type.
        blocks: of each block.
        rule: what is proposed, or None.
        confidence: 0 to 1; 0 if nothing is proposed.
        evidence: why it is proposed, or why nothing is.
    """

    layer: str
    count: int = 0
    types: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    rule: Rule | None = None
    confidence: float = 0.0
    evidence: str = ""


def suggest(surveys: Iterable[Survey], rules: RuleSet) -> list[Group]:
    """Return the unmatched layers, the fullest first, each with a proposal where there is evidence for one."""
    groups: dict[str, Group] = {}
    for found in surveys:
        for kind in found.kinds:
            if rules.choices(kind.entity_type, kind.layer, kind.block)[-1].reason == SkipReason.NO_RULE:
                _add(groups, kind)
    words = _words(rules.rules)
    for group in groups.values():
        _propose(group, words, rules)
    return sorted(groups.values(), key=lambda group: (-group.count, group.layer))


def _add(groups: dict[str, Group], kind: Kind) -> None:
    layer = tokens.strip_xref(kind.layer)
    group = groups.setdefault(tokens.fold(layer), Group(layer))
    group.count += kind.count
    group.types[kind.entity_type] = group.types.get(kind.entity_type, 0) + kind.count
    if kind.block:
        name = tokens.strip_view(kind.block)
        group.blocks[name] = group.blocks.get(name, 0) + kind.count


def _words(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return single words that rules with an element know, with the first rule of each."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.element is not None:
            for word in (*rule.either.words, *rule.layer.words, *rule.block.words):
                if " " not in word and "*" not in word:
                    for spelling in tokens.spellings(word):
                        found.setdefault(spelling, rule)
    return found


def _propose(group: Group, words: dict[str, Rule], rules: RuleSet) -> None:
    split = [word for word in tokens.split(group.layer) if not word.isdigit()]
    if not split or set(split) <= _NAMELESS:
        group.evidence = "the layer's name says nothing"
        if group.blocks:
            group.evidence += "; rules for its blocks may help"
        return
    for word in split:
        if (hidden := _hidden(word, words)) is not None:
            _settle(group, word, words[hidden], "hidden", f"“{word}” has “{hidden}” in it", rules)
            return
    for word in split:
        near = difflib.get_close_matches(word, words, n=1, cutoff=_NEAR) if len(word) >= _LEAST_NEAR else []
        if near:
            _settle(group, word, words[near[0]], "near", f"“{word}” is nearly “{near[0]}”", rules)
            return
    spoken = rules.disciplines_of(group.layer)
    if spoken:
        evidence = f"the layer speaks of {spoken[0]}"
        _settle(group, split[-1], _proxy(spoken[0], group), "discipline", evidence, rules)
        return
    group.evidence = "nothing in its name is like a word of the rules"


def _hidden(word: str, words: dict[str, Rule]) -> str | None:
    """Return the longest known word at the beginning or the end of a longer one."""
    inside = [
        known
        for known in words
        if len(known) >= _LEAST_HIDDEN and len(known) < len(word) and (word.startswith(known) or word.endswith(known))
    ]
    return max(inside, key=lambda known: (len(known), known), default=None)


def _proxy(discipline: str, group: Group) -> Rule:
    name = " ".join(tokens.split(group.layer)).strip() or "Element"
    element = Element(
        rule_id="proxy", name=name.capitalize(), discipline=discipline, ifc_class="IfcBuildingElementProxy",
        object_type=name.upper(), recipe=Recipe.CURVE,
    )  # fmt: skip
    return Rule(rule_id="proxy", element=element)


def _settle(group: Group, word: str, like: Rule, kind: str, evidence: str, rules: RuleSet) -> None:
    element = like.element
    assert element is not None  # noqa: S101  (only rules with an element are looked up)
    spoken = [code for code in rules.disciplines_of(group.layer) if code in (like.disciplines or (element.discipline,))]
    rule_id = "suggested." + "-".join(tokens.split(group.layer))
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in rule_id)
    test = NameTest(globs=(_glob(group.layer),)) if kind == "discipline" else NameTest(words=(word,))
    group.rule = Rule(
        rule_id=safe.rstrip("-"),
        layer=test,
        disciplines=() if spoken else like.disciplines,
        block_recipe=like.block_recipe,
        element=_renamed(element, safe.rstrip("-"), spoken),
    )
    group.confidence = _CONFIDENCE[kind]
    group.evidence = evidence


def _glob(layer: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in layer)


def _renamed(element: Element, rule_id: str, spoken: list[str]) -> Element:
    return replace(element, rule_id=rule_id, discipline=spoken[0] if spoken else element.discipline)
