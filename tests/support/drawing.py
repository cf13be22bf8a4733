"""Small drawings as text: walls as lines, deterministic for a count."""

from __future__ import annotations

from pathlib import Path

_HEAD = """  0
SECTION
  2
HEADER
  9
$ACADVER
  1
AC1015
  9
$INSUNITS
 70
     4
  0
ENDSEC
  0
SECTION
  2
ENTITIES
"""
_TAIL = """  0
ENDSEC
  0
EOF
"""


def line(number: int) -> str:
    """Return one LINE on layer A-WALL, 3 m long, in millimetres."""
    x, y = (number % 100) * 4000.0, (number // 100) * 1000.0
    return (
        f"  0\nLINE\n  5\n{0x100 + number:X}\n100\nAcDbEntity\n  8\nA-WALL\n100\nAcDbLine\n"
        f" 10\n{x}\n 20\n{y}\n 30\n0.0\n 11\n{x + 3000.0}\n 21\n{y}\n 31\n0.0\n"
    )


def write_drawing(path: Path, entities: int) -> Path:
    """Write a drawing of so many lines and return its path; about 110 bytes each."""
    with path.open("w") as file:
        file.write(_HEAD)
        file.writelines(line(number) for number in range(entities))
        file.write(_TAIL)
    return path
