"""Faults of a rule set that reads well: rules that can never win, words that lead elsewhere. Pure.

A rule is tried with its own words: a layer or block of that name alone must lead to it, or to one asked before.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.rules import Rule

_TRIED_TYPES: Final = ("LINE", "LWPOLYLINE", "INSERT")


class Finding(Struct, frozen=True, kw_only=True):
    """One finding about a rule.

    Attributes:
        rule_id: which rule; "" for the set as a whole.
        severity: warning, or note.
        message: one line.
    """

    rule_id: str
    severity: str
    message: str


def lint(rules: RuleSet) -> list[Finding]:
    """Return what is doubtful, in order of the rules."""
    found = [Finding(rule_id="", severity="note", message=note) for note in rules.notes]
    for rule in rules.rules:
        found += _of(rule, rules)
    return found


def _of(rule: Rule, rules: RuleSet) -> list[Finding]:
    names = [(word, "either") for word in rule.either.words]
    names += [(word, "layer") for word in rule.layer.words] + [(word, "block") for word in rule.block.words]
    names = [(word.replace("*", "x"), part) for word, part in names]
    lost: dict[str, str] = {}
    won = 0
    for word, part in names:
        winner = _winner(rule, rules, word, part)
        if winner == rule.rule_id:
            won += 1
        else:
            lost[word] = winner
    out = []
    if names and not won:
        first, winner = next(iter(lost.items()))
        out.append(
            Finding(
                rule_id=rule.rule_id,
                severity="warning",
                message=f"none of its words leads to it; “{first}” leads to {winner or 'nothing'}",
            )
        )
    elif lost:
        for word, winner in lost.items():
            message = f"“{word}” leads to {winner or 'nothing'}"
            out.append(Finding(rule_id=rule.rule_id, severity="note", message=message))
    return out


def _winner(rule: Rule, rules: RuleSet, word: str, part: str) -> str:
    """Return the rule that a name of this word leads to; the rule itself if it is among those asked."""
    spoken = f"{rule.layer_discipline[0]}-" if rule.layer_discipline else ""
    types = sorted(rule.types) or (["INSERT"] if part == "block" else list(_TRIED_TYPES))
    winner = ""
    for entity_type in types:
        in_block = entity_type == "INSERT" and part != "layer"
        layer, block = (f"{spoken}0", word) if in_block else (f"{spoken}{word}", "")
        for verdict in rules.explain(entity_type, layer, block):
            if verdict.rule_id == rule.rule_id and verdict.matched and (verdict.chosen or verdict.asks):
                return rule.rule_id
            if verdict.chosen:
                winner = winner or verdict.rule_id
    return winner
