"""`dxfd version`."""

from __future__ import annotations

import click

from dxfd import __version__


@click.command()
def version() -> None:
    """Print the version, and whether conversions run by the C kernel and write rows a chunk at a time."""
    from dxfd.convert.native import feed, kernel

    click.echo(f"dxfd {__version__}")
    click.echo("conversion by the C kernel" if kernel is not None else "conversion by NumPy (built without a compiler)")
    click.echo("rows by the chunk" if feed is not None else "rows one by one (built without SQLite's headers)")
