"""`dxfd errors`: the error tree as a table, from which docs/errors.md is made."""

from __future__ import annotations

import json

import click

from dxfd.errors import DxfdError, all_errors


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def errors(as_json: bool) -> None:
    """List every error code with its exit code and meaning."""
    rows = [row_of(cls) for cls in all_errors()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['code']:<22} {row['exit_code']:>4}  {row['failure']:<10} {row['meaning']}")


def row_of(cls: type[DxfdError]) -> dict[str, str | int]:
    """Return what is said of one class."""
    return {
        "code": cls.code,
        "exit_code": cls.exit_code,
        "failure": cls.failure.value,
        "meaning": (cls.__doc__ or "").strip().splitlines()[0],
        "hint": cls.default_hint,
    }
