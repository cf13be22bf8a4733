"""Bytes to tags, tags to chunks, chunks to columns."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dxfd.convert.read import tags
from dxfd.convert.read.columns import group, heads, of_kind
from dxfd.convert.read.encoding import decode
from dxfd.convert.read.skim import skim
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, Stream, cut
from dxfd.convert.read.tags import parse
from tests.support import convert as cv


def tags_of(text: str | bytes, *, last: bool = True) -> list[tuple[int, bytes]]:
    tags = parse(text.encode() if isinstance(text, str) else text, last=last)
    return [(code, tags.value(k)) for k, code in enumerate(tags.code.tolist())]


# --- tags -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "  0\nLINE\n  8\nA\n",
        "0\r\nLINE\r\n8\r\nA\r\n",
        "  0\nLINE\n  8\nA",
        "\t0\nLINE\n     8\nA\n",
        "0 \nLINE\n8\nA\n7",
    ],
)
def test_line_ends_and_padding_do_not_matter(text):
    assert tags_of(text) == [(0, b"LINE"), (8, b"A")]


def test_an_unfinished_tag_waits_for_more_bytes():
    assert tags_of("  0\nLINE\n  8\nA", last=False) == [(0, b"LINE")]
    assert parse(b"  0\nLINE\n  8\nA", last=False).consumed == len("  0\nLINE\n")
    assert tags_of("") == tags_of("0") == tags_of("0\n", last=False) == []


def test_numbers_are_read_as_they_are_padded_and_written():
    values = ["     6", "1.5", "-2.5E+01", "+3", " 7\t", "1e2", ".5", "5."]
    tags = parse("".join(f" 40\n{v}\n" for v in values).encode(), last=True)
    assert tags.number.tolist() == [6, 1.5, -25, 3, 7, 100, 0.5, 5]
    assert not tags.bad_number.any()


@pytest.mark.parametrize("value", ["", "abc", "1,5", "nan", "inf", "1e999", "1.2.3", "0x10", "ÿ"])
def test_what_is_no_number_is_told_and_hurts_no_other(value):
    tags = parse(f" 10\n1.5\n 20\n{value}\n 30\n2.5\n".encode("latin-1"), last=True)
    assert tags.bad_number.tolist() == [False, True, False]
    assert (tags.number[0], tags.number[2]) == (1.5, 2.5)
    assert np.isnan(tags.number[1])


@pytest.mark.parametrize("kernel", [tags.kernel, None], ids=["kernel", "portable"])
def test_blanks_about_a_number_take_no_time(monkeypatch, kernel):
    monkeypatch.setattr(tags, "kernel", kernel)
    text = b" 10\n" + b" " * 1_000_000 + b"7" + b"\t" * 1_000_000 + b"\n" + b" 20\n1\n" * 20_000
    began = time.process_time()
    assert parse(text, last=True).number[:2].tolist() == [7.0, 1.0]
    assert time.process_time() - began < 5.0  # 0.01 s; a look at all numbers for each blank: 60 s


@pytest.mark.parametrize("code", ["LINE", "1072", "-11", "1.0", "", "99999999999"])
def test_a_line_that_is_no_group_code_ends_the_reading(code):
    tags = parse(f"  0\nLINE\n  8\nA\n{code}\nx\n  0\nARC\n".encode(), last=True)
    assert tags.damage is not None
    assert (tags.damage.line, tags.damage.text) == (4, code.encode())
    assert tags.consumed == len("  0\nLINE\n  8\nA\n")
    assert len(tags.code) == 2


def test_an_embedded_object_is_passed_over():
    tags = parse(b"  0\nATTRIB\n 10\n1\n101\nEmbedded Object\n 10\n9\n  0\nLINE\n 10\n2\n", last=True)
    assert tags.code.tolist() == [0, 10, -1, -1, 0, 10]
    assert tags_of("101\nEmbedded Object\n 10\n1\n")[1] == (10, b"1")  # before any entity it means nothing


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 1071), st.text(st.characters(codec="ascii", exclude_characters="\r\n")))))
def test_what_was_written_is_read(pairs):
    text = "".join(f"{code:3d}\n{value}\n" for code, value in pairs)
    codes = tags_of(text)
    assert [value for _, value in codes] == [value.encode() for _, value in pairs]


# --- chunks -----------------------------------------------------------------------------------------------------


def mixed() -> str:
    vertices = "".join(cv.entity("VERTEX", (10, x), (20, 1), handle=f"F{x}") for x in range(6)) + cv.entity("SEQEND")
    marks = cv.entity("ATTRIB", (2, "MARK"), (1, "D-1")) + cv.entity("SEQEND")
    parts = [
        cv.line(0), cv.entity("POLYLINE", (66, 1), handle="A1") + vertices, cv.line(1),
        cv.entity("INSERT", (2, "B"), (66, 1), handle="A2") + marks, cv.line(2), cv.entity("VERTEX", (10, 1)),
        cv.line(3),
    ]  # fmt: skip
    return "".join(parts)


def told(chunk: Chunk, entity: int) -> tuple:
    tags = chunk.tags
    ends = [*tags.entity_tag.tolist(), len(tags.code)]
    body = tuple((int(tags.code[t]), tags.value(t)) for t in range(ends[entity], ends[entity + 1]))
    return chunk.kinds[chunk.kind_of[entity]], chunk.line_of(entity), bool(chunk.follower[entity]), body


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "999\na comment\n"])
@pytest.mark.parametrize("size", [1, 40, 97, 150, 1000])
@pytest.mark.parametrize("most", [None, 1, 2])
def test_chunks_of_any_size_give_the_same_entities(tmp_path, size, most, end, before):
    text = cv.drawing(before + mixed())
    path = cv.write(tmp_path / "d.dxf", text.replace("\n", end))
    (whole,) = cv.chunks_of(path)
    expected = [told(whole, e) for e in range(whole.count)]
    lines = text.split("\n")
    assert all(lines[line - 1].strip() == "0" and lines[line] == kind for kind, line, _, _ in expected)
    chunks = cv.chunks_of(path, size=size, most=most)
    assert [told(c, e) for c in chunks for e in range(c.count)] == expected
    for chunk in chunks:
        assert not chunk.follower[0], "a chunk begins with a follower"
        assert most is None or (~chunk.follower).sum() <= most
    assert len(chunks) > 1 or size == 1000


def test_a_stray_follower_is_an_entity_of_its_own(tmp_path):
    chunk = cv.chunk_of(tmp_path, cv.line(0) + cv.entity("VERTEX") + cv.entity("POLYLINE") + cv.entity("vertex"))
    assert chunk.follower.tolist() == [False, False, False, True]
    assert chunk.owner.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("most", [None, 3])
def test_pieces_of_pieces_go_on_where_they_end(tmp_path, most):
    path = cv.write(tmp_path / "d.dxf", cv.drawing(cv.tag(1, "of no entity") + "".join(cv.line(k) for k in range(8))))
    with Source(path) as source:
        stream = Stream(source, [section for section in skim(source).sections if section.name == "ENTITIES"], 1 << 20)
        for chunk in stream.chunks(stream.first_place(), most):
            for piece in cut(chunk, list(range(chunk.count + 1))):
                following = source.read(piece.next.offset, 12)
                assert following.startswith((b"  0\nLINE", b"  0\nENDSEC"))


@pytest.mark.parametrize("size", [30, 200, 1 << 20])
def test_reading_goes_on_behind_damage(tmp_path, size):
    text = cv.drawing(cv.line(0) + cv.line(1) + "this is no group code\n" + cv.line(2) + cv.line(3))
    path = cv.write(tmp_path / "d.dxf", text)
    chunks = cv.chunks_of(path, size=size)
    assert [told(c, e)[3][1] for c in chunks for e in range(c.count)] == [(5, f"10{k}".encode()) for k in range(4)]
    (damage,) = [c.damage for c in chunks if c.damage]
    assert damage[1] == text[: text.index("this")].count("\n") + 1
    assert "this is no group code" in damage[0]
    lines = text.split("\n")
    assert all(lines[c.line_of(e)] == "LINE" for c in chunks for e in range(c.count))


def test_several_entities_sections_are_one_stream(tmp_path):
    text = cv.header() + cv.section("ENTITIES", cv.line(0)) + cv.section("ENTITIES", cv.line(1)) + cv.tag(0, "EOF")
    assert sum(c.count for c in cv.chunks_of(cv.write(tmp_path / "d.dxf", text))) == 2


# --- columns ----------------------------------------------------------------------------------------------------


def test_columns_take_the_last_value_and_defaults(tmp_path):
    chunk = cv.chunk_of(
        tmp_path, cv.entity("CIRCLE", (40, 1), (40, 2), (10, 5), (70, 3)) + cv.line(0) + cv.entity("CIRCLE")
    )
    circles = group(chunk, of_kind(chunk, "CIRCLE"))
    assert circles.number(40, 9.0).tolist() == [2, 9]
    assert circles.integer(70, 1).tolist() == [3, 1]
    assert circles.has(10).tolist() == [True, False]
    assert circles.point(10).tolist() == [[5, 0, 0], [0, 0, 0]]
    assert (circles.tag_of(40, first=True)[0], circles.tag_of(40)[1]) == (circles.tag_of(40)[0] - 1, -1)
    assert len(of_kind(chunk, "ARC")) == 0


def test_heads_tell_handle_layer_space_and_colour(tmp_path):
    text = cv.entity("LINE", (67, 1), (62, 5), handle="1aF") + cv.entity("LINE", (60, 1), handle="XYZ", layer=" W ")
    text += cv.entity("LINE", handle="F" * 17)
    seen = heads(cv.chunk_of(tmp_path, text), "cp1252")
    assert seen.handle_int.tolist() == [0x1AF, 0, 0]
    assert [seen.layers[k] for k in seen.layer_of] == ["A-WALL", "W", "A-WALL"]
    assert seen.paper.tolist() == [True, False, False]
    assert seen.color.tolist() == [5, 256, 256]
    assert seen.invisible.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("raw", "codec", "text"),
    [
        (b"Wall", "utf-8", "Wall"), (b"W\xe4nde", "cp1252", "Wände"), ("Ágora".encode(), "cp1252", "Ágora"),
        (b"\xd1\xf2\xe5\xed\xe0", "cp1251", "Стена"), (b"\\U+5899", "cp1252", "墙"),
        (b"\\U+D800", "cp1252", "\\U+D800"),
        (b"\x81\x8d", "utf-8", "\ufffd\ufffd"),
    ],
)  # fmt: skip
def test_text_is_read_by_code_page_and_escapes(raw, codec, text):
    assert decode(raw, codec) == text
