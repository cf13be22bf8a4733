"""Vertical clearances of services: which boxes come too near to one another, and how high runs are raised.

On boxes in metres. What touches and is of one discipline is a run and moves as one, so that no pipe is torn apart. Runs
are taken from the lowest up and raised as little as needed. Pure and deterministic; one element's height may depend on
all others, so this is a stage after the last batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from dxfd.convert.build.ragged import within

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SERVICES: Final = ("ACMV", "ELEC", "FP", "SP", "CW", "LPG")
STRUCTURE: Final = "STR"
CLEARANCES_M: Final = MappingProxyType(
    {
        frozenset({"ACMV", "ELEC"}): 0.15,
        frozenset({"ACMV", "FP"}): 0.20,
        frozenset({"ACMV", "SP"}): 0.15,
        frozenset({"ELEC", "FP"}): 0.10,
        frozenset({"SP", "FP"}): 0.15,
        frozenset({"ACMV"}): 0.20,
        frozenset({"ELEC"}): 0.10,
    }
)
"""Free height between services, metres; DEFAULT_CLEARANCE_M for other pairs."""
DEFAULT_CLEARANCE_M: Final = 0.10
MOST_RAISE_M: Final = 2.0
"""A run that would have to be raised by more stays where it is: it is of another storey, or the drawing is wrong."""
MOST_PAIRS: Final = 20_000_000
_CELL_M: Final = 4.0
_MOST_CELLS: Final = 256
"""A box over more cells is compared with all others at once instead."""
_AT_ONCE: Final = 1 << 20
"""Pairs looked at together: 60 MB."""
_TOUCH_M: Final = 0.001
_SPARE_M: Final = 0.01
_ROUNDS: Final = 50
_ROW: Final = 1 << 31


class TooManyPairsError(Exception):
    """So many boxes lie over one another that looking at each pair would take all memory."""


class Boxes(Struct, frozen=True):
    """Boxes of services and structure: (n, 3) corners in metres, (n,) index into SERVICES, beyond them structure."""

    low: Floats
    high: Floats
    code: Ints


def clearances() -> Floats:
    """Return (7, 7) free heights by code; structure needs none."""
    count = len(SERVICES)
    out = np.zeros((count + 1, count + 1))
    for a, first in enumerate(SERVICES):
        for b, second in enumerate(SERVICES):
            out[a, b] = CLEARANCES_M.get(frozenset({first, second}), DEFAULT_CLEARANCE_M)
    return out


def pairs(boxes: Boxes) -> tuple[Ints, Ints]:
    """Return pairs (i < j) of boxes that lie over one another in plan.

    Raises:
        TooManyPairsError: more than MOST_PAIRS.
    """
    low, high = boxes.low[:, :2], boxes.high[:, :2]
    first, last = np.floor(low / _CELL_M).astype(np.int64), np.floor(high / _CELL_M).astype(np.int64)
    wide = (last - first + 1).prod(axis=1)
    large = np.flatnonzero(wide > _MOST_CELLS)
    small = np.flatnonzero(wide <= _MOST_CELLS)
    span = (last - first + 1)[small]
    box = np.repeat(small, wide[small])
    step = np.arange(len(box)) - np.repeat(np.cumsum(wide[small]) - wide[small], wide[small])
    across = np.repeat(span[:, 1], wide[small])
    cell = (first[box, 0] + step // np.maximum(across, 1)) * _ROW + first[box, 1] + step % np.maximum(across, 1)
    order = np.argsort(cell, kind="stable")
    box, cell = box[order], cell[order]
    starts = np.flatnonzero(np.append(True, cell[1:] != cell[:-1])) if len(cell) else np.empty(0, dtype=np.int64)
    counts = np.diff(np.append(starts, len(cell)))
    if int((counts * (counts - 1) // 2).sum()) + len(large) * len(low) > MOST_PAIRS:
        raise TooManyPairsError
    found = [np.empty(0, dtype=np.int64)]
    n = len(low)
    behind = np.repeat(starts + counts, counts) - np.arange(len(box)) - 1  # members of its cell behind each
    for begin, end in _shares(behind):
        place = np.repeat(np.arange(begin, end), behind[begin:end])
        a, b = box[place], box[place + within(behind[begin:end]) + 1]
        over = ((low[a] < high[b]) & (low[b] < high[a])).all(axis=1)
        found.append(np.unique(np.minimum(a, b)[over] * n + np.maximum(a, b)[over]))
    for k in large.tolist():
        others = np.flatnonzero(((low < high[k]) & (low[k] < high)).all(axis=1))
        others = others[others != k]
        found.append(np.minimum(others, k) * n + np.maximum(others, k))
    keys = np.unique(np.concatenate(found))
    return keys // max(n, 1), keys % max(n, 1)


def _shares(counts: Ints) -> Iterator[tuple[int, int]]:
    """Yield stretches of counts whose sums are about _AT_ONCE."""
    if not len(counts):
        return
    sums = np.cumsum(counts)
    cuts = np.searchsorted(sums, np.arange(_AT_ONCE, int(sums[-1]) + _AT_ONCE, _AT_ONCE))
    yield from pairwise(np.unique(np.concatenate([[0], cuts, [len(counts)]])).tolist())


def raises(boxes: Boxes, a: Ints, b: Ints) -> tuple[Floats, int]:
    """Return (n,) metres by which services are raised, and how many runs stay too near to others.

    Args:
        boxes: all of them; structure stays and is not kept clear of.
        a: first of each pair that lies over another in plan.
        b: second of each pair.
    """
    n, service = len(boxes.low), boxes.code < len(SERVICES)
    both = service[a] & service[b]
    a, b = a[both], b[both]
    same = boxes.code[a] == boxes.code[b]
    touch = (boxes.low[a, 2] <= boxes.high[b, 2] + _TOUCH_M) & (boxes.low[b, 2] <= boxes.high[a, 2] + _TOUCH_M)
    run = _runs(n, a[same & touch], b[same & touch])
    apart = run[a] != run[b]
    a, b = a[apart], b[apart]
    need = clearances()[boxes.code[a], boxes.code[b]]
    owner = np.concatenate([run[a], run[b]])
    order = np.argsort(owner, kind="stable")
    mine, theirs = np.concatenate([a, b])[order], np.concatenate([b, a])[order]
    need = np.concatenate([need, need])[order]
    numbers, starts = np.unique(owner[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    lowest = np.full(n, np.inf)
    np.minimum.at(lowest, run, boxes.low[:, 2])
    raised, of_run = np.zeros(n), np.zeros(n)
    placed = np.zeros(n, dtype=np.bool_)
    unresolved = 0
    for k in np.lexsort((numbers, lowest[numbers])).tolist():
        rows = slice(int(starts[k]), int(ends[k]))
        up = _up(boxes, mine[rows], theirs[rows], need[rows], raised, placed)
        if up is None:
            unresolved += 1
        elif up:
            raised[mine[rows]] = of_run[numbers[k]] = up
        placed[mine[rows]] = True
    return of_run[run] * service, unresolved


def _up(boxes: Boxes, mine: Ints, theirs: Ints, need: Floats, raised: Floats, placed: Bools) -> float | None:
    """Return by how much a run is raised to be clear of those already placed; None if by too much."""
    there = placed[theirs]
    mine, theirs, need = mine[there], theirs[there], need[there]
    low, high = boxes.low[theirs, 2] + raised[theirs], boxes.high[theirs, 2] + raised[theirs]
    up = 0.0
    for _ in range(_ROUNDS):
        near = (boxes.low[mine, 2] + up < high + need - 1e-9) & (boxes.high[mine, 2] + up > low - need + 1e-9)
        if not near.any():
            return up
        up = float((high + need - boxes.low[mine, 2])[near].max()) + _SPARE_M
        if up > MOST_RAISE_M:
            return None
    return None


def _runs(n: int, a: Ints, b: Ints) -> Ints:
    """Return (n,) the least member of each one's run: boxes joined by pairs."""
    run = np.arange(n)
    while True:
        least = np.minimum(run[a], run[b])
        before = run.copy()
        np.minimum.at(run, a, least)
        np.minimum.at(run, b, least)
        run = run[run]
        if bool((run == before).all()):
            return run


class Clashes(Struct, frozen=True):
    """Pairs of different disciplines that overlap, or come nearer than their clearance.

    Attributes:
        by_codes: (code, code) to (clashes, near).
        places: (c, 2) plan middles of the clashes.
    """

    by_codes: dict[tuple[str, str], tuple[int, int]]
    places: Floats


def predict(boxes: Boxes, a: Ints, b: Ints) -> Clashes:
    """Return what clashes among pairs that lie over one another in plan; structure with structure does not."""
    names = (*SERVICES, STRUCTURE)
    low, high = np.minimum(boxes.code[a], boxes.code[b]), np.maximum(boxes.code[a], boxes.code[b])
    different = low != high
    a, b, low, high = a[different], b[different], low[different], high[different]
    gap = np.maximum(boxes.low[a, 2] - boxes.high[b, 2], boxes.low[b, 2] - boxes.high[a, 2])
    hard = gap < -_TOUCH_M
    near = ~hard & (gap < clearances()[low, high] - 1e-9)
    found = {}
    for key in np.unique(low[hard | near] * len(names) + high[hard | near]).tolist():
        of = (low * len(names) + high) == key
        found[names[key // len(names)], names[key % len(names)]] = (int((of & hard).sum()), int((of & near).sum()))
    corner = np.maximum(boxes.low[a], boxes.low[b]) + np.minimum(boxes.high[a], boxes.high[b])
    return Clashes(found, corner[hard][:, :2] / 2)
