"""How high elements stand: by the drawing where its heights mean something, else by rules, storey and ceiling.

Three ways, one per drawing, found out from a sample of it or chosen: its own heights (`drawing`); rules for what lies
at 0 and the drawing's height above the storey for the rest (`mixed`); rules for everything (`rules`). The height of an
element depends on its entity, its rule and the building file alone; nothing is drawn by lot.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.build.model import Built
from dxfd.convert.build.ragged import Bools, Floats, Ints
from dxfd.convert.building import Building, Storey
from dxfd.convert.match.rules import Element
from dxfd.convert.types import Heights

_LEAST_NONZERO: Final = 0.1
_LEAST_RANGE_M: Final = 0.5
_MOST_RANGE_M: Final = 200.0
_LEAST_LEVELS: Final = 4
_LEVEL_M: Final = 0.1
_SLACK_M: Final = 0.05
"""So far below a floor an element still belongs to the storey above it."""


class Way(StrEnum):
    """Where the heights of a drawing come from."""

    DRAWING = "drawing"
    MIXED = "mixed"
    RULES = "rules"


def way_of(chosen: Heights, z: Floats, metres: float) -> Way:
    """Return where heights come from.

    Args:
        chosen: what the user said.
        z: heights of a sample of entities, drawing units.
        metres: per drawing unit.
    """
    if chosen is not Heights.AUTO:
        return Way(chosen.value)
    high = z[np.isfinite(z)] * metres
    if not len(high) or np.count_nonzero(np.abs(high) > 1e-6) <= _LEAST_NONZERO * len(high):
        return Way.MIXED
    spread = float(np.ptp(high))
    levels = len(np.unique(np.round(high / _LEVEL_M)))
    return Way.DRAWING if _LEAST_RANGE_M < spread < _MOST_RANGE_M and levels >= _LEAST_LEVELS else Way.MIXED


class Levels(Struct, frozen=True, kw_only=True):
    """The storeys of one run.

    Attributes:
        building: its name and storeys.
        storey: which one the drawing is of; None where only heights tell.
        way: where heights come from.
    """

    building: Building
    storey: Storey | None
    way: Way

    @property
    def base(self) -> Storey:
        """The storey that rules speak of: the drawing's, else the lowest."""
        return self.storey or self.building.storeys[0]

    def resolved(self, element: Element) -> Element:
        """Return the element with the height it has in this storey."""
        storey = self.base
        changes: dict[str, Any] = {}
        if element.below_ceiling_m is not None:
            changes["elevation_m"] = round(storey.ceiling_m - element.below_ceiling_m, 6)
        if element.full_height and storey.height_m is not None:
            changes["height_m"] = storey.height_m
        if self.way is Way.DRAWING:
            changes["elevation_m"] = 0.0
        return replace(element, **changes, below_ceiling_m=None, full_height=False)

    def place(self, built: Built, flat: Callable[[], Bools], rule: Ints, elements: list[Element], paper: Bools) -> None:
        """Bring elements to their storey, in place.

        Args:
            built: elements of a chunk.
            flat: returns (E,) which entities lie at height 0; asked only where it matters.
            rule: (E,) number of each entity's element.
            elements: by number.
            paper: (E,) entities of paper layouts, which have no height.
        """
        at = built.entity
        model = ~paper[at]
        if self.way is Way.RULES:
            above = np.array([e.elevation_m for e in elements])[rule[at]]
            built.center[:, 2] = np.where(model & ~flat()[at], built.size[:, 2] / 2 + above, built.center[:, 2])
        if self.way is not Way.DRAWING and self.base.elevation_m:
            built.center[:, 2] += np.where(model, self.base.elevation_m, 0.0)

    def storeys(self, built: Built) -> Any | None:
        """Return the elements' storeys as an Arrow string array (n,); None if all are of one."""
        storeys = self.building.storeys
        if self.storey is not None or len(storeys) == 1:
            return None
        floors = np.array([storey.elevation_m for storey in storeys])
        low = built.center[:, 2] - built.size[:, 2] / 2
        number = np.maximum(np.searchsorted(floors, low + _SLACK_M, side="right") - 1, 0)
        return pa.array([storey.name for storey in storeys], type=pa.string()).take(pa.array(number))
