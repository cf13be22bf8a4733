"""Binary and compressed drawings give the same database as their text."""

from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import ezdxf
import pytest

from dxfd.convert.pipeline import convert
from dxfd.convert.read import spooled
from dxfd.convert.read.binary import text
from dxfd.convert.read.evidence import _lines
from dxfd.convert.read.glance import Glance
from dxfd.convert.read.source import Source
from dxfd.convert.read.spooled import _undoubled
from dxfd.convert.types import ConvertOptions, Damaged, Report, ResumePolicy
from dxfd.errors import NotDxfError, SourceDamagedError
from tests.crash.compare import differences
from tests.support import convert as cv


def drawing(version: str) -> ezdxf.document.Drawing:
    doc = ezdxf.new(version)
    doc.header["$INSUNITS"] = 6
    if version > "R12":
        doc.header["$FINGERPRINTGUID"] = "{0F0F0F0F-0000-4000-8000-000000000000}"
    space = doc.modelspace()
    block = doc.blocks.new("DOOR")
    block.add_line((0, 0), (0.9, 0))
    for k in range(40):
        space.add_line((k, 0.1), (k, 5.123456789), dxfattribs={"layer": "A-WALL"})
        space.add_circle((k, 7), 0.3 + k / 1000, dxfattribs={"layer": "S-COLS"})
        reference = space.add_blockref("DOOR", (k, 9), dxfattribs={"layer": "A-DOOR", "rotation": 3.0 * k})
        reference.add_attrib("NR", f"T{k} ä", (k, 9))
        space.add_text("note", dxfattribs={"layer": "A-WALL"}).set_placement((k, 3))
    return doc


def converted(path: Path, output: Path) -> Report:
    options = ConvertOptions(source=path, output=output, resume=ResumePolicy.RESTART)
    return convert(options, on_event=lambda _: None, should_leave=lambda: None)


def as_text(doc: ezdxf.document.Drawing) -> bytes:
    stream = io.StringIO()
    doc.write(stream)
    return stream.getvalue().encode(doc.output_encoding)


def as_binary(doc: ezdxf.document.Drawing) -> bytes:
    stream = io.BytesIO()
    doc.write(stream, fmt="bin")
    return stream.getvalue()


def pair(tmp_path: Path, name: str, first: bytes, second: bytes) -> list[str]:
    outputs = []
    for folder, data in (("a", first), ("b", second)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(data)
        output = tmp_path / folder / "out.db"
        report = converted(tmp_path / folder / name, output)
        assert report.entities_read == 160
        assert report.elements_written >= 120
        outputs.append(output)
    return [line for line in differences(*outputs) if not line.startswith("run_report")]  # paths and sizes


@pytest.mark.parametrize("version", ["R12", "R2000", "R2010", "R2018"])
def test_binary_drawing_gives_the_database_of_its_text(tmp_path, version):
    doc = drawing(version)

    assert not pair(tmp_path, "d.dxf", as_text(doc), as_binary(doc))


def test_compressed_drawing_gives_the_database_of_its_text(tmp_path):
    raw = as_text(drawing("R2010"))
    half = len(raw) // 2

    assert not pair(tmp_path, "d.dxf", raw, gzip.compress(raw[:half]) + gzip.compress(raw[half:]))


def test_compressed_binary_drawing_is_read(tmp_path):
    doc = drawing("R2000")

    assert not pair(tmp_path, "d.dxf", as_text(doc), gzip.compress(as_binary(doc)))


def member(data: bytes, size: int) -> bytes:
    """Return a gzip member of so many bytes: a name fills it up."""
    whole = gzip.compress(data, mtime=0)
    return whole[:3] + b"\x08" + whole[4:10] + b"n" * (size - len(whole) - 1) + b"\0" + whole[10:]


@pytest.mark.parametrize("size", [(1 << 20) - 2, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("between", [b"", b"\0" * 9, b"\0" * (1 << 20)])
def test_members_are_read_wherever_they_meet(tmp_path, size, between):
    raw = as_text(drawing("R2010"))
    half = len(raw) // 2
    path = tmp_path / "d.dxf.gz"
    path.write_bytes(member(raw[:half], size) + between + gzip.compress(raw[half:]))

    assert converted(path, tmp_path / "out.db").entities_read == 160


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("behind", [b"trash" * 300_000, b"\x1f", b"\0" * (3 << 20)])
def test_what_stands_behind_the_last_member_is_not_read(tmp_path, size, behind):
    path = tmp_path / "d.dxf.gz"
    path.write_bytes(member(as_text(drawing("R2000")), size) + behind)

    assert converted(path, tmp_path / "out.db").entities_read == 160


def test_thousands_of_empty_members_take_no_time(tmp_path):
    path = tmp_path / "d.dxf.gz"
    path.write_bytes(gzip.compress(b"") * 20_000 + gzip.compress(as_text(drawing("R2000"))))
    began = time.process_time()

    assert converted(path, tmp_path / "out.db").entities_read == 160
    assert time.process_time() - began < 5.0


def test_line_ends_that_change_behind_the_beginning_are_read(tmp_path):
    raw = as_text(drawing("R2010"))
    while len(raw) < 1 << 20:
        raw = raw.replace(b"  0\nENDSEC\n", b"999\n" + b"x" * 60_000 + b"\n  0\nENDSEC\n")
    begin = 80_000  # more than what tells the form, of a megabyte that mostly is otherwise

    assert not pair(tmp_path, "d.dxf", raw, raw[:begin].replace(b"\n", b"\r\r\n") + raw[begin:])


def test_a_value_of_carriage_returns_takes_the_time_of_its_bytes():
    data = b"  0\r\r\n" * 20_000 + b"\r" * (64 << 20) + b"\n"
    began = time.process_time()

    made = b"".join(_undoubled(lambda offset, count: data[offset : offset + count], len(data)))
    assert made == data.replace(b"\r\r\n", b"\n")
    assert time.process_time() - began < 2.0


def test_cut_off_forms_are_refused_as_cut_off_text_is(tmp_path):
    doc = drawing("R2000")
    for name, data in (("b.dxf", as_binary(doc)), ("g.dxf.gz", gzip.compress(as_text(doc)))):
        path = tmp_path / name
        path.write_bytes(data[: len(data) * 3 // 4])

        with pytest.raises(SourceDamagedError, match="cut off"):
            converted(path, tmp_path / "out.db")


def test_compressed_something_else_is_refused(tmp_path):
    path = tmp_path / "x.dxf.gz"
    for content in (b"hello\nworld\n", gzip.compress(b"  0\nSECTION\n")):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(NotDxfError):
            converted(path, tmp_path / "out.db")
    assert [path.name] == [p.name for p in tmp_path.iterdir()]


def test_a_little_file_that_holds_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(spooled, "_ROOM_BYTES", 1 << 20)
    path = tmp_path / "x.dxf.gz"
    path.write_bytes(gzip.compress(as_text(drawing("R2000")) + bytes(40 << 20)))
    for damaged in Damaged:
        with pytest.raises(NotDxfError, match="more than"):
            cv.convert(path, tmp_path / "out.db", damaged=damaged)
    assert [path.name] == [p.name for p in tmp_path.iterdir()]


def test_damaged_compressed_data_is_refused(tmp_path):
    data = bytearray(gzip.compress(as_text(drawing("R2000"))))
    data[40:60] = bytes(20)
    path = tmp_path / "x.dxf.gz"
    path.write_bytes(data)

    with pytest.raises((SourceDamagedError, NotDxfError)):
        converted(path, tmp_path / "out.db")


def test_nonsense_group_code_in_a_binary_drawing_is_refused():
    data = as_binary(drawing("R2000"))[:22] + b"\0\0SECTION\0" + b"\xff\xff" * 40

    with pytest.raises(SourceDamagedError, match="group code"):
        b"".join(text(lambda offset, count: data[offset : offset + count], len(data)))


@pytest.mark.parametrize("version", ["R12", "R2000"])
@pytest.mark.parametrize(
    "behind", [b"\x1a", b"\xff" * (3 << 20), b"trash " * 40, b"\0\0SECTION\0\2\0ENTITIES\0\0\0LINE\0"]
)
def test_what_stands_behind_the_end_of_a_binary_drawing_is_not_read(tmp_path, version, behind):
    path = tmp_path / "d.dxf"
    path.write_bytes(as_binary(drawing(version)) + behind)
    report = converted(path, tmp_path / "out.db")

    assert report.entities_read == 160
    assert ("beyond_end" in report.issues) is (behind != b"\x1a")


def test_an_end_in_the_middle_of_a_binary_drawing_ends_nothing(tmp_path):
    raw = as_binary(drawing("R2000"))
    path = tmp_path / "d.dxf"
    path.write_bytes(raw.replace(b"\0\0CIRCLE\0", b"\0\0EOF\0\0\0CIRCLE\0", 1))

    assert converted(path, tmp_path / "out.db").entities_read == 161


def test_a_binary_drawing_of_r12_with_wide_codes_in_extended_data_is_read(tmp_path):
    doc = drawing("R12")
    doc.appids.new("DXFD")
    for entity in doc.modelspace():
        entity.set_xdata("DXFD", [(1000, "ä"), (1010, (1, 2, 3)), (1040, 0.5), (1070, 7), (1071, 70_000)])

    assert not pair(tmp_path, "d.dxf", as_text(doc), as_binary(doc))


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\r\r\n"])
def test_line_ends_make_no_difference(tmp_path, end):
    raw = as_text(drawing("R2000"))

    assert not pair(tmp_path, "d.dxf", raw, raw.replace(b"\n", end))


def test_utf_16_makes_no_difference(tmp_path):
    raw = as_text(drawing("R2010"))

    assert not pair(tmp_path, "d.dxf", raw, raw.decode().encode("utf-16"))


def test_remarks_make_no_difference(tmp_path):
    raw = as_text(drawing("R2000")).decode("cp1252")
    lines = raw.split("\n")
    said = "".join(
        f"{code}\n{value}\n" + ("999\nENTITIES\n" if (k % 7 == 0 or value == "SECTION") and value != "EOF" else "")
        for k, (code, value) in enumerate(zip(lines[0:-1:2], lines[1:-1:2], strict=True))
    )

    assert not pair(tmp_path, "d.dxf", raw.encode("cp1252"), f"999\nSECTION\n{said}".encode("cp1252"))


@pytest.mark.parametrize(
    "remarks",
    ["999\n" + "y" * size + "\n" for size in (301, 1200, 5000, 3 << 20)]
    + ["999\nSECTION\n" * 60, "999\nz\n" * 300_000],
    ids=["301", "1200", "5000", "3 MB", "60", "300,000"],
)
@pytest.mark.parametrize("behind", ["  0\nSECTION\n", "  0\nENDSEC\n", "  0\nLINE\n"])
def test_remarks_of_any_size_make_no_difference(tmp_path, remarks, behind):
    raw = as_text(drawing("R2000")).decode("cp1252").replace(behind, behind + remarks, 6)
    path = tmp_path / "d.dxf"
    path.write_bytes(raw.encode("cp1252"))

    assert converted(path, tmp_path / "out.db").entities_read == 160


@pytest.mark.parametrize(
    "behind",
    [b"\x1a", b"\0" * 500, b"\n\n\n", b"\xff\xfe\0\0 junk \r\n 0\nLINE\n", b"  0\nSECTION\n  2\nENTITIES\n  0\nLINE\n"],
)
def test_what_stands_behind_the_end_makes_no_difference(tmp_path, behind):
    raw = as_text(drawing("R2000"))
    found = pair(tmp_path, "d.dxf", raw, raw + behind)

    assert all("beyond_end" in line for line in found)
    assert bool(found) is bool(behind.strip(b"\x1a\0\n"))


def test_a_second_drawing_behind_the_first_is_not_read(tmp_path):
    raw = as_text(drawing("R2000"))
    path = tmp_path / "d.dxf"
    path.write_bytes(raw * 2)
    report = converted(path, tmp_path / "out.db")

    assert (report.entities_read, report.issues) == (160, {"beyond_end": 1})


@pytest.mark.parametrize("missing", ["HEADER", "TABLES", "BLOCKS", "OBJECTS", "CLASSES", "EOF", "line end"])
def test_a_missing_part_leaves_the_entities(tmp_path, missing):
    raw = as_text(drawing("R2000")).decode("cp1252")
    if missing == "EOF":
        raw = raw[: raw.rindex("  0\nEOF")]
    elif missing == "line end":
        raw = raw.rstrip("\n")
    else:
        begin = raw.index(f"  0\nSECTION\n  2\n{missing}\n")
        raw = raw[:begin] + raw[raw.index("  0\nENDSEC\n", begin) + len("  0\nENDSEC\n") :]
    path = tmp_path / "d.dxf"
    path.write_bytes(raw.encode("cp1252"))
    report = converted(path, tmp_path / "out.db")

    assert report.entities_read == 160
    assert report.elements_written == (80 if missing == "BLOCKS" else 120)


def test_entities_without_handles_get_the_same_identifiers_in_every_run(tmp_path):
    body = "".join(cv.line(k).replace(f"  5\n{0x100 + k:X}\n", "") for k in range(30))
    path = cv.write(tmp_path / "d.dxf", cv.section("ENTITIES", body) + cv.tag(0, "EOF"))
    found = []
    for batch in (1, 7, 1000):
        output = tmp_path / f"{batch}.db"
        cv.convert(path, output, batch_size=batch)
        found.append(cv.query(output, "SELECT id, guid FROM elements_meta ORDER BY id"))

    assert found[0] == found[1] == found[2]
    assert len({guid for _, guid in found[0]}) == 30


def test_a_long_line_before_text_beyond_ascii_takes_no_time(tmp_path):
    path = tmp_path / "long.dxf"
    path.write_bytes(b"999\n" + b"c" * 900_000 + "\n  1\nÄ\n  1\nÖÜ\r\n  0\nSECTION\n".encode())
    before = time.process_time()
    with Source(path) as source:
        lines = list(_lines(source, Glance(source, counting=False)))
    assert lines == ["Ä".encode(), "ÖÜ".encode()]
    assert time.process_time() - before < 5, "every place of the long line was a start"
