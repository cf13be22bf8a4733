"""`dxfd check-config`: the settings in force, and where each came from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dxfd.config.load import load
from dxfd.config.model import FIELDS, written


@click.command("check-config")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (env: DXFD_CONFIG).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_config(config: Path | None, as_json: bool) -> None:
    """Check the settings and print those in force."""
    loaded = load(config=config)
    if as_json:
        values = {
            name: {"value": json.loads(written(f, getattr(loaded.settings, name))), "origin": loaded.origins[name]}
            for name, f in FIELDS.items()
        }
        click.echo(json.dumps({"ok": True, "file": str(loaded.file or ""), "settings": values}, indent=2))
        return
    for name, field in FIELDS.items():
        click.echo(f"{name} = {written(field, getattr(loaded.settings, name)):<24} # {loaded.origins[name]}")
