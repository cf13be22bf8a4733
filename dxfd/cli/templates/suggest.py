"""`dxfd templates suggest`: rules proposed for what no rule matches in drawings."""

from __future__ import annotations

from pathlib import Path

import click

from dxfd.cli.templates.shared import json_option, load, refuse_existing, rules_option, write_whole
from dxfd.cli.text import as_json, table
from dxfd.contract.human import count, counted


@click.command()
@click.argument("drawings", metavar="DRAWING…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE.toml", type=click.Path(path_type=Path), help="Write the proposals as a rule set.")
@rules_option
@json_option
def suggest(drawings: tuple[Path, ...], out: Path | None, rules: Path | None, json_wanted: bool) -> None:
    """Propose a rule for each layer that no rule matches. Look at the proposals before you use them."""
    from dxfd.convert.match.write_toml import document, rule_lines
    from dxfd.convert.review.suggest import suggest as suggested
    from dxfd.convert.review.survey import survey

    if out is not None:
        refuse_existing(out)
    loaded = load(rules)
    groups = suggested([survey(path) for path in drawings], loaded)
    proposed = [group for group in groups if group.rule is not None]
    unique = {group.rule.rule_id: group.rule for group in reversed(proposed) if group.rule}
    if out is not None:
        head = "Proposals for layers that no rule matched: look at each before you use it."
        text = document(reversed(unique.values()), [], head=head).replace(
            "version = 1\n", 'version = 1\nextends = "default"\n', 1
        )
        write_whole(out, lambda at: at.write_text(text, encoding="utf-8"))
    if json_wanted:
        listed = [
            {
                "layer": g.layer, "entities": g.count, "types": g.types, "blocks": g.blocks,
                "confidence": g.confidence, "evidence": g.evidence,
                "rule": "\n".join(rule_lines(g.rule)) if g.rule else None,
            }
            for g in groups
        ]  # fmt: skip
        click.echo(as_json({"ok": True, "unmatched": sum(g.count for g in groups), "groups": listed}))
        return
    if not groups:
        click.echo("every entity is matched, or known to be annotation")
        return
    rows = []
    for group in groups:
        types = " ".join(f"{kind}:{n}" for kind, n in sorted(group.types.items(), key=lambda item: -item[1])[:1])
        element = group.rule.element if group.rule else None
        made = f"{element.ifc_class.removeprefix('Ifc')} {element.discipline}" if element else "-"
        sure = f"{group.confidence:.1f}" if element else ""
        rows.append((group.layer[:24], count(group.count), types, made, sure, group.evidence))
    for line in table(
        ("layer", "entities", "types", "proposed", "sure", "evidence"), rows, right=" r", shrink=(3, 0, 2, 5)
    ):
        click.echo(line)
    total = counted(sum(group.count for group in groups), "entity", "entities")
    click.echo(f"\n{total} on {counted(len(groups), 'layer')} without a rule; {counted(len(proposed), 'proposal')}")
    click.echo(f"written to {out}" if out else "--out FILE.toml writes the proposals as a rule set")
