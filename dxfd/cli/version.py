"""`dxfd version`."""

from __future__ import annotations

import click

from dxfd import __version__


@click.command()
def version() -> None:
    """Print the version, and whether conversions run by the C kernel."""
    from dxfd.convert.native import kernel

    click.echo(f"dxfd {__version__}")
    click.echo("conversion by the C kernel" if kernel is not None else "conversion by NumPy (built without a compiler)")
