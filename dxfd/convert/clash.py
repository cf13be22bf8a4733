"""Vertical clearances of services: which boxes come too near to one another, and how high runs are raised.

On boxes in metres. What touches and is of one discipline is a run and moves as one, so that no pipe is torn apart. Runs
are taken from the lowest up and raised as little as needed. Pure and deterministic; one element's height may depend on
all others, so this is a stage after the last batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.ragged import Bools, Floats, Ints, within

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
ZONE_M: Final = 5.0
MOST_PAIRS: Final = 20_000_000
"""Pairs that are kept for raising services: 320 MB. Prediction keeps none."""
MOST_COMPARED: Final = 2_000_000_000
"""Boxes that are compared with one another: some two minutes."""
_STRIP_M: Final = 4.0
_MOST_STRIPS: Final = 8
"""That a box lies in, on average: strips are made wider until it is so."""
AT_ONCE: Final = 1 << 18
"""Boxes that are compared in one go."""
_TOUCH_M: Final = 0.001
_SPARE_M: Final = 0.01
_ROUNDS: Final = 50


class TooManyPairsError(Exception):
    """So many boxes lie over one another that looking at each pair would take too long, or all memory."""


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


def over(boxes: Boxes, most: int = MOST_COMPARED, at_once: int = AT_ONCE) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs (i < j) of boxes that lie over one another in plan, each pair once, some at a time.

    Boxes are put into strips along x; in each, those that begin before another one ends are compared with it.

    Raises:
        TooManyPairsError: more than `most` have to be compared.
    """
    if not len(boxes.low):
        return
    low, high = boxes.low[:, :2], boxes.high[:, :2]
    wide = _STRIP_M
    while True:
        first = np.floor(low[:, 1] / wide).astype(np.int64)
        many = np.floor(high[:, 1] / wide).astype(np.int64) - first + 1
        if int(many.sum()) <= _MOST_STRIPS * len(low):
            break
        wide *= 2
    box = np.repeat(np.arange(len(low)), many)
    strip = np.repeat(first, many) + within(many)
    order = np.lexsort((box, low[box, 0], strip))
    box, strip = box[order], strip[order]
    starts = np.flatnonzero(np.diff(strip, prepend=strip[:1] - 1))
    after = np.empty(len(box), dtype=np.int64)
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(box)], strict=True):
        mine = box[begin:end]
        after[begin:end] = begin + np.searchsorted(low[mine, 0], high[mine, 0], side="left")
    counts = np.maximum(after - np.arange(1, len(box) + 1), 0)
    sums = np.cumsum(counts)
    if len(sums) and int(sums[-1]) > most:
        raise TooManyPairsError
    row = 0
    while row < len(box):
        last = max(row + 1, int(np.searchsorted(sums, (sums[row - 1] if row else 0) + at_once, side="right")))
        yield from _compared(box, strip, counts[row:last], (row, at_once), (low, high, wide))
        row = last


def _compared(
    box: Ints, strip: Ints, many: Ints, part: tuple[int, int], corners: tuple[Floats, Floats, float]
) -> Iterator[tuple[Ints, Ints]]:  # fmt: skip
    """Yield the pairs of some rows of the strips, from one on, with the many behind each."""
    low, high, wide = corners
    begin, at_once = part
    for skip in range(0, int(many.max(initial=0)), at_once):  # one that lies along thousands is compared in parts
        some = np.clip(many - skip, 0, at_once)
        of = np.repeat(np.arange(begin, begin + len(many)), some)
        a, b = box[of], box[of + 1 + skip + within(some)]
        both = ((low[a] < high[b]) & (low[b] < high[a])).all(axis=1)
        both &= strip[of] == np.floor(np.maximum(low[a, 1], low[b, 1]) / wide).astype(np.int64)  # in one strip
        a, b = a[both], b[both]
        if len(a):
            yield np.minimum(a, b), np.maximum(a, b)


def pairs(boxes: Boxes, at_once: int = AT_ONCE) -> tuple[Ints, Ints]:
    """Return all pairs (i < j) of boxes that lie over one another in plan, in order.

    Raises:
        TooManyPairsError: more than MOST_PAIRS, or more to be compared than MOST_COMPARED.
    """
    return _kept(len(boxes.low), over(boxes, at_once=at_once))


def neighbours(boxes: Boxes) -> tuple[Ints, Ints]:
    """Return those of the pairs that raising looks at: of services, as high as could come near one another.

    Raises:
        TooManyPairsError: see pairs.
    """
    service = boxes.code < len(SERVICES)
    reach = MOST_RAISE_M + float(clearances().max())

    def could(a: Ints, b: Ints) -> Bools:
        near: Bools = service[a] & service[b] & (boxes.low[a, 2] < boxes.high[b, 2] + reach)
        near &= boxes.low[b, 2] < boxes.high[a, 2] + reach
        return near

    return _kept(len(boxes.low), ((a[rows], b[rows]) for a, b in over(boxes) for rows in (could(a, b),)))


def _kept(n: int, found: Iterator[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    keys, count = [np.empty(0, dtype=np.int64)], 0
    for a, b in found:
        keys.append(a * n + b)
        count += len(a)
        if count > MOST_PAIRS:
            raise TooManyPairsError
    whole = np.sort(np.concatenate(keys))
    return whole // max(n, 1), whole % max(n, 1)


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
    run = joined(n, a[same & touch], b[same & touch])
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


def joined(n: int, a: Ints, b: Ints) -> Ints:
    """Return (n,) the least member of each one's set: members joined by pairs."""
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
        zones: (k, 2) squares of ZONE_M in plan, counted from the origin, with clashes in them, sorted.
        in_zone: (k,) how many.
    """

    by_codes: dict[tuple[str, str], tuple[int, int]]
    zones: Ints
    in_zone: Ints


def predict(boxes: Boxes, at_once: int = AT_ONCE) -> Clashes:
    """Return what clashes among boxes that lie over one another in plan; structure with structure does not.

    Raises:
        TooManyPairsError: more than MOST_COMPARED have to be compared.
    """
    names = (*SERVICES, STRUCTURE)
    n = len(names)
    counts = np.zeros((2, n * n), dtype=np.int64)
    zones, in_zone = np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64)
    need = clearances()
    for a, b in over(boxes, at_once=at_once):
        first, second = np.minimum(boxes.code[a], boxes.code[b]), np.maximum(boxes.code[a], boxes.code[b])
        gap = np.maximum(boxes.low[a, 2] - boxes.high[b, 2], boxes.low[b, 2] - boxes.high[a, 2])
        hard = (first != second) & (gap < -_TOUCH_M)
        near = (first != second) & ~hard & (gap < need[first, second] - 1e-9)
        for k, rows in enumerate((hard, near)):
            counts[k] += np.bincount((first * n + second)[rows], minlength=n * n)
        i, j = a[hard], b[hard]
        corner = np.maximum(boxes.low[i, :2], boxes.low[j, :2]) + np.minimum(boxes.high[i, :2], boxes.high[j, :2])
        here = np.floor(corner / 2 / ZONE_M).astype(np.int64)
        zones, at = np.unique(np.concatenate([zones, here]), axis=0, return_inverse=True)
        weight = np.concatenate([in_zone, np.ones(len(here), dtype=np.int64)])
        in_zone = np.bincount(at.ravel(), weight, minlength=len(zones)).astype(np.int64)
    found = {
        (names[key // n], names[key % n]): (int(counts[0, key]), int(counts[1, key]))
        for key in np.flatnonzero(counts.any(axis=0)).tolist()
    }
    return Clashes(found, zones, in_zone)
