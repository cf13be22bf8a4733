"""Drawings that ask for memory: as many blocks, layers, messages or equal handles as entities. Peak of each conversion.

`python -m tests.bench.hostile [KIND ...] [--count N]`; the growth from a quarter of the count to the whole of it is
what an entity takes for good.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dxfd.config.units import parse_bytes
from tests.bench.measure import MB, measure
from tests.support import convert as cv

KINDS: Final = {
    "plain": (), "blocks": (), "nested": (), "exploded": ("--blocks", "explode"), "layers": (), "missing": (),
    "equal handles": (),
}  # fmt: skip
"""What is asked for, and the options that go with it."""


def blocks(kind: str, count: int) -> Iterator[str]:
    """Yield block definitions: three lines each, and a reference to one before it."""
    for k in range(count if kind in {"blocks", "nested", "exploded"} else 0):
        lines = "".join(cv.entity("LINE", (10, n), (20, k % 1000), (11, n + 900), (21, 300)) for n in range(3))
        below = cv.entity("INSERT", (2, f"DOOR-{k - 1:07d}"), (10, 5), (20, 5)) if kind == "nested" and k % 50 else ""
        yield f"{cv.entity('BLOCK', (2, f'DOOR-{k:07d}'), (10, 0), (20, 0))}{lines}{below}{cv.entity('ENDBLK')}"


def entities(kind: str, count: int) -> Iterator[str]:
    """Yield as many entities."""
    rng = random.Random(1)
    for k in range(count):
        place = (10, rng.random() * 200_000), (20, rng.random() * 150_000)
        handle = "77" if kind == "equal handles" else f"{k + 256:X}"
        if kind in {"blocks", "nested", "exploded", "missing"}:
            yield cv.entity("INSERT", (2, f"DOOR-{k:07d}"), *place, handle=handle, layer="A-DOOR")
        else:
            layer = f"A-WALL-{k:07d}" if kind == "layers" else "A-WALL"
            yield cv.entity("LINE", *place, (11, 0), (21, 0), handle=handle, layer=layer)


def write(path: Path, kind: str, count: int) -> None:
    """Write a drawing."""
    with path.open("w") as file:
        head, tail = cv.drawing("\0", blocks="\1").split("\1")
        between, end = tail.split("\0")
        file.write(head)
        file.writelines(blocks(kind, count))
        file.write(between)
        file.writelines(entities(kind, count))
        file.write(end)


def peak_mb(folder: Path, kind: str, count: int, limit: str) -> float:
    """Return the peak of a conversion in MB."""
    source = folder / "hostile.dxf"
    write(source, kind, count)
    argv = [sys.executable, "-m", "dxfd", "convert", "--quiet", "--restart", "--max-memory", limit, *KINDS[kind]]
    return measure([*argv, str(source), str(folder / "hostile.db")], folder / "log").peak_rss_bytes / MB


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--max-memory", default="300M")
    arguments = parser.parse_args()
    print(f"limit {parse_bytes(arguments.max_memory) >> 20} MB")
    for kind in arguments.kinds or KINDS:
        count = arguments.count // 10 if kind == "exploded" else arguments.count
        with tempfile.TemporaryDirectory(prefix="dxfd-hostile-") as name:
            small, large = (peak_mb(Path(name), kind, n, arguments.max_memory) for n in (count // 4, count))
        growth = (large - small) * MB / (count - count // 4)
        print(f"{kind:>14} {count // 4:>9,}: {small:6.0f} MB {count:>9,}: {large:6.0f} MB   {growth:7.0f} bytes each")


if __name__ == "__main__":
    main()
