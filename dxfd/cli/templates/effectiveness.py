"""`dxfd templates effectiveness`: use of each rule, match rates by layer and type, the unmatched, the trend."""

from __future__ import annotations

from pathlib import Path

import click

from dxfd.cli.templates.shared import json_option, load, rules_option
from dxfd.cli.text import as_json, table
from dxfd.contract.human import count, percent


@click.command()
@click.argument("databases", metavar="OUT.db…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", metavar="N", type=click.IntRange(1), default=15, show_default=True, help="Lines per table.")
@rules_option
@json_option
def effectiveness(databases: tuple[Path, ...], top: int, rules: Path | None, json_wanted: bool) -> None:
    """Tell how the rules did in finished databases; several of one drawing show the trend."""
    from dxfd.convert.review.effectiveness import effectiveness as found_of

    loaded = load(rules)
    found = found_of(databases, [rule.rule_id for rule in loaded.rules if rule.element is not None])
    if json_wanted:
        click.echo(as_json({"ok": True, **found.to_dict()}))
        return
    runs = []
    before: dict[str, float] = {}
    for run in found.runs:
        change = f"{(run.rate - before[run.drawing]) * 100:+.1f}" if run.drawing in before else ""
        before[run.drawing] = run.rate
        runs.append((run.finished_at[:16].replace("T", " "), run.rules, run.drawing or run.path,
                     count(run.entities - run.annotation), count(run.elements), percent(run.rate), change))  # fmt: skip
    head = ("finished", "config", "drawing", "parts", "elements", "rate", "change")
    _print(table(head, runs, right="   rrrr", shrink=(2,)))
    total = sum(found.rules.values()) or 1
    used = [(rule, count(n), percent(n / total)) for rule, n in list(found.rules.items())[:top]]
    _print(table(("rule", "elements", "share"), used, right=" rr"))
    for name, tallies in (("layer", found.layers), ("type", found.types)):
        rows = [(key, count(t.entities), count(t.elements), percent(t.rate)) for key, t in list(tallies.items())[:top]]
        _print(table((name, "parts", "elements", "rate"), rows, right=" rrr"))
    if found.unmatched:
        rows = [(layer, kind, block, count(n)) for layer, kind, block, n in found.unmatched[:top]]
        _print(table(("unmatched layer", "type", "block", "entities"), rows, right="   r", shrink=(2, 0, 1)))
    click.echo(f"{len(found.rules)} rules were used, {len(found.unused)} of the set in force were not")


def _print(lines: list[str]) -> None:
    click.echo("\n".join(lines) + "\n")
