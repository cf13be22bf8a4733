"""Block definitions that are read when they are first asked for: many drawings never do. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dxfd.convert.build.blocks import Blocks
from dxfd.convert.build.means import Means
from dxfd.convert.read.stream import Stream


class LazyBlocks(Blocks):
    """Reads the BLOCKS section when the first extents are asked for."""

    def __init__(
        self, codec: str, metres: float, means: Means, folder: Path, stream: Stream, tick: Callable[[], None]
    ) -> None:
        super().__init__(codec, metres, means, folder)
        self._stream: Stream | None = stream
        self._tick = tick

    def __contains__(self, name: str) -> bool:
        self._load()
        return super().__contains__(name)

    def extents(self, name: str) -> Any:
        """Return the extents; see Blocks."""
        self._load()
        return super().extents(name)

    def solid(self, name: str) -> Any:
        """Return the body; see Blocks."""
        self._load()
        return super().solid(name)

    def take_notes(self) -> Iterator[tuple[str, str]]:
        """Yield what was met since the last call."""
        notes, self.notes = self.notes, []
        yield from notes

    def _load(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            self.read(stream.chunks(stream.first_place()), self._tick)
