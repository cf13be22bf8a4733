"""Boxes of the elements written so far, in a nameless file beside the output: 24 bytes an element, none in memory.

The spatial index needs them all at once at the end; reading them back from the database costs six times as much. A
resumed run has only its own: then the database is read.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from dxfd.convert.build.ragged import Floats
from dxfd.convert.write.rtree import Boxes, outward
from dxfd.errors import DiskFullError


class BoxSpool:
    """Collects boxes in the order of their ids. Close it."""

    def __init__(self, folder: Path, first_id: int) -> None:
        self.complete = first_id == 1
        """Whether the boxes begin with the first element."""
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".dxfd-boxes-") if self.complete else None  # noqa: SIM115

    def add(self, center: Floats, size: Floats) -> None:
        """Append boxes: centre and size (n, 3) each, metres."""
        if self._file is None:
            return
        try:
            self._file.write(outward(center, size).tobytes())
        except OSError as error:
            raise DiskFullError("the disk is full: no room for the boxes of the spatial index") from error

    def boxes(self) -> Boxes:
        """Return all boxes (n, 6)."""
        if self._file is None:
            return np.empty((0, 6), dtype=np.float32)
        self._file.seek(0)
        return np.frombuffer(self._file.read(), dtype=np.float32).reshape(-1, 6)

    def close(self) -> None:
        """Give the file's room back."""
        if self._file is not None:
            self._file.close()
