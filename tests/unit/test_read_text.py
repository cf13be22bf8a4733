"""Text of drawings in every code page, with every escape, whether the header tells the truth or not."""

from __future__ import annotations

import io
from pathlib import Path

import ezdxf
import pytest

from dxfd.convert.read.encoding import codec_for, codec_of_page, decode
from dxfd.convert.read.skim import skim
from dxfd.convert.read.source import Source
from dxfd.errors import UsageError
from tests.support import convert as cv


def drawing(layer: str, text: str, *, page: str, version: str = "AC1015", more: str = "") -> str:
    extra = cv.tag(9, "$DWGCODEPAGE") + cv.tag(3, page) if page else ""
    block = cv.entity("BLOCK", (2, layer), (10, 0), (20, 0)) + cv.line(9) + cv.entity("ENDBLK")
    body = cv.entity("TEXT", (10, 0), (20, 0), (1, text), layer=layer) + cv.entity("INSERT", (2, layer), layer=layer)
    return cv.drawing(body + more, blocks=block, head=cv.header(version=version, extra=extra))


def read(tmp_path: Path, data: bytes, **more: object) -> tuple[set[str], str, dict[str, int]]:
    """Return the layers and blocks of all elements, the text, and the issues."""
    source = cv.write(tmp_path / "d.dxf", data)
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), **more)
    assert cv.adds_up(run.report)
    assert run.report.errors == run.report.skipped == 0
    names = {name for row in run.rows("SELECT layer, block FROM ledger") for name in row if name}
    ((text,),) = run.rows("SELECT value FROM element_properties WHERE name = 'text'")
    return names, text, run.report.issues


@pytest.mark.parametrize(
    ("page", "codec", "layer", "text"),
    [
        ("ANSI_936", "gbk", "墙体", "标高"), ("GB2312", "gb2312", "墙体", "标高"),
        ("ANSI_936", "gb18030", "墙㐀", "𠀀"),
        ("ANSI_932", "cp932", "ソース表", "能十予"), ("DOS932", "cp932", "ソ", "ソ"),  # second bytes are backslashes
        ("ANSI_950", "big5", "功許蓋", "許功"), ("BIG5", "big5", "功", "蓋"),
        ("ANSI_949", "cp949", "벽체", "높이"), ("ANSI_1361", "johab", "벽체", "높이"), ("ksc5601", "cp949", "벽", "창"),
        ("ANSI_1251", "cp1251", "СТЕНА", "Высота"), ("dos866", "cp866", "СТЕНА", "Высота"),
        ("ANSI_1252", "cp1252", "Wände", "Höhe ±…"), ("ANSI_1250", "cp1250", "Ściana", "wysokość"),
        ("ANSI_1253", "cp1253", "Τοίχος", "Ύψος"), ("ANSI_874", "cp874", "ผนัง", "ความสูง"),
        ("ANSI_1255", "cp1255", "קיר", "גובה"), ("ANSI_1256", "cp1256", "جدار", "ارتفاع"),
        ("8859_2", "iso8859-2", "Ściana", "wysokość"), ("mac-roman", "mac-roman", "Wände", "Höhe"),
        ("windows-1251", "cp1251", "СТЕНА", "Высота"), ("koi8-r", "koi8-r", "СТЕНА", "Высота"),
        ("UTF8", "utf-8", "墙体", "标高"), ("ANSI_65001", "utf-8", "墙体", "标高"),
    ],
)  # fmt: skip
def test_names_and_texts_of_every_code_page_are_read(tmp_path, page, codec, layer, text):
    names, found, issues = read(tmp_path, drawing(layer, text, page=page).encode(codec))
    assert (names, found, issues) == ({layer}, text, {})


@pytest.mark.parametrize(
    ("page", "layer", "text"),
    [
        ("ANSI_936", "墙体", "标高"), ("ANSI_936", "墙", "标"), ("ANSI_932", "壁", "高さ"),
        ("ANSI_950", "牆體", "標高"),
        ("ANSI_949", "벽체", "높이"), ("ANSI_1252", "Wände", "Hoehe"), ("ANSI_1252", "墙体", "标高"),
        ("", "Wände", "ü"),
        ("ANSI_1251", "СТЕНА", "Высота"), ("ANSI_1253", "Τοίχος", "Ύψος"), ("KLINGON", "Wände", "Höhe"),
    ],
)  # fmt: skip
def test_utf_8_under_another_code_page_is_noticed_read_and_told_once(tmp_path, page, layer, text):
    more = drawing(layer, text, page=page, more=cv.line(1, layer) * 3)
    names, found, issues = read(tmp_path, more.encode())
    assert (names, found) == ({layer}, text)
    assert issues.pop("codepage_wrong") == 1
    assert issues == {"duplicate_handle": 2} or set(issues) <= {"duplicate_handle"}


@pytest.mark.parametrize(
    ("page", "codec", "layer", "text"),
    [
        ("ANSI_936", "gbk", "墙体", "标高"), ("ANSI_1252", "cp1252", "Wände", "Höhe"),
        ("ANSI_1251", "cp1251", "СТЕНА", "Высота"), ("ANSI_932", "cp932", "ソース", "能"),
    ],
)  # fmt: skip
def test_a_code_page_where_utf_8_should_be_is_noticed_read_and_told_once(tmp_path, page, codec, layer, text):
    names, found, issues = read(tmp_path, drawing(layer, text, page=page, version="AC1024").encode(codec))
    assert (names, found, issues) == ({layer}, text, {"codepage_wrong": 1})


@pytest.mark.parametrize(
    ("page", "codec", "text"),
    [
        ("ANSI_936", "gbk", "眉眉"), ("ANSI_936", "gbk", "茅"), ("ANSI_1252", "cp1252", "100 mÂ²: groß"),
        ("ANSI_932", "cp932", "ﾃｽ"), ("ANSI_1253", "cp1253", "Γ±"),
    ],
)  # fmt: skip
def test_text_that_could_be_utf_8_by_chance_stays_what_the_header_says(tmp_path, page, codec, text):
    names, found, issues = read(tmp_path, drawing("A-WALL", text, page=page).encode(codec))
    assert (names, found, issues) == ({"A-WALL"}, text, {})


def test_a_few_lines_of_another_page_in_a_utf_8_drawing_are_told(tmp_path):
    more = cv.line(1, "Höhe") + cv.line(2, "Wände") + cv.line(3, "Tür")
    data = drawing("Wände", "Höhe", page="", version="AC1024", more=more).encode()
    names, _, issues = read(tmp_path, data.replace("Tür".encode(), b"T\xfcr"))
    assert (names, issues) == ({"Wände", "Höhe", "Tür"}, {"codepage_mixed": 1})


def test_the_mark_of_utf_8_says_more_than_the_header(tmp_path):
    names, _, issues = read(tmp_path, b"\xef\xbb\xbf" + drawing("墙体", "标高", page="ANSI_936").encode())
    assert (names, issues) == ({"墙体"}, {})


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(tmp_path, codec):
    names, text, issues = read(tmp_path, drawing("墙体", "标高 ü", page="ANSI_936").encode(codec))
    assert (names, text, issues) == ({"墙体"}, "标高 ü", {})


def test_an_encoding_that_is_asked_for_goes_before_all_else(tmp_path):
    data = drawing("墙体", "标高", page="ANSI_1252").encode("gbk")
    for encoding in ("gbk", "ANSI_936", "cp936"):
        names, text, _ = read(tmp_path, data, encoding=encoding)
        assert (names, text) == ({"墙体"}, "标高")
    with pytest.raises(UsageError, match="klingon"):
        read(tmp_path, data, encoding="klingon")


def test_evidence_far_in_the_file_counts_and_long_lines_do_not_hide_it(tmp_path):
    far = cv.entity("TEXT", (1, "A" * 3_000_000)) + "".join(cv.line(k) for k in range(20_000)) + cv.line(1, "Wände")
    path = cv.write(tmp_path / "d.dxf", cv.drawing(far))
    with Source(path) as source:
        assert skim(source).codec == "utf-8"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("\\U+00E4\\U+58C1", "ä壁"), ("\\u+00E4", "\\u+00E4"), ("\\U+D83D\\U+DE00", "😀"), ("\\U+D83D!", "\\U+D83D!"),
        ("\\U+0000", "\\U+0000"), ("\\U+00", "\\U+00"), ("\\M+5D6D0", "中"), ("\\M+182B1", "こ"), ("\\M+2A4A4", "中"),
        ("\\M+3B0A1", "가"), ("\\M+48861", "가"), ("\\M+3FFFF", "\\M+3FFFF"), ("\\M+6D6D0", "\\M+6D6D0"),
        ("\\M+10041", "A"), ("A\\M+5B8DF-\\U+00DF", "A高-ß"),
    ],
)  # fmt: skip
def test_escapes_become_their_characters(escaped, text):
    assert decode(escaped.encode(), "cp1252") == text


def test_escapes_hold_in_layers_and_block_names(tmp_path):
    names, _, _ = read(tmp_path, drawing("W\\U+00E4nde", "x", page="ANSI_1252").encode())
    assert names == {"Wände"}
    names, _, _ = read(tmp_path, drawing("\\M+5C7BD", "x", page="ANSI_1252").encode())
    assert names == {"墙"}


def test_a_byte_that_is_a_backslash_only_in_the_file_begins_no_escape(tmp_path):
    ((_, second),) = [tuple("ソ".encode("cp932"))]
    assert second == ord("\\")
    _, text, _ = read(tmp_path, drawing("A", "ソU+0041", page="ANSI_932").encode("cp932"))
    assert text == "ソU+0041"


@pytest.mark.parametrize(
    ("version", "codec"),
    [("AC1009", "cp1252"), ("AC2.10", "cp1252"), ("AC1.50", "cp1252"), ("", "cp1252"), ("AC1018", "cp1252"),
     ("AC1021", "utf-8"), ("AC1032", "utf-8")],
)  # fmt: skip
def test_drawings_are_utf_8_from_r2007_on(version, codec):
    assert codec_for(version, "") == (codec, True)


@pytest.mark.parametrize("page", ["hex", "rot13", "undefined", "utf-16", "utf-7", "punycode", "KLINGON", "99999"])
def test_names_that_are_no_code_page_are_unknown(page):
    assert codec_of_page(page) == ("cp1252", False)


@pytest.mark.parametrize(
    ("page", "written", "text"),
    [
        ("ANSI_1252", "90%%d %%c20 %%p1 100%%%", "90° ⌀20 ±1 100%"), ("ANSI_1252", "%%176 %%065%%000", "° A"),
        ("ANSI_1252", "%%uunder%%u %%oover%%O %%kx", "under over x"), ("ANSI_1251", "%%209%%210", "СТ"),
        ("ANSI_1252", "5%% of 7%%x", "5%% of 7%%x"), ("ANSI_936", "%%176", "°"),
    ],
)  # fmt: skip
def test_percent_codes_become_their_characters_in_texts_and_attributes(tmp_path, page, written, text):
    insert = cv.entity("INSERT", (2, "A-WALL"), (66, 1)) + cv.entity("ATTRIB", (2, "T"), (1, written))
    data = drawing("A-WALL", written, page=page, more=insert + cv.entity("SEQEND")).encode()
    source = cv.write(tmp_path / "d.dxf", data)
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"))
    assert run.rows("SELECT name, value FROM element_properties ORDER BY name") == [("T", text), ("text", text)]


def test_remarks_within_entities_change_nothing(tmp_path):
    doc = ezdxf.new("R2010")
    space = doc.modelspace()
    hatch = space.add_hatch()
    hatch.paths.add_polyline_path([(0, 0), (9, 0, 0.5), (9, 9)], is_closed=True)
    hatch.paths.add_edge_path().add_ellipse((3, 3), (1, 0), 0.5)
    with space.add_mesh().edit_data() as mesh:
        mesh.add_face([(0, 0, 0), (5, 0, 0), (5, 5, 0)])
    space.add_spline([(0, 0), (5, 5), (9, 0)])
    space.add_mline([(0, 0), (9, 9), (9, 20)])
    space.add_lwpolyline([(0, 0, 0, 0, 1), (4, 4)])
    out = io.StringIO()
    doc.write(out)
    lines = out.getvalue().split("\n")
    found = []
    for remark in ("", "999\n10\n"):
        data = "".join(f"{code}\n{value}\n{remark}" for code, value in zip(lines[0:-1:2], lines[1::2], strict=True))
        source = cv.write(tmp_path / f"{len(remark)}.dxf", data)
        run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"))
        assert (run.report.elements_written, run.report.errors) == (5, 0)
        found.append(run.rows("SELECT center_x, center_y, bbox_x, bbox_y FROM element_transforms ORDER BY id"))
    assert found[0] == found[1]
