"""`dxfd templates rate`: match rates of drawings by the rules, beside what substring matching would give."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dxfd.cli.templates.shared import json_option, load, rules_option
from dxfd.cli.text import as_json, table
from dxfd.contract.human import count, percent, safe
from dxfd.errors import SourceError


@click.command()
@click.argument("drawings", metavar="DRAWING…", nargs=-1, required=True, type=click.Path(path_type=Path))
@rules_option
@json_option
def rate(drawings: tuple[Path, ...], rules: Path | None, json_wanted: bool) -> None:
    """Print how much of each drawing becomes elements, of what may be building parts (all but annotation).

    "prefix" is what a discipline prefix and substrings of the layer or block would match, "words" the substrings alone;
    both count only building parts, "false" is the annotation that substrings would have made elements of.
    """
    from msgspec.structs import asdict

    from dxfd.convert.review.rates import rate as rated
    from dxfd.convert.review.survey import survey

    loaded = load(rules)
    found = []
    refused: list[dict[str, Any]] = []
    for path in drawings:
        try:
            found.append(rated(survey(path), loaded))
        except SourceError as error:
            refused.append({"drawing": path.name, "code": error.code, "message": error.message})
    if json_wanted:
        rows = [
            {**asdict(r), "things": r.things, "rate": r.rate, "prefix_rate": r.prefix_rate, "word_rate": r.word_rate}
            for r in found
        ]
        click.echo(as_json({"ok": not refused, "drawings": rows, "refused": refused}))
        sys.exit(1 if refused else 0)
    rows_of = [
        (r.drawing, count(r.entities), count(r.things), percent(r.rate), count(r.proxies), percent(r.prefix_rate),
         percent(r.word_rate), count(r.word_annotation))
        for r in found
    ]  # fmt: skip
    if len(found) > 1:
        things = sum(r.things for r in found)
        shares = [
            sum(x) / things if things else 0.0
            for x in (
                [r.matched for r in found],
                [r.prefix_matched - r.prefix_annotation for r in found],
                [r.word_matched - r.word_annotation for r in found],
            )
        ]
        rows_of.append(
            ("all", count(sum(r.entities for r in found)), count(things), percent(shares[0]),
             count(sum(r.proxies for r in found)), percent(shares[1]), percent(shares[2]),
             count(sum(r.word_annotation for r in found)))
        )  # fmt: skip
    head = ("drawing", "entities", "parts", "rules", "proxies", "prefix", "words", "false")
    for line in table(head, rows_of, right=" rrrrrrr", paths=True):
        click.echo(line)
    for row in refused:
        print(f"passed over {safe(row['drawing'])}: {safe(row['message'])} [{row['code']}]", file=sys.stderr)
    sys.exit(1 if refused else 0)
