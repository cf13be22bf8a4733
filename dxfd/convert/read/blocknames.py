"""The true names of dynamic blocks: AutoCAD inserts `*U23` and keeps the name people know in a table.

Pure function over the tags of the TABLES section; part of the first pass.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from dxfd.convert.read.encoding import decode, shortened
from dxfd.convert.read.tags import Tags

_MADE_OF: Final = b"AcDbBlockRepBTag"
"""XDATA of an anonymous record: the handle (1005) of the dynamic block's record."""
_TRUE_NAME: Final = b"AcDbDynamicBlockTrueName"
"""XDATA with the name itself (1000)."""


def true_names(tags: Tags, codec: str) -> dict[str, str]:
    """Return anonymous block names, in capitals, to the names of the dynamic blocks they were made of."""
    starts = [*tags.entity_tag.tolist(), len(tags.code)]
    codes = tags.code.tolist()
    by_handle: dict[bytes, str] = {}
    made_of: dict[str, bytes] = {}
    said: dict[str, str] = {}
    for first, last in pairwise(starts):
        if tags.value(first).strip() != b"BLOCK_RECORD":
            continue
        name, handle, application = "", b"", b""
        for i in range(first + 1, last):
            code = codes[i]
            if code == 2 and not name:
                name = decode(tags.value(i).strip(), codec)
            elif code == 5:
                handle = tags.value(i).strip().upper().lstrip(b"0")
            elif code == 1001:
                application = tags.value(i).strip()
            elif code == 1005 and application == _MADE_OF and name.startswith("*"):
                made_of[name.upper()] = tags.value(i).strip().upper().lstrip(b"0")
            elif code == 1000 and application == _TRUE_NAME and name.startswith("*"):
                said[name.upper()] = decode(tags.value(i).strip(), codec)
        if name and handle:
            by_handle[handle] = name
    found = {anonymous: by_handle.get(handle, "") for anonymous, handle in made_of.items()}
    return {
        anonymous: shortened(name) for anonymous, name in (found | said).items() if name and not name.startswith("*")
    }
