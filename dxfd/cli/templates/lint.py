"""`dxfd templates lint`: what is wrong with a rule set, and what can never win."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dxfd.cli.templates.shared import json_option, load
from dxfd.cli.text import as_json
from dxfd.contract.human import counted, safe


@click.command()
@click.argument("rules", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--notes", is_flag=True, help="Also words that lead to other rules, and what was passed over.")
@json_option
def lint(rules: Path | None, notes: bool, json_wanted: bool) -> None:
    """Check a rule set or template library; exit 1 if a rule can never win."""
    from msgspec import to_builtins

    from dxfd.convert.review.lint import lint as linted

    loaded = load(rules)
    found = linted(loaded)
    warnings = [finding for finding in found if finding.severity == "warning"]
    if json_wanted:
        document = {"ok": not warnings, "source": loaded.source, "rules": len(loaded.rules)}
        click.echo(as_json({**document, "findings": [to_builtins(finding) for finding in found]}))
    else:
        for finding in found if notes else warnings:
            name = f"{finding.rule_id}: " if finding.rule_id else ""
            click.echo(f"{finding.severity}: {safe(name + finding.message)}")
        hidden = 0 if notes else len(found) - len(warnings)
        more = f", {counted(hidden, 'note')} (--notes)" if hidden else ""
        click.echo(f"{counted(len(loaded.rules), 'rule')}: {counted(len(warnings), 'warning')}{more}")
    sys.exit(1 if warnings else 0)
