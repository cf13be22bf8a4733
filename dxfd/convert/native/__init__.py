"""The hot loops in C, where the package was built with a compiler; without one the NumPy versions do the same work.

Both give the same bytes: tests compare them. `kernel` is None where there is no compiled module.
"""

from __future__ import annotations

import sys
from types import ModuleType

kernel: ModuleType | None
try:
    from dxfd.convert.native import _kernel as kernel
except ImportError:  # built without a compiler
    kernel = None
if sys.byteorder != "little":  # blobs are little-endian, and the C code writes the machine's order
    kernel = None
