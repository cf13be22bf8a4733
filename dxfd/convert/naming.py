"""Names of elements by the patterns of their rules, as one column. No pattern: rows.py makes name and handle."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dxfd.convert.build.ragged import Ints
from dxfd.convert.match.rules import Element
from dxfd.convert.read.columns import group, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.stream import Chunk
from dxfd.convert.write.rows import Texts

_PIECE: Final = re.compile(r"\{([^{}]*)\}")
DEFAULT: Final = "{name} {handle}"


def names(
    elements: list[Element], rule: Ints, texts: Texts, chunk: Chunk, entity: Ints, codec: str
) -> Any | None:  # an Arrow string array (n,)
    """Return the elements' names; None if no rule among them has a pattern.

    Args:
        elements: by number.
        rule: (n,) number of each element.
        texts: what the drawing calls them.
        chunk: where they are.
        entity: (n,) growing entity indices.
        codec: of the drawing's text.
    """
    patterns = [element.name_pattern or DEFAULT for element in elements]
    if all(pattern == DEFAULT for pattern in patterns):
        return None
    used = sorted({patterns[k] for k in np.unique(rule).tolist()} - {DEFAULT})
    if not used:
        return None
    number = np.array([used.index(p) + 1 if p in used else 0 for p in patterns], dtype=np.int64)[rule]
    columns = [_name(p, elements, rule, texts, chunk, entity, codec) for p in [DEFAULT, *used]]
    return pc.choose(pa.array(number), *columns)


def _name(
    pattern: str, elements: list[Element], rule: Ints, texts: Texts, chunk: Chunk, entity: Ints, codec: str
) -> Any:
    parts: list[Any] = []
    for k, piece in enumerate(_PIECE.split(pattern)):
        if k % 2 == 0:
            parts.append(pa.repeat(pa.scalar(piece, type=pa.string()), len(rule)))
        elif piece == "name":
            parts.append(pa.array([e.name for e in elements], type=pa.string()).take(pa.array(rule)))
        elif piece.startswith("attr:"):
            parts.append(_attribute(piece.removeprefix("attr:").strip().upper(), chunk, entity, codec))
        else:
            column = {"handle": texts.handle, "layer": texts.layer, "block": texts.block, "type": texts.kind}[piece]
            parts.append(pc.fill_null(column.cast(pa.string()), ""))
    joined = pc.binary_join_element_wise(*parts, "")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(joined, r"\s+", " "))


def _attribute(tag: str, chunk: Chunk, entity: Ints, codec: str) -> Any:
    """Return the values of an attribute (n,); the first one counts, "" where there is none."""
    values = [""] * len(entity)
    followers = of_kind(chunk, "ATTRIB")
    followers = followers[chunk.follower[followers]]
    owner = chunk.owner[followers]
    row = np.minimum(np.searchsorted(entity, owner), len(entity) - 1)
    mine = np.flatnonzero(entity[row] == owner) if len(entity) else np.empty(0, dtype=np.int64)
    members = group(chunk, followers[mine])
    tags = chunk.tags.strings(members.tag_of(2)).to_pylist()
    texts = chunk.tags.strings(members.tag_of(1)).to_pylist()
    for k in reversed(range(len(mine))):
        if decode(tags[k], codec).strip().upper() == tag:
            values[int(row[mine[k]])] = decode(texts[k], codec)
    return pa.array(values, type=pa.string())
