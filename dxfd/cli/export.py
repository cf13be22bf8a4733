"""`dxfd export`: a finished database in other forms. Owns the command lines, what is said, and nothing of the forms.

stdout carries the result (text or one JSON document), stderr progress on a terminal. dxfd.export is imported when an
export begins.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dxfd.contract.human import count, counted, percent, safe, size
from dxfd.errors import UsageError

if TYPE_CHECKING:
    from dxfd.export.source import Source
    from dxfd.export.types import OnProgress, Written

_DISCIPLINE = click.option("--discipline", metavar="CODE", help="Only the elements of one discipline, as STR.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("export", context_settings={"help_option_names": ["-h", "--help"]})
def export() -> None:
    """Write a finished database in another form. The database itself is only read."""


@export.command("ifc")
@click.argument("source", metavar="IN.db", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT.ifc", type=click.Path(path_type=Path))
@click.option("--schema", type=click.Choice(["IFC4", "IFC4X3"]), default="IFC4", show_default=True)
@click.option("--per-discipline", is_flag=True, help="A file for each discipline: OUT-ARC.ifc, OUT-STR.ifc, ...")
@_JSON
def ifc(source: Path, output: Path, schema: str, *, per_discipline: bool, as_json: bool) -> None:
    """Write IFC (STEP): typed elements in storeys, solids, colours, layers, property sets."""
    from dxfd.export.ifc import export_ifc
    from dxfd.export.ifc_classes import Schema

    with _uncollected(), _opened(source, output) as database, _progress() as shown:
        disciplines: list[str | None] = [*database.disciplines()] if per_discipline else [None]
        files = [
            export_ifc(database, _named(output, code), Schema(schema), discipline=code, on_progress=shown)
            for code in disciplines
        ]
    _tell(files, as_json=as_json)


@export.command("glb")
@click.argument("source", metavar="IN.db", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT.glb", type=click.Path(path_type=Path))
@_DISCIPLINE
@_JSON
def glb(source: Path, output: Path, discipline: str | None, *, as_json: bool) -> None:
    """Write binary glTF 2.0, to be looked at: a mesh for each discipline, class and colour."""
    from dxfd.export.glb import export_glb

    with _uncollected(), _opened(source, output) as database, _progress() as shown:
        _known(database.disciplines(), discipline)
        file = export_glb(database, output, discipline=discipline, on_progress=shown)
    _tell([file], as_json=as_json)


@export.command("db")
@click.argument("source", metavar="IN.db", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT.db", type=click.Path(path_type=Path))
@click.option(
    "--dialect",
    type=click.Choice(["a", "b", "c", "d"]),
    default="b",
    show_default=True,
    help="a: one body an element; b: federation; c, d: browser viewers.",
)
@click.option(
    "--frame",
    type=click.Choice(["local", "world"]),
    help="What vertices are about: the element's centre, or the model's origin. Default: as the dialect has it.",
)
@_JSON
def db(source: Path, output: Path, dialect: str, frame: str | None, *, as_json: bool) -> None:
    """Write a database in another dialect of the federation schema."""
    from dxfd.export.dialects import Dialect, Frame, export_db

    with _uncollected(), _opened(source, output) as database:
        file = export_db(database, output, Dialect(dialect), Frame(frame) if frame else None)
    _tell([file], as_json=as_json)


def _known(codes: list[str], asked: str | None) -> None:
    if asked is not None and asked not in codes:
        raise UsageError(f"no element has the discipline {asked}", hint="there are: " + ", ".join(codes))


def _named(output: Path, code: str | None) -> Path:
    return output if code is None else output.with_name(f"{output.stem}-{code}{output.suffix}")


def _opened(source: Path, output: Path) -> Source:
    from dxfd.export.source import Source

    if source.absolute() == output.absolute():
        raise UsageError(f"{source} would be written over itself", hint="name another output")
    return Source(source)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do without looking for cycles: an export makes rows by the million and none, and it takes a tenth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _progress() -> Iterator[OnProgress | None]:
    """Give a callback that shows progress on a terminal, None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(done: int, total: int) -> None:
        sys.stderr.write(f"\r{count(done)} of {count(total)} elements, {percent(done / max(1, total))}\x1b[K")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")


def _tell(files: list[Written], *, as_json: bool) -> None:
    if as_json:
        document = [
            {"path": str(f.path), "bytes": f.bytes, "elements": f.elements, "counts": f.counts, "notes": f.notes}
            for f in files
        ]
        click.echo(json.dumps({"ok": True, "files": document}, ensure_ascii=False))
        return
    for file in files:
        words = ", ".join(f"{name} {count(number)}" for name, number in sorted(file.counts.items()))
        click.echo(f"{safe(str(file.path))}  {counted(file.elements, 'element')}, {size(file.bytes)}")
        if words:
            click.echo(f"  {words}")
        for note in file.notes:
            click.echo(f"  {safe(note)}")
