"""Drawings damaged at random, with a fixed seed: each ends in time as a report or an error of ours, and all adds up.

Even numbers damage bytes and lines, odd ones tags (long values, entities moved and retyped, extremes, marks, remarks)
and forms (line ends, UTF-16, gzip, binary, code pages). Some are converted once more without the kernel, in tiny
chunks, or with interruptions: the rows must be the same.

DXFD_FUZZ sets how many (default 120), DXFD_FUZZ_SEED where to begin; DXFD_FUZZ_CORPUS=1 takes small real drawings as
seeds, too. A failure prints the number of its input. `python -m tests.unit.test_fuzz BEGIN END [STEP]` runs a piece,
tells all that escapes, and says what became of the rest.
"""

from __future__ import annotations

import collections
import functools
import gzip
import io
import os
import random
import re
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ezdxf
import pytest
from msgspec.structs import replace

from dxfd.convert import memory, pipeline
from dxfd.convert.types import EXPLODE, Colors, ConvertOptions, Damaged, Detail, HiddenLayers, Limits, ResumePolicy
from dxfd.errors import DxfdError, SourceError, UsageError
from tests.crash.compare import differences
from tests.support import convert as cv
from tests.support import damage, forms, otherwise
from tests.support.corpus import CORPUS

COUNT = int(os.environ.get("DXFD_FUZZ", "120"))
SEED = int(os.environ.get("DXFD_FUZZ_SEED", "0"))
LONGEST_S: Final = 30.0
"""Of processor time: these runs are the least of what a machine has to do."""
MOST_MB: Final = 700
"""The peak while an input is converted: 130 MB are libraries, and foreign code for rare types takes its part."""
AGAIN = int(os.environ.get("DXFD_FUZZ_AGAIN", "16"))
"""Of so many inputs of a kind one is converted again in each of the other ways; 3: every input in one of them."""
HUGE = ("1000000000", "2147483647", "-1", "65535", "4294967296", "1e9")
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


def _rare() -> bytes:
    """Return a drawing with the rarer types."""
    doc = ezdxf.new("R2018", setup=True)
    msp = doc.modelspace()
    block = doc.blocks.new("PART")
    block.add_spline([(0, 0), (5, 5), (9, 0)])
    block.add_hatch().paths.add_edge_path().add_ellipse((0, 0), (3, 0), 0.5)
    msp.add_mline([(0, 0), (9, 0), (9, 9)])
    msp.add_helix(10, 2, 3)
    msp.add_ray((0, 0), (1, 1))
    msp.add_xline((0, 0), (1, 0))
    msp.add_linear_dim(base=(0, 5), p1=(0, 0), p2=(9, 0)).render()
    msp.add_rational_spline([(0, 0), (3, 5), (6, -5), (9, 0)], [1, 2, 3, 4])
    msp.add_blockref("PART", (5, 5), dxfattribs={"row_count": 3, "column_count": 4, "row_spacing": 2})
    builder = msp.add_multileader_mtext("Standard")
    builder.set_content("word")
    builder.add_leader_line(ezdxf.render.mleader.ConnectionSide.left, [(-20, -5)])
    builder.build(insert=ezdxf.math.Vec2(5, 0))
    msp.add_image(doc.add_image_def("x.png", (10, 10)), (0, 0), (5, 5))
    msp.add_wipeout([(0, 0), (5, 0), (5, 5)])
    edges = msp.add_hatch().paths.add_edge_path()
    edges.add_arc((0, 0), 5, 0, 180)
    edges.add_line((-5, 0), (5, 0))
    edges.add_spline(control_points=[(0, 0), (1, 2), (3, 1), (4, 4)], degree=3, knot_values=[0, 0, 0, 0, 1, 1, 1, 1])
    polygon = msp.add_mpolygon()
    polygon.paths.add_polyline_path([(0, 0, 0.5), (9, 0), (9, 9)], is_closed=True)
    solid = msp.add_3dsolid()
    solid.dxf.uid = "x"
    msp.add_region()
    msp.add_line((0, 0), (1, 1)).set_xdata("ACAD", [(1000, "text"), (1040, 2.0), (1002, "{"), (1002, "}")])
    doc.layers.add("OFF", color=3).off()
    msp.add_circle((0, 0), 3, dxfattribs={"layer": "OFF", "thickness": 4})
    out = io.StringIO()
    doc.write(out)
    return out.getvalue().encode()


def _binary() -> bytes:
    doc = ezdxf.read(io.StringIO(_rich().decode()))
    out = io.BytesIO()
    doc.write(out, fmt="bin")
    return out.getvalue()


def _chinese() -> bytes:
    body = "".join(cv.entity("TEXT", (10, k), (20, 0), (1, "标高\\U+00E4"), layer="墙体") for k in range(5))
    extra = cv.tag(9, "$DWGCODEPAGE") + cv.tag(3, "ANSI_936")
    return cv.drawing(body, head=cv.header(extra=extra)).encode("gbk")


def seeds() -> list[bytes]:
    """Return what is damaged: first those that numbers of earlier findings refer to."""
    made = [_rich(), _thin(), _entities_only(), _rare(), _binary(), gzip.compress(_rare(), mtime=0), _chinese()]
    return made + list(_real())


def _aimed(data: bytes, rng: random.Random) -> bytes:
    """Return a drawing with one of the classical tricks."""
    kind = rng.randrange(5)
    text = data.decode("latin-1")
    if kind == 0:  # counts
        codes = rng.choice(("70", "71", "72", "73", "74", "90", "91", "92", "93", "95", "96", "97", "98", "75", "76"))
        return re.sub(
            rf"(\n *{codes}\r?\n) *-?\d+", lambda m: m[1] + rng.choice(HUGE), text, count=rng.choice((1, 3, 100))
        ).encode("latin-1")
    if kind == 1:  # handles
        return re.sub(r"(\n *5\r?\n)[0-9A-F]+", lambda m: m[1] + "2A", text).encode("latin-1")
    if kind == 2:  # references to any block, the own one too
        names = re.findall(r"\nBLOCK\r?\n(?:.*\n){1,14}? *2\r?\n(.*?)\r?\n", text) or ["B"]
        return re.sub(
            r"(\nINSERT\r?\n(?:.*\n){1,14}? *2\r?\n)(.*?)(?=\r?\n)", lambda m: m[1] + rng.choice(names), text
        ).encode("latin-1")
    if kind == 3:  # arrays
        array = f" 70\n{rng.choice(HUGE)}\n 71\n{rng.choice(HUGE)}\n 44\n{rng.choice(HUGE)}\n"
        return re.sub(r"\nINSERT\r?\n", lambda m: m[0] + array, text, count=3).encode("latin-1")
    deep = "".join(
        f"  0\nBLOCK\n  2\nN{k}\n  0\nINSERT\n  2\nN{k + 1}\n  0\nINSERT\n  2\nN{(k * 7) % 50}\n  0\nENDBLK\n"
        for k in range(300)
    )
    text = text.replace("  2\nBLOCKS\n", "  2\nBLOCKS\n" + deep, 1)
    return text.replace("  2\nENTITIES\n", "  2\nENTITIES\n  0\nINSERT\n  8\n0\n  2\nN0\n", 1).encode("latin-1")


def _mutate(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    kind = rng.randrange(12)
    if kind >= 10:
        return _aimed(data, rng)
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
    """Return an input: bytes and lines are damaged in even ones, tags and forms in odd ones."""
    rng = random.Random(number)
    if number % 2:
        return _of_tags(rng)
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


def _of_tags(rng: random.Random) -> bytes:
    """Return a drawing whose tags are damaged, as a file of some form."""
    found = damage.of_text(rng.choice(_texts()))
    if rng.random() < 0.15:
        found = forms.paged(found, rng)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        found = damage.damaged(found, rng)
    return forms.formed(forms.text(found, rng), found, rng)


@functools.cache
def _texts() -> tuple[bytes, ...]:
    return (_rich(), _thin(), _thin(), _entities_only(), _entities_only(), _rare(), _chinese(), *_real())


@functools.cache
def _real() -> tuple[bytes, ...]:
    """Return small real drawings, if they are asked for."""
    if not (os.environ.get("DXFD_FUZZ_CORPUS") and CORPUS.is_dir()):
        return ()
    found = sorted(p for p in CORPUS.rglob("*") if p.suffix.lower() == ".dxf" and 0 < p.stat().st_size < 40_000)
    return tuple(path.read_bytes() for path in found)


def _options(rng: random.Random) -> dict[str, object]:
    """Return options as they may be asked for."""
    return {
        "damaged": rng.choice(list(Damaged)),
        "limits": rng.choice(
            (Limits(), Limits(), Limits(entity_vertices=5, body_points=4, block_depth=2, entity_bytes=9999))
        ),
        "batch_size": rng.choice((None, 1, 3)),
        "blocks": rng.choice(((), (), (EXPLODE,))),
        "layouts": rng.choice((("Model",), ("all",))),
        "hidden_layers": rng.choice(list(HiddenLayers)),
        "detail": rng.choice(list(Detail)),
        "colors": rng.choice(list(Colors)),
        "xdata": rng.random() < 0.3,
        "max_errors": rng.choice((0, 100, 10**6)),
        "encoding": rng.choice((None, None, None, "cp936")),
    }


def became(number: int, begun: list[bytes], templates: list[Path], folder: Path) -> str:
    """Convert one input and return what became of it: "converted" or an error's code; anything else is raised."""
    source, output = folder / "in.dxf", folder / "out.db"
    source.write_bytes(_input(number, begun))
    chosen = _options(random.Random(-number))
    options = cv.options(source, output, templates=templates[number % 4], resume=ResumePolicy.RESTART, **chosen)
    _forget_peak()
    started = time.process_time()
    found = _ended(options)
    assert time.process_time() - started < LONGEST_S, "it takes too long"
    assert _peak() < MOST_MB << 20, f"it takes {_peak() >> 20} MB"
    if (way := number // 2 % AGAIN) < len(otherwise.WAYS):
        _same_otherwise(otherwise.WAYS[way], options, number, found)
    output.unlink(missing_ok=True)
    return found


def _ended(options: ConvertOptions) -> str:
    try:
        report = pipeline.convert(options, on_event=lambda _: None, should_leave=lambda: None)
    except DxfdError as error:
        assert isinstance(error, SourceError | UsageError), f"{error.code}: {error.message}"
        assert not options.output.exists(), "an error, and yet a database"
        return error.code
    assert cv.adds_up(report), "the ledger does not add up"
    return otherwise.CONVERTED


def _same_otherwise(way: otherwise.Way, options: ConvertOptions, number: int, found: str) -> None:
    """Compare with the same conversion done in another way."""
    other = options.output.with_name("other.db")
    try:
        again = way(replace(options, output=other), number)
        assert again == found, f"{way.__name__}: {again}, not {found}"
        if found == otherwise.CONVERTED:
            assert not (lines := differences(options.output, other)), "\n".join([way.__name__, *lines])
    finally:
        for path in options.output.parent.glob("other.db*"):
            path.unlink()


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak begins anew at what is in use now


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def escapes(begin: int, end: int, step: int = 1) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each input, what became of it, and the stack of what escaped."""
    with cv.fast_folder() as name:
        folder = Path(name)
        begun = seeds()
        templates = [cv.rules(folder / f"{recipe}.toml", recipe) for recipe in ("curve", "wall", "slab", "pipe")]
        for number in range(begin, end, step):
            try:
                yield number, became(number, begun, templates, folder), ""
            except Exception as error:  # noqa: BLE001  (what this is there to find)
                for path in folder.glob("out.db*"):
                    path.unlink()
                yield number, f"{type(error).__name__}: {error}", traceback.format_exc()


@pytest.mark.timeout(max(180, COUNT))
@pytest.mark.parametrize("part", range(3))
def test_a_damaged_drawing_ends_as_a_report_or_as_an_error_of_ours(part: int):
    for number, outcome, stack in escapes(SEED + part, SEED + COUNT, 3):
        assert not stack, f"input {number} (tests/unit/test_fuzz.py): {outcome}\n{stack}"


def main() -> int:
    """Run a piece and tell what became of it."""
    begin, end, step = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    counts: collections.Counter[str] = collections.Counter()
    bad = 0
    began = time.monotonic()
    for number, outcome, stack in escapes(begin, end, step):
        if stack:
            bad += 1
            print(f"ESCAPED {number}: {stack}", flush=True)
        else:
            counts[outcome] += 1
    seconds = time.monotonic() - began
    peak = memory.peak_rss() >> 20
    print(
        f"inputs {begin}..{end - 1} by {step}: {dict(counts)}, escaped {bad}, {seconds:.0f} s, peak {peak} MB",
        flush=True,
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
