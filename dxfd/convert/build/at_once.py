"""How many points are made at a time: what asks for more is made in halves, which changes nothing of the result.

A circle is 100 bytes of text and up to 4,096 chords: 15,000 of them in a chunk took 10 GB as prisms. Curves are counted
before their points are made, bodies of blocks before they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from dxfd.convert.build.ragged import Ints

MOST_POINTS: Final = 500_000
"""Of curves, and of bodies of blocks, in one go: 130 MB where all become prisms. Written vertices are 75,000."""

_T = TypeVar("_T")


class TooMuchAtOnceError(Exception):
    """So many points are too many: for who can take half of the entities, never for a user."""


def check(points: int) -> None:
    """Raise if so many points are not to be made at once.

    Raises:
        TooMuchAtOnceError: they are too many.
    """
    if points > MOST_POINTS:
        raise TooMuchAtOnceError


def in_halves(make: Callable[[Ints], _T], members: Ints, alone: Callable[[int], None]) -> Iterator[_T]:
    """Yield what is made of entities, of as many at a time as can be; `alone` takes what is too much itself."""
    fits = True
    try:
        made = make(members)
    except TooMuchAtOnceError:
        fits = False  # the error holds what was made so far: nothing is yielded before it is let go
    if fits:
        yield made
    elif len(members) == 1:
        alone(int(members[0]))
    else:
        half = len(members) // 2
        yield from in_halves(make, members[:half], alone)
        yield from in_halves(make, members[half:], alone)
