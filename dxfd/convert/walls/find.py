"""From lines to walls: the order of the steps. The same lines in the same order give the same walls."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.ragged import Floats
from dxfd.convert.walls.chains import Fillings, walls
from dxfd.convert.walls.joints import Plan, joined, kept
from dxfd.convert.walls.leftovers import Fate, Role, fates
from dxfd.convert.walls.lines import Lines
from dxfd.convert.walls.measures import Measures
from dxfd.convert.walls.pieces import facing, layers, pieces
from dxfd.convert.walls.runs import Runs, runs

_LEAST_OF_OUTLINE: Final = 0.5
"""Share of a closed outline that is faces of walls; one with less is a body of its own, and gives no faces."""
_ROUNDS: Final = 4


class Found(Struct, frozen=True):
    """Walls, and what became of the elements whose lines they are made of.

    Attributes:
        plans: the walls, in the order of their first lines.
        firsts: row of the element that each wall takes its names from.
        fates: by row of the element.
    """

    plans: list[Plan]
    firsts: list[int]
    fates: dict[int, Fate]


def find(lines: Lines, thin: Floats, fillings: Fillings, measures: Measures) -> Found:
    """Return the walls that lines make.

    Args:
        lines: what may be faces.
        thin: (owners,) metres: how thick a closed outline is if it is that of a wall; 0 of others.
        fillings: doors and windows.
        measures: what a wall is.

    Raises:
        TooManyPairsError: so many lines lie side by side that it is no plan of walls.
    """
    is_wall = (thin > 0) & (thin <= measures.thickness_max_m)
    lines = lines.take(~is_wall[lines.owner])
    found = Found([], [], {})
    for _ in range(_ROUNDS):
        if not len(lines.owner):
            return Found([], [], {})
        made = runs(lines)
        whole = kept(
            walls(
                pieces(made, facing(made, measures), layers(made, measures), measures.thickness_max_m),
                fillings,
                measures,
            )
        )
        plans = joined(whole)
        found = _ordered(plans, fates(lines, made, plans), lines, made)
        blocks = _blocks(lines, found)
        if not blocks:
            break
        lines = lines.take(~np.isin(lines.owner, blocks))
    return found


def _ordered(plans: list[Plan], given: dict[int, Fate], lines: Lines, made: Runs) -> Found:
    """Return the walls in the order of the first elements that are a face of them."""
    firsts: dict[int, int] = {}
    for owner, fate in sorted(given.items()):
        for wall, role in fate.walls.items():
            if role is Role.FACE:
                firsts.setdefault(wall, owner)
    for wall, plan in enumerate(plans):  # a joint may have left hardly anything of a short face
        if wall not in firsts:
            faces = np.array(sorted({*plan.wall.left, *plan.wall.right}))
            firsts[wall] = int(lines.owner[np.isin(made.of_line, faces)].min())
    order = sorted(range(len(plans)), key=lambda k: (firsts[k], k))
    place = {k: number for number, k in enumerate(order)}
    renumbered = {
        owner: Fate(dict(sorted((place[k], role) for k, role in fate.walls.items())), fate.rest)
        for owner, fate in given.items()
    }
    return Found([plans[k] for k in order], [firsts[k] for k in order], renumbered)


def _blocks(lines: Lines, found: Found) -> list[int]:
    """Return closed outlines that hardly are faces of walls: blocks in a wall's layer, that keep their bodies."""
    length = np.hypot(*(lines.second - lines.first).T)
    out = []
    owners = np.unique(lines.owner[lines.outline])
    starts, ends = (np.searchsorted(lines.owner, owners, side=side).tolist() for side in ("left", "right"))
    for owner, start, end in zip(owners.tolist(), starts, ends, strict=True):
        fate = found.fates.get(owner)
        if fate is None:
            continue
        left = sum(float(np.hypot(b[0] - a[0], b[1] - a[1])) for a, b in fate.rest)
        if left > (1 - _LEAST_OF_OUTLINE) * float(length[start:end].sum()):
            out.append(owner)
    return out
