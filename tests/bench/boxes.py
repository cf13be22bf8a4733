"""The spatial index alone: as many boxes as asked for, packed and written; processor time and peak of the process.

`python -m tests.bench.boxes [COUNT]` (ten million). Measured: 62 MB before the first box, 115 MB once ten million are
packed (4.5 s), 165 MB once they are written (2.5 s), 50 MB of it SQLite's pages; a million take 109 MB and 0.6 s.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from dxfd.convert import memory
from dxfd.convert.write.database import Database
from dxfd.convert.write.rtree import load, pack
from dxfd.convert.write.spool import BoxSpool

_BATCH: Final = 20_000
_SITE_M: Final = 100_000.0


def say(what: str, began: float) -> None:
    """Print a step's processor time and the peak so far."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<8}{time.process_time() - began:8.2f} s{peak_mb:8.0f} MB")


def main(count: int) -> None:
    """Index the boxes and print what that takes."""
    memory.use_system_allocator()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.process_time()
        spool = BoxSpool(folder)
        say("nothing", began)
        for _ in range(0, count, _BATCH):
            spool.add(rng.uniform(0, _SITE_M, (_BATCH, 3)), rng.uniform(0.1, 5, (_BATCH, 3)))
        say("boxes", began)
        began = time.process_time()
        packed = pack(spool)
        say("packed", began)
        began = time.process_time()
        with Database(folder / "out.db", large=True) as database:
            database.execute("BEGIN IMMEDIATE")
            load(database, packed)
            database.execute("COMMIT")
        say("written", began)
        packed.close()
        spool.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
