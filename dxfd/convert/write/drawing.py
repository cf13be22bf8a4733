"""What the database keeps of the drawing as a whole: its layer table, and where on Earth it lies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from msgspec.structs import asdict

from dxfd.convert.build.colors import of_layer, text
from dxfd.convert.read.georeference import Georeference
from dxfd.convert.read.skim import Layer
from dxfd.convert.write.database import Database

_POINTS = {"design": "xyz", "reference": "xyz", "north": "xy", "up": "xyz"}


def write_layers(database: Database, layers: Iterable[Layer]) -> None:
    """Write the layer table, by name."""
    rows = [
        {
            "name": layer.name, "color": abs(layer.color), "rgba": text(*of_layer(layer)), "frozen": int(layer.frozen),
            "off": int(layer.off), "locked": int(layer.locked), "plotted": int(layer.plotted),
            "linetype": layer.linetype, "lineweight": layer.lineweight,
        }
        for layer in sorted(layers, key=lambda layer: layer.name)
    ]  # fmt: skip
    if rows:
        database.ingest("layers", pa.Table.from_pylist(rows))


def write_georeference(database: Database, found: Georeference | None) -> None:
    """Write the GEODATA object, if there is one."""
    if found is None:
        return
    row: dict[str, Any] = {"id": 1, **asdict(found), "epsg": found.epsg or None}
    for name, axes in _POINTS.items():
        row |= {f"{name}_{axis}": value for axis, value in zip(axes, row.pop(name), strict=True)}
    kinds = {"epsg": pa.int64(), "sea_level_elevation": pa.float64()}
    database.ingest(
        "georeference", pa.table({name: pa.array([value], type=kinds.get(name)) for name, value in row.items()})
    )
