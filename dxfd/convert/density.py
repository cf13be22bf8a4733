"""Where the building is: the extent of what lies together, so that a title block or a stray point does not widen it.

A grid of cells; the fullest cell and everything that hangs together with it within a gap, then other groups that are
nearly as full. Pure; the order of the boxes does not matter.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

CELL_M: Final = 50.0
_GAP_CELLS: Final = 2
"""Cells that may be empty between parts of one building: wings, and buildings of one site."""
_LEAST_SHARE: Final = 0.05
"""A group with this share of all boxes belongs to it, however far it lies: two sites in one drawing are both meant."""
_MOST_CELLS: Final = 2_000_000
_FARTHEST: Final = 1 << 28
"""Cells from the origin, beyond all coordinates of elements."""
_ROW: Final = 1 << 30
"""One number holds both of a cell's: x times this, plus y."""

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]


def cell_keys(low: npt.NDArray[Any], high: npt.NDArray[Any], cell: float = CELL_M) -> Keys:
    """Return (n,) the cells in which the middles of boxes lie, one number each.

    Args:
        low: (n, 2) least corners.
        high: (n, 2) greatest corners.
        cell: side of a cell, in the boxes' unit.
    """
    middle = (np.asarray(low, dtype=np.float64) + np.asarray(high, dtype=np.float64)) / 2
    middle[~np.isfinite(middle)] = 0.0
    at = np.clip(np.floor(middle / cell), -_FARTHEST, _FARTHEST).astype(np.int64)
    keys: Keys = at[:, 0] * _ROW + at[:, 1]
    return keys


def main_cells(keys: Keys, counts: Keys) -> Mask:
    """Return (c,) which cells belong to the building, given how many boxes lie in each."""
    if len(keys) > _MOST_CELLS or not len(keys):
        return np.ones(len(keys), dtype=np.bool_)
    cells = np.stack([(keys + _ROW // 2) // _ROW, (keys + _ROW // 2) % _ROW - _ROW // 2], axis=1)
    group = _groups(cells)
    sums = np.bincount(group, counts)
    belongs = sums >= _LEAST_SHARE * float(counts.sum())
    belongs[int(group[int(np.argmax(counts))])] = True
    kept: Mask = belongs[group]
    return kept


def main_part(low: npt.NDArray[Any], high: npt.NDArray[Any], cell: float = CELL_M) -> Mask:
    """Return (n,) which boxes belong to the building; a box counts where its middle is. See cell_keys."""
    keys, inverse, counts = np.unique(cell_keys(low, high, cell), return_inverse=True, return_counts=True)
    kept: Mask = main_cells(keys, counts)[inverse.ravel()]
    return kept


def _groups(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return (c,) numbers of groups of cells that lie within the gap of one another."""
    place = {(int(x), int(y)): k for k, (x, y) in enumerate(cells.tolist())}
    group = np.full(len(cells), -1, dtype=np.int64)
    reach = range(-_GAP_CELLS - 1, _GAP_CELLS + 2)
    steps = [(dx, dy) for dx in reach for dy in reach if dx or dy]
    number = 0
    for first, k in place.items():
        if group[k] >= 0:
            continue
        group[k] = number
        todo = [first]
        while todo:
            x, y = todo.pop()
            for dx, dy in steps:
                other = place.get((x + dx, y + dy))
                if other is not None and group[other] < 0:
                    group[other] = number
                    todo.append((x + dx, y + dy))
        number += 1
    return group
