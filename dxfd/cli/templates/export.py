"""`dxfd templates export`: the rules in force as a TOML rule set, or as a template_library.db of the ecosystem."""

from __future__ import annotations

from pathlib import Path

import click

from dxfd.cli.templates.shared import json_option, load, refuse_existing, rules_option, write_whole
from dxfd.cli.text import as_json
from dxfd.contract.human import counted, safe
from dxfd.errors import UsageError


@click.command()
@click.argument("out", metavar="OUT.toml|OUT.db", type=click.Path(path_type=Path))
@rules_option
@json_option
def export(out: Path, rules: Path | None, json_wanted: bool) -> None:
    """Write the rules to a new file.

    Either reads back as the same rules. A library holds one template per rule and discipline, with measures, geometry
    and material, for tools that know such; they find its classes by their words. Conditions are in tables of ours.
    """
    from dxfd.convert.match.write_library import write_library
    from dxfd.convert.match.write_toml import document

    if out.suffix.lower() not in {".toml", ".db"}:
        raise UsageError(f"{out} must end in .toml or .db")
    refuse_existing(out)
    loaded = load(rules)
    if out.suffix.lower() == ".db":
        written = write_whole(out, lambda at: write_library(at, loaded.rules, loaded.disciplines, source=loaded.source))
        what = "template"
    else:
        text = document(loaded.rules, loaded.disciplines, head=loaded.source)
        write_whole(out, lambda at: at.write_text(text, encoding="utf-8"))
        written, what = len(loaded.rules), "rule"
    if json_wanted:
        click.echo(as_json({"ok": True, "out": str(out), f"{what}s": written}))
    else:
        click.echo(f"{counted(written, what)} written to {safe(str(out))}")
