"""The process that reads a DWG with the package acadsharp: `python -m dxfd.convert.dwg.acadsharp_child IN OUT LOST`.

Writes the DXF text to OUT and to LOST a JSON list of what the package had read but did not write, with layer and
space: it drops tables, 3D solids, regions, surfaces and proxies without a word. Runs under guard.py, never in the
conversion itself: a damaged drawing can make it run for minutes or take all memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from acadsharp import native

from dxfd.convert.dwg.tally import tally

OUT_OF_MEMORY: Final = 12
_CENSUS_S: Final = 30.0
"""Seconds for looking at what was read: 25 microseconds an entity, so about a million of them."""
_STANDINS: Final = ("UnknownEntity", "ProxyEntity")
"""Classes of the package that stand for many types."""


class _TooLong(Exception):  # noqa: N818  (it is a limit, not an error)
    """The census took its time."""


def main(source: Path, target: Path, report: Path) -> int:
    """Convert and return the exit status."""
    try:
        runtime = native.load()
        document = _read(runtime, source)
        runtime.write(document, target, format="dxf")
        lost = _lost(document, tally(target))
    except native.NativeError as error:
        kind, _, words = str(error).partition(": ")
        sys.stderr.write(f"{kind.rpartition('.')[2]}: {words}\n")
        return OUT_OF_MEMORY if "OutOfMemory" in error.managed_type else 1
    except MemoryError:
        return OUT_OF_MEMORY
    report.write_text(json.dumps(lost))
    return 0


def _read(runtime: native.NativeRuntime, source: Path) -> Any:
    settings = runtime.type("ACadSharp.IO.DwgReaderConfiguration")()
    settings.set("KeepUnknownEntities", True)  # they are not written either, but can be counted
    reader = runtime.type("ACadSharp.IO.DwgReader")
    parameters = ["System.String", settings.type_name, "ACadSharp.IO.NotificationEventHandler"]
    return reader.call("Read", str(source), settings, None, signature=parameters)


def _lost(document: Any, written: Counter[str]) -> list[dict[str, Any]] | None:
    """Return what was read but not written; None if there is too much to look at."""
    if sum(len(record.Entities) for record in document.BlockRecords) == sum(written.values()):
        return []
    until = time.monotonic() + _CENSUS_S
    try:
        names: dict[str, str] = {}
        read = Counter(kind for _, kind, _ in _entities(document, names, until))
        missing = {kind: count - written[kind] for kind, count in read.items() if count > written[kind]}
        rows: dict[tuple[str, str, str], list[Any]] = {}
        gone = {kind for kind in missing if not written[kind]}
        for space, kind, entity in _entities(document, names, until) if gone else ():
            if kind in gone:
                row = rows.setdefault((kind, space, _layer(entity)), [0, f"{int(entity.Handle):X}"])
                row[0] += 1
    except _TooLong:
        return None
    lost = [
        {"kind": kind, "space": space, "layer": layer, "count": count, "handle": handle}
        for (kind, space, layer), (count, handle) in rows.items()
    ]
    some = {kind: count for kind, count in missing.items() if kind not in gone}
    return lost + [{"kind": kind, "space": "", "layer": "", "count": n, "handle": ""} for kind, n in some.items()]


def _entities(document: Any, names: dict[str, str], until: float) -> Iterator[tuple[str, str, Any]]:
    """Yield space (model, paper, block), DXF type and object of every entity, block content included."""
    for record in document.BlockRecords:
        name = str(record.Name).lower()
        space = "model" if name == "*model_space" else "paper" if name.startswith("*paper_space") else "block"
        for entity in record.Entities:
            if time.monotonic() > until:
                raise _TooLong
            yield space, _kind(entity, names), entity


def _kind(entity: Any, names: dict[str, str]) -> str:
    """Return the DXF type; asked once for each class of the package, because each question takes 20 microseconds."""
    known = names.get(entity.type_name)
    if known is None:
        known = str(entity.ObjectName)
        if not entity.type_name.endswith(_STANDINS):
            names[entity.type_name] = known
    return known


def _layer(entity: Any) -> str:
    layer = entity.Layer
    return "" if layer is None else str(layer.Name)


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:4])))
