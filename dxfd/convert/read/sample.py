"""Points of a drawing from places spread over its ENTITIES: evidence of its size, its heights, where its building is.

A few MB of any drawing, always the same ones: what is concluded from them is the same in every run. Part of pass 1.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import Floats, parse

_WINDOWS: Final = 16
_WINDOW_BYTES: Final = 128 << 10
_ENTITY: Final = re.compile(rb"\n([ \t]*0[ \t]*\r?\n[ \t]*[A-Z][A-Z0-9_]*[ \t]*\r?\n)")


class Sample(Struct, frozen=True):
    """Places of entities, drawing units.

    Attributes:
        xy: (n, 2) first points.
        z: (m,) heights of entities that have any: of their points, or their elevation; the one farthest from 0.
    """

    xy: Floats
    z: Floats


def sample(source: Source, sections: list[Section]) -> Sample:
    """Return points of up to 16 windows of 128 KB."""
    xy, z = [np.empty((0, 2))], [np.empty(0)]
    for section in sections:
        if section.name != "ENTITIES":
            continue
        size = section.end - section.start
        whole = size <= _WINDOWS * _WINDOW_BYTES
        last = section.start if whole else section.end - _WINDOW_BYTES
        starts = np.linspace(section.start, last, 1 if whole else _WINDOWS).tolist()
        for start in starts:
            points, heights = _window(source, section, int(start), size if whole else _WINDOW_BYTES)
            xy.append(points)
            z.append(heights)
    return Sample(np.concatenate(xy), np.concatenate(z))


def _window(source: Source, section: Section, start: int, size: int) -> tuple[Floats, Floats]:
    data = source.read(start, min(size, section.end - start))
    if start > section.start:
        match = _ENTITY.search(data)
        if match is None:
            return np.empty((0, 2)), np.empty(0)
        data = data[match.start(1) :]
    tags = parse(data, last=start + size >= section.end)
    if not len(tags.entity_tag):
        return np.empty((0, 2)), np.empty(0)
    good = ~tags.bad_number & np.isfinite(tags.number)
    count = len(tags.entity_tag)
    place = np.full((count, 2), np.nan)
    for axis, code in ((0, 10), (1, 20)):
        at = np.flatnonzero((tags.code == code) & good)[::-1]
        place[tags.entity_of[at], axis] = tags.number[at]
    high = np.zeros(count)
    has = np.zeros(count, dtype=np.bool_)
    at = np.flatnonzero((((tags.code >= 30) & (tags.code <= 33)) | (tags.code == 38)) & good)
    has[tags.entity_of[at]] = True
    order = at[np.argsort(np.abs(tags.number[at]), kind="stable")]
    high[tags.entity_of[order]] = tags.number[order]
    whole = np.isfinite(place).all(axis=1)
    has |= whole  # an entity of two coordinates lies at 0
    return place[whole], high[has]
