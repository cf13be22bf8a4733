"""A rectangle of the drawing: elements whose box touches it are kept, whatever point of them lies outside.

Owns what the option says and the choice among built elements. The rectangle is in drawing units; `building` is what
lies together in a sample of the drawing, with a margin.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.build.model import Built
from dxfd.convert.build.ragged import Ints
from dxfd.convert.density import main_part
from dxfd.convert.keys import tally
from dxfd.convert.read.sample import Sample
from dxfd.errors import UsageError

OUTSIDE: Final = "outside_region"
BUILDING: Final = "building"
_MARGIN: Final = 0.1
_CELL_M: Final = 50.0


class Region(Struct, frozen=True):
    """A rectangle in metres, edges included."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float


def region_of(said: str, points: Sample, metres: float) -> Region | None:
    """Return the rectangle that an option says; None = everything.

    Raises:
        UsageError: it is neither "building" nor four numbers, or it is empty.
    """
    if not said:
        return None
    if said == BUILDING:
        return _around(points, metres)
    try:
        x0, y0, x1, y1 = (float(part) for part in said.split(","))
    except ValueError:
        raise UsageError(f"the region must be x0,y0,x1,y1 in drawing units, or building, not {said!r}") from None
    if not (np.isfinite([x0, y0, x1, y1]).all() and x0 < x1 and y0 < y1):
        raise UsageError(
            f"the region {said!r} is empty", hint="x0,y0 is the lower left corner, x1,y1 the upper right one"
        )
    return Region(x0 * metres, y0 * metres, x1 * metres, y1 * metres)


def _around(points: Sample, metres: float) -> Region | None:
    at = points.xy * metres
    at = at[main_part(at, at, cell=_CELL_M)]
    if not len(at):
        return None
    low, high = at.min(axis=0), at.max(axis=0)
    margin = np.maximum((high - low) * _MARGIN, _CELL_M / 2)
    (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
    return Region(x0, y0, x1, y1)


def inside(built: Built, region: Region) -> Ints:
    """Return the rows of elements whose box touches the region."""
    half = built.size[:, :2] / 2
    low, high = built.center[:, :2] - half, built.center[:, :2] + half
    touches = (high >= (region.min_x, region.min_y)).all(axis=1) & (low <= (region.max_x, region.max_y)).all(axis=1)
    return np.flatnonzero(touches)


def kept(built: Built, rows: Ints) -> Built:
    """Return the given rows (growing) of built elements."""
    has_own = np.isin(built.own, rows)
    own = np.flatnonzero(has_own)
    shared = built.shared[rows]
    first, _ = tally(shared)
    used = [built.keys[k] for k in shared[first].tolist() if k >= 0]  # in order of first use by what stays
    return replace(
        built, entity=built.entity[rows], center=built.center[rows], size=built.size[rows],
        rotation=built.rotation[rows], length=built.length[rows], own=np.searchsorted(rows, built.own[own]),
        vertices=built.vertices.take(pa.array(own)), faces=built.faces.take(pa.array(own)), shared=shared,
        bodies={key: built.bodies[key] for key in used},
    )  # fmt: skip
