"""What is taken for a drawing, and what the first pass finds in one."""

from __future__ import annotations

import os

import pytest

from dxfd.convert.read import glance
from dxfd.convert.read import skim as skimming
from dxfd.convert.read.skim import Skim, skim
from dxfd.convert.read.source import Source
from dxfd.errors import (
    NotDxfError,
    SourceChangedError,
    SourceDamagedError,
    SourceEmptyError,
    SourceIsFolderError,
    SourceMissingError,
    SourceUnreadableError,
)
from tests.support import convert as cv
from tests.support.unprivileged import another_user

LINES = "".join(cv.line(k) for k in range(3))
DRAWING = cv.drawing(LINES)


def found(tmp_path, text: str | bytes) -> Skim:
    with Source(cv.write(tmp_path / "d.dxf", text)) as source:
        return skim(source)


@pytest.mark.parametrize(
    ("content", "error", "word"),
    [
        (b"", SourceEmptyError, "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), NotDxfError, "PNG"),
        (b"\xff\xd8\xff\xe0", NotDxfError, "JPEG"),
        (b"%PDF-1.7\n", NotDxfError, "PDF"),
        (b"PK\x03\x04", NotDxfError, "ZIP"),
        (b"ISO-10303-21;\nHEADER;", NotDxfError, "STEP"),
        (b"hello\nworld\n", NotDxfError, "group code"),
        (b"0", NotDxfError, "group code"),
        (b"0" * 5000 + b"\nSECTION\n", NotDxfError, "group code"),
        (b"  0\nSECTION\n\x00\x00\x00", NotDxfError, "text file"),
        (b"  0\nLINE\n 10\n1\n", NotDxfError, "SECTION"),
        (b"  0\nEOF\n", NotDxfError, "SECTION"),
        (cv.section("OBJECTS", "").encode(), SourceDamagedError, "ENTITIES"),
        (cv.drawing(LINES, head=cv.section("X", "") * 1200).encode(), SourceDamagedError, "1000 sections"),
    ],
)
def test_what_is_no_drawing_is_refused_by_name(tmp_path, content, error, word):
    with pytest.raises(error) as caught:
        found(tmp_path, content)
    assert word in caught.value.message
    assert "\n" not in caught.value.message


def test_what_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(SourceMissingError):
        Source(tmp_path / "none.dxf")
    with pytest.raises(SourceMissingError):
        Source(cv.write(tmp_path / "file", "x") / "below.dxf")
    with pytest.raises(SourceMissingError):
        Source(tmp_path / ("n" * 300 + ".dxf"))
    with pytest.raises(SourceIsFolderError):
        Source(tmp_path)
    os.mkfifo(tmp_path / "pipe.dxf")
    with pytest.raises(SourceUnreadableError):  # and it does not wait for a writer
        Source(tmp_path / "pipe.dxf")


def test_a_drawing_without_read_permission_is_refused():
    with another_user() as folder:
        path = cv.write(folder / "d.dxf", DRAWING)
        with Source(path) as source:
            source.check_unchanged()
        path.chmod(0)
        with pytest.raises(SourceUnreadableError):
            Source(path)


def test_a_drawing_that_changes_is_noticed(tmp_path):
    path = cv.write(tmp_path / "d.dxf", DRAWING)
    with Source(path) as source:
        source.check_unchanged()
        path.write_bytes(path.read_bytes() + b"  0\n")
        with pytest.raises(SourceChangedError):
            source.check_unchanged()


def test_the_fingerprint_tells_drawings_apart(tmp_path):
    path = cv.write(tmp_path / "d.dxf", DRAWING)
    with Source(path) as first, Source(path) as again:
        assert first.fingerprint == again.fingerprint
    path.write_bytes(DRAWING.replace("3000.0", "3001.0").encode())
    with Source(path) as other:
        assert other.fingerprint != first.fingerprint


@pytest.mark.parametrize("size", [1, 1 << 20, (1 << 20) - 3])
def test_a_pattern_is_found_across_windows(tmp_path, size):
    with Source(cv.write(tmp_path / "d.dxf", b"  0\nSECTION\n" + b"x" * size + b"NEEDLE" + b"y" * 10)) as source:
        assert source.find(b"NEEDLE", 0) == 12 + size
        assert source.find(b"NEEDLE", 13 + size) == -1
        assert source.find(b"NEEDLE", 0, 12 + size + 5) == -1


# --- the first pass ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_sections_are_found_with_any_line_end(tmp_path, end):
    seen = found(tmp_path, DRAWING.replace("\n", end))
    assert [(s.name, s.closed) for s in seen.sections] == [("HEADER", True), ("ENTITIES", True)]
    assert seen.sections[1].line == DRAWING[: DRAWING.index("ENTITIES")].count("\n") + 2
    assert (seen.dxf_version, seen.insunits, seen.entities_total) == ("AC1015", 4, 3)


@pytest.mark.parametrize("before", ["\ufeff", "999\nmade by hand\n", "\ufeff999\nboth\n"])
def test_a_byte_order_mark_or_a_comment_may_stand_before_the_first_section(tmp_path, before):
    seen = found(tmp_path, before + DRAWING)
    assert [s.name for s in seen.sections] == ["HEADER", "ENTITIES"]
    assert seen.insunits == 4


def test_a_text_that_says_endsec_ends_nothing(tmp_path):
    talk = cv.entity("TEXT", (1, "ENDSEC"), (10, 0), (20, 0)) + cv.entity("TEXT", (1, "SECTION"), (10, 0), (20, 0))
    seen = found(tmp_path, cv.drawing(talk + cv.entity("MTEXT", (3, "0"), (1, "ENDSEC"), (10, 0)) + LINES))
    assert seen.entities_total == 6
    assert [s.closed for s in seen.sections] == [True, True]


def test_a_section_without_end_ends_where_the_next_begins(tmp_path):
    seen = found(tmp_path, cv.header().removesuffix(cv.tag(0, "ENDSEC")) + cv.section("ENTITIES", LINES))
    assert [(s.name, s.closed) for s in seen.sections] == [("HEADER", False), ("ENTITIES", True)]
    assert ("section_cut_off", "section HEADER has no ENDSEC") in seen.notes
    assert (seen.insunits, seen.entities_total) == (4, 3)
    swallowed = cv.drawing(LINES).removesuffix(cv.tag(0, "ENDSEC") + cv.tag(0, "EOF")) + cv.section("OBJECTS", LINES)
    assert [(s.name, s.closed) for s in found(tmp_path, swallowed).sections][1:] == [
        ("ENTITIES", False),
        ("OBJECTS", True),
    ]


def test_a_last_section_without_end_ends_at_the_mark_of_the_file(tmp_path):
    text = cv.drawing(LINES).replace(cv.tag(0, "ENDSEC") + cv.tag(0, "EOF"), cv.tag(0, "EOF"))
    seen = found(tmp_path, text)
    assert not seen.sections[-1].closed
    (chunk,) = cv.chunks_of(tmp_path / "d.dxf")
    assert (chunk.kinds, chunk.count) == (["LINE"], 3)


def test_header_values_that_are_none_count_as_absent(tmp_path):
    for value in ("nan", "inf", "-1e400", "abc", ""):
        assert found(tmp_path, cv.drawing(LINES, head=cv.header(insunits=value))).insunits == 0  # type: ignore[arg-type]


def test_tables_that_are_too_large_are_told_and_read_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(skimming, "_MOST_LINES", 1000)
    layers = "".join(cv.tag(0, "LAYER") + cv.tag(2, f"L{k}") for k in range(600))
    result = found(tmp_path, cv.drawing(LINES, head=cv.header() + cv.section("TABLES", layers)))
    assert 150 < len(result.layers) < 300
    assert "L0" in result.layers
    assert [code for code, _ in result.notes] == ["tables_damaged"]


def test_layers_are_read_from_the_tables(tmp_path):
    table = cv.tag(0, "TABLE") + cv.tag(2, "LAYER") + cv.entity("LAYER", (2, "A-WALL"), (70, 1), (62, -3)) + cv.entity(
        "LAYER", (2, "Wände"), (70, 0), (62, 5)
    ) + cv.tag(0, "ENDTAB")  # fmt: skip
    text = cv.header() + cv.section("TABLES", table) + cv.section("ENTITIES", LINES)
    layers = found(tmp_path, text.encode("cp1252")).layers
    assert {n: (v.color, v.flags) for n, v in layers.items()} == {"A-WALL": (-3, 1), "Wände": (5, 0)}


@pytest.mark.parametrize(
    ("version", "page", "codec", "known"),
    [
        ("AC1015", "ANSI_1251", "cp1251", True), ("AC1024", "ANSI_936", "utf-8", True), ("AC1009", "", "cp1252", True),
        ("AC1015", "ansi_936", "gb18030", True), ("AC1015", "KLINGON", "cp1252", False),
        ("AC1015", "undefined", "cp1252", False), ("AC1009", "dos850", "cp850", True),
    ],
)  # fmt: skip
def test_the_code_page_is_taken_from_the_header(tmp_path, version, page, codec, known):
    extra = cv.tag(9, "$DWGCODEPAGE") + cv.tag(3, page)
    seen = found(tmp_path, cv.drawing(LINES, head=cv.header(version=version, extra=extra)))
    assert (seen.codec, seen.codepage_known) == (codec, known)
    assert ("codepage_unknown" in dict(seen.notes)) is not known


def test_followers_are_not_counted_as_entities(tmp_path):
    body = cv.entity("POLYLINE", (66, 1)) + cv.entity("VERTEX", (10, 0)) * 3 + cv.entity("SEQEND") + LINES
    assert found(tmp_path, cv.drawing(body)).entities_total == 4


@pytest.mark.parametrize("kernel", [True, False])
def test_values_that_look_like_the_code_of_an_entity_are_not_counted(tmp_path, monkeypatch, kernel):
    if not kernel:
        monkeypatch.setattr(glance, "kernel", None)
    faces = cv.entity("3DFACE", (70, 0), (10, 0)) + cv.entity("CIRCLE", (62, 0), (70, 0), (40, 1), layer="0")
    text = cv.drawing(faces + cv.entity("SEQEND") + LINES)
    bare = "\n".join(line.strip() for line in text.splitlines()) + "\n"
    assert found(tmp_path, text).entities_total == found(tmp_path, bare).entities_total == 5
