"""The R-tree of a copy holds every element's box, moved as the elements are, and is what SQLite takes for sound."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from dxfd.export.dialects import Dialect, export_db
from dxfd.export.source import Source
from tests.support import convert as cv

MANY = 3000
"""Three levels of nodes."""


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rtree")
    text = "".join(cv.line(k) for k in range(MANY))
    return cv.convert(cv.write(folder / "lines.dxf", cv.drawing(text)), templates=cv.rules(folder / "r.toml")).output


def exported(database: Path, folder: Path, dialect: str) -> Path:
    with Source(database) as source:
        return export_db(source, folder / f"{dialect}.db", Dialect(dialect)).path


def misplaced(copy: Path, database: Path) -> int:
    """Return how many boxes are not around their elements by less than a millimetre, moved alike."""
    rows = cv.query(
        database,
        "SELECT center_x, center_y, center_z, bbox_x, bbox_y, bbox_z FROM element_transforms ORDER BY id",
    )
    place = np.array(rows)
    moved = np.array(cv.query(copy, "SELECT center_x, center_y, center_z FROM element_transforms ORDER BY rowid"))
    boxes = np.array(cv.query(copy, "SELECT minX, minY, minZ, maxX, maxY, maxZ FROM elements_rtree ORDER BY id"))
    assert len(boxes) == len(place) == MANY
    assert np.ptp(moved - place[:, :3], axis=0) == pytest.approx(0, abs=1e-9)
    spare = np.hstack([moved - place[:, 3:] / 2 - boxes[:, :3], boxes[:, 3:] - moved - place[:, 3:] / 2])
    return int(((spare < -1e-9) | (spare > 0.001)).any(axis=1).sum())


def sound(path: Path) -> bool:
    return cv.query(path, "SELECT rtreecheck('elements_rtree')") == [("ok",)]


@pytest.mark.parametrize("dialect", ["a", "b"])
def test_every_box_is_in_the_tree_of_a_copy(database, tmp_path, dialect):
    copy = exported(database, tmp_path, dialect)
    assert sound(copy)
    assert misplaced(copy, database) == 0
    low = cv.query(copy, "SELECT MIN(minX) FROM elements_rtree WHERE minX < 1 AND maxX > 0 AND minY < 1 AND maxY > -1")
    assert low[0][0] is not None


def test_a_tree_of_other_nodes_is_filled_row_by_row(database, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(database.read_bytes())
    with contextlib.closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("DROP TABLE elements_rtree")
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
        connection.execute("CREATE VIRTUAL TABLE elements_rtree USING rtree(id, minX, maxX, minY, maxY, minZ, maxZ)")
        connection.execute(
            "INSERT INTO elements_rtree SELECT id, center_x - bbox_x / 2, center_x + bbox_x / 2, center_y - bbox_y / 2,"
            " center_y + bbox_y / 2, center_z - bbox_z / 2, center_z + bbox_z / 2 FROM element_transforms"
        )
    copy = exported(other, tmp_path, "b")
    assert sound(copy)
    assert misplaced(copy, other) == 0
