"""What a list of triangles is, whatever its vertices: closed or not, a prism over rings or not. Pure.

Bodies of the same recipe share their triangles, so each distinct list is looked at once and kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct, field

from dxfd.export.decimals import Ints

_MOST_KEPT_BYTES: Final = 24 << 20
_LARGE_BYTES: Final = 1 << 16
_LOOKED_AT_FOR_RINGS: Final = 20_000
"""Triangles; a larger body is not looked at for a prism."""


class Topology(Struct):
    """A list of triangles.

    Attributes:
        faces: (f, 3) vertex indices.
        used: one more than the highest index.
        rings: of a prism: its lower rings, each as indices in order; empty if it is none. The upper ring of index i
            is i + used / 2.
        lower: the rings one after another.
        caps: (c, 3) triangles of a prism's lower end, as places in `lower`.
    """

    faces: Ints
    used: int
    rings: list[Ints] = field(default_factory=list)
    lower: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    caps: Ints = field(default_factory=lambda: np.empty((0, 3), dtype=np.int64))
    _closed: bool | None = None
    _text: str = ""

    @property
    def closed(self) -> bool:
        """Whether every edge is passed once in each direction."""
        if self._closed is None:
            edges = np.concatenate([self.faces[:, (0, 1)], self.faces[:, (1, 2)], self.faces[:, (2, 0)]])
            there = edges[:, 0] * self.used + edges[:, 1]
            back = edges[:, 1] * self.used + edges[:, 0]
            there.sort()
            back.sort()
            self._closed = bool((there == back).all()) and bool((np.diff(there) > 0).all())
        return self._closed

    @property
    def text(self) -> str:
        """The triangles as STEP text, counted from 1: "((1,2,3),(1,3,4))"."""
        if not self._text:
            flat = (self.faces + 1).ravel().tolist()
            self._text = "(" + ",".join(["(%d,%d,%d)"] * len(self.faces)) % tuple(flat) + ")"
        return self._text


class Topologies:
    """Distinct lists of triangles, kept while they fit."""

    def __init__(self) -> None:
        self._known: dict[bytes, Topology] = {}
        self._held = 0

    def of(self, faces: bytes) -> Topology:
        """Return what a `<u4` blob of triangles is."""
        known = self._known.get(faces)
        if known is not None:
            return known
        made = examine(np.frombuffer(faces, dtype="<u4").reshape(-1, 3).astype(np.int64))
        if len(faces) < _LARGE_BYTES:
            self._held += 4 * len(faces) + 1000
            if self._held > _MOST_KEPT_BYTES:
                self._known.clear()
                self._held = 0
            self._known[faces] = made
        return made


def examine(faces: Ints) -> Topology:
    """Return what triangles (f, 3) are."""
    made = Topology(faces, int(faces.max()) + 1 if len(faces) else 0)
    n, odd = divmod(made.used, 2)
    holes, rest = divmod(len(faces) - (4 * n - 4), 4)
    if odd or n < 3 or rest or holes < 0 or len(faces) > _LOOKED_AT_FOR_RINGS:
        return made
    caps = faces[2 * n : 3 * n - 2]
    if (
        not holes
        and bool((faces[: 2 * n] == _sides(n)).all())
        and bool((faces[3 * n - 2 :] == caps[:, ::-1] + n).all())
        and int(caps.max()) < n
    ):  # as the conversion builds them: most are told from here
        made.lower, made.caps = np.arange(n), caps
        made.rings = [made.lower]
    else:
        rings, caps = _rings(faces, n)
        if rings and made.closed:
            made.rings = rings
            made.lower = np.concatenate(made.rings)
            place = np.empty(n, dtype=np.int64)
            place[made.lower] = np.arange(n)
            made.caps = place[caps]
    return made


@lru_cache(maxsize=512)
def _sides(n: int) -> Ints:
    """Return the side triangles of a prism over n corners, in the order in which the conversion has them."""
    k = np.arange(n)
    j = (k + 1) % n
    return np.stack([k, j, j + n, k, j + n, k + n], axis=1).reshape(-1, 3)


def _rings(faces: Ints, n: int) -> tuple[list[Ints], Ints]:
    """Return the lower rings and the lower cap of a prism whose vertex i + n stands over i; nothing if it is none."""
    nothing: tuple[list[Ints], Ints] = ([], np.empty((0, 3), dtype=np.int64))
    count = (faces < n).sum(axis=1)
    of_each = np.bincount(count, minlength=4).tolist()
    if of_each[1:3] != [n, n] or of_each[0] != of_each[3]:
        return nothing
    caps, two, one = (faces[count == k] for k in (3, 2, 1))
    two = _turned(two, np.argmax(two >= n, axis=1) + 1)  # low i, low j, high
    one = _turned(one, np.argmax(one < n, axis=1))  # low, high j, high i
    follower = np.full(n, -1, dtype=np.int64)
    follower[two[:, 0]] = two[:, 1]
    if (follower < 0).any() or len(np.unique(follower)) != n:
        return nothing
    above = two[:, 2] - n
    if not ((above == two[:, 0]) | (above == two[:, 1])).all():
        return nothing
    over = one[:, 1:] - n
    if (follower[over[:, 1]] != over[:, 0]).any() or not ((one[:, 0] == over[:, 0]) | (one[:, 0] == over[:, 1])).all():
        return nothing
    rings = _cycles(follower)
    if len(caps) != n + 2 * (len(rings) - 1) - 2 or min(len(ring) for ring in rings) < 3:
        return nothing
    return rings, caps


def _turned(faces: Ints, first: Ints) -> Ints:
    """Return triangles that begin with their given corner."""
    place = (first[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, place, axis=1)


def _cycles(follower: Ints) -> list[Ints]:
    n = len(follower)
    if (follower == (np.arange(n) + 1) % n).all():
        return [np.arange(n)]
    left = follower.tolist()
    out = []
    for start in range(n):
        ring = []
        at = start
        while left[at] >= 0:
            ring.append(at)
            after, left[at] = left[at], -1
            at = after
        if ring:
            out.append(np.array(ring, dtype=np.int64))
    return out
