"""Boxes of the elements written so far, in a nameless file beside the output: 24 bytes an element, none in memory.

The spatial index needs them all at once at the end; reading them back from the database costs six times as much. A
resumed run has only its own: then the database is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from dxfd.convert.build.ragged import Floats
from dxfd.convert.scratch import let_go, refused, scratch

Boxes = npt.NDArray[np.float32]
"""(n, 6) minX maxX minY maxY minZ maxZ."""
_PIECE: Final = 1 << 16
"""Boxes read at once: 1.5 MB."""
_WHAT: Final = "the boxes of the spatial index"


def outward(center: Floats, size: Floats) -> Boxes:
    """Return (n, 6) float32 boxes that contain the given ones: rounded outwards as the rtree module does."""
    out = np.empty((len(center), 6), dtype=np.float32)
    for k in range(3):
        low, high = center[:, k] - size[:, k] / 2, center[:, k] + size[:, k] / 2
        low4, high4 = low.astype(np.float32), high.astype(np.float32)
        out[:, 2 * k] = np.where(low4 > low, np.nextafter(low4, np.float32(-np.inf)), low4)
        out[:, 2 * k + 1] = np.where(high4 < high, np.nextafter(high4, np.float32(np.inf)), high4)
    return out


class BoxSpool:
    """Collects boxes in the order of their ids, and what is to be known of all of them. Close it.

    Attributes:
        folder: where its file lies, and those made from it.
        complete: the boxes begin with the first element.
        count: boxes so far.
        low, high: (3,) float64 extents of all; 0 without any.
        across: least and greatest of minX + maxX.
    """

    def __init__(self, folder: Path, first_id: int = 1) -> None:
        self.folder = folder
        self.complete = first_id == 1
        self.count = 0
        self._low, self._high = np.full(3, np.inf), np.full(3, -np.inf)
        self.across = (np.inf, -np.inf)
        self._file = scratch(folder, "boxes") if self.complete else None

    def add(self, center: Floats, size: Floats) -> None:
        """Append boxes: centre and size (n, 3) each, metres."""
        if self._file is None or not len(center):
            return
        boxes = outward(center, size)
        self._low = np.minimum(self._low, boxes[:, 0::2].min(axis=0))
        self._high = np.maximum(self._high, boxes[:, 1::2].max(axis=0))
        middle = boxes[:, 0] + boxes[:, 1]
        self.across = min(self.across[0], float(middle.min())), max(self.across[1], float(middle.max()))
        self.count += len(boxes)
        try:
            self._file.write(boxes.tobytes())
        except OSError as error:
            raise refused(error, _WHAT, self.folder) from error

    @property
    def low(self) -> Floats:
        """Lower corner of all boxes."""
        return self._low if self.count else np.zeros(3)

    @property
    def high(self) -> Floats:
        """Upper corner of all boxes."""
        return self._high if self.count else np.zeros(3)

    def pieces(self) -> Iterator[Boxes]:
        """Yield all boxes, some at a time."""
        if self._file is None:
            return
        try:
            self._file.seek(0)
            while data := self._file.read(_PIECE * 24):
                yield np.frombuffer(data, dtype=np.float32).reshape(-1, 6)
        except OSError as error:
            raise refused(error, _WHAT, self.folder) from error

    def close(self) -> None:
        """Give the file's room back."""
        if self._file is not None:
            let_go(self._file)
