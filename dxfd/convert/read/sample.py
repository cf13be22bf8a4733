"""Points of a drawing from places spread over its ENTITIES: evidence of its size, heights, unit, where its building is.

A few MB of any drawing, always the same ones: what is concluded from them is the same in every run. Part of pass 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source
from dxfd.convert.read.tags import Floats, Tags, parse

_WINDOWS: Final = 16
_WINDOW_BYTES: Final = 128 << 10
_OF_BLOCKS: Final = 4
_QUARTER: Final = 10.0
"""Degrees by which the swing of a door may differ from a quarter circle."""
_ENTITY: Final = re.compile(rb"\n([ \t]*0[ \t]*\r?\n[ \t]*[A-Z][A-Z0-9_]*[ \t]*\r?\n)")


_NONE: Final = np.empty(0)


class Sample(Struct, frozen=True):
    """Places and lengths of entities, drawing units.

    Attributes:
        xy: (n, 2) first points.
        z: (m,) heights of entities that have any: of their points, or their elevation; the one farthest from 0.
        swings: (k,) radii of quarter circles, those in blocks too: what doors are drawn with.
        texts: (t,) heights of texts.
        spans: (d,) what linear dimensions measure.
    """

    xy: Floats
    z: Floats
    swings: Floats = _NONE
    texts: Floats = _NONE
    spans: Floats = _NONE


def sample(source: Source, sections: list[Section]) -> Sample:
    """Return what is in up to 16 windows of 128 KB, and the quarter circles of 4 windows of the blocks."""
    empty = Sample(np.empty((0, 2)), _NONE)
    parts = [empty]
    for section in sections:
        if section.name == "ENTITIES":
            parts += _windows(source, section, _WINDOWS)
        elif section.name == "BLOCKS":
            parts += [replace(empty, swings=part.swings) for part in _windows(source, section, _OF_BLOCKS)]
    return Sample(*(np.concatenate([getattr(part, name) for part in parts]) for name in Sample.__struct_fields__))


def _windows(source: Source, section: Section, most: int) -> Iterator[Sample]:
    size = section.end - section.start
    whole = size <= most * _WINDOW_BYTES
    last = section.start if whole else section.end - _WINDOW_BYTES
    for start in np.linspace(section.start, last, 1 if whole else most).tolist():
        tags = _window(source, section, int(start), size if whole else _WINDOW_BYTES)
        if tags is not None and len(tags.entity_tag):
            yield Sample(*_places(tags), *_lengths(tags))


def _window(source: Source, section: Section, start: int, size: int) -> Tags | None:
    data = source.read(start, min(size, section.end - start))
    if start > section.start:
        match = _ENTITY.search(data)
        if match is None:
            return None
        data = data[match.start(1) :]
    return parse(data, last=start + size >= section.end)


def _lengths(tags: Tags) -> tuple[Floats, Floats, Floats]:
    """Return radii of quarter circles, heights of texts, what linear dimensions measure."""
    words, kind = tags.distinct(tags.entity_tag)
    values = {code: _of_entity(tags, code) for code in (40, 42, 50, 51, 70)}

    def of(*names: bytes) -> npt.NDArray[np.bool_]:
        return np.array([word.strip() in names for word in words], dtype=np.bool_)[kind]

    turn = (values[51] - values[50]) % 360.0
    swing = of(b"ARC") & (np.abs(turn - 90.0) <= _QUARTER)
    linear = of(b"DIMENSION") & (np.nan_to_num(values[70]).astype(np.int64) % 16 <= 1)
    found = values[40][swing], values[40][of(b"TEXT", b"MTEXT")], values[42][linear]
    swings, texts, spans = (lengths[np.isfinite(lengths) & (lengths > 0)] for lengths in found)
    return swings, texts, spans


def _of_entity(tags: Tags, code: int) -> Floats:
    """Return (E,) the first value of a code, NaN where there is none."""
    out = np.full(len(tags.entity_tag), np.nan)
    at = np.flatnonzero((tags.code == code) & ~tags.bad_number & (tags.entity_of >= 0))[::-1]
    out[tags.entity_of[at]] = tags.number[at]
    return out


def _places(tags: Tags) -> tuple[Floats, Floats]:
    """Return (n, 2) first points and (m,) heights."""
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
