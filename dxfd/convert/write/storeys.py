"""The table of storeys: what readers of the result need beside the storey's name in each element."""

from __future__ import annotations

import pyarrow as pa

from dxfd.convert.heights import Levels
from dxfd.convert.write.database import Database


def write_storeys(database: Database, levels: Levels) -> None:
    """Insert the building's storeys, from the lowest up; `of_drawing` marks the one the drawing is of."""
    storeys = levels.building.storeys
    database.ingest(
        "storeys",
        pa.table(
            {
                "name": pa.array([s.name for s in storeys], type=pa.string()),
                "building": pa.array([levels.building.name] * len(storeys), type=pa.string()),
                "elevation_m": pa.array([s.elevation_m for s in storeys], type=pa.float64()),
                "height_m": pa.array([s.height_m for s in storeys], type=pa.float64()),
                "ceiling_m": pa.array([s.ceiling_m for s in storeys], type=pa.float64()),
                "of_drawing": pa.array([int(s is levels.storey) for s in storeys], type=pa.int64()),
            }
        ),
    )
