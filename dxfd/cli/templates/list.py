"""`dxfd templates list`: the rules in force, one a line."""

from __future__ import annotations

from pathlib import Path

import click

from dxfd.cli.templates.shared import json_option, load, rules_option
from dxfd.cli.text import as_json, table


@click.command("list")
@rules_option
@json_option
def list_rules(rules: Path | None, json_wanted: bool) -> None:
    """List the rules in the order in which they are asked."""
    from dxfd.convert.match.rules import Rule
    from dxfd.convert.match.where import words

    loaded = load(rules)

    def names(rule: Rule) -> list[str]:
        return [*rule.either.words, *rule.layer.words, *rule.block.words, *rule.either.globs, *rule.layer.globs]

    if json_wanted:
        document = [
            {
                "id": rule.rule_id,
                "ifc_class": rule.element.ifc_class if rule.element else "",
                "disciplines": list(rule.disciplines) or ([rule.element.discipline] if rule.element else []),
                "recipe": str(rule.element.recipe) if rule.element else "",
                "priority": rule.priority,
                "confidence": rule.element.confidence if rule.element else None,
                "names": names(rule),
                "asks": words(rule.where),
            }
            for rule in loaded.rules
        ]
        click.echo(as_json({"ok": True, "source": loaded.source, "rules": document}))
        return
    rows = []
    for rule in loaded.rules:
        codes = "/".join(rule.disciplines) or (rule.element.discipline if rule.element else "")
        asks = "; ".join(part for part in (", ".join(names(rule)), words(rule.where)) if part)
        made = rule.element.ifc_class.removeprefix("Ifc") if rule.element else "no element"
        rows.append((rule.rule_id, made, codes, str(rule.priority or ""), asks))
    for line in table(("rule", "makes", "discipline", "prio", "names"), rows, right="   r", shrink=(4, 0, 1)):
        click.echo(line)
