"""Colours as a CAD program shows them: of an entity, its layer, its block reference; "r,g,b,a" with parts 0 to 1.

Owns the palette of colour numbers (ACI) and what BYLAYER and BYBLOCK mean. Asked for whole chunks, and only where a
colour of the drawing is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dxfd.convert.build.ragged import Ints
from dxfd.convert.read.columns import Group, Heads, group
from dxfd.convert.read.skim import Layer
from dxfd.convert.read.stream import Chunk

BYBLOCK: Final = 0
BYLAYER: Final = 256
_NO_COLOR: Final = 257
_WHITE: Final = 7
_OPAQUE: Final = 255
_RGB: Final = 1 << 32
"""Added to a true colour, so that it and a colour number are one kind of number."""
_SHADES: Final = (1.0, 0.65, 0.5, 0.3, 0.15)
_FIRST: Final = (0x000000, 0xFF0000, 0xFFFF00, 0x00FF00, 0x00FFFF, 0x0000FF, 0xFF00FF, 0xFFFFFF, 0x808080, 0xC0C0C0)
_GREYS: Final = (0x000000, 0x656565, 0x666666, 0x999999, 0xCCCCCC, 0xFFFFFF)
_HUES: Final = 24


@cache
def palette() -> tuple[int, ...]:
    """Return 0xRRGGBB of the colour numbers 0 to 255: named ones, 24 hues of ten shades, greys."""
    shades = [_shade(hue, number) for hue in range(_HUES) for number in range(10)]
    return (*_FIRST, *shades, *_GREYS)


def _shade(hue: int, number: int) -> int:
    level = 255 * _SHADES[number // 2]
    sector, step = divmod(hue, 4)
    rising, falling = step / 4, 1 - step / 4
    parts = (
        (1.0, rising, 0.0), (falling, 1.0, 0.0), (0.0, 1.0, rising),
        (0.0, falling, 1.0), (rising, 0.0, 1.0), (1.0, 0.0, falling),
    )[sector]  # fmt: skip
    pale = [level * (part if number % 2 == 0 else (part + 1) / 2) for part in parts]
    red, green, blue = (int(value) for value in pale)
    return red << 16 | green << 8 | blue


def text(rgb: int, alpha: int) -> str:
    """Return "r,g,b,a" of 0xRRGGBB and an alpha of 0 (clear) to 255."""
    parts = (rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255, alpha)
    return ",".join(f"{round(part / 255, 4):g}" for part in parts)


def of_layer(layer: Layer | None) -> tuple[int, int]:
    """Return 0xRRGGBB and alpha of what is drawn BYLAYER; white for a layer that no table has."""
    if layer is None:
        return palette()[_WHITE], _OPAQUE
    number = abs(layer.color)
    rgb = layer.true_color if layer.true_color >= 0 else palette()[number if 0 < number < BYLAYER else _WHITE]
    return rgb, layer.alpha


def codes(members: Group) -> tuple[Ints, Ints]:
    """Return (n,) colour codes (0 BYBLOCK, 1 to 255, 256 BYLAYER, or a true colour) and transparencies as written."""
    number = _first(members, 62, BYLAYER)
    number = np.where((number < 0) | (number > _NO_COLOR), BYLAYER, number)
    true = _first(members, 420, -1)
    return np.where(true >= 0, (true & 0xFFFFFF) + _RGB, number), _first(members, 440, 0)


def _first(members: Group, code: int, default: int) -> Ints:
    """Return (n,) the first value of a code: later ones belong to a type's own data (gradients, backgrounds)."""
    out = np.full(members.count, default, dtype=np.int64)
    at = members.where(code)[::-1]
    if len(at):
        values = np.nan_to_num(members.tags.number[members.tag[at]], nan=default, posinf=default, neginf=default)
        out[members.row[at]] = np.clip(values, -(2**40), 2**40).astype(np.int64)
    return out


def shown(code: int, transparency: int, layer: Layer | None, inherited: tuple[int, int]) -> tuple[int, int]:
    """Return 0xRRGGBB and alpha of one colour.

    Args:
        code: of codes().
        transparency: of codes(): 0x02000000 + alpha, 0x01000000 for BYBLOCK, else BYLAYER.
        layer: the entity's.
        inherited: of the block reference that the entity lies in; white outside of one.
    """
    if code >= _RGB:
        rgb = code - _RGB
    elif code == BYBLOCK:
        rgb = inherited[0]
    elif code == BYLAYER:
        rgb = of_layer(layer)[0]
    else:
        rgb = palette()[code if code < BYLAYER else _WHITE]
    kind = transparency >> 24
    alpha = transparency & 255 if kind == 2 else inherited[1] if kind == 1 else of_layer(layer)[1]
    return rgb, alpha


def colors(chunk: Chunk, heads: Heads, entities: Ints, layers: Mapping[str, Layer]) -> Any:
    """Return an Arrow string array (n,): what each of the entities (growing) looks like outside of any block.

    Args:
        chunk: the entities.
        heads: their layers.
        entities: (n,).
        layers: the layer table by upper-case name.
    """
    code, transparency = codes(group(chunk, entities))
    key = np.stack([heads.layer_of[entities].astype(np.int64), code, transparency], axis=1)
    white = palette()[_WHITE], _OPAQUE
    found, index = _distinct(key)
    words = [text(*shown(c, t, layers.get(heads.layers[at].upper()), white)) for at, c, t in found]
    return pa.array(words, type=pa.string()).take(pa.array(index))


def _distinct(key: Ints) -> tuple[list[list[int]], Ints]:
    """Return the distinct rows and (n,) index into them; by one number a row, ten times faster than by rows."""
    if not len(key):
        return [], np.empty(0, dtype=np.int64)
    number = np.zeros(len(key), dtype=np.int64)
    for column in key.T:
        values, place = np.unique(column, return_inverse=True)
        number = number * len(values) + place
    _, first, index = np.unique(number, return_index=True, return_inverse=True)
    return key[first].tolist(), index
