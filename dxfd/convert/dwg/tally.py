"""Counts the entities of a DXF text by type: what a converter passed on. Runs in the converter's process."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

_RECORD: Final = re.compile(rb"(?:^|\n) *0\r?\n(?:SECTION\r?\n *2\r?\n)?(3D[A-Z]+|[A-Za-z][A-Za-z0-9_]*)(?=\r?\n)")
_SECTIONS: Final = frozenset({b"BLOCKS", b"ENTITIES"})
_NO_ENTITIES: Final = frozenset({b"ENDSEC", b"HEADER", b"CLASSES", b"TABLES", b"OBJECTS"})
_PARTS: Final = frozenset({b"BLOCK", b"ENDBLK", b"VERTEX", b"ATTRIB", b"SEQEND"})
"""Records that are part of an entity or of a block."""
_WINDOW: Final = 8 << 20
_LONGEST: Final = 256
"""Bytes of a record's first lines: what windows overlap by."""


def tally(path: Path) -> Counter[str]:
    """Return the number of entities in BLOCKS and ENTITIES by type."""
    counts: Counter[bytes] = Counter()
    inside = False
    with path.open("rb") as file:
        kept = b""
        while data := file.read(_WINDOW):
            text = kept + data
            last = len(text) if len(data) < _WINDOW else len(text) - _LONGEST
            end = 0
            for found in _RECORD.finditer(text):
                if found.start() >= last:
                    break
                end = found.end(1)
                kind = found[1]
                if kind in _SECTIONS or kind in _NO_ENTITIES:
                    inside = kind in _SECTIONS
                elif inside and kind not in _PARTS:
                    counts[kind] += 1
            kept = text[max(end, last) :] if end < len(text) else b""
    return Counter({kind.decode(): count for kind, count in counts.items()})
