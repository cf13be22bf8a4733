"""What came of a converter's run over a DWG drawing: a text or the error that says why not, and what was lost.

Looks at how the program ended, what it said and what it wrote. Starts nothing.
"""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Final

from msgspec import Struct

from dxfd.convert.dwg import choose
from dxfd.convert.dwg.choose import Tool
from dxfd.convert.dwg.confined import Ended
from dxfd.errors import DiskFullError, DwgFailedError, DwgMemoryError, DwgTimeoutError

_SAID_CHARACTERS: Final = 200
_KINDS_TOLD: Final = 12
_NO_MEMORY: Final = re.compile(
    r"(?i)out ?of ?memory|memory ?error|insufficient memory|cannot allocate|bad_alloc|gc heap init"
)
_NO_ROOM: Final = re.compile(r"(?i)no space left|disk full|quota exceeded")
_KNOWN_LOSSES: Final = {
    choose.ACADSHARP: "tables, 3D solids, regions, surfaces and proxies",
    choose.DWG2DXF: "what that program cannot read, without a word",
    choose.ODA: "what that program cannot read, without a word",
}
_OUT_OF_MEMORY: Final = {choose.ACADSHARP: 12}
"""Exit status of acadsharp_child.py for that."""
_BEGIN_BYTES: Final = 4096


class Loss(Struct, frozen=True, kw_only=True):
    """Entities of the DWG that its converter read but did not pass on.

    Attributes:
        kind: DXF type, or the class of an application's object.
        space: model, paper or block; empty where only the number is known, as are then layer and first_handle.
    """

    kind: str
    space: str
    layer: str
    count: int
    first_handle: str


class Asked(Struct, frozen=True, kw_only=True):
    """What a converter was to do: the drawing's name for messages, and its limits."""

    name: str
    timeout_s: float
    memory_bytes: int


def judge(ended: Ended, tool: Tool, target: Path, asked: Asked) -> None:
    """Raise if a converter made no text.

    Args:
        ended: how it ended.
        tool: which it was.
        target: where its text should be, in its scratch folder.
        asked: what it was to do.

    Raises:
        DwgTimeoutError, DwgMemoryError, DiskFullError, DwgFailedError: why it made none.
    """
    if ended.timed_out or (ended.status is not None and ended.status == -signal.SIGXCPU):
        raise DwgTimeoutError(f"{tool.words} did not finish {asked.name} within {asked.timeout_s:g} s")
    if tool.name == choose.ODA and _is_whole(target):
        return  # it is known to end with a crash after its work is done
    if ended.status in {None, _OUT_OF_MEMORY.get(tool.name)} or (ended.status and _NO_MEMORY.search(ended.said)):
        if ended.status is None and not _was_killed(ended):
            raise DwgFailedError(f"{tool.words} could not be started: {_last_line(ended.said)}")
        raise DwgMemoryError(f"{tool.words} needs more than {asked.memory_bytes >> 20} MB for {asked.name}")
    if ended.status and _NO_ROOM.search(ended.said):
        raise DiskFullError(f"the disk of {target.parent} is full: no room for the drawing's text")
    if ended.status:
        how = f"ended by signal {-ended.status}" if ended.status < 0 else f"failed ({ended.status})"
        said = _last_line(ended.said)
        raise DwgFailedError(f"{tool.words} {how}" + (f": {said}" if said else ""))
    if not _is_text(target):
        said = _last_line(ended.said)
        raise DwgFailedError(f"{tool.words} made no DXF" + (f": {said}" if said else ""))


def _is_text(path: Path) -> bool:
    """Return whether there is a file that begins as DXF text does: with a group code 0 or a remark."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_BEGIN_BYTES).removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].strip() in {b"0", b"999"}


def _is_whole(path: Path) -> bool:
    """Return whether there is a text with its mark of the end."""
    if not _is_text(path):
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read().split()[-2:] == [b"0", b"EOF"]


def _was_killed(ended: Ended) -> bool:
    """Return whether the guard went without a word: only the system's memory killer does that to it."""
    return not ended.said


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:_SAID_CHARACTERS] if lines else ""


def read_losses(path: Path) -> tuple[Loss, ...] | None:
    """Return what the converter counted; None if it did not."""
    try:
        rows = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if rows is None:
        return None
    return tuple(
        Loss(kind=r["kind"], space=r["space"], layer=r["layer"], count=r["count"], first_handle=r["handle"])
        for r in sorted(rows, key=lambda r: (r["kind"], r["space"], r["layer"]))
    )


def note(tool: Tool, version: str, losses: tuple[Loss, ...] | None, failed: str) -> str:
    """Return the line that tells people what made the text and what was lost."""
    begin = f"a DWG ({choose.version_name(version)}), made into DXF by {tool.words}"
    if failed:
        begin += f" ({failed})"
    if losses is None:
        return f"{begin}, which drops {_KNOWN_LOSSES[tool.name]}"
    if not losses:
        return f"{begin}, which passed on all that it had read"
    sums: dict[str, int] = {}
    for loss in losses:
        sums[loss.kind] = sums.get(loss.kind, 0) + loss.count
    named = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{kind} {count}" for kind, count in named[:_KINDS_TOLD])
    more = f" and {len(named) - _KINDS_TOLD} more types" if len(named) > _KINDS_TOLD else ""
    total = sum(sums.values())
    return f"{begin}, which dropped {total} {'entity' if total == 1 else 'entities'}: {told}{more}"
