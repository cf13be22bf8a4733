"""A drawing with something of everything that leaves a trace in the result; deterministic for a count.

The more tables it fills, the more a crash can spoil.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench.generate import entities, frame

EVERY = 12
"""One entity of the rarer kinds follows so many common ones."""


def write_rich_drawing(path: Path, common: int, seed: int = 1) -> Path:
    """Write a drawing of so many common entities, and one rarer to each dozen; return its path."""
    before, after = frame("FFFFFFF")
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(before)
        for number, text in enumerate(entities(common, seed)):
            out.write(text)
            if number % EVERY == 0:
                out.write("".join(_rare(number // EVERY)))
        out.write(after)
    return path


def _head(kind: str, handle: int, layer: str, extra: str = "") -> str:
    return f"  0\n{kind}\n  5\n{handle:X}\n100\nAcDbEntity\n{extra}  8\n{layer}\n"


def _rare(number: int) -> Iterator[str]:
    handle, x, y = 0x900000 + 16 * number, number * 750.0, (number % 7) * 900.0
    kind = number % 7
    if kind == 0:  # a handle that stands twice gives the later element another identifier
        ends = f" 10\n{x}\n 20\n{y}\n 30\n0.0\n 11\n{x + 2500}\n 21\n{y}\n 31\n0.0\n"
        yield _head("LINE", 0x900000, "A-WALL") + "100\nAcDbLine\n" + ends
    elif kind == 1:  # attributes become properties
        place = f" 10\n{x}\n 20\n{y}\n 30\n0.0\n"
        yield _head("INSERT", handle, "A-DOOR") + f"100\nAcDbBlockReference\n 66\n1\n  2\nDOOR_900\n{place}"
        for k, (tag, value) in enumerate((("MARK", f"D{number}"), ("FIRE", "EI30"), ("MAKER", f"Wörks {number % 3}"))):
            yield _head("ATTRIB", handle + 1 + k, "A-DOOR") + f"100\nAcDbText\n{place} 40\n200.0\n  1\n{value}\n"
            yield f"100\nAcDbAttribute\n  2\n{tag}\n 70\n0\n"
        yield _head("SEQEND", handle + 9, "A-DOOR")
    elif kind == 2:  # an error: an issue with handle and line
        yield _head("CIRCLE", handle, "S-COLS") + f"100\nAcDbCircle\n 10\nnowhere\n 20\n{y}\n 30\n0.0\n 40\n300.0\n"
    elif kind == 3:  # a type that goes the long way
        points = "".join(f" 10\n{x + 400 * k}\n 20\n{y + 300 * (k % 2)}\n 30\n0.0\n" for k in range(4))
        knots = "".join(f" 40\n{k}\n" for k in (0, 0, 0, 0, 1, 1, 1, 1))
        yield (
            _head("SPLINE", handle, "E-CABL")
            + f"100\nAcDbSpline\n 70\n8\n 71\n3\n 72\n8\n 73\n4\n 74\n0\n{knots}{points}"
        )
    elif kind == 4:  # an old polyline with its vertices behind it
        yield _head("POLYLINE", handle, "A-WALL") + "100\nAcDb2dPolyline\n 66\n1\n 70\n1\n"
        for k, (dx, dy) in enumerate(((0, 0), (4000, 0), (4000, 3000))):
            yield _head("VERTEX", handle + 1 + k, "A-WALL") + "100\nAcDbVertex\n100\nAcDb2dVertex\n"
            yield f" 10\n{x + dx}\n 20\n{y + dy}\n 30\n0.0\n"
        yield _head("SEQEND", handle + 9, "A-WALL")
    elif kind == 5:  # paper space, and a block that is not there
        yield (
            _head("LINE", handle, "A-WALL", " 67\n1\n") + f"100\nAcDbLine\n 10\n{x}\n 20\n{y}\n 11\n{x + 9}\n 21\n{y}\n"
        )
        yield (
            _head("INSERT", handle + 1, "A-FURN")
            + f"100\nAcDbBlockReference\n  2\nGONE\n 10\n{x}\n 20\n{y}\n 30\n0.0\n"
        )
    else:  # a layer that no rule knows
        yield _head("POINT", handle, f"MISC-{number % 5}") + f"100\nAcDbPoint\n 10\n{x}\n 20\n{y}\n 30\n0.0\n"
