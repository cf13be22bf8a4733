"""`dxfd templates import`: a template library as a TOML rule set that can be read and changed."""

from __future__ import annotations

from pathlib import Path

import click

from dxfd.cli.templates.shared import json_option, refuse_existing, write_whole
from dxfd.cli.text import as_json
from dxfd.contract.human import counted, safe


@click.command("import")
@click.argument("library", metavar="LIBRARY.db", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT.toml", type=click.Path(path_type=Path))
@json_option
def import_rules(library: Path, out: Path, json_wanted: bool) -> None:
    """Write the rules that a template library gives as a TOML rule set."""
    from dxfd.convert.match.load import default_rules, load_rules
    from dxfd.convert.match.write_toml import document

    refuse_existing(out)
    loaded = load_rules(library)
    words = () if loaded.disciplines == default_rules().disciplines else loaded.disciplines
    text = document(loaded.rules, words, head=f"Rules of {library.name}")
    write_whole(out, lambda at: at.write_text(text, encoding="utf-8"))
    if json_wanted:
        click.echo(as_json({"ok": True, "out": str(out), "rules": len(loaded.rules), "notes": list(loaded.notes)}))
        return
    for note in loaded.notes:
        click.echo(f"note: {safe(note)}")
    click.echo(f"{counted(len(loaded.rules), 'rule')} written to {safe(str(out))}")
