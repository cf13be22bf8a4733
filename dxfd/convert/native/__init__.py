"""The hot loops in C, where the package was built with a compiler; without one slower ways do the same work.

`kernel` (text to columns to bodies) has NumPy versions beside it, `feed` (columns to rows) ADBC's own ingest. Both ways
give the same bytes: tests compare them. What is not there is None; `feed` also wants SQLite's headers when it is built.
"""

from __future__ import annotations

import sys
from types import ModuleType

kernel: ModuleType | None
feed: ModuleType | None
try:
    from dxfd.convert.native import _kernel as kernel
except ImportError:  # built without a compiler
    kernel = None
try:
    from dxfd.convert.native import _feed as feed
except ImportError:
    feed = None
if sys.byteorder != "little":  # blobs are little-endian, and the C code writes the machine's order
    kernel = None
