"""What programs keep with an entity: extended data (XDATA) and the records of its extension dictionary, as properties.

One property an application or record: its tags as JSON, [[code, value], ...], points as [x, y, z]. Nothing is
understood and nothing is lost. Costs 25 microseconds an entity with four values, ten times what a line takes: it is
done on request only.
"""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from dxfd.convert.build.ragged import Ints
from dxfd.convert.read.dictionaries import Dictionaries, Pair, pairs
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk

_APPLICATION: Final = 1001
_GROUP: Final = 102
_HANDLE: Final = 5
_DICTIONARY: Final = b"{ACAD_XDICTIONARY"
Properties = tuple[list[int], list[str], list[str]]


def extended(chunk: Chunk, rank: Ints, codec: str, dictionaries: Dictionaries) -> Properties:
    """Return rank, name and value of the properties of entities.

    Args:
        chunk: the entities.
        rank: (E,) number of each entity's element, -1 for none.
        codec: of the drawing's text.
        dictionaries: of the drawing.
    """
    tags = chunk.tags
    out: Properties = ([], [], [])
    mine = (tags.entity_of >= 0) & ((tags.code >= _APPLICATION - 1) | (tags.code == _GROUP))
    at = np.flatnonzero(mine)
    at = at[rank[tags.entity_of[at]] >= 0]
    codes = tags.code[at].tolist()
    begins = [k for k, code in enumerate(codes) if code in {_APPLICATION, _GROUP}]
    read = -1  # the last entity whose dictionary was: each has one
    for k, first in enumerate(begins):
        tag = int(at[first])
        entity = int(tags.entity_of[tag])
        if codes[first] == _APPLICATION:
            last = begins[k + 1] if k + 1 < len(begins) else len(codes)
            end = tag + 1
            while first + (end - tag) < last and int(at[first + (end - tag)]) == end and tags.entity_of[end] == entity:
                end += 1
            name = "XDATA:" + decode(tags.value(tag).strip(), codec)
            _note(out, int(rank[entity]), name, pairs(tags, tag + 1, end, codec))
        elif entity == read:
            continue
        elif tags.value(tag).strip() == _DICTIONARY and tag + 1 < len(tags.code) and int(tags.code[tag + 1]) == 360:
            read = entity
            for name, content in dictionaries.records(tags.value(tag + 1).strip(), _handle(chunk, entity, tag)):
                _note(out, int(rank[entity]), f"XDICT:{name}", content)
    return out


def _handle(chunk: Chunk, entity: int, stop: int) -> bytes:
    """Return the handle of an entity, which stands before its groups; empty if it has none."""
    tags = chunk.tags
    first = int(tags.entity_tag[entity])
    return next((tags.value(at).strip() for at in range(first + 1, stop) if tags.code[at] == _HANDLE), b"")


def _note(out: Properties, rank: int, name: str, content: list[Pair]) -> None:
    out[0].append(rank)
    out[1].append(name)
    out[2].append(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
