"""A small drawing that has one of everything an export must carry, and what is needed to look into the results."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import convert as cv

ELL = ((0, 5000), (3000, 5000), (3000, 5300), (300, 5300), (300, 8000), (0, 8000))
LINE = re.compile(r"#(\d+)=([A-Z0-9]+)\((.*)\);")
REFERENCE = re.compile(r"#(\d+)")
LITERAL = re.compile(r"'(?:[^']|'')*'")


def ring(kind_layer: str, handle: str, points: list[tuple[float, float]], z: float = 0.0) -> str:
    """Return a closed LWPOLYLINE, millimetres."""
    corners = [pair for x, y in points for pair in ((10, x), (20, y))]
    return cv.entity("LWPOLYLINE", (90, len(points)), (70, 1), (38, z), *corners, handle=handle, layer=kind_layer)


def run(kind: str, handle: str, layer: str, points: list[tuple[float, float, float]]) -> str:
    """Return an open 3D POLYLINE or a LINE."""
    if kind == "LINE":
        (ax, ay, az), (bx, by, bz) = points
        return cv.entity("LINE", (10, ax), (20, ay), (30, az), (11, bx), (21, by), (31, bz), handle=handle, layer=layer)
    body = cv.entity("POLYLINE", (66, 1), (10, 0), (20, 0), (30, 0), (70, 8), handle=handle, layer=layer)
    for x, y, z in points:
        body += cv.entity("VERTEX", (10, x), (20, y), (30, z), (70, 32), layer=layer)
    return body + cv.entity("SEQEND", layer=layer)


def insert(handle: str, layer: str, name: str, at: tuple[float, float], turn: float = 0.0, **attributes: str) -> str:
    """Return an INSERT with ATTRIBs."""
    body = cv.entity(
        "INSERT", (2, name), (66, int(bool(attributes))), (10, at[0]), (20, at[1]), (30, 0.0), (50, turn),
        handle=handle, layer=layer,
    )  # fmt: skip
    for key, value in attributes.items():
        body += cv.entity("ATTRIB", (10, at[0]), (20, at[1]), (40, 1), (1, value), (2, key), (70, 0), layer=layer)
    return body + (cv.entity("SEQEND", layer=layer) if attributes else "")


def block(name: str, content: str) -> str:
    """Return a block definition."""
    head = cv.entity("BLOCK", (2, name), (70, 0), (10, 0), (20, 0), (30, 0), (3, name), layer="0")
    return head + content + cv.entity("ENDBLK", layer="0")


def building(shift: float = 0.0) -> str:
    """Return a drawing of a small building, millimetres, moved along x."""
    s = shift
    seat = ring("0", "20", [(-250, -250), (250, -250), (250, 250), (-250, 250)])
    parts = [
        run("LINE", "100", "A-WALL", [(s, 0, 0), (s + 6000, 0, 0)]),
        run("LINE", "101", "A-WALL", [(s, 0, 0), (s + 3000, 4000, 0)]),
        ring("A-WALL", "102", [(s + x, y) for x, y in ELL]),
        ring("S-SLAB", "103", [(s, 0), (s + 9000, 0), (s + 9000, 9000), (s, 9000)], 3000),
        ring("S-COLS", "104", [(s + 8000, 200), (s + 8400, 200), (s + 8400, 600), (s + 8000, 600)]),
        run("LINE", "105", "P-PIPE", [(s, 1000, 2800), (s + 4000, 1000, 2800)]),
        run("POLYLINE", "106", "P-PIPE", [(s, 2000, 2800), (s + 4000, 2000, 2800), (s + 4000, 6000, 2600)]),
        run("LINE", "107", "M-DUCT", [(s, 3000, 2500), (s + 5000, 3000, 2500)]),
        cv.entity("CIRCLE", (10, s + 5000), (20, 5000), (30, 0), (40, 200), handle="108", layer="S-COLS"),
        cv.entity("3DFACE", *((c + a, v) for c, p in enumerate(
            [(s, 0, 4000), (s + 9000, 0, 4000), (s + 9000, 9000, 5000), (s, 9000, 5000)], start=10)
            for a, v in zip((0, 10, 20), p, strict=True)), handle="109", layer="A-ROOF"),
        run("LINE", "10A", "E-CABL", [(s, 0, 2900), (s + 5000, 5000, 2900)]),
        insert("10B", "A-FURN", "CHAIR", (s + 1000, 7000)),
        insert("10C", "A-FURN", "CHAIR", (s + 2000, 7000), 30.0, NO="4", NAME="Größe 'S' \\ 椅子"),
        insert("10D", "A-DOOR", "DOOR_900", (s + 4000, 0), 0.0, MARK="D1"),
        run("LINE", "10E", "A-WALL-O'Brien \u00e9", [(s, 8500, 0), (s + 500, 8500, 0)]),
    ]  # fmt: skip
    blocks = block("CHAIR", seat) + block("DOOR_900", ring("0", "21", [(0, 0), (900, 0), (900, 50), (0, 50)]))
    head = cv.header(version="AC1021")
    return cv.drawing("".join(parts), blocks=blocks, head=head)


def database(folder: Path, shift: float = 0.0) -> Path:
    """Convert the small building; return the database."""
    return cv.convert(cv.write(folder / "building.dxf", building(shift))).output


def instances(path: Path) -> dict[int, tuple[str, str]]:
    """Return an IFC file's instances: number to (keyword, arguments); every line must be one."""
    found: dict[int, tuple[str, str]] = {}
    data = path.read_text("ascii").split("DATA;\n", 1)[1]
    for line in data.removesuffix("ENDSEC;\nEND-ISO-10303-21;\n").splitlines():
        match = LINE.fullmatch(line)
        assert match, line[:200]
        number = int(match[1])
        assert number not in found
        found[number] = (match[2], match[3])
    return found


def referred(arguments: str) -> list[int]:
    """Return the numbers that arguments refer to."""
    return [int(n) for n in REFERENCE.findall(LITERAL.sub("", arguments))]
