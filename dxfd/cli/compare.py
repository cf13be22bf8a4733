"""`dxfd compare`: two result databases side by side, and whether the second is as good as the first."""

from __future__ import annotations

import sys
from math import isfinite
from pathlib import Path

import click

from dxfd.cli.text import as_json, table
from dxfd.contract.human import count, percent, safe


def _number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    if not isfinite(value):  # nan is within every range
        raise click.BadParameter(f"{value} is no number to compare with")
    return value


@click.command()
@click.argument("first", metavar="A.db", type=click.Path(path_type=Path))
@click.argument("second", metavar="B.db", type=click.Path(path_type=Path))
@click.option("--tolerance", metavar="M", type=click.FloatRange(0), default=0.5, show_default=True, callback=_number,
              help="Mean distance of paired elements, metres.")  # fmt: skip
@click.option("--share", metavar="S", type=click.FloatRange(0, 1), default=0.9, show_default=True, callback=_number,
              help="Least share of elements per class, and of equal properties.")  # fmt: skip
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document.")
def compare(first: Path, second: Path, tolerance: float, share: float, json_wanted: bool) -> None:
    """Compare B.db with the reference A.db: elements per class, position, properties.

    Exit 0 if B has the share of A's elements, their centres lie within the tolerance on average, and the share of their
    properties is equal; else 1.
    """
    from dxfd.convert.review.compare import compare as compared

    found = compared(first, second, tolerance_m=tolerance, least_share=share)
    if json_wanted:
        click.echo(as_json({"ok": True, **found.to_dict()}))
        sys.exit(0 if found.passed else 1)
    rows = [(c.ifc_class, count(c.first), count(c.second), percent(c.share)) for c in found.classes]
    for line in table(("class", "A", "B", "match"), rows, right=" rrr"):
        click.echo(line)
    click.echo("")
    pairs = ", ".join(f"{count(n)} by {how}" for how, n in found.paired_by.items())
    click.echo(f"pairs       {pairs}")
    if found.delta_mean_m is not None and found.delta_max_m is not None and found.near is not None:
        near = f"{percent(found.near)} within {tolerance:g} m"
        click.echo(f"position    {found.delta_mean_m:.3f} m on average, {found.delta_max_m:.3f} m at most, {near}")
    equal = [f"{name} {percent(value)}" for name, value in found.fields.items()]
    if found.properties is not None:
        equal.append(f"properties {percent(found.properties)}")
    for k in range(0, len(equal), 3):
        click.echo(f"{'equal' if not k else '':<12}{', '.join(equal[k : k + 3])}")
    for note in found.notes:
        click.echo(f"note        {safe(note)}")
    verdict = "passed" if found.passed else "not passed"
    click.echo(f"validation  {verdict}: elements {percent(found.count_match)}, at least {percent(share)} asked")
    sys.exit(0 if found.passed else 1)
