"""References to blocks that hold faces of their own: which body each shows, where its centre is, the box it fills.

One body for all references to a block of one size; how each is turned stands beside it. A body that is not turned by
quarters fills the least box about its own centre, so that centre and box agree for readers of the database.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dxfd.convert.build.at_once import check
from dxfd.convert.build.blocks import Blocks
from dxfd.convert.build.content import MOST_POINTS, Body, Solid, body, reach
from dxfd.convert.build.inserts import Placed
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.keys import tally

_KEPT_BYTES: Final = 16 << 20
_DIGITS: Final = 9
"""Of scales and turns that are taken for equal: 1e-9 of a block of a kilometre is a micrometre."""

Key = tuple[str, tuple[float, ...]]


class Natives:
    """The bodies of one drawing's references; made anew when they come again after too many others."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._kept: dict[Key, Body] = {}
        self._bytes = 0

    def of(self, where: Placed, names: list[str], number: Ints) -> tuple[Ints, list[Body]]:
        """Return (n,) which body each reference shows, -1 for a box, and the bodies in the order of their first use.

        Args:
            where: the references.
            names: distinct names of blocks.
            number: (n,) index into them.

        Raises:
            TooMuchAtOnceError: the different bodies have too many points.
        """
        solids = self._solids(names)
        points = np.array([0 if s is None else len(s.points) for s in solids], dtype=np.int64)[number]
        rows = np.flatnonzero((points > 0) & (where.cells <= MOST_POINTS // np.maximum(points, 1)))
        which = np.full(len(number), -1, dtype=np.int64)
        if not len(rows):
            return which, []
        asked = np.column_stack(
            [number, where.scale, where.columns, where.rows, where.spacing * (where.cells > 1)[:, None]]
        )[rows]
        rounded = np.round(asked, _DIGITS) + 0.0
        first, inverse = tally(rounded)
        if len(first) > 1:  # a tree of 20,000 points took 1 MB at each of its sizes
            check(int((points * where.cells)[rows[first]].sum()))
        which[rows] = inverse
        found = []
        for at in first.tolist():
            solid = solids[int(number[rows[at]])]
            assert solid is not None  # noqa: S101  (it has points)
            found.append(self._body(names[int(number[rows[at]])], solid, rounded[at]))
        return which, found

    def _solids(self, names: list[str]) -> list[Solid | None]:
        found: list[Solid | None] = []
        points = 0
        for name in names:
            solid = self._blocks.solid(name)
            points += 0 if solid is None else len(solid.points)
            if found:
                check(points)
            found.append(solid)
        return found

    def _body(self, name: str, solid: Solid, asked: Floats) -> Body:
        key = name.upper(), tuple(asked[1:].tolist())
        known = self._kept.get(key)
        if known is not None:
            return known
        one = Placed(
            np.zeros(1, dtype=np.int64), np.zeros((1, 3)), asked[None, 1:4], np.eye(3)[None],
            asked[4:5].astype(np.int64), asked[5:6].astype(np.int64), asked[None, 6:8],
        )  # fmt: skip
        made = body(solid, one, 0)
        self._bytes += 4 * len(made.vertices) + len(made.faces)
        if self._bytes > _KEPT_BYTES:
            self._kept.clear()
            self._bytes = 0
        self._kept[key] = made
        return made


def sizes(which: Ints, found: list[Body], turn: Floats) -> Floats:
    """Return (n, 3) boxes in WCS of references that show a body; 0 for the others."""
    out = np.zeros((len(which), 3))
    for number, shown in enumerate(found):
        rows = np.flatnonzero(which == number)
        first, inverse = tally(np.round(turn[rows].reshape(-1, 9), _DIGITS) + 0.0)
        out[rows] = reach(shown.points, turn[rows[first]])[inverse]
    return out
