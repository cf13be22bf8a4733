"""Plans of walls drawn as two lines, in millimetres: rooms, partitions, doors and windows."""

from __future__ import annotations

from itertools import count, pairwise
from pathlib import Path

import numpy as np

from tests.support import convert as cv

Point = tuple[float, float]


class Drawn:
    """Entities with handles of their own, in millimetres."""

    def __init__(self) -> None:
        self.text = ""
        self._handles = count(0x100)

    def line(self, *ends: Point, layer: str = "A-WALL") -> Drawn:
        for (x0, y0), (x1, y1) in pairwise(ends):
            self.text += cv.entity("LINE", (10, x0), (20, y0), (30, 0.0), (11, x1), (21, y1), (31, 0.0),
                                   handle=f"{next(self._handles):X}", layer=layer)  # fmt: skip
        return self

    def path(self, *points: Point, closed: bool = False, layer: str = "A-WALL") -> Drawn:
        tags: list[tuple[int, object]] = [(90, len(points)), (70, int(closed))]
        for x, y in points:
            tags += [(10, x), (20, y)]
        self.text += cv.entity("LWPOLYLINE", *tags, handle=f"{next(self._handles):X}", layer=layer)
        return self

    def door(self, x: float, y: float, name: str = "DOOR", layer: str = "A-DOOR", turn: float = 0.0) -> Drawn:
        self.text += cv.entity("INSERT", (2, name), (10, x), (20, y), (30, 0.0), (50, turn),
                               handle=f"{next(self._handles):X}", layer=layer)  # fmt: skip
        return self

    def saved(self, folder: Path, name: str = "plan.dxf") -> Path:
        return cv.write(folder / name, cv.drawing(self.text, blocks=BLOCKS))


def block(name: str, *ends: Point) -> str:
    content = "".join(
        cv.entity("LINE", (10, x0), (20, y0), (30, 0.0), (11, x1), (21, y1), (31, 0.0), layer="0")
        for (x0, y0), (x1, y1) in pairwise(ends)
    )
    head = cv.tag(0, "BLOCK") + cv.tag(8, "0") + cv.tag(2, name) + cv.tag(70, 0) + cv.tag(10, 0) + cv.tag(20, 0)
    return head + content + cv.tag(0, "ENDBLK")


BLOCKS = block("DOOR", (0, 0), (0, 900), (900, 0)) + block("WINDOW", (0, -100), (1200, -100), (1200, 100), (0, 100))
OUTER = [(0, 0), (6000, 0), (6000, 4000), (0, 4000), (0, 0)]
INNER = [(200, 200), (5800, 200), (5800, 3800), (200, 3800), (200, 200)]


def room() -> Drawn:
    return Drawn().line(*OUTER).line(*INNER)


def parted() -> Drawn:
    """A room with a wall across it: its inner face is broken there."""
    inner = [(3050, 200), (5800, 200), (5800, 3800), (3050, 3800), (3050, 200)]
    other = [(2950, 200), (2950, 3800), (200, 3800), (200, 200), (2950, 200)]
    return Drawn().line(*OUTER).line(*inner).line(*other)


def with_openings() -> Drawn:
    """A wall 8 m long with a door and a window in it, its ends and jambs closed."""
    drawn = Drawn()
    for x0, x1 in ((0, 2000), (2900, 5000), (6200, 8000)):
        drawn.line((x0, 0), (x1, 0), (x1, 200), (x0, 200), (x0, 0))
    return drawn.door(2000, 200).door(5000, 100, "WINDOW", "A-GLAZ")


def town() -> Drawn:
    """Something of everything, many times."""
    drawn = Drawn()
    for k in range(12):
        dx, dy = k % 4 * 12000, k // 4 * 9000
        outer = [(x + dx, y + dy) for x, y in OUTER]
        inner = [(x + dx, y + dy) for x, y in INNER]
        drawn.line(*outer).path(*inner[:-1], closed=True).line((dx, 6000 + dy), (dx + 900, 6000 + dy))
        for x0, x1 in ((0, 2000), (2900, 5000)):
            drawn.line(*[(x + dx, y + dy) for x, y in ((x0, 5000), (x1, 5000), (x1, 5200), (x0, 5200), (x0, 5000))])
        drawn.door(2000 + dx, 5200 + dy)
    return drawn


def is_closed(faces: np.ndarray) -> bool:
    """Return whether every edge is passed once in each direction."""
    edges = np.concatenate([faces[:, (0, 1)], faces[:, (1, 2)], faces[:, (2, 0)]]).tolist()
    there = {(a, b) for a, b in edges}
    return len(there) == len(edges) and all((b, a) in there for a, b in there)
