"""What the stage that makes walls of pairs hands to the tables: walls, openings, lines that go or are cut short."""

from __future__ import annotations

from collections import Counter
from math import dist

from msgspec import Struct, field

from dxfd.convert.walls.joints import Plan
from dxfd.convert.walls.leftovers import Role
from dxfd.convert.walls.solids import Hole, Solid, opened, prism, strip, together, whole

_Point = tuple[float, float]


class WallRow(Struct, frozen=True):
    """A wall: its guid, id of the line it is named after, outline, height of its foot and its own, openings."""

    guid: str
    first: int
    plan: Plan
    foot: float
    height: float
    holes: list[Hole]

    @property
    def ends(self) -> tuple[float, float]:
        """From and to along the centre line, in the middle of the wall's end faces."""
        left, right = self.plan.left, self.plan.right
        return (left[0] + right[0]) / 2, (left[1] + right[1]) / 2

    def solid(self) -> Solid:
        """Return its body."""
        if self.holes:
            return opened(self.plan, self.foot, self.height, self.holes)
        return whole(self.plan, self.foot, self.height)


class OpeningRow(Struct, frozen=True):
    """An opening: guid of its wall, its own, that of its door or window, metres along the axis and above the foot."""

    wall: str
    guid: str
    filling: str
    along: tuple[float, float]
    sill: float
    head: float


class Rest(Struct, frozen=True):
    """A line that is longer than its walls: its id, the key of its new body, what is left of it, the walls it is of."""

    id: int
    key: str
    segments: list[tuple[_Point, _Point]]
    width: float
    foot: float
    height: float
    walls: tuple[tuple[int, Role], ...]

    @property
    def length(self) -> float:
        """Metres that are left."""
        return sum(dist(a, b) for a, b in self.segments)

    def solid(self) -> Solid:
        """Return its body: strips."""
        return together([prism(strip(a, b, self.width), self.foot, self.height) for a, b in self.segments])


class Change(Struct):
    """All that changes.

    Attributes:
        walls: new elements.
        openings: theirs.
        gone: id of a line that is used up, and (wall, role) of what it became.
        rests: lines of which something is left.
        named: how many walls are named after a row.
    """

    walls: list[WallRow] = field(default_factory=list)
    openings: list[OpeningRow] = field(default_factory=list)
    gone: list[tuple[int, tuple[tuple[int, Role], ...]]] = field(default_factory=list)
    rests: list[Rest] = field(default_factory=list)
    named: Counter[int] = field(default_factory=Counter)

    def next_of(self, row: int) -> int:
        """Return the number of a further wall that is named after a row."""
        self.named[row] += 1
        return self.named[row]
