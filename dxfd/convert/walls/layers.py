"""Lines close behind the face of a wall: plaster, boards. They belong to it, and the outermost is its face.

Owns which stretches of lines walls have taken, for a layer is taken with its wall.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from msgspec import Struct

from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.walls.runs import Runs

_LEAST_M: Final = 0.05
"""Of a common stretch: less is none."""
_LEAST_LAYER: Final = 0.8
"""Share of a wall's length that a layer of it has."""
_EPS_M: Final = 1e-4


class Facing(Struct, frozen=True):
    """Pairs of runs that may be the faces of a wall.

    Attributes:
        a, b: (p,) the longer run, and the other.
        thickness: (p,) metres.
        side: (p,) 1 if b lies to the left of a, else -1.
        low, high: (p,) the common stretch in metres along a.
        b_low, b_high: (p,) the same along b.
        b_side: (p,) side of b on which a lies.
    """

    a: Ints
    b: Ints
    thickness: Floats
    side: Ints
    low: Floats
    high: Floats
    b_low: Floats
    b_high: Floats
    b_side: Ints


class Stack:
    """Which stretches of runs walls have taken, and which runs lie close behind others."""

    def __init__(self, runs: Runs, found: Facing, thin: Facing, thickest: float) -> None:
        self._runs = runs
        self._thickest = thickest
        self.taken: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self._behind: dict[tuple[int, int], list[tuple[float, int, int]]] = defaultdict(list)
        for a, b, side, b_side, away in zip(*(column.tolist() for column in (
            thin.a, thin.b, thin.side, thin.b_side, thin.thickness)), strict=True):  # fmt: skip
            self._behind[a, side].append((away, b, -b_side))
            self._behind[b, b_side].append((away, a, -side))
        for known in self._behind.values():
            known.sort()
        self._faces: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
        if not self._behind:
            return
        for run, side, low, high in ((found.a, found.side, found.low, found.high),
                                     (found.b, found.b_side, found.b_low, found.b_high)):  # fmt: skip
            for r, s, x, y in zip(run.tolist(), side.tolist(), low.tolist(), high.tolist(), strict=True):
                self._faces[r, s].append((x, y))

    def told(self, run: int, other: int, stretch: tuple[float, float]) -> tuple[float, float]:
        """Return a stretch of one run in metres along another one."""
        if run == other:
            return stretch
        r = self._runs
        (dx, dy), (ox, oy) = r.along[other].tolist(), (r.origin[run] - r.origin[other]).tolist()
        ux, uy = r.along[run].tolist()
        x, y = ((ox + ux * t) * dx + (oy + uy * t) * dy for t in stretch)
        return (x, y) if x < y else (y, x)

    def apart(self, run: int, other: int, at: tuple[int, float]) -> float:
        """Return how far two runs lie apart, at metres along one."""
        r = self._runs
        point = r.point(*at)
        s = [
            float(r.along[run, 0] * v[1] - r.along[run, 1] * v[0])
            for v in (
                r.origin[run],
                r.origin[other] + r.along[other] * float(r.along[other] @ (point - r.origin[other])),
            )
        ]
        return abs(s[0] - s[1])

    def outermost(self, of: int, stretch: tuple[float, float], face: int, outward: int, thickness: float) -> int:
        """Return the last layer behind a face, and take the stretch of all of them; the face itself if it has none.

        Args:
            of: a run, and
            stretch: where along it.
            face: the run that is the face so far.
            outward: the side of it that is outside.
            thickness: of the wall so far.
        """
        while True:
            following = next(
                (
                    known
                    for known in self._behind.get((face, outward), ())
                    if self._is_layer(of, stretch, known, thickness)
                ),
                None,
            )
            if following is None:
                return face
            away, face, outward = following
            thickness += away
            self.taken[face].append(self.told(of, face, stretch))

    def _is_layer(self, of: int, stretch: tuple[float, float], known: tuple[float, int, int], thickness: float) -> bool:
        """Return whether a run is a layer of a wall: as long, not taken, and the face of no other wall."""
        away, run, outward = known
        x, y = self.told(of, run, stretch)
        least = _LEAST_LAYER * (y - x)
        low, high = max(x, float(self._runs.low[run])), min(y, float(self._runs.high[run]))
        if high - low < least or thickness + away > self._thickest:
            return False
        if sum(b - a for a, b in without([(low, high)], self.taken[run])) < least:
            return False
        return not any(min(y, b) - max(x, a) > _LEAST_M for a, b in self._faces.get((run, outward), ()))


def without(stretches: list[tuple[float, float]], gone: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what is left of stretches."""
    for x, y in gone:
        stretches = [
            part
            for low, high in stretches
            for part in ((low, min(high, x)), (max(low, y), high))
            if part[1] - part[0] > _EPS_M
        ] if any(low < y and x < high for low, high in stretches) else stretches  # fmt: skip
    return stretches
