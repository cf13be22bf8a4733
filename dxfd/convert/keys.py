"""Equal rows to numbers, in order of appearance: what np.unique does, without sorting where the kernel is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dxfd.convert.native import kernel


def tally(rows: np.ndarray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the row that each distinct one first appears in (k,), and (n,) which of the k each row is.

    Args:
        rows: (n,) or (n, m); equal means equal bytes, so -0.0 and 0.0 differ.
    """
    rows = np.ascontiguousarray(rows)
    n = len(rows)
    if kernel is not None and n:
        index, first = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int64)
        found = kernel.tally(rows, rows.nbytes // n, index, first)
        return first[:found].copy(), index.astype(np.int64)
    whole = rows.reshape(n, -1) if n else np.empty((0, 1), dtype=rows.dtype)
    words = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()
    _, place, inverse = np.unique(words, return_index=True, return_inverse=True)
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return place[order].astype(np.int64), rank[inverse.ravel()] if n else np.empty(0, dtype=np.int64)
