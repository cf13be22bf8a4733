"""`dxfd version`."""

from __future__ import annotations

import click

from dxfd import __version__


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"dxfd {__version__}")
