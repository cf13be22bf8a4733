"""Drawings of curves and of nested blocks, for benchmarks, and ezdxf's own flattening loop to be held against.

Usage: python -m tests.bench.curves {curves|nested|flatten|rules} PATH [COUNT]. curves: COUNT entities, a third each
of SPLINE, HATCH and MTEXT. nested: COUNT blocks that insert the one before and a curve each, and COUNT² references.
flatten: read a drawing with ezdxf and flatten all its curves to 5 mm. rules: a rule set that takes all. Deterministic.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.generate import LAYERS, frame

TYPES = ("SPLINE", "HATCH", "MTEXT", "INSERT")
TOLERANCE_MM = 5.0


def rules(path: Path) -> Path:
    """Write a rule set that makes an element of everything in these drawings."""
    names = ", ".join(f'"{name}"' for name in TYPES)
    path.write_text(
        'version = 1\n[[rule]]\nid = "all"\nifc_class = "IfcWall"\ndiscipline = "ARC"\nrecipe = "curve"\n'
        f'block_recipe = "box"\ntypes = [{names}]\n'
    )
    return path


def curves(count: int, seed: int = 1) -> Iterator[str]:
    """Yield entities as text: splines of 4 to 12 control points, hatches with an island or with arcs, words."""
    rng = random.Random(seed)
    for i in range(count):
        layer = LAYERS[rng.randrange(len(LAYERS))]
        head = f"\n  5\n{0x10000 + i:X}\n330\n17\n100\nAcDbEntity\n  8\n{layer}\n"
        x, y = rng.random() * 200000, rng.random() * 150000
        if i % 3 == 0:
            yield f"  0\nSPLINE{head}{_spline(rng, x, y)}"
        elif i % 3 == 1:
            yield f"  0\nHATCH{head}{_hatch(rng, x, y, arcs=i % 2 == 0)}"
        else:
            yield (
                f"  0\nMTEXT{head}100\nAcDbMText\n 10\n{x}\n 20\n{y}\n 30\n0.0\n 40\n250.0\n 41\n4000.0\n 71\n1\n"
                f"  1\n{{\\fArial|b1;Room}} {i % 997}\\PLevel {i % 7}\n"
            )


def _spline(rng: random.Random, x: float, y: float) -> str:
    n = rng.randrange(4, 13)
    knots = [0] * 4 + list(range(1, n - 3)) + [n - 3] * 4
    points = [(x + 600 * k, y + rng.random() * 4000, rng.random() * 300) for k in range(n)]
    return (
        f"100\nAcDbSpline\n 70\n8\n 71\n3\n 72\n{len(knots)}\n 73\n{n}\n 74\n0\n"
        + "".join(f" 40\n{float(k)}\n" for k in knots)
        + "".join(f" 10\n{px}\n 20\n{py}\n 30\n{pz}\n" for px, py, pz in points)
    )


def _hatch(rng: random.Random, x: float, y: float, *, arcs: bool) -> str:
    size = 500 + rng.random() * 4000
    if arcs:
        path = (
            f" 92\n1\n 93\n4\n 72\n2\n 10\n{x}\n 20\n{y}\n 40\n{size}\n 50\n0.0\n 51\n180.0\n 73\n1\n"
            f" 72\n1\n 10\n{x - size}\n 20\n{y}\n 11\n{x - size}\n 21\n{y - size}\n"
            f" 72\n1\n 10\n{x - size}\n 20\n{y - size}\n 11\n{x + size}\n 21\n{y - size}\n"
            f" 72\n1\n 10\n{x + size}\n 20\n{y - size}\n 11\n{x + size}\n 21\n{y}\n 97\n0\n"
        )
    else:
        path = _polygon(x, y, size, rng.randrange(5, 12), 3) + _polygon(x, y, size / 3, 4, 18)
    return (
        "100\nAcDbHatch\n 10\n0.0\n 20\n0.0\n 30\n0.0\n210\n0.0\n220\n0.0\n230\n1.0\n  2\nSOLID\n 70\n1\n 71\n0\n"
        f" 91\n{1 if arcs else 2}\n{path} 75\n0\n 76\n1\n 98\n0\n"
    )


def _polygon(x: float, y: float, size: float, corners: int, flags: int) -> str:
    """Return a polyline path of which every third side is bent."""
    turns = [2 * math.pi * k / corners for k in range(corners)]
    points = "".join(
        f" 10\n{x + size * math.cos(t)}\n 20\n{y + size * math.sin(t)}\n 42\n{0.4 if k % 3 == 0 else 0.0}\n"
        for k, t in enumerate(turns)
    )
    return f" 92\n{flags}\n 72\n1\n 73\n1\n 93\n{corners}\n{points} 97\n0\n"


def nested(blocks: int, inserts: int, seed: int = 1) -> tuple[str, Iterator[str]]:
    """Return the block definitions and the references to them."""
    rng = random.Random(seed)
    parts = []
    for i in range(blocks):
        inner = f"  0\nINSERT\n  8\n0\n  2\nN{i - 1}\n 10\n10.0\n 20\n5.0\n 50\n15.0\n" if i % 20 else ""
        parts.append(
            f"  0\nBLOCK\n  8\n0\n  2\nN{i}\n 70\n0\n 10\n0.0\n 20\n0.0\n 30\n0.0\n  3\nN{i}\n"
            f"  0\nSPLINE\n  8\n0\n{_spline(rng, 0.0, 0.0)}{inner}  0\nENDBLK\n  8\n0\n"
        )

    def references() -> Iterator[str]:
        for i in range(blocks * inserts):
            x, y = rng.random() * 200000, rng.random() * 150000
            yield (
                f"  0\nINSERT\n  5\n{0x10000 + i:X}\n  8\n{LAYERS[i % len(LAYERS)]}\n  2\nN{i % blocks}\n"
                f" 10\n{x:.3f}\n 20\n{y:.3f}\n 50\n{i % 24 * 15.0}\n"
            )

    return "".join(parts), references()


def write(path: Path, before: str, entities: Iterator[str], after: str) -> None:
    """Write a drawing."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(before)
        for text in entities:
            out.write(text)
        out.write(after)


def write_curves(path: Path, count: int) -> None:
    """Write a drawing of so many curves, hatches and texts."""
    before, after = frame(f"{0x10000 + count + 1:X}")
    write(path, before, curves(count), after)


def write_nested(path: Path, count: int) -> None:
    """Write a drawing of so many blocks and their square of references."""
    blocks, references = nested(count, count)
    head = "  0\nSECTION\n  2\nHEADER\n  9\n$ACADVER\n  1\nAC1015\n  9\n$INSUNITS\n 70\n4\n  0\nENDSEC\n"
    before = f"{head}  0\nSECTION\n  2\nBLOCKS\n{blocks}  0\nENDSEC\n  0\nSECTION\n  2\nENTITIES\n"
    write(path, before, references, "  0\nENDSEC\n  0\nEOF\n")


def flatten(path: Path) -> int:
    """Read a drawing with ezdxf and flatten its curves, as a program that uses it would; return the points."""
    from ezdxf.filemanagement import readfile
    from ezdxf.path import from_hatch

    total = 0
    entity: Any
    for entity in readfile(path).modelspace():
        match entity.dxftype():
            case "SPLINE":
                total += sum(1 for _ in entity.flattening(TOLERANCE_MM))
            case "HATCH":
                total += sum(1 for boundary in from_hatch(entity) for _ in boundary.flattening(TOLERANCE_MM))
            case "MTEXT":
                total += len(entity.plain_text()) > 0
    return total


if __name__ == "__main__":
    match sys.argv[1]:
        case "curves":
            write_curves(Path(sys.argv[2]), int(sys.argv[3]))
        case "rules":
            rules(Path(sys.argv[2]))
        case "nested":
            write_nested(Path(sys.argv[2]), int(sys.argv[3]))
        case _:
            print(flatten(Path(sys.argv[2])))
