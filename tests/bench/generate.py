"""Drawings of any size with mixed entities, for benchmarks: deterministic for a count and a seed.

The frame (header, tables, blocks, objects) comes from ezdxf, the entities are written as text: a million in seconds.
Usage: python -m tests.bench.generate OUT.dxf COUNT
"""

from __future__ import annotations

import io
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import ezdxf

LAYERS = (
    "A-WALL", "A-DOOR", "A-FLOR", "A-FURN", "S-COLS", "S-BEAM", "M-DUCT", "P-PIPE",
    "E-LITE", "E-CABL", "F-SPRN", "F-PIPE", "A-ANNO-TEXT", "G-GRID", "C-TOPO", "A-GLAZ",
)  # fmt: skip
BLOCKS = ("DOOR_900", "CHAIR", "SPRINKLER", "LIGHT_600", "DIFFUSER", "VALVE")


def frame(next_handle: str) -> tuple[str, str]:
    """Return the text before the first entity and after the last one, with $HANDSEED behind all handles."""
    doc = ezdxf.new("R2000", setup=False)
    doc.header["$INSUNITS"] = 4
    doc.header["$EXTMIN"] = (0, 0, 0)
    doc.header["$EXTMAX"] = (200000, 150000, 12000)
    for layer in LAYERS:
        doc.layers.add(layer)
    for name in BLOCKS:
        block = doc.blocks.new(name)
        block.add_lwpolyline([(-450, -300), (450, -300), (450, 300), (-450, 300)], close=True)
        block.add_line((-450, -300), (450, 300))
        block.add_circle((0, 0), 200)
    stream = io.StringIO()
    doc.write(stream)
    text = re.sub(r"(\$HANDSEED\n  5\n)[0-9A-F]+", rf"\g<1>{next_handle}", stream.getvalue())
    mark = "  2\nENTITIES\n"
    cut = text.index(mark) + len(mark)
    return text[:cut], text[cut:]


def entities(count: int, seed: int = 1) -> Iterator[str]:
    """Yield entities as text: 40 % LINE, 15 % LWPOLYLINE and INSERT each, 10 % ARC, 8 % CIRCLE, 6 % TEXT and 3DFACE."""
    rng = random.Random(seed)
    owner = "17"
    for i in range(count):
        handle = f"{0x10000 + i:X}"
        layer = LAYERS[rng.randrange(len(LAYERS))]
        x, y, z = rng.random() * 200000, rng.random() * 150000, rng.randrange(4) * 3000.0
        head = f"\n  5\n{handle}\n330\n{owner}\n100\nAcDbEntity\n  8\n{layer}\n"
        kind = rng.random()
        if kind < 0.40:
            yield (
                f"  0\nLINE{head}100\nAcDbLine\n 10\n{x}\n 20\n{y}\n 30\n{z}\n"
                f" 11\n{x + rng.random() * 8000 - 4000}\n 21\n{y + rng.random() * 8000 - 4000}\n 31\n{z}\n"
            )
        elif kind < 0.55:
            n = rng.randrange(3, 9)
            points = "".join(
                f" 10\n{x + rng.random() * 5000}\n 20\n{y + rng.random() * 5000}\n" + (" 42\n0.5\n" if k == 1 else "")
                for k in range(n)
            )
            yield (
                f"  0\nLWPOLYLINE{head}100\nAcDbPolyline\n 90\n{n}\n 70\n{rng.randrange(2)}\n"
                f" 43\n0.0\n 38\n{z}\n{points}"
            )
        elif kind < 0.70:
            block = BLOCKS[rng.randrange(len(BLOCKS))]
            yield (
                f"  0\nINSERT{head}100\nAcDbBlockReference\n  2\n{block}\n 10\n{x}\n 20\n{y}\n 30\n{z}\n"
                f" 41\n1.0\n 42\n1.0\n 43\n1.0\n 50\n{rng.randrange(24) * 15.0}\n"
            )
        elif kind < 0.80:
            yield (
                f"  0\nARC{head}100\nAcDbCircle\n 10\n{x}\n 20\n{y}\n 30\n{z}\n 40\n{rng.random() * 2000 + 50}\n"
                f"100\nAcDbArc\n 50\n{rng.random() * 360}\n 51\n{rng.random() * 360}\n"
            )
        elif kind < 0.88:
            yield f"  0\nCIRCLE{head}100\nAcDbCircle\n 10\n{x}\n 20\n{y}\n 30\n{z}\n 40\n{rng.random() * 500 + 20}\n"
        elif kind < 0.94:
            yield (
                f"  0\nTEXT{head}100\nAcDbText\n 10\n{x}\n 20\n{y}\n 30\n{z}\n 40\n250.0\n  1\nRoom {i % 997}\n"
                f" 50\n{rng.randrange(4) * 90.0}\n100\nAcDbText\n"
            )
        else:
            corners = "".join(
                f" 1{k}\n{x + dx}\n 2{k}\n{y + dy}\n 3{k}\n{z + dz}\n"
                for k, (dx, dy, dz) in enumerate(((0, 0, 0), (1000, 0, 0), (1000, 0, 3000), (0, 0, 3000)))
            )
            yield f"  0\n3DFACE{head}100\nAcDbFace\n{corners}"


def write(path: Path, count: int, seed: int = 1) -> Path:
    """Write a drawing with `count` entities to `path`."""
    before, after = frame(f"{0x10000 + count + 1:X}")
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(before)
        buffer: list[str] = []
        for text in entities(count, seed):
            buffer.append(text)
            if len(buffer) == 20_000:
                out.write("".join(buffer))
                buffer.clear()
        out.write("".join(buffer))
        out.write(after)
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
