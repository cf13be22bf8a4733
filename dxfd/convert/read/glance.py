"""What one pass over a drawing tells of its windows: where ENDSEC may stand, line feeds, entities, what is not ASCII.

Owns the pass and its sums. Each of the first pass's questions used to read the whole drawing: 0.30 s of CPU for 210 MB,
with one pass 0.18 s, and two threads share it, for what they call leaves the interpreter's lock alone.
Decides nothing: what a mark means, skim.py and evidence.py say. Runs in the worker.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Final

from dxfd.convert.native import kernel
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import line_feeds

WINDOW: Final = 1 << 20
END: Final = b"ENDSEC"
_HEAD: Final = 4096
_FIRST_ZERO: Final = re.compile(rb"(?:^|\n)([ \t]*0[ \t]*\r?\n)[ \t]*SECTION[ \t]*\r?\n")
FOLLOWERS: Final = frozenset({b"VERTEX", b"SEQEND", b"ATTRIB"})
"""Entities that belong to the POLYLINE or INSERT before them; a chunk is never cut before one."""
_LONGEST_FOLLOWER: Final = 8


class Glance:
    """The sums. Windows begin at multiples of WINDOW; the last one is shorter.

    Attributes:
        zero: how the first code 0 of the drawing is spelled, with the line feeds about it; empty if it was not found.
    """

    def __init__(self, source: Source, *, counting: bool, zero: bytes = b"") -> None:
        """Look at all of a drawing's text.

        Args:
            source: the drawing, prepared.
            counting: also count the marks of entities.
            zero: how they are spelled, with the line feed before; empty: as at the drawing's first section.

        Raises:
            SourceFailingError: the system reports an input error.
        """
        self._source = source
        found = _FIRST_ZERO.search(source.read(0, _HEAD))
        self.zero = zero or (b"\n" + found[1] if counting and found else b"")
        self._count = counter(self.zero) if self.zero else None
        starts = range(0, source.size, WINDOW)
        threads = min(2, os.cpu_count() or 1, len(starts))
        if threads > 1:
            with ThreadPoolExecutor(threads, thread_name_prefix="glance") as pool:
                seen = list(pool.map(self._look, starts))
        else:
            seen = [self._look(at) for at in starts]
        self._ends = [k for k, one in enumerate(seen) if one[0]]
        self._lines = [0, *accumulate(one[1] for one in seen)]
        self._marks = [0, *accumulate(one[2] for one in seen)]
        self._foreign = [k for k, one in enumerate(seen) if not one[3]]

    def _look(self, at: int) -> tuple[bool, int, int, bool]:
        data = self._source.read(at, WINDOW + overlap_of(self.zero))
        ended = (data.find(END) if kernel is None else kernel.find(data, END)) >= 0
        marks = self._count(data) if self._count is not None else 0
        feeds = line_feeds(data) - line_feeds(data[WINDOW:])
        return ended, feeds, marks, data.isascii()

    def find(self, word: bytes, start: int, stop: int | None = None) -> int:
        """Return the first offset >= start of the word, which is END, that ends before `stop`, or -1."""
        stop = self._source.size if stop is None else stop
        if word != END or stop - start < WINDOW:
            return self._source.find(word, start, stop)
        for window in self._ends[bisect_left(self._ends, start // WINDOW) :]:
            first = max(start, window * WINDOW)
            if first >= stop:
                break
            hit = self._source.find(END, first, min(stop, (window + 1) * WINDOW + len(END) - 1))
            if hit >= 0:
                return hit
        return -1

    def lines(self, start: int, end: int) -> int:
        """Return how many line feeds lie in [start, end)."""

        def direct(first: int, last: int) -> int:
            return line_feeds(self._source.read(first, last - first))

        return self._sum(self._lines, direct, start, end)

    def marks(self, start: int, end: int) -> int:
        """Return how many marks of entities begin in [start, end): the marks are those of `zero`.

        Followers (VERTEX, SEQEND, ATTRIB) are not counted.
        """
        count, more = counter(self.zero), overlap_of(self.zero)

        def direct(first: int, last: int) -> int:
            return count(self._source.read(first, last - first + more), last - first)

        return self._sum(self._marks, direct, start, end)

    def plain_until(self, at: int) -> int:
        """Return the first offset >= at where a window begins, or goes on, that is not all ASCII."""
        place = bisect_left(self._foreign, at // WINDOW)
        return max(at, self._foreign[place] * WINDOW) if place < len(self._foreign) else self._source.size

    def _sum(self, sums: list[int], direct: Callable[[int, int], int], start: int, end: int) -> int:
        """Return a sum over [start, end): of the windows that lie whole in it, the rest of it counted anew."""
        first, last = -(-start // WINDOW), end // WINDOW
        if first >= last:
            return sum(direct(at, min(at + WINDOW, end)) for at in range(start, end, WINDOW))
        middle = sums[last] - sums[first]
        head = direct(start, first * WINDOW) if start < first * WINDOW else 0
        tail = sum(direct(at, min(at + WINDOW, end)) for at in range(last * WINDOW, end, WINDOW))
        return head + middle + tail


def overlap_of(zero: bytes) -> int:
    """Return how far behind a window's end one has to look to judge the marks that begin in it."""
    return max(len(zero) + _LONGEST_FOLLOWER, len(END) - 1)


def counter(zero: bytes) -> Callable[..., int]:
    """Return what counts marks: of (data, before=WINDOW) those that begin before an offset.

    A mark is a code 0 as it is spelled, whose value is none of the followers. Where codes are not padded, a value 0
    looks like the mark: then what stands behind tells them apart.
    """
    if kernel is not None and len(zero) <= kernel.MOST_MARK:
        native = kernel.marks
        return lambda data, before=WINDOW: native(data, zero, before)
    end = b"\r\n" if zero.endswith(b"\r\n") else b"\n"
    if zero[1:].removesuffix(end) == b"0":
        pattern = re.compile(re.escape(zero) + rb"(?!(?s:[\x00-@][^D])|(?:VERTEX|SEQEND|ATTRIB)[\r\n])")
        return lambda data, before=WINDOW: sum(hit.start() < before for hit in pattern.finditer(data))

    def padded(data: bytes, before: int = WINDOW) -> int:
        total = data.count(zero, 0, before + len(zero) - 1)
        for word in FOLLOWERS:
            follower = zero + word + end
            total -= data.count(follower, 0, before + len(follower) - 1)
        return total

    return padded
