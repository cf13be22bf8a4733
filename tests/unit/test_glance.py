"""The sums of the one pass over a drawing are those of its text, wherever its windows end."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from dxfd.convert.native import kernel
from dxfd.convert.read import glance, source
from dxfd.convert.read.glance import WINDOW, Glance
from dxfd.convert.read.skim import skim
from dxfd.convert.read.source import Source

KINDS = ("LINE", "LINE", "LINE", "TEXT", "POLYLINE", "VERTEX", "SEQEND", "ATTRIB")
FOLLOWERS = {"VERTEX", "SEQEND", "ATTRIB"}
SPELLINGS = [("0", "\n"), ("  0", "\n"), ("0", "\r\n"), ("  0", "\r\n")]


@pytest.fixture(params=["kernel", "bytes"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "bytes":
        for module in (glance, source):
            monkeypatch.setattr(module, "kernel", None)
    elif kernel is None:
        pytest.skip("built without a C compiler")


def entity(kind: str, zero: str, end: str, rng: random.Random) -> str:
    number = f"{rng.random() * 10 ** rng.randint(0, 9):.{rng.randint(0, 9)}f}"
    text = ["1", "ENDSEC", "1", "ä" if rng.random() < 0.001 else "0"] if kind == "TEXT" else []
    return end.join([zero, kind, "8", "0", "62", "0", "10", number, *text, ""])


def drawing(folder: Path, zero: str, end: str, *, least: int) -> tuple[Path, bytes, int]:
    """Return the file, its content of ENTITIES and how many entities are in it."""
    rng = random.Random(7)
    head = end.join([zero, "SECTION", "  2", "ENTITIES", ""])
    parts, size, count = [], 0, 0
    while size < least:
        kind = "LINE" if not parts else rng.choice(KINDS)
        parts.append(entity(kind, zero, end, rng))
        size += len(parts[-1])
        count += kind not in FOLLOWERS
    content = "".join(parts)
    tail = end.join([zero, "ENDSEC", zero, "SECTION", "  2", "OBJECTS", zero, "ENDSEC", zero, "EOF", ""])
    path = folder / "drawing.dxf"
    path.write_bytes((head + content + tail).encode("cp1252"))
    return path, content.encode("cp1252"), count


@pytest.mark.parametrize(("zero", "end"), SPELLINGS)
def test_entities_are_counted_across_windows_however_codes_are_spelled(tmp_path, zero, end):
    path, content, count = drawing(tmp_path, zero, end, least=int(1.2 * WINDOW))
    with Source(path) as opened:
        found = skim(opened)
    assert found.entities_total == count
    section = found.section("ENTITIES")
    assert section is not None
    assert path.read_bytes()[section.start : section.end] == content
    objects = found.section("OBJECTS")
    assert objects is not None
    assert objects.line == path.read_bytes()[: objects.start].count(b"\n") + 1


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_sums_of_any_range_are_those_of_its_bytes_however_many_threads_share_them(tmp_path, monkeypatch, cores):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    path, _, _ = drawing(tmp_path, "  0", "\n", least=int(2.1 * WINDOW))
    text, rng = path.read_bytes(), random.Random(3)
    mark = re.compile(rb"\n  0\n(?!(?:VERTEX|SEQEND|ATTRIB)\n)")
    edges = [0, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, len(text)]
    ranges = [(a, b) for a in edges for b in edges if a <= b]
    ranges += [tuple(sorted(rng.sample(range(len(text)), 2))) for _ in range(6)]
    with Source(path) as opened:
        sums = Glance(opened, counting=True)
        for first, last in ranges:
            assert sums.lines(first, last) == text[first:last].count(b"\n")
            assert sums.marks(first, last) == sum(m.start() < last for m in mark.finditer(text, first)), (first, last)
            end = text.find(b"ENDSEC", first, last)
            assert sums.find(b"ENDSEC", first, last) == end
        at = sums.plain_until(0)
        assert text[:at].isascii()
        assert not text[at : at + 2 * WINDOW].isascii()


def test_a_text_that_says_endsec_ten_thousand_times_is_read_once(tmp_path):
    path = tmp_path / "drawing.dxf"
    entities = "0\nTEXT\n8\n0\n1\nENDSEC\n" * 10_000
    path.write_text(f"0\nSECTION\n2\nENTITIES\n{entities}0\nENDSEC\n0\nSECTION\n2\nOBJECTS\n0\nENDSEC\n0\nEOF\n")
    reads = []
    with Source(path) as opened:
        read = opened.read
        opened.read = lambda offset, count: reads.append(count) or read(offset, count)  # type: ignore[method-assign,func-returns-value]
        assert skim(opened).entities_total == 10_000
    assert len(reads) < 100
