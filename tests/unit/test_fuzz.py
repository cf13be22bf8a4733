"""Drawings damaged at random, with a fixed seed: each ends as a report or an error of ours, and the ledger adds up.

DXFD_FUZZ sets how many (default 210), DXFD_FUZZ_SEED where to begin. A failure prints the number of its input.
"""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import ezdxf
import pytest

from dxfd.convert import pipeline
from dxfd.convert.types import Began, ResumePolicy
from dxfd.errors import DxfdError
from tests.support import convert as cv

COUNT = int(os.environ.get("DXFD_FUZZ", "210"))
SEED = int(os.environ.get("DXFD_FUZZ_SEED", "0"))
VALUES = (
    b"", b"0", b"-1", b"1", b"nan", b"inf", b"1e308", b"-1e308", b"1e-308", b"1e400", b"99999999999999999999",
    b"4294967296", b"2147483647", b"-2147483648", b"9007199254740993", b"abc", b"\xff\xfe", b"\x00", b"*MODEL_SPACE",
    b"SECTION", b"ENDSEC", b"SEQEND", b"VERTEX", b"BLOCK", b"ENDBLK", b"EOF", b"POLYLINE", b"INSERT", b"A" * 3000,
    b"\\U+D800", b"\\M+1FFFF", "墙".encode(), b"1_0", b"+1", b" 1 ", b"0x10", b"1,5", b"1.5.2",
)  # fmt: skip
CODES = (b"0", b"10", b"42", b"70", b"71", b"90", b"101", b"210", b"230", b"999", b"1071", b"1072", b"-5", b"1e1", b"x")


def _rich() -> bytes:
    """Return a drawing with something of everything."""
    doc = ezdxf.new("R2010")
    doc.header["$INSUNITS"] = 4
    inner = doc.blocks.new("INNER")
    inner.add_circle((0, 0), 100)
    outer = doc.blocks.new("OUTER", base_point=(10, 10))
    outer.add_blockref("INNER", (100, 0), dxfattribs={"rotation": 30, "xscale": -1})
    outer.add_lwpolyline([(0, 0, 0, 0, 0.5), (500, 0), (500, 300)], close=True)
    outer.add_attdef("MARK", (0, 0))
    msp = doc.modelspace()
    msp.add_line((0, 0), (1000, 500), dxfattribs={"layer": "A-WALL"})
    msp.add_circle((0, 0), 500, dxfattribs={"extrusion": (0, 0, -1)})
    msp.add_arc((0, 0), 300, 10, 200)
    msp.add_ellipse((0, 0), (400, 0), 0.4, 0, 3)
    msp.add_point((1, 2, 3))
    msp.add_lwpolyline([(0, 0, 0, 0, 1), (1000, 0), (1000, 800, 0, 0, -0.3), (0, 900)], close=True)
    msp.add_polyline2d([(0, 0), (300, 0), (300, 300)])
    msp.add_polyline3d([(0, 0, 0), (0, 0, 500), (100, 100, 900)])
    msp.add_polymesh((3, 3))
    msp.add_polyface().append_faces([[(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1)]])
    msp.add_3dface([(0, 0), (1000, 0), (1000, 1000), (0, 1000)])
    msp.add_solid([(0, 0), (10, 0), (0, 10), (10, 10)])
    msp.add_text("Büro %%d", dxfattribs={"height": 200})
    msp.add_mtext("{\\fArial;Hall}\\PNorth")
    msp.add_blockref(
        "OUTER", (100, 100), dxfattribs={"rotation": 45, "column_count": 3, "column_spacing": 900}
    ).add_attrib("MARK", "D-01", (0, 0))
    msp.add_spline([(0, 0), (100, 50), (200, -80), (300, 0)])
    hatch = msp.add_hatch()
    hatch.paths.add_polyline_path([(0, 0), (100, 0), (100, 100)], is_closed=True)
    with msp.add_mesh().edit_data() as mesh:
        mesh.add_face([(0, 0, 0), (1, 0, 0), (1, 1, 0)])
    msp.add_leader([(0, 0), (100, 100), (200, 100)])
    doc.paperspace().add_line((0, 0), (1, 1))
    out = io.StringIO()
    doc.write(out)
    return out.getvalue().encode()


def _thin() -> bytes:
    """Return the smallest drawings' kind: no tables, no handles, CRLF."""
    blocks = cv.entity("BLOCK", (2, "B"), (10, 0), (20, 0)) + cv.line(3) + cv.entity("ENDBLK")
    curve = "".join(cv.entity("VERTEX", (10, x), (20, x * x), (42, 0.5)) for x in range(5)) + cv.entity("SEQEND")
    place = cv.entity("INSERT", (2, "B"), (10, 5), (20, 5), (41, 2))
    body = cv.line(0) + cv.line(1) + place + cv.entity("POLYLINE", (66, 1), (70, 1)) + curve
    return cv.drawing(body, blocks=blocks).replace("\n", "\r\n").encode()


def _entities_only() -> bytes:
    return (
        cv.section("ENTITIES", "".join(cv.line(n) for n in range(4)) + cv.entity("CIRCLE", (10, 1), (20, 1), (40, 9)))
        + cv.tag(0, "EOF")
    ).encode()


def _mutate(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    kind = rng.randrange(10)
    at = rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if kind == 2:
        other = rng.choice(others)
        return data[:at] + other[rng.randrange(len(other)) :]
    lines = data.split(b"\n")
    row = rng.randrange(len(lines))
    size = rng.choice((1, 1, 2, 2, 3, 10, 40))
    if kind == 3:
        del lines[row : row + size]
    elif kind == 4:
        lines[row:row] = lines[row : row + size] * rng.choice((1, 2, 30))
    elif kind == 5:
        lines[row] = rng.choice(VALUES)
    elif kind == 6:
        lines[row | 1 if row | 1 < len(lines) else row] = rng.choice(VALUES)
    elif kind == 7:
        lines[row & ~1] = rng.choice(CODES)
    elif kind == 8:
        other = rng.randrange(len(lines))
        lines[row], lines[other] = lines[other], lines[row]
    else:
        numbers = [k for k in range(1, len(lines), 2) if lines[k].strip().replace(b".", b"").isdigit()]
        for k in rng.sample(numbers, min(len(numbers), 3)):
            lines[k] = rng.choice(VALUES[:15])
    return b"\n".join(lines)


def _input(number: int, seeds: list[bytes]) -> bytes:
    rng = random.Random(number)
    data = rng.choice(seeds)
    if rng.random() < 0.6:  # the header of a real drawing is most of it; what is worth breaking stands behind
        mark = data.find(b"ENTITIES") if rng.random() < 0.7 else data.find(b"BLOCKS")
        head, data = data[: max(mark, 0)], data[max(mark, 0) :]
    else:
        head = b""
    for _ in range(rng.choice((1, 1, 2, 4))):
        if data:
            data = _mutate(data, rng, seeds)
    return head + data


@pytest.mark.timeout(max(180, COUNT))
@pytest.mark.parametrize("part", range(3))
def test_a_damaged_drawing_ends_as_a_report_or_as_an_error_of_ours(part: int):
    with cv.fast_folder() as name:
        fuzz(Path(name), part)


def fuzz(tmp_path: Path, part: int) -> None:
    seeds = [_rich(), _thin(), _entities_only()]
    templates = [cv.rules(tmp_path / f"{recipe}.toml", recipe) for recipe in ("curve", "wall", "slab", "pipe")]
    source, output = tmp_path / "in.dxf", tmp_path / "out.db"
    for number in range(SEED + part, SEED + COUNT, 3):
        source.write_bytes(_input(number, seeds))
        began: list[object] = []
        try:
            report = pipeline.convert(
                cv.options(source, output, templates=templates[number % 4], resume=ResumePolicy.RESTART),
                on_event=lambda e, began=began: began.append(e) if isinstance(e, Began) else None,
                should_leave=lambda: None,
            )
        except DxfdError:
            assert not output.exists(), f"input {number}: an error, and yet a database"
            continue
        except Exception as error:
            raise AssertionError(
                f"input {number} (tests/unit/test_fuzz.py): {type(error).__name__}: {error}"
            ) from error
        assert cv.adds_up(report), f"input {number}: the ledger does not add up"
        output.unlink()
