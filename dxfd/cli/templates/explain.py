"""`dxfd templates explain`: which rule takes a layer, a type and a block, and why the others do not."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from dxfd.cli.templates.shared import json_option, load, rules_option
from dxfd.cli.text import WIDTH, as_json, table
from dxfd.contract.human import safe, shorten


@click.command()
@click.argument("layer")
@click.argument("entity_type", metavar="TYPE")
@click.argument("block", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="Also the rules that have nothing to do with it.")
@rules_option
@json_option
def explain(layer: str, entity_type: str, block: str, everything: bool, rules: Path | None, json_wanted: bool) -> None:
    """Tell which rule takes an entity of this LAYER, TYPE and BLOCK, and why the others do not."""
    from msgspec import to_builtins

    loaded = load(rules)
    kind = entity_type.upper()
    verdicts = loaded.explain(kind, layer, block)
    choices = loaded.choices(kind, layer, block)
    last = choices[-1]
    if json_wanted:
        document: dict[str, Any] = {
            "ok": True, "entity_type": kind, "layer": layer, "block": block, "reason": last.reason,
            "element": to_builtins(last.element) if last.element else None,
            "verdicts": [to_builtins(verdict) for verdict in verdicts],
        }  # fmt: skip
        click.echo(as_json(document))
        return
    spoken = ", ".join(loaded.disciplines_of(layer)) or "none"
    click.echo(shorten(f"{kind} on {safe(layer)}{f' of block {safe(block)}' if block else ''}", WIDTH))
    click.echo(f"  disciplines the layer speaks of: {spoken}")
    if last.element is None:
        click.echo(f"  no element: {last.reason}")
    else:
        element = last.element
        made = f"{element.ifc_class} {element.predefined_type}".strip()
        click.echo(f"  {made}, {element.discipline}, by rule {element.rule_id} (confidence {element.confidence:g})")
        sizes = f"width {element.width_m:g}, height {element.height_m:g}, diameter {element.diameter_m:g} m"
        click.echo(f"  body: {element.recipe}; {sizes}; {element.elevation_m:g} m above the storey")
    matched = sorted((v for v in verdicts if v.matched), key=lambda v: (not v.chosen, -v.priority, -v.specificity))
    for v in matched:
        mark = "*" if v.chosen else "?" if v.asks else " "
        prior = f"priority {v.priority}, " if v.priority else ""
        click.echo(shorten(f"\n{mark} {v.rule_id}: {v.result} ({prior}weight {v.specificity})", WIDTH + 1))
        because = v.why + (f"; also asks: {v.asks}" if v.asks else "")
        for text in wrap(safe(because), WIDTH - 4):
            click.echo(f"    {text}")
    if any(v.asks for v in matched):
        click.echo("\n? asks more of the single entity, and is asked before those below it")
    _others(verdicts, everything=everything)


def _others(verdicts: list[Any], *, everything: bool) -> None:
    missed = [v for v in verdicts if not v.matched]
    near = [
        v for v in missed if everything or "rules it out" in v.why or "does not speak" in v.why or "the type" in v.why
    ]
    if near:
        click.echo("")
        for line in table(("not", "because"), [(v.rule_id, v.why) for v in near], shrink=(1, 0)):
            click.echo(line)
    if len(near) < len(missed):
        click.echo(f"\n{len(missed) - len(near)} other rules have none of their words in it (--all lists them)")
